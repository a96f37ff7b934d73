//! One durable write: each table's rows are one statement, and all of them go in one flight with
//! COMMIT.
//!
//! Rows that only come to be are inserted without a word about conflicts: a key that is there
//! already was written by another node after it was looked for, and the turn is repeated.

use std::collections::{BTreeMap, BTreeSet};

use ledger::POSTED_BYTES;
use stdx::{Timestamp, date};

use super::{
    connection::Ask,
    values::{column, numbers, signed, uuids, value},
};
use crate::{
    RecordKey, StoreError,
    engine::{Batch, RecordWrite, due_text, resolution_parts},
};

/// Transfers in a row of the log, or in a chunk beside it.
pub(super) const CHUNK: usize = if cfg!(test) { 3 } else { 48 };

const LOG: &str = "
    INSERT INTO log (institution, position, lane, seq, previous, told_at, at, actor, command, key,
    digest, body, transfers, root) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[],
    $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[],
    $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[])";
const CHUNKS: &str = "
    INSERT INTO chunk (institution, position, item, transfers)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[])";
const LANES: &str = "
    INSERT INTO lane (institution, lane, seq, position, root, flushed, accounts)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[],
    $6::bigint[], $7::bigint[])
    ON CONFLICT (institution, lane) DO UPDATE SET seq = excluded.seq,
    position = excluded.position, root = excluded.root, flushed = excluded.flushed,
    accounts = excluded.accounts";
const ANSWERS: &str = "
    INSERT INTO answer (institution, key, digest, position)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::bigint[])";
const RECORDS_NEW: &str = "
    INSERT INTO record (institution, kind, id, version, lane, links, body, position)
    SELECT w.*, $8 FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::uuid[],
    $6::text[], $7::text[]) AS w";
/// Of records that are there, and locked.
const RECORDS: &str = "
    INSERT INTO record (institution, kind, id, version, lane, links, body, position)
    SELECT w.*, $8 FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::uuid[],
    $6::text[], $7::text[]) AS w
    ON CONFLICT (institution, kind, id) DO UPDATE SET version = excluded.version,
    lane = excluded.lane, links = excluded.links, body = excluded.body,
    position = excluded.position";
/// That a record is not there holds until the commit when nobody else can make it until then.
const ABSENT_HOLD: &str = "
    INSERT INTO record (institution, kind, id, version, lane, links, body, position)
    SELECT institution, kind, id, 0, id, '', '', 0 FROM unnest($1::uuid[], $2::text[], $3::uuid[])
    AS w (institution, kind, id)";
const ABSENT_RELEASE: &str = "
    DELETE FROM record r USING unnest($1::uuid[], $2::text[], $3::uuid[])
    AS w (institution, kind, id)
    WHERE r.institution = w.institution AND r.kind = w.kind AND r.id = w.id";
const LINKS_REMOVED: &str = "
    DELETE FROM link l USING unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[])
    AS w (institution, kind, name, key, id)
    WHERE l.institution = w.institution AND l.kind = w.kind AND l.name = w.name
    AND l.key = w.key AND l.id = w.id";
const LINKS_ADDED: &str = "
    INSERT INTO link (institution, kind, name, key, id)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[])
    ON CONFLICT DO NOTHING";
const ACCOUNTS: &str = "
    INSERT INTO account (institution, id, lane, slot)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])";
const PAGES: &str = "
    INSERT INTO page (institution, lane, number, as_of, accounts)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[])
    ON CONFLICT (institution, lane, number) DO UPDATE SET as_of = excluded.as_of,
    accounts = excluded.accounts";
const TRANSFERS: &str = "
    INSERT INTO transfer (institution, id, position, item)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])";
const RUNS: &str = "
    INSERT INTO run (institution, second, position, first, last, entries)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[],
    $6::bytea[])";
const RESOLUTIONS: &str = "
    INSERT INTO resolution (institution, id, kind, by)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[])";
const DAYS: &str = "
    INSERT INTO day (institution, account, day, debits, credits)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[], $5::bigint[])
    ON CONFLICT (institution, account, day) DO UPDATE SET debits = day.debits + excluded.debits,
    credits = day.credits + excluded.credits";
const TIMERS_CLEARED: &str = "
    DELETE FROM timer t USING unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[])
    AS w (institution, due, kind, subject, lane)
    WHERE t.institution = w.institution AND t.due = w.due AND t.kind = w.kind
    AND t.subject = w.subject AND t.lane = w.lane";
