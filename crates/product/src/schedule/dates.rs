//! When instalments are due, and the days their interest counts.

use money::{Calendar, DayCount, Period, YearFraction};
use serde::{Deserialize, Serialize, de::Error};
use stdx::Date;

use super::{Instalment, ScheduleError, Terms};
use crate::kinds::instalment_loan::{BrokenPeriod, Method};

/// The due dates by the number of the instalment, before rolls.
///
/// They do not move when a plan is made anew, so month ends stay month ends: the instalments of a
/// loan of 31 January are due on 28 February and on 31 March, whatever happens in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueDates {
    /// One period apart. Instalment `number` is due on `date`, in fact or in thought; the others
    /// count from there. Of a loan whose first instalment is due a period after disbursal it is
    /// the day of disbursal, as number 0.
    Every {
        /// The distance of two due dates.
        period: Period,
        /// A due date.
        date: Date,
        /// The number of the instalment due on it.
        number: u32,
    },
    /// That of instalment 1, that of instalment 2, and so on.
    On(Vec<Date>),
}

/// A day that every year has, written `03-15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct YearDay {
    month: i8,
    day: i8,
}

/// Days, from the first to the one before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    /// The first.
    pub from: Date,
    /// The day after the last.
    pub to: Date,
}

/// The days of an instalment's interest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// First day of the period; before `from` in a plan made anew within it.
    pub(super) start: Date,
    /// First day the plan counts.
    pub(super) from: Date,
    /// The day after the last.
    pub(super) to: Date,
    /// Days in `start..to` under the day count.
    pub(super) days: u32,
}

/// The dates of an instalment.
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) due: Date,
    pub(super) span: Span,
    /// The full period whose interest a level instalment holds, when that is not `span`.
    pub(super) level: Option<Span>,
    /// It collects the interest of the broken first period and nothing else.
    pub(super) separate: bool,
}

/// A date of a schedule before and after a roll.
#[derive(Clone, Copy)]
struct Planned {
    regular: Date,
    rolled: Date,
}

impl DueDates {
    /// One period apart, that of instalment 1 on `first`.
    pub fn starting(first: Date, every: Period) -> Self {
        Self::Every { period: every, date: first, number: 1 }
    }

    /// So many dates after a day, on these days of every year. Fewer where the calendar of the
    /// world ends, none without days.
    pub fn yearly(days: &[YearDay], after: Date, count: u32) -> Self {
        let mut days = days.to_vec();
        days.sort_unstable();
        let dates = (after.year()..=Date::MAX.year())
            .flat_map(|year| days.iter().filter_map(move |it| it.of(year)))
            .filter(|date| *date > after);
        Self::On(if days.is_empty() { Vec::new() } else { dates.take(count as usize).collect() })
    }

    /// The due date of an instalment, before rolls; `None` when there is none in the calendar of
    /// the world or in the list.
    pub fn regular(&self, number: u32) -> Option<Date> {
        match self {
            Self::On(dates) => dates.get(usize::try_from(number).ok()?.checked_sub(1)?).copied(),
            Self::Every { period, date, number: anchor } => match number.checked_sub(*anchor) {
                Some(after) => period.after(*date, after),
                None => period.before(*date, anchor - number),
            },
        }
    }

    /// The distance of two of them, where it is always the same.
    pub fn period(&self) -> Option<Period> {
        match self {
            Self::Every { period, .. } => Some(*period),
            Self::On(_) => None,
        }
    }
}

impl YearDay {
    /// It in a year.
    fn of(self, year: i16) -> Option<Date> {
        Date::new(year, self.month, self.day).ok()
    }
}

impl std::str::FromStr for YearDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "it is not a month and a day that every year has, like `03-15`";
        let (month, day) = text.split_once('-').ok_or(WRONG)?;
        let two_digits = |it: &str| it.len() == 2 && it.bytes().all(|it| it.is_ascii_digit());
        if !two_digits(month) || !two_digits(day) {
            return Err(WRONG);
        }
        let (month, day) = (month.parse().map_err(|_| WRONG)?, day.parse().map_err(|_| WRONG)?);
        let it = Self { month, day };
        // A year without a leap day.
        it.of(2023).map(|_| it).ok_or(WRONG)
    }
}

impl std::fmt::Display for YearDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl Serialize for YearDay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for YearDay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Span {
    /// The days of an instalment.
    pub(super) fn of(it: &Instalment) -> Self {
        let start = it.carried.period_from.unwrap_or(it.from);
        Self { start, from: it.from, to: it.to, days: it.days }
    }

    /// The part of a year in `from..to` that earns interest, `to` being in the span.
    ///
    /// Days are worth what the day count says; under 30/360, which knows no single days, those
    /// of the period share it evenly (see [`DayCount::Thirty360`]).
    pub(super) fn years(&self, terms: &Terms, to: Date) -> YearFraction {
        let Self { start, from, days, .. } = *self;
        let free = terms.free.iter().filter_map(|free| free.within(Days { from, to }));
        if terms.day_count != DayCount::Thirty360 {
            let years = |days: Days| terms.day_count.years(days.from, days.to);
            return free.fold(years(Days { from, to }), |left, it| left.less(years(it)));
        }
        let charged = free.fold(days_between(from, to), |left, it| left - it.count());
        match days_between(start, self.to) {
            whole if charged == whole => YearFraction::new(days.into(), 360),
            whole if charged > 0 => YearFraction::new(i64::from(days) * charged, 360 * whole),
            _ => YearFraction::new(0, 360),
        }
    }
}

