-- The log is the truth; every other table finds something in it faster, or is its newest state.
-- Ids are 16-byte blobs, moments Unix nanoseconds, days numbers (yyyymmdd), amounts minor units.

CREATE TABLE log (
    position    INTEGER PRIMARY KEY,
    institution BLOB NOT NULL,
    lane        BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    previous    INTEGER NOT NULL,
    told_at     INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    command     TEXT NOT NULL,
    key         TEXT NOT NULL,
    digest      BLOB NOT NULL,
    body        BLOB NOT NULL,
    transfers   BLOB NOT NULL,
    root        BLOB NOT NULL
);

-- One institution's log, without reading the others'.
CREATE INDEX log_institution ON log (institution);

-- The transfers of a row beyond the first 128, 128 to a chunk.
CREATE TABLE chunk (
    position  INTEGER NOT NULL,
    item      INTEGER NOT NULL, -- the first one's place in the row
    transfers BLOB NOT NULL,
    PRIMARY KEY (position, item)
) WITHOUT ROWID;

CREATE TABLE lane (
    institution BLOB NOT NULL,
    lane        BLOB NOT NULL,
    seq         INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    root        BLOB NOT NULL,
    flushed     INTEGER NOT NULL, -- the row through which the pages are up to date
    accounts    INTEGER NOT NULL,
    PRIMARY KEY (institution, lane)
) WITHOUT ROWID;

CREATE TABLE answer (
    institution BLOB NOT NULL,
    key         TEXT NOT NULL,
    digest      BLOB NOT NULL,
    position    INTEGER NOT NULL,
    PRIMARY KEY (institution, key)
) WITHOUT ROWID;

CREATE TABLE record (
    institution BLOB NOT NULL,
    kind        TEXT NOT NULL,
    id          BLOB NOT NULL,
    version     INTEGER NOT NULL,
    lane        BLOB NOT NULL,
    links       TEXT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (institution, kind, id)
) WITHOUT ROWID;

CREATE TABLE link (
    institution BLOB NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    key         TEXT NOT NULL,
    id          BLOB NOT NULL,
    PRIMARY KEY (institution, kind, name, key, id)
) WITHOUT ROWID;

CREATE TABLE account (
    institution BLOB NOT NULL,
    id          BLOB NOT NULL,
    lane        BLOB NOT NULL,
    slot        INTEGER NOT NULL,
    PRIMARY KEY (institution, id)
) WITHOUT ROWID;

-- The accounts of a lane, 32 to a page in order of slot, as row as_of of the lane left them.
CREATE TABLE page (
    institution BLOB NOT NULL,
    lane        BLOB NOT NULL,
    number      INTEGER NOT NULL,
    as_of       INTEGER NOT NULL,
    accounts    BLOB NOT NULL,
    PRIMARY KEY (institution, lane, number)
) WITHOUT ROWID;

CREATE TABLE transfer (
    institution BLOB NOT NULL,
    id          BLOB NOT NULL,
    position    INTEGER NOT NULL,
    item        INTEGER NOT NULL,
    PRIMARY KEY (institution, id)
) WITHOUT ROWID;

-- Many transfers of one commit and one second: ids in order, each with its place in the row.
CREATE TABLE run (
    institution BLOB NOT NULL,
    second      INTEGER NOT NULL,
    last        BLOB NOT NULL,
    first       BLOB NOT NULL,
    position    INTEGER NOT NULL,
    entries     BLOB NOT NULL,
    PRIMARY KEY (institution, second, last)
) WITHOUT ROWID;

CREATE TABLE resolution (
    institution BLOB NOT NULL,
    id          BLOB NOT NULL,
    kind        INTEGER NOT NULL,
    by          BLOB NOT NULL,
    PRIMARY KEY (institution, id)
) WITHOUT ROWID;

-- What was posted with value dates that are not the newest of their account.
CREATE TABLE day (
    institution BLOB NOT NULL,
    account     BLOB NOT NULL,
    day         INTEGER NOT NULL,
    debits      INTEGER NOT NULL,
    credits     INTEGER NOT NULL,
    PRIMARY KEY (institution, account, day)
) WITHOUT ROWID;

CREATE TABLE timer (
    institution BLOB NOT NULL,
    due         TEXT NOT NULL, -- d2026-11-30, or m2026-11-30T08:00:00.000000000Z
    kind        TEXT NOT NULL,
    subject     BLOB NOT NULL,
    lane        BLOB NOT NULL,
    PRIMARY KEY (institution, due, kind, subject, lane)
) WITHOUT ROWID;

CREATE TABLE period (
    institution    BLOB PRIMARY KEY,
    closed_through INTEGER NOT NULL
) WITHOUT ROWID;

-- The Merkle tree over an institution's log: up to 256 hashes of 32 bytes to a tile, which only
-- grows. It follows from the log.
CREATE TABLE tile (
    institution BLOB NOT NULL,
    level       INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    hashes      BLOB NOT NULL,
    PRIMARY KEY (institution, level, number)
) WITHOUT ROWID;

-- Where the leaves of a tile of level 0 are in the log: 8 bytes each, most significant first.
CREATE TABLE leaf (
    institution BLOB NOT NULL,
    first       INTEGER NOT NULL, -- the position of the first one
    number      INTEGER NOT NULL, -- the tile
    positions   BLOB NOT NULL,
    PRIMARY KEY (institution, first)
) WITHOUT ROWID;
