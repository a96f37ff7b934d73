//! Disks that are full, read-only, unable to sync, or slow.

use std::thread;

use rusqlite::{Connection, ErrorCode};
use stdx::Prng;

use super::{Directory, TABLES, commit, connect, rounds};
use crate::{Disk, Fault, Keep};

/// A table on a disk that works so far.
fn start() -> (Directory, Disk, Connection) {
    let (directory, disk) = (Directory::new(), Disk::new());
    let connection = connect(&directory.database(), Some(disk)).unwrap();
    connection.execute_batch(TABLES).unwrap();
    (directory, disk, connection)
}

#[test]
fn a_fault_is_named_and_what_was_there_goes_on() {
    let faults = [
        (Fault::Full { after_bytes: 0 }, ErrorCode::DiskFull),
        (Fault::ReadOnly, ErrorCode::SystemIoFailure),
        (Fault::NoSync, ErrorCode::SystemIoFailure),
    ];
    for (fault, named) in faults {
        let (directory, disk, mut writer) = start();
        let mut prng = Prng::stream(1, "faults");
        for round in 0..40 {
            if round % 2 == 1 {
                disk.fail(fault);
                let error = commit(&mut writer, round, &mut prng).unwrap_err();
                assert_eq!(error.sqlite_error_code(), Some(named), "{fault:?}: {error}");
                // What is there can be read, by who comes now too.
                assert_eq!(rounds(&writer), round);
                let other = Connection::open_with_flags_and_vfs(
                    directory.database(),
                    rusqlite::OpenFlags::default(),
                    disk.name(),
                );
                assert_eq!(rounds(&other.unwrap()), round);
                disk.mend();
            }
            commit(&mut writer, round, &mut prng).unwrap();
            let cut = Directory::new();
            disk.cut(disk.position(), Keep::Nothing, &cut.0).unwrap();
            assert_eq!(rounds(&connect(&cut.database(), None).unwrap()), round + 1, "{fault:?}");
        }
    }
}

#[test]
fn a_disk_fills_up_in_the_middle_of_a_write() {
    let (directory, disk, mut writer) = start();
    let mut prng = Prng::stream(2, "fills");
    let (mut round, mut refused) = (0, 0);
    for after_bytes in (0..60).map(|it| it * 700) {
        let before = disk.bytes_written();
        disk.fail(Fault::Full { after_bytes });
        while commit(&mut writer, round, &mut prng).is_ok() {
            round += 1;
        }
        refused += 1;
        assert_eq!(disk.bytes_written(), before + after_bytes);
        assert_eq!(rounds(&writer), round);
        disk.mend();
        commit(&mut writer, round, &mut prng).unwrap();
        round += 1;
    }
    drop(writer);
    assert_eq!(refused, 60);
    assert_eq!(rounds(&connect(&directory.database(), None).unwrap()), round);
}

#[test]
fn a_commit_ends_when_its_sync_does() {
    let (directory, disk, mut writer) = start();
    let held = disk.hold_syncs();
    let before = disk.syncs();
    let writing = thread::spawn(move || {
        commit(&mut writer, 0, &mut Prng::stream(3, "held")).unwrap();
        writer
    });
    held.until_waiting();
    assert!(!writing.is_finished());
    // Nobody else sees it either.
    assert_eq!(disk.syncs(), before);
    let look = || {
        let reader = connect(&directory.database(), Some(disk)).unwrap();
        reader.query_row("SELECT count(*) FROM item", [], |row| row.get::<_, u32>(0)).unwrap()
    };
    assert_eq!(look(), 0);
    drop(held);
    let writer = writing.join().unwrap();
    assert_eq!(disk.syncs(), before + 1);
    assert_eq!(rounds(&writer), 1);
    assert!(look() > 0);
}
