//! Current accounts: the record, opening, waking, closing, and what may be forbidden on one.

use money::{Amount, Currency};
use product::AccountProduct;
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::{
    Reject,
    day::{accrue, settled_interest},
    outcome::{Event, Hold, Outcome},
    restraint::{Freeze, Restraints, Stop},
    terms::Terms,
};

/// The party whose money it is, as an id names it here: deposits know nothing else of parties.
#[derive(Clone, Copy, Debug)]
pub enum Holder {}

/// Where an account stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// In use.
    #[default]
    Active,
    /// Not moved by its holder for long: it takes in and gives nothing out (睡眠户).
    Dormant,
    /// Empty for ever.
    Closed,
}

/// A current account contract, with the interest it has earned and not been paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrentAccount {
    /// Whose money it is.
    pub holder: Id<Holder>,
    /// Under which product.
    pub product: String,
    /// And which version of it.
    pub version: u32,
    /// Of what.
    pub currency: Currency,
    /// Where it stands.
    #[serde(default)]
    pub status: Status,
    /// When it was opened.
    pub opened_on: Date,
    /// The day to be closed next, where the product pays interest, else that of the last movement:
    /// what moves now counts on this day, should the institution still be working on an earlier.
    pub through: Date,
    /// The first day whose interest is not settled.
    pub since: Date,
    /// Sum of the balances at the end of each day since then, in minor units (积数).
    pub balance_days: i64,
    /// Interest booked on it and not settled yet.
    pub interest: Amount,
    /// Interest that was settled, found no room in the account, and waits for the next settlement.
    #[serde(default)]
    pub payable: Amount,
    /// When the holder last moved it.
    pub moved_on: Date,
    /// What is forbidden on it.
    #[serde(default, skip_serializing_if = "Restraints::is_empty")]
    pub restraints: Restraints,
    /// The day its only timer is set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<Date>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_on: Option<Date>,
}

/// Opens an account on business date `on`.
pub fn open(product: &AccountProduct, holder: Id<Holder>, on: Date) -> Outcome<CurrentAccount> {
    let definition = product.definition();
    let mut account = CurrentAccount {
        holder,
        product: definition.product.clone(),
        version: definition.version,
        currency: product.currency(),
        status: Status::Active,
        opened_on: on,
        through: on,
        since: on,
        balance_days: 0,
        interest: Amount::ZERO,
        payable: Amount::ZERO,
        moved_on: on,
        restraints: Restraints::default(),
        timer: None,
        closed_on: None,
    };
    account.timer = account.next_close(product);
    let opened =
        Event::AccountOpened { product: account.product.clone(), version: account.version, on };
    let mut outcome = Outcome::new(account);
    outcome.tell(opened);
    outcome
}

/// Ends the dormancy of an account.
///
/// # Errors
/// [`Reject::NotDormant`], [`Reject::Closed`].
pub fn wake(
    account: &CurrentAccount,
    product: &AccountProduct,
    on: Date,
) -> Result<Outcome<CurrentAccount>, Reject> {
    account.check_open()?;
    if account.status != Status::Dormant {
        return Err(Reject::NotDormant);
    }
    let mut after = CurrentAccount { status: Status::Active, moved_on: on, ..account.clone() };
    after.timer = after.next_close(product);
    let mut outcome = Outcome::new(after);
    outcome.tell(Event::AccountWoken { on });
    Ok(outcome)
}

/// Closes an account on business date `on`: the interest of the days since the last settlement, at
/// the rate of the day (清户日挂牌公告的活期利率), and the whole balance are paid out, and nothing
/// is left. The closing day itself earns nothing.
///
/// `balance` is what is in the account and `held` what of it is held.
///
/// # Errors
/// [`Reject::Closed`], [`Reject::Dormant`], [`Reject::RestraintsRemain`], [`Reject::HoldsRemain`].
pub fn close(
    account: &CurrentAccount,
    terms: Terms<'_, AccountProduct>,
    balance: Amount,
    held: Amount,
    on: Date,
) -> Result<Outcome<CurrentAccount>, Reject> {
    account.check_open()?;
    if account.status == Status::Dormant {
        return Err(Reject::Dormant);
    }
    if !account.restraints.is_empty() {
        return Err(Reject::RestraintsRemain);
    }
    if !held.is_zero() {
        return Err(Reject::HoldsRemain);
    }
    let mut outcome = Outcome::new(account.clone());
    accrue(&mut outcome, terms, on, on)?;
    let interest = settled_interest(&mut outcome.contract)?;
    let paid = balance.checked_add(interest).ok_or(Reject::AmountTooLarge)?;
    let after = &mut outcome.contract;
    after.payable = Amount::ZERO;
    after.status = Status::Closed;
    after.since = on;
    after.closed_on = Some(on);
    after.timer = None;
    outcome.book("interest-settlement", ("interest", interest), on);
    outcome.book("withdrawal", ("amount", paid), on);
    outcome.tell(Event::AccountClosed { on, interest, paid });
    Ok(outcome)
}

