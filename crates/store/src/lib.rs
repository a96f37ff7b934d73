//! The commit pipeline, and the only SQL.
//!
//! One command is one [`Commit`]: record bodies, transfers, events, timers and the answer to its
//! idempotency key, applied whole or not at all. Commits queue for one writer, which gathers all
//! that wait, checks each alone against the ledger and the versions it expects, and makes the
//! batch durable in one engine transaction (group commit). While that transaction is being
//! written, the next batch gathers.
//!
//! What a commit did is one row of the event log, chained by hash to the row before it in its
//! lane. All other tables follow from the log: they find things faster, or are a newest state that
//! is kept in memory and stored now and then.
//!
//! Suggested reading order: [`commit`] (what goes in and what comes out), [`pipeline`] (how),
//! [`books`] (what is in memory), [`page`] (how accounts are stored), [`engine`] (what an engine
//! must do), [`query`] (how things are read), [`records`] (what of them is kept), [`verify`],
//! [`restore`], [`table`].

mod ahead;
mod audit;
mod books;
mod commit;
mod engine;
mod error;
mod log;
mod page;
mod pipeline;
mod query;
mod records;
mod restore;
mod table;
mod verify;

pub use audit::Sealed;
pub use commit::{
    AccountChange, Booked, Commit, Due, Event, Expected, Mode, Outcome, Receipt, Timer, TimerChange,
};
pub use engine::mem::{Fault, Memory};
pub use error::StoreError;
pub use log::{LogBody, LogRow, RecordEntry, Told};
pub use query::{AccountMove, BookDays, BookLine, Page, Standing, Stored, Versioned};
pub use table::{RecordKey, Table};
pub use verify::{Chains, Verified};

use std::{path::Path, sync::Arc};

use engine::Engine;
use records::{Records, Watched};

/// The most transfers one commit may carry.
pub const COMMIT_TRANSFERS_MAX: usize = 8_000;
/// The most accounts one commit may open or change.
pub const COMMIT_ACCOUNTS_MAX: usize = 8_000;
/// The most records one commit may write and expect.
pub const COMMIT_RECORDS_MAX: usize = 1_000;
/// The most events one commit may tell.
pub const COMMIT_EVENTS_MAX: usize = 8_000;
/// The most timers one commit may set and clear.
pub const COMMIT_TIMERS_MAX: usize = 8_000;
/// The most bytes of an idempotency key.
pub const KEY_LEN_MAX: usize = 255;
/// The most bytes of a lookup key of a record, with its name.
pub const LINK_LEN_MAX: usize = 1_024;
/// The most commits made durable together.
pub const BATCH_COMMITS_MAX: usize = 1_024;
/// The most transfers made durable together, beyond what one commit alone may bring.
pub const BATCH_TRANSFERS_MAX: usize = 16_000;
/// The most commits waiting; a further one waits to be taken in.
pub const QUEUE_MAX: usize = 4_096;
/// The most accounts kept in memory between batches.
pub const ACCOUNTS_CACHED_MAX: usize = 4_000_000;
/// The most heads of lanes kept in memory between batches.
pub const LANES_CACHED_MAX: usize = 1_000_000;
/// The most bytes of records kept in memory.
pub const RECORDS_CACHED_BYTES_MAX: usize = if cfg!(test) { 4_096 } else { 64 * 1024 * 1024 };
/// The most rows restored together: as many as one commit can have, one in each lane it moves.
pub const RESTORE_ROWS_MAX: usize = 1 + 2 * COMMIT_TRANSFERS_MAX + COMMIT_ACCOUNTS_MAX;
/// The most things on one page.
pub const PAGE_MAX: usize = 1_000;

/// A handle to the platform's storage; clones share it.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    /// Where nobody else writes.
    records: Option<Arc<Records>>,
    pipeline: Arc<pipeline::Pipeline>,
}

impl Store {
    /// In memory, gone at the end: for tests and simulation.
    pub fn in_memory() -> Self {
        let engine = engine::mem::MemEngine { memory: Memory::default(), is_shared: false };
        Self::on(Arc::new(engine)).expect("a thread starts")
    }

