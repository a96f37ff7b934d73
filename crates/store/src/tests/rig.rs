//! An engine that fails, panics or waits when it is told to.

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    sync::{Arc, Condvar, Mutex},
    task::{Context, Poll, Waker},
};

use ledger::{Account, AccountId, InstitutionId, LaneId, TransferId};
use money::Amount;
use stdx::{Date, Id};

use super::Directory;
use crate::{
    BookLine, Commit, Due, LogRow, Outcome, RecordKey, Store, StoreError, Timer,
    engine::{
        AnswerRow, Batch, Engine, Filter, LaneHead, RecordHead, RecordRow, Resolved,
        mem::MemEngine, sqlite::SqliteEngine,
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
pub(super) async fn on_both_rigged(test: impl AsyncFn(Store, Arc<Rig>)) {
    let directory = Directory::new();
    let sqlite = Box::new(SqliteEngine::open(directory.path()).unwrap());
    for engine in [Box::new(MemEngine::default()) as Box<dyn Engine>, sqlite] {
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

    fn set_waiting(&self, is_waiting: bool) {
        self.state.lock().unwrap().is_waiting = is_waiting;
        self.changed.notify_all();
    }

    /// Returns when a write waits, or no longer waits.
    fn until_waiting(&self, is_waiting: bool) {
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
    fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        let this = self.state.lock().unwrap().plan.pop_front().unwrap_or(Write::Works);
        let failed = Err(StoreError::Unavailable("rigged".to_owned()));
        match this {
            Write::Fails => return failed,
            Write::Panics => panic!("rigged"),
            Write::Waits => {
                self.set_waiting(true);
                self.until_waiting(false);
            }
            Write::Works | Write::FailsAfter => {}
        }
        self.engine.write(batch)?;
        self.state.lock().unwrap().writes.push(batch.answers.len());
        if this == Write::FailsAfter { failed } else { Ok(()) }
    }

    fn last_position(&self) -> Result<u64, StoreError> {
        self.engine.last_position()
    }

    fn lane(&self, of: InstitutionId, lane: LaneId) -> Result<Option<LaneHead>, StoreError> {
        self.engine.lane(of, lane)
    }

    fn answer(&self, of: InstitutionId, key: &str) -> Result<Option<AnswerRow>, StoreError> {
        self.engine.answer(of, key)
    }

    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        self.engine.record(key)
    }

    fn record_head(&self, key: &RecordKey) -> Result<Option<RecordHead>, StoreError> {
        self.engine.record_head(key)
    }

    fn account(&self, of: InstitutionId, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.engine.account(of, id)
    }

    fn transfer(&self, of: InstitutionId, id: TransferId) -> Result<Option<Resolved>, StoreError> {
        self.engine.transfer(of, id)
    }

    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError> {
        self.engine.closed_through(of)
    }

    fn log_row(&self, position: u64) -> Result<Option<LogRow>, StoreError> {
        self.engine.log_row(position)
    }

    fn records(
        &self,
        of: InstitutionId,
        kind: &str,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        self.engine.records(of, kind, filter, after, limit)
    }

    fn accounts(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        self.engine.accounts(of, after, limit)
    }

    fn log(&self, of: InstitutionId, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        self.engine.log(of, after, limit)
    }

    fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        limit: usize,
    ) -> Result<Vec<Timer>, StoreError> {
        self.engine.timers(of, through, after, limit)
    }

    fn moved_through(
        &self,
        of: InstitutionId,
        id: AccountId,
        day: Date,
    ) -> Result<(Amount, Amount), StoreError> {
        self.engine.moved_through(of, id, day)
    }

    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError> {
        self.engine.lanes(of)
    }

    fn book(&self, of: InstitutionId, through: Option<Date>) -> Result<Vec<BookLine>, StoreError> {
        self.engine.book(of, through)
    }
}
