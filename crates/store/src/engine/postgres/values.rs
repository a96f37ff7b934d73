//! What goes into statements and comes out of rows.

use ledger::{InstitutionId, LaneId, Resolution};
use money::Amount;
use stdx::{Date, Digest, Id, Timestamp};
use tokio_postgres::{
    Row,
    types::{FromSql, ToSql},
};
use uuid::Uuid;

use super::connection::{Param, failed};
use crate::{
    LogRow, StoreError,
    engine::{LaneHead, PageRow, RecordRow, TransferPlace, resolution_of},
};

/// A parameter.
pub(super) fn value<'a, T: ToSql + Sync + 'a>(value: T) -> Param<'a> {
    Box::new(value)
}

/// A parameter that is a column.
pub(super) fn column<'a, T: ToSql + Sync + 'a>(values: impl IntoIterator<Item = T>) -> Param<'a> {
    Box::new(Vec::from_iter(values))
}

/// An id as PostgreSQL knows it.
pub(super) fn uuid<T>(id: Id<T>) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// A column of ids.
pub(super) fn uuids<'a, T>(ids: impl IntoIterator<Item = Id<T>>) -> Param<'a> {
    column(ids.into_iter().map(uuid))
}

/// Numbers are signed there. One beyond is above all that are stored.
pub(super) fn signed(number: impl Into<u64>) -> i64 {
    i64::try_from(number.into()).unwrap_or(i64::MAX)
}

/// A column of numbers.
pub(super) fn numbers<'a, N: Into<u64>>(numbers: impl IntoIterator<Item = N>) -> Param<'a> {
    column(numbers.into_iter().map(signed))
}

/// How many at most.
pub(super) fn limit(limit: usize) -> Param<'static> {
    value(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// A text PostgreSQL could have stored. What holds a NUL it could not, so it finds nothing.
pub(super) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| failed(&error))
}

pub(super) fn id<T>(row: &Row, column: usize) -> Result<Id<T>, StoreError> {
    get::<Uuid>(row, column).map(Id::from)
}

pub(super) fn digest(row: &Row, column: usize) -> Result<Digest, StoreError> {
    let bytes: &[u8] = get(row, column)?;
    bytes.try_into().map(Digest::from_bytes).map_err(|_| not("a digest"))
}

pub(super) fn number<N: TryFrom<i64>>(row: &Row, column: usize) -> Result<N, StoreError> {
    N::try_from(get(row, column)?).map_err(|_| not("a number that was written"))
}

pub(super) fn date(row: &Row, column: usize) -> Result<Date, StoreError> {
    stdx::date::from_number(get(row, column)?).ok_or_else(|| not("a date"))
}

/// A sum, as a text: it may be larger than any amount.
pub(super) fn sum(row: &Row, column: usize) -> Result<Amount, StoreError> {
    let text: &str = get(row, column)?;
    text.parse().map(Amount::from_minor).map_err(|_| crate::engine::sum_too_large())
}

pub(super) fn head(row: &Row, first: usize) -> Result<LaneHead, StoreError> {
    Ok(LaneHead {
        seq: number(row, first)?,
        position: number(row, first + 1)?,
        root: digest(row, first + 2)?,
        flushed: number(row, first + 3)?,
        accounts: number(row, first + 4)?,
    })
}

pub(super) fn links(row: &Row, column: usize) -> Result<Vec<(String, String)>, StoreError> {
    serde_json::from_str(get(row, column)?).map_err(|_| not("links"))
}

pub(super) fn record(row: &Row) -> Result<RecordRow, StoreError> {
    Ok(RecordRow {
        id: id(row, 0)?,
        version: number(row, 1)?,
        lane: id(row, 2)?,
        links: links(row, 3)?,
        body: get(row, 4)?,
    })
}

pub(super) fn page(
    of: InstitutionId,
    lane: LaneId,
    row: &Row,
    first: usize,
) -> Result<PageRow, StoreError> {
    let (number, as_of) = (number(row, first)?, number(row, first + 1)?);
    Ok(PageRow { lane: (of, lane), number, as_of, bytes: get(row, first + 2)? })
}

pub(super) fn place(row: &Row, first: usize) -> Result<TransferPlace, StoreError> {
    Ok(TransferPlace { position: number(row, first)?, item: number(row, first + 1)? })
}

pub(super) fn resolution(row: &Row, first: usize) -> Result<Resolution, StoreError> {
    resolution_of(number(row, first)?, id(row, first + 1)?).ok_or_else(|| not("a resolution"))
}

pub(super) fn log_row(row: &Row) -> Result<LogRow, StoreError> {
    let at = Timestamp::from_nanosecond(i128::from(get::<i64>(row, 6)?));
    Ok(LogRow {
        position: number(row, 0)?,
        institution: id(row, 1)?,
        lane: id(row, 2)?,
        seq: number(row, 3)?,
        previous: number(row, 4)?,
        told_at: number(row, 5)?,
        at: at.map_err(|_| not("a moment"))?,
        actor: get(row, 7)?,
        command: get(row, 8)?,
        key: get(row, 9)?,
        digest: digest(row, 10)?,
        body: get(row, 11)?,
        transfers: get(row, 12)?,
        root: digest(row, 13)?,
    })
}

pub(super) fn not(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a column is not {what}"))
}
