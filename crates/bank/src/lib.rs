//! What the bank does: one function per command, one commit each.
//!
//! A command reads what it needs, asks a domain crate to decide, turns the plain data it gets into
//! one [`store::Commit`] and commits it. The whole story of a command is its function here, top to
//! bottom. Reads and rights are here too, so that an edge (HTTP, command line, simulation) only
//! translates.
//!
//! Suggested reading order: [`call`] (who asks, when, under which key), [`loans`], [`books`]
//! (entries become transfers), [`days`] (the end of day), the rest.

pub mod accounts;
pub mod books;
pub mod call;
pub mod classification;
pub mod days;
pub mod deposits;
pub mod documents;
pub mod explain;
pub mod institutions;
pub mod keys;
pub mod line_accounts;
pub mod lines;
pub mod loans;
pub mod migrations;
pub mod packs;
pub mod parties;
pub mod periods;
pub mod plain;
pub mod products;
pub mod refusal;
pub mod reports;
pub mod simulations;
pub mod statements;
pub mod tables;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use ledger::InstitutionId;
use party::KeyProvider;
use stdx::Digest;
use store::{Commit, Outcome, Store};
use tokio::sync::Semaphore;

pub use call::{Call, Caller, Done, Right, Role};
pub use refusal::Refusal;
// What reads answer with, so that an edge needs no other crate for it.
pub use store::{
    AccountMove, BookLine, Booked, Event, LogBody, LogRow, PAGE_MAX, Page, RecordEntry, StoreError,
    Versioned,
};

/// How often a command reads and decides anew when a record moved under it.
pub const CONFLICT_RETRIES_MAX: usize = 16;
/// How many compiled products are kept.
pub const PRODUCTS_CACHED_MAX: usize = 1_000;

/// The bank. Clones share it.
#[derive(Clone)]
pub struct Bank(Arc<Inner>);

struct Inner {
    store: Store,
    keys: Box<dyn KeyProvider>,
    products: Mutex<BTreeMap<products::Key, products::Compiled>>,
    simulations: Arc<Semaphore>,
}

impl Bank {
    /// The bank on a store, with the keeper of the master key.
    pub fn new(store: Store, keys: Box<dyn KeyProvider>) -> Self {
        let simulations = Arc::new(Semaphore::new(simulations::SIMULATIONS_AT_ONCE_MAX));
        Self(Arc::new(Inner { store, keys, products: Mutex::default(), simulations }))
    }

    /// The store, for reads that need no rule.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn ready(&self) -> Result<(), Refusal> {
        self.store().get(&tables::TENANTS, tables::PLATFORM, tables::PLATFORM).await?;
        Ok(())
    }

    /// The digest of a request, for [`Call::digest`]. It is keyed: it stays in the log when the
    /// personal data of a request has been erased, and must not let anybody try guesses.
    ///
    /// # Errors
    /// [`Refusal::Party`] when the keeper of the master key does not answer.
    pub fn request_digest(&self, parts: &[&[u8]]) -> Result<Digest, Refusal> {
        Ok(self.0.keys.mac(&Digest::of(&[&[b"request".as_slice()], parts].concat()))?)
    }

    fn keys(&self, institution: InstitutionId) -> party::Keys<'_> {
        party::Keys::new(self.0.keys.as_ref(), institution.cast())
    }

    /// Carries out a command: `decide` reads and builds the commit, which is then committed. When
    /// a record moved in between, both are done again. When the decision is a refusal, it may be
    /// the echo of the same command having happened before (the loan is settled because this very
    /// payment settled it); then the first answer stands.
    async fn carry_out<T, F>(&self, call: &Call, decide: impl Fn() -> F) -> Result<Done<T>, Refusal>
    where
        T: serde::de::DeserializeOwned,
        F: Future<Output = Result<Commit, Refusal>>,
    {
        for _ in 0..CONFLICT_RETRIES_MAX {
            let commit = match decide().await {
                Ok(commit) => commit,
                Err(refusal) => return self.first_answer(call).await?.ok_or(refusal),
            };
            match self.0.store.commit(commit).await? {
                Outcome::Committed(receipt) => return Done::now(&receipt),
                Outcome::Replayed(receipt) => return Done::before(&receipt),
                Outcome::Rejected { transfer, reject } => {
                    return Err(Refusal::Ledger { transfer, reject });
                }
                Outcome::KeyReused => return Err(Refusal::IdempotencyKeyReused),
                Outcome::Conflict(_) => {}
            }
        }
        Err(Refusal::Busy)
    }

    /// What the call's key was answered before, if it was used.
    async fn first_answer<T>(&self, call: &Call) -> Result<Option<Done<T>>, Refusal>
    where
        T: serde::de::DeserializeOwned,
    {
        match self.0.store.answered(call.caller.institution, &call.key).await? {
            None => Ok(None),
            Some((digest, _)) if digest != call.digest => Err(Refusal::IdempotencyKeyReused),
            Some((_, receipt)) => Done::before(&receipt).map(Some),
        }
    }
}

#[cfg(test)]
mod tests;
