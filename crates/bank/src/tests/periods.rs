//! Periods close, suspense hangs or does not, and a year is closed by two people.

use ledger::Side;
use money::{Amount, Currency};
use stdx::Date;

use super::{
    command::Command,
    statements::{account_of, moves},
    world::{FIRST, World},
};
use crate::{
    Refusal, Role,
    periods::{PeriodClosed, YearClose, books_lane},
    plain::NewAccount,
    statements::Section,
};

fn on(year: i16, month: i8, day: i8) -> Date {
    jiff::civil::date(year, month, day)
}

fn yuan(minor: i64) -> Amount {
    Amount::from_minor(minor)
}

/// Books transfers: day, debit, credit, minor units.
async fn book(world: &World, currency: &str, rows: &[(Date, &str, &str, i64)]) {
    let account = |code: &str| account_of(currency, code, 0);
    let mut accounts = std::collections::BTreeMap::<_, NewAccount>::new();
    let mut transfers = Vec::new();
    for (index, (day, debit, credit, minor)) in rows.iter().enumerate() {
        let [debit, credit] = [account(debit), account(credit)];
        let name = format!("{currency} {day} {index} {minor}");
        transfers.push(moves(&name, *day, &debit, &credit, yuan(*minor)));
        accounts.extend([(debit.id, debit), (credit.id, credit)]);
    }
    let key = format!("{currency} {rows:?}");
    let accounts = accounts.into_values().collect();
    world.ok(&format!("open/{key}"), Command::OpenLedgerAccounts(accounts)).await;
    let results = world.ok(&format!("book/{key}"), Command::Book(transfers)).await;
    assert_eq!(results, format!("[{}]", vec!["Ok(Created)"; rows.len()].join(", ")));
}

#[tokio::test]
async fn a_period_with_something_in_suspense_says_what_hangs() {
    let world = World::new().await;
    world.close_until(on(2025, 1, 8)).await;
    let rows = [
        // It was empty once, and then filled twice; what comes later is another period's.
        (FIRST, "1003", "2241.09", 200_00),
        (FIRST, "2241.09", "1003", 200_00),
        (on(2025, 1, 3), "1003", "2241.09", 70_00),
        (on(2025, 1, 6), "1003", "2241.09", 30_00),
        (on(2025, 1, 7), "2241.09", "1003", 5_00),
        // What is owed to somebody known is not in suspense.
        (on(2025, 1, 6), "2241.01", "1003", 1_00),
    ];
    book(&world, "CNY", &rows).await;
    let close = Command::ClosePeriod(on(2025, 1, 6));
    let refusal = world.refused("close", close.clone()).await;
    let Refusal::InSuspense(hanging) = refusal else { panic!("{refusal:?}") };
    let account = account_of("CNY", "2241.09", 0);
    let first = moves("CNY 2025-01-03 2 7000", FIRST, &account, &account, yuan(1)).id;
    assert_eq!(hanging.len(), 1, "{hanging:?}");
    assert_eq!((hanging[0].account, hanging[0].balance), (account.id, yuan(-100_00)));
    assert_eq!(hanging[0].oldest, Some((first, on(2025, 1, 3))));

    let closed: PeriodClosed =
        world.answer("may-hang", Command::CloseHanging(on(2025, 1, 6))).await;
    assert_eq!(closed, PeriodClosed { through: on(2025, 1, 6), hanging });
    assert_eq!(world.refused("again", close).await.code(), "period-already-closed");
    book(&world, "CNY", &[(on(2025, 1, 7), "2241.09", "6051", 95_00)]).await;
    let closed: PeriodClosed = world.answer("zero", Command::ClosePeriod(on(2025, 1, 7))).await;
    assert_eq!(closed.hanging, []);
    let periods = world.bank.periods(&world.reader()).await.unwrap();
    assert_eq!(periods.closed_through, Some(on(2025, 1, 7)));
}

