//! What is wrong with the meaning of the terms of a loan.

use std::collections::{BTreeMap, BTreeSet};

use money::{Decimal, Period};
use stdx::Date;

use super::{
    AllocationBy, Change, CollateralKind, Component, EarlySettlement, Fee, FeeMoment, Grace,
    GuaranteeKind, InstalmentLoan, KIND, Keep, LoanProduct, Method, PENALTY_MULTIPLE_MAX,
    Prepayment, Slice, YEARS_MAX, allocation_default,
};
use crate::{
    check::Check,
    definition::{Definition, Text},
    expression::Type,
    schedule::{DueDates, ScheduleError, YearDay},
};

/// What a rehearsal takes for the reference rate of a floating rate: far above any yet, so that
/// what works with it works with those to come.
const REFERENCE_RATE: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

pub(in crate::kinds) fn check(check: &mut Check<'_>) {
    amounts(check, "/terms/amount");
    terms(check);
    rhythm(check);
    repayment(check);
    grace(check);
    interest(check);
    penalty(check);
    fees(check);
    subsidy(check);
    allocation(check);
    early_settlement(check);
    prepayment(check);
    share(check, "/terms/down_payment/min_share");
    no_repeats::<Change>(check, "/terms/four_eyes", "It is there already.", "Keep one.");
    dunning(check);
    security(check);
    extremes(check);
}

/// Reports a range of amounts with nothing in it, else gives its ends.
pub(in crate::kinds) fn amounts(check: &mut Check<'_>, place: &str) -> Option<(Decimal, Decimal)> {
    let [min, max, step] =
        ["min", "max", "step"].map(|field| check.amount(&format!("{place}/{field}")));
    let range = check.ordered(place, min, max);
    if let (Some((min, max)), Some(step)) = (range, step)
        && max.checked_rem(step).is_some_and(|rest| max - rest < min)
    {
        let reason = format!("No amount from {min} to {max} is a multiple of {step}.");
        check.report(format!("{place}/step"), "empty-range", reason, "Lower the step.");
    }
    range
}

fn terms(check: &mut Check<'_>) {
    let [min, max, default] =
        ["min", "max", "default"].map(|field| check.get::<u32>(&format!("/terms/term/{field}")));
    let Some((min, max)) = check.ordered("/terms/term", min, max) else { return };
    let within = |term: u32| (min..=max).contains(&term);
    let outside = |check: &mut Check<'_>, place: String, term: u32| {
        let reason = format!("{term} is not in {min} to {max}.");
        check.report(place, "outside-range", reason, "Choose one in the range.");
    };
    if let Some(default) = default.filter(|term| !within(*term)) {
        outside(check, "/terms/term/default".to_owned(), default);
    }
    let mut seen = BTreeSet::new();
    for index in 0..check.len("/terms/term/allowed") {
        let place = format!("/terms/term/allowed/{index}");
        let Some(term) = check.get::<u32>(&place) else { continue };
        if !within(term) {
            outside(check, place, term);
        } else if !seen.insert(term) {
            check.report(
                place,
                "duplicate-value",
                format!("{term} is there already."),
                "Keep one.",
            );
        }
    }
    let listed = |term: &u32| seen.is_empty() || seen.contains(term);
    if let Some(default) = default.filter(|term| within(*term) && !listed(term)) {
        let reason = format!("{default} is not one of the `allowed` numbers.");
        check.report("/terms/term/default", "outside-range", reason, "Choose one of them.");
    }
    if default.is_none() && !listed(&max) {
        let reason =
            format!("`max` is the default, and {max} is not one of the `allowed` numbers.");
        check.report("/terms/term/default", "missing", reason, "Add a `default`.");
    }
}

/// The longest loan ends within [`YEARS_MAX`] years.
fn rhythm(check: &mut Check<'_>) {
    let (every_place, on_place) = ("/terms/repayment/every", "/terms/repayment/on");
    let every: Option<Period> = check.get(every_place);
    let on: Option<Vec<YearDay>> = check.get(on_place);
    if check.has(every_place) && check.has(on_place) {
        let reason = "The due dates are a period apart and on days of the year.";
        check.report(on_place, "unused", reason, "Remove one of `every` and `on`.");
    } else if check.has("/terms/repayment") && !check.has(every_place) && !check.has(on_place) {
        let reason = "`every` is missing.";
        check.report(every_place, "missing", reason, "Add `every`, or `on` for days of the year.");
    }
    no_repeats::<YearDay>(check, on_place, "It is there already.", "Keep one.");
    let term: Option<u32> = check.get("/terms/term/max");
    let effective: Option<Date> = check.get("/effective");
    let (Some(term), Some(effective)) = (term, effective) else { return };
    let (rhythm, place, last) = match (every, on) {
        (Some(every), _) => {
            (format!("{term} times {every}"), every_place, every.after(effective, term))
        }
        (None, Some(on)) => {
            let last = DueDates::yearly(&on, effective, term).regular(term);
            (format!("{term} times, {} a year,", on.len()), on_place, last)
        }
        (None, None) => return,
    };
    if last.is_none_or(|last| last.year().saturating_sub(effective.year()) > YEARS_MAX) {
        let reason = format!("{rhythm} is more than {YEARS_MAX} years.");
        let fix = match place == every_place {
            true => "Lower `every` or `terms.term.max`.",
            false => "Lower `terms.term.max`.",
        };
        check.report(place, "too-long", reason, fix);
    }
}

