//! A credit line over HTTP, from asking for it to its end.

use money::Decimal;
use serde_json::{Value, json};

use super::world::{Reply, World, example};

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "CNY" })
}

/// A line of 20,000 for a party, opened: the ids of the application and of the line.
pub(super) async fn open(world: &World, party: &str) -> (Reply, String, String) {
    let keys = &world.home;
    world.publish(keys, &example("revolving-credit")).await;
    let (product, limit) = ("revolving-credit", money("20000.00"));
    let body = json!({ "party": party, "product": product, "limit": limit });
    let applied = world.post(&keys.operator, "/v1/line-applications", body).await.expect(201);
    let application = applied.get("/id");
    let sign = format!("/v1/line-applications/{application}/sign");
    let signed = world.post(&keys.operator, &sign, Value::Null).await.expect(200);
    (applied, application, signed.get("/line"))
}

#[tokio::test]
async fn an_offer_tells_what_a_drawing_costs() {
    let world = World::new().await;
    let keys = &world.home;
    let party = world.party(keys, 281).await;
    let (applied, application, _) = open(&world, &party).await;
    assert_eq!(applied.get("/decision/status"), "approved");
    assert_eq!(applied.get("/decision/offer/months"), "24");
    assert_eq!(applied.get("/decision/offer/drawing/principal"), "20000.00");
    // 0.03 % a day, twelve level instalments from 1 March 2024: discounted apart, without rounding
    // to cents, that is 11.008052 %.
    let cost: Decimal = applied.get("/decision/offer/drawing/annual_cost_simple").parse().unwrap();
    assert_eq!(cost.round_dp(5), Decimal::new(11_008, 5), "{cost}");
    let path = applied.header("location").unwrap();
    let read = world.get(&keys.auditor, path).await.expect(200);
    assert_eq!(read.get("/decision/status"), "signed");
    let sign = format!("/v1/line-applications/{application}/sign");
    let again = world.post(&keys.operator, &sign, Value::Null).await;
    assert_eq!(again.expect(422).get("/code"), "already-signed");
}

#[tokio::test]
async fn a_line_is_drawn_on_repaid_and_closed() {
    let world = World::new().await;
    let keys = &world.home;
    let party = world.party(keys, 281).await;
    let line = format!("/v1/lines/{}", open(&world, &party).await.2);
    let drawings = format!("{line}/drawings");
    let draw = json!({ "amount": money("12000.00"), "term": 3 });
    let drawn = world.post(&keys.operator, &drawings, draw).await.expect(200);
    assert_eq!(drawn.get("/available/amount"), "8000.00");
    let loan = drawn.get("/loan");
    let loan = world.get(&keys.auditor, &format!("/v1/loans/{loan}")).await.expect(200);
    assert_eq!(loan.get("/status"), "active");
    assert_eq!(format!("/v1/lines/{}", loan.get("/line")), line);
    let more = json!({ "amount": money("8000.01") });
    let refused = world.post(&keys.operator, &drawings, more).await.expect(422);
    assert_eq!(refused.get("/code"), "beyond-the-limit");
    let odd = json!({ "amount": money("500.00"), "term": 5 });
    let refused = world.post(&keys.operator, &drawings, odd).await.expect(422);
    assert_eq!(refused.get("/code"), "not-offered");

    let hold = json!({ "amount": money("399.00"), "purpose": "order 20240301-7" });
    let held = world.post(&keys.operator, &format!("{line}/holds"), hold).await.expect(200);
    assert_eq!((held.get("/hold"), held.get("/available/amount")), ("1".into(), "7601.00".into()));
    let read = world.get(&keys.auditor, &line).await.expect(200);
    assert_eq!(read.get("/holds/0/until"), "2024-03-07");
    assert_eq!(read.get("/utilisation/share"), "0.62");
    let frozen = json!({ "reason": "The borrower lost the phone." });
    world.post(&keys.operator, &format!("{line}/freeze"), frozen.clone()).await.expect(200);
    let refused = world.post(&keys.operator, &drawings, json!({ "amount": money("100.00") })).await;
    assert_eq!(refused.expect(422).get("/code"), "line-frozen");
    let part = json!({ "amount": money("300.00"), "term": 1 });
    let captured = world.post(&keys.operator, &format!("{line}/holds/1/capture"), part).await;
    let bought = captured.expect(200).get("/loan");
    let release = format!("{line}/holds/1/release");
    let refused = world.post(&keys.operator, &release, Value::Null).await.expect(422);
    assert_eq!(refused.get("/code"), "hold-captured");
    world.post(&keys.operator, &format!("{line}/unfreeze"), frozen.clone()).await.expect(403);
    world.post(&keys.approver, &format!("{line}/unfreeze"), frozen).await.expect(200);

    let lower = json!({ "limit": money("10000.00") });
    world.post(&keys.operator, &format!("{line}/limit"), lower.clone()).await.expect(403);
    let lowered = world.post(&keys.approver, &format!("{line}/limit"), lower).await.expect(200);
    assert_eq!(lowered.get("/available/amount"), "0.00");
    let raise = json!({ "limit": money("60000.00"), "until": "2024-03-30" });
    let raised = world.post(&keys.approver, &format!("{line}/temporary-limit"), raise).await;
    assert_eq!(raised.expect(200).get("/available/amount"), "47700.00");
    let too_long = json!({ "limit": money("60000.00"), "until": "2024-03-31" });
    let refused = world.post(&keys.approver, &format!("{line}/temporary-limit"), too_long).await;
    assert_eq!(refused.expect(422).get("/code"), "not-offered");
    world.post(&keys.approver, &format!("{line}/renew"), Value::Null).await.expect(200);

    let close = format!("{line}/close");
    let refused = world.post(&keys.operator, &close, Value::Null).await.expect(422);
    assert_eq!(refused.get("/code"), "line-in-use");
    for loan in [&drawn.get("/loan"), &bought] {
        let quote = world.get(&keys.operator, &format!("/v1/loans/{loan}/settlement-quote")).await;
        let total = json!({ "amount": quote.expect(200).json()["total"] });
        world
            .post(&keys.operator, &format!("/v1/loans/{loan}/settlement"), total)
            .await
            .expect(200);
    }
    let read = world.get(&keys.auditor, &line).await.expect(200);
    assert_eq!(read.get("/utilisation/drawn/amount"), "0.00");
    let closed = world.post(&keys.operator, &close, Value::Null).await.expect(200);
    assert_eq!(closed.get("/status"), "closed");
    let listed = world.get(&keys.auditor, &format!("/v1/lines?party={party}")).await.expect(200);
    assert_eq!(listed.get("/data/0/drawings"), "2");
    let balance = world.get(&keys.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(balance.get("/difference/0/amount"), "0.00");
}
