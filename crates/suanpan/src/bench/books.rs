//! Transfers through the commit API, as `bank` books those of the plain ledger.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use ledger::{AccountId, InstitutionId, LaneId, Moment, Resolution, Transfer, TransferId};
use money::Amount;
use serde_json::{Value, json};
use stdx::{Digest, Id, Timestamp};
use store::{
    AccountChange, Booked, COMMIT_ACCOUNTS_MAX, COMMIT_TRANSFERS_MAX, Commit, Due, Mode, Outcome,
    Store,
};
use tokio::task::JoinSet;

use super::{
    Place, Scratch,
    figures::{Latencies, join, ms, per_second, ratio},
    limit::Limit,
    machine::{Machine, resident_bytes},
    progress,
    traffic::{AMOUNT, Shape, Traffic, account},
};
use crate::{institution::today, system};

/// One in so many batches is looked up as soon as it is acknowledged.
const LOOKED_UP_EVERY: usize = 50;
/// How many lines of an account's history are asked for at once.
const HISTORY_PAGE: usize = 100;
/// The first and the last so many transfers are compared, or a quarter of all when these are few.
const DECAY_WINDOW: usize = 1_000_000;

/// Batches of transfers between many accounts.
#[derive(Args)]
pub(crate) struct Ledger {
    #[command(flatten)]
    books: Books,
}

/// Holds, then posts of them; four of five go to a few merchants.
#[derive(Args)]
pub(crate) struct Mixed {
    #[command(flatten)]
    books: Books,
    /// How many of the accounts are merchants.
    #[arg(long, default_value_t = 100)]
    merchants: usize,
    /// Lets holds end by themselves, which is a timer for each.
    #[arg(long)]
    expiring: bool,
}

#[derive(Args)]
struct Books {
    #[command(flatten)]
    place: Place,
    /// How many accounts there are.
    #[arg(long, default_value_t = 1_000_000)]
    accounts: usize,
    /// How many transfers are made.
    #[arg(long, default_value_t = 10_000_000)]
    transfers: usize,
    /// How many of them are in a commit.
    #[arg(long, default_value_t = COMMIT_TRANSFERS_MAX)]
    batch: usize,
    /// How many commits are under way at once: enough that some always wait.
    #[arg(long, default_value_t = 4)]
    clients: usize,
}

impl Ledger {
    pub(crate) fn json(&self) -> bool {
        self.books.place.json
    }

    pub(crate) fn run(self) -> anyhow::Result<Value> {
        self.books.run(Shape::Plain)
    }
}

impl Mixed {
    pub(crate) fn json(&self) -> bool {
        self.books.place.json
    }

    pub(crate) fn run(self) -> anyhow::Result<Value> {
        let Self { books, merchants, expiring } = self;
        ensure!(merchants > 0, "there are no merchants");
        books.run(Shape::Mixed { merchants, expiring })
    }
}

/// What all clients of a run share.
struct Run {
    store: Store,
    institution: InstitutionId,
    lane: LaneId,
    accounts: Arc<[AccountId]>,
    shape: Shape,
    transfers: usize,
    batch: usize,
    /// The next batch that nobody has taken.
    next: AtomicUsize,
    start: Instant,
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    /// When, from the start, how many transfers were acknowledged.
    acknowledged: Vec<(Duration, usize)>,
    /// How many of them move something; the others hold it.
    moving: usize,
    latencies: Latencies,
    lookups: Latencies,
    histories: Latencies,
    /// Those that were looked up.
    samples: Vec<TransferId>,
}

impl Books {
    fn run(self, shape: Shape) -> anyhow::Result<Value> {
        let merchants = if let Shape::Mixed { merchants, .. } = shape { merchants } else { 0 };
        ensure!(self.accounts >= merchants + 2, "two accounts are needed beside merchants");
        ensure!(
            (1..=COMMIT_TRANSFERS_MAX).contains(&self.batch),
            "a batch has 1 to 8,000 transfers"
        );
        ensure!(self.transfers > 0 && self.clients > 0, "there is nothing to do");
        let scratch = self.place.scratch()?;
        let clients = tokio::runtime::Builder::new_multi_thread().thread_name("clients").build()?;
        clients.block_on(self.measure(shape, &scratch))
    }

