//! Current accounts: the product's limits, and interest against numbers made by hand.

use deposits::{Scope, Status};
use futures_util::future::join_all;
use ledger::Side;
use money::Currency;
use stdx::{Date, table};

use super::{
    command::{Command, yuan},
    world::{FIRST, World, contract_account},
};
use crate::{
    Refusal, Role,
    accounts::{AccountMoved, Restrained},
    tables::CurrentAccountId,
};

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
            assert_eq!(refusal.code(), "amount-not-positive");
        }
    }
    let refusal = world.refused("max", Command::Deposit(id, i64::MAX)).await;
    assert_eq!(refusal.code(), "credit-account-exceeds-balance-max");
    let dollars = money::Money::new(yuan(1).amount, "USD".parse::<Currency>().unwrap());
    let call = world.operator("usd", &Command::Deposit(id, 1));
    let refusal = world.bank.deposit(&call, id, dollars, None).await.unwrap_err();
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
async fn a_backdated_movement_earns_from_its_value_date() {
    let (late, in_time) = (World::new().await, World::new().await);
    let (one, other) = (account(&late).await, account(&in_time).await);
    late.ok("in", Command::Deposit(one, 10_000_00)).await;
    in_time.ok("in", Command::Deposit(other, 10_000_00)).await;
    for world in [&late, &in_time] {
        world.close_until(day(1, 13)).await;
    }
    in_time.ok("more", Command::Deposit(other, 2_000_00)).await;
    in_time.ok("less", Command::Withdraw(other, 500_00)).await;
    late.close_until(day(2, 6)).await;
    let refused = |key: &'static str, command| {
        let world = &late;
        async move { world.refused(key, command).await.code() }
    };
    let from = day(1, 13);
    let early = Command::DepositFrom(one, 1_00, day(1, 1));
    assert_eq!(refused("a", early).await, "before-opening");
    let ahead = Command::DepositFrom(one, 1_00, day(2, 7));
    assert_eq!(refused("b", ahead).await, "value-date-in-future");
    // As much as there is today, and more than there was then.
    late.ok("today", Command::Deposit(one, 50_00)).await;
    let too_much = Command::WithdrawFrom(one, 10_050_00, from);
    assert_eq!(refused("c", too_much).await, "overdrawn-on-value-date");
    late.ok("back", Command::Withdraw(one, 50_00)).await;
    late.ok("more", Command::DepositFrom(one, 2_000_00, from)).await;
    late.ok("less", Command::WithdrawFrom(one, 500_00, from)).await;
    // Booked at once: 11 days on 10,000 and 24 on 11,500.
    let payable = late.balance(one.cast(), "2231.01", Side::Credit).await;
    assert_eq!(payable.minor(), 11_00 + 24 * 1_15);
    for world in [&late, &in_time] {
        world.close_until(day(3, 21)).await;
        world.check().await;
    }
    assert_eq!(balance(&late, one).await, balance(&in_time, other).await);
    let settled = Command::DepositFrom(one, 1_00, day(3, 20));
    assert_eq!(refused("d", settled).await, "value-date-settled");
}

#[tokio::test]
async fn an_account_is_closed_with_its_interest() {
    let world = World::new().await;
    let id = account(&world).await;
    world.ok("in", Command::Deposit(id, 10_000_00)).await;
    world.close_until(day(2, 6)).await;
    // 35 days of 1 yuan; the daily limit of 1,000 does not keep the money in.
    let closed: AccountMoved = world.answer("close", Command::CloseAccount(id)).await;
    assert_eq!(closed.amount, yuan(10_035_00));
    for code in ["2011.01", "2231.01"] {
        assert!(world.balance(id.cast(), code, Side::Credit).await.is_zero(), "{code}");
    }
    let code = world.refused("in again", Command::Deposit(id, 1)).await.code();
    assert_eq!(code, "contract-closed");
    world.close_day().await;
    assert_eq!(world.bank.account(&world.reader(), id).await.unwrap().contract.timer, None);
    world.check().await;
}

#[tokio::test]
async fn freezes_and_stop_payments_hold_until_their_day() {
    let world = World::new().await;
    let id = account(&world).await;
    world.ok("in", Command::Deposit(id, 900_00)).await;
    let stop = Command::StopPayment(id, 300_00, Some(day(1, 5)));
    let stopped: Restrained = world.answer("stop", stop).await;
    assert_eq!(stopped.contract, id.cast());
    let standing = world.bank.account(&world.reader(), id).await.unwrap();
    assert_eq!((standing.balance, standing.available), (yuan(900_00), yuan(600_00)));
    let over = world.refused("over", Command::Withdraw(id, 600_01)).await.code();
    assert_eq!(over, "debit-account-exceeds-overdraft");
    let too_much = world.refused("more", Command::StopPayment(id, 600_01, None)).await.code();
    assert_eq!(too_much, "debit-account-exceeds-overdraft");
    world.ok("freeze", Command::FreezeAccount(id, Scope::Whole, Some(day(1, 3)))).await;
    for (key, command) in [("x", Command::Deposit(id, 1)), ("y", Command::Withdraw(id, 1))] {
        let code = world.refused(key, command).await.code();
        assert!(code == "frozen-in" || code == "frozen-out", "{code}");
    }
    let kept = world.refused("close", Command::CloseAccount(id)).await.code();
    assert_eq!(kept, "restraints-remain");
    // Over the weekend both end, the freeze on Friday.
    world.close_until(day(1, 6)).await;
    let standing = world.bank.account(&world.reader(), id).await.unwrap();
    assert_eq!(standing.available, yuan(900_00));
    assert!(standing.contract.restraints.is_empty());
    world.ok("out", Command::Withdraw(id, 1_00)).await;
    world.check().await;
}

