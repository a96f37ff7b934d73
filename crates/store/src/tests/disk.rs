//! Power cuts at any point, and disks that are full, read-only, unable to sync, or slow.

use std::{collections::BTreeMap, sync::Arc};

use faultdisk::{Disk, Fault, Keep};
use rusqlite::{Connection, OpenFlags};
use stdx::Prng;
use tokio::task::JoinHandle;

use super::{
    AccountChange, Commit, Directory, Due, LOANS, Loan, Receipt, Store, account, balance, bank,
    commit, committed, day, lane, loan, moving, nth, open_accounts, replayed, rig::queue, transfer,
    verify,
};
use crate::{Outcome, PAGE_MAX, StoreError, engine::sqlite::SqliteEngine};

/// Lanes of a history, each with an account.
const LANES: u64 = 4;
/// A lane with many accounts, from this number on.
const BULK: u64 = 100;
/// How many it has.
const BULK_ACCOUNTS: u64 = 280;
/// The transfers of a commit in it; so many are stored in another way than few.
const BULK_TRANSFERS: u64 = 150;

/// Opens the store of a directory on a disk.
fn open_on(disk: Disk, directory: &Directory) -> Store {
    let engine = SqliteEngine::open_on(directory.path(), Some(disk.name())).unwrap();
    Store::on(Arc::new(engine)).unwrap()
}

/// A connection beside the store's own, on the same disk.
fn beside(disk: Disk, directory: &Directory) -> Connection {
    let path = directory.path().join("suanpan.db");
    let flags = OpenFlags::default();
    let connection = Connection::open_with_flags_and_vfs(path, flags, disk.name()).unwrap();
    connection.pragma_update(None, "synchronous", "full").unwrap();
    connection
}

/// What the power leaves, opened on a disk that works.
fn after_cut(disk: Disk, position: usize, keep: Keep) -> (Directory, Store) {
    let directory = Directory::new();
    disk.cut(position, keep, directory.path()).unwrap();
    let store = open_on(Disk::new(), &directory);
    (directory, store)
}

/// Opens an account in each lane, and those of the lane with many.
fn opening() -> Commit {
    let mut opening = commit("open");
    let few = (1..=LANES).map(|it| account(it, it));
    let many = (BULK..BULK + BULK_ACCOUNTS).map(|it| account(it, BULK));
    opening.accounts = few.chain(many).map(AccountChange::Open).collect();
    opening
}

fn key(number: u64) -> String {
    format!("command {number}")
}

/// The nth command of a history: transfers between lanes, or many in one; a record, an event, a
/// timer.
fn command(seed: u64, number: u64) -> Commit {
    let mut prng = Prng::stream(seed, &key(number));
    let bulk = prng.chance(8);
    let count = if bulk { BULK_TRANSFERS } else { prng.below(4) };
    let (first, accounts) = if bulk { (BULK, BULK_ACCOUNTS) } else { (1, LANES) };
    let transfers = (0..count).map(|it| {
        let debit = prng.below(accounts);
        let credit = (debit + 1 + prng.below(accounts - 1)) % accounts;
        let id = 1 + number * BULK_TRANSFERS + it;
        transfer(id, first + debit, first + credit, 1 + i64::try_from(it).unwrap())
    });
    let mut command = moving(&key(number), transfers.collect::<Vec<_>>());
    command.lane = if bulk { lane(BULK) } else { lane(1 + prng.below(LANES)) };
    let state = "x".repeat(*prng.pick(&[1, 90, 900]));
    command.put(&LOANS, nth::<Loan>(number + 1), 0, &loan("ann", &state));
    command.tell("happened", nth::<Loan>(number + 1), &number);
    command.set_timer(Due::Day(day("2026-04-01")), "collect", nth::<Loan>(number + 1));
    command
}

/// Commits that do not wait for each other.
fn at_once(
    store: &Store,
    commits: impl Iterator<Item = Commit>,
) -> Vec<JoinHandle<Result<Outcome, StoreError>>> {
    let commit = |it| {
        let store = store.clone();
        tokio::spawn(async move { store.commit(it).await })
    };
    commits.map(commit).collect()
}