    async fn measure(&self, shape: Shape, scratch: &Scratch) -> anyhow::Result<Value> {
        let bar = progress();
        let store = self.place.open(scratch)?;
        let mut prng = system::prng();
        let institution = Id::new(system::now(), &mut prng);
        let lane = Id::derived(&[institution.as_bytes(), b"ledger"]);
        let ids = (0..self.accounts).map(|_| Id::new(system::now(), &mut prng));
        let accounts: Arc<[AccountId]> = ids.collect();
        let (transfers, batch) = (self.transfers, self.batch);
        let limit = Limit { accounts: Arc::clone(&accounts), shape, transfers, batch };

        bar.set_message("opening accounts");
        let opened = open(&store, institution, lane, &accounts).await?;
        bar.set_message("the limit");
        let mut best = limit.measure(scratch.path())?;

        bar.set_message("transfers");
        let (file_before, machine) = (scratch.store_bytes(), Machine::now(scratch.path()));
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        let run = Run { store, institution, lane, accounts, shape, transfers, batch, next, start };
        let run = Arc::new(run);
        let seen = run.all(self.clients).await?;
        let (spent, file) = (machine.spent(), scratch.store_bytes().saturating_sub(file_before));

        bar.set_message("the limit");
        best = best.better(limit.measure(scratch.path())?);
        bar.set_message("the books");
        let moved = run.moved().await?;
        ensure!(moved == seen.moving, "{moved} moved by the books, {} by the answers", seen.moving);
        let store = Arc::into_inner(run).context("a client is still there")?.store;
        let ready = self.ready(store, scratch, institution, &limit.accounts, &seen).await?;
        bar.finish_and_clear();

        let batches = seen.latencies.count();
        let each = |bytes: Option<u64>| bytes.map(|it| it / self.transfers as u64);
        let time = seen.acknowledged.iter().map(|it| it.0).max().unwrap_or_default();
        let rate = per_second(self.transfers, time);
        let size = json!({
            "engine": self.place.engine(),
            "accounts": self.accounts,
            "transfers": self.transfers,
            "batch": self.batch,
            "batches": batches,
            "clients": self.clients,
            "moved": moved,
            "looked_up": seen.samples.len(),
            "per_second": rate,
        });
        let limits = json!({
            "limit_per_second": best.durable,
            "ratio_to_limit": ratio(rate, best.durable),
            "memory_per_second": best.memory,
        });
        let flushes = spent.flushes.and_then(|it| ratio(it, batches as u64));
        let others = json!({
            "decay": decay(&seen.acknowledged, self.transfers),
            "lookup": seen.lookups.figures(),
            "history": seen.histories.figures(),
            "written_bytes_per_transfer": each(spent.written),
            "file_bytes_per_transfer": each(self.place.lasts().then_some(file)),
            "disk_flushes_per_batch": flushes,
            "accounts_per_second": opened.per_second,
            "bytes_per_account": opened.account_bytes,
            "ledger_bytes_per_account": best.account_bytes,
            "ready_ms": ready.map(ms),
            "cpu": spent.cpu(),
        });
        Ok(join([size, seen.latencies.figures(), limits, others]))
    }

    /// Closes the store and opens it again: how long until it answers for an account. What was
    /// sampled must be there.
    async fn ready(
        &self,
        store: Store,
        scratch: &Scratch,
        institution: InstitutionId,
        accounts: &[AccountId],
        seen: &Seen,
    ) -> anyhow::Result<Option<Duration>> {
        drop(store);
        if !self.place.lasts() {
            return Ok(None);
        }
        let start = Instant::now();
        let store = self.place.open(scratch)?;
        let middle = accounts[accounts.len() / 2];
        let answered = store.account(institution, middle).await?;
        let ready = start.elapsed();
        ensure!(answered.is_some(), "an account is gone");
        for id in &seen.samples {
            ensure!(store.transfer(institution, *id).await?.is_some(), "transfer {id} is gone");
        }
        Ok(Some(ready))
    }
}

