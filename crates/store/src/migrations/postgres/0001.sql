-- The log is the truth; every other table finds something in it faster, or is its newest state.
-- Moments are Unix nanoseconds, days numbers (yyyymmdd), amounts minor units.
--
-- Every key begins with the institution, so that a table is split by institution, and below that
-- by lane or id, wherever the database does so. No sequence, no table lock, no key from another
-- table. Texts that are compared have the collation "C": order of bytes, as everywhere else.

-- A node writes with its own number. Whoever writes holds its row until the commit; whoever reads
-- a whole log holds all rows for a moment, so that no row can appear behind what was read. Row 0
-- is held by those who read, and by those who come to be a node.
CREATE TABLE node (
    node      smallint    PRIMARY KEY,
    position  bigint      NOT NULL, -- what it writes next is above it
    claim     uuid,                 -- whose it is now
    built_for integer     NOT NULL, -- the newest step that one knows
    seen_at   timestamptz NOT NULL
);

INSERT INTO node (node, position, built_for, seen_at) VALUES (0, 0, 0, '-infinity');

CREATE TABLE log (
    institution uuid   NOT NULL,
    position    bigint NOT NULL,
    lane        uuid   NOT NULL,
    seq         bigint NOT NULL,
    previous    bigint NOT NULL,
    told_at     bigint NOT NULL,
    at          bigint NOT NULL,
    actor       text   NOT NULL,
    command     text   NOT NULL,
    key         text   NOT NULL,
    digest      bytea  NOT NULL,
    body        bytea  NOT NULL,
    transfers   bytea  NOT NULL,
    root        bytea  NOT NULL,
    PRIMARY KEY (institution, position)
);

-- The log of all institutions, for backups.
CREATE INDEX log_position ON log (position);

-- The transfers of a row beyond the first 48, 48 to a chunk: with its head just under 8 KiB, so
-- that a chunk is one row of one block and never cut up once more.
CREATE TABLE chunk (
    institution uuid   NOT NULL,
    position    bigint NOT NULL,
    item        bigint NOT NULL, -- the first one's place in the row
    transfers   bytea  NOT NULL,
    PRIMARY KEY (institution, position, item)
);

-- Whoever locks the row may write the lane.
CREATE TABLE lane (
    institution uuid   NOT NULL,
    lane        uuid   NOT NULL,
    seq         bigint NOT NULL, -- 0: locked for a first commit that was refused
    position    bigint NOT NULL,
    root        bytea  NOT NULL,
    flushed     bigint NOT NULL, -- the row through which the pages are up to date
    accounts    bigint NOT NULL,
    PRIMARY KEY (institution, lane)
);

CREATE TABLE answer (
    institution uuid   NOT NULL,
    key         text   COLLATE "C" NOT NULL,
    digest      bytea  NOT NULL,
    position    bigint NOT NULL,
    PRIMARY KEY (institution, key)
);

CREATE TABLE record (
    institution uuid   NOT NULL,
    kind        text   COLLATE "C" NOT NULL,
    id          uuid   NOT NULL,
    version     bigint NOT NULL,
    lane        uuid   NOT NULL,
    position    bigint NOT NULL, -- the last of the turn that wrote it: who has seen it is above
    links       text   NOT NULL,
    body        text   NOT NULL,
    PRIMARY KEY (institution, kind, id)
);

CREATE TABLE link (
    institution uuid NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    id          uuid NOT NULL,
    PRIMARY KEY (institution, kind, name, key, id)
);

CREATE TABLE account (
    institution uuid   NOT NULL,
    id          uuid   NOT NULL,
    lane        uuid   NOT NULL,
    slot        bigint NOT NULL,
    PRIMARY KEY (institution, id)
);

-- The accounts of a lane, 32 to a page in order of slot, as row as_of of the lane left them.
CREATE TABLE page (
    institution uuid   NOT NULL,
    lane        uuid   NOT NULL,
    number      bigint NOT NULL,
    as_of       bigint NOT NULL,
    accounts    bytea  NOT NULL,
    PRIMARY KEY (institution, lane, number)
);

CREATE TABLE transfer (
    institution uuid   NOT NULL,
    id          uuid   NOT NULL,
    position    bigint NOT NULL,
    item        bigint NOT NULL,
    PRIMARY KEY (institution, id)
);

