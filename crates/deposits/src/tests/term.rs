//! Term deposits against an accountant's table, and what is refused.

use stdx::table;

use super::books::{TermLife, day, fen, freeze_of, stop_of, term_product, yuan};
use crate::{
    Event, Reject, Rollover, Scope, Stage, maturity,
    term::{self, Placement, instruct},
    withdrawal::{pay_interest, withdraw},
};

pub(super) fn rollover(text: &str) -> Rollover {
    match text {
        "none" => Rollover::None,
        "principal" => Rollover::Principal,
        _ => Rollover::PrincipalAndInterest,
    }
}

#[test]
fn interest_is_what_an_accountant_computes() {
    let mut life: Option<TermLife> = None;
    for row in table::parse(include_str!("../../testdata/term.txt")) {
        let on = row.get("day");
        if row.text("event") == "open" {
            let (tenor, then) = row.text("tenor").split_once(',').unwrap();
            let (tenor, amount) = (tenor.replace('_', " "), yuan(row.text("amount")));
            let counting = if row.text("case").starts_with("actual") {
                "actual-days"
            } else {
                "years-months-days"
            };
            let product = term_product(&format!("  counting: {counting}\n"));
            life = Some(TermLife::open(product, amount, &tenor, rollover(then), on).unwrap());
        }
        let life = life.as_mut().expect("the first line of a case opens");
        life.close_until(on);
        let before = life.paid;
        match row.text("event") {
            "withdraw" => life.withdraw(Some(yuan(row.text("amount")))).unwrap(),
            "all" => life.withdraw(None).unwrap(),
            _ => {}
        }
        let found = (life.accrued(), life.deposit.principal, life.paid - before);
        let expected = ["accrued", "principal", "paid"].map(|it| yuan(row.text(it)));
        assert_eq!(<[_; 3]>::from(found), expected, "line {}", row.line);
    }
}

fn year(rollover: Rollover, more: &str) -> TermLife {
    let opened = day("2024-01-10");
    TermLife::open(term_product(more), yuan("1000.00"), "1 year", rollover, opened).unwrap()
}

#[test]
fn what_is_not_offered_is_refused() {
    let open = |amount: &str, tenor, then, on, more: &str| {
        TermLife::open(term_product(more), yuan(amount), tenor, then, day(on)).err()
    };
    let code = |reject: Option<Reject>| {
        reject.map(|it| match it {
            Reject::NotOffered(cause) => cause.code(),
            other => other.code(),
        })
    };
    let (none, all) = (Rollover::None, Rollover::PrincipalAndInterest);
    assert_eq!(code(open("50", "1 year", all, "2024-01-01", "")), None);
    assert_eq!(code(open("49.99", "1 year", none, "2024-01-01", "")), Some("amount-too-small"));
    assert_eq!(code(open("0", "1 year", none, "2024-01-01", "")), Some("amount-not-positive"));
    assert_eq!(code(open("50", "4 years", none, "2024-01-01", "")), Some("term-not-offered"));
    assert_eq!(code(open("50", "1 year", none, "2019-12-31", "")), Some("product-not-in-force"));
    // The law may ask for more than the product.
    let lawful = |amount: &str, least: &str| {
        let (holder, tenor) = (stdx::Id::derived(&[b"holder"]), "1 year".parse().unwrap());
        let (amount, least) = (yuan(amount), Some(yuan(least)));
        let placement = Placement { holder, amount, tenor, rollover: none, account: None, least };
        code(term::open(&term_product(""), placement, day("2024-01-01")).err())
    };
    assert_eq!(lawful("199999.99", "200000.00"), Some("amount-too-small"));
    assert_eq!(lawful("200000.00", "200000.00"), None);
    let never = "  rollover: false\n";
    assert_eq!(code(open("50", "1 year", all, "2024-01-01", never)), Some("rollover-not-allowed"));
    assert_eq!(code(open("50", "1 year", none, "2024-01-01", never)), None);
    assert_eq!(code(open("50", "1 year", none, "9999-01-02", "")), Some("date-out-of-range"));
}

