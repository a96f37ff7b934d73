//! What an engine must do: read a consistent state, and let one writer at a time have its turn.
//!
//! Engines hold no rule. They are all run by one test suite.

pub(crate) mod mem;
pub(crate) mod places;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use audit::TileId;
use ledger::{Account, AccountId, InstitutionId, LaneId, Posted, Resolution, TransferId};
use money::Amount;
use stdx::{Date, Digest, Id};

use crate::{
    Due, LogRow, Receipt, RecordEntry, RecordKey, StoreError, Timer,
    audit::{LeavesRow, TileRow},
};

/// A lane of an institution.
pub(crate) type LaneOf = (InstitutionId, LaneId);

/// An idempotency key of an institution.
pub(crate) type KeyOf = (InstitutionId, String);

/// Debits and credits.
pub(crate) type Sums = (Amount, Amount);

/// The head of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneHead {
    /// The newest row's place in the lane.
    pub seq: u64,
    /// Its position in the whole log.
    pub position: u64,
    /// Its root.
    pub root: Digest,
    /// Through which row the stored pages of the lane are up to date; what came after is in the
    /// log alone.
    pub flushed: u64,
    /// How many accounts the lane has.
    pub accounts: u32,
}

impl LaneHead {
    /// Before the first row.
    pub(crate) const EMPTY: Self =
        Self { seq: 0, position: 0, root: Digest::ZERO, flushed: 0, accounts: 0 };
}

/// Some accounts of a lane, in order of their slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageRow {
    pub lane: LaneOf,
    /// Which slots: [`crate::page::ACCOUNTS`] each.
    pub number: u32,
    /// The newest row of the lane that changed one of them; they are as it left them.
    pub as_of: u64,
    /// See [`crate::page`].
    pub bytes: Vec<u8>,
}

/// Where an account is: its lane, and its slot in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountPlace {
    pub lane: LaneId,
    pub slot: u32,
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

/// What moved on one value date: debits and credits posted.
pub(crate) type DayMoves = BTreeMap<(InstitutionId, AccountId, Date), Sums>;

/// All that one durable write changes. Later entries of the same thing win.
#[derive(Default)]
pub(crate) struct Batch {
    pub log: Vec<LogRow>,
    pub lanes: BTreeMap<LaneOf, LaneHead>,
    pub answers: BTreeMap<KeyOf, AnswerRow>,
    pub records: Vec<RecordWrite>,
    /// Opened now.
    pub accounts: Vec<(InstitutionId, AccountId, AccountPlace)>,
    pub pages: Vec<PageRow>,
    /// Transfers that are found one by one.
    pub transfers: Vec<(InstitutionId, TransferId, TransferPlace)>,
    /// Transfers that are found together.
    pub runs: Vec<(InstitutionId, places::Run)>,
    pub resolutions: Vec<(InstitutionId, TransferId, Resolution)>,
    /// To be added to what is known of the day.
    pub days: DayMoves,
    /// Whether each is set; otherwise it is cleared.
    pub timers: BTreeMap<(InstitutionId, Timer), bool>,
    pub closed_through: BTreeMap<InstitutionId, Date>,
    pub tiles: Vec<(InstitutionId, TileRow)>,
    pub leaves: Vec<(InstitutionId, LeavesRow)>,
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
    /// Whether other processes may write too. What one of them keeps in memory of a lane is then
    /// compared with the lane's head on each turn.
    fn is_shared(&self) -> bool;