/// A history, with where the tape was when each command was acknowledged and what it was told.
struct History {
    seed: u64,
    disk: Disk,
    acknowledged: BTreeMap<u64, (usize, Receipt)>,
}

/// Commands alone and many at once; now and then the log is written back, or the store is closed.
async fn history(seed: u64) -> History {
    let (directory, disk) = (Directory::new(), Disk::new());
    let mut prng = Prng::stream(seed, "history");
    let mut acknowledged = BTreeMap::new();
    let mut next = 0;
    for _ in 0..3 {
        let store = open_on(disk, &directory);
        store.commit(opening()).await.unwrap();
        for _ in 0..5 {
            let group = next..next + 1 + prng.below(5);
            next = group.end;
            let waiting = at_once(&store, group.clone().map(|it| command(seed, it)));
            for (number, waits) in group.zip(waiting) {
                let outcome = waits.await.unwrap().unwrap();
                let Outcome::Committed(receipt) = outcome else { panic!("{number}: {outcome:?}") };
                acknowledged.insert(number, (disk.position(), receipt));
            }
            let mode = *prng.pick(&["", "PASSIVE", "RESTART", "TRUNCATE"]);
            if !mode.is_empty() {
                let sql = format!("PRAGMA wal_checkpoint({mode})");
                beside(disk, &directory).query_row(&sql, [], |_| Ok(())).unwrap();
            }
        }
    }
    History { seed, disk, acknowledged }
}

#[tokio::test]
async fn a_power_cut_at_any_point_loses_nothing_and_halves_nothing() {
    for seed in 0..2 {
        let history = history(seed).await;
        let mut prng = Prng::stream(seed, "cuts");
        let positions: Vec<_> = (0..=history.disk.position()).collect();
        for cut in 0..30 {
            let position = *prng.pick(&positions);
            let keep = match cut % 3 {
                0 => Keep::Nothing,
                1 => Keep::All,
                _ => Keep::Some { seed: cut },
            };
            let (_directory, store) = check_cut(&history, position, keep).await;
            if cut % 6 == 0 {
                goes_on(&history, &store).await;
            }
        }
        check_cut(&history, history.disk.position(), Keep::Nothing).await;
    }
}

async fn check_cut(history: &History, position: usize, keep: Keep) -> (Directory, Store) {
    let History { seed, disk, acknowledged } = history;
    let what = format!("seed {seed}, cut at {position}, {keep:?}");
    let (directory, store) = after_cut(*disk, position, keep);
    verify(&store).await;
    let log = store.log(bank(), 0, PAGE_MAX).await.unwrap().data;
    assert!(log.len() < PAGE_MAX);
    for (number, (at, receipt)) in acknowledged {
        let whole = command(*seed, *number);
        let rows = log.iter().filter(|it| it.key == whole.key && it.lane == whole.lane).count();
        assert!(rows <= 1, "{what}: command {number} happened {rows} times");
        // All of it or nothing.
        for it in &whole.transfers {
            let found = store.transfer(bank(), it.id).await.unwrap();
            assert_eq!(found.is_some(), rows == 1, "{what}: command {number}");
        }
        let record = store.get(&LOANS, bank(), nth::<Loan>(*number + 1)).await.unwrap();
        assert_eq!(record.is_some(), rows == 1, "{what}: command {number}");
        // What was acknowledged is there, and is answered as it was.
        assert!(rows == 1 || *at > position, "{what}: command {number} is lost");
        if rows == 1 {
            let again = replayed(&store, whole).await;
            assert_eq!((again.lane, again.seq), (receipt.lane, receipt.seq), "{what}");
            assert_eq!(again.answer.get(), receipt.answer.get(), "{what}");
        }
    }
    (directory, store)
}

/// What was lost on its way is done now, once.
async fn goes_on(History { seed, acknowledged, .. }: &History, store: &Store) {
    store.commit(opening()).await.unwrap();
    for number in acknowledged.keys() {
        let outcome = store.commit(command(*seed, *number)).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed(_) | Outcome::Replayed(_)), "{outcome:?}");
    }
    verify(store).await;
}

