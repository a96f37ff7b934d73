//! What one person proposes and another approves, with the books.

use std::collections::BTreeMap;

use ledger::Side;
use lending::{
    Owed, Status, What,
    fact::{RateReason, Rescheduling, ReschedulingKind},
    proposal::{PROPOSAL_DAYS, PROPOSALS_OPEN_MAX, Reject, Stage},
};
use money::{Amount, Decimal};
use stdx::{Date, Prng};
use store::PAGE_MAX;

use super::{
    command::{Command, Given, yuan},
    world::{FIRST, LOAN, World},
};
use crate::{
    Call, Caller, Refusal, Right, Role,
    loans::{
        Happening, LoanMoved,
        proposals::{ProposalEnded, Propose, Proposed},
    },
    tables::{LoanId, LoanProposal, ProposalId},
};

pub(super) fn charge_off(loan: LoanId) -> Command {
    asks(loan, What::ChargeOff, None)
}

fn asks(loan: LoanId, what: What, on: Option<Date>) -> Command {
    Command::Propose(loan, Propose::Fact(Happening { what, currency: None, on }))
}

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

fn later(day: Date, days: i32) -> Date {
    day.checked_add(jiff::Span::new().days(days)).unwrap()
}

impl World {
    async fn proposed(&self, key: &str, command: Command) -> ProposalId {
        self.answer::<Proposed>(key, command).await.proposal
    }

    async fn approve(&self, key: &str, id: ProposalId) -> Given {
        self.give(Role::Approver, key, &Command::ApproveProposal(id)).await
    }

    /// What one person proposes and another approves.
    pub(super) async fn agreed(
        &self,
        key: &str,
        loan: LoanId,
        what: What,
        on: Option<Date>,
    ) -> Result<(), Refusal> {
        let proposal = self.give(Role::Operator, &format!("{key}?"), &asks(loan, what, on)).await?;
        let Proposed { proposal, .. } = serde_json::from_str(&proposal.0).unwrap();
        self.approve(key, proposal).await.map(|_| ())
    }

    async fn stage(&self, id: ProposalId) -> Stage {
        self.bank.proposal(&self.reader(), id).await.unwrap().record.proposal.stage
    }

    /// A command of somebody by name.
    async fn by(&self, actor: &str, role: Role, key: &str, command: &Command) -> Given {
        let actor = actor.to_owned();
        let caller = Caller { actor, ..self.caller(role) };
        command.give(&self.bank, &Call { caller, ..self.call(role, key, command) }).await
    }
}

#[tokio::test]
async fn a_charge_off_is_proposed_and_approved_by_another() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 6).await;
    world.close_until(day(3, 20)).await;
    let alone = Command::Change(loan, What::ChargeOff);
    let refused = world.give(Role::Approver, "alone", &alone).await.unwrap_err();
    assert_eq!(refused, Refusal::Proposal(Reject::Needed));

    let before = world.position(loan).await;
    let id = world.proposed("propose", charge_off(loan)).await;
    assert_eq!(world.position(loan).await, before, "nothing happened");
    let own = world.by("operator", Role::Approver, "own", &Command::ApproveProposal(id)).await;
    assert_eq!(own, Err(Refusal::Proposal(Reject::OwnProposal)));
    let shown = world.bank.proposal(&world.reader(), id).await.unwrap().record.proposal.shown;
    assert_eq!(shown.status, Status::ChargedOff);

    let answer = world.approve("approve", id).await.unwrap().0;
    let moved: LoanMoved = serde_json::from_str(&answer).unwrap();
    assert_eq!((moved.status, moved.due), (Status::ChargedOff, shown.due));
    let memo = shown.entries.iter().find(|it| it.name == "memo").unwrap();
    assert_eq!(world.balance(loan.cast(), "7002", Side::Debit).await, memo.amount);
    assert_eq!(world.approve("approve", id).await.unwrap(), (answer, true));
    let again = world.approve("again", id).await.unwrap_err();
    assert_eq!(again, Refusal::Proposal(Reject::Decided(Stage::Approved)));

    // The claim is given up in the same way, also some days later.
    let id = world.proposed("write-off", asks(loan, What::WriteOff, None)).await;
    world.close_until(day(3, 25)).await;
    world.approve("gone", id).await.unwrap();
    assert_eq!(world.loan(loan).await.loan.status, Status::WrittenOff);
    assert!(world.balance(loan.cast(), "7002", Side::Debit).await.is_zero());
    world.bank.store().verify(world.home).await.unwrap();
}

