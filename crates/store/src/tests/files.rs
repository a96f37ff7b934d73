//! What only a file can do: come back, be locked, be of another version, be broken.

use rusqlite::params;

use super::{
    AccountChange, Directory, LOANS, Loan, Store, Transfer, about, account, balance, bank, commit,
    committed, day, hold, loan, look, moving, nth, open_accounts, transfer, verify,
};
use crate::{Due, StoreError};

#[tokio::test]
async fn a_restart_changes_nothing() {
    let directory = Directory::new();
    let before = directory.open();
    everything(&before).await;
    let seen = look(&before, bank()).await;
    drop(before);
    let after = directory.open();
    assert_eq!(look(&after, bank()).await, seen);
    // And it goes on where it was.
    assert_eq!(committed(&after, commit("more")).await.seq, 4);
    verify(&after).await;
}

#[tokio::test]
async fn the_state_hash_depends_on_content_alone() {
    let directory = Directory::new();
    let (mem, sqlite) = (Store::in_memory(), directory.open());
    // Positions differ, as another institution writes in between.
    committed(&mem, crate::Commit { institution: nth(2), ..commit("elsewhere") }).await;
    everything(&mem).await;
    everything(&sqlite).await;
    assert_eq!(mem.state_hash(bank()).await, sqlite.state_hash(bank()).await);
    let expected =
        expect_test::expect!["d7347e1f723ff61f9bf605ca9357e868ef71886155b826a4d755f4183a472475"];
    expected.assert_eq(&sqlite.state_hash(bank()).await.unwrap().to_string());
}

/// A bit of everything, in lanes 1 and 2.
pub(super) async fn everything(store: &Store) {
    let mut opening = commit("open");
    opening.accounts.extend([1, 2].map(|it| AccountChange::Open(account(it, it))));
    committed(store, opening).await;
    let mut first = moving("first", [transfer(1, 1, 2, 5), hold(2, 1, 2, 7), hold(3, 1, 2, 9)]);
    first.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "new"));
    first.put(&LOANS, nth::<Loan>(2), 0, &loan("bob", "new"));
    first.tell("loan-made", nth::<Loan>(1), &"fact");
    first.set_timer(Due::Day(day("2026-04-01")), "collect", nth::<Loan>(1));
    committed(store, first).await;
    let mut second = moving("second", [about(4, ledger::Kind::Post, 2)]);
    second.put(&LOANS, nth::<Loan>(1), 1, &loan("ann", "paid"));
    second.close_period = Some(day("2026-02-28"));
    committed(store, second).await;
}

#[tokio::test]
async fn only_one_has_it_open() {
    let directory = Directory::new();
    let store = directory.open();
    let other = Store::in_directory(directory.path());
    assert!(matches!(other.err(), Some(StoreError::Locked(_))));
    let clone = store.clone();
    drop(store);
    assert!(matches!(Store::in_directory(directory.path()).err(), Some(StoreError::Locked(_))));
    drop(clone);
    drop(directory.open());
}

#[tokio::test]
async fn a_store_is_removed_unless_a_process_has_it() {
    let directory = Directory::new();
    let store = directory.open();
    everything(&store).await;
    let removed = Store::remove_from(directory.path());
    assert!(matches!(removed, Err(StoreError::Locked(_))), "{removed:?}");
    assert!(store.state_hash(bank()).await.is_ok() && Store::is_in(directory.path()));
    drop(store);
    std::fs::write(directory.path().join("notes"), "not ours").unwrap();
    Store::remove_from(directory.path()).unwrap();
    Store::remove_from(directory.path()).unwrap();
    let entries = std::fs::read_dir(directory.path()).unwrap();
    let mut left: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["lock", "notes"]);
    assert!(!Store::is_in(directory.path()));
}

