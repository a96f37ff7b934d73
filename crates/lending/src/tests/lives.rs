//! Whole lives, told by short scripts.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use money::{Amount, Currency, Decimal};
use product::kinds::instalment_loan::{Component, Method, Penalty, PenaltyBase};
use stdx::table;

use super::life::{Life, Setup, cny, date};
use crate::{Event, Reject, Status, view};

/// Runs a script: `day D` closes days until D is the business date, `pay D AMOUNT`,
/// `quote D FEE`, `settle D AMOUNT FEE`. Each line shows what came of it: events but those of
/// every day, then the position at that time.
fn check(setup: &Setup, script: &str, expected: Expect) {
    let mut life = Life::new(setup).unwrap();
    let mut shown = String::new();
    for (_, words) in table::lines(script) {
        let seen = life.events.len();
        life.close_to(date(words[1]));
        let said = match words.as_slice() {
            ["day", _] => Ok(None),
            ["pay", _, amount] => life.pay(cny(amount)).map(|()| None),
            ["settle", _, amount] => life.settle(cny(amount)).map(|()| None),
            ["quote", _] => life.quote().map(|it| Some(it.total)),
            other => panic!("not a line of a script: {other:?}"),
        };
        write!(shown, "{}", words.join(" ")).unwrap();
        told(&mut shown, &life, seen, said);
    }
    expected.assert_eq(&shown);
}

fn told(shown: &mut String, life: &Life, seen: usize, said: Result<Option<Amount>, Reject>) {
    let quoted = match said {
        Ok(quoted) => quoted,
        Err(reject) => return writeln!(shown, " => {}", reject.code()).unwrap(),
    };
    let daily =
        |it: &&Event| matches!(it, Event::InterestAccrued { .. } | Event::PenaltyAccrued { .. });
    let events = life.events.iter().skip(seen).filter(|it| !daily(it)).map(Event::name);
    let said: Vec<_> = events.map(str::to_owned).chain(quoted.map(text)).collect();
    let arrow = if said.is_empty() { "" } else { " => " };
    writeln!(shown, "{arrow}{}", said.join(", ")).unwrap();
    let position = &life.position;
    if life.loan.status == Status::Settled {
        writeln!(shown, "  settled {}", life.loan.settled_on.unwrap()).unwrap();
        return;
    }
    let due = position.due();
    write!(shown, "  due").unwrap();
    for (name, amount) in due.amounts() {
        if !amount.is_zero() {
            write!(shown, " {name} {}", text(amount)).unwrap();
        }
    }
    let [principal, interest, prepaid] =
        [position.principal, position.interest, position.prepaid].map(text);
    let (late, bucket) = (position.days_past_due, position.bucket().name());
    writeln!(
        shown,
        "\n  of {principal}, accrued {interest}, prepaid {prepaid}, late {late} ({bucket})"
    )
    .unwrap();
}

fn text(amount: Amount) -> String {
    amount.text(Currency::CNY)
}

