//! From a party to a settled loan, and a current account, over HTTP.

use serde_json::{Value, json};

use super::world::{World, example, person};

fn cny(amount: &str) -> Value {
    json!({ "amount": { "amount": amount, "currency": "CNY" } })
}

#[tokio::test]
async fn a_loan_is_applied_for_signed_paid_out_repaid_and_settled() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;

    let application = world.apply(keys, &party).await;
    assert_eq!(application.get("/decision/status"), "approved");
    let disclosure = "/decision/offer/disclosure";
    assert_eq!(application.get(&format!("{disclosure}/principal")), "3000.00");
    assert_eq!(application.get(&format!("{disclosure}/plan/0/total")), "1015.00");
    let place = application.header("location").unwrap().to_owned();
    let read = world.get(&keys.partner, &place).await.expect(200);
    assert_eq!(read.text, application.text, "what is read is what was answered");

    let (_, loan) = world.loan(keys, &party).await;
    let loan = format!("/v1/loans/{loan}");
    let read = world.get(&keys.auditor, &loan).await.expect(200);
    assert_eq!(read.get("/status"), "active");
    assert_eq!(read.get("/position/principal/amount"), "3000.00");
    assert_eq!(read.get("/disbursed_on"), "2024-03-01");

    world.close_until(keys, "2024-04-01").await;
    let read = world.get(&keys.operator, &loan).await.expect(200);
    assert_eq!(read.get("/position/due/total"), "1015.00");
    let paid = world.post(&keys.operator, &format!("{loan}/repayments"), cny("1015.00")).await;
    let paid = paid.expect(200);
    assert_eq!(paid.get("/due/total"), "0.00");
    assert_eq!(paid.get("/principal/amount"), "2000.00");

    let schedule = world.get(&keys.operator, &format!("{loan}/schedule")).await.expect(200);
    assert_eq!(schedule.get("/instalments/0/status"), "paid");
    assert_eq!(schedule.get("/instalments/0/paid/total"), "1015.00");
    assert_eq!(schedule.get("/instalments/1/status"), "future");

    let quote = world.get(&keys.operator, &format!("{loan}/settlement-quote")).await.expect(200);
    let total = quote.get("/total/amount");
    assert_eq!(total, "2000.00", "no interest, and fees to come are dropped");
    let settlement = format!("{loan}/settlement");
    let early = world.post(&keys.operator, &settlement, cny("1999.99")).await.expect(422);
    assert_eq!(early.get("/code"), "not-the-quoted-amount");
    let settled = world.post(&keys.operator, &settlement, cny(&total)).await.expect(200);
    assert_eq!(settled.get("/status"), "settled");

    let balance = world.get(&keys.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(balance.get("/difference/0/amount"), "0.00");
    let portfolio = world.get(&keys.auditor, "/v1/reports/portfolio").await.expect(200);
    assert_eq!(portfolio.get("/data/0/settled"), "1");
    assert_eq!(portfolio.get("/data/0/disbursed/amount"), "3000.00");
    let of_party = world.get(&keys.operator, &format!("/v1/loans?party={party}")).await;
    assert_eq!(of_party.expect(200).json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_current_account_takes_in_and_gives_out() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("wallet")).await;
    let party = world.party(keys, 281).await;
    let open = json!({ "party": party, "product": "wallet" });
    let opened = world.post(&keys.partner, "/v1/accounts", open).await.expect(201);
    let account = opened.header("location").unwrap().to_owned();
    world.post(&keys.operator, &format!("{account}/deposits"), cny("100.00")).await.expect(200);
    let withdrawals = format!("{account}/withdrawals");
    world.post(&keys.operator, &withdrawals, cny("30.50")).await.expect(200);
    let too_much = world.post(&keys.operator, &withdrawals, cny("69.51")).await.expect(422);
    assert_eq!(too_much.get("/code"), "debit-account-exceeds-overdraft");
    let read = world.get(&keys.operator, &account).await.expect(200);
    assert_eq!(read.get("/balance/amount"), "69.50");
}

