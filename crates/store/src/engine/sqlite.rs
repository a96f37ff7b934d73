//! The embedded engine: one SQLite file.
//!
//! WAL with `synchronous=FULL`: a commit is one append and one fsync of the log file. One
//! connection writes; readers have connections of their own and never wait for it. What has been
//! appended is copied into the database by a thread of its own.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, SyncSender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use audit::TileId;
use ledger::{AccountId, InstitutionId, LaneId, POSTED_BYTES, Posted, Resolution, TransferId};
use money::Amount;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Row, ToSql, TransactionBehavior, config::DbConfig,
    hooks::Wal, params, wal::CheckpointMode,
};
use stdx::{Date, Digest, Id, Timestamp};

use super::{
    AccountPlace, AnswerRow, Batch, Engine, Filter, KeyOf, LaneHead, LaneOf, PageRow, Read,
    RecordHead, RecordRow, Snapshot, Sums, TransferPlace, Turn, due_of, due_text, no_transfer,
    places::Run, resolution_of, resolution_parts,
};
use crate::{
    Due, LogRow, RecordKey, StoreError, Timer,
    audit::{LeavesRow, TileRow},
};

/// The steps from an empty file to today's tables. A step is never edited once it is released.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001.sql")];

/// Marks the file as ours (`application_id`): "SUAN".
const APPLICATION_ID: i32 = 0x5355_414e;
/// The most idle reading connections kept.
const READERS_IDLE_MAX: usize = 8;
/// Transfers in a row of the log, or in a chunk beside it.
const CHUNK: usize = if cfg!(test) { 3 } else { 128 };
/// From so many pages in the write-ahead log on they are copied into the database: 8 MiB. Each time
/// the file is fsynced, and a commit meanwhile waits for the disk: for more pages, longer.
const WAL_PAGES: i32 = 2_048;
/// With so many, the writer helps: 1 GiB.
const WAL_PAGES_MAX: i32 = 262_144;
/// Pages of the database that a connection keeps in memory, in KiB. Many more would slow down the
/// one that writes, which goes through all of them with each commit.
const CACHE_KIB: i32 = 16_384;
/// Statements a connection keeps prepared.
const STATEMENTS_MAX: usize = 64;

pub(crate) struct SqliteEngine {
    path: PathBuf,
    /// How SQLite reaches its files, by name; its own way when there is none.
    vfs: Option<&'static str>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Beside the writer.
    _checkpoints: Option<Checkpoints>,
    /// Held as long as the engine lives; who has none only reads.
    lock: Option<File>,
}

impl SqliteEngine {
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_on(directory, None)
    }

    /// As [`Self::open`], on another way to the files.
    pub(crate) fn open_on(directory: &Path, vfs: Option<&'static str>) -> Result<Self, StoreError> {
        let lock = take(directory)?;
        let path = file(directory);
        make_private(&path).map_err(|error| unavailable(directory, &error))?;
        let mut writer = connect(&path, vfs)?;
        migrate(&mut writer)?;
        let checkpoints = Checkpoints::start(connect(&path, vfs)?)?;
        checkpoints.follow(&mut writer).map_err(failed)?;
        // Nobody else writes; and a checkpoint does not wait for readers, who may take long.
        writer.busy_timeout(Duration::ZERO).map_err(failed)?;
        let (writer, readers) = (Mutex::new(writer), Mutex::new(Vec::new()));
        Ok(Self { path, vfs, writer, readers, _checkpoints: Some(checkpoints), lock: Some(lock) })
    }

    /// Beside the process that writes, if there is one.
    pub(crate) fn open_to_read(directory: &Path) -> Result<Self, StoreError> {
        let path = file(directory);
        let reader = connect_to_read(&path)?;
        if version(&reader)? < MIGRATIONS.len() {
            let what = format!("{} is of an older version", path.display());
            return Err(StoreError::Corrupt(format!("{what}; the next start migrates it")));
        }
        let (writer, readers) = (Mutex::new(reader), Mutex::new(Vec::new()));
        Ok(Self { path, vfs: None, writer, readers, _checkpoints: None, lock: None })
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        match self.lock {
            Some(_) => connect(&self.path, self.vfs),
            None => connect_to_read(&self.path),
        }
    }
}

