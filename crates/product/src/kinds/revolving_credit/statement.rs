//! Revolving credit on statements (账单制): purchases gather on one account, a statement is made
//! once a month, and paying it in full in time costs nothing.
//!
//! 银发〔2016〕111号, which is about credit cards, lets the issuer agree the free period and the
//! minimum payment (article 3) and a late fee in place of the former 滞纳金, and forbids interest
//! on late fees and service fees (article 4). Its text was not at hand: not verified.

use jiff::Span;
use money::{Amount, Calendar, Currency, DayCount, Decimal, RATE_DIGITS, Rounding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stdx::Date;

use super::RevolvingProduct;
use crate::{
    chart::Chart,
    check::Check,
    definition::Definition,
    kinds::{Event, Title, instalment_loan::OfferReject},
    schedule::PRINCIPAL_MAX,
    schema,
    simulate::{Books, CashFlow, Cost, Line, Request, Simulation, SimulationReject, Totals},
};

/// The longest time from a statement to its due date, in days.
pub const DUE_DAYS_MAX: u32 = 60;
/// Of a year.
const MONTHS: Decimal = Decimal::from_parts(12, 0, 0, false, 0);

/// The longest time after a due date within which paying is in time, in days.
pub const GRACE_DAYS_MAX: u32 = 30;

/// What can happen to an account with statements. `lending` says when.
pub const EVENTS: &[Event] = &[
    Event {
        name: "purchase",
        title: Title { en: "A purchase is paid for", zh: "消费" },
        postings: &[("principal", "1303", "1003")],
    },
    Event {
        name: "cash-drawing",
        title: Title { en: "Cash is drawn", zh: "预借现金" },
        postings: &[("principal", "1303", "1003")],
    },
    Event {
        name: "cash-fee",
        title: Title { en: "A fee for drawing cash", zh: "取现手续费" },
        postings: &[("fee", "1221.01", "6021.01")],
    },
    Event {
        name: "late-fee",
        title: Title { en: "A fee for an unpaid minimum", zh: "违约金" },
        postings: &[("penalty", "1132.02", "6011.02")],
    },
    Event {
        name: "merchant-refund",
        title: Title { en: "A merchant gives a purchase back", zh: "退货" },
        postings: &[("principal", "1003", "1303")],
    },
];

/// The account of a purchase is empty when the merchant, or the borrower, has paid it back.
pub const ROUND_TRIPS: &[&[(&str, &str)]] = &[
    &[("purchase", "principal"), ("merchant-refund", "principal")],
    &[("purchase", "principal"), ("repayment", "principal")],
    &[("cash-drawing", "principal"), ("repayment", "principal")],
    &[("cash-fee", "fee"), ("repayment", "fee")],
    &[("late-fee", "penalty"), ("repayment", "penalty")],
];

/// How an account with statements is served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The day of the month at whose end the statement is made (账单日). A shorter month has it on
    /// its last day, so 31 is the last day of every month.
    #[schemars(range(min = 1, max = 31))]
    pub day: u32,
    /// When it is to be paid.
    pub due: Due,
    /// What being owed costs over time.
    pub interest: Interest,
    /// What is to be paid at least.
    pub minimum: Minimum,
    /// What an unpaid minimum costs, once for each statement (违约金). It bears no interest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_fee: Option<Charge>,
    /// Drawing cash (预借现金). Without it, the account pays for purchases alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash: Option<Cash>,
    /// What a payment pays first. All that is on a statement comes before what is on none yet, and
    /// of purchases the oldest.
    #[serde(default = "allocation_default")]
    #[schemars(length(min = 5, max = 5))]
    pub allocation: Vec<Part>,
    /// Another order for who is very late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_allocation: Option<LateAllocation>,
}

/// When a statement is to be paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// So many days after the statement (到期还款日).
    #[schemars(range(min = 1, max = DUE_DAYS_MAX))]
    pub after_days: u32,
    /// Where it goes when that is not a business day.
    #[serde(default)]
    #[schemars(schema_with = "schema::roll")]
    pub roll: money::Roll,
    /// Days after the due date within which paying is in time (容时).
    #[serde(default)]
    #[schemars(range(max = GRACE_DAYS_MAX))]
    pub grace_days: u32,
    /// A statement of which no more than this is unpaid counts as paid in full (容差); what is
    /// unpaid is on the next one. In major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub tolerance: Option<Decimal>,
}

/// Interest of an account with statements. Principal alone bears it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interest {
    /// Of a year, as a fraction, on purchases whose free period is lost.
    #[schemars(schema_with = "schema::decimal")]
    pub rate: Decimal,
    /// `ACT/360` or `ACT/365F`: a balance changes on any day.
    #[schemars(schema_with = "schema::day_count")]
    pub day_count: DayCount,
    /// How interest becomes minor units.
    #[serde(default)]
    #[schemars(schema_with = "schema::rounding")]
    pub rounding: Rounding,
    /// What of the purchases on a statement bears interest back to the day of each, when the
    /// statement is not paid in full in time.
    pub back_to_purchase: BackInterest,
}

