use std::{collections::BTreeSet, fmt::Write as _};

use expect_test::expect;
use money::{Calendar, Decimal};
use stdx::Prng;

use super::{EXAMPLES, example};
use crate::{
    chart::{AccountCode, Chart, Per},
    definition::Definition,
    document::Document,
    kinds,
    simulate::{Request, Simulation, SimulationReject, simulate},
};

fn request(amount: &str, term: Option<u32>, date: &str) -> Request {
    Request {
        amount: Some(amount.parse().unwrap()),
        price: None,
        reference_rate: None,
        term,
        date: Some(date.parse().unwrap()),
        calendar: Calendar::china(),
    }
}

fn run(name: &str, request: &Request) -> Result<Simulation, SimulationReject> {
    let definition = Definition::parse(example(name), Chart::china()).unwrap();
    simulate(&definition, request, Chart::china())
}

fn render(simulation: &Simulation) -> String {
    let mut text = String::new();
    for it in &simulation.periods {
        writeln!(
            text,
            "{:>2} {} {} {:>3} {:>9} {:>7} {:>6} {:>9} {:>9}",
            it.number,
            it.from,
            it.due,
            it.days,
            it.principal,
            it.interest,
            it.fees,
            it.total,
            it.balance
        )
        .unwrap();
        if !it.subsidy.is_zero() {
            writeln!(text, "{:>38} by a third party", it.subsidy).unwrap();
        }
    }
    for it in &simulation.accounts {
        writeln!(
            text,
            "{:<8} {:>9} {:>9} {:>9} {}",
            it.code, it.debit, it.credit, it.balance, it.en
        )
        .unwrap();
    }
    if let Some(cost) = &simulation.annual_cost {
        writeln!(text, "simple {} compound {}", cost.simple.round_dp(6), cost.compound.round_dp(6))
            .unwrap();
    }
    text
}