-- Many transfers of one commit and one second: ids in order, each with its place in the row.
CREATE TABLE run (
    institution uuid   NOT NULL,
    second      bigint NOT NULL,
    position    bigint NOT NULL,
    first       uuid   NOT NULL,
    last        uuid   NOT NULL,
    entries     bytea  NOT NULL,
    PRIMARY KEY (institution, second, last)
);

CREATE TABLE resolution (
    institution uuid   NOT NULL,
    id          uuid   NOT NULL,
    kind        bigint NOT NULL,
    by          uuid   NOT NULL,
    PRIMARY KEY (institution, id)
);

-- What was posted with value dates that are not the newest of their account.
CREATE TABLE day (
    institution uuid    NOT NULL,
    account     uuid    NOT NULL,
    day         integer NOT NULL,
    debits      bigint  NOT NULL,
    credits     bigint  NOT NULL,
    PRIMARY KEY (institution, account, day)
);

CREATE TABLE timer (
    institution uuid NOT NULL,
    due         text COLLATE "C" NOT NULL, -- d2026-11-30, or m2026-11-30T08:00:00.000000000Z
    kind        text COLLATE "C" NOT NULL,
    subject     uuid NOT NULL,
    lane        uuid NOT NULL,
    PRIMARY KEY (institution, due, kind, subject, lane)
);

CREATE TABLE period (
    institution    uuid PRIMARY KEY,
    closed_through integer NOT NULL, -- 0: locked by who needs to know that none is closed
    position       bigint NOT NULL -- as of a record
);

-- The Merkle tree over an institution's log: up to 256 hashes of 32 bytes to a tile, which only
-- grows. It follows from the log.
CREATE TABLE tile (
    institution uuid   NOT NULL,
    level       bigint NOT NULL,
    number      bigint NOT NULL,
    hashes      bytea  NOT NULL,
    PRIMARY KEY (institution, level, number)
);

-- Where the leaves of a tile of level 0 are in the log: 8 bytes each, most significant first.
CREATE TABLE leaf (
    institution uuid   NOT NULL,
    first       bigint NOT NULL,
    number      bigint NOT NULL,
    positions   bytea  NOT NULL,
    PRIMARY KEY (institution, first)
);

-- A second wall between institutions: a transaction sees the rows of those it has named, and of
-- none when it named none. The setting is read once per statement; not `= ANY`, which a planner
-- may take for the better index condition than the whole key. FORCE: also for the tables' owner.

ALTER TABLE log ENABLE ROW LEVEL SECURITY;
ALTER TABLE log FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON log USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE chunk ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunk FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON chunk USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE lane ENABLE ROW LEVEL SECURITY;
ALTER TABLE lane FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON lane USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE answer FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON answer USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE record ENABLE ROW LEVEL SECURITY;
ALTER TABLE record FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON record USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE link ENABLE ROW LEVEL SECURITY;
ALTER TABLE link FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON link USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE account ENABLE ROW LEVEL SECURITY;
ALTER TABLE account FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON account USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE page ENABLE ROW LEVEL SECURITY;
ALTER TABLE page FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON page USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE transfer ENABLE ROW LEVEL SECURITY;
ALTER TABLE transfer FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON transfer USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE run ENABLE ROW LEVEL SECURITY;
ALTER TABLE run FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON run USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE resolution ENABLE ROW LEVEL SECURITY;
ALTER TABLE resolution FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON resolution USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE day ENABLE ROW LEVEL SECURITY;
ALTER TABLE day FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON day USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE timer ENABLE ROW LEVEL SECURITY;
ALTER TABLE timer FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON timer USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE period ENABLE ROW LEVEL SECURITY;
ALTER TABLE period FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON period USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE tile ENABLE ROW LEVEL SECURITY;
ALTER TABLE tile FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON tile USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

ALTER TABLE leaf ENABLE ROW LEVEL SECURITY;
ALTER TABLE leaf FORCE ROW LEVEL SECURITY;
CREATE POLICY institution ON leaf USING (array_position(
    (SELECT nullif(current_setting('suanpan.institutions', true), '')::uuid[]),
    institution) IS NOT NULL);

-- A backup reads the log of all, and nothing else.

CREATE POLICY backup ON log FOR SELECT
    USING ((SELECT current_setting('suanpan.backup', true)) = 'yes');

CREATE POLICY backup ON chunk FOR SELECT
    USING ((SELECT current_setting('suanpan.backup', true)) = 'yes');
