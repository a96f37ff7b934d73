//! Cursor pages.

use serde_json::{Value, json};

use super::world::{World, uuid};

/// The ids of all pages of a list.
async fn walk(world: &World, path: &str, limit: usize) -> Vec<Vec<String>> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("{path}?limit={limit}{after}");
        let page = world.get(&world.home.auditor, &path).await.expect(200).json();
        let ids = page["data"].as_array().unwrap().iter();
        pages.push(ids.map(|it| it.get("id").unwrap_or(&it["position"]).to_string()).collect());
        match &page["next"] {
            Value::String(next) => after = format!("&after={next}"),
            _ => return pages,
        }
    }
}

#[tokio::test]
async fn pages_cover_a_list_without_gap_or_repetition() {
    let world = World::new().await;
    for number in 100..107 {
        world.party(&world.home, number).await;
    }
    let accounts: Vec<_> = (1..=7)
        .map(|it| json!({ "id": uuid(it), "code": "1003", "currency": "CNY", "side": "debit" }))
        .collect();
    let path = "/v1/ledger/accounts";
    world.post(&world.home.operator, path, Value::Array(accounts)).await.expect(201);
    for path in ["/v1/parties", "/v1/ledger/accounts", "/v1/events"] {
        let [whole] = &walk(&world, path, 1_000).await[..] else { panic!("{path}: one page") };
        assert!(whole.len() >= 7, "{path}");
        for limit in [1, 3, 7] {
            let pages = walk(&world, path, limit).await;
            assert!(pages.iter().all(|page| page.len() <= limit && !page.is_empty()), "{path}");
            assert_eq!(&pages.concat(), whole, "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn the_log_tells_what_happened_and_who_did_it() {
    let world = World::new().await;
    let party = world.party(&world.home, 281).await;
    let page = world.get(&world.home.auditor, "/v1/events").await.expect(200).json();
    let last = page["data"].as_array().unwrap().last().unwrap();
    assert_eq!(last["actor"], "operator@home");
    assert_eq!(last["command"], "register-party");
    assert_eq!(last["business_date"], "2024-03-01");
    assert_eq!(last["events"][0]["name"], "party-registered");
    assert_eq!(last["events"][0]["subject"], json!(party));
    assert_eq!(last["records"][0]["version"], 1);
}
