//! The end of day: all timers up to the cut.
//!
//! Closing a business date runs every timer that is due before the next business date, which
//! covers weekends and holidays, and then moves the date. It can be stopped anywhere: what is
//! done is committed contract by contract, and running it again goes on with what is left.
//!
//! Business goes on meanwhile. Contracts have a business date of their own, which is ahead once
//! their day is closed, so a payment counts on the first day that is still open. A contract made
//! on the old date expects the institution's record, which moving the date changes: it is either
//! made before and found by the run after the move, or made on the new date.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use ledger::LaneId;
use serde::{Deserialize, Serialize};
use stdx::{Date, Digest, Id};
use store::{Due, PAGE_MAX, Timer};

use crate::{
    Bank, Call, Done, Refusal, Right,
    institutions::{Institution, institution_lane},
    refusal::Unclosed,
    tables::INSTITUTIONS,
};

/// Closes a loan's day; the subject is the loan.
pub const CLOSE_LOAN_DAY: &str = "close-loan-day";
/// Ends what of a credit line ends with a day; the subject is the line.
pub const CLOSE_LINE_DAY: &str = "close-line-day";
/// Closes the day of a credit line's account; the subject is the line.
pub const CLOSE_LINE_ACCOUNT_DAY: &str = "close-line-account-day";
/// Closes a current account's day; the subject is the account.
pub const CLOSE_ACCOUNT_DAY: &str = "close-account-day";
/// Closes a term deposit's day; the subject is the deposit.
pub const CLOSE_DEPOSIT_DAY: &str = "close-deposit-day";
/// Takes a loan's next step of dunning; the subject is the loan. In the order of their names it
/// runs after the loan's day is closed.
pub const DUN_LOAN: &str = "dun-loan";
/// Lets a proposal expire; the subject is the proposal.
pub const EXPIRE_PROPOSAL: &str = "expire-proposal";
/// Lets a hold expire; the subject is the hold.
pub const EXPIRE_HOLD: &str = "expire-hold";

/// In how many lanes contracts are closed at the same time: as many as one batch takes.
pub const LANES_AT_ONCE: usize = store::BATCH_COMMITS_MAX;
/// The most contracts named when a day cannot be closed.
pub const UNCLOSED_MAX: usize = 100;

/// The answer to closing a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayClosed {
    /// The day that was closed.
    pub date: Date,
    /// The business date now.
    pub next: Date,
    /// The state hash at the end of the day, before the date moved.
    pub state_hash: Digest,
}

impl Bank {
    /// Closes the business date: every contract's day, then the date moves on.
    ///
    /// # Errors
    /// [`Refusal::NotTheBusinessDate`] when `date` is not the one being worked on;
    /// [`Refusal::DayIncomplete`] when contracts could not be closed, the others being closed.
    pub async fn close_business_date(
        &self,
        call: &Call,
        date: Date,
    ) -> Result<Done<DayClosed>, Refusal> {
        call.caller.must(Right::Days)?;
        if let Some(before) = self.first_answer(call).await? {
            return Ok(before);
        }
        let institution = self.institution(&call.caller).await?.record;
        let next = next_date(&institution, date)?;
        let last = next.yesterday().map_err(|_| Refusal::NotTheBusinessDate(date))?;
        self.run_days(call, date, last).await?;
        let closed = self.move_business_date(call, date, next).await?;
        // Contracts made while the others were being closed. One that fails is named by the next
        // close: this one has happened.
        if let Err(refusal) = self.run_days(call, date, last).await {
            tracing::warn!(%refusal, %date, "contracts are left to the next close");
        }
        Ok(closed)
    }