const TIMERS_SET: &str = "
    INSERT INTO timer (institution, due, kind, subject, lane)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[])
    ON CONFLICT DO NOTHING";
const PERIODS: &str = "
    INSERT INTO period (institution, closed_through, position)
    SELECT w.*, $3 FROM unnest($1::uuid[], $2::integer[]) AS w
    ON CONFLICT (institution) DO UPDATE SET closed_through = excluded.closed_through,
    position = excluded.position";
/// A tile only grows: of two writers the one who knows more rows wins.
const TILES: &str = "
    INSERT INTO tile (institution, level, number, hashes)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[])
    ON CONFLICT (institution, level, number) DO UPDATE SET hashes = excluded.hashes
    WHERE length(excluded.hashes) > length(tile.hashes)";
const LEAVES: &str = "
    INSERT INTO leaf (institution, first, number, positions)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[])
    ON CONFLICT (institution, first) DO UPDATE SET positions = excluded.positions
    WHERE length(excluded.positions) > length(leaf.positions)";

/// The statements of a batch. `absent` are records on whose absence it rests, and that it may
/// write itself.
pub(super) fn asks<'b>(
    batch: &'b Batch,
    absent: &BTreeSet<RecordKey>,
) -> Result<Vec<Ask<'b>>, StoreError> {
    let mut asks = Vec::new();
    log(batch, &mut asks)?;
    let newest = signed(batch.log.iter().map(|row| row.position).max().unwrap_or(0));
    records(batch, absent, newest, &mut asks);
    books(batch, newest, &mut asks);
    transfers(batch, &mut asks);
    timers(batch, &mut asks);
    tiles(batch, &mut asks);
    Ok(asks)
}

fn log<'b>(batch: &'b Batch, asks: &mut Vec<Ask<'b>>) -> Result<(), StoreError> {
    let rows = || batch.log.iter();
    if !batch.log.is_empty() {
        let at: Vec<i64> = rows().map(|row| nanoseconds(row.at)).collect::<Result<_, _>>()?;
        let first = |transfers: &'b [u8]| transfers.chunks(CHUNK * POSTED_BYTES).next();
        let params = vec![
            uuids(rows().map(|row| row.institution)),
            numbers(rows().map(|row| row.position)),
            uuids(rows().map(|row| row.lane)),
            numbers(rows().map(|row| row.seq)),
            numbers(rows().map(|row| row.previous)),
            numbers(rows().map(|row| row.told_at)),
            column(at),
            column(rows().map(|row| &*row.actor)),
            column(rows().map(|row| &*row.command)),
            column(rows().map(|row| &*row.key)),
            column(rows().map(|row| row.digest.as_bytes().as_slice())),
            column(rows().map(|row| &*row.body)),
            column(rows().map(|row| first(&row.transfers).unwrap_or_default())),
            column(rows().map(|row| row.root.as_bytes().as_slice())),
        ];
        asks.push((LOG, params));
    }
    let chunks = rows().flat_map(|row| {
        let chunks = row.transfers.chunks(CHUNK * POSTED_BYTES);
        let chunks = (0_i64..).step_by(CHUNK).zip(chunks).skip(1);
        chunks.map(move |(item, chunk)| (row, item, chunk))
    });
    let chunks: Vec<_> = chunks.collect();
    if !chunks.is_empty() {
        let params = vec![
            uuids(chunks.iter().map(|it| it.0.institution)),
            numbers(chunks.iter().map(|it| it.0.position)),
            column(chunks.iter().map(|it| it.1)),
            column(chunks.iter().map(|it| it.2)),
        ];
        asks.push((CHUNKS, params));
    }
    let lanes = || batch.lanes.iter();
    if !batch.lanes.is_empty() {
        let params = vec![
            uuids(lanes().map(|(of, _)| of.0)),
            uuids(lanes().map(|(of, _)| of.1)),
            numbers(lanes().map(|(_, head)| head.seq)),
            numbers(lanes().map(|(_, head)| head.position)),
            column(lanes().map(|(_, head)| head.root.as_bytes().as_slice())),
            numbers(lanes().map(|(_, head)| head.flushed)),
            numbers(lanes().map(|(_, head)| head.accounts)),
        ];
        asks.push((LANES, params));
    }
    let answers = || batch.answers.iter();
    if !batch.answers.is_empty() {
        let params = vec![
            uuids(answers().map(|(of, _)| of.0)),
            column(answers().map(|(of, _)| &*of.1)),
            column(answers().map(|(_, answer)| answer.digest.as_bytes().as_slice())),
            numbers(answers().map(|(_, answer)| answer.position)),
        ];
        asks.push((ANSWERS, params));
    }
    Ok(())
}

