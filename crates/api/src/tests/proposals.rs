//! Proposals over HTTP: what gives something up takes two.

use serde_json::{Value, json};

use super::world::{World, example};

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "CNY" })
}

/// A loan that is paid out.
async fn lent(world: &World) -> String {
    world.publish(&world.home, &example("pay-in-3")).await;
    let party = world.party(&world.home, 281).await;
    world.loan(&world.home, &party).await.1
}

#[tokio::test]
async fn a_charge_off_takes_an_operator_and_an_approver() {
    let world = World::new().await;
    let (keys, loan) = (&world.home, lent(&world).await);
    let proposals = format!("/v1/loans/{loan}/proposals");
    let charge_off = json!({ "fact": { "what": "charge-off" } });
    world.post(&keys.approver, &proposals, charge_off.clone()).await.expect(403);
    let made = world.post(&keys.operator, &proposals, charge_off).await.expect(201);
    let (id, place) = (made.get("/id"), made.header("location").unwrap().to_owned());
    assert_eq!(place, format!("/v1/proposals/{id}"));

    let work = world.get(&keys.approver, "/v1/proposals").await.expect(200);
    assert_eq!(work.get("/data/0/id"), id);
    assert_eq!(work.get("/data/0/what"), "charge-off");
    assert_eq!(work.get("/data/0/proposed_by"), "operator@home");
    assert_eq!(work.get("/data/0/shown/status"), "charged-off");
    let read = world.get(&keys.auditor, &place).await.expect(200);
    assert_eq!(read.get(""), work.get("/data/0"));

    let approval = format!("{place}/approval");
    world.post(&keys.operator, &approval, Value::Null).await.expect(403);
    let gone = world.post(&keys.approver, &approval, Value::Null).await.expect(200);
    assert_eq!(gone.get("/status"), "charged-off");
    assert_eq!(gone.get("/due/total"), read.get("/shown/due/total"));
    let again = world.post(&keys.approver, &approval, Value::Null).await.expect(422);
    assert_eq!(again.get("/code"), "proposal-decided");
    let read = world.get(&keys.auditor, &place).await.expect(200);
    assert_eq!(
        (read.get("/status"), read.get("/decided_by")),
        ("approved".into(), "approver@home".into())
    );
    assert_eq!(world.get(&keys.approver, "/v1/proposals").await.json()["data"], json!([]));
    let listed = world.get(&keys.auditor, "/v1/proposals?status=approved").await.expect(200);
    assert_eq!(listed.get("/data/0/id"), id);
    world.get(&keys.auditor, "/v1/proposals?status=maybe").await.expect(400);

    let recovery = json!({ "fact": { "what": "repayment", "amount": money("100.00") } });
    let facts = format!("/v1/loans/{loan}/facts");
    let recovered = world.post(&keys.operator, &facts, recovery).await.expect(200);
    assert_eq!(recovered.get("/due/total"), "2900.00");
    let sheet = world.get(&keys.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(sheet.get("/difference/0/amount"), "0.00");
}

#[tokio::test]
async fn a_proposal_is_turned_down_taken_back_or_outlived() {
    let world = World::new().await;
    let (keys, loan) = (&world.home, lent(&world).await);
    let proposals = format!("/v1/loans/{loan}/proposals");
    world.close_until(keys, "2024-04-10").await;
    let propose = async || {
        let sale = json!({ "fact": { "what": "sale", "price": money("2000.00") } });
        let made = world.post(&keys.operator, &proposals, sale).await.expect(201);
        made.header("location").unwrap().to_owned()
    };
    let [turned_down, taken_back, outlived] = [propose().await, propose().await, propose().await];

    let rejection = format!("{turned_down}/rejection");
    let short = world.post(&keys.approver, &rejection, json!({ "reason": " " })).await.expect(422);
    assert_eq!(short.get("/code"), "reason-out-of-range");
    let reason = json!({ "reason": "The price is too low." });
    let ended = world.post(&keys.approver, &rejection, reason).await.expect(200);
    assert_eq!(ended.get("/status"), "rejected");
    let read = world.get(&keys.operator, &turned_down).await.expect(200);
    assert_eq!(read.get("/reason"), "The price is too low.");
    assert_eq!(read.get("/amount/amount"), "2000.00");

    let withdrawal = format!("{taken_back}/withdrawal");
    world.post(&keys.approver, &withdrawal, Value::Null).await.expect(403);
    let ended = world.post(&keys.operator, &withdrawal, Value::Null).await.expect(200);
    assert_eq!(ended.get("/status"), "withdrawn");

    let pay = json!({ "fact": { "what": "repayment", "amount": money("1.00") } });
    world.post(&keys.operator, &format!("/v1/loans/{loan}/facts"), pay).await.expect(200);
    let approval = format!("{outlived}/approval");
    let moved = world.post(&keys.approver, &approval, Value::Null).await.expect(422);
    assert_eq!(moved.get("/code"), "loan-moved");
    let listed = world.get(&keys.auditor, &format!("{proposals}?limit=2")).await.expect(200);
    assert_eq!(
        (listed.get("/data/0/status"), listed.get("/data/1/status")),
        ("rejected".into(), "withdrawn".into())
    );
    let next = format!("{proposals}?limit=2&after={}", listed.get("/next"));
    assert_eq!(world.get(&keys.auditor, &next).await.expect(200).get("/data/0/status"), "open");
}

#[tokio::test]
async fn what_is_proposed_must_be_one_thing_that_could_happen() {
    let world = World::new().await;
    let (keys, loan) = (&world.home, lent(&world).await);
    let proposals = format!("/v1/loans/{loan}/proposals");
    let extend = json!({
        "what": "rescheduling", "kind": "extension", "distressed": true,
        "due": ["2024-06-01", "2024-07-01", "2024-08-01", "2024-09-01"],
    });
    let bad = [
        (json!({}), 400, "malformed-body"),
        (json!({ "fact": extend, "reversal": 0 }), 400, "malformed-body"),
        (json!({ "reversal": 0, "on": "2024-03-01" }), 400, "malformed-body"),
        (json!({ "reversal": 0 }), 422, "not-reversible"),
        (json!({ "reversal": 3 }), 422, "no-such-fact"),
        (json!({ "fact": { "what": "write-off" } }), 422, "not-charged-off"),
        (json!({ "fact": { "what": "waiver", "interest": money("1.00") } }), 422, "more-than-due"),
        (
            json!({ "fact": { "what": "repayment", "amount": money("1.00") } }),
            400,
            "malformed-body",
        ),
    ];
    for (body, status, code) in bad {
        let reply = world.post(&keys.operator, &proposals, body).await;
        assert_eq!(reply.expect(status).get("/code"), code);
    }
    let made = world.post(&keys.operator, &proposals, json!({ "fact": extend })).await.expect(201);
    let place = made.header("location").unwrap().to_owned();
    let read = world.get(&keys.operator, &place).await.expect(200);
    assert_eq!((read.get("/due/3"), read.get("/on")), ("2024-09-01".into(), "2024-03-01".into()));
    assert_eq!(read.get("/shown/plan/3/principal"), "750.00");
    world.post(&keys.approver, &format!("{place}/approval"), Value::Null).await.expect(200);
    let schedule = world.get(&keys.operator, &format!("/v1/loans/{loan}/schedule")).await;
    assert_eq!(schedule.get("/instalments/3/planned/due"), "2024-09-01");
}