/// Shuts a direction, from `freeze.since`, which is the business date.
///
/// # Errors
/// [`Reject::Closed`], [`Reject::UntilInThePast`], [`Reject::TooManyRestraints`],
/// [`Reject::TextTooLong`].
pub fn freeze(
    account: &CurrentAccount,
    product: &AccountProduct,
    freeze: Freeze,
) -> Result<Outcome<CurrentAccount>, Reject> {
    account.restrained(product, |outcome| {
        outcome.contract.restraints.freeze(freeze.clone())?;
        outcome.tell(Event::FreezePlaced { freeze });
        Ok(())
    })
}

/// Lifts a freeze.
///
/// # Errors
/// [`Reject::Closed`], [`Reject::NoSuchFreeze`].
pub fn unfreeze(
    account: &CurrentAccount,
    product: &AccountProduct,
    freeze: Id<Freeze>,
    on: Date,
) -> Result<Outcome<CurrentAccount>, Reject> {
    account.restrained(product, |outcome| {
        outcome.contract.restraints.lift(freeze)?;
        outcome.tell(Event::FreezeLifted { freeze, on });
        Ok(())
    })
}

/// Keeps an amount back, from `stop.since`, which is the business date. The ledger refuses more
/// than there is.
///
/// # Errors
/// Those of [`freeze`], and [`Reject::AmountNotPositive`].
pub fn stop_payment(
    account: &CurrentAccount,
    product: &AccountProduct,
    stop: Stop,
) -> Result<Outcome<CurrentAccount>, Reject> {
    account.restrained(product, |outcome| {
        outcome.contract.restraints.stop(stop.clone())?;
        outcome.holds.push(Hold::Place(stop.id, stop.amount));
        outcome.tell(Event::PaymentStopped { stop });
        Ok(())
    })
}

/// Lets an amount go that was kept back.
///
/// # Errors
/// [`Reject::Closed`], [`Reject::NoSuchStop`].
pub fn release_stop(
    account: &CurrentAccount,
    product: &AccountProduct,
    stop: Id<Stop>,
    on: Date,
) -> Result<Outcome<CurrentAccount>, Reject> {
    account.restrained(product, |outcome| {
        outcome.contract.restraints.release(stop)?;
        outcome.holds.push(Hold::Release(stop));
        outcome.tell(Event::StopReleased { stop, on });
        Ok(())
    })
}

impl CurrentAccount {
    /// The business date of the account, when the institution's is `today`.
    pub fn business_date(&self, today: Date) -> Date {
        today.max(self.through)
    }

    pub(crate) fn check_open(&self) -> Result<(), Reject> {
        if self.status == Status::Closed { Err(Reject::Closed) } else { Ok(()) }
    }

    /// The day to be closed next: every day where there is interest, else when something ends.
    pub(crate) fn next_close(&self, product: &AccountProduct) -> Option<Date> {
        if product.terms().interest.is_some() {
            return Some(self.through);
        }
        let dormant = self.dormant_from(product).and_then(|it| it.yesterday().ok());
        let dormant = dormant.filter(|_| self.status == Status::Active);
        dormant.into_iter().chain(self.restraints.next_end()).min()
    }

    /// The first day on which the account is dormant, should its holder not move it.
    pub(crate) fn dormant_from(&self, product: &AccountProduct) -> Option<Date> {
        product.terms().dormant_after?.after(self.moved_on, 1)
    }

    fn restrained(
        &self,
        product: &AccountProduct,
        change: impl FnOnce(&mut Outcome<Self>) -> Result<(), Reject>,
    ) -> Result<Outcome<Self>, Reject> {
        self.check_open()?;
        let mut outcome = Outcome::new(self.clone());
        change(&mut outcome)?;
        outcome.contract.timer = outcome.contract.next_close(product);
        Ok(outcome)
    }
}