#[tokio::test]
async fn what_was_proposed_counts_from_its_value_date_however_late_it_is_approved() {
    let world = World::new().await;
    let (late, in_time) = (world.person(1).await, world.person(2).await);
    let (late, in_time) =
        (world.lend("a", late, 12_000_00, 6).await, world.lend("b", in_time, 12_000_00, 6).await);
    world.close_until(day(2, 20)).await;
    let penalty = world.position(late).await.due().penalty;
    let waiver = What::Waiver { waived: Owed { penalty, ..Owed::default() } };
    let waiting = world.proposed("a/waive", asks(late, waiver.clone(), None)).await;
    let at_once = world.proposed("b/waive", asks(in_time, waiver, None)).await;
    world.approve("b/yes", at_once).await.unwrap();
    world.close_until(day(3, 6)).await;
    world.approve("a/yes", waiting).await.unwrap();
    assert_eq!(world.position(late).await, world.position(in_time).await);
    world.check().await;
}

#[tokio::test]
async fn a_loan_that_moved_is_not_the_one_that_was_seen() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 6).await;
    world.close_until(day(2, 20)).await;
    let id = world.proposed("propose", charge_off(loan)).await;
    world.ok("pay", Command::Repay(loan, 1_00)).await;
    let before = world.position(loan).await;
    let refused = world.approve("approve", id).await.unwrap_err();
    assert_eq!(refused, Refusal::Proposal(Reject::LoanMoved));
    assert_eq!((world.position(loan).await, world.stage(id).await), (before, Stage::Open));

    // What happened and was taken back is another loan all the same.
    let id = world.proposed("again", charge_off(loan)).await;
    let fact = world.bank.loan_facts(&world.reader(), loan).await.unwrap().last().unwrap().number;
    world.give(Role::Approver, "back", &Command::ReverseFact(loan, fact)).await.unwrap();
    let refused = world.approve("approve again", id).await.unwrap_err();
    assert_eq!(refused, Refusal::Proposal(Reject::LoanMoved));
    world.check().await;
}

#[tokio::test]
async fn a_proposal_is_rejected_withdrawn_or_expires() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 6).await;
    let rejected = world.proposed("a/1", charge_off(loan)).await;
    let withdrawn = world.proposed("a/2", charge_off(loan)).await;
    let expired = world.proposed("a/3", charge_off(loan)).await;
    world.give(Role::Approver, "reject", &Command::RejectProposal(rejected)).await.unwrap();
    let other = world.by("other", Role::Operator, "w", &Command::WithdrawProposal(withdrawn)).await;
    assert_eq!(other, Err(Refusal::Proposal(Reject::NotTheProposer)));
    let ended: ProposalEnded = world.answer("withdraw", Command::WithdrawProposal(withdrawn)).await;
    assert_eq!(ended.stage, Stage::Withdrawn);

    let last = FIRST.checked_add(jiff::Span::new().days(PROPOSAL_DAYS)).unwrap();
    let of_loan = world.bank.loan_proposals(&world.reader(), loan, None, 9).await.unwrap().data;
    assert_eq!(of_loan.len(), 3);
    assert!(of_loan.iter().all(|(_, it)| it.record.proposal.expires_on == last));
    // The last business day before the holidays of the Spring Festival, in which the last day is.
    world.close_until(day(1, 27)).await;
    assert_eq!(world.stage(expired).await, Stage::Open);
    world.close_until(last.tomorrow().unwrap()).await;
    let stages = [rejected, withdrawn, expired];
    let expected = [Stage::Rejected, Stage::Withdrawn, Stage::Expired];
    for (id, stage) in stages.into_iter().zip(expected) {
        assert_eq!(world.stage(id).await, stage);
        let refused = world.approve(&format!("late/{id}"), id).await.unwrap_err();
        assert_eq!(refused, Refusal::Proposal(Reject::Decided(stage)));
        let listed = world.bank.proposals(&world.reader(), stage, None, 9).await.unwrap().data;
        assert_eq!(listed.iter().map(|it| it.0.cast()).collect::<Vec<_>>(), [id]);
    }
    assert_eq!(world.loan(loan).await.loan.status, Status::Active);
    world.check().await;
}

