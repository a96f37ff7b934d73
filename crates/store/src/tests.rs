//! One suite on each engine, then what only a file or only a shared database can do, then random
//! histories.

mod ahead;
mod batches;
mod books;
mod commits;
mod differential;
mod disk;
mod files;
mod fresh;
mod isolation;
mod postgres;
mod reading;
mod records;
mod rig;
mod seals;
mod tamper;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use ledger::{
    Account, AccountId, AccountState, Balances, Balancing, Code, InstitutionId, Kind, LaneId,
    Moment, Side, Transfer, TransferId,
};
use money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use stdx::{Date, Digest, Id, Timestamp};

use crate::{AccountChange, Commit, Due, LogRow, Outcome, PAGE_MAX, Receipt, Store, Table};

/// A record to try with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Loan {
    borrower: String,
    state: String,
}

const LOANS: Table<Loan> = Table::new("loan", |loan| {
    vec![("borrower", loan.borrower.clone()), ("state", loan.state.clone())]
});

fn loan(borrower: &str, state: &str) -> Loan {
    Loan { borrower: borrower.to_owned(), state: state.to_owned() }
}

/// Runs a test on each engine.
async fn on_each(test: impl AsyncFn(Store)) {
    test(Store::in_memory()).await;
    let directory = Directory::new();
    test(directory.open()).await;
    test(Store::in_postgres(&database()).unwrap()).await;
}

/// The URL of an empty PostgreSQL database with its tables.
fn database() -> String {
    let url = testdb::database().unwrap();
    assert_eq!(Store::migrate_postgres(&url, false), Ok(vec!["expand 1".to_owned()]));
    url
}

/// A directory of its own, gone when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("suanpan-store-{}-{count}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> Store {
        Store::in_directory(&self.0).unwrap()
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// A connection beside the store's own, to look and to tamper.
    fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.0.join("suanpan.db")).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// An id that sorts as the number does.
fn nth<T>(number: u64) -> Id<T> {
    Id::from_bytes(u128::from(number).to_be_bytes())
}

fn bank() -> InstitutionId {
    nth(1)
}

fn lane(number: u64) -> LaneId {
    nth(number)
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn at(text: &str) -> Moment {
    let now: Timestamp = text.parse().unwrap();
    Moment { now, today: day(&text[..10]) }
}

fn noon() -> Moment {
    at("2026-03-02T12:00:00.123456789Z")
}

/// A commit in lane 1 with a key and a digest that follows from it.
fn commit(key: &str) -> Commit {
    let mut commit = Commit::new(bank(), lane(1), "try", noon());
    commit.key = key.to_owned();
    commit.digest = Digest::of(&[key.as_bytes()]);
    commit.actor = "tester".to_owned();
    commit.answer(&key);
    commit
}

fn amount(minor: i64) -> Amount {
    Amount::from_minor(minor)
}

fn account(number: u64, lane_number: u64) -> Account {
    Account {
        id: nth(number),
        lane: lane(lane_number),
        slot: 0,
        code: Code::literal("2001"),
        currency: Currency::CNY,
        side: Side::Credit,
        state: AccountState::Open,
        balances: Balances::default(),
        limits: None,
        last: None,
        newest: ledger::ValueDay::default(),
    }
}

fn transfer(number: u64, debit: u64, credit: u64, minor: i64) -> Transfer {
    Transfer {
        id: nth(number),
        kind: Kind::Plain,
        debit: nth(debit),
        credit: nth(credit),
        amount: amount(minor),
        balancing: Balancing::None,
        linked: false,
        value_date: noon().today,
        reason: Code::literal("try"),
    }
}

fn hold(number: u64, debit: u64, credit: u64, minor: i64) -> Transfer {
    Transfer { kind: Kind::Hold { expires: None }, ..transfer(number, debit, credit, minor) }
}

/// A transfer about all of an earlier one.
fn about(number: u64, kind: fn(TransferId) -> Kind, earlier: u64) -> Transfer {
    Transfer::about(nth(number), kind(nth(earlier)), noon().today, Code::literal("try"))
}

/// A commit of these transfers.
fn moving(key: &str, transfers: impl IntoIterator<Item = Transfer>) -> Commit {
    let mut commit = commit(key);
    commit.transfers.extend(transfers);
    commit
}

/// Opens accounts `1..=count` in lane 1, that may go below zero.
async fn open_accounts(store: &Store, count: u64) {
    let mut opening = commit("open");
    opening.accounts.extend((1..=count).map(|number| AccountChange::Open(account(number, 1))));
    committed(store, opening).await;
}

async fn committed(store: &Store, commit: Commit) -> Receipt {
    match store.commit(commit).await.unwrap() {
        Outcome::Committed(receipt) => receipt,
        other => panic!("not committed: {other:?}"),
    }
}

async fn replayed(store: &Store, commit: Commit) -> Receipt {
    match store.commit(commit).await.unwrap() {
        Outcome::Replayed(receipt) => receipt,
        other => panic!("not replayed: {other:?}"),
    }
}

/// Credits less debits posted.
async fn balance(store: &Store, number: u64) -> i64 {
    let id: AccountId = nth(number);
    let found = store.account(bank(), id).await.unwrap().unwrap();
    found.balances.posted(Side::Credit).minor()
}

/// Everything that the log and the queries say is consistent.
async fn verify(store: &Store) {
    store.check_log(bank()).await.unwrap();
    let verified = store.verify(bank()).await.unwrap();
    assert_eq!(verified.state_hash, store.state_hash(bank()).await.unwrap());
}

/// All that can be seen of an institution, as text.
async fn look(store: &Store, of: InstitutionId) -> String {
    let mut seen = format!("{:#?}\n", store.state_hash(of).await.unwrap());
    let accounts = store.accounts(of, None, PAGE_MAX).await.unwrap();
    for it in &accounts.data {
        let history = store.history(of, it.id, None, PAGE_MAX).await.unwrap();
        let moved = store.moved_through(of, it.id, noon().today).await.unwrap();
        seen.push_str(&format!("{it:#?}\n{history:#?}\n{moved:?}\n"));
    }
    let loans = store.list(&LOANS, of, None, PAGE_MAX).await.unwrap();
    let ann = store.find(&LOANS, of, ("borrower", "ann"), None, PAGE_MAX).await.unwrap();
    let book = store.book(of, None).await.unwrap();
    let book_before = store.book(of, Some(noon().today)).await.unwrap();
    let log = by_lane(store.log(of, 0, PAGE_MAX).await.unwrap().data);
    seen.push_str(&format!("{loans:#?}\n{ann:#?}\n{book:#?}\n{book_before:#?}\n{log:?}\n"));
    for through in [Due::Day(Date::MAX), Due::Moment(Timestamp::MAX)] {
        let timers = store.timers(of, through, None, PAGE_MAX).await.unwrap();
        seen.push_str(&format!("{timers:#?}\n"));
    }
    seen.push_str(&format!("{:#?}\n", store.verify(of).await.unwrap()));
    seen
}

/// Rows as they follow in their lanes, without what depends on who wrote other lanes meanwhile.
fn by_lane(mut rows: Vec<LogRow>) -> Vec<LogRow> {
    rows.sort_by_key(|row| (row.lane, row.seq));
    for row in &mut rows {
        (row.position, row.previous) = (row.seq, row.seq - 1);
        row.told_at = row.told_at.min(1);
    }
    rows
}
