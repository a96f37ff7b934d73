//! Points and ranges.
//!
//! Many points are one statement over arrays. `LATERAL (… OFFSET 0)` makes the key of each element
//! the index condition, whatever the planner thinks of a table's size, and rows are found, and
//! locked, in the order of the arrays.

use std::collections::{BTreeMap, BTreeSet};

use audit::TileId;
use ledger::{AccountId, InstitutionId, LaneId, POSTED_BYTES, Posted, Resolution, TransferId};
use stdx::{Date, Id, date};
use tokio_postgres::Row;

use super::{
    Transaction,
    connection::{Ask, Param},
    values::{
        column, date, digest, get, head, id, is_storable, limit, links, log_row, number, numbers,
        page, place, record, resolution, signed, sum, uuid, uuids, value,
    },
    write::CHUNK,
};
use crate::{
    Due, LogRow, RecordKey, StoreError, Timer,
    audit::{LeavesRow, TileRow},
    engine::{
        AccountPlace, AnswerRow, Filter, KeyOf, LaneHead, LaneOf, PageRow, Read, RecordHead,
        RecordRow, Sums, TransferPlace, due_of, due_text, no_transfer, places::Run,
    },
};

pub(super) const LANES_MAKE: &str = "
    INSERT INTO lane (institution, lane, seq, position, root, flushed, accounts)
    SELECT institution, lane, 0, 0, decode(repeat('00', 32), 'hex'), 0, 0
    FROM unnest($1::uuid[], $2::uuid[])
    AS w (institution, lane) ON CONFLICT DO NOTHING";
pub(super) const LANES_LOCK: &str = "
    SELECT l.institution, l.lane, l.seq, l.position, l.root, l.flushed, l.accounts
    FROM unnest($1::uuid[], $2::uuid[]) AS w (institution, lane), LATERAL (
        SELECT institution, lane, seq, position, root, flushed, accounts FROM lane
        WHERE institution = w.institution AND lane.lane = w.lane OFFSET 0 FOR UPDATE) l";
const HEADS: &str = "
    SELECT l.institution, l.lane, l.seq, l.position, l.root, l.flushed, l.accounts
    FROM unnest($1::uuid[], $2::uuid[]) AS w (institution, lane), LATERAL (
        SELECT institution, lane, seq, position, root, flushed, accounts FROM lane
        WHERE institution = w.institution AND lane.lane = w.lane AND seq > 0 OFFSET 0) l";
const LANES: &str = "SELECT lane, seq, position, root, flushed, accounts FROM lane
    WHERE institution = $1 AND seq > 0 ORDER BY lane";
const ANSWERS: &str = "
    SELECT a.institution, a.key, a.digest, a.position
    FROM unnest($1::uuid[], $2::text[]) AS w (institution, key), LATERAL (
        SELECT institution, key, digest, position FROM answer
        WHERE institution = w.institution AND answer.key = w.key OFFSET 0) a";
const RECORD: &str = "SELECT id, version, lane, links, body FROM record
    WHERE institution = $1 AND kind = $2 AND id = $3";
const RECORD_HEADS: &str = "
    SELECT r.institution, r.kind, r.id, r.version, r.links, r.position
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS w (institution, kind, id), LATERAL (
        SELECT institution, kind, id, version, links, position FROM record
        WHERE institution = w.institution AND record.kind = w.kind AND record.id = w.id
        OFFSET 0) r";
/// What a turn has seen of a record holds until it ends.
const RECORD_HEADS_LOCK: &str = "
    SELECT r.institution, r.kind, r.id, r.version, r.links, r.position
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS w (institution, kind, id), LATERAL (
        SELECT institution, kind, id, version, links, position FROM record
        WHERE institution = w.institution AND record.kind = w.kind AND record.id = w.id
        OFFSET 0 FOR UPDATE) r";
const RECORDS: &str = "SELECT id, version, lane, links, body FROM record
    WHERE institution = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4";
