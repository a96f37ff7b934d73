//! What stands behind a loan, and whether it is enough.

use std::collections::BTreeMap;

use money::{Amount, Currency, Decimal};
use product::kinds::instalment_loan::{
    CollateralKind, GuaranteeKind, Guarantors, Pledged, Security as Terms,
};
use stdx::{Date, Id, Prng, table};

use super::life::{Life, Setup, cny, date, fen};
use crate::{
    Loan, Status,
    security::{
        Collateral, Guarantee, Held, PLEDGES_MAX, Reject, SECURITIES_MAX, Security, VALUATIONS_MAX,
        VALUE_MAX, Valuation,
    },
};

fn loan_id() -> Id<Loan> {
    Id::from_bytes([1; 16])
}

fn guarantee(number: u8) -> Guarantee {
    let guarantor = Id::from_bytes([number; 16]);
    let (kind, up_to, released_on) = (GuaranteeKind::Joint, None, None);
    Guarantee { loan: loan_id(), guarantor, kind, up_to, released_on }
}

fn valued(value: Amount, on: Date) -> Valuation {
    Valuation { value, on, valuer: "a dealer".to_owned() }
}

fn thing(value: Amount, on: Date) -> Collateral {
    Collateral {
        kind: CollateralKind::Vehicle,
        description: "a car".to_owned(),
        currency: Currency::CNY,
        valuations: vec![valued(value, on)],
        pledges: BTreeMap::new(),
    }
}

fn pledged(mut thing: Collateral, share: Decimal) -> Security {
    thing.pledges.insert(loan_id(), share);
    Security::Collateral(thing)
}

fn terms(min: Option<u32>, limit: Option<Decimal>, revalued_months: Option<u32>) -> Terms {
    let kinds = vec![GuaranteeKind::Joint];
    Terms {
        guarantors: min.map(|min| Guarantors { min, kinds }),
        collateral: limit.map(|loan_to_value| Pledged {
            kinds: vec![CollateralKind::Vehicle],
            loan_to_value,
            revalued_months,
        }),
    }
}

fn lent() -> Loan {
    Life::new(&Setup::usual()).unwrap().loan
}

fn said<T>(result: Result<T, Reject>) -> &'static str {
    result.map_or_else(Reject::code, |_| "ok")
}

#[test]
fn a_payout_needs_enough_behind_it() {
    for row in table::parse(include_str!("../../testdata/security.txt")) {
        let terms = terms(row.option("min"), row.option("limit"), row.option("months"));
        let guarantors = (0..row.get("guarantors")).map(|it| Security::Guarantee(guarantee(it)));
        let value = (row.text("value") != "-").then(|| cny(row.text("value")));
        let things = value.map(|it| pledged(thing(it, row.get("valued_on")), row.get("share")));
        let all: Vec<_> = guarantors.chain(things).collect();
        let held = Held::of(loan_id(), &all);
        let (principal, cny) = (cny(row.text("principal")), Currency::CNY);
        let answer = said(held.suffices(Some(&terms), principal, cny, row.get("today")));
        assert_eq!(answer, row.text("answer"), "line {}", row.line);
        assert_eq!(held.loan_to_value(principal, cny), row.option("ltv"), "line {}", row.line);
    }
    let nothing = Held::default();
    assert_eq!(nothing.suffices(None, cny("1.00"), Currency::CNY, date("2025-01-02")), Ok(()));
}

#[test]
fn no_more_is_pledged_than_there_is() {
    let (terms, loan, today) = (terms(None, Some(Decimal::ONE), None), lent(), date("2025-01-02"));
    for row in table::parse(include_str!("../../testdata/pledges.txt")) {
        let mut thing = thing(cny("100000.00"), today);
        for (number, share) in row.text("others").split(',').filter(|it| *it != "-").enumerate() {
            let other = Id::derived(&[&number.to_be_bytes()]);
            thing.pledges.insert(other, share.parse().unwrap());
        }
        let held = Held::default();
        let answer = thing.pledge(Some(&terms), (loan_id(), &loan), row.get("share"), &held, today);
        assert_eq!(said(answer), row.text("answer"), "line {}", row.line);
    }
}

