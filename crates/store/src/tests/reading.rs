//! A store that is read while another process has it.

use std::fs;

use super::{
    Directory, Store, balance, bank, commit, committed, files::everything, look, moving, nth,
    transfer, verify,
};
use crate::StoreError;

#[tokio::test]
async fn who_reads_sees_what_is_durable_while_another_writes() {
    let directory = Directory::new();
    let writing = directory.open();
    everything(&writing).await;
    let reading = Store::read_in_directory(directory.path()).unwrap();
    for round in 0..20 {
        let transfers = (0..70).map(|it| transfer(100 + 100 * round + it, 1, 2, 1));
        committed(&writing, moving(&format!("round {round}"), transfers)).await;
        assert_eq!(look(&reading, bank()).await, look(&writing, bank()).await, "{round}");
        assert_eq!(balance(&reading, 2).await, balance(&writing, 2).await, "{round}");
        verify(&reading).await;
    }
    drop(writing);
    assert_eq!(look(&reading, bank()).await, look(&directory.open(), bank()).await);
}

#[tokio::test]
async fn who_reads_writes_nothing() {
    let directory = Directory::new();
    everything(&directory.open()).await;
    let reading = Store::read_in_directory(directory.path()).unwrap();
    let seen = look(&reading, bank()).await;
    let refused = reading.commit(commit("more")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    let mut rows = Vec::new();
    let read = reading.each_row::<StoreError>(0, |row| {
        rows.push(row);
        Ok(())
    });
    read.unwrap();
    assert!(reading.restore(rows).await.is_err());
    assert_eq!(look(&reading, bank()).await, seen);
    // And stands in nobody's way.
    let writing = directory.open();
    assert_eq!(committed(&writing, commit("more")).await.seq, 4);
    verify(&writing).await;
}

#[tokio::test]
async fn a_crash_is_read_over_too() {
    let (directory, crashed) = (Directory::new(), Directory::new());
    let store = directory.open();
    everything(&store).await;
    fs::create_dir(crashed.path()).unwrap();
    // What a killed process leaves: the newest rows are in the log of SQLite alone.
    for name in ["suanpan.db", "suanpan.db-wal"] {
        fs::copy(directory.path().join(name), crashed.path().join(name)).unwrap();
    }
    let reading = Store::read_in_directory(crashed.path()).unwrap();
    assert_eq!(look(&reading, bank()).await, look(&store, bank()).await);
    verify(&reading).await;
    drop(reading);
    let started = crashed.open();
    assert_eq!(look(&started, bank()).await, look(&store, bank()).await);
}

#[test]
fn nothing_is_made_by_reading() {
    let directory = Directory::new();
    fs::create_dir(directory.path()).unwrap();
    let refused = Store::read_in_directory(directory.path()).err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    drop(directory.open());
    for sql in ["PRAGMA user_version = 99", "PRAGMA user_version = 0; PRAGMA application_id = 7"] {
        directory.sql().execute_batch(sql).unwrap();
        let refused = Store::read_in_directory(directory.path()).err();
        assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{sql}: {refused:?}");
    }
    // An older one: the process that writes migrates it.
    directory.sql().execute_batch("PRAGMA user_version = 0; DROP TABLE timer").unwrap();
    directory.sql().pragma_update(None, "application_id", 0x5355_414e).unwrap();
    let refused = Store::read_in_directory(directory.path()).err().unwrap().to_string();
    assert!(refused.contains("older version"), "{refused}");
}

#[tokio::test]
async fn a_store_is_moved_whole_to_where_there_is_none() {
    let (from, to) = (Directory::new(), Directory::new());
    let store = from.open();
    everything(&store).await;
    let seen = look(&store, bank()).await;
    let move_between = || Store::move_between(from.path(), to.path());
    assert!(matches!(move_between(), Err(StoreError::Locked(_))));
    drop(store);
    drop(to.open());
    let refused = move_between().unwrap_err();
    assert!(refused.to_string().contains("is there already"), "{refused}");
    Store::remove_from(to.path()).unwrap();
    move_between().unwrap();
    assert!(!Store::is_in(from.path()));
    assert_eq!(look(&to.open(), bank()).await, seen);
    assert_eq!(committed(&to.open(), commit(&nth::<()>(9).to_string())).await.seq, 4);
}
