//! The embedded engine: one SQLite file.
//!
//! WAL with `synchronous=FULL`: a commit is one append and one fsync of the log file. One
//! connection writes; readers have connections of their own and never wait for it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ledger::{
    Account, AccountId, AccountState, Balances, Code, InstitutionId, LaneId, POSTED_BYTES, Posted,
    Resolution, Side, TransferId,
};
use money::{Amount, Currency};
use rusqlite::{
    Connection, OptionalExtension, Row, ToSql, Transaction, TransactionBehavior, config::DbConfig,
    params,
};
use stdx::{Date, Digest, Id, Timestamp};

use super::{
    AnswerRow, Batch, Engine, Filter, LaneHead, RecordHead, RecordRow, Resolved, no_row,
    sum_too_large,
};
use crate::{BookLine, Due, LogRow, RecordKey, StoreError, Timer};

/// The steps from an empty file to today's tables. A step is never edited once it is released.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001.sql")];

/// Marks the file as ours (`application_id`): "SUAN".
const APPLICATION_ID: i32 = 0x5355_414e;
/// The most idle reading connections kept.
const READERS_IDLE_MAX: usize = 8;
/// Statements a connection keeps prepared.
const STATEMENTS_MAX: usize = 64;

pub(crate) struct SqliteEngine {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Held as long as the engine lives.
    _lock: File,
}

impl SqliteEngine {
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        let lock = take(directory)?;
        let path = file(directory);
        make_private(&path).map_err(|error| unavailable(directory, &error))?;
        let mut writer = connect(&path)?;
        migrate(&mut writer)?;
        let (writer, readers) = (Mutex::new(writer), Mutex::new(Vec::new()));
        Ok(Self { path, writer, readers, _lock: lock })
    }

    /// Reads with a connection of its own.
    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = lock(&self.readers).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => connect(&self.path)?,
        };
        let answer = query(&reader).map_err(failed);
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_IDLE_MAX {
            readers.push(reader);
        }
        answer
    }

    fn one<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.read(|reader| reader.prepare_cached(sql)?.query_row(params, read).optional())
    }

    fn many<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.read(|reader| reader.prepare_cached(sql)?.query_map(params, read)?.collect())
    }
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

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connect = || {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // A plan once made stays: without this, statements are prepared anew for other values.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // 64 MiB of pages: negative is KiB. Nothing is mapped: a broken disk shall be an error.
        connection.pragma_update(None, "cache_size", -65_536)?;
        // Longer logs than the default 1,000 pages: fewer checkpoints, each fsyncing the file.
        connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
        Ok(connection)
    };
    connect().map_err(failed)
}

/// Brings an older file up to today's tables, or refuses one that is newer or not ours.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let number = |connection: &Connection, pragma| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(failed)
    };
    let version = number(connection, "user_version")?;
    let application = number(connection, "application_id")?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: u32 = connection.query_row(tables, [], |row| row.get(0)).map_err(failed)?;
    let empty = (version, application, tables) == (0, 0, 0);
    let done = usize::try_from(version).ok().filter(|done| *done <= MIGRATIONS.len());
    let Some(done) = done.filter(|_| empty || application == APPLICATION_ID) else {
        let what = format!("schema version {version} of application {application:#x}");
        return Err(StoreError::Corrupt(format!("{what} is not ours or newer than this binary")));
    };
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

fn write(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write_log(&transaction, batch)?;
    write_records(&transaction, batch)?;
    write_books(&transaction, batch)?;
    write_timers(&transaction, batch)?;
    transaction.commit()
}

