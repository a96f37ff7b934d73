//! Instalment loan: a sum lent once and repaid in instalments (分期贷款).

use std::collections::{BTreeMap, BTreeSet};

use money::{Decimal, Period, Rounding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    check::Check,
    definition::{Definition, Text},
    expression::{Environment, Field, Type},
    kinds::{Event, Kind, Title},
    schedule::ScheduleError,
    schema,
};

mod product;
mod simulate;

pub use product::{FeeError, LoanProduct, OfferReject};

/// The most fees of a loan.
pub const FEES_MAX: usize = 20;
/// The most numbers of instalments a loan may list.
pub const ALLOWED_MAX: usize = 100;
/// The longest time a penalty may wait.
pub const GRACE_DAYS_MAX: u32 = 90;
/// The longest loan, in years.
pub const YEARS_MAX: i16 = 50;

/// The kind.
pub const KIND: Kind = Kind {
    name: "instalment-loan",
    title: Title { en: "Instalment loan", zh: "分期贷款" },
    summary: "A sum lent once and repaid in instalments.",
    example: include_str!("../../../../examples/products/consumer-instalment.yaml"),
    terms_schema: schema::of::<InstalmentLoan>,
    check,
    events: EVENTS,
    round_trips: ROUND_TRIPS,
    simulate: simulate::simulate,
};

/// What can happen to a loan. `lending` says when.
const EVENTS: &[Event] = &[
    Event {
        name: "disbursal",
        title: Title { en: "The sum is lent", zh: "放款" },
        postings: &[("principal", "1303", "1003")],
    },
    Event {
        name: "disbursal-fee",
        title: Title {
            en: "A fee is kept back from the sum paid out", zh: "放款时收取费用"
        },
        postings: &[("fee", "1003", "6021.01")],
    },
    Event {
        name: "interest-accrual",
        title: Title { en: "Interest of a day", zh: "计提利息" },
        postings: &[("interest", "1132.01", "6011.01")],
    },
    Event {
        name: "penalty-accrual",
        title: Title { en: "Penalty interest of a day", zh: "计提罚息" },
        postings: &[("penalty", "1132.02", "6011.02")],
    },
    Event {
        name: "instalment-fee",
        title: Title { en: "A fee becomes due with an instalment", zh: "分期费用到期" },
        postings: &[("fee", "1221.01", "6021.01")],
    },
    Event {
        name: "repayment",
        title: Title { en: "The borrower pays what is due", zh: "还款" },
        postings: &[
            ("penalty", "1003", "1132.02"),
            ("fee", "1003", "1221.01"),
            ("interest", "1003", "1132.01"),
            ("principal", "1003", "1303"),
        ],
    },
    Event {
        name: "prepayment",
        title: Title { en: "The borrower pays ahead", zh: "预存还款" },
        postings: &[("prepaid", "1003", "2241.01")],
    },
    Event {
        name: "prepayment-applied",
        title: Title { en: "What was paid ahead pays what is due", zh: "预存款抵扣" },
        postings: &[
            ("penalty", "2241.01", "1132.02"),
            ("fee", "2241.01", "1221.01"),
            ("interest", "2241.01", "1132.01"),
            ("principal", "2241.01", "1303"),
        ],
    },
    Event {
        name: "settlement-fee",
        title: Title { en: "The price of settling early", zh: "提前结清费用" },
        postings: &[("fee", "1003", "6021.01")],
    },
];

/// A loan's accounts are empty when what was lent or accrued is paid, at once or from what was
/// paid ahead.
const ROUND_TRIPS: &[&[(&str, &str)]] = &[
    &[("disbursal", "principal"), ("repayment", "principal")],
    &[("interest-accrual", "interest"), ("repayment", "interest")],
    &[("penalty-accrual", "penalty"), ("repayment", "penalty")],
    &[("instalment-fee", "fee"), ("repayment", "fee")],
    &[("disbursal", "principal"), ("prepayment", "prepaid"), ("prepayment-applied", "principal")],
    &[
        ("interest-accrual", "interest"),
        ("prepayment", "prepaid"),
        ("prepayment-applied", "interest"),
    ],
    &[("penalty-accrual", "penalty"), ("prepayment", "prepaid"), ("prepayment-applied", "penalty")],
    &[("instalment-fee", "fee"), ("prepayment", "prepaid"), ("prepayment-applied", "fee")],
    &[("disbursal-fee", "fee")],
    &[("settlement-fee", "fee")],
];