/// How accounts were opened.
struct Opened {
    per_second: u64,
    /// Memory that grew for each of the second half of them; what is taken once, such as the
    /// engine's page cache, is full by then.
    account_bytes: Option<u64>,
}

async fn open(
    store: &Store,
    institution: InstitutionId,
    lane: LaneId,
    accounts: &[AccountId],
) -> anyhow::Result<Opened> {
    let (first, second) = accounts.split_at(accounts.len() / 2);
    let (start, mut half) = (Instant::now(), None);
    for (chunk, ids) in
        [first, second].into_iter().flat_map(|it| it.chunks(COMMIT_ACCOUNTS_MAX)).enumerate()
    {
        if half.is_none() && ids.first() == second.first() {
            half = resident_bytes();
        }
        let mut commit = commit(institution, lane, "open-ledger-accounts", format!("open/{chunk}"));
        commit.accounts = ids.iter().map(|id| AccountChange::Open(account(*id, lane))).collect();
        let outcome = store.commit(commit).await?;
        ensure!(matches!(outcome, Outcome::Committed(_)), "accounts were not opened: {outcome:?}");
    }
    let grown = resident_bytes().zip(half).map(|(now, half)| now.saturating_sub(half));
    let account_bytes = grown.map(|it| it / second.len().max(1) as u64);
    Ok(Opened { per_second: per_second(accounts.len(), start.elapsed()), account_bytes })
}

fn commit(institution: InstitutionId, lane: LaneId, command: &'static str, key: String) -> Commit {
    let mut commit = Commit::new(institution, lane, command, moment(system::now()));
    "bench".clone_into(&mut commit.actor);
    commit.digest = Digest::of(&[key.as_bytes()]);
    commit.key = key;
    commit
}

fn moment(now: Timestamp) -> Moment {
    Moment { now, today: today(now) }
}

impl Run {
    /// Lets all clients work until every batch is acknowledged.
    async fn all(self: &Arc<Self>, clients: usize) -> anyhow::Result<Seen> {
        let mut working = JoinSet::new();
        for client in 0..clients {
            working.spawn(Arc::clone(self).client(client));
        }
        let mut all = Seen::default();
        while let Some(seen) = working.join_next().await {
            all.append(seen??);
        }
        all.acknowledged.sort_unstable();
        Ok(all)
    }

    async fn client(self: Arc<Self>, number: usize) -> anyhow::Result<Seen> {
        let accounts = Arc::clone(&self.accounts);
        let mut traffic = Traffic::new(accounts, self.shape, &number.to_string());
        let mut seen = Seen::default();
        loop {
            let batch = self.next.fetch_add(1, Ordering::Relaxed);
            let left = self.transfers.saturating_sub(batch * self.batch);
            if left == 0 {
                return Ok(seen);
            }
            let mut commit =
                commit(self.institution, self.lane, "book-transfers", format!("batch/{batch}"));
            commit.mode = Mode::EachAlone;
            commit.transfers = traffic.batch(commit.at, left.min(self.batch));
            for transfer in &commit.transfers {
                if let Some(expires) = transfer.kind.expires() {
                    let (due, subject) = (Due::Moment(expires), transfer.id.cast());
                    let (kind, lane) = ("expire-hold".to_owned(), self.lane);
                    let timer = store::Timer { due, kind, subject, lane };
                    commit.timers.push(store::TimerChange::Set(timer));
                }
            }
            let (count, last) = (commit.transfers.len(), commit.transfers.last().cloned());
            let post = commit.transfers.iter().find(|it| it.kind.about().is_some()).cloned();
            let moving = commit.transfers.iter().filter(|it| !it.kind.is_hold()).count();
            let start = Instant::now();
            let outcome = self.store.commit(commit).await?;
            seen.latencies.note(start.elapsed());
            seen.acknowledged.push((self.start.elapsed(), count));
            created(&outcome, count)?;
            seen.moving += moving;
            if !batch.is_multiple_of(LOOKED_UP_EVERY) {
                continue;
            }
            if let Some(last) = last {
                self.look_up(&last, &mut seen).await?;
            }
            if let Some(post) = post {
                self.look_up_hold(&post).await?;
            }
        }
    }

