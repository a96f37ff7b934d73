//! Every amount of every plan follows from its explanation.

use money::{Amount, Calendar, Decimal};
use stdx::{Date, Prng};

use super::{later, no_fee, number, rich_terms};
use crate::{
    derivation::{Derivation, Rule, Value},
    schedule::{
        Instalment, Terms,
        explain::{Component, Explainer, Origin},
        schedule,
    },
};

fn explainer<'a>(terms: &'a Terms, plan: &'a [Instalment], origin: Origin) -> Explainer<'a> {
    Explainer::new(terms, plan, Calendar::china(), origin, None).unwrap()
}

/// All of a plan is explained, and what an explanation refers to is planned, here or before.
fn check(
    terms: &Terms,
    plan: &[Instalment],
    before: &[Instalment],
    origin: Origin,
    seed: u64,
) -> usize {
    let explainer = explainer(terms, plan, origin);
    let mut nodes = 0;
    for it in plan {
        for component in Component::ALL {
            let explained = explainer.component(it.number, component);
            let explained = explained.unwrap_or_else(|error| {
                panic!("seed {seed} {component:?} of {it:?}: {error}\n{terms:?}")
            });
            explained.check().unwrap_or_else(|node| panic!("seed {seed}: {node:?}"));
            assert_eq!(explained.amount(), Some(component.of(it)), "seed {seed}");
            for node in explained.nodes() {
                nodes += 1;
                let Rule::Planned { of: number, component } = node.rule else { continue };
                let planned = before.iter().chain(plan).find(|it| it.number == number);
                let planned = planned.unwrap();
                assert!(number <= it.number, "seed {seed}");
                assert_eq!(node.amount(), Some(component.of(planned)), "seed {seed}");
            }
        }
    }
    nodes
}

/// A day from one to another.
fn any_day(prng: &mut Prng, from: Date, to: Date) -> Date {
    let days = (to - from).get_days().unsigned_abs();
    later(from, number(prng, u64::from(days) + 1))
}

#[test]
fn every_amount_of_a_plan_is_explained() {
    let (mut plans, mut nodes) = (0, 0);
    for seed in 0..1_500 {
        let mut prng = Prng::stream(seed, "explain");
        let terms = rich_terms(&mut prng);
        let Ok(plan) = schedule(&terms, Calendar::china(), no_fee) else { continue };
        if plan.len() > 24 {
            continue;
        }
        nodes += check(&terms, &plan, &[], Origin::agreed(&terms), seed);
        plans += 1;
        // Made anew on any day, what is carried has an explanation under the old terms.
        let index = usize::try_from(prng.below(plan.len() as u64)).unwrap();
        let running = &plan[index];
        let on = any_day(&mut prng, running.from, running.to);
        let mut rest = terms.rest(running, on);
        rest.rate = Decimal::new(i64::try_from(prng.below(3_000)).unwrap(), 4);
        let Ok(anew) = schedule(&rest, Calendar::china(), no_fee) else { continue };
        let carried = explainer(&terms, &plan, Origin::agreed(&terms));
        let carried = carried.carried(running.number, on).unwrap();
        let exact = |it: &Option<Derivation>| match it.as_ref().map(|it| it.value) {
            Some(Value::Exact(value, _)) => value,
            None => Decimal::ZERO,
            other => panic!("seed {seed}: {other:?}"),
        };
        assert_eq!(exact(&carried.interest), rest.carried.interest, "seed {seed}");
        assert_eq!(exact(&carried.deferred), rest.carried.deferred, "seed {seed}");
        assert_eq!(exact(&carried.subsidy), rest.carried.subsidy, "seed {seed}");
        let origin = Origin { carried, ..Origin::agreed(&rest) };
        nodes += check(&rest, &anew, &plan[..index], origin, seed);
    }
    assert!(plans > 700 && nodes > 100_000, "{plans} {nodes}");
}

#[test]
fn accrued_interest_is_explained_on_any_day() {
    for seed in 0..600 {
        let mut prng = Prng::stream(seed, "explain accrued");
        let terms = rich_terms(&mut prng);
        let Ok(plan) = schedule(&terms, Calendar::china(), no_fee) else { continue };
        let explainer = explainer(&terms, &plan, Origin::agreed(&terms));
        for _ in 0..4 {
            let index = usize::try_from(prng.below(plan.len() as u64)).unwrap();
            let it = &plan[index];
            let to = any_day(&mut prng, it.from, later(it.due, 1));
            let name = Component::Interest.name();
            let explained = explainer.accrued(name, it.number, to, false).unwrap();
            explained.check().unwrap();
            let accrued = terms.accrued_interest(&plan[index..], to).unwrap();
            assert_eq!(explained.amount(), Some(accrued), "seed {seed}");
            let explained = explainer.accrued(name, it.number, to, true).unwrap();
            let accrued = terms.accrued_subsidy(&plan[index..], to).unwrap();
            assert_eq!(explained.amount(), Some(accrued), "seed {seed}");
        }
    }
}

/// A number that was tampered with is found, wherever it is.
#[test]
fn what_does_not_follow_is_found() {
    let mut found = 0;
    for seed in 0..200 {
        let mut prng = Prng::stream(seed, "tampered");
        let terms = rich_terms(&mut prng);
        let Ok(plan) = schedule(&terms, Calendar::china(), no_fee) else { continue };
        let explainer = explainer(&terms, &plan, Origin::agreed(&terms));
        let number = plan[plan.len() / 2].number;
        let mut explained = explainer.component(number, Component::Principal).unwrap();
        if explained.inputs.is_empty() {
            continue;
        }
        let node = any_made(&mut explained, &mut prng);
        let wrong = match node.value {
            Value::Amount(mut money) => {
                money.amount += Amount::from_minor(1);
                Value::Amount(money)
            }
            Value::Exact(value, currency) => Value::Exact(value + Decimal::new(1, 9), currency),
            Value::Rate(rate) => Value::Rate(rate + Decimal::new(1, 9)),
            Value::Days(days) => Value::Days(days + 1),
            Value::Years(years) => {
                Value::Years(money::YearFraction::new(years.numerator() + 1, years.denominator()))
            }
            other => panic!("{other:?}"),
        };
        node.value = wrong;
        let tampered = explained.check().unwrap_err();
        assert_eq!(tampered.value, wrong, "seed {seed}");
        found += 1;
    }
    assert!(found > 80, "{found}");
}

/// A random node that a rule made.
fn any_made<'a>(node: &'a mut Derivation, prng: &mut Prng) -> &'a mut Derivation {
    let made = node.inputs.iter().filter(|it| !it.inputs.is_empty()).count();
    if made == 0 || prng.chance(30) {
        return node;
    }
    let chosen = usize::try_from(prng.below(made as u64)).unwrap();
    let below = node.inputs.iter_mut().filter(|it| !it.inputs.is_empty()).nth(chosen);
    any_made(below.unwrap(), prng)
}
