//! Term deposits: interest against numbers made by hand, money that comes from an account and goes
//! back to it, and what is refused.

use deposits::{Rollover, Scope, Stage};
use ledger::Side;
use stdx::Date;

use super::{
    command::{Command, yuan},
    world::World,
};
use crate::{
    accounts::Restrained,
    deposits::{DepositMoved, OpenDeposit},
    tables::{CurrentAccountId, PartyId, TermDepositId},
};

/// 3.6 % for a month, 1.2 % for three, on demand 0.36 %: on 10,000 yuan 1 yuan, 33 fen and 10 fen
/// a day.
pub(super) const NEST: &str = r#"
product: nest
version: 1
kind: term-deposit
name: { en: Nest egg, zh: 定期存款 }
currency: CNY
effective: 2024-01-01
eligibility:
  - code: known
    rule: applicant.kyc_level != "none"
    reason: { en: The holder must be known., zh: 须完成身份核验。 }
terms:
  amount: { min: 100 }
  tenors:
    - { tenor: 1 month, rate: [{ from: 2024-01-01, rate: 0.036 }, { from: 2025-02-02, rate: 0.018 }] }
    - { tenor: 3 months, rate: 0.012 }
  demand_rate: 0.0036
  early_withdrawal: { in_part: 1 }
"#;

pub(super) async fn publish(world: &World) {
    world.publish("nest", 1, NEST).await;
}

/// 10,000 yuan in cash for a month.
pub(super) fn asked(party: PartyId) -> OpenDeposit {
    OpenDeposit {
        party,
        product: "nest".to_owned(),
        amount: yuan(10_000_00),
        tenor: "1 month".parse().unwrap(),
        rollover: Rollover::None,
        account: None,
    }
}

pub(super) async fn deposit(world: &World, party: PartyId) -> TermDepositId {
    publish(world).await;
    open(world, asked(party)).await
}

async fn open(world: &World, asked: OpenDeposit) -> TermDepositId {
    world.answer::<DepositMoved>("open-deposit", Command::OpenDeposit(asked)).await.deposit
}

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

async fn interest(world: &World, id: TermDepositId) -> i64 {
    world.balance(id.cast(), "2231.02", Side::Credit).await.minor()
}

async fn principal(world: &World, id: TermDepositId) -> i64 {
    world.balance(id.cast(), "2011.02", Side::Credit).await.minor()
}

async fn stage(world: &World, id: TermDepositId) -> Stage {
    world.bank.term_deposit(&world.reader(), id).await.unwrap().contract.stage
}

/// A party with a deposit of 10,000 yuan that came from its account, where 5,000 stayed.
async fn from_account(world: &World, then: Rollover) -> (CurrentAccountId, TermDepositId) {
    publish(world).await;
    let free = super::world::PURSE
        .replace("version: 1", "version: 2")
        .replace("  outflow: { daily: 1000, monthly: 5000 }\n", "");
    world.publish("purse", 2, &free).await;
    let party = world.person(1).await;
    let account = world.account("account", party).await;
    world.ok("in", Command::Deposit(account, 15_000_00)).await;
    let asked = OpenDeposit { rollover: then, account: Some(account), ..asked(party) };
    (account, open(world, asked).await)
}

async fn in_account(world: &World, id: CurrentAccountId) -> i64 {
    world.bank.account(&world.reader(), id).await.unwrap().balance.amount.minor()
}

#[tokio::test]
async fn interest_is_booked_daily_and_paid_with_the_principal() {
    let world = World::new().await;
    let party = world.person(1).await;
    let id = deposit(&world, party).await;
    world.close_until(day(1, 22)).await;
    assert_eq!((principal(&world, id).await, interest(&world, id).await), (10_000_00, 20_00));
    // A month is a twelfth of a year, though January has 31 days.
    // It matured on Sunday the 2nd, in the holiday; what is left earns on demand.
    world.close_until(day(2, 5)).await;
    assert_eq!((stage(&world, id).await, interest(&world, id).await), (Stage::Matured, 30_30));
    world.close_until(day(2, 12)).await;
    assert_eq!(interest(&world, id).await, 30_00 + 1_00);
    let paid: DepositMoved = world.answer("out", Command::WithdrawDeposit(id, None)).await;
    assert_eq!((paid.amount, paid.interest), (yuan(10_000_00), yuan(31_00)));
    assert_eq!((principal(&world, id).await, interest(&world, id).await), (0, 0));
    let again = world.refused("again", Command::WithdrawDeposit(id, None)).await;
    assert_eq!(again.code(), "contract-closed");
    world.close_day().await;
    let expense = world.bank.turnover(&world.reader(), "6411").await.unwrap();
    assert_eq!(expense, [(yuan(31_00), yuan(0))]);
    world.check().await;
}

#[tokio::test]
async fn what_is_withdrawn_early_earns_on_demand() {
    let world = World::new().await;
    let id = deposit(&world, world.person(1).await).await;
    world.close_until(day(1, 22)).await;
    let part = Command::WithdrawDeposit(id, Some(4_000_00));
    let paid: DepositMoved = world.answer("part", part).await;
    // Twenty days of 4 fen; of the 20 yuan booked, those of the 6,000 stay.
    assert_eq!((paid.interest, paid.principal), (yuan(80), yuan(6_000_00)));
    assert_eq!(interest(&world, id).await, 12_00);
    let code = |key: &'static str, minor| {
        let world = &world;
        async move { world.refused(key, Command::WithdrawDeposit(id, minor)).await.code() }
    };
    assert_eq!(code("a", Some(1)).await, "too-many-withdrawals-in-part");
    assert_eq!(code("b", Some(6_000_01)).await, "exceeds-principal");
    world.close_until(day(1, 27)).await;
    let paid: DepositMoved = world.answer("all", Command::WithdrawDeposit(id, None)).await;
    assert_eq!(paid.interest, yuan(150));
    let expense = world.bank.turnover(&world.reader(), "6411").await.unwrap();
    assert_eq!(
        expense.iter().map(|(debit, credit)| debit.amount - credit.amount).sum::<money::Amount>(),
        yuan(2_30).amount
    );
    world.check().await;
}

