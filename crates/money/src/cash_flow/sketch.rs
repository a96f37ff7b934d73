//! A first look at a growth factor: some 13 digits of it, in binary fractions, for a small part of
//! what exact decimals cost.

use rust_decimal::{Decimal, prelude::ToPrimitive};

/// Binary digits after the point.
const BITS: u32 = 50;
const ONE: i128 = 1 << BITS;
/// With so many flows over so many periods, each of at most 1, no product has more than 126 bits.
const FLOWS_MAX: usize = 1 << 10;
const PERIODS_MAX: u64 = 1 << 15;
/// Growth of more than a thousand a period is searched.
const LEAST: i128 = ONE >> 10;
/// Steps to the root; half a dozen are usual.
const STEPS_MAX: u32 = 64;

/// The growth factor of flows whose sign changes once, and which gain over time; `None` for others,
/// and for more of them than fit. Flows are in order of time, the first at 0 or later, at most 1.
///
/// With v = 1 ÷ growth they are worth f(v) = Σ aₖ × v^tₖ. Seen from the side of the first one,
/// f falls ever faster where all others have the other sign, so Newton's steps from v = 1, where it
/// is below zero, come down to the root and never pass it. More than one flow before the change of
/// sign can make f rise at first; then the steps may leave, and there is no sketch.
#[allow(clippy::arithmetic_side_effects, reason = "bounded by the limits above")]
pub(super) fn growth(flows: &[(u64, Decimal)]) -> Option<Decimal> {
    let (first, last) = (flows.first()?, flows.last()?);
    if flows.len() > FLOWS_MAX || last.0 > PERIODS_MAX || sign_changes(flows) != 1 {
        return None;
    }
    let outlook = if first.1.is_sign_negative() { -Decimal::ONE } else { Decimal::ONE };
    let fraction = |amount: Decimal| (outlook * amount * Decimal::from(ONE)).to_i128();
    let fractions = flows.iter().map(|(time, amount)| Some((*time - first.0, fraction(*amount)?)));
    let fractions: Vec<_> = fractions.collect::<Option<_>>()?;
    let mut v = ONE;
    for _ in 0..STEPS_MAX {
        let (worth, slope) = worth(&fractions, v);
        if slope >= 0 {
            return None;
        }
        // The slope is over ln v, so a step is a share of v.
        let step = worth * v / slope;
        v -= step;
        if !(LEAST..ONE).contains(&v) {
            return None;
        }
        if step.abs() <= 1 {
            return Decimal::from(ONE).checked_div(Decimal::from(v));
        }
    }
    None
}

/// How often the sign changes from one flow to the next.
fn sign_changes(flows: &[(u64, Decimal)]) -> usize {
    let signs = flows.windows(2).map(|it| it[0].1.is_sign_negative() != it[1].1.is_sign_negative());
    signs.filter(|changes| *changes).count()
}

/// f(v), and its slope over ln v.
#[allow(clippy::arithmetic_side_effects, reason = "bounded by the limits above")]
fn worth(flows: &[(u64, i128)], v: i128) -> (i128, i128) {
    let (mut worth, mut slope, mut after) = (0, 0, None);
    for (time, amount) in flows.iter().rev() {
        let discount = power(v, after.map_or(0, |after: u64| after - *time));
        worth = times(worth, discount) + amount;
        slope = times(slope, discount) + amount * i128::from(*time);
        after = Some(*time);
    }
    (worth, slope)
}

#[allow(clippy::arithmetic_side_effects, reason = "bounded by the limits above")]
const fn times(one: i128, other: i128) -> i128 {
    (one * other) >> BITS
}

/// A fraction of at most 1 to a whole power, by squares.
fn power(mut base: i128, mut exponent: u64) -> i128 {
    let mut power = ONE;
    while exponent > 0 {
        if exponent % 2 == 1 {
            power = times(power, base);
        }
        base = times(base, base);
        exponent /= 2;
    }
    power
}
