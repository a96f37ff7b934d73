//! Lives to which things happen out of order. However a fact came to be booked, the loan is the one
//! to which everything happened in time.

use std::sync::Arc;

use money::{Amount, Decimal};
use product::{LoanProduct, kinds::instalment_loan::Keep};
use stdx::{Date, Prng};

use super::{
    life::{Life, Setup, cny, date, fen, later},
    properties::{amount, any_setup, number},
};
use crate::{
    Event, Reject, Status, What,
    fact::{RateReason, Rescheduling, ReschedulingKind},
    loan::Owed,
};

/// Something that may happen to the loan, if it is allowed.
pub(super) fn anything(life: &Life, prng: &mut Prng) -> What {
    let due = life.position.due().total();
    let pay = |amount| What::Repayment { amount };
    match prng.below(12) {
        0..=2 if due.is_positive() => pay(due),
        3 if due.is_positive() => pay(fen(1) + amount(prng, due.minor())),
        4 => pay(fen(1) + amount(prng, life.loan.principal.minor())),
        5 => {
            let keep = *prng.pick(&[Keep::Term, Keep::Instalment]);
            let part = life.loan.principal.minor() / 2 + 1;
            What::Prepayment { amount: due + amount(prng, part), fee: Amount::ZERO, keep }
        }
        6 => What::RateChange {
            rate: Decimal::new(i64::from(number(prng, 2_400)), 4),
            reason: RateReason::Agreed,
        },
        7 => What::InterestPause { until: later(life.today, 1 + number(prng, 60)) },
        8 => {
            let step = 10 + number(prng, 40);
            let count = 1 + number(prng, 12);
            What::Rescheduling(Rescheduling {
                kind: ReschedulingKind::Extension,
                due: (1..=count).map(|it| later(life.today, it * step)).collect(),
                rate: None,
                capitalise: prng.chance(50),
                distressed: prng.chance(50),
            })
        }
        9 => What::Migration { version: 1 + number(prng, 3), rate: Decimal::ZERO },
        10 if life.position.prepaid.is_positive() => {
            What::Refund { amount: fen(1) + amount(prng, life.position.prepaid.minor()) }
        }
        _ => {
            let Owed { penalty, interest, .. } = life.position.due();
            What::Waiver { waived: Owed { penalty, interest, ..Owed::default() } }
        }
    }
}

/// Another version of the product of a setup: everything but the distance of due dates may differ.
pub(super) fn successor(setup: &Setup, prng: &mut Prng, version: u32) -> LoanProduct {
    let other = Setup { every: setup.every, prepayment_fee: None, ..any_setup(prng) };
    other.version(version)
}

/// A life of some months, in which things happen when they happen.
pub(super) fn lived(seed: u64, stream: &str) -> Option<(Life, Setup, Prng)> {
    let mut prng = Prng::stream(seed, stream);
    // A price is what was agreed when it was asked for, and so depends on when that was.
    let setup = Setup { prepayment_fee: None, ..any_setup(&mut prng) };
    let mut life = Life::new(&setup)?;
    life.others = (2..=3).map(|it| Arc::new(successor(&setup, &mut prng, it))).collect();
    for _ in 0..8 {
        let days = 1 + number(&mut prng, 30);
        life.close_to(later(life.today, days));
        if life.loan.status == Status::Active {
            let what = anything(&life, &mut prng);
            let (before, facts) = (life.position.clone(), life.facts.len());
            if life.happen(what).is_err() {
                assert_eq!((&before, facts), (&life.position, life.facts.len()), "seed {seed}");
            }
        }
    }
    Some((life, setup, prng))
}

#[test]
fn a_loan_follows_from_its_facts() {
    let mut facts = 0;
    for seed in 0..400 {
        let Some((life, ..)) = lived(seed, "facts") else { continue };
        life.assert_follows_from_facts();
        facts += life.facts.len();
    }
    assert!(facts > 1_500, "{facts}");
}

#[test]
fn it_does_not_matter_in_which_order_facts_are_booked() {
    let mut late = 0;
    for seed in 0..300 {
        let Some((life, setup, mut prng)) = lived(seed, "order") else { continue };
        // The same facts, of which payments are booked up to the end in any order.
        let mut other = Life::new(&setup).unwrap();
        other.others.clone_from(&life.others);
        let (mut paid, mut days): (Vec<_>, Vec<_>) = life.facts[1..]
            .iter()
            .map(|fact| (fact.on, fact.what.clone()))
            .partition(|(_, what)| matches!(what, What::Repayment { .. }));
        // One value date has one fact: within a day the order is that of booking.
        days.sort_by_key(|(on, _)| *on);
        let mut refused = false;
        for (on, what) in days {
            other.close_to(on);
            refused |= other.happen(what).is_err();
        }
        other.close_to(life.today);
        let draws = paid.len();
        (1..draws).for_each(|at| paid.swap(at, number(&mut prng, at as u64 + 1) as usize));
        for (on, what) in paid {
            refused |= other.book(what, on).is_err();
            late += 1;
        }
        if refused {
            // Without the payments something was not allowed that was with them.
            continue;
        }
        let facts = |life: &Life| life.facts.len();
        assert_eq!(facts(&life), facts(&other));
        assert_eq!((&life.loan, &life.books), (&other.loan, &other.books), "seed {seed}");
        assert_eq!(life.position, other.position, "seed {seed}");
        other.assert_follows_from_facts();
    }
    assert!(late > 200, "{late}");
}