#[test]
fn withdrawals_that_cannot_be_are_refused() {
    let mut life = year(Rollover::None, "");
    let at = |life: &TermLife, amount: Option<&str>, on| {
        withdraw(&life.deposit, life.terms(), amount.map(yuan), day(on)).unwrap_err()
    };
    assert_eq!(at(&life, None, "2024-01-09"), Reject::BeforeOpening);
    assert_eq!(at(&life, None, "2024-01-11"), Reject::DayNotReached);
    life.close_until(day("2024-02-01"));
    assert_eq!(at(&life, None, "2024-01-31"), Reject::DayAlreadyClosed);
    let today = "2024-02-01";
    assert_eq!(at(&life, Some("0.00"), today), Reject::AmountNotPositive);
    assert_eq!(at(&life, Some("1000.01"), today), Reject::ExceedsPrincipal);
    assert_eq!(at(&life, Some("950.01"), today), Reject::RemainderTooSmall);
    assert_eq!(life.withdraw(Some(yuan("950.00"))), Ok(()));
    assert_eq!(at(&life, Some("1.00"), today), Reject::TooManyWithdrawalsInPart);
    assert_eq!(life.withdraw(None), Ok(()));
    assert_eq!(at(&life, None, today), Reject::Closed);
    assert_eq!(life.close().unwrap_err(), Reject::Closed);

    let bound = year(Rollover::None, "  early_withdrawal: { allowed: false }\n");
    assert_eq!(at(&bound, None, "2024-01-10"), Reject::EarlyWithdrawalNotAllowed);
    let mut bound = bound;
    bound.close_until(day("2025-01-10"));
    // After maturity parts may be taken as often as one likes, to the last fen.
    for amount in ["0.01", "999.98"] {
        bound.withdraw(Some(yuan(amount))).unwrap();
    }
    bound.withdraw(None).unwrap();
    assert_eq!(bound.paid, yuan("17.50"));
}

#[test]
fn the_number_of_parts_is_that_of_the_product() {
    let mut life = year(Rollover::None, "  early_withdrawal: { in_part: 3 }\n");
    for _ in 0..3 {
        life.withdraw(Some(fen(1))).unwrap();
    }
    assert_eq!(life.withdraw(Some(fen(1))), Err(Reject::TooManyWithdrawalsInPart));
    let mut life = year(Rollover::None, "  early_withdrawal: { in_part: 0 }\n");
    assert_eq!(life.withdraw(Some(fen(1))), Err(Reject::TooManyWithdrawalsInPart));
    life.withdraw(None).unwrap();
}

#[test]
fn a_frozen_deposit_begins_no_other_tenor() {
    let mut life = year(Rollover::PrincipalAndInterest, "");
    let on = life.deposit.through;
    let freeze = freeze_of("court", Scope::In, on, None);
    let id = freeze.id;
    life.take(term::freeze(&life.deposit, freeze)).unwrap();
    let then = instruct(&life.deposit, &life.product, Rollover::Principal, on);
    assert_eq!(then.unwrap_err(), Reject::RolloverFrozen);
    life.close_until(day("2025-01-09"));
    let last = life.deposit.through;
    let matured = maturity::close_day(&life.deposit, life.terms(), last, false).unwrap();
    let why = "rollover-frozen".to_owned();
    assert!(matured.events.contains(&Event::RolloverRefused { on: day("2025-01-10"), why }));
    life.take(Ok(matured)).unwrap();
    assert_eq!((life.deposit.stage, life.deposit.due), (Stage::Matured, yuan("17.50")));
    let on = life.deposit.through;
    let roll = |life: &TermLife, how| maturity::roll_over(&life.deposit, life.terms(), how, on);
    let all = Rollover::PrincipalAndInterest;
    assert_eq!(roll(&life, all).unwrap_err(), Reject::RolloverFrozen);
    life.take(term::unfreeze(&life.deposit, id, on)).unwrap();
    let stop = stop_of("police", yuan("5.00"), on, Some(on));
    life.take(term::stop_payment(&life.deposit, stop.clone())).unwrap();
    assert_eq!(roll(&life, all).unwrap_err(), Reject::RolloverFrozen);
    life.take(term::release_stop(&life.deposit, stop.id, on)).unwrap();
    assert_eq!(roll(&life, Rollover::None).unwrap_err(), Reject::RolloverNotAllowed);
    life.take(roll(&life, all)).unwrap();
    // At the rate of that day, with the interest of the first year.
    assert_eq!(life.deposit.principal, yuan("1017.50"));
    assert_eq!(life.deposit.rate.to_string(), "0.0165");
    assert_eq!(life.deposit.matures_on, day("2026-01-10"));
    assert_eq!(roll(&life, all).unwrap_err(), Reject::NotMatured);
}

