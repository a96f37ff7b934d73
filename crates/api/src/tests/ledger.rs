//! The plain ledger over HTTP.

use serde_json::{Value, json};

use super::world::{Ask, World, uuid};

async fn with_accounts() -> World {
    let world = World::new().await;
    let accounts = json!([
        { "id": uuid(1), "code": "1003", "currency": "CNY", "side": "debit" },
        { "id": uuid(2), "code": "2011.01", "currency": "CNY", "side": "credit",
          "limits": { "overdraft": "0.00", "caps": [
              { "direction": "out", "window": "day", "max": "500.00" } ] } },
        { "id": uuid(3), "code": "1003", "currency": "JPY", "side": "debit" },
        { "id": uuid(4), "code": "2011.01", "currency": "JPY", "side": "credit" },
    ]);
    let opened = world.post(&world.home.operator, "/v1/ledger/accounts", accounts).await;
    assert_eq!(opened.expect(201).get("/results/1/id"), uuid(2));
    world
}

fn transfer(id: u32, amount: &str) -> Value {
    json!({
        "id": uuid(id), "debit": uuid(1), "credit": uuid(2), "reason": "test",
        "amount": { "amount": amount, "currency": "CNY" },
    })
}

async fn book(world: &World, body: Value) -> super::world::Reply {
    world.post(&world.home.operator, "/v1/ledger/transfers", body).await
}

#[tokio::test]
async fn one_transfer_is_created_then_exists_then_differs() {
    let world = with_accounts().await;
    let created = book(&world, transfer(10, "100.00")).await.expect(201);
    assert_eq!(created.json(), json!({ "id": uuid(10), "status": "created" }));
    let exists = book(&world, transfer(10, "100.00")).await.expect(200);
    assert_eq!(exists.get("/status"), "exists");
    let differs = book(&world, transfer(10, "100.01")).await.expect(422);
    assert_eq!(differs.get("/code"), "exists-with-different-amount");
    let path = format!("/v1/ledger/transfers/{}", uuid(10));
    let read = world.get(&world.home.auditor, &path).await.expect(200);
    assert_eq!(read.json()["amount"], json!({ "amount": "100.00", "currency": "CNY" }));
    assert_eq!(read.get("/value_date"), "2024-03-01");
    assert_eq!(read.get("/resolution"), "null");
}

