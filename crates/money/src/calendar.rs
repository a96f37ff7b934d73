//! Business calendars: weekends, holidays and make-up working days (调休).
//!
//! A calendar is data. That of mainland China is `data/calendar-cn.txt`; a new year is new rows
//! there and nothing here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, iter,
    str::FromStr,
    sync::LazyLock,
};

use jiff::{Span, civil::Weekday};
use serde::{Deserialize, Serialize};
use stdx::{Date, table};

use crate::name::{UnknownName, name_of, value_of};

/// Which days are business days.
#[derive(Debug)]
pub struct Calendar {
    name: &'static str,
    special: BTreeMap<Date, SpecialDay>,
    years: BTreeSet<i16>,
}

/// A day that is not what its weekday says, or a holiday on a weekend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialDay {
    /// Whether business is done on it.
    pub kind: DayKind,
    /// The festival it belongs to.
    pub name: &'static str,
    /// The number of the notice that orders it.
    pub notice: &'static str,
}

/// What a [`SpecialDay`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKind {
    /// No business, whatever the weekday.
    Holiday,
    /// A weekend day on which one works, to make up for a holiday (调休).
    Workday,
}

impl FromStr for DayKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        value_of(&[("holiday", Self::Holiday), ("workday", Self::Workday)], text)
    }
}

static WEEKENDS_ONLY: Calendar =
    Calendar { name: "weekends-only", special: BTreeMap::new(), years: BTreeSet::new() };

static CHINA: LazyLock<Calendar> =
    LazyLock::new(|| Calendar::read("china", include_str!("../data/calendar-cn.txt")));

impl Calendar {
    /// Monday to Friday, without holidays.
    pub fn weekends_only() -> &'static Self {
        &WEEKENDS_ONLY
    }

    /// Mainland China, by the yearly notices of the General Office of the State Council
    /// (国务院办公厅关于部分节假日安排的通知).
    pub fn china() -> &'static Self {
        &CHINA
    }

    /// Every calendar.
    pub fn all() -> [&'static Self; 2] {
        [Self::weekends_only(), Self::china()]
    }

    /// The calendar with this name.
    ///
    /// # Errors
    /// [`UnknownName`] when there is none.
    pub fn named(name: &str) -> Result<&'static Self, UnknownName> {
        value_of(&Self::all().map(|it| (it.name, it)), name)
    }

    /// The name in a definition: `china`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the holidays of this date's year are known. Where they are not, business days are
    /// Monday to Friday: what was planned on them may have to move when the year is published.
    pub fn covers(&self, date: Date) -> bool {
        self.years.contains(&date.year())
    }

    /// What is special about a date: its festival, and the notice that says so.
    pub fn special(&self, date: Date) -> Option<SpecialDay> {
        self.special.get(&date).copied()
    }

    /// Whether business is done on this date.
    pub fn is_business_day(&self, date: Date) -> bool {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.special(date).map_or(!weekend, |it| it.kind == DayKind::Workday)
    }

    /// The first business day after this date; `None` past the year 9999.
    pub fn next_business_day(&self, date: Date) -> Option<Date> {
        self.on_or_after(date.tomorrow().ok()?)
    }

    /// The date a due date moves to. Where the calendar of the world ends, it stays.
    pub fn roll(&self, date: Date, roll: Roll) -> Date {
        let following = || self.on_or_after(date).unwrap_or(date);
        let preceding = || self.on_or_before(date).unwrap_or(date);
        match roll {
            Roll::Unadjusted => date,
            Roll::Following => following(),
            Roll::Preceding => preceding(),
            Roll::ModifiedFollowing => {
                let moved = following();
                if moved.month() == date.month() { moved } else { preceding() }
            }
        }
    }

    fn on_or_after(&self, date: Date) -> Option<Date> {
        let mut days = iter::successors(Some(date), |day| day.tomorrow().ok());
        days.find(|day| self.is_business_day(*day))
    }

    fn on_or_before(&self, date: Date) -> Option<Date> {
        let mut days = iter::successors(Some(date), |day| day.yesterday().ok());
        days.find(|day| self.is_business_day(*day))
    }

    /// Reads a table of `year notice from to kind name`.
    ///
    /// # Panics
    /// When the table is broken: it is part of the program, and a test reads it.
    fn read(name: &'static str, text: &'static str) -> Self {
        let mut calendar = Self { name, special: BTreeMap::new(), years: BTreeSet::new() };
        for row in table::parse(text) {
            let (kind, name, notice) = (row.get("kind"), row.text("name"), row.text("notice"));
            let (first, last): (Date, Date) = (row.get("from"), row.get("to"));
            let days = first.series(Span::new().days(1)).take_while(|date| *date <= last);
            let days = days.map(|date| (date, SpecialDay { kind, name, notice }));
            calendar.special.extend(days);
            calendar.years.insert(row.get("year"));
        }
        calendar
    }
}

/// Where a due date goes that is not a business day; the business-day conventions of the 2006
/// ISDA Definitions, section 4.12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Roll {
    /// It stays.
    #[default]
    Unadjusted,
    /// To the next business day.
    Following,
    /// To the next business day, or the one before where that is in another month.
    ModifiedFollowing,
    /// To the business day before.
    Preceding,
}

impl Roll {
    /// Every convention, with the name it has in a definition.
    pub const ALL: [(&'static str, Self); 4] = [
        ("unadjusted", Self::Unadjusted),
        ("following", Self::Following),
        ("modified-following", Self::ModifiedFollowing),
        ("preceding", Self::Preceding),
    ];
}

impl fmt::Display for Roll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::ALL, self))
    }
}

impl FromStr for Roll {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        value_of(&Self::ALL, text)
    }
}