/// Copies the write-ahead log into the database while the writer goes on.
struct Checkpoints {
    /// Wakes the thread; it ends when this is gone.
    wake: Arc<Mutex<Option<SyncSender<()>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    fn start(connection: Connection) -> Result<Self, StoreError> {
        let (wake, woken) = mpsc::sync_channel(1);
        let checkpoint = move || {
            while woken.recv().is_ok() {
                // It copies what readers and the writer leave it, and the next one goes on there;
                // a disk that fails here fails the writer too, who says so.
                let rest = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                rest.unwrap_or_default();
            }
        };
        let thread = thread::Builder::new().name("store-checkpoint".to_owned()).spawn(checkpoint);
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { wake: Arc::new(Mutex::new(Some(wake))), thread: Some(thread) })
    }

    /// Lets each commit of a connection wake the thread when the log has become long.
    fn follow(&self, writer: &mut Connection) -> rusqlite::Result<()> {
        let wake = Arc::clone(&self.wake);
        writer.wal_hook(Some(move |wal: &mut Wal, pages: i32| {
            if pages >= WAL_PAGES_MAX {
                // The thread does not come after: the writer helps, so that the log can begin
                // anew. While a reader is in its middle it cannot, and grows on.
                wal.checkpoint_v2(CheckpointMode::RESTART).map(drop).unwrap_or_default();
            } else if pages >= WAL_PAGES
                && let Some(wake) = &*lock(&wake)
            {
                // When this fails it is awake already.
                wake.try_send(()).unwrap_or_default();
            }
            Ok(())
        }))
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        lock(&self.wake).take();
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            thread.join().unwrap_or_default();
        }
    }
}

impl Engine for SqliteEngine {
    /// Who only reads must expect that somebody writes.
    fn is_shared(&self) -> bool {
        self.lock.is_none()
    }

    fn snapshot(&self, _of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.snapshot_of_all()
    }

    fn snapshot_of_all(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let idle = lock(&self.readers).pop();
        let reader = idle.map_or_else(|| self.connect(), Ok)?;
        execute(&reader, "BEGIN")?;
        Ok(Box::new(SqliteSnapshot { reader: Some(reader), idle: &self.readers }))
    }

    fn turn(&self, _of: &BTreeSet<InstitutionId>) -> Result<Box<dyn Turn + '_>, StoreError> {
        let writer = lock(&self.writer);
        execute(&writer, if self.lock.is_some() { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
        Ok(Box::new(SqliteTurn(writer)))
    }
}

/// A connection of its own in a read transaction.
struct SqliteSnapshot<'e> {
    reader: Option<Connection>,
    idle: &'e Mutex<Vec<Connection>>,
}

impl Snapshot for SqliteSnapshot<'_> {
    fn read(&self) -> &dyn Read {
        self.reader.as_ref().expect("there until dropped")
    }
}

impl Drop for SqliteSnapshot<'_> {
    fn drop(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        let mut idle = lock(self.idle);
        if execute(&reader, "COMMIT").is_ok() && idle.len() < READERS_IDLE_MAX {
            idle.push(reader);
        }
    }
}

/// The writing connection in a transaction.
struct SqliteTurn<'e>(MutexGuard<'e, Connection>);

impl Snapshot for SqliteTurn<'_> {
    fn read(&self) -> &dyn Read {
        &*self.0
    }
}

impl Turn for SqliteTurn<'_> {
    /// Whoever has the turn has every lane.
    fn lock(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        self.0.heads(lanes)
    }

    fn next_position(&self, after: Option<u64>) -> Result<u64, StoreError> {
        let newest = match after {
            Some(position) => position,
            None => {
                let sql = "SELECT coalesce(max(position), 0) FROM log";
                one(&self.0, sql, &[], |row| row.get(0))?.unwrap_or(0)
            }
        };
        Ok(newest + 1)
    }

    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        write(&self.0, batch).map_err(failed)?;
        execute(&self.0, "COMMIT")
    }
}

impl Drop for SqliteTurn<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // A connection that cannot roll back cannot begin either, which the next turn says.
            execute(&self.0, "ROLLBACK").unwrap_or_default();
        }
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    let execute = || connection.prepare_cached(sql)?.execute([]);
    execute().map(drop).map_err(failed)
}

fn one<T>(
    connection: &Connection,
    sql: &str,
    params: &[&dyn ToSql],
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let query = || connection.prepare_cached(sql)?.query_row(params, read).optional();
    query().map_err(failed)
}

fn many<T>(
    connection: &Connection,
    sql: &str,
    params: &[&dyn ToSql],
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let query = || {
        connection.prepare_cached(sql)?.query_map(params, read)?.collect::<rusqlite::Result<_>>()
    };
    query().map_err(failed)
}

/// What one statement finds for each of several things, of those for which there is something.
fn each<'a, K, T>(
    connection: &Connection,
    sql: &str,
    of: &'a [K],
    params: impl Fn(&'a K) -> [&'a dyn ToSql; 2],
    mut read: impl FnMut(&'a K, &Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut query = || {
        let mut statement = connection.prepare_cached(sql)?;
        let mut found = Vec::new();
        for key in of {
            found.extend(statement.query_row(&params(key)[..], |row| read(key, row)).optional()?);
        }
        Ok(found)
    };
    query().map_err(failed)
}

