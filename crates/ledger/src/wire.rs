//! A posted transfer in a fixed number of bytes.
//!
//! The event log keeps transfers in this form: a transfer is found by counting, and a thousand of
//! them are one blob. All numbers are big-endian.
//!
//! ```text
//!   0 id              16        112 amount (minor units)          8
//!  16 about           16        120 booked at (Unix time)        12
//!  32 debit           16        132 expires (Unix time)          12
//!  48 credit          16        144 value date (yyyymmdd)         4
//!  64 debit previous  16        148 booked on (yyyymmdd)          4
//!  80 credit previous 16        152 counted on (yyyymmdd)         4
//!  96 reason          16        156 kind, balancing, linked, zero 4
//! ```
//!
//! Unix time is eight bytes of seconds and four of nanoseconds: 64 bits of nanoseconds would end
//! in the year 2262, and a hold may expire later. An id that is not there is nil; a hold without
//! an end expires at second `i64::MIN`, before every timestamp, as does what is no hold.

use std::fmt;

use money::Amount;
use stdx::{Date, Timestamp, date};

use crate::{AccountId, Balancing, Code, Kind, Posted, Transfer, TransferId};

/// The size of a transfer on the wire.
pub const POSTED_BYTES: usize = 160;

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
        for moment in [Some(self.booked_at), expires] {
            let (seconds, nanoseconds) =
                moment.map_or(NEVER, |it| (it.as_second(), it.subsec_nanosecond()));
            out.extend_from_slice(&seconds.to_be_bytes());
            out.extend_from_slice(&nanoseconds.to_be_bytes());
        }
        for day in [it.value_date, self.booked_on, self.counted_on] {
            out.extend_from_slice(&date::number(day).to_be_bytes());
        }
        out.extend_from_slice(&[kind, balancing, u8::from(it.linked), 0]);
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
        let id = reader.id()?.ok_or(WireError)?;
        let about = reader.id()?;
        let (debit, credit) = (reader.account()?, reader.account()?);
        let (debit_previous, credit_previous) = (reader.id()?, reader.id()?);
        let reason = reader.code()?;
        let amount = Amount::from_minor(i64::from_be_bytes(reader.take()?));
        let (booked_at, expires) = (reader.moment()?.ok_or(WireError)?, reader.moment()?);
        let (value_date, booked_on, counted_on) = (reader.date()?, reader.date()?, reader.date()?);
        let [kind, balancing, linked, 0] = reader.take()? else { return Err(WireError) };
        let kind = match (kind, about, expires) {
            (0, None, None) => Kind::Plain,
            (1, None, expires) => Kind::Hold { expires },
            (2, Some(hold), None) => Kind::Post(hold),
            (3, Some(hold), None) => Kind::Void(hold),
            (4, Some(hold), None) => Kind::Expire(hold),
            (5, Some(of), None) => Kind::Reversal(of),
            _ => return Err(WireError),
        };
        let balancing = match balancing {
            0 => Balancing::None,
            1 => Balancing::Debit,
            2 => Balancing::Credit,
            3 => Balancing::Both,
            _ => return Err(WireError),
        };
        let linked = match linked {
            0 => false,
            1 => true,
            _ => return Err(WireError),
        };
        let transfer =
            Transfer { id, kind, debit, credit, amount, balancing, linked, value_date, reason };
        Ok(Self { transfer, booked_at, booked_on, counted_on, debit_previous, credit_previous })
    }
}

/// No moment: before every timestamp.
const NEVER: (i64, i32) = (i64::MIN, 0);

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(WireError)?;
        self.0 = rest;
        Ok(*head)
    }

    fn id(&mut self) -> Result<Option<TransferId>, WireError> {
        let id = TransferId::from_bytes(self.take()?);
        Ok((!id.is_nil()).then_some(id))
    }

    fn account(&mut self) -> Result<AccountId, WireError> {
        self.take().map(AccountId::from_bytes)
    }

    fn moment(&mut self) -> Result<Option<Timestamp>, WireError> {
        let seconds = i64::from_be_bytes(self.take()?);
        let nanoseconds = i32::from_be_bytes(self.take()?);
        if (seconds, nanoseconds) == NEVER {
            return Ok(None);
        }
        let moment = Timestamp::new(seconds, nanoseconds).map_err(|_| WireError)?;
        // Otherwise one moment could be written in two ways.
        let canonical = (moment.as_second(), moment.subsec_nanosecond()) == (seconds, nanoseconds);
        canonical.then_some(Some(moment)).ok_or(WireError)
    }

    fn date(&mut self) -> Result<Date, WireError> {
        date::from_number(i32::from_be_bytes(self.take()?)).ok_or(WireError)
    }

    fn code(&mut self) -> Result<Code, WireError> {
        let bytes: [u8; Code::LEN_MAX] = self.take()?;
        let text = std::str::from_utf8(&bytes).map_err(|_| WireError)?;
        text.trim_end_matches('\0').parse().map_err(|_| WireError)
    }
}