    /// Finds a transfer that was just acknowledged, by its id and in the history of its account.
    async fn look_up(&self, transfer: &Transfer, seen: &mut Seen) -> anyhow::Result<()> {
        let (of, id) = (self.institution, transfer.id);
        let start = Instant::now();
        let found = self.store.transfer(of, id).await?;
        seen.lookups.note(start.elapsed());
        let found = found.with_context(|| format!("transfer {id} is not found"))?.posted;
        ensure!(found.transfer == *transfer, "transfer {id} is another one");
        let mut from = None;
        loop {
            let start = Instant::now();
            let page = self.store.history(of, transfer.debit, from, HISTORY_PAGE).await?;
            if from.is_none() {
                seen.histories.note(start.elapsed());
            }
            if page.data.iter().any(|it| it.posted == found) {
                break;
            }
            // Only what others added since lies before it.
            from = page.next;
            ensure!(from.is_some(), "transfer {id} is not in the history of its account");
        }
        seen.samples.push(id);
        Ok(())
    }

    /// Finds the hold that was just posted, resolved.
    async fn look_up_hold(&self, post: &Transfer) -> anyhow::Result<()> {
        let hold = post.kind.about().unwrap_or(TransferId::NIL);
        let found = self.store.transfer(self.institution, hold).await?;
        let resolution = found.and_then(|it| it.resolution);
        let posted = resolution == Some(Resolution::Posted(post.id));
        ensure!(posted, "hold {hold} is {resolution:?}");
        Ok(())
    }

    /// How many transfers moved something, by the books; debits must be credits.
    async fn moved(&self) -> anyhow::Result<usize> {
        let sum = |amounts: &mut dyn Iterator<Item = Amount>| amounts.sum::<Amount>();
        let lines = self.store.book(self.institution, None).await?;
        let debits = sum(&mut lines.iter().map(|line| line.debits));
        let credits = sum(&mut lines.iter().map(|line| line.credits));
        ensure!(debits == credits, "{debits:?} debited, {credits:?} credited");
        Ok(usize::try_from(debits.minor() / AMOUNT.minor())?)
    }
}

/// Every transfer of the batch must have happened, now.
fn created(outcome: &Outcome, transfers: usize) -> anyhow::Result<()> {
    let Outcome::Committed(receipt) = outcome else { bail!("not committed: {outcome:?}") };
    let created = receipt.results.iter().filter(|it| **it == Ok(Booked::Created)).count();
    ensure!(created == transfers, "{created} of {transfers} transfers happened");
    Ok(())
}

/// How the rate of the last transfers compares with that of the first.
fn decay(acknowledged: &[(Duration, usize)], transfers: usize) -> Value {
    let window = DECAY_WINDOW.min(transfers / 4).max(1);
    let mut sum = 0;
    let sums: Vec<_> = acknowledged
        .iter()
        .map(|(at, count)| {
            sum += count;
            (*at, sum)
        })
        .collect();
    let first = sums.iter().find(|(_, sum)| *sum >= window);
    let first = first.map_or(0, |(at, sum)| per_second(*sum, *at));
    let before = sums.iter().rev().find(|(_, sum)| *sum <= transfers - window);
    let (from, already) = before.copied().unwrap_or_default();
    let end = sums.last().map_or(from, |it| it.0);
    let last = per_second(transfers - already, end.saturating_sub(from));
    json!({
        "window": window,
        "first_per_second": first,
        "last_per_second": last,
        "last_to_first": ratio(last, first),
    })
}

impl Seen {
    fn append(&mut self, mut other: Self) {
        self.acknowledged.append(&mut other.acknowledged);
        self.moving += other.moving;
        self.latencies.append(other.latencies);
        self.lookups.append(other.lookups);
        self.histories.append(other.histories);
        self.samples.append(&mut other.samples);
    }
}
