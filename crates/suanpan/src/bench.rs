//! Measures the platform, and in the same run the limit it is judged against.
//!
//! Every run that stores has a fresh store in a directory of its own, which is removed afterwards.
//! What is counted as done was acknowledged, so it is durable. The limit is the best any store
//! could do here and now: the same ledger in memory, and each batch's transfers appended raw to a
//! file and synced. It is measured before and after, and the better one counts, since machines are
//! noisy.
//!
//! `docs/internals/performance.md` says what each number means and holds the results.
//!
//! Suggested reading order: [`books`] (transfers through the commit API), [`traffic`] (which
//! transfers), [`limit`], [`commands`] (business commands over HTTP), [`client`] (the load
//! generator's half of HTTP), [`machine`] (what the kernel counts), [`simulate`] (synthetic loan
//! books, which store nothing), [`figures`].

mod books;
mod client;
mod commands;
mod figures;
mod limit;
mod machine;
mod simulate;
mod traffic;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use serde_json::Value;
use store::Store;

/// Measures the platform, and the limit it is judged against.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Batches of transfers between many accounts.
    Ledger(books::Ledger),
    /// Holds, then posts of them; four of five go to a few merchants.
    Mixed(books::Mixed),
    /// Loan repayments over HTTP, with a load generator of its own.
    Commands(commands::Commands),
    /// A synthetic loan book, on one core and on all.
    Simulate(simulate::Simulate),
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let (json, measured) = match self {
            Self::Ledger(bench) => (bench.json(), bench.run()?),
            Self::Mixed(bench) => (bench.json(), bench.run()?),
            Self::Commands(bench) => (bench.json(), bench.run()?),
            Self::Simulate(bench) => (bench.json(), bench.run()?),
        };
        if json {
            println!("{measured}");
        } else {
            print!("{}", table(&measured, ""));
        }
        Ok(())
    }
}

/// Where a run keeps its data.
#[derive(Args)]
pub(crate) struct Place {
    /// What stores it.
    #[arg(long, value_enum, default_value_t = Engine::Sqlite)]
    engine: Engine,
    /// The address of the PostgreSQL database, for that engine.
    #[arg(long, value_name = "URL", required_if_eq("engine", "postgres"))]
    database: Option<String>,
    /// Where the directory of the run is made; the system's for temporary files when absent.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// What stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    Mem,
}

impl Place {
    fn scratch(&self) -> anyhow::Result<Scratch> {
        Scratch::new(&self.data.clone().unwrap_or_else(env::temp_dir))
    }

    /// The store of the run: made in an empty directory, opened again in one that has it.
    fn open(&self, scratch: &Scratch) -> anyhow::Result<Store> {
        match self.engine {
            Engine::Sqlite => Ok(Store::in_directory(&scratch.store())?),
            Engine::Mem => Ok(Store::in_memory()),
            Engine::Postgres => {
                let url =
                    self.database.as_deref().context("name the database: `--database URL`")?;
                Store::migrate_postgres(url, false)?;
                Ok(Store::in_postgres(url)?)
            }
        }
    }

    /// Whether what was stored is there when the store is opened again.
    fn lasts(&self) -> bool {
        self.engine != Engine::Mem
    }

    fn engine(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
            Engine::Mem => "mem",
        }
    }
}

/// A directory of a run's own, removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(place: &Path) -> anyhow::Result<Self> {
        let path = place.join(format!("suanpan-bench-{}", std::process::id()));
        fs::create_dir_all(place).with_context(|| place.display().to_string())?;
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// How much the store's files hold, in bytes.
    fn store_bytes(&self) -> u64 {
        let files = fs::read_dir(self.store()).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|it| it.len()).sum()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left behind, it is found among the temporary files.
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// Says on a terminal what is being done.
fn progress() -> ProgressBar {
    ProgressBar::new_spinner()
}

/// A line for each number.
fn table(value: &Value, within: &str) -> String {
    let Some(members) = value.as_object() else { return format!("{within:<40} {value}\n") };
    let lines = members.iter().map(|(name, member)| match within {
        "" => table(member, name),
        within => table(member, &format!("{within}.{name}")),
    });
    lines.collect()
}
