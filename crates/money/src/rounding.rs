//! How an exact value becomes a whole number of minor units.

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::name::{UnknownName, name_of, value_of};

/// A rounding mode, named as IEEE 754 and ISO 80000-1 do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest, ties to the even digit: unbiased over many amounts.
    #[default]
    HalfEven,
    /// To the nearest, ties away from zero (四舍五入).
    HalfUp,
    /// To the nearest, ties towards zero.
    HalfDown,
    /// Away from zero.
    Up,
    /// Towards zero.
    Down,
}

impl Rounding {
    /// Every mode, with the name it has in a definition.
    pub const ALL: [(&'static str, Self); 5] = [
        ("half-even", Self::HalfEven),
        ("half-up", Self::HalfUp),
        ("half-down", Self::HalfDown),
        ("up", Self::Up),
        ("down", Self::Down),
    ];

    /// `value` with at most `digits` decimals.
    pub fn round(self, value: Decimal, digits: u32) -> Decimal {
        let strategy = match self {
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::HalfDown => RoundingStrategy::MidpointTowardZero,
            Self::Up => RoundingStrategy::AwayFromZero,
            Self::Down => RoundingStrategy::ToZero,
        };
        value.round_dp_with_strategy(digits, strategy)
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::ALL, self))
    }
}

impl FromStr for Rounding {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        value_of(&Self::ALL, text)
    }
}
