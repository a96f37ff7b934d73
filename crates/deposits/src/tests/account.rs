//! Current accounts against an accountant's table, and what is refused.

use stdx::table;

use super::books::{
    AccountLife, account_product, day, fen, freeze_of, later, plain_product, stop_of, yuan,
};
use crate::{Event, Hold, Reject, Scope, Status, account, day::close_day, movement};

#[test]
fn interest_is_what_an_accountant_computes() {
    let mut life: Option<AccountLife> = None;
    for row in table::parse(include_str!("../../testdata/demand.txt")) {
        let on = row.get("day");
        if row.text("event") == "open" {
            life = Some(AccountLife::open(account_product(), on));
        }
        let life = life.as_mut().expect("the first line of a case opens");
        life.close_until(on);
        let value_date = row.option("value").unwrap_or(on);
        let amount = || yuan(row.text("amount"));
        let line = row.line;
        let accrued = |life: &AccountLife| life.account.interest + life.account.payable;
        let found = match row.text("event") {
            "close" => {
                let before = life.balance();
                life.books = super::books::Books::default();
                let (terms, none) = (life.terms(), fen(0));
                let closed = account::close(&life.account, terms, before, none, on).unwrap();
                let Some(Event::AccountClosed { interest, paid, .. }) = closed.events.last() else {
                    panic!("line {line}: {closed:?}")
                };
                (*interest, *paid)
            }
            event => {
                match event {
                    "deposit" => life.deposit(amount(), value_date).unwrap(),
                    "withdraw" => life.withdraw(amount(), value_date).unwrap(),
                    _ => {}
                }
                (accrued(life), life.balance())
            }
        };
        let expected = (yuan(row.text("interest")), yuan(row.text("balance")));
        assert_eq!(found, expected, "line {line}");
    }
}

/// An account with 1,000 yuan, eleven days old.
fn lived() -> AccountLife {
    let mut life = AccountLife::open(account_product(), day("2024-04-01"));
    life.deposit(yuan("1000.00"), day("2024-04-01")).unwrap();
    life.close_until(day("2024-04-12"));
    life
}

#[test]
fn movements_that_cannot_be_are_refused() {
    let mut life = lived();
    let today = life.account.through;
    let rows = "
        what      amount     value       => code
        deposit   0.00       2024-04-12     amount-not-positive
        withdraw  -1.00      2024-04-12     amount-not-positive
        withdraw  1.00       2024-03-31     before-opening
        deposit   1.00       2024-04-13     value-date-in-future
        withdraw  1000.01    2024-04-02     overdrawn-on-value-date
        withdraw  1000.00    2024-04-01     -
        deposit   5.00       2024-04-01     -
    ";
    for row in table::parse(rows) {
        let (amount, value_date) = (yuan(row.text("amount")), row.get("value"));
        let before = life.account.clone();
        let answer = match row.text("what") {
            "deposit" => life.deposit(amount, value_date),
            _ => life.withdraw(amount, value_date),
        };
        assert_eq!(answer.err().map(Reject::code), row.option::<String>("code").as_deref());
        assert!(answer.is_ok() || life.account == before, "a refusal changes nothing");
    }
    let settled = later(today, 80);
    life.close_until(settled);
    assert_eq!(life.deposit(fen(1), day("2024-06-20")), Err(Reject::ValueDateSettled));
    assert_eq!(life.deposit(fen(1), day("2024-06-21")), Ok(()));
}

#[test]
fn a_day_is_closed_once_and_in_order() {
    let life = lived();
    let close = |on| close_day(&life.account, life.terms(), fen(1), day(on), true).unwrap_err();
    assert_eq!(close("2024-04-11"), Reject::DayAlreadyClosed);
    assert_eq!(close("2024-04-13"), Reject::DayNotReached);
}

