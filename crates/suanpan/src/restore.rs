//! From a backup to a data directory: built beside, verified, and then there all at once. Or to a
//! database, which is verified too.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, ensure};
use backup::{Backup, Fault, Restored, Until};
use clap::Args;
use stdx::Timestamp;
use store::Store;

use crate::{data::Data, keyfile, verify};

/// Where in the data directory a store is built.
const ASIDE: &str = "restoring";

/// Makes a data directory or the data of a database from a backup, as it was after any commit.
#[derive(Args)]
pub(crate) struct Restore {
    /// The directory of the backup.
    #[arg(long)]
    from: PathBuf,
    #[command(flatten)]
    data: Data,
    /// Ends with the last commit at this position of the log or before it.
    #[arg(long, value_name = "POSITION")]
    until: Option<u64>,
    /// Ends before the first commit that was booked later than this, such as
    /// `2025-01-31T12:00:00+08:00`.
    #[arg(long, value_name = "MOMENT", conflicts_with = "until")]
    until_time: Option<Timestamp>,
    /// Prints one JSON object for each institution, a line each.
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let until = match (self.until, self.until_time) {
            (Some(position), _) => Until::Position(position),
            (None, Some(moment)) => Until::Moment(moment),
            (None, None) => Until::End,
        };
        let Restored { rows, position, at } = match self.data.database {
            Some(_) => self.to_database(until)?,
            None => self.to_directory(until)?,
        };
        if !self.json {
            println!("{rows} rows restored, through position {position} at {at}");
            let key = self.data.directory.join(keyfile::NAME);
            if !key.exists() {
                println!("put the key that belongs to it at {} before it starts", key.display());
            }
        }
        Ok(())
    }
}

impl Restore {
    fn to_directory(&self, until: Until) -> anyhow::Result<Restored> {
        let data = &self.data.directory;
        ensure!(!Store::is_in(data), "there is data in {} already; it stays", data.display());
        let aside = Aside::make(data.join(ASIDE))?;
        let restored = aside.restore(&self.from, until, self.json)?;
        Store::move_between(&aside.0, data)?;
        Ok(restored)
    }

    /// A database is not moved: one whose restoring was cut short is dropped and made anew.
    fn to_database(&self, until: Until) -> anyhow::Result<Restored> {
        let store = self.data.store_that_is()?;
        ensure!(store.is_empty()?, "there is data in the database already; it stays");
        restore(&self.from, &store, until, self.json)
    }
}

/// Restores a backup aside, verifies it and removes it again.
pub(crate) fn verify_backup(from: &Path, json: bool) -> anyhow::Result<()> {
    let name = format!("suanpan-verify-{}", std::process::id());
    let aside = Aside::make(std::env::temp_dir().join(name))?;
    aside.restore(from, Until::End, json).map(drop)
}

/// A directory in which a store is built; removed when dropped.
struct Aside(PathBuf);

impl Aside {
    fn make(path: PathBuf) -> anyhow::Result<Self> {
        if path.exists() {
            // What a run that was cut short has left; locked, if it still runs.
            Store::remove_from(&path)?;
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    /// Nothing of the store is open afterwards.
    fn restore(&self, from: &Path, until: Until, json: bool) -> anyhow::Result<Restored> {
        restore(from, &Store::in_directory(&self.0)?, until, json)
    }
}

/// Restores a backup and verifies what has become of it.
fn restore(from: &Path, store: &Store, until: Until, json: bool) -> anyhow::Result<Restored> {
    let backup = Backup::open(from)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let restored = backup.restore(store, until).await.map_err(advised)?;
        verify::verify(store, json).await?;
        Ok(restored)
    })
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next run.
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// What comes before the damage can be restored.
fn advised(fault: Fault) -> anyhow::Error {
    match fault {
        Fault::Damaged { restorable, .. } if restorable > 0 => {
            anyhow!("{fault}; `--until {restorable}` restores what comes before")
        }
        fault => fault.into(),
    }
}
