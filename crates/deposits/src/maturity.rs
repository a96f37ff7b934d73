//! The end of a business day of a term deposit, and the end of its tenor.
//!
//! What it earns is counted from the first day of the tenor anew each day, exactly, and then
//! rounded: so the books say every day what the rule of the contract says of that day, and end at
//! the interest of the whole tenor.

use money::Amount;
use product::TermProduct;
use stdx::Date;

use crate::{
    Reject,
    outcome::{Event, Outcome},
    term::{Rollover, Stage, TermDeposit, earned},
    terms::Terms,
};

/// Closes business day `day` of a deposit.
///
/// 1. Interest is booked: at the contract's rate in a tenor, after it at the demand rate of the
///    day, which counts from maturity on.
/// 2. If the next day is that of maturity, the interest becomes due, and the deposit begins
///    another tenor at the rate of that day if its holder said so. Where it may not (a freeze, a
///    stop-payment, a tenor no longer offered) it waits to be withdrawn as if nothing was said.
/// 3. Freezes and stop-payments of which this is the last day end.
///
/// With `pays` the interest of a principal-only rollover goes out at once, to the account that the
/// holder named; without it, it waits.
///
/// # Errors
/// [`Reject::Closed`]; [`Reject::DayAlreadyClosed`] and [`Reject::DayNotReached`] when `day` is
/// not the deposit's business date; [`Reject::AmountTooLarge`], [`Reject::DateOutOfRange`].
pub fn close_day(
    deposit: &TermDeposit,
    terms: Terms<'_, TermProduct>,
    day: Date,
    pays: bool,
) -> Result<Outcome<TermDeposit>, Reject> {
    deposit.check_day(day)?;
    let next = day.tomorrow().map_err(|_| Reject::DateOutOfRange)?;
    let mut outcome = Outcome::new(deposit.clone());
    let rate = deposit.rate_on(terms, day);
    outcome.accrue(earned(terms, deposit.principal, rate, deposit.from, next)?, day)?;
    outcome.contract.through = next;
    if deposit.stage == Stage::Running && next >= deposit.matures_on {
        mature(&mut outcome, terms, next, pays)?;
    }
    let ended = outcome.contract.restraints.end(day);
    outcome.end(ended, day);
    Ok(outcome)
}

/// Ends the tenor at the start of `on`.
fn mature(
    outcome: &mut Outcome<TermDeposit>,
    terms: Terms<'_, TermProduct>,
    on: Date,
    pays: bool,
) -> Result<(), Reject> {
    let interest = fall_due(outcome, on)?;
    outcome.contract.stage = Stage::Matured;
    outcome.tell(Event::DepositMatured { on, interest });
    let rolled = match outcome.contract.rollover {
        Rollover::None => return Ok(()),
        Rollover::Principal => renew(outcome, terms, Amount::ZERO, on),
        Rollover::PrincipalAndInterest => renew(outcome, terms, interest, on),
    };
    match rolled {
        Ok(()) if pays && outcome.contract.rollover == Rollover::Principal => {
            pay_due(outcome, on);
            Ok(())
        }
        Err(reject @ (Reject::RolloverFrozen | Reject::TenorNotOffered)) => {
            outcome.tell(Event::RolloverRefused { on, why: reject.code().to_owned() });
            Ok(())
        }
        other => other,
    }
}

/// Begins another tenor with a deposit that has matured, on business date `on`: what it earned at
/// the demand rate of the day since maturity becomes due, and begins the tenor too if `rollover`
/// says so.
///
/// # Errors
/// [`Reject::NotMatured`], [`Reject::Closed`], [`Reject::RolloverNotAllowed`] also for
/// [`Rollover::None`], [`Reject::RolloverFrozen`], [`Reject::TenorNotOffered`], and those of a day
/// that is not the deposit's business date.
pub fn roll_over(
    deposit: &TermDeposit,
    terms: Terms<'_, TermProduct>,
    rollover: Rollover,
    on: Date,
) -> Result<Outcome<TermDeposit>, Reject> {
    deposit.check_day(on)?;
    if deposit.stage != Stage::Matured {
        return Err(Reject::NotMatured);
    }
    if rollover == Rollover::None || !terms.product.terms().rollover {
        return Err(Reject::RolloverNotAllowed);
    }
    let mut outcome = Outcome::new(TermDeposit { rollover, ..deposit.clone() });
    let rate = terms.demand_rate(on);
    outcome.accrue(earned(terms, deposit.principal, rate, deposit.from, on)?, on)?;
    fall_due(&mut outcome, on)?;
    let capital = match rollover {
        Rollover::PrincipalAndInterest => outcome.contract.due,
        Rollover::None | Rollover::Principal => Amount::ZERO,
    };
    renew(&mut outcome, terms, capital, on)?;
    Ok(outcome)
}

/// What was earned since `from` becomes due; another stretch begins on `on`.
fn fall_due(outcome: &mut Outcome<TermDeposit>, on: Date) -> Result<Amount, Reject> {
    let deposit = &mut outcome.contract;
    let interest = std::mem::take(&mut deposit.interest);
    deposit.due = deposit.due.checked_add(interest).ok_or(Reject::AmountTooLarge)?;
    deposit.from = on;
    Ok(interest)
}

/// Begins another tenor on `on`, with `capital` of the interest that is due. Nothing has changed
/// when it may not.
fn renew(
    outcome: &mut Outcome<TermDeposit>,
    terms: Terms<'_, TermProduct>,
    capital: Amount,
    on: Date,
) -> Result<(), Reject> {
    let deposit = &mut outcome.contract;
    if !deposit.restraints.is_empty() {
        return Err(Reject::RolloverFrozen);
    }
    let rate = terms.tenor_rate(deposit.tenor, on).ok_or(Reject::TenorNotOffered)?;
    let matures_on = deposit.tenor.after(on, 1).ok_or(Reject::DateOutOfRange)?;
    let principal = deposit.principal.checked_add(capital).ok_or(Reject::AmountTooLarge)?;
    deposit.due = deposit.due.checked_sub(capital).ok_or(Reject::AmountTooLarge)?;
    deposit.stage = Stage::Running;
    deposit.principal = principal;
    deposit.rate = rate;
    deposit.from = on;
    deposit.matures_on = matures_on;
    deposit.rollovers = deposit.rollovers.saturating_add(1);
    deposit.parts = 0;
    outcome.book("capitalization", ("interest", capital), on);
    outcome.tell(Event::DepositRolledOver { on, principal, rate, matures_on });
    Ok(())
}

/// Pays the interest that waits.
pub(crate) fn pay_due(outcome: &mut Outcome<TermDeposit>, on: Date) {
    let interest = std::mem::take(&mut outcome.contract.due);
    outcome.book("interest-payment", ("interest", interest), on);
    outcome.tell(Event::InterestPaid { on, interest });
}
