//! Loans move to another version of their product over HTTP.

use serde_json::{Value, json};

use super::world::{World, example};

#[tokio::test]
async fn contracts_are_migrated_by_two_and_rolled_back() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;
    let (_, loan) = world.loan(keys, &party).await;
    let dearer = example("pay-in-3").replace("version: 1", "version: 2");
    let dearer = dearer.replace("min(principal * 0.005, 15)", "'20'");
    world.publish(keys, &dearer).await;
    world.close_until(keys, "2024-04-01").await;

    let ask = json!({ "product": "pay-in-3", "to": 2, "from": [1] });
    world.post(&keys.approver, "/v1/migrations", ask.clone()).await.expect(403);
    let drafted = world.post(&keys.operator, "/v1/migrations", ask).await.expect(201);
    assert_eq!((drafted.get("/contracts"), drafted.get("/harmed")), ("1".into(), "1".into()));
    let place = drafted.header("location").unwrap().to_owned();
    let table = world.get(&keys.auditor, &format!("{place}/contracts")).await.expect(200);
    assert_eq!(table.get("/data/0/loan"), loan);
    assert_eq!(table.get("/data/0/before/total"), "2030.00");
    assert_eq!(table.get("/data/0/after/total"), "2040.00");
    assert_eq!(table.get("/data/0/difference"), "10.00");
    assert_eq!(table.get("/data/0/harms/0"), "costs-more");
    assert_eq!(table.json().pointer("/data/0/result"), Some(&Value::Null));

    let step = |key: &str, name: &str| {
        let (path, key) = (format!("{place}/{name}"), key.to_owned());
        let world = &world;
        async move { world.post(&key, &path, Value::Null).await }
    };
    let early = step(&keys.approver, "execution").await.expect(422);
    assert_eq!(early.get("/code"), "migration-stands");
    step(&keys.operator, "approval").await.expect(403);
    let approved = step(&keys.approver, "approval").await.expect(200);
    assert_eq!(approved.get("/approved_by"), "approver@home");
    let run = step(&keys.approver, "execution").await.expect(200);
    assert_eq!((run.get("/status"), run.get("/moved")), ("executed".into(), "1".into()));
    let path = format!("/v1/loans/{loan}");
    assert_eq!(world.get(&keys.operator, &path).await.get("/product_version"), "2");
    let facts = world.get(&keys.auditor, &format!("{path}/facts")).await.expect(200);
    assert_eq!(facts.get("/facts/1/what"), "migration");
    assert_eq!(facts.get("/facts/1/version"), "2");
    let schedule = world.get(&keys.operator, &format!("{path}/schedule")).await.expect(200);
    assert_eq!(schedule.get("/instalments/0/planned/fees"), "15.00", "what is due stays");
    assert_eq!(schedule.get("/instalments/1/planned/fees"), "20.00");

    let back = step(&keys.approver, "rollback").await.expect(200);
    assert_eq!((back.get("/status"), back.get("/rolled_back")), ("rolled-back".into(), "1".into()));
    let schedule = world.get(&keys.operator, &format!("{path}/schedule")).await.expect(200);
    assert_eq!(schedule.get("/instalments/1/planned/fees"), "15.00");
    let table = world.get(&keys.auditor, &format!("{place}/contracts")).await.expect(200);
    assert_eq!(table.get("/data/0/result/became"), "rolled-back");
    let listed = world.get(&keys.partner, "/v1/migrations").await.expect(200);
    assert_eq!(listed.get("/data/0/status"), "rolled-back");
    let balance = world.get(&keys.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(balance.get("/difference/0/amount"), "0.00");
}
