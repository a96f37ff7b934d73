//! What is in the directory, whose it is, and what a run that was cut short leaves.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
};

use store::Store;

use super::{Directory, hashes, history::History, restored};
use crate::{Backup, Fault, Until, append};

async fn commits(store: &Store, history: &mut History, count: u32) {
    for _ in 0..count {
        store.commit(history.next()).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_killed_run_leaves_is_harmless() {
    let (store, backup, mut history) = (Store::in_memory(), Directory::new(), History::new(7));
    commits(&store, &mut history, 10).await;
    append(&store, backup.path()).unwrap();
    commits(&store, &mut history, 10).await;
    append(&store, backup.path()).unwrap();
    // Killed at any byte of the second segment.
    let (second, aside) = (backup.segment(2), backup.segment(2).with_added_extension("new"));
    let whole = fs::read(&second).unwrap();
    for length in (0..=whole.len()).step_by(97) {
        fs::remove_file(&second).unwrap();
        fs::write(&aside, &whole[..length]).unwrap();
        assert_eq!(backup.backup().check().unwrap().segments, 1);
        append(&store, backup.path()).unwrap().expect("the rest");
        assert!(fs::read(&second).unwrap() == whole && !aside.exists(), "{length} bytes");
    }
    // With nothing new it is removed too.
    let aside = backup.segment(3).with_added_extension("new");
    fs::write(&aside, "half").unwrap();
    assert_eq!(append(&store, backup.path()).unwrap(), None);
    assert!(!aside.exists());
    let all = restored(&backup.backup(), Until::End).await;
    assert_eq!(hashes(&all).await, hashes(&store).await);
}

#[tokio::test]
async fn segments_are_never_changed_and_the_owners_alone() {
    let (store, parent, mut history) = (Store::in_memory(), Directory::new(), History::new(8));
    let backup = parent.path().join("to/backup");
    let mut before = Vec::<(std::path::PathBuf, Vec<u8>)>::new();
    for _ in 0..4 {
        commits(&store, &mut history, 5).await;
        let appended = append(&store, &backup).unwrap().expect("new rows");
        for (file, bytes) in &before {
            assert!(fs::read(file).unwrap() == *bytes, "{}", file.display());
        }
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&backup), mode(&appended.file)), (0o700, 0o600));
        before.push((appended.file.clone(), fs::read(&appended.file).unwrap()));
    }
    assert_eq!(Backup::open(&backup).unwrap().check().unwrap().segments, 4);
}

#[tokio::test]
async fn one_writes_at_a_time() {
    let (store, backup) = (Store::in_memory(), Directory::new());
    commits(&store, &mut History::new(9), 5).await;
    let lock = File::create(backup.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let refused = append(&store, backup.path()).unwrap_err();
    assert!(matches!(refused, Fault::Locked(_)), "{refused}");
    drop(lock);
    append(&store, backup.path()).unwrap().expect("new rows");
}

#[tokio::test]
async fn nothing_is_no_backup() {
    let backup = Directory::new();
    assert_eq!(append(&Store::in_memory(), backup.path()).unwrap(), None);
    for directory in [backup.path().to_owned(), backup.path().join("nowhere")] {
        let refused = Backup::open(&directory).unwrap_err();
        assert!(matches!(refused, Fault::Empty(_) | Fault::Io { .. }), "{refused}");
    }
}