#[test]
fn what_is_taken_back_has_not_happened() {
    let mut reversed = 0;
    for seed in 0..300 {
        let Some((mut life, ..)) = lived(seed, "reversal") else { continue };
        let before = life.clone();
        let days = number(&mut Prng::stream(seed, "wait"), 40);
        if life.pay(cny("1.00")).is_err() {
            continue;
        }
        let number = life.facts.last().unwrap().number;
        life.close_to(later(life.today, days));
        life.reverse(number).unwrap();
        assert_eq!(life.reverse(number), Err(Reject::AlreadyReversed));
        let mut without = before;
        without.close_to(life.today);
        assert_eq!((&life.loan, &life.books), (&without.loan, &without.books), "seed {seed}");
        let facts = life.position.facts;
        let position = crate::Position { facts, ..without.position };
        assert_eq!(life.position, position, "seed {seed}");
        life.assert_follows_from_facts();
        reversed += 1;
    }
    assert!(reversed > 80, "{reversed}");
}

/// Whatever is taken back or booked late, money that moved stays booked, which every audit of a
/// life looks at; else nothing changes.
#[test]
fn money_that_left_stays_booked() {
    let (mut changed, mut short) = (0, 0);
    for seed in 0..400 {
        let Some((mut life, setup, mut prng)) = lived(seed, "money") else { continue };
        let first = life.facts.iter().any(|it| matches!(it.what, What::Refund { .. }));
        for _ in 0..4 {
            let before = life.clone();
            let done = if prng.chance(60) {
                let facts = life.facts.len() as u64;
                life.reverse(number(&mut prng, facts))
            } else {
                let what = anything(&life, &mut prng);
                let days = (life.today - setup.on).get_days();
                let back = number(&mut prng, u64::try_from(days).unwrap() + 1);
                life.book(what, later(setup.on, back))
            };
            match done {
                Ok(()) => changed += 1,
                Err(reject) => {
                    short += i32::from(first && reject == Reject::MoreThanPrepaid);
                    assert_eq!((&life.loan, &life.position), (&before.loan, &before.position));
                    assert_eq!((&life.facts, &life.books), (&before.facts, &before.books));
                }
            }
        }
        life.assert_follows_from_facts();
    }
    assert!(changed > 300 && short > 5, "{changed} {short}");
}

/// 500.00 paid ahead leave 91.97 once the first instalment is paid of it. They are given back, so
/// the payment can be taken back no more, nor can it be booked that the instalment was paid of
/// other money and the rest was given back before.
#[test]
fn what_was_given_back_holds_the_payment_it_came_from() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    life.close_to(date("2025-01-10"));
    life.pay(cny("500.00")).unwrap();
    life.close_to(date("2025-02-10"));
    life.happen(What::Refund { amount: cny("91.97") }).unwrap();
    life.close_to(date("2025-02-20"));
    let before = life.clone();
    assert_eq!(life.reverse(1), Err(Reject::MoreThanPrepaid));
    let earlier = What::Refund { amount: cny("0.01") };
    assert_eq!(life.book(earlier, date("2025-02-05")), Err(Reject::MoreThanPrepaid));
    assert_eq!((&life.position, &life.facts), (&before.position, &before.facts));
    assert_eq!(life.received(), cny("408.03"));
    life.assert_follows_from_facts();
}

/// What a shop paid of its fee is not paid again on an earlier day.
#[test]
fn a_fee_of_a_third_party_is_received_once() {
    let setup = Setup { third_party_fee: cny("5.00"), ..Setup::usual() };
    let mut life = Life::new(&setup).unwrap();
    life.close_to(date("2025-01-20"));
    let pay = || What::ThirdPartyFee { amount: cny("5.00") };
    life.happen(pay()).unwrap();
    assert_eq!(life.book(pay(), date("2025-01-10")), Err(Reject::MoreThanSubsidy));
    life.reverse(1).unwrap();
    life.book(pay(), date("2025-01-10")).unwrap();
    assert_eq!(life.received(), cny("5.00"));
}

