//! Random histories backed up while they go on, every byte flipped, and every way in which files
//! get lost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

mod damage;
mod files;
mod history;
mod layout;
mod property;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use ledger::InstitutionId;
use stdx::{Digest, Id};
use store::Store;

use crate::{Backup, Until};

/// A directory of its own, gone when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("suanpan-backup-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.0.join(format!("{number:08}.segment"))
    }

    fn backup(&self) -> Backup {
        Backup::open(&self.0).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn nth<T>(number: u64) -> Id<T> {
    Id::from_bytes(u128::from(number).to_be_bytes())
}

/// The institutions of all histories.
const INSTITUTIONS: u64 = 2;

fn institutions() -> impl Iterator<Item = InstitutionId> {
    (1..=INSTITUTIONS).map(nth)
}

async fn hashes(store: &Store) -> Vec<Digest> {
    let mut hashes = Vec::new();
    for of in institutions() {
        hashes.push(store.state_hash(of).await.unwrap());
    }
    hashes
}

/// A new store with what a backup has; all of it is verified.
async fn restored(backup: &Backup, until: Until) -> Store {
    let store = Store::in_memory();
    backup.restore(&store, until).await.unwrap();
    for of in institutions() {
        store.verify(of).await.unwrap();
    }
    store
}