/// One row for each record: the newest of the batch, since a statement touches a row once.
fn records<'b>(
    batch: &'b Batch,
    absent: &BTreeSet<RecordKey>,
    newest: i64,
    asks: &mut Vec<Ask<'b>>,
) {
    let mut written = BTreeMap::<_, (&RecordWrite, &RecordWrite)>::new();
    for write in &batch.records {
        let key = (write.institution, &*write.entry.kind, write.entry.id);
        written.entry(key).and_modify(|(_, last)| *last = write).or_insert((write, write));
    }
    let is_new = |(first, _): &&(&RecordWrite, &RecordWrite)| first.entry.version == 1;
    for (sql, new) in [(RECORDS_NEW, true), (RECORDS, false)] {
        let rows = written.values().filter(|it| is_new(it) == new).map(|(_, last)| *last);
        let rows: Vec<&RecordWrite> = rows.collect();
        let links = |it: &RecordWrite| serde_json::to_string(&it.entry.links);
        if !rows.is_empty() {
            let params = vec![
                uuids(rows.iter().map(|it| it.institution)),
                column(rows.iter().map(|it| &*it.entry.kind)),
                uuids(rows.iter().map(|it| it.entry.id)),
                numbers(rows.iter().map(|it| it.entry.version)),
                uuids(rows.iter().map(|it| it.lane)),
                column(rows.iter().map(|it| links(it).expect("pairs of texts"))),
                column(rows.iter().map(|it| it.entry.body.get())),
                value(newest),
            ];
            asks.push((sql, params));
        }
    }
    let missing = |it: &&RecordKey| !written.contains_key(&(it.institution, &*it.kind, it.id));
    let absent: Vec<&RecordKey> = absent.iter().filter(missing).collect();
    if !absent.is_empty() {
        for sql in [ABSENT_HOLD, ABSENT_RELEASE] {
            let params = vec![
                uuids(absent.iter().map(|it| it.institution)),
                column(absent.iter().map(|it| it.kind.clone())),
                uuids(absent.iter().map(|it| it.id)),
            ];
            asks.push((sql, params));
        }
    }
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for ((of, kind, id), (first, last)) in &written {
        let (before, after) = (&first.links_before, &last.entry.links);
        let link = |(name, key): &'b (String, String)| (*of, *kind, &**name, &**key, *id);
        removed.extend(before.iter().filter(|it| !after.contains(it)).map(link));
        added.extend(after.iter().filter(|it| !before.contains(it)).map(link));
    }
    for (sql, links) in [(LINKS_REMOVED, removed), (LINKS_ADDED, added)] {
        if !links.is_empty() {
            let params = vec![
                uuids(links.iter().map(|it| it.0)),
                column(links.iter().map(|it| it.1)),
                column(links.iter().map(|it| it.2)),
                column(links.iter().map(|it| it.3)),
                uuids(links.iter().map(|it| it.4)),
            ];
            asks.push((sql, params));
        }
    }
}

fn books<'b>(batch: &'b Batch, newest: i64, asks: &mut Vec<Ask<'b>>) {
    let accounts = || batch.accounts.iter();
    if !batch.accounts.is_empty() {
        let params = vec![
            uuids(accounts().map(|(of, ..)| *of)),
            uuids(accounts().map(|(_, id, _)| *id)),
            uuids(accounts().map(|(_, _, at)| at.lane)),
            numbers(accounts().map(|(_, _, at)| at.slot)),
        ];
        asks.push((ACCOUNTS, params));
    }
    let pages: BTreeMap<_, _> =
        batch.pages.iter().map(|page| ((page.lane, page.number), page)).collect();
    if !pages.is_empty() {
        let params = vec![
            uuids(pages.values().map(|page| page.lane.0)),
            uuids(pages.values().map(|page| page.lane.1)),
            numbers(pages.values().map(|page| page.number)),
            numbers(pages.values().map(|page| page.as_of)),
            column(pages.values().map(|page| &*page.bytes)),
        ];
        asks.push((PAGES, params));
    }
    let days = || batch.days.iter();
    if !batch.days.is_empty() {
        let params = vec![
            uuids(days().map(|((of, ..), _)| *of)),
            uuids(days().map(|((_, account, _), _)| *account)),
            column(days().map(|((.., day), _)| date::number(*day))),
            column(days().map(|(_, (debits, _))| debits.minor())),
            column(days().map(|(_, (_, credits))| credits.minor())),
        ];
        asks.push((DAYS, params));
    }
    let periods = || batch.closed_through.iter();
    if !batch.closed_through.is_empty() {
        let params = vec![
            uuids(periods().map(|(of, _)| *of)),
            column(periods().map(|(_, day)| date::number(*day))),
            value(newest),
        ];
        asks.push((PERIODS, params));
    }
}