const RECORDS_LINKED: &str = "
    SELECT r.id, r.version, r.lane, r.links, r.body FROM (
        SELECT id FROM link WHERE institution = $1 AND kind = $2 AND name = $3 AND key = $4
        AND id > $5 ORDER BY id LIMIT $6) l, LATERAL (
        SELECT id, version, lane, links, body FROM record
        WHERE institution = $1 AND kind = $2 AND record.id = l.id OFFSET 0) r ORDER BY r.id";
const ACCOUNT_PLACES: &str = "
    SELECT a.id, a.lane, a.slot FROM unnest($2::uuid[]) AS w (id), LATERAL (
        SELECT id, lane, slot FROM account
        WHERE institution = $1 AND account.id = w.id OFFSET 0) a";
const ACCOUNT_PLACES_AFTER: &str = "SELECT id, lane, slot FROM account
    WHERE institution = $1 AND id > $2 ORDER BY id LIMIT $3";
const PAGES: &str = "
    SELECT p.number, p.as_of, p.accounts FROM unnest($3::bigint[]) AS w (number), LATERAL (
        SELECT number, as_of, accounts FROM page
        WHERE institution = $1 AND lane = $2 AND page.number = w.number OFFSET 0) p";
const PAGES_AFTER: &str = "SELECT lane, number, as_of, accounts FROM page
    WHERE institution = $1 AND (lane, number) > ($2, $3) ORDER BY lane, number LIMIT $4";
const POINTS: &str = "
    SELECT t.id, t.position, t.item FROM unnest($2::uuid[]) AS w (id), LATERAL (
        SELECT id, position, item FROM transfer
        WHERE institution = $1 AND transfer.id = w.id OFFSET 0) t";
const POINTS_BETWEEN: &str = "SELECT id, position, item FROM transfer
    WHERE institution = $1 AND id BETWEEN $2 AND $3 ORDER BY id LIMIT $4";
const RUNS: &str = "SELECT position, first, last, entries FROM run
    WHERE institution = $1 AND second = $2 AND last >= $3 AND first <= $4 ORDER BY last";
/// `$3` is the place of the first byte, from 1.
const POSTED_IN_LOG: &str = "
    SELECT w.n, l.posted
    FROM unnest($2::bigint[], $3::integer[], $4::bigint[]) AS w (position, byte, n), LATERAL (
        SELECT substring(transfers FROM w.byte FOR 160) AS posted FROM log
        WHERE institution = $1 AND log.position = w.position OFFSET 0) l";
const POSTED_IN_CHUNK: &str = "
    SELECT w.n, c.posted FROM unnest($2::bigint[], $3::integer[], $4::bigint[], $5::bigint[])
    AS w (position, byte, n, item), LATERAL (
        SELECT substring(transfers FROM w.byte FOR 160) AS posted FROM chunk
        WHERE institution = $1 AND chunk.position = w.position AND chunk.item = w.item
        OFFSET 0) c";
const RESOLUTIONS: &str = "
    SELECT r.id, r.kind, r.by FROM unnest($2::uuid[]) AS w (id), LATERAL (
        SELECT id, kind, by FROM resolution
        WHERE institution = $1 AND resolution.id = w.id OFFSET 0) r";
const LEAVES: &str = "SELECT first, number, positions FROM leaf
    WHERE institution = $1 AND first <= $2 ORDER BY first DESC LIMIT 1";
const TILE: &str = "SELECT hashes FROM tile WHERE institution = $1 AND level = $2 AND number = $3";
const TILE_COUNTS: &str = "SELECT (SELECT count(*) FROM tile WHERE institution = $1),
    (SELECT count(*) FROM leaf WHERE institution = $1)";
const CLOSED_THROUGH: &str =
    "SELECT closed_through FROM period WHERE institution = $1 AND closed_through > 0";
const CLOSED_THROUGH_MAKE: &str = "INSERT INTO period (institution, closed_through, position)
    VALUES ($1, 0, 0) ON CONFLICT DO NOTHING";