#[tokio::test]
async fn a_list_is_answered_item_by_item() {
    let world = with_accounts().await;
    let mut linked = transfer(12, "1.00");
    linked["linked"] = json!(true);
    let mut chained = transfer(13, "1.00");
    chained["debit"] = json!(uuid(99));
    let items = json!([
        transfer(10, "100.00"),
        transfer(11, "0.00"),
        linked,
        chained,
        transfer(10, "100.00"),
        transfer(14, "5.00")
    ]);
    let reply = book(&world, items).await.expect(200).json();
    let came: Vec<_> = reply["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let code = it["reject"]["code"].as_str().unwrap_or("-");
            format!("{} {code}", it["status"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        came,
        [
            "created -",
            "refused amount-must-be-positive",
            "refused linked-transfer-failed",
            "refused debit-account-not-found",
            "exists -",
            "created -",
        ]
    );
    assert_eq!(reply["results"][1]["reject"]["number"], 20);
    let account = format!("/v1/ledger/accounts/{}", uuid(2));
    let read = world.get(&world.home.auditor, &account).await.expect(200);
    assert_eq!(read.get("/balances/posted"), "105.00");
}

#[tokio::test]
async fn eight_thousand_go_at_once_and_not_one_more() {
    let world = with_accounts().await;
    let items: Vec<_> = (0..8_001).map(|it| transfer(1_000 + it, "0.01")).collect();
    let too_many = book(&world, json!(items)).await.expect(400);
    assert_eq!(too_many.get("/errors/0/code"), "too-many-items");
    let reply = book(&world, json!(items[..8_000])).await.expect(200).json();
    let results = reply["results"].as_array().unwrap();
    assert!(results.len() == 8_000 && results.iter().all(|it| it["status"] == "created"));
    let account = format!("/v1/ledger/accounts/{}", uuid(1));
    let read = world.get(&world.home.auditor, &account).await.expect(200);
    assert_eq!(read.get("/balances/debits_posted"), "80.00");
}

#[tokio::test]
async fn holds_are_posted_voided_and_end_by_themselves() {
    let world = with_accounts().await;
    let hold = |id: u32, more: Value| {
        let mut hold = transfer(id, "50.00");
        hold["kind"] = json!("hold");
        for (name, value) in more.as_object().unwrap() {
            hold[name] = value.clone();
        }
        hold
    };
    let about = |id: u32, kind: &str, hold: u32, more: Value| {
        let mut order = json!({ "id": uuid(id), "kind": kind, "about": uuid(hold), "reason": "t" });
        if !more.is_null() {
            order["amount"] = more;
        }
        order
    };
    let part = json!({ "amount": "20.00", "currency": "CNY" });
    let items = json!([
        hold(20, json!({})),
        hold(21, json!({ "expires": "2024-03-01T03:00:00Z" })),
        hold(22, json!({ "timeout_seconds": 60 })),
        about(30, "post", 20, part),
        about(31, "void", 21, Value::Null),
        transfer(23, "7.00"),
        about(32, "reversal", 23, Value::Null),
    ]);
    let reply = book(&world, items).await.expect(200);
    let results = reply.json()["results"].clone();
    assert!(results.as_array().unwrap().iter().all(|it| it["status"] == "created"), "{results}");
    let transfers = [20, 21, 22, 23].map(uuid);
    let look_up = json!({ "accounts": [uuid(2), uuid(77)], "transfers": transfers });
    let found = world.post(&world.home.auditor, "/v1/ledger/lookups", look_up).await.expect(200);
    let found = found.json();
    let became: Vec<_> = found["transfers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["resolution"]["status"].as_str().unwrap_or("-"))
        .collect();
    assert_eq!(became, ["posted", "voided", "-", "reversed"]);
    assert_eq!(found["transfers"][2]["expires"], "2024-03-01T02:01:00Z");
    assert_eq!(found["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(found["accounts"][0]["balances"]["posted"], "20.00");
    assert_eq!(found["accounts"][0]["balances"]["credits_pending"], "50.00");
}

#[tokio::test]
async fn history_and_balances_are_read_by_account() {
    let world = with_accounts().await;
    let mut early = transfer(10, "1.00");
    early["value_date"] = json!("2024-02-20");
    book(&world, json!([early, transfer(11, "2.00"), transfer(12, "3.00")])).await.expect(200);
    let account = format!("/v1/ledger/accounts/{}", uuid(1));
    let first = world.get(&world.home.auditor, &format!("{account}/transfers?limit=2")).await;
    let first = first.expect(200);
    assert_eq!((first.get("/data/0/id"), first.get("/data/1/id")), (uuid(12), uuid(11)));
    let next = format!("{account}/transfers?limit=2&after={}", first.get("/next"));
    let second = world.get(&world.home.auditor, &next).await.expect(200);
    assert_eq!((second.get("/data/0/id"), second.get("/next")), (uuid(10), "null".to_owned()));
    let at = |day: &str| {
        let path = format!("{account}/balances?date={day}");
        let world = &world;
        async move { world.get(&world.home.auditor, &path).await.expect(200).get("/posted") }
    };
    assert_eq!(at("2024-02-19").await, "0.00");
    assert_eq!(at("2024-02-20").await, "1.00");
    assert_eq!(at("2024-03-01").await, "6.00");
}

#[tokio::test]
async fn an_amount_is_of_the_currency_of_its_accounts() {
    let world = with_accounts().await;
    let mut yen = transfer(10, "10");
    yen["amount"]["currency"] = json!("JPY");
    let refused = book(&world, json!([transfer(11, "1.00"), yen])).await.expect(400);
    assert_eq!(refused.get("/errors/0/code"), "other-currency");
    assert_eq!(refused.get("/errors/0/pointer"), "/1/amount/currency");
    let mut right = transfer(12, "10");
    right["debit"] = json!(uuid(3));
    right["credit"] = json!(uuid(4));
    right["amount"]["currency"] = json!("JPY");
    book(&world, right).await.expect(201);
    let mut hold = transfer(13, "5.00");
    hold["kind"] = json!("hold");
    let post = json!({ "kind": "post", "about": uuid(13), "reason": "t",
        "amount": { "amount": "5", "currency": "JPY" } });
    let refused = book(&world, json!([hold, post])).await.expect(400);
    assert_eq!(refused.get("/errors/0/pointer"), "/1/amount/currency");
}

#[tokio::test]
async fn accounts_are_frozen_thawed_limited_and_closed() {
    let world = with_accounts().await;
    let operator = &world.home.operator;
    let account = format!("/v1/ledger/accounts/{}", uuid(2));
    let (state, limits) = (format!("{account}/state"), format!("{account}/limits"));
    let put = |path: &str, body: Value| {
        let (world, path) = (&world, path.to_owned());
        async move { world.ask(operator, Ask::new("PUT", &path).json(&body)).await }
    };
    put(&state, json!({ "state": "frozen" })).await.expect(200);
    let refused = book(&world, transfer(10, "1.00")).await.expect(422);
    assert_eq!(refused.get("/code"), "credit-account-frozen");
    put(&state, json!({ "state": "open" })).await.expect(200);
    put(&limits, json!({ "balance_max": "1.00" })).await.expect(200);
    let refused = book(&world, transfer(11, "1.01")).await.expect(422);
    assert_eq!(refused.get("/code"), "credit-account-exceeds-balance-max");
    let read = world.get(operator, &account).await.expect(200);
    assert_eq!(read.get("/limits/balance_max"), "1.00");
    let wrong = put(&limits, json!({ "overdraft": "0.001" })).await.expect(400);
    assert_eq!(wrong.get("/errors/0/pointer"), "/overdraft");
    put(&state, json!({ "state": "closed" })).await.expect(200);
    let refused = put(&state, json!({ "state": "open" })).await.expect(422);
    assert_eq!(refused.get("/code"), "account-already-closed");
}

#[tokio::test]
async fn an_account_is_opened_once_with_the_same_fields() {
    let world = with_accounts().await;
    let same = json!({ "id": uuid(1), "code": "1003", "currency": "CNY", "side": "debit" });
    let opened = world.post(&world.home.operator, "/v1/ledger/accounts", same.clone()).await;
    assert_eq!(opened.expect(201).json(), json!({ "id": uuid(1) }));
    let mut other = same;
    other["side"] = json!("credit");
    let refused = world.post(&world.home.operator, "/v1/ledger/accounts", other).await.expect(422);
    assert_eq!(refused.get("/code"), "account-exists-with-different-side");
}

#[tokio::test]
async fn a_closed_period_takes_no_postings() {
    let world = with_accounts().await;
    let close = json!({ "through": "2024-02-29" });
    let closed = world.post(&world.home.operator, "/v1/periods/close", close).await.expect(200);
    assert_eq!(closed.get("/through"), "2024-02-29");
    let mut late = transfer(10, "1.00");
    late["value_date"] = json!("2024-02-29");
    assert_eq!(book(&world, late).await.expect(422).get("/code"), "period-closed");
    let close = json!({ "through": "2024-03-01" });
    let refused = world.post(&world.home.operator, "/v1/periods/close", close).await.expect(422);
    assert_eq!(refused.get("/code"), "period-not-over");
}