fn repayment(check: &mut Check<'_>) {
    let every: Option<Period> = check.get("/terms/repayment/every");
    let due_day = "/terms/repayment/due_day";
    if let Some(every) = every.filter(|it| check.has(due_day) && it.months().is_none()) {
        let reason = format!("{every} later is another day of the month.");
        check.report(due_day, "unused", reason, "Remove it, or let `every` count months.");
    }
    if check.has(due_day) && check.has("/terms/repayment/on") {
        let reason = "Instalments are due on days of the year.";
        check.report(due_day, "unused", reason, "Remove it, or write `every` in place of `on`.");
    }
    let broken = "/terms/repayment/broken_period";
    if check.has(broken) && !check.has(due_day) {
        let reason = "Without `due_day` no first period is broken.";
        check.report(broken, "unused", reason, "Remove it, or add `due_day`.");
    }
    check.amount("/terms/repayment/multiple");
    share(check, "/terms/repayment/balloon");
    let method: Option<Method> = check.get("/terms/repayment/method");
    if matches!(method, Some(Method::InterestFirst | Method::Bullet)) {
        for place in ["/terms/repayment/multiple", "/terms/repayment/balloon"] {
            if check.has(place) {
                let reason = "Under this method all principal is due with the last instalment.";
                check.report(place, "unused", reason, "Remove it, or choose another method.");
            }
        }
    }
}

/// A share of something: more than nothing, less than all of it.
fn share(check: &mut Check<'_>, place: &str) {
    let Some(share) = check.get::<Decimal>(place) else { return };
    if share <= Decimal::ZERO || share >= Decimal::ONE {
        let reason = format!("{share} is not between 0 and 1.");
        check.report(place, "outside-range", reason, "Write a fraction: 30 % is 0.3.");
    }
}

fn grace(check: &mut Check<'_>) {
    let Some(grace) = check.get::<Grace>("/terms/repayment/grace") else { return };
    let fewest: Option<u32> = check.get("/terms/term/min");
    for (name, spared) in [("principal", grace.principal), ("interest", grace.interest)] {
        if let Some(fewest) = fewest.filter(|it| spared >= *it) {
            let reason = format!("A loan of {fewest} instalments would spare all of them.");
            let fix = "Lower it, or raise `terms.term.min`.";
            check.report(format!("/terms/repayment/grace/{name}"), "outside-range", reason, fix);
        }
    }
    let capitalise = "/terms/repayment/grace/capitalise";
    if grace.capitalise && grace.interest == 0 {
        let reason = "There is no interest that is not due.";
        check.report(capitalise, "unused", reason, "Remove it, or add `interest`.");
    } else if grace.capitalise && grace.interest > grace.principal {
        let reason = "While interest becomes principal, no principal can be due.";
        let fix = "Let `principal` be at least `interest`.";
        check.report("/terms/repayment/grace/principal", "outside-range", reason, fix);
    }
}

fn interest(check: &mut Check<'_>) {
    let (rate, floating) = ("/terms/interest/rate", "/terms/interest/floating");
    check.rate(rate);
    if check.has(rate) && check.has(floating) {
        let reason = "The rate is fixed and floating.";
        check.report(floating, "unused", reason, "Remove one of `rate` and `floating`.");
    } else if check.has("/terms/interest") && !check.has(rate) && !check.has(floating) {
        let reason = "`rate` is missing.";
        check.report(rate, "missing", reason, "Add `rate`, or `floating` for one that follows.");
    }
    let place = "/terms/interest/floating/spread";
    if let Some(spread) = check.get::<Decimal>(place).filter(|it| it.abs() > Decimal::ONE) {
        let percent = (spread * Decimal::ONE_HUNDRED).normalize();
        let reason = format!("The spread {spread} is {percent} % a year.");
        check.report(place, "absurd-rate", reason, "Write a fraction: 55 points are 0.0055.");
    }
}

