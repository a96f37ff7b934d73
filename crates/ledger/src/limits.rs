//! Limits of an account: how far it may fall, how high it may rise, how much may pass.

use money::Amount;
use serde::{Deserialize, Serialize};
use stdx::Date;

/// What an account allows. Amounts are seen from the account's own side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How far below zero the available balance may go: 0 is "no overdraft", more is a credit
    /// line. Without it there is no floor.
    #[serde(default)]
    pub overdraft: Option<Amount>,
    /// How high the posted balance, with what is held in its favor, may rise.
    #[serde(default)]
    pub balance_max: Option<Amount>,
    /// How much may pass; at most one for each direction and window.
    #[serde(default)]
    pub caps: Vec<Cap>,
}

impl Limits {
    /// The most caps an account may have: one for each direction and window.
    pub const CAPS_MAX: usize = 8;
}

/// The most that may pass in one direction within a window, gross: what comes back by another
/// transfer does not make room; a hold that is not used and a transfer that is reversed do. A hold
/// counts on the day it is booked, whenever it is posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// Which way.
    pub direction: Direction,
    /// Over what time.
    pub window: Window,
    /// The most.
    pub max: Amount,
    /// What has passed; kept by the ledger, which ignores what a caller gives here.
    #[serde(default)]
    pub usage: CapUse,
}

/// Towards the account's own side, or away from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Grows the balance.
    In,
    /// Shrinks the balance.
    Out,
}

/// A span of business dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// One day.
    Day,
    /// One calendar month.
    Month,
    /// One calendar year.
    Year,
    /// All time.
    Lifetime,
}

impl Window {
    /// The first day of the window that `date` is in.
    fn start(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Month => date.first_of_month(),
            Self::Year => date.first_of_year(),
            Self::Lifetime => Date::MIN,
        }
    }
}

/// What has passed in the newest window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapUse {
    /// First day of the window; `None` before the first use.
    pub from: Option<Date>,
    /// How much.
    pub used: Amount,
}

impl Cap {
    /// Whether both count the same direction over the same window.
    pub(crate) fn counts_what(&self, other: &Self) -> bool {
        self.direction == other.direction && self.window == other.window
    }

    /// What has passed in the window of `today`.
    pub fn used(&self, today: Date) -> Amount {
        let current = self.usage.from == Some(self.window.start(today));
        if current { self.usage.used } else { Amount::ZERO }
    }

    /// What may still pass today.
    pub(crate) fn room(&self, today: Date) -> Amount {
        self.max - self.used(today)
    }

    /// Counts an amount; the caller has checked that there is room.
    pub(crate) fn take(&mut self, amount: Amount, today: Date) {
        let used = self.used(today) + amount;
        self.usage = CapUse { from: Some(self.window.start(today)), used };
    }

    /// Gives back an amount taken on `taken_on`, if the window of that day is still the newest.
    pub(crate) fn give_back(&mut self, amount: Amount, taken_on: Date) {
        if self.usage.from == Some(self.window.start(taken_on)) {
            let left = self.usage.used.checked_sub(amount).unwrap_or(Amount::ZERO);
            self.usage.used = left.max(Amount::ZERO);
        }
    }
}