impl Engine for SqliteEngine {
    fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        write(&mut lock(&self.writer), batch).map_err(failed)
    }

    fn last_position(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(position), 0) FROM log";
        Ok(self.one(sql, &[], |row| row.get(0))?.unwrap_or(0))
    }

    fn lane(&self, of: InstitutionId, lane: LaneId) -> Result<Option<LaneHead>, StoreError> {
        let sql = "SELECT seq, position, root FROM lane WHERE institution = ? AND lane = ?";
        self.one(sql, &[of.as_bytes(), lane.as_bytes()], |row| head(row, 0))
    }

    fn answer(&self, of: InstitutionId, key: &str) -> Result<Option<AnswerRow>, StoreError> {
        let sql = "SELECT digest, position FROM answer WHERE institution = ? AND key = ?";
        self.one(sql, &[of.as_bytes(), &key], |row| {
            Ok(AnswerRow { digest: digest(row, 0)?, position: row.get(1)? })
        })
    }

    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        let sql = "SELECT id, version, lane, links, body FROM record
            WHERE institution = ? AND kind = ? AND id = ?";
        self.one(sql, &[key.institution.as_bytes(), &key.kind, key.id.as_bytes()], record)
    }

    fn record_head(&self, key: &RecordKey) -> Result<Option<RecordHead>, StoreError> {
        let sql = "SELECT version, links FROM record
            WHERE institution = ? AND kind = ? AND id = ?";
        let params: [&dyn ToSql; 3] = [key.institution.as_bytes(), &key.kind, key.id.as_bytes()];
        self.one(sql, &params, |row| Ok((row.get(0)?, links(row, 1)?)))
    }

    fn account(&self, of: InstitutionId, id: AccountId) -> Result<Option<Account>, StoreError> {
        let sql = "SELECT id, lane, code, currency, side, state, debits_posted, credits_posted,
            debits_pending, credits_pending, limits, last FROM account
            WHERE institution = ? AND id = ?";
        self.one(sql, &[of.as_bytes(), id.as_bytes()], account)
    }

    fn transfer(&self, of: InstitutionId, id: TransferId) -> Result<Option<Resolved>, StoreError> {
        let sql = "SELECT substr(log.transfers, 1 + ?1 * item, ?1), resolution.kind, by
            FROM transfer LEFT JOIN log USING (position)
            LEFT JOIN resolution USING (institution, id)
            WHERE transfer.institution = ?2 AND transfer.id = ?3";
        let params: [&dyn ToSql; 3] = [&limit_of(POSTED_BYTES), of.as_bytes(), id.as_bytes()];
        let found = self.one(sql, &params, |row| {
            Ok((row.get::<_, Option<Vec<u8>>>(0)?, resolution(row, 1)?))
        })?;
        let Some((bytes, resolution)) = found else { return Ok(None) };
        let posted = Posted::decode(&bytes.unwrap_or_default());
        Ok(Some((posted.map_err(|_| no_row(id))?, resolution)))
    }

    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError> {
        let sql = "SELECT closed_through FROM period WHERE institution = ?";
        self.one(sql, &[of.as_bytes()], |row| date(row, 0))
    }

    fn log_row(&self, position: u64) -> Result<Option<LogRow>, StoreError> {
        let sql = "SELECT position, institution, lane, seq, previous, at, actor, command, key,
            digest, body, transfers, root FROM log WHERE position = ?";
        self.one(sql, &[&position], log_row)
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
                self.many(sql, &[of, &kind, after, &limit], record)
            }
            Filter::Link { name, key } => {
                let sql = "SELECT r.id, r.version, r.lane, r.links, r.body
                    FROM link l JOIN record r USING (institution, kind, id)
                    WHERE l.institution = ? AND l.kind = ? AND l.name = ? AND l.key = ?
                    AND l.id > ? ORDER BY l.id LIMIT ?";
                self.many(sql, &[of, &kind, &name, &key, after, &limit], record)
            }
        }
    }

    fn accounts(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let sql = "SELECT id, lane, code, currency, side, state, debits_posted, credits_posted,
            debits_pending, credits_pending, limits, last FROM account
            WHERE institution = ? AND id > ? ORDER BY id LIMIT ?";
        let after = after.unwrap_or(AccountId::NIL);
        self.many(sql, &[of.as_bytes(), after.as_bytes(), &limit_of(limit)], account)
    }

    fn log(&self, of: InstitutionId, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        let sql = "SELECT position, institution, lane, seq, previous, at, actor, command, key,
            digest, body, transfers, root FROM log
            WHERE position > ? AND institution = ? ORDER BY position LIMIT ?";
        self.many(sql, &[&after, of.as_bytes(), &limit_of(limit)], log_row)
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
        self.many(sql, &params, |row| {
            let due = due(&row.get::<_, String>(0)?).ok_or_else(|| wrong(0, "a due time"))?;
            Ok(Timer { due, kind: row.get(1)?, subject: id(row, 2)?, lane: id(row, 3)? })
        })
    }

    fn moved_through(
        &self,
        of: InstitutionId,
        id: AccountId,
        day: Date,
    ) -> Result<(Amount, Amount), StoreError> {
        let sql = "SELECT coalesce(sum(debits), 0), coalesce(sum(credits), 0) FROM day
            WHERE institution = ? AND account = ? AND day <= ?";
        let params: [&dyn ToSql; 3] = [of.as_bytes(), id.as_bytes(), &yyyymmdd(day)];
        let sums = self.one(sql, &params, |row| Ok((amount(row, 0)?, amount(row, 1)?)))?;
        Ok(sums.unwrap_or_default())
    }

    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError> {
        let sql = "SELECT lane, seq, position, root FROM lane WHERE institution = ? ORDER BY lane";
        self.many(sql, &[of.as_bytes()], |row| Ok((id(row, 0)?, head(row, 1)?)))
    }

    fn book(&self, of: InstitutionId, through: Option<Date>) -> Result<Vec<BookLine>, StoreError> {
        let sql =
            "SELECT a.currency, a.code, coalesce(sum(d.debits), 0), coalesce(sum(d.credits), 0)
            FROM account a LEFT JOIN day d
            ON d.institution = a.institution AND d.account = a.id AND d.day <= ?
            WHERE a.institution = ? GROUP BY a.currency, a.code";
        let through = yyyymmdd(through.unwrap_or(Date::MAX));
        let lines = self.many(sql, &[&through, of.as_bytes()], |row| {
            Ok(BookLine {
                currency: currency(row, 0)?,
                code: parsed(row, 1)?,
                debits: amount(row, 2)?,
                credits: amount(row, 3)?,
            })
        });
        // SQLite has no code of its own for a sum beyond 63 bits.
        let mut lines = lines.map_err(|error| match error {
            StoreError::Unavailable(why) if why.contains("integer overflow") => sum_too_large(),
            other => other,
        })?;
        lines.sort_by_key(|line| (line.currency, line.code));
        Ok(lines)
    }
}

