//! Money out of a term deposit.
//!
//! Before maturity, what is taken out earns the demand rate of the day from the first day of the
//! tenor, and what stays keeps its rate and its first day; after maturity, everything has earned
//! its tenor and the demand rate of the day since. Source: 储蓄管理条例 (国务院令第107号), articles
//! 24 to 27; not verified.

use money::Amount;
use product::TermProduct;
use stdx::Date;

use crate::{
    Reject,
    maturity::pay_due,
    outcome::{Event, Outcome},
    term::{Stage, TermDeposit, earned},
    terms::Terms,
};

/// Takes `amount` out on business date `on`, or everything, with its interest.
///
/// # Errors
/// [`Reject::FrozenOut`], [`Reject::AmountNotPositive`], [`Reject::ExceedsPrincipal`],
/// [`Reject::EarlyWithdrawalNotAllowed`], [`Reject::TooManyWithdrawalsInPart`],
/// [`Reject::RemainderTooSmall`], [`Reject::AmountTooLarge`], [`Reject::Closed`], and those of a
/// day that is not the deposit's business date: [`Reject::BeforeOpening`],
/// [`Reject::DayAlreadyClosed`], [`Reject::DayNotReached`].
pub fn withdraw(
    deposit: &TermDeposit,
    terms: Terms<'_, TermProduct>,
    amount: Option<Amount>,
    on: Date,
) -> Result<Outcome<TermDeposit>, Reject> {
    deposit.check_day(on)?;
    if !deposit.restraints.give_out() {
        return Err(Reject::FrozenOut);
    }
    let amount = amount.unwrap_or(deposit.principal);
    if !amount.is_positive() {
        return Err(Reject::AmountNotPositive);
    }
    let rest = deposit.principal.checked_sub(amount).ok_or(Reject::AmountTooLarge)?;
    if rest.is_negative() {
        return Err(Reject::ExceedsPrincipal);
    }
    let mut after = deposit.clone();
    let early = deposit.stage == Stage::Running;
    if early {
        check_early(deposit, terms.product, rest)?;
        after.parts = after.parts.saturating_add(1);
    }
    let demand_rate = terms.demand_rate(on);
    let own = earned(terms, amount, demand_rate, deposit.from, on)?;
    let stays = earned(terms, rest, deposit.rate_on(terms, on), deposit.from, on)?;
    let due = share(deposit.due, amount, deposit.principal, early && rest.is_positive())?;
    let interest = own.checked_add(due).ok_or(Reject::AmountTooLarge)?;

    after.principal = rest;
    after.due = after.due.checked_sub(due).ok_or(Reject::AmountTooLarge)?;
    let mut outcome = Outcome::new(after);
    outcome.accrue(stays.checked_add(own).ok_or(Reject::AmountTooLarge)?, on)?;
    outcome.contract.interest = stays;
    outcome.book("withdrawal", ("amount", amount), on);
    outcome.book("interest-payment", ("interest", interest), on);
    outcome.tell(Event::DepositWithdrawn { on, amount, interest, demand_rate });
    if rest.is_zero() {
        outcome.contract.stage = Stage::Closed;
        outcome.contract.closed_on = Some(on);
        outcome.tell(Event::DepositClosed { on });
    }
    Ok(outcome)
}

fn check_early(deposit: &TermDeposit, product: &TermProduct, rest: Amount) -> Result<(), Reject> {
    let rules = &product.terms().early_withdrawal;
    if !rules.allowed {
        return Err(Reject::EarlyWithdrawalNotAllowed);
    }
    if rest.is_zero() {
        return Ok(());
    }
    if deposit.parts >= rules.in_part {
        return Err(Reject::TooManyWithdrawalsInPart);
    }
    let least = product.terms().amount.min;
    let enough = rest.to_decimal(deposit.currency) >= least;
    if enough { Ok(()) } else { Err(Reject::RemainderTooSmall) }
}

/// What of the interest that is due belongs to a part of the principal. In a tenor it is that of
/// earlier ones and stays with what stays.
fn share(due: Amount, part: Amount, whole: Amount, stays: bool) -> Result<Amount, Reject> {
    if stays || due.is_zero() {
        return Ok(Amount::ZERO);
    }
    let minor = |it: Amount| i128::from(it.minor());
    let exact = minor(due).checked_mul(minor(part)).and_then(|it| it.checked_div(minor(whole)));
    let down = exact.and_then(|it| i64::try_from(it).ok());
    down.map(Amount::from_minor).ok_or(Reject::AmountTooLarge)
}

/// Pays the interest that is due and leaves the principal.
///
/// # Errors
/// [`Reject::NoInterestDue`], [`Reject::FrozenOut`], and those of a day that is not the deposit's
/// business date.
pub fn pay_interest(deposit: &TermDeposit, on: Date) -> Result<Outcome<TermDeposit>, Reject> {
    deposit.check_day(on)?;
    if !deposit.restraints.give_out() {
        return Err(Reject::FrozenOut);
    }
    if deposit.due.is_zero() {
        return Err(Reject::NoInterestDue);
    }
    let mut outcome = Outcome::new(deposit.clone());
    pay_due(&mut outcome, on);
    Ok(outcome)
}
