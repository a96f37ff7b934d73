//! Revolving credit: a line with a limit, drawn on again and again (循环贷、随借随还、白条).
//!
//! A line is not lent itself: each drawing is a loan of its own, with its own plan, made under the
//! `drawing` terms of the same product version. So a [`LoanProduct`] of a revolving product is that
//! of its drawings.

use std::sync::Arc;

use money::{Amount, Currency, Decimal, Money, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stdx::Date;

use super::instalment_loan::{self, AmountRange, InstalmentLoan, LoanProduct, OfferReject};
use crate::{
    chart::Chart,
    check::{Check, unforeseen},
    definition::Definition,
    eligibility::{Application, Failure},
    kinds::{Kind, Title},
    problem::Problem,
    schema,
    simulate::{Request, Simulation, SimulationReject},
};

/// The longest time a line is available without being renewed, in months.
pub const MONTHS_MAX: u32 = 120;
/// The longest time of a temporary limit, in days.
pub const TEMPORARY_DAYS_MAX: u32 = 366;
/// The longest time a hold may live, in days.
pub const HOLD_DAYS_MAX: u32 = 366;

/// Where the terms of a drawing are.
pub const DRAWING: &str = "/terms/drawing";

/// The kind.
pub const KIND: Kind = Kind {
    name: "revolving-credit",
    title: Title { en: "Revolving credit", zh: "循环贷款" },
    summary: "A limit that is drawn on and restored by what is repaid.",
    example: include_str!("../../../../examples/products/revolving-credit.yaml"),
    terms_schema: schema::of::<RevolvingCredit>,
    check,
    events: instalment_loan::EVENTS,
    round_trips: instalment_loan::ROUND_TRIPS,
    simulate,
};

/// The terms of a `revolving-credit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevolvingCredit {
    /// How high a limit may be (额度), in major units of the product's currency.
    pub limit: AmountRange,
    /// How many months a line may be drawn on before it expires (额度有效期). It can be renewed.
    #[schemars(range(min = 1, max = MONTHS_MAX))]
    pub months: u32,
    /// A higher limit for a while (临时额度). Without it, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<TemporaryLimit>,
    /// Keeping a part of the limit free for a purchase (额度冻结). Without it, nothing is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Holds>,
    /// What each drawing is, which is a loan of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<InstalmentLoan>,
}

/// A higher limit for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemporaryLimit {
    /// The highest it may be, in major units.
    #[schemars(schema_with = "schema::decimal")]
    pub max: Decimal,
    /// For how many days at most.
    #[schemars(range(min = 1, max = TEMPORARY_DAYS_MAX))]
    pub days: u32,
}

/// Parts of the limit kept free for purchases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    /// How many days one lives at most.
    #[schemars(range(min = 1, max = HOLD_DAYS_MAX))]
    pub days: u32,
}

fn check(check: &mut Check<'_>) {
    let range = instalment_loan::check::amounts(check, "/terms/limit");
    let temporary = check.amount("/terms/temporary/max");
    if let (Some(temporary), Some((_, max))) = (temporary, range)
        && temporary <= max
    {
        let reason = format!("{temporary} is not more than the highest limit, {max}.");
        check.report("/terms/temporary/max", "outside-range", reason, "Raise it.");
    }
    if check.has("/terms") && !check.has(DRAWING) {
        let fix = "Say what a drawing is, as in an `instalment-loan`.";
        check.report(DRAWING, "missing", "`drawing` is missing.", fix);
    }
    check.within(DRAWING, instalment_loan::check::check);
    let drawn: Option<AmountRange> = check.get("/terms/drawing/amount");
    if let (Some(drawn), Some((min, _))) = (drawn, range)
        && drawn.smallest() > min
    {
        let reason = format!("A limit of {min} could never be drawn on.");
        let fix = "Lower it, or raise `terms.limit.min`.";
        check.report("/terms/drawing/amount/min", "outside-range", reason, fix);
    }
    for name in ["down_payment", "tranches"] {
        let place = format!("{DRAWING}/{name}");
        if check.has(&place) {
            let reason = "A drawing is paid out at once and whole.";
            check.report(place, "unused", reason, "Remove it.");
        }
    }
}

/// One drawing, repaid as agreed.
fn simulate(
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    instalment_loan::simulate::simulate_as(&KIND, definition, request, chart)
}

