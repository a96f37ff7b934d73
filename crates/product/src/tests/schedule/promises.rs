//! What holds of every plan, over thousands of random terms with everything a loan may have.

use money::{Amount, Calendar, Decimal};
use stdx::{Date, Prng};

use super::{later, no_fee, number, rich_terms};
use crate::{
    kinds::instalment_loan::Method,
    schedule::{Carried, Instalment, Terms, schedule},
};

/// Random terms that give a plan, with the plan.
fn plans(
    stream: &'static str,
    seeds: u64,
) -> impl Iterator<Item = (u64, Prng, Terms, Vec<Instalment>)> {
    (0..seeds).filter_map(move |seed| {
        let mut prng = Prng::stream(seed, stream);
        let terms = rich_terms(&mut prng);
        let plan = schedule(&terms, Calendar::china(), no_fee).ok()?;
        Some((seed, prng, terms, plan))
    })
}

fn again(terms: &Terms) -> Vec<Instalment> {
    schedule(terms, Calendar::china(), no_fee).unwrap()
}

/// A random instalment and a random day of its interest.
fn any_day(prng: &mut Prng, plan: &[Instalment]) -> (usize, Date) {
    let index = usize::try_from(prng.below(plan.len() as u64)).unwrap();
    let it = &plan[index];
    let days = u64::from((it.to - it.from).get_days().unsigned_abs());
    (index, later(it.from, number(prng, days + 1)))
}

#[test]
fn what_was_lent_is_repaid() {
    let mut count = 0;
    for (seed, _, terms, plan) in plans("rich", 5_000) {
        count += 1;
        let repaid: Amount = plan.iter().map(|it| it.principal).sum();
        let made: Amount = plan.iter().map(|it| it.capitalised).sum();
        assert_eq!(repaid, terms.principal + made, "seed {seed}");
        let last = plan.last().unwrap();
        assert!(last.balance.is_zero() && last.deferred.is_zero(), "seed {seed}");
        let mut opening = terms.principal;
        for it in &plan {
            let amounts =
                [it.principal, it.interest, it.subsidy, it.deferred, it.capitalised, it.balance];
            assert!(amounts.iter().all(|it| !it.is_negative()), "seed {seed} {it:?}");
            assert_eq!(it.opening(), opening, "seed {seed}");
            opening = it.balance;
        }
        assert_eq!(plan[0].from, terms.from, "seed {seed}");
        assert!(plan.iter().all(|it| it.from < it.to && it.from < it.due), "seed {seed}");
        for pair in plan.windows(2) {
            assert_eq!(pair[0].to, pair[1].from, "seed {seed}");
            assert!(pair[0].due < pair[1].due, "seed {seed}");
            assert_eq!(pair[0].number + 1, pair[1].number, "seed {seed}");
        }
    }
    assert!(count > 3_500, "{count}");
}

#[test]
fn interest_grows_day_by_day_to_that_of_the_plan() {
    for (seed, mut prng, terms, plan) in plans("grows", 2_000) {
        for it in &plan {
            let at = |day| terms.round(terms.exact_interest(it, day)).unwrap();
            let planned = it.interest + it.deferred + it.capitalised;
            assert_eq!(at(it.to), planned, "seed {seed} {it:?}");
            assert_eq!(at(later(it.to, 9)), planned, "seed {seed}");
            assert_eq!(terms.exact_interest(it, it.from), it.carried.deferred, "seed {seed}");
            let subsidy = terms.round(terms.exact_subsidy(it, it.to)).unwrap();
            assert_eq!(subsidy, it.subsidy, "seed {seed}");
        }
        let (index, day) = any_day(&mut prng, &plan);
        let exact = |day| terms.exact_interest(&plan[index], day);
        assert!(exact(day) <= exact(later(day, 1)), "seed {seed}");
    }
}