fn penalty(check: &mut Check<'_>) {
    let (rate, multiple) = ("/terms/penalty/rate", "/terms/penalty/multiple");
    check.rate(rate);
    if let Some(it) = check.get::<Decimal>(multiple)
        && (it <= Decimal::ZERO || it > PENALTY_MULTIPLE_MAX)
    {
        let reason = format!("{it} is not more than 0 and at most {PENALTY_MULTIPLE_MAX}.");
        check.report(multiple, "outside-range", reason, "The rate plus 50 % is 1.5.");
    }
    if check.has("/terms/penalty") && check.has(rate) == check.has(multiple) {
        let reason = "The penalty is one of `rate` and `multiple`.";
        check.report("/terms/penalty", "unclear", reason, "Write one of them.");
    }
}

fn subsidy(check: &mut Check<'_>) {
    let (share, points) = ("/terms/subsidy/share", "/terms/subsidy/points");
    check.rate(points);
    if let Some(it) = check.get::<Decimal>(share)
        && (it <= Decimal::ZERO || it > Decimal::ONE)
    {
        let reason = format!("{it} is not more than 0 and at most 1.");
        check.report(share, "outside-range", reason, "Write a fraction: all of it is 1.");
    }
    if check.has("/terms/subsidy") && check.has(share) == check.has(points) {
        let reason = "The subsidy is one of `share` and `points`.";
        check.report("/terms/subsidy", "unclear", reason, "Write one of them.");
    }
}

fn prepayment(check: &mut Check<'_>) {
    let fee = "/terms/prepayment/fee";
    check.expression(fee, &Prepayment::environment(), Type::Number);
    check.amount("/terms/prepayment/min");
    if check.get::<bool>("/terms/prepayment/allowed") == Some(false) {
        for place in [fee, "/terms/prepayment/min", "/terms/prepayment/keep"] {
            if check.has(place) {
                let reason = "It is about what is not allowed.";
                check.report(place, "unused", reason, "Remove it, or allow prepayment.");
            }
        }
    }
    no_repeats::<Keep>(check, "/terms/prepayment/keep", "It is there already.", "Keep one.");
}

/// Reports every value of a list that was there before.
fn no_repeats<T: Ord + serde::de::DeserializeOwned>(
    check: &mut Check<'_>,
    list: &str,
    reason: &str,
    fix: &str,
) {
    let mut seen = BTreeSet::new();
    for index in 0..check.len(list) {
        let place = format!("{list}/{index}");
        let Some(value) = check.get::<T>(&place) else { continue };
        if !seen.insert(value) {
            check.report(place, "duplicate-value", reason, fix);
        }
    }
}

fn fees(check: &mut Check<'_>) {
    check.distinct(&check.each("/terms/fees", "code"));
    for index in 0..check.len("/terms/fees") {
        let place = format!("/terms/fees/{index}");
        // Without a known moment: the one that may read every field.
        let moment = check.get(&format!("{place}/on")).unwrap_or(FeeMoment::Instalment);
        check.expression(&format!("{place}/amount"), &Fee::environment(moment), Type::Number);
        let payer = format!("{place}/payer");
        if moment != FeeMoment::Disbursal && check.has(&payer) {
            let reason = "Only a fee at disbursal is paid by a third party.";
            check.report(payer, "unused", reason, "Remove it, or take the fee on `disbursal`.");
        }
    }
}

fn allocation(check: &mut Check<'_>) {
    let twice = "A part is there twice, so another is never paid.";
    let fix = "Name each of the four parts once.";
    no_repeats::<Component>(check, "/terms/allocation", twice, fix);
    let fix = "Name each of the eight parts once.";
    no_repeats::<Slice>(check, "/terms/waterfall", twice, fix);
    for place in ["/terms/allocation", "/terms/allocation_by"] {
        if check.has("/terms/waterfall") && check.has(place) {
            let reason = "The waterfall takes its place.";
            check.report(place, "unused", reason, "Remove it, or the waterfall.");
        }
    }
}

fn dunning(check: &mut Check<'_>) {
    check.distinct(&check.each("/terms/dunning", "step"));
    let mut before = None;
    for place in check.each("/terms/dunning", "after") {
        let Some(after) = check.get::<u32>(&place) else { continue };
        if let Some(before) = before.filter(|before| *before >= after) {
            let reason = format!("{after} days is not later than the step before, {before} days.");
            check.report(place, "not-in-order", reason, "Write the steps in order.");
        }
        before = Some(after);
    }
}

