//! A line on whose account purchases gather, over HTTP: bought, billed, paid, corrected.

use serde_json::{Value, json};

use super::world::{World, example};

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "CNY" })
}

fn fact(what: &str, amount: &str) -> Value {
    json!({ "fact": { "what": what, "amount": money(amount) } })
}

/// A line of 5,000 for a party, opened under the product with statements on the 5th: its path.
async fn open(world: &World, party: &str) -> String {
    let keys = &world.home;
    world.publish(keys, &example("pay-later-account")).await;
    let (product, limit) = ("pay-later-account", money("5000.00"));
    let body = json!({ "party": party, "product": product, "limit": limit });
    let applied = world.post(&keys.operator, "/v1/line-applications", body).await.expect(201);
    assert_eq!(applied.get("/decision/offer/statement/day"), "5");
    let sign = format!("/v1/line-applications/{}/sign", applied.get("/id"));
    let signed = world.post(&keys.operator, &sign, Value::Null).await.expect(200);
    format!("/v1/lines/{}", signed.get("/line"))
}

/// A line with two facts and a statement: its id.
pub(super) async fn billed(world: &World, party: &str) -> String {
    let line = open(world, party).await;
    for amount in ["1000.00", "200.00"] {
        let bought = fact("purchase", amount);
        world.post(&world.home.operator, &format!("{line}/facts"), bought).await.expect(200);
    }
    world.close_until(&world.home, "2024-03-06").await;
    world.get(&world.home.auditor, &format!("{line}/statements/1")).await.expect(200);
    line["/v1/lines/".len()..].to_owned()
}

