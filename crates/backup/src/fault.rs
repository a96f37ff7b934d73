//! What can be wrong with a backup, and where.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use store::StoreError;

use crate::ROW_BYTES_MAX;

/// Why there is no backup, or nothing to restore from it.
#[derive(Debug)]
pub enum Fault {
    /// A file or the directory cannot be read or written.
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process writes the backup.
    Locked(PathBuf),
    /// There is no segment.
    Empty(PathBuf),
    /// A segment is missing: those after it are there.
    Missing(PathBuf),
    /// A file is named as a segment and is none.
    Stray(PathBuf),
    /// A segment is not what was written.
    Damaged {
        /// The segment.
        file: PathBuf,
        /// The frame that is damaged: 0 is the header, rows begin with 1, the trailer is the last.
        frame: u64,
        /// The byte of the file at which the frame begins.
        offset: u64,
        /// The position of the last row that is whole, in this segment or those before it.
        after: u64,
        /// Up to this position everything was read and is whole; 0 when nothing is.
        restorable: u64,
        /// What is wrong.
        damage: Damage,
    },
    /// The log that is to be backed up does not have the last row of the backup.
    OtherLog {
        /// The position of that row.
        position: u64,
    },
    /// The rows of a commit do not come together.
    Apart {
        /// The position of the row that comes too late or too early.
        position: u64,
    },
    /// A row has more than [`ROW_BYTES_MAX`] bytes.
    TooLarge {
        /// Its position.
        position: u64,
    },
    /// The backup ends before the position that is to be restored.
    NotReached {
        /// The position of its last row.
        end: u64,
    },
    /// No commit is as early as that.
    Nothing,
    /// The store failed, or does not take a row.
    Store(StoreError),
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file begins as no segment does, or as one of a newer version.
    Format,
    /// The bytes do not lead to the digest.
    Digest,
    /// The file ends too early.
    Truncated,
    /// The file goes on after its end.
    Longer,
    /// It is another segment than its name says.
    Number,
    /// It does not continue the segment before it.
    NotContinued,
    /// The bytes lead to the digest, and are no row.
    Row,
    /// The row does not come after the one before it.
    Order,
    /// The trailer counts other rows.
    Count,
}

impl Fault {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.to_owned(), error }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Locked(path) => write!(f, "another process writes {}", path.display()),
            Self::Empty(path) => write!(f, "{} holds no backup", path.display()),
            Self::Missing(path) => write!(f, "{} is missing", path.display()),
            Self::Stray(path) => write!(f, "{} has no segment's name", path.display()),
            Self::Damaged { file, frame, offset, after, damage, .. } => write!(
                f,
                "{}, frame {frame} at byte {offset}, after the row at position {after}: {damage}",
                file.display()
            ),
            Self::OtherLog { position } => {
                write!(f, "the backup is of another log: the row at {position} is not in this one")
            }
            Self::Apart { position } => {
                write!(f, "the row at position {position} is apart from its commit")
            }
            Self::TooLarge { position } => {
                write!(f, "the row at position {position} is over ROW_BYTES_MAX of {ROW_BYTES_MAX}")
            }
            Self::NotReached { end } => write!(f, "the backup ends at position {end}"),
            Self::Nothing => f.write_str("no commit of the backup is as early as that"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "this is no segment, or one of a newer version",
            Self::Digest => "the bytes are not those that were written",
            Self::Truncated => "the file ends here",
            Self::Longer => "the file goes on after its end",
            Self::Number => "it is another segment than its name says",
            Self::NotContinued => "it does not continue the segment before it",
            Self::Row => "this is no row",
            Self::Order => "the row does not come after the one before it",
            Self::Count => "the trailer counts other rows",
        })
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}
