//! The end of day: resumable, idempotent, over weekends and holidays, while business goes on.

use futures_util::future::{join, join_all};
use ledger::{AccountState, Side};
use stdx::Date;
use store::{Due, PAGE_MAX};

use super::{
    command::{Command, yuan},
    world::{FIRST, World, contract_account},
};
use crate::{Refusal, Role, days::CLOSE_LOAN_DAY, days::DayClosed, tables::LoanId};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

/// Loans, two of them for each party.
async fn some_loans(world: &World, count: u16) -> Vec<LoanId> {
    let mut loans = Vec::new();
    for number in 0..count {
        let party = world.person(number / 2).await;
        loans.push(world.lend(&format!("loan/{number}"), party, 9_000_00, 6).await);
    }
    loans
}

#[tokio::test]
async fn the_date_goes_over_weekends_and_holidays() {
    let world = World::new().await;
    let loan = some_loans(&world, 1).await[0];
    // A Thursday, a Friday; then the days around 春节 with their make-up days.
    let dates = [(1, 3), (1, 6), (1, 7)];
    for (month, number) in dates {
        assert_eq!(world.close_day().await.next, day(month, number));
        assert_eq!(world.position(loan).await.through, day(month, number));
    }
    world.close_until(day(1, 24)).await;
    for (month, number) in [(1, 26), (1, 27), (2, 5), (2, 6), (2, 7), (2, 8), (2, 10)] {
        assert_eq!(world.close_day().await.next, day(month, number));
        assert_eq!(world.position(loan).await.through, day(month, number));
    }
    // 9,000 × 12 % / 360 is 3 yuan a day, from 2 January to 1 February.
    let expected = world.loan(loan).await.loan.plan[0].interest;
    assert_eq!(expected, yuan(31 * 3_00).amount);
    let through = jiff::civil::date(2025, 1, 31);
    let account = contract_account(loan.cast(), "1132.01");
    let at = world.bank.balance_at(&world.reader(), account, through).await.unwrap();
    assert_eq!((at.debits_posted, at.credits_posted), (yuan(30 * 3_00).amount, yuan(0).amount));
    world.check().await;
}

#[tokio::test]
async fn only_the_business_date_is_closed() {
    let world = World::new().await;
    for wrong in [FIRST.yesterday().unwrap(), FIRST.tomorrow().unwrap(), Date::MIN, Date::MAX] {
        let refusal = world.refused(&format!("{wrong}"), Command::CloseDate(wrong)).await;
        assert_eq!(refusal, Refusal::NotTheBusinessDate(FIRST));
    }
    world.ok("close", Command::CloseDate(FIRST)).await;
    let refusal = world.refused("again", Command::CloseDate(FIRST)).await;
    assert_eq!(refusal, Refusal::NotTheBusinessDate(day(1, 3)));
}

#[tokio::test]
async fn a_day_that_was_cut_short_is_finished() {
    let (whole, cut) = (World::new().await, World::new().await);
    let loans = some_loans(&whole, 9).await;
    assert_eq!(some_loans(&cut, 9).await, loans);
    whole.close_day().await;
    cut.close_day().await;
    let friday = day(1, 3);
    let close = Command::CloseDate(friday);
    let call = cut.operator(&format!("close/{friday}"), &close);
    // The power went when one lane had its first Friday closed, another both and a Saturday.
    let (saturday, of_party) = (day(1, 4), |number: usize| {
        let mut both = [loans[2 * number], loans[2 * number + 1]];
        both.sort_unstable();
        both
    });
    let ([one, _], [two, three]) = (of_party(1), of_party(3));
    for (loan, day) in [(one, friday), (two, friday), (three, friday), (two, saturday)] {
        let call = call.within(format!("{CLOSE_LOAN_DAY}/{day}/{loan}"));
        let next = cut.bank.close_loan_day(&call, loan, day).await.unwrap();
        assert_eq!(next, day.tomorrow().ok());
    }
    let finished = close.give(&cut.bank, &call).await.unwrap();
    let uncut = whole.ok(&format!("close/{friday}"), close).await;
    assert_eq!(finished, (uncut, false));
    cut.check().await;
    let whole = whole.bank.state_hash(&whole.reader()).await.unwrap();
    assert_eq!(cut.bank.state_hash(&cut.reader()).await.unwrap(), whole);
}

#[tokio::test]
async fn closing_twice_at_the_same_moment_closes_once() {
    let world = World::new().await;
    let loans = some_loans(&world, 5).await;
    let close = Command::CloseDate(FIRST);
    let keys = ["x", "y", "x"];
    let all = join_all(keys.map(|key| world.give(Role::Operator, key, &close))).await;
    let happened = all.iter().filter(|it| matches!(it, Ok((_, false)))).count();
    assert_eq!(happened, 1, "{all:?}");
    for loan in loans {
        assert_eq!(world.position(loan).await.interest, yuan(3_00).amount);
    }
    world.check().await;
}

