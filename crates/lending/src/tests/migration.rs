//! Moving a loan to another version of its product.

use std::sync::Arc;

use money::{Amount, Decimal, Period};
use product::kinds::instalment_loan::{Method, Penalty, PenaltyBase};
use stdx::{Date, table};

use super::life::{Life, Setup, cny, date};
use crate::{
    Event, Reject, Status, What,
    fact::RateReason,
    loan::{Ceiling, Measure},
};

/// The usual loan, with other versions of its product.
fn loan(versions: &[Setup]) -> Life {
    let mut life = Life::new(&Setup { instalments: 3, ..Setup::usual() }).unwrap();
    let others = (2..).zip(versions).map(|(number, it)| Arc::new(it.version(number)));
    life.others = others.collect();
    life
}

fn to(version: u32) -> What {
    What::Migration { version, rate: Decimal::ZERO }
}

/// The rest of a plan is what the table says, on the due dates there were.
#[test]
fn the_rest_of_the_plan_is_made_by_the_other_version() {
    for row in table::parse(include_str!("../../testdata/migration.txt")) {
        let [method, rate, fee] = ["method", "rate", "fee"].map(|it| row.text(it));
        let method = serde_json::from_value::<Method>(method.into()).unwrap();
        let (rate, fee) = (rate.parse().unwrap(), cny(fee));
        let mut life = loan(&[Setup { method, rate, fee, ..Setup::usual() }]);
        life.close_to(date("2025-02-01"));
        life.pay(cny("408.03")).unwrap();
        let (first, dates) = (life.loan.plan[0].clone(), due(&life));
        life.close_to(row.get("on"));
        life.happen(to(2)).unwrap();
        assert_eq!(life.loan.plan[0], first, "line {}", row.line);
        assert_eq!(due(&life), dates, "line {}", row.line);
        for (it, which) in life.loan.plan[1..].iter().zip(["second", "third"]) {
            let told = [it.interest, it.principal, it.fees];
            let columns = ["interest", "principal", "fee"].map(|it| match it {
                "fee" => fee,
                part => cny(row.text(&format!("{which}-{part}"))),
            });
            assert_eq!(told, columns, "line {} {which}", row.line);
        }
        // And that is what is then booked, and what it ends with.
        for on in ["2025-03-01", "2025-04-01"] {
            life.close_to(date(on));
            life.pay(life.position.due().total()).unwrap();
        }
        assert_eq!(life.loan.status, Status::Settled, "line {}", row.line);
        life.assert_follows_from_facts();
    }
}

fn due(life: &Life) -> Vec<Date> {
    life.loan.plan.iter().map(|it| it.due).collect()
}

#[test]
fn what_is_late_keeps_the_penalty_so_far() {
    let half = Penalty {
        rate: Some(Decimal::new(9, 2)),
        multiple: None,
        base: PenaltyBase::OverduePrincipal,
        compounding: false,
        grace_days: 3,
    };
    let mut life = loan(&[Setup { penalty: Some(half), ..Setup::usual() }]);
    life.close_to(date("2025-02-11"));
    // 396.03 × 18 % × 10 ÷ 360, then 396.03 × 9 % × 10 ÷ 360: 1.98015 and 0.990075.
    assert_eq!(life.position.due().penalty, cny("1.98"));
    life.happen(to(2)).unwrap();
    assert_eq!(life.position.due().penalty, cny("1.98"));
    life.close_to(date("2025-02-21"));
    assert_eq!(life.position.due().penalty, cny("2.97"));
    assert_eq!(life.loan.version, 2);
    let told = Event::LoanMigrated { on: date("2025-02-11"), from: 1, to: 2 };
    assert!(life.events.contains(&told));
}

