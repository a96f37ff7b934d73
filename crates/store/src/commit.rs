//! What a command changes, and what the store answers.

use ledger::{
    Account, AccountId, AccountState, InstitutionId, LaneId, Limits, Moment, Reject, Transfer,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use stdx::{Date, Digest, Id, Timestamp};

use crate::{
    COMMIT_ACCOUNTS_MAX, COMMIT_EVENTS_MAX, COMMIT_RECORDS_MAX, COMMIT_TIMERS_MAX,
    COMMIT_TRANSFERS_MAX, KEY_LEN_MAX, LINK_LEN_MAX, RecordEntry, RecordKey, StoreError, Table,
};

/// Everything one command changes.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose books and records.
    pub institution: InstitutionId,
    /// The lane whose log it goes to.
    pub lane: LaneId,
    /// Who gave the command: an API key's name, or the platform itself.
    pub actor: String,
    /// The command's name, such as `repay`.
    pub command: &'static str,
    /// The idempotency key, unique within the institution; never empty.
    pub key: String,
    /// The digest of the request: the same key with another digest is refused.
    pub digest: Digest,
    /// When.
    pub at: Moment,
    /// Records that were read and must not have moved.
    pub expected: Vec<Expected>,
    /// Records written; each expects the version before its own.
    pub records: Vec<RecordEntry>,
    /// Accounts opened or changed. Opening one that is there already changes nothing.
    pub accounts: Vec<AccountChange>,
    /// Transfers, in order.
    pub transfers: Vec<Transfer>,
    /// Whether the transfers stand or fall together.
    pub mode: Mode,
    /// Closes the books through a day.
    pub close_period: Option<Date>,
    /// What happened, for the log and its readers.
    pub events: Vec<Event>,
    /// Timers set and cleared.
    pub timers: Vec<TimerChange>,
    /// What a repetition of the command is answered, as JSON.
    pub answer: Box<RawValue>,
}

/// Whether the transfers of a commit stand or fall together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One refused transfer refuses the commit.
    #[default]
    Whole,
    /// Each chain answers for itself; the commit happens.
    EachAlone,
}

/// A record that was read, with the version it had; 0 for one that was not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Which record.
    pub key: RecordKey,
    /// Its version.
    pub version: u64,
}

/// A change of an account beside its balances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountChange {
    /// Opens it.
    Open(Account),
    /// Freezes, thaws or closes it.
    State(AccountId, AccountState),
    /// Gives it other limits.
    Limits(AccountId, Option<Limits>),
}

impl AccountChange {
    /// Which account.
    pub fn id(&self) -> AccountId {
        match self {
            Self::Open(account) => account.id,
            Self::State(id, _) | Self::Limits(id, _) => *id,
        }
    }
}

/// Something that happened, as its readers see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its name, such as `loan-disbursed`.
    pub kind: String,
    /// The record it is about.
    pub subject: Id<()>,
    /// The facts, as JSON.
    pub body: Box<RawValue>,
}

/// When a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    /// At the end of a business date.
    Day(Date),
    /// At a moment of the wall clock.
    Moment(Timestamp),
}

/// A due moment of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timer {
    /// When.
    pub due: Due,
    /// What is to be done, such as `close-loan-day`.
    pub kind: String,
    /// The record it is about.
    pub subject: Id<()>,
    /// The lane of that record.
    pub lane: LaneId,
}

/// A timer set or cleared. Clearing one that is not there changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimerChange {
    /// Sets it.
    Set(Timer),
    /// Clears it.
    Clear(Timer),
}

/// What the store answers to a commit.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It happened and is durable.
    Committed(Receipt),
    /// A commit with the same key and request happened before; this is its receipt.
    Replayed(Receipt),
    /// The ledger refused: nothing happened.
    Rejected {
        /// Index of the transfer; `None` when an account change or the period was refused.
        transfer: Option<usize>,
        /// Why.
        reject: Reject,
    },
    /// The key was used before for another request: nothing happened.
    KeyReused,
    /// A record moved since it was read: nothing happened, reading again and deciding anew helps.
    Conflict(RecordKey),
}

/// What is kept of a commit for its repetition.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Its lane.
    pub lane: LaneId,
    /// Its place in the lane, from 1.
    pub seq: u64,
    /// The command's answer.
    pub answer: Box<RawValue>,
    /// One answer for each transfer.
    pub results: Vec<Result<Booked, Reject>>,
}

impl Receipt {
    /// The answer as the type that was put in.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is not that type.
    pub fn answer<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        let parsed = serde_json::from_str(self.answer.get());
        parsed.map_err(|error| StoreError::Corrupt(format!("answer: {error}")))
    }
}

/// Whether a transfer happened now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booked {
    /// Now.
    Created,
    /// Before, with the same content.
    Exists,
}

