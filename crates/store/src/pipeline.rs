//! Group commit.
//!
//! One thread owns the ledgers (the account cache) and the heads of the lanes. It takes all
//! commits that wait, up to a batch, and goes through four steps: load what the batch touches and
//! is not cached; decide each commit alone, in order, on the state the ones before it left; write
//! everything in one engine transaction; answer. A commit that is refused drops out by itself. If
//! the write fails nobody is told "committed", and the caches are dropped, since they are ahead
//! of what is stored. A panic, which is a bug, fails its batch in the same way.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use ledger::{
    Applied, InstitutionId, LaneId, Ledger, Mark, Posted, Reject, Resolution, Transfer, TransferId,
};
use money::Amount;
use stdx::Digest;
use tokio::sync::{mpsc, oneshot};

use crate::{
    ACCOUNTS_CACHED_MAX, AccountChange, BATCH_COMMITS_MAX, BATCH_TRANSFERS_MAX, Booked, Commit,
    LANES_CACHED_MAX, LogBody, LogRow, Mode, Outcome, QUEUE_MAX, Receipt, RecordEntry, RecordKey,
    StoreError, TimerChange,
    engine::{AnswerRow, Batch, Engine, LaneHead, RecordHead, RecordWrite, TransferPlace},
    log::results_to_numbers,
};

/// One answer for each transfer.
type Results = Vec<Result<Applied, Reject>>;
/// The transfer at fault, if it is one, and why it is refused.
type Refusal = (Option<usize>, Reject);
type Reply = oneshot::Sender<Result<Outcome, StoreError>>;

/// The queue in front of the writer.
pub(crate) struct Pipeline {
    queue: Option<mpsc::Sender<(Commit, Reply)>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Pipeline {
    pub(crate) fn start(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        let (queue, commits) = mpsc::channel(QUEUE_MAX);
        let writer = Writer::new(engine)?;
        let thread = thread::Builder::new().name("store-writer".to_owned());
        let spawned = thread.spawn(move || writer.run(commits));
        let writer = spawned.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue: Some(queue), writer: Mutex::new(Some(writer)) })
    }

    pub(crate) async fn submit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        let stopped = || StoreError::Unavailable("the writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send((commit, reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// Waits until what has been taken in is durable.
impl Drop for Pipeline {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.lock().ok().and_then(|mut writer| writer.take()) {
            // A panic of the writer was reported when it happened.
            writer.join().unwrap_or_default();
        }
    }
}

struct Writer {
    engine: Arc<dyn Engine>,
    ledgers: BTreeMap<InstitutionId, Ledger>,
    lanes: BTreeMap<(InstitutionId, LaneId), LaneHead>,
    position: u64,
}

/// What a batch has read, and what it will write.
#[derive(Default)]
struct Work {
    /// Of keys used before this batch.
    answers: BTreeMap<(InstitutionId, String), AnswerRow>,
    /// Version and links of the records the batch names, as the commits so far left them.
    records: BTreeMap<RecordKey, RecordHead>,
    /// Where each ledger stood before the batch.
    marks: BTreeMap<InstitutionId, Mark>,
    batch: Batch,
}

impl Writer {
    fn new(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        let position = engine.last_position()?;
        Ok(Self { engine, ledgers: BTreeMap::new(), lanes: BTreeMap::new(), position })
    }

    fn run(mut self, mut commits: mpsc::Receiver<(Commit, Reply)>) {
        while let Some(first) = commits.blocking_recv() {
            let mut transfers = first.0.transfers.len();
            let mut batch = vec![first];
            while batch.len() < BATCH_COMMITS_MAX && transfers < BATCH_TRANSFERS_MAX {
                let Ok(next) = commits.try_recv() else { break };
                transfers += next.0.transfers.len();
                batch.push(next);
            }
            self.serve(batch);
        }
    }

