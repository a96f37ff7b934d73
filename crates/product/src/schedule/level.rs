//! What instalments have in common.

use money::{Amount, Decimal};

use super::{
    ScheduleError, Terms,
    dates::{Line, Span},
};
use crate::kinds::instalment_loan::Method;

/// What every instalment that repays principal but the last has in common.
pub(super) enum Level {
    /// The sum of principal and interest.
    Sum(Amount),
    /// The principal.
    Principal(Amount),
    /// The exact principal, of which with the interest a multiple is made.
    Exact(Decimal),
}

impl Level {
    /// The level of `lines`, which repay `balance`; `earned` is the interest of the first one
    /// earned before it.
    pub(super) fn of(
        terms: &Terms,
        balance: Amount,
        earned: Decimal,
        lines: &[Line],
    ) -> Result<Self, ScheduleError> {
        let sum = terms.method == Method::EqualInstalment;
        if matches!(terms.method, Method::InterestFirst | Method::Bullet) {
            return Ok(Self::Principal(Amount::ZERO));
        }
        if let (Some(level), true) = (terms.level, sum) {
            return Ok(Self::Sum(level));
        }
        let [principal, balloon] = [balance, terms.balloon].map(|it| it.to_decimal(terms.currency));
        if sum {
            let level = level_sum(terms, principal, balloon, earned, lines);
            return multiple(terms, level).map(Self::Sum);
        }
        let each = terms.level.map_or_else(
            || (principal - balloon) / Decimal::from(lines.len()),
            |level| level.to_decimal(terms.currency),
        );
        match terms.multiple {
            Some(_) => Ok(Self::Exact(each)),
            None => terms.round(each).map(Self::Principal),
        }
    }

    /// The principal an instalment repays that has so much interest.
    pub(super) fn repaid(
        &self,
        terms: &Terms,
        number: u32,
        balance: Amount,
        interest: Amount,
    ) -> Result<Amount, ScheduleError> {
        match *self {
            Self::Principal(principal) => Ok(principal.min(balance)),
            Self::Exact(principal) => {
                let interest_exact = interest.to_decimal(terms.currency);
                let total = multiple(terms, principal + interest_exact)?;
                Ok((total - interest).max(Amount::ZERO).min(balance))
            }
            Self::Sum(level) if interest.is_positive() && level <= interest => {
                Err(ScheduleError::InterestNotCovered { instalment: number })
            }
            // A level of a few minor units, rounded up, is done before the last instalment.
            Self::Sum(level) => Ok((level - interest).min(balance)),
        }
    }
}

/// The level sum E that leaves the balloon: see [`super::schedule`]. Interest C earned before the
/// plan is part of the first instalment, so E = (P + C × d₁ − Z × dₙ) ÷ Σᵢ dᵢ.
fn level_sum(
    terms: &Terms,
    principal: Decimal,
    balloon: Decimal,
    earned: Decimal,
    lines: &[Line],
) -> Decimal {
    // Discounting instead of compounding: no product can leave 28 digits.
    let mut discount = Decimal::ONE;
    let mut worth = Decimal::ZERO;
    let mut owed = principal;
    for (index, line) in lines.iter().enumerate() {
        let span: &Span = line.level.as_ref().unwrap_or(&line.span);
        let factor = span.years(terms, span.to).of(terms.borrower_rate(line.number));
        if !factor.is_zero() {
            discount /= Decimal::ONE + factor;
        }
        if index == 0 {
            owed += earned * discount;
        }
        worth += discount;
    }
    (owed - balloon * discount) / worth
}

/// An exact sum in minor units, to the multiple instalments are of.
fn multiple(terms: &Terms, exact: Decimal) -> Result<Amount, ScheduleError> {
    let Some(multiple) = terms.multiple else { return terms.round(exact) };
    let times = terms.rounding.round(exact / multiple.to_decimal(terms.currency), 0);
    terms.round(times * multiple.to_decimal(terms.currency))
}

impl Terms {
    /// Whether an instalment repays principal, if it is not the last.
    pub(super) fn repays(&self, line: &Line) -> bool {
        let grace = self.grace;
        let spared = grace.principal.max(if grace.capitalise { grace.interest } else { 0 });
        !line.separate && line.number > spared
    }
}