    /// A view of one institution, in which everything is as it was at one moment.
    fn snapshot(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError>;

    /// The same for a reader who goes on where it stopped: nothing can be added to the log later
    /// that is before something in it.
    fn snapshot_of_log(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.snapshot(of)
    }

    /// A view of the log of all institutions, for backups, with the same promise.
    fn snapshot_of_all(&self) -> Result<Box<dyn Snapshot + '_>, StoreError>;

    /// A writer's turn with these institutions. It ends with [`Turn::commit`]; dropped, nothing of
    /// it has happened. On a shared engine any step may fail with [`StoreError::Contended`].
    fn turn(&self, of: &BTreeSet<InstitutionId>) -> Result<Box<dyn Turn + '_>, StoreError>;
}

/// What is read through it is durable.
pub(crate) trait Snapshot {
    fn read(&self) -> &dyn Read;
}

/// Between the first look and the durable write. What is read is the newest; of what is locked
/// it stays the newest.
pub(crate) trait Turn: Snapshot {
    /// Locks lanes, all at once, until the turn ends; a turn does so once. A lane that has no row
    /// yet is locked too. Answers the heads of those that have one.
    fn lock(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError>;

    /// The position for a row after another one of this turn, or for the first. It is above that
    /// of every head that was locked.
    fn next_position(&self, after: Option<u64>) -> Result<u64, StoreError>;

    /// Makes a batch durable, whole or not at all, and ends the turn.
    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError>;
}

/// Points and ranges.
pub(crate) trait Read {
    /// The heads of those lanes that have one.
    fn heads(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError>;
    /// Every lane of an institution with its head, in order of lane.
    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError>;

    /// What keys were used for, of those that were used.
    fn answers(&self, keys: &[KeyOf]) -> Result<Vec<(KeyOf, AnswerRow)>, StoreError>;

    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError>;
    /// Of the records that there are.
    fn record_heads(&self, keys: &[RecordKey]) -> Result<Vec<(RecordKey, RecordHead)>, StoreError>;
    /// Records of a kind after an id, in order of id.
    fn records(
        &self,
        of: InstitutionId,
        kind: &str,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError>;

    /// Where accounts are, of those that there are.
    fn account_places(
        &self,
        of: InstitutionId,
        ids: &[AccountId],
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError>;
    /// Accounts after an id, in order of id.
    fn account_places_after(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError>;
    /// Pages of a lane, of those that there are.
    fn pages(&self, lane: LaneOf, numbers: &[u32]) -> Result<Vec<PageRow>, StoreError>;
    /// Pages of an institution after one, in order of lane and number.
    fn pages_after(
        &self,
        of: InstitutionId,
        after: Option<(LaneId, u32)>,
        limit: usize,
    ) -> Result<Vec<PageRow>, StoreError>;

    /// Transfers that are found one by one, of those that there are.
    fn points(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError>;
    /// The first of those from one id through another.
    fn points_between(
        &self,
        of: InstitutionId,
        span: (TransferId, TransferId),
        limit: usize,
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError>;
    /// The runs of a second that may hold an id from one through another.
    fn runs(
        &self,
        of: InstitutionId,
        second: u64,
        span: (TransferId, TransferId),
    ) -> Result<Vec<places::Run>, StoreError>;
    /// The transfers at these places, in the order asked for.
    fn posted(&self, of: InstitutionId, at: &[TransferPlace]) -> Result<Vec<Posted>, StoreError>;
    /// What became of transfers, of those of which something became.
    fn resolutions(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, Resolution)>, StoreError>;

    /// The leaves among which a position is: of those that begin at or before it, the last.
    fn leaves(&self, of: InstitutionId, position: u64) -> Result<Option<LeavesRow>, StoreError>;
    fn tile(&self, of: InstitutionId, id: TileId) -> Result<Option<TileRow>, StoreError>;
    /// How many rows there are of tiles and of leaves.
    fn tile_counts(&self, of: InstitutionId) -> Result<(u64, u64), StoreError>;

    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError>;
    /// Debits and credits posted to an account with value dates through a day, of those that are
    /// not the newest of the account.
    fn older_days(
        &self,
        of: InstitutionId,
        account: AccountId,
        through: Date,
    ) -> Result<Sums, StoreError>;
    /// The same of some accounts, each value date from one on by itself, and those from `rest` on
    /// together as of `rest`; in order of account and date when the accounts are.
    fn older_days_from(
        &self,
        of: InstitutionId,
        accounts: &[AccountId],
        from: Date,
        rest: Date,
    ) -> Result<Vec<(AccountId, Date, Sums)>, StoreError>;

    fn log_row(&self, of: InstitutionId, position: u64) -> Result<Option<LogRow>, StoreError>;
    /// The place in its lane of a row, and the position of the row before it there.
    fn log_link(&self, of: InstitutionId, position: u64) -> Result<Option<(u64, u64)>, StoreError>;
    /// Log rows after a position, in order.
    fn log(&self, of: InstitutionId, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError>;

    /// Log rows of all institutions after a position, in order.
    fn log_of_all(&self, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError>;

    /// Timers due at or before, after another one, in order.
    fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        limit: usize,
    ) -> Result<Vec<Timer>, StoreError>;
}

/// What can be said with the above.
impl dyn Read + '_ {
    /// What the commit whose row is at this position is answered again.
    pub(crate) fn receipt(&self, of: InstitutionId, position: u64) -> Result<Receipt, StoreError> {
        let missing = || StoreError::Corrupt(format!("no log row at {position}"));
        self.log_row(of, position)?.ok_or_else(missing)?.receipt()
    }
}

/// A sum over many accounts does not fit an amount, though each of them does.
pub(crate) fn sum_too_large() -> StoreError {
    StoreError::TooLarge { limit: "Amount::MAX", max: usize::MAX >> 1 }
}

/// How a due time is stored. Sorts as [`Due`] does, in the years from 0 on: days before moments,
/// each by time.
fn due_text(due: Due) -> String {
    match due {
        Due::Day(date) => format!("d{date}"),
        Due::Moment(at) => format!("m{at:.9}"),
    }
}

fn due_of(text: &str) -> Option<Due> {
    match text.split_at_checked(1)? {
        ("d", date) => date.parse().ok().map(Due::Day),
        ("m", moment) => moment.parse().ok().map(Due::Moment),
        _ => None,
    }
}

/// How what became of a transfer is stored: a number, and the transfer by which it did.
fn resolution_parts(resolution: Resolution) -> (u8, TransferId) {
    match resolution {
        Resolution::Posted(by) => (0, by),
        Resolution::Voided(by) => (1, by),
        Resolution::Expired(by) => (2, by),
        Resolution::Reversed(by) => (3, by),
    }
}

fn resolution_of(kind: u8, by: TransferId) -> Option<Resolution> {
    match kind {
        0 => Some(Resolution::Posted(by)),
        1 => Some(Resolution::Voided(by)),
        2 => Some(Resolution::Expired(by)),
        3 => Some(Resolution::Reversed(by)),
        _ => None,
    }
}

/// The log does not hold a transfer where it should.
fn no_transfer(at: TransferPlace) -> StoreError {
    StoreError::Corrupt(format!("no transfer {} in log row {}", at.item, at.position))
}

/// The accounts of a page.
pub(crate) fn page_accounts(page: &PageRow) -> Result<Vec<Account>, StoreError> {
    crate::page::decode(page.lane.1, page.number, &page.bytes).ok_or_else(|| {
        let (_, lane) = page.lane;
        StoreError::Corrupt(format!("page {} of lane {lane} cannot be read", page.number))
    })
}
