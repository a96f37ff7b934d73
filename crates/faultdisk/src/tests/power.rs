//! Power cuts: at every step of random histories, and what the tape says is left.

use std::path::PathBuf;

use stdx::Prng;

use super::{Directory, TABLES, commit, connect, rounds};
use crate::{
    Disk, Keep,
    tape::{Step, left},
};

/// A history, and how many rounds were acknowledged at each position of the tape.
fn history(seed: u64, synchronous: &str) -> (Disk, Vec<(usize, u32)>) {
    let (directory, disk) = (Directory::new(), Disk::new());
    let mut prng = Prng::stream(seed, "history");
    let mut acknowledged = Vec::new();
    let mut round = 0;
    // Closed and opened again, with a reader beside: the log is deleted, made and begun anew.
    for _ in 0..3 {
        let mut writer = connect(&directory.database(), Some(disk)).unwrap();
        writer.pragma_update(None, "synchronous", synchronous).unwrap();
        writer.execute_batch(TABLES).unwrap();
        let reader = connect(&directory.database(), Some(disk)).unwrap();
        for _ in 0..6 {
            commit(&mut writer, round, &mut prng).unwrap();
            round += 1;
            acknowledged.push((disk.position(), round));
            assert_eq!(rounds(&reader), round);
        }
    }
    (disk, acknowledged)
}

/// How many rounds must be there when the power is cut at a position.
fn due(acknowledged: &[(usize, u32)], position: usize) -> u32 {
    let before = acknowledged.iter().take_while(|(at, _)| *at <= position);
    before.last().map_or(0, |(_, round)| *round)
}

/// Cuts the power, opens what is left and counts the rounds.
fn after_cut(disk: Disk, position: usize, keep: Keep) -> u32 {
    let directory = Directory::new();
    disk.cut(position, keep, &directory.0).unwrap();
    rounds(&connect(&directory.database(), None).unwrap())
}

#[test]
fn no_power_cut_loses_what_was_acknowledged() {
    for seed in 0..2 {
        let (disk, acknowledged) = history(seed, "full");
        for position in 0..=disk.position() {
            let chance = Keep::Some { seed: u64::try_from(position).unwrap() };
            for keep in [Keep::Nothing, Keep::All, chance] {
                let (found, due) = (after_cut(disk, position, keep), due(&acknowledged, position));
                // One more was on its way, and may have arrived.
                let whole = found == due || found == due + 1;
                assert!(whole, "seed {seed}, {position}, {keep:?}: {found} of {due}");
            }
        }
    }
}

#[test]
fn what_is_not_synced_is_lost() {
    let (disk, acknowledged) = history(7, "off");
    let (end, last) = *acknowledged.last().unwrap();
    assert_eq!(after_cut(disk, end, Keep::Nothing), 0);
    // A killed process loses nothing all the same.
    assert_eq!(after_cut(disk, end, Keep::All), last);
}

#[test]
fn the_tape_says_what_is_left() {
    let path = || PathBuf::from("a");
    let write = |at, byte, length| Step::Wrote { inode: 0, at, bytes: vec![byte; length] };
    let found = || Step::Found { path: path(), bytes: vec![1; 1_024] };
    let after = |tape: Vec<Step>, keep| left(&tape, keep).remove(&path());

    // What was synced stays, what was written after is not there.
    let tape = || vec![found(), write(0, 2, 10), Step::Synced { inode: 0 }, write(5, 3, 10)];
    let mut synced = vec![1; 1_024];
    synced[..10].fill(2);
    assert_eq!(after(tape(), Keep::Nothing).unwrap(), synced);
    synced[5..15].fill(3);
    assert_eq!(after(tape(), Keep::All).unwrap(), synced);

    // A write is torn where sectors end, nowhere else.
    let torn: Vec<_> = (0..200)
        .map(|seed| after(vec![found(), write(500, 9, 600)], Keep::Some { seed }).unwrap())
        .collect();
    let sectors = |it: &Vec<u8>| [it[511], it[512], it[1_023], it.get(1_024).copied().unwrap_or(0)];
    for bytes in &torn {
        assert!(bytes[500..512].iter().all(|it| *it == bytes[500]));
        assert!(bytes[512..1_024].iter().all(|it| *it == bytes[512]));
        assert!(bytes.len() == 1_024 || bytes.len() == 1_100);
    }
    let kinds: std::collections::BTreeSet<_> = torn.iter().map(sectors).collect();
    assert_eq!(kinds.len(), 8, "each sector alone: {kinds:?}");

    // A hole is zeros.
    let hole = after(vec![found(), write(1_536, 9, 1), Step::Synced { inode: 0 }], Keep::Nothing);
    assert_eq!(hole.unwrap()[1_024..], [[0; 512].as_slice(), &[9]].concat());

    // A failed sync is for ever: a later one does not bring back what it lost.
    let (failed, synced) = (Step::SyncFailed { inode: 0 }, Step::Synced { inode: 0 });
    let lost = after(vec![found(), write(0, 9, 1), failed, synced], Keep::Nothing);
    assert_eq!(lost.unwrap()[0], 1);

    // A name is durable with its directory.
    let made = || Step::Made { path: path() };
    let synced = || Step::Synced { inode: 0 };
    assert_eq!(after(vec![made(), synced()], Keep::Nothing), None);
    let named = after(vec![made(), synced(), Step::NamesSynced], Keep::Nothing);
    assert_eq!(named, Some(vec![]));
    let deleted = || Step::Deleted { path: path() };
    assert_eq!(after(vec![found(), deleted()], Keep::Nothing), Some(vec![1; 1_024]));
    assert_eq!(after(vec![found(), deleted()], Keep::All), None);
    assert_eq!(after(vec![found(), deleted(), Step::NamesSynced], Keep::Nothing), None);
}