#[test]
fn what_is_not_asked_for_or_not_sound_is_not_taken() {
    let all = terms(Some(1), Some(Decimal::ONE), None);
    let (loan, today, none) = (lent(), date("2025-01-02"), Held::default());
    let pledge = |thing: Collateral, terms: Option<&Terms>, loan: &Loan, held: &Held| {
        said(thing.pledge(terms, (loan_id(), loan), Decimal::ONE, held, today))
    };
    let car = || thing(cny("1.00"), today);
    assert_eq!(pledge(car(), Some(&all), &loan, &none), "ok");
    assert_eq!(pledge(car(), None, &loan, &none), "security-not-taken");
    assert_eq!(
        pledge(car(), Some(&terms(Some(1), None, None)), &loan, &none),
        "security-not-taken"
    );
    let house = Collateral { kind: CollateralKind::RealEstate, ..car() };
    assert_eq!(pledge(house, Some(&all), &loan, &none), "security-not-taken");
    let dollars = Collateral { currency: "USD".parse().unwrap(), ..car() };
    assert_eq!(pledge(dollars, Some(&all), &loan, &none), "security-not-taken");
    let settled = Loan { status: Status::Settled, ..loan.clone() };
    assert_eq!(pledge(car(), Some(&all), &settled, &none), "loan-ended");
    for description in [String::new(), " ".to_owned(), "长".repeat(201)] {
        let car = Collateral { description, ..car() };
        assert_eq!(pledge(car, Some(&all), &loan, &none), "text-out-of-range");
    }
    assert_eq!(pledge(thing(Amount::ZERO, today), Some(&all), &loan, &none), "value-out-of-range");
    let beyond = thing(VALUE_MAX + fen(1), today);
    assert_eq!(pledge(beyond, Some(&all), &loan, &none), "value-out-of-range");
    assert_eq!(pledge(thing(VALUE_MAX, today), Some(&all), &loan, &none), "ok");
    let tomorrow = thing(cny("1.00"), date("2025-01-03"));
    assert_eq!(pledge(tomorrow, Some(&all), &loan, &none), "valuation-out-of-order");
    let Security::Collateral(twice) = pledged(car(), Decimal::new(1, 2)) else { unreachable!() };
    assert_eq!(pledge(twice, Some(&all), &loan, &none), "already-pledged");
    let mut everywhere = car();
    for number in 0..PLEDGES_MAX {
        everywhere.pledges.insert(Id::derived(&[&number.to_be_bytes()]), Decimal::new(1, 3));
    }
    assert_eq!(pledge(everywhere, Some(&all), &loan, &none), "too-many-securities");

    let take =
        |it: Guarantee, terms: Option<&Terms>, held: &Held| said(it.take(terms, &loan, held));
    assert_eq!(take(guarantee(1), Some(&all), &none), "ok");
    assert_eq!(take(guarantee(1), None, &none), "security-not-taken");
    let general = Guarantee { kind: GuaranteeKind::General, ..guarantee(1) };
    assert_eq!(take(general, Some(&all), &none), "security-not-taken");
    let borrower = Guarantee { guarantor: loan.borrower, ..guarantee(1) };
    assert_eq!(take(borrower, Some(&all), &none), "guarantor-is-borrower");
    let free = Guarantee { up_to: Some(Amount::ZERO), ..guarantee(1) };
    assert_eq!(take(free, Some(&all), &none), "value-out-of-range");
    let held = Held { guarantees: vec![guarantee(1)], pledged: Vec::new() };
    assert_eq!(take(guarantee(1), Some(&all), &held), "already-guarantor");
    assert_eq!(take(guarantee(2), Some(&all), &held), "ok");
    let full = Held { guarantees: vec![guarantee(1); SECURITIES_MAX], pledged: Vec::new() };
    assert_eq!(take(guarantee(2), Some(&all), &full), "too-many-securities");
}

#[test]
fn a_valuation_is_newer_than_the_one_before() {
    let today = date("2025-06-01");
    let revalue = |value: &str, on: &str, valuer: &str| {
        let new = Valuation { value: cny(value), on: date(on), valuer: valuer.to_owned() };
        said(thing(cny("100.00"), date("2025-03-01")).revalue(new, today))
    };
    assert_eq!(revalue("90.00", "2025-06-01", "a dealer"), "ok");
    assert_eq!(revalue("90.00", "2025-03-01", "a dealer"), "ok");
    assert_eq!(revalue("90.00", "2025-02-28", "a dealer"), "valuation-out-of-order");
    assert_eq!(revalue("90.00", "2025-06-02", "a dealer"), "valuation-out-of-order");
    assert_eq!(revalue("0.00", "2025-06-01", "a dealer"), "value-out-of-range");
    assert_eq!(revalue("90.00", "2025-06-01", ""), "text-out-of-range");
}

