//! A posted transfer in a fixed number of bytes.
//!
//! The event log keeps transfers in this form: a transfer is found by counting, and a thousand of
//! them are one blob. All numbers are big-endian.
//!
//! ```text
//!   0 id              16        112 amount (minor units)          8
//!  16 about           16        120 booked at (Unix nanoseconds)  8
//!  32 debit           16        128 expires (the same; MIN: none) 8
//!  48 credit          16        136 value date (yyyymmdd)         4
//!  64 debit previous  16        140 booked on (yyyymmdd)          4
//!  80 credit previous 16        144 kind, balancing, linked     3×1
//!  96 reason          16        147 zero                          5
//! ```

use std::fmt;

use money::Amount;
use stdx::{Date, Id, Timestamp};

use crate::{Balancing, Code, Kind, Posted, Transfer, TransferId};

/// The size of a transfer on the wire.
pub const POSTED_BYTES: usize = 152;

/// The bytes are not a transfer: a bug or a broken disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError;

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are not a transfer")
    }
}

impl std::error::Error for WireError {}

impl Posted {
    /// Appends the [`POSTED_BYTES`] bytes of this transfer.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let it = &self.transfer;
        let (kind, expires) = match it.kind {
            Kind::Plain => (0, None),
            Kind::Hold { expires } => (1, expires),
            Kind::Post(_) => (2, None),
            Kind::Void(_) => (3, None),
            Kind::Expire(_) => (4, None),
            Kind::Reversal(_) => (5, None),
        };
        let balancing = match it.balancing {
            Balancing::None => 0,
            Balancing::Debit => 1,
            Balancing::Credit => 2,
            Balancing::Both => 3,
        };
        let about = it.kind.about().unwrap_or(TransferId::NIL);
        let [debit_previous, credit_previous] =
            [self.debit_previous, self.credit_previous].map(|it| it.unwrap_or(TransferId::NIL));
        out.extend_from_slice(it.id.as_bytes());
        out.extend_from_slice(about.as_bytes());
        out.extend_from_slice(it.debit.as_bytes());
        out.extend_from_slice(it.credit.as_bytes());
        out.extend_from_slice(debit_previous.as_bytes());
        out.extend_from_slice(credit_previous.as_bytes());
        out.extend_from_slice(it.reason.as_bytes());
        out.extend_from_slice(&it.amount.minor().to_be_bytes());
        out.extend_from_slice(&nanoseconds(self.booked_at).to_be_bytes());
        out.extend_from_slice(&expires.map_or(i64::MIN, nanoseconds).to_be_bytes());
        out.extend_from_slice(&yyyymmdd(it.value_date).to_be_bytes());
        out.extend_from_slice(&yyyymmdd(self.booked_on).to_be_bytes());
        out.extend_from_slice(&[kind, balancing, u8::from(it.linked), 0, 0, 0, 0, 0]);
    }

    /// Reads what [`Posted::encode`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes cannot have been written by it.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() != POSTED_BYTES {
            return Err(WireError);
        }
        let mut reader = Reader(bytes);
        let id = reader.id()?;
        let about: TransferId = reader.id()?;
        let (debit, credit) = (reader.id()?, reader.id()?);
        let (debit_previous, credit_previous): (TransferId, TransferId) =
            (reader.id()?, reader.id()?);
        let reason = reader.code()?;
        let amount = Amount::from_minor(i64::from_be_bytes(reader.take()?));
        let booked_at = timestamp(i64::from_be_bytes(reader.take()?))?;
        let expires = i64::from_be_bytes(reader.take()?);
        let value_date = date(i32::from_be_bytes(reader.take()?))?;
        let booked_on = date(i32::from_be_bytes(reader.take()?))?;
        let [kind, balancing, linked, ..]: [u8; 8] = reader.take()?;
        let kind = match kind {
            0 => Kind::Plain,
            1 if expires == i64::MIN => Kind::Hold { expires: None },
            1 => Kind::Hold { expires: Some(timestamp(expires)?) },
            2 => Kind::Post(about),
            3 => Kind::Void(about),
            4 => Kind::Expire(about),
            5 => Kind::Reversal(about),
            _ => return Err(WireError),
        };
        let balancing = match balancing {
            0 => Balancing::None,
            1 => Balancing::Debit,
            2 => Balancing::Credit,
            3 => Balancing::Both,
            _ => return Err(WireError),
        };
        let linked = linked != 0;
        let transfer =
            Transfer { id, kind, debit, credit, amount, balancing, linked, value_date, reason };
        let previous = |id: TransferId| (!id.is_nil()).then_some(id);
        let (debit_previous, credit_previous) =
            (previous(debit_previous), previous(credit_previous));
        Ok(Self { transfer, booked_at, booked_on, debit_previous, credit_previous })
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(WireError)?;
        self.0 = rest;
        Ok(*head)
    }

    fn id<T>(&mut self) -> Result<Id<T>, WireError> {
        self.take().map(Id::from_bytes)
    }

    fn code(&mut self) -> Result<Code, WireError> {
        let bytes: [u8; Code::LEN_MAX] = self.take()?;
        let text = std::str::from_utf8(&bytes).map_err(|_| WireError)?;
        text.trim_end_matches('\0').parse().map_err(|_| WireError)
    }
}

/// Within the years 1678 to 2262 that 64 bits of nanoseconds reach.
fn nanoseconds(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_nanosecond()).unwrap_or(i64::MAX)
}

fn timestamp(nanoseconds: i64) -> Result<Timestamp, WireError> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).map_err(|_| WireError)
}

#[allow(clippy::arithmetic_side_effects, reason = "a date has four digits of year")]
fn yyyymmdd(date: Date) -> i32 {
    i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day())
}

#[allow(clippy::arithmetic_side_effects, reason = "division by constants")]
fn date(yyyymmdd: i32) -> Result<Date, WireError> {
    let year = i16::try_from(yyyymmdd / 10_000).map_err(|_| WireError)?;
    let month = i8::try_from(yyyymmdd / 100 % 100).map_err(|_| WireError)?;
    let day = i8::try_from(yyyymmdd % 100).map_err(|_| WireError)?;
    Date::new(year, month, day).map_err(|_| WireError)
}