/// Fails the disk under commits, alone and many at once; mends it; and again.
async fn fails_and_mends(faults: &[Fault], named: &str) {
    let (directory, disk) = (Directory::new(), Disk::new());
    let store = open_on(disk, &directory);
    open_accounts(&store, LANES).await;
    committed(&store, pay(1)).await;
    let mut acknowledged = 1;
    for fault in faults {
        disk.fail(*fault);
        // At most as many as fit into the room that is left.
        let refused = loop {
            match store.commit(pay(acknowledged + 1)).await {
                Ok(Outcome::Committed(_)) => acknowledged += 1,
                Ok(other) => panic!("{fault:?}: {other:?}"),
                Err(error) => break error,
            }
        };
        let StoreError::Unavailable(why) = &refused else { panic!("{fault:?}: {refused}") };
        assert!(why.contains(named), "{fault:?}: {why}");
        for waits in at_once(&store, (1..=9).map(|it| pay(acknowledged + it))) {
            let outcome = waits.await.unwrap();
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{fault:?}: {outcome:?}");
        }
        // What is there can be read all the while, and nothing else is there.
        assert_eq!(balance(&store, 2).await, acknowledged);
        replayed(&store, pay(acknowledged)).await;

        disk.mend();
        // What was refused is done now, once, under the same key.
        acknowledged += 1;
        committed(&store, pay(acknowledged)).await;
        assert_eq!(balance(&store, 2).await, acknowledged);
        verify(&store).await;
        let (_directory, left) = after_cut(disk, disk.position(), Keep::Nothing);
        assert_eq!(balance(&left, 2).await, acknowledged, "{fault:?}");
        verify(&left).await;
    }
}

/// The nth payment of 1 from account 1 to account 2.
fn pay(number: i64) -> Commit {
    let id = u64::try_from(number).unwrap();
    moving(&format!("pay {number}"), [transfer(id, 1, 2, 1)])
}

#[tokio::test]
async fn a_full_disk_is_named_and_loses_nothing() {
    let faults: Vec<_> = (0..24).map(|it| Fault::Full { after_bytes: it * 3_001 }).collect();
    fails_and_mends(&faults, "full").await;
}

#[tokio::test]
async fn a_read_only_disk_is_named_and_loses_nothing() {
    fails_and_mends(&[Fault::ReadOnly; 8], "disk I/O error").await;
}

#[tokio::test]
async fn a_disk_that_cannot_sync_is_named_and_loses_nothing() {
    fails_and_mends(&[Fault::NoSync; 8], "disk I/O error").await;
}

#[tokio::test]
async fn a_slow_disk_is_waited_for() {
    let (directory, disk) = (Directory::new(), Disk::new());
    let store = open_on(disk, &directory);
    open_accounts(&store, LANES).await;
    let before = disk.syncs();

    let held = disk.hold_syncs();
    let mut first = Box::pin(store.commit(pay(1)));
    assert!(queue(first.as_mut()).is_pending());
    held.until_waiting();
    let mut others: Vec<_> = (2..=50).map(|it| Box::pin(store.commit(pay(it)))).collect();
    for waits in others.iter_mut().chain([&mut first]) {
        assert!(queue(waits.as_mut()).is_pending(), "acknowledged before its sync");
    }
    // Nobody sees it either.
    let log = async || store.log(bank(), 0, PAGE_MAX).await.unwrap().data.len();
    assert_eq!((disk.syncs(), log().await), (before, 1));
    drop(held);

    for waits in [first].into_iter().chain(others) {
        assert!(matches!(waits.await, Ok(Outcome::Committed(_))));
    }
    // One for the first, one for all that came meanwhile.
    assert_eq!((disk.syncs(), log().await), (before + 2, 51));
    assert_eq!(balance(&store, 2).await, 50);
}

#[tokio::test]
async fn a_commit_alone_costs_one_sync() {
    let (directory, disk) = (Directory::new(), Disk::new());
    let store = open_on(disk, &directory);
    open_accounts(&store, LANES).await;
    let before = disk.syncs();
    for number in 1..=200 {
        committed(&store, pay(number)).await;
    }
    let syncs = disk.syncs() - before;
    assert!((200..=260).contains(&syncs), "{syncs} syncs for 200 commits");
}
