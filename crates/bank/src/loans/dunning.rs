//! Dunning: the next step is a timer of the loan, and what is past due is a work list.

use std::sync::Arc;

use lending::{Dunning, Outcome};
use product::LoanProduct;
use stdx::{Date, Id};
use store::{Commit, Due, Page, Stored};

use super::Found;
use crate::{
    Bank, Call, Caller, Refusal, Right,
    days::DUN_LOAN,
    tables::{DUNNINGS, LOANS, LoanId, POSITIONS},
};

impl Bank {
    /// Takes the step of dunning that a loan's timer stands for.
    pub(crate) async fn dun_loan(
        &self,
        call: &Call,
        id: LoanId,
        day: Date,
    ) -> Result<Option<Date>, Refusal> {
        self.carry_out::<(), _>(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            let (loan, position) = found.active()?;
            let version = found.position.as_ref().map_or(0, |it| it.version);
            let mut commit = call.commit("dun-loan", found.loan.lane, day);
            let steps = &found.product.terms().dunning;
            let before = found.dunning();
            if let Some(after) = before.reach(steps, loan, position, day)? {
                commit.expect(&POSITIONS, id, version);
                if let Some(reached) = after.reached.last().filter(|_| after.taken > before.taken) {
                    commit.tell("dunning-step-reached", id, reached);
                }
                found.record_dunning(&mut commit, &after);
            }
            commit.answer(&());
            Ok(commit)
        })
        .await?;
        Ok(None)
    }

    /// What was done about a loan that was past due, and what is next.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Store`].
    pub async fn loan_dunning(&self, caller: &Caller, id: LoanId) -> Result<Dunning, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        self.need(&LOANS, of, id, "loan").await?;
        let dunning = self.store().get(&DUNNINGS, of, id).await?;
        Ok(dunning.map(|it| it.record).unwrap_or_default())
    }

    /// Loans that are past due and of which a step was taken: those of which it is the last one, or
    /// all of them.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn dunned(
        &self,
        caller: &Caller,
        step: Option<&str>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Stored<Dunning>, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let link = step.map_or(("dunned", "yes"), |step| ("step", step));
        Ok(self.store().find(&DUNNINGS, caller.institution, link, after, limit).await?)
    }
}

impl Found {
    fn dunning(&self) -> Dunning {
        self.dunning.as_ref().map(|it| it.record.clone()).unwrap_or_default()
    }

    /// Lets the dunning follow what becomes of the loan.
    pub(super) fn follow_dunning(&self, commit: &mut Commit, outcome: &Outcome) {
        let loan = outcome.loan.as_ref().unwrap_or(&self.loan.record);
        let version = |it: &&Arc<LoanProduct>| it.definition().version == loan.version;
        let product = self.others.iter().find(version).unwrap_or(&self.product);
        let steps = &product.terms().dunning;
        let follows = !steps.is_empty() || self.dunning.is_some();
        if let Some(position) = outcome.position.as_ref().filter(|_| follows) {
            self.record_dunning(commit, &self.dunning().follow(steps, loan, position));
        }
    }

    fn record_dunning(&self, commit: &mut Commit, after: &Dunning) {
        let before = self.dunning();
        if *after == before {
            return;
        }
        let version = self.dunning.as_ref().map_or(0, |it| it.version);
        commit.put(&DUNNINGS, self.id, version, after);
        let day = |it: &Dunning| it.next.as_ref().map(|it| it.on);
        if day(&before) != day(after) {
            if let Some(day) = day(&before) {
                commit.clear_timer(Due::Day(day), DUN_LOAN, self.id);
            }
            if let Some(day) = day(after) {
                commit.set_timer(Due::Day(day), DUN_LOAN, self.id);
            }
        }
    }
}
