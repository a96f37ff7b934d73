//! The instalments of a loan: dates, principal, interest, fees, balances.
//!
//! A schedule is a function of its [`Terms`], a calendar and a fee per instalment. Interest is
//! exact (28 digits) until it is rounded once per instalment; the last instalment absorbs what
//! the roundings before it left, so the principal repaid is the principal lent, to the minor unit.

use std::fmt;

use money::{
    Amount, AnnualCost, Calendar, Currency, DayCount, Decimal, Period, Roll, Rounding, Unit,
    YearFraction,
};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::kinds::instalment_loan::{Method, TERM_MAX};

/// The largest principal, in minor units: ten trillion yuan. With [`RATE_MAX`] and [`TOTAL_MAX`]
/// it keeps every sum over a schedule within an [`Amount`].
pub const PRINCIPAL_MAX: Amount = Amount::from_minor(1_000_000_000_000_000);

/// The largest sum of principal, interest and fees of a schedule, in minor units.
pub const TOTAL_MAX: Amount = Amount::from_minor(100_000_000_000_000_000);

/// The highest rate of a year: 10,000 %.
pub const RATE_MAX: Decimal = Decimal::ONE_HUNDRED;

/// Everything a schedule follows from.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The sum lent.
    pub principal: Amount,
    /// Its currency.
    pub currency: Currency,
    /// How many instalments, from 1. A bullet loan has one, after so many periods.
    pub instalments: u32,
    /// How principal and interest spread.
    pub method: Method,
    /// The day the sum is lent: interest runs from it.
    pub disbursed_on: Date,
    /// The first due date, when it is not one period after `disbursed_on`. The others follow it.
    pub first_due: Option<Date>,
    /// The distance of two due dates.
    pub every: Period,
    /// Where a due date goes that is not a business day. Interest runs to the date it went to.
    pub roll: Roll,
    /// Nominal rate of a year as a fraction.
    pub rate: Decimal,
    /// How days become years.
    pub day_count: DayCount,
    /// How an instalment's interest becomes minor units.
    pub rounding: Rounding,
}

/// One instalment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instalment {
    /// From 1.
    pub number: u32,
    /// First day of its interest, inclusive.
    pub from: Date,
    /// Due date; its interest runs to the day before.
    pub due: Date,
    /// Days of interest under the day count.
    pub days: u32,
    /// Principal repaid.
    pub principal: Amount,
    /// Interest.
    pub interest: Amount,
    /// Fees due with it.
    pub fees: Amount,
    /// Principal outstanding after it.
    pub balance: Amount,
}

impl Instalment {
    /// What is due with it: principal, interest and fees.
    pub fn total(&self) -> Amount {
        self.principal + self.interest + self.fees
    }
}

/// Why terms give no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleError {
    /// The principal is not in 1 minor unit ..= [`PRINCIPAL_MAX`].
    PrincipalOutOfRange,
    /// The number of instalments is not in 1 ..= [`TERM_MAX`].
    InstalmentsOutOfRange,
    /// The rate is not in 0 ..= [`RATE_MAX`].
    RateOutOfRange,
    /// A due date is past the year 9999.
    DateOutOfRange,
    /// A due date is not after the one before it, or the first not after disbursal.
    DueDatesNotIncreasing {
        /// Which instalment.
        instalment: u32,
    },
    /// Equal instalments would not pay the interest of this one, so the balance would never fall:
    /// the rate is too high for the term.
    InterestNotCovered {
        /// Which instalment.
        instalment: u32,
    },
    /// The fee of this instalment cannot be computed, or is negative.
    Fee {
        /// Which instalment.
        instalment: u32,
    },
    /// The payments sum to more than [`TOTAL_MAX`].
    TotalTooLarge,
}

impl ScheduleError {
    /// The stable kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Self::PrincipalOutOfRange => "principal-out-of-range",
            Self::InstalmentsOutOfRange => "instalments-out-of-range",
            Self::RateOutOfRange => "rate-out-of-range",
            Self::DateOutOfRange => "date-out-of-range",
            Self::DueDatesNotIncreasing { .. } => "due-dates-not-increasing",
            Self::InterestNotCovered { .. } => "interest-not-covered",
            Self::Fee { .. } => "instalment-fee",
            Self::TotalTooLarge => "total-too-large",
        }
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrincipalOutOfRange => {
                write!(f, "the principal must be 1 to {} minor units", PRINCIPAL_MAX.minor())
            }
            Self::InstalmentsOutOfRange => write!(f, "a loan has 1 to {TERM_MAX} instalments"),
            Self::RateOutOfRange => write!(f, "the yearly rate must be 0 to {RATE_MAX}"),
            Self::DateOutOfRange => f.write_str("a due date is past the year 9999"),
            Self::DueDatesNotIncreasing { instalment } => {
                write!(f, "instalment {instalment} is not due after the one before")
            }
            Self::InterestNotCovered { instalment } => {
                write!(f, "equal instalments do not cover the interest of instalment {instalment}")
            }
            Self::Fee { instalment } => write!(f, "instalment {instalment} has no valid fee"),
            Self::TotalTooLarge => f.write_str("the payments sum to more than can be booked"),
        }
    }
}

