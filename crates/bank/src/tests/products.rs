//! Four eyes, pinned versions, one place for kinds.

use futures_util::future::join_all;
use product::life::{Reject, Status};

use super::{
    command::{Command, yuan},
    world::{FIRST, LOAN, World},
};
use crate::{
    Refusal, Role,
    products::{Compiled, ProductChanged, Step},
};

fn second() -> String {
    LOAN.replace("version: 1", "version: 2").replace("rate: 0.12", "rate: 0.06")
}

#[test]
fn every_kind_has_contracts() {
    let mut here: Vec<_> = Compiled::KINDS.iter().map(|(name, _)| *name).collect();
    let mut there: Vec<_> = product::kinds::ALL.iter().map(|kind| kind.name).collect();
    here.sort_unstable();
    there.sort_unstable();
    assert_eq!(here, there);
}

#[tokio::test]
async fn nobody_approves_what_he_wrote() {
    let world = World::new().await;
    let draft = Command::Draft(second());
    world.ok("draft", draft.clone()).await;
    // Somebody else edits it, so both are authors; the approver goes by either name.
    let mut call = world.operator("edit", &draft);
    call.caller.actor = "editor".to_owned();
    draft.give(&world.bank, &call).await.unwrap();
    let approve = Command::Step("loan", 2, Step::Approve);
    for (key, name) in [("x", "operator"), ("y", "editor")] {
        let mut call = world.call(Role::Approver, key, &approve);
        call.caller.actor = name.to_owned();
        let refusal = approve.give(&world.bank, &call).await.unwrap_err();
        assert_eq!(refusal, Refusal::Product(Reject::SamePerson));
    }
    let refusal = world.give(Role::Operator, "z", &approve).await.unwrap_err();
    assert_eq!(refusal, Refusal::Forbidden(crate::Right::ReleaseProducts));
    world.give(Role::Approver, "approve", &approve).await.unwrap();
    let refusal = world.refused("late", draft).await;
    assert_eq!(refusal, Refusal::Product(Reject::Immutable));
}

#[tokio::test]
async fn two_approvals_at_once_are_one() {
    let world = World::new().await;
    world.ok("draft", Command::Draft(second())).await;
    let approve = Command::Step("loan", 2, Step::Approve);
    let both = join_all(["x", "y"].map(|key| world.give(Role::Approver, key, &approve))).await;
    assert_eq!(both.iter().filter(|it| it.is_ok()).count(), 1);
    let refused = both.into_iter().find_map(Result::err);
    assert_eq!(refused, Some(Refusal::Product(Reject::WrongStatus { status: Status::Approved })));
}

#[tokio::test]
async fn drafts_of_one_version_at_once_lose_no_author() {
    let world = World::new().await;
    let draft = Command::Draft(second());
    let drafts = ["x", "y", "z"].map(|name| {
        let mut call = world.operator(name, &draft);
        call.caller.actor = name.to_owned();
        let (draft, bank) = (&draft, &world.bank);
        async move { draft.give(bank, &call).await.unwrap() }
    });
    join_all(drafts).await;
    let version = world.bank.product(&world.reader(), "loan", 2).await.unwrap().record;
    assert_eq!(version.authors.into_iter().collect::<Vec<_>>(), ["x", "y", "z"]);
    assert_eq!(version.status, Status::Checked);
}

#[tokio::test]
async fn a_contract_keeps_its_version() {
    let world = World::new().await;
    let party = world.person(1).await;
    let before = world.lend("before", party, 9_000_00, 6).await;
    let between = world.signed("between", party, 9_000_00, 6).await;
    world.publish("loan", 2, &second()).await;
    world.ok("between/disburse", Command::Disburse(between)).await;
    let after = world.lend("after", party, 9_000_00, 6).await;
    world.close_day().await;
    for (loan, version, interest) in [(before, 1, 3_00), (between, 1, 3_00), (after, 2, 1_50)] {
        assert_eq!(world.loan(loan).await.loan.version, version);
        assert_eq!(world.position(loan).await.interest, yuan(interest).amount);
    }
    // A retired version's contracts live on.
    let retire = Command::Step("loan", 1, Step::Retire);
    world.give(Role::Approver, "retire", &retire).await.unwrap();
    world.close_day().await;
    let quote = world.bank.settlement_quote(&world.reader(), before, None).await.unwrap();
    world.ok("settle", Command::Settle(before, quote.total.minor())).await;
    world.check().await;
}

#[tokio::test]
async fn a_suspended_product_makes_no_contracts() {
    let world = World::new().await;
    let party = world.person(1).await;
    let suspend = Command::Step("loan", 1, Step::Suspend);
    world.give(Role::Approver, "suspend", &suspend).await.unwrap();
    let refusal = world.refused("apply", World::apply(party, 1_000_00, 6)).await;
    assert_eq!(refusal, Refusal::NotFound("product in force"));
    let resume = Command::Step("loan", 1, Step::Resume);
    world.give(Role::Approver, "resume", &resume).await.unwrap();
    world.ok("apply", World::apply(party, 1_000_00, 6)).await;
}

#[tokio::test]
async fn all_problems_of_a_draft_are_told() {
    let world = World::new().await;
    let wrong = LOAN.replace("roll: unadjusted", "roll: sideways").replace("0.12", "-1");
    let refusal = world.refused("draft", Command::Draft(wrong.clone())).await;
    let Refusal::Definition(problems) = refusal else { panic!("{refusal:?}") };
    let paths: Vec<_> = problems.iter().map(|it| it.path.as_str()).collect();
    assert!(paths.contains(&"/terms/repayment/roll"), "{paths:?}");
    assert!(paths.contains(&"/terms/interest/rate"), "{paths:?}");
    let checked = world.bank.check_product(&world.reader(), &wrong).await.unwrap();
    assert_eq!(checked, problems);
    assert!(world.bank.check_product(&world.reader(), LOAN).await.unwrap().is_empty());
    let refusal = world.refused("skip", Command::Draft(LOAN.replace("version: 1", "version: 3")));
    assert_eq!(refusal.await, Refusal::Product(Reject::WrongVersion { next: 2 }));
}

#[tokio::test]
async fn a_version_is_published_from_a_day() {
    let world = World::new().await;
    world.ok("draft", Command::Draft(second())).await;
    let approver = |key: &'static str, step| {
        let world = &world;
        async move { world.give(Role::Approver, key, &Command::Step("loan", 2, step)).await }
    };
    approver("approve", Step::Approve).await.unwrap();
    let past = approver("past", Step::Publish(FIRST.yesterday().unwrap())).await;
    assert_eq!(past, Err(Refusal::Product(Reject::InThePast)));
    let friday = FIRST.tomorrow().unwrap();
    let (answer, _) = approver("publish", Step::Publish(friday)).await.unwrap();
    let published: ProductChanged = serde_json::from_str(&answer).unwrap();
    assert_eq!(published.status, Status::Published);
    let party = world.person(1).await;
    let thursday = world.lend("a", party, 1_000_00, 6).await;
    world.close_day().await;
    let friday = world.lend("b", party, 1_000_00, 6).await;
    assert_eq!(world.loan(thursday).await.loan.version, 1);
    assert_eq!(world.loan(friday).await.loan.version, 2);
}

#[test]
fn rules_know_the_levels_a_party_can_have() {
    use party::KycLevel::{Declared, FaceToFace, None, Verified};
    let names = [None, Declared, Verified, FaceToFace].map(|it| serde_json::json!(it));
    assert_eq!(serde_json::json!(names), serde_json::json!(product::eligibility::KYC_LEVELS));
}
