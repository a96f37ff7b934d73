//! The instalments of a loan: dates, principal, interest, fees, balances.
//!
//! A schedule is a function of its [`Terms`], a calendar and a fee per instalment. Interest is
//! exact (28 digits) until it is rounded once per instalment; the last instalment absorbs what
//! the roundings before it left, so the principal repaid is the principal lent, to the minor unit.
//!
//! Whatever changes a plan (a payment ahead, a rate, a pause, an extension) is a plan made anew:
//! [`Terms::rest`] gives the terms of what is left on a day, the change is made in them, and
//! [`schedule`] is called again.

use std::fmt;

use money::{Amount, Calendar, Currency, DayCount, Decimal, Period, Roll, Rounding};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::kinds::instalment_loan::{BrokenPeriod, Grace, Method, TERM_MAX};

mod cost;
mod dates;
pub mod explain;
mod interest;
mod level;

pub use cost::annual_cost;
pub use dates::{Days, DueDates, YearDay};

use dates::{Line, lines};
use level::Level;

/// The largest principal, in minor units: ten trillion yuan. With [`RATE_MAX`] and [`TOTAL_MAX`]
/// it keeps every sum over a schedule within an [`Amount`].
pub const PRINCIPAL_MAX: Amount = Amount::from_minor(1_000_000_000_000_000);

/// The largest sum of principal, interest and fees of a schedule, in minor units.
pub const TOTAL_MAX: Amount = Amount::from_minor(100_000_000_000_000_000);

/// The highest rate of a year: 10,000 %.
pub const RATE_MAX: Decimal = Decimal::ONE_HUNDRED;

/// The highest number of an instalment: plans made anew may count beyond the term.
pub const NUMBER_MAX: u32 = 10_000;

/// Everything a schedule follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The sum to be repaid: what was lent, or what is left of it.
    pub principal: Amount,
    /// Its currency.
    pub currency: Currency,
    /// How principal and interest spread.
    pub method: Method,
    /// How many instalments, from 1; with `level` the most. A bullet loan has one, after so many
    /// periods. The one of [`BrokenPeriod::Separate`] is not among them.
    pub instalments: u32,
    /// What every instalment repays, in sum with the interest of a level instalment and else of
    /// principal alone: given, the number of instalments follows. The last one allowed repays the
    /// rest, whatever it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Amount>,
    /// The number of the first instalment, from 1.
    pub first_number: u32,
    /// The day interest runs from.
    pub from: Date,
    /// When instalments are due.
    pub due: DueDates,
    /// Where a due date goes that is not a business day.
    pub roll: Roll,
    /// Whether interest runs to the date a due date went to, or to the regular one.
    pub adjusted: bool,
    /// Nominal rate of a year as a fraction.
    pub rate: Decimal,
    /// How days become years.
    pub day_count: DayCount,
    /// How interest and level sums become minor units.
    pub rounding: Rounding,
    /// Instalments that repay principal are a multiple of this; the last takes the residue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiple: Option<Amount>,
    /// Principal left for the last instalment, beside its share.
    #[serde(default, skip_serializing_if = "is_default")]
    pub balloon: Amount,
    /// Which instalments spare principal or interest: those up to a number. The last one spares
    /// nothing, and one whose interest is capitalised no principal is due with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grace: Grace,
    /// How the interest of a first period is collected that is longer or shorter than others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub broken: BrokenPeriod,
    /// Days without interest, in order and apart: see [`Days::insert`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free: Vec<Days>,
    /// What a third party pays of the interest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subsidy: Option<Subsidy>,
    /// Under the flat method what interest is taken on, when that is not `principal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flat_on: Option<Amount>,
    /// What a plan made anew takes over.
    #[serde(default, skip_serializing_if = "is_default")]
    pub carried: Carried,
}

/// What a third party pays of the interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subsidy {
    /// How much.
    pub part: SubsidyPart,
    /// Up to the instalment of this number.
    pub until: u32,
}