#[tokio::test]
async fn a_period_of_contracts_that_are_behind_stays_open() {
    let world = World::new().await;
    let party = world.person(1).await;
    world.lend("loan", party, 9_000_00, 6).await;
    world.close_day().await;
    let far = on(2025, 1, 3);
    assert_eq!(world.refused("today", Command::ClosePeriod(far)).await.code(), "period-not-over");
    world.ok("first", Command::ClosePeriod(FIRST)).await;
}

fn lines(section: &Section) -> Vec<(String, i64)> {
    let lines = section.lines.iter();
    lines.map(|it| (it.account.code.to_string(), it.columns.amount.minor())).collect()
}

fn pairs(lines: &[(&str, i64)]) -> Vec<(String, i64)> {
    lines.iter().map(|(code, minor)| ((*code).to_owned(), *minor)).collect()
}

#[tokio::test]
async fn a_year_is_closed_by_two_people() {
    let world = World::new().await;
    world.close_until(on(2026, 1, 6)).await;
    let rows = [
        (on(2025, 3, 10), "1003", "6011.01", 1_000_00),
        (on(2025, 6, 30), "6602", "1003", 400_00),
        (on(2025, 7, 1), "6061", "1003", 5_00), // an income account on the other side
        (on(2025, 12, 31), "6701.01", "1304.01", 50_00),
        (on(2026, 1, 3), "1003", "6021.01", 70_00),
    ];
    book(&world, "CNY", &rows).await;
    book(&world, "USD", &[(on(2025, 5, 1), "6711", "1003", 20_00)]).await;

    let prepare = Command::PrepareYear(2025);
    let early = world.refused("early", prepare.clone()).await;
    assert_eq!(early, Refusal::PeriodOpen(on(2025, 12, 31)));
    world.ok("december", Command::ClosePeriod(on(2025, 12, 31))).await;
    let approve = Command::ApproveYear(2025);
    let nothing = world.give(Role::Approver, "nothing", &approve).await.unwrap_err();
    assert_eq!(nothing.code(), "not-found");
    let prepared: YearClose = world.answer("prepare", prepare.clone()).await;
    let line = |it: &crate::periods::YearLine| {
        format!("{} {} {}", it.currency, it.code, it.balance.minor())
    };
    let expected = [
        "CNY 6011.01 -100000",
        "CNY 6061 500",
        "CNY 6602 40000",
        "CNY 6701.01 5000",
        "USD 6711 2000",
    ];
    assert_eq!(prepared.lines.iter().map(line).collect::<Vec<_>>(), expected);
    let reader = world.reader();
    let before = world.bank.balance_sheet(&reader, on(2026, 1, 6), None).await.unwrap();
    assert_eq!(before.sheets[0].result.amount, yuan(615_00));

    // Nobody is both.
    let mut own = world.call(Role::Approver, "own", &approve);
    own.caller.actor = prepared.prepared_by.clone();
    assert_eq!(approve.give(&world.bank, &own).await, Err(Refusal::OwnPreparation));
    let other = world.give(Role::Approver, "other", &Command::ApproveYear(2024)).await;
    assert_eq!(other.unwrap_err().code(), "not-found");
    let (answer, _) = world.give(Role::Approver, "approve", &approve).await.unwrap();
    let closed: YearClose = serde_json::from_str(&answer).unwrap();
    assert_eq!(closed.approved.as_ref().unwrap().value_date, on(2026, 1, 1));
    let again = world.give(Role::Approver, "approve", &approve).await.unwrap();
    assert_eq!(again, (answer, true));
    let twice = world.give(Role::Approver, "twice", &approve).await.unwrap_err();
    assert_eq!(twice.code(), "not-found");
    assert_eq!(world.refused("reprepare", prepare).await.code(), "exists");
    assert_eq!(world.refused("past", Command::PrepareYear(2024)).await.code(), "exists");

    // The year's own statements are what they were.
    let year = (on(2025, 1, 1), on(2025, 12, 31));
    let income = world.bank.income_statement(&reader, year, None).await.unwrap();
    let [yuans, dollars] = &income.earnings[..] else { panic!("{income:?}") };
    let expected = [("6011", 1_000_00), ("6011.01", 1_000_00), ("6061", -5_00)];
    assert_eq!(lines(&yuans.income), pairs(&expected));
    let expected = [("6602", 400_00), ("6701", 50_00), ("6701.01", 50_00)];
    assert_eq!(lines(&yuans.expense), pairs(&expected));
    assert_eq!((yuans.result.amount, dollars.result.amount), (yuan(545_00), yuan(-20_00)));
    let sheet = world.bank.balance_sheet(&reader, year.1, None).await.unwrap();
    assert_eq!(lines(&sheet.sheets[0].equity), []);
    assert_eq!(sheet.sheets[0].result.amount, yuan(545_00));

    // The new one begins with its result in equity and nothing on income and expense.
    let new = (on(2026, 1, 1), on(2026, 1, 6));
    let income = world.bank.income_statement(&reader, new, None).await.unwrap();
    assert_eq!(income.earnings[0].result.amount, yuan(70_00));
    assert_eq!(lines(&income.earnings[0].income), pairs(&[("6021", 70_00), ("6021.01", 70_00)]));
    let sheet = world.bank.balance_sheet(&reader, new.1, Some(year.1)).await.unwrap();
    let [yuans, dollars] = &sheet.sheets[..] else { panic!("{sheet:?}") };
    assert_eq!(lines(&yuans.equity), pairs(&[("4104", 545_00), ("4104.01", 545_00)]));
    assert_eq!(lines(&dollars.equity), pairs(&[("4104", -20_00), ("4104.01", -20_00)]));
    assert_eq!(yuans.result.amount, yuan(70_00));
    assert_eq!(yuans.result.compared, Some(yuan(545_00)));
    assert!(yuans.difference.amount.is_zero() && dollars.difference.amount.is_zero());
    let trial = world.bank.trial_balance(&reader, Some(new.0)).await.unwrap();
    for code in ["6011.01", "6061", "6602", "6701.01", "4103"] {
        let of_code = trial.lines.iter().find(|it| it.code.as_str() == code);
        let line = of_code.filter(|it| it.currency == Currency::CNY).unwrap();
        assert_eq!(line.debits, line.credits, "{code}");
    }
    super::statements::hold(&world, on(2025, 12, 28), year.1).await;
    super::statements::hold(&world, on(2026, 1, 2), new.1).await;
    world.check().await;
}