#[test]
fn interest_that_finds_no_room_waits_for_the_next_settlement() {
    let mut life = lived();
    life.close_until(day("2024-06-20"));
    life.close(false).unwrap();
    // 1000.00 × 81 days × 0.2 %.
    assert_eq!(life.account.payable, yuan("0.45"));
    assert_eq!((life.account.interest, life.balance()), (fen(0), yuan("1000.00")));
    life.close_until(day("2024-09-21"));
    // And 92 days × 0.15 %, the rate of 20 September: 0.38. What waited earned nothing.
    assert_eq!((life.account.payable, life.balance()), (fen(0), yuan("1000.83")));
}

#[test]
fn freezes_shut_directions_until_they_are_lifted_or_end() {
    let rows = "
        first second => deposit   withdraw
        in    -         frozen-in -
        out   -         -         frozen-out
        whole -         frozen-in frozen-out
        in    out       frozen-in frozen-out
    ";
    let scope = |text: &str| match text {
        "in" => Scope::In,
        "out" => Scope::Out,
        _ => Scope::Whole,
    };
    for row in table::parse(rows) {
        let mut life = lived();
        let (on, until) = (life.account.through, later(life.account.through, 3));
        let names = ["first", "second"].into_iter().filter(|it| row.text(it) != "-");
        for name in names {
            let freeze = freeze_of(name, scope(row.text(name)), on, Some(until));
            life.take(account::freeze(&life.account, &life.product, freeze)).unwrap();
        }
        for _ in 0..=3 {
            let code = |answer: Result<(), Reject>| answer.err().map(Reject::code);
            let today = life.account.through;
            let deposit = code(life.clone().deposit(fen(1), today));
            let withdraw = code(life.clone().withdraw(fen(1), today));
            assert_eq!(deposit, row.option::<String>("deposit").as_deref());
            assert_eq!(withdraw, row.option::<String>("withdraw").as_deref());
            life.close(true).unwrap();
        }
        assert!(life.account.restraints.is_empty(), "line {}", row.line);
        let today = life.account.through;
        assert_eq!((life.deposit(fen(1), today), life.withdraw(fen(1), today)), (Ok(()), Ok(())));
    }
    let mut life = lived();
    let on = life.account.through;
    let freeze = freeze_of("whole", Scope::Whole, on, None);
    let id = freeze.id;
    life.take(account::freeze(&life.account, &life.product, freeze)).unwrap();
    let close = account::close(&life.account, life.terms(), life.balance(), fen(0), on);
    assert_eq!(close.unwrap_err(), Reject::RestraintsRemain);
    // Interest of a frozen account runs on, and waits.
    life.close_until(day("2024-06-21"));
    assert_eq!((life.balance(), life.account.payable), (yuan("1000.00"), yuan("0.45")));
    let on = life.account.through;
    life.take(account::unfreeze(&life.account, &life.product, id, on)).unwrap();
    let again = account::unfreeze(&life.account, &life.product, id, on);
    assert_eq!(again.unwrap_err(), Reject::NoSuchFreeze);
    life.withdraw(fen(1), on).unwrap();
}

#[test]
fn restraints_are_few_short_and_not_over() {
    let mut life = lived();
    let on = life.account.through;
    let put = |life: &AccountLife, freeze| account::freeze(&life.account, &life.product, freeze);
    let over = freeze_of("over", Scope::In, on, Some(day("2024-04-11")));
    assert_eq!(put(&life, over).unwrap_err(), Reject::UntilInThePast);
    let long = freeze_of(&"长".repeat(201), Scope::In, on, None);
    assert_eq!(put(&life, long).unwrap_err(), Reject::TextTooLong);
    let nothing =
        account::stop_payment(&life.account, &life.product, stop_of("a", fen(0), on, None));
    assert_eq!(nothing.unwrap_err(), Reject::AmountNotPositive);
    for number in 0..50 {
        let freeze = freeze_of(&number.to_string(), Scope::In, on, None);
        life.take(put(&life, freeze)).unwrap();
    }
    let one_more = freeze_of("more", Scope::In, on, None);
    assert_eq!(put(&life, one_more).unwrap_err(), Reject::TooManyRestraints);
}

