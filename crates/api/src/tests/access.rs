//! Who may do what: the table is generated, and every cell of it is asked.

use bank::{Right, Role};
use serde_json::{Value, json};

use super::{
    isolation::body,
    world::{Ask, World},
};

#[tokio::test]
async fn every_route_asks_for_a_key_and_for_its_right() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&crate::openapi()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let right = operation["security"][0]["key"][0].as_str().and_then(Right::named);
            let (method, path) = (method.to_uppercase(), named(path));
            for wrong in ["", "Basic c3A6", "Bearer sp_", "Bearer ", &unknown()] {
                let reply =
                    world.send(Ask::new(&method, &path).header("authorization", wrong)).await;
                assert_eq!(reply.status, 401, "{method} {path} {wrong:?}");
                assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
                assert_eq!(reply.get("/code"), "unauthenticated");
            }
            for (role, name, _) in Role::TABLE {
                let may = right.is_none_or(|right| role.has(right));
                // Nothing is sent but the request line: a refusal must come first.
                let reply = world.ask(world.home.of(role), Ask::new(&method, &path)).await;
                let forbidden = reply.status == 403;
                assert_eq!(forbidden, !may, "{name} {method} {path}: {}", reply.text);
            }
        }
    }
}

/// The bank asks for the same right, or for none that is harder to get: with a good body no role
/// that the table lets in is turned away later.
#[tokio::test]
async fn the_bank_agrees_with_the_table() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&crate::openapi()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let right = operation["security"][0]["key"][0].as_str().and_then(Right::named);
            for (role, name, _) in Role::TABLE {
                if !right.is_none_or(|right| role.has(right)) {
                    continue;
                }
                let (method, path) = (method.to_uppercase(), named(path) + &query(operation));
                let ask = Ask::new(&method, &path).header("if-match", "\"1\"");
                let yaml = operation.pointer("/requestBody/content/application~1yaml").is_some();
                let ask = match body(&document, operation) {
                    Some(body) => ask.json(&body),
                    None if yaml => ask.text("application/yaml", "product: x"),
                    None => ask,
                };
                let reply = world.ask(world.home.of(role), ask).await;
                let forbidden = reply.text.contains("\"forbidden\"");
                assert!(!forbidden, "{name} {method} {path}: {}", reply.text);
                assert_ne!(reply.status, 500, "{name} {method} {path}: {}", reply.text);
                // What the document shows can be sent.
                assert_ne!(reply.status, 400, "{name} {method} {path}: {}", reply.text);
            }
        }
    }
}

#[tokio::test]
async fn me_tells_the_rights() {
    let world = World::new().await;
    let me = world.get(&world.home.partner, "/v1/me").await.expect(200).json();
    assert_eq!(me["actor"], "partner@home");
    assert_eq!(me["rights"], json!(["parties", "contracts", "read"]));
    assert_eq!(me["sees_personal_data"], false);
}

/// A key that has the form of one and is nobody's.
fn unknown() -> String {
    format!("Bearer sp_{}_{}", "0".repeat(32), "0".repeat(64))
}

/// The parameters an operation cannot do without, as its examples show them.
pub(super) fn query(operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let needed = parameters.filter(|it| it["in"] == "query" && it["required"] == true);
    let pairs = needed.map(|it| {
        let (name, example) = (it["name"].as_str().unwrap(), it["example"].as_str().unwrap());
        format!("{name}={example}")
    });
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn named(path: &str) -> String {
    let id = super::world::uuid(9);
    let path =
        path.replace("{version}", "1").replace("{number}", "1").replace("{purpose}", "marketing");
    let path = path.replace("{product}", "none").replace("{year}", "2023");
    [
        "party",
        "application",
        "loan",
        "line",
        "migration",
        "account",
        "deposit",
        "freeze",
        "stop",
        "transfer",
        "key",
        "proposal",
        "security",
    ]
    .into_iter()
    .fold(path, |path, name| path.replace(&format!("{{{name}}}"), &id))
}
