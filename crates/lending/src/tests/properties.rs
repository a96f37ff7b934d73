//! Thousands of random lives. [`Life`] audits books against position after every command, so a
//! life that ends has passed some hundred audits.

use money::{Amount, DayCount, Decimal};
use product::{
    kinds::instalment_loan::{AllocationBy, Component, Method, Penalty, PenaltyBase},
    schedule::Instalment,
};
use stdx::Prng;

use super::life::{Life, Setup, fen, later, rules};
use crate::{Event, Reject, Status, close_day, loan::Owed};

const METHODS: [Method; 5] = [
    Method::EqualInstalment,
    Method::EqualPrincipal,
    Method::InterestFirst,
    Method::Bullet,
    Method::Flat,
];

pub(super) fn number(prng: &mut Prng, below: u64) -> u32 {
    u32::try_from(prng.below(below)).unwrap()
}

pub(super) fn amount(prng: &mut Prng, below: i64) -> Amount {
    fen(i64::try_from(prng.below(u64::try_from(below).unwrap())).unwrap())
}

fn harvests() -> Vec<String> {
    ["03-15", "06-15", "10-31"].map(ToOwned::to_owned).into()
}

pub(super) fn any_setup(prng: &mut Prng) -> Setup {
    let mut allocation =
        vec![Component::Penalty, Component::Fee, Component::Interest, Component::Principal];
    (1..4).for_each(|last| allocation.swap(last, usize::try_from(prng.below(4)).unwrap()));
    let rate = Decimal::new(i64::from(number(prng, 3_000)), 4);
    let multiple = prng.chance(30).then(|| Decimal::new(i64::from(1 + number(prng, 30)), 1));
    let penalty = Penalty {
        compounding: false,
        rate: multiple.is_none().then_some(rate),
        multiple,
        base: *prng.pick(&[PenaltyBase::OverduePrincipal, PenaltyBase::OverdueInstalment]),
        grace_days: number(prng, 12),
    };
    let every = *prng.pick(&["1 month", "1 week", "2 weeks", "10 days", "3 months"]);
    let largest = 10_i64.pow(3 + number(prng, 6));
    let usual = Setup::usual();
    Setup {
        principal: fen(1) + amount(prng, largest),
        instalments: 1 + number(prng, 12),
        method: *prng.pick(&METHODS),
        on: later(usual.on, number(prng, 1_500)),
        every: every.parse().unwrap(),
        year_days: if prng.chance(80) { Vec::new() } else { harvests() },
        rate: Decimal::new(i64::from(number(prng, 3_600)), 4),
        day_count: prng.pick(&DayCount::ALL).1,
        fee: if prng.chance(70) { Amount::ZERO } else { amount(prng, 500) },
        penalty: prng.chance(80).then_some(penalty),
        allocation,
        allocation_by: *prng.pick(&[AllocationBy::Row, AllocationBy::Component]),
        early_settlement: prng.chance(70),
        settlement_fee: if prng.chance(70) { Amount::ZERO } else { amount(prng, 1_000) },
        prepayment_fee: prng.chance(20).then(|| "amount * 0.01".to_owned()),
        overdue_fee: if prng.chance(70) { Amount::ZERO } else { amount(prng, 500) },
        third_party_fee: if prng.chance(70) { Amount::ZERO } else { amount(prng, 500) },
        suspended_after: prng.chance(50).then(|| number(prng, 100)),
        ..usual
    }
}

/// Lives on until the loan is settled: pays nothing, what is due, a part, ahead, or settles.
fn live(life: &mut Life, prng: &mut Prng) {
    let diligence = 2 + prng.below(30);
    while life.loan.status == Status::Active {
        let days = 1 + prng.below(25);
        for _ in 0..days {
            if life.loan.status == Status::Active {
                life.close().unwrap();
            }
        }
        if life.loan.status == Status::Active && prng.chance(diligence * 3) {
            act(life, prng);
        }
    }
}

fn act(life: &mut Life, prng: &mut Prng) {
    let due = life.position.due().total();
    let before = life.position.clone();
    let answer = match prng.below(8) {
        0 | 1 if due.is_positive() => life.pay(due),
        2 | 3 if due.is_positive() => life.pay(fen(1) + amount(prng, due.minor())),
        4 => life.pay(fen(1) + amount(prng, life.loan.principal.minor() + 100)),
        5 => settle(life),
        _ => Ok(()),
    };
    if let Err(reject) = answer {
        let expected =
            [Reject::ExceedsSettlement, Reject::EarlySettlementNotAllowed, Reject::PrepaidCovers];
        assert!(expected.contains(&reject), "{reject:?}");
        assert_eq!(life.position, before);
    }
}