#[test]
fn a_stop_payment_is_held_until_it_is_released_or_ends() {
    let life = lived();
    let on = life.account.through;
    let stop = stop_of("court", yuan("300.00"), on, Some(on));
    let placed = account::stop_payment(&life.account, &life.product, stop.clone()).unwrap();
    assert_eq!(placed.holds, [Hold::Place(stop.id, stop.amount)]);
    let released = account::release_stop(&placed.contract, &life.product, stop.id, on).unwrap();
    assert_eq!(released.holds, [Hold::Release(stop.id)]);
    assert_eq!(released.contract.restraints, life.account.restraints);
    let ended = close_day(&placed.contract, life.terms(), life.balance(), on, true).unwrap();
    assert_eq!(ended.holds, [Hold::Release(stop.id)]);
    assert!(ended.contract.restraints.is_empty());
    let none = account::release_stop(&ended.contract, &life.product, stop.id, on);
    assert_eq!(none.unwrap_err(), Reject::NoSuchStop);
}

#[test]
fn an_account_falls_asleep_and_is_woken() {
    let mut life = AccountLife::open(account_product(), day("2024-04-01"));
    life.deposit(yuan("10.00"), day("2024-04-01")).unwrap();
    life.close_until(day("2024-05-01"));
    life.deposit(yuan("10.00"), day("2024-04-02")).unwrap();
    // Two years after it was last moved, whatever the value date was; interest moves nothing.
    life.close_until(day("2026-04-30"));
    assert_eq!(life.account.status, Status::Active);
    life.close(true).unwrap();
    assert_eq!((life.account.status, life.account.through), (Status::Dormant, day("2026-05-01")));
    let on = life.account.through;
    assert_eq!(life.withdraw(fen(1), on), Err(Reject::Dormant));
    assert_eq!(life.close_account(), Err(Reject::Dormant));
    life.deposit(fen(1), on).unwrap();
    assert_eq!(life.account.status, Status::Dormant);
    life.take(account::wake(&life.account, &life.product, on)).unwrap();
    let again = account::wake(&life.account, &life.product, on);
    assert_eq!(again.unwrap_err(), Reject::NotDormant);
    life.withdraw(fen(1), on).unwrap();
    life.close_account().unwrap();
    assert_eq!(life.deposit(fen(1), on), Err(Reject::Closed));
    assert_eq!(life.close_account(), Err(Reject::Closed));
}

/// Without interest a day has to be closed only when something ends.
#[test]
fn an_account_without_interest_is_closed_when_something_ends() {
    let opened = day("2024-04-01");
    let mut life = AccountLife::open(plain_product(), opened);
    assert_eq!(life.account.timer, Some(day("2026-03-31")));
    let freeze = freeze_of("court", Scope::Out, opened, Some(day("2024-05-05")));
    life.take(account::freeze(&life.account, &life.product, freeze)).unwrap();
    assert_eq!(life.account.timer, Some(day("2024-05-05")));
    life.deposit(fen(7), opened).unwrap();
    let skip = |life: &mut AccountLife, text| {
        let outcome = close_day(&life.account, life.terms(), life.balance(), day(text), true);
        life.take(outcome).unwrap();
    };
    skip(&mut life, "2024-05-05");
    assert!(life.account.restraints.is_empty());
    assert_eq!(life.account.timer, Some(day("2026-03-31")));
    let on = day("2025-06-01");
    let movement = movement::Movement { amount: fen(1), value_date: on };
    let moved = movement::deposit(&life.account, life.terms(), movement, on);
    life.take(moved).unwrap();
    skip(&mut life, "2026-03-31");
    assert_eq!(
        (life.account.status, life.account.timer),
        (Status::Active, Some(day("2027-05-31")))
    );
    skip(&mut life, "2027-05-31");
    assert_eq!((life.account.status, life.account.timer), (Status::Dormant, None));
}
