//! Values that have a name in a definition.

use std::{error::Error, fmt};

/// A text that names none of the known values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// What was written.
    pub text: String,
    /// What could have been written.
    pub known: Vec<&'static str>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not one of: {}", self.text, self.known.join(", "))
    }
}

impl Error for UnknownName {}

/// The value that is named `text` in `all`.
pub(crate) fn value_of<T: Copy>(all: &[(&'static str, T)], text: &str) -> Result<T, UnknownName> {
    let found = all.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| UnknownName {
        text: text.to_owned(),
        known: all.iter().map(|(name, _)| *name).collect(),
    })
}

/// The name `value` has in `all`.
pub(crate) fn name_of<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> &'static str {
    let found = all.iter().find(|(_, it)| it == value);
    found.map(|(name, _)| *name).expect("every variant is listed in ALL, a test says so")
}
