//! Every byte of a backup matters, and where one is wrong is said.

use std::{fs, path::Path};

use store::{Outcome, Store};

use super::{Directory, history::History};
use crate::{Damage, Fault, Until, append};

/// Three segments of two commits each, and where their frames begin.
async fn small() -> (Directory, Vec<Vec<u64>>) {
    let (store, backup) = (Store::in_memory(), Directory::new());
    let mut history = History::with_accounts(2, 5);
    for _ in 0..3 {
        for _ in 0..2 {
            let outcome = store.commit(history.next()).await.unwrap();
            assert!(matches!(outcome, Outcome::Committed(_)));
        }
        append(&store, backup.path()).unwrap().expect("new rows");
    }
    let frames = (1..=3).map(|it| frames(&fs::read(backup.segment(it)).unwrap())).collect();
    (backup, frames)
}

/// Where the frames of a segment begin, by its lengths alone.
fn frames(bytes: &[u8]) -> Vec<u64> {
    let mut frames = vec![0];
    let mut at = 88;
    while at < bytes.len() {
        frames.push(at as u64);
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        at += 4 + if length == 0 { 16 } else { length as usize } + 32;
    }
    assert_eq!(at, bytes.len());
    frames
}

/// What the check says, which must be a damaged file.
fn damage(backup: &Directory) -> (String, u64, u64, Damage) {
    match backup.backup().check().unwrap_err() {
        Fault::Damaged { file, frame, offset, damage, .. } => {
            (file.file_name().unwrap().to_str().unwrap().to_owned(), frame, offset, damage)
        }
        fault => panic!("{fault}"),
    }
}

fn name(number: usize) -> String {
    format!("{number:08}.segment")
}

#[tokio::test]
async fn every_flipped_byte_is_refused_with_its_place() {
    let (backup, frames) = small().await;
    let mut flipped = 0;
    for (number, frames) in (1..).zip(&frames) {
        let path = backup.segment(number as u64);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            // Another bit each time, so that lengths grow, shrink and vanish.
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            let frame = frames.partition_point(|begin| *begin <= at as u64) - 1;
            let (file, found, offset, _) = damage(&backup);
            assert_eq!((file, found, offset), (name(number), frame as u64, frames[frame]), "{at}");
            flipped += 1;
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(flipped > 3_000, "{flipped} bytes");
    backup.backup().check().unwrap();
}

#[tokio::test]
async fn a_damaged_backup_restores_nothing_but_what_comes_before() {
    let (backup, frames) = small().await;
    let path = backup.segment(2);
    let mut bytes = fs::read(&path).unwrap();
    let begin = frames[1][2];
    bytes[usize::try_from(begin).unwrap() + 9] ^= 0x40;
    fs::write(&path, bytes).unwrap();
    let fault = backup.backup().restore(&Store::in_memory(), Until::End).await.unwrap_err();
    let Fault::Damaged { after, restorable, frame, offset, .. } = &fault else { panic!("{fault}") };
    assert_eq!((*frame, *offset), (2, begin));
    let expected = format!(
        "{}, frame 2 at byte {begin}, after the row at position {after}: \
        the bytes are not those that were written",
        path.display()
    );
    assert_eq!(fault.to_string(), expected);
    let store = Store::in_memory();
    let restored = backup.backup().restore(&store, Until::Position(*restorable)).await.unwrap();
    assert!(restored.position <= *restorable && restored.rows > 0, "{restored:?}");
    // Nor is it built upon when it is the newest.
    fs::remove_file(backup.segment(3)).unwrap();
    let refused = append(&store, backup.path()).unwrap_err();
    assert!(matches!(refused, Fault::Damaged { frame: 2, .. }), "{refused}");
}

#[tokio::test]
async fn every_truncation_is_refused_and_so_is_what_is_added() {
    let (backup, frames) = small().await;
    let path = backup.segment(2);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (file, frame, ..) = damage(&backup);
        let expected = frames[1].partition_point(|begin| *begin <= length as u64) as u64 - 1;
        assert_eq!((file, frame), (name(2), expected), "{length} bytes");
    }
    fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    let end = (name(2), frames[1].len() as u64, whole.len() as u64, Damage::Longer);
    assert_eq!(damage(&backup), end);
}

#[tokio::test]
async fn segments_that_are_lost_swapped_or_doubled_are_refused() {
    let (backup, _) = small().await;
    let [first, second, third] = [1, 2, 3].map(|it| backup.segment(it));
    let copy = |from: &Path, to: &Path| assert!(fs::copy(from, to).unwrap() > 0);
    let aside = backup.path().join("aside");
    let cases: [(&str, &dyn Fn()); 5] = [
        ("is missing", &|| fs::remove_file(&first).unwrap()),
        ("is missing", &|| fs::remove_file(&second).unwrap()),
        ("another segment than its name says", &|| copy(&third, &backup.segment(4))),
        ("another segment than its name says", &|| {
            copy(&first, &aside);
            copy(&second, &first);
            copy(&aside, &second);
        }),
        ("has no segment's name", &|| copy(&third, &backup.path().join("00000003 copy.segment"))),
    ];
    for (expected, spoil) in cases {
        let whole = [&first, &second, &third].map(|it| fs::read(it).unwrap());
        spoil();
        let checked = crate::Backup::open(backup.path()).and_then(|it| it.check());
        let said = checked.unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
        for entry in fs::read_dir(backup.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (file, bytes) in [&first, &second, &third].into_iter().zip(whole) {
            fs::write(file, bytes).unwrap();
        }
    }
    // Of another backup with the same number.
    let (other, _) = other().await;
    copy(&other.segment(2), &second);
    assert_eq!(damage(&backup), (name(2), 0, 0, Damage::NotContinued));
}

async fn other() -> (Directory, Store) {
    let (store, backup) = (Store::in_memory(), Directory::new());
    let mut history = History::with_accounts(2, 6);
    for _ in 0..3 {
        store.commit(history.next()).await.unwrap();
        append(&store, backup.path()).unwrap().expect("new rows");
    }
    (backup, store)
}

#[tokio::test]
async fn a_log_that_is_not_that_of_the_backup_is_not_added() {
    let (backup, _) = small().await;
    let (_, store) = other().await;
    let count = fs::read_dir(backup.path()).unwrap().count();
    for store in [store, Store::in_memory()] {
        let refused = append(&store, backup.path()).unwrap_err();
        assert!(matches!(refused, Fault::OtherLog { .. }), "{refused}");
    }
    assert_eq!(fs::read_dir(backup.path()).unwrap().count(), count);
    backup.backup().check().unwrap();
}