    async fn move_business_date(
        &self,
        call: &Call,
        date: Date,
        next: Date,
    ) -> Result<Done<DayClosed>, Refusal> {
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let institution = self.institution(&call.caller).await?;
            next_date(&institution.record, date)?;
            let state_hash = self.store().state_hash(of).await?;
            let mut commit = call.commit("close-business-date", institution_lane(of), date);
            let moved = Institution { business_date: next, ..institution.record };
            commit.put(&INSTITUTIONS, of, institution.version, &moved);
            let closed = DayClosed { date, next, state_hash };
            commit.tell("business-date-closed", of, &closed);
            commit.answer(&closed);
            Ok(commit)
        })
        .await
    }

    /// Runs every timer of the days from `first` through `last`, day by day: so the order of events
    /// in a lane is the same wherever the run was stopped before, and the state hash with it.
    async fn run_days(&self, call: &Call, first: Date, last: Date) -> Result<(), Refusal> {
        let mut unclosed = BTreeMap::new();
        for day in first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last) {
            self.run_day(call, day, &mut unclosed).await?;
        }
        if unclosed.is_empty() {
            return Ok(());
        }
        let unclosed = unclosed.into_iter().map(|(subject, why)| Unclosed { subject, why });
        Err(Refusal::DayIncomplete(unclosed.collect()))
    }

    /// Runs every timer that is due by the end of `day`: lanes at the same time, the contracts of
    /// a lane one after the other. Notes what could not be closed, and why.
    async fn run_day(
        &self,
        call: &Call,
        day: Date,
        unclosed: &mut BTreeMap<Id<()>, String>,
    ) -> Result<(), Refusal> {
        let of = call.caller.institution;
        let mut after: Option<Timer> = None;
        loop {
            let page = self.store().timers(of, Due::Day(day), after.as_ref(), PAGE_MAX).await?;
            let mut lanes = BTreeMap::<LaneId, Vec<Timer>>::new();
            for timer in page.data {
                lanes.entry(timer.lane).or_default().push(timer);
            }
            let runs = lanes.into_values().map(|timers| self.run_lane(call, timers, day));
            let mut runs = stream::iter(runs).buffer_unordered(LANES_AT_ONCE);
            while let Some(failed) = runs.next().await {
                for (subject, why) in failed {
                    if unclosed.len() < UNCLOSED_MAX {
                        unclosed.entry(subject).or_insert(why);
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn run_lane(&self, call: &Call, timers: Vec<Timer>, day: Date) -> Vec<(Id<()>, String)> {
        let mut failed = Vec::new();
        for timer in timers {
            if let Err(why) = self.run_contract(call, &timer, day).await {
                failed.push((timer.subject, why));
            }
        }
        failed
    }

    /// Closes one contract's days through `last`, in order: one day, unless it is behind.
    async fn run_contract(&self, call: &Call, timer: &Timer, last: Date) -> Result<(), String> {
        let Timer { due: Due::Day(first), ref kind, subject, .. } = *timer else {
            return Ok(());
        };
        let mut next = Some(first);
        while let Some(day) = next.filter(|day| *day <= last) {
            // The day first: what is closed together has keys that lie together.
            let call = call.within(format!("{kind}/{day}/{subject}"));
            let closed = match &**kind {
                CLOSE_LOAN_DAY => self.close_loan_day(&call, subject.cast(), day).await,
                CLOSE_LINE_DAY => self.close_line_day(&call, subject.cast(), day).await,
                CLOSE_LINE_ACCOUNT_DAY => {
                    self.close_line_account_day(&call, subject.cast(), day).await
                }
                CLOSE_ACCOUNT_DAY => self.close_account_day(&call, subject.cast(), day).await,
                CLOSE_DEPOSIT_DAY => self.close_deposit_day(&call, subject.cast(), day).await,
                DUN_LOAN => self.dun_loan(&call, subject.cast(), day).await,
                EXPIRE_PROPOSAL => self.expire_proposal(&call, subject.cast()).await,
                _ => return Err(format!("no such timer: {kind}")),
            };
            next = closed.map_err(|refusal| format!("{day}: {refusal}"))?;
        }
        Ok(())
    }

    /// Runs timers whose moment has come, a page of them: holds expire. Answers how many ran.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn run_moments(&self, call: &Call) -> Result<usize, Refusal> {
        call.caller.must(Right::Days)?;
        let of = call.caller.institution;
        let due = Due::Moment(call.now);
        let page = self.store().timers(of, due, None, PAGE_MAX).await?;
        let mut ran = 0;
        for timer in page.data.iter().filter(|timer| timer.kind == EXPIRE_HOLD) {
            self.expire_hold(call, timer).await?;
            ran += 1;
        }
        Ok(ran)
    }
}

/// The business date after `date`, which must be the one being worked on.
fn next_date(institution: &Institution, date: Date) -> Result<Date, Refusal> {
    let current = institution.business_date;
    if date != current {
        return Err(Refusal::NotTheBusinessDate(current));
    }
    institution.calendar().next_business_day(date).ok_or(Refusal::NotTheBusinessDate(current))
}
