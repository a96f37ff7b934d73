//! Any history, backed up in parts while it goes on, is restored to any of its commits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use ledger::LaneId;
use money::Amount;
use stdx::{Digest, Prng};
use store::{Mode, Outcome, Store};

use super::{
    Directory, hashes,
    history::{History, account, moment, plain},
    institutions, nth, restored,
};
use crate::{Backup, Fault, Until, append};

const SEEDS: u64 = 4;
const COMMITS: usize = 150;
/// Commits to which each backup is restored.
const RESTORED: usize = 12;

/// The state hashes after each commit, by the position of its last row.
type States = BTreeMap<u64, Vec<Digest>>;

/// Carries out the next commit; answers the position of its last row, if it has one.
async fn step(store: &Store, history: &mut History) -> Option<u64> {
    let commit = history.next();
    let outcome = store.commit(commit).await.unwrap();
    matches!(outcome, Outcome::Committed(_)).then(|| newest(store))
}

fn newest(store: &Store) -> u64 {
    let mut newest = 0;
    let read = store.each_row::<Fault>(0, |row| {
        newest = row.position;
        Ok(())
    });
    read.unwrap();
    newest
}

async fn commits(store: &Store, history: &mut History) -> States {
    let mut states = States::new();
    for _ in 0..COMMITS {
        if let Some(position) = step(store, history).await {
            states.insert(position, hashes(store).await);
        }
    }
    states
}

#[test]
fn a_backup_restores_every_commit_of_a_history_that_goes_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut several = 0;
    for seed in 0..SEEDS {
        let (data, backup) = (Directory::new(), Directory::new());
        let store = Store::in_directory(data.path()).unwrap();
        let mut history = History::new(seed);
        runtime.block_on(step(&store, &mut history)).unwrap();
        let over = AtomicBool::new(false);
        let states = thread::scope(|scope| {
            scope.spawn(|| {
                // As another process would.
                let reading = Store::read_in_directory(data.path()).unwrap();
                while !over.load(Ordering::Relaxed) {
                    append(&reading, backup.path()).unwrap();
                }
            });
            let states = scope.spawn(|| runtime.block_on(commits(&store, &mut history))).join();
            over.store(true, Ordering::Relaxed);
            states.unwrap()
        });
        append(&store, backup.path()).unwrap();
        assert_eq!(append(&store, backup.path()).unwrap(), None, "it has everything");

        let backup = backup.backup();
        let summary = backup.check().unwrap();
        several += summary.segments;
        let now = runtime.block_on(hashes(&store));
        let checked: Vec<_> = summary.institutions.values().map(|it| it.state_hash()).collect();
        assert_eq!((checked, summary.positions), (now.clone(), (1, newest(&store))), "seed {seed}");
        runtime.block_on(async {
            assert_eq!(hashes(&restored(&backup, Until::End).await).await, now, "seed {seed}");
            some_commits(&backup, &states, seed).await;
        });
    }
    assert!(several > 3 * SEEDS, "{several} segments: hardly any was written in between");
}

async fn some_commits(backup: &Backup, states: &States, seed: u64) {
    let mut prng = Prng::stream(seed, "backup/until");
    let ends: Vec<_> = states.keys().copied().collect();
    for _ in 0..RESTORED {
        let end = *prng.pick(&ends);
        let store = restored(backup, Until::Position(end)).await;
        assert_eq!(hashes(&store).await, states[&end], "seed {seed}, position {end}");
        assert_eq!(newest(&store), end, "seed {seed}");
        // By the clock it is the same commit, as each has a second of its own.
        let mut at = None;
        let read = store.each_row::<Fault>(0, |row| {
            at = Some(row.at);
            Ok(())
        });
        read.unwrap();
        let store = restored(backup, Until::Moment(at.unwrap())).await;
        assert_eq!(newest(&store), end, "seed {seed}");
    }
}

