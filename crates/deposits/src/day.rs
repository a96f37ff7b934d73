//! The end of a business day of a current account.
//!
//! Source of the rules: 《中国人民银行关于人民币存贷款计结息问题的通知》(银发〔2005〕129号): demand
//! deposits earn by accumulated daily balances, settle on the 20th of a quarter's last month at
//! the demand rate posted on that day, and are paid on the 21st; an account that is closed earns
//! up to the day before. Not verified.

use std::cmp::Ordering;

use money::Amount;
use product::AccountProduct;
use stdx::Date;

use crate::{
    Reject,
    account::{CurrentAccount, Status},
    outcome::{Event, Outcome},
    terms::Terms,
};

/// Closes business day `day` of an account, at whose end there was `balance` in it.
///
/// 1. The balance joins the sum of the period, and interest is booked up to what the whole sum
///    earns at the rate of the day: exact from the last settlement on and then rounded, so the
///    roundings of days do not add up, and a change of the rate counts for the whole period.
/// 2. On a day of settlement the interest becomes payable and is paid into the account with the
///    value of the next day; where there is no `room` for it, or a freeze lets nothing in, it
///    waits for the next settlement.
/// 3. Freezes and stop-payments of which this is the last day end.
/// 4. An account that its holder has not moved for long becomes dormant.
///
/// # Errors
/// [`Reject::Closed`]; [`Reject::DayAlreadyClosed`] and [`Reject::DayNotReached`] when `day` is
/// not the account's business date; [`Reject::AmountTooLarge`].
pub fn close_day(
    account: &CurrentAccount,
    terms: Terms<'_, AccountProduct>,
    balance: Amount,
    day: Date,
    room: bool,
) -> Result<Outcome<CurrentAccount>, Reject> {
    account.check_open()?;
    let next = day.tomorrow().map_err(|_| Reject::DateOutOfRange)?;
    let earns = terms.product.terms().interest.is_some();
    match day.cmp(&account.through) {
        Ordering::Less if earns => return Err(Reject::DayAlreadyClosed),
        Ordering::Greater if earns => return Err(Reject::DayNotReached),
        // Without interest there is nothing to do on most days.
        Ordering::Less | Ordering::Equal | Ordering::Greater => {}
    }
    let mut outcome = Outcome::new(account.clone());
    if earns {
        let sum = account.balance_days.checked_add(balance.minor());
        outcome.contract.balance_days = sum.ok_or(Reject::AmountTooLarge)?;
        accrue(&mut outcome, terms, day, day)?;
        if terms.product.next_settlement(day) == Some(day) {
            settle(&mut outcome, terms, day, next, room)?;
        }
    }
    let ended = outcome.contract.restraints.end(day);
    outcome.end(ended, day);
    let after = &mut outcome.contract;
    after.through = next.max(after.through);
    let dormant = after.dormant_from(terms.product).is_some_and(|from| from <= next);
    let falls_asleep = dormant && after.status == Status::Active;
    if falls_asleep {
        after.status = Status::Dormant;
    }
    after.timer = after.next_close(terms.product);
    if falls_asleep {
        outcome.tell(Event::AccountDormant { on: next });
    }
    Ok(outcome)
}

/// Brings the interest booked on the sum of balances to what it earns at the rate of `day`.
pub(crate) fn accrue(
    outcome: &mut Outcome<CurrentAccount>,
    terms: Terms<'_, AccountProduct>,
    day: Date,
    value_date: Date,
) -> Result<(), Reject> {
    let account = &outcome.contract;
    let rate = terms.demand_rate(day);
    let earned = terms.product.rounded_interest(account.balance_days, rate);
    let earned = earned.ok_or(Reject::AmountTooLarge)?;
    let accrued = earned.checked_sub(account.interest).ok_or(Reject::AmountTooLarge)?;
    outcome.contract.interest = earned;
    outcome.book("interest-accrual", ("interest", accrued), value_date);
    Ok(())
}

/// Ends the interest period: what it earned, with what waited, which is payable from now on.
pub(crate) fn settled_interest(account: &mut CurrentAccount) -> Result<Amount, Reject> {
    let payable = account.payable.checked_add(account.interest).ok_or(Reject::AmountTooLarge)?;
    account.payable = payable;
    account.interest = Amount::ZERO;
    account.balance_days = 0;
    Ok(payable)
}

fn settle(
    outcome: &mut Outcome<CurrentAccount>,
    terms: Terms<'_, AccountProduct>,
    day: Date,
    next: Date,
    room: bool,
) -> Result<(), Reject> {
    let account = &mut outcome.contract;
    let (balance_days, interest) = (account.balance_days, account.interest);
    let payable = settled_interest(account)?;
    account.since = next;
    let pays = room && account.restraints.take_in();
    let paid = if pays { payable } else { Amount::ZERO };
    if pays {
        account.payable = Amount::ZERO;
    }
    outcome.book("interest-settlement", ("interest", paid), next);
    let rate = terms.demand_rate(day);
    outcome.tell(Event::InterestSettled { day, balance_days, rate, interest, paid });
    Ok(())
}
