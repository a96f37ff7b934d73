//! Proposals: what one person asks for and another approves.

use axum::extract::State;
use bank::{
    loans::proposals::{ProposalEnded, Propose, Proposed},
    tables::{LoanId, LoanProposal, ProposalId},
};
use lending::{
    What,
    proposal::{Asked, Proposal, Shown, Stage},
};
use money::Currency;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    loan_facts::{ChangeFact, Details, EntryBody},
    loans::{InstalmentBody, MovedBody, OwedBody, instalment, moved, owed},
};
use crate::{
    answer::{Answer, PageView, created, done, ok, page},
    problem::{ApiError, Fault},
    request::{
        Asked as Query, At, By, Command, Json, Nothing, PageOf, cursor, limit, page_default,
    },
    router::Api,
    schema,
    wire::{Day, Major, Moment, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_of_loan, propose))
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(withdraw))
}

/// What is proposed: one of `fact` and `reversal`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoanProposalRequest, example = json!({ "fact": { "what": "charge-off" } }))]
struct ProposeBody {
    /// The value date of the fact: the business date, or an earlier one; the business date when
    /// absent. It stays, however late the proposal is approved.
    #[serde(default)]
    on: Option<Day>,
    /// What is to happen.
    #[serde(default)]
    fact: Option<ChangeFact>,
    /// The number of the fact that is to be taken back.
    #[serde(default)]
    reversal: Option<u32>,
}

/// Why a proposal is turned down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoanProposalRejection, example = json!({ "reason": "The guarantor still pays." }))]
struct RejectionBody {
    /// In 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// Which proposals.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ProposalsAt {
    /// Those that stand here; those that wait for a decision when absent.
    #[serde(default = "open")]
    #[param(value_type = Option<schema::ProposalStage>)]
    status: Stage,
    /// `next` of the page before; the first page when absent.
    after: Option<String>,
    /// How many things at most.
    #[serde(default = "page_default", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

fn open() -> Stage {
    Stage::Open
}

/// A proposal that was made.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanProposed)]
struct ProposedBody {
    id: Name,
    /// The loan.
    loan: Name,
    /// The last business date on which it can be approved.
    expires_on: Day,
}

/// A proposal that ended without changing the loan.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanProposalEnded)]
struct EndedBody {
    id: Name,
    /// Where it stands now.
    #[schema(value_type = schema::ProposalStage)]
    status: Stage,
}

/// A proposal.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanProposal)]
struct ProposalBody {
    id: Name,
    /// The loan.
    loan: Name,
    /// Where it stands.
    #[schema(value_type = schema::ProposalStage)]
    status: Stage,
    /// What is proposed: the sort of fact, or `reversal`.
    what: &'static str,
    /// The number of the fact that is to be taken back.
    reversal: Option<u32>,
    /// The value date.
    on: Option<Day>,
    /// The money that moves.
    amount: Option<Money>,
    /// The rate that it sets.
    rate: Option<String>,
    /// The first day that bears interest again.
    until: Option<Day>,
    /// The due dates that it sets.
    due: Option<Vec<Day>>,
    /// What is given up of what is due.
    waived: Option<OwedBody>,
    /// What came of it when it was proposed.
    shown: ShownBody,
    /// Who proposed it.
    proposed_by: String,
    /// When.
    proposed_at: Moment,
    /// The last business date on which it can be approved.
    expires_on: Day,
    /// Who decided it.
    decided_by: Option<String>,
    /// When.
    decided_at: Option<Moment>,
    /// Why it was rejected.
    reason: Option<String>,
}

/// What something would do to a loan.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanProposalShown)]
struct ShownBody {
    /// What it would book.
    entries: Vec<EntryBody>,
    /// The loan's status then.
    #[schema(value_type = schema::LoanStatus)]
    status: lending::Status,
    /// What would be due.
    due: OwedBody,
    /// Principal that would be owed, due or not.
    principal: Money,
    /// The instalments, when they would be others.
    plan: Option<Vec<InstalmentBody>>,
}

/// Propose a change of a loan
///
/// A charge-off, a write-off, a sale, a waiver, a rescheduling of somebody who cannot pay, or what
/// else is agreed anew or taken back. Nothing happens before somebody else approves it.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/proposals", tag = "loans", operation_id = "propose_loan_change",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = ProposeBody,
    responses((status = 201, description = "Proposed.", body = ProposedBody)),
    security(("key" = ["payments"])),
)]
async fn propose(
    State(api): State<Api>,
    At(id): At<LoanId>,
    asked: Command<Json<ProposeBody>>,
) -> Answer {
    let propose = asked.body.0.read()?;
    let place = |it: &Proposed| format!("/v1/proposals/{}", it.proposal);
    created(api.bank.propose(&asked.call, id, &propose).await?, place, |it| ProposedBody {
        id: it.proposal.into(),
        loan: it.loan.into(),
        expires_on: Day(it.expires_on),
    })
}

