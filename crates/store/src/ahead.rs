//! Deciding while the batch before is being written.
//!
//! A large batch takes the disk as long as it takes the processor. So one thread writes it while
//! the writer goes on with the next one, on the state that it will leave. Nobody is answered
//! before it is durable, and when it fails, what was decided on it fails with it.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender, TryRecvError},
    },
    thread::{self, JoinHandle},
};

use audit::TileId;
use ledger::{AccountId, InstitutionId, LaneId, Posted, Resolution, TransferId};
use stdx::{Date, Id};

use crate::{
    Due, LogRow, RecordKey, StoreError, Timer,
    audit::{LeavesRow, TileRow},
    engine::{
        AccountPlace, AnswerRow, Batch, Engine, Filter, KeyOf, LaneHead, LaneOf, PageRow, Read,
        RecordHead, RecordRow, Snapshot, Sums, TransferPlace, Turn, places::Run,
    },
};

/// The fewest transfers of a batch that is written beside the next one. Smaller ones would only
/// fall into more pieces.
pub(crate) const TRANSFERS_MIN: usize = if cfg!(test) { 12 } else { 2_000 };

/// The thread that writes.
pub(crate) struct Committer {
    batches: Option<SyncSender<Arc<Batch>>>,
    written: Receiver<Result<(), StoreError>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// `wake` is called after each batch.
    pub(crate) fn start(
        engine: Arc<dyn Engine>,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (batches, given) = mpsc::sync_channel::<Arc<Batch>>(1);
        let (done, written) = mpsc::sync_channel(1);
        let write = move || {
            for batch in given {
                let institutions = batch.log.iter().map(|row| row.institution).collect();
                let write = || engine.turn(&institutions)?.commit(&batch);
                let panicked = |_| Err(StoreError::Unavailable("the writer panicked".to_owned()));
                let result = catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(panicked);
                drop(batch);
                if done.send(result).is_err() {
                    return;
                }
                wake();
            }
        };
        let thread = thread::Builder::new().name("store-committer".to_owned()).spawn(write);
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { batches: Some(batches), written, thread: Some(thread) })
    }

    /// Begins to write; one batch at a time.
    pub(crate) fn begin(&self, batch: Arc<Batch>) -> Result<(), StoreError> {
        let batches = self.batches.as_ref().ok_or_else(stopped)?;
        batches.send(batch).map_err(|_| stopped())
    }

    /// Whether the batch is durable, if it is known.
    pub(crate) fn ended(&self) -> Option<Result<(), StoreError>> {
        match self.written.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(stopped())),
        }
    }

    /// Waits until the batch is durable.
    pub(crate) fn end(&self) -> Result<(), StoreError> {
        self.written.recv().map_err(|_| stopped())?
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            thread.join().unwrap_or_default();
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the committer has stopped".to_owned())
}

/// What is stored, and over it a batch that is being written: before, in the middle or after, it
/// looks the same. Only what a writer looks at sees the batch.
pub(crate) struct Ahead<'e> {
    stored: Box<dyn Snapshot + 'e>,
    batch: Arc<Batch>,
}

impl<'e> Ahead<'e> {
    pub(crate) fn of(stored: Box<dyn Snapshot + 'e>, batch: Arc<Batch>) -> Self {
        Self { stored, batch }
    }

    fn stored(&self) -> &dyn Read {
        self.stored.read()
    }

    fn row(&self, of: InstitutionId, position: u64) -> Option<&LogRow> {
        let index = self.batch.log.binary_search_by_key(&position, |row| row.position).ok()?;
        Some(&self.batch.log[index]).filter(|row| row.institution == of)
    }

    fn points_of(&self, of: InstitutionId) -> impl Iterator<Item = (TransferId, TransferPlace)> {
        let points = self.batch.transfers.iter().filter(move |it| it.0 == of);
        points.map(|(_, id, place)| (*id, *place))
    }
}

impl Snapshot for Ahead<'_> {
    fn read(&self) -> &dyn Read {
        self
    }
}

impl Turn for Ahead<'_> {
    fn lock(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        self.heads(lanes)
    }

    fn next_position(&self, after: Option<u64>) -> Result<u64, StoreError> {
        let newest = self.batch.log.last().map(|row| row.position);
        let missing = || StoreError::Corrupt("a batch without a row is being written".to_owned());
        Ok(after.or(newest).ok_or_else(missing)? + 1)
    }

    fn commit(self: Box<Self>, _: &Batch) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("the batch before is still being written".to_owned()))
    }
}