#[test]
fn prices_and_permissions_are_those_of_the_version() {
    let dear = Setup { settlement_fee: cny("8.00"), ..Setup::usual() };
    let shut = Setup { early_settlement: false, ..Setup::usual() };
    let mut life = loan(&[dear, shut]);
    life.close_to(date("2025-01-20"));
    assert_eq!(life.quote().unwrap().fee, Amount::ZERO);
    life.happen(to(2)).unwrap();
    assert_eq!(life.quote().unwrap().fee, cny("8.00"));
    life.happen(to(3)).unwrap();
    assert_eq!(life.quote(), Err(Reject::EarlySettlementNotAllowed));
    assert_eq!(life.loan.signed_version(), 1);
    // The later move is taken back before the earlier one.
    assert_eq!(life.reverse(1), Err(Reject::OthersFollow));
    life.reverse(2).unwrap();
    assert_eq!(life.quote().unwrap().fee, cny("8.00"));
    life.reverse(1).unwrap();
    assert_eq!((life.loan.version, life.loan.before_migration.clone()), (1, None));
    // A rate that was taken anew under the version goes first as well.
    life.happen(to(2)).unwrap();
    let reset = What::RateChange { rate: Decimal::new(5, 2), reason: RateReason::Reset };
    life.happen(reset).unwrap();
    assert_eq!(life.reverse(3), Err(Reject::OthersFollow));
    life.reverse(4).unwrap();
    life.reverse(3).unwrap();
}

#[test]
fn what_cannot_change_under_a_contract_is_refused() {
    let weekly = Setup { every: "1 week".parse::<Period>().unwrap(), ..Setup::usual() };
    let bullet = Setup { method: Method::Bullet, ..Setup::usual() };
    let mut life = loan(&[weekly, bullet, Setup::usual()]);
    life.close_to(date("2025-01-20"));
    for (version, reject) in [
        (1, Reject::SameVersion),
        (2, Reject::CannotMigrate),
        (3, Reject::CannotMigrate),
        (5, Reject::OtherProduct),
    ] {
        assert_eq!(life.happen(to(version)), Err(reject), "{version}");
    }
    assert_eq!(life.book(to(4), date("2024-12-31")), Err(Reject::BeforeDisbursal));
    life.happen(What::ChargeOff).unwrap();
    assert_eq!(life.happen(to(4)), Err(Reject::NotActive));
}

/// 1,200.00 over three months at 12 % costs 12 % a year, and with 3.00 at each instalment 16.47 %:
/// the least rate at which the payments of 411.03 are worth 1,200.00.
#[test]
fn another_version_may_not_cost_more_than_the_contract_may() {
    let dearer = Setup { fee: cny("3.00"), ..Setup::usual() };
    let kept_back = Setup { disbursal_fee: cny("100.00"), ..Setup::usual() };
    let lower = Setup { rate: Decimal::new(9, 2), fee: cny("3.00"), ..Setup::usual() };
    let mut life = loan(&[dearer, kept_back, lower]);
    let at_most = Decimal::new(16, 2);
    life.loan.terms.ceilings.push(Ceiling { at_most, of: Measure::AllInCost });
    life.close_to(date("2025-01-20"));
    let refused = Err(Reject::AboveCeiling { at_most });
    assert_eq!(life.happen(to(2)).map(|_| ()), refused, "by fees alone");
    // What was kept back was kept back under the first version.
    life.happen(to(3)).unwrap();
    life.happen(to(4)).unwrap();
    assert_eq!(life.loan.terms.ceilings.len(), 1);
}

/// A move that is booked late is what it would have been in time.
#[test]
fn a_loan_is_moved_on_an_earlier_day() {
    let cheap = Setup { rate: Decimal::new(6, 2), ..Setup::usual() };
    let mut in_time = loan(std::slice::from_ref(&cheap));
    let mut late = in_time.clone();
    in_time.close_to(date("2025-01-11"));
    in_time.happen(to(2)).unwrap();
    in_time.close_to(date("2025-02-10"));
    late.close_to(date("2025-02-10"));
    late.book(to(2), date("2025-01-11")).unwrap();
    assert_eq!((&late.loan, &late.books), (&in_time.loan, &in_time.books));
    assert_eq!(late.position, in_time.position);
    late.assert_follows_from_facts();
}
