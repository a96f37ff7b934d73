//! Posted rates (挂牌利率): what a bank announces and may change, as dated data.
//!
//! A rate in a definition is either one number, which holds for good, or a list of rates, each
//! from a day on. The list is the bank's announcement: contracts made under an earlier version of
//! the product follow the list of the version in force, which a caller asks for the rate of a day.

use money::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    check::{Check, ITEMS_MAX},
    schema,
};

/// A yearly rate as a fraction: 0.0005 is 0.05 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Rate {
    /// The same on every day.
    Fixed(Decimal),
    /// As posted, the oldest first.
    Posted(Vec<PostedRate>),
}

/// A rate and the first day on which it holds; it holds until the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostedRate {
    /// The first day.
    #[schemars(schema_with = "schema::date")]
    pub from: Date,
    /// The rate of a year as a fraction.
    #[schemars(schema_with = "schema::decimal")]
    pub rate: Decimal,
}

impl Rate {
    /// The rate of a day; none before the first posted one.
    pub fn on(&self, day: Date) -> Option<Decimal> {
        match self {
            Self::Fixed(rate) => Some(*rate),
            Self::Posted(_) => self.posted_on(day).map(|(_, posted)| posted.rate),
        }
    }

    /// The posted rate of a day and its place in the list; none where nothing is posted.
    pub fn posted_on(&self, day: Date) -> Option<(usize, PostedRate)> {
        let Self::Posted(rates) = self else { return None };
        let last = rates.iter().rposition(|it| it.from <= day)?;
        rates.get(last).map(|posted| (last, *posted))
    }

    /// Whether it changes without the contract.
    pub fn is_posted(&self) -> bool {
        matches!(self, Self::Posted(_))
    }

    /// Reports what is wrong with the rate at a place.
    pub(crate) fn check(check: &mut Check<'_>, place: &str) {
        if check.len(place) == 0 {
            check.rate(place);
            return;
        }
        let (mut before, places) = (None, check.each(place, "from"));
        for rate in check.each(place, "rate") {
            check.rate(&rate);
        }
        for day_place in places {
            let day: Option<Date> = check.get(&day_place);
            if let (Some(day), Some(before)) = (day, before)
                && day <= before
            {
                let reason = format!("{day} is not after {before}, the day of the rate before it.");
                check.report(day_place, "not-in-order", reason, "Order the rates by day.");
            }
            before = day.or(before);
        }
        let first: Option<Date> = check.get(&format!("{place}/0/from"));
        let effective: Option<Date> = check.get("/effective");
        if let (Some(first), Some(effective)) = (first, effective)
            && first > effective
        {
            let reason = format!("There is no rate from {effective} to {first}.");
            let fix = "Begin with the rate that is in force on the first day of the product.";
            check.report(format!("{place}/0/from"), "no-rate", reason, fix);
        }
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let posted = generator.subschema_for::<PostedRate>();
        json_schema!({
            "description": "A rate as a fraction, or the posted rates, each from a day on.",
            "type": ["number", "string", "array"], "format": "decimal",
            "pattern": "^-?[0-9]+(\\.[0-9]+)?$",
            "items": posted, "minItems": 1, "maxItems": ITEMS_MAX,
        })
    }
}
