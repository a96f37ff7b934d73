//! Documents for customers over HTTP.

use documents::{Disclosure, Language, Statement};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::world::{Ask, Reply, World, example};
use crate::document::Accepted;

/// A loan of three instalments, of which the first is paid and the second late.
async fn lent(world: &World) -> String {
    let keys = &world.home;
    world.publish(keys, &example("pay-in-3")).await;
    let party = world.party(keys, 281).await;
    let (_, loan) = world.loan(keys, &party).await;
    world.close_until(keys, "2024-04-01").await;
    let paid = json!({ "amount": { "amount": "1015.00", "currency": "CNY" } });
    world.post(&keys.operator, &format!("/v1/loans/{loan}/repayments"), paid).await.expect(200);
    world.close_until(keys, "2024-05-10").await;
    loan
}

async fn read(world: &World, path: &str, headers: &[(&str, &str)]) -> Reply {
    let ask = headers.iter().fold(Ask::new("GET", path), |ask, (name, it)| ask.header(name, it));
    world.ask(&world.home.operator, ask).await
}

/// The document of which this is the JSON.
fn parsed<T: DeserializeOwned>(reply: &Reply, sums: &[&str]) -> T {
    let mut json = reply.json();
    for name in sums {
        assert!(json.as_object_mut().unwrap().remove(*name).is_some(), "{name}");
    }
    serde_json::from_value(json).unwrap()
}

#[tokio::test]
async fn a_loan_statement_is_json_or_pdf_of_the_same() {
    let world = World::new().await;
    let loan = lent(&world).await;
    let path = format!("/v1/loans/{loan}/statement?from=2024-03-01&to=2024-05-10");
    let told = read(&world, &path, &[]).await.expect(200);
    assert_eq!(told.get("/opening/amount"), "0.00");
    assert_eq!(told.get("/closing/amount"), "2000.00");
    assert_eq!(told.get("/content/movements/0/kind"), "disbursal");
    assert_eq!(told.get("/content/movements/1/amount/amount"), "-1015.00");
    assert_eq!(told.get("/content/instalments/0/status"), "paid");
    assert_eq!(told.get("/content/instalments/1/status"), "overdue");
    assert_eq!(told.get("/party/name"), "张**");
    assert_eq!(told.get("/totals/principal/amount"), "1000.00");
    assert_eq!(told.header("vary"), Some("accept, accept-language"));

    let statement: Statement = parsed(&told, &["totals"]);
    let asked = [("accept", "application/pdf"), ("accept-language", "en-GB,en;q=0.9")];
    let pdf = read(&world, &path, &asked).await.expect(200);
    assert_eq!(pdf.header("content-type"), Some("application/pdf"));
    assert_eq!(pdf.header("content-language"), Some("en"));
    let name = format!("inline; filename=\"statement-{loan}-2024-03-01-2024-05-10.pdf\"");
    assert_eq!(pdf.header("content-disposition"), Some(&*name));
    assert!(pdf.bytes == statement.pdf(Language::En).unwrap().bytes, "of what the JSON tells");
    let again = read(&world, &path, &asked).await.expect(200);
    assert!(again.bytes == pdf.bytes, "the same bytes for the same request");
    let chinese = read(&world, &path, &[("accept", "application/pdf")]).await.expect(200);
    assert_eq!(chinese.header("content-language"), Some("zh-CN"));
    assert!(chinese.bytes == statement.pdf(Language::Zh).unwrap().bytes);
}

#[tokio::test]
async fn a_disclosure_is_json_or_pdf_of_the_same() {
    let world = World::new().await;
    let loan = lent(&world).await;
    let path = format!("/v1/loans/{loan}/disclosure");
    let told = read(&world, &path, &[("accept", "application/json")]).await.expect(200);
    assert_eq!(told.get("/amount_in_words/zh"), "人民币叁仟元整");
    assert_eq!(told.get("/contract/number"), loan);
    assert!(told.get("/contract/product/en").ends_with("(version 1)"));
    let compound: money::Decimal = told.get("/annual_cost/compound").parse().unwrap();
    let simple: money::Decimal = told.get("/annual_cost/simple").parse().unwrap();
    assert!(compound > simple && !simple.is_zero(), "the fees cost something");
    assert_eq!(told.get("/totals/total/amount"), "3045.00");
    assert_eq!(told.get("/fees/0/amount/amount"), "45.00");
    let disclosure: Disclosure = parsed(&told, &["totals", "amount_in_words"]);
    let asked = [("accept", "application/pdf, application/json;q=0.5")];
    let pdf = read(&world, &path, &asked).await.expect(200);
    assert!(pdf.bytes == disclosure.pdf(Language::Zh).unwrap().bytes);
}

