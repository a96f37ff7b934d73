//! Where the data is: in a directory, or in a database that several nodes share.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::PathBuf};

use anyhow::{Context, ensure};
use bank::Bank;
use clap::Args;
use store::Store;

use crate::keyfile;

/// Where the data is.
#[derive(Args, Clone)]
pub(crate) struct Data {
    /// The directory of the data; with a database, of the keys alone.
    #[arg(long = "data", env = "SUANPAN_DATA", value_name = "DIRECTORY", default_value = "data")]
    pub(crate) directory: PathBuf,
    /// The PostgreSQL database that has the data, which other nodes may have open too.
    #[arg(long, env = "SUANPAN_DATABASE", value_name = "URL", hide_env_values = true)]
    pub(crate) database: Option<String>,
}

/// Whether a master key is made when there is none and no data that would need another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Made,
    /// On a database all nodes have the same: who only joins them brings it.
    Brought,
}

impl Data {
    /// The bank on the data, which is made when missing.
    pub(crate) fn bank(&self, key: Key) -> anyhow::Result<Bank> {
        let (directory, mut new) = (&self.directory, !Store::is_in(&self.directory));
        // What is in it is nobody else's business.
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        // The store is locked first, so that no second process makes another key.
        let store = self.store()?;
        if self.database.is_some() {
            new = key == Key::Made && store.is_empty()?;
        }
        let key = keyfile::open(directory, new)?;
        Ok(Bank::new(store, Box::new(key)))
    }

    /// The store; that of a directory is made when missing.
    fn store(&self) -> anyhow::Result<Store> {
        match &self.database {
            Some(url) => Store::in_postgres(url).context("the database"),
            None => Ok(Store::in_directory(&self.directory)?),
        }
    }

    /// The store, to write what follows from it; it must be there.
    pub(crate) fn store_that_is(&self) -> anyhow::Result<Store> {
        self.ensure_is()?;
        self.store()
    }

    /// The store, to look at while other processes may have it.
    pub(crate) fn store_to_read(&self) -> anyhow::Result<Store> {
        self.ensure_is()?;
        match self.database {
            Some(_) => self.store(),
            None => Ok(Store::read_in_directory(&self.directory)?),
        }
    }

    /// Looking shall not make a store where there is none.
    fn ensure_is(&self) -> anyhow::Result<()> {
        let is = self.database.is_some() || Store::is_in(&self.directory);
        ensure!(is, "there is no data in {}", self.directory.display());
        Ok(())
    }
}
