//! What belongs to another institution is not there: on no route, by no id.

use bank::{Right, Role};
use serde_json::{Value, json};

use super::world::{Ask, World, example, uuid};

/// A thing of each sort, all of the home institution, by the name of its path parameter.
struct Things {
    party: String,
    application: String,
    loan: String,
    line_application: String,
    line: String,
    statement_line: String,
    migration: String,
    current_account: String,
    deposit: String,
    ledger_account: String,
    transfer: String,
    key: String,
    proposal: String,
}

async fn things(world: &World) -> Things {
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    world.publish(keys, &example("wallet")).await;
    let party = world.party(keys, 281).await;
    let (application, loan) = world.loan(keys, &party).await;
    let (_, line_application, line) = super::lines::open(world, &party).await;
    let charge_off = json!({ "fact": { "what": "charge-off" } });
    let proposals = format!("/v1/loans/{loan}/proposals");
    let proposal = world.post(&keys.operator, &proposals, charge_off).await.get("/id");
    let open = json!({ "party": party, "product": "wallet" });
    let account = world.post(&keys.operator, "/v1/accounts", open).await.get("/account");
    let second = example("pay-in-3").replace("version: 1", "version: 2");
    world.publish(keys, &second).await;
    let move_on = json!({ "product": "pay-in-3", "to": 2 });
    let migration = world.post(&keys.operator, "/v1/migrations", move_on).await.get("/id");
    world.publish(keys, &example("time-deposit")).await;
    let open = json!({
        "party": party, "product": "time-deposit", "tenor": "1 year",
        "amount": { "amount": "100.00", "currency": "CNY" },
    });
    let deposit = world.post(&keys.operator, "/v1/term-deposits", open).await.get("/deposit");
    let accounts = json!([
        { "id": uuid(1), "code": "1003", "currency": "CNY", "side": "debit" },
        { "id": uuid(2), "code": "2011", "currency": "CNY", "side": "credit" },
    ]);
    world.post(&keys.operator, "/v1/ledger/accounts", accounts).await.expect(201);
    let transfer = json!({
        "id": uuid(3), "debit": uuid(1), "credit": uuid(2), "reason": "test", "kind": "hold",
        "amount": { "amount": "1.00", "currency": "CNY" },
    });
    world.post(&keys.operator, "/v1/ledger/transfers", transfer).await.expect(201);
    let new = json!({ "name": "shop", "role": "partner" });
    let key = world.post(&keys.operator, "/v1/keys", new).await.get("/id");
    let statement_line = super::line_accounts::billed(world, &party).await;
    Things {
        party,
        application,
        loan,
        line_application,
        line,
        statement_line,
        migration,
        current_account: account,
        deposit,
        ledger_account: uuid(1),
        transfer: uuid(3),
        key,
        proposal,
    }
}

impl Things {
    fn fill(&self, path: &str) -> String {
        let account =
            if path.contains("/ledger/") { &self.ledger_account } else { &self.current_account };
        let application = if path.contains("/line-applications/") {
            &self.line_application
        } else {
            &self.application
        };
        let of_account = ["/account", "/facts", "/grade", "/statements"];
        let line = match of_account.iter().any(|it| path.contains(&format!("{{line}}{it}"))) {
            true => &self.statement_line,
            false => &self.line,
        };
        [
            ("{party}", &*self.party),
            ("{application}", application),
            ("{loan}", &self.loan),
            ("{line}", line),
            ("{number}", "1"),
            ("{migration}", &self.migration),
            ("{account}", account),
            ("{deposit}", &self.deposit),
            ("{freeze}", &self.transfer),
            ("{stop}", &self.transfer),
            ("{transfer}", &self.transfer),
            ("{key}", &self.key),
            ("{proposal}", &self.proposal),
            ("{security}", &self.transfer),
            ("{purpose}", "marketing"),
            ("{product}", "pay-in-3"),
            ("{version}", "1"),
            ("{year}", "2023"),
        ]
        .into_iter()
        .fold(path.to_owned(), |path, (name, id)| path.replace(name, id))
    }
}

/// The example body of an operation.
pub(super) fn body(document: &Value, operation: &Value) -> Option<Value> {
    let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
    schema["$ref"].is_string().then(|| example_of(document, schema))
}