/// List the proposals for a loan
#[utoipa::path(
    get, path = "/v1/loans/{loan}/proposals", tag = "loans", operation_id = "list_loan_proposals",
    params(("loan" = Name, Path, description = "The loan's id."), PageOf),
    responses((status = 200, description = "Oldest first.", body = PageView<ProposalBody>)),
    security(("key" = ["read"])),
)]
async fn list_of_loan(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<LoanId>,
    Query(asked): Query<PageOf>,
) -> Answer {
    let currency = api.bank.loan(&caller, id).await?.loan.currency;
    let after = asked.after()?;
    let found = api.bank.loan_proposals(&caller, id, after, asked.limit).await?;
    page(found, |(id, it)| view(id.cast(), it.record, currency))
}

/// List proposals
///
/// Those that are open are the work of who approves.
#[utoipa::path(
    get, path = "/v1/proposals", tag = "loans", operation_id = "list_proposals",
    params(ProposalsAt),
    responses((status = 200, description = "Oldest first.", body = PageView<ProposalBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, Query(asked): Query<ProposalsAt>) -> Answer {
    let after = cursor(asked.after.as_deref())?;
    let found = api.bank.proposals(&caller, asked.status, after, asked.limit).await?;
    let mut data = Vec::with_capacity(found.data.len());
    for (id, stored) in found.data {
        let currency = api.bank.loan(&caller, stored.record.loan).await?.loan.currency;
        data.push(view(id.cast(), stored.record, currency));
    }
    page(bank::Page { data, next: found.next }, |it| it)
}

/// Read a proposal
#[utoipa::path(
    get, path = "/v1/proposals/{proposal}", tag = "loans", operation_id = "get_proposal",
    params(("proposal" = Name, Path, description = "The proposal's id.")),
    responses((status = 200, description = "The proposal.", body = ProposalBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<ProposalId>) -> Answer {
    let found = api.bank.proposal(&caller, id).await?.record;
    let currency = api.bank.loan(&caller, found.loan).await?.loan.currency;
    ok(view(id, found, currency))
}

/// Approve a proposal
///
/// As somebody else than its proposer. It happens at once, on its value date; when anything
/// happened to the loan since it was proposed, it is refused as `loan-moved`.
#[utoipa::path(
    post, path = "/v1/proposals/{proposal}/approval", tag = "loans",
    operation_id = "approve_proposal",
    params(("proposal" = Name, Path, description = "The proposal's id.")),
    responses((status = 200, description = "It happened.", body = MovedBody)),
    security(("key" = ["approve"])),
)]
async fn approve(
    State(api): State<Api>,
    At(id): At<ProposalId>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.approve_proposal(&command.call, id).await?, moved)
}

