//! What was done to the files, in order, and what a power cut leaves of it.
//!
//! The promise of a disk is small: what a file had when it was last synced stays; of everything
//! after, any part may be there or not. A new or deleted name stays so when its directory was
//! synced. Nothing else is assumed, in particular no order between writes, not even within one;
//! only a sector is never in halves.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use stdx::Prng;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// What a power cut leaves of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// All of it: so a killed process leaves it, while the machine runs on.
    All,
    /// Of each write each sector by chance, and each truncation, new name and deleted name.
    Some {
        /// Another seed, another chance.
        seed: u64,
    },
}

/// A file, whatever its name.
pub(crate) type Inode = usize;

/// One thing done.
pub(crate) enum Step {
    /// A file was opened that had been there before the disk.
    Found { path: PathBuf, bytes: Vec<u8> },
    /// A file was made.
    Made { path: PathBuf },
    /// A name went.
    Deleted { path: PathBuf },
    /// Bytes were written.
    Wrote { inode: Inode, at: usize, bytes: Vec<u8> },
    /// A file was given a size.
    Truncated { inode: Inode, size: usize },
    /// What a file has is durable.
    Synced { inode: Inode },
    /// A sync failed: what was not durable before will not be.
    SyncFailed { inode: Inode },
    /// The directory is durable.
    NamesSynced,
}

/// A change of a file's bytes that is not durable yet.
enum Change<'a> {
    Write { at: usize, bytes: &'a [u8] },
    Truncate { size: usize },
}

/// A file while the tape is read.
#[derive(Default)]
struct File<'a> {
    durable: Vec<u8>,
    pending: Vec<Change<'a>>,
}

/// Decides over each thing that is not durable.
struct Chance {
    /// In percent.
    kept: u64,
    prng: Prng,
}

impl Chance {
    fn of(keep: Keep) -> Self {
        let (kept, seed) = match keep {
            Keep::Nothing => (0, 0),
            Keep::All => (100, 0),
            Keep::Some { seed } => (Prng::stream(seed, "kept").below(101), seed),
        };
        Self { kept, prng: Prng::stream(seed, "cut") }
    }

    fn keeps(&mut self) -> bool {
        self.prng.chance(self.kept)
    }
}

/// What is left on the disk when the power is cut after these steps.
pub(crate) fn left(tape: &[Step], keep: Keep) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut chance = Chance::of(keep);
    let mut files: Vec<File<'_>> = Vec::new();
    let mut names: BTreeMap<&PathBuf, Inode> = BTreeMap::new();
    let mut names_durable = BTreeMap::new();
    for step in tape {
        match step {
            Step::Found { path, bytes } => {
                names.insert(path, files.len());
                names_durable.insert(path, files.len());
                files.push(File { durable: bytes.clone(), pending: Vec::new() });
            }
            Step::Made { path } => {
                names.insert(path, files.len());
                files.push(File::default());
            }
            Step::Deleted { path } => {
                names.remove(path);
            }
            Step::Wrote { inode, at, bytes } => {
                files[*inode].pending.push(Change::Write { at: *at, bytes });
            }
            Step::Truncated { inode, size } => {
                files[*inode].pending.push(Change::Truncate { size: *size });
            }
            Step::Synced { inode } => files[*inode].settle(|| true),
            Step::SyncFailed { inode } => files[*inode].settle(|| chance.keeps()),
            Step::NamesSynced => names_durable.clone_from(&names),
        }
    }
    files.iter_mut().for_each(|it| it.settle(|| chance.keeps()));
    let paths: BTreeSet<_> = names.keys().chain(names_durable.keys()).copied().collect();
    let mut left = BTreeMap::new();
    for path in paths {
        let (now, durable) = (names.get(path), names_durable.get(path));
        let inode = if now == durable || chance.keeps() { now } else { durable };
        left.extend(inode.map(|it| (path.clone(), files[*it].durable.clone())));
    }
    left
}

impl File<'_> {
    /// Applies the pending changes, each part of them if it is kept.
    fn settle(&mut self, mut keeps: impl FnMut() -> bool) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write { at, bytes } => {
                    for (at, sector) in sectors(at, bytes).filter(|_| keeps()) {
                        let end = at + sector.len();
                        self.durable.resize(self.durable.len().max(end), 0);
                        self.durable[at..end].copy_from_slice(sector);
                    }
                }
                Change::Truncate { size } if keeps() => self.durable.resize(size, 0),
                Change::Truncate { .. } => {}
            }
        }
    }
}

/// Cuts a write where the sectors of its file end.
fn sectors(mut at: usize, mut bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    std::iter::from_fn(move || {
        let (sector, rest) = bytes.split_at(bytes.len().min(SECTOR - at % SECTOR));
        let place = at;
        (at, bytes) = (at + sector.len(), rest);
        (!sector.is_empty()).then_some((place, sector))
    })
}
