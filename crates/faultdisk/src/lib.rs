//! A disk that fails when a test tells it to, and remembers what a power cut would leave of it.
//!
//! A [`Disk`] is a layer between SQLite and its own access to files: a VFS, in SQLite's words, that
//! a connection names when it is opened. The connection works on real files as any other does. What
//! it writes, truncates, creates, deletes and syncs goes on a tape besides, in order, so a test can
//!
//! - cut the power afterwards, at any point of the tape ([`Disk::cut`]), and open what is left;
//! - let the disk be full, read-only or unable to sync, and mend it ([`Disk::fail`]);
//! - make syncs as slow as it likes, without a clock ([`Disk::hold_syncs`]);
//! - count them ([`Disk::syncs`]).
//!
//! Syncs reach the tape alone and never the disk beneath: what they promise is kept by
//! [`Disk::cut`], and tests need not wait for it.
//!
//! Every connection to a database must be on the same `Disk`: it does not see what others write.
//!
//! Suggested reading order: [`tape`] (what is remembered, what is left), [`layer`] (faults),
//! [`vfs`] (SQLite's side, the only unsafe code).

mod layer;
mod tape;
mod vfs;

use std::{
    ffi::CString,
    fs, io,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use layer::Layer;
pub use tape::Keep;

/// A disk that fails when it is told to; copies are the same disk.
///
/// It is never taken down again: SQLite may ask for it as long as the process lives.
#[derive(Clone, Copy)]
pub struct Disk {
    name: &'static str,
    layer: &'static Layer,
}

/// What does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is room for so many bytes more. The write that exceeds it is done in part.
    Full {
        /// How many.
        after_bytes: u64,
    },
    /// Nothing can be changed, as on a file system that an error made read-only.
    ReadOnly,
    /// Syncs fail, and what they were to make durable never will be, though it can still be read:
    /// so does Linux after an error of the device.
    NoSync,
}

impl Disk {
    /// A disk of its own over the machine's; it works.
    #[expect(clippy::new_without_default, reason = "each is another disk")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("faultdisk-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let layer = Box::leak(Box::new(Layer::default()));
        vfs::mount(CString::new(name.clone()).expect("a number has no zero byte"), layer);
        Self { name: name.leak(), layer }
    }

    /// What a connection calls it when it is opened, in `Connection::open_with_flags_and_vfs`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Fails from now on.
    pub fn fail(self, fault: Fault) {
        self.layer.set(Some(fault));
    }

    /// Works again from now on.
    pub fn mend(self) {
        self.layer.set(None);
    }

    /// Lets no sync end until the answer is dropped.
    pub fn hold_syncs(self) -> Held {
        self.layer.hold(true);
        Held(self.layer)
    }

    /// How many syncs there were, of files and of their directory.
    pub fn syncs(self) -> usize {
        self.layer.syncs()
    }

    /// How many bytes were written.
    pub fn bytes_written(self) -> u64 {
        self.layer.bytes_written()
    }

    /// Where the tape is: the number of steps on it.
    pub fn position(self) -> usize {
        self.layer.position()
    }

    /// Writes into a directory, made when missing, what is left when the power is cut after so many
    /// steps of the tape. Everything this disk has seen lands there, wherever it was.
    ///
    /// # Errors
    /// When the directory or a file cannot be written.
    pub fn cut(self, position: usize, keep: Keep, into: &Path) -> io::Result<()> {
        fs::create_dir_all(into)?;
        for (path, bytes) in self.layer.left(position, keep) {
            fs::write(into.join(path.file_name().unwrap_or_default()), bytes)?;
        }
        Ok(())
    }
}

/// How long a test waits for a sync that has to come.
const SYNC_COMES_WITHIN: Duration = Duration::from_secs(60);

/// Syncs wait as long as this lives.
pub struct Held(&'static Layer);

impl Held {
    /// Returns when a sync waits.
    ///
    /// # Panics
    /// When none comes within a minute.
    pub fn until_waiting(&self) {
        assert!(self.0.until_waiting(SYNC_COMES_WITHIN), "nothing is synced");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.hold(false);
    }
}

#[cfg(test)]
mod tests;
