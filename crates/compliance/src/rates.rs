//! Rates: how they are written, and how high one may be.

use std::{fmt, ops::RangeInclusive};

use money::Decimal;
use serde::{Deserialize, Deserializer, de::Error};
use stdx::Date;

use crate::{Dated, Entry, limits::Limit};

/// A share, as a fraction: 4.25 % is 0.0425. Written `4.25%` in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub Decimal);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(Decimal::MAX);
        write!(f, "{} %", percent.normalize())
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let percent = text.strip_suffix('%').and_then(|it| Decimal::from_str_exact(it).ok());
        percent
            .and_then(|it| it.checked_div(Decimal::ONE_HUNDRED))
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not a share like 4.25%")))
    }
}

/// A series of rates, such as the loan prime rate of one year.
pub type Series = Dated<Rate>;

/// One rate of a series: its day, the rate, the source.
pub type Fixing = Entry<Rate>;

/// What a loan may cost a year at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ceiling {
    /// How much.
    pub at_most: Most,
    /// Of what.
    pub of: Measure,
}

/// The highest yearly rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Most {
    /// This rate.
    Fixed(Rate),
    /// So many times the loan prime rate of one year on the day the contract was made.
    LprMultiple(u32),
}

/// What of the cost of a loan a ceiling is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The contract rate.
    Rate,
    /// All interest and fees, as a simple yearly rate (综合融资成本).
    AllInCost,
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at_most {
            Most::Fixed(rate) => rate.fmt(f)?,
            Most::LprMultiple(times) => write!(f, "{times} × LPR of one year")?,
        }
        f.write_str(match self.of {
            Measure::Rate => ", the contract rate",
            Measure::AllInCost => ", all-in cost",
        })
    }
}

/// The highest yearly rate of a contract made on a day, and the entry that says so. `lpr` is the
/// series of one year. `None` when there is no ceiling on that day, or no fixing to take it from.
pub fn ceiling<'a>(
    ceilings: &'a Dated<Ceiling>,
    contract_date: Date,
    lpr: &Series,
) -> Option<(Decimal, &'a Entry<Ceiling>)> {
    let entry = ceilings.on(contract_date)?;
    let rate = match entry.value.at_most {
        Most::Fixed(Rate(rate)) => rate,
        Most::LprMultiple(times) => {
            lpr.on(contract_date)?.value.0.checked_mul(Decimal::from(times))?
        }
    };
    Some((rate, entry))
}

/// The penalty rates that a contract rate allows: the limit is a share added to it. `None` when the
/// limit is open on a side or a rate leaves the range of decimals.
pub fn penalty_rates(limit: &Limit, contract_rate: Decimal) -> Option<RangeInclusive<Decimal>> {
    let raised = |Rate(share): Rate| contract_rate.checked_mul(Decimal::ONE.checked_add(share)?);
    Some(raised(limit.at_least?)?..=raised(limit.at_most?)?)
}
