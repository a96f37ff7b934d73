//! What bad input gets: a table of requests and of where each is wrong.

use std::fmt::Write;

use expect_test::expect;
use serde_json::json;

use super::world::{Ask, World, example, person, uuid};

#[tokio::test]
async fn bad_input_is_answered_with_the_place_and_the_reason() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;
    let (_, loan) = world.loan(keys, &party).await;
    let repayments = format!("/v1/loans/{loan}/repayments");
    let payment = |amount: &str, currency: &str| {
        json!({ "amount": { "amount": amount, "currency": currency } }).to_string()
    };
    let wrong_id =
        person(282).to_string().replace(&super::world::resident_id(282), "110105199003072814");
    let two = json!({ "kind": "person", "name": "", "id_number": "1", "mobile": "1" }).to_string();
    let transfers = "/v1/ledger/transfers";
    let transfer = |more: &str| {
        format!("[{{\"debit\":\"{}\",\"credit\":\"{}\",\"reason\":\"r\"{more}}}]", uuid(1), uuid(2))
    };
    let money = ",\"amount\":{\"amount\":\"1\",\"currency\":\"CNY\"}";
    let rows: Vec<(&str, &str, String)> = vec![
        ("POST", &repayments, payment("1.005", "CNY")),
        ("POST", &repayments, payment("-1.00", "CNY")),
        ("POST", &repayments, payment("1,000", "CNY")),
        ("POST", &repayments, payment("1e3", "CNY")),
        ("POST", &repayments, payment("99999999999999999999", "CNY")),
        ("POST", &repayments, payment("1.00", "XXX")),
        ("POST", &repayments, payment("1.00", "cny")),
        ("POST", &repayments, payment("0.00", "CNY")),
        ("POST", &repayments, payment("1", "JPY")),
        ("POST", &repayments, "{\"amount\":{\"amount\":1.5,\"currency\":\"CNY\"}}".into()),
        ("POST", &repayments, "{\"amount\":{\"amount\":\"1\"}}".into()),
        ("POST", &repayments, "{\"amuont\":{\"amount\":\"1\",\"currency\":\"CNY\"}}".into()),
        ("POST", &repayments, "{\"a\\u001fb\\u001fc\":1}".into()),
        ("POST", &repayments, "{\"amount\":null}".into()),
        ("POST", &repayments, "{}".into()),
        ("POST", &repayments, "[]".into()),
        ("POST", &repayments, "".into()),
        ("POST", &repayments, "{\"amount\":".into()),
        ("POST", &repayments, format!("{} x", payment("1", "CNY"))),
        ("POST", &repayments, "{\"amount\":1,\"amount\":2}".into()),
        ("POST", "/v1/business-date/close", "{\"date\":\"2024-02-30\"}".into()),
        ("POST", "/v1/business-date/close", "{\"date\":\"20240301\"}".into()),
        ("POST", "/v1/business-date/close", "{\"date\":\"2024-03-01T00:00:00Z\"}".into()),
        ("POST", "/v1/business-date/close", "{\"date\":\"2024-03-04\"}".into()),
        ("POST", "/v1/parties", wrong_id),
        ("POST", "/v1/parties", two),
        ("POST", "/v1/parties", person(281).to_string()),
        ("POST", "/v1/parties", "{\"kind\":\"persen\"}".into()),
        ("POST", "/v1/keys", "{\"name\":\"x\",\"role\":\"boss\"}".into()),
        ("POST", "/v1/keys", "{\"name\":\"x\",\"role\":\"auditor\",\"admin\":true}".into()),
        ("POST", "/v1/applications", "{\"party\":\"x\",\"product\":\"y\"}".into()),
        ("POST", transfers, transfer("")),
        ("POST", transfers, transfer(",\"amount\":{\"amount\":\"0.001\",\"currency\":\"CNY\"}")),
        ("POST", transfers, transfer(&format!("{money},\"kind\":\"expire\""))),
        ("POST", transfers, transfer(&format!("{money},\"kind\":\"post\""))),
        ("POST", transfers, transfer(&format!("{money},\"timeout_seconds\":1"))),
        ("POST", transfers, transfer(&format!("{money},\"kind\":\"hold\",\"timeout_seconds\":0"))),
        ("POST", transfers, transfer(&format!("{money},\"kind\":\"hold\",\"expires\":\"soon\""))),
        ("POST", transfers, transfer(&format!("{money},\"id\":\"1\""))),
        ("POST", transfers, transfer(&format!("{money},\"code\":\"x\""))),
        ("POST", transfers, "7".into()),
        ("POST", "/v1/products", "product: pay-in-3".into()),
        ("GET", "/v1/loans?limit=0", String::new()),
        ("GET", "/v1/loans?limit=1001", String::new()),
        ("GET", "/v1/loans?limit=ten", String::new()),
        ("GET", "/v1/loans?after=x", String::new()),
        ("GET", "/v1/loans?party=x", String::new()),
        ("GET", "/v1/loans?limit=1&limit=2", String::new()),
        ("GET", "/v1/loans?partie=x", String::new()),
        ("GET", "/v1/events?after=-1", String::new()),
        ("GET", "/v1/reports/trial-balance?through=2024-13-01", String::new()),
        ("GET", "/v1/loans/not-an-id", String::new()),
        ("GET", "/v1/products/pay-in-3/one", String::new()),
        ("GET", "/v1/products/pay-in-3/2", String::new()),
    ];
    let mut table = String::new();
    for (method, path, body) in rows {
        let mut ask = Ask::new(method, path);
        if method == "POST" {
            ask = ask.text("application/json", &body);
        }
        let reply = world.ask(&keys.operator, ask).await;
        let json = reply.json();
        assert!(json["hint"].is_string() && json["detail"].is_string(), "{path}: {}", reply.text);
        let shown = path.replace(&loan, "…");
        writeln!(table, "{method} {shown} {body}").unwrap();
        writeln!(table, "  {} {}", reply.status, reply.get("/code")).unwrap();
        for fault in json["errors"].as_array().into_iter().flatten() {
            let place = fault.get("pointer").or(fault.get("parameter"));
            let place = place.and_then(|it| it.as_str()).unwrap_or("-");
            let code = fault["code"].as_str().unwrap();
            let fix = fault["fix"].as_str().map(|it| format!(" — {it}")).unwrap_or_default();
            writeln!(table, "    {place:?} {code}{fix}").unwrap();
        }
    }
    let table = table.replace(&uuid(1), "1").replace(&uuid(2), "2");
    expect![[r#"
        POST /v1/loans/…/repayments {"amount":{"amount":"1.005","currency":"CNY"}}
          400 malformed-body
            "/amount/amount" too-many-decimals
        POST /v1/loans/…/repayments {"amount":{"amount":"-1.00","currency":"CNY"}}
          400 malformed-body
            "/amount/amount" negative-amount
        POST /v1/loans/…/repayments {"amount":{"amount":"1,000","currency":"CNY"}}
          400 malformed-body
            "/amount/amount" malformed-amount
        POST /v1/loans/…/repayments {"amount":{"amount":"1e3","currency":"CNY"}}
          400 malformed-body
            "/amount/amount" malformed-amount
        POST /v1/loans/…/repayments {"amount":{"amount":"99999999999999999999","currency":"CNY"}}
          400 malformed-body
            "/amount/amount" amount-too-large
        POST /v1/loans/…/repayments {"amount":{"amount":"1.00","currency":"XXX"}}
          400 malformed-body
            "/amount/currency" unknown-currency
        POST /v1/loans/…/repayments {"amount":{"amount":"1.00","currency":"cny"}}
          400 malformed-body
            "/amount/currency" unknown-currency
        POST /v1/loans/…/repayments {"amount":{"amount":"0.00","currency":"CNY"}}
          422 amount-not-positive
        POST /v1/loans/…/repayments {"amount":{"amount":"1","currency":"JPY"}}
          422 other-currency
        POST /v1/loans/…/repayments {"amount":{"amount":1.5,"currency":"CNY"}}
          400 malformed-body
            "/amount/amount" wrong-type
        POST /v1/loans/…/repayments {"amount":{"amount":"1"}}
          400 malformed-body
            "/amount/currency" missing-field — Add `currency`.
        POST /v1/loans/…/repayments {"amuont":{"amount":"1","currency":"CNY"}}
          400 malformed-body
            "/amuont" unknown-field — Did you mean `amount`?
        POST /v1/loans/…/repayments {"a\u001fb\u001fc":1}
          400 malformed-body
            "/a\u{1f}b\u{1f}c" unknown-field — Leave it out.
        POST /v1/loans/…/repayments {"amount":null}
          400 malformed-body
            "/amount" wrong-type
        POST /v1/loans/…/repayments {}
          400 malformed-body
            "/amount" missing-field — Add `amount`.
        POST /v1/loans/…/repayments []
          400 malformed-body
            "" wrong-type
        POST /v1/loans/…/repayments 
          400 malformed-body
            "" malformed-json
        POST /v1/loans/…/repayments {"amount":
          400 malformed-body
            "" malformed-json
        POST /v1/loans/…/repayments {"amount":{"amount":"1","currency":"CNY"}} x
          400 malformed-body
            "" malformed-json
        POST /v1/loans/…/repayments {"amount":1,"amount":2}
          400 malformed-body
            "/amount" wrong-type
        POST /v1/business-date/close {"date":"2024-02-30"}
          400 malformed-body
            "/date" malformed-date
        POST /v1/business-date/close {"date":"20240301"}
          400 malformed-body
            "/date" malformed-date
        POST /v1/business-date/close {"date":"2024-03-01T00:00:00Z"}
          400 malformed-body
            "/date" malformed-date
        POST /v1/business-date/close {"date":"2024-03-04"}
          422 not-the-business-date
        POST /v1/parties {"kind":"person","name":"张小明","id_number":"110105199003072814","mobile":"19900000282","address":"北京市朝阳区建国路1号"}
          400 invalid-party-fields
            "/id_number" wrong-checksum
        POST /v1/parties {"kind":"person","name":"","id_number":"1","mobile":"1"}
          400 invalid-party-fields
            "/name" missing
            "/id_number" wrong-length
            "/mobile" wrong-length
        POST /v1/parties {"kind":"person","name":"张小明","id_number":"110105199003072813","mobile":"19900000281","address":"北京市朝阳区建国路1号"}
          409 exists
        POST /v1/parties {"kind":"persen"}
          400 malformed-body
            "/kind" unknown-value — Did you mean `person`?
        POST /v1/keys {"name":"x","role":"boss"}
          400 malformed-body
            "/role" unknown-value — Use one of those named.
        POST /v1/keys {"name":"x","role":"auditor","admin":true}
          400 malformed-body
            "/admin" unknown-field — Leave it out.
        POST /v1/applications {"party":"x","product":"y"}
          400 malformed-body
            "/party" malformed-id
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r"}]
          400 malformed-body
            "/0/amount" missing-field
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r","amount":{"amount":"0.001","currency":"CNY"}}]
          400 malformed-body
            "/0/amount/amount" too-many-decimals
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r","amount":{"amount":"1","currency":"CNY"},"kind":"expire"}]
          400 malformed-body
            "/0/kind" unknown-value — Use one of those named.
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r","amount":{"amount":"1","currency":"CNY"},"kind":"post"}]
          400 malformed-body
            "/0/about" missing-field
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r","amount":{"amount":"1","currency":"CNY"},"timeout_seconds":1}]
          400 malformed-body
            "/0/timeout_seconds" not-allowed
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r","amount":{"amount":"1","currency":"CNY"},"kind":"hold","timeout_seconds":0}]
          400 malformed-body
            "/0/timeout_seconds" out-of-range
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r","amount":{"amount":"1","currency":"CNY"},"kind":"hold","expires":"soon"}]
          400 malformed-body
            "/0/expires" malformed-timestamp
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r","amount":{"amount":"1","currency":"CNY"},"id":"1"}]
          400 malformed-body
            "/0/id" malformed-id
        POST /v1/ledger/transfers [{"debit":"1","credit":"2","reason":"r","amount":{"amount":"1","currency":"CNY"},"code":"x"}]
          400 malformed-body
            "/0/code" unknown-field — Leave it out.
        POST /v1/ledger/transfers 7
          400 malformed-body
            "" wrong-type
        POST /v1/products product: pay-in-3
          422 definition-has-problems
            "/currency" missing — Add it: The currency of every amount in it (ISO 4217).
            "/effective" missing — Add it: The first day on which a contract may be made under this version.
            "/kind" missing — Add it: The kind of product: it decides what `terms` holds.
            "/name" missing — Add it: What people call it.
            "/terms" missing — Add it: The parameters of the kind.
            "/version" missing — Add it: The version, from 1.
        GET /v1/loans?limit=0 
          400 malformed-query
            "limit" limit-out-of-range
        GET /v1/loans?limit=1001 
          400 malformed-query
            "limit" limit-out-of-range
        GET /v1/loans?limit=ten 
          400 malformed-query
            "limit" limit-out-of-range
        GET /v1/loans?after=x 
          400 malformed-query
            "after" malformed-cursor
        GET /v1/loans?party=x 
          400 malformed-query
            "party" malformed-id
        GET /v1/loans?limit=1&limit=2 
          400 malformed-query
            "limit" duplicate-parameter
        GET /v1/loans?partie=x 
          400 malformed-query
            "partie" unknown-field — Did you mean `party`?
        GET /v1/events?after=-1 
          400 malformed-query
            "after" malformed-cursor
        GET /v1/reports/trial-balance?through=2024-13-01 
          400 malformed-query
            "through" malformed-date
        GET /v1/loans/not-an-id 
          404 not-found
        GET /v1/products/pay-in-3/one 
          404 not-found
        GET /v1/products/pay-in-3/2 
          404 not-found
    "#]].assert_eq(&table);
}

#[tokio::test]
async fn the_format_of_a_body_is_named() {
    let world = World::new().await;
    for (path, kind) in [
        ("/v1/keys", "text/plain"),
        ("/v1/keys", "application/yaml"),
        ("/v1/products", "text/plain"),
        ("/v1/products/check", "application/xml"),
    ] {
        let reply = world.ask(&world.home.operator, Ask::new("POST", path).text(kind, "{}")).await;
        assert_eq!(reply.expect(415).get("/code"), "unsupported-media-type", "{path} {kind}");
    }
    let ask = Ask::new("POST", "/v1/keys").text("application/json; charset=utf-8", "{}");
    world.ask(&world.home.operator, ask).await.expect(400);
}

#[tokio::test]
async fn a_body_where_none_is_taken_is_refused_unless_it_is_empty() {
    let world = World::new().await;
    let path = format!("/v1/loans/{}/disburse", uuid(1));
    for (body, status) in [("", 404), ("{}", 404), ("{\"amount\":1}", 400), ("x", 400)] {
        let ask = Ask::new("POST", &path).text("application/json", body);
        world.ask(&world.home.operator, ask).await.expect(status);
    }
}