#[test]
fn a_valuation_counts_from_its_day_on() {
    let today = date("2025-12-31");
    let mut car = thing(cny("100000.00"), date("2025-01-02"));
    for (value, on) in
        [("1.00", "2025-03-01"), ("80000.00", "2025-03-01"), ("120000.00", "2025-06-01")]
    {
        car = car.revalue(valued(cny(value), date(on)), today).unwrap();
    }
    let held = Held::of(loan_id(), &[pledged(car, Decimal::ONE)]);
    let terms = terms(None, Some(Decimal::new(5, 1)), Some(4));
    for row in table::parse(include_str!("../../testdata/valuations.txt")) {
        let principal = cny(row.text("principal"));
        let answer = said(held.suffices(Some(&terms), principal, Currency::CNY, row.get("on")));
        assert_eq!(answer, row.text("answer"), "line {}", row.line);
    }
    assert_eq!(held.value(), cny("120000.00"));
}

#[test]
fn the_newest_valuations_are_kept() {
    let (mut on, mut car) = (date("2025-01-01"), thing(fen(1), date("2025-01-01")));
    for value in 2..100 {
        on = on.tomorrow().unwrap();
        car = car.revalue(valued(fen(value), on), on).unwrap();
    }
    assert_eq!(car.valuations.len(), VALUATIONS_MAX);
    assert_eq!(car.valuations.last().unwrap().value, fen(99));
    assert!(car.valuations.is_sorted_by_key(|it| it.on));
}

#[test]
fn all_that_can_be_pledged_can_be_added() {
    let today = date("2025-01-02");
    let all: Vec<_> =
        (0..SECURITIES_MAX).map(|_| pledged(thing(VALUE_MAX, today), Decimal::ONE)).collect();
    assert!(Held::of(loan_id(), &all).value() > VALUE_MAX);
}

#[test]
fn nothing_is_released_that_is_needed() {
    let (terms, today) = (terms(Some(1), None, None), date("2025-01-02"));
    let bare = Held::default();
    let release = |status| {
        let loan = Loan { status, ..lent() };
        said(bare.check_release(Some(&terms), &loan, cny("1.00"), today))
    };
    assert_eq!(release(Status::Active), "guarantors-missing");
    assert_eq!(release(Status::ChargedOff), "guarantors-missing");
    for status in [Status::Signed, Status::Settled, Status::WrittenOff, Status::Sold] {
        assert_eq!(release(status), "ok");
    }
}

/// A second opinion in whole numbers: shares and limits are hundredths, values are fen.
#[test]
fn loan_to_value_is_as_whole_numbers_say() {
    let (mut enough, today) = (0, date("2025-01-02"));
    for seed in 0..5_000 {
        let mut prng = Prng::stream(seed, "security");
        let limit = 1 + prng.below(100);
        let mut worth = 0;
        let things: Vec<_> = (0..1 + prng.below(4))
            .map(|_| {
                let (value, share) = (1 + prng.below(1_000_000_000), 1 + prng.below(100));
                worth += value * share / 100;
                let thing = thing(fen(value as i64), today);
                pledged(thing, Decimal::new(share as i64, 2))
            })
            .collect();
        // Around the limit.
        let principal = (worth * limit / 100).saturating_sub(2) + prng.below(5);
        let held = Held::of(loan_id(), &things);
        assert_eq!(held.value(), fen(worth as i64), "seed {seed}");
        let terms = terms(None, Some(Decimal::new(limit as i64, 2)), None);
        let answer =
            held.suffices(Some(&terms), fen(principal as i64), Currency::CNY, today).is_ok();
        assert_eq!(answer, principal * 100 <= worth * limit, "seed {seed}");
        enough += u32::from(answer);
    }
    assert!((2_000..4_000).contains(&enough), "{enough}");
}
