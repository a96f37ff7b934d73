//! Everything that is planned or booked in a life follows from its explanation.

use std::sync::Arc;

use money::{Amount, Calendar, DayCount, Decimal};
use product::{
    derivation::{Derivation, Rule, Unexplained},
    kinds::instalment_loan::Method,
    schedule::explain::Component,
};
use stdx::{Date, Prng};

use super::{
    corrections::{anything, successor},
    life::{Booked, Life, Setup, cny, date, fen, later, rules},
    properties::{amount, any_setup, number},
};
use crate::{Explaining, Fact, Rules, Status, What, explain::BookedAmount};

fn no_reference(_: Date) -> Option<Derivation> {
    None
}

fn explaining<'h>(life: &'h Life, facts: &'h [Fact]) -> Explaining<'h> {
    let rules = Rules { others: &life.others, ..rules(&life.product) };
    assert!(std::ptr::eq(rules.calendar, Calendar::china()));
    Explaining { loan: &life.loan, facts, rules, reference: &no_reference }
}

/// Explains every amount of every entry a life booked; how many there were.
fn check_booked(life: &Life, seed: u64) -> usize {
    let mut count = 0;
    for Booked { at, facts, entries } in &life.booked {
        let explaining = explaining(life, facts);
        let booked: Vec<_> = crate::outcome::booked(entries).collect();
        for (index, it) in booked.iter().enumerate() {
            let &(event, name, amount) = it;
            let place = booked[..index].iter().filter(|other| *other == it).count();
            let of = BookedAmount { event, name, amount, place };
            let explained = explaining.booked(*at, of);
            let explained =
                explained.unwrap_or_else(|error| panic!("seed {seed} {at:?} {of:?}: {error}"));
            explained.check().unwrap_or_else(|node| panic!("seed {seed} {of:?}: {node:?}"));
            assert_eq!(explained.amount(), Some(amount), "seed {seed} {of:?}");
            count += 1;
        }
    }
    count
}

/// Explains every amount of the plan as it is now.
fn check_planned(life: &Life, seed: u64) {
    let explaining = explaining(life, &life.facts);
    for it in &life.loan.plan {
        for component in Component::ALL {
            let explained = explaining.planned(it.number, component);
            let explained = explained
                .unwrap_or_else(|error| panic!("seed {seed} {component:?} of {it:?}: {error}"));
            explained.check().unwrap_or_else(|node| panic!("seed {seed}: {node:?}"));
            assert_eq!(explained.amount(), Some(component.of(it)), "seed {seed}");
            for node in explained.nodes() {
                if let Rule::Planned { of, .. } = node.rule {
                    assert!(of <= it.number, "seed {seed}");
                }
            }
        }
    }
}

/// A life in which anything happens, in time, late, and taken back, up to an end of any kind.
fn any_life(seed: u64) -> Option<Life> {
    let mut prng = Prng::stream(seed, "explained");
    let mut setup = any_setup(&mut prng);
    if let Some(penalty) = &mut setup.penalty {
        penalty.compounding = prng.chance(20);
    }
    setup.disbursal_fee = if prng.chance(50) { fen(0) } else { setup.principal.min(fen(3)) };
    let part = setup.principal.minor() / 2 + 1;
    let part = Some(fen(part)).filter(|_| prng.chance(30));
    let mut life = Life::drawing(&setup, part)?;
    life.others = (2..=3).map(|it| Arc::new(successor(&setup, &mut prng, it))).collect();
    for _ in 0..7 {
        let days = 1 + number(&mut prng, 25);
        life.close_to(later(life.today, days));
        if life.loan.status != Status::Active {
            break;
        }
        let what = match prng.below(12) {
            0 => {
                What::Drawing { principal: fen(1) + amount(&mut prng, life.loan.principal.minor()) }
            }
            1 => match life.quote() {
                Ok(quote) => What::Settlement { amount: quote.total, fee: Amount::ZERO },
                Err(_) => continue,
            },
            _ => anything(&life, &mut prng),
        };
        let back = if prng.chance(30) { number(&mut prng, 20) } else { 0 };
        let on = life.today.checked_sub(jiff::Span::new().days(i64::from(back))).unwrap();
        let done = life.book(what, on.max(setup.on));
        let last = life.facts.last().unwrap();
        if done.is_ok() && prng.chance(15) && last.what.is_reversible() {
            let number = last.number;
            life.reverse(number).unwrap();
        }
    }
    let end = match prng.below(4) {
        0 => What::ChargeOff,
        1 => What::Sale { price: amount(&mut prng, life.loan.principal.minor() + 1) },
        _ => return Some(life),
    };
    let charged_off = matches!(end, What::ChargeOff);
    if life.happen(end).is_ok() && charged_off {
        let due = life.position.due().total();
        if due.is_positive() {
            life.pay(fen(1) + amount(&mut prng, due.minor())).unwrap();
        }
        if life.loan.status == Status::ChargedOff {
            life.happen(What::WriteOff).unwrap();
        }
    }
    Some(life)
}

