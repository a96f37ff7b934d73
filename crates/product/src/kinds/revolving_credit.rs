//! Revolving credit: a line with a limit, used again and again (循环贷、随借随还、白条).
//!
//! A line is not lent itself. Either each drawing is a loan of its own, with its own plan, made
//! under the `drawing` terms of the same product version: a [`LoanProduct`] of a revolving product
//! is that of its drawings. Or purchases gather on one account, of which there is a `statement`
//! every month.

use std::sync::Arc;

use money::{Amount, Currency, Decimal, Money, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stdx::Date;

use super::instalment_loan::{self, AmountRange, InstalmentLoan, LoanProduct, OfferReject};
use crate::{
    accounting::Accounting,
    chart::Chart,
    check::{Check, unforeseen},
    definition::Definition,
    eligibility::Eligibility,
    kinds::{Event, Kind, Title},
    problem::Problem,
    schema,
    simulate::{Request, Simulation, SimulationReject},
};

pub mod statement;

/// The longest time a line is available without being renewed, in months.
pub const MONTHS_MAX: u32 = 120;
/// The longest time of a temporary limit, in days.
pub const TEMPORARY_DAYS_MAX: u32 = 366;
/// The longest time a hold may live, in days.
pub const HOLD_DAYS_MAX: u32 = 366;

/// Where the terms of a drawing are.
pub const DRAWING: &str = "/terms/drawing";

/// Where the terms of statements are.
pub const STATEMENT: &str = "/terms/statement";

/// The kind.
pub const KIND: Kind = Kind {
    name: "revolving-credit",
    title: Title { en: "Revolving credit", zh: "循环贷款" },
    summary: "A limit that is drawn on and restored by what is repaid.",
    example: include_str!("../../../../examples/products/revolving-credit.yaml"),
    terms_schema: schema::of::<RevolvingCredit>,
    check,
    events: &EVENTS,
    round_trips: &ROUND_TRIPS,
    simulate,
};

/// What can happen to a drawing can happen to an account with statements too, and more.
const EVENTS: [Event; instalment_loan::EVENTS.len() + statement::EVENTS.len()] =
    both(instalment_loan::EVENTS, statement::EVENTS);
type RoundTrip = &'static [(&'static str, &'static str)];
const ROUND_TRIPS: [RoundTrip; instalment_loan::ROUND_TRIPS.len() + statement::ROUND_TRIPS.len()] =
    both(instalment_loan::ROUND_TRIPS, statement::ROUND_TRIPS);

const fn both<T: Copy, const N: usize>(some: &[T], others: &[T]) -> [T; N] {
    let mut all = [some[0]; N];
    let mut index = 1;
    while index < N {
        all[index] = if index < some.len() { some[index] } else { others[index - some.len()] };
        index += 1;
    }
    all
}

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
    /// What each drawing is, which is a loan of its own. Either this or `statement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<InstalmentLoan>,
    /// How an account is served on which purchases gather, with a statement a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<statement::Statement>,
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
    match (check.has(DRAWING), check.has(STATEMENT)) {
        (false, false) if check.has("/terms") => {
            let fix = "Say what a drawing is, as in an `instalment-loan`, or write `statement`.";
            check.report(DRAWING, "missing", "`drawing` is missing.", fix);
        }
        (true, true) => {
            let reason = "A line is used by drawings, or by purchases on statements.";
            check.report(STATEMENT, "unused", reason, "Remove it, or `drawing`.");
        }
        _ => {}
    }
    statement::check(check, STATEMENT);
    check.within(DRAWING, instalment_loan::check::check);
    let drawn: Option<AmountRange> = check.get("/terms/drawing/amount");
    if let (Some(drawn), Some((min, _))) = (drawn, range)
        && drawn.smallest() > min
    {
        let reason = format!("A limit of {min} could never be drawn on.");
        let fix = "Lower it, or raise `terms.limit.min`.";
        check.report("/terms/drawing/amount/min", "outside-range", reason, fix);
    }
    for name in ["down_payment", "tranches", "security"] {
        let place = format!("{DRAWING}/{name}");
        if check.has(&place) {
            let reason = "A drawing is paid out at once and whole, as soon as it is asked for.";
            check.report(place, "unused", reason, "Remove it.");
        }
    }
}

/// One drawing, repaid as agreed; or one purchase, paid when its statement is due.
fn simulate(
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    if definition.terms.get("statement").is_some() {
        return statement::simulate(definition, request, chart);
    }
    instalment_loan::simulate::simulate_as(&KIND, definition, request, chart)
}

/// A compiled `revolving-credit`.
#[derive(Clone, Debug)]
pub struct RevolvingProduct {
    definition: Definition,
    terms: RevolvingCredit,
    accounting: Accounting,
    eligibility: Eligibility,
    drawing: Option<Arc<LoanProduct>>,
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
        let terms: RevolvingCredit = serde_json::from_value(definition.terms.clone())
            .map_err(|error| vec![unforeseen("/terms", &error)])?;
        let drawing = terms.drawing.is_some().then(|| LoanProduct::compile(definition));
        Ok(Self {
            accounting: Accounting::of(&KIND, definition),
            eligibility: Eligibility::compile(definition)?,
            definition: definition.clone(),
            drawing: drawing.transpose()?.map(Arc::new),
            terms,
        })
    }

    /// The same, booked on the chart of an institution.
    #[must_use]
    pub fn on(self, chart: &Arc<Chart>) -> Self {
        let drawing = self.drawing.map(|it| Arc::new(Arc::unwrap_or_clone(it).on(chart)));
        Self { accounting: self.accounting.on(chart), drawing, ..self }
    }

    /// What it was compiled from.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The terms.
    pub fn terms(&self) -> &RevolvingCredit {
        &self.terms
    }

    /// The currency of every amount.
    pub fn currency(&self) -> Currency {
        self.definition.currency
    }

    /// How events are booked.
    pub fn accounting(&self) -> &Accounting {
        &self.accounting
    }

    /// The rules of who may have a line.
    pub fn eligibility(&self) -> &Eligibility {
        &self.eligibility
    }

    /// The product of the loans that drawings are; none of a line with statements.
    pub fn drawing(&self) -> Option<&Arc<LoanProduct>> {
        self.drawing.as_ref()
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
