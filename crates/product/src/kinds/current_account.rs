//! Current account: money held for a party, payable on demand (活期账户, 钱包).

use std::sync::Arc;

use money::{Amount, Currency, DayCount, Decimal, Period, Rounding, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    accounting::Accounting,
    chart::Chart,
    check::{Check, unforeseen},
    definition::Definition,
    eligibility::Eligibility,
    kinds::{Event, Kind, Title},
    posted::Rate,
    problem::Problem,
    schedule::PRINCIPAL_MAX,
    schema,
    simulate::{Books, CashFlow, Line, Request, Simulation, SimulationReject, Totals},
};

/// The kind.
pub const KIND: Kind = Kind {
    name: "current-account",
    title: Title { en: "Current account", zh: "活期账户" },
    summary: "Money held for a party and payable on demand; it is never overdrawn.",
    example: include_str!("../../../../examples/products/wallet.yaml"),
    terms_schema: schema::of::<CurrentAccount>,
    check,
    events: EVENTS,
    round_trips: ROUND_TRIPS,
    simulate,
};

/// What can happen to an account.
const EVENTS: &[Event] = &[
    Event {
        name: "deposit",
        title: Title { en: "Money comes in", zh: "存入" },
        postings: &[("amount", "1003", "2011.01")],
    },
    Event {
        name: "withdrawal",
        title: Title { en: "Money goes out", zh: "支取" },
        postings: &[("amount", "2011.01", "1003")],
    },
    Event {
        name: "interest-accrual",
        title: Title { en: "Interest of a day", zh: "计提利息" },
        postings: &[("interest", "6411.01", "2231.01")],
    },
    Event {
        name: "interest-settlement",
        title: Title { en: "Interest is paid into the account", zh: "结息" },
        postings: &[("interest", "2231.01", "2011.01")],
    },
];

const ROUND_TRIPS: &[&[(&str, &str)]] = &[
    &[("deposit", "amount"), ("withdrawal", "amount")],
    &[
        ("interest-accrual", "interest"),
        ("interest-settlement", "interest"),
        ("withdrawal", "amount"),
    ],
];

/// The terms of a `current-account`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurrentAccount {
    /// The class of the account, whose caps the rule pack of the day gives beside the limits
    /// below. Without it there are only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<AccountClass>,
    /// The most the account may hold, in major units; without it there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub max_balance: Option<Decimal>,
    /// How much may go out.
    #[serde(default)]
    pub outflow: Flow,
    /// How much may come in.
    #[serde(default)]
    pub inflow: Flow,
    /// What the money earns. Without it, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interest: Option<DemandInterest>,
    /// After so long without a movement by its holder the account is dormant (睡眠户) and pays
    /// nothing out until it is woken. Without it, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::period")]
    pub dormant_after: Option<Period>,
}

/// The class of an account, by how well its holder was identified: a name in the rule pack
/// `account-classes`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum AccountClass {
    /// Bank account of class I (个人银行账户Ⅰ类).
    #[serde(rename = "bank-1")]
    Bank1,
    /// Bank account of class II (Ⅱ类).
    #[serde(rename = "bank-2")]
    Bank2,
    /// Bank account of class III (Ⅲ类).
    #[serde(rename = "bank-3")]
    Bank3,
    /// Payment account of class I (支付账户Ⅰ类).
    #[serde(rename = "payment-1")]
    Payment1,
    /// Payment account of class II (Ⅱ类).
    #[serde(rename = "payment-2")]
    Payment2,
    /// Payment account of class III (Ⅲ类).
    #[serde(rename = "payment-3")]
    Payment3,
}

impl AccountClass {
    /// Its name in the pack.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bank1 => "bank-1",
            Self::Bank2 => "bank-2",
            Self::Bank3 => "bank-3",
            Self::Payment1 => "payment-1",
            Self::Payment2 => "payment-2",
            Self::Payment3 => "payment-3",
        }
    }
}

/// Limits on what goes in or out, in major units. What is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// In a calendar day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub daily: Option<Decimal>,
    /// In a calendar month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub monthly: Option<Decimal>,
    /// In a calendar year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub yearly: Option<Decimal>,
}

