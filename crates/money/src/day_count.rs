//! Day counts: how much of a year lies between two dates.
//!
//! A period runs from its first day, included, to its last, excluded, so periods that follow each
//! other share a date and no day. Results are exact quotients ([`YearFraction`]) until they meet
//! an amount: 12 % of 100.00 over one month of 30/360 is 1.00, not 0.9999….

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    Period,
    name::{UnknownName, name_of, value_of},
};

/// A day-count convention, defined in the 2006 ISDA Definitions, section 4.16.
///
/// # 30/360
/// "30/360" there is paragraph (f), also called Bond Basis: months have 30 days; a first day of
/// 31 counts as 30, and so does a last day of 31 when the first one is 30 or 31. February is not
/// special. (30E/360, paragraph (g), would count every 31 as 30.)
///
/// Two dates do not say that they are a month apart: a loan of 31 January falls due on 28 February
/// and 31 March, and the rule sees 28 and 33 days. An instalment loan means 30 and 30. Hence
/// [`DayCount::years_of`], which knows the period: a regular period has 30 days for each month and
/// 7 for each week, whatever its dates. [`DayCount::years`] is for broken periods. Within a regular
/// period spread its interest over the days that passed; do not count up to each day anew.
///
/// # ACT/ACT
/// Paragraph (b), the ISDA variant: each day counts in its own calendar year, as 1/365 or 1/366.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DayCount {
    /// Months of 30 days, years of 360.
    #[serde(rename = "30/360")]
    Thirty360,
    /// Actual days over 360; paragraph (e).
    #[serde(rename = "ACT/360")]
    Act360,
    /// Actual days over 365, also in leap years; paragraph (d).
    #[serde(rename = "ACT/365F")]
    Act365Fixed,
    /// Actual days, each over the days of its own year.
    #[serde(rename = "ACT/ACT")]
    ActAct,
}

/// The least common multiple of 365 and 366: both kinds of day are a whole number of these parts
/// of a year.
const PARTS: i64 = 365 * 366;

impl DayCount {
    /// Every convention, with the name it has in a definition.
    pub const ALL: [(&'static str, Self); 4] = [
        ("30/360", Self::Thirty360),
        ("ACT/360", Self::Act360),
        ("ACT/365F", Self::Act365Fixed),
        ("ACT/ACT", Self::ActAct),
    ];

    /// Days of the convention in `from..to`; negative when `to` is the earlier one, the same size
    /// in both orders.
    pub fn days(self, from: Date, to: Date) -> i32 {
        match self {
            Self::Thirty360 => thirty_days(from, to),
            Self::Act360 | Self::Act365Fixed | Self::ActAct => actual_days(from, to),
        }
    }

    /// The part of a year in `from..to`, exactly; negative when `to` is the earlier one.
    pub fn years(self, from: Date, to: Date) -> YearFraction {
        let days = i64::from(self.days(from, to));
        match self {
            Self::Thirty360 | Self::Act360 => YearFraction::new(days, 360),
            Self::Act365Fixed => YearFraction::new(days, 365),
            Self::ActAct => YearFraction::new(parts_between(from, to), PARTS),
        }
    }

    /// The part of a year in a regular period of a schedule, which runs over `from..to`.
    ///
    /// It differs from [`DayCount::years`] under 30/360 alone, where a month is a twelfth of a
    /// year and a week 7/360 whatever their dates. The dates are those of the schedule, before
    /// business days move them.
    pub fn years_of(self, period: Period, from: Date, to: Date) -> YearFraction {
        match (self, period.days_of_thirty()) {
            (Self::Thirty360, Some(days)) => YearFraction::new(i64::from(days), 360),
            _ => self.years(from, to),
        }
    }

    /// [`DayCount::years`] to 28 significant digits. To scale an amount use [`YearFraction::of`],
    /// which rounds once.
    pub fn fraction(self, from: Date, to: Date) -> Decimal {
        self.years(from, to).to_decimal()
    }
}

impl fmt::Display for DayCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::ALL, self))
    }
}

impl FromStr for DayCount {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        value_of(&Self::ALL, text)
    }
}

/// A part of a year as an exact quotient. Two are equal when both numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearFraction {
    numerator: i64,
    denominator: i64,
}

impl YearFraction {
    /// `numerator` parts of which `denominator`, more than none, make a year.
    pub const fn new(numerator: i64, denominator: i64) -> Self {
        Self { numerator, denominator }
    }

    /// How many of the parts of which [`YearFraction::denominator`] make a year.
    pub const fn numerator(self) -> i64 {
        self.numerator
    }

    /// How many parts make a year.
    pub const fn denominator(self) -> i64 {
        self.denominator
    }

    /// What remains of it without another one, both being few enough years for a loan.
    #[must_use]
    #[allow(clippy::arithmetic_side_effects, reason = "20,000 years times 133,590² fit 63 bits")]
    pub const fn less(self, other: Self) -> Self {
        if self.denominator == other.denominator {
            return Self::new(self.numerator - other.numerator, self.denominator);
        }
        let numerator = self.numerator * other.denominator - other.numerator * self.denominator;
        Self::new(numerator, self.denominator * other.denominator)
    }

    /// The number of years, to 28 significant digits.
    pub fn to_decimal(self) -> Decimal {
        self.of(Decimal::ONE)
    }

    /// This part of a yearly value: multiplied first, divided once.
    ///
    /// # Panics
    /// When `yearly` times the days exceeds 28 digits, as every operator of [`Decimal`] does:
    /// `yearly` up to [`Amount::MAX`](crate::Amount::MAX) in minor units always fits.
    pub fn of(self, yearly: Decimal) -> Decimal {
        yearly * Decimal::from(self.numerator) / Decimal::from(self.denominator)
    }
}

fn actual_days(from: Date, to: Date) -> i32 {
    from.until(to).expect("any two dates have a number of days").get_days()
}

/// Bond Basis, made the same in both orders.
#[allow(clippy::arithmetic_side_effects, reason = "at most 20,000 years of 360 days")]
fn thirty_days(from: Date, to: Date) -> i32 {
    if to < from {
        return -thirty_days(to, from);
    }
    let first = from.day().min(30);
    let last = if first == 30 { to.day().min(30) } else { to.day() };
    let years = i32::from(to.year()) - i32::from(from.year());
    let months = i32::from(to.month()) - i32::from(from.month());
    360 * years + 30 * months + i32::from(last) - i32::from(first)
}

#[allow(clippy::arithmetic_side_effects, reason = "at most 20,000 years of 133,590 parts")]
fn parts_between(from: Date, to: Date) -> i64 {
    let since_year_0 = |date: Date| {
        let of_a_day = PARTS / i64::from(date.days_in_year());
        i64::from(date.year()) * PARTS + (i64::from(date.day_of_year()) - 1) * of_a_day
    };
    since_year_0(to) - since_year_0(from)
}
