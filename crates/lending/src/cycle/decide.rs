//! Whether something may happen to an account.

use std::cmp::Ordering;

use money::{Amount, Calendar};
use product::schedule::PRINCIPAL_MAX;
use stdx::Date;

use super::{Account, Fact, Outcome, Position, Status, What, life::Life};
use crate::{Reject, decision::FACTS_MAX, life::add};

/// How many of the [`FACTS_MAX`] facts of an account are not for purchases and cash: what lowers
/// what is owed, and what ends the account, finds room when they find none.
pub const FACTS_RESERVED: u32 = FACTS_MAX / 2;

/// Opens an account: its first day is `opened_on`.
pub fn open(account: &Account) -> Outcome {
    Outcome {
        account: Some(account.clone()),
        position: Some(Position::new(account.opened_on)),
        timer: Some(account.opened_on),
        ..Outcome::default()
    }
}

/// Closes business day `day` of an account.
///
/// # Errors
/// [`Reject::NotActive`]; [`Reject::DayAlreadyClosed`] and [`Reject::DayNotReached`] when `day` is
/// not the account's business date; [`Reject::AmountTooLarge`] when interest outgrows an amount.
pub fn close_day(
    account: &Account,
    position: &Position,
    calendar: &Calendar,
    day: Date,
) -> Result<Outcome, Reject> {
    check_open(account, position, day)?;
    let mut life = Life::at(account, position, calendar);
    life.close_to(day.tomorrow().map_err(|_| Reject::DateOutOfRange)?)?;
    Ok(life.end())
}

/// Lets something happen to an account on its business date, or previews what would: nothing has
/// happened before the outcome is committed.
///
/// The fee in a [`What::Cash`] is set here, whatever it says; a [`What::MerchantRefund`] is for
/// [`super::History::refund`]. Whether there is room for a purchase is for the line to say:
/// [`crate::line::Standing::spend`].
///
/// # Errors
/// The [`Reject`] that says why it may not; those of [`close_day`] for the day.
pub fn happen(
    account: &Account,
    position: &Position,
    calendar: &Calendar,
    what: What,
    on: Date,
) -> Result<Outcome, Reject> {
    if on != position.through && account.status == Status::Active {
        check_open(account, position, on)?;
    }
    let mut life = Life::at(account, position, calendar);
    life.position.through = on;
    let what = decide(&life, what)?;
    life.happen(&what)?;
    life.note(Fact { number: 0, on, booked_on: on, reversed_on: None, what })?;
    Ok(life.end())
}

impl Life<'_> {
    /// Adds a fact to those of the account, with its number.
    pub(crate) fn note(&mut self, fact: Fact) -> Result<(), Reject> {
        let number = next_number(&self.position, &fact.what)?;
        self.outcome.facts.push(Fact { number, ..fact });
        self.position.facts = number.saturating_add(1);
        Ok(())
    }
}

/// The number of the next fact of an account.
pub(crate) fn next_number(position: &Position, what: &What) -> Result<u32, Reject> {
    let reserved = match what {
        What::Purchase { .. } | What::Cash { .. } => FACTS_RESERVED,
        _ => 0,
    };
    let full = position.facts >= FACTS_MAX.saturating_sub(reserved);
    if full { Err(Reject::TooManyFacts) } else { Ok(position.facts) }
}

impl Account {
    /// What drawing so much in cash costs.
    ///
    /// # Errors
    /// [`Reject::CashNotAllowed`], [`Reject::AmountTooLarge`].
    pub fn cash_fee(&self, amount: Amount) -> Result<Amount, Reject> {
        let terms = self.terms.statement.cash.as_ref().ok_or(Reject::CashNotAllowed)?;
        let Some(fee) = &terms.fee else { return Ok(Amount::ZERO) };
        fee.on(amount, self.currency).ok_or(Reject::AmountTooLarge)
    }
}

fn check_open(account: &Account, position: &Position, day: Date) -> Result<(), Reject> {
    if account.status != Status::Active {
        return Err(Reject::NotActive);
    }
    match day.cmp(&position.through) {
        Ordering::Less => Err(Reject::DayAlreadyClosed),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Reject::DayNotReached),
    }
}

/// What may happen to an account as it stands, at its price.
pub(crate) fn decide(life: &Life<'_>, what: What) -> Result<What, Reject> {
    let (status, position) = (life.account.status, &life.position);
    let must = |it: bool, reject| if it { Ok(()) } else { Err(reject) };
    let active = || must(status == Status::Active, Reject::NotActive);
    let positive = |amount: Amount| must(amount.is_positive(), Reject::AmountNotPositive);
    match &what {
        What::Purchase { amount } => {
            active()?;
            positive(*amount)?;
            let owed = add(position.owed().principal, *amount)?;
            must(owed <= PRINCIPAL_MAX, Reject::AmountTooLarge)?;
        }
        What::Cash { amount, .. } => {
            active()?;
            positive(*amount)?;
            let owed = add(position.owed().principal, *amount)?;
            must(owed <= PRINCIPAL_MAX, Reject::AmountTooLarge)?;
            return Ok(What::Cash { amount: *amount, fee: life.account.cash_fee(*amount)? });
        }
        What::Repayment { amount } => {
            let owing = matches!(status, Status::Active | Status::ChargedOff);
            must(owing, Reject::NotActive)?;
            positive(*amount)?;
            let most = match status {
                Status::ChargedOff => position.owed().total(),
                _ => PRINCIPAL_MAX,
            };
            must(*amount <= most, Reject::ExceedsSettlement)?;
        }
        What::MerchantRefund { amount, .. } => {
            // A merchant does not ask what became of the account.
            must(status != Status::WrittenOff, Reject::NotActive)?;
            positive(*amount)?;
        }
        What::Refund { amount } => {
            positive(*amount)?;
            must(*amount <= position.prepaid, Reject::MoreThanPrepaid)?;
        }
        What::Waiver { waived } => {
            active()?;
            let within = waived.is_within(position.owed());
            must(!waived.is_zero() && within, Reject::MoreThanDue)?;
        }
        What::ChargeOff => {
            active()?;
            must(!position.owed().is_zero(), Reject::MoreThanDue)?;
        }
        What::WriteOff => must(status == Status::ChargedOff, Reject::NotChargedOff)?,
        What::Closure => {
            active()?;
            let empty = position.owed().is_zero() && position.prepaid.is_zero();
            must(empty, Reject::LineInUse)?;
        }
    }
    Ok(what)
}