#[test]
fn a_recovery_can_bounce() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    life.close_to(date("2025-02-20"));
    life.pay(cny("8.00")).unwrap();
    life.happen(What::ChargeOff).unwrap();
    let owed = life.balance("7002");
    life.close_to(date("2025-03-10"));
    life.pay(cny("300.00")).unwrap();
    life.pay(cny("20.00")).unwrap();
    life.close_to(date("2025-03-12"));
    assert_eq!(life.reverse(1), Err(Reject::NotActive), "before the charge-off");
    life.reverse(3).unwrap();
    assert_eq!((life.loan.status, life.received()), (Status::ChargedOff, cny("28.00")));
    assert_eq!(
        (life.balance("7002"), life.balance("1304.02")),
        (owed - cny("20.00"), owed - cny("20.00"))
    );
    life.assert_follows_from_facts();
    life.happen(What::WriteOff).unwrap();
    assert_eq!(life.reverse(4), Err(Reject::NotActive), "after the write-off");
}

/// Whatever was paid under the other version, once the loan is moved back it was never moved.
#[test]
fn a_loan_that_is_moved_back_was_never_moved() {
    let (mut moved, mut back, mut paid) = (0, 0, 0);
    for seed in 0..400 {
        let Some((mut life, _, mut prng)) = lived(seed, "migration") else { continue };
        let mut without = life.clone();
        let version = *prng.pick(&[2, 3]);
        if life.happen(What::Migration { version, rate: Decimal::ZERO }).is_err() {
            continue;
        }
        let fact = life.facts.last().unwrap().number;
        assert_eq!(life.loan.version, version);
        moved += 1;
        for _ in 0..3 {
            let day = later(life.today, 1 + number(&mut prng, 25));
            life.close_to(day);
            without.close_to(day);
            let due = life.position.due().total();
            let amount = due.min(without.position.due().total());
            let pay = What::Repayment { amount };
            if amount.is_positive() && without.clone().happen(pay.clone()).is_ok() {
                life.happen(pay.clone()).unwrap();
                without.happen(pay).unwrap();
                paid += 1;
            }
        }
        life.assert_follows_from_facts();
        life.reverse(fact).unwrap();
        life.assert_follows_from_facts();
        assert_eq!((&life.loan, &life.books), (&without.loan, &without.books), "seed {seed}");
        let facts = life.position.facts;
        let position = crate::Position { facts, ..without.position };
        assert_eq!(life.position, position, "seed {seed}");
        back += 1;
    }
    assert!(moved > 80 && back == moved && paid > 50, "{moved} {back} {paid}");
}

#[test]
fn a_settlement_that_bounces_revives_the_loan() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    life.close_to(date("2025-02-15"));
    life.settle(life.quote().unwrap().total).unwrap();
    assert_eq!(life.loan.status, Status::Settled);
    life.close_to(date("2025-02-20"));
    life.reverse(1).unwrap();
    assert_eq!(life.loan.status, Status::Active);
    assert_eq!((life.position.through, life.position.days_past_due), (date("2025-02-20"), 18));
    life.assert_follows_from_facts();
}

#[test]
fn what_cannot_be_booked_late_or_taken_back_is_refused() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    life.close_to(date("2025-02-10"));
    life.pay(cny("408.03")).unwrap();
    let pay = || What::Repayment { amount: cny("1.00") };
    let dates: [(&str, Reject); 2] =
        [("2024-12-31", Reject::BeforeDisbursal), ("2025-02-11", Reject::InTheFuture)];
    for (on, reject) in dates {
        assert_eq!(life.book(pay(), date(on)), Err(reject), "{on}");
    }
    assert_eq!(life.reverse(0), Err(Reject::NotReversible));
    assert_eq!(life.reverse(7), Err(Reject::NoSuchFact));
    life.happen(What::ChargeOff).unwrap();
    assert_eq!(life.book(pay(), date("2025-02-01")), Err(Reject::NotActive));
    assert_eq!(life.reverse(1), Err(Reject::NotActive));
    life.assert_follows_from_facts();
}

#[test]
fn the_end_of_a_bad_loan() {
    let setup = Setup { suspended_after: Some(90), ..Setup::usual() };
    let mut life = Life::new(&setup).unwrap();
    life.close_to(date("2025-05-03"));
    assert!(!life.position.suspended);
    life.close_to(date("2025-05-04"));
    // 91 days after 1 February: what was income and not paid is not any more.
    assert!(life.position.suspended);
    assert_eq!(life.balance("6011.01") + life.balance("6011.02"), Amount::ZERO);
    life.pay(cny("100.00")).unwrap();
    let Some(Event::RepaymentReceived { paid, .. }) = life.events.last() else { panic!() };
    assert!(paid.penalty.is_positive() && paid.interest.is_positive());
    assert_eq!(life.balance("6011.01"), Amount::ZERO - paid.interest);
    assert_eq!(life.balance("6011.02"), Amount::ZERO - paid.penalty);
    life.happen(What::ChargeOff).unwrap();
    assert_eq!(life.balance("1303"), Amount::ZERO);
    assert_eq!(life.happen(What::ChargeOff), Err(Reject::NotActive));
    life.today = later(life.today, 100);
    life.pay(cny("300.00")).unwrap();
    let left = life.position.due().total();
    assert_eq!(life.balance("7002"), left);
    assert_eq!(life.pay(left + fen(1)), Err(Reject::ExceedsSettlement));
    life.happen(What::WriteOff).unwrap();
    assert_eq!(life.loan.status, Status::WrittenOff);
    assert_eq!(life.happen(What::Sale { price: fen(1) }), Err(Reject::NotActive));
    life.assert_follows_from_facts();
}