impl Read for Ahead<'_> {
    fn heads(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        let (ours, others): (Vec<_>, Vec<_>) =
            lanes.iter().copied().partition(|of| self.batch.lanes.contains_key(of));
        let mut heads = self.stored().heads(&others)?;
        heads.extend(ours.into_iter().map(|of| (of, self.batch.lanes[&of])));
        Ok(heads)
    }

    fn answers(&self, keys: &[KeyOf]) -> Result<Vec<(KeyOf, AnswerRow)>, StoreError> {
        let mut answers = self.stored().answers(keys)?;
        let ours = keys.iter().filter_map(|key| Some((key, self.batch.answers.get(key)?)));
        answers.extend(ours.map(|(key, answer)| (key.clone(), *answer)));
        Ok(answers)
    }

    fn record_heads(&self, keys: &[RecordKey]) -> Result<Vec<(RecordKey, RecordHead)>, StoreError> {
        let mut heads = self.stored().record_heads(keys)?;
        // Asked for in order. The newest comes last, and later ones of a key win.
        for write in &self.batch.records {
            let (institution, entry) = (write.institution, &write.entry);
            let key = RecordKey { institution, kind: entry.kind.clone(), id: entry.id };
            if keys.binary_search(&key).is_ok() {
                heads.push((key, (entry.version, entry.links.clone())));
            }
        }
        Ok(heads)
    }

    fn account_places(
        &self,
        of: InstitutionId,
        ids: &[AccountId],
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError> {
        let mut places = self.stored().account_places(of, ids)?;
        // Asked for in order.
        let ours = |id: &AccountId| ids.binary_search(id).is_ok();
        let opened = self.batch.accounts.iter().filter(|it| it.0 == of && ours(&it.1));
        places.extend(opened.map(|(_, id, place)| (*id, *place)));
        Ok(places)
    }

    fn points(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
        let mut points = self.stored().points(of, ids)?;
        // Asked for in order.
        points.extend(self.points_of(of).filter(|(id, _)| ids.binary_search(id).is_ok()));
        Ok(points)
    }

    fn points_between(
        &self,
        of: InstitutionId,
        span: (TransferId, TransferId),
        limit: usize,
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
        let mut points = self.stored().points_between(of, span, limit)?;
        let ours = self.points_of(of).filter(|(id, _)| (span.0..=span.1).contains(id));
        points.extend(ours);
        Ok(points)
    }

    fn runs(
        &self,
        of: InstitutionId,
        second: u64,
        span: (TransferId, TransferId),
    ) -> Result<Vec<Run>, StoreError> {
        let mut runs = self.stored().runs(of, second, span)?;
        let ours = self.batch.runs.iter().filter(|(its, run)| {
            (*its, run.second) == (of, second) && run.span.0 <= span.1 && span.0 <= run.span.1
        });
        runs.extend(ours.map(|(_, run)| run.clone()));
        Ok(runs)
    }

    fn posted(&self, of: InstitutionId, at: &[TransferPlace]) -> Result<Vec<Posted>, StoreError> {
        let is_ours = |place: &&TransferPlace| self.row(of, place.position).is_some();
        let others: Vec<_> = at.iter().filter(|place| !is_ours(place)).copied().collect();
        let mut others = self.stored().posted(of, &others)?.into_iter();
        let mut posted = Vec::with_capacity(at.len());
        for place in at {
            match self.row(of, place.position) {
                Some(row) => posted.push(row.transfer(place.item)?),
                None => posted.extend(others.next()),
            }
        }
        Ok(posted)
    }

    fn resolutions(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, Resolution)>, StoreError> {
        let mut resolutions = self.stored().resolutions(of, ids)?;
        let ids: BTreeSet<_> = ids.iter().collect();
        let ours = self.batch.resolutions.iter().filter(|it| it.0 == of && ids.contains(&it.1));
        resolutions.extend(ours.map(|(_, id, resolution)| (*id, *resolution)));
        Ok(resolutions)
    }

    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError> {
        let stored = self.stored().closed_through(of)?;
        Ok(self.batch.closed_through.get(&of).copied().or(stored))
    }

    fn log_row(&self, of: InstitutionId, position: u64) -> Result<Option<LogRow>, StoreError> {
        match self.row(of, position) {
            Some(row) => Ok(Some(row.clone())),
            None => self.stored().log_row(of, position),
        }
    }

    fn log_link(&self, of: InstitutionId, position: u64) -> Result<Option<(u64, u64)>, StoreError> {
        match self.row(of, position) {
            Some(row) => Ok(Some((row.seq, row.previous))),
            None => self.stored().log_link(of, position),
        }
    }

    fn pages(&self, lane: LaneOf, numbers: &[u32]) -> Result<Vec<PageRow>, StoreError> {
        let ours = |page: &&PageRow| page.lane == lane && numbers.contains(&page.number);
        let mut pages: Vec<_> = self.batch.pages.iter().filter(ours).cloned().collect();
        let others = numbers.iter().copied();
        let others = others.filter(|number| pages.iter().all(|page| page.number != *number));
        pages.extend(self.stored().pages(lane, &Vec::from_iter(others))?);
        Ok(pages)
    }

    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError> {
        self.stored().lanes(of)
    }

    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        self.stored().record(key)
    }

    fn records(
        &self,
        of: InstitutionId,
        kind: &str,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        self.stored().records(of, kind, filter, after, limit)
    }

    fn account_places_after(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError> {
        self.stored().account_places_after(of, after, limit)
    }

    fn pages_after(
        &self,
        of: InstitutionId,
        after: Option<(LaneId, u32)>,
        limit: usize,
    ) -> Result<Vec<PageRow>, StoreError> {
        self.stored().pages_after(of, after, limit)
    }

    fn leaves(&self, of: InstitutionId, position: u64) -> Result<Option<LeavesRow>, StoreError> {
        self.stored().leaves(of, position)
    }

    fn tile(&self, of: InstitutionId, id: TileId) -> Result<Option<TileRow>, StoreError> {
        self.stored().tile(of, id)
    }

    fn tile_counts(&self, of: InstitutionId) -> Result<(u64, u64), StoreError> {
        self.stored().tile_counts(of)
    }

    fn older_days(
        &self,
        of: InstitutionId,
        account: AccountId,
        through: Date,
    ) -> Result<Sums, StoreError> {
        self.stored().older_days(of, account, through)
    }

    fn older_days_from(
        &self,
        of: InstitutionId,
        accounts: &[AccountId],
        from: Date,
        rest: Date,
    ) -> Result<Vec<(AccountId, Date, Sums)>, StoreError> {
        self.stored().older_days_from(of, accounts, from, rest)
    }

    fn log(&self, of: InstitutionId, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        self.stored().log(of, after, limit)
    }

    fn log_of_all(&self, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        self.stored().log_of_all(after, limit)
    }

    fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        limit: usize,
    ) -> Result<Vec<Timer>, StoreError> {
        self.stored().timers(of, through, after, limit)
    }
}
