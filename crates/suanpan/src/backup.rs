//! Backups: one more segment with what is new, and the check of all of them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::{data::Data, keyfile};

/// Adds what is new to a backup, while the platform runs or not; checks a backup.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Backup {
    #[command(flatten)]
    data: Data,
    /// The directory of the backup, made when missing.
    #[arg(long, required = true)]
    to: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    other: Option<Other>,
}

#[derive(Subcommand)]
enum Other {
    /// Reads a whole backup and checks every byte, without a database.
    Check(Check),
}

#[derive(Args)]
struct Check {
    /// The directory of the backup.
    backup: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match (self.other, &self.to) {
            (Some(Other::Check(check)), _) => check.run(),
            (None, Some(to)) => append(&self.data, to, self.json),
            (None, None) => unreachable!("`--to` is required without a subcommand"),
        }
    }
}

fn append(data: &Data, to: &Path, json: bool) -> anyhow::Result<()> {
    let appended = backup::append(&data.store_to_read()?, to)?;
    if json {
        let object = appended.map(
            |it| json!({ "file": it.file, "rows": it.rows, "position": it.position, "at": it.at }),
        );
        println!("{}", json!({ "segment": object }));
        return Ok(());
    }
    match appended {
        None => println!("{} has everything", to.display()),
        Some(it) => {
            println!("{}", it.file.display());
            println!("  {} rows, through position {} at {}", it.rows, it.position, it.at);
        }
    }
    let key = data.directory.join(keyfile::NAME);
    if key.exists() {
        println!("{} is not in it: keep a copy, elsewhere", key.display());
    }
    Ok(())
}

impl Check {
    fn run(self) -> anyhow::Result<()> {
        let summary = backup::Backup::open(&self.backup)?.check()?;
        let (first, last) = summary.positions;
        let (earliest, latest) = summary.moments;
        let institutions = summary.institutions.iter();
        if self.json {
            let institutions = institutions.map(|(id, log)| {
                json!({ "institution": id, "rows": log.rows(), "state_hash": log.state_hash() })
            });
            let object = json!({
                "segments": summary.segments,
                "rows": summary.rows,
                "positions": [first, last],
                "moments": [earliest, latest],
                "digest": summary.digest,
                "institutions": institutions.collect::<Vec<_>>(),
            });
            println!("{object}");
            return Ok(());
        }
        println!("{}: whole", self.backup.display());
        println!("  {} segments, {} rows", summary.segments, summary.rows);
        println!("  positions {first} to {last}, booked {earliest} to {latest}");
        println!("  digest {}", summary.digest);
        for (id, log) in institutions {
            println!("  {id}: {} rows, state hash {}", log.rows(), log.state_hash());
        }
        Ok(())
    }
}