#[tokio::test]
async fn only_so_many_proposals_wait_and_only_for_what_could_happen() {
    let world = World::new().await;
    let party = world.person(1).await;
    let signed = world.signed("s", party, 1_000_00, 6).await;
    let refused = world.refused("too early", charge_off(signed)).await;
    assert_eq!(refused, Refusal::Lending(lending::Reject::NotActive));
    let loan = world.lend("a", party, 12_000_00, 6).await;
    let refused = world.refused("claim", asks(loan, What::WriteOff, None)).await;
    assert_eq!(refused, Refusal::Lending(lending::Reject::NotChargedOff));
    let repayment = What::Repayment { amount: Amount::from_minor(1) };
    let refused = world.refused("money", asks(loan, repayment, None)).await;
    assert_eq!(refused, Refusal::Proposal(Reject::NotAChange));
    let refused = world.refused("no fact", Command::Propose(loan, Propose::Reversal(7))).await;
    assert_eq!(refused, Refusal::Lending(lending::Reject::NoSuchFact));
    for number in 0..PROPOSALS_OPEN_MAX {
        world.proposed(&format!("a/{number}"), charge_off(loan)).await;
    }
    let refused = world.refused("one more", charge_off(loan)).await;
    assert_eq!(refused, Refusal::LimitReached("PROPOSALS_OPEN_MAX", PROPOSALS_OPEN_MAX));
    world.check().await;
}

#[tokio::test]
async fn a_product_says_what_needs_two() {
    let world = World::new().await;
    let strict =
        LOAN.replace("version: 1", "version: 2") + "  four_eyes: [rate-change, reversal]\n";
    world.publish("loan", 2, &strict).await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 6).await;
    let what = What::RateChange { rate: Decimal::ZERO, reason: RateReason::Agreed };
    let alone = world.give(Role::Approver, "rate", &Command::Change(loan, what.clone())).await;
    assert_eq!(alone, Err(Refusal::Proposal(Reject::Needed)));
    let id = world.proposed("rate?", asks(loan, what, None)).await;
    world.approve("rate!", id).await.unwrap();
    assert!(world.loan(loan).await.loan.schedule.rate.is_zero());

    let alone = world.give(Role::Approver, "back", &Command::ReverseFact(loan, 1)).await;
    assert_eq!(alone, Err(Refusal::Proposal(Reject::Needed)));
    let id = world.proposed("back?", Command::Propose(loan, Propose::Reversal(1))).await;
    world.close_day().await;
    world.approve("back!", id).await.unwrap();
    assert!(!world.loan(loan).await.loan.schedule.rate.is_zero());
    world.give(Role::Approver, "lost", &Command::Change(loan, What::ChargeOff)).await.unwrap();
    world.bank.store().verify(world.home).await.unwrap();
}

/// What gives something up, by the event that tells of it.
const GIVEN_UP: [&str; 7] = [
    "rate-changed",
    "interest-paused",
    "loan-rescheduled",
    "debt-waived",
    "loan-charged-off",
    "loan-written-off",
    "loan-sold",
];

