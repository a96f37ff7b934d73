//! What settles a loan early (提前结清) on a day.
//!
//! Interest is owed for the days the principal was used (中华人民共和国民法典 art. 677; not
//! verified), so future interest and fees are dropped, and no account of the contract keeps
//! anything.

use money::Amount;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    Reject,
    day::{check_open, running},
    life::Life,
    loan::{Loan, Owed, Position},
    plan::Rules,
};

/// What settles a loan on a business date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// The business date; the quote is good for this day alone.
    pub on: Date,
    /// Principal, due or not; interest due, and accrued up to `on`, exclusive; fees and penalty
    /// due.
    pub owed: Owed,
    /// The price of settling early.
    pub fee: Amount,
    /// Paid in advance, to be set off.
    pub prepaid: Amount,
    /// What remains to be paid.
    pub total: Amount,
}

/// What settles the loan on a day: its business date, or a later one up to which nobody pays
/// anything. The product's price of settling early is not charged once the last instalment is due.
///
/// # Errors
/// [`Reject::EarlySettlementNotAllowed`]; [`Reject::PrepaidCovers`] when nothing would remain to
/// be paid; [`Reject::OtherProduct`] and [`Reject::FeeImpossible`] for the product;
/// [`Reject::NotActive`]; [`Reject::DayAlreadyClosed`].
pub fn quote(
    loan: &Loan,
    position: &Position,
    rules: Rules<'_>,
    on: Date,
) -> Result<Quote, Reject> {
    rules.of(loan)?;
    check_open(loan, position, on.min(position.through))?;
    let mut life = Life::at(loan, position, rules);
    life.close_to(on)?;
    if life.is_active() { quote_life(&life) } else { Err(Reject::PrepaidCovers) }
}

pub(crate) fn quote_life(life: &Life<'_>) -> Result<Quote, Reject> {
    let (loan, position) = (&*life.loan, &life.position);
    let early = running(loan, position).is_some();
    if early && !loan.terms.early_settlement {
        return Err(Reject::EarlySettlementNotAllowed);
    }
    let fee = match early {
        true => {
            let Loan { principal, term, .. } = *loan;
            let product = life.rules.of(loan)?;
            let fee = product.settlement_fee(principal, term, position.principal, position.paid);
            fee.map_err(Reject::FeeImpossible)?
        }
        false => Amount::ZERO,
    };
    let owed = life.owed();
    let gross = owed.total().checked_add(fee).ok_or(Reject::AmountTooLarge)?;
    let prepaid = position.prepaid;
    if owed.total() < prepaid || gross == prepaid {
        return Err(Reject::PrepaidCovers);
    }
    Ok(Quote { on: life.today(), owed, fee, prepaid, total: gross - prepaid })
}