/// Which part of the rate a third party pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubsidyPart {
    /// A share of the rate, from 0 to 1.
    Share(Decimal),
    /// So much of a year's rate as a fraction, and never more than the rate.
    Points(Decimal),
}

/// What an instalment takes over from before the plan it is in, or from before itself: exact
/// amounts in major units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Carried {
    /// The first day of its period, when the plan was made anew within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_from: Option<Date>,
    /// Interest earned in its period before the plan was made.
    pub interest: Decimal,
    /// Interest of earlier periods, or of the days of a broken one: due with it, on top of a level
    /// instalment.
    pub deferred: Decimal,
    /// What the payer of a subsidy owes for the days of `interest`.
    pub subsidy: Decimal,
}

/// One instalment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instalment {
    /// From 1.
    pub number: u32,
    /// First day of its interest, inclusive.
    pub from: Date,
    /// The day after the last of its interest: the due date, unless interest runs to the regular
    /// one.
    pub to: Date,
    /// Due date.
    pub due: Date,
    /// Days of its interest period under the day count, with those that are free of interest.
    pub days: u32,
    /// Principal repaid.
    pub principal: Amount,
    /// Interest the borrower owes.
    pub interest: Amount,
    /// Interest a third party owes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subsidy: Amount,
    /// Interest earned and not due yet, in all: a later instalment collects it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deferred: Amount,
    /// Interest that becomes principal on the due date.
    #[serde(default, skip_serializing_if = "is_default")]
    pub capitalised: Amount,
    /// Fees due with it.
    pub fees: Amount,
    /// Principal outstanding after it.
    pub balance: Amount,
    /// Interest it collects that was earned before `from`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub carried: Carried,
}

impl Instalment {
    /// What the borrower owes with it: principal, interest and fees.
    pub fn total(&self) -> Amount {
        self.principal + self.interest + self.fees
    }

