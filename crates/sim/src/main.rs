//! Simulates seed after seed until the time is over or one does not hold.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use clap::Parser;
use sim::{COMMANDS_DEFAULT, Fault, Options, Summary};

/// Simulates seed after seed until the time is over or one does not hold.
#[derive(Parser)]
#[command(name = "sim", version = None)]
struct Sim {
    /// The first seed; the next one is one more.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long new seeds are begun; 0 for this one seed.
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// How many commands each seed asks for.
    #[arg(long, default_value_t = COMMANDS_DEFAULT)]
    commands: usize,
    /// Prints every step.
    #[arg(long)]
    trace: bool,
}

impl Sim {
    fn options(&self, seed: u64) -> Options {
        let tell = |step: u64, what: &str| println!("{step:>7} {what}");
        let tell = self.trace.then_some(tell as fn(u64, &str));
        Options { seed, commands: self.commands, tell }
    }

    /// Several seeds at once: each is a world of its own.
    fn threads(&self) -> usize {
        let alone = self.minutes == 0 || self.trace;
        if alone { 1 } else { thread::available_parallelism().map_or(1, Into::into) }
    }
}

/// What the seeds so far came to.
#[derive(Default)]
struct Tally {
    seeds: u64,
    commands: usize,
    failed: Option<(Options, Fault)>,
}

fn main() -> ExitCode {
    let sim = Sim::parse();
    let next = AtomicU64::new(sim.seed);
    let over = AtomicBool::new(sim.minutes == 0);
    let tally = Mutex::new(Tally::default());
    let (done, waits) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..sim.threads()).map(|_| scope.spawn(|| work(&sim, &next, &over, &tally))).collect();
        let (over, time) = (&over, Duration::from_secs(sim.minutes * 60));
        scope.spawn(move || {
            // Nobody sends: this ends when the time is over, or all are done.
            waits.recv_timeout(time).unwrap_or_default();
            over.store(true, Ordering::Relaxed);
        });
        for worker in workers {
            worker.join().unwrap_or_default();
        }
        drop(done);
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Some((options, fault)) = tally.failed else {
        println!("{} seeds hold, {} commands", tally.seeds, tally.commands);
        return ExitCode::SUCCESS;
    };
    eprintln!("\nseed {} does not hold, {fault}\nrepeat: {}", options.seed, options.repeat());
    ExitCode::FAILURE
}

/// Takes seeds until the time is over; the first is taken in any case.
fn work(sim: &Sim, next: &AtomicU64, over: &AtomicBool, tally: &Mutex<Tally>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        let options = sim.options(seed);
        let judged = sim::run(options);
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match judged {
            Ok(summary) => {
                println!("seed {seed} holds: {}", describe(&summary));
                tally.seeds += 1;
                tally.commands += summary.commands;
            }
            Err(fault) => {
                over.store(true, Ordering::Relaxed);
                tally.failed.get_or_insert((options, fault));
            }
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn describe(summary: &Summary) -> String {
    let Summary { commands, attempts, cut_short, refused, rows, transfers, state_hash } = summary;
    format!(
        "{commands} commands, {attempts} attempts ({cut_short} cut short, {refused} refused), \
         {rows} rows, {transfers} transfers, state {:.16}",
        state_hash.to_string()
    )
}