/// The example of a schema; of the first of several.
fn example_of(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return example_of(document, document.pointer(&reference[1..]).unwrap());
    }
    let first = || schema.pointer("/oneOf/0").map(|it| example_of(document, it));
    let example = schema.get("example").cloned().or_else(first);
    example.unwrap_or_else(|| panic!("no example in {schema}"))
}

#[tokio::test]
async fn every_id_of_another_institution_is_not_found() {
    let world = World::new().await;
    let things = things(&world).await;
    let document: Value = serde_json::from_str(&crate::openapi()).unwrap();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !path.contains('{') {
                continue;
            }
            let right = operation["security"][0]["key"][0].as_str().and_then(Right::named);
            let operates = right.is_none_or(|right| Role::Operator.has(right));
            let key = if operates { &world.away.operator } else { &world.away.approver };
            let path = things.fill(path) + &super::access::query(operation);
            let method = method.to_uppercase();
            let ask = Ask::new(&method, &path).header("if-match", "\"1\"");
            let ask = match body(&document, operation) {
                Some(body) => ask.json(&body),
                None => ask,
            };
            let reply = world.ask(key, ask).await;
            assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text);
            assert_eq!(reply.get("/code"), "not-found");
            asked += 1;
        }
    }
    assert!(asked >= 30, "{asked}");
    // Nothing of it reached the home institution.
    let read = world.get(&world.home.operator, &things.fill("/v1/parties/{party}")).await;
    assert_eq!(read.header("etag"), Some("\"1\""));
    world.get(&world.home.operator, "/v1/me").await.expect(200);
}

#[tokio::test]
async fn ids_within_a_body_do_not_reach_over_either() {
    let world = World::new().await;
    let things = things(&world).await;
    world.publish(&world.away, &example("pay-in-3")).await;
    world.publish(&world.away, &example("wallet")).await;
    let away = &world.away.operator;
    let apply = json!({
        "party": things.party, "product": "pay-in-3",
        "amount": { "amount": "3000.00", "currency": "CNY" },
    });
    world.post(away, "/v1/applications", apply).await.expect(404);
    let open = json!({ "party": things.party, "product": "wallet" });
    world.post(away, "/v1/accounts", open).await.expect(404);
    let transfer = json!({
        "debit": uuid(1), "credit": uuid(2), "reason": "test",
        "amount": { "amount": "1.00", "currency": "CNY" },
    });
    let refused = world.post(away, "/v1/ledger/transfers", transfer).await.expect(422);
    assert_eq!(refused.get("/code"), "debit-account-not-found");
    let post = json!({ "kind": "post", "about": things.transfer, "reason": "test" });
    let refused = world.post(away, "/v1/ledger/transfers", post).await.expect(422);
    assert_eq!(refused.get("/code"), "hold-not-found");
    let look_up = json!({ "accounts": [uuid(1)], "transfers": [things.transfer] });
    let found = world.post(away, "/v1/ledger/lookups", look_up).await.expect(200).json();
    assert_eq!(found, json!({ "accounts": [], "transfers": [] }));
}

#[tokio::test]
async fn lists_and_reports_show_ones_own_alone() {
    let world = World::new().await;
    let things = things(&world).await;
    let away = &world.away;
    let lists = [
        "parties",
        "products",
        "migrations",
        "loans",
        "lines",
        "proposals",
        "dunning",
        "accounts",
        "term-deposits",
        "ledger/accounts",
    ];
    for path in lists.map(|it| format!("/v1/{it}")) {
        assert_eq!(world.get(&away.auditor, &path).await.json()["data"], json!([]), "{path}");
    }
    let of_party = format!("/v1/loans?party={}", things.party);
    assert_eq!(world.get(&away.auditor, &of_party).await.json()["data"], json!([]));
    let balance = world.get(&away.auditor, "/v1/reports/trial-balance").await.expect(200);
    assert_eq!(balance.json()["lines"], json!([]));
    let portfolio = world.get(&away.auditor, "/v1/reports/portfolio").await.expect(200);
    assert_eq!(portfolio.json()["data"], json!([]));
    let events = world.get(&away.auditor, "/v1/events").await.expect(200);
    assert!(!events.text.contains(&things.loan) && !events.text.contains("home"));
    assert_eq!(world.get(&away.auditor, "/v1/me").await.get("/institution_name"), "away");
}
