//! SQLite on the disk, as the platform uses it: a log in WAL mode, several connections.

mod faults;
mod power;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use rusqlite::{Connection, OpenFlags};
use stdx::Prng;

use crate::Disk;

/// A directory of its own, gone when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("faultdisk-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn database(&self) -> PathBuf {
        self.0.join("try.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A connection on a disk, or on the machine's own, which is only looked at and so never synced.
fn connect(path: &Path, disk: Option<Disk>) -> rusqlite::Result<Connection> {
    let connection = match disk {
        Some(disk) => Connection::open_with_flags_and_vfs(path, OpenFlags::default(), disk.name())?,
        None => Connection::open(path)?,
    };
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = if disk.is_some() { "full" } else { "off" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // So short that the log is written back, and begun anew, often.
    connection.pragma_update(None, "wal_autocheckpoint", 20)?;
    Ok(connection)
}

const TABLES: &str = "CREATE TABLE IF NOT EXISTS item
    (round INTEGER, number INTEGER, size INTEGER, bytes BLOB, PRIMARY KEY (round, number))";

/// One transaction: some rows that know how many they are, of random sizes.
fn commit(connection: &mut Connection, round: u32, prng: &mut Prng) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let size = 1 + prng.below(6);
    for number in 0..size {
        let sql = "INSERT INTO item VALUES (?, ?, ?, zeroblob(?))";
        transaction.execute(sql, (round, number, size, prng.below(3_000)))?;
    }
    transaction.commit()
}

/// The rounds that are there. Each is whole, and none is missing before the last.
fn rounds(connection: &Connection) -> u32 {
    let damage: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(damage, "ok");
    connection.execute_batch(TABLES).unwrap();
    let sql =
        "SELECT round, count(*), max(size), min(size) FROM item GROUP BY round ORDER BY round";
    let mut query = connection.prepare(sql).unwrap();
    let found = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .collect::<rusqlite::Result<Vec<(u32, u32, u32, u32)>>>()
        .unwrap();
    for (expected, (round, count, max, min)) in (0..).zip(&found) {
        assert_eq!((*round, *count, *count), (expected, *max, *min), "a round in part");
    }
    u32::try_from(found.len()).unwrap()
}