#[test]
fn everything_booked_and_planned_is_explained() {
    let (mut lives, mut booked, mut corrected) = (0, 0, 0);
    for seed in 0..100 {
        let Some(life) = any_life(seed) else { continue };
        booked += check_booked(&life, seed);
        check_planned(&life, seed);
        let late = |it: &&Booked| matches!(it.at, crate::explain::Moment::Correction(..));
        corrected += life.booked.iter().filter(late).map(|it| it.entries.len()).sum::<usize>();
        lives += 1;
    }
    assert!(lives > 80 && booked > 2_000 && corrected > 30, "{lives} {booked} {corrected}");
}

/// 600.00 overdue and 600.00 not due, at 18 % each: a day books 0.30 of interest and 0.30 of
/// penalty, both off the balance sheet.
#[test]
fn interest_and_penalty_of_one_sum_are_told_apart() {
    let setup = Setup {
        method: Method::EqualPrincipal,
        instalments: 2,
        rate: Decimal::new(18, 2),
        day_count: DayCount::Act360,
        suspended_after: Some(3),
        ..Setup::usual()
    };
    let mut life = Life::new(&setup).unwrap();
    life.close_to(date("2025-02-10"));
    let day = life.booked.last().unwrap();
    let booked: Vec<_> = crate::outcome::booked(&day.entries).collect();
    assert_eq!(booked, [("suspended-accrual", "memo", cny("0.30")); 2]);
    let named = [0, 1, 2].map(|place| {
        let (event, name, amount) = booked[0];
        let of = BookedAmount { event, name, amount, place };
        explaining(&life, &day.facts).booked(day.at, of).map(|it| it.name.code)
    });
    let none = Unexplained::Event("suspended-accrual".to_owned());
    assert_eq!(named, [Ok("interest"), Ok("penalty"), Err(none)]);
}

/// What an accountant reads of a day's interest, a payment and penalty.
#[test]
fn a_day_a_penalty_and_a_payment() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    life.close_to(date("2025-02-06"));
    life.pay(cny("100.00")).unwrap();
    let explained = |event: &str, name: &str| {
        let has = |it: &&Booked| it.entries.iter().any(|entry| entry.event == event);
        let last = life.booked.iter().rev().find(has).unwrap();
        let entry = last.entries.iter().find(|it| it.event == event).unwrap();
        let amount = entry.amounts.iter().find(|it| it.0 == name).unwrap().1;
        let of = BookedAmount { event, name, amount, place: 0 };
        explaining(&life, &last.facts).booked(last.at, of).unwrap().to_string()
    };
    expect_test::expect![[r#"
        interest                                                    0.29  the first less the others
        ├ earned so far of instalment 2                             1.44  rounded half-even  (terms.interest.rounding)
        │ └ exact interest                1.4356607142857142857142857143  product
        │   ├ principal outstanding                               803.97  see 1.balance
        │   ├ rate of a year                                        12 %  (terms.interest.rate)
        │   └ part of a year                                   150/10080  30/360  (terms.interest.day_count)
        │     ├ days of the period                               30 days  days of 30/360, 2025-02-01 to 2025-03-01
        │     ├ calendar days that earn                           5 days  calendar days, 2025-02-01 to 2025-02-06
        │     └ calendar days of the period                      28 days  calendar days, 2025-02-01 to 2025-03-01
        └ booked before                                             1.15  as booked
    "#]].assert_eq(&explained("interest-accrual", "interest"));
    expect_test::expect![[r#"
        penalty interest of instalment 1                            0.20  the first less the others
        ├ penalty interest so far                                   0.99  rounded half-even  (terms.interest.rounding)
        │ └ penalty interest of days                            0.990075  product
        │   ├ what bears penalty                                  396.03  as booked  (terms.penalty.base)
        │   ├ penalty rate of a year                                18 %  (terms.penalty.rate)
        │   └ part of a year                                       5/360  ACT/360, 2025-02-01 to 2025-02-06  (terms.interest.day_count)
        └ booked before                                             0.79  as booked
    "#]].assert_eq(&explained("penalty-accrual", "penalty"));
    expect_test::expect![[r#"
        principal of instalment 1                                  87.01  the smallest  (terms.allocation)
        ├ owed of instalment 1                                    396.03  as booked
        └ what is left of it                                       87.01  the first less the others
          ├ payment                                               100.00  (fact 1, repayment of 2025-02-06)
          ├ penalty interest paid with it of instalment 1           0.99  as booked
          └ interest paid with it of instalment 1                  12.00  as booked
    "#]].assert_eq(&explained("repayment", "principal"));
}
