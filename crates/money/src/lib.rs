//! Amounts, their words, currencies, rounding, day counts, periods, business calendars, rates of
//! return.
//!
//! Nothing here is a float. An [`Amount`] is a whole number of minor units with checked
//! arithmetic; anything finer is a [`Decimal`] until it is rounded by a named [`Rounding`].

#![warn(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod amount;
mod calendar;
mod cash_flow;
mod currency;
mod day_count;
mod name;
mod period;
mod rounding;
pub mod words;

pub use amount::{Amount, AmountError, Money, MoneyError};
pub use calendar::{Calendar, DayKind, Roll, SpecialDay};
pub use cash_flow::{AnnualCost, RATE_DIGITS, annual_cost, irr, simple_rate, xirr};
pub use currency::{Currency, UnknownCurrency};
pub use day_count::{DayCount, YearFraction};
pub use name::UnknownName;
pub use period::{NotAPeriod, Period, Unit};
pub use rounding::Rounding;
pub use rust_decimal::Decimal;

#[cfg(test)]
mod tests;
