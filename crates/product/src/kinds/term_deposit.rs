//! Term deposit: a sum left for an agreed time at an agreed rate (定期存款, 整存整取).
//!
//! A certificate of deposit (大额存单) is one with a large smallest amount.

use std::sync::Arc;

use money::{Amount, Currency, DayCount, Decimal, Money, Period, Rounding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    accounting::Accounting,
    chart::Chart,
    check::{Check, unforeseen},
    definition::Definition,
    eligibility::Eligibility,
    kinds::{Event, Kind, Title, instalment_loan::OfferReject},
    posted::Rate,
    problem::Problem,
    schedule::PRINCIPAL_MAX,
    schema,
    simulate::{Books, CashFlow, Line, Request, Simulation, SimulationReject, Totals},
};

/// The most tenors of a product.
pub const TENORS_MAX: usize = 50;
/// The longest tenor, in years.
pub const TENOR_YEARS_MAX: i16 = 30;
/// The most withdrawals in part a product may allow in a tenor.
pub const IN_PART_MAX: u32 = 1_000;

/// The kind.
pub const KIND: Kind = Kind {
    name: "term-deposit",
    title: Title { en: "Term deposit", zh: "定期存款" },
    summary: "A sum left for an agreed time at a rate that is held for all of it.",
    example: include_str!("../../../../examples/products/time-deposit.yaml"),
    terms_schema: schema::of::<TermDeposit>,
    check,
    events: EVENTS,
    round_trips: ROUND_TRIPS,
    simulate,
};

/// What can happen to a deposit. `deposits` says when.
const EVENTS: &[Event] = &[
    Event {
        name: "placement",
        title: Title { en: "The sum is put in", zh: "存入" },
        postings: &[("amount", "1003", "2011.02")],
    },
    Event {
        name: "withdrawal",
        title: Title { en: "Principal goes out", zh: "支取本金" },
        postings: &[("amount", "2011.02", "1003")],
    },
    Event {
        name: "interest-accrual",
        title: Title { en: "Interest of a day", zh: "计提利息" },
        postings: &[("interest", "6411.02", "2231.02")],
    },
    Event {
        name: "interest-payment",
        title: Title { en: "Interest goes out", zh: "支取利息" },
        postings: &[("interest", "2231.02", "1003")],
    },
    Event {
        name: "capitalization",
        title: Title { en: "Interest becomes principal", zh: "利息转存本金" },
        postings: &[("interest", "2231.02", "2011.02")],
    },
];

const ROUND_TRIPS: &[&[(&str, &str)]] = &[
    &[("placement", "amount"), ("withdrawal", "amount")],
    &[("interest-accrual", "interest"), ("interest-payment", "interest")],
    &[("interest-accrual", "interest"), ("capitalization", "interest"), ("withdrawal", "amount")],
];

/// The terms of a `term-deposit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermDeposit {
    /// How much may be put in.
    pub amount: DepositRange,
    /// How long it may be left, and what it earns.
    #[schemars(length(min = 1, max = TENORS_MAX))]
    pub tenors: Vec<Tenor>,
    /// The rate of money payable on demand: what is withdrawn before maturity earns it from the
    /// first day, what is left after maturity from there on, as it is on the day of withdrawal.
    pub demand_rate: Rate,
    /// How time is counted.
    #[serde(default)]
    pub counting: Counting,
    /// How interest becomes minor units.
    #[serde(default)]
    #[schemars(schema_with = "schema::rounding")]
    pub rounding: Rounding,
    /// Taking money out before maturity.
    #[serde(default)]
    pub early_withdrawal: EarlyWithdrawal,
    /// Whether a deposit may begin another tenor at maturity.
    #[serde(default = "yes")]
    pub rollover: bool,
}

