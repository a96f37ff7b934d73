//! Durable transfers per second in batches of 8,000, against the ledger alone in memory.
//!
//! `cargo run --release -p store --example throughput`

#![allow(clippy::print_stdout, clippy::float_arithmetic, reason = "an example prints a rate")]

use std::time::Instant;

use ledger::{
    Account, AccountId, AccountState, Balances, Balancing, Code, Kind, LaneId, Ledger, Moment,
    Side, Transfer, TransferId,
};
use money::{Amount, Currency};
use stdx::{Date, Id, Prng, Timestamp};
use store::{AccountChange, COMMIT_TRANSFERS_MAX, Commit, Outcome, Store, StoreError};

const ACCOUNTS: usize = 10_000;
const BATCHES: u32 = 100;

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let mut prng = Prng::stream(1, "throughput");
    let accounts: Vec<AccountId> =
        (0..ACCOUNTS).map(|_| Id::new(Timestamp::UNIX_EPOCH, &mut prng)).collect();
    let batches: Vec<_> =
        (0..BATCHES).map(|batch| transfers(batch, &accounts, &mut prng)).collect();
    let at =
        Moment { now: Timestamp::UNIX_EPOCH, today: Date::new(1970, 1, 1).unwrap_or_default() };

    let mut ledger = Ledger::default();
    accounts.iter().for_each(|id| ledger.open(account(*id)).unwrap_or_default());
    let memory = rate(async {
        for batch in &batches {
            drop(ledger.apply(batch, at));
            ledger.settle();
        }
        Ok(())
    });
    println!("{:<16} {:>10.0} transfers/s", "ledger alone", memory.await?);

    let directory = std::env::temp_dir().join(format!("suanpan-throughput-{}", std::process::id()));
    let stores = [("mem", Store::in_memory()), ("sqlite", Store::in_directory(&directory)?)];
    for (engine, store) in stores {
        for (number, ids) in (0..).zip(accounts.chunks(COMMIT_TRANSFERS_MAX)) {
            let mut open = commit(&format!("open {number}"), at);
            open.accounts = ids.iter().map(|id| AccountChange::Open(account(*id))).collect();
            run(&store, open).await?;
        }
        let durable = rate(async {
            for (number, batch) in (0..).zip(&batches) {
                let transfers = batch.clone();
                run(&store, Commit { transfers, ..commit(&format!("batch {number}"), at) }).await?;
            }
            Ok(())
        });
        println!("{engine:<16} {:>10.0} transfers/s", durable.await?);
    }
    std::fs::remove_dir_all(&directory).map_err(|it| StoreError::Unavailable(it.to_string()))
}

async fn run(store: &Store, commit: Commit) -> Result<(), StoreError> {
    match store.commit(commit).await? {
        Outcome::Committed(_) => Ok(()),
        other => Err(StoreError::Unavailable(format!("not committed: {other:?}"))),
    }
}

/// Transfers per second of work that does all batches.
async fn rate(work: impl Future<Output = Result<(), StoreError>>) -> Result<f64, StoreError> {
    let start = Instant::now();
    work.await?;
    let batch = u32::try_from(COMMIT_TRANSFERS_MAX).unwrap_or(u32::MAX);
    Ok(f64::from(batch) * f64::from(BATCHES) / start.elapsed().as_secs_f64())
}

fn commit(key: &str, at: Moment) -> Commit {
    let mut commit = Commit::new(Id::NIL, LaneId::NIL, "throughput", at);
    key.clone_into(&mut commit.key);
    commit
}

fn account(id: AccountId) -> Account {
    Account {
        id,
        lane: LaneId::NIL,
        code: Code::literal("2001"),
        currency: Currency::CNY,
        side: Side::Credit,
        state: AccountState::Open,
        balances: Balances::default(),
        limits: None,
        last: None,
    }
}

/// Each batch a second after the one before, its ids in order of time.
fn transfers(batch: u32, accounts: &[AccountId], prng: &mut Prng) -> Vec<Transfer> {
    let transfer = |prng: &mut Prng| {
        let now = Timestamp::from_second(batch.into()).unwrap_or_default();
        let (debit, credit) = (*prng.pick(accounts), *prng.pick(&accounts[1..]));
        let credit = if debit == credit { accounts[0] } else { credit };
        Transfer {
            id: TransferId::new(now, prng),
            kind: Kind::Plain,
            debit,
            credit,
            amount: Amount::from_minor(100),
            balancing: Balancing::None,
            linked: false,
            value_date: Date::new(1970, 1, 1).unwrap_or_default(),
            reason: Code::literal("throughput"),
        }
    };
    (0..COMMIT_TRANSFERS_MAX).map(|_| transfer(prng)).collect()
}
