//! Thousands of random lives. A life audits its books after every command: debits and credits are
//! the same, nothing is negative, the interest in the books is that of the contract, and a closed
//! contract leaves nothing.

use std::sync::Arc;

use money::{Amount, Decimal, Rounding};
use product::AccountProduct;
use stdx::Prng;

use super::books::{
    AccountLife, Explained, TermLife, account_product, day, fen, freeze_of, later, stop_of,
    term_product,
};
use crate::{
    Reject, Rollover, Scope, Stage, Status, account,
    maturity::roll_over,
    term::{self, instruct},
    withdrawal::pay_interest,
};

/// How many lives have all they book explained.
const EXPLAINED: u64 = 200;

fn number(prng: &mut Prng, below: u64) -> u32 {
    u32::try_from(prng.below(below)).unwrap()
}

fn amount(prng: &mut Prng) -> Amount {
    let digits = 1 + number(prng, 9);
    fen(1 + i64::from(number(prng, 10_u64.pow(digits))))
}

#[test]
fn accounts_live_and_close_with_nothing() {
    let product = account_product();
    let mut explained = Explained::new();
    for seed in 0..1_000 {
        let mut prng = Prng::stream(seed, "accounts");
        let opened = later(day("2023-12-01"), number(&mut prng, 500));
        let mut life = AccountLife::open(product.clone(), opened);
        // What is explained is told again, which takes its time.
        life.explained = (seed < EXPLAINED).then(|| std::mem::take(&mut explained));
        let mut expected = life.balance();
        for step in 0..40 {
            let before = life.account.clone();
            let today = life.account.through;
            let back = jiff::Span::new().days(prng.below(20).cast_signed());
            let value_date = if prng.chance(50) { today } else { today - back };
            let sum = amount(&mut prng);
            let name = format!("{step}");
            let answer = match prng.below(10) {
                0..=2 => life.deposit(sum, value_date).inspect(|()| expected += sum),
                3..=5 => {
                    let sum = sum.min(life.balance());
                    life.withdraw(sum, value_date).inspect(|()| expected -= sum)
                }
                6 => {
                    let until = prng.chance(80).then(|| later(today, number(&mut prng, 30)));
                    let scope = *prng.pick(&[Scope::In, Scope::Out, Scope::Whole]);
                    let freeze = freeze_of(&name, scope, today, until);
                    life.take(account::freeze(&life.account, &life.product, freeze))
                }
                7 => {
                    let stop = stop_of(&name, sum, today, Some(later(today, number(&mut prng, 9))));
                    life.take(account::stop_payment(&life.account, &life.product, stop))
                }
                8 => {
                    let first = life.account.restraints.freezes.first().map(|it| it.id);
                    let id = first.unwrap_or(freeze_of("none", Scope::In, today, None).id);
                    life.take(account::unfreeze(&life.account, &life.product, id, today))
                }
                _ => Ok(()),
            };
            if answer.is_err() {
                assert_eq!(life.account, before, "seed {seed}: a refusal changes nothing");
            }
            for _ in 0..prng.below(12) {
                let before = life.balance();
                life.close(prng.chance(90)).unwrap();
                // Nothing but interest moves by itself.
                expected += life.balance() - before;
                let settles = life.account.since == life.account.through;
                assert!(settles || life.balance() == before, "seed {seed}");
            }
            assert_eq!(life.balance(), expected, "seed {seed}");
        }
        while !life.account.restraints.freezes.is_empty() {
            let (id, on) = (life.account.restraints.freezes[0].id, life.account.through);
            life.take(account::unfreeze(&life.account, &life.product, id, on)).unwrap();
        }
        while !life.account.restraints.stops.is_empty() {
            life.close(true).unwrap();
        }
        life.close_account().unwrap();
        assert_eq!(life.account.status, Status::Closed);
        explained = life.explained.unwrap_or(explained);
    }
    let expected = ["deposit", "interest-accrual", "interest-settlement", "withdrawal"];
    assert!(explained.keys().eq(&expected));
    assert!(explained.values().all(|it| it.0 > 100));
}

/// One movement: when it arrives, from when it counts, how much.
type Arrival = (u32, u32, i64);

/// What an account earned and holds when its movements arrive as told, in the first quarter.
fn earned(product: &Arc<AccountProduct>, arrivals: &[Arrival]) -> (Amount, i64, Amount) {
    let opened = day("2024-03-21");
    let mut life = AccountLife::open(product.clone(), opened);
    for (arrives, counts, minor) in arrivals {
        life.close_until(later(opened, *arrives));
        let (value_date, sum) = (later(opened, *counts), fen(minor.abs()));
        let moved =
            if *minor > 0 { life.deposit(sum, value_date) } else { life.withdraw(sum, value_date) };
        moved.unwrap();
    }
    life.close_until(day("2024-06-20"));
    let (interest, balance_days) = (life.account.interest, life.account.balance_days);
    life.close_until(day("2024-06-21"));
    (interest, balance_days, life.balance())
}

