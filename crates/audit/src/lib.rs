//! Proof of the event log for somebody who has nothing but a public key.
//!
//! The rows of an institution's log, in order of position, are the leaves of a Merkle tree
//! (RFC 6962). A [`Head`] says how many rows there are, what the tree's root is and when that was;
//! signed, it fixes the whole history up to then. From a head follow two proofs: that a row is in
//! the log ([`Inclusion`]), and that a later head only added to an earlier one ([`Consistency`]).
//! An export holds all rows of a head, so that the whole history can be checked ([`Check`]).
//!
//! Texts are strict: what is read must be, byte for byte, what would be printed. So there is no
//! part of a file that could be changed without a check noticing.
//!
//! Suggested reading order: [`merkle`] (hashes, and proofs checked), [`tree`] (the tree in tiles,
//! and proofs made), [`row`] (what a leaf is), [`note`] (keys and signatures), [`head`],
//! [`proof`], [`export`], [`fault`].

mod export;
mod fault;
mod head;
pub mod merkle;
mod note;
mod proof;
mod row;
pub mod tree;

pub use export::{Chain, Check, header};
pub use fault::Fault;
pub use head::{Head, SignedHead};
pub use note::{PublicKey, SigningKey};
pub use proof::{Consistency, Inclusion, Proof};
pub use row::{Row, leaf};
pub use tree::{Edge, Tile, TileId};

#[cfg(test)]
mod tests;