const CLOSED_THROUGH_LOCK: &str =
    "SELECT closed_through, position FROM period WHERE institution = $1 FOR SHARE";
const OLDER_DAYS: &str = "
    SELECT coalesce(sum(debits), 0)::text, coalesce(sum(credits), 0)::text FROM day
    WHERE institution = $1 AND account = $2 AND day <= $3";
const OLDER_DAYS_FROM: &str = "
    SELECT w.id, d.at, d.debits::text, d.credits::text
    FROM unnest($2::uuid[]) AS w (id), LATERAL (
        SELECT least(day, $4) AS at, sum(debits) AS debits, sum(credits) AS credits FROM day
        WHERE institution = $1 AND account = w.id AND day >= $3 GROUP BY at) d
    ORDER BY w.id, d.at";
const LOG_ROW: &str = "
    SELECT position, institution, lane, seq, previous, told_at, at, actor, command, key, digest,
    body, transfers, root FROM log WHERE institution = $1 AND position = $2";
const LOG_LINK: &str = "SELECT seq, previous FROM log WHERE institution = $1 AND position = $2";
const LOG: &str = "
    SELECT position, institution, lane, seq, previous, told_at, at, actor, command, key, digest,
    body, transfers, root FROM log WHERE institution = $1 AND position > $2
    ORDER BY position LIMIT $3";
const LOG_OF_ALL: &str = "
    SELECT position, institution, lane, seq, previous, told_at, at, actor, command, key, digest,
    body, transfers, root FROM log WHERE position > $1 ORDER BY position LIMIT $2";
const CHUNKS: &str = "
    SELECT c.position, c.transfers
    FROM unnest($1::uuid[], $2::bigint[]) AS w (institution, position), LATERAL (
        SELECT position, transfers FROM chunk WHERE institution = w.institution
        AND chunk.position = w.position ORDER BY item OFFSET 0) c";
const TIMERS: &str = "
    SELECT due, kind, subject, lane FROM timer WHERE institution = $1 AND due <= $2
    AND (due, kind, subject, lane) > ($3, $4, $5, $6) ORDER BY due, kind, subject, lane LIMIT $7";

