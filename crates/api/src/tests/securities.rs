//! What stands behind a loan, over HTTP.

use serde_json::{Value, json};

use super::world::{World, example};

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "CNY" })
}

fn car(value: &str, share: &str) -> Value {
    json!({
        "what": "collateral", "kind": "vehicle", "description": "京A12345", "share": share,
        "value": money(value), "valued_on": "2024-03-01", "valuer": "Dealer's invoice",
    })
}

/// A signed car loan of 80,000.00.
async fn signed(world: &World, party: &str) -> String {
    let body = json!({ "party": party, "product": "car-loan", "amount": money("80000.00"),
        "price": money("100000.00") });
    let apply = world.post(&world.home.operator, "/v1/applications", body).await.expect(201);
    let sign = format!("/v1/applications/{}/sign", apply.get("/id"));
    world.post(&world.home.operator, &sign, Value::Null).await.expect(200).get("/loan")
}

#[tokio::test]
async fn a_car_loan_is_paid_out_for_a_car() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("car-loan")).await;
    let (party, friend) = (world.party(keys, 281).await, world.party(keys, 282).await);
    let loan = signed(&world, &party).await;
    let (securities, disburse) =
        (format!("/v1/loans/{loan}/securities"), format!("/v1/loans/{loan}/disburse"));
    let bare = world.post(&keys.operator, &disburse, Value::Null).await.expect(422);
    assert_eq!(bare.get("/code"), "collateral-missing");

    world.post(&keys.approver, &securities, car("90000.00", "1")).await.expect(403);
    let made = world.post(&keys.operator, &securities, car("90000.00", "1")).await.expect(201);
    assert_eq!(made.get("/value/amount"), "90000.00");
    let shown = world.get(&keys.auditor, &securities).await.expect(200);
    assert_eq!(shown.get("/loan_to_value"), "0.8889");
    assert_eq!(
        (shown.get("/limit"), shown.get("/lacks")),
        ("0.8".into(), "loan-to-value-exceeded".into())
    );
    let little = world.post(&keys.operator, &disburse, Value::Null).await.expect(422);
    assert_eq!(little.get("/code"), "loan-to-value-exceeded");

    let valuation = format!("{securities}/{}/valuation", made.get("/id"));
    let new = json!({ "value": money("100000.00"), "valued_on": "2024-03-01", "valuer": "Guide" });
    world.post(&keys.operator, &valuation, new).await.expect(200);
    let answers = json!({ "what": "guarantee", "guarantor": friend, "kind": "joint" });
    let guarantor = world.post(&keys.operator, &securities, answers.clone()).await.expect(201);
    world.post(&keys.operator, &disburse, Value::Null).await.expect(200);
    let shown = world.get(&keys.auditor, &securities).await.expect(200);
    assert_eq!((shown.get("/loan_to_value"), shown.get("/lacks")), ("0.8".into(), "null".into()));
    let listed = shown.json()["securities"].as_array().unwrap().len();
    assert_eq!(listed, 2);

    let release = |id: String| format!("{securities}/{id}/release");
    let car = release(made.get("/id"));
    let needed = world.post(&keys.operator, &car, Value::Null).await.expect(422);
    assert_eq!(needed.get("/code"), "collateral-missing");
    let friend_is_free = release(guarantor.get("/id"));
    world.post(&keys.operator, &friend_is_free, Value::Null).await.expect(200);
    world.post(&keys.operator, &friend_is_free, Value::Null).await.expect(404);
    world.post(&keys.operator, &securities, answers).await.expect(201);
    let balance = world.get(&keys.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(balance.get("/difference/0/amount"), "0.00");
}

#[tokio::test]
async fn what_is_not_sound_is_refused_by_name() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("car-loan")).await;
    let party = world.party(keys, 281).await;
    let (loan, other) = (signed(&world, &party).await, signed(&world, &party).await);
    let path = |loan: &str| format!("/v1/loans/{loan}/securities");
    let made = world.post(&keys.operator, &path(&loan), car("90000.00", "0.6")).await.expect(201);
    let pledge =
        |share: &str| json!({ "what": "pledge", "collateral": made.get("/id"), "share": share });
    let house = json!({
        "what": "collateral", "kind": "real-estate", "description": "x", "share": "1",
        "value": money("1.00"), "valued_on": "2024-03-01", "valuer": "x",
    });
    let bad = [
        (pledge("0.41"), 422, "pledged-beyond-value"),
        (pledge("0"), 422, "share-out-of-range"),
        (pledge("half"), 400, "malformed-body"),
        (car("0.00", "1"), 422, "value-out-of-range"),
        (car("-1.00", "1"), 400, "malformed-body"),
        (house, 422, "security-not-taken"),
        (
            json!({ "what": "guarantee", "guarantor": party, "kind": "joint" }),
            422,
            "guarantor-is-borrower",
        ),
        (
            json!({ "what": "guarantee", "guarantor": super::world::uuid(9), "kind": "joint" }),
            404,
            "not-found",
        ),
        (json!({ "what": "promise" }), 400, "malformed-body"),
    ];
    for (body, status, code) in bad {
        let reply = world.post(&keys.operator, &path(&other), body).await;
        assert_eq!(reply.expect(status).get("/code"), code);
    }
    let twice = world.post(&keys.operator, &path(&loan), pledge("0.1")).await.expect(422);
    assert_eq!(twice.get("/code"), "already-pledged");
    world.post(&keys.operator, &path(&other), pledge("0.4")).await.expect(201);
    let yesterday = json!({ "value": money("1.00"), "valued_on": "2024-02-29", "valuer": "x" });
    let valuation = format!("{}/{}/valuation", path(&loan), made.get("/id"));
    let old = world.post(&keys.operator, &valuation, yesterday).await.expect(422);
    assert_eq!(old.get("/code"), "valuation-out-of-order");
}
