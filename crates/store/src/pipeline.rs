//! Group commit.
//!
//! One thread owns the books. It takes all commits that wait, up to a batch, and goes through four
//! steps: load what the batch touches and is not in memory; decide each commit alone, in order, on
//! the state the ones before it left; write everything in one engine transaction; answer. A commit
//! that is refused drops out by itself. If the write fails nobody is told "committed", and the
//! books are dropped, since they are ahead of what is stored. A panic, which is a bug, fails its
//! batch in the same way.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use ledger::{
    Account, AccountId, Applied, InstitutionId, LaneId, Ledger, Mark, POSTED_BYTES, Posted, Reject,
    TransferId,
};
use stdx::{Date, Digest};
use tokio::sync::{
    mpsc::{
        self,
        error::{TryRecvError, TrySendError},
    },
    oneshot,
};

use crate::{
    ACCOUNTS_CACHED_MAX, AccountChange, BATCH_COMMITS_MAX, BATCH_TRANSFERS_MAX, Booked, Commit,
    LANES_CACHED_MAX, LogBody, LogRow, Mode, Outcome, QUEUE_MAX, Receipt, RecordEntry, RecordKey,
    StoreError, TimerChange,
    ahead::{self, Ahead, Committer},
    books::Books,
    engine::{
        AccountPlace, AnswerRow, Batch, Engine, KeyOf, LaneHead, LaneOf, Read, RecordHead,
        RecordWrite, Sums, Turn, places,
    },
    log::{Told, results_to_numbers},
    page,
    query::moved_through,
};

/// The most lanes whose dirty pages are stored at once while nothing else is to do.
const LANES_FLUSHED_MAX: usize = 64;
/// How often a batch is tried while other nodes are faster.
const TURNS_MAX: u32 = 16;
/// The tests of this crate leave lanes behind their heads as long as they can.
const FLUSHES_WHEN_IDLE: bool = !cfg!(test);

/// What became of a batch.
enum Decided {
    /// It is durable.
    Durable(Vec<Outcome>),
    /// It is being written.
    Flying(Arc<Batch>, Vec<Outcome>),
}

/// One answer for each transfer.
type Results = Vec<Result<Applied, Reject>>;
/// The transfer at fault, if it is one, and why it is refused.
type Refusal = (Option<usize>, Reject);
type Reply = oneshot::Sender<Result<Outcome, StoreError>>;

/// What the writer is given to do, in order.
enum Request {
    Commit(Box<Commit>, Reply),
    /// Rows that were written elsewhere.
    Restore(Vec<LogRow>, oneshot::Sender<Result<(), StoreError>>),
    /// Nothing, but there is a question.
    Look,
}

/// What the writer is asked; it answers before the next batch, whatever waits.
enum Question {
    /// Accounts as they are now.
    Accounts(InstitutionId, Vec<AccountId>, oneshot::Sender<Result<Vec<Account>, StoreError>>),
    /// What was posted to an account with value dates through a day.
    MovedThrough(InstitutionId, AccountId, Date, oneshot::Sender<Result<Sums, StoreError>>),
}

/// As many as there are callers that wait.
type Questions = Arc<Mutex<VecDeque<Question>>>;