/// What bears interest from the day of purchase once the free period is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackInterest {
    /// What was not paid in time (未还部分计息).
    Unpaid,
    /// All of it, as long as it was owed (全额计息): also what was paid in time, from its purchase
    /// to its payment.
    Whole,
}

/// What is to be paid of a statement at least (最低还款额): what is unpaid of earlier minimums, all
/// interest and fees, and a share of the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// The share of the rest: 0.1 is 10 %.
    #[schemars(schema_with = "schema::decimal")]
    pub share: Decimal,
    /// No minimum is smaller, unless the statement is. In major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub floor: Option<Decimal>,
}

/// A fee that is a share of something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// The share: 0.05 is 5 %.
    #[schemars(schema_with = "schema::decimal")]
    pub share: Decimal,
    /// It is no smaller, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub min: Option<Decimal>,
    /// It is no larger, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub max: Option<Decimal>,
}

/// Drawing cash: it bears interest from its day, without a free period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cash {
    /// Of a year, as a fraction; that of purchases when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub rate: Option<Decimal>,
    /// What a drawing costs, as a share of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Charge>,
}

/// What a use of an account costs a year.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// What is owed by it: purchases, or cash.
    pub part: Part,
    /// The rate that it bears.
    pub rate: Decimal,
    /// What it costs with its fee.
    pub cost: Cost,
}

/// A part of what is owed on an account with statements.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Fees for being late (违约金).
    Penalty,
    /// Other fees.
    Fee,
    /// Interest.
    Interest,
    /// Cash that was drawn.
    Cash,
    /// Purchases.
    Purchase,
}

/// What a payment pays first of who is very late.
///
/// Source: 《商业银行信用卡业务监督管理办法》(银监会令2011年第2号), which has principal come first
/// from 91 days past due on; not verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LateAllocation {
    /// With more days past due than this.
    #[schemars(range(max = 3_660))]
    pub after_days: u32,
    /// The order.
    #[schemars(length(min = 5, max = 5))]
    pub order: Vec<Part>,
}

impl Statement {
    /// The statement day of the month of a date.
    pub fn day_in_month(&self, of: Date) -> Option<Date> {
        let day = i8::try_from(self.day).unwrap_or(i8::MAX).min(of.days_in_month());
        Date::new(of.year(), of.month(), day).ok()
    }

    /// The statement that has what happens on a day.
    pub fn made_on(&self, day: Date) -> Option<Date> {
        let this = self.day_in_month(day)?;
        if day <= this {
            Some(this)
        } else {
            self.day_in_month(day.last_of_month().tomorrow().ok()?)
        }
    }

    /// What using so much costs a year: to buy, without paying in time, and to draw cash.
    ///
    /// It is what one month costs, with the fee of drawing cash, twelve times: as if it were drawn
    /// and paid back every month. So Regulation Z (12 CFR 1026.14(c)(3)) has the fee of a single
    /// transaction count; cited from memory, not verified.
    pub fn uses(&self, amount: Amount, currency: Currency) -> impl Iterator<Item = Use> {
        let whole = amount.to_decimal(currency);
        let purchase = Use::of(Part::Purchase, self.interest.rate, Decimal::ZERO);
        let cash = self.cash.as_ref().map(|cash| {
            let fee = cash.fee.as_ref().and_then(|it| it.on(amount, currency));
            let fee = fee.and_then(|it| it.to_decimal(currency).checked_div(whole));
            let rate = cash.rate.unwrap_or(self.interest.rate);
            Use::of(Part::Cash, rate, fee.unwrap_or_default())
        });
        [purchase].into_iter().chain(cash)
    }

    /// When a statement of a day is to be paid.
    pub fn due_of(&self, made_on: Date, calendar: &Calendar) -> Option<Date> {
        let date = made_on.checked_add(Span::new().days(i64::from(self.due.after_days))).ok()?;
        Some(calendar.roll(date, self.due.roll))
    }
}

impl Use {
    fn of(part: Part, rate: Decimal, fee: Decimal) -> Self {
        let simple = rate.saturating_add(fee.saturating_mul(MONTHS)).round_dp(RATE_DIGITS);
        let month = Decimal::ONE.saturating_add(simple / MONTHS);
        let year = (0..12).fold(Decimal::ONE, |year, _| year.saturating_mul(month));
        let compound = year.saturating_sub(Decimal::ONE).round_dp(RATE_DIGITS).normalize();
        Self { part, rate, cost: Cost { simple, compound } }
    }
}

