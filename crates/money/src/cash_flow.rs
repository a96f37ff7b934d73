//! Internal rates of return: the rate at which what is paid and what is received are worth the
//! same.
//!
//! Only whole powers of decimals are taken, so the answer is the same on every machine. A dated
//! cash flow is one whose period is a day: with the day's growth known, a year's is its 365th
//! power, which is what ACT/365F says.
//!
//! Where the signs change once there is one rate, and it is found in binary fractions first
//! ([`sketch`]); two exact points beside it then give every digit. Other flows are searched.

use rust_decimal::{Decimal, MathematicalOps};
use stdx::Date;

mod sketch;

use crate::DayCount;

/// Decimals a rate is rounded to (half to even). They are all correct for rates up to 10,000 % a
/// year.
pub const RATE_DIGITS: u32 = 12;

/// The first rate tried on either side of zero, per period.
const FIRST_RATE: Decimal = Decimal::from_parts(1, 0, 0, false, 4);
/// Each rate tried is so many times the one before: nine of them reach from 0.01 % to 167,772 %.
const RATE_STEP: Decimal = Decimal::from_parts(8, 0, 0, false, 0);
const RATES_TRIED: u32 = 9;
/// How narrow the bracket around the growth factor becomes.
const TOLERANCE: Decimal = Decimal::from_parts(1, 0, 0, false, 20);
/// What each iteration should leave of the bracket; one that lags behind is bisected.
const PACE: Decimal = Decimal::from_parts(8, 0, 0, false, 1);
/// At that pace a bracket of 2¹¹ passes the tolerance in 245 iterations; a dozen are usual.
const MAX_ITERATIONS: u32 = 256;
/// How far from a sketched growth factor the exact one may be. Between two points so near to each
/// other the worth is a straight line to 20 decimals, even over fifty years of days.
const SKETCHED: Decimal = Decimal::from_parts(1, 0, 0, false, 12);
const HALF: Decimal = Decimal::from_parts(5, 0, 0, false, 1);
/// How many powers of a factor are kept while flows are summed.
const POWERS_MAX: usize = 8;
const DAYS_PER_YEAR: u64 = 365;

/// The internal rate of return per period of flows one period apart, the first one now.
///
/// Money received and money paid have opposite signs; which is which does not matter. Where the
/// signs change more than once, several rates may solve the flows; the answer is then the one met
/// first in fixed steps outwards from zero. `None` when all flows have the same sign, or no rate
/// between −99.9 % and 160,000 % per period solves them.
pub fn irr(flows: &[Decimal]) -> Option<Decimal> {
    regular_growth(flows).map(rate)
}

/// The internal rate of return per period times the periods of a year, which need not be a whole
/// number; rounded once, so as exact as [`irr`]. `None` as there.
pub fn simple_rate(flows: &[Decimal], periods_per_year: Decimal) -> Option<Decimal> {
    simple(regular_growth(flows)?, periods_per_year)
}

/// The annual effective rate of return of dated flows, by actual days over 365, in any order.
///
/// As [`irr`] with days for periods; `None` too when the rate has more than 28 digits.
pub fn xirr(flows: &[(Date, Decimal)]) -> Option<Decimal> {
    let first = flows.iter().map(|(date, _)| *date).min()?;
    let day = |date| u64::from(DayCount::Act365Fixed.days(first, date).unsigned_abs());
    let mut dated: Vec<_> = flows.iter().map(|(date, amount)| (day(*date), *amount)).collect();
    dated.sort_by_key(|(day, _)| *day);
    let growth = CashFlow::new(dated.into_iter())?.growth()?;
    growth.checked_powu(DAYS_PER_YEAR).map(rate)
}

/// The annual cost of a loan (贷款年化利率), which every lender must show.
///
/// Source: 中国人民银行公告〔2021〕第3号 and its annex: the cost is the internal rate of return
/// over interest and all fees. It is stated compound; a simple rate must be called simple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnualCost {
    /// The rate per period times the periods of a year (单利).
    pub simple: Decimal,
    /// The rate per period, compounded over the periods of a year (复利).
    pub compound: Decimal,
}

/// The annual cost of flows one period apart, the first one now. `None` as for [`irr`], or when
/// a result has more than 28 digits.
///
/// Periods that do not divide a year, such as weeks, take [`simple_rate`] and [`xirr`] instead.
pub fn annual_cost(flows: &[Decimal], periods_per_year: u32) -> Option<AnnualCost> {
    let growth = regular_growth(flows)?;
    let simple = simple(growth, periods_per_year.into())?;
    let compound = growth.checked_powu(u64::from(periods_per_year)).map(rate)?;
    Some(AnnualCost { simple, compound })
}

/// The growth per period of flows one period apart.
fn regular_growth(flows: &[Decimal]) -> Option<Decimal> {
    CashFlow::new((0..).zip(flows.iter().copied()))?.growth()
}

fn simple(growth: Decimal, periods_per_year: Decimal) -> Option<Decimal> {
    let simple = (growth - Decimal::ONE).checked_mul(periods_per_year)?;
    Some(simple.round_dp(RATE_DIGITS).normalize())
}

fn rate(growth: Decimal) -> Decimal {
    (growth - Decimal::ONE).round_dp(RATE_DIGITS).normalize()
}

/// Amounts at points of time, the earliest first; the first and the last are not zero. They are
/// scaled to at most 1, so no sum of discounted ones can overflow.
struct CashFlow(Vec<(u64, Decimal)>);

/// A growth factor per period, and the worth of the flows at it.
#[derive(Clone, Copy)]
struct Point {
    growth: Decimal,
    worth: Decimal,
}