#[test]
fn the_order_of_arrival_makes_no_difference() {
    let product = account_product();
    for seed in 0..1_000 {
        let mut prng = Prng::stream(seed, "arrivals");
        // Enough on the first day that nothing is ever overdrawn, whatever comes first.
        let mut movements = vec![(0, 100_000_000)];
        for _ in 0..prng.below(12) {
            let sum = 1 + i64::from(number(&mut prng, 8_000_000));
            movements.push((number(&mut prng, 91), if prng.chance(50) { sum } else { -sum }));
        }
        let mut in_time: Vec<_> = movements.iter().map(|(on, sum)| (*on, *on, *sum)).collect();
        in_time[1..].sort_by_key(|(arrives, ..)| *arrives);
        let mut late = in_time.clone();
        for (arrives, counts, _) in &mut late[1..] {
            *arrives += number(&mut prng, u64::from(91 - *counts));
        }
        late[1..].sort_by_key(|(arrives, ..)| *arrives);
        let (expected, found) = (earned(&product, &in_time), earned(&product, &late));
        assert_eq!(found, expected, "seed {seed}: {late:?}");
        // By hand: each movement times the days it was there, at the rate of the day of settlement.
        let sum: i64 = movements.iter().map(|(on, sum)| sum * i64::from(91 - on)).sum();
        let exact = Decimal::new(sum, 2) * Decimal::new(35, 4) / Decimal::from(360);
        assert_eq!(found.1, sum, "seed {seed}");
        let settled = exact * Decimal::new(20, 4) / Decimal::new(35, 4);
        let settled = Rounding::HalfUp.round(settled, 2);
        assert_eq!(Decimal::new(found.0.minor(), 2), settled, "seed {seed}");
    }
}

#[test]
fn deposits_live_and_close_with_nothing() {
    let mut variants = Vec::new();
    for counting in ["years-months-days", "actual-days"] {
        for parts in [0, 1, 3] {
            let early = format!("early_withdrawal: {{ in_part: {parts} }}");
            variants.push(term_product(&format!("  counting: {counting}\n  {early}\n")));
        }
    }
    let (mut seen, mut explained) = ([0; 3], Explained::new());
    for seed in 0..1_000 {
        let mut prng = Prng::stream(seed, "deposits");
        let product = prng.pick(&variants).clone();
        let tenor = *prng.pick(&["1 month", "3 months", "1 year"]);
        let rollovers = [Rollover::None, Rollover::Principal, Rollover::PrincipalAndInterest];
        let then = *prng.pick(&rollovers);
        let sum = fen(50_00) + amount(&mut prng);
        let opened = later(day("2023-10-01"), number(&mut prng, 400));
        let mut life = TermLife::open(product, sum, tenor, then, opened).unwrap();
        life.explained = (seed < EXPLAINED).then(|| std::mem::take(&mut explained));
        while life.deposit.stage != Stage::Closed {
            let before = life.deposit.clone();
            step(&mut life, &mut prng, &rollovers);
            seen[0] += u32::from(life.deposit.rollovers > before.rollovers);
            seen[1] += u32::from(life.deposit.stage == Stage::Matured);
            seen[2] += u32::from(life.deposit.parts > before.parts);
        }
        assert_eq!(life.deposit.timer(), None, "seed {seed}");
        // Nobody earns more than the best rate on everything all the time, but for roundings.
        let (most, rate) = (sum + life.capitalized, Decimal::new(225, 4));
        let closed_on = life.deposit.closed_on.unwrap();
        let best = life.product.rounded_interest(most, rate, opened, closed_on).unwrap();
        assert!(life.paid + life.capitalized <= best + fen(100), "seed {seed}");
        explained = life.explained.unwrap_or(explained);
    }
    let expected = ["capitalization", "interest-accrual", "interest-payment", "withdrawal"];
    assert!(explained.keys().eq(&expected));
    assert!(explained.values().all(|it| it.0 > 100));
    assert!(seen.iter().all(|it| *it > 500), "{seen:?}");
}

fn step(life: &mut TermLife, prng: &mut Prng, rollovers: &[Rollover]) {
    let on = life.deposit.through;
    let before = life.deposit.clone();
    let answer = match prng.below(12) {
        0 => life.withdraw(None),
        1 | 2 => life.withdraw(Some(fen(1 + before.principal.minor() / 7))),
        3 => {
            let then = *prng.pick(rollovers);
            life.take(instruct(&life.deposit, &life.product, then, on))
        }
        4 => {
            let then = *prng.pick(rollovers);
            life.take(roll_over(&life.deposit, life.terms(), then, on))
        }
        5 => life.take(pay_interest(&life.deposit, on)),
        6 => {
            let until = Some(later(on, number(prng, 10)));
            let freeze = freeze_of(&on.to_string(), Scope::Out, on, until);
            life.take(term::freeze(&life.deposit, freeze))
        }
        _ => Ok(()),
    };
    if answer.is_err() {
        assert_eq!(life.deposit, before);
    }
    for _ in 0..prng.below(25) {
        let closed = life.close();
        assert!(matches!(closed, Ok(()) | Err(Reject::Closed)), "{closed:?}");
    }
}

/// A day moves no fen that the days around it do not explain: in a tenor the books rise by steps
/// and end at the interest of the whole tenor.
#[test]
fn accrued_interest_never_falls_in_a_tenor() {
    let product = term_product("");
    for seed in 0..200 {
        let mut prng = Prng::stream(seed, "accrual");
        let opened = later(day("2023-10-01"), number(&mut prng, 1_500));
        let sum = fen(50_00) + amount(&mut prng);
        let mut life =
            TermLife::open(product.clone(), sum, "3 months", Rollover::None, opened).unwrap();
        let mut last = Amount::ZERO;
        while life.deposit.stage == Stage::Running {
            life.close().unwrap();
            assert!(life.accrued() >= last, "seed {seed}");
            last = life.accrued();
        }
        let exact = Decimal::new(sum.minor(), 2) * life.deposit.rate / Decimal::from(4);
        let whole = Rounding::HalfUp.round(exact, 2);
        assert_eq!(Decimal::new(last.minor(), 2), whole, "seed {seed}");
    }
}
