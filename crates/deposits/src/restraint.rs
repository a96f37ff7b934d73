//! Freezes (冻结) and stop-payments (止付): what an authority or the bank forbids on a contract.
//!
//! A freeze shuts a direction; a stop-payment keeps an amount back, which the ledger holds. Each
//! names its reason and reference (a court's document, a case) and may end by itself. Several may
//! be there at once, of several authorities, and each is lifted alone.

use money::Amount;
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::Reject;

/// The most freezes and stop-payments of a contract.
pub const RESTRAINTS_MAX: usize = 50;
/// The longest reason or reference, in characters.
pub const TEXT_MAX: usize = 200;

/// What a freeze shuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Nothing comes in (只付不收).
    In,
    /// Nothing goes out (只收不付).
    Out,
    /// Neither (不收不付).
    Whole,
}

/// A freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Names it.
    pub id: Id<Freeze>,
    /// What it shuts.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// By which document.
    pub reference: String,
    /// Its first day.
    pub since: Date,
    /// Its last day; without it, until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

/// A stop-payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Names it, and the ledger's hold.
    pub id: Id<Stop>,
    /// How much is kept back.
    pub amount: Amount,
    /// Why.
    pub reason: String,
    /// By which document.
    pub reference: String,
    /// Its first day.
    pub since: Date,
    /// Its last day; without it, until it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

/// Everything that is forbidden on a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restraints {
    /// Freezes, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
    /// Stop-payments, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<Stop>,
}

impl Restraints {
    /// Nothing is forbidden.
    pub fn is_empty(&self) -> bool {
        self.freezes.is_empty() && self.stops.is_empty()
    }

    /// Whether money may come in.
    pub fn take_in(&self) -> bool {
        self.freezes.iter().all(|it| it.scope == Scope::Out)
    }

    /// Whether money that is not kept back may go out.
    pub fn give_out(&self) -> bool {
        self.freezes.iter().all(|it| it.scope == Scope::In)
    }

    /// The day at whose end the next one ends by itself.
    pub fn next_end(&self) -> Option<Date> {
        let freezes = self.freezes.iter().filter_map(|it| it.until);
        freezes.chain(self.stops.iter().filter_map(|it| it.until)).min()
    }

    pub(crate) fn freeze(&mut self, freeze: Freeze) -> Result<(), Reject> {
        self.check(&freeze.reason, &freeze.reference, freeze.since, freeze.until)?;
        self.freezes.push(freeze);
        Ok(())
    }

    pub(crate) fn lift(&mut self, id: Id<Freeze>) -> Result<Freeze, Reject> {
        let index = self.freezes.iter().position(|it| it.id == id).ok_or(Reject::NoSuchFreeze)?;
        Ok(self.freezes.remove(index))
    }

    pub(crate) fn stop(&mut self, stop: Stop) -> Result<(), Reject> {
        if !stop.amount.is_positive() {
            return Err(Reject::AmountNotPositive);
        }
        self.check(&stop.reason, &stop.reference, stop.since, stop.until)?;
        self.stops.push(stop);
        Ok(())
    }

    pub(crate) fn release(&mut self, id: Id<Stop>) -> Result<Stop, Reject> {
        let index = self.stops.iter().position(|it| it.id == id).ok_or(Reject::NoSuchStop)?;
        Ok(self.stops.remove(index))
    }

    /// Takes out those whose last day is `day` or was before.
    pub(crate) fn end(&mut self, day: Date) -> (Vec<Freeze>, Vec<Stop>) {
        let over = |until: Option<Date>| until.is_some_and(|until| until <= day);
        let freezes = self.freezes.extract_if(.., |it| over(it.until)).collect();
        let stops = self.stops.extract_if(.., |it| over(it.until)).collect();
        (freezes, stops)
    }

    fn check(
        &self,
        reason: &str,
        reference: &str,
        since: Date,
        until: Option<Date>,
    ) -> Result<(), Reject> {
        if [reason, reference].iter().any(|it| it.chars().count() > TEXT_MAX) {
            return Err(Reject::TextTooLong);
        }
        if until.is_some_and(|until| until < since) {
            return Err(Reject::UntilInThePast);
        }
        let count = self.freezes.len().saturating_add(self.stops.len());
        if count < RESTRAINTS_MAX { Ok(()) } else { Err(Reject::TooManyRestraints) }
    }
}
