//! The platform in one binary: the only place that reads the clock, the environment, entropy and
//! files, and the only one that opens sockets.
//!
//! Suggested reading order: [`serve`] (the API and its workers), [`connections`] (sockets), [`up`]
//! (the sandbox), [`demo`], [`product`] (definitions on the command line), [`book`]
//! (synthetic books), [`verify`],
//! [`backup`], [`restore`], [`audit`], [`bench`], [`reference`] (generated pages), [`data`],
//! [`migrate`], [`keyfile`].

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod audit;
mod backup;
mod bench;
mod book;
mod connections;
mod data;
mod demo;
mod institution;
mod keyfile;
mod migrate;
mod product;
mod reference;
mod restore;
mod sample;
mod serve;
mod system;
mod up;
mod verify;

use std::process::ExitCode;

use clap::Parser;

/// Suanpan, the open internet-finance development platform.
#[derive(Parser)]
#[command(name = "suanpan", version)]
enum Suanpan {
    /// Serves the API.
    Serve(serve::Serve),
    /// Makes a sandbox with example products and serves it.
    Up(up::Up),
    /// Tells the whole story on real data: a year of loans in under a minute.
    Demo(demo::Demo),
    /// Brings the tables of a PostgreSQL database to what this version needs.
    Migrate(migrate::Migrate),
    /// Makes an institution and its first keys.
    Institution(institution::Make),
    /// Checks, simulates and describes product definitions.
    #[command(subcommand)]
    Product(product::Product),
    /// Proves that a data directory says what its log says.
    Verify(verify::Verify),
    /// Adds what is new to a backup, while the platform runs or not; checks a backup.
    Backup(backup::Backup),
    /// Makes a data directory from a backup, as it was after any commit.
    Restore(restore::Restore),
    /// Signs heads of the log, makes proofs and checks them.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Measures the platform, and the limit it is judged against.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Writes the generated reference pages.
    Reference(reference::Reference),
}

fn main() -> ExitCode {
    match run(Suanpan::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Suanpan) -> anyhow::Result<()> {
    match command {
        Suanpan::Serve(command) => command.run(),
        Suanpan::Up(command) => command.run(),
        Suanpan::Demo(command) => command.run(),
        Suanpan::Migrate(command) => command.run(),
        Suanpan::Institution(command) => command.run(),
        Suanpan::Product(command) => command.run(),
        Suanpan::Verify(command) => command.run(),
        Suanpan::Backup(command) => command.run(),
        Suanpan::Restore(command) => command.run(),
        Suanpan::Audit(command) => command.run(),
        Suanpan::Bench(command) => command.run(),
        Suanpan::Reference(command) => command.run(),
    }
}