#[test]
fn a_tenor_that_is_offered_no_more_is_not_begun() {
    let mut life = year(Rollover::Principal, "");
    let text = serde_json::to_value(life.product.definition()).unwrap();
    let mut later = text;
    later["version"] = 2.into();
    later["terms"]["tenors"].as_array_mut().unwrap().remove(2);
    let later = product::Definition::from_value(later, product::Chart::china()).unwrap();
    let later = product::TermProduct::compile(&later).unwrap();
    life.close_until(day("2025-01-09"));
    let terms = crate::Terms { product: &*life.product, posted: &later };
    let matured = maturity::close_day(&life.deposit, terms, day("2025-01-09"), false).unwrap();
    let why = "tenor-not-offered".to_owned();
    assert!(matured.events.contains(&Event::RolloverRefused { on: day("2025-01-10"), why }));
    assert_eq!(matured.contract.stage, Stage::Matured);
}

#[test]
fn the_holder_says_what_becomes_of_it() {
    let mut life = year(Rollover::None, "");
    let on = life.deposit.through;
    let then = instruct(&life.deposit, &life.product, Rollover::Principal, on);
    life.take(then).unwrap();
    assert_eq!(pay_interest(&life.deposit, on).unwrap_err(), Reject::NoInterestDue);
    life.close_until(day("2025-01-10"));
    // The interest of the year waits, and earns nothing.
    assert_eq!((life.deposit.stage, life.deposit.rollovers), (Stage::Running, 1));
    assert_eq!((life.deposit.principal, life.deposit.due), (yuan("1000.00"), yuan("17.50")));
    let on = life.deposit.through;
    life.take(pay_interest(&life.deposit, on)).unwrap();
    assert_eq!((life.paid, life.deposit.due), (yuan("17.50"), fen(0)));
    // Paid at once, where there is an account for it.
    life.close_until(day("2026-01-09"));
    let last = life.deposit.through;
    life.take(maturity::close_day(&life.deposit, life.terms(), last, true)).unwrap();
    assert_eq!((life.paid, life.deposit.due), (yuan("34.00"), fen(0)));
    let none = instruct(&life.deposit, &life.product, Rollover::None, life.deposit.through);
    life.take(none).unwrap();
    life.close_until(day("2027-01-10"));
    let late = instruct(&life.deposit, &life.product, Rollover::Principal, life.deposit.through);
    assert_eq!(late.unwrap_err(), Reject::AlreadyMatured);
}

#[test]
fn a_freeze_lets_nothing_out() {
    let mut life = year(Rollover::None, "");
    let on = life.deposit.through;
    let freeze = freeze_of("court", Scope::Whole, on, Some(on));
    life.take(term::freeze(&life.deposit, freeze)).unwrap();
    assert_eq!(life.withdraw(None), Err(Reject::FrozenOut));
    assert_eq!(pay_interest(&life.deposit, on).unwrap_err(), Reject::FrozenOut);
    life.close().unwrap();
    life.withdraw(None).unwrap();
}
