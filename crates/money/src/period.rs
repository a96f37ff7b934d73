//! Lengths of time that repeat: the rhythm of a schedule.

use std::{borrow::Cow, error::Error, fmt, str::FromStr};

use jiff::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use stdx::Date;

/// What a [`Period`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Calendar days.
    Day,
    /// Seven days.
    Week,
    /// Calendar months.
    Month,
    /// Calendar years.
    Year,
}

impl Unit {
    /// Every unit, with its name in the singular; the plural adds an `s`.
    pub const ALL: [(&'static str, Self); 4] =
        [("day", Self::Day), ("week", Self::Week), ("month", Self::Month), ("year", Self::Year)];
}

/// A length such as `1 month`, `2 weeks`, `14 days`: a positive number of units.
///
/// Singular and plural are both read; the grammatical one is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    count: u32,
    unit: Unit,
}

impl Period {
    /// One calendar month.
    pub const MONTH: Self = Self { count: 1, unit: Unit::Month };

    /// So many units, unless that is none.
    pub const fn new(count: u32, unit: Unit) -> Option<Self> {
        if count == 0 { None } else { Some(Self { count, unit }) }
    }

    /// How many units.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Of what.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// The length in months, when it is one in months or years (and fits).
    pub fn months(self) -> Option<u32> {
        match self.unit {
            Unit::Month => Some(self.count),
            Unit::Year => self.count.checked_mul(12),
            Unit::Day | Unit::Week => None,
        }
    }

    /// The length in days when every month has 30: 30 of `1 month`, 14 of `2 weeks`. `None` when
    /// it does not fit.
    pub fn days_of_thirty(self) -> Option<u32> {
        let days = match self.unit {
            Unit::Day => 1,
            Unit::Week => 7,
            Unit::Month => 30,
            Unit::Year => 360,
        };
        self.count.checked_mul(days)
    }

    /// How many of these make a year, when a whole number of them does: 12 of `1 month`, 4 of
    /// `3 months`. Days and weeks never do.
    pub fn per_year(self) -> Option<u32> {
        let months = self.months()?;
        (1..=12).find(|times| months.checked_mul(*times) == Some(12))
    }

    /// The date `n` periods after `start`; `None` past the year 9999.
    ///
    /// It is counted from the start and not from the period before, so a short month does not
    /// move the ones after it: one month after 31 January is the last of February, two months
    /// after is 31 March.
    pub fn after(self, start: Date, n: u32) -> Option<Date> {
        start.checked_add(self.times(n)?).ok()
    }

    /// The date `n` periods before `end`; `None` before the year -9999. As with
    /// [`Period::after`], a short month does not move the ones before it.
    pub fn before(self, end: Date, n: u32) -> Option<Date> {
        end.checked_sub(self.times(n)?).ok()
    }

    fn times(self, n: u32) -> Option<Span> {
        let units = i64::from(self.count).checked_mul(i64::from(n))?;
        let span = match self.unit {
            Unit::Day => Span::new().try_days(units),
            Unit::Week => Span::new().try_weeks(units),
            Unit::Month => Span::new().try_months(units),
            Unit::Year => Span::new().try_years(units),
        };
        span.ok()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = crate::name::name_of(&Unit::ALL, &self.unit);
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {name}{plural}", self.count)
    }
}

/// A text that is not a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAPeriod(pub String);

impl fmt::Display for NotAPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a period: write \"1 month\", \"2 weeks\" or \"14 days\"", self.0)
    }
}

impl Error for NotAPeriod {}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        parse(text).ok_or_else(|| NotAPeriod(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Period> {
    let (count, unit) = text.split_once(' ')?;
    let numeric = count.bytes().all(|it| it.is_ascii_digit()) && !count.starts_with('0');
    let count = if numeric { count.parse().ok()? } else { return None };
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    let (_, unit) = Unit::ALL.into_iter().find(|(name, _)| *name == singular)?;
    Period::new(count, unit)
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
