//! Term deposits: the record, opening, what is to become of it at maturity, and what may be
//! forbidden on one.

use std::cmp::Ordering;

use money::{Amount, Currency, Decimal, Money, Period};
use product::{OfferReject, TermProduct};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::{
    Reject,
    account::{CurrentAccount, Holder},
    outcome::{Event, Hold, Outcome},
    restraint::{Freeze, Restraints, Stop},
    terms::Terms,
};

/// Where a deposit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// In a tenor: it earns the contract's rate.
    Running,
    /// After maturity: it earns the rate of money payable on demand.
    Matured,
    /// Nothing is left.
    Closed,
}

/// What becomes of a deposit at maturity (转存).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rollover {
    /// It waits to be withdrawn.
    #[default]
    None,
    /// The principal begins another tenor; the interest is paid out (本金转存).
    Principal,
    /// Both begin another tenor (本息转存).
    PrincipalAndInterest,
}

/// A term deposit contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermDeposit {
    /// Whose money it is.
    pub holder: Id<Holder>,
    /// Under which product.
    pub product: String,
    /// And which version of it.
    pub version: u32,
    /// Of what.
    pub currency: Currency,
    /// Where it stands.
    pub stage: Stage,
    /// When it was opened.
    pub opened_on: Date,
    /// The day to be closed next.
    pub through: Date,
    /// The principal now.
    pub principal: Amount,
    /// The length of a tenor.
    pub tenor: Period,
    /// The rate of a year, held from the first day of the tenor to maturity.
    pub rate: Decimal,
    /// The first day of the tenor; after maturity, the day of it.
    pub from: Date,
    /// The end of the tenor, or of the last one.
    pub matures_on: Date,
    /// What becomes of it then.
    pub rollover: Rollover,
    /// Where its holder is paid; cash without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Id<CurrentAccount>>,
    /// How many tenors came before this one.
    pub rollovers: u32,
    /// How often a part was withdrawn in this tenor.
    pub parts: u32,
    /// Interest booked since `from`, which nobody can ask for yet.
    pub interest: Amount,
    /// Interest of tenors that are over, which waits to be paid.
    pub due: Amount,
    /// What is forbidden on it.
    #[serde(default, skip_serializing_if = "Restraints::is_empty")]
    pub restraints: Restraints,
    /// When nothing was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_on: Option<Date>,
}

/// What a holder asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Who.
    pub holder: Id<Holder>,
    /// How much.
    pub amount: Amount,
    /// For how long.
    pub tenor: Period,
    /// What becomes of it at maturity.
    pub rollover: Rollover,
    /// Where the holder is paid.
    pub account: Option<Id<CurrentAccount>>,
    /// The smallest sum that may be put in on the day, beside what the product says.
    pub least: Option<Amount>,
}

/// Makes a deposit on business date `on`, at the rate of the day.
///
/// # Errors
/// [`Reject::AmountNotPositive`], [`Reject::NotOffered`], [`Reject::RolloverNotAllowed`],
/// [`Reject::DateOutOfRange`].
pub fn open(
    product: &TermProduct,
    placement: Placement,
    on: Date,
) -> Result<Outcome<TermDeposit>, Reject> {
    let Placement { holder, amount: principal, tenor, rollover, account, least } = placement;
    if !principal.is_positive() {
        return Err(Reject::AmountNotPositive);
    }
    let rate = product.offer(principal, tenor, on).map_err(Reject::NotOffered)?;
    if let Some(least) = least.filter(|least| principal < *least) {
        let min = Money::new(least, product.currency());
        return Err(Reject::NotOffered(OfferReject::AmountTooSmall { min }));
    }
    allowed(product, rollover)?;
    let matures_on = tenor.after(on, 1).ok_or(Reject::DateOutOfRange)?;
    let definition = product.definition();
    let deposit = TermDeposit {
        holder,
        product: definition.product.clone(),
        version: definition.version,
        currency: product.currency(),
        stage: Stage::Running,
        opened_on: on,
        through: on,
        principal,
        tenor,
        rate,
        from: on,
        matures_on,
        rollover,
        account,
        rollovers: 0,
        parts: 0,
        interest: Amount::ZERO,
        due: Amount::ZERO,
        restraints: Restraints::default(),
        closed_on: None,
    };
    let (product, version) = (deposit.product.clone(), deposit.version);
    let mut outcome = Outcome::new(deposit);
    outcome.book("placement", ("amount", principal), on);
    outcome.tell(Event::DepositOpened { product, version, on, principal, rate, matures_on });
    Ok(outcome)
}