#[tokio::test]
async fn an_account_that_nobody_moves_falls_asleep() {
    let world = World::new().await;
    let sleepy = super::world::PURSE
        .replace("version: 1", "version: 2")
        .replace("  max_balance", "  dormant_after: 1 month\n  max_balance");
    for (version, text) in [(2, sleepy.clone()), (3, without_interest(&sleepy))] {
        world.publish("purse", version, &text).await;
        let id = world.account(&format!("open/{version}"), world.person(1).await).await;
        world.ok(&format!("in/{version}"), Command::Deposit(id, 50_00)).await;
        let status =
            || async { world.bank.account(&world.reader(), id).await.unwrap().contract.status };
        let from = world.today().await;
        world.close_until(from.checked_add(jiff::Span::new().months(1)).unwrap()).await;
        assert_eq!(status().await, Status::Dormant);
        let asleep = world.refused(&format!("out/{version}"), Command::Withdraw(id, 1)).await;
        assert_eq!(asleep.code(), "account-dormant");
        world.ok(&format!("late/{version}"), Command::Deposit(id, 1)).await;
        world.ok(&format!("wake/{version}"), Command::WakeAccount(id)).await;
        world.ok(&format!("out/{version}"), Command::Withdraw(id, 1)).await;
        world.close_day().await;
        assert_eq!(status().await, Status::Active);
    }
    world.check().await;
}

fn without_interest(text: &str) -> String {
    let lines = text.replace("version: 2", "version: 3");
    let lines = lines.lines().filter(|it| !it.contains("interest:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_ledger_keeps_the_caps_of_the_class() {
    let world = World::new().await;
    let classed = |class: &str, version: u32| {
        super::world::PURSE
            .replace("version: 1", &format!("version: {version}"))
            .replace("  max_balance: 20000", &format!("  class: {class}"))
            .replace("  outflow: { daily: 1000, monthly: 5000 }\n", "")
    };
    let rows = "
        class      in       => code
        bank-1     99999999    -
        bank-2     1000000     -
        bank-2     1000001     credit-account-exceeds-cap
        bank-3     200000      -
        bank-3     200001      credit-account-exceeds-balance-max
        payment-1  1000000     -
    ";
    let mut version = 1;
    for row in table::parse(rows) {
        version += 1;
        world.publish("purse", version, &classed(row.text("class"), version)).await;
        let id = world.account(&format!("open/{version}"), world.person(1).await).await;
        let command = Command::Deposit(id, row.get("in"));
        let given = world.give(Role::Operator, &format!("in/{version}"), &command).await;
        let code = given.err().map(|it| it.code().to_owned());
        assert_eq!(code, row.option("code"), "line {}", row.line);
        if row.text("class") == "payment-1" {
            world.ok("all", Command::Withdraw(id, 1_000_00)).await;
            let over = world.refused("over", Command::Withdraw(id, 1)).await;
            assert_eq!(over.code(), "debit-account-exceeds-cap");
        }
    }
}

#[tokio::test]
async fn a_posted_rate_is_that_of_the_version_in_force() {
    let world = World::new().await;
    let posted = |version: u32, rates: &str| {
        super::world::PURSE
            .replace("version: 1", &format!("version: {version}"))
            .replace("rate: 0.036", &format!("rate: [{rates}]"))
    };
    let first = "{ from: 2024-01-01, rate: 0.036 }";
    world.publish("purse", 2, &posted(2, first)).await;
    let id = account(&world).await;
    world.ok("in", Command::Deposit(id, 10_000_00)).await;
    world.close_until(day(2, 6)).await;
    let payable = || world.balance(id.cast(), "2231.01", Side::Credit);
    assert_eq!(payable().await.minor(), 35_00);
    // Halved from the next day on, for everybody: the whole period settles at the rate of its end.
    let second = format!("{first}, {{ from: 2025-02-07, rate: 0.018 }}");
    world.publish("purse", 3, &posted(3, &second)).await;
    world.close_until(day(2, 7)).await;
    assert_eq!(payable().await.minor(), 36_00);
    world.close_until(day(2, 8)).await;
    assert_eq!(payable().await.minor(), 37 * 50);
    assert_eq!(world.bank.account(&world.reader(), id).await.unwrap().contract.version, 2);
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
