//! Nodes on one database, and the positions they give.
//!
//! A position is a time, the number of a node, and a row:
//!
//! ```text
//! 63      24 23   16 15      0
//!  time       node    row
//! ```
//!
//! The time is the database's clock in units of eight milliseconds, or later where that is needed:
//! a node never gives a position below one that it gave before, nor below the head of a lane that
//! it writes. All rows of a turn have one time and one node, so no other row is between those of a
//! commit. Nothing is read from it: positions order, and that is all.
//!
//! What makes them an order of commits too, for who reads the log with a cursor, is the row of the
//! node in the table `node`. A turn holds it from before its first position until its commit. Who
//! reads with a cursor holds the rows of all nodes for as long as it takes to begin a snapshot,
//! having raised those that are behind to the highest. At that moment nobody has a position that
//! is not committed, and every later one is above all that are seen.
//!
//! A number belongs to who has claimed it, and is free again when its row was not touched for
//! [`CLAIM_LIVES_SECONDS`]; who has claimed it touches it every [`CLAIM_RENEWED_EVERY`]. Nothing
//! depends on these times but how soon a number is used again: every turn finds its own claim in
//! the row that it holds, or does not happen.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::{Config, NoTls};
use uuid::Uuid;

use super::{
    connection::{Ask, Session, failed},
    lock, migrate,
    values::{get, signed, value},
};
use crate::{BATCH_COMMITS_MAX, BATCH_TRANSFERS_MAX, COMMIT_TRANSFERS_MAX, StoreError};

/// How often a node says that it is there.
const CLAIM_RENEWED_EVERY: Duration = Duration::from_secs(20);
/// How long a number stays claimed by a node that is not heard of.
pub(super) const CLAIM_LIVES_SECONDS: i64 = 60;
/// The most nodes at the same time, or within [`CLAIM_LIVES_SECONDS`] of their crash.
const NODES_MAX: i16 = 255;

const ROW_BITS: u32 = 16;
const NODE_BITS: u32 = 8;
const ROWS_MAX: u64 = 1 << ROW_BITS;
/// What is left for a turn to begin: a row for each of its commits, and for each lane its transfers
/// can touch.
const TURN_ROWS_MAX: usize = BATCH_COMMITS_MAX + 2 * (BATCH_TRANSFERS_MAX + COMMIT_TRANSFERS_MAX);
/// A unit of time is so many bits above a millisecond.
const MILLISECOND_BITS: u32 = 3;

/// A number of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub node: i16,
    pub claim: Uuid,
}

/// The lowest position of a node that is above others and not before a moment.
pub(super) fn first_position(node: i16, above: u64, unix_ms: u64) -> u64 {
    let node = u64::from(node.unsigned_abs()) << ROW_BITS;
    let at = |time: u64| time << (ROW_BITS + NODE_BITS) | node;
    let now = at(unix_ms >> MILLISECOND_BITS);
    if now > above {
        return now;
    }
    let time = above >> (ROW_BITS + NODE_BITS);
    let start = at(time);
    match above.checked_sub(start) {
        None => start,
        Some(row) if row + (TURN_ROWS_MAX as u64) < ROWS_MAX => above + 1,
        Some(_) => at(time + 1),
    }
}

/// The position after another one of the same turn.
pub(super) fn next_position(after: u64) -> Result<u64, StoreError> {
    let next = after + 1;
    if next.is_multiple_of(ROWS_MAX) {
        return Err(StoreError::TooLarge { limit: "TURN_ROWS_MAX", max: TURN_ROWS_MAX });
    }
    Ok(next)
}

/// Held by who reads the whole log and by who comes to be a node, one after another.
pub(super) const HOLD_ENTRANCE: &str = "SELECT node FROM node WHERE node = 0 FOR UPDATE";
/// Held by a turn to its end: `$1` and `$2` are its claim.
const HOLD: &str = "SELECT position, (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM node WHERE node = $1 AND claim = $2 FOR UPDATE";
const HOLD_ALL: &str = "SELECT position FROM node WHERE node > 0 ORDER BY node FOR UPDATE";
const RAISE_ALL: &str = "UPDATE node SET position = $1 WHERE node > 0 AND position < $1";
const RAISE: &str = "UPDATE node SET position = $2, seen_at = clock_timestamp()
    WHERE node = $1 AND position < $2";