/// The database of a directory; SQLite keeps two files more beside it while it is open.
pub(crate) fn file(directory: &Path) -> PathBuf {
    directory.join("suanpan.db")
}

/// Removes the database of a directory that no process has.
pub(crate) fn remove(directory: &Path) -> Result<(), StoreError> {
    let _lock = take(directory)?;
    let database = file(directory);
    for path in ["db-wal", "db-shm"].map(|it| database.with_extension(it)).iter().chain([&database])
    {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(unavailable(path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Moves the database of a directory into another one that has none.
pub(crate) fn move_between(from: &Path, to: &Path) -> Result<(), StoreError> {
    let _locks = (take(from)?, take(to)?);
    let (source, target) = (file(from), file(to));
    if target.exists() {
        return Err(StoreError::Unavailable(format!("{} is there already", target.display())));
    }
    let log = source.with_extension("db-wal");
    if log.exists() {
        return Err(StoreError::Unavailable(format!("{} was not closed in order", from.display())));
    }
    fs::rename(&source, &target).map_err(|error| unavailable(&source, &error))?;
    let synced = File::open(to).and_then(|directory| directory.sync_all());
    synced.map_err(|error| unavailable(to, &error))
}

/// Takes a directory, made when missing, for this process. The file itself stays for ever: were it
/// removed, the next process would lock another one.
fn take(directory: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(directory).map_err(|error| unavailable(directory, &error))?;
    let lock = File::create(directory.join("lock")).map_err(|it| unavailable(directory, &it))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StoreError::Locked(directory.display().to_string()),
        TryLockError::Error(error) => unavailable(directory, &error),
    })?;
    Ok(lock)
}

/// Makes a missing file for its owner alone; SQLite gives those beside it the same rights.
fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn unavailable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

/// A panic leaves no connection half-changed: dropping its transaction rolls it back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Corrupt(error.to_string()),
        Some(_) => StoreError::Unavailable(error.to_string()),
        None if matches!(error, rusqlite::Error::ToSqlConversionFailure(_)) => {
            StoreError::Unavailable(error.to_string())
        }
        // Not from SQLite: what it holds is not what we wrote.
        None => StoreError::Corrupt(error.to_string()),
    }
}

fn connect(path: &Path, vfs: Option<&str>) -> Result<Connection, StoreError> {
    let connect = || {
        let connection = match vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(path, OpenFlags::default(), vfs)?,
            None => Connection::open(path)?,
        };
        let connection = prepared(connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(connection)
    };
    connect().map_err(failed)
}

fn connect_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).and_then(prepared).map_err(failed)
}

fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan once made stays: without this, statements are prepared anew for other values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Negative is KiB. Nothing is mapped: a broken disk shall be an error.
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(connection)
}

/// How many steps a file is made by; refused when it is newer or not ours.
fn version(connection: &Connection) -> Result<usize, StoreError> {
    let number = |connection: &Connection, pragma| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(failed)
    };
    let version = number(connection, "user_version")?;
    let application = number(connection, "application_id")?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: u32 = connection.query_row(tables, [], |row| row.get(0)).map_err(failed)?;
    let empty = (version, application, tables) == (0, 0, 0);
    let done = usize::try_from(version).ok().filter(|done| *done <= MIGRATIONS.len());
    done.filter(|_| empty || application == APPLICATION_ID).ok_or_else(|| {
        let what = format!("schema version {version} of application {application:#x}");
        StoreError::Corrupt(format!("{what} is not ours or newer than this binary"))
    })
}

/// Brings an older file up to today's tables.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let done = version(connection)?;
    for (version, migration) in (1_i32..).zip(MIGRATIONS).skip(done) {
        migrate_to(connection, version, migration).map_err(failed)?;
    }
    Ok(())
}

