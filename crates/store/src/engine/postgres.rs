//! The shared engine: a PostgreSQL database that several nodes write at once.
//!
//! A lane is a row, and whoever has locked the row may write the lane. So there is no leader and
//! no lease; what a node remembers of a lane it trusts when the locked row says that nobody else
//! has written it. Isolation is READ COMMITTED: what a decision rests on is locked before it is
//! read, or can only come to be and is then a key that somebody else was faster to write.
//!
//! Suggested reading order: [`node`] (positions, and who may give them), [`read`], [`write`],
//! [`connection`] (waiting, and what failures mean), [`migrate`] (the tables).

mod connection;
mod migrate;
mod node;
mod read;
#[cfg(test)]
pub(crate) mod tests;
mod values;
mod write;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ledger::InstitutionId;
use tokio::sync::{Mutex as Turnstile, Semaphore, SemaphorePermit};
use tokio_postgres::{Config, Row};

use self::{
    connection::{Ask, Driver, Session, failed, failed_before_commit, is_lost, wait},
    node::Claim,
    values::{head, id, number, uuids},
};
use super::{Batch, Engine, LaneHead, LaneOf, Read, RecordKey, Snapshot, Turn};
use crate::StoreError;

/// The most snapshots at the same time; a further one waits.
const SNAPSHOTS_MAX: usize = 32;
/// The most idle connections kept.
const SESSIONS_IDLE_MAX: usize = 16;
/// How long a turn may be silent, in seconds, until the server takes it for dead and lets others
/// have its lanes.
const TURN_IDLE_SECONDS_MAX: u32 = 10;

/// Passes over row-level security.
const IS_ABOVE_POLICIES: &str =
    "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user";
/// What a snapshot begins with, so that it is of that moment.
const BEGIN_NOW: &str = "SELECT count(*) FROM node WHERE node = 0";

pub(crate) struct PostgresEngine {
    config: Config,
    built_for: i32,
    idle: Mutex<Vec<Arc<Session>>>,
    snapshots: Semaphore,
    /// One at a time goes between the turns of all nodes.
    between_turns: Turnstile<()>,
    claim: Arc<Mutex<Option<Claim>>>,
    /// Last, since the connections end with it.
    driver: Driver,
}

impl PostgresEngine {
    pub(crate) fn open(url: &str) -> Result<Self, StoreError> {
        let newest = i32::try_from(migrate::STEPS.len()).expect("there are few steps");
        Self::open_as(url, newest)
    }

    /// As a node that is built for a step of the schema.
    fn open_as(url: &str, built_for: i32) -> Result<Self, StoreError> {
        let config = connection::config(url)?;
        let driver = start()?;
        let engine = Self {
            config,
            built_for,
            idle: Mutex::default(),
            snapshots: Semaphore::new(SNAPSHOTS_MAX),
            between_turns: Turnstile::default(),
            claim: Arc::default(),
            driver,
        };
        let session = engine.session()?;
        let above = session.flight("", &[(IS_ABOVE_POLICIES, vec![])], "");
        let above = above.map_err(|error| failed(&error))?.remove(0);
        if above.first().is_some_and(|row| row.try_get(0).unwrap_or(true)) {
            let why = "the role of the URL passes over row-level security; use an ordinary one";
            return Err(StoreError::Unavailable(why.to_owned()));
        }
        migrate::check(&session, built_for)?;
        engine.keep(session);
        engine.claim()?;
        let (config, claim) = (engine.config.clone(), Arc::clone(&engine.claim));
        engine.driver.spawn(node::renew(config, claim));
        Ok(engine)
    }

    /// A connection: one that is idle, or a new one.
    fn session(&self) -> Result<Arc<Session>, StoreError> {
        let mut idle = lock(&self.idle);
        while let Some(session) = idle.pop() {
            if !session.is_closed() {
                return Ok(session);
            }
        }
        drop(idle);
        self.driver.connect(&self.config).map(Arc::new)
    }

    fn keep(&self, session: Arc<Session>) {
        let mut idle = lock(&self.idle);
        if idle.len() < SESSIONS_IDLE_MAX && !session.is_closed() {
            idle.push(session);
        }
    }

    /// The number of this node; claimed anew when it was lost.
    fn claim(&self) -> Result<Claim, StoreError> {
        if let Some(claim) = *lock(&self.claim) {
            return Ok(claim);
        }
        let session = self.session()?;
        let claim = node::claim(&session, self.built_for)?;
        self.keep(session);
        *lock(&self.claim) = Some(claim);
        Ok(claim)
    }

