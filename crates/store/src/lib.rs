//! The commit pipeline, and the only SQL.
//!
//! One command is one [`Commit`]: record bodies, transfers, events, timers and the answer to its
//! idempotency key, applied whole or not at all. Commits queue for one writer, which gathers all
//! that wait, checks each alone against the ledger and the versions it expects, and makes the
//! batch durable in one engine transaction (group commit). While that transaction is being
//! written, the next batch gathers.
//!
//! What a commit did is one row of the event log, chained by hash to the row before it in its
//! lane. All other tables can be rebuilt from the log; they only find things faster.
//!
//! Suggested reading order: [`commit`] (what goes in and what comes out), [`pipeline`] (how),
//! [`engine`] (what an engine must do), [`query`] (how things are read), [`table`].

mod commit;
mod engine;
mod error;
mod log;
mod pipeline;
mod query;
mod table;

pub use commit::{
    AccountChange, Booked, Commit, Due, Event, Expected, Mode, Outcome, Receipt, Timer, TimerChange,
};
pub use error::StoreError;
pub use log::{LogBody, LogRow, RecordEntry};
pub use query::{AccountMove, BookLine, Page, Stored, Versioned};
pub use table::{RecordKey, Table};

use std::{path::Path, sync::Arc};

use engine::Engine;

/// The most transfers one commit may carry.
pub const COMMIT_TRANSFERS_MAX: usize = 8_000;
/// The most records one commit may write or expect.
pub const COMMIT_RECORDS_MAX: usize = 1_000;
/// The most commits made durable together.
pub const BATCH_COMMITS_MAX: usize = 1_024;
/// The most transfers made durable together, beyond what one commit alone may bring.
pub const BATCH_TRANSFERS_MAX: usize = 16_000;
/// The most commits waiting; a further one waits to be taken in.
pub const QUEUE_MAX: usize = 4_096;
/// The most accounts of an institution kept in memory between batches.
pub const ACCOUNTS_CACHED_MAX: usize = 4_000_000;
/// The most things on one page.
pub const PAGE_MAX: usize = 1_000;

/// A handle to the platform's storage; clones share it.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    pipeline: Arc<pipeline::Pipeline>,
}

impl Store {
    /// In memory, gone at the end: for tests and simulation.
    pub fn in_memory() -> Self {
        Self::on(Arc::new(engine::mem::MemEngine::default())).expect("memory is readable")
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

    fn on(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        let pipeline = Arc::new(pipeline::Pipeline::start(Arc::clone(&engine))?);
        Ok(Self { engine, pipeline })
    }

    /// Makes a commit durable, or says why not. Nothing of it is kept unless the answer is
    /// [`Outcome::Committed`]; everything of it is durable when it is.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond a named limit; [`StoreError::Unavailable`] when the engine
    /// failed, in which case the commit may or may not have happened and is safely repeated
    /// under the same key.
    pub async fn commit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        commit.check_size()?;
        self.pipeline.submit(commit).await
    }
}

#[cfg(test)]
mod tests;
