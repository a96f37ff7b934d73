//! Proposals: what one person asks for and another lets happen, in the commit of its approval.

use lending::{
    Fact, Outcome, Status,
    proposal::{
        Asked, Known, PROPOSALS_OPEN_MAX, Proposal, Reject, Shown, Stage, check_direct,
        check_direct_reversal,
    },
};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};
use store::{Commit, Due, Page, Stored, Versioned};

use super::{Found, Happening, LoanMoved};
use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    days::EXPIRE_PROPOSAL,
    tables::{LOANS, LoanId, LoanProposal, POSITIONS, PROPOSALS, ProposalId},
};

/// What somebody proposes for a loan.
#[derive(Clone, Debug, PartialEq)]
pub enum Propose {
    /// That something happens to it.
    Fact(Happening),
    /// That the fact of this number is taken back.
    Reversal(u32),
}

/// The answer to a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// The proposal.
    pub proposal: ProposalId,
    /// The loan.
    pub loan: LoanId,
    /// The last business date on which it can be approved.
    pub expires_on: Date,
}

/// The answer to a decision that changes no loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalEnded {
    /// The proposal.
    pub proposal: ProposalId,
    /// Where it stands now.
    pub stage: Stage,
}

impl Bank {
    /// Proposes a change of a loan for somebody else to approve. Nothing happens to the loan.
    ///
    /// # Errors
    /// As [`Bank::loan_happens`], for what could not happen now; [`Refusal::Proposal`] for money
    /// that moves; [`Refusal::TooMany`] that wait.
    pub async fn propose(
        &self,
        call: &Call,
        id: LoanId,
        propose: &Propose,
    ) -> Result<Done<Proposed>, Refusal> {
        call.caller.must(Right::Payments)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            let position = found.position.as_ref().ok_or(lending::Reject::NotActive)?.version;
            let facts = self.all_facts(of, id).await?;
            let (asked, outcome) = match propose {
                Propose::Fact(happening) => {
                    let on = happening.on.unwrap_or(found.business_date());
                    let asked = Asked::Fact { what: happening.what.clone(), on };
                    (asked, self.decide(of, &found, happening).await?)
                }
                Propose::Reversal(number) => {
                    let asked = Asked::Reversal { number: *number };
                    let outcome = found.carry_out(&facts, &asked)?;
                    (asked, outcome)
                }
            };
            let open = ("open", &*id.to_string());
            let waiting = self.store().find(&PROPOSALS, of, open, None, PROPOSALS_OPEN_MAX).await?;
            if waiting.data.len() >= PROPOSALS_OPEN_MAX {
                return Err(Refusal::LimitReached("PROPOSALS_OPEN_MAX", PROPOSALS_OPEN_MAX));
            }
            let (known, today) = (Known::of(&facts), found.today());
            let shown = Shown::of(&found.loan.record, &outcome);
            let by = &call.caller.actor;
            let proposal = Proposal::new(asked, shown, known, by, today, call.now)?;
            let expires_on = proposal.expires_on;
            let mut commit = call.commit("propose", found.loan.lane, today);
            // What was shown is what the loan is when the proposal is there.
            commit.expect(&POSITIONS, id, position);
            let proposal_id: ProposalId = Id::new(call.now, &mut call.prng());
            let record = LoanProposal { loan: id, proposal };
            commit.put(&PROPOSALS, proposal_id, 0, &record);
            commit.set_timer(Due::Day(expires_on), EXPIRE_PROPOSAL, proposal_id);
            commit.tell("loan-change-proposed", proposal_id, &record);
            commit.answer(&Proposed { proposal: proposal_id, loan: id, expires_on });
            Ok(commit)
        })
        .await
    }

    /// Approves a proposal, as somebody else than its proposer: it happens in the same commit, on
    /// its value date.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Proposal`] when it was decided, is over, is the caller's
    /// own, or the loan has moved; [`Refusal::Lending`], [`Refusal::Ledger`].
    pub async fn approve_proposal(
        &self,
        call: &Call,
        id: ProposalId,
    ) -> Result<Done<LoanMoved>, Refusal> {
        call.caller.must(Right::Approve)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let before = self.need(&PROPOSALS, of, id, "proposal").await?;
            let LoanProposal { loan, proposal } = before.record.clone();
            let found = self.find_loan(&call.caller, loan).await?;
            let facts = self.all_facts(of, loan).await?;
            let (by, today) = (&call.caller.actor, found.today());
            let approved = proposal.approve(by, Known::of(&facts), today, call.now)?;
            let outcome = found.carry_out(&facts, &approved.asked)?;
            let mut commit = found.commit(call, "approve-proposal", &outcome);
            end(&mut commit, id, &before, LoanProposal { loan, proposal: approved });
            Ok(commit)
        })
        .await
    }

    /// Turns a proposal down, as somebody else than its proposer.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Proposal`].
    pub async fn reject_proposal(
        &self,
        call: &Call,
        id: ProposalId,
        reason: &str,
    ) -> Result<Done<ProposalEnded>, Refusal> {
        call.caller.must(Right::Approve)?;
        let by = &call.caller.actor;
        let reject = |it: Proposal| it.reject(by, reason, call.now);
        self.end_proposal(call, "reject-proposal", id, reject).await
    }

    /// Takes a proposal back, as its proposer.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Proposal`].
    pub async fn withdraw_proposal(
        &self,
        call: &Call,
        id: ProposalId,
    ) -> Result<Done<ProposalEnded>, Refusal> {
        call.caller.must(Right::Payments)?;
        let withdraw = |it: Proposal| it.withdraw(&call.caller.actor, call.now);
        self.end_proposal(call, "withdraw-proposal", id, withdraw).await
    }

    /// Ends a proposal whose last day is closed.
    pub(crate) async fn expire_proposal(
        &self,
        call: &Call,
        id: ProposalId,
    ) -> Result<Option<Date>, Refusal> {
        let expire = |it: Proposal| it.expire(&call.caller.actor, call.now);
        match self.end_proposal(call, "expire-proposal", id, expire).await {
            // Decided after its timer was read.
            Ok(_) | Err(Refusal::Proposal(Reject::Decided(_))) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    async fn end_proposal(
        &self,
        call: &Call,
        command: &'static str,
        id: ProposalId,
        decide: impl Fn(Proposal) -> Result<Proposal, Reject>,
    ) -> Result<Done<ProposalEnded>, Refusal> {
        let (of, decide) = (call.caller.institution, &decide);
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let before = self.need(&PROPOSALS, of, id, "proposal").await?;
            let LoanProposal { loan, proposal } = before.record.clone();
            let proposal = decide(proposal)?;
            let stage = proposal.stage;
            let mut commit = call.commit(command, before.lane, today);
            end(&mut commit, id, &before, LoanProposal { loan, proposal });
            commit.answer(&ProposalEnded { proposal: id, stage });
            Ok(commit)
        })
        .await
    }

    /// A proposal.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn proposal(
        &self,
        caller: &Caller,
        id: ProposalId,
    ) -> Result<Versioned<LoanProposal>, Refusal> {
        caller.must(Right::Read)?;
        self.need(&PROPOSALS, caller.institution, id, "proposal").await
    }

    /// Proposals at a stage, oldest first: those that are open are an approver's work.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn proposals(
        &self,
        caller: &Caller,
        stage: Stage,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Stored<LoanProposal>, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let link = ("stage", stage.name());
        Ok(self.store().find(&PROPOSALS, caller.institution, link, after, limit).await?)
    }

    /// The proposals of a loan, oldest first.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Store`].
    pub async fn loan_proposals(
        &self,
        caller: &Caller,
        id: LoanId,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Stored<LoanProposal>, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        self.need(&LOANS, of, id, "loan").await?;
        let link = ("loan", &*id.to_string());
        Ok(self.store().find(&PROPOSALS, of, link, after, limit).await?)
    }
}