/// Says what is to become of a deposit at maturity.
///
/// # Errors
/// [`Reject::Closed`], [`Reject::AlreadyMatured`], [`Reject::RolloverNotAllowed`],
/// [`Reject::RolloverFrozen`].
pub fn instruct(
    deposit: &TermDeposit,
    product: &TermProduct,
    rollover: Rollover,
    on: Date,
) -> Result<Outcome<TermDeposit>, Reject> {
    match deposit.stage {
        Stage::Running => {}
        Stage::Matured => return Err(Reject::AlreadyMatured),
        Stage::Closed => return Err(Reject::Closed),
    }
    allowed(product, rollover)?;
    if rollover != Rollover::None && !deposit.restraints.is_empty() {
        return Err(Reject::RolloverFrozen);
    }
    let mut outcome = Outcome::new(TermDeposit { rollover, ..deposit.clone() });
    outcome.tell(Event::RolloverInstructed { on, rollover });
    Ok(outcome)
}

fn allowed(product: &TermProduct, rollover: Rollover) -> Result<(), Reject> {
    let allowed = rollover == Rollover::None || product.terms().rollover;
    if allowed { Ok(()) } else { Err(Reject::RolloverNotAllowed) }
}

/// Shuts a direction, from `freeze.since`, which is the business date.
///
/// # Errors
/// As [`crate::account::freeze`].
pub fn freeze(deposit: &TermDeposit, freeze: Freeze) -> Result<Outcome<TermDeposit>, Reject> {
    deposit.restrained(|outcome| {
        outcome.contract.restraints.freeze(freeze.clone())?;
        outcome.tell(Event::FreezePlaced { freeze });
        Ok(())
    })
}

/// Lifts a freeze.
///
/// # Errors
/// As [`crate::account::unfreeze`].
pub fn unfreeze(
    deposit: &TermDeposit,
    freeze: Id<Freeze>,
    on: Date,
) -> Result<Outcome<TermDeposit>, Reject> {
    deposit.restrained(|outcome| {
        outcome.contract.restraints.lift(freeze)?;
        outcome.tell(Event::FreezeLifted { freeze, on });
        Ok(())
    })
}

/// Keeps an amount back, from `stop.since`, which is the business date.
///
/// # Errors
/// As [`crate::account::stop_payment`].
pub fn stop_payment(deposit: &TermDeposit, stop: Stop) -> Result<Outcome<TermDeposit>, Reject> {
    deposit.restrained(|outcome| {
        outcome.contract.restraints.stop(stop.clone())?;
        outcome.holds.push(Hold::Place(stop.id, stop.amount));
        outcome.tell(Event::PaymentStopped { stop });
        Ok(())
    })
}

/// Lets an amount go that was kept back.
///
/// # Errors
/// As [`crate::account::release_stop`].
pub fn release_stop(
    deposit: &TermDeposit,
    stop: Id<Stop>,
    on: Date,
) -> Result<Outcome<TermDeposit>, Reject> {
    deposit.restrained(|outcome| {
        outcome.contract.restraints.release(stop)?;
        outcome.holds.push(Hold::Release(stop));
        outcome.tell(Event::StopReleased { stop, on });
        Ok(())
    })
}

impl TermDeposit {
    /// The day its only timer is set to; none once it is closed.
    pub fn timer(&self) -> Option<Date> {
        (self.stage != Stage::Closed).then_some(self.through)
    }

    /// Refuses a command on a deposit that is closed, or on a day that is not its business date.
    pub(crate) fn check_day(&self, on: Date) -> Result<(), Reject> {
        if self.stage == Stage::Closed {
            return Err(Reject::Closed);
        }
        if on < self.opened_on {
            return Err(Reject::BeforeOpening);
        }
        match on.cmp(&self.through) {
            Ordering::Less => Err(Reject::DayAlreadyClosed),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(Reject::DayNotReached),
        }
    }

    /// What it earns on a day.
    pub(crate) fn rate_on(&self, terms: Terms<'_, TermProduct>, day: Date) -> Decimal {
        match self.stage {
            Stage::Running => self.rate,
            Stage::Matured | Stage::Closed => terms.demand_rate(day),
        }
    }

    fn restrained(
        &self,
        change: impl FnOnce(&mut Outcome<Self>) -> Result<(), Reject>,
    ) -> Result<Outcome<Self>, Reject> {
        if self.stage == Stage::Closed {
            return Err(Reject::Closed);
        }
        let mut outcome = Outcome::new(self.clone());
        change(&mut outcome)?;
        Ok(outcome)
    }
}

impl Outcome<TermDeposit> {
    /// Brings the interest booked since `from` to `earned`.
    pub(crate) fn accrue(&mut self, earned: Amount, value_date: Date) -> Result<(), Reject> {
        let accrued = earned.checked_sub(self.contract.interest).ok_or(Reject::AmountTooLarge)?;
        self.contract.interest = earned;
        self.book("interest-accrual", ("interest", accrued), value_date);
        Ok(())
    }
}

/// The interest of a sum over `from..to`.
pub(crate) fn earned(
    terms: Terms<'_, TermProduct>,
    principal: Amount,
    rate: Decimal,
    from: Date,
    to: Date,
) -> Result<Amount, Reject> {
    let earned = terms.product.rounded_interest(principal, rate, from, to);
    earned.ok_or(Reject::AmountTooLarge)
}