    fn serve(&mut self, batch: Vec<(Commit, Reply)>) {
        let (commits, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let panicked = |_| Err(StoreError::Unavailable("the writer panicked".to_owned()));
        // What a panic leaves half-changed is dropped with the caches.
        let outcomes = catch_unwind(AssertUnwindSafe(|| self.commit_batch(commits)));
        match outcomes.unwrap_or_else(panicked) {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    answer(reply, outcome);
                }
            }
            Err(error) => {
                self.forget();
                replies.into_iter().for_each(|it| answer(it, Err(error.clone())));
            }
        }
    }

    /// Goes back to what is stored.
    fn forget(&mut self) {
        self.ledgers.clear();
        self.lanes.clear();
        // Positions only have to grow.
        self.position = self.engine.last_position().unwrap_or(self.position);
    }

    fn commit_batch(
        &mut self,
        commits: Vec<Commit>,
    ) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        let mut work = self.load(&commits)?;
        let outcomes = commits.into_iter().map(|commit| self.decide(commit, &mut work)).collect();
        for (of, mark) in &work.marks {
            let changed = self.ledgers[of].changed_since(*mark).into_iter().cloned();
            work.batch.accounts.extend(changed.map(|account| (*of, account)));
        }
        if !work.batch.log.is_empty() {
            self.engine.write(&work.batch)?;
        }
        self.settle(work);
        Ok(outcomes)
    }

    /// Takes what is now durable for the state to go on from.
    fn settle(&mut self, mut work: Work) {
        self.lanes.append(&mut work.batch.lanes);
        if self.lanes.len() > LANES_CACHED_MAX {
            self.lanes.clear();
        }
        for (_, ledger) in self.ledgers.iter_mut().filter(|(of, _)| work.marks.contains_key(of)) {
            ledger.settle();
        }
        let accounts: usize = self.ledgers.values().map(Ledger::accounts_loaded).sum();
        if accounts > ACCOUNTS_CACHED_MAX {
            self.ledgers.clear();
        }
    }

    /// Reads what the batch touches, once.
    fn load(&mut self, commits: &[Commit]) -> Result<Work, StoreError> {
        let mut work = Work::default();
        for commit in commits {
            let institution = commit.institution;
            if let Some(answer) = self.engine.answer(institution, &commit.key)? {
                work.answers.insert((institution, commit.key.clone()), answer);
            }
            for key in touched_records(commit) {
                if let Entry::Vacant(unknown) = work.records.entry(key) {
                    let head = self.engine.record_head(unknown.key())?;
                    unknown.insert(head.unwrap_or_default());
                }
            }
            self.load_books(commit)?;
            let mark = self.ledgers[&institution].mark();
            work.marks.entry(institution).or_insert(mark);
            for lane in self.touched_lanes(commit) {
                self.load_lane(institution, lane)?;
            }
        }
        Ok(work)
    }

    fn load_lane(&mut self, of: InstitutionId, lane: LaneId) -> Result<(), StoreError> {
        if !self.lanes.contains_key(&(of, lane)) {
            let head = self.engine.lane(of, lane)?.unwrap_or(LaneHead::EMPTY);
            self.lanes.insert((of, lane), head);
        }
        Ok(())
    }

    /// Accounts and earlier transfers.
    fn load_books(&mut self, commit: &Commit) -> Result<(), StoreError> {
        let (engine, institution) = (&self.engine, commit.institution);
        let ledger = match self.ledgers.entry(institution) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let mut ledger = Ledger::default();
                ledger.load_closed_through(engine.closed_through(institution)?);
                unknown.insert(ledger)
            }
        };
        let mut accounts: Vec<_> = commit.accounts.iter().map(AccountChange::id).collect();
        for transfer in &commit.transfers {
            accounts.extend([transfer.debit, transfer.credit]);
            for id in [Some(transfer.id), transfer.kind.about()].into_iter().flatten() {
                if ledger.transfer(id).is_none()
                    && let Some((posted, resolution)) = engine.transfer(institution, id)?
                {
                    accounts.extend([posted.transfer.debit, posted.transfer.credit]);
                    ledger.load_transfer(posted, resolution);
                }
            }
        }
        for id in accounts {
            if ledger.account(id).is_none()
                && let Some(account) = engine.account(institution, id)?
            {
                ledger.load_account(account);
            }
        }
        Ok(())
    }

    /// The commit's own lane and those of the accounts its transfers may move.
    fn touched_lanes(&self, commit: &Commit) -> BTreeSet<LaneId> {
        let ledger = &self.ledgers[&commit.institution];
        let mut lanes = BTreeSet::from([commit.lane]);
        for change in &commit.accounts {
            if let AccountChange::Open(account) = change {
                lanes.insert(account.lane);
            }
            lanes.extend(ledger.account(change.id()).map(|account| account.lane));
        }
        for transfer in &commit.transfers {
            let about = transfer.kind.about().and_then(|id| ledger.transfer(id));
            let about = about.map(|it| [it.transfer.debit, it.transfer.credit]);
            let ids =
                [transfer.debit, transfer.credit].into_iter().chain(about.into_iter().flatten());
            lanes.extend(ids.filter_map(|id| ledger.account(id)).map(|account| account.lane));
        }
        lanes
    }

    /// Decides one commit on the state the ones before it left.
    fn decide(&mut self, mut commit: Commit, work: &mut Work) -> Result<Outcome, StoreError> {
        if let Some(answer) = work.answer(&commit) {
            if answer.digest != commit.digest {
                return Ok(Outcome::KeyReused);
            }
            return self.receipt(answer.position, work).map(Outcome::Replayed);
        }
        if let Some(key) = conflict(&commit, work) {
            return Ok(Outcome::Conflict(key));
        }
        let ledger = self.ledgers.get_mut(&commit.institution).expect("loaded before");
        let mark = ledger.mark();
        match book(ledger, &mut commit) {
            Ok(results) => Ok(Outcome::Committed(self.accept(commit, results, mark, work))),
            Err((transfer, reject)) => {
                ledger.rollback(mark);
                Ok(Outcome::Rejected { transfer, reject })
            }
        }
    }

    /// The receipt of an earlier commit, maybe one of this very batch.
    fn receipt(&self, position: u64, work: &Work) -> Result<Receipt, StoreError> {
        let log = &work.batch.log;
        if let Ok(index) = log.binary_search_by_key(&position, |row| row.position) {
            return log[index].receipt();
        }
        self.engine.receipt(position)
    }

    /// Turns a commit whose checks have all passed into rows.
    fn accept(&mut self, commit: Commit, results: Results, mark: Mark, work: &mut Work) -> Receipt {
        let (institution, lane, position) = (commit.institution, commit.lane, self.position + 1);
        let changed = self.ledgers[&institution].changed_since(mark);
        let mut touched: BTreeSet<LaneId> = changed.iter().map(|account| account.lane).collect();
        touched.remove(&lane);
        let booked: Vec<_> = results.iter().map(booked).collect();
        let transfers = write_transfers(&mut work.batch, institution, position, results);
        let body = LogBody {
            today: commit.at.today,
            records: commit.records,
            accounts: commit.accounts,
            close_period: commit.close_period,
            events: commit.events,
            timers: commit.timers,
            answer: commit.answer,
            results: results_to_numbers(&booked),
            told_in: None,
        };
        let row = |lane, body: &LogBody, transfers| LogRow {
            position: 0,
            institution,
            lane,
            seq: 0,
            previous: 0,
            at: commit.at.now,
            actor: commit.actor.clone(),
            command: commit.command.to_owned(),
            key: commit.key.clone(),
            digest: commit.digest,
            body: serde_json::to_vec(body).expect("a log body is plain data"),
            transfers,
            root: Digest::ZERO,
        };
        let seq = self.append(row(lane, &body, transfers), work);
        let told = LogBody::told(body.today, (lane, seq));
        for other in touched {
            self.append(row(other, &told, Vec::new()), work);
        }
        let answer = AnswerRow { digest: commit.digest, position };
        work.batch.answers.insert((institution, commit.key), answer);
        work.write_records(institution, lane, body.records);
        work.write_timers(institution, body.timers);
        work.batch.closed_through.extend(body.close_period.map(|day| (institution, day)));
        Receipt { lane, seq, answer: body.answer, results: booked }
    }

    /// Gives a row its place in the log and in its lane; answers the place in the lane.
    fn append(&mut self, mut row: LogRow, work: &mut Work) -> u64 {
        let place = (row.institution, row.lane);
        let before = *work.batch.lanes.get(&place).unwrap_or(&self.lanes[&place]);
        self.position += 1;
        row.position = self.position;
        row.seq = before.seq + 1;
        row.previous = before.position;
        row.root = row.chained(before.root);
        let head = LaneHead { seq: row.seq, position: row.position, root: row.root };
        work.batch.lanes.insert(place, head);
        work.batch.log.push(row);
        head.seq
    }
}

