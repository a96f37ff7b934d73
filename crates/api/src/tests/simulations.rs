//! Definitions tried on a life and on a book.

use serde_json::{Value, json};

use super::world::{Ask, World, example};

async fn asked(world: &World, path: &str, body: Value) -> super::world::Reply {
    world.ask(&world.home.partner, Ask::new("POST", path).json(&body)).await
}

#[tokio::test]
async fn a_life_is_told_without_being_kept() {
    let world = World::new().await;
    let body = |events: Value| {
        json!({
            "definition": example("pay-in-3"),
            "events": { "amount": "3000", "term": 3, "date": "2024-03-01", "events": events },
            "until": "2024-06-01",
        })
    };
    let events = json!([
        { "on": "2024-04-01", "due": true },
        { "on": "2024-04-02", "repayment": "99999" },
    ]);
    let told = asked(&world, "/v1/simulations/life", body(events)).await.expect(200);
    assert_eq!(told.get("/status"), "active");
    assert_eq!(told.get("/periods/0/status"), "paid");
    assert_eq!(told.get("/events/1/amount"), "1015.00");
    assert_eq!(told.get("/events/2/refused/code"), "exceeds-settlement");
    assert_eq!(told.get("/standing/principal"), "2000.00");

    let wrong = asked(&world, "/v1/simulations/life", body(json!([{ "on": "2024-04-01" }]))).await;
    let wrong = wrong.expect(422);
    assert_eq!(wrong.get("/code"), "scenario-has-problems");
    assert_eq!(wrong.get("/errors/0/pointer"), "/events/events/0");
    let each = json!({ "on": "2024-04-01", "due": true });
    let many = asked(&world, "/v1/simulations/life", body(json!(vec![each; 201]))).await;
    assert_eq!(many.expect(413).get("/code"), "too-many");
    let bare =
        asked(&world, "/v1/simulations/life", json!({ "definition": {}, "events": {} })).await;
    let bare = bare.expect(422);
    assert_eq!(bare.get("/code"), "definition-has-problems");
    assert!(bare.get("/errors/0/pointer").starts_with("/definition"), "{}", bare.text);
}

#[tokio::test]
async fn a_book_is_told_beside_what_is_live() {
    let world = World::new().await;
    let good = example("pay-in-3");
    let scenario = json!({
        "from": "2024-03-01", "months": 8, "loans": 5, "cost_of_money": "0.03",
        "behaviours": [{ "weight": 8 }, { "misses": { "chance": "0.5" } }],
    });
    let body = |definition: &str, against: Value| {
        let mut body = json!({ "definition": definition, "seed": 3, "against": against });
        body["scenario"] = scenario.clone();
        body
    };
    let book = asked(&world, "/v1/simulations/book", body(&good, Value::Null)).await.expect(200);
    assert_eq!(book.get("/loans"), "40");
    assert_eq!(book.json()["months"].as_array().unwrap().len(), 8);
    let again = asked(&world, "/v1/simulations/book", body(&good, Value::Null)).await.expect(200);
    assert_eq!(book.text, again.text);

    let none = asked(&world, "/v1/simulations/book", body(&good, json!("live"))).await;
    assert_eq!(none.expect(404).get("/code"), "not-found");
    world.publish(&world.home, &good).await;
    let dearer = good.replace("rate: 0 ", "rate: 0.06 ").replace("version: 1", "version: 2");
    let both = asked(&world, "/v1/simulations/book", body(&dearer, json!("live"))).await;
    let both = both.expect(200).json();
    assert_eq!(both["other"]["digest"], book.json()["digest"]);
    let total = both["difference"]["total"].as_array().unwrap();
    let more = |name: &str| {
        let line = total.iter().find(|it| it["name"] == name).unwrap();
        line["difference"].as_str().unwrap().to_owned()
    };
    assert_eq!(more("disbursed"), "0.00");
    assert!(more("result").parse::<f64>().unwrap() > 0.0, "{}", more("result"));
}

#[tokio::test]
async fn a_book_has_its_limits() {
    let world = World::new().await;
    let body = |scenario: Value| json!({ "definition": example("pay-in-3"), "scenario": scenario });
    let large = asked(&world, "/v1/simulations/book", body(json!({ "loans": 5000 }))).await;
    let large = large.expect(413);
    assert_eq!(large.get("/code"), "too-many");
    assert!(large.text.contains("BOOK_CONTRACT_MONTHS_MAX"), "{}", large.text);
    let wrong = asked(&world, "/v1/simulations/book", body(json!({ "months": 0 }))).await;
    let wrong = wrong.expect(422);
    assert_eq!(wrong.get("/code"), "scenario-has-problems");
    assert_eq!(wrong.get("/errors/0/pointer"), "/scenario/months");
    let deposit = json!({ "definition": example("time-deposit"), "scenario": {} });
    let deposit = asked(&world, "/v1/simulations/book", deposit).await.expect(422);
    assert_eq!(deposit.get("/code"), "product-of-other-kind");
}
