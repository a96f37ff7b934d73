//! The platform in one binary: the only place that reads the clock, the environment, entropy and
//! files, and the only one that opens sockets.
//!
//! Suggested reading order: [`serve`] (sockets and workers), [`up`] (the sandbox), [`demo`],
//! [`product`] (definitions on the command line), [`reference`] (generated pages), [`keyfile`].

#![allow(clippy::print_stdout, reason = "a command line tool answers on stdout")]

mod demo;
mod keyfile;
mod product;
mod sample;
mod system;

use clap::Parser;

/// Suanpan, the open internet-finance development platform.
#[derive(Parser)]
#[command(name = "suanpan", version)]
enum Suanpan {
    /// Tells the whole story on real data: a year of loans in under a minute.
    Demo(demo::Demo),
    /// Checks, simulates and describes product definitions.
    #[command(subcommand)]
    Product(product::Product),
}

fn main() -> anyhow::Result<()> {
    match Suanpan::parse() {
        Suanpan::Demo(command) => command.run(),
        Suanpan::Product(command) => command.run(),
    }
}