impl Work {
    fn answer(&self, commit: &Commit) -> Option<AnswerRow> {
        let key = (commit.institution, commit.key.clone());
        self.answers.get(&key).or_else(|| self.batch.answers.get(&key)).copied()
    }

    fn write_records(&mut self, institution: InstitutionId, lane: LaneId, to: Vec<RecordEntry>) {
        for entry in to {
            let key = RecordKey { institution, kind: entry.kind.clone(), id: entry.id };
            let now = (entry.version, entry.links.clone());
            let (_, links_before) = self.records.insert(key, now).unwrap_or_default();
            self.batch.records.push(RecordWrite { institution, lane, entry, links_before });
        }
    }

    fn write_timers(&mut self, institution: InstitutionId, changes: Vec<TimerChange>) {
        self.batch.timers.extend(changes.into_iter().map(|change| match change {
            TimerChange::Set(timer) => ((institution, timer), true),
            TimerChange::Clear(timer) => ((institution, timer), false),
        }));
    }
}

/// Writes what is found about the transfers that happened; answers their bytes for the log.
fn write_transfers(
    batch: &mut Batch,
    institution: InstitutionId,
    position: u64,
    results: Results,
) -> Vec<u8> {
    let created = results.into_iter().filter_map(|result| match result {
        Ok(Applied::Created(posted)) => Some(posted),
        Ok(Applied::Exists(_)) | Err(_) => None,
    });
    let mut bytes = Vec::new();
    for (item, posted) in (0..).zip(created) {
        posted.encode(&mut bytes);
        let it = &posted.transfer;
        batch.transfers.push((institution, it.id, TransferPlace { position, item }));
        batch.resolutions.extend(resolved(it).map(|(id, by)| (institution, id, by)));
        let moved = moved(&posted);
        if moved > Amount::ZERO {
            let day = |account| (institution, account, it.value_date);
            batch.days.entry(day(it.debit)).or_default().0 += moved;
            batch.days.entry(day(it.credit)).or_default().1 += moved;
        }
    }
    bytes
}

