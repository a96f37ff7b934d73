//! Booking late, and taking back: as for loans ([`crate::correction`]), with the statements that
//! are restated.

use money::{Amount, Calendar};
use stdx::Date;

use super::{
    Account, Event, Fact, Outcome, Position, Statement, Status, What,
    decide::{decide, next_number},
    life::Life,
};
use crate::{
    Reject,
    correction::{BOOKED_LATE_DAYS_MAX, difference},
    day::days_between,
    loan::Bucket,
};

/// An account as it stands on its business date, with all its facts.
#[derive(Clone, Copy, Debug)]
pub struct History<'h> {
    /// The contract.
    pub account: &'h Account,
    /// What is owed.
    pub position: &'h Position,
    /// Everything that happened, in any order.
    pub facts: &'h [Fact],
    /// The statements so far, in any order.
    pub statements: &'h [Statement],
    /// Which days are business days.
    pub calendar: &'h Calendar,
    /// The business date.
    pub today: Date,
}

impl History<'_> {
    /// Books something that happened on an earlier business date, or on this one.
    ///
    /// # Errors
    /// [`Reject::BeforeDisbursal`], [`Reject::InTheFuture`], [`Reject::TooLate`]; what kept it from
    /// happening on that day; [`Reject::MoreThanPrepaid`] when something was given back that would
    /// not have been there; [`Reject::HistoryDiffers`].
    pub fn book_late(&self, what: What, on: Date) -> Result<Outcome, Reject> {
        if on == self.today {
            let Self { account, position, calendar, today, .. } = *self;
            return super::happen(account, position, calendar, what, today);
        }
        self.check_date(on)?;
        let number = next_number(self.position, &what)?;
        let mut then = self.fold(None, None, on)?;
        then.position.through = on;
        let what = decide(&then, what)?;
        let fact = Fact { number, on, booked_on: self.today, reversed_on: None, what };
        let after = self.fold(Some(&fact), None, self.today)?;
        self.correct(after, fact)
    }

    /// Books what a merchant gives back of a purchase.
    ///
    /// # Errors
    /// [`Reject::NoSuchFact`] when there is no such purchase; [`Reject::MoreThanBought`] when more
    /// would be given back than was bought; [`Reject::DatesNotInOrder`] when it would be before the
    /// purchase; those of [`History::book_late`].
    pub fn refund(&self, purchase: u32, amount: Amount, on: Date) -> Result<Outcome, Reject> {
        let known = self.facts.iter().find(|it| it.number == purchase && it.reversed_on.is_none());
        let bought = known.map(|it| (it.on, &it.what));
        let Some((purchased_on, What::Purchase { amount: bought })) = bought else {
            return Err(Reject::NoSuchFact);
        };
        if on < purchased_on {
            return Err(Reject::DatesNotInOrder);
        }
        let before: Amount = self.refunds_of(purchase).map(|it| it.what.amount()).sum();
        let refunded = before.checked_add(amount).ok_or(Reject::AmountTooLarge)?;
        if refunded > *bought {
            return Err(Reject::MoreThanBought);
        }
        self.book_late(What::MerchantRefund { amount, purchase, purchased_on }, on)
    }

    /// Takes a fact back: what followed from it has not happened.
    ///
    /// # Errors
    /// [`Reject::NoSuchFact`], [`Reject::AlreadyReversed`], [`Reject::NotReversible`];
    /// [`Reject::MoreThanBought`] for a purchase of which something was given back;
    /// [`Reject::MoreThanPrepaid`] for a payment of which something was;
    /// [`Reject::NotActive`] once the account was charged off or written off;
    /// [`Reject::HistoryDiffers`].
    pub fn reverse(&self, number: u32) -> Result<Outcome, Reject> {
        let fact = self.facts.iter().find(|it| it.number == number).ok_or(Reject::NoSuchFact)?;
        if fact.reversed_on.is_some() {
            return Err(Reject::AlreadyReversed);
        }
        if !fact.what.is_reversible() {
            return Err(Reject::NotReversible);
        }
        if self.refunds_of(number).next().is_some() {
            return Err(Reject::MoreThanBought);
        }
        if !matches!(self.account.status, Status::Active | Status::Closed) {
            return Err(Reject::NotActive);
        }
        let fact = Fact { reversed_on: Some(self.today), ..fact.clone() };
        let after = self.fold(None, Some(number), self.today)?;
        self.correct(after, fact)
    }

    fn refunds_of(&self, of: u32) -> impl Iterator<Item = &Fact> {
        self.facts.iter().filter(move |it| {
            let refund = matches!(it.what, What::MerchantRefund { purchase, .. } if purchase == of);
            refund && it.reversed_on.is_none()
        })
    }

    fn check_date(&self, on: Date) -> Result<(), Reject> {
        if !matches!(self.account.status, Status::Active | Status::Closed) {
            return Err(Reject::NotActive);
        }
        if on > self.today {
            return Err(Reject::InTheFuture);
        }
        if on < self.account.opened_on {
            return Err(Reject::BeforeDisbursal);
        }
        let late = days_between(on, self.today);
        if late > BOOKED_LATE_DAYS_MAX { Err(Reject::TooLate) } else { Ok(()) }
    }

    /// The life that follows from the facts, with one more or without one, up to the start of a
    /// day.
    fn fold(
        &self,
        more: Option<&Fact>,
        without: Option<u32>,
        to: Date,
    ) -> Result<Life<'_>, Reject> {
        let facts = self.facts.iter().filter(|it| Some(it.number) != without).chain(more);
        fold(self.account, facts, self.statements, self.calendar, to)
    }

    /// What is to be booked so that the books are those of another life.
    fn correct(&self, mut after: Life<'_>, fact: Fact) -> Result<Outcome, Reject> {
        let before = self.fold(None, None, self.today)?;
        let known = Position { facts: self.position.facts, ..before.position.clone() };
        if known != *self.position || *before.account != *self.account {
            return Err(Reject::HistoryDiffers);
        }
        let entries = difference(&before.outcome.entries, &after.outcome.entries)?;
        let restated = restated(&before.outcome.statements, &after.outcome.statements, self.today);
        let mut events = vec![Event::AccountCorrected {
            on: self.today,
            fact: fact.number,
            what: fact.what.name().to_owned(),
            since: fact.on,
            reversed: fact.reversed_on.is_some(),
            statements: restated.iter().map(|it| it.number).collect(),
        }];
        let (was, is) = (before.position.bucket(), after.position.bucket());
        if was != is {
            let days_past_due = after.position.days_past_due;
            events.push(match is {
                Bucket::Current => Event::AccountCured { on: self.today },
                bucket => Event::AccountOverdue { bucket, days_past_due },
            });
        }
        // A fact that is new has the number after all others.
        after.position.facts = self.position.facts.max(fact.number.saturating_add(1));
        let (facts, statements) = (vec![fact], restated);
        after.outcome = Outcome { entries, events, facts, statements, ..Outcome::default() };
        Ok(after.end())
    }
}

/// The statements of one life that another has otherwise or not.
fn restated(before: &[Statement], after: &[Statement], today: Date) -> Vec<Statement> {
    let other = after.iter().filter(|it| !before.contains(it));
    other.map(|it| Statement { restated_on: Some(today), ..it.clone() }).collect()
}

/// The life that follows from facts, up to the start of `to`.
pub(crate) fn fold<'l, 'f>(
    account: &Account,
    facts: impl Iterator<Item = &'f Fact>,
    told: &'l [Statement],
    calendar: &'l Calendar,
    to: Date,
) -> Result<Life<'l>, Reject> {
    let mut facts: Vec<_> = facts.filter(|it| it.reversed_on.is_none() && it.on <= to).collect();
    facts.sort_by_key(|it| (it.on, it.number));
    let mut life = Life::opened(account, calendar, told);
    for fact in facts {
        life.close_to(fact.on)?;
        // An account that has ended closes no days.
        life.position.through = life.position.through.max(fact.on);
        life.happen(&fact.what)?;
    }
    life.close_to(to)?;
    Ok(life)
}
