use std::collections::BTreeSet;

use audit::merkle;
use ledger::InstitutionId;
use stdx::{Digest, Prng};

use super::{
    Directory, bank, commit, committed, lane, moving, nth, on_each, open_accounts, transfer,
};
use crate::{LogRow, PAGE_MAX, Sealed, Store, StoreError};

/// The rows of a log and the hashes of their leaves.
async fn leaves(store: &Store, of: InstitutionId) -> (Vec<LogRow>, Vec<Digest>) {
    let (mut rows, mut next) = (Vec::new(), Some(0));
    while let Some(after) = next {
        let page = store.log(of, after, PAGE_MAX).await.unwrap();
        (next, _) = (page.next, rows.extend(page.data));
    }
    let leaf = |row: &LogRow| audit::leaf(row.position, row.lane.cast(), row.seq, row.root);
    let leaves = rows.iter().map(leaf).collect();
    (rows, leaves)
}

/// Commits in a few lanes of two institutions.
async fn grow(store: &Store, count: u64, prng: &mut Prng) {
    for _ in 0..count {
        let mut next = commit(&Digest::from_bytes(prng.bytes()).to_string());
        next.institution = nth(1 + prng.below(2));
        next.lane = lane(1 + prng.below(3));
        committed(store, next).await;
    }
}

#[tokio::test]
async fn the_tree_grows_with_the_log_and_proves_every_row() {
    on_each(async |store| {
        let mut prng = Prng::stream(1, "seals");
        let empty = Sealed { size: 0, root: merkle::empty() };
        assert_eq!(store.seal(bank()).await, Ok(empty));
        let mut heads = vec![empty];
        for count in [1, 2, 40, 500, 3, 0, 120] {
            grow(&store, count, &mut prng).await;
            let (_, leaves) = leaves(&store, bank()).await;
            let sealed = store.seal(bank()).await.unwrap();
            let size = leaves.len() as u64;
            assert_eq!(sealed, Sealed { size, root: merkle::root(&leaves) });
            assert_eq!(store.seal(bank()).await, Ok(sealed));
            heads.push(sealed);
            store.verify(bank()).await.unwrap();
        }
        let newest = *heads.last().unwrap();
        assert!(newest.size > 256, "{newest:?}");
        for head in &heads {
            assert_eq!(store.sealed_root(bank(), head.size).await, Ok(head.root));
            let path = store.consistency(bank(), head.size, newest.size).await.unwrap();
            let (from, to) = ((head.size, head.root), (newest.size, newest.root));
            assert!(merkle::continues(from, to, &path), "{head:?}");
        }
        let (rows, leaves) = leaves(&store, bank()).await;
        for (index, (row, leaf)) in (0..).zip(rows.iter().zip(&leaves)).step_by(7) {
            let found = store.sealed_row(bank(), row.position).await.unwrap();
            let (found, before, at) = found.unwrap();
            assert_eq!((&found, at), (row, index));
            assert_eq!(found.chained(before), found.root);
            let path = store.inclusion(bank(), newest.size, index).await.unwrap();
            assert!(merkle::includes(newest.root, newest.size, index, *leaf, &path));
            assert_eq!(store.position_of_key(bank(), &row.key).await, Ok(Some(row.position)));
        }
        // A row of somebody else, and one that is not sealed yet.
        let other = store.log(nth(2), 0, 1).await.unwrap().data[0].position;
        assert_eq!(store.sealed_row(bank(), other).await, Ok(None));
        let position = committed(&store, commit("late")).await;
        assert_eq!(position.lane, lane(1));
        let late = store.position_of_key(bank(), "late").await.unwrap().unwrap();
        assert_eq!(store.sealed_row(bank(), late).await, Ok(None));
        assert_eq!(store.position_of_key(bank(), "never").await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn a_transfer_leads_to_its_row() {
    on_each(async |store| {
        open_accounts(&store, 2).await;
        committed(&store, moving("pay", (1..=300).map(|it| transfer(it, 1, 2, 5)))).await;
        let row = store.position_of_key(bank(), "pay").await.unwrap();
        for number in [1, 128, 129, 300] {
            assert_eq!(store.position_of_transfer(bank(), nth(number)).await.unwrap(), row);
        }
        assert_eq!(store.position_of_transfer(bank(), nth(301)).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn a_row_that_does_not_follow_is_not_sealed() {
    let directory = Directory::new();
    let store = directory.open();
    grow(&store, 40, &mut Prng::stream(2, "seals")).await;
    let sealed = store.seal(bank()).await.unwrap();
    grow(&store, 40, &mut Prng::stream(3, "seals")).await;
    let sql = directory.sql();
    let newest = "SELECT max(position) FROM log WHERE institution = ?";
    let newest: u64 = sql.query_row(newest, [bank().as_bytes()], |row| row.get(0)).unwrap();
    let change = |text: &str| {
        let changed = sql.execute("UPDATE log SET actor = ? WHERE position = ?", (text, newest));
        assert_eq!(changed.unwrap(), 1);
    };
    change("somebody else");
    assert!(matches!(store.seal(bank()).await, Err(StoreError::Corrupt(_))));
    assert_eq!(store.sealed_root(bank(), sealed.size).await, Ok(sealed.root));
    change("tester");
    assert!(store.seal(bank()).await.unwrap().size > sealed.size);
    store.verify(bank()).await.unwrap();
}

#[tokio::test]
async fn who_seals_late_takes_nothing_back() {
    on_each(async |store| {
        let mut prng = Prng::stream(4, "seals");
        grow(&store, 30, &mut prng).await;
        let late = store.unsealed(bank()).unwrap().batch;
        grow(&store, 600, &mut prng).await;
        let sealed = store.seal(bank()).await.unwrap();
        let turn = store.engine.turn(&BTreeSet::from([bank()])).unwrap();
        turn.commit(&late.unwrap()).unwrap();
        assert_eq!(store.seal(bank()).await, Ok(sealed));
        store.verify(bank()).await.unwrap();
    })
    .await;
}
