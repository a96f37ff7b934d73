//! How what was booked on an account or a term deposit came about.
//!
//! What happened to a contract stands between two of its records. It is told again on the record
//! before by the code that told it first and must end at the record after; what it booked is
//! written down as a [`Derivation`] and must come out as it was booked.

mod account;
mod term;

pub use account::AccountStep;
use money::{Amount, Currency, Money, Rounding};
use product::{
    Definition,
    derivation::{Clause, Derivation, Name, Rule, Unexplained, Value},
    posted::Rate,
};
use stdx::{Date, Id};
pub use term::DepositStep;

use crate::{Outcome, Reject, Restraints, Stop};

/// An amount of an accounting event: both names, and how much; negative when it was booked the
/// other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookedAmount<'e> {
    /// The event.
    pub event: &'e str,
    /// Which of its amounts.
    pub name: &'e str,
    /// How much.
    pub amount: Amount,
}

type Explained = Result<Derivation, Unexplained>;

const fn name(code: &'static str, en: &'static str, zh: &'static str) -> Name {
    Name { code, en, zh }
}

const RECEIVED: Name = name("received", "paid in", "存入金额");
const TAKEN: Name = name("taken", "taken out", "支取金额");
const PLACED: Name = name("placed", "sum put in", "存入本金");
const PAID_OUT: Name = name("paid-out", "paid out", "支付金额");
const PRINCIPAL: Name = name("principal", "principal", "本金");
const STAYS: Name = name("principal-stays", "principal that stays", "留存本金");
const BALANCE: Name = name("balance", "balance", "余额");
const BALANCE_DAYS: Name = name("balance-days", "sum of daily balances", "积数");
const RUN: Name = name("run", "balance times days", "分段积数");
const DAYS: Name = name("days", "days", "天数");
const DAY: Name = name("day", "a day as a part of a year", "日占年比");
const MONTHS: Name = name("months", "whole months", "整月");
const MONTHS_DAYS: Name = name("days-of-months", "days of whole months", "整月天数");
const ODD_DAYS: Name = name("odd-days", "days that are over", "零头天数");
const YEARS: Name = name("part-of-year", "part of a year", "计息年分数");
const FROM: Name = name("from", "first day", "起息日");
const TO: Name = name("to", "day after the last", "止息日");
const RATE: Name = name("rate", "rate of a year", "年利率");
const DEMAND_RATE: Name = name("demand-rate", "demand rate of a year", "活期年利率");
const EXACT: Name = name("exact-interest", "exact interest", "精确利息");
const EARNED: Name = name("earned", "earned so far", "累计应计");
const OWN: Name = name("interest-of-part", "interest of what is taken out", "支取部分利息");
const OTHER: Name = name("interest-of-rest", "interest of what stays", "留存部分利息");
const BOOKED_BEFORE: Name = name("booked-before", "booked before", "此前已入账");
const INTEREST: Name = name("interest", "interest", "利息");
const WAITING: Name = name("interest-due", "interest that waited", "此前应付未付利息");
const SHARE: Name = name("share-of-due", "share of the interest that waited", "应付利息份额");
const EXACT_SHARE: Name = name("exact-share", "exact share", "精确份额");
const PRODUCT: Name = name("due-times-part", "interest times part", "利息乘支取本金");
const KEPT_BACK: Name = name("kept-back", "kept back", "止付金额");

/// How what a stop-payment keeps back, or lets go, came about: by the restraints of its contract
/// before and after something happened to it.
///
/// # Errors
/// [`Unexplained::Event`] when neither has it.
pub fn kept_back(
    (before, after): (&Restraints, &Restraints),
    stop: Id<Stop>,
    currency: Currency,
    number: u32,
) -> Explained {
    let find = |of: &Restraints| of.stops.iter().find(|it| it.id == stop).cloned();
    let money = |it: &Stop| Value::Amount(Money::new(it.amount, currency));
    match (find(before), find(after)) {
        (None, Some(it)) => {
            let clause = Clause::Fact { number, what: "stop-payment".to_owned(), on: it.since };
            Ok(Derivation::given(KEPT_BACK, money(&it)).under(Some(clause)))
        }
        (Some(it), None) => Ok(Derivation::leaf(KEPT_BACK, Rule::Booked, money(&it))),
        _ => Err(Unexplained::Event("stop-payment".to_owned())),
    }
}

/// The outcome of what was told again, when it ends at the record there is.
fn same<C: PartialEq>(
    told: Result<Outcome<C>, Reject>,
    after: &C,
) -> Result<Outcome<C>, Unexplained> {
    let told = told.map_err(|reject| Unexplained::NotTold(reject.code()))?;
    if told.contract == *after { Ok(told) } else { Err(Unexplained::NotTold("contract-differs")) }
}

impl<C> Outcome<C> {
    fn must_book(&self, of: BookedAmount<'_>) -> Result<(), Unexplained> {
        let books = |it: &crate::Entry| it.event == of.event && it.amount == (of.name, of.amount);
        let booked = self.entries.iter().any(books);
        if booked { Ok(()) } else { Err(Unexplained::Event(of.event.to_owned())) }
    }
}

/// A rate as it is on a day: its own, or as it was posted, in the version that says so.
fn rate(
    name: Name,
    path: &str,
    own: (&Definition, &Rate),
    posted: (&Definition, Option<&Rate>),
    day: Date,
) -> Derivation {
    let (definition, rate) = match own.1 {
        Rate::Fixed(_) => (own.0, Some(own.1)),
        Rate::Posted(_) => posted,
    };
    let value = rate.and_then(|it| it.on(day)).unwrap_or_default();
    let clause = match rate.and_then(|it| it.posted_on(day)) {
        Some((place, it)) => {
            Clause::product(definition, format!("{path}.{place}.rate"), Some(it.from))
        }
        None => Clause::product(definition, path, None),
    };
    Derivation::given(name, Value::Rate(value)).under(Some(clause))
}

fn rounded(name: Name, exact: Derivation, rounding: Rounding, clause: Clause) -> Explained {
    let rounded = Derivation::of(name, Rule::Rounded { rounding }, vec![exact])?;
    Ok(rounded.under(Some(clause)))
}

/// The sum of what is not nothing; the part itself, by that name, where there is one.
fn sum(name: Name, parts: impl IntoIterator<Item = Derivation>) -> Explained {
    let some = |it: &Derivation| it.amount().is_some_and(|it| !it.is_zero());
    let (mut parts, mut nothing): (Vec<_>, Vec<_>) = parts.into_iter().partition(some);
    if parts.is_empty() {
        nothing.truncate(1);
        parts = nothing;
    }
    match parts.len() {
        1 => Ok(parts.remove(0).named(name)),
        _ => Derivation::of(name, Rule::Sum, parts),
    }
}

fn dates(from: Date, to: Date) -> Vec<Derivation> {
    [(FROM, from), (TO, to)].map(|(name, it)| Derivation::given(name, Value::Date(it))).into()
}