impl Commit {
    /// A commit that changes nothing yet.
    pub fn new(
        institution: InstitutionId,
        lane: LaneId,
        command: &'static str,
        at: Moment,
    ) -> Self {
        Self {
            institution,
            lane,
            actor: String::new(),
            command,
            key: String::new(),
            digest: Digest::ZERO,
            at,
            expected: Vec::new(),
            records: Vec::new(),
            accounts: Vec::new(),
            transfers: Vec::new(),
            mode: Mode::Whole,
            close_period: None,
            events: Vec::new(),
            timers: Vec::new(),
            answer: RawValue::NULL.to_owned(),
        }
    }

    /// Writes a record; `before` is the version that was read, 0 for a new one. Written again in
    /// the same commit, the later body stands.
    pub fn put<T, I>(&mut self, table: &Table<T>, id: Id<I>, before: u64, record: &T)
    where
        T: Serialize + DeserializeOwned,
    {
        let (kind, id, body) = (table.kind.to_owned(), id.cast(), raw(record));
        let links = (table.links)(record);
        let links = links.into_iter().map(|(name, key)| (name.to_owned(), key)).collect();
        match self.records.iter_mut().find(|it| it.id == id && it.kind == kind) {
            Some(written) => (written.links, written.body) = (links, body),
            None => {
                let version = before.saturating_add(1);
                self.records.push(RecordEntry { kind, id, version, links, body });
            }
        }
    }

    /// Expects a record that is only read to be still at the version it was read at.
    pub fn expect<T, I>(&mut self, table: &Table<T>, id: Id<I>, version: u64)
    where
        T: Serialize + DeserializeOwned,
    {
        self.expected.push(Expected { key: table.key(self.institution, id), version });
    }

    /// Tells what happened.
    pub fn tell<I>(&mut self, kind: &str, subject: Id<I>, facts: &impl Serialize) {
        let event = Event { kind: kind.to_owned(), subject: subject.cast(), body: raw(facts) };
        self.events.push(event);
    }

    /// Sets a timer for a record of this commit's lane.
    pub fn set_timer<I>(&mut self, due: Due, kind: &str, subject: Id<I>) {
        let timer = self.timer(due, kind, subject);
        self.timers.push(TimerChange::Set(timer));
    }

    /// Clears a timer of a record of this commit's lane.
    pub fn clear_timer<I>(&mut self, due: Due, kind: &str, subject: Id<I>) {
        let timer = self.timer(due, kind, subject);
        self.timers.push(TimerChange::Clear(timer));
    }

    /// Sets the answer a repetition gets.
    pub fn answer(&mut self, answer: &impl Serialize) {
        self.answer = raw(answer);
    }

    fn timer<I>(&self, due: Due, kind: &str, subject: Id<I>) -> Timer {
        Timer { due, kind: kind.to_owned(), subject: subject.cast(), lane: self.lane }
    }

    /// Refuses what is over a limit or no engine's, before it queues: in a batch it would fail its
    /// neighbors too.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let records = self.records.len().saturating_add(self.expected.len());
        let links = || self.records.iter().flat_map(|it| &it.links);
        let link_len = links().map(|(name, key)| name.len() + key.len()).max().unwrap_or(0);
        let limits = [
            ("KEY_LEN_MAX", self.key.len(), KEY_LEN_MAX),
            ("COMMIT_TRANSFERS_MAX", self.transfers.len(), COMMIT_TRANSFERS_MAX),
            ("COMMIT_ACCOUNTS_MAX", self.accounts.len(), COMMIT_ACCOUNTS_MAX),
            ("COMMIT_RECORDS_MAX", records, COMMIT_RECORDS_MAX),
            ("COMMIT_EVENTS_MAX", self.events.len(), COMMIT_EVENTS_MAX),
            ("COMMIT_TIMERS_MAX", self.timers.len(), COMMIT_TIMERS_MAX),
            ("LINK_LEN_MAX", link_len, LINK_LEN_MAX),
        ];
        if let Some((limit, _, max)) = limits.into_iter().find(|(_, len, max)| len > max) {
            return Err(StoreError::TooLarge { limit, max });
        }
        let kinds = self.timers.iter().map(|(TimerChange::Set(it) | TimerChange::Clear(it))| it);
        let texts = [("key", &self.key), ("name of an actor", &self.actor)].into_iter();
        let texts = texts
            .chain(links().flat_map(|(name, key)| [("name of a link", name), ("link", key)]))
            .chain(self.records.iter().map(|it| ("kind of a record", &it.kind)))
            .chain(self.expected.iter().map(|it| ("kind of a record", &it.key.kind)))
            .chain(kinds.map(|it| ("kind of a timer", &it.kind)));
        match texts.into_iter().find(|(_, text)| text.contains('\0')) {
            Some((what, _)) => Err(StoreError::NulInText(what)),
            None => Ok(()),
        }
    }
}

/// JSON of a value whose form is fixed by its type.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("records and events are plain data")
}
