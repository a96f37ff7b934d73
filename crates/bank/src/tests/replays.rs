//! A command given again under its key: the same answer, however far things have moved on.

use deposits::{Rollover, Scope};
use futures_util::future::join_all;
use ledger::{AccountState, Balancing, Kind, Side, Transfer};
use money::{Amount, Currency};
use stdx::{Id, Prng};

use super::{
    command::Command,
    world::{FIRST, World},
};
use crate::{
    Refusal, Role,
    accounts::{AccountMoved, Restrained},
    deposits::DepositMoved,
    keys::NewKey,
    loans::{Applied, Signed},
    parties::PartyChanged,
    plain::NewAccount,
    products::Step,
};

pub(super) fn new_account(name: &str) -> NewAccount {
    let (id, code) = (Id::derived(&[name.as_bytes()]), "9000".parse().unwrap());
    let (currency, side) = (Currency::CNY, Side::Debit);
    NewAccount { id, code, currency, side, lane: None, limits: None }
}

pub(super) fn transfer(name: &str, debit: &str, credit: &str, minor: i64) -> Transfer {
    Transfer {
        id: Id::derived(&[b"transfer", name.as_bytes()]),
        kind: Kind::Plain,
        debit: new_account(debit).id,
        credit: new_account(credit).id,
        amount: Amount::from_minor(minor),
        balancing: Balancing::None,
        linked: false,
        value_date: FIRST,
        reason: "test".parse().unwrap(),
    }
}

/// Commands in the order they were given, with their keys and answers.
struct Journal {
    world: World,
    given: Vec<(Role, String, Command, String)>,
}

impl Journal {
    async fn give(&mut self, command: Command) -> String {
        self.give_as(command.role(), command).await
    }

    async fn give_as(&mut self, role: Role, command: Command) -> String {
        let key = format!("journal/{}", self.given.len());
        let given = self.world.give(role, &key, &command).await;
        let (answer, replayed) = given.unwrap_or_else(|it| panic!("{command:?}: {it}"));
        assert!(!replayed, "{command:?}");
        self.given.push((role, key, command, answer.clone()));
        answer
    }
}

/// One of every command there is.
async fn one_of_each(world: World) -> Journal {
    let mut journal = Journal { world, given: Vec::new() };
    let registered = journal.give(Command::Register(7)).await;
    let party = serde_json::from_str::<PartyChanged>(&registered).unwrap().id;
    journal.give(Command::GiveConsent(party, "v1")).await;
    journal.give(Command::WithdrawConsent(party)).await;
    journal.give(Command::AddDocument(party)).await;
    journal.give(Command::RaiseKyc(party)).await;
    journal.give(Command::Amend(party, 5, 99)).await;
    let applied = journal.give(World::apply(party, 5_000_00, 1)).await;
    let applied = serde_json::from_str::<Applied>(&applied).unwrap();
    let signed = journal.give(Command::Sign(applied.id)).await;
    let loan = serde_json::from_str::<Signed>(&signed).unwrap().loan;
    journal.give(Command::Disburse(loan)).await;
    journal.give(Command::Repay(loan, 100_00)).await;
    let opened = journal.give(Command::OpenAccount(party)).await;
    let account = serde_json::from_str::<AccountMoved>(&opened).unwrap().account;
    journal.give(Command::Deposit(account, 900_00)).await;
    journal.give(Command::Withdraw(account, 800_00)).await;
    let frozen = journal.give(Command::FreezeAccount(account, Scope::In, None)).await;
    let freeze = serde_json::from_str::<Restrained>(&frozen).unwrap().restraint;
    journal.give(Command::UnfreezeAccount(account, freeze.cast())).await;
    let stopped = journal.give(Command::StopPayment(account, 5_00, None)).await;
    let stop = serde_json::from_str::<Restrained>(&stopped).unwrap().restraint;
    journal.give(Command::ReleaseStop(account, stop.cast())).await;
    journal.give(Command::DepositFrom(account, 7_00, FIRST)).await;
    journal.give(Command::WithdrawFrom(account, 7_00, FIRST)).await;
    journal.give(Command::CloseAccount(account)).await;
    super::deposits::publish(&journal.world).await;
    let opened = journal.give(Command::OpenDeposit(super::deposits::asked(party))).await;
    let deposit = serde_json::from_str::<DepositMoved>(&opened).unwrap().deposit;
    let frozen = journal.give(Command::FreezeDeposit(deposit, Scope::Whole)).await;
    let freeze = serde_json::from_str::<Restrained>(&frozen).unwrap().restraint;
    journal.give(Command::UnfreezeDeposit(deposit, freeze.cast())).await;
    let stopped = journal.give(Command::StopDeposit(deposit, 5_00)).await;
    let stop = serde_json::from_str::<Restrained>(&stopped).unwrap().restraint;
    journal.give(Command::ReleaseDepositStop(deposit, stop.cast())).await;
    journal.give(Command::InstructRollover(deposit, Rollover::Principal)).await;
    journal.give(Command::WithdrawDeposit(deposit, Some(100_00))).await;
    journal.give(Command::WithdrawDeposit(deposit, None)).await;
    let text = super::world::LOAN.replace("version: 1", "version: 2");
    journal.give(Command::Draft(text)).await;
    journal.give_as(Role::Approver, Command::Step("loan", 2, Step::Approve)).await;
    journal.give_as(Role::Approver, Command::Step("loan", 2, Step::Publish(FIRST))).await;
    journal.give_as(Role::Approver, Command::Step("loan", 2, Step::Suspend)).await;
    journal.give_as(Role::Approver, Command::Step("loan", 2, Step::Resume)).await;
    journal.give_as(Role::Approver, Command::Step("loan", 2, Step::Retire)).await;
    let accounts = ["A", "B"].map(new_account).to_vec();
    journal.give(Command::OpenLedgerAccounts(accounts)).await;
    journal.give(Command::Book(vec![transfer("t", "A", "B", 5)])).await;
    journal.give(Command::AccountLimits(new_account("A").id, None)).await;
    journal.give(Command::AccountState(new_account("A").id, AccountState::FrozenIn)).await;
    let name = "teller".to_owned();
    let new = NewKey { name, role: Role::Partner, sees_personal_data: false };
    let made = journal.give(Command::CreateKey(new)).await;
    let (id, _): (Id<_>, String) = serde_json::from_str(&made).unwrap();
    journal.give(Command::RevokeKey(id)).await;
    journal.give(Command::CloseDate(FIRST)).await;
    journal.give(Command::ClosePeriod(FIRST)).await;
    let quote =
        journal.world.bank.settlement_quote(&journal.world.reader(), loan, None).await.unwrap();
    journal.give(Command::Settle(loan, quote.total.minor())).await;
    journal
}