#[tokio::test]
async fn an_account_is_frozen_stopped_and_closed() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("wallet")).await;
    let party = world.party(keys, 281).await;
    let open = json!({ "party": party, "product": "wallet" });
    let opened = world.post(&keys.partner, "/v1/accounts", open).await.expect(201);
    let account = opened.header("location").unwrap().to_owned();
    world.post(&keys.operator, &format!("{account}/deposits"), cny("100.00")).await.expect(200);
    let freezes = format!("{account}/freezes");
    let freeze = json!({ "scope": "out", "reason": "court", "reference": "7" });
    let frozen = world.post(&keys.approver, &freezes, freeze).await.expect(200);
    let withdrawals = format!("{account}/withdrawals");
    let shut = world.post(&keys.operator, &withdrawals, cny("1.00")).await.expect(422);
    assert_eq!(shut.get("/code"), "frozen-out");
    let lift = format!("{freezes}/{}/lift", frozen.get("/restraint"));
    world.post(&keys.approver, &lift, Value::Null).await.expect(200);
    let stops = format!("{account}/stop-payments");
    let mut stop = cny("60.00");
    stop["reason"] = "police".into();
    stop["reference"] = "8".into();
    let stopped = world.post(&keys.approver, &stops, stop).await.expect(200);
    let read = world.get(&keys.auditor, &account).await.expect(200);
    assert_eq!(read.get("/available/amount"), "40.00");
    assert_eq!(read.get("/restraints/stop_payments/0/amount/amount"), "60.00");
    let closing = format!("{account}/closing");
    let kept = world.post(&keys.operator, &closing, Value::Null).await.expect(422);
    assert_eq!(kept.get("/code"), "restraints-remain");
    let release = format!("{stops}/{}/release", stopped.get("/restraint"));
    world.post(&keys.approver, &release, Value::Null).await.expect(200);
    let early = json!({
        "amount": { "amount": "5.00", "currency": "CNY" }, "value_date": "2024-02-29",
    });
    let refused = world.post(&keys.operator, &withdrawals, early).await.expect(422);
    assert_eq!(refused.get("/code"), "before-opening");
    let awake = world.post(&keys.operator, &format!("{account}/waking"), Value::Null).await;
    assert_eq!(awake.expect(422).get("/code"), "account-not-dormant");
    let closed = world.post(&keys.operator, &closing, Value::Null).await.expect(200);
    assert_eq!(closed.get("/amount/amount"), "100.00");
    let read = world.get(&keys.auditor, &account).await.expect(200);
    assert_eq!(
        (read.get("/status"), read.get("/closed_on")),
        ("closed".into(), "2024-03-01".into())
    );
}

#[tokio::test]
async fn a_deposit_is_left_for_a_time_and_taken_out() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("wallet")).await;
    world.publish(keys, &example("time-deposit")).await;
    let party = world.party(keys, 281).await;
    let open = json!({ "party": party, "product": "wallet" });
    let account = world.post(&keys.partner, "/v1/accounts", open).await.get("/account");
    let deposits = format!("/v1/accounts/{account}/deposits");
    world.post(&keys.operator, &deposits, cny("9000.00")).await.expect(200);
    let open = json!({
        "party": party, "product": "time-deposit", "tenor": "3 months", "account": account,
        "amount": { "amount": "8000.00", "currency": "CNY" }, "rollover": "principal",
    });
    let wrong = json!({ "tenor": "soon", "party": party, "product": "x", "amount": {} });
    let wrong = world.post(&keys.operator, "/v1/term-deposits", wrong).await.expect(400);
    assert_eq!(wrong.get("/code"), "malformed-body");
    let opened = world.post(&keys.operator, "/v1/term-deposits", open).await.expect(201);
    let deposit = opened.header("location").unwrap().to_owned();
    assert_eq!(opened.get("/principal/amount"), "8000.00");
    let none = json!({ "rollover": "none" });
    let instruction = format!("{deposit}/rollover-instruction");
    world.post(&keys.operator, &instruction, none).await.expect(200);
    world.close_until(keys, "2024-03-11").await;
    let withdrawals = format!("{deposit}/withdrawals");
    let part = world.post(&keys.operator, &withdrawals, cny("2000.00")).await.expect(200);
    // 2,000 for ten days at 0.2 %.
    assert_eq!(part.get("/interest/amount"), "0.11");
    let again = world.post(&keys.operator, &withdrawals, cny("1000.00")).await.expect(422);
    assert_eq!(again.get("/code"), "too-many-withdrawals-in-part");
    let early = json!({ "rollover": "principal" });
    let early = world.post(&keys.operator, &format!("{deposit}/rollovers"), early).await;
    assert_eq!(early.expect(422).get("/code"), "not-matured");
    let read = world.get(&keys.auditor, &deposit).await.expect(200);
    // 6,000 for ten days at 1.35 %.
    assert_eq!(read.get("/accrued_interest/amount"), "2.25");
    assert_eq!(read.get("/matures_on"), "2024-06-01");
    let all = world.post(&keys.operator, &withdrawals, json!({})).await.expect(200);
    assert_eq!((all.get("/stage"), all.get("/interest/amount")), ("closed".into(), "0.33".into()));
    let read = world.get(&keys.operator, &format!("/v1/accounts/{account}")).await.expect(200);
    assert_eq!(read.get("/balance/amount"), "9000.44");
    let of_party = world.get(&keys.operator, &format!("/v1/term-deposits?party={party}")).await;
    assert_eq!(of_party.expect(200).json()["data"].as_array().unwrap().len(), 1);
    let balance = world.get(&keys.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(balance.get("/difference/0/amount"), "0.00");
}

