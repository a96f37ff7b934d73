//! Definitions on the command line.

use expect_test::expect;
use serde_json::Value;

use crate::{Scratch, printed, run};

const CONSUMER: &str = "examples/products/consumer-instalment.yaml";

#[test]
fn every_example_is_without_problems_and_can_be_simulated() {
    for entry in std::fs::read_dir(crate::root().join("examples/products")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.to_str().unwrap();
        assert!(printed(&["product", "check", file]).contains("no problems"), "{file}");
        // A floating rate needs one; others do not read it.
        let rate = ["--reference-rate", "0.03"];
        let text = printed(&[&["product", "simulate", file, "--json"][..], &rate].concat());
        let simulation: Value = serde_json::from_str(&text).unwrap();
        assert!(!simulation["periods"].as_array().unwrap().is_empty(), "{file}");
    }
}

#[test]
fn a_simulation_shows_the_schedule_and_the_cost() {
    let arguments = ["product", "simulate", CONSUMER, "--amount", "5000", "--date", "2022-11-01"];
    let changes = ["--term", "6", "--set", "terms.interest.rate=0.12"];
    let text = printed(&[&arguments[..], &changes[..]].concat());
    expect![[r#"
        consumer-instalment version 1 (instalment-loan): 5000.00 CNY on 2022-11-01

          #  from        due         days     principal     interest       fees     due total        balance
          1  2022-11-01  2022-12-01    30        812.74        50.00       0.00        862.74        4187.26
          2  2022-12-01  2023-01-01    30        820.87        41.87       0.00        862.74        3366.39
          3  2023-01-01  2023-02-01    30        829.08        33.66       0.00        862.74        2537.31
          4  2023-02-01  2023-03-01    30        837.37        25.37       0.00        862.74        1699.94
          5  2023-03-01  2023-04-01    30        845.74        17.00       0.00        862.74         854.20
          6  2023-04-01  2023-05-01    30        854.20         8.54       0.00        862.74           0.00
          Σ                                     5000.00       176.44      25.00       5201.44

        annual cost: 13.75 % simple, 14.65 % compound

        account                                                          debit         credit
        1003       Balances with the central bank                      5201.44        5000.00
        1132.01    Loan interest receivable                             176.44         176.44
        1303       Loans                                               5000.00        5000.00
        6011.01    Loan interest income                                   0.00         176.44
        6021.01    Loan fee income                                        0.00          25.00
    "#]].assert_eq(&text);
}

#[test]
fn a_planned_amount_is_explained() {
    let arguments = ["product", "simulate", CONSUMER, "--amount", "5000", "--date", "2022-11-01"];
    let changes = ["--term", "6", "--set", "terms.interest.rate=0.12", "--explain"];
    let arguments = [&arguments[..], &changes[..]].concat();
    // The guide shows what is printed.
    let guide = std::fs::read_to_string(crate::root().join("docs/guides/explain.md")).unwrap();
    let explained = printed(&[&arguments[..], &["3.interest"]].concat());
    assert!(explained.contains("rounded half-even") && guide.contains(&explained), "{explained}");
    let car = ["product", "simulate", "examples/products/car-loan.yaml", "--explain", "1.interest"];
    let explained = printed(&car);
    assert!(guide.contains(&explained), "{explained}");
    let tree: Value =
        serde_json::from_str(&printed(&[&arguments[..], &["6", "--json"]].concat())).unwrap();
    assert_eq!(tree["value"]["amount"], "862.74");
    assert_eq!(tree["made_by"]["rule"], "sum");
    assert_eq!(tree["inputs"][0]["title"]["zh"], "本金");
    let output = run(&[&arguments[..], &["7"]].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("(no-such-instalment)"), "{errors}");
}

#[test]
fn a_simulation_with_events_shows_the_life() {
    let example = "examples/events/instalment-loan.yaml";
    let arguments = ["product", "simulate", CONSUMER, "--events", example];
    let text = printed(&[&arguments[..], &["--until", "2025-04-09"]].concat());
    expect![[r#"
        consumer-instalment version 1: 3000.00 CNY on 2025-01-01, told to 2025-04-09
        active, 7 days past due

          #  on          booked      event                 amount     principal    penalty    fee due     interest     due total      prepaid  late
          0  2025-01-01  2025-01-01  disbursal            3000.00       3000.00       0.00       0.00         0.00          0.00         0.00     0
          1  2025-02-01  2025-02-01  repayment             514.09       2509.91       0.00       0.00         0.00          0.00         0.00     0
          2  2025-03-01  2025-03-10  repayment             514.09       2015.90       0.00       0.00         0.00          0.00         0.00     0
          3  2025-03-12  2025-03-12  repayment            9000.00       2015.90       0.00       0.00         0.00          0.00         0.00     0
             refused: the payment is more than settles the loan (exceeds-settlement)
          4  2025-04-01  2025-04-01  repayment             514.09       1517.94       0.00       0.00         0.00          0.00         0.00     0
          5  2025-04-08  2025-04-08  reversal of 4         514.09       2015.90       1.39       0.00        16.13        515.48         0.00     6

          #  from        due            principal     interest       fees          paid     remaining  status
          1  2025-01-01  2025-02-01        490.09        24.00       0.00        514.09          0.00  paid
          2  2025-02-01  2025-03-01        494.01        20.08       0.00        514.09          0.00  paid
          3  2025-03-01  2025-04-01        497.96        16.13       0.00          0.00        515.68  overdue
          4  2025-04-01  2025-05-01        501.95        12.14       0.00          0.00        514.09  future
          5  2025-05-01  2025-06-01        505.96         8.13       0.00          0.00        514.09  future
          6  2025-06-01  2025-07-01        510.03         4.08       0.00          0.00        514.11  future

          #  booked                              debit      credit            amount
          0  2025-01-01  disbursal               1303       1003             3000.00
          0  2025-01-01  disbursal-fee           1003       6021.01            15.00
          -  2025-01-31  interest-accrual        1132.01    6011.01            24.00
          1  2025-02-01  repayment               1003       1132.01            24.00
          1  2025-02-01  repayment               1003       1303              490.09
          -  2025-02-28  interest-accrual        1132.01    6011.01            20.08
          -  2025-03-09  penalty-accrual         1132.02    6011.02             1.78
          2  2025-03-10  penalty-accrual         6011.02    1132.02             1.78
          2  2025-03-10  repayment               1003       1132.01            20.08
          2  2025-03-10  repayment               1003       1303              494.01
          -  2025-03-31  interest-accrual        1132.01    6011.01            16.13
          4  2025-04-01  repayment               1003       1132.01            16.13
          4  2025-04-01  repayment               1003       1303              497.96
          -  2025-04-08  interest-accrual        1132.01    6011.01             3.24
          5  2025-04-08  penalty-accrual         1132.02    6011.02             1.39
          5  2025-04-08  repayment               1132.01    1003               16.13
          5  2025-04-08  repayment               1303       1003              497.96
          -  2025-04-08  penalty-accrual         1132.02    6011.02             0.20

        account                                                          debit         credit
        1003       Balances with the central bank                      1557.27        3514.09
        1132.01    Loan interest receivable                              79.58          60.21
        1132.02    Penalty interest receivable                            3.37           1.78
        1303       Loans                                               3497.96        1482.06
        6011.01    Loan interest income                                   0.00          63.45
        6011.02    Penalty interest income                                1.78           3.37
        6021.01    Loan fee income                                        0.00          15.00
    "#]].assert_eq(&text);
    let life: Value =
        serde_json::from_str(&printed(&[&arguments[..], &["--json"]].concat())).unwrap();
    assert_eq!((&life["status"], &life["ended_on"]), (&"settled".into(), &"2025-05-20".into()));
    assert_eq!(life["events"][3]["refused"]["code"], "exceeds-settlement");

    let scratch = Scratch::new();
    let file = scratch.path().join("events.yaml");
    std::fs::write(&file, "events:\n  - { on: 2025-02-01, pay: 5 }\n").unwrap();
    let events = ["product", "simulate", CONSUMER, "--events", file.to_str().unwrap()];
    let output = run(&events);
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("line 2, events[0]: ") && errors.contains("`pay`"), "{errors}");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let scratch = Scratch::new();
    let file = scratch.path().join("five.yaml");
    let text = std::fs::read_to_string(crate::root().join(CONSUMER)).unwrap();
    let text = text
        .replace("currency: CNY", "currency: CNX")
        .replace("effective: 2022-01-01", "effective: 2022-13-01")
        .replace("method: equal-instalment", "method: equal-installment")
        .replace("applicant.age >= 18", "applicant.aeg >= 18")
        .replace("  penalty:", "  penalties:");
    std::fs::write(&file, text).unwrap();
    let output = run(&["product", "check", file.to_str().unwrap()]);
    assert!(!output.status.success());
    expect![[r#"
        line 14, currency: `CNX` is not a currency. Write a code of ISO 4217 that has a minor unit, like `CNY`. (unknown-currency)
        line 15, effective: `2022-13-01` is not a date. Write year-month-day, like `2025-01-31`. (malformed-date)
        line 46, eligibility[1].rule: At 1:1: There is no field `applicant.aeg`. Did you mean `applicant.age`? (unknown-field)
        line 81, terms.repayment.method: `equal-installment` is not one of the choices. Did you mean `equal-instalment`? (unknown-value)
        line 93, terms.penalties: There is no field `penalties` here. Did you mean `penalty`? (unknown-field)
    "#]].assert_eq(&String::from_utf8(output.stdout).unwrap());
}

#[test]
fn a_wrong_change_or_input_is_named() {
    let cases = [
        (vec!["--set", "terms.interest.rat=0.1"], "rate"),
        (vec!["--set", "terms.interest.rate"], "PATH=VALUE"),
        (vec!["--amount", "1"], "amount"),
        (vec!["--term", "99"], "term"),
        (vec!["--date", "2022-02-30"], "2022-02-30"),
        (vec!["--calendar", "mars"], "mars"),
    ];
    for (arguments, named) in cases {
        let output = run(&[&["product", "simulate", CONSUMER][..], &arguments[..]].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(errors.contains(named), "{arguments:?}: {errors}");
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    }
}

const BOOK: &str = "examples/books/consumer-instalment.yaml";

#[test]
fn a_book_is_told_by_month() {
    let scenario = Scratch::new();
    let file = scenario.path().join("book.yaml");
    let text = "{ from: 2025-01-31, months: 4, loans: 2, growth: -1, cost_of_money: 0.0365, \
        amounts: [{ min: 1200, max: 1200 }], terms: [{ term: 3 }] }";
    std::fs::write(&file, text).unwrap();
    let told = printed(&["product", "simulate", CONSUMER, "--book", file.to_str().unwrap()]);
    expect![[r#"
        consumer-instalment version 1, seed 1, in whole CNY

        month     loans  disbursed     repaid  charged off  recovered  cash need  cost of money     result  outstanding   past due  suspended
        2025-01       2       2400          0            0          0       2388              0         12         2400          0          0
        2025-02       0          0        813            0          0       1575              7         12         1606          0          0
        2025-03       0          0        813            0          0        762              5          8          806          0          0
        2025-04       0          0        813            0          0        -51              2          4            0          0          0

        outstanding by days past due
        month      current       1-30      31-60      61-90        91+
        2025-01       2400          0          0          0          0
        2025-02       1606          0          0          0          0
        2025-03        806          0          0          0          0
        2025-04          0          0          0          0          0

        income by account
        month      6011.01    6021.01
        2025-01          1         12
        2025-02         19          0
        2025-03         13          0
        2025-04          6          0

        account                                                           balance
        1003       Balances with the central bank                           50.52
        1132.01    Loan interest receivable                                  0.00
        1303       Loans                                                     0.00
        6011.01    Loan interest income                                    -38.52
        6021.01    Loan fee income                                         -12.00
        Σ                                                                    0.00

        loans                                          2
        contract months                                8
        disbursed                                2400.00
        charged off                                 0.00
        recovered                                   0.00
        loss rate                                      0
        cash need                                2388.00
        cost of money                              13.86
        result                                     36.66
        loans active at the end                        0
        loans charged-off at the end                   0
        loans settled at the end                       2
        annual cost, simple   %  min 12.65, 5 % of loans up to 12.65, half up to 12.65, 95 % up to 12.65, max 12.65
        annual cost, compound %  min 13.41, 5 % of loans up to 13.41, half up to 13.41, 95 % up to 13.41, max 13.41
        digest 6090dbc42f12760ed617be32aa706272604e72efb96587a4bdca88a489d1776f
    "#]].assert_eq(&told);
}

#[test]
fn a_book_is_compared_with_another_one() {
    let cheaper = Scratch::new();
    let file = cheaper.path().join("cheaper.yaml");
    let dear = std::fs::read_to_string(crate::root().join(CONSUMER)).unwrap();
    std::fs::write(&file, dear.replace("rate: 0.096", "rate: 0.08")).unwrap();
    let scenario = cheaper.path().join("book.yaml");
    let few =
        "{ from: 2025-01-01, months: 8, loans: 4, behaviours: [{}, { misses: { chance: 0.3 } }] }";
    std::fs::write(&scenario, few).unwrap();
    let (file, scenario) = (file.to_str().unwrap(), scenario.to_str().unwrap());
    let against = ["--book", scenario, "--seed", "5", "--against", file];
    let arguments = [&["product", "simulate", CONSUMER][..], &against].concat();
    let compared = printed(&arguments);
    assert!(compared.contains("against consumer-instalment version 1"), "{compared}");
    let text = printed(&[&arguments[..], &["--json"]].concat());
    let both: Value = serde_json::from_str(&text).unwrap();
    let total = both["difference"]["total"].as_array().unwrap();
    let line = |name| total.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(line("disbursed")["difference"].as_str(), Some("0.00"));
    assert_eq!(line("result")["this"], both["result"]);
    assert_eq!(line("result")["other"], both["other"]["result"]);
    assert!(!line("result")["difference"].as_str().unwrap().starts_with(['-', '0']));
    assert_ne!(both["digest"], both["other"]["digest"]);
}

#[test]
fn a_book_that_cannot_be_told_is_named() {
    let cases = [
        (vec!["--book", "nowhere.yaml"], "nowhere.yaml"),
        (vec!["--book", CONSUMER], "malformed-scenario"),
        (vec!["--book", BOOK, "--amount", "5"], "--amount"),
        (vec!["--seed", "5"], "--book"),
        (vec!["--book", BOOK, "--against", BOOK], BOOK),
    ];
    for (arguments, named) in cases {
        let output = run(&[&["product", "simulate", CONSUMER][..], &arguments[..]].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(named), "{arguments:?}: {errors}");
    }
}

#[test]
fn the_schema_is_one_object_for_each_kind() {
    let all: Value = serde_json::from_str(&printed(&["product", "schema"])).unwrap();
    for kind in ["instalment-loan", "current-account"] {
        let one: Value = serde_json::from_str(&printed(&["product", "schema", kind])).unwrap();
        assert_eq!(all[kind], one);
        assert_eq!(one["properties"]["kind"]["const"], kind);
    }
    assert!(!run(&["product", "schema", "mortgage"]).status.success());
}
