//! Current accounts: the product's limits, and interest against numbers made by hand.

use futures_util::future::join_all;
use ledger::Side;
use money::Currency;
use stdx::Date;

use super::{
    command::{Command, yuan},
    world::{FIRST, World, contract_account},
};
use crate::{Refusal, Role, tables::CurrentAccountId};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

async fn account(world: &World) -> CurrentAccountId {
    let party = world.person(1).await;
    world.account("open", party).await
}

async fn balance(world: &World, id: CurrentAccountId) -> i64 {
    world.bank.account(&world.reader(), id).await.unwrap().balance.amount.minor()
}

#[tokio::test]
async fn the_ledger_keeps_the_limits_of_the_product() {
    let world = World::new().await;
    let id = account(&world).await;
    let over = |key: &'static str, command| {
        let world = &world;
        async move { world.refused(key, command).await.code() }
    };
    let withdraw = |minor| Command::Withdraw(id, minor);
    assert_eq!(over("a", withdraw(1)).await, "debit-account-exceeds-overdraft");
    assert_eq!(
        over("b", Command::Deposit(id, 20_000_01)).await,
        "credit-account-exceeds-balance-max"
    );
    world.ok("c", Command::Deposit(id, 20_000_00)).await;
    assert_eq!(over("d", Command::Deposit(id, 1)).await, "credit-account-exceeds-balance-max");
    world.ok("e", withdraw(600_00)).await;
    assert_eq!(over("f", withdraw(400_01)).await, "debit-account-exceeds-cap");
    world.ok("g", withdraw(400_00)).await;
    // The daily limit is new each day, the monthly one each month.
    for number in 0..4 {
        world.close_day().await;
        world.ok(&format!("h/{number}"), withdraw(1_000_00)).await;
    }
    world.close_day().await;
    assert_eq!(over("i", withdraw(1)).await, "debit-account-exceeds-cap");
    world.close_until(day(2, 1)).await;
    world.ok("j", withdraw(1_000_00)).await;
    assert_eq!(balance(&world, id).await, 14_000_00);
    world.check().await;
}

#[tokio::test]
async fn amounts_that_are_none_are_refused() {
    let world = World::new().await;
    let id = account(&world).await;
    for (number, minor) in [0, -1, i64::MIN].into_iter().enumerate() {
        for (kind, command) in
            [Command::Deposit(id, minor), Command::Withdraw(id, minor)].into_iter().enumerate()
        {
            let refusal = world.refused(&format!("{number}/{kind}"), command).await;
            assert_eq!(refusal.code(), "amount-must-be-positive");
        }
    }
    let refusal = world.refused("max", Command::Deposit(id, i64::MAX)).await;
    assert_eq!(refusal.code(), "credit-account-exceeds-balance-max");
    let dollars = money::Money::new(yuan(1).amount, "USD".parse::<Currency>().unwrap());
    let call = world.operator("usd", &Command::Deposit(id, 1));
    let refusal = world.bank.deposit(&call, id, dollars).await.unwrap_err();
    assert_eq!(refusal, Refusal::OtherCurrency);
}

#[tokio::test]
async fn interest_is_booked_daily_and_paid_by_the_quarter() {
    let world = World::new().await;
    let id = account(&world).await;
    world.ok("in", Command::Deposit(id, 10_000_00)).await;
    // 0.01 % a day: 1 yuan for each of the 35 days from 2 January to 5 February.
    world.close_until(day(2, 6)).await;
    let payable = |code: &'static str| world.balance(id.cast(), code, Side::Credit);
    assert_eq!(payable("2231.01").await.minor(), 35_00);
    world.ok("out", Command::Withdraw(id, 1_000_00)).await;
    // 90 fen for each of the 43 days from 6 February to 20 March, when it is paid.
    world.close_until(day(3, 20)).await;
    assert_eq!(payable("2231.01").await.minor(), 35_00 + 42 * 90);
    assert_eq!(balance(&world, id).await, 9_000_00);
    world.close_day().await;
    assert_eq!(payable("2231.01").await.minor(), 0);
    assert_eq!(balance(&world, id).await, 9_073_70);
    // From then on it earns interest itself: 0.90737 a day, the roundings not adding up.
    world.close_until(day(3, 31)).await;
    assert_eq!(payable("2231.01").await.minor(), 9_07);
    let expense = world.bank.turnover(&world.reader(), "6411").await.unwrap();
    assert_eq!(expense, [(yuan(73_70 + 9_07), yuan(0))]);
    world.check().await;
}

