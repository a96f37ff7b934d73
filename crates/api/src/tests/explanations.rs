//! Where an amount comes from, over HTTP.

use serde_json::{Value, json};

use super::world::{World, example, uuid};

/// Every node of a tree.
fn nodes(tree: &Value) -> Vec<&Value> {
    let inputs = tree["inputs"].as_array().unwrap();
    std::iter::once(tree).chain(inputs.iter().flat_map(nodes)).collect()
}

#[tokio::test]
async fn planned_and_booked_amounts_are_explained() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;
    let (_, loan) = world.loan(keys, &party).await;
    world.close_until(keys, "2024-04-20").await;

    let schedule = world.get(&keys.operator, &format!("/v1/loans/{loan}/schedule")).await;
    let schedule = schedule.expect(200).json();
    let instalment = format!("/v1/loans/{loan}/instalments/1/explanation");
    let total = world.get(&keys.operator, &instalment).await.expect(200).json();
    assert_eq!(total["value"]["amount"], schedule["instalments"][0]["planned"]["total"]);
    let asked = format!("{instalment}?component=principal");
    let principal = world.get(&keys.partner, &asked).await.expect(200).json();
    assert_eq!(principal["value"]["amount"], schedule["instalments"][0]["planned"]["principal"]);
    let clauses = nodes(&principal).into_iter().filter(|it| it["clause"]["in"] == "product");
    assert!(clauses.clone().count() > 0);
    assert!(clauses.clone().all(|it| it["clause"]["product"] == "pay-in-3"));
    let none = format!("/v1/loans/{loan}/instalments/4/explanation");
    let none = world.get(&keys.operator, &none).await.expect(404);
    assert_eq!(none.get("/code"), "no-such-instalment");
    let asked = format!("{instalment}?component=colour");
    world.get(&keys.operator, &asked).await.expect(400);

    // What moved the principal: each transfer leads back to the loan.
    let accounts = world.get(&keys.auditor, "/v1/ledger/accounts?limit=1000").await.expect(200);
    let accounts = accounts.json();
    let of_code = |code: &str| {
        let data = accounts["data"].as_array().unwrap();
        data.iter().find(|it| it["code"] == code).map(|it| it["id"].as_str().unwrap().to_owned())
    };
    let account = of_code("1303").unwrap();
    let history = format!("/v1/ledger/accounts/{account}/transfers");
    let history = world.get(&keys.auditor, &history).await.expect(200).json();
    for transfer in history["data"].as_array().unwrap() {
        let id = transfer["id"].as_str().unwrap();
        let path = format!("/v1/ledger/transfers/{id}/explanation");
        let explained = world.get(&keys.auditor, &path).await.expect(200).json();
        assert_eq!(explained["contract"], json!(loan));
        assert_eq!(explained["derivation"]["value"]["amount"], transfer["amount"]["amount"]);
        world.get(&keys.partner, &path).await.expect(403);
    }
    let none = format!("/v1/ledger/transfers/{}/explanation", uuid(1));
    world.get(&keys.auditor, &none).await.expect(404);
}

#[tokio::test]
async fn what_moves_accounts_and_deposits_is_explained() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("wallet")).await;
    world.publish(keys, &example("time-deposit")).await;
    let party = world.party(keys, 281).await;
    let cny = |amount: &str| json!({ "amount": { "amount": amount, "currency": "CNY" } });
    let open = json!({ "party": party, "product": "wallet" });
    let account = world.post(&keys.partner, "/v1/accounts", open).await.get("/account");
    let deposits = format!("/v1/accounts/{account}/deposits");
    world.post(&keys.operator, &deposits, cny("9000.00")).await.expect(200);
    let mut open = cny("8000.00");
    open["party"] = json!(party);
    open["product"] = json!("time-deposit");
    open["tenor"] = json!("3 months");
    open["account"] = json!(account);
    let deposit = world.post(&keys.operator, "/v1/term-deposits", open).await.get("/deposit");
    world.close_until(keys, "2024-03-15").await;
    let withdrawals = format!("/v1/term-deposits/{deposit}/withdrawals");
    world.post(&keys.operator, &withdrawals, cny("3000.00")).await.expect(200);
    world.close_until(keys, "2024-03-22").await;

    let accounts = world.get(&keys.auditor, "/v1/ledger/accounts?limit=1000").await.expect(200);
    let accounts = accounts.json();
    let (mut settled, mut paid, mut count) = (None, None, 0);
    for ledger_account in accounts["data"].as_array().unwrap() {
        let id = ledger_account["id"].as_str().unwrap();
        let history = format!("/v1/ledger/accounts/{id}/transfers?limit=1000");
        let history = world.get(&keys.auditor, &history).await.expect(200).json();
        for transfer in history["data"].as_array().unwrap() {
            let path = format!("/v1/ledger/transfers/{}", transfer["id"].as_str().unwrap());
            let path = format!("{path}/explanation");
            let explained = world.get(&keys.auditor, &path).await.expect(200).json();
            let amount = explained["derivation"]["value"]["amount"].as_str().unwrap();
            assert_eq!(amount.trim_start_matches('-'), transfer["amount"]["amount"]);
            let of = explained["contract"].as_str().unwrap();
            assert!([&*account, &*deposit].contains(&of), "{explained}");
            match explained["event"].as_str().unwrap() {
                "interest-settlement" => settled = Some(explained.clone()),
                "deposit" => {
                    paid = Some(explained.clone()).filter(|_| amount != "9000.00").or(paid)
                }
                _ => {}
            }
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
    // 1,000.00 for 14 days, and for six 3,000.00 more with 0.23 of interest on demand; at 0.05 %.
    let settled = settled.unwrap()["derivation"].clone();
    assert_eq!(settled["value"], json!({ "amount": "0.05", "currency": "CNY" }));
    let sum = nodes(&settled).into_iter().find(|it| it["name"] == "balance-days").unwrap();
    assert_eq!((&sum["value"]["exact"], &sum["title"]["zh"]), (&json!("38001.38"), &json!("积数")));
    // What went out of the deposit is principal and interest on demand.
    let paid = paid.unwrap()["derivation"].clone();
    assert_eq!(paid["clause"], json!({ "in": "other-contract", "contract": deposit }));
    let rate = nodes(&paid).into_iter().find(|it| it["name"] == "demand-rate").unwrap();
    let clause = json!({
        "in": "product", "product": "time-deposit", "version": 1,
        "path": "terms.demand_rate.1.rate", "from": "2023-06-08",
    });
    assert_eq!((&rate["value"]["rate"], &rate["clause"]), (&json!("0.002"), &clause));
}

#[tokio::test]
async fn what_no_contract_booked_is_not_explained() {
    let world = World::new().await;
    let account =
        |id, side| json!({ "id": uuid(id), "code": "1003", "currency": "CNY", "side": side });
    let accounts = json!([account(1, "debit"), account(2, "credit")]);
    world.post(&world.home.operator, "/v1/ledger/accounts", accounts).await.expect(201);
    let transfer = json!({
        "id": uuid(3), "debit": uuid(1), "credit": uuid(2), "reason": "test",
        "amount": { "amount": "5.00", "currency": "CNY" },
    });
    world.post(&world.home.operator, "/v1/ledger/transfers", transfer).await.expect(201);
    let path = format!("/v1/ledger/transfers/{}/explanation", uuid(3));
    let refused = world.get(&world.home.auditor, &path).await.expect(422);
    assert_eq!(refused.get("/code"), "not-explained");
}