#[test]
fn accrued_interest_is_due_to_the_last_minor_unit() {
    for (seed, _, terms, plan) in plans("accrued", 600) {
        let mut rest = &plan[..];
        let (mut pot, mut day) = (Amount::ZERO, terms.from);
        let (mut subsidies, mut granted) = (Amount::ZERO, Amount::ZERO);
        while let Some(next) = rest.first().filter(|_| plan.len() < 40) {
            // Days before the next due date are skipped but for some: every one is alike.
            day = later(day, 1).max(next.to.min(later(day, 5)));
            let accrued = terms.accrued_interest(rest, day).unwrap();
            assert!(accrued >= pot, "seed {seed} {day}: {accrued:?} after {pot:?}");
            let granted_now = terms.accrued_subsidy(rest, day).unwrap();
            assert!(granted_now >= granted, "seed {seed} {day}");
            (pot, granted) = (accrued, granted_now);
            if day >= next.due {
                rest = &rest[1..];
                pot -= next.interest + next.capitalised;
                granted -= next.subsidy;
                subsidies += next.subsidy;
                let left = terms.accrued_interest(rest, day).unwrap();
                let carried = rest.is_empty() || left == pot;
                assert!(carried, "seed {seed} {day}: {left:?} after {pot:?}");
            }
        }
        if rest.is_empty() {
            assert!(pot.is_zero() && granted.is_zero(), "seed {seed} {pot:?}");
            assert_eq!(subsidies, plan.iter().map(|it| it.subsidy).sum(), "seed {seed}");
        }
    }
}

/// A level of a few minor units, rounded up, repays a loan before its last instalment: the plan
/// has lines of nothing at its end.
fn is_done_early(terms: &Terms, plan: &[Instalment]) -> bool {
    plan.iter().rev().skip(1).any(|it| it.balance <= terms.balloon)
}

/// What of an instalment a plan made anew must give again.
fn essence(it: &Instalment) -> impl PartialEq + std::fmt::Debug + use<> {
    let amounts = [it.principal, it.interest, it.subsidy, it.deferred, it.capitalised, it.balance];
    (it.number, it.to, it.due, it.days, amounts)
}

/// Made anew on any day, with the level instalment set, the rest of a plan is the rest of it.
#[test]
fn the_rest_of_a_plan_made_anew_is_the_same() {
    let mut count = 0;
    for (seed, mut prng, terms, plan) in plans("rest", 5_000) {
        let (index, day) = any_day(&mut prng, &plan);
        let mut rest = terms.rest(&plan[index], day);
        // A level that is nothing or not a whole number of minor units cannot be set.
        let multiples = terms.multiple.is_some() && terms.method != Method::EqualInstalment;
        let levels =
            matches!(terms.method, Method::EqualInstalment | Method::EqualPrincipal | Method::Flat);
        let repaying = plan.split_last().unwrap().1.iter().find(|it| it.principal.is_positive());
        let unset = levels && (multiples || repaying.is_none());
        if is_done_early(&terms, &plan) || unset {
            continue;
        }
        if let Some(it) = repaying.filter(|_| levels) {
            rest.level = Some(terms.level_of(it).unwrap());
        }
        let anew = again(&rest);
        let before: Vec<_> = plan[index..].iter().map(essence).collect();
        let after: Vec<_> = anew.iter().map(essence).collect();
        assert_eq!(after, before, "seed {seed} on {day}: {terms:?}");
        // And again from there.
        let (index, day) = any_day(&mut prng, &anew);
        let twice = again(&rest.rest(&anew[index], day));
        let after: Vec<_> = twice.iter().map(essence).collect();
        let before: Vec<_> = anew[index..].iter().map(essence).collect();
        assert_eq!(after, before, "seed {seed} twice on {day}");
        count += 1;
    }
    assert!(count > 2_500, "{count}");
}

