//! What is done about a loan that is past due, step by step (催收).
//!
//! The product lists the steps and after how many days past due each is taken. The next one is a
//! timer: it stands on the day at whose end the loan will be so late if nobody pays, is moved when
//! another instalment becomes the oldest unpaid, and is cleared when nothing is past due any more;
//! then the next arrears begin with the first step again. Steps are not skipped: a loan that is
//! late at once, because a payment was taken back, takes one on each day until it has caught up.

use product::kinds::instalment_loan::DunningStep;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    Reject,
    loan::{Loan, Position, Status},
};

/// The most steps of a loan that are kept with it, newest first to stay; the event log has all.
pub const REACHED_MAX: usize = 100;

/// Where the dunning of a loan stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dunning {
    /// The due date from which the loan has been past due; absent while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
    /// After how many days past due the last step came that was taken since; 0 before one was.
    #[serde(default)]
    pub taken: u32,
    /// The step to be taken next, when anything is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// The steps that were taken, in these arrears and before them, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<Reached>,
}

/// A step to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// Its name.
    pub step: String,
    /// The business date at whose end it is taken, if the loan is past due then.
    pub on: Date,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// Its name.
    pub step: String,
    /// At the end of which business date.
    pub on: Date,
    /// Days past due then.
    pub days_past_due: u32,
}

impl Dunning {
    /// The same with what became of the loan.
    #[must_use]
    pub fn follow(&self, steps: &[DunningStep], loan: &Loan, position: &Position) -> Self {
        let reached = self.reached.clone();
        let oldest = position.open.first().filter(|_| loan.status == Status::Active);
        let Some(oldest) = oldest.map(|it| it.due) else {
            return Self { reached, ..Self::default() };
        };
        let (since, taken) = match (position.days_past_due > 0, self.since) {
            (true, Some(since)) => (Some(since), self.taken),
            (true, None) => (Some(oldest), 0),
            (false, _) => (None, 0),
        };
        let step = following(steps, taken);
        let next = step.and_then(|step| self.next(step, loan, position, oldest));
        Self { since, taken, next, reached }
    }

    /// None when its day is beyond the calendar.
    fn next(
        &self,
        step: &DunningStep,
        loan: &Loan,
        position: &Position,
        oldest: Date,
    ) -> Option<Next> {
        // In grace a loan is not past due.
        let days = step.after.max(loan.terms.grace_days().saturating_add(1));
        let day = oldest.checked_add(jiff::Span::new().days(i64::from(days))).ok()?;
        let on = match &self.next {
            _ if day >= position.through => day,
            // The day of the timer is closed, and it is about to run.
            Some(next) if next.on < position.through => next.on,
            _ => position.through,
        };
        Some(Next { step: step.step.clone(), on })
    }

    /// Takes the step that was due at the end of a day. Nothing is taken when the timer was moved
    /// meanwhile.
    ///
    /// # Errors
    /// [`Reject::DayNotReached`] while the loan's own day is not closed.
    pub fn reach(
        &self,
        steps: &[DunningStep],
        loan: &Loan,
        position: &Position,
        day: Date,
    ) -> Result<Option<Self>, Reject> {
        let due = self.next.as_ref().filter(|next| next.on == day);
        let Some((due, step)) = due.zip(following(steps, self.taken)) else { return Ok(None) };
        if loan.status == Status::Active && position.through <= day {
            return Err(Reject::DayNotReached);
        }
        let mut after = Self { next: None, ..self.clone() };
        let days_past_due = position.days_past_due;
        if loan.status == Status::Active && days_past_due >= step.after {
            after.taken = step.after;
            after.reached.push(Reached { step: due.step.clone(), on: day, days_past_due });
            let kept = after.reached.len().saturating_sub(REACHED_MAX);
            after.reached.drain(..kept);
        }
        Ok(Some(after.follow(steps, loan, position)))
    }

    /// The last step that was taken in the present arrears.
    pub fn step(&self) -> Option<&Reached> {
        self.reached.last().filter(|_| self.taken > 0)
    }
}

/// The first step after one that came at so many days past due: the product version may have
/// changed since, and its steps with it.
fn following(steps: &[DunningStep], taken: u32) -> Option<&DunningStep> {
    steps.iter().find(|it| it.after > taken)
}