impl std::error::Error for ScheduleError {}

/// The instalments of a loan.
///
/// `fee` gives what is due beside principal and interest with an instalment, from its number and
/// the balance before it; `None` when it cannot.
///
/// The interest of instalment i is balance × rate × the part of a year from its first day to its
/// due date, rounded; the part of a year is [`DayCount::years_of`] for a period no roll has
/// touched. By [`Method`]:
/// - equal instalment: the level sum E makes the exact balance after the last instalment zero,
///   E = P ÷ Σᵢ Πₖ₌₁..ᵢ 1 ÷ (1 + fₖ) with fₖ = rate × part of a year, rounded; principal is E less
///   interest. Without interest, E = P ÷ n. The last instalment repays the balance.
/// - equal principal: P ÷ n, rounded; the last instalment repays the balance.
/// - interest first: principal with the last.
/// - bullet: one instalment after n periods, its interest simple over the whole span.
/// - flat: principal as for equal principal, interest always on P.
///
/// # Errors
/// [`ScheduleError`], the first that is found.
pub fn schedule(
    terms: &Terms,
    calendar: &Calendar,
    fee: impl Fn(u32, Amount) -> Option<Amount>,
) -> Result<Vec<Instalment>, ScheduleError> {
    check_range(terms)?;
    let spans = spans(terms, calendar)?;
    let level = level_principal(terms, &spans)?;
    let mut plan = Vec::with_capacity(spans.len());
    let mut balance = terms.principal;
    for (number, span) in (1..).zip(&spans) {
        let interest = interest(terms, balance, span)?;
        let last = plan.len() + 1 == spans.len();
        let principal = if last { balance } else { level.repaid(number, balance, interest)? };
        let charged = fee(number, balance).filter(|it| !it.is_negative());
        let fees = charged.ok_or(ScheduleError::Fee { instalment: number })?;
        balance -= principal;
        let Span { from, due, days, .. } = *span;
        plan.push(Instalment { number, from, due, days, principal, interest, fees, balance });
    }
    check_total(&plan)?;
    Ok(plan)
}

fn check_range(terms: &Terms) -> Result<(), ScheduleError> {
    if !terms.principal.is_positive() || terms.principal > PRINCIPAL_MAX {
        return Err(ScheduleError::PrincipalOutOfRange);
    }
    if !(1..=TERM_MAX).contains(&terms.instalments) {
        return Err(ScheduleError::InstalmentsOutOfRange);
    }
    if terms.rate.is_sign_negative() && !terms.rate.is_zero() || terms.rate > RATE_MAX {
        return Err(ScheduleError::RateOutOfRange);
    }
    Ok(())
}

fn check_total(plan: &[Instalment]) -> Result<(), ScheduleError> {
    let parts = plan.iter().flat_map(|it| [it.principal, it.interest, it.fees]);
    let total = parts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    let fits = total.is_some_and(|total| total <= TOTAL_MAX);
    if fits { Ok(()) } else { Err(ScheduleError::TotalTooLarge) }
}

/// The interest period of an instalment.
struct Span {
    from: Date,
    due: Date,
    days: u32,
    years: YearFraction,
}

fn spans(terms: &Terms, calendar: &Calendar) -> Result<Vec<Span>, ScheduleError> {
    let (count, step) = match terms.method {
        Method::Bullet => (1, terms.instalments),
        _ => (terms.instalments, 1),
    };
    let mut spans = Vec::with_capacity(count as usize);
    let mut from = Planned { regular: terms.disbursed_on, rolled: terms.disbursed_on };
    for number in 1..=count {
        let due = due_date(terms, calendar, number * step)?;
        if due.rolled <= from.rolled {
            return Err(ScheduleError::DueDatesNotIncreasing { instalment: number });
        }
        spans.push(span(terms, step, from, due));
        from = due;
    }
    Ok(spans)
}

/// A date of a schedule before and after a roll.
#[derive(Clone, Copy)]
struct Planned {
    regular: Date,
    rolled: Date,
}

/// The due date at the end of period `number`.
fn due_date(terms: &Terms, calendar: &Calendar, number: u32) -> Result<Planned, ScheduleError> {
    let regular = match terms.first_due {
        Some(first) => terms.every.after(first, number - 1),
        None => terms.every.after(terms.disbursed_on, number),
    };
    let regular = regular.ok_or(ScheduleError::DateOutOfRange)?;
    Ok(Planned { regular, rolled: calendar.roll(regular, terms.roll) })
}

fn span(terms: &Terms, step: u32, from: Planned, due: Planned) -> Span {
    let (from_date, due_date) = (from.rolled, due.rolled);
    let whole = whole_periods(terms, step, from, due);
    let days = match (terms.day_count, whole.and_then(Period::days_of_thirty)) {
        (DayCount::Thirty360, Some(days)) => days,
        _ => terms.day_count.days(from_date, due_date).unsigned_abs(),
    };
    let years = match whole {
        Some(period) => terms.day_count.years_of(period, from_date, due_date),
        None => terms.day_count.years(from_date, due_date),
    };
    Span { from: from_date, due: due_date, days, years }
}