#[tokio::test]
async fn both_begin_another_tenor_at_the_rate_of_that_day() {
    let world = World::new().await;
    let (account, id) = from_account(&world, Rollover::PrincipalAndInterest).await;
    assert_eq!(
        (in_account(&world, account).await, principal(&world, id).await),
        (5_000_00, 10_000_00)
    );
    world.close_until(day(2, 5)).await;
    assert_eq!((stage(&world, id).await, principal(&world, id).await), (Stage::Running, 10_030_00));
    let contract = world.bank.term_deposit(&world.reader(), id).await.unwrap().contract;
    assert_eq!((contract.rate.to_string(), contract.matures_on), ("0.018".to_owned(), day(3, 2)));
    world.check().await;
}

#[tokio::test]
async fn interest_goes_to_the_account_and_the_principal_stays() {
    let world = World::new().await;
    let (account, id) = from_account(&world, Rollover::Principal).await;
    world.close_until(day(2, 5)).await;
    assert_eq!(
        (principal(&world, id).await, in_account(&world, account).await),
        (10_000_00, 5_030_00)
    );
    // It is in the account from 2 February on: 34 days on 5,000 from 2 January, 3 on 30.
    let earned = world.balance(account.cast(), "2231.01", Side::Credit).await.minor();
    assert_eq!(earned, 17_01, "17.009");
    // An account that takes nothing in: the interest of the next tenor waits, and is asked for.
    world.ok("freeze", Command::FreezeAccount(account, Scope::In, None)).await;
    world.close_until(day(3, 3)).await;
    assert_eq!(
        (in_account(&world, account).await, interest(&world, id).await),
        (5_030_00, 15_00 + 50)
    );
    let shut = world.refused("pay", Command::PayDepositInterest(id)).await;
    assert_eq!(shut.code(), "frozen-in");
    let freeze = world.bank.account(&world.reader(), account).await.unwrap().contract;
    let freeze = freeze.restraints.freezes[0].id;
    world.ok("thaw", Command::UnfreezeAccount(account, freeze)).await;
    let paid: DepositMoved = world.answer("pay", Command::PayDepositInterest(id)).await;
    assert_eq!((paid.interest, in_account(&world, account).await), (yuan(15_00), 5_045_00));
    let paid: DepositMoved = world.answer("out", Command::WithdrawDeposit(id, None)).await;
    let total = 5_045_00 + 10_000_00 + paid.interest.amount.minor();
    assert_eq!(in_account(&world, account).await, total);
    world.check().await;
}

#[tokio::test]
async fn what_is_not_the_holders_is_refused() {
    let world = World::new().await;
    publish(&world).await;
    let (one, other) = (world.person(1).await, world.person(2).await);
    let account = world.account("account", other).await;
    let code = |key: &'static str, asked| {
        let world = &world;
        async move { world.refused(key, Command::OpenDeposit(asked)).await.code() }
    };
    let theirs = OpenDeposit { account: Some(account), ..asked(one) };
    assert_eq!(code("a", theirs).await, "not-found");
    let empty = OpenDeposit { account: Some(account), ..asked(other) };
    assert_eq!(code("b", empty).await, "debit-account-exceeds-overdraft");
    let small = OpenDeposit { amount: yuan(99_99), ..asked(one) };
    assert_eq!(code("c", small).await, "not-offered");
    let purse = OpenDeposit { product: "purse".to_owned(), ..asked(one) };
    assert_eq!(code("d", purse).await, "product-of-other-kind");
    let list = world.bank.term_deposits(&world.reader(), None, None, 9).await.unwrap();
    assert_eq!(list.data, []);
}

#[tokio::test]
async fn a_frozen_deposit_begins_no_other_tenor() {
    let world = World::new().await;
    let (_, id) = from_account(&world, Rollover::PrincipalAndInterest).await;
    let frozen: Restrained = world.answer("freeze", Command::FreezeDeposit(id, Scope::Out)).await;
    world.close_until(day(2, 5)).await;
    assert_eq!((stage(&world, id).await, principal(&world, id).await), (Stage::Matured, 10_000_00));
    let roll = Command::RollOver(id, Rollover::Principal);
    assert_eq!(world.refused("roll", roll.clone()).await.code(), "rollover-frozen");
    let out = world.refused("out", Command::WithdrawDeposit(id, None)).await;
    assert_eq!(out.code(), "frozen-out");
    world.ok("thaw", Command::UnfreezeDeposit(id, frozen.restraint.cast())).await;
    let stopped: Restrained = world.answer("stop", Command::StopDeposit(id, 9_000_00)).await;
    let kept = world.refused("kept", Command::WithdrawDeposit(id, Some(1_000_01))).await;
    assert_eq!(kept.code(), "debit-account-exceeds-overdraft");
    world.ok("release", Command::ReleaseDepositStop(id, stopped.restraint.cast())).await;
    world.ok("roll", roll).await;
    assert_eq!((stage(&world, id).await, interest(&world, id).await), (Stage::Running, 30_30));
    world.check().await;
}
