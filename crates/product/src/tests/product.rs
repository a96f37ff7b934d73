use std::collections::BTreeMap;

use expect_test::expect;
use money::{Amount, Decimal};
use serde_json::{Value, json};
use stdx::{Date, Timestamp, table};

use super::example;
use crate::{
    AccountProduct, Accounting, Applicant, Application, Definition, LoanProduct, TermProduct,
    chart::{AccountCode, Chart, ChartError},
    kinds::{Kind, term_deposit::Counting},
    life::{ProductVersion, Reject, in_force, next_version},
};

fn definition(name: &str) -> Definition {
    Definition::parse(example(name), Chart::china()).unwrap()
}

fn yuan(text: &str) -> Amount {
    Amount::parse(text, money::Currency::CNY).unwrap()
}

#[test]
fn applicants_are_decided() {
    let text = r#"
        product              age amount term outstanding dpd job         purpose  housing => failed
        consumer-instalment  30   5000   12  0           0   skilled     radio-tv own     => -
        consumer-instalment  17   5000   12  0           0   skilled     radio-tv own     => age
        consumer-instalment  70 100001   12  0           0   unskilled   business free    => age,consumption,amount-of-housing,amount-of-job
        consumer-instalment  30   5000   12  195001      31  skilled     radio-tv own     => exposure,arrears
        pay-in-3             30   5000    3  0           0   skilled     car-new  own     => goods
        farm-loan            66   5000   60  0           0   skilled     repairs  own     => age
        farm-loan            65   5000   60  0           0   skilled     repairs  own     => -
    "#;
    for row in table::parse(text) {
        let product = LoanProduct::compile(&definition(row.text("product"))).unwrap();
        let facts = ["job", "purpose", "housing"].map(|it| (it.to_owned(), json!(row.text(it))));
        let application = Application {
            amount: row.get("amount"),
            term: row.get("term"),
            applicant: Applicant {
                age: row.get("age"),
                kind: "person",
                kyc_level: "verified".to_owned(),
                outstanding: row.get("outstanding"),
                days_past_due: row.get("dpd"),
            },
            facts: BTreeMap::from(facts),
        };
        let failed = product.eligibility().decide(&application).unwrap();
        let codes: Vec<_> = failed.iter().map(|it| &it.code[..]).collect();
        let expected = row.option::<String>("failed").unwrap_or_default();
        assert_eq!(codes.join(","), expected, "line {}", row.line);
    }
}