fn transfers<'b>(batch: &'b Batch, asks: &mut Vec<Ask<'b>>) {
    let transfers = || batch.transfers.iter();
    if !batch.transfers.is_empty() {
        let params = vec![
            uuids(transfers().map(|(of, ..)| *of)),
            uuids(transfers().map(|(_, id, _)| *id)),
            numbers(transfers().map(|(_, _, at)| at.position)),
            numbers(transfers().map(|(_, _, at)| at.item)),
        ];
        asks.push((TRANSFERS, params));
    }
    let runs = || batch.runs.iter();
    if !batch.runs.is_empty() {
        let params = vec![
            uuids(runs().map(|(of, _)| *of)),
            numbers(runs().map(|(_, run)| run.second)),
            numbers(runs().map(|(_, run)| run.position)),
            uuids(runs().map(|(_, run)| run.span.0)),
            uuids(runs().map(|(_, run)| run.span.1)),
            column(runs().map(|(_, run)| &*run.bytes)),
        ];
        asks.push((RUNS, params));
    }
    let resolutions = || batch.resolutions.iter();
    if !batch.resolutions.is_empty() {
        let params = vec![
            uuids(resolutions().map(|(of, ..)| *of)),
            uuids(resolutions().map(|(_, id, _)| *id)),
            numbers(resolutions().map(|(_, _, it)| resolution_parts(*it).0)),
            uuids(resolutions().map(|(_, _, it)| resolution_parts(*it).1)),
        ];
        asks.push((RESOLUTIONS, params));
    }
}

fn timers<'b>(batch: &'b Batch, asks: &mut Vec<Ask<'b>>) {
    for (sql, set) in [(TIMERS_CLEARED, false), (TIMERS_SET, true)] {
        let timers = batch.timers.iter().filter(|(_, is_set)| **is_set == set);
        let timers: Vec<_> = timers.map(|(timer, _)| timer).collect();
        if !timers.is_empty() {
            let params = vec![
                uuids(timers.iter().map(|(of, _)| *of)),
                column(timers.iter().map(|(_, timer)| due_text(timer.due))),
                column(timers.iter().map(|(_, timer)| &*timer.kind)),
                uuids(timers.iter().map(|(_, timer)| timer.subject)),
                uuids(timers.iter().map(|(_, timer)| timer.lane)),
            ];
            asks.push((sql, params));
        }
    }
}

fn tiles<'b>(batch: &'b Batch, asks: &mut Vec<Ask<'b>>) {
    let tiles: BTreeMap<_, _> =
        batch.tiles.iter().map(|(of, tile)| ((*of, tile.id), tile)).collect();
    if !tiles.is_empty() {
        let params = vec![
            uuids(tiles.keys().map(|(of, _)| *of)),
            numbers(tiles.keys().map(|(_, id)| id.level)),
            numbers(tiles.keys().map(|(_, id)| id.number)),
            column(tiles.values().map(|tile| &*tile.hashes)),
        ];
        asks.push((TILES, params));
    }
    let leaves: BTreeMap<_, _> =
        batch.leaves.iter().map(|(of, leaves)| ((*of, leaves.first), leaves)).collect();
    if !leaves.is_empty() {
        let params = vec![
            uuids(leaves.keys().map(|(of, _)| *of)),
            numbers(leaves.keys().map(|(_, first)| *first)),
            numbers(leaves.values().map(|leaves| leaves.number)),
            column(leaves.values().map(|leaves| &*leaves.positions)),
        ];
        asks.push((LEAVES, params));
    }
}

/// Fails for a clock before the year 1678 or after 2261.
fn nanoseconds(at: Timestamp) -> Result<i64, StoreError> {
    let why = |_| StoreError::Unavailable(format!("{at} cannot be stored"));
    i64::try_from(at.as_nanosecond()).map_err(why)
}
