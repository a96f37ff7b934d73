//! What an engine must do: read points and ranges, and write a batch atomically and durably.
//!
//! Engines hold no rule. They are all run by one test suite.

pub(crate) mod mem;
pub(crate) mod sqlite;

use std::collections::BTreeMap;

use ledger::{Account, AccountId, InstitutionId, LaneId, Posted, Resolution, TransferId};
use money::Amount;
use stdx::{Date, Digest, Id};

use crate::{Due, LogRow, Receipt, RecordEntry, RecordKey, StoreError, Timer};

/// The head of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneHead {
    /// The newest row's place in the lane.
    pub seq: u64,
    /// Its position in the whole log.
    pub position: u64,
    /// Its root.
    pub root: Digest,
}

impl LaneHead {
    /// Before the first row.
    pub(crate) const EMPTY: Self = Self { seq: 0, position: 0, root: Digest::ZERO };
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordRow {
    pub id: Id<()>,
    pub version: u64,
    pub lane: LaneId,
    pub links: Vec<(String, String)>,
    pub body: String,
}

/// What a writer has to know of a record: its version, and the links it may have to remove.
pub(crate) type RecordHead = (u64, Vec<(String, String)>);

/// Where a transfer is: a row of the log, and the place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransferPlace {
    pub position: u64,
    pub item: u32,
}

/// What a repetition of a command finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerRow {
    pub digest: Digest,
    pub position: u64,
}

/// A transfer and what became of it.
pub(crate) type Resolved = (Posted, Option<Resolution>);

/// What moved on one value date: debits and credits posted.
pub(crate) type DayMoves = BTreeMap<(InstitutionId, AccountId, Date), (Amount, Amount)>;

/// All that one durable write changes. Later entries of the same thing win.
#[derive(Default)]
pub(crate) struct Batch {
    pub log: Vec<LogRow>,
    pub lanes: BTreeMap<(InstitutionId, LaneId), LaneHead>,
    pub answers: BTreeMap<(InstitutionId, String), AnswerRow>,
    pub records: Vec<RecordWrite>,
    pub accounts: Vec<(InstitutionId, Account)>,
    pub transfers: Vec<(InstitutionId, TransferId, TransferPlace)>,
    pub resolutions: Vec<(InstitutionId, TransferId, Resolution)>,
    pub days: DayMoves,
    /// Whether each is set; otherwise it is cleared.
    pub timers: BTreeMap<(InstitutionId, Timer), bool>,
    pub closed_through: BTreeMap<InstitutionId, Date>,
}

/// A record to write, and the links its earlier version had.
pub(crate) struct RecordWrite {
    pub institution: InstitutionId,
    pub lane: LaneId,
    pub entry: RecordEntry,
    pub links_before: Vec<(String, String)>,
}

/// Which records of a kind a page is of.
pub(crate) enum Filter<'a> {
    /// All.
    All,
    /// Those with this lookup key.
    Link { name: &'a str, key: &'a str },
}

/// Storage without rules.
pub(crate) trait Engine: Send + Sync {
    /// Makes a batch durable, whole or not at all.
    fn write(&self, batch: &Batch) -> Result<(), StoreError>;

    /// The position of the newest log row; 0 when there is none.
    fn last_position(&self) -> Result<u64, StoreError>;
    fn lane(&self, of: InstitutionId, lane: LaneId) -> Result<Option<LaneHead>, StoreError>;
    fn answer(&self, of: InstitutionId, key: &str) -> Result<Option<AnswerRow>, StoreError>;
    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError>;
    fn record_head(&self, key: &RecordKey) -> Result<Option<RecordHead>, StoreError>;
    fn account(&self, of: InstitutionId, id: AccountId) -> Result<Option<Account>, StoreError>;
    /// A transfer and what became of it.
    fn transfer(&self, of: InstitutionId, id: TransferId) -> Result<Option<Resolved>, StoreError>;
    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError>;
    fn log_row(&self, position: u64) -> Result<Option<LogRow>, StoreError>;

    /// Records of a kind after an id, in order of id.
    fn records(
        &self,
        of: InstitutionId,
        kind: &str,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError>;
    /// Accounts after an id, in order of id.
    fn accounts(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError>;
    /// Log rows after a position, in order.
    fn log(&self, of: InstitutionId, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError>;
    /// Timers due at or before, after another one, in order.
    fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        limit: usize,
    ) -> Result<Vec<Timer>, StoreError>;
    /// Debits and credits posted with a value date through a day.
    fn moved_through(
        &self,
        of: InstitutionId,
        id: AccountId,
        day: Date,
    ) -> Result<(Amount, Amount), StoreError>;
    /// Every lane of an institution with its head, in order of lane.
    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError>;
    /// Debits and credits posted through a day, by currency and code of the account, in that
    /// order; [`StoreError::TooLarge`] when a sum is beyond [`Amount::MAX`].
    fn book(
        &self,
        of: InstitutionId,
        through: Option<Date>,
    ) -> Result<Vec<crate::BookLine>, StoreError>;

    /// What the commit whose row is at this position is answered again.
    fn receipt(&self, position: u64) -> Result<Receipt, StoreError> {
        let missing = || StoreError::Corrupt(format!("no log row at {position}"));
        self.log_row(position)?.ok_or_else(missing)?.receipt()
    }
}

/// A sum over many accounts does not fit an amount, though each of them does.
fn sum_too_large() -> StoreError {
    StoreError::TooLarge { limit: "Amount::MAX", max: usize::MAX >> 1 }
}

/// The log does not hold the transfer where it should.
fn no_row(id: TransferId) -> StoreError {
    StoreError::Corrupt(format!("transfer {id} has no log row"))
}
