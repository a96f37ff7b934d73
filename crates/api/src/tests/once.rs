//! Idempotency: once, whatever is repeated.

use bank::{Right, Role};
use serde_json::{Value, json};

use super::world::{Ask, World, example, person};

#[tokio::test]
async fn a_repetition_is_answered_the_same_and_changes_nothing() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("wallet")).await;
    let party = world.party(keys, 281).await;
    let open = json!({ "party": party, "product": "wallet" });
    let account = world.post(&keys.operator, "/v1/accounts", open).await.get("/account");
    let path = format!("/v1/accounts/{account}/deposits");
    let body = json!({ "amount": { "amount": "100.00", "currency": "CNY" } });
    let ask = || Ask::new("POST", &path).header("idempotency-key", "once").json(&body);

    let first = world.ask(&keys.operator, ask()).await.expect(200);
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = world.ask(&keys.operator, ask()).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.text, first.text);
    let read = world.get(&keys.operator, &format!("/v1/accounts/{account}")).await;
    assert_eq!(read.get("/balance/amount"), "100.00");

    let other = json!({ "amount": { "amount": "100.01", "currency": "CNY" } });
    let ask = Ask::new("POST", &path).header("idempotency-key", "once").json(&other);
    let refused = world.ask(&keys.operator, ask).await.expect(422);
    assert_eq!(refused.get("/code"), "idempotency-key-reused");
    // The same body to another path is another request.
    let path = format!("/v1/accounts/{account}/withdrawals");
    let ask = Ask::new("POST", &path).header("idempotency-key", "once").json(&body);
    assert_eq!(world.ask(&keys.operator, ask).await.get("/code"), "idempotency-key-reused");
    // Another institution has keys of its own.
    let ask = Ask::new("POST", "/v1/parties").header("idempotency-key", "once").json(&person(281));
    world.ask(&world.away.operator, ask).await.expect(201);
}

#[tokio::test]
async fn a_repetition_of_what_would_be_refused_now_is_answered_as_before() {
    let world = World::new().await;
    let keys = &world.home;
    let ask =
        || Ask::new("POST", "/v1/parties").header("idempotency-key", "register").json(&person(281));
    let first = world.ask(&keys.operator, ask()).await.expect(201);
    let again = world.ask(&keys.operator, ask()).await.expect(201);
    assert_eq!(
        (again.text, again.headers.get("location")),
        (first.text, first.headers.get("location"))
    );
    let another = world.post(&keys.operator, "/v1/parties", person(281)).await.expect(409);
    assert_eq!(another.get("/code"), "exists");
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_done_once() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("wallet")).await;
    let party = world.party(keys, 281).await;
    let open = json!({ "party": party, "product": "wallet" });
    let account = world.post(&keys.operator, "/v1/accounts", open).await.get("/account");
    let path = format!("/v1/accounts/{account}/deposits");
    let body = json!({ "amount": { "amount": "100.00", "currency": "CNY" } });
    let ask = || Ask::new("POST", &path).header("idempotency-key", "once").json(&body);
    let send = || world.ask(&keys.operator, ask());
    let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
    let replies = [a, b, c, d].map(|it| it.expect(200));
    let replayed = replies.iter().filter(|it| it.header("idempotent-replayed").is_some());
    assert_eq!(replayed.count(), 3);
    assert!(replies.iter().all(|it| it.text == replies[0].text));
    let read = world.get(&keys.operator, &format!("/v1/accounts/{account}")).await;
    assert_eq!(read.get("/balance/amount"), "100.00");
}

#[tokio::test]
async fn a_key_of_the_platforms_own_form_does_not_stand_in_its_way() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;
    let (_, loan) = world.loan(keys, &party).await;
    let mean = format!("close-loan-day/2024-03-01/{loan}");
    let ask = Ask::new("POST", "/v1/parties").header("idempotency-key", &mean).json(&person(282));
    world.ask(&keys.operator, ask).await.expect(201);
    world.close_until(keys, "2024-03-04").await;
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let world = World::new().await;
    let body = json!({ "name": "shop", "role": "partner" });
    let ask = || Ask::new("POST", "/v1/keys").header("idempotency-key", "key").json(&body);
    let first = world.ask(&world.home.operator, ask()).await.expect(201);
    let again = world.ask(&world.home.operator, ask()).await.expect(201);
    assert_eq!(again.get("/id"), first.get("/id"));
    assert_eq!(again.json()["key"], Value::Null);
    let key = first.get("/key");
    assert_eq!(world.get(&key, "/v1/me").await.expect(200).get("/role"), "partner");
    let path = format!("/v1/keys/{}", first.get("/id"));
    world.ask(&world.home.operator, Ask::new("DELETE", &path)).await.expect(200);
    world.get(&key, "/v1/me").await.expect(401);
}

#[tokio::test]
async fn ids_made_for_the_caller_are_the_same_for_a_repetition() {
    let world = World::new().await;
    let account = json!({ "code": "1003", "currency": "CNY", "side": "debit" });
    let body = json!([account, account]);
    let ask = || Ask::new("POST", "/v1/ledger/accounts").header("idempotency-key", "k").json(&body);
    let first = world.ask(&world.home.operator, ask()).await.expect(201);
    let again = world.ask(&world.home.operator, ask()).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.text, first.text);
    assert_ne!(first.get("/results/0/id"), first.get("/results/1/id"));
}

#[tokio::test]
async fn every_command_asks_for_an_idempotency_key() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&crate::openapi()).unwrap();
    let bearer = format!("Bearer {}", world.home.operator);
    let mut commands = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].to_string();
            if !parameters.contains("parameters/IdempotencyKey") {
                continue;
            }
            commands += 1;
            let (path, method) = (path.replace(['{', '}'], ""), method.to_uppercase());
            let right = operation["security"][0]["key"][0].as_str().and_then(Right::named);
            let key = if right.is_none_or(|right| Role::Operator.has(right)) {
                bearer.clone()
            } else {
                format!("Bearer {}", world.home.approver)
            };
            let path = named(&path);
            for bad in [None, Some(""), Some("a b"), Some(&*"x".repeat(129))] {
                let ask = Ask::new(&method, &path).header("authorization", &key);
                let ask = ask.header("if-match", "\"1\"").text("application/json", "{}");
                let ask = bad.into_iter().fold(ask, |ask, it| ask.header("idempotency-key", it));
                let reply = world.send(ask).await.expect(400);
                assert_eq!(reply.get("/code"), "idempotency-key-missing", "{method} {path}");
            }
        }
    }
    assert!(commands > 20);
}

/// A path whose parameters are names that could be.
fn named(path: &str) -> String {
    let steps = path.split('/').enumerate().map(|(index, step)| match (index, step) {
        (
            3..=5,
            "party" | "application" | "loan" | "line" | "account" | "deposit" | "key" | "transfer"
            | "proposal" | "migration" | "security",
        )
        | (5, "freeze" | "stop") => super::world::uuid(1),
        (5, "purpose") => "marketing".to_owned(),
        (4, "version") | (5, "number") => "1".to_owned(),
        (3, "year") => "2023".to_owned(),
        _ => step.to_owned(),
    });
    steps.collect::<Vec<_>>().join("/")
}