/// What is read of each row.
fn each<T>(
    rows: &[Row],
    read: impl FnMut(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

impl Transaction<'_> {
    fn many<T>(
        &self,
        sql: &'static str,
        params: Vec<Param<'_>>,
        read: impl FnMut(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        each(&self.query(sql, params)?, read)
    }

    fn one<T>(
        &self,
        sql: &'static str,
        params: Vec<Param<'_>>,
        read: impl FnOnce(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.query(sql, params)?.first().map(read).transpose()
    }

    /// Rows with all their transfers.
    fn log_rows(
        &self,
        sql: &'static str,
        params: Vec<Param<'_>>,
    ) -> Result<Vec<LogRow>, StoreError> {
        let mut rows = self.many(sql, params, log_row)?;
        let full = |row: &&mut LogRow| row.transfers.len() >= CHUNK * POSTED_BYTES;
        let mut full: Vec<&mut LogRow> = rows.iter_mut().filter(full).collect();
        if full.is_empty() {
            return Ok(rows);
        }
        let of = uuids(full.iter().map(|row| row.institution));
        let at = numbers(full.iter().map(|row| row.position));
        let chunks = self.query(CHUNKS, vec![of, at])?;
        let mut full = full.iter_mut().peekable();
        for chunk in &chunks {
            let (position, transfers): (u64, &[u8]) = (number(chunk, 0)?, get(chunk, 1)?);
            while full.next_if(|row| row.position != position).is_some() {}
            if let Some(row) = full.peek_mut() {
                row.transfers.extend_from_slice(transfers);
            }
        }
        Ok(rows)
    }
}

impl Read for Transaction<'_> {
    fn heads(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        let params = vec![uuids(lanes.iter().map(|it| it.0)), uuids(lanes.iter().map(|it| it.1))];
        self.many(HEADS, params, |row| Ok(((id(row, 0)?, id(row, 1)?), head(row, 2)?)))
    }

    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError> {
        self.many(LANES, vec![value(uuid(of))], |row| Ok((id(row, 0)?, head(row, 1)?)))
    }

    fn answers(&self, keys: &[KeyOf]) -> Result<Vec<(KeyOf, AnswerRow)>, StoreError> {
        let keys = || keys.iter().filter(|(_, key)| is_storable(key));
        let params = vec![uuids(keys().map(|it| it.0)), column(keys().map(|it| &*it.1))];
        self.many(ANSWERS, params, |row| {
            let answer = AnswerRow { digest: digest(row, 2)?, position: number(row, 3)? };
            Ok(((id(row, 0)?, get(row, 1)?), answer))
        })
    }

    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        let params = vec![value(uuid(key.institution)), value(&*key.kind), value(uuid(key.id))];
        self.one(RECORD, params, record)
    }

    fn record_heads(&self, keys: &[RecordKey]) -> Result<Vec<(RecordKey, RecordHead)>, StoreError> {
        let mut keys: Vec<&RecordKey> = keys.iter().collect();
        // Locked in this order on every node.
        keys.sort_unstable();
        let params = vec![
            uuids(keys.iter().map(|it| it.institution)),
            column(keys.iter().map(|it| &*it.kind)),
            uuids(keys.iter().map(|it| it.id)),
        ];
        let sql = if self.is_turn() { RECORD_HEADS_LOCK } else { RECORD_HEADS };
        let heads = self.many(sql, params, |row| {
            let key = RecordKey { institution: id(row, 0)?, kind: get(row, 1)?, id: id(row, 2)? };
            self.rest_on(number(row, 5)?);
            Ok((key, (number(row, 3)?, links(row, 4)?)))
        })?;
        let found: BTreeSet<&RecordKey> = heads.iter().map(|(key, _)| key).collect();
        let absent = keys.into_iter().filter(|key| !found.contains(key));
        self.absent.borrow_mut().extend(absent.cloned());
        Ok(heads)
    }

    fn records(
        &self,
        of: InstitutionId,
        kind: &str,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        most: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let (of, kind) = (value(uuid(of)), value(kind));
        let (after, most) = (value(uuid(after.unwrap_or(Id::NIL))), limit(most));
        match filter {
            Filter::All => self.many(RECORDS, vec![of, kind, after, most], record),
            Filter::Link { name, key } if is_storable(name) && is_storable(key) => {
                let params = vec![of, kind, value(name), value(key), after, most];
                self.many(RECORDS_LINKED, params, record)
            }
            Filter::Link { .. } => Ok(Vec::new()),
        }
    }

    fn account_places(
        &self,
        of: InstitutionId,
        ids: &[AccountId],
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError> {
        let params = vec![value(uuid(of)), uuids(ids.iter().copied())];
        if ids.is_empty() { Ok(Vec::new()) } else { self.many(ACCOUNT_PLACES, params, account) }
    }

    fn account_places_after(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        most: usize,
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError> {
        let after = uuid(after.unwrap_or(AccountId::NIL));
        let params = vec![value(uuid(of)), value(after), limit(most)];
        self.many(ACCOUNT_PLACES_AFTER, params, account)
    }

    fn pages(&self, lane: LaneOf, numbers_of: &[u32]) -> Result<Vec<PageRow>, StoreError> {
        let (of, lane) = lane;
        let params = vec![value(uuid(of)), value(uuid(lane)), numbers(numbers_of.iter().copied())];
        self.many(PAGES, params, |row| page(of, lane, row, 0))
    }

    fn pages_after(
        &self,
        of: InstitutionId,
        after: Option<(LaneId, u32)>,
        most: usize,
    ) -> Result<Vec<PageRow>, StoreError> {
        let (lane, after) = after.map_or((LaneId::NIL, -1), |(lane, at)| (lane, signed(at)));
        let params = vec![value(uuid(of)), value(uuid(lane)), value(after), limit(most)];
        self.many(PAGES_AFTER, params, |row| page(of, id(row, 0)?, row, 1))
    }

    fn points(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
        let params = vec![value(uuid(of)), uuids(ids.iter().copied())];
        self.many(POINTS, params, |row| Ok((id(row, 0)?, place(row, 1)?)))
    }

    fn points_between(
        &self,
        of: InstitutionId,
        (first, last): (TransferId, TransferId),
        most: usize,
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
        let params = vec![value(uuid(of)), value(uuid(first)), value(uuid(last)), limit(most)];
        self.many(POINTS_BETWEEN, params, |row| Ok((id(row, 0)?, place(row, 1)?)))
    }

    fn runs(
        &self,
        of: InstitutionId,
        second: u64,
        (first, last): (TransferId, TransferId),
    ) -> Result<Vec<Run>, StoreError> {
        let params =
            vec![value(uuid(of)), value(signed(second)), value(uuid(first)), value(uuid(last))];
        self.many(RUNS, params, |row| {
            let span = (id(row, 1)?, id(row, 2)?);
            Ok(Run { second, position: number(row, 0)?, span, bytes: get(row, 3)? })
        })
    }

    fn posted(&self, of: InstitutionId, at: &[TransferPlace]) -> Result<Vec<Posted>, StoreError> {
        let mut found = BTreeMap::new();
        let numbered = || (0_u64..).zip(at);
        let byte = |place: &TransferPlace| place.item as usize % CHUNK * POSTED_BYTES;
        let byte = |it: &TransferPlace| i32::try_from(byte(it)).map_or(0, |byte| byte + 1);
        let places = |in_chunks: bool| {
            let at = || numbered().filter(|(_, it)| (it.item as usize >= CHUNK) == in_chunks);
            vec![
                value(uuid(of)),
                numbers(at().map(|(_, it)| it.position)),
                column(at().map(|(_, it)| byte(it))),
                numbers(at().map(|(n, _)| n)),
                column(at().map(|(_, it)| i64::from(it.item) / CHUNK as i64 * CHUNK as i64)),
            ]
        };
        let mut in_log = places(false);
        in_log.pop();
        let asks: [Ask<'_>; 2] = [(POSTED_IN_LOG, in_log), (POSTED_IN_CHUNK, places(true))];
        for row in self.flight(&asks)?.iter().flatten() {
            found.insert(number::<u64>(row, 0)?, get::<&[u8]>(row, 1)?.to_vec());
        }
        let posted = |n| Posted::decode(found.get(&n)?).ok();
        numbered().map(|(n, it)| posted(n).ok_or_else(|| no_transfer(*it))).collect()
    }

    fn resolutions(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, Resolution)>, StoreError> {
        let params = vec![value(uuid(of)), uuids(ids.iter().copied())];
        self.many(RESOLUTIONS, params, |row| Ok((id(row, 0)?, resolution(row, 1)?)))
    }

    fn leaves(&self, of: InstitutionId, position: u64) -> Result<Option<LeavesRow>, StoreError> {
        self.one(LEAVES, vec![value(uuid(of)), value(signed(position))], |row| {
            let (first, number) = (number(row, 0)?, number(row, 1)?);
            Ok(LeavesRow { first, number, positions: get(row, 2)? })
        })
    }

    fn tile(&self, of: InstitutionId, it: TileId) -> Result<Option<TileRow>, StoreError> {
        let params = vec![value(uuid(of)), value(signed(it.level)), value(signed(it.number))];
        self.one(TILE, params, |row| Ok(TileRow { id: it, hashes: get(row, 0)? }))
    }

    fn tile_counts(&self, of: InstitutionId) -> Result<(u64, u64), StoreError> {
        let counts = |row: &Row| Ok((number(row, 0)?, number(row, 1)?));
        Ok(self.one(TILE_COUNTS, vec![value(uuid(of))], counts)?.unwrap_or_default())
    }

    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError> {
        if !self.is_turn() {
            return self.one(CLOSED_THROUGH, vec![value(uuid(of))], |row| date(row, 0));
        }
        // What a turn has seen holds until it ends, also that nothing was closed yet.
        let ask = || (CLOSED_THROUGH_LOCK, vec![value(uuid(of))]);
        let mut rows = self.flight(&[ask()])?.remove(0);
        if rows.is_empty() {
            let make = (CLOSED_THROUGH_MAKE, vec![value(uuid(of))]);
            rows = self.flight(&[make, ask()])?.remove(1);
        }
        let row = rows.first().ok_or(StoreError::Contended)?;
        self.rest_on(number(row, 1)?);
        if get::<i32>(row, 0)? == 0 { Ok(None) } else { date(row, 0).map(Some) }
    }

    fn older_days(
        &self,
        of: InstitutionId,
        account: AccountId,
        through: Date,
    ) -> Result<Sums, StoreError> {
        let params = vec![value(uuid(of)), value(uuid(account)), value(date::number(through))];
        let sums = self.one(OLDER_DAYS, params, |row| Ok((sum(row, 0)?, sum(row, 1)?)))?;
        Ok(sums.unwrap_or_default())
    }

    fn older_days_from(
        &self,
        of: InstitutionId,
        accounts: &[AccountId],
        from: Date,
        rest: Date,
    ) -> Result<Vec<(AccountId, Date, Sums)>, StoreError> {
        let ids = uuids(accounts.iter().copied());
        let (from, rest) = (value(date::number(from)), value(date::number(rest)));
        let day = |row: &Row| Ok((id(row, 0)?, date(row, 1)?, (sum(row, 2)?, sum(row, 3)?)));
        self.many(OLDER_DAYS_FROM, vec![value(uuid(of)), ids, from, rest], day)
    }

    fn log_row(&self, of: InstitutionId, position: u64) -> Result<Option<LogRow>, StoreError> {
        let params = vec![value(uuid(of)), value(signed(position))];
        Ok(self.log_rows(LOG_ROW, params)?.pop())
    }

    fn log_link(&self, of: InstitutionId, position: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let params = vec![value(uuid(of)), value(signed(position))];
        self.one(LOG_LINK, params, |row| Ok((number(row, 0)?, number(row, 1)?)))
    }

    fn log(&self, of: InstitutionId, after: u64, most: usize) -> Result<Vec<LogRow>, StoreError> {
        self.log_rows(LOG, vec![value(uuid(of)), value(signed(after)), limit(most)])
    }

    fn log_of_all(&self, after: u64, most: usize) -> Result<Vec<LogRow>, StoreError> {
        self.log_rows(LOG_OF_ALL, vec![value(signed(after)), limit(most)])
    }

    fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        most: usize,
    ) -> Result<Vec<Timer>, StoreError> {
        // Days and moments are told apart by their first letter.
        let through = due_text(through);
        let start = after.map_or_else(|| through[..1].to_owned(), |timer| due_text(timer.due));
        let params = vec![
            value(uuid(of)),
            value(through),
            value(start),
            value(after.map_or("", |timer| &timer.kind)),
            value(uuid(after.map_or(Id::NIL, |timer| timer.subject))),
            value(uuid(after.map_or(LaneId::NIL, |timer| timer.lane))),
            limit(most),
        ];
        self.many(TIMERS, params, |row| {
            let due = due_of(get(row, 0)?).ok_or_else(|| super::values::not("a due time"))?;
            Ok(Timer { due, kind: get(row, 1)?, subject: id(row, 2)?, lane: id(row, 3)? })
        })
    }
}

fn account(row: &Row) -> Result<(AccountId, AccountPlace), StoreError> {
    Ok((id(row, 0)?, AccountPlace { lane: id(row, 1)?, slot: number(row, 2)? }))
}
