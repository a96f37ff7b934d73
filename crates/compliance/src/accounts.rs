//! Classes of accounts, and what one of them may hold and move.

use std::fmt;

use money::Money;
use serde::Deserialize;

/// The caps of a class of accounts. Days and years are those of the calendar. What the caps count
/// and what they leave out stands in the pack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Caps {
    /// The balance at any time.
    pub balance: Option<Money>,
    /// Sum of what comes in on a day.
    pub daily_in: Option<Money>,
    /// Sum of what goes out on a day.
    pub daily_out: Option<Money>,
    /// Sum of what comes in in a year.
    pub yearly_in: Option<Money>,
    /// Sum of what goes out in a year.
    pub yearly_out: Option<Money>,
    /// Sum of what goes out since the opening.
    pub lifetime_out: Option<Money>,
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caps = [
            ("balance", self.balance),
            ("in per day", self.daily_in),
            ("out per day", self.daily_out),
            ("in per year", self.yearly_in),
            ("out per year", self.yearly_out),
            ("out ever", self.lifetime_out),
        ];
        let set: Vec<_> =
            caps.iter().filter_map(|(name, cap)| cap.map(|cap| format!("{name} {cap}"))).collect();
        f.write_str(if set.is_empty() { "no cap" } else { "" })?;
        f.write_str(&set.join("<br>"))
    }
}