/// Without the level set, the new one repays the same balance by the same dates; it differs by
/// what the last instalment was off before, which it now spreads, and by the rounding of both.
#[test]
fn a_level_computed_anew_differs_by_roundings_only() {
    let mut count = 0;
    for (seed, mut prng, terms, plan) in plans("level anew", 3_000) {
        let terms = Terms { subsidy: None, multiple: None, ..terms };
        if terms.method != Method::EqualInstalment || plan.len() < 3 {
            continue;
        }
        let Ok(plan) = schedule(&terms, Calendar::china(), no_fee) else { continue };
        if is_done_early(&terms, &plan) {
            continue;
        }
        let last = plan.last().unwrap();
        let (index, day) = any_day(&mut prng, &plan[..plan.len() - 1]);
        let anew = again(&terms.rest(&plan[index], day));
        assert_eq!(anew.len(), plan.len() - index, "seed {seed}");
        let off = (terms.level_of(last).unwrap()
            - terms.balloon
            - terms.level_of(&plan[plan.len() - 2]).unwrap())
        .minor()
        .abs();
        for (it, was) in anew.iter().zip(&plan[index..]).take(anew.len() - 1) {
            let [new, old] = [it, was].map(|it| it.principal + it.interest + it.capitalised);
            assert!((new - old).minor().abs() <= off + 1, "seed {seed} {it:?} {was:?}");
        }
        count += 1;
    }
    assert!(count > 300, "{count}");
}

#[test]
fn repaying_a_part_keeps_the_instalment_or_the_term() {
    let mut count = 0;
    for (seed, mut prng, terms, _) in plans("prepay", 3_000) {
        let terms = Terms {
            method: Method::EqualInstalment,
            balloon: Amount::ZERO,
            grace: Default::default(),
            multiple: None,
            ..terms
        };
        let Ok(plan) = schedule(&terms, Calendar::china(), no_fee) else { continue };
        if plan.len() < 3 || plan[plan.len() - 2].balance.minor() < 1_000 {
            continue;
        }
        let (index, day) = any_day(&mut prng, &plan[..plan.len() - 1]);
        let mut rest = terms.rest(&plan[index], day);
        let owed = u64::try_from(rest.principal.minor()).unwrap();
        let paid = 1 + i64::try_from(prng.below(owed - 1)).unwrap();
        rest.principal = Amount::from_minor(rest.principal.minor() - paid);
        let kept_term = schedule(&rest, Calendar::china(), no_fee);
        let level = terms.level_of(&plan[plan.len() - 2]).unwrap();
        rest.level = Some(level);
        let kept = schedule(&rest, Calendar::china(), no_fee);
        let (Ok(kept_term), Ok(kept)) = (kept_term, kept) else { continue };
        count += 1;
        assert_eq!(kept_term.len(), plan.len() - index, "seed {seed}");
        assert!(kept.len() <= kept_term.len(), "seed {seed}");
        let repaying = kept.split_last().unwrap().1.iter().filter(|it| it.principal.is_positive());
        for it in repaying {
            assert_eq!(rest.level_of(it).unwrap(), level, "seed {seed} {it:?}");
        }
        // The last one allowed repays the rest.
        let last = rest.level_of(kept.last().unwrap()).unwrap();
        assert!(last <= level || kept.len() == kept_term.len(), "seed {seed}");
        let repaid: Amount = kept.iter().map(|it| it.principal).sum();
        assert_eq!(repaid, rest.principal, "seed {seed}");
    }
    assert!(count > 500, "{count}");
}

/// A rate that changes within a period: each day costs what it cost on the day.
#[test]
fn a_change_within_a_period_counts_from_its_day() {
    for (seed, mut prng, terms, plan) in plans("change", 1_000) {
        let (index, day) = any_day(&mut prng, &plan);
        let running = &plan[index];
        let mut rest = terms.rest(running, day);
        rest.rate = Decimal::new(i64::from(number(&mut prng, 3_000)), 4);
        let Ok(anew) = schedule(&rest, Calendar::china(), no_fee) else { continue };
        let earned = terms.exact_interest(running, day);
        // The 28th digit may be rounded otherwise.
        let again = rest.exact_interest(&anew[0], day);
        assert!((again - earned).abs() < Decimal::new(1, 9), "seed {seed}: {again} {earned}");
        let whole = Terms { rate: rest.rate, carried: Carried::default(), ..terms.clone() };
        let of_rest =
            whole.exact_interest(running, running.to) - whole.exact_interest(running, day);
        let own = rest.exact_interest(&anew[0], running.to) - earned;
        assert!((own - of_rest).abs() < Decimal::new(1, 9), "seed {seed}: {own} {of_rest}");
    }
}
