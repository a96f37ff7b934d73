//! Decides whether what SQLite asks of the disk works, and puts what did on the tape.

use std::{
    collections::BTreeMap,
    ffi::c_int,
    fs,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::ffi::{
    SQLITE_FULL, SQLITE_IOERR_DELETE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_TRUNCATE,
    SQLITE_IOERR_WRITE, SQLITE_OK,
};

use crate::{
    Fault, Keep,
    tape::{self, Inode, Step},
};

/// What lies between SQLite and its files.
#[derive(Default)]
pub(crate) struct Layer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tape: Vec<Step>,
    /// The files that are there, by name.
    names: BTreeMap<PathBuf, Inode>,
    /// How many files there have been.
    inodes: usize,
    fault: Option<Fault>,
    syncs_held: bool,
    syncs_waiting: usize,
}

impl Layer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    pub(crate) fn hold(&self, held: bool) {
        self.state().syncs_held = held;
        self.changed.notify_all();
    }

    /// Whether a sync waits, or one came within the time.
    pub(crate) fn until_waiting(&self, longest: Duration) -> bool {
        let idle = |it: &mut State| it.syncs_waiting == 0;
        let waited = self.changed.wait_timeout_while(self.state(), longest, idle);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    pub(crate) fn position(&self) -> usize {
        self.state().tape.len()
    }

    pub(crate) fn syncs(&self) -> usize {
        let sync = |it: &&Step| matches!(it, Step::Synced { .. } | Step::NamesSynced);
        self.state().tape.iter().filter(sync).count()
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        let written = |it: &Step| if let Step::Wrote { bytes, .. } = it { bytes.len() } else { 0 };
        self.state().tape.iter().map(|it| written(it) as u64).sum()
    }

    pub(crate) fn left(&self, position: usize, keep: Keep) -> BTreeMap<PathBuf, Vec<u8>> {
        tape::left(&self.state().tape[..position], keep)
    }

    /// Whether a file can only be opened to be read.
    pub(crate) fn is_read_only(&self) -> bool {
        self.state().fault == Some(Fault::ReadOnly)
    }

    /// Whether not a byte can be added.
    pub(crate) fn has_no_room(&self) -> bool {
        matches!(self.state().fault, Some(Fault::Full { after_bytes: 0 } | Fault::ReadOnly))
    }

    /// A file is being opened by name; `open` says whether that worked.
    pub(crate) fn open(&self, path: &Path, open: impl FnOnce() -> c_int) -> Result<Inode, c_int> {
        let mut state = self.state();
        let known = state.names.get(path).copied().filter(|_| path.exists());
        // What an unknown one has is read before SQLite can change it.
        let before = if known.is_none() { fs::read(path).ok() } else { None };
        match open() {
            SQLITE_OK => Ok(known.unwrap_or_else(|| state.first_seen(path, before))),
            code => Err(code),
        }
    }

    /// A name is deleted.
    pub(crate) fn delete(
        &self,
        path: &Path,
        sync_names: bool,
        delete: impl FnOnce() -> c_int,
    ) -> c_int {
        let mut state = self.state();
        if state.fault == Some(Fault::ReadOnly) {
            return SQLITE_IOERR_DELETE;
        }
        let code = delete();
        if code == SQLITE_OK && state.names.remove(path).is_some() {
            state.tape.push(Step::Deleted { path: path.to_owned() });
            if sync_names {
                state.tape.push(Step::NamesSynced);
            }
        }
        code
    }

    /// Bytes are written, or the first of them; `write` is given how many.
    pub(crate) fn write(
        &self,
        inode: Option<Inode>,
        at: usize,
        bytes: &[u8],
        write: impl FnOnce(usize) -> c_int,
    ) -> c_int {
        let mut state = self.state();
        let (allowed, then) = match &mut state.fault {
            None | Some(Fault::NoSync) => (bytes.len(), SQLITE_OK),
            Some(Fault::ReadOnly) => return SQLITE_IOERR_WRITE,
            Some(Fault::Full { after_bytes }) => {
                let room = usize::try_from(*after_bytes).unwrap_or(usize::MAX);
                let allowed = bytes.len().min(room);
                *after_bytes -= allowed as u64;
                (allowed, if allowed < bytes.len() { SQLITE_FULL } else { SQLITE_OK })
            }
        };
        let code = if allowed > 0 { write(allowed) } else { SQLITE_OK };
        if code != SQLITE_OK {
            return code;
        }
        let bytes = bytes[..allowed].to_vec();
        state.tape.extend(inode.map(|inode| Step::Wrote { inode, at, bytes }));
        then
    }

    /// A file is given a size.
    pub(crate) fn truncate(
        &self,
        inode: Option<Inode>,
        size: usize,
        truncate: impl FnOnce() -> c_int,
    ) -> c_int {
        let mut state = self.state();
        if state.fault == Some(Fault::ReadOnly) {
            return SQLITE_IOERR_TRUNCATE;
        }
        let code = truncate();
        if code == SQLITE_OK {
            state.tape.extend(inode.map(|inode| Step::Truncated { inode, size }));
        }
        code
    }

    /// A file is made durable, and its directory too if asked for. Waits while syncs are held.
    pub(crate) fn sync(&self, inode: Option<Inode>, sync_names: bool) -> c_int {
        let mut state = self.state();
        state.syncs_waiting += 1;
        self.changed.notify_all();
        let state = self.changed.wait_while(state, |it| it.syncs_held);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.syncs_waiting -= 1;
        let Some(inode) = inode else { return SQLITE_OK };
        match state.fault {
            Some(Fault::ReadOnly) => return SQLITE_IOERR_FSYNC,
            Some(Fault::NoSync) => {
                state.tape.push(Step::SyncFailed { inode });
                return SQLITE_IOERR_FSYNC;
            }
            None | Some(Fault::Full { .. }) => state.tape.push(Step::Synced { inode }),
        }
        if sync_names {
            state.tape.push(Step::NamesSynced);
        }
        SQLITE_OK
    }
}

impl State {
    /// A file the tape does not have, with what it had before the disk; none if it is new.
    fn first_seen(&mut self, path: &Path, before: Option<Vec<u8>>) -> Inode {
        let path = path.to_owned();
        let inode = self.inodes;
        self.inodes += 1;
        self.names.insert(path.clone(), inode);
        self.tape.push(match before {
            Some(bytes) => Step::Found { path, bytes },
            None => Step::Made { path },
        });
        inode
    }
}