#[test]
fn paid_on_time() {
    check(
        &Setup::usual(),
        "
        day 2025-01-31
        day 2025-02-01
        pay 2025-02-01 408.03
        pay 2025-03-01 408.03
        pay 2025-04-01 408.02
        ",
        expect![[r#"
            day 2025-01-31
              due
              of 1200.00, accrued 11.61, prepaid 0.00, late 0 (current)
            day 2025-02-01 => instalment-due
              due interest 12.00 principal 396.03
              of 1200.00, accrued 0.00, prepaid 0.00, late 0 (current)
            pay 2025-02-01 408.03 => repayment-received
              due
              of 803.97, accrued 0.00, prepaid 0.00, late 0 (current)
            pay 2025-03-01 408.03 => instalment-due, repayment-received
              due
              of 403.98, accrued 0.00, prepaid 0.00, late 0 (current)
            pay 2025-04-01 408.02 => instalment-due, repayment-received, loan-settled
              settled 2025-04-01
        "#]],
    );
}

#[test]
fn late_within_grace_and_beyond() {
    // Penalty: 396.03 × 18 % ÷ 360 = 0.198015 a day. Paying on 4 February is in grace; on the
    // 5th, four days are owed at once: 0.79.
    check(
        &Setup::usual(),
        "
        day 2025-02-04
        day 2025-02-05
        day 2025-02-06
        pay 2025-02-06 408.03
        pay 2025-02-07 0.99
        ",
        expect![[r#"
            day 2025-02-04 => instalment-due
              due interest 12.00 principal 396.03
              of 1200.00, accrued 0.86, prepaid 0.00, late 0 (current)
            day 2025-02-05
              due penalty 0.79 interest 12.00 principal 396.03
              of 1200.00, accrued 1.15, prepaid 0.00, late 0 (current)
            day 2025-02-06 => loan-overdue
              due penalty 0.99 interest 12.00 principal 396.03
              of 1200.00, accrued 1.44, prepaid 0.00, late 4 (1-30)
            pay 2025-02-06 408.03 => repayment-received
              due principal 0.99
              of 804.96, accrued 1.44, prepaid 0.00, late 4 (1-30)
            pay 2025-02-07 0.99 => repayment-received, loan-cured
              due
              of 803.97, accrued 1.72, prepaid 0.00, late 0 (current)
        "#]],
    );
    check(
        &Setup::usual(),
        "
        pay 2025-02-04 408.03
        day 2025-02-10
        ",
        expect![[r#"
            pay 2025-02-04 408.03 => instalment-due, repayment-received
              due
              of 803.97, accrued 0.86, prepaid 0.00, late 0 (current)
            day 2025-02-10
              due
              of 803.97, accrued 2.58, prepaid 0.00, late 0 (current)
        "#]],
    );
}

#[test]
fn through_every_bucket_and_back() {
    check(
        &Setup::usual(),
        "
        day 2025-03-04
        day 2025-03-05
        day 2025-04-05
        day 2025-05-05
        pay 2025-05-05 425.00
        pay 2025-05-05 417.00
        pay 2025-05-06 500.00
        pay 2025-05-06 403.81
        ",
        expect![[r#"
            day 2025-03-04 => instalment-due, loan-overdue, instalment-due
              due penalty 6.14 interest 20.04 principal 796.02
              of 1200.00, accrued 0.39, prepaid 0.00, late 30 (1-30)
            day 2025-03-05 => loan-overdue
              due penalty 7.14 interest 20.04 principal 796.02
              of 1200.00, accrued 0.52, prepaid 0.00, late 31 (31-60)
            day 2025-04-05 => instalment-due, loan-overdue
              due penalty 20.28 interest 24.08 principal 1200.00
              of 1200.00, accrued 0.00, prepaid 0.00, late 62 (61-90)
            day 2025-05-05 => loan-overdue
              due penalty 38.29 interest 24.08 principal 1200.00
              of 1200.00, accrued 0.00, prepaid 0.00, late 92 (91+)
            pay 2025-05-05 425.00 => repayment-received
              due penalty 19.87 interest 12.08 principal 805.42
              of 805.42, accrued 0.00, prepaid 0.00, late 92 (91+)
            pay 2025-05-05 417.00 => repayment-received, loan-overdue
              due penalty 6.87 interest 4.04 principal 409.46
              of 409.46, accrued 0.00, prepaid 0.00, late 64 (61-90)
            pay 2025-05-06 500.00 => exceeds-settlement
            pay 2025-05-06 403.81 => repayment-received, loan-overdue
              due principal 16.76
              of 16.76, accrued 0.00, prepaid 0.00, late 34 (31-60)
        "#]],
    );
}

#[test]
fn a_part_pays_by_the_order_of_the_contract() {
    let setup = Setup { fee: cny("5.00"), ..Setup::usual() };
    let script = "
        pay 2025-02-11 8.00
        pay 2025-02-11 100.00
        ";
    check(
        &setup,
        script,
        expect![[r#"
            pay 2025-02-11 8.00 => instalment-due, loan-overdue, repayment-received
              due interest 10.98 principal 396.03
              of 1200.00, accrued 2.87, prepaid 0.00, late 9 (1-30)
            pay 2025-02-11 100.00 => repayment-received
              due principal 307.01
              of 1110.98, accrued 2.87, prepaid 0.00, late 9 (1-30)
        "#]],
    );
    let allocation =
        vec![Component::Principal, Component::Interest, Component::Fee, Component::Penalty];
    check(
        &Setup { allocation, ..setup },
        script,
        expect![[r#"
            pay 2025-02-11 8.00 => instalment-due, loan-overdue, repayment-received
              due penalty 1.98 fee 5.00 interest 12.00 principal 388.03
              of 1192.00, accrued 2.87, prepaid 0.00, late 9 (1-30)
            pay 2025-02-11 100.00 => repayment-received
              due penalty 1.98 fee 5.00 interest 12.00 principal 288.03
              of 1092.00, accrued 2.87, prepaid 0.00, late 9 (1-30)
        "#]],
    );
}

#[test]
fn paid_in_advance() {
    check(
        &Setup::usual(),
        "
        pay 2025-01-15 500.00
        day 2025-02-01
        pay 2025-02-20 316.06
        day 2025-03-01
        pay 2025-03-31 408.03
        pay 2025-03-31 408.02
        day 2025-04-01
        ",
        expect![[r#"
            pay 2025-01-15 500.00 => repayment-received
              due
              of 1200.00, accrued 5.42, prepaid 500.00, late 0 (current)
            day 2025-02-01 => instalment-due, prepayment-applied
              due
              of 803.97, accrued 0.00, prepaid 91.97, late 0 (current)
            pay 2025-02-20 316.06 => repayment-received
              due
              of 803.97, accrued 5.46, prepaid 408.03, late 0 (current)
            day 2025-03-01 => instalment-due, prepayment-applied
              due
              of 403.98, accrued 0.00, prepaid 0.00, late 0 (current)
            pay 2025-03-31 408.03 => exceeds-settlement
            pay 2025-03-31 408.02 => repayment-received
              due
              of 403.98, accrued 3.91, prepaid 408.02, late 0 (current)
            day 2025-04-01 => instalment-due, prepayment-applied, loan-settled
              settled 2025-04-01
        "#]],
    );
}

#[test]
fn settled_early() {
    check(
        &Setup { settlement_fee: cny("8.04"), ..Setup::usual() },
        "
        pay 2025-02-01 408.03
        pay 2025-02-10 100.00
        quote 2025-02-15
        settle 2025-02-15 716.02
        settle 2025-02-15 716.03
        settle 2025-02-15 716.03
        pay 2025-02-15 1.00
        ",
        expect![[r#"
            pay 2025-02-01 408.03 => instalment-due, repayment-received
              due
              of 803.97, accrued 0.00, prepaid 0.00, late 0 (current)
            pay 2025-02-10 100.00 => repayment-received
              due
              of 803.97, accrued 2.58, prepaid 100.00, late 0 (current)
            quote 2025-02-15 => 716.03
              due
              of 803.97, accrued 4.02, prepaid 100.00, late 0 (current)
            settle 2025-02-15 716.02 => not-the-quoted-amount
            settle 2025-02-15 716.03 => prepayment-applied, repayment-received, loan-settled
              settled 2025-02-15
            settle 2025-02-15 716.03 => not-active
            pay 2025-02-15 1.00 => not-active
        "#]],
    );
    check(
        &Setup::usual(),
        "
        day 2025-03-20
        quote 2025-03-20
        settle 2025-03-20 1235.63
        ",
        expect![[r#"
            day 2025-03-20 => instalment-due, loan-overdue, instalment-due, loan-overdue
              due penalty 13.11 interest 20.04 principal 796.02
              of 1200.00, accrued 2.48, prepaid 0.00, late 46 (31-60)
            quote 2025-03-20 => 1235.63
              due penalty 13.11 interest 20.04 principal 796.02
              of 1200.00, accrued 2.48, prepaid 0.00, late 46 (31-60)
            settle 2025-03-20 1235.63 => repayment-received, loan-cured, loan-settled
              settled 2025-03-20
        "#]],
    );
}

#[test]
fn settled_when_all_is_due_without_a_fee() {
    let setup = Setup { early_settlement: false, ..Setup::usual() };
    check(
        &setup,
        "
        quote 2025-03-20
        quote 2025-05-01
        ",
        expect![[r#"
            quote 2025-03-20 => early-settlement-not-allowed
            quote 2025-05-01 => instalment-due, loan-overdue, 1259.96
              due penalty 35.88 interest 24.08 principal 1200.00
              of 1200.00, accrued 0.00, prepaid 0.00, late 88 (61-90)
        "#]],
    );
}

#[test]
fn a_bullet_loan_under_actual_days() {
    let setup = Setup {
        method: Method::Bullet,
        day_count: money::DayCount::Act365Fixed,
        penalty: Some(Penalty {
            compounding: false,
            rate: Some(Decimal::new(18, 2)),
            multiple: None,
            base: PenaltyBase::OverdueInstalment,
            grace_days: 0,
        }),
        ..Setup::usual()
    };
    // 1200 × 12 % × 90 ÷ 365 = 35.51; then 1235.51 × 18 % ÷ 365 = 0.61 a day.
    check(
        &setup,
        "
        day 2025-01-02
        day 2025-03-31
        day 2025-04-01
        day 2025-04-02
        ",
        expect![[r#"
            day 2025-01-02
              due
              of 1200.00, accrued 0.39, prepaid 0.00, late 0 (current)
            day 2025-03-31
              due
              of 1200.00, accrued 35.11, prepaid 0.00, late 0 (current)
            day 2025-04-01 => instalment-due
              due interest 35.51 principal 1200.00
              of 1200.00, accrued 0.00, prepaid 0.00, late 0 (current)
            day 2025-04-02
              due penalty 0.61 interest 35.51 principal 1200.00
              of 1200.00, accrued 0.00, prepaid 0.00, late 0 (current)
        "#]],
    );
}

#[test]
fn instalments_show_what_is_paid_and_what_remains() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    life.close_to(date("2025-02-01"));
    life.pay(cny("408.03")).unwrap();
    life.close_to(date("2025-03-06"));
    life.pay(cny("10.00")).unwrap();
    let shown: Vec<_> = view::instalments(&life.loan, Some(&life.position))
        .iter()
        .map(|it| {
            let [paid, remaining] = [it.paid, it.remaining].map(|owed| text(owed.total()));
            format!("{} {:?}: {paid} paid, {remaining} remain", it.planned.due, it.status)
        })
        .collect();
    expect![[r#"
        2025-02-01 Paid: 408.03 paid, 0.00 remain
        2025-03-01 Overdue: 9.00 paid, 399.03 remain
        2025-04-01 Future: 0.00 paid, 408.02 remain"#]]
    .assert_eq(&shown.join("\n"));
    assert!(
        view::instalments(&life.loan, None)
            .iter()
            .all(|it| it.status == view::InstalmentStatus::Future && it.paid.is_zero())
    );
}

#[test]
fn an_instalment_is_due_in_grace_and_overdue_after() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    let cases = [
        ("2025-01-31", view::InstalmentStatus::Future),
        ("2025-02-01", view::InstalmentStatus::Due),
        ("2025-02-04", view::InstalmentStatus::Due),
        ("2025-02-05", view::InstalmentStatus::Overdue),
    ];
    for (day, status) in cases {
        life.close_to(date(day));
        let shown = view::instalments(&life.loan, Some(&life.position));
        assert_eq!(shown[0].status, status, "{day}");
    }
    life.settle(life.quote().unwrap().total).unwrap();
    let shown = view::instalments(&life.loan, Some(&life.position));
    let statuses: Vec<_> = shown.iter().map(|it| it.status).collect();
    let dropped = view::InstalmentStatus::Dropped;
    assert_eq!(statuses, [view::InstalmentStatus::Paid, dropped, dropped]);
    let principal: Amount = shown.iter().map(|it| it.paid.principal).sum();
    assert_eq!(principal, life.loan.principal);
}