    fn snapshot_with(&self, setting: &str) -> Result<Box<Transaction<'_>>, StoreError> {
        let permit = wait(self.snapshots.acquire()).expect("never closed");
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {setting}");
        Transaction::new(self, begin, Some(permit)).map(Box::new)
    }

    /// A snapshot of a moment after which no position comes that is below one that is in it.
    fn snapshot_between_turns(&self, setting: &str) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let snapshot = self.snapshot_with(setting)?;
        let _alone = wait(self.between_turns.lock());
        let session = self.session()?;
        let begin = || snapshot.query(BEGIN_NOW, vec![]).map(drop);
        node::between_turns(&session, begin)?;
        self.keep(session);
        Ok(snapshot)
    }
}

/// In order: a number that is not given back is free a while later.
impl Drop for PostgresEngine {
    fn drop(&mut self) {
        let claim = lock(&self.claim).take();
        if let Some((claim, session)) = claim.zip(lock(&self.idle).pop()) {
            node::release(&session, claim);
        }
    }
}

impl Engine for PostgresEngine {
    fn is_shared(&self) -> bool {
        true
    }

    fn snapshot(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(self.snapshot_with(&seeing(&BTreeSet::from([of])))?)
    }

    fn snapshot_of_log(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.snapshot_between_turns(&seeing(&BTreeSet::from([of])))
    }

    fn snapshot_of_all(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.snapshot_between_turns("SET LOCAL suanpan.backup = 'yes'")
    }

    fn turn(&self, of: &BTreeSet<InstitutionId>) -> Result<Box<dyn Turn + '_>, StoreError> {
        let claim = self.claim()?;
        let setting = seeing(of);
        let begin = format!(
            "BEGIN; {setting};
            SET LOCAL idle_in_transaction_session_timeout = '{TURN_IDLE_SECONDS_MAX}s'"
        );
        let transaction = Transaction::new(self, begin, None)?;
        Ok(Box::new(PostgresTurn { transaction, claim, held: Cell::new(None) }))
    }
}

/// Brings a database up to today's tables.
pub(crate) fn migrate(url: &str, contracts: bool) -> Result<Vec<String>, StoreError> {
    let (config, driver) = (connection::config(url)?, start()?);
    migrate::migrate(&driver.connect(&config)?, migrate::STEPS, contracts)
}

fn start() -> Result<Driver, StoreError> {
    Driver::start().map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// The setting by which a transaction sees the rows of some institutions.
fn seeing(of: &BTreeSet<InstitutionId>) -> String {
    let ids: Vec<String> = of.iter().map(ToString::to_string).collect();
    format!("SET LOCAL suanpan.institutions = '{{{}}}'", ids.join(","))
}

/// A panic leaves a list as it was before or after.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection in a transaction, which begins with the first question.
struct Transaction<'e> {
    engine: &'e PostgresEngine,
    session: RefCell<Arc<Session>>,
    begin: String,
    state: Cell<State>,
    /// Of a snapshot.
    permit: Option<SemaphorePermit<'e>>,
    /// What a turn decides rests on rows of the log up to this position.
    rests_on: Cell<u64>,
    /// Records that a turn has looked for and not found.
    absent: RefCell<BTreeSet<RecordKey>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Begun,
    Ended,
}

impl<'e> Transaction<'e> {
    fn new(
        engine: &'e PostgresEngine,
        begin: String,
        permit: Option<SemaphorePermit<'e>>,
    ) -> Result<Self, StoreError> {
        let session = RefCell::new(engine.session()?);
        let (state, rests_on, absent) = (Cell::new(State::New), Cell::new(0), RefCell::default());
        Ok(Self { engine, session, begin, state, permit, rests_on, absent })
    }

    fn is_turn(&self) -> bool {
        self.permit.is_none()
    }

    fn rest_on(&self, position: u64) {
        self.rests_on.set(self.rests_on.get().max(position));
    }

    fn query(&self, sql: &'static str, params: Vec<connection::Param<'_>>) -> Rows {
        Ok(self.flight(&[(sql, params)])?.remove(0))
    }