#[tokio::test]
async fn accounts_and_deposits_have_statements() {
    let world = World::new().await;
    let keys = &world.home;
    world.publish(keys, &example("wallet")).await;
    world.publish(keys, &example("time-deposit")).await;
    let party = world.party(keys, 281).await;
    let cny = |amount: &str| json!({ "amount": amount, "currency": "CNY" });
    let open = json!({ "party": party, "product": "wallet" });
    let account = world.post(&keys.partner, "/v1/accounts", open).await.get("/account");
    let deposits = format!("/v1/accounts/{account}/deposits");
    world.post(&keys.operator, &deposits, json!({ "amount": cny("9000.00") })).await.expect(200);
    let open = json!({
        "party": party, "product": "time-deposit", "tenor": "3 months", "account": account,
        "amount": cny("8000.00"),
    });
    let deposit = world.post(&keys.operator, "/v1/term-deposits", open).await.get("/deposit");
    let days = "from=2024-03-01&to=2024-03-01";
    for (path, kinds, closing) in [
        (format!("accounts/{account}"), &["deposit", "withdrawal"][..], "1000.00"),
        (format!("term-deposits/{deposit}"), &["deposit"], "8000.00"),
    ] {
        let told = read(&world, &format!("/v1/{path}/statement?{days}"), &[]).await.expect(200);
        assert_eq!(told.get("/closing/amount"), closing);
        let json = told.json();
        let rows = json["content"]["movements"].as_array().unwrap();
        let shown: Vec<_> = rows.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(shown, kinds);
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_refused_by_name() {
    let world = World::new().await;
    let loan = lent(&world).await;
    let ask = |days: &'static str, accept: &'static str| {
        let (world, path) = (&world, format!("/v1/loans/{loan}/statement?{days}"));
        async move {
            let reply = read(world, &path, &[("accept", accept)]).await;
            (reply.status, reply.get("/code"))
        }
    };
    let any = "*/*";
    for (days, accept, status, code) in [
        ("from=2024-03-01&to=2024-03-31", "text/csv", 406, "not-acceptable"),
        ("from=2024-03-01&to=2024-03-31", "application/pdf;q=0", 406, "not-acceptable"),
        ("from=2024-03-01&to=2024-05-11", any, 422, "after-business-date"),
        ("from=2024-03-02&to=2024-03-01", any, 422, "from-after-through"),
        ("from=2001-03-01&to=2024-03-01", any, 413, "too-many"),
        ("from=2024-03-01", any, 400, "malformed-query"),
        ("from=1.3.2024&to=2024-03-01", any, 400, "malformed-query"),
    ] {
        assert_eq!(ask(days, accept).await, (status, code.to_owned()), "{days} {accept}");
    }
}

#[tokio::test]
async fn instalments_tell_their_last_day_and_who_pays_interest() {
    let world = World::new().await;
    let loan = lent(&world).await;
    let path = format!("/v1/loans/{loan}/schedule");
    let first = read(&world, &path, &[]).await.expect(200);
    let planned = first.json().pointer("/instalments/0/planned").cloned().unwrap();
    assert_eq!((&planned["from"], &planned["to"]), (&json!("2024-03-01"), &json!("2024-04-01")));
    assert_eq!(planned["subsidy"], Value::Null, "nobody else pays");
}

#[test]
fn forms_and_languages_are_chosen_by_weight() {
    let rows = stdx::table::parse(
        "
        accept                               language            => form
        -                                    en                     json
        */*                                  zh                     json
        application/*                        en                     json
        application/pdf                      -                      zh
        application/pdf                      en                     en
        application/pdf                      de,en;q=0.5            en
        application/pdf                      en;q=0.5,zh-Hans       zh
        application/pdf                      en;q=0                 zh
        application/pdf                      *                      zh
        application/pdf;q=0.9,*/*;q=0.1      en                     en
        application/json;q=0.2,application/pdf;q=0.3 en             en
        application/pdf,application/json     en                     json
        application/json;q=0,*/*             en                     en
        text/html                            en                     none
        application/pdf;q=2                  en                     none
        application/pdf;q=x                  en                     none
        ",
    );
    for row in rows {
        let mut headers = axum::http::HeaderMap::new();
        for (name, column) in [("accept", "accept"), ("accept-language", "language")] {
            if row.text(column) != "-" {
                headers.insert(name, row.text(column).parse().unwrap());
            }
        }
        let form = match Accepted::of(&headers) {
            Some(Accepted::Json) => "json",
            Some(Accepted::Pdf(Language::Zh)) => "zh",
            Some(Accepted::Pdf(Language::En)) => "en",
            None => "none",
        };
        assert_eq!(form, row.text("form"), "line {}", row.line);
    }
}
