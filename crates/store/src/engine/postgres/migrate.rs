//! The tables, and who may work with them.
//!
//! A step comes in two parts, so that nodes of two versions run side by side. It *expands* the
//! tables by what newer nodes need and older ones do not notice; when no older node is left, it
//! *contracts* them by what only those needed. A node that is built for step B opens a database
//! where B is expanded and nothing is contracted that B needs.

use tokio_postgres::error::SqlState;

use super::{
    connection::{Ask, Session, failed},
    node::{CLAIM_LIVES_SECONDS, HOLD_ENTRANCE},
    values::{get, value},
};
use crate::StoreError;

/// What brings the tables from one version to the next. Never edited once it is released.
pub(super) struct Step {
    pub expand: &'static str,
    /// What nodes built for this step or later do not need.
    pub contract: Option<&'static str>,
}

/// The steps from an empty database to today's tables; the first is number 1.
pub(super) const STEPS: &[Step] =
    &[Step { expand: include_str!("../../migrations/postgres/0001.sql"), contract: None }];

/// How rows are kept, where the database lets itself be told.
const STORAGE: &str = include_str!("../../migrations/postgres/storage.sql");

/// What was done; nodes built for the highest `oldest` or later may work with the result.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version (
    version    integer     NOT NULL,
    part       text        NOT NULL CHECK (part IN ('expand', 'contract')),
    oldest     integer     NOT NULL CHECK (oldest <= version),
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (version, part)
)";
const NEWEST: &str = "SELECT max(version), max(oldest) FROM schema_version";
/// Whoever is later waits here for who was first, and does nothing then.
const APPLIED: &str = "INSERT INTO schema_version (version, part, oldest) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING version";
const OLDER_NODES: &str = "SELECT node, built_for FROM node WHERE node > 0 AND claim IS NOT NULL
    AND built_for < $1 AND seen_at >= clock_timestamp() - $2::bigint * interval '1 second'
    ORDER BY node";
/// A node that was not heard of and comes back finds its claim gone, and asks for another one.
const END_OLDER_CLAIMS: &str = "UPDATE node SET claim = NULL WHERE node > 0 AND built_for < $1";

/// Refuses tables that a node built for a step cannot work with.
pub(super) fn check(session: &Session, built_for: i32) -> Result<(), StoreError> {
    let run = "run `suanpan migrate` with this binary first";
    let (version, oldest) = match session.flight("", &[(NEWEST, vec![])], "") {
        Ok(answers) => newest(&answers[0][0])?,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => (0, 0),
        Err(error) => return Err(failed(&error)),
    };
    if version == 0 {
        return Err(StoreError::Unavailable(format!("the database has no tables: {run}")));
    }
    if built_for > version {
        let what = format!("the tables are at step {version}, this binary needs {built_for}");
        return Err(StoreError::Unavailable(format!("{what}: {run}")));
    }
    if built_for < oldest {
        let what = format!("the tables need a binary built for step {oldest} or later");
        return Err(StoreError::Corrupt(format!("{what}; this one is for {built_for}")));
    }
    Ok(())
}

fn newest(row: &tokio_postgres::Row) -> Result<(i32, i32), StoreError> {
    let number = |column| get::<Option<i32>>(row, column).map(Option::unwrap_or_default);
    Ok((number(0)?, number(1)?))
}

/// Does what is not done yet: expands, and contracts when that is asked for. Answers what it did.
pub(super) fn migrate(
    session: &Session,
    steps: &[Step],
    contracts: bool,
) -> Result<Vec<String>, StoreError> {
    // Two who make it at the same time: one of them finds it made, the second time.
    if session.flight("", &[], VERSIONS).is_err() {
        session.flight("", &[], VERSIONS).map_err(|it| failed(&it))?;
    }
    let mut done = Vec::new();
    for (number, step) in (1..).zip(steps) {
        // Who could work with the tables before still can.
        done.extend(apply(session, (number, "expand", 1), step.expand)?);
        if let Some(contract) = step.contract.filter(|_| contracts) {
            done.extend(apply(session, (number, "contract", number), contract)?);
        }
    }
    // Nothing depends on it; who does not know these words keeps rows as ever.
    session.flight("", &[], STORAGE).map(drop).unwrap_or_default();
    Ok(done)
}

/// Applies one part of a step; `None` when somebody has.
fn apply(
    session: &Session,
    (number, part, oldest): (i32, &'static str, i32),
    sql: &str,
) -> Result<Option<String>, StoreError> {
    let ask = |before, ask: Option<Ask<'_>>, after| {
        let answers = session.flight(before, &Vec::from_iter(ask), after);
        answers.map(|it| it.into_iter().flatten().collect::<Vec<_>>()).map_err(|it| failed(&it))
    };
    let applied = (APPLIED, vec![value(number), value(part), value(oldest)]);
    if ask("BEGIN", Some(applied), "")?.is_empty() {
        return ask("", None, "ROLLBACK").map(|_| None);
    }
    if part == "contract" {
        ask("", Some((HOLD_ENTRANCE, vec![])), "")?;
        let older = (OLDER_NODES, vec![value(number), value(CLAIM_LIVES_SECONDS)]);
        if let Some(row) = ask("", Some(older), "")?.first() {
            let (node, built_for): (i16, i32) = (get(row, 0)?, get(row, 1)?);
            ask("", None, "ROLLBACK")?;
            let what = format!("step {number} cannot contract: node {node} is there");
            return Err(StoreError::Unavailable(format!("{what}, built for step {built_for}")));
        }
        ask("", Some((END_OLDER_CLAIMS, vec![value(number)])), "")?;
    }
    ask(sql, None, "")?;
    ask("", None, "COMMIT")?;
    Ok(Some(format!("{part} {number}")))
}