#[test]
fn a_loan_is_sold_with_what_is_owed_on_it() {
    for price in ["1100.00", "1300.00"] {
        let mut life = Life::new(&Setup::usual()).unwrap();
        life.close_to(date("2025-02-20"));
        let owed = life.quote().unwrap().owed.total();
        life.happen(What::Sale { price: cny(price) }).unwrap();
        assert_eq!(life.balance("6111"), owed - cny(price));
        assert_eq!(life.received(), cny(price));
        life.assert_follows_from_facts();
    }
}

#[test]
fn a_sum_is_drawn_in_parts() {
    let setup = Setup { instalments: 12, ..Setup::usual() };
    let mut life = Life::drawing(&setup, Some(cny("400.00"))).unwrap();
    life.close_to(date("2025-02-15"));
    let draw = |amount| What::Drawing { principal: cny(amount) };
    assert_eq!(life.happen(draw("800.01")), Err(Reject::BeyondTheSum));
    life.happen(draw("500.00")).unwrap();
    life.happen(draw("300.00")).unwrap();
    assert_eq!(life.happen(draw("0.01")), Err(Reject::BeyondTheSum));
    let planned: Amount = life.loan.plan.iter().map(|it| it.principal).sum();
    assert_eq!(planned, life.loan.principal);
    life.assert_follows_from_facts();
}

/// Money that was paid out stays owed: a loan cannot have been settled before it was drawn on.
#[test]
fn a_loan_is_not_settled_before_it_was_drawn_on() {
    let setup = Setup { instalments: 12, ..Setup::usual() };
    let mut life = Life::drawing(&setup, Some(cny("400.00"))).unwrap();
    life.close_to(date("2025-02-10"));
    let quote = life.quote().unwrap();
    life.close_to(date("2025-02-15"));
    life.happen(What::Drawing { principal: cny("500.00") }).unwrap();
    let before = life.clone();
    let (amount, fee) = (quote.total, quote.fee);
    let settled = life.book(What::Settlement { amount, fee }, date("2025-02-10"));
    assert_eq!(settled, Err(Reject::NotActive));
    assert_eq!((&life.loan, &life.position), (&before.loan, &before.position));
    life.assert_follows_from_facts();
}

#[test]
fn paying_a_part_ahead_keeps_the_term_or_the_instalment() {
    for keep in [Keep::Term, Keep::Instalment] {
        let setup = Setup { instalments: 12, ..Setup::usual() };
        let mut life = Life::new(&setup).unwrap();
        life.close_to(date("2025-02-01"));
        let level = life.loan.plan[1].total();
        let amount = life.position.due().total() + cny("500.00");
        life.happen(What::Prepayment { amount, fee: Amount::ZERO, keep }).unwrap();
        let next = &life.loan.plan[1];
        match keep {
            Keep::Term => {
                assert_eq!(life.loan.plan.len(), 12);
                assert!(next.total() < level);
            }
            Keep::Instalment => {
                assert!(life.loan.plan.len() < 12);
                assert_eq!(next.total(), level);
            }
        }
        life.assert_follows_from_facts();
    }
}

/// The business date of a loan that is not closed any more moves on with the institution's.
#[test]
fn late_facts_of_a_settled_loan() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    life.close_to(date("2025-02-15"));
    life.settle(life.quote().unwrap().total).unwrap();
    life.close_to(date("2025-03-01"));
    let on: Date = date("2025-02-01");
    life.book(What::Repayment { amount: cny("408.03") }, on).unwrap();
    // The settlement was more than enough then; the rest is the borrower's.
    assert_eq!(life.loan.status, Status::Settled);
    assert!(life.position.prepaid.is_positive());
    let prepaid = life.position.prepaid;
    assert_eq!(
        life.happen(What::Refund { amount: prepaid + fen(1) }),
        Err(Reject::MoreThanPrepaid)
    );
    life.happen(What::Refund { amount: prepaid }).unwrap();
    assert_eq!(life.balance("2241.01"), Amount::ZERO);
    life.assert_follows_from_facts();
}
