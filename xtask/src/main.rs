//! All automation of the repository: `cargo xtask help` lists it.
//!
//! There is no Makefile and no shell beyond one line, so every machine that builds Suanpan can
//! also test and run it. Each command only starts other programs; what it starts is printed first.
//! The conventions of the repository are tests in `tidy`, run with all others.

#![allow(clippy::print_stderr, reason = "a command line tool; stdout belongs to what it runs")]

mod check;
mod shell;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tidy;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::shell::Shell;

/// The repository's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", version = None)]
enum Xtask {
    /// Installs what the tests need where it is missing, then checks and tests everything.
    Test,
    /// Builds and starts the platform in `./data`; `--fresh` starts over.
    #[command(disable_help_flag = true)]
    Up(Arguments),
    /// Tells the whole story on real data and prints its summary; `--json` for one object.
    #[command(disable_help_flag = true)]
    Demo(Arguments),
    /// Simulates seed after seed: `--seed N --minutes M`, and says how to repeat one that fails.
    #[command(disable_help_flag = true)]
    Sim(Arguments),
    /// Writes the generated pages of `docs/reference` anew.
    Codegen,
}

/// Passed on as they are: the binary knows what they mean.
#[derive(clap::Args)]
struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

fn main() -> ExitCode {
    let Err(error) = run(&Xtask::parse()) else { return ExitCode::SUCCESS };
    eprintln!("\nerror: {error:#}");
    error.downcast_ref().map_or(ExitCode::FAILURE, shell::Failed::exit_code)
}

fn run(xtask: &Xtask) -> anyhow::Result<()> {
    match xtask {
        Xtask::Test => check::all(&Shell::at(root())),
        Xtask::Up(rest) => Err(become_built("suanpan", &["up"], rest)),
        Xtask::Demo(rest) => Err(become_built("suanpan", &["demo"], rest)),
        Xtask::Sim(rest) => Err(become_built("sim", &[], rest)),
        Xtask::Codegen => Shell::at(root()).run(&CODEGEN),
    }
}

const CODEGEN: [&str; 7] =
    ["cargo", "run", "--package=suanpan", "--", "reference", "--out", "docs/reference"];

/// Becomes a program of ours, built in release, in the caller's own directory. Cargo reports its
/// progress on stderr, so stdout is the program's alone. Returns only if that failed.
fn become_built(package: &str, words: &[&str], rest: &Arguments) -> anyhow::Error {
    let package = format!("--package={package}");
    let cargo = ["cargo", "run", "--release", &package, "--"];
    let rest = rest.arguments.iter().map(String::as_str);
    Shell::here().exec(&cargo.iter().chain(words).copied().chain(rest).collect::<Vec<_>>())
}

/// The directory of the workspace.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