/// Reject a proposal
#[utoipa::path(
    post, path = "/v1/proposals/{proposal}/rejection", tag = "loans",
    operation_id = "reject_proposal",
    params(("proposal" = Name, Path, description = "The proposal's id.")),
    request_body = RejectionBody,
    responses((status = 200, description = "Rejected.", body = EndedBody)),
    security(("key" = ["approve"])),
)]
async fn reject(
    State(api): State<Api>,
    At(id): At<ProposalId>,
    asked: Command<Json<RejectionBody>>,
) -> Answer {
    let reason = &asked.body.0.reason;
    done(api.bank.reject_proposal(&asked.call, id, reason).await?, ended)
}

/// Withdraw a proposal
///
/// As its proposer.
#[utoipa::path(
    post, path = "/v1/proposals/{proposal}/withdrawal", tag = "loans",
    operation_id = "withdraw_proposal",
    params(("proposal" = Name, Path, description = "The proposal's id.")),
    responses((status = 200, description = "Withdrawn.", body = EndedBody)),
    security(("key" = ["payments"])),
)]
async fn withdraw(
    State(api): State<Api>,
    At(id): At<ProposalId>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.withdraw_proposal(&command.call, id).await?, ended)
}

impl ProposeBody {
    fn read(&self) -> Result<Propose, ApiError> {
        let detail = "Send one of `fact` and `reversal`; only a fact has a value date.";
        match (&self.fact, self.reversal, self.on) {
            (Some(fact), None, on) => Ok(Propose::Fact(fact.read(on)?)),
            (None, Some(number), None) => Ok(Propose::Reversal(number)),
            _ => Err(ApiError::malformed_body(Fault::at("", "unclear", detail))),
        }
    }
}

fn ended(it: ProposalEnded) -> EndedBody {
    EndedBody { id: it.proposal.into(), status: it.stage }
}

fn view(id: ProposalId, it: LoanProposal, currency: Currency) -> ProposalBody {
    let LoanProposal { loan, proposal } = it;
    let Proposal { asked, shown, proposed_by, proposed_at, expires_on, stage, decided, .. } =
        proposal;
    let (what, reversal, on) = match &asked {
        Asked::Fact { what, on } => (what.name(), None, Some(Day(*on))),
        Asked::Reversal { number } => ("reversal", Some(*number), None),
    };
    let fact = match &asked {
        Asked::Fact { what, .. } => Some(what),
        Asked::Reversal { .. } => None,
    };
    let until = fact.and_then(|what| match what {
        What::InterestPause { until } => Some(Day(*until)),
        _ => None,
    });
    let amount = fact.filter(|it| matches!(it, What::Sale { .. }));
    let amount = amount.map(|it| Money::of(it.amount(), currency));
    let details = fact.map(|it| Details::of(it, currency));
    let (rate, due, waived) = details.map(|it| (it.rate, it.due, it.waived)).unwrap_or_default();
    let decided_at = decided.as_ref().map(|it| Moment(it.at));
    let (decided_by, reason) = decided.map(|it| (Some(it.by), it.reason)).unwrap_or_default();
    ProposalBody {
        id: id.into(),
        loan: loan.into(),
        status: stage,
        what,
        reversal,
        on,
        amount,
        rate,
        until,
        due,
        waived,
        shown: shown_view(shown, currency),
        proposed_by,
        proposed_at: Moment(proposed_at),
        expires_on: Day(expires_on),
        decided_by,
        decided_at,
        reason,
    }
}

fn shown_view(shown: Shown, currency: Currency) -> ShownBody {
    let entries = shown.entries.into_iter().map(|line| EntryBody {
        event: line.event,
        name: line.name,
        amount: Major::of(line.amount, currency),
    });
    let plan = |plan: Vec<_>| plan.iter().map(|it| instalment(it, currency)).collect();
    ShownBody {
        entries: entries.collect(),
        status: shown.status,
        due: owed(&shown.due, currency),
        principal: Money::of(shown.principal, currency),
        plan: shown.plan.map(plan),
    }
}
