//! What happens to a loan beside being paid back as agreed, over HTTP.

use serde_json::{Value, json};

use super::world::{World, example};

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "CNY" })
}

fn late(on: &str, amount: &str) -> Value {
    json!({ "on": on, "fact": { "what": "repayment", "amount": money(amount) } })
}

#[tokio::test]
async fn a_payment_is_booked_late_and_taken_back() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;
    let (_, loan) = world.loan(keys, &party).await;
    let loan = format!("/v1/loans/{loan}");
    world.close_until(keys, "2024-04-10").await;
    let read = world.get(&keys.operator, &loan).await.expect(200);
    assert_ne!(read.get("/position/days_past_due"), "0");
    let before = read.get("/position/due/total");

    let facts = format!("{loan}/facts");
    let asked = late("2024-04-01", "1015.00");
    let shown = world.post(&keys.operator, &format!("{facts}/preview"), asked).await.expect(200);
    assert_eq!(shown.get("/loan/position/days_past_due"), "0");
    let unchanged = world.get(&keys.operator, &loan).await.expect(200);
    assert_eq!(unchanged.text, read.text, "a preview books nothing");
    let paid = world.post(&keys.operator, &facts, late("2024-04-01", "1015.00")).await.expect(200);
    assert_eq!(paid.get("/due/total"), "0.00", "paid in time, there is no penalty");
    let read = world.get(&keys.operator, &loan).await.expect(200);
    assert_eq!(read.get("/position"), shown.get("/loan/position"), "as it was previewed");

    let too_early = world.post(&keys.operator, &facts, late("2024-02-29", "1.00")).await;
    assert_eq!(too_early.expect(422).get("/code"), "before-disbursal");
    let listed = world.get(&keys.auditor, &facts).await.expect(200);
    assert_eq!(listed.get("/facts/0/what"), "disbursal");
    assert_eq!(listed.get("/facts/1/on"), "2024-04-01");
    assert_eq!(listed.get("/facts/1/booked_on"), read.get("/position/business_date"));

    let reversal = format!("{facts}/1/reversal");
    world.post(&keys.operator, &reversal, Value::Null).await.expect(403);
    let taken = world.post(&keys.approver, &reversal, Value::Null).await.expect(200);
    assert_eq!(taken.get("/due/total"), before, "as if it had not been paid");
    let again = world.post(&keys.approver, &reversal, Value::Null).await.expect(422);
    assert_eq!(again.get("/code"), "already-reversed");
    let balance = world.get(&keys.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(balance.get("/difference/0/amount"), "0.00");
}

#[tokio::test]
async fn a_loan_is_changed_by_two() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;
    let (_, loan) = world.loan(keys, &party).await;
    let changes = format!("/v1/loans/{loan}/changes");
    let extend = json!({ "fact": {
        "what": "rescheduling", "kind": "extension",
        "due": ["2024-06-01", "2024-07-01", "2024-08-01", "2024-09-01"],
    } });
    world.post(&keys.operator, &changes, extend.clone()).await.expect(403);
    let shown = world.post(&keys.operator, &format!("{changes}/preview"), extend.clone()).await;
    assert_eq!(shown.expect(200).get("/plan/0/due"), "2024-06-01");
    let alone = world.post(&keys.approver, &changes, extend.clone()).await.expect(422);
    assert_eq!(alone.get("/code"), "proposal-needed");
    let proposals = format!("/v1/loans/{loan}/proposals");
    let proposed = world.post(&keys.operator, &proposals, extend).await.expect(201).get("/id");
    let approval = format!("/v1/proposals/{proposed}/approval");
    world.post(&keys.approver, &approval, Value::Null).await.expect(200);
    let schedule = world.get(&keys.operator, &format!("/v1/loans/{loan}/schedule")).await;
    assert_eq!(schedule.get("/instalments/3/planned/due"), "2024-09-01");
    assert_eq!(schedule.get("/instalments/3/planned/principal"), "750.00");

    let bad = [
        (json!({ "what": "rate-change", "rate": "101" }), 422, "rate-out-of-range"),
        (json!({ "what": "interest-pause", "until": "2024-02-01" }), 422, "dates-not-in-order"),
    ];
    for (fact, status, code) in bad {
        let reply = world.post(&keys.operator, &proposals, json!({ "fact": fact })).await;
        assert_eq!(reply.expect(status).get("/code"), code);
    }
    let bad = [
        (json!({ "what": "rate-change", "rate": "4.5%" }), 400, "malformed-body"),
        (json!({ "what": "rate-change", "rate": "4.5" }), 422, "proposal-needed"),
        (json!({ "what": "interest-pause", "until": "2024-06-01" }), 422, "proposal-needed"),
        (json!({ "what": "waiver", "interest": money("1.00") }), 422, "proposal-needed"),
        (json!({ "what": "charge-off" }), 422, "proposal-needed"),
        (json!({ "what": "write-off" }), 422, "proposal-needed"),
        (json!({ "what": "sale", "price": money("1.00") }), 422, "proposal-needed"),
        (json!({ "what": "nothing" }), 400, "malformed-body"),
    ];
    for (fact, status, code) in bad {
        let reply = world.post(&keys.approver, &changes, json!({ "fact": fact })).await;
        assert_eq!(reply.expect(status).get("/code"), code);
    }
}
