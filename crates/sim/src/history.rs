//! What the outside saw: requests, what nodes answered and when, and the log as it grew.

use std::collections::BTreeMap;

use bank::{Refusal, Role};
use ledger::InstitutionId;
use stdx::Timestamp;
use store::LogRow;

use crate::command::{Command, Given};

/// A request: one command under one idempotency key, asked for as often as it takes.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) of: InstitutionId,
    pub(crate) role: Role,
    pub(crate) key: String,
    pub(crate) command: Command,
    /// The step in which it was asked first.
    pub(crate) step: u64,
}

/// A request as one node carried it out, whether or not anybody heard the answer.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Its place in [`History::requests`].
    pub(crate) request: usize,
    /// The node's clock.
    pub(crate) now: Timestamp,
    /// The position of the newest log row when the node began.
    pub(crate) started: u64,
    /// The same when it was done, and the answer; nothing when the node crashed before.
    pub(crate) ended: Option<(u64, Given)>,
}

/// Everything the judge is told.
#[derive(Clone, Default)]
pub(crate) struct History {
    pub(crate) requests: Vec<Request>,
    pub(crate) attempts: Vec<Attempt>,
    /// By institution, in order of position.
    pub(crate) logs: BTreeMap<InstitutionId, Vec<LogRow>>,
    /// Turns of the writer: the position of the newest row after it, and the step.
    pub(crate) turns: Vec<(u64, u64)>,
}

impl History {
    /// The position of the newest log row anybody has seen.
    pub(crate) fn position(&self) -> u64 {
        self.logs.values().filter_map(|it| it.last()).map(|it| it.position).max().unwrap_or(0)
    }

    /// The step in which a log row became durable.
    pub(crate) fn step_of(&self, position: u64) -> u64 {
        self.turns.iter().find(|it| it.0 >= position).map_or(0, |it| it.1)
    }
}

impl Attempt {
    /// The answer, if the node came to one.
    pub(crate) fn outcome(&self) -> Option<&Given> {
        self.ended.as_ref().map(|(_, given)| given)
    }
}

/// Whether the node said that it could not decide: nothing is known, repeating is safe.
pub(crate) fn is_undecided(refusal: &Refusal) -> bool {
    matches!(refusal.code(), "busy" | "unavailable")
}
