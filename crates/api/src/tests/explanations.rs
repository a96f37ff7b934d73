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