fn write_log(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut log = transaction.prepare_cached(
        "INSERT INTO log (position, institution, lane, seq, previous, at, actor, command, key,
        digest, body, transfers, root) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for row in &batch.log {
        log.execute(params![
            row.position,
            row.institution.as_bytes(),
            row.lane.as_bytes(),
            row.seq,
            row.previous,
            nanoseconds(row.at)?,
            row.actor,
            row.command,
            row.key,
            row.digest.as_bytes(),
            row.body,
            row.transfers,
            row.root.as_bytes(),
        ])?;
    }
    let mut lane = transaction.prepare_cached(
        "INSERT INTO lane (institution, lane, seq, position, root) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET seq = excluded.seq, position = excluded.position,
        root = excluded.root",
    )?;
    for ((of, id), head) in &batch.lanes {
        let root = head.root.as_bytes();
        lane.execute(params![of.as_bytes(), id.as_bytes(), head.seq, head.position, root])?;
    }
    let mut answer = transaction.prepare_cached(
        "INSERT INTO answer (institution, key, digest, position) VALUES (?, ?, ?, ?)",
    )?;
    for ((of, key), row) in &batch.answers {
        answer.execute(params![of.as_bytes(), key, row.digest.as_bytes(), row.position])?;
    }
    Ok(())
}