#[tokio::test]
async fn what_is_carried_late_is_carried_whole() {
    let world = World::new().await;
    world.close_until(on(2026, 3, 3)).await;
    let rows =
        [(on(2025, 4, 1), "1003", "6011.01", 10_00), (on(2026, 2, 1), "1003", "6011.01", 1_00)];
    book(&world, "CNY", &rows).await;
    // February is closed before the auditors are done with the year.
    world.ok("february", Command::ClosePeriod(on(2026, 2, 28))).await;
    world.ok("prepare", Command::PrepareYear(2025)).await;
    world.give(Role::Approver, "approve", &Command::ApproveYear(2025)).await.unwrap();
    let reader = world.reader();
    let retained = async |day| {
        let sheet = world.bank.balance_sheet(&reader, day, None).await.unwrap();
        (sheet.sheets[0].equity.total.amount.minor(), sheet.sheets[0].result.amount.minor())
    };
    assert_eq!(retained(on(2026, 2, 28)).await, (0, 11_00));
    assert_eq!(retained(on(2026, 3, 1)).await, (10_00, 1_00));
    world.check().await;
}

#[tokio::test]
async fn nobody_else_books_in_the_lane_of_the_books() {
    let world = World::new().await;
    let lane = Some(books_lane(world.home));
    let hidden = NewAccount { lane, side: Side::Debit, ..account_of("CNY", "6602", 0) };
    let refusal = world.refused("open", Command::OpenLedgerAccounts(vec![hidden])).await;
    assert_eq!(refusal, Refusal::ContractAccount);
}
