//! The books over HTTP: ledger, statements, periods, years, chart.

use serde_json::{Value, json};

use super::world::{Ask, Reply, World, example, uuid};

/// Capital, interest earned, a receipt in suspense, and rent: all on 1 March 2024 and earlier.
async fn with_books() -> World {
    let world = World::new().await;
    let key = &world.home.operator;
    for (number, code) in [(1, "1003"), (2, "4001"), (3, "6011.01"), (4, "2241.09"), (5, "6602")] {
        let account =
            json!({ "id": uuid(number), "code": code, "currency": "CNY", "side": "debit" });
        world.post(key, "/v1/ledger/accounts", account).await.expect(201);
    }
    let moves = [
        (1, 2, "1000.00", "2023-12-01"),
        (1, 3, "30.00", "2023-12-31"),
        (1, 4, "7.00", "2024-02-28"),
        (5, 1, "12.50", "2024-03-01"),
    ];
    for (debit, credit, amount, day) in moves {
        let transfer = json!({
            "debit": uuid(debit), "credit": uuid(credit), "reason": "test", "value_date": day,
            "amount": { "amount": amount, "currency": "CNY" },
        });
        world.post(key, "/v1/ledger/transfers", transfer).await.expect(201);
    }
    world
}

async fn read(world: &World, path: &str) -> Reply {
    world.get(&world.home.auditor, path).await.expect(200)
}

fn line<'a>(section: &'a Value, code: &str) -> &'a Value {
    let lines = section["lines"].as_array().unwrap();
    lines.iter().find(|it| it["code"] == code).unwrap()
}

#[tokio::test]
async fn statements_are_read_as_json() {
    let world = with_books().await;
    let ledger = "/v1/reports/general-ledger?from=2024-02-28&through=2024-03-01";
    let ledger = read(&world, ledger).await.json();
    let cash = line(&ledger, "1003");
    let expected = json!({
        "currency": "CNY", "code": "1003", "level": 1, "class": "asset",
        "en": "Balances with the central bank", "zh": "存放中央银行款项",
        "opening": "1030.00", "debits": "7.00", "credits": "12.50", "closing": "1024.50",
        "days": [
            { "date": "2024-02-28", "opening": "1030.00", "debits": "7.00", "credits": "0.00",
              "closing": "1037.00" },
            { "date": "2024-03-01", "opening": "1037.00", "debits": "0.00", "credits": "12.50",
              "closing": "1024.50" },
        ],
    });
    assert_eq!(*cash, expected);
    let sheet = "/v1/reports/balance-sheet?as_of=2024-03-01&compared=2023-12-31";
    let sheet = read(&world, sheet).await.json()["sheets"][0].clone();
    assert_eq!(sheet["assets"]["total"], json!({ "amount": "1024.50", "compared": "1030.00" }));
    assert_eq!(line(&sheet["liabilities"], "2241")["amount"], "7.00");
    assert_eq!(sheet["result"], json!({ "amount": "17.50", "compared": "30.00" }));
    assert_eq!(sheet["difference"]["amount"], "0.00");
    let income = "/v1/reports/income-statement?from=2024-01-01&through=2024-03-01\
        &compared_from=2023-01-01&compared_through=2023-12-31";
    let income = read(&world, income).await.json()["earnings"][0].clone();
    assert_eq!(income["result"], json!({ "amount": "-12.50", "compared": "30.00" }));
    let half = "/v1/reports/income-statement?from=2024-01-01&through=2024-03-01\
        &compared_from=2023-01-01";
    let refused = world.get(&world.home.auditor, half).await.expect(400);
    assert_eq!(refused.get("/errors/0/code"), "half-a-period");
    let long = "/v1/reports/general-ledger?from=2023-01-01&through=2024-03-01";
    let refused = world.get(&world.home.auditor, long).await.expect(413);
    assert_eq!(refused.get("/code"), "too-many");
    read(&world, &format!("{long}&code=1003")).await;
}

