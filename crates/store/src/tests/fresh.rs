//! What is read is never older than what was known before.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use stdx::{Id, Prng};

use super::{
    Commit, LOANS, Loan, Store, bank, commit, committed, lane, loan, nth, on_each,
    rig::{Write, on_each_rigged},
};
use crate::{
    Outcome, RecordEntry, RecordKey,
    commit::raw,
    engine::{RecordRow, RecordWrite},
    records::Records,
};

/// More than are kept in memory.
const LOANS_MAX: u64 = 24;

/// A commit that brings a loan to a version, which it names.
fn brings(number: u64, version: u64) -> Commit {
    let mut commit = commit(&format!("bring {number} to {version}"));
    commit.put(&LOANS, nth::<Loan>(number), version - 1, &loan("ann", &version.to_string()));
    commit
}

/// The version of a loan; 0 when there is none.
async fn version(store: &Store, number: u64) -> u64 {
    let found = store.get(&LOANS, bank(), nth::<Loan>(number)).await.unwrap();
    found.map_or(0, |it| {
        assert_eq!(it.record, loan("ann", &it.version.to_string()));
        it.version
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_what_was_acknowledged_or_seen() {
    const WRITERS: u64 = 4;
    const VERSIONS: u64 = 12;
    on_each(async |store: Store| {
        let acknowledged = (0..LOANS_MAX).map(|number| (number, AtomicU64::new(0)));
        let acknowledged = Arc::new(BTreeMap::from_iter(acknowledged));
        let writes = |writer: u64| {
            let (store, acknowledged) = (store.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                for version in 1..=VERSIONS {
                    for number in (0..LOANS_MAX).filter(|it| it % WRITERS == writer) {
                        committed(&store, brings(number, version)).await;
                        acknowledged[&number].store(version, Ordering::Release);
                    }
                }
            })
        };
        let reads = |seed: u64| {
            let (store, acknowledged) = (store.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut prng = Prng::stream(seed, "readers");
                let mut seen = BTreeMap::<u64, u64>::new();
                while acknowledged.values().any(|it| it.load(Ordering::Acquire) < VERSIONS) {
                    let number = prng.below(LOANS_MAX);
                    if prng.chance(10) {
                        let after = number.checked_sub(1).map(nth);
                        let page = store.list(&LOANS, bank(), after, 1).await.unwrap().data;
                        let listed = page.iter().filter(|(id, _)| *id == nth(number));
                        seen.extend(listed.map(|(_, it)| (number, it.version)));
                    }
                    let known = acknowledged[&number].load(Ordering::Acquire);
                    let before = seen.get(&number).copied().unwrap_or(0).max(known);
                    let now = version(&store, number).await;
                    assert!(now >= before, "{number} was at {before}, is at {now}");
                    seen.insert(number, now);
                }
            })
        };
        let tasks: Vec<_> = (0..WRITERS).map(writes).chain((0..3).map(reads)).collect();
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_write_that_fails_leaves_what_is_stored() {
    on_each_rigged(async |store, rig| {
        committed(&store, brings(1, 1)).await;
        let mut stored = 1;
        for (write, happened) in
            [(Write::Fails, false), (Write::FailsAfter, true), (Write::Panics, false)]
        {
            assert_eq!(version(&store, 1).await, stored);
            rig.next(write);
            store.commit(brings(1, stored + 1)).await.unwrap_err();
            stored += u64::from(happened);
            assert_eq!(version(&store, 1).await, stored, "{write:?}");
        }
        // Who reads it can go on from it.
        let outcome = store.commit(brings(1, stored + 1)).await;
        assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{outcome:?}");
        assert_eq!(version(&store, 1).await, stored + 1);
    })
    .await;
}

/// Reads and writes of a few records, each in the middle of others, as chance has it.
struct Interleaved {
    records: Records,
    prng: RefCell<Prng>,
    /// The version of each record that is durable.
    durable: BTreeMap<u64, Cell<u64>>,
    is_writing: Cell<bool>,
    seed: u64,
}

impl Interleaved {
    fn below(&self, bound: u64) -> u64 {
        self.prng.borrow_mut().below(bound)
    }

    fn steps(&self, depth: u32) {
        for _ in 0..self.below(4) * u64::from(depth > 0) {
            match self.below(3) {
                0 if !self.is_writing.get() => self.write(depth - 1),
                _ => self.read(depth - 1),
            }
        }
    }

    fn read(&self, depth: u32) {
        let number = self.below(3);
        let before = self.durable[&number].get();
        let stored = || {
            self.steps(depth);
            let version = self.durable[&number].get();
            // Time goes by between the look and the answer.
            self.steps(depth);
            let (id, body) = (nth(number), String::new());
            Ok(Some(RecordRow { id, version, lane: lane(1), links: Vec::new(), body }))
        };
        let id: Id<Loan> = nth(number);
        let found = self.records.get(&LOANS.key(bank(), id), stored).unwrap().unwrap();
        let version = found.version();
        assert!(version >= before, "seed {}: {number} was at {before}, is {version}", self.seed);
    }

    fn write(&self, depth: u32) {
        self.is_writing.set(true);
        let number = self.below(3);
        let version = self.durable[&number].get() + 1;
        let RecordKey { institution, kind, id } = LOANS.key(bank(), nth::<Loan>(number));
        let entry = RecordEntry { kind, id, version, links: Vec::new(), body: raw(&()) };
        let links_before = Vec::new();
        let writes = [RecordWrite { institution, lane: lane(1), entry, links_before }];
        let writing = self.records.writing(&writes);
        self.steps(depth);
        let outcome = self.below(3);
        if outcome > 0 {
            self.durable[&number].set(version);
        }
        self.steps(depth);
        // Otherwise it failed, though it may have been written.
        if outcome == 1 {
            writing.done();
        } else {
            drop(writing);
        }
        self.is_writing.set(false);
    }
}

#[test]
fn whatever_happens_in_the_middle_nothing_old_is_read() {
    for seed in 0..2_000 {
        let prng = RefCell::new(Prng::stream(seed, "interleaved"));
        let durable = (0..3).map(|number| (number, Cell::new(0))).collect();
        let records = Records::default();
        let it = Interleaved { records, prng, durable, is_writing: Cell::new(false), seed };
        for _ in 0..8 {
            it.steps(4);
        }
    }
}