fn write_records(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
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

fn write_books(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut account = transaction.prepare_cached(
        "INSERT INTO account (institution, id, lane, code, currency, side, state, debits_posted,
        credits_posted, debits_pending, credits_pending, limits, last)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET state = excluded.state, debits_posted = excluded.debits_posted,
        credits_posted = excluded.credits_posted, debits_pending = excluded.debits_pending,
        credits_pending = excluded.credits_pending, limits = excluded.limits,
        last = excluded.last",
    )?;
    for (of, it) in &batch.accounts {
        let limits = it.limits.as_ref();
        account.execute(params![
            of.as_bytes(),
            it.id.as_bytes(),
            it.lane.as_bytes(),
            it.code.as_str(),
            it.currency.number(),
            matches!(it.side, Side::Credit),
            state_number(it.state),
            it.balances.debits_posted.minor(),
            it.balances.credits_posted.minor(),
            it.balances.debits_pending.minor(),
            it.balances.credits_pending.minor(),
            limits.map(|limits| serde_json::to_string(limits).expect("limits are plain data")),
            it.last.as_ref().map(Id::as_bytes),
        ])?;
    }
    let mut transfer = transaction.prepare_cached(
        "INSERT INTO transfer (institution, id, position, item) VALUES (?, ?, ?, ?)",
    )?;
    for (of, id, place) in &batch.transfers {
        transfer.execute(params![of.as_bytes(), id.as_bytes(), place.position, place.item])?;
    }
    let mut resolution = transaction
        .prepare_cached("INSERT INTO resolution (institution, id, kind, by) VALUES (?, ?, ?, ?)")?;
    for (of, id, it) in &batch.resolutions {
        let (kind, by) = match it {
            Resolution::Posted(by) => (0, by),
            Resolution::Voided(by) => (1, by),
            Resolution::Expired(by) => (2, by),
            Resolution::Reversed(by) => (3, by),
        };
        resolution.execute(params![of.as_bytes(), id.as_bytes(), kind, by.as_bytes()])?;
    }
    let mut day = transaction.prepare_cached(
        "INSERT INTO day (institution, account, day, debits, credits) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET debits = debits + excluded.debits,
        credits = credits + excluded.credits",
    )?;
    for ((of, id, date), (debits, credits)) in &batch.days {
        let (of, id, date) = (of.as_bytes(), id.as_bytes(), yyyymmdd(*date));
        day.execute(params![of, id, date, debits.minor(), credits.minor()])?;
    }
    let mut period = transaction.prepare_cached(
        "INSERT INTO period (institution, closed_through) VALUES (?, ?)
        ON CONFLICT DO UPDATE SET closed_through = excluded.closed_through",
    )?;
    for (of, date) in &batch.closed_through {
        period.execute(params![of.as_bytes(), yyyymmdd(*date)])?;
    }
    Ok(())
}

fn write_timers(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
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

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let limits: Option<String> = row.get(10)?;
    let limits = limits.map(|text| serde_json::from_str(&text)).transpose();
    let last: Option<[u8; 16]> = row.get(11)?;
    Ok(Account {
        id: id(row, 0)?,
        lane: id(row, 1)?,
        code: parsed::<Code>(row, 2)?,
        currency: currency(row, 3)?,
        side: if row.get(4)? { Side::Credit } else { Side::Debit },
        state: state(row.get(5)?).ok_or_else(|| wrong(5, "an account state"))?,
        balances: Balances {
            debits_posted: amount(row, 6)?,
            credits_posted: amount(row, 7)?,
            debits_pending: amount(row, 8)?,
            credits_pending: amount(row, 9)?,
        },
        limits: limits.map_err(|_| wrong(10, "limits"))?,
        last: last.map(Id::from_bytes),
    })
}