impl Days {
    /// How many.
    fn count(self) -> i64 {
        days_between(self.from, self.to)
    }

    /// Those that are also in `other`.
    pub(super) fn within(self, other: Self) -> Option<Self> {
        let both = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (both.from < both.to).then_some(both)
    }

    /// Adds days to a list, which stays in order and without overlap.
    pub fn insert(self, list: &mut Vec<Self>) {
        let apart = |it: &Self| it.to < self.from || self.to < it.from;
        let touched = list.extract_if(.., |it| !apart(it));
        let union = touched.fold(self, |union, it| Self {
            from: union.from.min(it.from),
            to: union.to.max(it.to),
        });
        let place = list.partition_point(|it| it.from < union.from);
        list.insert(place, union);
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from(DayCount::Act360.days(from, to))
}

/// The dates of every instalment.
pub(super) fn lines(terms: &Terms, calendar: &Calendar) -> Result<Vec<Line>, ScheduleError> {
    let separate = u32::from(terms.broken == BrokenPeriod::Separate);
    let count = terms.lines();
    let mut lines = Vec::with_capacity(count as usize);
    let mut from = terms.from;
    // The first day of the next period before a roll, and of the dates the one before it.
    let mut regular_start = terms.carried.period_from.unwrap_or(terms.from);
    let mut moved = false;
    let mut before: Option<Date> = None;
    for index in 0..count {
        let number = terms.first_number + index;
        let apart = index < separate;
        let step = if apart { 1 } else { terms.step() };
        let slot = number + step - 1;
        let due = planned(terms, calendar, slot)?;
        let to = if terms.adjusted { due.rolled } else { due.regular };
        let resumed = index == 0 && terms.carried.period_from.is_some();
        let empty = if resumed { to < from } else { to <= from };
        if empty || due.rolled <= before.unwrap_or(terms.from) && !(resumed && to == from) {
            return Err(ScheduleError::DueDatesNotIncreasing { instalment: number });
        }
        let start = if index == 0 { regular_start } else { from };
        let whole = whole_period(terms, slot, step, regular_start, due.regular)
            .filter(|_| !moved && to == due.regular);
        let days = days(terms, whole, start, to);
        let span = Span { start, from, to, days };
        let first_of_level = index == 0 && terms.broken == BrokenPeriod::First;
        let level = if first_of_level { terms.level_span(&span, slot) } else { None };
        lines.push(Line { number, due: due.rolled, span, level, separate: apart });
        moved = to != due.regular;
        (from, regular_start, before) = (to, due.regular, Some(due.rolled));
    }
    Ok(lines)
}

fn planned(terms: &Terms, calendar: &Calendar, slot: u32) -> Result<Planned, ScheduleError> {
    let regular = terms.due.regular(slot).ok_or(match &terms.due {
        DueDates::Every { .. } => ScheduleError::DateOutOfRange,
        DueDates::On(_) => ScheduleError::DueDateMissing { instalment: slot },
    })?;
    Ok(Planned { regular, rolled: calendar.roll(regular, terms.roll) })
}

/// The period `start..due` is, when both are regular dates of the schedule. One that starts
/// before the date the schedule counts from may also start where its end is a period later.
fn whole_period(terms: &Terms, slot: u32, step: u32, start: Date, due: Date) -> Option<Period> {
    let DueDates::Every { period: every, number: anchor, .. } = terms.due else { return None };
    let period = Period::new(every.count().checked_mul(step)?, every.unit())?;
    let before = slot.checked_sub(step)?;
    let follows = terms.due.regular(before) == Some(start);
    let whole = follows || before < anchor && period.after(start, 1) == Some(due);
    whole.then_some(period)
}

fn days(terms: &Terms, whole: Option<Period>, start: Date, to: Date) -> u32 {
    match (terms.day_count, whole.and_then(Period::days_of_thirty)) {
        (DayCount::Thirty360, Some(days)) => days,
        _ => terms.day_count.days(start, to).unsigned_abs(),
    }
}

impl Terms {
    /// How many instalments the plan has at the most.
    pub(super) fn lines(&self) -> u32 {
        let separate = u32::from(self.broken == BrokenPeriod::Separate);
        separate + if self.method == Method::Bullet { 1 } else { self.instalments }
    }

    /// How many periods an instalment takes.
    pub(super) fn step(&self) -> u32 {
        if self.method == Method::Bullet { self.instalments } else { 1 }
    }

    /// The full period at the end of a first period that is broken; `None` when it is not.
    pub(super) fn level_span(&self, span: &Span, slot: u32) -> Option<Span> {
        let step = self.step();
        let start = self.due.regular(slot.checked_sub(step)?)?;
        let due = self.due.regular(slot)?;
        let whole = whole_period(self, slot, step, start, due).filter(|_| span.to == due);
        let days = days(self, whole, start, span.to);
        let broken = start != span.start && start < span.to;
        broken.then_some(Span { start, from: start, to: span.to, days })
    }
}
