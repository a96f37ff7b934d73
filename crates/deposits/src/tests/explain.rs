//! What is booked unfolds into what an accountant writes down.

use money::{Decimal, Rounding};
use product::derivation::{Derivation, Value};
use stdx::table::{self, Row};

use super::{
    books::{AccountLife, Explained, TermLife, account_product, day, term_product, yuan},
    term::rollover,
};
use crate::Rollover;

/// The first value in a tree under one of some names.
fn value(tree: &Derivation, names: &[&str]) -> Option<Value> {
    tree.nodes().find(|it| names.contains(&it.name.code)).map(|it| it.value)
}

/// The tree has the numbers of the row; the names of nodes are beside those of its columns.
fn check(row: &Row<'_>, tree: &Derivation, numbers: &[(&str, &[&str])]) {
    assert_eq!(tree.amount(), Some(yuan(row.text("booked"))), "line {}", row.line);
    for (column, names) in numbers {
        let expected = row.option::<String>(column);
        let found = value(tree, names).map(|it| match it {
            Value::Amount(money) => Decimal::new(money.amount.minor(), 2),
            Value::Exact(exact, _) => Rounding::HalfUp.round(exact, 6),
            Value::Rate(rate) => rate,
            Value::Years(years) => years.numerator().into(),
            other => panic!("line {}: {other}", row.line),
        });
        let expected = expected.map(|it| it.parse::<Decimal>().unwrap());
        assert_eq!(found, expected, "line {}: {column} of\n{tree}", row.line);
    }
}

#[test]
fn demand_interest_unfolds_into_what_an_accountant_writes_down() {
    let mut life: Option<AccountLife> = None;
    for row in table::parse(include_str!("../../testdata/explained-demand.txt")) {
        let on = row.get("day");
        if row.text("happens") == "open" {
            let opened = AccountLife::open(account_product(), on);
            life = Some(AccountLife { explained: Some(Explained::new()), ..opened });
        }
        let life = life.as_mut().expect("the first line of a case opens");
        life.close_until(on);
        let (amount, value) = (|| yuan(row.text("amount")), row.option("value").unwrap_or(on));
        let event = match row.text("happens") {
            "deposit" => {
                life.deposit(amount(), value).unwrap();
                continue;
            }
            "withdraw" => {
                life.withdraw(amount(), value).unwrap();
                continue;
            }
            "close" => {
                life.close_account().unwrap();
                continue;
            }
            "accrual" => "interest-accrual",
            "settled" => "interest-settlement",
            _ => continue,
        };
        let (_, tree) = &life.explained.as_ref().unwrap()[event];
        let earned = if event == "interest-accrual" { "earned" } else { "interest" };
        let numbers: [(&str, &[&str]); 5] = [
            ("sum", &["balance-days"]),
            ("rate", &["demand-rate"]),
            ("exact", &["exact-interest"]),
            ("earned", &[earned]),
            ("before", &["booked-before"]),
        ];
        check(&row, tree, &numbers);
    }
}

#[test]
fn interest_of_deposits_unfolds_into_what_an_accountant_writes_down() {
    let mut life: Option<TermLife> = None;
    for row in table::parse(include_str!("../../testdata/explained-term.txt")) {
        let on = row.get("day");
        let amount = || yuan(row.text("amount"));
        if row.text("happens") == "open" {
            let (tenor, then) = row.text("tenor").split_once(',').unwrap();
            let actual = row.text("case").starts_with("actual");
            let counting = if actual { "actual-days" } else { "years-months-days" };
            let product = term_product(&format!("  counting: {counting}\n"));
            let tenor = tenor.replace('_', " ");
            let opened = TermLife::open(product, amount(), &tenor, rollover(then), on).unwrap();
            life = Some(TermLife { explained: Some(Explained::new()), ..opened });
        }
        let life = life.as_mut().expect("the first line of a case opens");
        life.close_until(on);
        let event = match row.text("happens") {
            "withdraw" => {
                life.withdraw(Some(amount())).unwrap();
                continue;
            }
            "accrual" => "interest-accrual",
            "paid" => "interest-payment",
            "renewed" => "capitalization",
            _ => continue,
        };
        let (_, tree) = &life.explained.as_ref().unwrap()[event];
        let earned = if event == "interest-accrual" { "earned" } else { "interest" };
        let numbers: [(&str, &[&str]); 6] = [
            ("principal", &["principal", "taken"]),
            ("rate", &["rate", "demand-rate"]),
            ("days", &["part-of-year"]),
            ("exact", &["exact-interest"]),
            ("earned", &[earned]),
            ("before", &["booked-before"]),
        ];
        check(&row, tree, &numbers);
    }
}