/// Interest on money payable on demand, by accumulated daily balances (积数计息法): the balances at
/// the end of each day are summed, and the sum earns one day's rate as it is on the day of
/// settlement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DemandInterest {
    /// Nominal rate of a year.
    pub rate: Rate,
    /// How days become years: `ACT/360` or `ACT/365F`, whose days are all alike.
    #[serde(default = "day_count_default")]
    #[schemars(schema_with = "schema::day_count")]
    pub day_count: DayCount,
    /// How often interest is settled.
    #[serde(default = "every_default")]
    #[schemars(schema_with = "schema::period")]
    pub settle_every: Period,
    /// One of the days at whose end it is settled; it is paid into the account on the next day.
    /// The others follow at that distance.
    #[serde(default = "settle_on_default")]
    #[schemars(schema_with = "schema::date")]
    pub settle_on: Date,
    /// How the interest of a period becomes minor units.
    #[serde(default)]
    #[schemars(schema_with = "schema::rounding")]
    pub rounding: Rounding,
}

/// A day's rate is the year's over 360, as Chinese banks count.
fn day_count_default() -> DayCount {
    DayCount::Act360
}

/// Quarterly; 《中国人民银行关于人民币存贷款计结息问题的通知》(银发〔2005〕129号): demand deposits
/// of persons settle by the quarter.
fn every_default() -> Period {
    Period::new(3, Unit::Month).expect("three is not zero")
}

/// The 20th of the last month of a quarter, by the same notice; the first after it came into
/// force on 21 September 2005.
fn settle_on_default() -> Date {
    Date::constant(2005, 12, 20)
}

/// The earliest `settle_on`: the days since are counted.
const SETTLE_ON_MIN: Date = Date::constant(2000, 1, 1);

/// The shortest time after which an account is dormant, in days: a shorter one is a slip.
const DORMANT_DAYS_MIN: u32 = 30;

fn check(check: &mut Check<'_>) {
    check.amount("/terms/max_balance");
    flow(check, "/terms/outflow");
    flow(check, "/terms/inflow");
    let dormant: Option<Period> = check.get("/terms/dormant_after");
    if dormant.and_then(Period::days_of_thirty).is_some_and(|days| days < DORMANT_DAYS_MIN) {
        let reason =
            format!("An account is dormant after {DORMANT_DAYS_MIN} days at the earliest.");
        check.report("/terms/dormant_after", "too-short", reason, "Lengthen it.");
    }
    Rate::check(check, "/terms/interest/rate");
    let day_count: Option<DayCount> = check.get("/terms/interest/day_count");
    if day_count.is_some_and(|it| days_of_year(it).is_none()) {
        let reason = "Balances of days are summed, so all days must be alike.";
        let fix = "Write `ACT/360` or `ACT/365F`.";
        check.report("/terms/interest/day_count", "unknown-value", reason, fix);
    }
    settlement(check);
}

/// What goes in one direction: a longer limit that is less than a shorter one makes that idle.
fn flow(check: &mut Check<'_>, place: &str) {
    let [daily, monthly, yearly] =
        ["daily", "monthly", "yearly"].map(|span| check.amount(&format!("{place}/{span}")));
    let pairs = [("daily", daily, monthly), ("daily", daily, yearly), ("monthly", monthly, yearly)];
    for (span, short, long) in pairs {
        if let (Some(short), Some(long)) = (short, long)
            && short > long
        {
            let reason = format!("The {span} limit, {short}, is more than a longer one, {long}.");
            let place = format!("{place}/{span}");
            check.report(place, "empty-range", reason, "Lower it: it is never reached.");
        }
    }
}

fn settlement(check: &mut Check<'_>) {
    let on: Option<Date> = check.get("/terms/interest/settle_on");
    if on.is_some_and(|on| on < SETTLE_ON_MIN) {
        let reason = format!("The day is before {SETTLE_ON_MIN}.");
        let fix = "Choose any later day of settlement.";
        check.report("/terms/interest/settle_on", "out-of-range", reason, fix);
    }
    let every: Option<Period> = check.get("/terms/interest/settle_every");
    let year = Date::constant(2001, 1, 1);
    if every.and_then(|every| every.after(SETTLE_ON_MIN, 1)).is_some_and(|next| next > year) {
        let reason = "Interest is settled once a year at the least.";
        check.report("/terms/interest/settle_every", "too-long", reason, "Shorten it.");
    } else if every.is_some_and(|every| every.after(SETTLE_ON_MIN, 1).is_none()) {
        let reason = "There is no calendar for such a time.";
        check.report("/terms/interest/settle_every", "too-long", reason, "Shorten it.");
    }
}