fn log_row(row: &Row<'_>) -> rusqlite::Result<LogRow> {
    let at = Timestamp::from_nanosecond(i128::from(row.get::<_, i64>(5)?));
    Ok(LogRow {
        position: row.get(0)?,
        institution: id(row, 1)?,
        lane: id(row, 2)?,
        seq: row.get(3)?,
        previous: row.get(4)?,
        at: at.map_err(|_| wrong(5, "a moment"))?,
        actor: row.get(6)?,
        command: row.get(7)?,
        key: row.get(8)?,
        digest: digest(row, 9)?,
        body: row.get(10)?,
        transfers: row.get(11)?,
        root: digest(row, 12)?,
    })
}

fn resolution(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Resolution>> {
    let Some(kind) = row.get::<_, Option<u8>>(first)? else { return Ok(None) };
    let by = id(row, first + 1)?;
    match kind {
        0 => Ok(Some(Resolution::Posted(by))),
        1 => Ok(Some(Resolution::Voided(by))),
        2 => Ok(Some(Resolution::Expired(by))),
        3 => Ok(Some(Resolution::Reversed(by))),
        _ => Err(wrong(first, "a resolution")),
    }
}

fn head(row: &Row<'_>, first: usize) -> rusqlite::Result<LaneHead> {
    let (seq, position) = (row.get(first)?, row.get(first + 1)?);
    Ok(LaneHead { seq, position, root: digest(row, first + 2)? })
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

fn currency(row: &Row<'_>, column: usize) -> rusqlite::Result<Currency> {
    Currency::from_number(row.get(column)?).ok_or_else(|| wrong(column, "a currency"))
}

fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| wrong(column, "readable"))
}

fn wrong(column: usize, what: &str) -> rusqlite::Error {
    let message = format!("not {what}");
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Null, message.into())
}

fn state_number(state: AccountState) -> u8 {
    match state {
        AccountState::Open => 0,
        AccountState::FrozenIn => 1,
        AccountState::FrozenOut => 2,
        AccountState::Frozen => 3,
        AccountState::Closed => 4,
    }
}

fn state(number: u8) -> Option<AccountState> {
    use AccountState::{Closed, Frozen, FrozenIn, FrozenOut, Open};
    [Open, FrozenIn, FrozenOut, Frozen, Closed].into_iter().find(|it| state_number(*it) == number)
}

/// Fails for a clock before the year 1678 or after 2261.
fn nanoseconds(at: Timestamp) -> rusqlite::Result<i64> {
    let nanoseconds = i64::try_from(at.as_nanosecond());
    nanoseconds.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A number that sorts as the date does, in the years before 0 too.
fn yyyymmdd(date: Date) -> i32 {
    i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day())
}

fn date(row: &Row<'_>, column: usize) -> rusqlite::Result<Date> {
    let number: i32 = row.get(column)?;
    let year = i16::try_from(number.div_euclid(10_000)).ok();
    let [month, day] = [number.div_euclid(100), number].map(|it| i8::try_from(it.rem_euclid(100)));
    let (Some(year), Ok(month), Ok(day)) = (year, month, day) else {
        return Err(wrong(column, "a date"));
    };
    Date::new(year, month, day).map_err(|_| wrong(column, "a date"))
}

/// Sorts as [`Due`] does, in the years from 0 on: days before moments, each by time.
fn due_text(due: Due) -> String {
    match due {
        Due::Day(date) => format!("d{date}"),
        Due::Moment(at) => format!("m{at:.9}"),
    }
}

fn due(text: &str) -> Option<Due> {
    match text.split_at_checked(1)? {
        ("d", date) => date.parse().ok().map(Due::Day),
        ("m", moment) => moment.parse().ok().map(Due::Moment),
        _ => None,
    }
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
