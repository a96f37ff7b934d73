//! The platform in one binary: the only place that reads the clock, the environment, entropy and
//! files, and the only one that opens sockets.
//!
//! Suggested reading order: [`serve`] (the API and its workers), [`connections`] (sockets), [`up`]
//! (the sandbox), [`demo`], [`product`] (definitions on the command line), [`verify`],
//! [`reference`] (generated pages), [`keyfile`].

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod connections;
mod demo;
mod institution;
mod keyfile;
mod product;
mod reference;
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
    /// Makes an institution and its first keys.
    Institution(institution::Make),
    /// Checks, simulates and describes product definitions.
    #[command(subcommand)]
    Product(product::Product),
    /// Proves that a data directory says what its log says.
    Verify(verify::Verify),
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
        Suanpan::Institution(command) => command.run(),
        Suanpan::Product(command) => command.run(),
        Suanpan::Verify(command) => command.run(),
        Suanpan::Reference(command) => command.run(),
    }
}