/// Days of a year, where each counts the same.
fn days_of_year(day_count: DayCount) -> Option<Decimal> {
    match day_count {
        DayCount::Act360 => Some(Decimal::from(360)),
        DayCount::Act365Fixed => Some(Decimal::from(365)),
        DayCount::Thirty360 | DayCount::ActAct => None,
    }
}

/// A compiled `current-account`.
#[derive(Clone, Debug)]
pub struct AccountProduct {
    definition: Definition,
    terms: CurrentAccount,
    accounting: Accounting,
    eligibility: Eligibility,
}

/// The limits of an account, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most it may hold.
    pub max_balance: Option<Amount>,
    /// The most that may go out.
    pub outflow: FlowLimits,
    /// The most that may come in.
    pub inflow: FlowLimits,
}

/// Limits on what goes in one direction, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowLimits {
    /// In a calendar day.
    pub daily: Option<Amount>,
    /// In a calendar month.
    pub monthly: Option<Amount>,
    /// In a calendar year.
    pub yearly: Option<Amount>,
}

impl AccountProduct {
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
    pub fn terms(&self) -> &CurrentAccount {
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

    /// The rules of who may have an account.
    pub fn eligibility(&self) -> &Eligibility {
        &self.eligibility
    }

    /// The limits the ledger keeps.
    pub fn limits(&self) -> Limits {
        let minor = |major: Option<Decimal>| {
            major.and_then(|it| Amount::round(it, self.currency(), Rounding::Down).ok())
        };
        let flow = |it: &Flow| FlowLimits {
            daily: minor(it.daily),
            monthly: minor(it.monthly),
            yearly: minor(it.yearly),
        };
        let CurrentAccount { max_balance, outflow, inflow, .. } = &self.terms;
        Limits { max_balance: minor(*max_balance), outflow: flow(outflow), inflow: flow(inflow) }
    }

    /// The rate of a day: nothing where the account earns none.
    pub fn rate_on(&self, day: Date) -> Decimal {
        let rate = self.terms.interest.as_ref().and_then(|it| it.rate.on(day));
        rate.unwrap_or(Decimal::ZERO)
    }

    /// Whether the rate is posted, so that the version in force has it and not this one.
    pub fn rate_is_posted(&self) -> bool {
        self.terms.interest.as_ref().is_some_and(|it| it.rate.is_posted())
    }

    /// The interest of balances at the ends of days that sum to `balance_days`, in minor units
    /// times days, at a rate: [`AccountProduct::interest`], rounded. `None` beyond any amount.
    pub fn rounded_interest(&self, balance_days: i64, rate: Decimal) -> Option<Amount> {
        let rounding = self.terms.interest.as_ref().map(|it| it.rounding).unwrap_or_default();
        let exact = self.interest(i128::from(balance_days), rate)?;
        Amount::round(exact, self.currency(), rounding).ok()
    }

    /// The exact interest, in major units, of balances at the ends of days that sum to
    /// `balance_days`, in minor units times days, at a rate. `None` when it has more than 28
    /// digits.
    pub fn interest(&self, balance_days: i128, rate: Decimal) -> Option<Decimal> {
        let Some(interest) = &self.terms.interest else { return Some(Decimal::ZERO) };
        let balance_days = Decimal::try_from_i128_with_scale(balance_days, 0).ok()?;
        let unit = Decimal::new(1, self.currency().digits());
        let yearly = balance_days.checked_mul(unit)?.checked_mul(rate)?;
        yearly.checked_div(days_of_year(interest.day_count)?)
    }

    /// The first day from `day` on at whose end interest is settled, if the account earns any.
    pub fn next_settlement(&self, day: Date) -> Option<Date> {
        let interest = self.terms.interest.as_ref()?;
        // A period has at least a day, so the steps to `day` are at most the days to it.
        let (mut low, mut high) =
            (0_u32, DayCount::Act360.days(interest.settle_on, day).max(0).unsigned_abs());
        let at = |step: u32| interest.settle_every.after(interest.settle_on, step);
        while low < high {
            let middle = low + (high - low) / 2;
            if at(middle).is_some_and(|it| it < day) { low = middle + 1 } else { high = middle }
        }
        at(low)
    }
}

/// A sum put in and left alone: the settlements of one year.
fn simulate(
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    let product = AccountProduct::compile(definition).map_err(SimulationReject::Definition)?;
    let currency = product.currency();
    let amount = request.amount.or(product.terms.max_balance).unwrap_or(Decimal::ONE_HUNDRED);
    let deposit = Amount::exactly(amount, currency).map_err(|_| SimulationReject::Amount)?;
    if !deposit.is_positive() || deposit > PRINCIPAL_MAX {
        return Err(SimulationReject::Amount);
    }
    if product.limits().max_balance.is_some_and(|max| deposit > max) {
        return Err(SimulationReject::BalanceTooLarge);
    }
    let date = request.date.unwrap_or(definition.effective);
    let settled = settlements(&product, deposit, date)?;

    let mut books = Books::new(&product.accounting, chart, currency);
    let major = |amount: Amount| amount.to_decimal(currency);
    books.book(date, "deposit", &[("amount", deposit)]);
    let mut lines = Vec::with_capacity(settled.len());
    let mut balance = deposit;
    for it in settled {
        books.book(it.due, "interest-accrual", &[("interest", it.interest)]);
        books.book(it.due, "interest-settlement", &[("interest", it.interest)]);
        balance += it.interest;
        lines.push(Line {
            number: it.number,
            from: it.from,
            due: it.due,
            days: it.days,
            principal: major(Amount::ZERO),
            interest: major(it.interest),
            subsidy: major(Amount::ZERO),
            fees: major(Amount::ZERO),
            total: major(it.interest),
            balance: major(balance),
        });
    }
    let interest = major(balance - deposit);
    Ok(Simulation {
        product: definition.product.clone(),
        version: definition.version,
        kind: KIND.name,
        currency,
        amount: major(deposit),
        date,
        price: None,
        down_payment: None,
        rate: None,
        term: None,
        periods: lines,
        totals: Totals {
            principal: major(Amount::ZERO),
            interest,
            subsidy: major(Amount::ZERO),
            fees: major(Amount::ZERO),
            total: interest,
        },
        cash_flows: vec![CashFlow { date, amount: -major(deposit) }],
        annual_cost: None,
        postings: books.postings(),
        accounts: books.accounts(),
    })
}

/// Interest paid into an account.
struct Settlement {
    number: u32,
    from: Date,
    due: Date,
    days: u32,
    interest: Amount,
}

fn settlements(
    product: &AccountProduct,
    deposit: Amount,
    date: Date,
) -> Result<Vec<Settlement>, SimulationReject> {
    let mut settled = Vec::new();
    let (mut balance, mut from) = (deposit, date);
    let end = Period::MONTH.after(date, 12).ok_or(SimulationReject::DateOutOfRange)?;
    let rounding = product.terms.interest.as_ref().map_or_else(Rounding::default, |it| it.rounding);
    while let Some(due) = product.next_settlement(from).filter(|due| *due < end) {
        let next = due.tomorrow().map_err(|_| SimulationReject::DateOutOfRange)?;
        let days = DayCount::Act360.days(from, next).unsigned_abs();
        let balance_days = i128::from(balance.minor()) * i128::from(days);
        let exact = product.interest(balance_days, product.rate_on(due));
        let interest = exact.and_then(|it| Amount::round(it, product.currency(), rounding).ok());
        let interest = interest.ok_or(SimulationReject::Amount)?;
        balance = balance.checked_add(interest).ok_or(SimulationReject::Amount)?;
        let number = u32::try_from(settled.len()).unwrap_or(u32::MAX).saturating_add(1);
        settled.push(Settlement { number, from, due, days, interest });
        from = next;
    }
    Ok(settled)
}