#[tokio::test]
async fn an_applicant_who_fails_rules_is_declined_with_each_of_them() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;
    let body = json!({
        "party": party, "product": "pay-in-3",
        "amount": { "amount": "12000.00", "currency": "CNY" },
        "facts": { "job": "unskilled", "purpose": "car-new", "housing": "own" },
    });
    let declined = world.post(&keys.operator, "/v1/applications", body).await.expect(201);
    assert_eq!(declined.get("/decision/status"), "declined");
    assert_eq!(declined.get("/decision/reasons/0/code"), "goods");
    assert_eq!(declined.get("/decision/reasons/1/code"), "small-for-unskilled");
}

#[tokio::test]
async fn personal_data_is_masked_unless_the_key_may_see_it() {
    let world = World::new().await;
    let keys = &world.home;
    let party = format!("/v1/parties/{}", world.party(keys, 281).await);
    let masked = world.get(&keys.operator, &party).await.expect(200);
    assert_eq!(masked.get("/name"), "张**");
    assert_eq!(masked.get("/mobile"), "199****0281");
    assert_eq!(masked.get("/address"), "北京市朝阳区***");
    assert_eq!(world.get(&keys.auditor, &party).await.get("/name"), "张小明");
    let number = json!({ "kind": "person", "id_number": person(281)["id_number"] });
    let find = |key, number| world.post(key, "/v1/parties/lookup", number);
    let found = find(&keys.partner, number.clone()).await.expect(200);
    assert_eq!((found.get("/id"), found.get("/name")), (masked.get("/id"), "张**".to_owned()));
    assert_eq!(find(&world.away.operator, number).await.status, 404);
    let wrong = json!({ "kind": "company", "id_number": person(281)["id_number"] });
    let refused = find(&keys.partner, wrong).await.expect(400);
    assert_eq!(refused.get("/errors/0/pointer"), "/id_number");
    let new = json!({ "name": "desk", "role": "operator", "sees_personal_data": true });
    let refused = world.post(&keys.operator, "/v1/keys", new).await.expect(403);
    assert_eq!(refused.get("/code"), "key-beyond-own");
    let events = world.get(&keys.auditor, "/v1/events").await.expect(200).text;
    assert!(!events.contains("张小明") && !events.contains("19900000281"));
    assert_eq!(person(281)["name"], "张小明");
}

#[tokio::test]
async fn products_are_checked_simulated_and_released_by_two_people() {
    let world = World::new().await;
    let keys = &world.home;
    let good = example("pay-in-3");
    let check = |text: &str| {
        let ask = super::world::Ask::new("POST", "/v1/products/check");
        let text = text.to_owned();
        let world = &world;
        async move {
            let ask = ask.text("application/yaml", &text);
            world.ask(&keys.auditor, ask).await.expect(200)
        }
    };
    assert_eq!(check(&good).await.get("/good"), "true");
    let bad = good.replace("equal-principal", "equal-principle").replace("rate: 0 ", "rate: -1 ");
    let found = check(&bad).await;
    assert_eq!(found.get("/good"), "false");
    assert_eq!(found.get("/problems/0/pointer"), "/terms/repayment/method");
    assert_eq!(found.get("/problems/1/pointer"), "/terms/interest/rate");

    let path = "/v1/products/simulate?amount=3000&date=2024-03-01";
    let ask = super::world::Ask::new("POST", path).text("application/yaml", &good);
    let simulated = world.ask(&keys.partner, ask).await.expect(200);
    assert_eq!(simulated.get("/periods/0/total"), "1015.00");

    let draft = super::world::Ask::new("POST", "/v1/products").text("text/yaml", &bad);
    let refused = world.ask(&keys.operator, draft).await.expect(422);
    assert_eq!(refused.get("/code"), "definition-has-problems");
    let path = world.publish(keys, &good).await;
    let read = world.get(&keys.partner, &path).await.expect(200);
    assert_eq!(read.get("/status"), "published");
    assert_eq!(read.get("/authors/0"), "operator@home");
    assert_eq!(read.get("/approver"), "approver@home");
    for (step, status) in [("suspend", "suspended"), ("resume", "published"), ("retire", "retired")]
    {
        let done = world.post(&keys.approver, &format!("{path}/{step}"), Value::Null).await;
        assert_eq!(done.expect(200).get("/status"), status);
    }
    let again = world.post(&keys.approver, &format!("{path}/resume"), Value::Null).await;
    assert_eq!(again.expect(422).get("/code"), "wrong-status");
}