impl Charge {
    /// The fee on an amount; none when it is too large to be booked.
    pub fn on(&self, amount: Amount, currency: Currency) -> Option<Amount> {
        let share = amount.to_decimal(currency).checked_mul(self.share)?;
        let share = Amount::round(share, currency, Rounding::HalfUp).ok()?;
        let bound = |it| Amount::round(it, currency, Rounding::Down).unwrap_or(Amount::MAX);
        let (least, most) = (self.min.map(bound), self.max.map(bound));
        Some(share.max(least.unwrap_or_default()).min(most.unwrap_or(Amount::MAX)))
    }
}

fn allocation_default() -> Vec<Part> {
    vec![Part::Interest, Part::Fee, Part::Penalty, Part::Cash, Part::Purchase]
}

/// Reports what is wrong with the meaning of the terms at a place.
pub fn check(check: &mut Check<'_>, at: &str) {
    let place = |field: &str| format!("{at}/{field}");
    check.rate(&place("interest/rate"));
    check.rate(&place("cash/rate"));
    let day_count = place("interest/day_count");
    let counted: Option<DayCount> = check.get(&day_count);
    if counted.is_some_and(|it| !matches!(it, DayCount::Act360 | DayCount::Act365Fixed)) {
        let reason = "A balance that changes on any day is counted by actual days.";
        check.report(day_count, "unsuitable-day-count", reason, "Use `ACT/360` or `ACT/365F`.");
    }
    share(check, &place("minimum/share"));
    check.amount(&place("minimum/floor"));
    check.amount(&place("due/tolerance"));
    for charge in ["late_fee", "cash/fee"].map(place) {
        share(check, &format!("{charge}/share"));
        let [min, max] = ["min", "max"].map(|end| check.amount(&format!("{charge}/{end}")));
        check.ordered(&charge, min, max);
    }
    for order in ["allocation", "late_allocation/order"].map(place) {
        let parts: Vec<Part> = check.get(&order).unwrap_or_default();
        let distinct: std::collections::BTreeSet<_> = parts.iter().collect();
        if distinct.len() < parts.len() {
            let reason = "A part is there twice, so another is never paid.";
            check.report(order, "duplicate-value", reason, "Name each of the five parts once.");
        }
    }
}

fn share(check: &mut Check<'_>, place: &str) {
    let Some(share) = check.get::<Decimal>(place) else { return };
    if share <= Decimal::ZERO || share > Decimal::ONE {
        let reason = format!("{share} is not a share.");
        check.report(place, "outside-range", reason, "Write a fraction up to 1: 10 % is 0.1.");
    }
}

/// One purchase, paid in full when its statement is due.
pub(super) fn simulate(
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    let product = RevolvingProduct::compile(definition).map_err(SimulationReject::Definition)?;
    let currency = product.currency();
    let terms = product.terms().statement.as_ref().ok_or(SimulationReject::Amount)?;
    let amount = request.amount.unwrap_or(product.terms().limit.largest());
    let bought = Amount::exactly(amount, currency).map_err(|_| SimulationReject::Amount)?;
    if !bought.is_positive() || bought > PRINCIPAL_MAX {
        return Err(SimulationReject::Amount);
    }
    let date = request.date.unwrap_or(definition.effective);
    if !definition.in_force(date) {
        return Err(SimulationReject::Offer(OfferReject::NotInForce));
    }
    product.allows_limit(bought).map_err(SimulationReject::Offer)?;
    let due = terms.made_on(date).and_then(|it| terms.due_of(it, request.calendar));
    let due = due.ok_or(SimulationReject::DateOutOfRange)?;
    let mut books = Books::new(product.accounting(), chart, currency);
    books.book(date, "purchase", &[("principal", bought)]);
    books.book(due, "repayment", &[("principal", bought)]);
    let (major, none) = (bought.to_decimal(currency), Amount::ZERO.to_decimal(currency));
    let line = Line {
        number: 1,
        from: date,
        due,
        days: u32::try_from(DayCount::Act360.days(date, due)).unwrap_or(0),
        principal: major,
        interest: none,
        subsidy: none,
        fees: none,
        total: major,
        balance: none,
    };
    Ok(Simulation {
        product: definition.product.clone(),
        version: definition.version,
        kind: super::KIND.name,
        currency,
        amount: major,
        date,
        price: None,
        down_payment: None,
        rate: Some(terms.interest.rate),
        term: None,
        totals: Totals {
            principal: major,
            interest: none,
            subsidy: none,
            fees: none,
            total: major,
        },
        periods: vec![line],
        cash_flows: vec![CashFlow { date, amount: major }, CashFlow { date: due, amount: -major }],
        annual_cost: None,
        postings: books.postings(),
        accounts: books.accounts(),
    })
}
