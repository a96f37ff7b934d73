//! The end of day: all timers up to the cut.
//!
//! Closing a business date runs every timer that is due before the next business date, which
//! covers weekends and holidays, and then moves the date. It can be stopped anywhere: what is
//! done is committed contract by contract, and running it again goes on with what is left.

use futures_util::{StreamExt, stream};
use product::Chart;
use serde::{Deserialize, Serialize};
use stdx::{Date, Digest};
use store::{Due, PAGE_MAX, Timer};

use crate::{
    Bank, Call, Done, Refusal, Right,
    institutions::{Institution, institution_lane},
    refusal::Unclosed,
    tables::INSTITUTIONS,
};

/// Closes a loan's day; the subject is the loan.
pub const CLOSE_LOAN_DAY: &str = "close-loan-day";
/// Closes a current account's day; the subject is the account.
pub const CLOSE_ACCOUNT_DAY: &str = "close-account-day";
/// Lets a hold expire; the subject is the hold.
pub const EXPIRE_HOLD: &str = "expire-hold";

/// How many contracts are closed at the same time: as many as one batch takes.
pub const CONTRACTS_AT_ONCE: usize = store::BATCH_COMMITS_MAX;
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

/// What one contract's part of the end of day was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Contract days closed so far.
    pub contract_days: u64,
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
        let of = call.caller.institution;
        if let Some(before) = self.first_answer(call).await? {
            return Ok(before);
        }
        let institution = self.institution(&call.caller).await?.record;
        let next = next_date(&institution, date)?;
        self.run_days(call, date, next).await?;
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

    /// Runs every timer of days before `cut`, until none is left.
    async fn run_days(&self, call: &Call, date: Date, cut: Date) -> Result<(), Refusal> {
        let of = call.caller.institution;
        let last = cut.yesterday().map_err(|_| Refusal::NotTheBusinessDate(date))?;
        let mut unclosed = Vec::new();
        let mut after: Option<Timer> = None;
        loop {
            let page = self.store().timers(of, Due::Day(last), after.as_ref(), PAGE_MAX).await?;
            let runs = page.data.into_iter().map(|timer| self.run_contract(call, timer, last));
            let mut runs = stream::iter(runs).buffer_unordered(CONTRACTS_AT_ONCE);
            while let Some(run) = runs.next().await {
                if let Err(failed) = run
                    && unclosed.len() < UNCLOSED_MAX
                {
                    unclosed.push(failed);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        unclosed.sort_by_key(|it| it.subject);
        if unclosed.is_empty() { Ok(()) } else { Err(Refusal::DayIncomplete(unclosed)) }
    }

    /// Closes one contract's days through `last`, in order.
    async fn run_contract(&self, call: &Call, timer: Timer, last: Date) -> Result<(), Unclosed> {
        let Timer { due: Due::Day(first), kind, subject, .. } = timer else { return Ok(()) };
        let failed = |why: String| Unclosed { subject, why };
        let mut next = Some(first);
        while let Some(day) = next.filter(|day| *day <= last) {
            let call = call.within(format!("{kind}/{subject}/{day}"));
            let closed = match &*kind {
                CLOSE_LOAN_DAY => self.close_loan_day(&call, subject.cast(), day).await,
                CLOSE_ACCOUNT_DAY => self.close_account_day(&call, subject.cast(), day).await,
                _ => return Err(failed(format!("no such timer: {kind}"))),
            };
            next = closed.map_err(|refusal| failed(format!("{day}: {refusal}")))?;
        }
        Ok(())
    }

    /// Runs every timer whose moment has come: holds expire. Answers how many ran.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn run_moments(&self, call: &Call) -> Result<usize, Refusal> {
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

    /// Closes the books through a day: no value date on or before it from now on.
    ///
    /// # Errors
    /// [`Refusal::Ledger`] when the day is not over or is closed already.
    pub async fn close_period(&self, call: &Call, through: Date) -> Result<Done<Date>, Refusal> {
        call.caller.must(Right::Days)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let mut commit = call.commit("close-period", institution_lane(of), today);
            commit.close_period = Some(through);
            commit.tell("period-closed", of, &through);
            commit.answer(&through);
            Ok(commit)
        })
        .await
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

/// The chart every institution has.
pub(crate) fn chart() -> &'static Chart {
    Chart::china()
}