/// Accounts first, then transfers, then the period. Leaves in the commit the account changes that
/// changed something.
fn book(ledger: &mut Ledger, commit: &mut Commit) -> Result<Results, Refusal> {
    let other = |reject| (None, reject);
    let mut accounts = Vec::with_capacity(commit.accounts.len());
    for change in commit.accounts.drain(..) {
        accounts.extend(change_account(ledger, change).map_err(other)?);
    }
    commit.accounts = accounts;
    let results = ledger.apply(&commit.transfers, commit.at);
    if commit.mode == Mode::Whole {
        refused(&results)?;
    }
    if let Some(day) = commit.close_period {
        ledger.close_period(day, commit.at).map_err(other)?;
    }
    Ok(results)
}

/// The change as it was made; `None` when it changed nothing.
fn change_account(
    ledger: &mut Ledger,
    change: AccountChange,
) -> Result<Option<AccountChange>, Reject> {
    let (before, id) = (ledger.mark(), change.id());
    let made = match change {
        AccountChange::Open(account) => {
            ledger.open(account)?;
            ledger.account(id).cloned().map(AccountChange::Open)
        }
        AccountChange::State(_, state) => {
            ledger.set_state(id, state)?;
            Some(AccountChange::State(id, state))
        }
        AccountChange::Limits(_, limits) => {
            ledger.set_limits(id, limits.clone())?;
            Some(AccountChange::Limits(id, limits))
        }
    };
    let changed = !ledger.changed_since(before).is_empty();
    Ok(made.filter(|_| changed))
}