/// What is read of an accrual, a settlement, and the parts of a withdrawal.
#[test]
fn a_day_a_settlement_and_a_withdrawal() {
    let mut life = AccountLife::open(account_product(), day("2024-04-01"));
    life.explained = Some(Explained::new());
    life.deposit(yuan("10000.00"), day("2024-04-01")).unwrap();
    life.close_until(day("2024-05-12"));
    life.withdraw(yuan("4000.00"), day("2024-05-02")).unwrap();
    let shown = |life: &AccountLife, event| life.explained.as_ref().unwrap()[event].1.to_string();
    expect_test::expect![[r#"
        interest                                                   -0.22  the first less the others
        ├ earned so far                                             2.06  rounded half-up  (terms.interest.rounding)
        │ └ exact interest                2.0555555555555555555555555556  product
        │   ├ sum of daily balances                               370000  sum
        │   │ ├ balance times days                                310000  product
        │   │ │ ├ balance                                       10000.00  as booked
        │   │ │ └ days                                           31 days  calendar days, 2024-04-01 to 2024-05-02
        │   │ └ balance times days                                 60000  product
        │   │   ├ balance                                        6000.00  as booked
        │   │   └ days                                           10 days  calendar days, 2024-05-02 to 2024-05-12
        │   ├ demand rate of a year                                0.2 %  (terms.interest.rate.1.rate from 2024-05-10)
        │   └ a day as a part of a year                            1/360  (terms.interest.day_count)
        └ booked before                                             2.28  as booked
    "#]].assert_eq(&shown(&life, "interest-accrual"));
    life.close_until(day("2024-06-21"));
    expect_test::expect![[r#"
        interest                                                    3.39  rounded half-up  (terms.interest.rounding)
        └ exact interest                  3.3888888888888888888888888889  product
          ├ sum of daily balances                                 610000  sum
          │ ├ balance times days                                  310000  product
          │ │ ├ balance                                         10000.00  as booked
          │ │ └ days                                             31 days  calendar days, 2024-04-01 to 2024-05-02
          │ └ balance times days                                  300000  product
          │   ├ balance                                          6000.00  as booked
          │   └ days                                             50 days  calendar days, 2024-05-02 to 2024-06-21
          ├ demand rate of a year                                  0.2 %  (terms.interest.rate.1.rate from 2024-05-10)
          └ a day as a part of a year                              1/360  (terms.interest.day_count)
    "#]].assert_eq(&shown(&life, "interest-settlement"));

    let on = day("2024-01-10");
    let product = term_product("");
    let mut life = TermLife::open(product, yuan("20000.00"), "1 year", Rollover::None, on).unwrap();
    life.explained = Some(Explained::new());
    life.close_until(day("2024-05-20"));
    life.withdraw(Some(yuan("7500.00"))).unwrap();
    let shown = |life: &TermLife, event| life.explained.as_ref().unwrap()[event].1.to_string();
    expect_test::expect![[r#"
        interest                                                    8.13  rounded half-up  (terms.rounding)
        └ exact interest                                           8.125  product
          ├ taken out                                            7500.00  (fact 7, withdrawal of 2024-05-20)
          ├ demand rate of a year                                  0.3 %  (terms.demand_rate.0.rate from 2020-01-01)
          └ part of a year                                       130/360  30/360  (terms.counting)
            └ days                                              130 days  sum
              ├ days of whole months                            120 days  30 days for a month
              │ └ whole months                                  4 months
              └ days that are over                               10 days  calendar days, 2024-05-10 to 2024-05-20
    "#]].assert_eq(&shown(&life, "interest-payment"));
    expect_test::expect![[r#"
        interest                                                  -39.27  the first less the others
        ├ earned so far                                            87.12  sum
        │ ├ interest of what stays                                 78.99  rounded half-up  (terms.rounding)
        │ │ └ exact interest              78.993055555555555555555555556  product
        │ │   ├ principal that stays                            12500.00  the first less the others
        │ │   │ ├ principal                                     20000.00  as booked
        │ │   │ └ taken out                                      7500.00  (fact 7, withdrawal of 2024-05-20)
        │ │   ├ rate of a year                                    1.75 %  (terms.tenors.2.rate.0.rate from 2020-01-01)
        │ │   └ part of a year                                   130/360  30/360  (terms.counting)
        │ │     └ days                                          130 days  sum
        │ │       ├ days of whole months                        120 days  30 days for a month
        │ │       │ └ whole months                              4 months
        │ │       └ days that are over                           10 days  calendar days, 2024-05-10 to 2024-05-20
        │ └ interest of what is taken out                           8.13  rounded half-up  (terms.rounding)
        │   └ exact interest                                       8.125  product
        │     ├ taken out                                        7500.00  (fact 7, withdrawal of 2024-05-20)
        │     ├ demand rate of a year                              0.3 %  (terms.demand_rate.0.rate from 2020-01-01)
        │     └ part of a year                                   130/360  30/360  (terms.counting)  as above
        └ booked before                                           126.39  as booked
    "#]].assert_eq(&shown(&life, "interest-accrual"));
    life.close_until(day("2025-03-01"));
    life.withdraw(Some(yuan("2500.00"))).unwrap();
    expect_test::expect![[r#"
        interest                                                   44.43  sum
        ├ interest of what is taken out                             0.68  rounded half-up  (terms.rounding)
        │ └ exact interest                0.6805555555555555555555555556  product
        │   ├ taken out                                          2500.00  (fact 7, withdrawal of 2025-03-01)
        │   ├ demand rate of a year                                0.2 %  (terms.demand_rate.1.rate from 2024-06-01)
        │   └ part of a year                                      49/360  30/360  (terms.counting)
        │     └ days                                             49 days  sum
        │       ├ days of whole months                           30 days  30 days for a month
        │       │ └ whole months                                 1 month
        │       └ days that are over                             19 days  calendar days, 2025-02-10 to 2025-03-01
        └ share of the interest that waited                        43.75  rounded down
          └ exact share                                            43.75  the first divided by the second
            ├ interest times part                                 546875  product
            │ ├ interest that waited                              218.75  as booked
            │ └ taken out                                        2500.00  (fact 7, withdrawal of 2025-03-01)
            └ principal                                         12500.00  as booked
    "#]].assert_eq(&shown(&life, "interest-payment"));
}