/// Puts a proposal that was decided into a commit.
fn end(commit: &mut Commit, id: ProposalId, before: &Versioned<LoanProposal>, after: LoanProposal) {
    commit.put(&PROPOSALS, id, before.version, &after);
    commit.clear_timer(Due::Day(after.proposal.expires_on), EXPIRE_PROPOSAL, id);
    let event = match after.proposal.stage {
        Stage::Open => return,
        Stage::Approved => "loan-change-approved",
        Stage::Rejected => "loan-change-rejected",
        Stage::Withdrawn => "loan-change-withdrawn",
        Stage::Expired => "loan-change-expired",
    };
    commit.tell(event, id, &after);
}

impl Found {
    /// Refuses what one person alone may not do to this loan.
    pub(super) fn check_direct(&self, happening: &Happening) -> Result<(), Refusal> {
        Ok(check_direct(&self.product, &happening.what)?)
    }

    /// The same for taking something back.
    pub(super) fn check_direct_reversal(&self) -> Result<(), Refusal> {
        Ok(check_direct_reversal(&self.product)?)
    }

    /// What comes of what was proposed. Of a loan that was charged off no days are closed, so it
    /// happens on the business date as it would have on the earlier one.
    fn carry_out(&self, facts: &[Fact], asked: &Asked) -> Result<Outcome, Refusal> {
        let (loan, position) = self.active()?;
        let today = self.business_date();
        Ok(match asked {
            Asked::Reversal { number } => self.reversal(facts, *number)?,
            Asked::Fact { what, on } if *on == today || loan.status == Status::ChargedOff => {
                lending::happen(loan, position, self.rules(), what.clone(), today)?
            }
            Asked::Fact { what, on } => self.history(facts)?.book_late(what.clone(), *on)?,
        })
    }
}