/// The period `from..due` is, when no roll has moved an end of it and it is not a broken first
/// one.
fn whole_periods(terms: &Terms, step: u32, from: Planned, due: Planned) -> Option<Period> {
    let moved = from.regular != from.rolled || due.regular != due.rolled;
    let first = from.regular == terms.disbursed_on && terms.first_due.is_some();
    let broken = first && terms.every.after(from.regular, step) != Some(due.regular);
    let count = terms.every.count().checked_mul(step)?;
    if moved || broken { None } else { Period::new(count, terms.every.unit()) }
}

/// The interest of an instalment, rounded.
fn interest(terms: &Terms, balance: Amount, span: &Span) -> Result<Amount, ScheduleError> {
    let base = if terms.method == Method::Flat { terms.principal } else { balance };
    let exact = span.years.of(base.to_decimal(terms.currency) * terms.rate);
    round(terms, exact)
}

fn round(terms: &Terms, exact: Decimal) -> Result<Amount, ScheduleError> {
    let rounded = Amount::round(exact, terms.currency, terms.rounding);
    rounded.map_err(|_| ScheduleError::TotalTooLarge)
}

/// What every instalment but the last has in common.
enum Level {
    /// The sum of principal and interest.
    Sum(Amount),
    /// The principal.
    Principal(Amount),
}

impl Level {
    /// The principal an instalment repays.
    fn repaid(
        &self,
        number: u32,
        balance: Amount,
        interest: Amount,
    ) -> Result<Amount, ScheduleError> {
        match *self {
            Self::Principal(principal) => Ok(principal.min(balance)),
            Self::Sum(level) if interest.is_positive() && level <= interest => {
                Err(ScheduleError::InterestNotCovered { instalment: number })
            }
            // A level of a few minor units, rounded up, is done before the last instalment.
            Self::Sum(level) => Ok((level - interest).min(balance)),
        }
    }
}

fn level_principal(terms: &Terms, spans: &[Span]) -> Result<Level, ScheduleError> {
    let principal = terms.principal.to_decimal(terms.currency);
    let each = principal / Decimal::from(terms.instalments);
    match terms.method {
        Method::InterestFirst | Method::Bullet => Ok(Level::Principal(Amount::ZERO)),
        Method::EqualPrincipal | Method::Flat => round(terms, each).map(Level::Principal),
        Method::EqualInstalment if terms.rate.is_zero() => round(terms, each).map(Level::Sum),
        Method::EqualInstalment => {
            // Discounting instead of compounding: no product can leave 28 digits.
            let mut discount = Decimal::ONE;
            let mut worth = Decimal::ZERO;
            for span in spans {
                discount /= Decimal::ONE + span.years.of(terms.rate);
                worth += discount;
            }
            round(terms, principal / worth).map(Level::Sum)
        }
    }
}

/// The annual cost of a loan that pays out `paid_out` on the day of disbursal and is repaid by
/// `plan`; `None` when no rate solves it, such as for a loan that pays out nothing.
///
/// Where periods make up a year it is the rate of a period, times them or compounded over them,
/// as the example of 中国人民银行公告〔2021〕第3号 counts; rolls to business days are not seen.
/// Other periods compound by actual days over 365, and their simple rate is that of a period times
/// the periods of 365 days. A broken first period counts by days as well.
pub fn annual_cost(terms: &Terms, paid_out: Amount, plan: &[Instalment]) -> Option<AnnualCost> {
    let major = |amount: Amount| amount.to_decimal(terms.currency);
    let repaid = plan.iter().map(|it| -major(it.total()));
    if let (Some(periods), None) = (terms.every.per_year(), terms.first_due) {
        return money::annual_cost(&regular_flows(terms, major(paid_out), repaid), periods);
    }
    let dated = plan.iter().map(|it| it.due).zip(repaid.clone());
    let flows: Vec<_> =
        std::iter::once((terms.disbursed_on, major(paid_out))).chain(dated).collect();
    let regular = regular_flows(terms, major(paid_out), repaid);
    let simple = money::simple_rate(&regular, periods_of_a_year(terms.every))?;
    Some(AnnualCost { simple, compound: money::xirr(&flows)? })
}

/// The flows one period apart, the sum paid out first. A bullet loan has idle periods.
fn regular_flows(
    terms: &Terms,
    paid_out: Decimal,
    repaid: impl Iterator<Item = Decimal>,
) -> Vec<Decimal> {
    let idle = if terms.method == Method::Bullet { terms.instalments.saturating_sub(1) } else { 0 };
    let idle = std::iter::repeat_n(Decimal::ZERO, idle as usize);
    std::iter::once(paid_out).chain(idle).chain(repaid).collect()
}

/// How often a period goes into a year.
fn periods_of_a_year(every: Period) -> Decimal {
    let (year, count) = match every.unit() {
        Unit::Day => (365, u64::from(every.count())),
        Unit::Week => (365, u64::from(every.count()).saturating_mul(7)),
        Unit::Month => (12, u64::from(every.count())),
        Unit::Year => (1, u64::from(every.count())),
    };
    Decimal::from(year) / Decimal::from(count)
}