/// The terms of an `instalment-loan`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstalmentLoan {
    /// What may be borrowed, in major units of the product's currency.
    pub amount: AmountRange,
    /// How many instalments.
    pub term: TermRange,
    /// How the loan is repaid.
    pub repayment: Repayment,
    /// What the loan costs over time.
    pub interest: Interest,
    /// What it costs beside interest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = FEES_MAX))]
    pub fees: Vec<Fee>,
    /// What being late costs (罚息). Without it, being late costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<Penalty>,
    /// What a repayment pays first, within the oldest instalment that is due.
    #[serde(default = "allocation_default")]
    #[schemars(length(min = 4, max = 4))]
    pub allocation: Vec<Component>,
    /// Whether and at what price the borrower may settle early (提前结清).
    #[serde(default)]
    pub early_settlement: EarlySettlement,
}

/// Amounts that may be borrowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmountRange {
    /// The smallest amount.
    #[schemars(schema_with = "schema::decimal")]
    pub min: Decimal,
    /// The largest amount.
    #[schemars(schema_with = "schema::decimal")]
    pub max: Decimal,
    /// The amount is a multiple of this; without it, of the minor unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub step: Option<Decimal>,
}

/// Numbers of instalments that may be chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermRange {
    /// The fewest instalments.
    #[schemars(range(min = 1, max = TERM_MAX))]
    pub min: u32,
    /// The most instalments, at most 480.
    #[schemars(range(min = 1, max = TERM_MAX))]
    pub max: u32,
    /// The number taken when the applicant names none; `max` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = TERM_MAX))]
    pub default: Option<u32>,
    /// When given, only these numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ALLOWED_MAX))]
    pub allowed: Vec<u32>,
}

/// The most instalments a loan may have: forty years of months.
pub const TERM_MAX: u32 = 480;

/// How the loan is repaid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repayment {
    /// How principal and interest spread over the instalments.
    pub method: Method,
    /// The distance of two due dates, such as `1 month`.
    #[schemars(schema_with = "schema::period")]
    pub every: Period,
    /// Where a due date goes that is not a business day. Interest runs to the date it went to.
    #[serde(default)]
    #[schemars(schema_with = "schema::roll")]
    pub roll: money::Roll,
}

/// How principal and interest spread over the instalments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every instalment is the same sum of principal and interest (等额本息).
    EqualInstalment,
    /// Every instalment repays the same principal; interest falls (等额本金).
    EqualPrincipal,
    /// Interest every instalment, all principal with the last (先息后本).
    InterestFirst,
    /// Principal and all interest with the last instalment (一次还本付息).
    Bullet,
    /// Every instalment repays the same principal and interest on the amount lent (等本等息).
    Flat,
}

/// What the loan costs over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interest {
    /// Nominal rate of a year as a fraction: 0.096 is 9.6 %.
    #[schemars(schema_with = "schema::decimal")]
    pub rate: Decimal,
    /// How days become years.
    #[schemars(schema_with = "schema::day_count")]
    pub day_count: money::DayCount,
    /// How the interest of an instalment becomes minor units.
    #[serde(default)]
    #[schemars(schema_with = "schema::rounding")]
    pub rounding: Rounding,
}

/// A fee: when it is taken and how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Its name in books and schedules.
    #[schemars(schema_with = "schema::code")]
    pub code: String,
    /// When it is taken.
    pub on: FeeMoment,
    /// How much, as a number expression over `principal`, `term`, and at an instalment `number`
    /// and `balance` (before it). Rounded half-even to minor units.
    #[schemars(schema_with = "schema::expression")]
    pub amount: String,
}

/// When a fee is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeeMoment {
    /// Kept back from the sum paid out.
    Disbursal,
    /// Due with every instalment.
    Instalment,
}

/// What being late costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Penalty {
    /// Rate of a year as a fraction, on what is overdue, by the day count of the interest.
    #[schemars(schema_with = "schema::decimal")]
    pub rate: Decimal,
    /// What it is taken on.
    #[serde(default)]
    pub base: PenaltyBase,
    /// Days after the due date within which paying is not late. Once they are over, penalty runs
    /// from the due date.
    #[serde(default)]
    #[schemars(range(max = GRACE_DAYS_MAX))]
    pub grace_days: u32,
}

/// What the penalty rate is taken on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PenaltyBase {
    /// Principal of overdue instalments.
    #[default]
    OverduePrincipal,
    /// Principal and interest of overdue instalments (复利 on the interest).
    OverdueInstalment,
}

/// A part of what a borrower owes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// Penalty interest (罚息).
    Penalty,
    /// Fees.
    Fee,
    /// Interest.
    Interest,
    /// Principal.
    Principal,
}

fn allocation_default() -> Vec<Component> {
    vec![Component::Penalty, Component::Fee, Component::Interest, Component::Principal]
}

/// Settling before the last due date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlySettlement {
    /// Whether the borrower may.
    pub allowed: bool,
    /// The price, as a number expression over `principal`, `term`, `outstanding` (principal) and
    /// `paid` (instalments paid).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::expression")]
    pub fee: Option<String>,
}