/// Whoever tries whatever: nothing is given up by one person.
#[tokio::test]
async fn nobody_gives_money_up_alone() {
    let mut given_up = BTreeMap::<String, u32>::new();
    for seed in 0..12 {
        let world = World::seeded(seed).await;
        let mut prng = Prng::stream(seed, "four eyes");
        let mut loans = Vec::new();
        for number in 1..=3 {
            let party = world.person(number).await;
            loans.push(world.lend(&format!("{number}"), party, 3_000_00, 3).await);
        }
        // The first instalments are due.
        world.close_until(day(2, 5)).await;
        let mut proposals = Vec::new();
        for step in 0..60 {
            let loan = *prng.pick(&loans);
            let due = world.position(loan).await.due();
            let principal = due.principal.min(yuan(1_00).amount);
            let lost = world.loan(loan).await.loan.status == Status::ChargedOff;
            let today = world.today().await;
            let what = match prng.below(12) {
                0 | 1 => What::ChargeOff,
                2 => What::WriteOff,
                _ if lost => What::WriteOff,
                3 => What::Sale { price: yuan(1_00).amount },
                4 => What::RateChange { rate: Decimal::ZERO, reason: RateReason::Agreed },
                5 => What::InterestPause { until: later(today, 9) },
                6 => What::Rescheduling(Rescheduling {
                    kind: ReschedulingKind::Extension,
                    due: vec![later(today, 60), later(today, 90)],
                    rate: Some(Decimal::ZERO),
                    capitalise: false,
                    distressed: prng.chance(50),
                }),
                _ => What::Waiver { waived: Owed { principal, ..Owed::default() } },
            };
            let proposal = (!proposals.is_empty()).then(|| *prng.pick(&proposals));
            // Also from the first day on, as if nothing had ever been agreed.
            let on = prng.chance(30).then_some(FIRST);
            let command = match (prng.below(8), proposal) {
                (0, _) => Command::Change(loan, what),
                (1, _) => Command::Happen(loan, Happening { what, currency: None, on }),
                (2 | 3, _) => asks(loan, what, on),
                (4, _) => Command::Repay(loan, 1_00),
                (5, _) => Command::CloseDate(world.today().await),
                (_, Some(id)) => Command::ApproveProposal(id),
                (_, None) => continue,
            };
            // A person may hold the keys of both roles.
            let (actor, key) = (*prng.pick(&["ana", "ben", "cleo"]), format!("step/{step}"));
            let approves = command.right() == Right::Approve;
            let role = match command {
                Command::Happen(..) => Role::Approver,
                _ if approves => Role::Approver,
                _ => Role::Operator,
            };
            if let Ok((answer, _)) = world.by(actor, role, &key, &command).await
                && matches!(command, Command::Propose(..))
            {
                proposals.push(serde_json::from_str::<Proposed>(&answer).unwrap().proposal);
            }
        }
        let mut after = 0;
        loop {
            let page = world.bank.log(&world.reader(), after, PAGE_MAX).await.unwrap();
            for row in &page.data {
                let body = row.body().unwrap();
                let lost = body.events.iter().find(|it| GIVEN_UP.contains(&&*it.kind));
                let Some(lost) = lost else { continue };
                *given_up.entry(lost.kind.clone()).or_default() += 1;
                assert_eq!(row.command, "approve-proposal", "seed {seed}");
                let told = body.events.iter().find(|it| it.kind == "loan-change-approved");
                let told: LoanProposal = serde_json::from_str(told.unwrap().body.get()).unwrap();
                assert_ne!(told.proposal.proposed_by, row.actor, "seed {seed}");
            }
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        world.bank.store().verify(world.home).await.unwrap();
    }
    assert_eq!(given_up.len(), GIVEN_UP.len(), "{given_up:?}");
}
