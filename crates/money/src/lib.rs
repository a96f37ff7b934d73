//! Amounts, currencies, rounding, rates, day counts, business calendars, rates of return.
//!
//! Nothing here is a float. An [`Amount`] is a whole number of minor units with checked
//! arithmetic; anything finer is a [`Decimal`] until it is rounded by a named [`Rounding`].

#![warn(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod amount;
mod currency;
mod rounding;

pub use amount::{Amount, AmountError, Money};
pub use currency::{Currency, UnknownCurrency};
pub use rounding::Rounding;
pub use rust_decimal::Decimal;

#[cfg(test)]
mod tests;