/// The first refusal that is not a consequence of another.
fn refused(results: &[Result<Applied, Reject>]) -> Result<(), Refusal> {
    let refusals = || {
        let numbered = results.iter().enumerate();
        numbered.filter_map(|(index, it)| it.as_ref().err().map(|reject| (Some(index), *reject)))
    };
    let cause = refusals().find(|(_, reject)| *reject != Reject::LinkedTransferFailed);
    cause.or_else(|| refusals().next()).map_or(Ok(()), Err)
}

/// The first record that is not at the version the commit expects.
fn conflict(commit: &Commit, work: &Work) -> Option<RecordKey> {
    let version = |key: &RecordKey| work.records.get(key).map_or(0, |known| known.0);
    let read = commit.expected.iter().map(|it| (it.key.clone(), it.version));
    let institution = commit.institution;
    let written = commit.records.iter().map(|it| {
        let key = RecordKey { institution, kind: it.kind.clone(), id: it.id };
        (key, it.version.saturating_sub(1))
    });
    read.chain(written).find(|(key, expected)| version(key) != *expected).map(|(key, _)| key)
}

fn touched_records(commit: &Commit) -> impl Iterator<Item = RecordKey> + '_ {
    let institution = commit.institution;
    let written = commit.records.iter();
    let written =
        written.map(move |it| RecordKey { institution, kind: it.kind.clone(), id: it.id });
    commit.expected.iter().map(|it| it.key.clone()).chain(written)
}

fn booked(result: &Result<Applied, Reject>) -> Result<Booked, Reject> {
    match result {
        Ok(Applied::Created(_)) => Ok(Booked::Created),
        Ok(Applied::Exists(_)) => Ok(Booked::Exists),
        Err(reject) => Err(*reject),
    }
}

/// What becomes of the earlier transfer that this one is about.
fn resolved(transfer: &Transfer) -> Option<(TransferId, Resolution)> {
    use ledger::Kind::{Expire, Hold, Plain, Post, Reversal, Void};
    match transfer.kind {
        Plain | Hold { .. } => None,
        Post(hold) => Some((hold, Resolution::Posted(transfer.id))),
        Void(hold) => Some((hold, Resolution::Voided(transfer.id))),
        Expire(hold) => Some((hold, Resolution::Expired(transfer.id))),
        Reversal(of) => Some((of, Resolution::Reversed(transfer.id))),
    }
}

/// What the transfer adds to the posted sums.
fn moved(posted: &Posted) -> Amount {
    use ledger::Kind::{Expire, Hold, Plain, Post, Reversal, Void};
    match posted.transfer.kind {
        Plain | Post(_) | Reversal(_) => posted.transfer.amount,
        Hold { .. } | Void(_) | Expire(_) => Amount::ZERO,
    }
}

/// Sends the outcome. Who no longer waits finds it under the idempotency key.
fn answer(reply: Reply, outcome: Result<Outcome, StoreError>) {
    reply.send(outcome).unwrap_or_default();
}
