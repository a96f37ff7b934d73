//! How values are written in requests and answers: money, dates, ids.
//!
//! Each reads strictly, names what is wrong by a stable code, and has its schema.

use std::{fmt, str::FromStr};

use ledger::Code;
use money::{Amount, AmountError, Currency};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stdx::{Date, Id, Timestamp};
use utoipa::ToSchema;

use crate::{
    decode::refuse,
    problem::{ApiError, Fault},
};

/// An amount of money.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "amount": "5000.00", "currency": "CNY" }))]
pub(crate) struct Money {
    /// How much, in major units: digits, and at most as many decimals as the currency has.
    #[schema(pattern = "^-?[0-9]+(\\.[0-9]+)?$", example = "5000.00")]
    amount: String,
    /// Of what.
    currency: Iso,
}

impl Money {
    /// Money as it is written.
    pub(crate) fn of(amount: Amount, currency: Currency) -> Self {
        Self { amount: amount.text(currency), currency: Iso(currency) }
    }

    /// The money it stands for; `pointer` is where it stands. Zero is for the rules to refuse.
    ///
    /// # Errors
    /// 400 with the pointer of the amount.
    pub(crate) fn read(&self, pointer: &str) -> Result<money::Money, ApiError> {
        let amount = amount(&self.amount, self.currency.0, &format!("{pointer}/amount"))?;
        Ok(money::Money::new(amount, self.currency.0))
    }
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self::of(money.amount, money.currency)
    }
}

/// Reads an amount that is not negative.
///
/// # Errors
/// 400 with the pointer.
pub(crate) fn amount(text: &str, currency: Currency, pointer: &str) -> Result<Amount, ApiError> {
    let fault = |code: &str, detail: String| {
        Err(ApiError::malformed_body(Fault::at(pointer, code, detail)))
    };
    match Amount::parse(text, currency) {
        Ok(amount) if amount.is_negative() => {
            fault("negative-amount", "An amount is never negative.".to_owned())
        }
        Ok(amount) => Ok(amount),
        Err(error @ AmountError::NotANumber) => {
            fault("malformed-amount", format!("It is not an amount: {error}."))
        }
        Err(AmountError::TooManyDecimals { digits }) => {
            fault("too-many-decimals", format!("{currency} has {digits} decimals, not more."))
        }
        Err(AmountError::TooLarge) => fault("amount-too-large", "It is too large.".to_owned()),
    }
}

/// An amount in major units of the currency named beside it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^-?[0-9]+(\\.[0-9]+)?$", example = "5000.00")]
pub(crate) struct Major(String);

impl Major {
    /// The amount as it is written.
    pub(crate) fn of(amount: Amount, currency: Currency) -> Self {
        Self(amount.text(currency))
    }
}

/// A currency (ISO 4217).
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = Currency, value_type = String, pattern = "^[A-Z]{3}$", example = "CNY")]
pub(crate) struct Iso(pub(crate) Currency);

/// A date (ISO 8601).
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = Date, value_type = String, format = Date, example = "2025-01-31")]
pub(crate) struct Day(pub(crate) Date);

/// A moment in UTC (RFC 3339).
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = Timestamp, value_type = String, format = DateTime, example = "2025-01-31T08:30:00Z")]
pub(crate) struct Moment(pub(crate) Timestamp);

/// An id (UUID, RFC 9562).
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(
    as = Id, value_type = String, format = Uuid,
    example = "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
)]
pub(crate) struct Name(Id<()>);

/// 1 to 16 characters from `A–Z a–z 0–9 . - _`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = Code, value_type = String, pattern = "^[A-Za-z0-9._-]{1,16}$", example = "2011.01")]
pub(crate) struct Short(pub(crate) Code);

impl Name {
    /// The id, of whatever it names.
    pub(crate) fn id<T>(self) -> Id<T> {
        self.0.cast()
    }
}

impl<T> From<Id<T>> for Name {
    fn from(id: Id<T>) -> Self {
        Self(id.cast())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Reads a text; `code` and `detail` say what is wrong when it is not a `T`.
fn text<'de, D, T>(deserializer: D, code: &str, detail: &str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| refuse(code, detail))
}

impl<'de> Deserialize<'de> for Iso {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let detail = "It is not a currency code of ISO 4217, such as `CNY`.";
        text(deserializer, "unknown-currency", detail).map(Self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (code, detail) = ("malformed-date", "It is not a date such as `2025-01-31`.");
        let text = String::deserialize(deserializer)?;
        // `Date` also reads 20250131 and times behind the date.
        let date = text.parse::<Date>().ok().filter(|it| it.to_string() == text);
        date.map(Self).ok_or_else(|| refuse(code, detail))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let detail = "It is not a moment such as `2025-01-31T08:30:00Z`.";
        text(deserializer, "malformed-timestamp", detail).map(Self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "malformed-id", "It is not a UUID.").map(Self)
    }
}

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let detail = "A code has 1 to 16 characters from `A–Z a–z 0–9 . - _`.";
        text(deserializer, "malformed-code", detail).map(Self)
    }
}