#[test]
fn examples_are_simulated() {
    let consumer = run("consumer-instalment", &request("5000", Some(3), "2022-11-01")).unwrap();
    expect![[r#"
         1 2022-11-01 2022-12-01  30   1653.40   40.00   0.00   1693.40   3346.60
         2 2022-12-01 2023-01-01  30   1666.63   26.77   0.00   1693.40   1679.97
         3 2023-01-01 2023-02-01  30   1679.97   13.44   0.00   1693.41      0.00
        1003   5105.21   5000.00    105.21 Balances with the central bank
        1132.01     80.21     80.21      0.00 Loan interest receivable
        1303   5000.00   5000.00      0.00 Loans
        6011.01      0.00     80.21    -80.21 Loan interest income
        6021.01      0.00     25.00    -25.00 Loan fee income
        simple 0.126445 compound 0.134036
    "#]]
    .assert_eq(&render(&consumer));
    let pay = run("pay-in-3", &request("999.99", None, "2022-01-31")).unwrap();
    expect![[r#"
         1 2022-01-31 2022-02-28  30    333.33    0.00   5.00    338.33    666.66
         2 2022-02-28 2022-03-31  30    333.33    0.00   5.00    338.33    333.33
         3 2022-03-31 2022-04-30  30    333.33    0.00   5.00    338.33      0.00
        1003   1014.99    999.99     15.00 Balances with the central bank
        1221.01     15.00     15.00      0.00 Loan fees receivable
        1303    999.99    999.99      0.00 Loans
        6021.01      0.00     15.00    -15.00 Loan fee income
        simple 0.089778 compound 0.093566
    "#]]
    .assert_eq(&render(&pay));
    let farm = run("farm-loan", &request("100000", Some(3), "2022-09-10")).unwrap();
    expect![[r#"
         1 2022-09-10 2022-10-10  30      0.00  362.50   0.00    362.50 100000.00
         2 2022-10-10 2022-11-10  31      0.00  374.58   0.00    374.58 100000.00
         3 2022-11-10 2022-12-12  32 100000.00  386.67   0.00 100386.67      0.00
        1003 101123.75 100000.00   1123.75 Balances with the central bank
        1132.01   1123.75   1123.75      0.00 Loan interest receivable
        1303 100000.00 100000.00      0.00 Loans
        6011.01      0.00   1123.75  -1123.75 Loan interest income
        simple 0.044946 compound 0.045884
    "#]]
    .assert_eq(&render(&farm));
    let drawing = run("revolving-credit", &request("12000", Some(3), "2024-02-05")).unwrap();
    expect![[r#"
         1 2024-02-05 2024-03-05  29   3967.41  104.40   0.00   4071.81   8032.59
         2 2024-03-05 2024-04-05  31   3997.11   74.70   0.00   4071.81   4035.48
         3 2024-04-05 2024-05-05  30   4035.48   36.32   0.00   4071.80      0.00
        1003  12215.42  12000.00    215.42 Balances with the central bank
        1132.01    215.42    215.42      0.00 Loan interest receivable
        1303  12000.00  12000.00      0.00 Loans
        6011.01      0.00    215.42   -215.42 Loan interest income
        simple 0.107391 compound 0.112838
    "#]]
    .assert_eq(&render(&drawing));
    // On the statement of 5 March, which is due on 25 March.
    let purchase = run("pay-later-account", &request("800", None, "2024-02-06")).unwrap();
    expect![[r#"
         1 2024-02-06 2024-03-25  48    800.00    0.00   0.00    800.00      0.00
        1003    800.00    800.00      0.00 Balances with the central bank
        1303    800.00    800.00      0.00 Loans
    "#]]
    .assert_eq(&render(&purchase));
    let refused = |amount, on| run("pay-later-account", &request(amount, None, on)).unwrap_err();
    assert_eq!(refused("20000.01", "2024-02-06").code(), "amount-too-large");
    assert_eq!(refused("800", "2021-12-31").code(), "product-not-in-force");
    let wallet = run("wallet", &request("10000", None, "2022-01-15")).unwrap();
    expect![[r#"
         1 2022-01-15 2022-03-20  65      0.00    0.90   0.00      0.90  10000.90
         2 2022-03-21 2022-06-20  92      0.00    1.28   0.00      1.28  10002.18
         3 2022-06-21 2022-09-20  92      0.00    1.28   0.00      1.28  10003.46
         4 2022-09-21 2022-12-20  91      0.00    1.26   0.00      1.26  10004.72
        1003  10000.00      0.00  10000.00 Balances with the central bank
        2011.01      0.00  10004.72 -10004.72 Demand deposits
        2231.01      4.72      4.72      0.00 Demand deposit interest payable
        6411.01      4.72      0.00      4.72 Demand deposit interest expense
    "#]]
    .assert_eq(&render(&wallet));
    let deposit = run("time-deposit", &request("10000", Some(12), "2023-06-08")).unwrap();
    expect![[r#"
         1 2023-06-08 2024-06-08 360  10000.00  165.00   0.00  10165.00      0.00
        1003  10000.00  10165.00   -165.00 Balances with the central bank
        2011.02  10000.00  10000.00      0.00 Term deposits
        2231.02    165.00    165.00      0.00 Term deposit interest payable
        6411.02    165.00      0.00    165.00 Term deposit interest expense
    "#]]
    .assert_eq(&render(&deposit));
}

#[test]
fn what_third_parties_pay_is_not_the_borrowers() {
    // The buyer pays sixths. The shop pays 10.8 % on the balance, for the broken first period
    // 6,000 × 0.108 × (28 + 30) ÷ 360 by 30/360, and 0.6 % as a fee.
    let merchant = run("merchant-instalment", &request("6000", Some(6), "2022-04-10")).unwrap();
    expect![[r#"
         1 2022-04-10 2022-06-08  58   1000.00    0.00   0.00   1000.00   5000.00
                                        104.40 by a third party
         2 2022-06-08 2022-07-08  30   1000.00    0.00   0.00   1000.00   4000.00
                                         45.00 by a third party
         3 2022-07-08 2022-08-08  30   1000.00    0.00   0.00   1000.00   3000.00
                                         36.00 by a third party
         4 2022-08-08 2022-09-08  30   1000.00    0.00   0.00   1000.00   2000.00
                                         27.00 by a third party
         5 2022-09-08 2022-10-08  30   1000.00    0.00   0.00   1000.00   1000.00
                                         18.00 by a third party
         6 2022-10-08 2022-11-08  30   1000.00    0.00   0.00   1000.00      0.00
                                          9.00 by a third party
        1003   6275.40   6000.00    275.40 Balances with the central bank
        1132.03    239.40    239.40      0.00 Interest subsidies receivable
        1221.02     36.00     36.00      0.00 Fee subsidies receivable
        1303   6000.00   6000.00      0.00 Loans
        6011.03      0.00    239.40   -239.40 Subsidized interest income
        6021.01      0.00     36.00    -36.00 Loan fee income
        simple 0 compound 0
    "#]]
    .assert_eq(&render(&merchant));
    assert_eq!(merchant.totals.interest, Decimal::ZERO);
    assert_eq!(merchant.periods[0].subsidy, "104.40".parse().unwrap());
    let one = merchant.annual_cost.unwrap();
    assert_eq!((one.simple, one.compound), (Decimal::ZERO, Decimal::ZERO));
}

#[test]
fn a_floating_rate_is_a_reference_rate_and_a_spread() {
    let asked = request("40000", Some(4), "2022-03-01");
    assert_eq!(run("farm-season", &asked).unwrap_err().code(), "rate-unknown");
    let reference_rate = Some("0.037".parse().unwrap());
    let farm = run("farm-season", &Request { reference_rate, ..asked }).unwrap();
    assert_eq!(farm.rate, Some("0.0425".parse().unwrap()));
    // 20 days to 21 March; two quarters of interest; two of 20,000.00. The borrower pays 2.25 %,
    // the government 2 %.
    expect![[r#"
         1 2022-03-01 2022-03-21  20      0.00   50.00   0.00     50.00  40000.00
                                         44.44 by a third party
         2 2022-03-21 2022-06-21  92      0.00  230.00   0.00    230.00  40000.00
                                        204.44 by a third party
         3 2022-06-21 2022-09-21  92      0.00  230.00   0.00    230.00  40000.00
                                        204.44 by a third party
         4 2022-09-21 2022-12-21  91  20000.00  227.50   0.00  20227.50  20000.00
                                        202.22 by a third party
         5 2022-12-21 2023-03-21  90  20000.00  112.50   0.00  20112.50      0.00
                                        100.00 by a third party
        1003  41605.54  40000.00   1605.54 Balances with the central bank
        1132.01    850.00    850.00      0.00 Loan interest receivable
        1132.03    755.54    755.54      0.00 Interest subsidies receivable
        1303  40000.00  40000.00      0.00 Loans
        6011.01      0.00    850.00   -850.00 Loan interest income
        6011.03      0.00    755.54   -755.54 Subsidized interest income
        simple 0.022751 compound 0.023011
    "#]]
    .assert_eq(&render(&farm));
}

#[test]
fn a_purchase_is_paid_by_a_down_payment_and_a_loan() {
    let car = |amount: Option<&str>, price: &str| {
        let amount = amount.map(|it| it.parse().unwrap());
        let price = Some(price.parse().unwrap());
        let request = Request { amount, price, ..request("0", Some(12), "2022-01-10") };
        run("car-loan", &request)
    };
    // 20 % of 62,500.01, rounded up.
    let smallest = car(None, "62500.01").unwrap();
    assert_eq!(smallest.down_payment, Some("12500.01".parse().unwrap()));
    assert_eq!(smallest.amount, Decimal::from(50_000));
    // 40 days by 30/360, shared by 41, of which 15 are free: 50,000 × 0.0599 × 40 × 26 ÷ 41 ÷ 360
    // is 211.03. Whole yuan from the second instalment on, and 15,000 at the end.
    expect![[r#"
         1 2022-01-10 2022-02-20  40   2874.67  211.03   0.00   3085.70  47125.33
         2 2022-02-20 2022-03-20  30   2848.77  235.23   0.00   3084.00  44276.56
         3 2022-03-20 2022-04-20  30   2862.99  221.01   0.00   3084.00  41413.57
         4 2022-04-20 2022-05-20  30   2877.28  206.72   0.00   3084.00  38536.29
         5 2022-05-20 2022-06-20  30   2891.64  192.36   0.00   3084.00  35644.65
         6 2022-06-20 2022-07-20  30   2906.07  177.93   0.00   3084.00  32738.58
         7 2022-07-20 2022-08-20  30   2920.58  163.42   0.00   3084.00  29818.00
         8 2022-08-20 2022-09-20  30   2935.16  148.84   0.00   3084.00  26882.84
         9 2022-09-20 2022-10-20  30   2949.81  134.19   0.00   3084.00  23933.03
        10 2022-10-20 2022-11-20  30   2964.53  119.47   0.00   3084.00  20968.50
        11 2022-11-20 2022-12-20  30   2979.33  104.67   0.00   3084.00  17989.17
        12 2022-12-20 2023-01-20  30  17989.17   89.80   0.00  18078.97      0.00
        1003  52004.67  50000.00   2004.67 Balances with the central bank
        1132.01   2004.67   2004.67      0.00 Loan interest receivable
        1303  50000.00  50000.00      0.00 Loans
        6011.01      0.00   2004.67  -2004.67 Loan interest income
        simple 0.056552 compound 0.058041
    "#]]
    .assert_eq(&render(&smallest));
    let chosen = car(Some("30000"), "62500").unwrap();
    assert_eq!(chosen.down_payment, Some(Decimal::from(32_500)));
    assert_eq!(car(Some("50001"), "62500").unwrap_err().code(), "down-payment");
    assert_eq!(car(Some("62501"), "62500").unwrap_err().code(), "down-payment");
    assert_eq!(car(None, "9000").unwrap_err().code(), "amount-too-small");
}

#[test]
fn a_simulation_is_json_with_amounts_as_texts() {
    let pay = run("pay-in-3", &request("300", None, "2022-01-31")).unwrap();
    let json = serde_json::to_value(&pay).unwrap();
    assert_eq!(json["periods"][0]["principal"], "100.00");
    assert_eq!(json["postings"][0]["debit"], "1303");
    assert_eq!(json["currency"], "CNY");
}

#[test]
fn what_is_not_offered_is_not_simulated() {
    let code = |amount: &str, term, date| {
        run("consumer-instalment", &request(amount, term, date)).unwrap_err().code()
    };
    assert_eq!(code("199.99", None, "2022-11-01"), "amount-too-small");
    assert_eq!(code("200000.01", None, "2022-11-01"), "amount-too-large");
    assert_eq!(code("500.001", None, "2022-11-01"), "amount");
    assert_eq!(code("500", Some(37), "2022-11-01"), "term-not-offered");
    assert_eq!(code("500", Some(12), "2021-11-01"), "product-not-in-force");
    assert_eq!(code("500", Some(36), "9999-01-01"), "date-out-of-range");
    let last = run("wallet", &request("500", None, "9999-12-31"));
    assert_eq!(last.unwrap_err().code(), "date-out-of-range");
    let drawing = run("revolving-credit", &request("12000", Some(3), "2024-02-05")).unwrap();
    expect![[r#"
         1 2024-02-05 2024-03-05  29   3967.41  104.40   0.00   4071.81   8032.59
         2 2024-03-05 2024-04-05  31   3997.11   74.70   0.00   4071.81   4035.48
         3 2024-04-05 2024-05-05  30   4035.48   36.32   0.00   4071.80      0.00
        1003  12215.42  12000.00    215.42 Balances with the central bank
        1132.01    215.42    215.42      0.00 Loan interest receivable
        1303  12000.00  12000.00      0.00 Loans
        6011.01      0.00    215.42   -215.42 Loan interest income
        simple 0.107391 compound 0.112838
    "#]]
    .assert_eq(&render(&drawing));
    let wallet = run("wallet", &request("200000.01", None, "2022-11-01"));
    assert_eq!(wallet.unwrap_err().code(), "balance-too-large");
}

#[test]
fn without_an_amount_the_largest_offered_is_taken() {
    let mut document = Document::parse(example("consumer-instalment")).unwrap();
    document.set("terms.amount", "{min: 500, max: 10000, step: 300}").unwrap();
    let definition = Definition::from_document(&document, Chart::china()).unwrap();
    let request = Request { amount: None, ..request("0", None, "2022-11-01") };
    let simulation = simulate(&definition, &request, Chart::china()).unwrap();
    assert_eq!(simulation.amount, Decimal::from(9_900));
}

/// Every account of a simulation is summed, whichever events a definition books on it.
#[test]
fn the_largest_deposits_do_not_panic() {
    let mut document = Document::parse(example("wallet")).unwrap();
    let booked = |credit| format!("[{{debit: '1003', credit: '{credit}', amount: interest}}]");
    let accounting = format!(
        "{{interest-accrual: {}, interest-settlement: {}}}",
        booked("6411.01"),
        booked("2011.01")
    );
    for (place, value) in
        [("terms", "{interest: {rate: 1, day_count: ACT/360}}"), ("accounting", &accounting)]
    {
        document.set(place, value).unwrap();
    }
    let definition = Definition::from_document(&document, Chart::china()).unwrap();
    let simulated = |amount: &str| {
        let request = request(amount, None, "2022-11-01");
        simulate(&definition, &request, Chart::china()).map_err(|it| it.code())
    };
    assert!(simulated("10000000000000").is_ok());
    for amount in ["10000000000000.01", "33000000000000000", "92233720368547758.07"] {
        assert_eq!(simulated(amount).unwrap_err(), "amount");
    }
}

/// 中国人民银行公告〔2021〕第3号, annex, has a worked example: 100,000 lent, 1,000 kept back,
/// twelve payments of 8,833.30 cost 12.80 % simple and 13.58 % compound. A flat loan at 6 % pays
/// 8,833.33.
#[test]
fn the_annual_cost_is_that_of_the_regulation() {
    let mut document = Document::parse(example("consumer-instalment")).unwrap();
    for (place, value) in [
        ("terms.repayment.method", "flat"),
        ("terms.interest.rate", "0.06"),
        ("terms.fees[0].amount", "principal * 0.01"),
    ] {
        document.set(place, value).unwrap();
    }
    let definition = Definition::from_document(&document, Chart::china()).unwrap();
    let request = request("100000", Some(12), "2022-01-01");
    let cost = simulate(&definition, &request, Chart::china()).unwrap().annual_cost.unwrap();
    assert_eq!(cost.simple.round_dp(4).to_string(), "0.1280");
    assert_eq!(cost.compound.round_dp(4).to_string(), "0.1358");
}

/// Whatever the terms: the principal is repaid exactly, nothing is ever overpaid, the books
/// balance, and no account of the contract keeps anything.
#[test]
fn every_loan_adds_up() {
    for seed in 0..200 {
        let mut prng = Prng::stream(seed, "simulation");
        let (definition, request) = random_loan(&mut prng);
        let it = simulate(&definition, &request, Chart::china()).unwrap();
        let principal: Decimal = it.periods.iter().map(|it| it.principal).sum();
        assert_eq!(principal, it.amount, "seed {seed}");
        assert_eq!(it.periods.last().unwrap().balance, Decimal::ZERO, "seed {seed}");
        for line in &it.periods {
            let parts = [line.principal, line.interest, line.fees, line.balance];
            assert!(parts.iter().all(|it| *it >= Decimal::ZERO), "seed {seed}: {line:?}");
            assert_eq!(line.principal + line.interest + line.fees, line.total, "seed {seed}");
        }
        let sum: Decimal = it.accounts.iter().map(|it| it.balance).sum();
        assert_eq!(sum, Decimal::ZERO, "seed {seed}");
        let of_contract =
            |code: AccountCode| Chart::china().get(code).unwrap().per == Per::Contract;
        let left = it.accounts.iter().filter(|it| of_contract(it.code) && !it.balance.is_zero());
        assert_eq!(left.count(), 0, "seed {seed}: {:?}", it.accounts);
        // What the customer pays more than gets is what the institution earns.
        let paid: Decimal = it.cash_flows.iter().map(|it| it.amount).sum();
        assert_eq!(-paid, it.totals.interest + it.totals.fees, "seed {seed}");
        assert!(it.annual_cost.is_some_and(|it| it.compound >= it.simple), "seed {seed}");
    }
}

fn random_loan(prng: &mut Prng) -> (Definition, Request) {
    let mut document = Document::parse(example("consumer-instalment")).unwrap();
    let methods = ["equal-instalment", "equal-principal", "interest-first", "bullet", "flat"];
    let rate = format!("0.{:04}", prng.below(3_600));
    let fee = format!("round(balance * 0.{:03} / term, 2)", prng.below(100));
    for (place, value) in [
        ("terms.repayment.method", *prng.pick(&methods)),
        ("terms.repayment.every", *prng.pick(&["1 month", "2 weeks", "3 months", "45 days"])),
        ("terms.repayment.roll", *prng.pick(&["unadjusted", "following", "preceding"])),
        ("terms.interest.rate", &rate),
        ("terms.interest.day_count", *prng.pick(&["30/360", "ACT/360", "ACT/365F", "ACT/ACT"])),
        ("terms.interest.rounding", *prng.pick(&["half-even", "half-up", "down", "up"])),
        ("terms.fees[0].on", *prng.pick(&["disbursal", "instalment"])),
    ] {
        document.set(place, value).unwrap();
    }
    if document.value()["terms"]["fees"][0]["on"] == "instalment" {
        document.set("terms.fees[0].amount", &fee).unwrap();
    }
    let definition = Definition::from_document(&document, Chart::china()).unwrap();
    let amount = Decimal::new(i64::try_from(20_000 + prng.below(19_980_000)).unwrap(), 2);
    let term = 3 + u32::try_from(prng.below(34)).unwrap();
    let day = stdx::Date::constant(2022, 1, 1);
    let date = money::Period::new(1, money::Unit::Day).unwrap();
    let date = date.after(day, u32::try_from(prng.below(1_000)).unwrap());
    let request = request("0", Some(term), "2022-01-01");
    (definition, Request { amount: Some(amount), date, ..request })
}

#[test]
fn default_accounting_is_on_the_chart_and_leaves_nothing() {
    for kind in kinds::ALL {
        let accounting = crate::Accounting::with(kind, &Default::default());
        for rule in kind.events.iter().flat_map(kinds::Event::default_rules) {
            assert!(Chart::china().get(rule.debit).is_some(), "{}", rule.debit);
            assert!(Chart::china().get(rule.credit).is_some(), "{}", rule.credit);
        }
        for trip in kind.round_trips {
            assert_eq!(accounting.leftovers(trip, Chart::china()), [], "{}: {trip:?}", kind.name);
        }
        // Every amount of every event is on some round trip.
        let trips: BTreeSet<_> = kind.round_trips.iter().copied().flatten().copied().collect();
        for event in kind.events {
            assert!(
                event.amounts().all(|amount| trips.contains(&(event.name, amount))),
                "{}",
                event.name
            );
        }
    }
}

#[test]
fn kinds_are_named_once() {
    let names: BTreeSet<_> = kinds::ALL.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), kinds::ALL.len());
    assert!(EXAMPLES.len() >= kinds::ALL.len());
}
