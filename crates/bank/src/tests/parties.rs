//! Parties: one for each number, masked, erased; consents; amendments.

use futures_util::future::join_all;
use party::Reject;
use serde_json::json;
use stdx::Id;

use super::{
    command::Command,
    world::{NOW, World},
};
use crate::{
    Refusal, Role,
    parties::PartyChanged,
    tables::{PARTIES, PartyId},
};

async fn shown(world: &World, party: PartyId, clear: bool) -> serde_json::Value {
    let mut caller = world.reader();
    caller.sees_personal_data = clear;
    serde_json::to_value(world.bank.party(&caller, party).await.unwrap().record).unwrap()
}

#[tokio::test]
async fn a_number_is_registered_once() {
    let world = World::new().await;
    let first = world.person(1).await;
    let refusal = world.refused("again", Command::Register(1)).await;
    assert_eq!(refusal, Refusal::Exists("party"));
    let keys = ["a", "b", "c", "d", "e"];
    let race = Command::Register(2);
    let all = join_all(keys.map(|key| world.give(Role::Partner, key, &race))).await;
    assert_eq!(all.iter().filter(|it| it.is_ok()).count(), 1);
    let refusals = all.into_iter().filter_map(Result::err);
    assert!(refusals.into_iter().all(|it| it == Refusal::Exists("party")));
    let page = world.bank.parties(&world.reader(), None, 10).await.unwrap();
    assert_eq!(page.data.len(), 2);
    assert!(page.data.iter().any(|it| it.id == first));
    // Another institution's parties are its own.
    assert_ne!(world.neighbor().await.person(1).await, PartyId::NIL);
}

#[tokio::test]
async fn personal_data_is_masked_unless_it_may_be_seen() {
    let world = World::new().await;
    let party = world.person(1).await;
    let masked = shown(&world, party, false).await;
    let clear = shown(&world, party, true).await;
    assert_eq!(clear["name"], json!("样例001"));
    assert_eq!(clear["mobile"], json!("19900000001"));
    for field in ["name", "mobile", "id_number"] {
        assert_ne!(masked[field], clear[field], "{field}");
        assert!(masked[field].as_str().unwrap().contains('*'), "{field}");
    }
    // Nor is it in the log, clear or masked.
    let log = world.bank.log(&world.reader(), 0, 1_000).await.unwrap();
    for row in log.data {
        let body = String::from_utf8(row.body).unwrap();
        assert!(!body.contains("19900000001") && !body.contains("样例"), "{body}");
    }
}

#[tokio::test]
async fn who_was_erased_is_not_known_any_more() {
    let world = World::new().await;
    let party = world.person(1).await;
    let account = world.account("account", party).await;
    // There is no command yet; the record is erased as one will.
    let store = world.bank.store();
    let before = store.get(&PARTIES, world.home, party).await.unwrap().unwrap();
    let mut commit = world.operator("erase", &Command::Register(1)).commit(
        "erase-party",
        before.lane,
        world.today().await,
    );
    commit.put(&PARTIES, party, before.version, &before.record.erase(NOW));
    store.commit(commit).await.unwrap();

    let erased = shown(&world, party, true).await;
    assert_eq!((&erased["name"], &erased["kyc_level"]), (&json!(null), &json!("none")));
    let refusal = world.refused("amend", Command::Amend(party, 2, 5)).await;
    assert_eq!(refusal, Refusal::Party(Reject::Erased));
    let refusal = world.refused("consent", Command::GiveConsent(party, "v1")).await;
    assert_eq!(refusal, Refusal::Party(Reject::Erased));
    let refusal = world.refused("apply", World::apply(party, 1_000_00, 6)).await;
    assert_eq!(refusal.code(), "party-erased");
    // The contracts stand.
    world.ok("deposit", Command::Deposit(account, 1_00)).await;
    world.close_day().await;
    // Whoever it was may come again, as somebody else, once.
    let again: PartyChanged = world.answer("again", Command::Register(1)).await;
    assert_ne!(again.id, party);
    assert_eq!(world.refused("twice", Command::Register(1)).await, Refusal::Exists("party"));
    world.check().await;
}

#[tokio::test]
async fn consents_are_given_and_withdrawn() {
    let world = World::new().await;
    let party = world.person(1).await;
    let refusal = world.refused("early", Command::WithdrawConsent(party)).await;
    assert_eq!(refusal, Refusal::Party(Reject::NoConsent));
    world.ok("v1", Command::GiveConsent(party, "v1")).await;
    let refusal = world.refused("v1 again", Command::GiveConsent(party, "v1")).await;
    assert_eq!(refusal, Refusal::Party(Reject::ConsentStands));
    world.ok("v2", Command::GiveConsent(party, "v2")).await;
    world.ok("withdraw", Command::WithdrawConsent(party)).await;
    let consents = shown(&world, party, false).await["consents"].clone();
    let consents = consents.as_array().unwrap();
    let texts: Vec<_> = consents.iter().map(|it| it["text_version"].as_str().unwrap()).collect();
    assert_eq!(texts, ["v1", "v2"]);
    assert!(consents.iter().all(|it| !it["withdrawn_at"].is_null()));
    let bad = world.refused("bad", Command::GiveConsent(party, "")).await;
    assert!(matches!(bad, Refusal::Party(Reject::Fields(_))), "{bad:?}");
}

#[tokio::test]
async fn an_amendment_is_of_what_was_read() {
    let world = World::new().await;
    let party = world.person(1).await;
    world.ok("amend", Command::Amend(party, 1, 50)).await;
    let refusal = world.refused("stale", Command::Amend(party, 1, 51)).await;
    assert_eq!(refusal, Refusal::Changed);
    assert_eq!(shown(&world, party, true).await["mobile"], json!("19900000050"));
    let both = ["x", "y"].map(|key| (key, Command::Amend(party, 2, 52)));
    let both = join_all(both.iter().map(|(key, it)| world.give(Role::Operator, key, it))).await;
    assert_eq!(both.iter().filter(|it| it.is_ok()).count(), 1);
    assert!(both.contains(&Err(Refusal::Changed)));
}

#[tokio::test]
async fn every_bad_field_is_told() {
    let world = World::new().await;
    let bad = |text: &str| party::Personal::new(text);
    let registration = party::Registration {
        id_number: bad("110105199001011234"),
        mobile: bad("12"),
        name: bad(""),
        ..super::command::person(1)
    };
    let call = world.operator("bad", &Command::Register(1));
    let refusal = world.bank.register_party(&call, &registration).await.unwrap_err();
    let Refusal::Party(Reject::Fields(fields)) = refusal else { panic!("{refusal:?}") };
    let fields: Vec<_> = fields.iter().map(|it| it.pointer).collect();
    assert_eq!(fields, ["/name", "/id_number", "/mobile"]);
    assert_eq!(world.refused("none", Command::RaiseKyc(Id::NIL)).await, Refusal::NotFound("party"));
}