/// The sums a product takes, in major units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DepositRange {
    /// The smallest; also the least that may stay after a withdrawal in part.
    #[schemars(schema_with = "schema::decimal")]
    pub min: Decimal,
    /// The largest. Without it there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub max: Option<Decimal>,
    /// Sums are multiples of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub step: Option<Decimal>,
}

/// A time for which money may be left (存期).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tenor {
    /// How long.
    #[schemars(schema_with = "schema::period")]
    pub tenor: Period,
    /// The rate of a year; that of the first day is held to maturity.
    pub rate: Rate,
}

/// How the time of a deposit is counted: the first day in, the last day out (算头不算尾).
///
/// Both are of 《中国人民银行关于人民币存贷款计结息问题的通知》(银发〔2005〕129号), which lets the
/// bank choose; not verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counting {
    /// Whole years and months to the same day of the month (对年对月对日), each month a twelfth of
    /// a year, and the days that are over as 360ths.
    #[default]
    YearsMonthsDays,
    /// Every calendar day as a 360th of a year.
    ActualDays,
}

/// Taking money out before maturity (提前支取).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyWithdrawal {
    /// Whether it is possible at all.
    #[serde(default = "yes")]
    pub allowed: bool,
    /// How often a part may be taken out in one tenor.
    #[serde(default = "once")]
    #[schemars(range(max = IN_PART_MAX))]
    pub in_part: u32,
}

impl Default for EarlyWithdrawal {
    fn default() -> Self {
        Self { allowed: yes(), in_part: once() }
    }
}

fn yes() -> bool {
    true
}

/// A certificate is usually replaced once.
fn once() -> u32 {
    1
}

fn check(check: &mut Check<'_>) {
    let [min, max, step] =
        ["min", "max", "step"].map(|it| check.amount(&format!("/terms/amount/{it}")));
    check.ordered("/terms/amount", min, max);
    if let (Some(min), Some(step)) = (min, step)
        && !min.checked_rem(step).is_some_and(|rest| rest.is_zero())
    {
        let reason = format!("The smallest amount, {min}, is not a multiple of the step, {step}.");
        check.report("/terms/amount/step", "not-a-step", reason, "Change one of them.");
    }
    Rate::check(check, "/terms/demand_rate");
    let mut tenors = Vec::new();
    for index in 0..check.len("/terms/tenors") {
        Rate::check(check, &format!("/terms/tenors/{index}/rate"));
        let place = format!("/terms/tenors/{index}/tenor");
        let Some(tenor) = check.get::<Period>(&place) else { continue };
        if tenors.contains(&tenor) {
            let reason = format!("`{tenor}` is there already.");
            check.report(place, "duplicate-tenor", reason, "Keep one of them.");
            continue;
        }
        tenors.push(tenor);
        let longest = Date::constant(2000 + TENOR_YEARS_MAX, 1, 1);
        if tenor.after(Date::constant(2000, 1, 1), 1).is_none_or(|end| end > longest) {
            let reason = format!("{tenor} is longer than {TENOR_YEARS_MAX} years.");
            check.report(place, "too-long", reason, "Shorten it.");
        }
    }
}

/// A compiled `term-deposit`.
#[derive(Clone, Debug)]
pub struct TermProduct {
    definition: Definition,
    terms: TermDeposit,
    accounting: Accounting,
    eligibility: Eligibility,
}

impl TermProduct {
    /// Compiles a definition.
    ///
    /// # Errors
    /// What keeps it from being used; nothing, when [`crate::check`] found nothing.
    pub fn compile(definition: &Definition) -> Result<Self, Vec<Problem>> {
        if definition.kind != KIND.name {
            let reason = format!("This is a `{}`, not a `{}`.", definition.kind, KIND.name);
            return Err(vec![Problem::new(
                "/kind",
                "other-kind",
                reason,
                "Choose another product.",
            )]);
        }
        let terms = serde_json::from_value(definition.terms.clone())
            .map_err(|error| vec![unforeseen("/terms", &error)])?;
        Ok(Self {
            accounting: Accounting::of(&KIND, definition),
            eligibility: Eligibility::compile(definition)?,
            definition: definition.clone(),
            terms,
        })
    }