    /// On a database in memory that other stores may have open too, as nodes have one database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no thread can be started.
    pub fn on_memory(memory: &Memory) -> Result<Self, StoreError> {
        let memory = memory.clone();
        Self::on(Arc::new(engine::mem::MemEngine { memory, is_shared: true }))
    }

    /// In a directory: one SQLite file, made when missing and migrated when older. Only one
    /// process at a time can have it open.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Unavailable`] when the
    /// directory cannot be written, [`StoreError::Corrupt`] when the file is not ours or newer.
    pub fn in_directory(directory: &Path) -> Result<Self, StoreError> {
        Self::on(Arc::new(engine::sqlite::SqliteEngine::open(directory)?))
    }

    /// In a directory that another process may have open meanwhile. What is there can be read;
    /// nothing can be written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is none, [`StoreError::Corrupt`] when the file is not
    /// ours or of another version.
    pub fn read_in_directory(directory: &Path) -> Result<Self, StoreError> {
        Self::on(Arc::new(engine::sqlite::SqliteEngine::open_to_read(directory)?))
    }

    /// On a PostgreSQL database, 15 or later, that other nodes may have open too. Its tables are
    /// made by [`Store::migrate_postgres`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached, would lose what it has
    /// acknowledged, lets this role see everything, or is to be migrated first;
    /// [`StoreError::Corrupt`] when its tables are newer than this binary.
    pub fn in_postgres(url: &str) -> Result<Self, StoreError> {
        Self::on(Arc::new(engine::postgres::PostgresEngine::open(url)?))
    }

    /// Expands the tables of a PostgreSQL database by what this version needs, so that nodes of
    /// this version and the one before can work side by side. When `contracts`, removes also what
    /// only older nodes needed. Answers what was done, a line each.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached, or a node is there that
    /// needs what is to be removed.
    pub fn migrate_postgres(url: &str, contracts: bool) -> Result<Vec<String>, StoreError> {
        engine::postgres::migrate(url, contracts)
    }

    /// Whether there is a store in a directory.
    pub fn is_in(directory: &Path) -> bool {
        engine::sqlite::file(directory).exists()
    }

    /// Removes the store of a directory, with all that is in it; none is fine too.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a process has it, [`StoreError::Unavailable`] when a file cannot
    /// be removed.
    pub fn remove_from(directory: &Path) -> Result<(), StoreError> {
        engine::sqlite::remove(directory)
    }

    /// Moves the store of a directory that no process has into another one, all at once. Both are
    /// on one file system.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a process has one of them, [`StoreError::Unavailable`] when
    /// there is a store already or the file cannot be moved.
    pub fn move_between(from: &Path, to: &Path) -> Result<(), StoreError> {
        engine::sqlite::move_between(from, to)
    }

    /// Whether nothing was ever committed.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.engine.snapshot_of_all()?.read().log_of_all(0, 1)?.is_empty())
    }

    fn on(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        let records = (!engine.is_shared()).then(Arc::<Records>::default);
        let engine = match &records {
            Some(records) => Arc::new(Watched::by(Arc::clone(records), engine)),
            None => engine,
        };
        let pipeline = Arc::new(pipeline::Pipeline::start(Arc::clone(&engine))?);
        Ok(Self { engine, records, pipeline })
    }

    /// Makes a commit durable, or says why not. Nothing of it is kept unless the answer is
    /// [`Outcome::Committed`]; everything of it is durable when it is.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond a named limit; [`StoreError::NulInText`];
    /// [`StoreError::Contended`] when nothing happened; [`StoreError::Unavailable`] when the engine
    /// failed, in which case the commit may or may not have happened and is safely repeated
    /// under the same key.
    ///
    /// # Panics
    /// When the commit has no idempotency key, which is a programmer's error: without one, the
    /// next commit without one would be taken for its repetition.
    pub async fn commit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        assert!(!commit.key.is_empty(), "`{}` has no idempotency key", commit.command);
        commit.check()?;
        self.pipeline.submit(commit).await
    }
}

#[cfg(test)]
mod tests;
