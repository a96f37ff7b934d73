//! Why a document is not made. Codes are frozen: add at the end, never reuse.

use std::fmt;

/// Why data does not become a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentError {
    /// A list has more rows than a document takes.
    TooManyRows {
        /// Which list.
        list: &'static str,
        /// The most it may have.
        max: usize,
    },
    /// A text is longer than its place.
    TextTooLong {
        /// Which text.
        field: &'static str,
        /// The most characters it may have.
        max: usize,
    },
    /// A text that must be there is empty.
    TextMissing {
        /// Which text.
        field: &'static str,
    },
    /// A text has a control character, such as a line break.
    ControlCharacter {
        /// Which text.
        field: &'static str,
    },
    /// A number that tells who somebody is has no star in it.
    NotMasked {
        /// Which text.
        field: &'static str,
    },
    /// Amounts are in several currencies.
    MixedCurrencies,
    /// A figure is not the sum of those it is made of.
    DoesNotAddUp {
        /// Which figure.
        figure: &'static str,
        /// In which row of its list, from 1; 0 for a figure that is in none.
        row: usize,
    },
    /// A sum left the range of amounts.
    AmountTooLarge,
    /// A row is of a day outside the period, or before the day of the row above it.
    OutOfPeriod {
        /// Which row, from 1; 0 when the period ends before it begins.
        row: usize,
    },
}

/// The code of every error.
pub const ALL: [&str; 9] = [
    "too-many-rows",
    "text-too-long",
    "text-missing",
    "control-character",
    "not-masked",
    "mixed-currencies",
    "does-not-add-up",
    "amount-too-large",
    "out-of-period",
];

impl DocumentError {
    /// The frozen kebab-case code.
    pub fn code(&self) -> &'static str {
        let place = match self {
            Self::TooManyRows { .. } => 0,
            Self::TextTooLong { .. } => 1,
            Self::TextMissing { .. } => 2,
            Self::ControlCharacter { .. } => 3,
            Self::NotMasked { .. } => 4,
            Self::MixedCurrencies => 5,
            Self::DoesNotAddUp { .. } => 6,
            Self::AmountTooLarge => 7,
            Self::OutOfPeriod { .. } => 8,
        };
        ALL[place]
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyRows { list, max } => write!(f, "`{list}` has more than {max} rows"),
            Self::TextTooLong { field, max } => {
                write!(f, "`{field}` has more than {max} characters")
            }
            Self::TextMissing { field } => write!(f, "`{field}` is empty"),
            Self::ControlCharacter { field } => write!(f, "`{field}` has a control character"),
            Self::NotMasked { field } => write!(f, "`{field}` is shown in the clear; mask it"),
            Self::MixedCurrencies => f.write_str("the amounts are in several currencies"),
            Self::DoesNotAddUp { figure, row: 0 } => write!(f, "`{figure}` does not add up"),
            Self::DoesNotAddUp { figure, row } => {
                write!(f, "`{figure}` does not add up in row {row}")
            }
            Self::AmountTooLarge => f.write_str("a sum is too large"),
            Self::OutOfPeriod { row: 0 } => f.write_str("the period ends before it begins"),
            Self::OutOfPeriod { row } => {
                write!(f, "row {row} is of a day outside the period, or out of order")
            }
        }
    }
}

impl std::error::Error for DocumentError {}
