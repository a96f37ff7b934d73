//! What can be wrong with one field.
//!
//! A fault names the rule that is broken and never repeats the number: at most the one character
//! in question, which alone identifies nobody.

use std::fmt;

/// One field does not keep its rule. `rule` names the standard and the part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The field is empty and must not be.
    Missing {
        /// The rule broken.
        rule: &'static str,
    },
    /// The text has too few or too many characters.
    Length {
        /// The rule broken.
        rule: &'static str,
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// Characters given.
        found: usize,
    },
    /// A character that cannot stand where it stands.
    Character {
        /// The rule broken.
        rule: &'static str,
        /// Which character, from 1.
        position: usize,
    },
    /// The number does not begin as numbers of its sort do.
    Prefix {
        /// The rule broken.
        rule: &'static str,
    },
    /// The birth date in the number is not a day of the calendar.
    BirthDate {
        /// The rule broken.
        rule: &'static str,
    },
    /// The birth date in the number is after today.
    BornInFuture {
        /// The rule broken.
        rule: &'static str,
    },
    /// The check character does not fit the rest of the number.
    Checksum {
        /// The rule broken.
        rule: &'static str,
        /// The check character that fits the rest as given.
        expected: char,
        /// The check character given.
        found: char,
    },
}

impl Fault {
    /// The stable name of the fault, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Length { .. } => "wrong-length",
            Self::Character { .. } => "wrong-character",
            Self::Prefix { .. } => "unknown-prefix",
            Self::BirthDate { .. } => "impossible-birth-date",
            Self::BornInFuture { .. } => "birth-date-in-future",
            Self::Checksum { .. } => "wrong-checksum",
        }
    }

    /// The rule broken: a standard and the part of it, or a limit of this platform.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Missing { rule }
            | Self::Length { rule, .. }
            | Self::Character { rule, .. }
            | Self::Prefix { rule }
            | Self::BirthDate { rule }
            | Self::BornInFuture { rule }
            | Self::Checksum { rule, .. } => rule,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { .. } => write!(f, "The field is empty; give a value."),
            Self::Length { min, max, found, .. } if min == max => {
                write!(f, "It has {found} characters and must have exactly {min}.")
            }
            Self::Length { min, max, found, .. } => {
                write!(f, "It has {found} characters and must have {min} to {max}.")
            }
            Self::Character { position, .. } => {
                write!(f, "Character {position} is not allowed there; compare with the document.")
            }
            Self::Prefix { .. } => {
                write!(f, "No number begins like this; compare the first digits with the document.")
            }
            Self::BirthDate { .. } => {
                write!(f, "Digits 7 to 14 are no calendar date; compare with the document.")
            }
            Self::BornInFuture { .. } => {
                write!(f, "The birth date, digits 7 to 14, is after today; check the document.")
            }
            Self::Checksum { expected, found, .. } => write!(
                f,
                "A character is mistyped: the last is `{found}`, the others ask for `{expected}`; \
                 compare with the document."
            ),
        }?;
        write!(f, " ({})", self.rule())
    }
}

impl std::error::Error for Fault {}

/// A field of the input that does not keep its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadField {
    /// The field as a JSON pointer (RFC 6901), such as `/id_number`.
    pub pointer: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for BadField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.fault)
    }
}

/// Checks the number of characters against `min..=max`; nothing at all is [`Fault::Missing`].
pub(crate) fn length(text: &str, min: usize, max: usize, rule: &'static str) -> Result<(), Fault> {
    match text.chars().count() {
        0 => Err(Fault::Missing { rule }),
        found if (min..=max).contains(&found) => Ok(()),
        found => Err(Fault::Length { rule, min, max, found }),
    }
}

/// Checks each character with `allowed(index from 0, character)`.
pub(crate) fn characters(
    text: &str,
    rule: &'static str,
    allowed: impl Fn(usize, char) -> bool,
) -> Result<(), Fault> {
    let wrong = text.chars().enumerate().find(|(index, character)| !allowed(*index, *character));
    wrong.map_or(Ok(()), |(index, _)| Err(Fault::Character { rule, position: index + 1 }))
}

/// Compares the last character, one of ASCII, with the one that fits the rest.
pub(crate) fn checksum(text: &str, expected: u8, rule: &'static str) -> Result<(), Fault> {
    let found = text.chars().next_back().unwrap_or_default();
    let expected = char::from(expected);
    if found == expected { Ok(()) } else { Err(Fault::Checksum { rule, expected, found }) }
}
