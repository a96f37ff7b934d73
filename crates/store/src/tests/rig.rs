//! An engine that fails, panics or waits when it is told to.

use std::{
    collections::{BTreeSet, VecDeque},
    pin::{Pin, pin},
    sync::{Arc, Condvar, Mutex},
    task::{Context, Poll, Waker},
};

use ledger::InstitutionId;

use super::{Directory, database};
use crate::{
    Commit, Memory, Outcome, Store, StoreError,
    engine::{
        Batch, Engine, LaneHead, LaneOf, Read, Snapshot, Turn, mem::MemEngine,
        postgres::PostgresEngine, sqlite::SqliteEngine,
    },
};

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Works,
    /// Fails with nothing written.
    Fails,
    /// Fails though it was written: a lost acknowledgement.
    FailsAfter,
    Panics,
    /// Works when it is let go.
    Waits,
    /// Fails when it is let go, with nothing written.
    WaitsAndFails,
}

pub(super) struct Rig {
    engine: Box<dyn Engine>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What the coming writes do; those after them work.
    plan: VecDeque<Write>,
    is_waiting: bool,
    /// How many commits each write made durable.
    writes: Vec<usize>,
}

/// Runs a test on each engine, rigged.
pub(super) async fn on_each_rigged(test: impl AsyncFn(Store, Arc<Rig>)) {
    let directory = Directory::new();
    let sqlite = Box::new(SqliteEngine::open(directory.path()).unwrap());
    let memory = Box::new(MemEngine { memory: Memory::default(), is_shared: true });
    let postgres = Box::new(PostgresEngine::open(&database()).unwrap());
    for engine in [memory as Box<dyn Engine>, sqlite, postgres] {
        let rig = Arc::new(Rig { engine, state: Mutex::default(), changed: Condvar::new() });
        test(Store::on(Arc::<Rig>::clone(&rig)).unwrap(), rig).await;
    }
}

/// Runs a test on each engine of which there is one process, rigged.
pub(super) async fn on_each_alone(test: impl AsyncFn(Store, Arc<Rig>)) {
    let directory = Directory::new();
    let sqlite = Box::new(SqliteEngine::open(directory.path()).unwrap());
    let memory = Box::new(MemEngine { memory: Memory::default(), is_shared: false });
    for engine in [memory as Box<dyn Engine>, sqlite] {
        let rig = Arc::new(Rig { engine, state: Mutex::default(), changed: Condvar::new() });
        test(Store::on(Arc::<Rig>::clone(&rig)).unwrap(), rig).await;
    }
}

impl Rig {
    /// What the next write does.
    pub(super) fn next(&self, write: Write) {
        self.state.lock().unwrap().plan.push_back(write);
    }

    pub(super) fn writes(&self) -> Vec<usize> {
        self.state.lock().unwrap().writes.clone()
    }

    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.state.lock().unwrap().is_waiting = is_waiting;
        self.changed.notify_all();
    }

    /// Returns when a write waits, or no longer waits.
    pub(super) fn until_waiting(&self, is_waiting: bool) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.is_waiting != is_waiting).unwrap());
    }
}

/// Commits that are made durable together: they queue while an earlier one is being written.
pub(super) async fn together(
    store: &Store,
    rig: &Rig,
    earlier: Commit,
    commits: impl IntoIterator<Item = Commit>,
) -> Vec<Result<Outcome, StoreError>> {
    let plan = std::mem::take(&mut rig.state.lock().unwrap().plan);
    [Write::Waits].into_iter().chain(plan).for_each(|write| rig.next(write));
    let mut earlier = Box::pin(store.commit(earlier));
    assert!(queue(earlier.as_mut()).is_pending());
    rig.until_waiting(true);
    let mut waiting: Vec<_> = commits.into_iter().map(|it| Box::pin(store.commit(it))).collect();
    assert!(waiting.iter_mut().all(|commit| queue(commit.as_mut()).is_pending()));
    rig.set_waiting(false);
    earlier.await.unwrap();
    let mut outcomes = Vec::new();
    for commit in waiting {
        outcomes.push(commit.await);
    }
    outcomes
}

/// The first poll puts the commit into the queue, however many are polled; it may be answered
/// already.
pub(super) fn queue<F: Future>(commit: Pin<&mut F>) -> Poll<F::Output> {
    let commit = pin!(tokio::task::unconstrained(commit));
    commit.poll(&mut Context::from_waker(Waker::noop()))
}

impl Engine for Rig {
    fn is_shared(&self) -> bool {
        self.engine.is_shared()
    }

    fn snapshot(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot(of)
    }

    fn snapshot_of_log(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot_of_log(of)
    }

    fn snapshot_of_all(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot_of_all()
    }

    fn turn(&self, of: &BTreeSet<InstitutionId>) -> Result<Box<dyn Turn + '_>, StoreError> {
        Ok(Box::new(RigTurn { rig: self, turn: self.engine.turn(of)? }))
    }
}

struct RigTurn<'e> {
    rig: &'e Rig,
    turn: Box<dyn Turn + 'e>,
}

impl Snapshot for RigTurn<'_> {
    fn read(&self) -> &dyn Read {
        self.turn.read()
    }
}

impl Turn for RigTurn<'_> {
    fn lock(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        self.turn.lock(lanes)
    }

    fn next_position(&self, after: Option<u64>) -> Result<u64, StoreError> {
        self.turn.next_position(after)
    }

    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        let rig = self.rig;
        let this = rig.state.lock().unwrap().plan.pop_front().unwrap_or(Write::Works);
        let failed = Err(StoreError::Unavailable("rigged".to_owned()));
        match this {
            Write::Fails => return failed,
            Write::Panics => panic!("rigged"),
            Write::Waits | Write::WaitsAndFails => {
                rig.set_waiting(true);
                rig.until_waiting(false);
            }
            Write::Works | Write::FailsAfter => {}
        }
        if this == Write::WaitsAndFails {
            return failed;
        }
        self.turn.commit(batch)?;
        rig.state.lock().unwrap().writes.push(batch.answers.len());
        if this == Write::FailsAfter { failed } else { Ok(()) }
    }
}
