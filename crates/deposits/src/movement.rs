//! Money in and out of a current account.
//!
//! A movement may have a value date in the past, back to the last settlement: the sum of balances
//! is then corrected by the amount times the days, and the interest booked on it at once, so the
//! order in which movements arrive makes no difference to what they earn.

use money::{Amount, DayCount};
use product::AccountProduct;
use stdx::Date;

use crate::{
    Reject,
    account::{CurrentAccount, Status},
    day::accrue,
    outcome::{Event, Outcome},
    terms::Terms,
};

/// An amount and the day from which it counts for interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// How much.
    pub amount: Amount,
    /// The business date, or a day of the open interest period before it.
    pub value_date: Date,
}

/// Takes money in on business date `on`. It wakes no dormant account.
///
/// # Errors
/// [`Reject::AmountNotPositive`], [`Reject::Closed`], [`Reject::FrozenIn`],
/// [`Reject::BeforeOpening`], [`Reject::ValueDateInFuture`], [`Reject::ValueDateSettled`],
/// [`Reject::AmountTooLarge`].
pub fn deposit(
    account: &CurrentAccount,
    terms: Terms<'_, AccountProduct>,
    movement: Movement,
    on: Date,
) -> Result<Outcome<CurrentAccount>, Reject> {
    check(account, movement, on)?;
    if !account.restraints.take_in() {
        return Err(Reject::FrozenIn);
    }
    let Movement { amount, value_date } = movement;
    let mut outcome = moved(account, terms, amount, value_date, on)?;
    outcome.book("deposit", ("amount", amount), value_date);
    outcome.tell(Event::DepositReceived { on, value_date, amount });
    Ok(outcome)
}

/// Pays money out on business date `on`. The ledger refuses more than there is; `lowest` is the
/// least that was in the account at the end of a day since the value date, where that is earlier.
///
/// # Errors
/// Those of [`deposit`] with [`Reject::FrozenOut`]; [`Reject::Dormant`];
/// [`Reject::OverdrawnOnValueDate`].
pub fn withdraw(
    account: &CurrentAccount,
    terms: Terms<'_, AccountProduct>,
    movement: Movement,
    lowest: Option<Amount>,
    on: Date,
) -> Result<Outcome<CurrentAccount>, Reject> {
    check(account, movement, on)?;
    if account.status == Status::Dormant {
        return Err(Reject::Dormant);
    }
    if !account.restraints.give_out() {
        return Err(Reject::FrozenOut);
    }
    let Movement { amount, value_date } = movement;
    if lowest.is_some_and(|lowest| lowest < amount) {
        return Err(Reject::OverdrawnOnValueDate);
    }
    let negative = amount.checked_neg().ok_or(Reject::AmountTooLarge)?;
    let mut outcome = moved(account, terms, negative, value_date, on)?;
    outcome.book("withdrawal", ("amount", amount), value_date);
    outcome.tell(Event::WithdrawalPaid { on, value_date, amount });
    Ok(outcome)
}

fn check(account: &CurrentAccount, movement: Movement, on: Date) -> Result<(), Reject> {
    account.check_open()?;
    let Movement { amount, value_date } = movement;
    if !amount.is_positive() {
        return Err(Reject::AmountNotPositive);
    }
    if value_date < account.opened_on {
        return Err(Reject::BeforeOpening);
    }
    if value_date > on {
        return Err(Reject::ValueDateInFuture);
    }
    if value_date < account.since { Err(Reject::ValueDateSettled) } else { Ok(()) }
}

/// The account after a movement, the days it had passed being corrected.
fn moved(
    account: &CurrentAccount,
    terms: Terms<'_, AccountProduct>,
    amount: Amount,
    value_date: Date,
    on: Date,
) -> Result<Outcome<CurrentAccount>, Reject> {
    let mut outcome = Outcome::new(account.clone());
    let after = &mut outcome.contract;
    if after.status == Status::Active {
        after.moved_on = on;
    }
    if terms.product.terms().interest.is_none() {
        after.through = after.through.max(on);
        return Ok(outcome);
    }
    let days = i64::from(DayCount::Act360.days(value_date, account.through).max(0));
    if days > 0 {
        let missed = amount.minor().checked_mul(days).ok_or(Reject::AmountTooLarge)?;
        let balance_days = after.balance_days.checked_add(missed);
        after.balance_days = balance_days.ok_or(Reject::AmountTooLarge)?;
        accrue(&mut outcome, terms, on, on)?;
    }
    Ok(outcome)
}