fn security(check: &mut Check<'_>) {
    let place = "/terms/security";
    if check.has(place)
        && !["guarantors", "collateral"]
            .map(|it| check.has(&format!("{place}/{it}")))
            .contains(&true)
    {
        let fix = "Write `guarantors` or `collateral`, or remove it.";
        check.report(place, "unclear", "It asks for nothing.", fix);
    }
    let (twice, fix) = ("It is there already.", "Keep one.");
    no_repeats::<GuaranteeKind>(check, "/terms/security/guarantors/kinds", twice, fix);
    no_repeats::<CollateralKind>(check, "/terms/security/collateral/kinds", twice, fix);
    let place = "/terms/security/collateral/loan_to_value";
    if let Some(most) = check.get::<Decimal>(place)
        && (most <= Decimal::ZERO || most > Decimal::ONE)
    {
        let reason = format!("{most} is not more than 0 and at most 1.");
        check.report(place, "outside-range", reason, "Write a fraction: 70 % is 0.7.");
    }
}

fn early_settlement(check: &mut Check<'_>) {
    let fee = "/terms/early_settlement/fee";
    check.expression(fee, &EarlySettlement::environment(), Type::Number);
    let allowed = check.get::<bool>("/terms/early_settlement/allowed");
    if allowed == Some(false) && check.has(fee) {
        let reason = "There is a fee for what is not allowed.";
        check.report(fee, "unused", reason, "Remove it, or allow early settlement.");
    }
}

/// Tries the smallest and the largest loan, over the fewest and the most instalments: each must
/// have a schedule and fees that can be booked.
fn extremes(check: &mut Check<'_>) {
    let Some((product, day)) = sound_part(check) else { return };
    let InstalmentLoan { amount, term, .. } = product.terms();
    let mut terms = (term.min..=term.max).filter(|it| term.offers(*it));
    let (fewest, most) = (terms.next(), terms.next_back());
    let mut places = BTreeSet::new();
    for amount in [amount.smallest(), amount.largest()] {
        for term in [fewest, most].into_iter().flatten() {
            for (place, reason) in product.rehearse(amount, term, day, REFERENCE_RATE) {
                if places.insert(place.clone()) {
                    let reason = format!("{amount} over {term} instalments: {reason}.");
                    let fix = "Change the terms so that every loan they allow can be made.";
                    check.report(place, "impossible-loan", reason, fix);
                }
            }
        }
    }
}

/// What a loan can be tried with, and the first day of the product: a mistake in a part that does
/// not matter for it leaves the rest to be tried.
fn sound_part(check: &Check<'_>) -> Option<(LoanProduct, Date)> {
    let terms = InstalmentLoan {
        amount: check.get("/terms/amount")?,
        term: check.get("/terms/term")?,
        repayment: check.get("/terms/repayment")?,
        interest: check.get("/terms/interest")?,
        fees: check.get("/terms/fees").unwrap_or_default(),
        penalty: None,
        subsidy: check.get("/terms/subsidy"),
        allocation: allocation_default(),
        allocation_by: AllocationBy::Row,
        waterfall: Vec::new(),
        early_settlement: check.get("/terms/early_settlement").unwrap_or_default(),
        prepayment: check.get("/terms/prepayment").unwrap_or_default(),
        down_payment: None,
        tranches: None,
        four_eyes: BTreeSet::new(),
        dunning: Vec::new(),
        security: None,
    };
    let effective = check.get("/effective")?;
    let definition = Definition {
        product: String::new(),
        version: 1,
        kind: KIND.name.to_owned(),
        name: Text { en: String::new(), zh: String::new() },
        description: None,
        currency: check.get("/currency")?,
        effective,
        until: None,
        facts: BTreeMap::new(),
        eligibility: Vec::new(),
        packs: Vec::new(),
        terms: serde_json::to_value(terms).ok()?,
        accounting: BTreeMap::new(),
    };
    Some((LoanProduct::compile(&definition).ok()?, effective))
}

/// Where in the terms the cause of a schedule's error lies.
pub(super) fn place_of(error: ScheduleError) -> &'static str {
    match error {
        ScheduleError::PrincipalOutOfRange | ScheduleError::TotalTooLarge => "/terms/amount",
        ScheduleError::InstalmentsOutOfRange => "/terms/term",
        ScheduleError::RateOutOfRange
        | ScheduleError::RateUnknown
        | ScheduleError::InterestNotCovered { .. } => "/terms/interest/rate",
        ScheduleError::LevelOutOfRange => "/terms/repayment/multiple",
        ScheduleError::BalloonOutOfRange => "/terms/repayment/balloon",
        ScheduleError::FreeDaysNotInOrder => "/terms/interest/free_days",
        ScheduleError::DateOutOfRange
        | ScheduleError::DueDateMissing { .. }
        | ScheduleError::DueDatesNotIncreasing { .. } => "/terms/repayment",
        ScheduleError::Fee { .. } => "/terms/fees",
    }
}
