//! API keys: whose they are, and when they are nobody's.

use stdx::Id;

use super::{command::Command, world::World};
use crate::{
    Refusal, Role,
    keys::{ApiKey, KEY_NAME_LEN_MAX, NewKey},
};

fn new(name: &str, role: Role) -> NewKey {
    NewKey { name: name.to_owned(), role, sees_personal_data: false }
}

async fn key(world: &World, key: &str, new: NewKey) -> (Id<ApiKey>, String) {
    world.answer(key, Command::CreateKey(new)).await
}

#[tokio::test]
async fn a_key_is_who_it_was_made_for() {
    let world = World::new().await;
    let (_, text) = key(&world, "a", new("teller", Role::Partner)).await;
    let caller = world.bank.authenticate(&text).await.unwrap().unwrap();
    assert_eq!((caller.institution, caller.actor.as_str()), (world.home, "teller"));
    assert_eq!((caller.role, caller.sees_personal_data), (Role::Partner, false));
}

#[tokio::test]
async fn what_is_not_a_key_is_nobody() {
    let world = World::new().await;
    let (_, text) = key(&world, "a", new("teller", Role::Partner)).await;
    let (_, other) = key(&world, "b", new("other", Role::Partner)).await;
    let (id, secret) = text.rsplit_once('_').unwrap();
    let (_, other_secret) = other.rsplit_once('_').unwrap();
    let swapped = format!("{id}_{other_secret}");
    let unknown = format!("sp_{}_{secret}", "0".repeat(32));
    let half = &text[..text.len() - 2];
    let long = format!("{text}00");
    for wrong in [swapped.as_str(), &unknown, half, &long, id, "", "sp_", "sp__", "sp_é_é"] {
        assert_eq!(world.bank.authenticate(wrong).await.unwrap(), None, "{wrong}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_nobody() {
    let world = World::new().await;
    let (id, text) = key(&world, "a", new("teller", Role::Partner)).await;
    let away = world.neighbor().await;
    let refusal = away.refused("revoke", Command::RevokeKey(id)).await;
    assert_eq!(refusal, Refusal::NotFound("key"));
    assert!(world.bank.authenticate(&text).await.unwrap().is_some());
    world.ok("revoke", Command::RevokeKey(id)).await;
    assert_eq!(world.bank.authenticate(&text).await.unwrap(), None);
    world.ok("revoke again", Command::RevokeKey(id)).await;
    let operator = world.caller(Role::Operator);
    let keys = world.bank.api_keys(&operator, None, 10).await.unwrap().data;
    assert_eq!(keys.len(), 1);
    assert!(keys[0].1.record.revoked_at.is_some());
    let none = world.bank.api_keys(&away.caller(Role::Operator), None, 10).await.unwrap();
    assert!(none.data.is_empty());
}

#[tokio::test]
async fn the_secret_is_kept_nowhere() {
    let world = World::new().await;
    let (_, text) = key(&world, "a", new("teller", Role::Partner)).await;
    let (_, secret) = text.rsplit_once('_').unwrap();
    let platform = crate::tables::PLATFORM;
    let log = world.bank.store().log(platform, 0, 100).await.unwrap();
    assert!(!log.data.is_empty());
    for row in log.data {
        assert!(!String::from_utf8(row.body).unwrap().contains(secret));
    }
}

#[tokio::test]
async fn the_same_idempotency_key_of_two_institutions_makes_two_keys() {
    let world = World::new().await;
    let away = world.neighbor().await;
    let command = Command::CreateKey(new("teller", Role::Partner));
    world.ok("same", command.clone()).await;
    let mut call = away.operator("same", &command);
    call.seed = [7; 32];
    let (answer, replayed) = command.give(&away.bank, &call).await.unwrap();
    assert!(!replayed);
    let (_, text): (Id<ApiKey>, String) = serde_json::from_str(&answer).unwrap();
    let caller = away.bank.authenticate(&text).await.unwrap().unwrap();
    assert_eq!(caller.institution, away.home);
}

#[tokio::test]
async fn a_name_is_short_and_not_the_platforms() {
    let world = World::new().await;
    let long = "长".repeat(KEY_NAME_LEN_MAX + 1);
    let refusal = world.refused("a", Command::CreateKey(new(&long, Role::Partner))).await;
    assert_eq!(refusal, Refusal::TooMany("KEY_NAME_LEN_MAX", KEY_NAME_LEN_MAX));
    let refusal = world.refused("b", Command::CreateKey(new("platform", Role::Partner))).await;
    assert_eq!(refusal, Refusal::Exists("key"));
}

#[tokio::test]
async fn nobody_makes_a_key_that_may_do_or_see_more_than_his_own() {
    let world = World::new().await;
    let rows = stdx::table::parse(
        "
        maker     sees   key       sees_more => made
        operator  false  operator  false        true
        operator  false  partner   false        true
        operator  false  auditor   false        true
        operator  false  approver  false        false
        operator  false  auditor   true         false
        operator  true   auditor   true         true
        approver  false  approver  false        true
        approver  false  operator  false        false
        approver  false  partner   false        false
        ",
    );
    let role =
        |name: &str| Role::TABLE.iter().find(|row| row.1 == name).expect("a role of the table").0;
    for row in rows {
        let made = NewKey {
            name: "made".to_owned(),
            role: role(row.text("key")),
            sees_personal_data: row.get("sees_more"),
        };
        let command = Command::CreateKey(made.clone());
        let mut call = world.call(role(row.text("maker")), &format!("row {}", row.line), &command);
        call.caller.sees_personal_data = row.get("sees");
        let answer = world.bank.create_key(&call, &made).await;
        let expected = if row.get("made") { None } else { Some(Refusal::KeyBeyondOwn) };
        assert_eq!(answer.err(), expected, "line {}", row.line);
    }
}