fn migrate_to(connection: &mut Connection, version: i32, migration: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(migration)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

fn write(connection: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    write_log(connection, batch)?;
    write_records(connection, batch)?;
    write_books(connection, batch)?;
    write_transfers(connection, batch)?;
    write_timers(connection, batch)?;
    write_tiles(connection, batch)
}

const LOG_ROW: &str =
    "SELECT position, institution, lane, seq, previous, told_at, at, actor, command, key,
    digest, body, transfers, root FROM log";

impl Read for Connection {
    fn heads(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        let sql = "SELECT seq, position, root, flushed, accounts FROM lane
            WHERE institution = ? AND lane = ?";
        each(
            self,
            sql,
            lanes,
            |(of, lane)| [of.as_bytes(), lane.as_bytes()],
            |of, row| Ok((*of, head(row, 0)?)),
        )
    }

    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError> {
        let sql = "SELECT lane, seq, position, root, flushed, accounts FROM lane
            WHERE institution = ? ORDER BY lane";
        many(self, sql, &[of.as_bytes()], |row| Ok((id(row, 0)?, head(row, 1)?)))
    }

    fn answers(&self, keys: &[KeyOf]) -> Result<Vec<(KeyOf, AnswerRow)>, StoreError> {
        let sql = "SELECT digest, position FROM answer WHERE institution = ? AND key = ?";
        each(
            self,
            sql,
            keys,
            |(of, key)| [of.as_bytes(), key],
            |key, row| {
                let answer = AnswerRow { digest: digest(row, 0)?, position: row.get(1)? };
                Ok((key.clone(), answer))
            },
        )
    }

    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        let sql = "SELECT id, version, lane, links, body FROM record
            WHERE institution = ? AND kind = ? AND id = ?";
        one(self, sql, &[key.institution.as_bytes(), &key.kind, key.id.as_bytes()], record)
    }

    fn record_heads(&self, keys: &[RecordKey]) -> Result<Vec<(RecordKey, RecordHead)>, StoreError> {
        let sql = "SELECT version, links FROM record
            WHERE institution = ? AND kind = ? AND id = ?";
        let mut heads = Vec::new();
        for key in keys {
            let params: [&dyn ToSql; 3] =
                [key.institution.as_bytes(), &key.kind, key.id.as_bytes()];
            let head = one(self, sql, &params, |row| Ok((row.get(0)?, links(row, 1)?)))?;
            heads.extend(head.map(|head| (key.clone(), head)));
        }
        Ok(heads)
    }

    fn records(
        &self,
        of: InstitutionId,
        kind: &str,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let after = after.unwrap_or(Id::NIL);
        let (of, after, limit) = (of.as_bytes(), after.as_bytes(), limit_of(limit));
        match filter {
            Filter::All => {
                let sql = "SELECT id, version, lane, links, body FROM record
                    WHERE institution = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?";
                many(self, sql, &[of, &kind, after, &limit], record)
            }
            Filter::Link { name, key } => {
                let sql = "SELECT r.id, r.version, r.lane, r.links, r.body
                    FROM link l JOIN record r USING (institution, kind, id)
                    WHERE l.institution = ? AND l.kind = ? AND l.name = ? AND l.key = ?
                    AND l.id > ? ORDER BY l.id LIMIT ?";
                many(self, sql, &[of, &kind, &name, &key, after, &limit], record)
            }
        }
    }

    fn account_places(
        &self,
        of: InstitutionId,
        ids: &[AccountId],
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError> {
        let sql = "SELECT lane, slot FROM account WHERE institution = ? AND id = ?";
        each(
            self,
            sql,
            ids,
            |id| [of.as_bytes(), id.as_bytes()],
            |it, row| Ok((*it, AccountPlace { lane: id(row, 0)?, slot: row.get(1)? })),
        )
    }

    fn account_places_after(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError> {
        let sql = "SELECT id, lane, slot FROM account
            WHERE institution = ? AND id > ? ORDER BY id LIMIT ?";
        let after = after.unwrap_or(AccountId::NIL);
        many(self, sql, &[of.as_bytes(), after.as_bytes(), &limit_of(limit)], |row| {
            Ok((id(row, 0)?, AccountPlace { lane: id(row, 1)?, slot: row.get(2)? }))
        })
    }

    fn pages(&self, lane: LaneOf, numbers: &[u32]) -> Result<Vec<PageRow>, StoreError> {
        let sql = "SELECT number, as_of, accounts FROM page
            WHERE institution = ? AND lane = ? AND number = ?";
        let mut pages = Vec::new();
        for number in numbers {
            let params: [&dyn ToSql; 3] = [lane.0.as_bytes(), lane.1.as_bytes(), number];
            pages.extend(one(self, sql, &params, |row| page(lane, row, 0))?);
        }
        Ok(pages)
    }

    fn pages_after(
        &self,
        of: InstitutionId,
        after: Option<(LaneId, u32)>,
        limit: usize,
    ) -> Result<Vec<PageRow>, StoreError> {
        let sql = "SELECT lane, number, as_of, accounts FROM page
            WHERE institution = ? AND (lane, number) > (?, ?) ORDER BY lane, number LIMIT ?";
        let (lane, number) = after.map_or((LaneId::NIL, -1), |(it, number)| (it, number.into()));
        let number: i64 = number;
        let params: [&dyn ToSql; 4] = [of.as_bytes(), lane.as_bytes(), &number, &limit_of(limit)];
        many(self, sql, &params, |row| page((of, id(row, 0)?), row, 1))
    }

    fn points(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
        let sql = "SELECT position, item FROM transfer WHERE institution = ? AND id = ?";
        each(
            self,
            sql,
            ids,
            |id| [of.as_bytes(), id.as_bytes()],
            |id, row| Ok((*id, place(row, 0)?)),
        )
    }

    fn points_between(
        &self,
        of: InstitutionId,
        (first, last): (TransferId, TransferId),
        limit: usize,
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
        let sql = "SELECT id, position, item FROM transfer
            WHERE institution = ? AND id BETWEEN ? AND ? LIMIT ?";
        let params: [&dyn ToSql; 4] =
            [of.as_bytes(), first.as_bytes(), last.as_bytes(), &limit_of(limit)];
        many(self, sql, &params, |row| Ok((id(row, 0)?, place(row, 1)?)))
    }

    fn runs(
        &self,
        of: InstitutionId,
        second: u64,
        (first, last): (TransferId, TransferId),
    ) -> Result<Vec<Run>, StoreError> {
        let sql = "SELECT position, first, last, entries FROM run
            WHERE institution = ? AND second = ? AND first <= ? AND last >= ?";
        let params: [&dyn ToSql; 4] = [of.as_bytes(), &second, last.as_bytes(), first.as_bytes()];
        many(self, sql, &params, |row| {
            let span = (id(row, 1)?, id(row, 2)?);
            Ok(Run { second, position: row.get(0)?, span, bytes: row.get(3)? })
        })
    }

    fn posted(&self, of: InstitutionId, at: &[TransferPlace]) -> Result<Vec<Posted>, StoreError> {
        let mut chunks = BTreeMap::<(u64, usize), Vec<u8>>::new();
        for place in at {
            let first = place.item as usize / CHUNK * CHUNK;
            if let Entry::Vacant(unread) = chunks.entry((place.position, first)) {
                let sql = match first {
                    0 => {
                        "SELECT transfers FROM log WHERE institution = ? AND position = ?
                        AND 0 = ?"
                    }
                    _ => {
                        "SELECT c.transfers FROM log l JOIN chunk c USING (position)
                        WHERE l.institution = ? AND l.position = ? AND c.item = ?"
                    }
                };
                let params: [&dyn ToSql; 3] = [of.as_bytes(), &place.position, &limit_of(first)];
                let chunk = one(self, sql, &params, |row| row.get(0))?;
                unread.insert(chunk.unwrap_or_default());
            }
        }
        let posted = |place: &TransferPlace| {
            let (first, item) = (place.item as usize / CHUNK * CHUNK, place.item as usize % CHUNK);
            let chunk = &chunks[&(place.position, first)];
            Posted::decode(chunk.chunks(POSTED_BYTES).nth(item)?).ok()
        };
        at.iter().map(|place| posted(place).ok_or_else(|| no_transfer(*place))).collect()
    }

    fn resolutions(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, Resolution)>, StoreError> {
        let sql = "SELECT kind, by FROM resolution WHERE institution = ? AND id = ?";
        each(
            self,
            sql,
            ids,
            |id| [of.as_bytes(), id.as_bytes()],
            |id, row| Ok((*id, resolution(row, 0)?)),
        )
    }

    fn leaves(&self, of: InstitutionId, position: u64) -> Result<Option<LeavesRow>, StoreError> {
        let sql = "SELECT first, number, positions FROM leaf WHERE institution = ? AND first <= ?
            ORDER BY first DESC LIMIT 1";
        // Positions are stored as signed numbers.
        one(self, sql, &[of.as_bytes(), &position.min(i64::MAX.unsigned_abs())], leaves)
    }

    fn tile(&self, of: InstitutionId, id: TileId) -> Result<Option<TileRow>, StoreError> {
        let sql = "SELECT hashes FROM tile WHERE institution = ? AND level = ? AND number = ?";
        let tile = |row: &Row<'_>| Ok(TileRow { id, hashes: row.get(0)? });
        one(self, sql, &[of.as_bytes(), &id.level, &id.number], tile)
    }

    fn tile_counts(&self, of: InstitutionId) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT (SELECT count(*) FROM tile WHERE institution = ?1),
            (SELECT count(*) FROM leaf WHERE institution = ?1)";
        let counts = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(one(self, sql, &[of.as_bytes()], counts)?.unwrap_or_default())
    }

    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError> {
        let sql = "SELECT closed_through FROM period WHERE institution = ?";
        one(self, sql, &[of.as_bytes()], |row| date(row, 0))
    }

    fn older_days(
        &self,
        of: InstitutionId,
        account: AccountId,
        through: Date,
    ) -> Result<Sums, StoreError> {
        let sql = "SELECT coalesce(sum(debits), 0), coalesce(sum(credits), 0) FROM day
            WHERE institution = ? AND account = ? AND day <= ?";
        let through = stdx::date::number(through);
        let sums = one(self, sql, &[of.as_bytes(), account.as_bytes(), &through], |row| {
            Ok((amount(row, 0)?, amount(row, 1)?))
        })?;
        Ok(sums.unwrap_or_default())
    }

    fn older_days_from(
        &self,
        of: InstitutionId,
        accounts: &[AccountId],
        from: Date,
        rest: Date,
    ) -> Result<Vec<(AccountId, Date, Sums)>, StoreError> {
        let sql = "SELECT min(day, ?) AS at, sum(debits), sum(credits) FROM day
            WHERE institution = ? AND account = ? AND day >= ? GROUP BY at ORDER BY at";
        let (from, rest) = (stdx::date::number(from), stdx::date::number(rest));
        let mut found = Vec::new();
        for account in accounts {
            let params: [&dyn ToSql; 4] = [&rest, of.as_bytes(), account.as_bytes(), &from];
            found.extend(many(self, sql, &params, |row| {
                Ok((*account, date(row, 0)?, (amount(row, 1)?, amount(row, 2)?)))
            })?);
        }
        Ok(found)
    }

    fn log_row(&self, of: InstitutionId, position: u64) -> Result<Option<LogRow>, StoreError> {
        let sql = format!("{LOG_ROW} WHERE position = ? AND institution = ?");
        let row = one(self, &sql, &[&position, of.as_bytes()], log_row)?;
        row.map(|row| with_chunks(self, row)).transpose()
    }

    fn log_link(&self, of: InstitutionId, position: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let sql = "SELECT seq, previous FROM log WHERE position = ? AND institution = ?";
        one(self, sql, &[&position, of.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn log(&self, of: InstitutionId, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        let sql =
            format!("{LOG_ROW} WHERE position > ? AND institution = ? ORDER BY position LIMIT ?");
        let rows = many(self, &sql, &[&after, of.as_bytes(), &limit_of(limit)], log_row)?;
        rows.into_iter().map(|row| with_chunks(self, row)).collect()
    }

    fn log_of_all(&self, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        let sql = format!("{LOG_ROW} WHERE position > ? ORDER BY position LIMIT ?");
        let rows = many(self, &sql, &[&after, &limit_of(limit)], log_row)?;
        rows.into_iter().map(|row| with_chunks(self, row)).collect()
    }

    fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        limit: usize,
    ) -> Result<Vec<Timer>, StoreError> {
        let sql = "SELECT due, kind, subject, lane FROM timer
            WHERE institution = ? AND due <= ? AND (due, kind, subject, lane) > (?, ?, ?, ?)
            ORDER BY due, kind, subject, lane LIMIT ?";
        // Days and moments are told apart by their first letter.
        let through = due_text(through);
        let start = after.map_or_else(|| through[..1].to_owned(), |timer| due_text(timer.due));
        let kind = after.map_or("", |timer| &timer.kind);
        let subject = after.map_or(Id::NIL, |timer| timer.subject);
        let lane = after.map_or(LaneId::NIL, |timer| timer.lane);
        let params: [&dyn ToSql; 7] = [
            of.as_bytes(),
            &through,
            &start,
            &kind,
            subject.as_bytes(),
            lane.as_bytes(),
            &limit_of(limit),
        ];
        many(self, sql, &params, |row| {
            let due = due_of(&row.get::<_, String>(0)?).ok_or_else(|| wrong(0, "a due time"))?;
            Ok(Timer { due, kind: row.get(1)?, subject: id(row, 2)?, lane: id(row, 3)? })
        })
    }
}

/// A row with all its transfers.
fn with_chunks(connection: &Connection, mut row: LogRow) -> Result<LogRow, StoreError> {
    if row.transfers.len() >= CHUNK * POSTED_BYTES {
        let sql = "SELECT transfers FROM chunk WHERE position = ? ORDER BY item";
        let chunks: Vec<Vec<u8>> = many(connection, sql, &[&row.position], |row| row.get(0))?;
        chunks.iter().for_each(|chunk| row.transfers.extend_from_slice(chunk));
    }
    Ok(row)
}

fn write_log(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut log = transaction.prepare_cached(
        "INSERT INTO log (position, institution, lane, seq, previous, told_at, at, actor, command,
        key, digest, body, transfers, root) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let mut chunk = transaction
        .prepare_cached("INSERT INTO chunk (position, item, transfers) VALUES (?, ?, ?)")?;
    for row in &batch.log {
        let mut chunks = row.transfers.chunks(CHUNK * POSTED_BYTES);
        log.execute(params![
            row.position,
            row.institution.as_bytes(),
            row.lane.as_bytes(),
            row.seq,
            row.previous,
            row.told_at,
            nanoseconds(row.at)?,
            row.actor,
            row.command,
            row.key,
            row.digest.as_bytes(),
            row.body,
            chunks.next().unwrap_or_default(),
            row.root.as_bytes(),
        ])?;
        for (item, transfers) in (1..).zip(chunks) {
            chunk.execute(params![row.position, limit_of(item * CHUNK), transfers])?;
        }
    }
    let mut lane = transaction.prepare_cached(
        "INSERT INTO lane (institution, lane, seq, position, root, flushed, accounts)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET seq = excluded.seq, position = excluded.position,
        root = excluded.root, flushed = excluded.flushed, accounts = excluded.accounts",
    )?;
    for ((of, id), it) in &batch.lanes {
        lane.execute(params![
            of.as_bytes(),
            id.as_bytes(),
            it.seq,
            it.position,
            it.root.as_bytes(),
            it.flushed,
            it.accounts,
        ])?;
    }
    let mut answer = transaction.prepare_cached(
        "INSERT INTO answer (institution, key, digest, position) VALUES (?, ?, ?, ?)",
    )?;
    for ((of, key), row) in &batch.answers {
        answer.execute(params![of.as_bytes(), key, row.digest.as_bytes(), row.position])?;
    }
    Ok(())
}

/// A tile only grows: of two writers the one who knows more rows wins.
fn write_tiles(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO tile (institution, level, number, hashes) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET hashes = excluded.hashes
        WHERE length(excluded.hashes) > length(tile.hashes)",
    )?;
    for (of, TileRow { id, hashes }) in &batch.tiles {
        insert.execute(params![of.as_bytes(), id.level, id.number, hashes])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO leaf (institution, first, number, positions) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET positions = excluded.positions
        WHERE length(excluded.positions) > length(leaf.positions)",
    )?;
    for (of, LeavesRow { first, number, positions }) in &batch.leaves {
        insert.execute(params![of.as_bytes(), first, number, positions])?;
    }
    Ok(())
}

fn leaves(row: &Row<'_>) -> rusqlite::Result<LeavesRow> {
    Ok(LeavesRow { first: row.get(0)?, number: row.get(1)?, positions: row.get(2)? })
}

fn write_records(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut record = transaction.prepare_cached(
        "INSERT INTO record (institution, kind, id, version, lane, links, body)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET version = excluded.version, lane = excluded.lane,
        links = excluded.links, body = excluded.body",
    )?;
    let mut unlink = transaction.prepare_cached(
        "DELETE FROM link WHERE institution = ? AND kind = ? AND name = ? AND key = ? AND id = ?",
    )?;
    let mut link = transaction.prepare_cached(
        "INSERT OR IGNORE INTO link (institution, kind, name, key, id) VALUES (?, ?, ?, ?, ?)",
    )?;
    for write in &batch.records {
        let (of, entry) = (write.institution.as_bytes(), &write.entry);
        let (kind, id) = (&entry.kind, entry.id.as_bytes());
        let links = serde_json::to_string(&entry.links).expect("pairs of texts");
        let (lane, body) = (write.lane.as_bytes(), entry.body.get());
        record.execute(params![of, kind, id, entry.version, lane, links, body])?;
        if write.links_before != entry.links {
            for (name, key) in &write.links_before {
                unlink.execute(params![of, kind, name, key, id])?;
            }
            for (name, key) in &entry.links {
                link.execute(params![of, kind, name, key, id])?;
            }
        }
    }
    Ok(())
}

fn write_books(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut account = transaction
        .prepare_cached("INSERT INTO account (institution, id, lane, slot) VALUES (?, ?, ?, ?)")?;
    for (of, id, at) in &batch.accounts {
        account.execute(params![of.as_bytes(), id.as_bytes(), at.lane.as_bytes(), at.slot])?;
    }
    let mut page = transaction.prepare_cached(
        "INSERT INTO page (institution, lane, number, as_of, accounts) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET as_of = excluded.as_of, accounts = excluded.accounts",
    )?;
    for it in &batch.pages {
        let (of, lane) = (it.lane.0.as_bytes(), it.lane.1.as_bytes());
        page.execute(params![of, lane, it.number, it.as_of, it.bytes])?;
    }
    let mut day = transaction.prepare_cached(
        "INSERT INTO day (institution, account, day, debits, credits) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET debits = debits + excluded.debits,
        credits = credits + excluded.credits",
    )?;
    for ((of, id, date), (debits, credits)) in &batch.days {
        let (of, id, date) = (of.as_bytes(), id.as_bytes(), stdx::date::number(*date));
        day.execute(params![of, id, date, debits.minor(), credits.minor()])?;
    }
    let mut period = transaction.prepare_cached(
        "INSERT INTO period (institution, closed_through) VALUES (?, ?)
        ON CONFLICT DO UPDATE SET closed_through = excluded.closed_through",
    )?;
    for (of, date) in &batch.closed_through {
        period.execute(params![of.as_bytes(), stdx::date::number(*date)])?;
    }
    Ok(())
}

fn write_transfers(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut transfer = transaction.prepare_cached(
        "INSERT INTO transfer (institution, id, position, item) VALUES (?, ?, ?, ?)",
    )?;
    for (of, id, place) in &batch.transfers {
        transfer.execute(params![of.as_bytes(), id.as_bytes(), place.position, place.item])?;
    }
    let mut run = transaction.prepare_cached(
        "INSERT INTO run (institution, second, position, first, last, entries)
        VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for (of, it) in &batch.runs {
        let (first, last) = (it.span.0.as_bytes(), it.span.1.as_bytes());
        run.execute(params![of.as_bytes(), it.second, it.position, first, last, it.bytes])?;
    }
    let mut resolution = transaction
        .prepare_cached("INSERT INTO resolution (institution, id, kind, by) VALUES (?, ?, ?, ?)")?;
    for (of, id, it) in &batch.resolutions {
        let (kind, by) = resolution_parts(*it);
        resolution.execute(params![of.as_bytes(), id.as_bytes(), kind, by.as_bytes()])?;
    }
    Ok(())
}

fn write_timers(transaction: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut clear = transaction.prepare_cached(
        "DELETE FROM timer
        WHERE institution = ? AND due = ? AND kind = ? AND subject = ? AND lane = ?",
    )?;
    let mut set = transaction.prepare_cached(
        "INSERT OR IGNORE INTO timer (institution, due, kind, subject, lane)
        VALUES (?, ?, ?, ?, ?)",
    )?;
    for ((of, it), is_set) in &batch.timers {
        let statement = if *is_set { &mut set } else { &mut clear };
        let (due, subject, lane) = (due_text(it.due), it.subject.as_bytes(), it.lane.as_bytes());
        statement.execute(params![of.as_bytes(), due, it.kind, subject, lane])?;
    }
    Ok(())
}

fn links(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<(String, String)>> {
    let links: String = row.get(column)?;
    serde_json::from_str(&links).map_err(|_| wrong(column, "links"))
}

fn record(row: &Row<'_>) -> rusqlite::Result<RecordRow> {
    Ok(RecordRow {
        id: id(row, 0)?,
        version: row.get(1)?,
        lane: id(row, 2)?,
        links: links(row, 3)?,
        body: row.get(4)?,
    })
}

fn page(lane: LaneOf, row: &Row<'_>, first: usize) -> rusqlite::Result<PageRow> {
    let (number, as_of, bytes) = (row.get(first)?, row.get(first + 1)?, row.get(first + 2)?);
    Ok(PageRow { lane, number, as_of, bytes })
}

fn place(row: &Row<'_>, first: usize) -> rusqlite::Result<TransferPlace> {
    Ok(TransferPlace { position: row.get(first)?, item: row.get(first + 1)? })
}

fn log_row(row: &Row<'_>) -> rusqlite::Result<LogRow> {
    let at = Timestamp::from_nanosecond(i128::from(row.get::<_, i64>(6)?));
    Ok(LogRow {
        position: row.get(0)?,
        institution: id(row, 1)?,
        lane: id(row, 2)?,
        seq: row.get(3)?,
        previous: row.get(4)?,
        told_at: row.get(5)?,
        at: at.map_err(|_| wrong(5, "a moment"))?,
        actor: row.get(7)?,
        command: row.get(8)?,
        key: row.get(9)?,
        digest: digest(row, 10)?,
        body: row.get(11)?,
        transfers: row.get(12)?,
        root: digest(row, 13)?,
    })
}

fn resolution(row: &Row<'_>, first: usize) -> rusqlite::Result<Resolution> {
    let found = resolution_of(row.get(first)?, id(row, first + 1)?);
    found.ok_or_else(|| wrong(first, "a resolution"))
}

fn head(row: &Row<'_>, first: usize) -> rusqlite::Result<LaneHead> {
    Ok(LaneHead {
        seq: row.get(first)?,
        position: row.get(first + 1)?,
        root: digest(row, first + 2)?,
        flushed: row.get(first + 3)?,
        accounts: row.get(first + 4)?,
    })
}

fn id<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Id<T>> {
    row.get::<_, [u8; 16]>(column).map(Id::from_bytes)
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get::<_, [u8; 32]>(column).map(Digest::from_bytes)
}

fn amount(row: &Row<'_>, column: usize) -> rusqlite::Result<Amount> {
    row.get(column).map(Amount::from_minor)
}

fn wrong(column: usize, what: &str) -> rusqlite::Error {
    let message = format!("not {what}");
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Null, message.into())
}

/// Fails for a clock before the year 1678 or after 2261.
fn nanoseconds(at: Timestamp) -> rusqlite::Result<i64> {
    let nanoseconds = i64::try_from(at.as_nanosecond());
    nanoseconds.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn date(row: &Row<'_>, column: usize) -> rusqlite::Result<Date> {
    stdx::date::from_number(row.get(column)?).ok_or_else(|| wrong(column, "a date"))
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