#[tokio::test]
async fn statements_are_read_as_csv() {
    let world = with_books().await;
    let ask = async |path: &str| {
        let ask = Ask::new("GET", path).header("accept", "text/csv, application/json;q=0.5");
        let reply = world.ask(&world.home.auditor, ask).await.expect(200);
        assert!(reply.header("content-type").unwrap().starts_with("text/csv; charset=utf-8"));
        let text = reply.text.strip_prefix('\u{feff}').unwrap().to_owned();
        text.split_terminator("\r\n").map(str::to_owned).collect::<Vec<_>>()
    };
    let income = "/v1/reports/income-statement?from=2024-01-01&through=2024-03-01";
    let expected = [
        "currency,section,code,level,zh,en,amount,compared",
        "CNY,income,,,,,0.00,",
        "CNY,expense,6602,1,管理费用,Administrative expenses,12.50,",
        "CNY,expense,,,,,12.50,",
        "CNY,result,,,,,-12.50,",
    ];
    assert_eq!(ask(income).await, expected);
    let sheet = ask("/v1/reports/balance-sheet?as_of=2024-03-01").await;
    assert!(sheet.contains(&"CNY,difference,,,,,0.00,".to_owned()), "{sheet:?}");
    let ledger = "/v1/reports/general-ledger?from=2024-03-01&through=2024-03-01&code=1003";
    let expected = [
        "currency,code,level,zh,en,date,opening,debits,credits,closing",
        "CNY,1003,1,存放中央银行款项,Balances with the central bank,2024-03-01,1037.00,0.00,12.50,\
         1024.50",
    ];
    assert_eq!(ask(ledger).await, expected);
}

#[tokio::test]
async fn entries_lead_from_a_day_to_its_transfers() {
    let world = with_books().await;
    let path = "/v1/reports/general-ledger/entries?code=2241&currency=CNY&day=2024-02-28";
    let page = read(&world, path).await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let entry = &page["data"][0];
    assert_eq!((&entry["side"], &entry["amount"]), (&json!("credit"), &json!("7.00")));
    assert_eq!((&entry["account"], &entry["other"]), (&json!(uuid(4)), &json!(uuid(1))));
    read(&world, &format!("/v1/ledger/transfers/{}", entry["transfer"].as_str().unwrap())).await;
    let wrong = world.get(&world.home.auditor, &format!("{path}&after=x")).await.expect(400);
    assert_eq!(wrong.get("/errors/0/code"), "malformed-cursor");
}

#[tokio::test]
async fn a_year_is_closed_by_an_operator_and_an_approver() {
    let world = with_books().await;
    let keys = &world.home;
    let year = json!({ "year": 2023 });
    let early = world.post(&keys.operator, "/v1/years", year.clone()).await.expect(422);
    assert_eq!(early.get("/code"), "period-open");
    let close = json!({ "through": "2024-02-29" });
    let refused = world.post(&keys.operator, "/v1/periods/close", close).await.expect(422);
    assert_eq!(refused.get("/code"), "in-suspense");
    assert_eq!(refused.get("/errors/0/code"), "not-zero");
    let close = json!({ "through": "2024-02-29", "suspense": "may-hang" });
    let closed = world.post(&keys.operator, "/v1/periods/close", close).await.expect(200).json();
    assert_eq!(closed["hanging"][0]["balance"], "-7.00");
    assert_eq!(closed["hanging"][0]["since"], "2024-02-28");
    let prepared = world.post(&keys.operator, "/v1/years", year).await.expect(200);
    assert_eq!(prepared.get("/lines/0/balance"), "-30.00");
    let approve = "/v1/years/2023/approve";
    world.post(&keys.operator, approve, Value::Null).await.expect(403);
    let approved = world.post(&keys.approver, approve, Value::Null).await.expect(200);
    assert_eq!(approved.get("/value_date"), "2024-03-01");
    assert_eq!(approved.get("/approved_by"), "approver@home");
    let periods = read(&world, "/v1/periods").await;
    assert_eq!(periods.get("/closed_through"), "2024-02-29");
    assert_eq!(periods.get("/years/0/year"), "2023");
    assert_eq!(periods.get("/prepared"), "null");
    world.post(&keys.approver, "/v1/years/2022/approve", Value::Null).await.expect(404);
}

#[tokio::test]
async fn an_institution_brings_its_chart() {
    let world = World::new().await;
    let keys = &world.home;
    let mut chart = read(&world, "/v1/chart").await.json();
    assert_eq!(chart["profit"], "4103");
    let bring = async |chart: &Value| {
        let ask = Ask::new("POST", "/v1/chart").text("application/json", &chart.to_string());
        world.ask(&keys.operator, ask).await
    };
    chart["source"] = json!("our own");
    let brought = bring(&chart).await.expect(200).json();
    let accounts = chart["accounts"].as_array().unwrap().len();
    assert_eq!(brought, json!({ "source": "our own", "accounts": accounts }));
    assert_eq!(read(&world, "/v1/chart").await.json(), chart, "what is read can be brought");
    let without = json!({ "source": "x", "profit": "4103", "retained": "4103", "accounts": [] });
    let refused = bring(&without).await.expect(422);
    assert_eq!(refused.get("/code"), "chart-account-not-for-result");
    world.publish(keys, &example("wallet")).await;
    assert_eq!(bring(&chart).await.expect(422).get("/code"), "chart-in-use");
}
