//! One segment: written from its header to its trailer, and read back.

use std::io::{self, ErrorKind, Read, Write};

use stdx::Digest;
use store::LogRow;

use crate::{Damage, ROW_BYTES_MAX, row::decode};

const FORMAT: [u8; 8] = *b"SUANBAK\x01";
const HEADER_BYTES: usize = 56;
const TRAILER_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;

/// How a segment ends, from which the next one goes on. The default is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub number: u64,
    pub digest: Digest,
    pub order: Order,
}

/// Rows come in order of position, and those of a commit together: the one that tells what
/// happened, then those that point at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub position: u64,
    told_at: u64,
}

impl Order {
    /// Goes on with a row; whether it may come next.
    pub(crate) fn follow(&mut self, row: &LogRow) -> bool {
        let tells = row.told_at == 0;
        let follows = row.position > self.position && (tells || row.told_at == self.told_at);
        self.position = row.position;
        if tells {
            self.told_at = row.position;
        }
        follows
    }
}

fn header(before: &End) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&FORMAT);
    bytes[8..16].copy_from_slice(&(before.number + 1).to_be_bytes());
    bytes[16..48].copy_from_slice(before.digest.as_bytes());
    bytes[48..].copy_from_slice(&before.order.position.to_be_bytes());
    bytes
}

fn trailer(rows: u64, position: u64) -> [u8; TRAILER_BYTES] {
    let mut bytes = [0; TRAILER_BYTES];
    bytes[..8].copy_from_slice(&rows.to_be_bytes());
    bytes[8..].copy_from_slice(&position.to_be_bytes());
    bytes
}

/// Writes a segment.
pub(crate) struct Writer<W> {
    out: W,
    end: End,
    rows: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn begin(mut out: W, before: &End) -> io::Result<Self> {
        let header = header(before);
        let end = End { number: before.number + 1, digest: Digest::of(&[&header]), ..*before };
        out.write_all(&header)?;
        out.write_all(end.digest.as_bytes())?;
        Ok(Self { out, end, rows: 0 })
    }

    /// Writes a row of at most [`ROW_BYTES_MAX`], up to which the order is this.
    pub(crate) fn row(&mut self, row: &[u8], order: Order) -> io::Result<()> {
        let length = u32::try_from(row.len()).map_err(io::Error::other)?;
        self.end.digest = Digest::of(&[self.end.digest.as_bytes(), row]);
        self.end.order = order;
        self.rows += 1;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(row)?;
        self.out.write_all(self.end.digest.as_bytes())
    }

    /// Ends it; answers what was written to and how many rows it has.
    pub(crate) fn end(mut self) -> io::Result<(W, u64)> {
        let trailer = trailer(self.rows, self.end.order.position);
        let digest = Digest::of(&[self.end.digest.as_bytes(), &trailer]);
        self.out.write_all(&0_u32.to_be_bytes())?;
        self.out.write_all(&trailer)?;
        self.out.write_all(digest.as_bytes())?;
        Ok((self.out, self.rows))
    }
}

/// Why a segment is not read further.
pub(crate) enum Trouble {
    Io(io::Error),
    Damaged(Place, Damage),
}

/// Where a segment is damaged; see [`crate::Fault::Damaged`].
pub(crate) struct Place {
    pub frame: u64,
    pub offset: u64,
    pub after: u64,
    pub restorable: u64,
}

/// Reads a segment, and believes nothing that does not lead to its digest.
pub(crate) struct Reader<R> {
    input: R,
    /// How the segment would end here.
    pub end: End,
    rows: u64,
    /// The frame that comes next, and where it begins.
    frame: u64,
    offset: u64,
}

impl<R: Read> Reader<R> {
    /// Begins with the segment of this number. That it continues the one before is not known when
    /// that one was not read.
    pub(crate) fn begin(input: R, number: u64, before: Option<&End>) -> Result<Self, Trouble> {
        let end = before.copied().unwrap_or_default();
        let mut this = Self { input, end, rows: 0, frame: 0, offset: 0 };
        let bytes: [u8; HEADER_BYTES] = this.read()?;
        let digest = Digest::from_bytes(this.read()?);
        let damage = if bytes[..8] != FORMAT {
            Some(Damage::Format)
        } else if digest != Digest::of(&[&bytes]) {
            Some(Damage::Digest)
        } else if bytes[8..16] != number.to_be_bytes() {
            Some(Damage::Number)
        } else if before.is_some_and(|before| bytes != header(before)) {
            Some(Damage::NotContinued)
        } else {
            None
        };
        if let Some(damage) = damage {
            return Err(this.damaged(damage));
        }
        let order = Order { position: u64::from_be_bytes(field(&bytes, 48)), ..this.end.order };
        this.end = End { number, digest, order };
        this.advance(HEADER_BYTES + DIGEST_BYTES);
        Ok(this)
    }

    /// The next row; `None` after the last, when the file ends as it should.
    pub(crate) fn next(&mut self) -> Result<Option<LogRow>, Trouble> {
        let length = u32::from_be_bytes(self.read()?) as usize;
        if length == 0 {
            return self.trailer().map(|()| None);
        }
        if length > ROW_BYTES_MAX {
            return Err(self.damaged(Damage::Digest));
        }
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(length as u64).read_to_end(&mut bytes);
        if read.map_err(Trouble::Io)? < length {
            return Err(self.damaged(Damage::Truncated));
        }
        let digest = self.follow(&bytes)?;
        let row = decode(&bytes).ok_or_else(|| self.damaged(Damage::Row))?;
        let mut order = self.end.order;
        if !order.follow(&row) {
            return Err(self.damaged(Damage::Order));
        }
        self.end = End { digest, order, ..self.end };
        self.rows += 1;
        self.advance(size_of::<u32>() + length + DIGEST_BYTES);
        Ok(Some(row))
    }

    fn trailer(&mut self) -> Result<(), Trouble> {
        let bytes: [u8; TRAILER_BYTES] = self.read()?;
        self.end.digest = self.follow(&bytes)?;
        if bytes != trailer(self.rows, self.end.order.position) {
            return Err(self.damaged(Damage::Count));
        }
        self.advance(size_of::<u32>() + TRAILER_BYTES + DIGEST_BYTES);
        let more = (&mut self.input).take(1).read_to_end(&mut Vec::new()).map_err(Trouble::Io)?;
        if more == 0 { Ok(()) } else { Err(self.damaged(Damage::Longer)) }
    }

    /// Reads the digest to which these bytes must lead.
    fn follow(&mut self, bytes: &[u8]) -> Result<Digest, Trouble> {
        let digest = Digest::from_bytes(self.read()?);
        let leads = digest == Digest::of(&[self.end.digest.as_bytes(), bytes]);
        if leads { Ok(digest) } else { Err(self.damaged(Damage::Digest)) }
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N], Trouble> {
        let mut bytes = [0; N];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.damaged(Damage::Truncated))
            }
            Err(error) => Err(Trouble::Io(error)),
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.frame += 1;
        self.offset += bytes as u64;
    }

    fn damaged(&self, damage: Damage) -> Trouble {
        let Order { position: after, told_at } = self.end.order;
        // The newest commit may have rows that were not read.
        let restorable = told_at.saturating_sub(1);
        let (frame, offset) = (self.frame, self.offset);
        Trouble::Damaged(Place { frame, offset, after, restorable }, damage)
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}
