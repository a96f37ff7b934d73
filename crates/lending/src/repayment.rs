//! What a payment pays.
//!
//! The oldest instalment that is due comes first, and within it the components in the order of
//! the contract (中华人民共和国民法典 art. 561: costs, interest, principal, unless agreed
//! otherwise; not verified). What is left is kept for the instalment that becomes due next: it
//! does not lower the interest of the plan, which early settlement does.

use money::Amount;
use product::schedule::Instalment;
use stdx::Date;

use crate::{
    Reject,
    day::{check_open, finish, rate_arrears, running},
    loan::{Loan, Owed, Position},
    outcome::{Event, Outcome},
};

/// Takes a payment on business date `on`.
///
/// More than what is due is kept as prepaid, up to what the loan could still cost without
/// waiting: principal not yet due with the interest accrued on it, or the whole last instalment.
/// Days past due are set back at once to what the last close would have seen.
///
/// # Errors
/// [`Reject::AmountNotPositive`], [`Reject::ExceedsSettlement`], and as [`crate::close_day`] those
/// of a loan that is not active or a day that is not its business date.
pub fn repay(
    loan: &Loan,
    position: &Position,
    amount: Amount,
    on: Date,
) -> Result<Outcome, Reject> {
    check_open(loan, position, on)?;
    if !amount.is_positive() {
        return Err(Reject::AmountNotPositive);
    }
    let mut after = position.clone();
    let (paid, prepaid) = allocate(loan, &mut after, amount);
    let ahead = after.prepaid.checked_add(prepaid).ok_or(Reject::ExceedsSettlement)?;
    if !prepaid.is_zero() && ahead > prepaid_limit(loan, &after) {
        return Err(Reject::ExceedsSettlement);
    }
    after.prepaid = ahead;
    let mut outcome = Outcome::default();
    outcome.book("repayment", paid.amounts());
    outcome.book("prepayment", vec![("prepaid", prepaid)]);
    let settlement_fee = Amount::ZERO;
    outcome.events.push(Event::RepaymentReceived { on, amount, paid, prepaid, settlement_fee });
    let closed = on.yesterday().map_err(|_| Reject::DateOutOfRange)?;
    rate_arrears(loan, &mut after, closed, &mut outcome);
    finish(loan, after, on, &mut outcome);
    Ok(outcome)
}

/// The most that may lie in advance once nothing is due.
fn prepaid_limit(loan: &Loan, position: &Position) -> Amount {
    let settles = position.principal + position.interest;
    match running(loan, position) {
        Some(last) if last.balance.is_zero() => Instalment::total(last).max(settles),
        _ => settles,
    }
}

/// Pays what is due with `amount`: what was paid by component, and what is left. Instalments
/// that are paid in full leave the position.
pub(crate) fn allocate(loan: &Loan, position: &mut Position, amount: Amount) -> (Owed, Amount) {
    let mut rest = amount;
    let mut paid = Owed::default();
    for open in &mut position.open {
        for component in &loan.terms.allocation {
            let owed = open.owed.of(*component);
            let part = rest.min(*owed);
            *owed -= part;
            *paid.of(*component) += part;
            rest -= part;
        }
    }
    position.principal -= paid.principal;
    let due = position.open.len();
    position.open.retain(|open| !open.owed.is_zero());
    let closed = due.saturating_sub(position.open.len());
    position.paid = position.paid.saturating_add(u32::try_from(closed).unwrap_or(u32::MAX));
    (paid, rest)
}