#[tokio::test]
async fn interest_that_finds_no_room_waits_for_the_next_settlement() {
    let world = World::new().await;
    let id = account(&world).await;
    world.ok("in", Command::Deposit(id, 20_000_00)).await;
    // 78 days of 2 yuan; the account is full.
    world.close_until(day(3, 21)).await;
    assert_eq!(balance(&world, id).await, 20_000_00);
    assert_eq!(world.balance(id.cast(), "2231.01", Side::Credit).await.minor(), 78 * 2_00);
    world.ok("out", Command::Withdraw(id, 1_000_00)).await;
    // 92 days of 1.90 yuan from 21 March to 20 June.
    world.close_until(day(6, 21)).await;
    assert_eq!(balance(&world, id).await, 19_000_00 + 78 * 2_00 + 92 * 1_90);
    // And the weekend after it earns 2 × 1.93308.
    assert_eq!(world.balance(id.cast(), "2231.01", Side::Credit).await.minor(), 3_87);
    world.check().await;
}

#[tokio::test]
async fn who_is_not_eligible_is_told_why() {
    let world = World::new().await;
    let picky = super::world::PURSE
        .replace("product: purse", "product: purse\n# picky")
        .replace("version: 1", "version: 2")
        .replace("applicant.kyc_level != \"none\"", "applicant.kyc_level == \"verified\"");
    world.publish("purse", 2, &picky).await;
    let party = world.person(1).await;
    let refusal = world.refused("early", Command::OpenAccount(party)).await;
    let Refusal::NotEligible(reasons) = refusal else { panic!("{refusal:?}") };
    assert_eq!(reasons.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["known"]);
    world.ok("kyc", Command::RaiseKyc(party)).await;
    world.ok("early", Command::OpenAccount(party)).await;
}

#[tokio::test]
async fn what_moves_while_a_day_is_closed_earns_from_the_day_it_counts_on() {
    let world = World::new().await;
    let mut accounts = Vec::new();
    for number in 0..12 {
        let party = world.person(number).await;
        accounts.push(world.account(&format!("open/{number}"), party).await);
    }
    for round in 0..6 {
        let today = world.today().await;
        let key = |number: usize| format!("in/{round}/{number}");
        let close = (format!("close/{today}"), Command::CloseDate(today));
        let deposits = accounts.iter().enumerate();
        let deposits = deposits.map(|(number, id)| (key(number), Command::Deposit(*id, 1_000_00)));
        let mut commands: Vec<_> = deposits.collect();
        commands.insert(2 * round, close);
        let all = commands.iter().map(|(key, it)| world.give(Role::Operator, key, it));
        assert!(join_all(all).await.iter().all(Result::is_ok));
        for id in &accounts {
            // What it should have earned on, day by day from the books.
            let deposits = contract_account(id.cast(), "2011.01");
            let (mut day, mut balance_days) = (FIRST, 0);
            while day < world.today().await {
                let at = world.bank.balance_at(&world.reader(), deposits, day).await.unwrap();
                balance_days += (at.credits_posted - at.debits_posted).minor();
                day = day.tomorrow().unwrap();
            }
            let contract = world.bank.account(&world.reader(), *id).await.unwrap().contract;
            assert_eq!((contract.through, contract.balance_days), (day, balance_days));
        }
    }
    world.check().await;
}

#[tokio::test]
async fn deposits_at_the_same_moment_are_all_counted() {
    let world = World::new().await;
    let id = account(&world).await;
    let deposits = (1..=8).map(|number| {
        let world = world.clone();
        let command = Command::Deposit(id, number * 10_00);
        async move { world.ok(&format!("in/{number}"), command).await }
    });
    join_all(deposits).await;
    assert_eq!(balance(&world, id).await, 360_00);
    world.check().await;
}
