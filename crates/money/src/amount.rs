//! Amounts in minor units.

use std::{fmt, iter::Sum, str::FromStr};

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{Currency, Rounding, UnknownCurrency};

/// A whole number of minor units (分 for CNY) of some currency the context knows.
///
/// Serialises as the integer. Arithmetic is checked: an overflow is an answer, or a panic where
/// the operands were bounded before; it never wraps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount: some 92 quadrillion yuan.
    pub const MAX: Self = Self(i64::MAX);

    /// So many minor units.
    pub const fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// The number of minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// Less than nothing.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// More than nothing.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Exactly nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, unless it overflows.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it overflows.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The opposite amount, unless it overflows.
    pub fn checked_neg(self) -> Option<Self> {
        self.0.checked_neg().map(Self)
    }

    /// The value in major units: 12345 is 123.45 in CNY.
    pub fn to_decimal(self, currency: Currency) -> Decimal {
        Decimal::new(self.0, currency.digits())
    }

    /// The nearest amount to an exact value in major units.
    ///
    /// # Errors
    /// [`AmountError::TooLarge`] beyond [`Amount::MAX`].
    pub fn round(
        value: Decimal,
        currency: Currency,
        rounding: Rounding,
    ) -> Result<Self, AmountError> {
        let digits = currency.digits();
        let mut rounded = rounding.round(value, digits);
        rounded.rescale(digits);
        if rounded.scale() != digits {
            return Err(AmountError::TooLarge);
        }
        rounded.mantissa().to_i64().map(Self).ok_or(AmountError::TooLarge)
    }

    /// The amount that is exactly this many major units.
    ///
    /// # Errors
    /// [`AmountError::TooManyDecimals`] when the currency has no such fraction,
    /// [`AmountError::TooLarge`] beyond [`Amount::MAX`].
    pub fn exactly(value: Decimal, currency: Currency) -> Result<Self, AmountError> {
        if value.normalize().scale() > currency.digits() {
            return Err(AmountError::TooManyDecimals { digits: currency.digits() });
        }
        Self::round(value, currency, Rounding::HalfEven)
    }

    /// Reads major units: digits, an optional point and decimals, an optional leading minus.
    /// No exponent, no separators, no plus sign.
    ///
    /// # Errors
    /// [`AmountError::NotANumber`], and those of [`Amount::exactly`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, AmountError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let numeric = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        if !numeric(whole) || !numeric(fraction) {
            return Err(AmountError::NotANumber);
        }
        let value = Decimal::from_str_exact(text).map_err(|_| AmountError::TooLarge)?;
        Self::exactly(value, currency)
    }

    /// The text in major units with all decimals of the currency: `123.40`.
    pub fn text(self, currency: Currency) -> String {
        self.to_decimal(currency).to_string()
    }
}

/// The sum of amounts that were bounded before.
///
/// # Panics
/// On overflow.
impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |sum, it| sum + it)
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    /// # Panics
    /// On overflow; use [`Amount::checked_add`] where the operands come from outside.
    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect("a sum of amounts overflowed")
    }
}

impl std::ops::Sub for Amount {
    type Output = Self;

    /// # Panics
    /// On overflow; use [`Amount::checked_sub`] where the operands come from outside.
    fn sub(self, other: Self) -> Self {
        self.checked_sub(other).expect("a difference of amounts overflowed")
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// Why a text or a value is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// Not of the form `123.45`.
    NotANumber,
    /// More decimals than the currency has.
    TooManyDecimals {
        /// Decimals the currency has.
        digits: u32,
    },
    /// Does not fit 63 bits of minor units.
    TooLarge,
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber => f.write_str("an amount is written like \"123.45\""),
            Self::TooManyDecimals { digits } => {
                write!(f, "the currency has {digits} decimals, the amount has more")
            }
            Self::TooLarge => f.write_str("the amount is too large"),
        }
    }
}

impl std::error::Error for AmountError {}

/// An amount with its currency: `{"amount": "123.45", "currency": "CNY"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

impl Money {
    /// An amount of a currency.
    pub const fn new(amount: Amount, currency: Currency) -> Self {
        Self { amount, currency }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount.text(self.currency), self.currency)
    }
}

/// Why a text is not money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoneyError {
    /// Not an amount, a space and a currency.
    NotMoney,
    /// The currency is not one.
    Currency(UnknownCurrency),
    /// The amount is not one of this currency.
    Amount(AmountError),
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMoney => f.write_str("money is written like \"123.45 CNY\""),
            Self::Currency(error) => error.fmt(f),
            Self::Amount(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for MoneyError {}

/// `CNY 123.45` is not read; `123.45 CNY` is.
impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (amount, code) = text.split_once(' ').ok_or(MoneyError::NotMoney)?;
        let currency = code.parse().map_err(MoneyError::Currency)?;
        let amount = Amount::parse(amount, currency).map_err(MoneyError::Amount)?;
        Ok(Self { amount, currency })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    amount: String,
    currency: Currency,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let amount = self.amount.text(self.currency);
        Wire { amount, currency: self.currency }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let amount = Amount::parse(&wire.amount, wire.currency).map_err(D::Error::custom)?;
        Ok(Self { amount, currency: wire.currency })
    }
}