impl CashFlow {
    fn new(flows: impl Iterator<Item = (u64, Decimal)> + Clone) -> Option<Self> {
        let largest = flows.clone().map(|(_, amount)| amount.abs()).max()?;
        if largest.is_zero() {
            return None;
        }
        let scaled = flows.map(|(time, amount)| (time, amount / largest));
        let scaled: Vec<_> = scaled.filter(|(_, amount)| !amount.is_zero()).collect();
        let received = scaled.iter().any(|(_, amount)| amount.is_sign_positive());
        let paid = scaled.iter().any(|(_, amount)| amount.is_sign_negative());
        (received && paid).then_some(Self(scaled))
    }

    /// The growth per period that makes the flows worth nothing.
    fn growth(&self) -> Option<Decimal> {
        self.sketched().or_else(|| {
            let (low, high) = self.bracket()?;
            self.narrow(low, high)
        })
    }

    /// The only growth there can be, from a sketch of it; `None` when there may be others, when
    /// money shrinks, or when the sketch is not near enough.
    fn sketched(&self) -> Option<Decimal> {
        let sketched = sketch::growth(&self.0)?;
        let (low, high) = (self.at(sketched - SKETCHED), self.at(sketched + SKETCHED));
        let steep = low.worth - high.worth;
        let part = low.worth.checked_div(steep).filter(|_| low.encloses_with(high))?;
        Some(low.growth + part * (high.growth - low.growth))
    }

    /// Two growth factors nearest to 1 between which the worth changes sign. Those tried below 1
    /// are the inverses of those above.
    fn bracket(&self) -> Option<(Point, Point)> {
        let (mut low, mut high) = (self.at(Decimal::ONE), self.at(Decimal::ONE));
        let mut rate = FIRST_RATE;
        for _ in 0..RATES_TRIED {
            let above = self.at(Decimal::ONE + rate);
            if high.encloses_with(above) {
                return Some((high, above));
            }
            let below = self.at(Decimal::ONE / above.growth);
            if low.encloses_with(below) {
                return Some((below, low));
            }
            (low, high) = (below, above);
            rate *= RATE_STEP;
        }
        None
    }

    /// The root between two points: false position with Illinois weights (an end that stays twice
    /// counts half, which draws the next guess to its side), made safe by bisection.
    ///
    /// Source: Dowell and Jarratt, "A modified regula falsi method for computing the root of an
    /// equation", BIT 11 (1971).
    fn narrow(&self, mut low: Point, mut high: Point) -> Option<Decimal> {
        if let Some(root) = [low, high].into_iter().find(|end| end.worth.is_zero()) {
            return Some(root.growth);
        }
        let (mut low_weight, mut high_weight) = (low.worth, high.worth);
        let mut allowed = (high.growth - low.growth) * Decimal::TWO;
        let mut rose = None;
        for _ in 0..MAX_ITERATIONS {
            let width = high.growth - low.growth;
            let lags = width > allowed;
            let part = if lags { HALF } else { low_weight / (low_weight - high_weight) };
            let point = self.at(low.growth + part * width);
            if width <= TOLERANCE || point.worth.is_zero() {
                return Some(point.growth);
            }
            let rises = point.encloses_with(high);
            if rises {
                (low, low_weight) = (point, point.worth);
            } else {
                (high, high_weight) = (point, point.worth);
            }
            if rose == Some(rises) {
                let stayed = if rises { &mut high_weight } else { &mut low_weight };
                *stayed /= Decimal::TWO;
            }
            rose = Some(rises);
            allowed *= PACE;
        }
        None
    }

    fn at(&self, growth: Decimal) -> Point {
        Point { growth, worth: self.worth(growth) }
    }

    /// What the flows are worth together: at the first one's time where money grows, at the last
    /// one's where it shrinks. Either has the same roots; this one never overflows, and they
    /// agree where money stays what it is.
    fn worth(&self, growth: Decimal) -> Decimal {
        if growth >= Decimal::ONE {
            sum(self.0.iter().rev(), Decimal::ONE / growth)
        } else {
            sum(self.0.iter(), growth)
        }
    }
}

impl Point {
    /// Whether a root lies between the two, or at one of them.
    fn encloses_with(self, other: Self) -> bool {
        let same = self.worth.is_sign_negative() == other.worth.is_sign_negative();
        self.worth.is_zero() || other.worth.is_zero() || !same
    }
}

/// Horner's scheme over the flows, each `factor` (at most 1) smaller per period from the next.
fn sum<'a>(flows: impl Iterator<Item = &'a (u64, Decimal)>, factor: Decimal) -> Decimal {
    let mut before = None;
    let mut sum = Decimal::ZERO;
    // Months have four lengths, so few powers are asked for, again and again.
    let mut powers: Vec<(u64, Decimal)> = Vec::new();
    for (time, amount) in flows {
        let periods = before.map_or(0, |before| time.abs_diff(before));
        let known = powers.iter().find(|(exponent, _)| *exponent == periods);
        let grown = known.map_or_else(|| power(factor, periods), |(_, power)| *power);
        if known.is_none() && powers.len() < POWERS_MAX {
            powers.push((periods, grown));
        }
        sum = sum * grown + amount;
        before = Some(*time);
    }
    sum
}

/// `factor`, which is at most 1, to a whole power.
fn power(factor: Decimal, exponent: u64) -> Decimal {
    if exponent == 1 {
        return factor;
    }
    factor.checked_powu(exponent).unwrap_or(Decimal::ZERO)
}