/// A compiled `revolving-credit`.
#[derive(Clone, Debug)]
pub struct RevolvingProduct {
    terms: RevolvingCredit,
    drawing: Arc<LoanProduct>,
}

impl RevolvingProduct {
    /// Compiles a definition.
    ///
    /// # Errors
    /// What keeps it from being used; nothing, when [`crate::check`] found nothing.
    pub fn compile(definition: &Definition) -> Result<Self, Vec<Problem>> {
        if definition.kind != KIND.name {
            let reason = format!("This is a `{}`, not a `{}`.", definition.kind, KIND.name);
            let fix = "Choose another product.";
            return Err(vec![Problem::new("/kind", "other-kind", reason, fix)]);
        }
        let terms = serde_json::from_value(definition.terms.clone())
            .map_err(|error| vec![unforeseen("/terms", &error)])?;
        Ok(Self { terms, drawing: Arc::new(LoanProduct::compile(definition)?) })
    }

    /// The same, booked on the chart of an institution.
    #[must_use]
    pub fn on(self, chart: &Arc<Chart>) -> Self {
        let drawing = Arc::unwrap_or_clone(self.drawing).on(chart);
        Self { drawing: Arc::new(drawing), ..self }
    }

    /// What it was compiled from.
    pub fn definition(&self) -> &Definition {
        self.drawing.definition()
    }

    /// The terms.
    pub fn terms(&self) -> &RevolvingCredit {
        &self.terms
    }

    /// The currency of every amount.
    pub fn currency(&self) -> Currency {
        self.drawing.currency()
    }

    /// The product of the loans that drawings are.
    pub fn drawing(&self) -> &Arc<LoanProduct> {
        &self.drawing
    }

    /// The rules an applicant for a limit fails; none is a yes.
    ///
    /// # Errors
    /// Declared facts that are missing or malformed.
    pub fn decide(&self, application: &Application) -> Result<Vec<Failure>, Vec<Problem>> {
        self.drawing.decide(application)
    }

    /// Whether a line with this limit may be opened on this day.
    ///
    /// # Errors
    /// [`OfferReject`], the first reason.
    pub fn offers(&self, limit: Amount, day: Date) -> Result<(), OfferReject> {
        if !self.definition().in_force(day) {
            return Err(OfferReject::NotInForce);
        }
        self.terms.limit.offers(limit, self.currency())
    }

    /// Whether the limit of a line may become this one: it may also be lower than a new one is.
    ///
    /// # Errors
    /// [`OfferReject::AmountTooLarge`].
    pub fn allows_limit(&self, limit: Amount) -> Result<(), OfferReject> {
        self.at_most(limit, self.terms.limit.max)
    }

    /// Whether the limit may be this one for so many days, today being the first.
    ///
    /// # Errors
    /// [`OfferReject::TemporaryLimit`], [`OfferReject::AmountTooLarge`].
    pub fn offers_temporary(&self, limit: Amount, days: u32) -> Result<(), OfferReject> {
        let most = self.terms.temporary.as_ref().map_or(0, |it| it.days);
        match &self.terms.temporary {
            Some(temporary) if days <= most => self.at_most(limit, temporary.max),
            _ => Err(OfferReject::TemporaryLimit { days: most }),
        }
    }

    /// Whether a part of the limit may be held for so many days, today being the first.
    ///
    /// # Errors
    /// [`OfferReject::Hold`].
    pub fn offers_hold(&self, days: u32) -> Result<(), OfferReject> {
        let most = self.terms.holds.as_ref().map_or(0, |it| it.days);
        if days <= most { Ok(()) } else { Err(OfferReject::Hold { days: most }) }
    }

    /// The last day on which a line may be drawn on that is opened or renewed on a day.
    pub fn available_until(&self, from: Date) -> Option<Date> {
        Period::MONTH.after(from, self.terms.months)
    }

    fn at_most(&self, limit: Amount, max: Decimal) -> Result<(), OfferReject> {
        let currency = self.currency();
        if limit.to_decimal(currency) <= max {
            return Ok(());
        }
        let max = Amount::exactly(max, currency).unwrap_or(Amount::MAX);
        Err(OfferReject::AmountTooLarge { max: Money::new(max, currency) })
    }
}