/// The quote is what is booked, and one unit more or less is refused.
fn settle(life: &mut Life) -> Result<(), Reject> {
    let quote = life.quote()?;
    assert_eq!(quote.owed.total() + quote.fee, quote.prepaid + quote.total);
    for wrong in [fen(1), fen(-1)] {
        let refused = life.settle(quote.total + wrong);
        assert_eq!(refused, Err(Reject::NotTheQuotedAmount));
    }
    let before = life.received();
    life.settle(quote.total)?;
    assert_eq!(life.received() - before, quote.total);
    assert_eq!(life.loan.status, Status::Settled);
    Ok(())
}

/// What every life must show at its end, beside the audits on the way.
fn check_end(life: &Life, seed: u64) {
    let mut parts = Vec::new();
    let mut penalties = Amount::ZERO;
    let mut settlement = Amount::ZERO;
    for event in &life.events {
        match event {
            Event::RepaymentReceived { paid: part, settlement_fee, .. } => {
                parts.push(*part);
                settlement += *settlement_fee;
            }
            Event::PrepaymentApplied { paid: part, .. } => parts.push(*part),
            Event::PenaltyAccrued { penalty, .. } => penalties += *penalty,
            _ => {}
        }
    }
    let paid: Owed = parts.into_iter().sum();
    let interest: Amount = life.loan.plan.iter().map(|it| it.interest).sum();
    assert_eq!(paid.principal, life.loan.principal, "seed {seed}");
    assert_eq!(paid.penalty, penalties, "seed {seed}");
    assert!(paid.interest <= interest, "seed {seed}");
    assert_eq!(paid.total() + settlement, life.received(), "seed {seed}");
    let early = matches!(life.events.last(), Some(Event::LoanSettled { early: true, .. }));
    assert!(early || paid.interest == interest, "seed {seed}");
}

#[test]
fn every_life_balances_and_ends_at_nothing() {
    let (mut lives, mut early, mut late) = (0, 0, 0);
    for seed in 0..1_000 {
        let mut prng = Prng::stream(seed, "life");
        let Some(mut life) = Life::new(&any_setup(&mut prng)) else { continue };
        live(&mut life, &mut prng);
        check_end(&life, seed);
        lives += 1;
        let has = |it: fn(&Event) -> bool| i32::from(life.events.iter().any(it));
        early += has(|it| matches!(it, Event::LoanSettled { early: true, .. }));
        late += has(|it| matches!(it, Event::LoanOverdue { .. }));
    }
    assert!(lives > 900 && early > 50 && late > 500, "{lives} {early} {late}");
}

#[test]
fn who_pays_on_time_pays_the_plan() {
    for seed in 0..500 {
        let mut prng = Prng::stream(seed, "on time");
        let setup = any_setup(&mut prng);
        let Some(mut life) = Life::new(&setup) else { continue };
        // Any day from the due date to the last day of grace is in time.
        let grace = setup.penalty.as_ref().map_or(0, |it| it.grace_days).min(6);
        while life.loan.status == Status::Active {
            life.close().unwrap();
            let oldest = life.position.open.first().map(|it| it.due);
            let wait = number(&mut prng, u64::from(grace) + 1);
            if oldest.is_some_and(|due| later(due, wait) <= life.position.through) {
                life.pay(life.position.due().total()).unwrap();
            }
        }
        assert_eq!(life.received(), life.planned(), "seed {seed}");
        let unpleasant =
            |it: &Event| matches!(it, Event::LoanOverdue { .. } | Event::PenaltyAccrued { .. });
        assert!(!life.events.iter().any(unpleasant), "seed {seed}");
    }
}

#[test]
fn daily_interest_sums_to_the_plan_and_never_falls() {
    for seed in 0..500 {
        let mut prng = Prng::stream(seed, "accrual");
        let Some(mut life) = Life::new(&any_setup(&mut prng)) else { continue };
        let last = life.loan.matures_on().unwrap();
        life.close_to(last);
        for planned in &life.loan.plan {
            let accrued = life.events.iter().filter_map(|event| match event {
                Event::InterestAccrued { instalment, interest, day }
                    if *instalment == planned.number =>
                {
                    assert!((planned.from..planned.due).contains(day), "seed {seed}");
                    assert!(interest.is_positive(), "seed {seed}");
                    Some(*interest)
                }
                _ => None,
            });
            assert_eq!(accrued.sum::<Amount>(), planned.interest, "seed {seed}");
        }
        let interest: Amount = life.loan.plan.iter().map(|it| it.interest).sum();
        assert_eq!(life.position.due().interest, interest, "seed {seed}");
        assert_eq!(life.position.due().principal, life.loan.principal, "seed {seed}");
    }
}

