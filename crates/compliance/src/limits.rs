//! Shares with a lower or an upper bound: penalties, loan to value, supervisory ratios.

use std::fmt;

use money::Decimal;
use serde::Deserialize;

use crate::Rate;

/// What a share may be. Without a bound, the institution sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limit {
    /// Not less than this.
    pub at_least: Option<Rate>,
    /// Not more than this.
    pub at_most: Option<Rate>,
}

impl Limit {
    /// Whether a share, as a fraction, is within the bounds.
    pub fn allows(&self, share: Decimal) -> bool {
        let enough = self.at_least.is_none_or(|it| it.0 <= share);
        enough && self.at_most.is_none_or(|it| share <= it.0)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("as the institution sets it"),
        }
    }
}