#[tokio::test]
async fn a_restored_store_goes_on_and_so_does_its_backup() {
    let (backup, mut history) = (Directory::new(), History::new(1));
    let (first, second) = (Store::in_memory(), Store::in_memory());
    commits(&first, &mut history).await;
    append(&first, backup.path()).unwrap();
    backup.backup().restore(&second, Until::End).await.unwrap();
    for _ in 0..20 {
        let commit = history.next();
        let both = (first.commit(commit.clone()).await, second.commit(commit).await);
        assert_eq!(format!("{:?}", both.0), format!("{:?}", both.1));
    }
    append(&second, backup.path()).unwrap();
    assert_eq!(append(&first, backup.path()).unwrap(), None);
    let store = restored(&backup.backup(), Until::End).await;
    assert_eq!(hashes(&store).await, hashes(&first).await);
}

#[tokio::test]
async fn a_commit_that_moves_thousands_of_lanes_is_restored_whole() {
    let (store, backup) = (Store::in_memory(), Directory::new());
    let lanes = 3_000;
    let mut opening = History::new(1).next();
    opening.accounts = (1..=lanes).map(|it| account(it, it)).collect();
    let mut moving = opening.clone();
    moving.accounts.clear();
    let one = Amount::from_minor(1);
    moving.transfers = (2..=lanes).map(|it| plain(it, 1, it, one)).collect();
    moving.mode = Mode::Whole;
    for (key, commit) in [("open", opening), ("move", moving)] {
        let commit = store::Commit { key: key.to_owned(), ..commit };
        assert!(matches!(store.commit(commit).await.unwrap(), Outcome::Committed(_)), "{key}");
    }
    append(&store, backup.path()).unwrap();
    let backup = backup.backup();
    let all = restored(&backup, Until::End).await;
    assert_eq!(hashes(&all).await, hashes(&store).await);
    // In the middle of the second commit: all of it.
    let until = Until::Position(newest(&store) - 5);
    assert_eq!(newest(&restored(&backup, until).await), newest(&store));
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told() {
    let (store, backup) = (Store::in_memory(), Directory::new());
    let mut history = History::new(3);
    let states = commits(&store, &mut history).await;
    append(&store, backup.path()).unwrap();
    let end = *states.keys().next_back().unwrap();
    for (until, expected) in [
        (Until::Position(end + 1), format!("the backup ends at position {end}")),
        (Until::Position(0), "no commit of the backup is as early as that".to_owned()),
        (Until::Moment(moment(0).now), "no commit of the backup is as early as that".to_owned()),
    ] {
        let refused = backup.backup().restore(&Store::in_memory(), until).await;
        assert_eq!(refused.unwrap_err().to_string(), expected);
    }
    // Nor into a store that has something.
    let mut other = History::new(4);
    let full = Store::in_memory();
    commits(&full, &mut other).await;
    let before = hashes(&full).await;
    let refused = backup.backup().restore(&full, Until::End).await.unwrap_err();
    assert!(refused.to_string().contains("does not follow"), "{refused}");
    assert_eq!(hashes(&full).await, before);
}

#[tokio::test]
async fn rows_of_every_kind_are_in_the_histories() {
    let store = Store::in_memory();
    commits(&store, &mut History::new(0)).await;
    let (mut pointing, mut with_transfers, mut lanes) = (0, 0, BTreeSet::<LaneId>::new());
    let read = store.each_row::<Fault>(0, |row| {
        pointing += u32::from(row.told_at != 0);
        with_transfers += u32::from(!row.transfers.is_empty());
        lanes.insert(row.lane);
        Ok(())
    });
    read.unwrap();
    assert!(pointing > 50 && with_transfers > 50 && lanes.len() == 4, "{pointing}");
    for of in institutions() {
        assert!(store.verify(of).await.unwrap().records > 0);
        let resolved = (1..400).map(|id| store.transfer(of, nth(id)));
        let mut found = 0;
        for transfer in resolved {
            let moved = transfer.await.unwrap();
            found += u32::from(moved.is_some_and(|it| it.resolution.is_some()));
        }
        assert!(found > 3, "{found} resolved");
    }
}
