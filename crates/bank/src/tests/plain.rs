//! The plain ledger: answers per item, holds that expire, histories.

use jiff::SignedDuration;
use ledger::{AccountState, Code, Kind, Limits, Resolution, Transfer};
use money::Amount;
use stdx::{Id, Timestamp};

use super::{
    command::Command,
    replays::{new_account, transfer},
    world::{FIRST, NOW, World, contract_account},
};
use crate::{Caller, PAGE_MAX, Refusal, Role, plain::NewAccount};

/// `A` is a debit account that may not fall below zero, `B` a free one.
async fn world() -> World {
    let world = World::new().await;
    let limits = Limits { overdraft: Some(Amount::ZERO), ..Limits::default() };
    let strict = NewAccount { limits: Some(limits), ..new_account("A") };
    world.ok("open", Command::OpenLedgerAccounts(vec![strict, new_account("B")])).await;
    world
}

fn at(seconds: i64) -> Timestamp {
    NOW.checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

fn hold(name: &str, minor: i64, expires: i64) -> Transfer {
    Transfer { kind: Kind::Hold { expires: Some(at(expires)) }, ..transfer(name, "B", "A", minor) }
}

async fn run_moments(world: &World, seconds: i64) -> usize {
    let mut call = world.operator("moments", &Command::ClosePeriod(FIRST));
    call.now = at(seconds);
    world.bank.run_moments(&call).await.unwrap()
}

async fn resolution(world: &World, id: Id<Transfer>) -> Option<Resolution> {
    world.bank.transfer(&world.reader(), id).await.unwrap().resolution
}

#[tokio::test]
async fn each_item_of_a_bulk_has_its_own_answer() {
    let world = world().await;
    let linked = |linked, it: Transfer| Transfer { linked, ..it };
    let bulk = vec![
        transfer("1", "A", "B", 10_00),
        transfer("2", "A", "none", 10_00),
        linked(true, transfer("3", "A", "B", 1_00)),
        linked(false, transfer("4", "B", "A", 99_00)),
        transfer("5", "B", "A", 10_00),
    ];
    let results = world.ok("bulk", Command::Book(bulk.clone())).await;
    let expected = "[Ok(Created), Err(CreditAccountNotFound), Err(LinkedTransferFailed), \
        Err(CreditAccountExceedsOverdraft), Ok(Created)]";
    assert_eq!(results, expected);
    let again = world.ok("again", Command::Book(bulk[..1].to_vec())).await;
    assert_eq!(again, "[Ok(Exists)]");
    let other = Transfer { amount: Amount::from_minor(7), ..bulk[0].clone() };
    let other = world.ok("other", Command::Book(vec![other])).await;
    assert_eq!(other, "[Err(ExistsWithDifferentAmount)]");
    let many = vec![bulk[0].clone(); store::COMMIT_TRANSFERS_MAX + 1];
    let refusal = world.refused("many", Command::Book(many)).await;
    assert_eq!(refusal.code(), "too-many");
    world.check().await;
}

#[tokio::test]
async fn a_hold_expires_when_its_moment_has_come() {
    let world = world().await;
    world.ok("in", Command::Book(vec![transfer("in", "A", "B", 100_00)])).await;
    let (one, two) = (hold("one", 60_00, 60), hold("two", 30_00, 120));
    world.ok("hold", Command::Book(vec![one.clone(), two.clone()])).await;
    assert_eq!(run_moments(&world, 59).await, 0);
    assert_eq!(run_moments(&world, 60).await, 1);
    assert!(matches!(resolution(&world, one.id).await, Some(Resolution::Expired(_))));
    assert_eq!(resolution(&world, two.id).await, None);
    let post = Transfer::about(Id::derived(&[b"post"]), Kind::Post(two.id), FIRST, two.reason);
    world.ok("post", Command::Book(vec![post])).await;
    assert_eq!(run_moments(&world, 120).await, 1);
    assert!(matches!(resolution(&world, two.id).await, Some(Resolution::Posted(_))));
    assert_eq!(run_moments(&world, 1_000).await, 0);
    world.check().await;
}

#[tokio::test]
async fn a_hold_that_was_refused_may_come_again_and_expires() {
    let world = world().await;
    let early = hold("one", 60_00, 60);
    let refused = world.ok("early", Command::Book(vec![early])).await;
    assert_eq!(refused, "[Err(CreditAccountExceedsOverdraft)]");
    assert_eq!(run_moments(&world, 60).await, 1);
    world.ok("in", Command::Book(vec![transfer("in", "A", "B", 100_00)])).await;
    let late = hold("one", 60_00, 300);
    assert_eq!(world.ok("late", Command::Book(vec![late.clone()])).await, "[Ok(Created)]");
    assert_eq!(run_moments(&world, 300).await, 1);
    assert!(matches!(resolution(&world, late.id).await, Some(Resolution::Expired(_))));
    assert_eq!(run_moments(&world, 301).await, 0);
}

#[tokio::test]
async fn a_history_is_read_by_pages_newest_first() {
    let world = world().await;
    let names: Vec<_> = (0..7).map(|number| format!("t{number}")).collect();
    let transfers = names.iter().map(|name| transfer(name, "A", "B", 1_00)).collect();
    world.ok("book", Command::Book(transfers)).await;
    let (id, reader) = (new_account("A").id, world.reader());
    let (mut seen, mut from) = (Vec::new(), None);
    loop {
        let page = world.bank.account_history(&reader, id, from, 3).await.unwrap();
        assert!(page.data.len() <= 3);
        seen.extend(page.data.iter().map(|it| it.posted.transfer.id));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let expected: Vec<_> = names.iter().rev().map(|it| transfer(it, "A", "B", 1).id).collect();
    assert_eq!(seen, expected);
    let over = world.bank.account_history(&reader, id, None, PAGE_MAX + 1).await.unwrap_err();
    assert_eq!(over.code(), "too-many");
    let at = world.bank.balance_at(&reader, id, FIRST).await.unwrap();
    assert_eq!((at.debits_posted.minor(), at.credits_posted.minor()), (7_00, 0));
}

#[tokio::test]
async fn accounts_are_frozen_and_closed() {
    let world = world().await;
    let id = new_account("B").id;
    world.ok("freeze", Command::AccountState(id, AccountState::Frozen)).await;
    let frozen = world.ok("t", Command::Book(vec![transfer("t", "A", "B", 1)])).await;
    assert_eq!(frozen, "[Err(CreditAccountFrozen)]");
    world.ok("close", Command::AccountState(id, AccountState::Closed)).await;
    let refusal = world.refused("thaw", Command::AccountState(id, AccountState::Open)).await;
    assert_eq!(refusal.code(), "account-already-closed");
    let same = NewAccount { code: "9001".parse().unwrap(), ..new_account("A") };
    let refusal = world.refused("other", Command::OpenLedgerAccounts(vec![same])).await;
    assert_eq!(refusal.code(), "account-exists-with-different-code");
}

#[tokio::test]
async fn sums_beyond_any_amount_are_an_answer() {
    let world = World::new().await;
    let account =
        |name: &str, code: &str| NewAccount { code: code.parse().unwrap(), ..new_account(name) };
    let accounts = [("A", "8001"), ("B", "8003"), ("C", "8002"), ("D", "8004")];
    let accounts = accounts.map(|(name, code)| account(name, code)).to_vec();
    world.ok("open", Command::OpenLedgerAccounts(accounts)).await;
    let large = [("1", "A", "B"), ("2", "C", "D")];
    let large = large.map(|(name, debit, credit)| transfer(name, debit, credit, i64::MAX));
    let results = world.ok("book", Command::Book(large.to_vec())).await;
    assert_eq!(results, "[Ok(Created), Ok(Created)]");
    let balance = world.bank.trial_balance(&world.reader(), None).await.unwrap();
    assert!(balance.difference.values().all(|it| it.is_zero()));
    let refusal = world.bank.turnover(&world.reader(), "800").await.unwrap_err();
    assert_eq!(refusal.code(), "balance-overflow");
}

#[tokio::test]
async fn the_platform_may_run_what_is_due() {
    let world = world().await;
    world.ok("in", Command::Book(vec![transfer("in", "A", "B", 100_00)])).await;
    world.ok("hold", Command::Book(vec![hold("one", 60_00, 60)])).await;
    let mut call = world.operator("moments", &Command::ClosePeriod(FIRST));
    (call.caller, call.now) = (Caller::platform(world.home), at(61));
    assert_eq!(world.bank.run_moments(&call).await, Ok(1));
    call.caller = world.reader();
    let refusal = world.bank.run_moments(&call).await.unwrap_err();
    assert_eq!(refusal, Refusal::Forbidden(crate::Right::Days));
}

#[tokio::test]
async fn what_belongs_to_a_contract_is_not_touched() {
    let world = world().await;
    let party = world.person(1).await;
    let loan = world.lend("loan", party, 5_000_00, 3).await;
    let principal = contract_account(loan.cast(), "1303");
    let caller = Caller { role: Role::Auditor, ..Caller::platform(world.home) };
    let history = world.bank.account_history(&caller, principal, None, 1).await.unwrap();
    let disbursal = history.data[0].posted.transfer.id;
    let take = Transfer { debit: principal, ..transfer("t1", "A", "B", 1) };
    let give = Transfer { credit: principal, ..transfer("t2", "A", "B", 1) };
    let reason = Code::literal("undo");
    let undo = Transfer::about(Id::derived(&[b"t3"]), Kind::Reversal(disbursal), FIRST, reason);
    let inside = NewAccount { lane: Some(party.cast()), ..new_account("C") };
    let commands = [
        Command::AccountState(principal, AccountState::Frozen),
        Command::AccountLimits(principal, Some(Limits::default())),
        Command::Book(vec![transfer("t0", "A", "B", 1), take]),
        Command::Book(vec![give]),
        Command::Book(vec![undo]),
        Command::OpenLedgerAccounts(vec![inside]),
    ];
    for (number, command) in commands.into_iter().enumerate() {
        let refusal = world.refused(&format!("c{number}"), command).await;
        assert_eq!(refusal, Refusal::ContractAccount, "{number}");
    }
    world.check().await;
}