#[test]
fn interest_within_an_instalment_follows_its_days() {
    for seed in 0..500 {
        let mut prng = Prng::stream(seed, "within");
        let Some(life) = Life::new(&any_setup(&mut prng)) else { continue };
        // A day of ACT/ACT is a little more or less than its share when a year ends within.
        let exact = life.loan.schedule.day_count != DayCount::ActAct;
        for planned in &life.loan.plan {
            let days = u32::try_from((planned.due - planned.from).get_days()).unwrap();
            let passed = number(&mut prng, u64::from(days) + 1);
            let terms = &life.loan.schedule;
            let accrued = terms.exact_interest(planned, later(planned.from, passed));
            let share = planned.interest.minor() * i64::from(passed) / i64::from(days);
            let off = (terms.round(accrued).unwrap().minor() - share).abs();
            let bound = 1 + if exact { 0 } else { planned.interest.minor() / 300 };
            assert!(off <= bound, "seed {seed} {planned:?} {passed}: {off}");
        }
    }
}

#[test]
fn penalty_is_the_naive_sum_over_days_late() {
    for seed in 0..300 {
        let mut prng = Prng::stream(seed, "penalty");
        let Some(mut life) = Life::new(&any_setup(&mut prng)) else { continue };
        let Some(terms) = life.loan.terms.penalty.clone() else { continue };
        let last = life.loan.matures_on().unwrap();
        life.close_to(later(last, number(&mut prng, 100)));
        for open in &life.position.open {
            let planned = &life.loan.plan[usize::try_from(open.number - 1).unwrap()];
            let days = u32::try_from((life.position.through - planned.due).get_days()).unwrap();
            let late = days > terms.grace_days;
            let naive =
                if late { naive_penalty(&life, planned, &terms, days) } else { Amount::ZERO };
            assert!((naive - open.owed.penalty).minor().abs() <= 1, "seed {seed} {open:?}");
            assert!(late || open.owed.penalty.is_zero(), "seed {seed} {open:?}");
        }
    }
}

/// Base × rate × days ÷ 360 or 365; a leap day moves ACT/ACT by less than the tolerance allows
/// for, so its days are counted one by one.
fn naive_penalty(life: &Life, planned: &Instalment, terms: &Penalty, days: u32) -> Amount {
    let base = match terms.base {
        PenaltyBase::OverduePrincipal => planned.principal,
        PenaltyBase::OverdueInstalment => planned.principal + planned.interest,
    };
    let years: Decimal = match life.loan.schedule.day_count {
        DayCount::Thirty360 | DayCount::Act360 => Decimal::from(days) / Decimal::from(360),
        DayCount::Act365Fixed => Decimal::from(days) / Decimal::from(365),
        DayCount::ActAct => (0..days)
            .map(|it| Decimal::ONE / Decimal::from(later(planned.due, it).days_in_year()))
            .sum(),
    };
    let exact =
        base.to_decimal(life.loan.currency) * terms.rate_at(life.loan.schedule.rate) * years;
    Amount::round(exact, life.loan.currency, life.loan.schedule.rounding).unwrap()
}

#[test]
fn the_oldest_instalment_and_its_first_component_come_first() {
    for seed in 0..500 {
        let mut prng = Prng::stream(seed, "allocation");
        let setup = Setup { allocation_by: AllocationBy::Row, ..any_setup(&mut prng) };
        let Some(mut life) = Life::new(&setup) else { continue };
        let last = life.loan.matures_on().unwrap();
        life.close_to(later(last, 20));
        let due = life.position.due().total();
        if due < fen(2) {
            continue;
        }
        let before = life.position.clone();
        life.pay(fen(1) + amount(&mut prng, due.minor() - 1)).unwrap();
        // Nothing behind the first unpaid component of the oldest instalment has moved.
        let Some(oldest) = life.position.open.first() else { continue };
        let same = before.open.iter().skip_while(|it| it.number <= oldest.number);
        let same = same.map(|it| it.owed);
        assert!(same.eq(life.position.open.iter().skip(1).map(|it| it.owed)), "seed {seed}");
        let was = before.open.iter().find(|it| it.number == oldest.number).unwrap();
        let (mut was, mut is) = (was.owed, oldest.owed);
        let order = &life.loan.terms.allocation;
        let unpaid = order.iter().position(|it| is.of(*it).is_positive()).unwrap();
        for component in &order[unpaid + 1..] {
            assert_eq!(was.of(*component), is.of(*component), "seed {seed}");
        }
    }
}

#[test]
fn a_day_closes_once() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    let first = life.position.through;
    life.close().unwrap();
    let again = close_day(&life.loan, &life.position, rules(&life.product), first);
    assert_eq!(again, Err(Reject::DayAlreadyClosed));
    let ahead = close_day(&life.loan, &life.position, rules(&life.product), later(first, 2));
    assert_eq!(ahead, Err(Reject::DayNotReached));
}