    /// The same, booked on the chart of an institution.
    #[must_use]
    pub fn on(self, chart: &Arc<Chart>) -> Self {
        Self { accounting: self.accounting.on(chart), ..self }
    }

    /// What it was compiled from.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The terms.
    pub fn terms(&self) -> &TermDeposit {
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

    /// The rules of who may deposit.
    pub fn eligibility(&self) -> &Eligibility {
        &self.eligibility
    }

    /// The rate at which this sum may be left for this long from this day on.
    ///
    /// # Errors
    /// [`OfferReject`], the first reason.
    pub fn offer(&self, amount: Amount, tenor: Period, day: Date) -> Result<Decimal, OfferReject> {
        let major = amount.to_decimal(self.currency());
        let DepositRange { min, max, step } = self.terms.amount;
        if !self.definition.in_force(day) {
            return Err(OfferReject::NotInForce);
        }
        if major < min {
            return Err(OfferReject::AmountTooSmall { min: self.money(min) });
        }
        if let Some(max) = max.filter(|max| major > *max) {
            return Err(OfferReject::AmountTooLarge { max: self.money(max) });
        }
        if let Some(step) = step.filter(|step| !(major % step).is_zero()) {
            return Err(OfferReject::AmountNotAStep { step: self.money(step) });
        }
        self.tenor_rate(tenor, day).ok_or(OfferReject::TermNotOffered)
    }

    /// The rate of a tenor that begins on a day.
    pub fn tenor_rate(&self, tenor: Period, day: Date) -> Option<Decimal> {
        self.terms.tenors.iter().find(|it| it.tenor == tenor)?.rate.on(day)
    }

    /// The rate of money payable on demand on a day.
    pub fn demand_rate(&self, day: Date) -> Decimal {
        self.terms.demand_rate.on(day).unwrap_or(Decimal::ZERO)
    }

    /// Whether any rate is posted, so that the version in force has it and not this one.
    pub fn rates_are_posted(&self) -> bool {
        let tenors = self.terms.tenors.iter().map(|it| &it.rate);
        tenors.chain([&self.terms.demand_rate]).any(Rate::is_posted)
    }

    /// The exact interest, in major units, of a sum over `from..to` at a rate. `None` when it has
    /// more than 28 digits.
    pub fn interest(
        &self,
        principal: Amount,
        rate: Decimal,
        from: Date,
        to: Date,
    ) -> Option<Decimal> {
        let days = Decimal::from(self.terms.counting.days(from, to)?);
        let yearly = principal.to_decimal(self.currency()).checked_mul(rate)?;
        yearly.checked_mul(days)?.checked_div(Decimal::from(360))
    }

    /// [`TermProduct::interest`], rounded. `None` beyond any amount.
    pub fn rounded_interest(
        &self,
        principal: Amount,
        rate: Decimal,
        from: Date,
        to: Date,
    ) -> Option<Amount> {
        let exact = self.interest(principal, rate, from, to)?;
        Amount::round(exact, self.currency(), self.terms.rounding).ok()
    }

    fn money(&self, major: Decimal) -> Money {
        let amount = Amount::round(major, self.currency(), Rounding::Down).unwrap_or(Amount::MAX);
        Money::new(amount, self.currency())
    }
}

impl Counting {
    /// The 360ths of a year in `from..to`; nothing when `to` is not later. `None` past the year
    /// 9999.
    pub fn days(self, from: Date, to: Date) -> Option<u32> {
        if to <= from {
            return Some(0);
        }
        let actual = |from, to| u32::try_from(DayCount::Act360.days(from, to)).ok();
        match self {
            Self::ActualDays => actual(from, to),
            Self::YearsMonthsDays => {
                let (months, reached) = whole_months(from, to)?;
                months.checked_mul(30)?.checked_add(actual(reached, to)?)
            }
        }
    }
}

/// The whole months in `from..to`, and the day that they reach. `None` past the year 9999.
pub fn whole_months(from: Date, to: Date) -> Option<(u32, Date)> {
    let months = months(from, to)?;
    let reached = if months == 0 { from } else { Period::MONTH.after(from, months)? };
    Some((months, reached))
}

/// The whole months in `from..to`, to the same day of the month or the last one of a shorter.
fn months(from: Date, to: Date) -> Option<u32> {
    let years = i32::from(to.year()).checked_sub(i32::from(from.year()))?;
    let months = i32::from(to.month()).checked_sub(i32::from(from.month()))?;
    let months = u32::try_from(years.checked_mul(12)?.checked_add(months)?).ok()?;
    let reached = Period::MONTH.after(from, months)? <= to;
    if reached { Some(months) } else { months.checked_sub(1) }
}

/// A sum left to maturity and taken out.
fn simulate(
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    let product = TermProduct::compile(definition).map_err(SimulationReject::Definition)?;
    let currency = product.currency();
    let amount = request.amount.unwrap_or(product.terms.amount.min);
    let deposit = Amount::exactly(amount, currency).map_err(|_| SimulationReject::Amount)?;
    if !deposit.is_positive() || deposit > PRINCIPAL_MAX {
        return Err(SimulationReject::Amount);
    }
    let date = request.date.unwrap_or(definition.effective);
    let tenor = simulated_tenor(&product, request.term)?;
    let rate = product.offer(deposit, tenor, date).map_err(SimulationReject::Offer)?;
    let due = tenor.after(date, 1).ok_or(SimulationReject::DateOutOfRange)?;
    let interest = product.rounded_interest(deposit, rate, date, due);
    let interest = interest.ok_or(SimulationReject::Amount)?;
    let total = deposit.checked_add(interest).ok_or(SimulationReject::Amount)?;

    let mut books = Books::new(&product.accounting, chart, currency);
    books.book(date, "placement", &[("amount", deposit)]);
    books.book(due, "interest-accrual", &[("interest", interest)]);
    books.book(due, "interest-payment", &[("interest", interest)]);
    books.book(due, "withdrawal", &[("amount", deposit)]);
    let major = |amount: Amount| amount.to_decimal(currency);
    let line = Line {
        number: 1,
        from: date,
        due,
        days: product.terms.counting.days(date, due).unwrap_or(0),
        principal: major(deposit),
        interest: major(interest),
        subsidy: major(Amount::ZERO),
        fees: major(Amount::ZERO),
        total: major(total),
        balance: major(Amount::ZERO),
    };
    Ok(Simulation {
        product: definition.product.clone(),
        version: definition.version,
        kind: KIND.name,
        currency,
        amount: major(deposit),
        date,
        price: None,
        down_payment: None,
        rate: Some(rate),
        term: tenor.months(),
        totals: Totals {
            principal: line.principal,
            interest: line.interest,
            subsidy: line.subsidy,
            fees: line.fees,
            total: line.total,
        },
        periods: vec![line],
        cash_flows: vec![
            CashFlow { date, amount: -major(deposit) },
            CashFlow { date: due, amount: major(total) },
        ],
        annual_cost: None,
        postings: books.postings(),
        accounts: books.accounts(),
    })
}

/// The tenor of so many months; without a number the first of the product.
fn simulated_tenor(product: &TermProduct, months: Option<u32>) -> Result<Period, SimulationReject> {
    let mut tenors = product.terms.tenors.iter().map(|it| it.tenor);
    let chosen = match months {
        None => tenors.next(),
        Some(months) => tenors.find(|it| it.months() == Some(months)),
    };
    chosen.ok_or(SimulationReject::Offer(OfferReject::TermNotOffered))
}
