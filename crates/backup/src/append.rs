//! One more segment.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{BufWriter, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use stdx::Timestamp;
use store::{LogRow, Store};

use crate::{
    Fault, ROW_BYTES_MAX,
    read::{count, last, path},
    row::encode,
    segment::{End, Order, Writer},
};

/// How much of a file is written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// A segment that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its file.
    pub file: PathBuf,
    /// How many rows it has.
    pub rows: u64,
    /// The position of the last one.
    pub position: u64,
    /// When that was booked.
    pub at: Timestamp,
}

/// Adds a segment with all rows of a log that the backup in a directory does not have; answers
/// nothing when it has them all. Commits go on meanwhile. When it returns, the segment is durable.
///
/// The segment before is read first, so one that was damaged since is not built upon.
///
/// # Errors
/// [`Fault::Damaged`], [`Fault::Missing`], [`Fault::Stray`] when there is no whole backup to go on
/// from; [`Fault::OtherLog`], [`Fault::Locked`], [`Fault::Apart`], [`Fault::TooLarge`],
/// [`Fault::Store`], [`Fault::Io`]. The backup stays as it was, and the next call goes on from it.
pub fn append(store: &Store, directory: &Path) -> Result<Option<Appended>, Fault> {
    make(directory)?;
    let _lock = lock(directory)?;
    let segments = count(directory)?;
    let (end, newest) = match segments {
        0 => (End::default(), None),
        number => last(directory, number)?,
    };
    let file = path(directory, segments + 1);
    let mut segment = Segment { aside: file.with_added_extension("new"), end, open: None };
    // What a run that was cut short has left.
    match fs::remove_file(&segment.aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Fault::io(&segment.aside)(error));
        }
        _ => {}
    }
    let appended = read(store, newest, &mut segment).and_then(|()| segment.publish(&file));
    if appended.is_err() {
        // The reason is what matters; what is left is removed by the next run.
        fs::remove_file(&segment.aside).unwrap_or_default();
    }
    appended
}

/// Reads what comes after the newest row of the backup, which must be in the log.
fn read(store: &Store, newest: Option<LogRow>, segment: &mut Segment) -> Result<(), Fault> {
    let position = segment.end.order.position;
    let mut newest = newest;
    store.each_row(position.saturating_sub(1), |row| match newest.take() {
        Some(newest) if newest == row => Ok(()),
        Some(_) => Err(Fault::OtherLog { position }),
        None => segment.add(&row),
    })?;
    // It was never met.
    newest.map_or(Ok(()), |_| Err(Fault::OtherLog { position }))
}

/// A segment that is being written beside its place.
struct Segment {
    aside: PathBuf,
    /// Of the segments before it.
    end: End,
    open: Option<Open>,
}

struct Open {
    writer: Writer<BufWriter<File>>,
    order: Order,
    at: Timestamp,
    bytes: Vec<u8>,
}

impl Segment {
    fn add(&mut self, row: &LogRow) -> Result<(), Fault> {
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let new = Open::create(&self.aside, &self.end, row.at);
                none.insert(new.map_err(Fault::io(&self.aside))?)
            }
        };
        let position = row.position;
        if !open.order.follow(row) {
            return Err(Fault::Apart { position });
        }
        open.at = row.at;
        open.bytes.clear();
        encode(row, &mut open.bytes);
        if open.bytes.len() > ROW_BYTES_MAX {
            return Err(Fault::TooLarge { position });
        }
        open.writer.row(&open.bytes, open.order).map_err(Fault::io(&self.aside))
    }

    /// Makes it durable and gives it its name.
    fn publish(&mut self, file: &Path) -> Result<Option<Appended>, Fault> {
        let Some(Open { writer, order, at, .. }) = self.open.take() else { return Ok(None) };
        let close = || {
            let (mut out, rows) = writer.end()?;
            out.flush()?;
            out.get_ref().sync_all()?;
            fs::rename(&self.aside, file)?;
            Ok(rows)
        };
        let rows = close().map_err(Fault::io(&self.aside))?;
        sync(parent(file))?;
        Ok(Some(Appended { file: file.to_owned(), rows, position: order.position, at }))
    }
}

impl Open {
    fn create(aside: &Path, end: &End, at: Timestamp) -> std::io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
        let writer = Writer::begin(BufWriter::with_capacity(BUFFER_BYTES, file), end)?;
        Ok(Self { writer, order: end.order, at, bytes: Vec::new() })
    }
}

/// Makes a missing directory for its owner alone.
fn make(directory: &Path) -> Result<(), Fault> {
    if !directory.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(Fault::io(directory))?;
        sync(parent(directory))?;
    }
    Ok(())
}

/// Taken as long as the file is open.
fn lock(directory: &Path) -> Result<File, Fault> {
    let path = directory.join("lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let lock = lock.map_err(Fault::io(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Fault::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(Fault::io(&path)(error)),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a directory durable.
fn sync(directory: &Path) -> Result<(), Fault> {
    let synced = File::open(directory).and_then(|it| it.sync_all());
    synced.map_err(Fault::io(directory))
}