    /// Principal outstanding before it.
    pub fn opening(&self) -> Amount {
        self.balance + self.principal - self.capitalised
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Why terms give no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleError {
    /// The principal is not in 1 minor unit ..= [`PRINCIPAL_MAX`].
    PrincipalOutOfRange,
    /// The number of instalments is not in 1 ..= [`TERM_MAX`], or one is beyond [`NUMBER_MAX`].
    InstalmentsOutOfRange,
    /// The rate is not in 0 ..= [`RATE_MAX`], or a subsidy negative or more than all of it.
    RateOutOfRange,
    /// The rate floats, and the reference rate of the day is not known.
    RateUnknown,
    /// A given instalment, or what instalments are a multiple of, is not positive.
    LevelOutOfRange,
    /// The balloon is negative or not less than the principal.
    BalloonOutOfRange,
    /// Days free of interest overlap, touch or are not in order.
    FreeDaysNotInOrder,
    /// A due date is past the year 9999.
    DateOutOfRange,
    /// The list of due dates has none for this instalment.
    DueDateMissing {
        /// Which instalment.
        instalment: u32,
    },
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
            Self::RateUnknown => "rate-unknown",
            Self::LevelOutOfRange => "level-out-of-range",
            Self::BalloonOutOfRange => "balloon-out-of-range",
            Self::FreeDaysNotInOrder => "free-days-not-in-order",
            Self::DateOutOfRange => "date-out-of-range",
            Self::DueDateMissing { .. } => "due-date-missing",
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
            Self::RateUnknown => f.write_str("the reference rate of the day is not known"),
            Self::LevelOutOfRange => f.write_str("an instalment must be more than nothing"),
            Self::BalloonOutOfRange => f.write_str("the balloon must be less than the principal"),
            Self::FreeDaysNotInOrder => {
                f.write_str("the days free of interest are not in order, or overlap")
            }
            Self::DateOutOfRange => f.write_str("a due date is past the year 9999"),
            Self::DueDateMissing { instalment } => {
                write!(f, "instalment {instalment} has no due date")
            }
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

impl Terms {
    /// The plainest loan: level instalments, the first one a period after the day it is lent,
    /// 30/360. The rest is set in what this gives.
    pub fn new(
        principal: Amount,
        currency: Currency,
        instalments: u32,
        every: Period,
        rate: Decimal,
        from: Date,
    ) -> Self {
        Self {
            principal,
            currency,
            method: Method::EqualInstalment,
            instalments,
            level: None,
            first_number: 1,
            from,
            due: DueDates::Every { period: every, date: from, number: 0 },
            roll: Roll::Unadjusted,
            adjusted: true,
            rate,
            day_count: DayCount::Thirty360,
            rounding: Rounding::HalfEven,
            multiple: None,
            balloon: Amount::ZERO,
            grace: Grace::default(),
            broken: BrokenPeriod::Spread,
            free: Vec::new(),
            subsidy: None,
            flat_on: None,
            carried: Carried::default(),
        }
    }
}

/// The instalments of a loan.
///
/// `fee` gives what is due beside principal and interest with an instalment, from its number and
/// the balance before it; `None` when it cannot.
///
/// The interest of instalment i is balance × rate × the part of a year from its first day to its
/// last, rounded; the part of a year is [`DayCount::years_of`] for a period no roll has touched.
/// By [`Method`]:
/// - equal instalment: the level sum E makes the exact balance after the last instalment the
///   balloon Z, E = (P − Z × dₙ) ÷ Σᵢ dᵢ with dᵢ = Πₖ₌₁..ᵢ 1 ÷ (1 + fₖ), fₖ = rate × part of a
///   year, rounded; principal is E less interest. The last instalment repays the balance.
/// - equal principal: (P − Z) ÷ n, rounded; the last instalment repays the balance.
/// - interest first: principal with the last.
/// - bullet: one instalment after n periods, its interest simple over the whole span.
/// - flat: principal as for equal principal, interest always on P.
///
/// Instalments in grace are left out of the sums. With a subsidy, the rate is what the borrower
/// pays of it, so level instalments are level for the borrower.
///
/// # Errors
/// [`ScheduleError`], the first that is found.
pub fn schedule(
    terms: &Terms,
    calendar: &Calendar,
    fee: impl Fn(u32, Amount) -> Option<Amount>,
) -> Result<Vec<Instalment>, ScheduleError> {
    check_range(terms)?;
    let lines = lines(terms, calendar)?;
    let mut level = None;
    let mut plan = Vec::with_capacity(lines.len());
    let mut balance = terms.principal;
    let mut carried = terms.carried;
    for (index, line) in lines.iter().enumerate() {
        if level.is_none() && terms.repays(line) {
            level = Some(Level::of(terms, balance, carried.interest, &lines[index..])?);
        }
        let last = index + 1 == lines.len();
        let level = level.as_ref().filter(|_| terms.repays(line));
        let mut it = instalment(terms, line, balance, carried, level, last)?;
        let charged = fee(it.number, balance).filter(|it| !it.is_negative());
        it.fees = charged.ok_or(ScheduleError::Fee { instalment: it.number })?;
        balance = it.balance;
        carried = Carried::default();
        if !it.deferred.is_zero() {
            carried.deferred = terms.exact_interest(&it, it.to);
        }
        let done = terms.level.is_some() && balance.is_zero();
        plan.push(it);
        if done {
            break;
        }
    }
    check_total(&plan)?;
    Ok(plan)
}

/// An instalment without its fees.
fn instalment(
    terms: &Terms,
    line: &Line,
    opening: Amount,
    carried: Carried,
    level: Option<&Level>,
    last: bool,
) -> Result<Instalment, ScheduleError> {
    let Line { number, due, span, .. } = *line;
    let mut it = Instalment {
        number,
        from: span.from,
        to: span.to,
        due,
        days: span.days,
        principal: Amount::ZERO,
        interest: Amount::ZERO,
        subsidy: Amount::ZERO,
        deferred: Amount::ZERO,
        capitalised: Amount::ZERO,
        fees: Amount::ZERO,
        balance: opening,
        carried,
    };
    let exact = terms.exact_interest(&it, it.to);
    let earned = terms.round(exact)?;
    it.subsidy = terms.round(terms.exact_subsidy(&it, it.to))?;
    let mut ends = last;
    if let Some(level) = level {
        let on_top = terms.on_top(&it, line.level.as_ref());
        let own = if on_top.is_zero() { earned } else { terms.round(exact - on_top)? };
        it.principal = level.repaid(terms, number, opening, own)?;
        ends |= terms.level.is_some() && opening - it.principal <= terms.balloon;
    }
    if ends || number > terms.grace.interest {
        it.interest = earned;
    } else if terms.grace.capitalise {
        it.capitalised = earned;
    } else {
        it.deferred = earned;
    }
    let owed = opening.checked_add(it.capitalised).filter(|owed| *owed <= TOTAL_MAX);
    let owed = owed.ok_or(ScheduleError::TotalTooLarge)?;
    it.principal = if ends { owed } else { it.principal };
    it.balance = owed - it.principal;
    Ok(it)
}

fn check_range(terms: &Terms) -> Result<(), ScheduleError> {
    let negative = |it: Decimal| it.is_sign_negative() && !it.is_zero();
    if !terms.principal.is_positive() || terms.principal > PRINCIPAL_MAX {
        return Err(ScheduleError::PrincipalOutOfRange);
    }
    let numbers = terms.first_number.saturating_add(terms.instalments);
    let numbered = terms.first_number >= 1 && numbers <= NUMBER_MAX;
    if !(1..=TERM_MAX).contains(&terms.instalments) || !numbered {
        return Err(ScheduleError::InstalmentsOutOfRange);
    }
    let subsidy = terms.subsidy.map_or(Decimal::ZERO, |it| match it.part {
        SubsidyPart::Share(share) if share > Decimal::ONE => -share,
        SubsidyPart::Share(part) | SubsidyPart::Points(part) => part,
    });
    if negative(terms.rate) || terms.rate > RATE_MAX || negative(subsidy) {
        return Err(ScheduleError::RateOutOfRange);
    }
    if terms.level.into_iter().chain(terms.multiple).any(|it| !it.is_positive()) {
        return Err(ScheduleError::LevelOutOfRange);
    }
    if terms.balloon.is_negative() || terms.balloon >= terms.principal {
        return Err(ScheduleError::BalloonOutOfRange);
    }
    let apart = terms.free.windows(2).all(|pair| pair[0].to < pair[1].from);
    if !apart || terms.free.iter().any(|it| it.to <= it.from) {
        return Err(ScheduleError::FreeDaysNotInOrder);
    }
    let Carried { interest, deferred, subsidy, .. } = terms.carried;
    let most = TOTAL_MAX.to_decimal(terms.currency);
    let flat_on = terms.flat_on.unwrap_or(Amount::ZERO);
    let carried = [interest, deferred, subsidy].into_iter().all(|it| it.abs() <= most);
    if !carried || flat_on.is_negative() || flat_on > PRINCIPAL_MAX {
        return Err(ScheduleError::TotalTooLarge);
    }
    Ok(())
}

fn check_total(plan: &[Instalment]) -> Result<(), ScheduleError> {
    let parts = plan.iter().flat_map(|it| [it.principal, it.interest, it.subsidy, it.fees]);
    let total = parts.into_iter().try_fold(Amount::ZERO, Amount::checked_add);
    let fits = total.is_some_and(|total| total <= TOTAL_MAX);
    if fits { Ok(()) } else { Err(ScheduleError::TotalTooLarge) }
}
