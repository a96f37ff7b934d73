//! Deterministic simulation: one seed, thousands of commands, everything that can go wrong, and a
//! judge with books of its own.
//!
//! A [`run`] sets up institutions on two nodes that share one store, lets clients do business over
//! a network that loses, doubles, delays and reorders, drops nodes at any await point, sets clocks,
//! and at the end judges: what was acknowledged is in the log once and answers the same, every
//! refusal has a reason, every row follows from what was asked, and the store says what the log
//! says. The same seed gives the same run.
//!
//! Suggested reading order: [`simulation`] (the world), [`workload`] (what is asked), [`nodes`]
//! (who is asked), [`judge`] (what must hold), [`model`] (the slow books), [`contracts`], [`audit`]
//! (the store against the books).

mod audit;
mod command;
mod contracts;
mod history;
mod judge;
mod model;
mod nodes;
mod reasons;
mod simulation;
mod workload;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use stdx::Digest;

/// How many commands a run asks for when nobody says otherwise.
pub const COMMANDS_DEFAULT: usize = 2_000;

/// What is run.
#[derive(Clone, Copy)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// How many commands are asked for.
    pub commands: usize,
    /// Hears every step, with its number.
    pub tell: Option<fn(u64, &str)>,
}

/// What a run that held did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Commands asked for.
    pub commands: usize,
    /// How often nodes began to carry one out.
    pub attempts: usize,
    /// Of these, how many never came to an answer: a crash, a broken connection.
    pub cut_short: usize,
    /// Of these, how many were refused.
    pub refused: usize,
    /// Rows of the log.
    pub rows: usize,
    /// Transfers booked.
    pub transfers: usize,
    /// The state hashes of all institutions together.
    pub state_hash: Digest,
}

/// What does not hold, in which step of the run it came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The step, from 1.
    pub step: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.what)
    }
}

impl std::error::Error for Fault {}

impl Options {
    /// The command that repeats the run.
    pub fn repeat(&self) -> String {
        let Self { seed, commands, .. } = self;
        format!("cargo xtask sim --seed {seed} --commands {commands} --minutes 0")
    }
}

/// Runs a seed and judges it.
///
/// # Errors
/// The first thing that does not hold.
pub fn run(options: Options) -> Result<Summary, Fault> {
    let progress = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&progress);
    let run = AssertUnwindSafe(|| {
        let mut simulation = simulation::Simulation::new(options, shared);
        simulation.run()?;
        let institutions = simulation.institutions();
        let judged = judge::judge(&simulation.history, &institutions)?;
        audit::audit(&simulation.nodes, &simulation.history, &judged)
    });
    catch_unwind(run).unwrap_or_else(|_| {
        let what = "a panic, reported above".to_owned();
        Err(Fault { step: progress.load(Ordering::Relaxed), what })
    })
}

#[cfg(test)]
mod tests;