#[test]
fn declared_facts_are_checked() {
    let product = LoanProduct::compile(&definition("farm-loan")).unwrap();
    let applicant = Applicant {
        age: 30,
        kind: "person",
        kyc_level: "face-to-face".to_owned(),
        outstanding: Decimal::ZERO,
        days_past_due: 0,
    };
    let facts: [(&str, Value); 3] =
        [("job", json!("skiled")), ("purpos", json!("others")), ("housing", json!(1))];
    let facts = facts.map(|(name, value)| (name.to_owned(), value)).into();
    let application = Application { amount: Decimal::from(500), term: 12, applicant, facts };
    let problems = product.eligibility().decide(&application).unwrap_err();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    expect![[r#"
        facts.purpos: The product asks for no fact `purpos`. Did you mean `purpose`? (unknown-fact)
        facts.housing: `housing` does not have a value it may have. Write one of: own, rent, free. (malformed-fact)
        facts.job: `job` does not have a value it may have. Write one of: unskilled-non-resident, unskilled, skilled, management. (malformed-fact)
        facts.purpose: The fact `purpose` is missing. Add it: Purpose of the loan. (missing-fact)"#]].assert_eq(&lines.join("\n"));
}

/// Every applicant of the German credit data finds a product, whatever the scale to yuan.
#[test]
fn every_applicant_of_the_data_finds_a_product() {
    let names = ["consumer-instalment", "farm-loan"];
    let products = names.map(|it| LoanProduct::compile(&definition(it)).unwrap());
    let mut count = 0;
    for line in include_str!("../../../../examples/data/germancredit.csv").lines().skip(1) {
        // Some labels are quoted and hold a comma; these two columns come before any of them.
        let columns: Vec<_> = line.split(',').collect();
        let (months, amount): (u32, i64) =
            (columns[1].parse().unwrap(), columns[4].parse().unwrap());
        for scale in 1..=10 {
            let principal = Amount::from_minor(amount * scale * 100);
            let day = Date::constant(2025, 1, 1);
            let offered = products.iter().any(|it| it.offers(principal, months, day).is_ok());
            assert!(offered, "{months} months, {amount} × {scale}");
        }
        count += 1;
    }
    assert_eq!(count, 1_000);
}

#[test]
fn fees_are_computed() {
    let product = LoanProduct::compile(&definition("consumer-instalment")).unwrap();
    assert_eq!(product.disbursal_fees(yuan("999"), 12), Ok(vec![("service", yuan("5.00"))]));
    assert_eq!(product.disbursal_fees(yuan("50000"), 12), Ok(vec![("service", yuan("100.00"))]));
    assert_eq!(product.instalment_fees(yuan("999"), 12, 1, yuan("999")), Ok(vec![]));
    assert_eq!(product.settlement_fee(yuan("999"), 12, yuan("600"), 5), Ok(yuan("6.00")));
    assert_eq!(product.settlement_fee(yuan("999"), 12, yuan("500"), 6), Ok(Amount::ZERO));
    let product = LoanProduct::compile(&definition("pay-in-3")).unwrap();
    let fees = product.instalment_fees(yuan("999"), 3, 1, yuan("999"));
    assert_eq!(fees, Ok(vec![("service", yuan("5.00"))]));
    assert!(LoanProduct::compile(&definition("wallet")).is_err());
}

#[test]
fn fees_of_others_and_of_the_late_are_apart() {
    let product = LoanProduct::compile(&definition("merchant-instalment")).unwrap();
    assert_eq!(product.disbursal_fees(yuan("1000"), 6), Ok(vec![]));
    let owed = product.third_party_fees(yuan("1000"), 6);
    assert_eq!(owed, Ok(vec![("service", "merchant", yuan("6.00"))]));
    let late = |overdue| product.overdue_fees(yuan("1000"), 6, 2, yuan(overdue), 4).unwrap();
    assert_eq!(late("99.99"), [("reminder", Amount::ZERO)]);
    assert_eq!(late("100.00"), [("reminder", yuan("5.00"))]);
    let car = LoanProduct::compile(&definition("car-loan")).unwrap();
    let fee =
        |paid, amount| car.prepayment_fee(yuan("50000"), 36, yuan("40000"), paid, yuan(amount));
    assert_eq!(fee(11, "5000"), Ok(yuan("100.00")));
    assert_eq!(fee(12, "5000"), Ok(Amount::ZERO));
}

#[test]
fn a_purchase_is_paid_by_its_buyer_and_by_the_loan() {
    // Of the car a fifth must be paid by the buyer: 20 % of 180,000.01 is 36,000.002, up.
    let text = "
        product  lent      price      => code          down
        car-loan 100000.00 180000.00     -             80000.00
        car-loan 144000.00 180000.00     -             36000.00
        car-loan 144000.00 180000.01     -             36000.01
        car-loan 144000.01 180000.01     down-payment  -
        car-loan 180000.00 180000.00     down-payment  -
        car-loan 180000.01 180000.00     down-payment  -
        car-loan 100000.00 -1.00         down-payment  -
        car-loan 100000.00 -             price-missing -
        pay-in-3 100.00    -             -             -
        pay-in-3 100.00    100.00        -             0.00
        pay-in-3 100.00    99.99         down-payment  -
    ";
    for row in table::parse(text) {
        let product = LoanProduct::compile(&definition(row.text("product"))).unwrap();
        let price = row.option::<String>("price").map(|it| yuan(&it));
        let found = product.purchase(yuan(row.text("lent")), price);
        let down = found.ok().flatten().map(|it| it.down_payment);
        let expected = row.option::<String>("down").map(|it| yuan(&it));
        assert_eq!(down, expected, "line {}", row.line);
        let code = found.err().map(|it| it.code().to_owned());
        assert_eq!(code, row.option::<String>("code"), "line {}", row.line);
        assert!(found.ok().flatten().is_none_or(|it| it.principal == yuan(row.text("lent"))));
    }
}

#[test]
fn parts_are_paid_out_while_they_may_be() {
    let product = LoanProduct::compile(&definition("farm-season")).unwrap();
    let text = "
        number first      on         => code
        1      2022-03-01 2022-03-01    -
        4      2022-03-01 2022-08-28    -
        4      2022-03-01 2022-08-29    tranche-too-late
        5      2022-03-01 2022-03-02    tranche-not-offered
    ";
    for row in table::parse(text) {
        let offered = product.offers_tranche(row.get("number"), row.get("first"), row.get("on"));
        let code = offered.err().map(|it| it.code().to_owned());
        assert_eq!(code, row.option::<String>("code"), "line {}", row.line);
    }
    let at_once = LoanProduct::compile(&definition("car-loan")).unwrap();
    let day = Date::constant(2022, 3, 1);
    assert!(at_once.offers_tranche(1, day, day).is_ok());
    assert!(at_once.offers_tranche(2, day, day).is_err());
}

#[test]
fn interest_of_an_account() {
    let product = AccountProduct::compile(&definition("wallet")).unwrap();
    let rate = product.rate_on(Date::constant(2022, 3, 20));
    // 10,000.00 for 90 days at 0.05 % over 360.
    let interest = |balance_days| product.interest(balance_days, rate);
    assert_eq!(interest(1_000_000 * 90).unwrap().normalize().to_string(), "1.25");
    assert_eq!(interest(0).unwrap(), Decimal::ZERO);
    assert_eq!(interest(i128::MAX), None);
    assert_eq!(product.rounded_interest(1_000_000 * 90, rate), Some(yuan("1.25")));
    let next = |day: &str| product.next_settlement(day.parse().unwrap()).unwrap().to_string();
    assert_eq!(next("2021-01-01"), "2021-12-20");
    assert_eq!(next("2022-03-20"), "2022-03-20");
    assert_eq!(next("2022-03-21"), "2022-06-20");
    assert_eq!(next("2031-12-21"), "2032-03-20");
    assert_eq!(product.next_settlement(Date::MAX), None);
    assert_eq!(product.limits().outflow.daily, Some(yuan("10000")));
    assert_eq!(product.limits().inflow, Default::default());
}

#[test]
fn posted_rates_hold_from_their_day() {
    let product = TermProduct::compile(&definition("time-deposit")).unwrap();
    let rows = "
        tenor      day        => rate   demand
        1_year     2022-01-01    0.0175 0.003
        1_year     2023-06-07    0.0175 0.003
        1_year     2023-06-08    0.0165 0.002
        1_year     2021-12-31    -      0
        3_months   2030-01-01    0.0135 0.002
        4_months   2030-01-01    -      0.002
        12_months  2030-01-01    -      0.002
    ";
    for row in table::parse(rows) {
        let tenor = row.text("tenor").replace('_', " ").parse().unwrap();
        let day = row.get("day");
        assert_eq!(product.tenor_rate(tenor, day), row.option("rate"), "line {}", row.line);
        assert_eq!(product.demand_rate(day), row.get("demand"), "line {}", row.line);
    }
    assert!(product.rates_are_posted());
}

#[test]
fn what_a_deposit_takes() {
    let product = TermProduct::compile(&definition("certificate-of-deposit")).unwrap();
    let rows = "
        amount     tenor    day        => code
        200000     1_year   2022-01-01    -
        210000     1_year   2022-01-01    -
        199999.99  1_year   2022-01-01    amount-too-small
        205000     1_year   2022-01-01    amount-not-a-step
        200000     5_years  2022-01-01    term-not-offered
        200000     1_year   2021-12-31    product-not-in-force
    ";
    for row in table::parse(rows) {
        let tenor = row.text("tenor").replace('_', " ").parse().unwrap();
        let offer = product.offer(yuan(row.text("amount")), tenor, row.get("day"));
        let code = offer.err().map(|it| it.code().to_owned());
        assert_eq!(code, row.option("code"), "line {}", row.line);
    }
}

/// Counted by hand on a calendar.
#[test]
fn deposits_count_years_months_and_days() {
    let rows = "
        from        to         => ymd  actual
        2022-01-15  2022-01-15    0    0
        2022-01-15  2022-01-16    1    1
        2022-01-15  2022-02-14    30   30
        2022-01-15  2022-02-15    30   31
        2022-01-15  2023-01-15    360  365
        2024-02-29  2025-02-28    360  365
        2024-02-29  2025-03-01    361  366
        2022-01-31  2022-02-28    30   28
        2022-01-31  2022-03-30    60   58
        2022-01-31  2022-03-31    60   59
        2022-03-31  2022-04-30    30   30
        2022-03-31  2022-04-29    29   29
        2022-12-20  2024-03-05    434  441
        2022-03-05  2022-03-04    0    0
    ";
    for row in table::parse(rows) {
        let days = |counting: Counting| counting.days(row.get("from"), row.get("to"));
        let counted = (days(Counting::YearsMonthsDays), days(Counting::ActualDays));
        assert_eq!(counted, (Some(row.get("ymd")), Some(row.get("actual"))), "line {}", row.line);
    }
}

#[test]
fn a_correction_is_booked_the_other_way_round() {
    let accounting = Accounting::with(Kind::named("instalment-loan").unwrap(), &BTreeMap::new());
    let booked = |minor: i64| {
        let postings =
            accounting.postings("interest-accrual", &[("interest", Amount::from_minor(minor))]);
        let lines =
            postings.iter().map(|it| format!("{} {} {}", it.debit, it.credit, it.amount.minor()));
        lines.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(booked(5), "1132.01 6011.01 5");
    assert_eq!(booked(-5), "6011.01 1132.01 5");
    assert_eq!(booked(0), "");
}

#[test]
fn charts_are_read() {
    let equity = |per: &str| {
        let account = "zh: 乙, en: B, class: equity, side: credit";
        format!("  - {{ code: \"4104\", {account}, per: {per} }}\n")
    };
    let parse_with = |equity: String, accounts: &str| {
        let head = "source: test\nprofit: \"4104\"\nretained: \"4104\"\naccounts:\n";
        Chart::parse(&format!("{head}{equity}{accounts}"))
    };
    let parse = |accounts: &str| parse_with(equity("lane"), accounts);
    let line = |code: &str| {
        format!("  - {{ code: \"{code}\", zh: 甲, en: A, class: asset, side: debit, per: lane }}\n")
    };
    let code = |text: &str| text.parse::<AccountCode>().unwrap();
    let chart = parse(&line("1001")).unwrap();
    assert_eq!(chart.nearest(code("1001.07")), chart.get(code("1001")));
    assert_eq!(chart.nearest(code("1002")), None);
    let written = serde_json::to_string(&chart).unwrap();
    assert_eq!(serde_json::from_str::<Chart>(&written).unwrap(), chart);
    assert_eq!(parse(&(line("1001") + &line("1001"))), Err(ChartError::Duplicate(code("1001"))));
    assert_eq!(parse(&line("1001.01")), Err(ChartError::NoParent(code("1001.01"))));
    assert_eq!(parse(&line("4104.01")), Err(ChartError::OtherClass(code("4104.01"))));
    assert_eq!(parse(&line("1001").replace('甲', "' '")), Err(ChartError::Name(code("1001"))));
    let result = Err(ChartError::NotForResult(code("4104")));
    assert_eq!(parse_with(equity("contract"), ""), result);
    assert_eq!(parse_with(line("4104"), ""), result);
    assert!(matches!(parse(&line("10")), Err(ChartError::Malformed(_))));
    let many: String = (0..5_000).map(|it| line(&format!("{}", 5_000 + it))).collect();
    assert_eq!(parse(&many), Err(ChartError::TooMany));
    assert!(Chart::china().accounts().count() > 50);
}

#[test]
fn account_codes_are_ordered_and_written() {
    for text in ["1132", "1132.01", "1132.01.02", "9999.99.99"] {
        let code: AccountCode = text.parse().unwrap();
        assert_eq!(code.to_string(), text);
        assert_eq!(AccountCode::from_number(code.number()), Some(code));
    }
    for text in ["", "113", "11320", "1132.", "1132.1", "1132.00", "1132.01.02.03", "0132", "a132"]
    {
        assert!(text.parse::<AccountCode>().is_err(), "{text}");
    }
    let code = |text: &str| text.parse::<AccountCode>().unwrap();
    assert!(code("1132") < code("1132.01") && code("1132.01.02") < code("1132.02"));
    assert_eq!(code("1132.01.02").parent(), Some(code("1132.01")));
    assert_eq!(code("1132.01").parent(), Some(code("1132")));
    assert_eq!(code("1132").parent(), None);
    assert_eq!(AccountCode::from_number(11_320_001), None);
}

fn version(number: u32) -> Definition {
    Definition { version: number, ..definition("wallet") }
}

#[test]
fn four_eyes_see_a_version() {
    let now = Timestamp::UNIX_EPOCH;
    let today = Date::constant(2025, 1, 10);
    let draft = ProductVersion::draft(version(1), "ann", &[], now).unwrap();
    assert_eq!(draft.clone().approve("bob", now).unwrap_err().code(), "wrong-status");
    let checked = draft.checked(now).unwrap();
    assert_eq!(checked.clone().approve("ann", now), Err(Reject::SamePerson));
    // An edit needs a new check, and makes nobody less of an author.
    let edited = checked.clone().edit(version(1), "bob", now).unwrap();
    assert_eq!(edited.clone().approve("cai", now).unwrap_err().code(), "wrong-status");
    for author in ["ann", "bob"] {
        let again = edited.clone().checked(now).unwrap();
        assert_eq!(again.approve(author, now), Err(Reject::SamePerson));
    }
    assert_eq!(edited.edit(version(2), "bob", now), Err(Reject::OtherProduct));

    let approved = checked.approve("bob", now).unwrap();
    assert_eq!(approved.clone().edit(version(1), "ann", now), Err(Reject::Immutable));
    let publish = |from: Date| approved.clone().publish(from, today, now);
    assert_eq!(publish(Date::constant(2025, 1, 9)), Err(Reject::InThePast));
    assert_eq!(publish(Date::constant(2021, 12, 31)), Err(Reject::BeforeEffective));
    let published = publish(today).unwrap();
    assert_eq!(published.clone().resume(now).unwrap_err().code(), "wrong-status");
    let suspended = published.clone().suspend(now).unwrap();
    assert_eq!(suspended.clone().resume(now).unwrap(), published);
    let retired = suspended.retire(now).unwrap();
    assert_eq!(retired.resume(now).unwrap_err().code(), "wrong-status");
}

#[test]
fn the_version_in_force() {
    let now = Timestamp::UNIX_EPOCH;
    let publish = |number: u32, before: &[ProductVersion], from: Date| {
        let draft = ProductVersion::draft(version(number), "ann", before, now).unwrap();
        let approved = draft.checked(now).unwrap().approve("bob", now).unwrap();
        approved.publish(from, from, now).unwrap()
    };
    let (january, march) = (Date::constant(2025, 1, 1), Date::constant(2025, 3, 1));
    let first = publish(1, &[], january);
    let second = publish(2, std::slice::from_ref(&first), march);
    let versions = [first.clone(), second.clone()];
    let number =
        |versions: &[ProductVersion], day| in_force(versions, day).map(|it| it.definition.version);
    assert_eq!(next_version(&versions), 3);
    assert_eq!(number(&versions, Date::constant(2024, 12, 31)), None);
    assert_eq!(number(&versions, january), Some(1));
    assert_eq!(number(&versions, march), Some(2));
    let suspended = [first, second.suspend(now).unwrap()];
    assert_eq!(number(&suspended, january), Some(1));
    assert_eq!(number(&suspended, march), None);
    let draft = ProductVersion::draft(version(2), "ann", &versions, now);
    assert_eq!(draft, Err(Reject::WrongVersion { next: 3 }));
}
