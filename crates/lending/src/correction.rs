//! Booking late, and taking back.
//!
//! Both change the facts and fold them again, from the disbursal to the business date. What that
//! books more or less than was booked is the correction: it is booked on the business date, since
//! the days between are closed, while interest, arrears and plan are those of a loan to which
//! everything happened in time. In which order facts were booked does not matter, as long as
//! their value dates are the same.

use std::collections::BTreeMap;

use money::Amount;
use stdx::Date;

use crate::{
    Reject,
    day::days_between,
    decision::{FACTS_MAX, decide},
    fact::{Fact, RateReason, What},
    life::Life,
    loan::{Loan, Owed, Position, Status},
    outcome::{Entry, Event, Outcome},
    plan::Rules,
};

/// How far back something may be booked, in days: what happened earlier is for the accountants.
pub const BOOKED_LATE_DAYS_MAX: i64 = 3_660;

/// A loan as it stands on its business date, with all its facts.
#[derive(Clone, Copy, Debug)]
pub struct History<'h> {
    /// The contract.
    pub loan: &'h Loan,
    /// What is owed.
    pub position: &'h Position,
    /// Everything that happened, in any order.
    pub facts: &'h [Fact],
    /// The product and the calendar.
    pub rules: Rules<'h>,
    /// The business date.
    pub today: Date,
}

impl History<'_> {
    /// Books something that happened on an earlier business date.
    ///
    /// # Errors
    /// [`Reject::BeforeDisbursal`], [`Reject::InTheFuture`], [`Reject::TooLate`]; what kept it from
    /// happening on that day; [`Reject::MoreThanPrepaid`] and [`Reject::MoreThanSubsidy`] when it
    /// would leave less than was given back, or paid by a third party, after it;
    /// [`Reject::HistoryDiffers`].
    pub fn book_late(&self, what: What, on: Date) -> Result<Outcome, Reject> {
        self.check_date(on)?;
        let number = self.position.facts;
        if number >= FACTS_MAX {
            return Err(Reject::TooManyFacts);
        }
        let mut then = fold(self.loan, &self.facts.iter().collect::<Vec<_>>(), self.rules, on)?;
        then.position.through = on;
        let what = decide(&then, what)?;
        let fact = Fact { number, on, booked_on: self.today, reversed_on: None, what };
        let facts: Vec<_> = self.facts.iter().chain([&fact]).collect();
        let after = fold(self.loan, &facts, self.rules, self.today)?;
        self.correct(after, fact)
    }

    /// Takes a fact back: what followed from it has not happened.
    ///
    /// # Errors
    /// [`Reject::NoSuchFact`], [`Reject::AlreadyReversed`], [`Reject::NotReversible`];
    /// [`Reject::NotActive`] once the loan was written off or sold, and for what happened before
    /// it was charged off; [`Reject::OthersFollow`] for a migration, while a later one or a rate
    /// that was taken anew under it stands; [`Reject::MoreThanPrepaid`] and
    /// [`Reject::MoreThanSubsidy`] as for [`History::book_late`]; [`Reject::HistoryDiffers`].
    pub fn reverse(&self, number: u32) -> Result<Outcome, Reject> {
        let fact = self.facts.iter().find(|it| it.number == number).ok_or(Reject::NoSuchFact)?;
        if fact.reversed_on.is_some() {
            return Err(Reject::AlreadyReversed);
        }
        if !fact.what.is_reversible() {
            return Err(Reject::NotReversible);
        }
        let open = match self.loan.status {
            Status::Active | Status::Settled => true,
            Status::ChargedOff => self.is_recovery(fact),
            Status::Signed | Status::WrittenOff | Status::Sold => false,
        };
        if !open {
            return Err(Reject::NotActive);
        }
        if matches!(fact.what, What::Migration { .. }) && self.is_followed(fact) {
            return Err(Reject::OthersFollow);
        }
        let fact = Fact { reversed_on: Some(self.today), ..fact.clone() };
        let facts: Vec<_> = self.facts.iter().filter(|it| it.number != number).collect();
        let after = fold(self.loan, &facts, self.rules, self.today)?;
        self.correct(after, fact)
    }

    /// Whether a fact came after the charge-off, and so changes nothing of what was lost.
    fn is_recovery(&self, fact: &Fact) -> bool {
        let lost = self.facts.iter().find(|it| it.what == What::ChargeOff);
        lost.is_some_and(|lost| (lost.on, lost.number) < (fact.on, fact.number))
    }

    /// Whether something was decided by the version a migration moved the loan to.
    fn is_followed(&self, fact: &Fact) -> bool {
        let decided = |what: &What| match what {
            What::Migration { .. } => true,
            What::RateChange { reason, .. } => *reason == RateReason::Reset,
            _ => false,
        };
        let later = |it: &&Fact| (it.on, it.number) > (fact.on, fact.number);
        let standing = self.facts.iter().filter(|it| it.reversed_on.is_none());
        standing.filter(later).any(|it| decided(&it.what))
    }

    pub(crate) fn check_date(&self, on: Date) -> Result<(), Reject> {
        if !matches!(self.loan.status, Status::Active | Status::Settled) {
            return Err(Reject::NotActive);
        }
        if on > self.today {
            return Err(Reject::InTheFuture);
        }
        if self.loan.disbursed_on.is_none_or(|first| on < first) {
            return Err(Reject::BeforeDisbursal);
        }
        let late = days_between(on, self.today);
        if late > BOOKED_LATE_DAYS_MAX { Err(Reject::TooLate) } else { Ok(()) }
    }

    /// What is to be booked so that the books are those of another life.
    fn correct(&self, mut after: Life<'_>, fact: Fact) -> Result<Outcome, Reject> {
        let before =
            fold(self.loan, &self.facts.iter().collect::<Vec<_>>(), self.rules, self.today)?;
        let known = Position { facts: self.position.facts, ..before.position.clone() };
        if known != *self.position || before.loan.plan != self.loan.plan {
            return Err(Reject::HistoryDiffers);
        }
        let entries = difference(&before.outcome.entries, &after.outcome.entries)?;
        let mut events = vec![Event::LoanCorrected {
            on: self.today,
            fact: fact.number,
            what: fact.what.name().to_owned(),
            since: fact.on,
            reversed: fact.reversed_on.is_some(),
            earned: earned(&after.outcome).less(earned(&before.outcome)),
        }];
        let (was, is) = (before.position.bucket(), after.position.bucket());
        if was != is {
            let days_past_due = after.position.days_past_due;
            events.push(match is {
                crate::Bucket::Current => Event::LoanCured { on: self.today },
                bucket => Event::LoanOverdue { bucket, days_past_due },
            });
        }
        if before.is_active() && after.loan.status == Status::Settled {
            let on = after.loan.settled_on.unwrap_or(self.today);
            let early = after.loan.matures_on().is_some_and(|last| on < last);
            events.push(Event::LoanSettled { on, early });
        }
        // A fact that is new has the number after all others.
        after.position.facts = self.position.facts.max(fact.number.saturating_add(1));
        after.outcome = Outcome { entries, events, facts: vec![fact], ..Outcome::default() };
        Ok(after.end())
    }
}

