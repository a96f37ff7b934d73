//! A row of the log in bytes. All numbers are big-endian.
//!
//! ```text
//!   0 position     8      80 digest  32
//!   8 institution 16     112 root    32
//!  24 lane        16     144 then actor, command, key, body and transfers:
//!  40 seq          8         four bytes of length and so many bytes, each
//!  48 previous     8
//!  56 told at      8
//!  64 booked at   16  nanoseconds of Unix time, signed
//! ```

use stdx::{Digest, Id, Timestamp};
use store::LogRow;

/// Appends the bytes of a row.
pub(crate) fn encode(row: &LogRow, out: &mut Vec<u8>) {
    out.extend_from_slice(&row.position.to_be_bytes());
    out.extend_from_slice(row.institution.as_bytes());
    out.extend_from_slice(row.lane.as_bytes());
    for number in [row.seq, row.previous, row.told_at] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&row.at.as_nanosecond().to_be_bytes());
    out.extend_from_slice(row.digest.as_bytes());
    out.extend_from_slice(row.root.as_bytes());
    let texts = [&row.actor, &row.command, &row.key].map(|it| it.as_bytes());
    for part in texts.into_iter().chain([&row.body[..], &row.transfers]) {
        // A longer part makes a row over `ROW_BYTES_MAX`, which is not written.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(part);
    }
}

/// The row of these bytes, all of them; `None` when they are not a row.
pub(crate) fn decode(bytes: &[u8]) -> Option<LogRow> {
    let mut left = bytes;
    let row = LogRow {
        position: u64::from_be_bytes(take(&mut left)?),
        institution: Id::from_bytes(take(&mut left)?),
        lane: Id::from_bytes(take(&mut left)?),
        seq: u64::from_be_bytes(take(&mut left)?),
        previous: u64::from_be_bytes(take(&mut left)?),
        told_at: u64::from_be_bytes(take(&mut left)?),
        at: Timestamp::from_nanosecond(i128::from_be_bytes(take(&mut left)?)).ok()?,
        digest: Digest::from_bytes(take(&mut left)?),
        root: Digest::from_bytes(take(&mut left)?),
        actor: text(&mut left)?,
        command: text(&mut left)?,
        key: text(&mut left)?,
        body: part(&mut left)?.to_vec(),
        transfers: part(&mut left)?.to_vec(),
    };
    left.is_empty().then_some(row)
}

/// The first bytes of what is left.
fn take<const N: usize>(left: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(*taken)
}

fn part<'b>(left: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(u32::from_be_bytes(take(left)?)).ok()?;
    let (part, rest) = left.split_at_checked(length)?;
    *left = rest;
    Some(part)
}

fn text(left: &mut &[u8]) -> Option<String> {
    String::from_utf8(part(left)?.to_vec()).ok()
}
