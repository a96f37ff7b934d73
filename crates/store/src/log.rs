//! The event log: one row per commit, chained by hash within its lane.

use ledger::{InstitutionId, LaneId, POSTED_BYTES, Posted, Reject};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stdx::{Date, Digest, Id, Timestamp};

use crate::{AccountChange, Booked, Event, Receipt, StoreError, TimerChange, commit::raw};

/// One row of the event log: all that a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Its place in the whole log, from 1.
    pub position: u64,
    /// Whose.
    pub institution: InstitutionId,
    /// Which lane.
    pub lane: LaneId,
    /// Its place in the lane, from 1.
    pub seq: u64,
    /// The position of the row before it in the lane; 0 for the first.
    pub previous: u64,
    /// The position of the row that tells what happened, in a lane that the commit only touched;
    /// 0 when this one does. Like all positions no part of what is chained: it depends on what
    /// other lanes did.
    pub told_at: u64,
    /// When it was booked.
    pub at: Timestamp,
    /// Who gave the command.
    pub actor: String,
    /// The command's name.
    pub command: String,
    /// The command's idempotency key.
    pub key: String,
    /// The digest of the command's request.
    pub digest: Digest,
    /// [`LogBody`] as JSON.
    pub body: Vec<u8>,
    /// The transfers that happened, [`POSTED_BYTES`] each.
    pub transfers: Vec<u8>,
    /// The hash of this row and, through the root before it, of the whole lane.
    pub root: Digest,
}

/// What a commit did beside its transfers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogBody {
    /// The business date.
    pub today: Date,
    /// Records as they were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordEntry>,
    /// Accounts opened or changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountChange>,
    /// The day through which the books were closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_period: Option<Date>,
    /// What happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Timers set and cleared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<TimerChange>,
    /// What a repetition is answered.
    pub answer: Box<RawValue>,
    /// One number per transfer ordered: 0 created, 1 existed, 100 and the refusal's number. Left
    /// out when all were created.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<u16>,
    /// In a lane that the commit only touched: the row that tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_in: Option<Told>,
}

/// Which row tells what a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its lane.
    pub lane: LaneId,
    /// Its place in the lane.
    pub seq: u64,
}

/// A record as a commit writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordEntry {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: Id<()>,
    /// Its version, from 1.
    pub version: u64,
    /// How it is found other than by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(String, String)>,
    /// The record, as JSON.
    pub body: Box<RawValue>,
}

impl LogBody {
    /// What stands in a lane that a commit only touched.
    pub(crate) fn told(today: Date, told_in: Told) -> Self {
        Self {
            today,
            records: Vec::new(),
            accounts: Vec::new(),
            close_period: None,
            events: Vec::new(),
            timers: Vec::new(),
            answer: raw(&()),
            results: Vec::new(),
            told_in: Some(told_in),
        }
    }
}

impl LogRow {
    /// The root that follows from the root before and this row's content.
    pub fn chained(&self, before: Digest) -> Digest {
        Digest::of(&[
            before.as_bytes(),
            self.institution.as_bytes(),
            self.lane.as_bytes(),
            &self.seq.to_be_bytes(),
            &self.at.as_nanosecond().to_be_bytes(),
            self.actor.as_bytes(),
            self.command.as_bytes(),
            self.key.as_bytes(),
            self.digest.as_bytes(),
            &self.body,
            &self.transfers,
        ])
    }

    /// Whether it is the next row of its lane after the one at a place, a position and a root.
    pub(crate) fn follows(&self, seq: u64, position: u64, root: Digest) -> bool {
        self.seq == seq + 1
            && self.previous == position
            && self.position > position
            && self.root == self.chained(root)
    }

    /// The body, parsed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is not one.
    pub fn body(&self) -> Result<LogBody, StoreError> {
        serde_json::from_slice(&self.body).map_err(|error| self.corrupt(&error.to_string()))
    }

    /// The transfers, parsed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when they are not.
    pub fn transfers(&self) -> Result<Vec<Posted>, StoreError> {
        let chunks = self.transfers.chunks(POSTED_BYTES);
        let parsed: Result<_, _> = chunks.map(Posted::decode).collect();
        parsed.map_err(|error| self.corrupt(&error.to_string()))
    }

    /// One of the transfers.
    pub(crate) fn transfer(&self, item: u32) -> Result<Posted, StoreError> {
        let bytes = self.transfers.chunks(POSTED_BYTES).nth(item as usize).unwrap_or_default();
        Posted::decode(bytes).map_err(|error| self.corrupt(&error.to_string()))
    }

    /// What a repetition of the commit is answered.
    pub(crate) fn receipt(&self) -> Result<Receipt, StoreError> {
        let body = self.body()?;
        let created = self.transfers.len() / POSTED_BYTES;
        let results = results_from_numbers(&body.results, created);
        let results = results.ok_or_else(|| self.corrupt("unknown results"))?;
        Ok(Receipt { lane: self.lane, seq: self.seq, answer: body.answer, results })
    }

    pub(crate) fn corrupt(&self, what: &str) -> StoreError {
        StoreError::Corrupt(format!("log row {} of lane {}: {what}", self.seq, self.lane))
    }
}

/// The numbers of the results; none when all were created.
pub(crate) fn results_to_numbers(results: &[Result<Booked, Reject>]) -> Vec<u16> {
    if results.iter().all(|it| *it == Ok(Booked::Created)) {
        return Vec::new();
    }
    let number = |it: &Result<Booked, Reject>| match it {
        Ok(Booked::Created) => 0,
        Ok(Booked::Exists) => EXISTS,
        Err(reject) => REJECTED + reject.number(),
    };
    results.iter().map(number).collect()
}

/// The results of these numbers; `count` transfers were ordered.
fn results_from_numbers(numbers: &[u16], count: usize) -> Option<Vec<Result<Booked, Reject>>> {
    if numbers.is_empty() {
        return Some(vec![Ok(Booked::Created); count]);
    }
    let result = |number: &u16| match *number {
        0 => Some(Ok(Booked::Created)),
        EXISTS => Some(Ok(Booked::Exists)),
        number => {
            let wanted = number.checked_sub(REJECTED)?;
            let row = Reject::TABLE.iter().find(|row| row.0.number() == wanted)?;
            Some(Err(row.0))
        }
    };
    numbers.iter().map(result).collect()
}

const EXISTS: u16 = 1;
/// Refusals are offset, since their numbers start at 1.
const REJECTED: u16 = 100;