#[tokio::test]
async fn every_command_answers_a_repetition_as_it_answered_first() {
    let Journal { world, given } = one_of_each(World::new().await).await;
    let hash = world.bank.state_hash(&world.reader()).await.unwrap();
    for (role, key, command, first) in &given {
        let again = world.give(*role, key, command).await;
        assert_eq!(again, Ok((first.clone(), true)), "{command:?}");
    }
    assert_eq!(world.bank.state_hash(&world.reader()).await.unwrap(), hash);
    world.check().await;
}

#[tokio::test]
async fn a_repetition_may_come_with_another_seed_and_at_another_time() {
    let Journal { world, given } = one_of_each(World::new().await).await;
    for (role, key, command, first) in &given {
        let mut call = world.call(*role, key, command);
        call.seed = Prng::stream(2, key).bytes();
        call.now = call.now.checked_add(jiff::SignedDuration::from_hours(30)).unwrap();
        let (again, replayed) = command.give(&world.bank, &call).await.unwrap();
        assert!(replayed, "{command:?}");
        // A key's text is kept nowhere.
        if !matches!(command, Command::CreateKey(_)) {
            assert_eq!(again, *first, "{command:?}");
        }
    }
}

#[tokio::test]
async fn a_key_used_for_another_request_is_refused() {
    let Journal { world, given } = one_of_each(World::new().await).await;
    let hash = world.bank.state_hash(&world.reader()).await.unwrap();
    for (role, key, command, _) in &given {
        let mut call = world.call(*role, key, command);
        call.digest = stdx::Digest::ZERO;
        let refusal = command.give(&world.bank, &call).await.unwrap_err();
        assert_eq!(refusal, Refusal::IdempotencyKeyReused, "{command:?}");
    }
    assert_eq!(world.bank.state_hash(&world.reader()).await.unwrap(), hash);
}

#[tokio::test]
async fn of_a_command_given_many_times_at_once_one_happens() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 5_000_00, 6).await;
    let repay = Command::Repay(loan, 100_00);
    let all = join_all((0..20).map(|_| world.give(Role::Operator, "pay", &repay))).await;
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!(all.iter().filter(|(_, replayed)| !replayed).count(), 1);
    assert!(all.iter().all(|(answer, _)| *answer == all[0].0));
    assert_eq!(world.position(loan).await.prepaid.minor(), 100_00);
    world.check().await;
}

#[tokio::test]
async fn a_refusal_uses_up_no_key() {
    let world = World::new().await;
    let party = world.person(1).await;
    let account = world.account("open", party).await;
    let withdraw = Command::Withdraw(account, 100_00);
    let refusal = world.refused("withdraw", withdraw.clone()).await;
    assert!(matches!(refusal, Refusal::Ledger { transfer: Some(0), .. }), "{refusal:?}");
    world.ok("deposit", Command::Deposit(account, 100_00)).await;
    world.ok("withdraw", withdraw).await;
}

#[tokio::test]
async fn nobody_can_use_up_the_keys_of_the_end_of_day() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 5_000_00, 6).await;
    world.ok(&format!("close-loan-day/{FIRST}/{loan}"), Command::Register(2)).await;
    world.close_day().await;
    assert!(world.position(loan).await.through > FIRST);
}