/// The life that follows from facts, up to the start of `to`.
pub(crate) fn fold<'l>(
    loan: &Loan,
    facts: &[&Fact],
    rules: Rules<'l>,
    to: Date,
) -> Result<Life<'l>, Reject> {
    let mut facts: Vec<_> = facts.iter().filter(|it| it.reversed_on.is_none()).collect();
    facts.sort_by_key(|it| (it.on, it.number));
    let mut life = Life::signed(loan.as_signed(), rules);
    for fact in facts.into_iter().take_while(|it| it.on <= to) {
        life.close_to(fact.on)?;
        // A loan that has ended, or not begun, closes no days.
        life.position.through = life.position.through.max(fact.on);
        life.happen(&fact.what)?;
    }
    life.close_to(to)?;
    Ok(life)
}

/// What a life earned, interest that is suspended too: all that makes more owed but principal.
fn earned(outcome: &Outcome) -> Owed {
    let accrued = outcome.events.iter().map(|it| match *it {
        Event::InterestAccrued { interest, .. } => Owed { interest, ..Owed::default() },
        Event::PenaltyAccrued { penalty, .. } => Owed { penalty, ..Owed::default() },
        _ => Owed::default(),
    });
    let fees = outcome.entries.iter().filter(|it| FEES.contains(&it.event));
    let fees =
        fees.flat_map(|it| &it.amounts).map(|(_, fee)| Owed { fee: *fee, ..Owed::default() });
    accrued.chain(fees).sum()
}

/// Events that book fees with instalments.
const FEES: [&str; 2] = ["instalment-fee", "overdue-fee"];

type Totals = BTreeMap<(&'static str, &'static str), Amount>;

fn totals(entries: &[Entry]) -> Result<Totals, Reject> {
    let mut totals = Totals::new();
    for entry in entries {
        for (name, amount) in &entry.amounts {
            let total = totals.entry((entry.event, *name)).or_default();
            *total = total.checked_add(*amount).ok_or(Reject::AmountTooLarge)?;
        }
    }
    Ok(totals)
}

/// What one life books more than another; less is booked the other way round.
pub(crate) fn difference(before: &[Entry], after: &[Entry]) -> Result<Vec<Entry>, Reject> {
    let (before, mut after) = (totals(before)?, totals(after)?);
    for (key, amount) in before {
        let total = after.entry(key).or_default();
        *total = total.checked_sub(amount).ok_or(Reject::AmountTooLarge)?;
    }
    let mut entries = Vec::<Entry>::new();
    for ((event, name), amount) in after.into_iter().filter(|(_, amount)| !amount.is_zero()) {
        match entries.last_mut().filter(|last| last.event == event) {
            Some(entry) => entry.amounts.push((name, amount)),
            None => entries.push(Entry { event, amounts: vec![(name, amount)] }),
        }
    }
    Ok(entries)
}