#[tokio::test]
async fn a_contract_that_fails_holds_the_date_but_not_the_others() {
    let world = World::new().await;
    let loans = some_loans(&world, 4).await;
    world.close_day().await;
    let friday = world.today().await;
    let receivable = contract_account(loans[1].cast(), "1132.01");
    world.set_state(receivable, AccountState::Frozen).await;
    let refusal = world.refused("close", Command::CloseDate(friday)).await;
    let Refusal::DayIncomplete(unclosed) = refusal else { panic!("{refusal:?}") };
    assert_eq!(unclosed.iter().map(|it| it.subject).collect::<Vec<_>>(), [loans[1].cast()]);
    assert!(unclosed[0].why.starts_with(&format!("{friday}: Transfer 0: ")), "{unclosed:?}");
    assert_eq!(world.today().await, friday);
    for (number, loan) in loans.iter().enumerate() {
        let expected = if number == 1 { friday } else { day(1, 6) };
        assert_eq!(world.position(*loan).await.through, expected);
    }
    world.set_state(receivable, AccountState::Open).await;
    let closed: DayClosed = world.answer("close", Command::CloseDate(friday)).await;
    assert_eq!(closed.next, day(1, 6));
    assert_eq!(world.position(loans[1]).await.through, day(1, 6));
    world.check().await;
}

#[tokio::test]
async fn business_goes_on_while_a_day_is_closed() {
    let world = World::new().await;
    let mut signed = Vec::new();
    let mut paying = Vec::new();
    for number in 0..12 {
        let party = world.person(number).await;
        paying.push(world.lend(&format!("a/{number}"), party, 9_000_00, 6).await);
        signed.push(world.signed(&format!("b/{number}"), party, 6_000_00, 6).await);
    }
    world.close_day().await;
    let friday = world.today().await;
    let mut commands = vec![("close".to_owned(), Command::CloseDate(friday))];
    for (number, (signed, paying)) in signed.iter().zip(&paying).enumerate() {
        commands.push((format!("disburse/{number}"), Command::Disburse(*signed)));
        commands.push((format!("repay/{number}"), Command::Repay(*paying, 100_00)));
        let quote = world.bank.settlement_quote(&world.reader(), *paying, None).await.unwrap();
        commands.push((format!("settle/{number}"), Command::Settle(*paying, quote.total.minor())));
    }
    // The close starts before, between and after the others.
    for place in [0, 18, 36] {
        let world = World { ..world.clone() };
        let mut commands = commands.clone();
        if place > 0 {
            commands[0].1 = Command::CloseDate(world.today().await);
            commands[0].0 = format!("close/{place}");
            commands.swap(0, place);
        }
        let all = commands.iter().map(|(key, it)| world.give(Role::Operator, key, it));
        let all = join_all(all).await;
        assert!(all[place].is_ok(), "{:?}", all[place]);
        let today = world.today().await;
        let loans = world.bank.loans(&world.reader(), None, None, PAGE_MAX).await.unwrap().data;
        for state in loans.iter().filter(|it| it.loan.status == lending::Status::Active) {
            assert_eq!(state.position.as_ref().unwrap().through, today);
        }
        world.check().await;
    }
}

#[tokio::test]
async fn a_settled_loan_has_no_day_left() {
    let world = World::new().await;
    let loan = some_loans(&world, 1).await[0];
    world.ok("settle", Command::Settle(loan, 9_090_00)).await;
    let timers = world.bank.store().timers(world.home, Due::Day(Date::MAX), None, 10).await;
    assert!(timers.unwrap().data.is_empty());
    // One who read the timer before finds nothing to do.
    let close = Command::CloseDate(FIRST);
    let call = world.operator("close", &close).within("late".to_owned());
    assert_eq!(world.bank.close_loan_day(&call, loan, FIRST).await, Ok(None));
    assert!(world.balance(loan.cast(), "1303", Side::Debit).await.is_zero());
}

#[tokio::test]
async fn a_closed_period_takes_no_value_dates() {
    let world = World::new().await;
    let refusal = world.refused("today", Command::ClosePeriod(FIRST)).await;
    assert_eq!(refusal.code(), "period-not-over");
    world.close_day().await;
    world.ok("close", Command::ClosePeriod(FIRST)).await;
    let accounts = ["A", "B"].map(super::replays::new_account).to_vec();
    world.ok("open", Command::OpenLedgerAccounts(accounts)).await;
    let late = super::replays::transfer("late", "A", "B", 1);
    let results = world.ok("book", Command::Book(vec![late])).await;
    assert_eq!(results, "[Err(PeriodClosed)]");
}

#[tokio::test]
async fn a_loan_made_while_a_day_is_closed_misses_no_day() {
    let world = World::new().await;
    some_loans(&world, 4).await;
    let mut signed = Vec::new();
    for number in 0..60 {
        let party = world.person(100 + number).await;
        signed.push(world.signed(&format!("late/{number}"), party, 3_000_00, 6).await);
    }
    for (round, signed) in signed.chunks(20).enumerate() {
        // Each comes a little later than the one before it, so some fall between the last contract
        // that is closed and the new date.
        let disbursals = signed.iter().enumerate().map(|(number, loan)| {
            let world = world.clone();
            async move {
                for _ in 0..number * 40 {
                    tokio::task::yield_now().await;
                }
                let command = Command::Disburse(*loan);
                let key = format!("disburse/{round}/{number}");
                world.give(Role::Operator, &key, &command).await.unwrap();
            }
        });
        join(world.close_day(), join_all(disbursals)).await;
        let today = world.today().await;
        let loans = world.bank.loans(&world.reader(), None, None, PAGE_MAX).await.unwrap().data;
        for position in loans.into_iter().filter_map(|it| it.position) {
            assert_eq!(position.through, today);
        }
    }
    world.check().await;
}