#[tokio::test]
async fn what_is_in_it_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let store = directory.open();
    everything(&store).await;
    for name in ["suanpan.db", "suanpan.db-wal", "suanpan.db-shm"] {
        let mode = directory.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_cannot_be_made_is_unavailable() {
    let directory = Directory::new();
    std::fs::write(directory.path(), "a file").unwrap();
    let error = Store::in_directory(directory.path()).err();
    assert!(matches!(error, Some(StoreError::Unavailable(_))), "{error:?}");
    std::fs::remove_file(directory.path()).unwrap();
    drop(directory.open());
}

#[test]
fn a_file_that_is_newer_or_not_ours_is_refused() {
    for sql in [
        "PRAGMA user_version = 2",
        "PRAGMA user_version = -1",
        "PRAGMA application_id = 7",
        "PRAGMA application_id = 0",
        "PRAGMA user_version = 0; PRAGMA application_id = 0",
    ] {
        let directory = Directory::new();
        drop(directory.open());
        directory.sql().execute_batch(sql).unwrap();
        let error = Store::in_directory(directory.path()).err();
        assert!(matches!(error, Some(StoreError::Corrupt(_))), "{sql}: {error:?}");
    }
    let directory = Directory::new();
    std::fs::create_dir(directory.path()).unwrap();
    std::fs::write(directory.path().join("suanpan.db"), "a letter, not a database".repeat(99))
        .unwrap();
    let error = Store::in_directory(directory.path()).err();
    assert!(matches!(error, Some(StoreError::Corrupt(_))), "{error:?}");
}

#[tokio::test]
async fn a_flipped_byte_of_the_log_is_found() {
    let directory = Directory::new();
    let store = directory.open();
    open_accounts(&store, 2).await;
    let mut told = moving("pay", [transfer(1, 1, 2, 5)]);
    told.tell("loan-made", nth::<Loan>(1), &"a fact that stays as it is");
    committed(&store, told).await;
    committed(&store, commit("last")).await;
    drop(store);

    let path = directory.path().join("suanpan.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let fact = b"stays as it is";
    let at = bytes.windows(fact.len()).position(|window| window == fact).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let store = directory.open();
    let named = "the store is corrupt: log row 2 of lane 00000000-0000-0000-0000-000000000001: \
        does not follow from the row before it";
    for error in
        [store.check_log(bank()).await.unwrap_err(), store.verify(bank()).await.unwrap_err()]
    {
        assert_eq!(error.to_string(), named);
    }
    drop(store);
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    verify(&directory.open()).await;
}

#[tokio::test]
async fn every_column_of_the_log_is_proven() {
    let directory = Directory::new();
    everything(&directory.open()).await;
    for (column, value) in [
        ("position", "position + 100"),
        ("institution", "lane || x'00'"),
        ("lane", "x'00000000000000000000000000000009'"),
        ("seq", "seq + 1"),
        ("previous", "previous + 1"),
        ("at", "at + 1"),
        ("actor", "'another'"),
        ("command", "'another'"),
        ("key", "'another'"),
        ("digest", "zeroblob(32)"),
        ("body", "x'7b7d'"),
        ("transfers", "zeroblob(160)"),
        ("root", "zeroblob(32)"),
    ] {
        let sql = format!("UPDATE log SET {column} = {value} WHERE position = ?");
        for position in 1..=6 {
            tampered(&directory, &sql, position, |store| async move {
                store.check_log(bank()).await.map(|_| ())
            })
            .await;
        }
    }
    tampered(&directory, "DELETE FROM log WHERE position = ?", 6, |store| async move {
        store.check_log(bank()).await.map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn every_table_is_verified() {
    let directory = Directory::new();
    let store = directory.open();
    everything(&store).await;
    committed(&store, moving("many", (100..300).map(|id| transfer(id, 1, 2, 1)))).await;
    let backdated = Transfer { value_date: day("2026-03-01"), ..transfer(300, 1, 2, 1) };
    committed(&store, moving("backdated", [backdated])).await;
    drop(store);
    for (sql, what) in [
        ("UPDATE log SET told_at = told_at + 1 WHERE told_at > 0", "the row that tells of row"),
        ("UPDATE log SET told_at = 0", "what tells of row"),
        ("UPDATE log SET told_at = 1", "what tells of row"),
        ("UPDATE lane SET root = zeroblob(32)", "the head of lane"),
        ("DELETE FROM lane", "the head of lane"),
        ("UPDATE answer SET position = position + 1", "the answer to key"),
        ("UPDATE answer SET digest = zeroblob(32)", "the answer to key"),
        ("DELETE FROM answer", "the answer to key"),
        ("UPDATE record SET body = '{}'", "loan"),
        ("UPDATE record SET version = 9", "loan"),
        ("UPDATE record SET lane = id", "loan"),
        ("DELETE FROM record", "a link of"),
        ("DELETE FROM link", "a link of"),
        ("UPDATE link SET id = x'00000000000000000000000000000002'", "a link of"),
        ("UPDATE account SET lane = x'00000000000000000000000000000007'", "the place of account"),
        ("UPDATE account SET slot = slot + 1", "the place of account"),
        ("DELETE FROM account", "the place of account"),
        ("UPDATE page SET as_of = as_of - 1", "page 0 of lane"),
        ("UPDATE page SET as_of = as_of + 1", "page 0 of lane"),
        ("UPDATE page SET number = 1", "account"),
        (
            "UPDATE page SET lane = zeroblob(16) WHERE lane = (SELECT min(lane) FROM page)",
            "account",
        ),
        ("UPDATE page SET accounts = substr(accounts, 1, 20)", "page 0 of lane"),
        ("DELETE FROM page", "account"),
        ("UPDATE lane SET accounts = accounts + 1", "the number of accounts of lane"),
        ("UPDATE chunk SET transfers = zeroblob(160)", "log row"),
        ("DELETE FROM chunk", "log row"),
        ("UPDATE run SET position = position + 1", "no transfer"),
        ("UPDATE run SET second = second + 1", "transfer"),
        ("UPDATE run SET first = last", "transfer"),
        ("UPDATE run SET entries = substr(entries, 21)", "transfer"),
        ("DELETE FROM run", "transfer"),
        ("UPDATE transfer SET item = 1 - item WHERE position = 3 AND item < 2", "transfer"),
        ("UPDATE transfer SET position = 6", "no transfer"),
        ("DELETE FROM transfer", "transfer"),
        ("UPDATE resolution SET kind = 1", "what became of transfer"),
        (
            "UPDATE resolution SET id = x'00000000000000000000000000000003'",
            "what became of transfer",
        ),
        ("DELETE FROM resolution", "what became of transfer"),
        ("UPDATE day SET debits = debits + 1", "a day's balance of account"),
        ("UPDATE day SET day = 20260303", "a day's balance of account"),
        ("DELETE FROM day", "a day's balance of account"),
        ("UPDATE timer SET kind = 'remind'", "a timer of"),
        ("DELETE FROM timer", "a timer of"),
        ("UPDATE period SET closed_through = 20260227", "the closed period of"),
        ("DELETE FROM period", "the closed period of"),
    ] {
        let error = tampered(&directory, &format!("{sql} -- ?"), 0, |store| async move {
            store.verify(bank()).await.map(|_| ())
        })
        .await;
        assert!(error.starts_with(&format!("the store is corrupt: {what} ")), "{sql}: {error}");
    }
}

/// Breaks a copy, opens it, and says what `check` says.
async fn tampered<F: Future<Output = Result<(), StoreError>>>(
    directory: &Directory,
    sql: &str,
    position: u64,
    check: impl FnOnce(Store) -> F,
) -> String {
    let copy = Directory::new();
    std::fs::create_dir(copy.path()).unwrap();
    std::fs::copy(directory.path().join("suanpan.db"), copy.path().join("suanpan.db")).unwrap();
    let changed = match sql.ends_with("-- ?") {
        true => copy.sql().execute(sql, []),
        false => copy.sql().execute(sql, params![position]),
    };
    // Some change would break a table's own rules, which is as good.
    let Ok(changed) = changed else { return "refused by the table".to_owned() };
    assert!(changed > 0, "{sql} changes nothing");
    let error = check(copy.open()).await.expect_err(sql);
    assert!(matches!(error, StoreError::Corrupt(_)), "{sql}: {error}");
    error.to_string()
}

#[tokio::test]
async fn a_write_that_fails_halfway_is_not_half_there() {
    let directory = Directory::new();
    let store = directory.open();
    open_accounts(&store, 2).await;
    let seen = look(&store, bank()).await;
    let broken = directory.sql();
    // Timers are written last, after everything else.
    let trigger = "CREATE TRIGGER broken BEFORE INSERT ON timer BEGIN
        SELECT RAISE(ABORT, 'the disk is full'); END";
    broken.execute_batch(trigger).unwrap();
    let all = || {
        let mut all = moving("all", [transfer(1, 1, 2, 5), hold(2, 1, 2, 7)]);
        all.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "new"));
        all.set_timer(Due::Day(day("2026-04-01")), "collect", nth::<Loan>(1));
        all.close_period = Some(day("2026-02-28"));
        all
    };
    for _ in 0..2 {
        let error = store.commit(all()).await.unwrap_err();
        assert_eq!(error, StoreError::Unavailable("the disk is full".to_owned()));
        assert_eq!(look(&store, bank()).await, seen);
    }
    let untimed = moving("untimed", [transfer(3, 1, 2, 11)]);
    assert_eq!(committed(&store, untimed).await.seq, 2);
    broken.execute_batch("DROP TRIGGER broken").unwrap();
    assert_eq!(committed(&store, all()).await.seq, 3);
    assert_eq!(balance(&store, 2).await, 16);
    verify(&store).await;
}