impl Default for EarlySettlement {
    fn default() -> Self {
        Self { allowed: true, fee: None }
    }
}

impl AmountRange {
    /// The smallest amount offered.
    pub fn smallest(&self) -> Decimal {
        let above = |step| self.min % step;
        let Some(step) = self.step.filter(|step| !above(*step).is_zero()) else { return self.min };
        self.min - above(step) + step
    }

    /// The largest amount offered.
    pub fn largest(&self) -> Decimal {
        self.max - self.step.map_or(Decimal::ZERO, |step| self.max % step)
    }
}

impl TermRange {
    /// This number of instalments may be chosen.
    pub fn offers(&self, term: u32) -> bool {
        let listed = self.allowed.is_empty() || self.allowed.contains(&term);
        listed && (self.min..=self.max).contains(&term)
    }

    /// The number taken when the applicant names none.
    pub fn chosen(&self) -> u32 {
        self.default.unwrap_or(self.max)
    }
}

impl Fee {
    /// The fields a fee's expression may use.
    pub fn environment(moment: FeeMoment) -> Environment {
        let principal = Field::new("principal", Type::Number, "The sum lent, in major units.");
        let term = Field::new("term", Type::Number, "How many instalments.");
        let mut fields = vec![principal, term];
        if moment == FeeMoment::Instalment {
            fields.extend([
                Field::new("number", Type::Number, "The number of the instalment, from 1."),
                Field::new("balance", Type::Number, "Principal owed before it, in major units."),
            ]);
        }
        Environment::new(fields).expect("the names are distinct and well formed")
    }
}

impl EarlySettlement {
    /// The fields the fee's expression may use.
    pub fn environment() -> Environment {
        let fields = [
            Field::new("principal", Type::Number, "The sum lent, in major units."),
            Field::new("term", Type::Number, "How many instalments."),
            Field::new("outstanding", Type::Number, "Principal still owed, in major units."),
            Field::new("paid", Type::Number, "How many instalments are paid."),
        ];
        Environment::new(fields).expect("the names are distinct and well formed")
    }
}

/// What is wrong with the meaning of the terms.
fn check(check: &mut Check<'_>) {
    amounts(check);
    terms(check);
    rhythm(check);
    check.rate("/terms/interest/rate");
    check.rate("/terms/penalty/rate");
    fees(check);
    allocation(check);
    early_settlement(check);
    extremes(check);
}

fn amounts(check: &mut Check<'_>) {
    let [min, max, step] =
        ["min", "max", "step"].map(|field| check.amount(&format!("/terms/amount/{field}")));
    let range = check.ordered("/terms/amount", min, max);
    if let (Some((min, max)), Some(step)) = (range, step)
        && max.checked_rem(step).is_some_and(|rest| max - rest < min)
    {
        let reason = format!("No amount from {min} to {max} is a multiple of {step}.");
        check.report("/terms/amount/step", "empty-range", reason, "Lower the step.");
    }
}

fn terms(check: &mut Check<'_>) {
    let [min, max, default] =
        ["min", "max", "default"].map(|field| check.get::<u32>(&format!("/terms/term/{field}")));
    let Some((min, max)) = check.ordered("/terms/term", min, max) else { return };
    let within = |term: u32| (min..=max).contains(&term);
    let outside = |check: &mut Check<'_>, place: String, term: u32| {
        let reason = format!("{term} is not in {min} to {max}.");
        check.report(place, "outside-range", reason, "Choose one in the range.");
    };
    if let Some(default) = default.filter(|term| !within(*term)) {
        outside(check, "/terms/term/default".to_owned(), default);
    }
    let mut seen = BTreeSet::new();
    for index in 0..check.len("/terms/term/allowed") {
        let place = format!("/terms/term/allowed/{index}");
        let Some(term) = check.get::<u32>(&place) else { continue };
        if !within(term) {
            outside(check, place, term);
        } else if !seen.insert(term) {
            check.report(
                place,
                "duplicate-value",
                format!("{term} is there already."),
                "Keep one.",
            );
        }
    }
    let listed = |term: &u32| seen.is_empty() || seen.contains(term);
    if let Some(default) = default.filter(|term| within(*term) && !listed(term)) {
        let reason = format!("{default} is not one of the `allowed` numbers.");
        check.report("/terms/term/default", "outside-range", reason, "Choose one of them.");
    }
    if default.is_none() && !listed(&max) {
        let reason =
            format!("`max` is the default, and {max} is not one of the `allowed` numbers.");
        check.report("/terms/term/default", "missing", reason, "Add a `default`.");
    }
}

