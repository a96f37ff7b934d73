//! What can go wrong below the domain.

use std::fmt;

/// The store could not do its work. A refused commit is not an error; see [`crate::Outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The engine failed: disk full, no permission, shut down. Repeating is safe.
    Unavailable(String),
    /// Other nodes were faster, again and again; nothing happened. Repeating is safe.
    Contended,
    /// What is stored is not what was written.
    Corrupt(String),
    /// Another process has the store open.
    Locked(String),
    /// The commit or the page is over a named limit.
    TooLarge {
        /// The limit's name.
        limit: &'static str,
        /// The most it allows.
        max: usize,
    },
    /// A text of the commit has a NUL in it, which not every engine can store. Which text.
    NulInText(&'static str),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the store is unavailable: {why}"),
            Self::Contended => f.write_str("the store is busy: other nodes write the same"),
            Self::Corrupt(what) => write!(f, "the store is corrupt: {what}"),
            Self::Locked(place) => write!(f, "another process has {place} open"),
            Self::TooLarge { limit, max } => write!(f, "over the limit {limit} of {max}"),
            Self::NulInText(what) => write!(f, "a {what} has the character NUL in it"),
        }
    }
}

impl std::error::Error for StoreError {}
