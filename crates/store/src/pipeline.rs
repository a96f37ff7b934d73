//! Group commit.
//!
//! One thread owns the ledgers (the account cache) and the heads of the lanes. It takes all
//! commits that wait, up to a batch, and goes through four steps: load what the batch touches and
//! is not cached; decide each commit alone, in order, on the state the ones before it left; write
//! everything in one engine transaction; answer. A commit that is refused drops out by itself. If
//! the write fails nobody is told "committed", and the caches are dropped, since they are ahead
//! of what is stored.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use ledger::{
    Applied, InstitutionId, LaneId, Ledger, Mark, Reject, Resolution, Side, Transfer, TransferId,
};
use money::Amount;
use stdx::Digest;
use tokio::sync::{mpsc, oneshot};

use crate::{
    ACCOUNTS_CACHED_MAX, AccountChange, BATCH_COMMITS_MAX, BATCH_TRANSFERS_MAX, Booked, Commit,
    LogBody, LogRow, Mode, Outcome, QUEUE_MAX, Receipt, RecordKey, StoreError, TimerChange,
    commit::raw,
    engine::{AnswerRow, Batch, Engine, LaneHead, RecordWrite, TransferPlace},
    log::{results_from_numbers, results_to_numbers},
};

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
    answers: BTreeMap<(InstitutionId, String), AnswerRow>,
    /// Receipts of commits of this very batch, whose rows are not stored yet.
    receipts: BTreeMap<u64, Receipt>,
    versions: BTreeMap<RecordKey, (u64, Vec<(String, String)>)>,
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
        let outcomes = self.commit_batch(&commits);
        if outcomes.is_err() {
            self.forget();
        }
        match outcomes {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    answer(reply, outcome);
                }
            }
            Err(error) => replies.into_iter().for_each(|it| answer(it, Err(error.clone()))),
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
        commits: &[Commit],
    ) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        let mut work = self.load(commits)?;
        let marks: BTreeMap<InstitutionId, Mark> = self
            .ledgers
            .iter()
            .map(|(institution, ledger)| (*institution, ledger.mark()))
            .collect();
        let outcomes = commits.iter().map(|commit| self.decide(commit, &mut work)).collect();
        for (institution, mark) in marks {
            let ledger = &self.ledgers[&institution];
            let changed = ledger.changed_since(mark).into_iter().cloned();
            work.batch.accounts.extend(changed.map(|account| (institution, account)));
        }
        if !work.batch.log.is_empty() {
            self.engine.write(&work.batch)?;
        }
        self.lanes.append(&mut work.batch.lanes);
        for ledger in self.ledgers.values_mut() {
            ledger.settle();
            if ledger.accounts_loaded() > ACCOUNTS_CACHED_MAX {
                ledger.forget();
            }
        }
        Ok(outcomes)
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
                if let Entry::Vacant(unknown) = work.versions.entry(key) {
                    let row = self.engine.record(unknown.key())?;
                    unknown.insert(row.map_or((0, Vec::new()), |row| (row.version, row.links)));
                }
            }
            self.load_books(commit)?;
            let lanes = self.touched_lanes(commit);
            for lane in lanes {
                self.load_lane(institution, lane)?;
            }
        }
        Ok(work)
    }

    fn load_lane(&mut self, of: InstitutionId, lane: LaneId) -> Result<(), StoreError> {
        if !self.lanes.contains_key(&(of, lane)) {
            let fresh = LaneHead { seq: 0, position: 0, root: Digest::ZERO };
            let head = self.engine.lane(of, lane)?.unwrap_or(fresh);
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
    fn decide(&mut self, commit: &Commit, work: &mut Work) -> Result<Outcome, StoreError> {
        if let Some(answer) = work.answers.get(&(commit.institution, commit.key.clone())) {
            if answer.digest != commit.digest {
                return Ok(Outcome::KeyReused);
            }
            return self.receipt(answer.position, work).map(Outcome::Replayed);
        }
        if let Some(key) = conflict(commit, work) {
            return Ok(Outcome::Conflict(key));
        }
        let ledger = self.ledgers.get_mut(&commit.institution).expect("loaded before");
        let mark = ledger.mark();
        match book(ledger, commit) {
            Ok(booking) => Ok(Outcome::Committed(self.accept(commit, booking, mark, work))),
            Err((transfer, reject)) => {
                ledger.rollback(mark);
                Ok(Outcome::Rejected { transfer, reject })
            }
        }
    }

    /// The receipt of an earlier commit.
    fn receipt(&self, position: u64, work: &Work) -> Result<Receipt, StoreError> {
        if let Some(receipt) = work.receipts.get(&position) {
            return Ok(receipt.clone());
        }
        let missing = || StoreError::Corrupt(format!("no log row at {position}"));
        let row = self.engine.log_row(position)?.ok_or_else(missing)?;
        let body = row.body()?;
        let count = row.transfers.len() / ledger::POSTED_BYTES;
        let results = results_from_numbers(&body.results, count).ok_or_else(missing)?;
        Ok(Receipt { lane: row.lane, seq: row.seq, answer: body.answer, results })
    }

    /// Turns a commit whose checks have all passed into rows.
    fn accept(
        &mut self,
        commit: &Commit,
        booking: Booking,
        mark: Mark,
        work: &mut Work,
    ) -> Receipt {
        let institution = commit.institution;
        let ledger = &self.ledgers[&institution];
        let moved: BTreeSet<LaneId> =
            ledger.changed_since(mark).iter().map(|account| account.lane).collect();
        let results: Vec<_> = booking.results.iter().map(booked).collect();
        let created = booking.results.into_iter().flatten().filter_map(|applied| match applied {
            Applied::Created(posted) => Some(posted),
            Applied::Exists(_) => None,
        });

        let mut transfers = Vec::new();
        let position = self.position + 1;
        let batch = &mut work.batch;
        for (item, posted) in (0..).zip(created) {
            posted.encode(&mut transfers);
            let place = TransferPlace { position, item };
            batch.transfers.push((institution, posted.transfer.id, place));
            batch
                .resolutions
                .extend(resolved(&posted.transfer).map(|(id, by)| (institution, id, by)));
            if moves(&posted.transfer) {
                let (debit, credit) = (posted.transfer.debit, posted.transfer.credit);
                let (day, amount) = (posted.transfer.value_date, posted.transfer.amount);
                let mut add = |account, side| {
                    let moves = batch.days.entry((institution, account, day)).or_default();
                    match side {
                        Side::Debit => moves.0 += amount,
                        Side::Credit => moves.1 += amount,
                    }
                };
                add(debit, Side::Debit);
                add(credit, Side::Credit);
            }
        }

        let body = LogBody {
            today: commit.at.today,
            records: commit.records.clone(),
            accounts: booking.accounts,
            close_period: commit.close_period,
            events: commit.events.clone(),
            timers: commit.timers.clone(),
            answer: commit.answer.clone(),
            results: results_to_numbers(&results),
            told_in: None,
        };
        let seq = self.append(commit, commit.lane, &body, transfers, work);
        let told = LogBody {
            records: Vec::new(),
            accounts: Vec::new(),
            close_period: None,
            events: Vec::new(),
            timers: Vec::new(),
            answer: raw(&()),
            results: Vec::new(),
            told_in: Some((commit.lane, seq)),
            ..body
        };
        for lane in moved.into_iter().filter(|lane| *lane != commit.lane) {
            self.append(commit, lane, &told, Vec::new(), work);
        }
        self.write_down(commit, position, work);
        let receipt = Receipt { lane: commit.lane, seq, answer: commit.answer.clone(), results };
        work.receipts.insert(position, receipt.clone());
        receipt
    }

    /// Appends a row to a lane; its place in it.
    fn append(
        &mut self,
        commit: &Commit,
        lane: LaneId,
        body: &LogBody,
        transfers: Vec<u8>,
        work: &mut Work,
    ) -> u64 {
        let place = (commit.institution, lane);
        let head = work.batch.lanes.get(&place).unwrap_or(&self.lanes[&place]);
        self.position += 1;
        let mut row = LogRow {
            position: self.position,
            institution: commit.institution,
            lane,
            seq: head.seq + 1,
            previous: head.position,
            at: commit.at.now,
            actor: commit.actor.clone(),
            command: commit.command.to_owned(),
            key: commit.key.clone(),
            digest: commit.digest,
            body: serde_json::to_vec(body).expect("a log body is plain data"),
            transfers,
            root: head.root,
        };
        row.root = row.chained(head.root);
        let head = LaneHead { seq: row.seq, position: row.position, root: row.root };
        work.batch.lanes.insert(place, head);
        work.batch.log.push(row);
        head.seq
    }

    /// The rows beside the log.
    fn write_down(&mut self, commit: &Commit, position: u64, work: &mut Work) {
        let institution = commit.institution;
        let answer = AnswerRow { digest: commit.digest, position };
        work.answers.insert((institution, commit.key.clone()), answer);
        work.batch.answers.push((institution, commit.key.clone(), answer));
        for entry in &commit.records {
            let key = RecordKey { institution, kind: entry.kind.clone(), id: entry.id };
            let now = (entry.version, entry.links.clone());
            let before = work.versions.insert(key, now).unwrap_or_default();
            let (lane, links_before, entry) = (commit.lane, before.1, entry.clone());
            work.batch.records.push(RecordWrite { institution, lane, entry, links_before });
        }
        for change in &commit.timers {
            // Set and cleared in one batch: the later one stands.
            let timers = &mut work.batch;
            match change {
                TimerChange::Set(timer) => {
                    timers.timers_cleared.retain(|it| *it != (institution, timer.clone()));
                    timers.timers_set.push((institution, timer.clone()));
                }
                TimerChange::Clear(timer) => {
                    timers.timers_set.retain(|it| *it != (institution, timer.clone()));
                    timers.timers_cleared.push((institution, timer.clone()));
                }
            }
        }
        if let Some(day) = commit.close_period {
            work.batch.closed_through.insert(institution, day);
        }
    }
}

/// What the ledger did for one commit.
struct Booking {
    /// The account changes that changed something.
    accounts: Vec<AccountChange>,
    results: Vec<Result<Applied, Reject>>,
}

/// Accounts first, then transfers, then the period.
fn book(ledger: &mut Ledger, commit: &Commit) -> Result<Booking, (Option<usize>, Reject)> {
    let mut accounts = Vec::new();
    for change in &commit.accounts {
        let before = ledger.mark();
        let done = match change.clone() {
            AccountChange::Open(account) => ledger.open(account),
            AccountChange::State(id, state) => ledger.set_state(id, state),
            AccountChange::Limits(id, limits) => ledger.set_limits(id, limits),
        };
        done.map_err(|reject| (None, reject))?;
        if !ledger.changed_since(before).is_empty() {
            accounts.push(change.clone());
        }
    }
    let results = ledger.apply(&commit.transfers, commit.at);
    if commit.mode == Mode::Whole {
        refused(&results)?;
    }
    if let Some(day) = commit.close_period {
        ledger.close_period(day, commit.at).map_err(|reject| (None, reject))?;
    }
    Ok(Booking { accounts, results })
}

/// The first refusal that is not a consequence of another.
fn refused(results: &[Result<Applied, Reject>]) -> Result<(), (Option<usize>, Reject)> {
    let refusals = || {
        let numbered = results.iter().enumerate();
        numbered.filter_map(|(index, it)| it.as_ref().err().map(|reject| (Some(index), *reject)))
    };
    let cause = refusals().find(|(_, reject)| *reject != Reject::LinkedTransferFailed);
    cause.or_else(|| refusals().next()).map_or(Ok(()), Err)
}

/// The first record that is not at the version the commit expects.
fn conflict(commit: &Commit, work: &Work) -> Option<RecordKey> {
    let version = |key: &RecordKey| work.versions.get(key).map_or(0, |known| known.0);
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

/// Whether the transfer changes posted balances.
fn moves(transfer: &Transfer) -> bool {
    use ledger::Kind::{Expire, Hold, Plain, Post, Reversal, Void};
    match transfer.kind {
        Plain | Post(_) | Reversal(_) => transfer.amount > Amount::ZERO,
        Hold { .. } | Void(_) | Expire(_) => false,
    }
}

/// Sends the outcome. Who no longer waits finds it under the idempotency key.
fn answer(reply: Reply, outcome: Result<Outcome, StoreError>) {
    reply.send(outcome).unwrap_or_default();
}