/// The longest loan ends within [`YEARS_MAX`] years.
fn rhythm(check: &mut Check<'_>) {
    let every: Option<Period> = check.get("/terms/repayment/every");
    let term: Option<u32> = check.get("/terms/term/max");
    let effective: Option<Date> = check.get("/effective");
    let (Some(every), Some(term), Some(effective)) = (every, term, effective) else { return };
    let last = every.after(effective, term);
    if last.is_none_or(|last| last.year().saturating_sub(effective.year()) > YEARS_MAX) {
        let reason = format!("{term} times {every} is more than {YEARS_MAX} years.");
        let fix = "Lower `every` or `terms.term.max`.";
        check.report("/terms/repayment/every", "too-long", reason, fix);
    }
}

fn fees(check: &mut Check<'_>) {
    check.distinct(&check.each("/terms/fees", "code"));
    for index in 0..check.len("/terms/fees") {
        let place = format!("/terms/fees/{index}");
        // Without a known moment: the one that may read every field.
        let moment = check.get(&format!("{place}/on")).unwrap_or(FeeMoment::Instalment);
        check.expression(&format!("{place}/amount"), &Fee::environment(moment), Type::Number);
    }
}

fn allocation(check: &mut Check<'_>) {
    let mut seen = BTreeSet::new();
    for index in 0..check.len("/terms/allocation") {
        let place = format!("/terms/allocation/{index}");
        let Some(part) = check.get::<Component>(&place) else { continue };
        if !seen.insert(part) {
            let reason = "A part is there twice, so another is never paid.";
            check.report(place, "duplicate-value", reason, "Name each of the four parts once.");
        }
    }
}

fn early_settlement(check: &mut Check<'_>) {
    let fee = "/terms/early_settlement/fee";
    check.expression(fee, &EarlySettlement::environment(), Type::Number);
    let allowed = check.get::<bool>("/terms/early_settlement/allowed");
    if allowed == Some(false) && check.has(fee) {
        let reason = "There is a fee for what is not allowed.";
        check.report(fee, "unused", reason, "Remove it, or allow early settlement.");
    }
}

/// Tries the smallest and the largest loan, over the fewest and the most instalments: each must
/// have a schedule and fees that can be booked.
fn extremes(check: &mut Check<'_>) {
    let Some((product, day)) = sound_part(check) else { return };
    let InstalmentLoan { amount, term, .. } = product.terms();
    let mut terms = (term.min..=term.max).filter(|it| term.offers(*it));
    let (fewest, most) = (terms.next(), terms.next_back());
    let mut places = BTreeSet::new();
    for amount in [amount.smallest(), amount.largest()] {
        for term in [fewest, most].into_iter().flatten() {
            for (place, reason) in product.rehearse(amount, term, day) {
                if places.insert(place.clone()) {
                    let reason = format!("{amount} over {term} instalments: {reason}.");
                    let fix = "Change the terms so that every loan they allow can be made.";
                    check.report(place, "impossible-loan", reason, fix);
                }
            }
        }
    }
}

/// What a loan can be tried with, and the first day of the product: a mistake in a part that does
/// not matter for it leaves the rest to be tried.
fn sound_part(check: &Check<'_>) -> Option<(LoanProduct, Date)> {
    let terms = InstalmentLoan {
        amount: check.get("/terms/amount")?,
        term: check.get("/terms/term")?,
        repayment: check.get("/terms/repayment")?,
        interest: check.get("/terms/interest")?,
        fees: check.get("/terms/fees").unwrap_or_default(),
        penalty: None,
        allocation: allocation_default(),
        early_settlement: check.get("/terms/early_settlement").unwrap_or_default(),
    };
    let effective = check.get("/effective")?;
    let definition = Definition {
        product: String::new(),
        version: 1,
        kind: KIND.name.to_owned(),
        name: Text { en: String::new(), zh: String::new() },
        description: None,
        currency: check.get("/currency")?,
        effective,
        until: None,
        facts: BTreeMap::new(),
        eligibility: Vec::new(),
        terms: serde_json::to_value(terms).ok()?,
        accounting: BTreeMap::new(),
    };
    Some((LoanProduct::compile(&definition).ok()?, effective))
}

/// Where in the terms the cause of a schedule's error lies.
fn place_of(error: ScheduleError) -> &'static str {
    match error {
        ScheduleError::PrincipalOutOfRange | ScheduleError::TotalTooLarge => "/terms/amount",
        ScheduleError::InstalmentsOutOfRange => "/terms/term",
        ScheduleError::RateOutOfRange | ScheduleError::InterestNotCovered { .. } => {
            "/terms/interest/rate"
        }
        ScheduleError::DateOutOfRange | ScheduleError::DueDatesNotIncreasing { .. } => {
            "/terms/repayment"
        }
        ScheduleError::Fee { .. } => "/terms/fees",
    }
}
