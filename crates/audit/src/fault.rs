//! What a check can find.

use std::fmt;

use crate::TileId;

/// Why something is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text is not what it should be.
    Malformed(&'static str),
    /// The text says the same as the one that was written, but is not the same text.
    Rewritten(&'static str),
    /// The signature is under another key than the one that is trusted.
    OtherKey,
    /// The signature does not belong to the text.
    Signature,
    /// A row or a head is of another institution.
    OtherInstitution,
    /// A row's content does not lead to its root.
    Content {
        /// The row's position in the log.
        position: u64,
    },
    /// A row does not come after the row before it, in the log or in its lane.
    Order {
        /// The row's position in the log.
        position: u64,
    },
    /// The row is not where the proof says, in the tree of the head.
    NotIncluded,
    /// The later head does not continue the earlier one.
    NotContinued,
    /// There are fewer rows than the head counts.
    RowsMissing {
        /// How many there are.
        rows: u64,
        /// How many the head counts.
        size: u64,
    },
    /// There are more rows than the head counts.
    RowsLeft {
        /// How many the head counts.
        size: u64,
    },
    /// The rows do not lead to the root of a head.
    OtherHistory {
        /// How many rows that head counts.
        size: u64,
    },
    /// A tile has not the hashes it should have.
    Tile(TileId),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "this is no {what}"),
            Self::Rewritten(what) => write!(f, "the {what} is not the text that was written"),
            Self::OtherKey => write!(f, "signed under another key"),
            Self::Signature => write!(f, "the signature does not belong to the head"),
            Self::OtherInstitution => write!(f, "of another institution"),
            Self::Content { position } => {
                write!(f, "the content of the row at position {position} does not lead to its root")
            }
            Self::Order { position } => {
                write!(f, "the row at position {position} does not follow the row before it")
            }
            Self::NotIncluded => write!(f, "the row is not in the log of the head"),
            Self::NotContinued => write!(f, "the later head does not continue the earlier one"),
            Self::RowsMissing { rows, size } => {
                write!(f, "{rows} rows, where the head counts {size}")
            }
            Self::RowsLeft { size } => write!(f, "more rows than the {size} the head counts"),
            Self::OtherHistory { size } => {
                write!(f, "the rows do not lead to the head of {size} rows")
            }
            Self::Tile(TileId { level, number }) => {
                write!(f, "tile {number} of level {level} has not the hashes it should have")
            }
        }
    }
}

impl std::error::Error for Fault {}
