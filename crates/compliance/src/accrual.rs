//! When interest is no longer income (非应计).

use std::fmt;

use serde::Deserialize;
use stdx::Date;

use crate::Dated;

/// From when on interest is kept off the balance sheet, and what was booked but not paid reversed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NonAccrual {
    /// More days past due than this.
    pub over_days: u32,
}

impl fmt::Display for NonAccrual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "over {} days past due", self.over_days)
    }
}

/// Whether a loan that is so many days past due on a day is non-accrual; without a rule it is not.
pub fn is_non_accrual(rules: &Dated<NonAccrual>, on: Date, days_past_due: u32) -> bool {
    rules.on(on).is_some_and(|it| days_past_due > it.value.over_days)
}