#[tokio::test]
async fn purchases_are_billed_paid_late_and_corrected() {
    let world = World::new().await;
    let keys = &world.home;
    let party = world.party(keys, 281).await;
    let line = open(&world, &party).await;
    let facts = format!("{line}/facts");
    let shown =
        world.post(&keys.auditor, &format!("{facts}/preview"), fact("cash", "100.00")).await;
    let shown = shown.expect(200);
    assert_eq!(shown.get("/entries/1/name"), "fee");
    assert_eq!(shown.get("/entries/1/amount"), "10.00");
    assert_eq!(shown.get("/account/owed/total"), "110.00");

    let hold = json!({ "amount": money("1500.00"), "purpose": "order 20240301-7" });
    world.post(&keys.operator, &format!("{line}/holds"), hold).await.expect(200);
    let mut captured = fact("purchase", "1000.00");
    captured["fact"]["hold"] = 1.into();
    let bought = world.post(&keys.operator, &facts, captured).await.expect(200);
    assert_eq!((bought.get("/fact"), bought.get("/owed/total")), ("0".into(), "1000.00".into()));
    let read = world.get(&keys.auditor, &line).await.expect(200);
    assert_eq!(read.get("/utilisation/available/amount"), "4000.00");
    let refused = world.post(&keys.operator, &facts, fact("purchase", "4000.01")).await;
    assert_eq!(refused.expect(422).get("/code"), "beyond-the-limit");
    let drawing = json!({ "amount": money("100.00") });
    let refused = world.post(&keys.operator, &format!("{line}/drawings"), drawing).await;
    assert_eq!(refused.expect(422).get("/code"), "other-use");

    world.close_until(keys, "2024-03-06").await;
    let first = world.get(&keys.auditor, &format!("{line}/statements/1")).await.expect(200);
    assert_eq!((first.get("/on"), first.get("/due")), ("2024-03-05".into(), "2024-03-25".into()));
    assert_eq!(first.get("/balance/amount"), "1000.00");
    assert_eq!(first.get("/minimum/amount"), "100.00");
    assert_eq!(first.get("/lines/0/kind"), "purchase");
    // Nothing is paid by 28 March, with the days of grace: 0.05 % a day from the day of purchase,
    // and 5 % of the minimum. The next minimum is that of before, what came on top, and a tenth.
    world.close_until(keys, "2024-04-06").await;
    let second = world.get(&keys.auditor, &format!("{line}/statements/2")).await.expect(200);
    assert_eq!(second.get("/interest/amount"), "18.00", "36 days through 5 April");
    assert_eq!(second.get("/penalties/amount"), "5.00");
    assert_eq!(second.get("/balance/amount"), "1023.00");
    assert_eq!(second.get("/minimum/amount"), "213.00");
    let account = world.get(&keys.auditor, &format!("{line}/account")).await.expect(200);
    assert_eq!(account.get("/bills/0/statement"), "2");
    assert_ne!(account.get("/days_past_due"), "0");
    let now = account.get("/business_date");
    let refused = world.post(&keys.operator, &facts, fact("purchase", "1.00")).await;
    assert_eq!(refused.expect(422).get("/code"), "line-overdue");

    let graded = world.post(&keys.operator, "/v1/grades", Value::Null).await.expect(200);
    assert_eq!(graded.get("/categories/0/principal/amount"), "1000.00");
    let grade = world.get(&keys.auditor, &format!("{line}/grade")).await.expect(200);
    assert_eq!((grade.get("/category"), grade.get("/on")), ("special-mention".into(), now));

    // It had been paid on the due date: nothing is owed, and the statement is another.
    let mut in_time = fact("repayment", "1000.00");
    in_time["on"] = "2024-03-25".into();
    let paid = world.post(&keys.operator, &facts, in_time).await.expect(200);
    assert_eq!((paid.get("/fact"), paid.get("/owed/total")), ("1".into(), "0.00".into()));
    let listed = world.get(&keys.auditor, &format!("{line}/statements")).await.expect(200);
    assert_eq!(listed.get("/statements/0/balance/amount"), "0.00");
    assert_eq!(listed.get("/statements/0/restated_on"), paid.get("/on"));
    assert_eq!(listed.get("/statements/1/balance/amount"), "1000.00");
    // It bounced.
    let reversal = format!("{facts}/1/reversal");
    world.post(&keys.operator, &reversal, Value::Null).await.expect(403);
    let taken = world.post(&keys.approver, &reversal, Value::Null).await.expect(200);
    let owed = taken.get("/owed/total");
    assert_eq!(owed, account.get("/owed/total"), "as if it had not been paid");
    let again = world.post(&keys.approver, &reversal, Value::Null).await.expect(422);
    assert_eq!(again.get("/code"), "already-reversed");
    let listed = world.get(&keys.auditor, &facts).await.expect(200);
    assert_eq!(listed.get("/facts/1/what"), "repayment");
    assert_eq!(listed.get("/facts/1/reversed_on"), taken.get("/on"));

    let close = format!("{line}/close");
    let refused = world.post(&keys.operator, &close, Value::Null).await.expect(422);
    assert_eq!(refused.get("/code"), "line-in-use");
    world.post(&keys.operator, &facts, fact("repayment", &owed)).await.expect(200);
    let closed = world.post(&keys.operator, &close, Value::Null).await.expect(200);
    assert_eq!(closed.get("/status"), "closed");
    let account = world.get(&keys.auditor, &format!("{line}/account")).await.expect(200);
    assert_eq!(account.get("/status"), "closed");
    let balance = world.get(&keys.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(balance.get("/difference/0/amount"), "0.00");
}

#[tokio::test]
async fn what_was_bought_is_given_back_and_what_was_overpaid() {
    let world = World::new().await;
    let keys = &world.home;
    let party = world.party(keys, 281).await;
    let line = open(&world, &party).await;
    let facts = format!("{line}/facts");
    world.post(&keys.operator, &facts, fact("purchase", "399.00")).await.expect(200);
    let mut back = fact("merchant-refund", "399.01");
    back["fact"]["purchase"] = 0.into();
    let refused = world.post(&keys.operator, &facts, back.clone()).await.expect(422);
    assert_eq!(refused.get("/code"), "more-than-bought");
    back["fact"]["amount"] = money("99.00");
    let left = world.post(&keys.operator, &facts, back).await.expect(200);
    assert_eq!(left.get("/owed/principal"), "300.00");
    let paid = world.post(&keys.operator, &facts, fact("repayment", "350.00")).await.expect(200);
    assert_eq!(paid.get("/prepaid/amount"), "50.00");
    let refused = world.post(&keys.operator, &facts, fact("refund", "50.01")).await.expect(422);
    assert_eq!(refused.get("/code"), "more-than-prepaid");
    let none = world.post(&keys.operator, &facts, fact("refund", "50.00")).await.expect(200);
    assert_eq!(none.get("/prepaid/amount"), "0.00");
    for (fact, code) in [
        (json!({ "what": "waiver", "fee": money("1.00") }), "malformed-body"),
        (json!({ "what": "purchase", "amount": money("1.001") }), "malformed-body"),
    ] {
        let refused = world.post(&keys.operator, &facts, json!({ "fact": fact })).await;
        assert_eq!(refused.expect(400).get("/code"), code);
    }
    let dollars = json!({ "amount": "1.00", "currency": "USD" });
    let dollars = json!({ "fact": { "what": "purchase", "amount": dollars } });
    let refused = world.post(&keys.operator, &facts, dollars).await.expect(422);
    assert_eq!(refused.get("/code"), "other-currency");
    // A line that is drawn on has no account.
    let (_, _, drawn_on) = super::lines::open(&world, &world.party(keys, 282).await).await;
    let account = format!("/v1/lines/{drawn_on}/account");
    world.get(&keys.auditor, &account).await.expect(404);
    let facts = format!("/v1/lines/{drawn_on}/facts");
    let refused = world.post(&keys.operator, &facts, fact("purchase", "1.00")).await.expect(422);
    assert_eq!(refused.get("/code"), "other-use");
}