    /// Asks several questions at once.
    fn flight(&self, asks: &[Ask<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        if self.is_turn() {
            return self.attempt(asks).map_err(|error| failed_before_commit(&error));
        }
        let is_new = self.state.get() == State::New;
        match self.attempt(asks) {
            // It idled while the server went away; of a snapshot nothing was seen yet.
            Err(error) if is_new && is_lost(&error) => {
                *self.session.borrow_mut() = self.engine.session()?;
                self.state.set(State::New);
                self.attempt(asks).map_err(|error| failed(&error))
            }
            answers => answers.map_err(|error| failed(&error)),
        }
    }

    fn attempt(&self, asks: &[Ask<'_>]) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
        let is_new = self.state.replace(State::Begun) == State::New;
        let begin = if is_new { &*self.begin } else { "" };
        self.session.borrow().flight(begin, asks, "")
    }
}

type Rows = Result<Vec<Row>, StoreError>;

impl Snapshot for Transaction<'_> {
    fn read(&self) -> &dyn Read {
        self
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        let session = Arc::clone(&self.session.borrow());
        if self.state.get() == State::Begun {
            session.throw("ROLLBACK");
        }
        self.engine.keep(session);
    }
}

/// Between the first look and the commit.
struct PostgresTurn<'e> {
    transaction: Transaction<'e>,
    claim: Claim,
    /// The newest position of the node and the time, once its row is held.
    held: Cell<Option<(u64, u64)>>,
}

impl Snapshot for PostgresTurn<'_> {
    fn read(&self) -> &dyn Read {
        &self.transaction
    }
}

impl PostgresTurn<'_> {
    fn held(&self, row: Option<&Row>) -> Result<(u64, u64), StoreError> {
        let Some(row) = row else {
            // Somebody has taken the number for free; the next turn claims another one.
            *lock(&self.transaction.engine.claim) = None;
            return Err(StoreError::Contended);
        };
        let held = (number(row, 0)?, number(row, 1)?);
        self.held.set(Some(held));
        Ok(held)
    }
}

impl Turn for PostgresTurn<'_> {
    fn lock(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        // In this order on every node.
        let lanes: BTreeSet<LaneOf> = lanes.iter().copied().collect();
        let lanes_of =
            || vec![uuids(lanes.iter().map(|(of, _)| *of)), uuids(lanes.iter().map(|(_, it)| *it))];
        // A lane without a row gets one, to be locked.
        let make = (read::LANES_MAKE, lanes_of());
        let asks = [make, (read::LANES_LOCK, lanes_of()), node::hold(self.claim)];
        let answers = self.transaction.flight(&asks)?;
        let mut heads = Vec::with_capacity(lanes.len());
        for row in &answers[1] {
            let head = head(row, 2)?;
            self.transaction.rest_on(head.position);
            heads.push(((id(row, 0)?, id(row, 1)?), head));
        }
        if heads.len() < lanes.len() {
            return Err(StoreError::Corrupt("a lane has no row that can be locked".to_owned()));
        }
        self.held(answers[2].first())?;
        heads.retain(|(_, head)| head.seq > 0);
        Ok(heads)
    }

    fn next_position(&self, after: Option<u64>) -> Result<u64, StoreError> {
        if let Some(after) = after {
            return node::next_position(after);
        }
        let (newest, unix_ms) = match self.held.get() {
            Some(held) => held,
            None => {
                let rows = self.transaction.flight(&[node::hold(self.claim)])?.remove(0);
                self.held(rows.first())?
            }
        };
        let above = newest.max(self.transaction.rests_on.get());
        Ok(node::first_position(self.claim.node, above, unix_ms))
    }

    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        let Self { transaction, claim, .. } = *self;
        let mut asks = write::asks(batch, &transaction.absent.borrow())?;
        asks.extend(
            batch.log.iter().map(|row| row.position).max().map(|it| node::raise(claim, it)),
        );
        let begin = if transaction.state.get() == State::New { &*transaction.begin } else { "" };
        transaction.state.set(State::Ended);
        let session = Arc::clone(&transaction.session.borrow());
        if session.is_closed() {
            return Err(StoreError::Contended);
        }
        let warnings = session.warnings();
        if let Err(error) = session.flight(begin, &asks, "COMMIT") {
            // Where a statement could not even be prepared, the transaction is still open.
            session.throw("ROLLBACK");
            return Err(failed(&error));
        }
        // A wait for a standby that somebody has cancelled is answered with a warning alone.
        match session.warnings() == warnings {
            true => Ok(()),
            false => Err(StoreError::Unavailable("the database warned of the commit".to_owned())),
        }
    }
}