const RELEASE: &str = "UPDATE node SET claim = NULL WHERE node = $1 AND claim = $2";
const CLAIM_FREE: &str = "UPDATE node SET claim = gen_random_uuid(), built_for = $1,
    seen_at = clock_timestamp() WHERE node = (SELECT node FROM node WHERE node > 0
    AND (claim IS NULL OR seen_at < clock_timestamp() - $2::bigint * interval '1 second')
    ORDER BY node LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING node, claim";
/// Above all that was read so far: while the entrance is held, nothing more is.
const CLAIM_NEW: &str = "INSERT INTO node (node, position, claim, built_for, seen_at)
    SELECT max(node) + 1, max(position), gen_random_uuid(), $1, clock_timestamp()
    FROM node HAVING max(node) < $2 RETURNING node, claim";

/// Claims a number, for a node that is built for a step of the schema.
pub(super) fn claim(session: &Session, built_for: i32) -> Result<Claim, StoreError> {
    let ask = |before, ask: Option<Ask<'_>>, after| {
        let answers = session.flight(before, &Vec::from_iter(ask), after);
        answers.map(|it| it.into_iter().flatten().next()).map_err(|it| failed(&it))
    };
    ask("BEGIN", Some((HOLD_ENTRANCE, vec![])), "")?;
    let free = (CLAIM_FREE, vec![value(built_for), value(CLAIM_LIVES_SECONDS)]);
    let row = match ask("", Some(free), "")? {
        Some(row) => Some(row),
        None => ask("", Some((CLAIM_NEW, vec![value(built_for), value(NODES_MAX)])), "")?,
    };
    let none = || StoreError::Unavailable(format!("{NODES_MAX} nodes have the database already"));
    let row = row.ok_or_else(none)?;
    let (node, claim) = (get(&row, 0)?, get(&row, 1)?);
    // Whoever took away what an older node needs, did so before, and holds the entrance too.
    migrate::check(session, built_for)?;
    ask("", None, "COMMIT")?;
    Ok(Claim { node, claim })
}

/// Gives a number back; not in time, it is free later.
pub(super) fn release(session: &Session, it: Claim) {
    let ask = (RELEASE, vec![value(it.node), value(it.claim)]);
    session.flight("", &[ask], "").map(drop).unwrap_or_default();
}

/// Keeps a number claimed while there is nothing to write.
pub(super) async fn renew(config: Config, claim: Arc<Mutex<Option<Claim>>>) {
    let mut ticks = interval(CLAIM_RENEWED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once, and it was just claimed.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let now = *lock(&claim);
        let Some(Claim { node, claim }) = now else { continue };
        let Ok((client, connection)) = config.connect(NoTls).await else { continue };
        drop(tokio::spawn(connection));
        let touch = format!(
            "SET synchronous_commit = off; SET lock_timeout = '5s';
            UPDATE node SET seen_at = clock_timestamp() WHERE node = {node} AND claim = '{claim}'"
        );
        // A server that is not there now is asked again.
        client.batch_execute(&touch).await.unwrap_or_default();
    }
}

/// What a turn asks for its positions.
pub(super) fn hold(it: Claim) -> Ask<'static> {
    (HOLD, vec![value(it.node), value(it.claim)])
}

/// Writes the newest position of a turn.
pub(super) fn raise(it: Claim, position: u64) -> Ask<'static> {
    (RAISE, vec![value(it.node), value(signed(position))])
}

/// Begins something at a moment at which nobody has a position that is not committed, and after
/// which every position is above all that are.
pub(super) fn between_turns<T>(
    session: &Session,
    begin: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let failed = |error| failed(&error);
    let hold = [(HOLD_ENTRANCE, vec![]), (HOLD_ALL, vec![])];
    let held = session.flight("BEGIN", &hold, "").map_err(failed)?;
    let positions = held[1].iter().map(|row| get::<i64>(row, 0)).collect::<Result<Vec<_>, _>>()?;
    let highest = positions.iter().copied().max().unwrap_or(0);
    let is_raised = positions.iter().any(|it| *it < highest);
    if is_raised {
        let raise = (RAISE_ALL, vec![value(highest)]);
        session.flight("", &[raise], "").map_err(failed)?;
    }
    let begun = begin()?;
    if is_raised {
        // Durable before anything is told that was read above it.
        session.flight("", &[], "COMMIT").map_err(failed)?;
    } else {
        session.throw("ROLLBACK");
    }
    Ok(begun)
}
