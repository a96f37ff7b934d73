//! Nodes on one database in memory, and the hands that hold their writers.
//!
//! A store's writer is a thread of its own, so by itself it would take what waits at moments no
//! seed decides. A *plug* stops it: a commit that can only conflict, whose waker does not return.
//! The writer calls it when it answers, after everything that was queued before the plug has been
//! decided, made durable and answered, and then waits in it. So a *turn* is: queue the next plug,
//! let go of the one before, wait until the writer is in the next. Between turns nothing moves;
//! what the tasks queue meanwhile becomes one batch of the next turn.
//!
//! This is the only place that knows how nodes and their storage come to be.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use bank::Bank;
use ledger::{InstitutionId, Moment};
use party::MasterKey;
use stdx::{Date, Id, Prng, Timestamp};
use store::{Commit, Fault, LogRow, Memory, Outcome, PAGE_MAX, Store, StoreError, Table};

/// How many nodes work on the database.
pub(crate) const NODES: usize = 2;

/// The database, and the nodes that are up.
pub(crate) struct Nodes {
    up: [Option<Node>; NODES],
    memory: Memory,
    master: [u8; 32],
}

/// The gate first: a store waits for its writer when it is dropped, which has to be let go.
struct Node {
    gate: Gate,
    bank: Bank,
}

impl Nodes {
    /// All nodes on an empty database.
    pub(crate) fn new(seed: u64) -> Self {
        let master = Prng::stream(seed, "master key").bytes();
        let (up, memory) = ([const { None }; NODES], Memory::default());
        let mut nodes = Self { up, memory, master };
        (0..NODES).for_each(|node| nodes.start(node));
        nodes
    }

    /// Starts a node: nothing of its memory is from before.
    pub(crate) fn start(&mut self, node: usize) {
        let bank = self.open();
        let gate = Gate::close(bank.store());
        self.up[node] = Some(Node { gate, bank });
    }

    /// Ends a node without asking it. What waits for its writer is written before it ends, or with
    /// a fault not, or written and never acknowledged. Who works on the node has to be dropped by
    /// the caller before.
    pub(crate) fn crash(&mut self, node: usize, fault: Option<Fault>) {
        if let Some(fault) = fault {
            self.memory.fail_next_write(fault);
        }
        self.up[node] = None;
    }

    /// Lets the next write of any node fail.
    pub(crate) fn fail_next_write(&self, fault: Fault) {
        self.memory.fail_next_write(fault);
    }

    /// A node, if it is up.
    pub(crate) fn bank(&self, node: usize) -> Option<&Bank> {
        self.up[node].as_ref().map(|it| &it.bank)
    }

    /// One more node, started just now, whose writer is free: for those who only look.
    pub(crate) fn open(&self) -> Bank {
        let store = Store::on_memory(&self.memory).expect("a thread starts");
        Bank::new(store, Box::new(MasterKey::new(self.master)))
    }

    /// Lets the writer of a node take what waits, as one batch, and waits until all is answered.
    pub(crate) fn turn(&mut self, node: usize) {
        if let Some(Node { gate, bank }) = &mut self.up[node] {
            gate.turn(bank.store());
        }
    }
}

/// Appends the rows of an institution's log that are not there yet.
pub(crate) fn follow(
    store: &Store,
    of: InstitutionId,
    logs: &mut BTreeMap<InstitutionId, Vec<LogRow>>,
) -> Result<(), StoreError> {
    let rows = logs.entry(of).or_default();
    loop {
        let after = rows.last().map_or(0, |it| it.position);
        let page = at_once(store.log(of, after, PAGE_MAX))?;
        rows.extend(page.data);
        if page.next.is_none() {
            return Ok(());
        }
    }
}

/// The value of a future that waits for no turn, such as one that only reads records.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Holds the writer between turns.
struct Gate {
    plug: Plug,
    count: u64,
}

impl Gate {
    fn close(store: &Store) -> Self {
        let mut count = 0;
        loop {
            count += 1;
            // The writer is free: it may answer before anybody waits, and then is not held.
            if let Some(plug) = Plug::queue(store, count) {
                plug.stop.wait_for(Phase::Reached);
                return Self { plug, count };
            }
        }
    }

    fn turn(&mut self, store: &Store) {
        self.count += 1;
        let next = Plug::queue(store, self.count).expect("the writer is held and answers nobody");
        let before = std::mem::replace(&mut self.plug, next);
        before.stop.enter(Phase::Open);
        self.plug.stop.wait_for(Phase::Reached);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.plug.stop.enter(Phase::Open);
    }
}

struct Plug {
    stop: Arc<Stop>,
    /// The commit waits as long as somebody holds it.
    _commit: Pin<Box<dyn Future<Output = Result<Outcome, StoreError>>>>,
}

impl Plug {
    /// Queues a plug; `None` when it was answered before it could stop anybody.
    fn queue(store: &Store, count: u64) -> Option<Self> {
        let (store, stop) = (store.clone(), Arc::new(Stop::default()));
        let mut commit = Box::pin(async move { store.commit(plug(count)).await });
        let waker = Waker::from(Arc::clone(&stop));
        let polled = commit.as_mut().poll(&mut Context::from_waker(&waker));
        polled.is_pending().then_some(Self { stop, _commit: commit })
    }
}

/// A commit that changes nothing: it has read a record that nobody writes.
fn plug(count: u64) -> Commit {
    let nowhere: InstitutionId = Id::derived(&[b"simulation"]);
    let at = Moment { now: Timestamp::UNIX_EPOCH, today: Date::MIN };
    let mut commit = Commit::new(nowhere, nowhere.cast(), "plug", at);
    commit.key = format!("plug/{count}");
    commit.expect(&Table::<()>::new("plug", |()| Vec::new()), nowhere, 1);
    commit
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// The writer has not come here.
    #[default]
    Ahead,
    /// The writer waits here.
    Reached,
    /// The writer may pass.
    Open,
}

#[derive(Default)]
struct Stop {
    phase: Mutex<Phase>,
    moved: Condvar,
}

impl Stop {
    fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.moved.notify_all();
    }

    fn wait_for(&self, wanted: Phase) {
        let phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = self.moved.wait_while(phase, |phase| *phase != wanted);
        drop(passed.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Wake for Stop {
    fn wake(self: Arc<Self>) {
        {
            let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
            if *phase == Phase::Open {
                return;
            }
            *phase = Phase::Reached;
        }
        self.moved.notify_all();
        self.wait_for(Phase::Open);
    }
}
