//! The event log in files.
//!
//! The log is the truth and every table follows from it, so a backup is the rows of the log and
//! nothing else. It knows no engine: what was backed up from one is restored on another.
//!
//! A backup is a directory of segments, `00000001.segment` and so on. Each is written once, ends
//! with a whole commit, and is never changed. [`append`] adds one with all rows that came after
//! the last; the first has all there are. All numbers are big-endian.
//!
//! ```text
//! header    0 format: "SUANBAK" and the byte 1    8
//!           8 number of the segment, from 1       8
//!          16 digest that ends the one before    32   zeros in the first
//!          48 position that ends the one before   8   zero in the first
//!          56 digest of bytes 0 to 56            32
//! frames    0 length of the row, never zero       4
//!           4 the row                             n   see `row`
//!         4+n digest                             32
//! trailer   0 zero, where a frame has its length  4
//!           4 rows of the segment                 8
//!          12 position of the last row            8
//!          20 digest                             32   and the file ends
//! ```
//!
//! The digest of a frame is `stdx::Digest::of` two parts, the digest before it and the row; that of
//! the trailer has its bytes 4 to 20 in the row's place. So every byte of all segments leads to
//! the last digest, and what does not follow is found where it begins.
//!
//! Checksums find damage, not a forger, who could compute them anew: that is what signed heads of
//! the log are for.
//!
//! Suggested reading order: [`row`], [`segment`], [`append`], [`read`], [`restore`], [`fault`].

mod append;
mod fault;
mod read;
mod restore;
mod row;
mod segment;

pub use append::{Appended, append};
pub use fault::{Damage, Fault};
pub use read::{Backup, Rows, Summary};
pub use restore::{Restored, Until};

/// The most bytes of a row: more than all that a commit may carry.
pub const ROW_BYTES_MAX: usize = 256 << 20;

#[cfg(test)]
mod tests;