/// The queue in front of the writer.
pub(crate) struct Pipeline {
    queue: Option<mpsc::Sender<Request>>,
    questions: Questions,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Pipeline {
    pub(crate) fn start(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        let (queue, requests) = mpsc::channel(QUEUE_MAX);
        let questions = Questions::default();
        let books = Books::default();
        let committer = match engine.is_shared() {
            true => None,
            false => {
                let queue = queue.downgrade();
                let wake = move || {
                    // A full queue keeps the writer awake.
                    queue.upgrade().map_or(Ok(()), |it| it.try_send(Request::Look)).unwrap_or(());
                };
                Some(Committer::start(Arc::clone(&engine), wake)?)
            }
        };
        let asked = Arc::clone(&questions);
        let writer = Writer { engine, books, questions: asked, committer, in_flight: None };
        let thread = thread::Builder::new().name("store-writer".to_owned());
        let spawned = thread.spawn(move || writer.run(requests));
        let writer = spawned.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue: Some(queue), questions, writer: Mutex::new(Some(writer)) })
    }

    pub(crate) async fn submit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        self.give(|reply| Request::Commit(Box::new(commit), reply)).await
    }

    /// Accounts as they are now, of those that there are, in the order asked for.
    pub(crate) async fn accounts(
        &self,
        of: InstitutionId,
        ids: Vec<AccountId>,
    ) -> Result<Vec<Account>, StoreError> {
        self.ask(|reply| Question::Accounts(of, ids, reply)).await
    }

    pub(crate) async fn moved_through(
        &self,
        of: InstitutionId,
        account: AccountId,
        day: Date,
    ) -> Result<Sums, StoreError> {
        self.ask(|reply| Question::MovedThrough(of, account, day, reply)).await
    }

    pub(crate) async fn restore(&self, rows: Vec<LogRow>) -> Result<(), StoreError> {
        self.give(|reply| Request::Restore(rows, reply)).await
    }

    async fn give<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(request(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Question,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        lock(&self.questions).push_back(question(reply));
        // In front of a full queue the writer is awake, and looks before the next batch.
        match self.queue.as_ref().map(|queue| queue.try_send(Request::Look)) {
            None | Some(Err(TrySendError::Closed(_))) => Err(stopped()),
            Some(Ok(()) | Err(TrySendError::Full(_))) => answer.await.map_err(|_| stopped())?,
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

/// A panic leaves the questions as they are.
fn lock(questions: &Mutex<VecDeque<Question>>) -> MutexGuard<'_, VecDeque<Question>> {
    questions.lock().unwrap_or_else(PoisonError::into_inner)
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

pub(crate) struct Writer {
    pub engine: Arc<dyn Engine>,
    pub books: Books,
    questions: Questions,
    /// Writes large batches, where nobody else writes.
    committer: Option<Committer>,
    in_flight: Option<InFlight>,
}

/// A batch that is being written; the books are ahead of it.
struct InFlight {
    batch: Arc<Batch>,
    /// What came of it, when it is known.
    result: Option<Result<(), StoreError>>,
    outcomes: Vec<Outcome>,
    replies: Vec<Reply>,
}

/// What a batch has read, and what it will write.
pub(crate) struct Work<'e> {
    pub turn: Box<dyn Turn + 'e>,
    /// Of keys used before this batch.
    answers: BTreeMap<KeyOf, AnswerRow>,
    /// Version and links of the records the batch names, as the commits so far left them.
    records: BTreeMap<RecordKey, RecordHead>,
    /// The newest row of this batch.
    position: Option<u64>,
    pub batch: Batch,
}

impl Writer {
    fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = self.next(&mut requests) {
            let mut batch = Vec::new();
            let mut transfers = 0;
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Commit(commit, reply) => {
                        transfers += commit.transfers.len();
                        batch.push((*commit, reply));
                    }
                    Request::Look => {}
                    Request::Restore(rows, reply) => {
                        // Who waits for it has the answer when it fails.
                        self.land().unwrap_or_default();
                        let restored = self.restore(rows);
                        if restored.is_err() {
                            self.books.clear();
                        }
                        reply.send(restored).unwrap_or_default();
                    }
                }
                let is_full = batch.len() >= BATCH_COMMITS_MAX || transfers >= BATCH_TRANSFERS_MAX;
                next = if is_full { None } else { requests.try_recv().ok() };
            }
            if !batch.is_empty() {
                self.serve(batch, transfers >= ahead::TRANSFERS_MIN);
            }
        }
        while self.flush() {}
    }

    fn answer_questions(&mut self) {
        loop {
            // Not locked while it is answered.
            let question = lock(&self.questions).pop_front();
            if question.is_some() {
                // The books must not be ahead of what is durable.
                self.land().unwrap_or_default();
            }
            // Who no longer waits does not need the answer.
            match question {
                None => return,
                Some(Question::Accounts(of, ids, reply)) => {
                    let accounts = self.accounts(of, &ids, |_, it| Ok(it.clone()));
                    reply.send(accounts).unwrap_or_default();
                }
                Some(Question::MovedThrough(of, id, day, reply)) => {
                    let moved = |read: &dyn Read, it: &Account| moved_through(read, of, it, day);
                    let moved = self.accounts(of, &[id], moved);
                    let moved = moved.map(|mut it| it.pop().unwrap_or_default());
                    reply.send(moved).unwrap_or_default();
                }
            }
        }
    }

    /// The next request. While there is none, dirty pages are stored.
    fn next(&mut self, requests: &mut mpsc::Receiver<Request>) -> Option<Request> {
        loop {
            // A question is there before the request to look at it, which may have been taken in
            // with the batch before.
            self.answer_questions();
            match requests.try_recv() {
                Ok(request) => return Some(request),
                Err(TryRecvError::Disconnected) => {
                    // Who waits for it has the answer when it fails.
                    self.land().unwrap_or_default();
                    return None;
                }
                Err(TryRecvError::Empty) if self.has_landed() => self.land().unwrap_or_default(),
                Err(TryRecvError::Empty) if self.in_flight.is_some() => {
                    return requests.blocking_recv().or(Some(Request::Look));
                }
                Err(TryRecvError::Empty) if self.flush() => {}
                Err(TryRecvError::Empty) => return requests.blocking_recv(),
            }
        }
    }

    /// Stores some dirty pages; whether there were any and it worked.
    fn flush(&mut self) -> bool {
        if !FLUSHES_WHEN_IDLE {
            return false;
        }
        let lanes: Vec<LaneOf> = self.books.dirty_lanes().take(LANES_FLUSHED_MAX).collect();
        let flushed = !lanes.is_empty() && self.flush_lanes(&lanes).is_ok();
        if !flushed && !lanes.is_empty() {
            // They stay in the log, where they are found when they are needed.
            self.books.clear();
        }
        flushed
    }

    fn flush_lanes(&mut self, lanes: &[LaneOf]) -> Result<(), StoreError> {
        let engine = Arc::clone(&self.engine);
        let turn = engine.turn(&lanes.iter().map(|(of, _)| *of).collect())?;
        self.lock(&*turn, lanes)?;
        let mut batch = Batch::default();
        for of in lanes {
            let (lane, ledger) = self.books.lane_and_ledger(*of);
            let mut head = lane.head;
            batch.pages.extend(lane.flush(*of, ledger, &mut head, 0));
            lane.head = head;
            batch.lanes.insert(*of, head);
        }
        turn.commit(&batch)
    }

    /// What is asked of accounts, of those that there are.
    fn accounts<T>(
        &mut self,
        of: InstitutionId,
        ids: &[AccountId],
        ask: impl Fn(&dyn Read, &Account) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let answers = self.ask_accounts(of, ids, ask);
        if answers.is_err() {
            // A lane may be half caught up.
            self.books.clear();
        }
        answers
    }

    fn ask_accounts<T>(
        &mut self,
        of: InstitutionId,
        ids: &[AccountId],
        ask: impl Fn(&dyn Read, &Account) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let engine = Arc::clone(&self.engine);
        let turn = engine.turn(&BTreeSet::from([of]))?;
        let mut touched = TouchedBooks { accounts: ids.to_vec(), ..TouchedBooks::default() };
        let unknown = self.unknown_accounts(of, &mut touched);
        let places = turn.read().account_places(of, &unknown)?;
        touched.lanes.extend(places.iter().map(|(_, place)| place.lane));
        let lanes: Vec<LaneOf> = touched.lanes.iter().map(|lane| (of, *lane)).collect();
        self.lock(&*turn, &lanes)?;
        self.books.load_accounts(turn.read(), of, &places)?;
        let ledger = self.books.ledger(of);
        let found = ids.iter().filter_map(|id| ledger.account(*id));
        found.map(|account| ask(turn.read(), account)).collect()
    }

    fn serve(&mut self, batch: Vec<(Commit, Reply)>, is_large: bool) {
        let (commits, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let panicked = |_| Err(StoreError::Unavailable("the writer panicked".to_owned()));
        // What a panic leaves half-changed is dropped with the books.
        let outcomes =
            catch_unwind(AssertUnwindSafe(|| match self.committer.is_some() && is_large {
                true => self.decide_ahead(commits),
                false => self.land().and_then(|()| self.take_turns(commits)).map(Decided::Durable),
            }));
        match outcomes.unwrap_or_else(panicked) {
            Ok(Decided::Durable(outcomes)) => answer_all(replies, outcomes),
            Ok(Decided::Flying(batch, outcomes)) => {
                self.in_flight = Some(InFlight { batch, result: None, outcomes, replies });
            }
            Err(error) => {
                self.books.clear();
                replies.into_iter().for_each(|it| answer(it, Err(error.clone())));
            }
        }
    }

    /// Whether there is a batch in flight that is durable, or has failed.
    fn has_landed(&mut self) -> bool {
        let (Some(flight), Some(committer)) = (&mut self.in_flight, &self.committer) else {
            return false;
        };
        flight.result = flight.result.take().or_else(|| committer.ended());
        flight.result.is_some()
    }

    /// Waits until the batch in flight is durable, and answers it. When it fails, what was decided
    /// on it is dropped.
    fn land(&mut self) -> Result<(), StoreError> {
        let (Some(flight), Some(committer)) = (self.in_flight.take(), &self.committer) else {
            return Ok(());
        };
        match flight.result.unwrap_or_else(|| committer.end()) {
            Ok(()) => {
                answer_all(flight.replies, flight.outcomes);
                Ok(())
            }
            Err(error) => {
                self.books.clear();
                flight.replies.into_iter().for_each(|it| answer(it, Err(error.clone())));
                Err(error)
            }
        }
    }

    /// Decides a batch while the one before is being written, and lets it follow.
    fn decide_ahead(&mut self, commits: Vec<Commit>) -> Result<Decided, StoreError> {
        let engine = Arc::clone(&self.engine);
        let touched = Touched::by(&commits);
        let institutions = touched.institutions();
        let turn: Box<dyn Turn> = match &self.in_flight {
            Some(flight) => {
                let stored = engine.snapshot_of_all()?;
                Box::new(Ahead::of(stored, Arc::clone(&flight.batch)))
            }
            None => engine.turn(&institutions)?,
        };
        let mut work = self.load(turn, touched)?;
        let outcomes = self.decide_each(commits, &mut work, &institutions)?;
        let Work { turn, batch, .. } = work;
        // What it looked at is let go of, so that the other thread can write.
        drop(turn);
        self.land()?;
        self.settle(&institutions, &batch.lanes);
        if batch.log.is_empty() {
            return Ok(Decided::Durable(outcomes));
        }
        let batch = Arc::new(batch);
        let committer = self.committer.as_ref().expect("asked before");
        committer.begin(Arc::clone(&batch))?;
        Ok(Decided::Flying(batch, outcomes))
    }

    /// Commits a batch; again and again while other nodes are faster.
    fn take_turns(&mut self, commits: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        if self.engine.is_shared() {
            for _ in 1..TURNS_MAX {
                match self.commit_batch(commits.clone()) {
                    Err(StoreError::Contended) => self.books.clear(),
                    outcomes => return outcomes,
                }
            }
        }
        self.commit_batch(commits)
    }

    fn commit_batch(&mut self, commits: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        let engine = Arc::clone(&self.engine);
        let touched = Touched::by(&commits);
        let institutions = touched.institutions();
        let mut work = self.load(engine.turn(&institutions)?, touched)?;
        let outcomes = self.decide_each(commits, &mut work, &institutions)?;
        let Work { turn, batch, .. } = work;
        if !batch.log.is_empty() {
            turn.commit(&batch)?;
        }
        self.settle(&institutions, &batch.lanes);
        Ok(outcomes)
    }

    /// Decides commits in order, and adds what follows from all of them together.
    fn decide_each(
        &mut self,
        commits: Vec<Commit>,
        work: &mut Work<'_>,
        institutions: &BTreeSet<InstitutionId>,
    ) -> Result<Vec<Outcome>, StoreError> {
        // An engine that fails in the middle of a commit leaves the ledger ahead of the batch.
        let outcomes = commits.into_iter().map(|commit| self.decide(commit, work));
        let outcomes = outcomes.collect::<Result<_, _>>()?;
        if !work.batch.log.is_empty() {
            self.finish(institutions, &mut work.batch);
        }
        Ok(outcomes)
    }

    /// Adds what follows from all commits together.
    pub(crate) fn finish(&mut self, institutions: &BTreeSet<InstitutionId>, batch: &mut Batch) {
        for of in institutions {
            for (account, day) in self.books.ledger(*of).older_days() {
                let sums = batch.days.entry((*of, *account, day.date)).or_default();
                *sums = (sums.0 + day.debits, sums.1 + day.credits);
            }
        }
        let transfers = batch.log.iter().map(|row| row.transfers.len() / POSTED_BYTES).sum();
        for (of, head) in &mut batch.lanes {
            let (lane, ledger) = self.books.lane_and_ledger(*of);
            batch.pages.extend(lane.flush(*of, ledger, head, transfers));
        }
    }

    /// Takes what was decided for the state to go on from.
    pub(crate) fn settle(
        &mut self,
        institutions: &BTreeSet<InstitutionId>,
        heads: &BTreeMap<LaneOf, LaneHead>,
    ) {
        for (of, head) in heads {
            self.books.lane_and_ledger(*of).0.head = *head;
        }
        institutions.iter().for_each(|of| self.books.ledger(*of).settle());
        let too_many = self.books.accounts_len() > ACCOUNTS_CACHED_MAX;
        if too_many || self.books.lanes_len() > LANES_CACHED_MAX {
            self.books.clear();
        }
    }

    /// Reads what the batch touches, once.
    pub(crate) fn load<'e>(
        &mut self,
        turn: Box<dyn Turn + 'e>,
        touched: Touched,
    ) -> Result<Work<'e>, StoreError> {
        let (mut loads, mut unknowns, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
        for (of, mut touched) in touched.books {
            let subjects = places::transfers(turn.read(), of, touched.subjects.iter().copied())?;
            let sides = subjects.iter().map(|it| [it.transfer.debit, it.transfer.credit]);
            touched.accounts.extend(sides.flatten());
            let unknown = self.unknown_accounts(of, &mut touched);
            let places = turn.read().account_places(of, &unknown)?;
            touched.lanes.extend(places.iter().map(|(_, place)| place.lane));
            lanes.extend(touched.lanes.iter().map(|lane| (of, *lane)));
            loads.push((of, touched, places, subjects));
            unknowns.push((of, unknown));
        }
        self.lock(&*turn, &lanes)?;
        if self.engine.is_shared() {
            for ((of, touched, places, subjects), (_, unknown)) in loads.iter().zip(&unknowns) {
                let subjects = subjects.iter().map(|it| it.transfer.id).collect();
                let places = places.iter().map(|(id, _)| *id).collect();
                still_missing(turn.read(), *of, &touched.subjects, subjects, unknown, places)?;
            }
        }
        let answers = turn.read().answers(&touched.keys)?.into_iter().collect();
        let records = turn.read().record_heads(&Vec::from_iter(touched.records))?;
        for (of, touched, places, subjects) in loads {
            let closed_through = turn.read().closed_through(of)?;
            self.books.ledger(of).load_closed_through(closed_through);
            self.books.load_accounts(turn.read(), of, &places)?;
            for lane in touched.opened_in {
                // The next account of the lane goes there.
                let slot = self.books.lane_and_ledger((of, lane)).0.head.accounts;
                self.books.load_pages(turn.read(), (of, lane), &[page::number_of(slot)])?;
            }
            self.load_transfers(turn.read(), of, touched.transfers, subjects)?;
        }
        let (records, batch) = (records.into_iter().collect(), Batch::default());
        Ok(Work { turn, answers, records, position: None, batch })
    }

    /// The accounts that are not in memory; adds the lanes of those that are. In passing, what
    /// will be decided on comes into the processor's caches, many lines at a time.
    fn unknown_accounts(
        &mut self,
        of: InstitutionId,
        touched: &mut TouchedBooks,
    ) -> Vec<AccountId> {
        let ledger = self.books.ledger(of);
        let (mut unknown, mut newest) = (Vec::new(), None);
        for id in touched.accounts.drain(..) {
            match ledger.account(id).map(|account| account.lane) {
                None => unknown.push(id),
                Some(lane) if newest == Some(lane) => {}
                Some(lane) => {
                    touched.lanes.insert(lane);
                    newest = Some(lane);
                }
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    /// Locks lanes and brings to their heads those that somebody else may have written.
    fn lock(&mut self, turn: &dyn Turn, lanes: &[LaneOf]) -> Result<(), StoreError> {
        let is_shared = self.engine.is_shared();
        let unknown = lanes.iter().filter(|of| is_shared || self.books.lane(**of).is_none());
        let unknown: Vec<LaneOf> = unknown.copied().collect();
        let mut heads: BTreeMap<_, _> = turn.lock(&unknown)?.into_iter().collect();
        for of in unknown {
            let head = heads.remove(&of).unwrap_or(LaneHead::EMPTY);
            self.books.catch_up(turn.read(), of, head)?;
        }
        Ok(())
    }

    /// Transfers that are repeated or that others are about.
    fn load_transfers(
        &mut self,
        read: &dyn Read,
        of: InstitutionId,
        ids: Vec<TransferId>,
        subjects: Vec<Posted>,
    ) -> Result<(), StoreError> {
        let repeated = places::transfers(read, of, ids.into_iter())?;
        let known: Vec<Posted> = subjects.into_iter().chain(repeated).collect();
        let ids: Vec<TransferId> = known.iter().map(|it| it.transfer.id).collect();
        let mut resolutions: BTreeMap<_, _> = read.resolutions(of, &ids)?.into_iter().collect();
        let ledger = self.books.ledger(of);
        for posted in known {
            let resolution = resolutions.remove(&posted.transfer.id);
            ledger.load_transfer(posted, resolution);
        }
        Ok(())
    }

    /// Decides one commit on the state the ones before it left.
    fn decide(&mut self, mut commit: Commit, work: &mut Work<'_>) -> Result<Outcome, StoreError> {
        if let Some(answer) = work.answer(&commit) {
            if answer.digest != commit.digest {
                return Ok(Outcome::KeyReused);
            }
            return work.receipt(commit.institution, answer.position).map(Outcome::Replayed);
        }
        if let Some(key) = conflict(&commit, work) {
            return Ok(Outcome::Conflict(key));
        }
        let slots = self.free_slots(&commit, work);
        let ledger = self.books.ledger(commit.institution);
        let mark = ledger.mark();
        match book(ledger, &mut commit, slots) {
            Ok(results) => self.accept(commit, results, mark, work).map(Outcome::Committed),
            Err((transfer, reject)) => {
                ledger.rollback(mark);
                Ok(Outcome::Rejected { transfer, reject })
            }
        }
    }

    /// The next slots of the lanes in which a commit opens accounts.
    fn free_slots(&self, commit: &Commit, work: &Work<'_>) -> BTreeMap<LaneId, u32> {
        let opened = commit.accounts.iter().filter_map(|change| match change {
            AccountChange::Open(account) => Some(account.lane),
            AccountChange::State(..) | AccountChange::Limits(..) => None,
        });
        let head = |lane| self.head((commit.institution, lane), work);
        opened.map(|lane| (lane, head(lane).accounts)).collect()
    }

    /// Turns a commit whose checks have all passed into rows.
    fn accept(
        &mut self,
        commit: Commit,
        results: Results,
        mark: Mark,
        work: &mut Work<'_>,
    ) -> Result<Receipt, StoreError> {
        let (institution, lane) = (commit.institution, commit.lane);
        let position = work.turn.next_position(work.position)?;
        let ledger = self.books.ledger(institution);
        let changed: Vec<_> = ledger.changed_since(mark).collect();
        let others: BTreeSet<LaneId> =
            changed.iter().map(|(of, _)| *of).filter(|of| *of != lane).collect();
        let booked: Vec<_> = results.iter().map(booked).collect();
        let transfers = created(results);
        work.index_transfers(institution, position, &transfers);
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
        let row = |lane, told_at, body: &LogBody, transfers| LogRow {
            position: 0,
            institution,
            lane,
            seq: 0,
            previous: 0,
            told_at,
            at: commit.at.now,
            actor: commit.actor.clone(),
            command: commit.command.to_owned(),
            key: commit.key.clone(),
            digest: commit.digest,
            body: serde_json::to_vec(body).expect("a log body is plain data"),
            transfers,
            root: Digest::ZERO,
        };
        let seq = self.append(row(lane, 0, &body, encoded(&transfers)), work)?;
        let mut seqs = BTreeMap::from([(lane, seq)]);
        let told = LogBody::told(body.today, Told { lane, seq });
        for other in others {
            seqs.insert(other, self.append(row(other, position, &told, Vec::new()), work)?);
        }
        self.open_slots(institution, &body.accounts, work);
        for group in changed.chunk_by(|a, b| a.0 == b.0) {
            let (of, _) = group[0];
            let (lane, _) = self.books.lane_and_ledger((institution, of));
            group.iter().for_each(|(_, slot)| lane.touch(*slot, seqs[&of]));
        }
        let answer = AnswerRow { digest: commit.digest, position };
        work.batch.answers.insert((institution, commit.key), answer);
        work.write_records(institution, lane, body.records);
        work.write_timers(institution, body.timers);
        work.batch.closed_through.extend(body.close_period.map(|day| (institution, day)));
        Ok(Receipt { lane, seq, answer: body.answer, results: booked })
    }

    /// Gives a row its place in the log and in its lane; answers the place in the lane.
    fn append(&mut self, mut row: LogRow, work: &mut Work<'_>) -> Result<u64, StoreError> {
        let before = self.head((row.institution, row.lane), work);
        row.position = work.turn.next_position(work.position)?;
        row.seq = before.seq + 1;
        row.previous = before.position;
        row.root = row.chained(before.root);
        let head = LaneHead { seq: row.seq, position: row.position, root: row.root, ..before };
        work.position = Some(row.position);
        work.batch.lanes.insert((row.institution, row.lane), head);
        work.batch.log.push(row);
        Ok(head.seq)
    }

    /// The head of a lane as the commits so far left it.
    pub(crate) fn head(&self, of: LaneOf, work: &Work<'_>) -> LaneHead {
        let stored = || self.books.lane(of).expect("loaded before").head;
        work.batch.lanes.get(&of).copied().unwrap_or_else(stored)
    }

    /// Gives the accounts that a commit opened their places.
    pub(crate) fn open_slots(
        &mut self,
        of: InstitutionId,
        changes: &[AccountChange],
        work: &mut Work<'_>,
    ) {
        for change in changes {
            let AccountChange::Open(account) = change else { continue };
            let (id, lane, slot) = (account.id, account.lane, account.slot);
            let index = self.books.ledger(of).index_of(id).expect("opened now");
            self.books.lane_and_ledger((of, lane)).0.open(slot, index);
            let head = LaneHead { accounts: slot + 1, ..self.head((of, lane), work) };
            work.batch.lanes.insert((of, lane), head);
            work.batch.accounts.push((of, id, AccountPlace { lane, slot }));
        }
    }
}

impl Work<'_> {
    fn answer(&self, commit: &Commit) -> Option<AnswerRow> {
        let key = (commit.institution, commit.key.clone());
        self.answers.get(&key).or_else(|| self.batch.answers.get(&key)).copied()
    }

    /// The receipt of an earlier commit, maybe one of this very batch.
    fn receipt(&self, of: InstitutionId, position: u64) -> Result<Receipt, StoreError> {
        let log = &self.batch.log;
        if let Ok(index) = log.binary_search_by_key(&position, |row| row.position) {
            return log[index].receipt();
        }
        self.turn.read().receipt(of, position)
    }

    /// Writes how transfers are found, and what became of those they are about.
    pub(crate) fn index_transfers(
        &mut self,
        of: InstitutionId,
        position: u64,
        transfers: &[Posted],
    ) {
        let resolved = transfers.iter().filter_map(|posted| posted.transfer.resolves());
        self.batch.resolutions.extend(resolved.map(|(id, by)| (of, id, by)));
        let ids = transfers.iter().map(|posted| posted.transfer.id);
        let (points, runs) = places::index(position, ids);
        self.batch.transfers.extend(points.into_iter().map(|(id, place)| (of, id, place)));
        self.batch.runs.extend(runs.into_iter().map(|run| (of, run)));
    }

    pub(crate) fn write_records(
        &mut self,
        institution: InstitutionId,
        lane: LaneId,
        to: Vec<RecordEntry>,
    ) {
        for entry in to {
            let key = RecordKey { institution, kind: entry.kind.clone(), id: entry.id };
            let now = (entry.version, entry.links.clone());
            let (_, links_before) = self.records.insert(key, now).unwrap_or_default();
            self.batch.records.push(RecordWrite { institution, lane, entry, links_before });
        }
    }

    pub(crate) fn write_timers(&mut self, institution: InstitutionId, changes: Vec<TimerChange>) {
        self.batch.timers.extend(changes.into_iter().map(|change| match change {
            TimerChange::Set(timer) => ((institution, timer), true),
            TimerChange::Clear(timer) => ((institution, timer), false),
        }));
    }
}

/// What a batch names.
#[derive(Default)]
pub(crate) struct Touched {
    pub keys: Vec<KeyOf>,
    pub records: BTreeSet<RecordKey>,
    pub books: BTreeMap<InstitutionId, TouchedBooks>,
}

/// Of the books of one institution.
#[derive(Default)]
pub(crate) struct TouchedBooks {
    pub lanes: BTreeSet<LaneId>,
    pub accounts: Vec<AccountId>,
    pub transfers: Vec<TransferId>,
    /// Earlier transfers that others are about.
    pub subjects: Vec<TransferId>,
    pub opened_in: BTreeSet<LaneId>,
}

impl Touched {
    fn by(commits: &[Commit]) -> Self {
        let mut touched = Self::default();
        commits.iter().for_each(|commit| touched.add(commit));
        touched
    }

    fn add(&mut self, commit: &Commit) {
        self.keys.push((commit.institution, commit.key.clone()));
        self.records.extend(touched_records(commit));
        let books = self.books.entry(commit.institution).or_default();
        books.lanes.insert(commit.lane);
        books.add_changes(&commit.accounts);
        for transfer in &commit.transfers {
            books.transfers.push(transfer.id);
            books.accounts.extend([transfer.debit, transfer.credit]);
            books.subjects.extend(transfer.kind.about());
        }
    }

    pub(crate) fn institutions(&self) -> BTreeSet<InstitutionId> {
        self.books.keys().copied().collect()
    }
}

impl TouchedBooks {
    pub(crate) fn add_changes(&mut self, changes: &[AccountChange]) {
        for change in changes {
            self.accounts.push(change.id());
            if let AccountChange::Open(account) = change {
                self.lanes.insert(account.lane);
                self.opened_in.insert(account.lane);
            }
        }
    }
}

/// What was not found before the lanes were locked must not be there after: another node may have
/// made it in between, and this batch would come after it without having seen it.
fn still_missing(
    read: &dyn Read,
    of: InstitutionId,
    subjects: &[TransferId],
    subjects_found: BTreeSet<TransferId>,
    accounts: &[AccountId],
    accounts_found: BTreeSet<AccountId>,
) -> Result<(), StoreError> {
    let subjects = subjects.iter().copied().filter(|id| !subjects_found.contains(id));
    let accounts = accounts.iter().copied().filter(|id| !accounts_found.contains(id));
    let appeared = !places::locate(read, of, subjects)?.is_empty()
        || !read.account_places(of, &Vec::from_iter(accounts))?.is_empty();
    if appeared { Err(StoreError::Contended) } else { Ok(()) }
}

/// The transfers that happened.
fn created(results: Results) -> Vec<Posted> {
    let created = results.into_iter().filter_map(|result| match result {
        Ok(Applied::Created(posted)) => Some(posted),
        Ok(Applied::Exists(_)) | Err(_) => None,
    });
    created.collect()
}

/// Their bytes for the log.
fn encoded(transfers: &[Posted]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(transfers.len() * POSTED_BYTES);
    transfers.iter().for_each(|posted| posted.encode(&mut bytes));
    bytes
}

/// Accounts first, then transfers, then the period. Leaves in the commit the account changes that
/// changed something.
fn book(
    ledger: &mut Ledger,
    commit: &mut Commit,
    mut slots: BTreeMap<LaneId, u32>,
) -> Result<Results, Refusal> {
    let other = |reject| (None, reject);
    let mut accounts = Vec::with_capacity(commit.accounts.len());
    for mut change in commit.accounts.drain(..) {
        if let AccountChange::Open(account) = &mut change {
            account.slot = slots[&account.lane];
        }
        let made = change_account(ledger, change).map_err(other)?;
        if let Some(AccountChange::Open(account)) = &made {
            slots.insert(account.lane, account.slot.saturating_add(1));
        }
        accounts.extend(made);
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
        AccountChange::State(id, state) => {
            ledger.set_state(id, state)?;
            Some(AccountChange::State(id, state))
        }
        AccountChange::Limits(id, limits) => {
            ledger.set_limits(id, limits.clone())?;
            Some(AccountChange::Limits(id, limits))
        }
    };
    let changed = ledger.changed_since(before).next().is_some();
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
fn conflict(commit: &Commit, work: &Work<'_>) -> Option<RecordKey> {
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

fn answer_all(replies: Vec<Reply>, outcomes: Vec<Outcome>) {
    for (reply, outcome) in replies.into_iter().zip(outcomes) {
        answer(reply, Ok(outcome));
    }
}

/// Sends the outcome. Who no longer waits finds it under the idempotency key.
fn answer(reply: Reply, outcome: Result<Outcome, StoreError>) {
    reply.send(outcome).unwrap_or_default();
}
