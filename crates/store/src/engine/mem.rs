//! The engine in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Included, Unbounded},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use audit::TileId;
use ledger::{AccountId, InstitutionId, LaneId, POSTED_BYTES, Posted, Resolution, TransferId};
use stdx::{Date, Id};

use super::{
    AccountPlace, AnswerRow, Batch, Engine, Filter, KeyOf, LaneHead, LaneOf, PageRow, Read,
    RecordHead, RecordRow, Snapshot, Sums, TransferPlace, Turn, no_transfer, places::Run,
};
use crate::{
    Due, LogRow, RecordKey, StoreError, Timer,
    audit::{LeavesRow, TileRow},
};

/// A database in memory; clones are the same one. It outlives the stores that are opened on it,
/// as a database outlives the processes that use it.
#[derive(Clone, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Ordered maps, all behind one lock.
    tables: RwLock<Tables>,
    /// Who has the turn.
    turn: Mutex<()>,
    fault: Mutex<Option<Fault>>,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing was written.
    Before,
    /// It fails though everything was written: the acknowledgement is lost.
    After,
}

impl Memory {
    /// Lets the next write fail.
    pub fn fail_next_write(&self, fault: Fault) {
        *lock(&self.0.fault) = Some(fault);
    }
}

/// On a database that other stores may use too, or alone.
pub(crate) struct MemEngine {
    pub memory: Memory,
    pub is_shared: bool,
}

#[derive(Default)]
struct Tables {
    log: Vec<LogRow>,
    lanes: BTreeMap<LaneOf, LaneHead>,
    answers: BTreeMap<(InstitutionId, String), AnswerRow>,
    records: BTreeMap<RecordKey, RecordRow>,
    /// Institution, kind, link name, link key, id.
    links: BTreeSet<(InstitutionId, String, String, String, Id<()>)>,
    accounts: BTreeMap<(InstitutionId, AccountId), AccountPlace>,
    pages: BTreeMap<(InstitutionId, LaneId, u32), PageRow>,
    transfers: BTreeMap<(InstitutionId, TransferId), TransferPlace>,
    /// Institution, second, last id.
    runs: BTreeMap<(InstitutionId, u64, TransferId), Run>,
    resolutions: BTreeMap<(InstitutionId, TransferId), Resolution>,
    tiles: BTreeMap<(InstitutionId, TileId), TileRow>,
    leaves: BTreeMap<(InstitutionId, u64), LeavesRow>,
    days: BTreeMap<(InstitutionId, AccountId, Date), Sums>,
    timers: BTreeSet<(InstitutionId, Timer)>,
    closed_through: BTreeMap<InstitutionId, Date>,
}

struct MemSnapshot<'e>(RwLockReadGuard<'e, Tables>);

struct MemTurn<'e> {
    shared: &'e Shared,
    tables: RwLockReadGuard<'e, Tables>,
    _turn: MutexGuard<'e, ()>,
}

/// A panic leaves a write whole or not begun.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn poisoned() -> StoreError {
    StoreError::Unavailable("a write was interrupted".to_owned())
}

impl Engine for MemEngine {
    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn snapshot(&self, _of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.snapshot_of_all()
    }

    fn snapshot_of_all(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let tables = self.memory.0.tables.read().map_err(|_| poisoned())?;
        Ok(Box::new(MemSnapshot(tables)))
    }

    fn turn(&self, _of: &BTreeSet<InstitutionId>) -> Result<Box<dyn Turn + '_>, StoreError> {
        let shared = &*self.memory.0;
        let turn = lock(&shared.turn);
        let tables = shared.tables.read().map_err(|_| poisoned())?;
        Ok(Box::new(MemTurn { shared, tables, _turn: turn }))
    }
}

impl Snapshot for MemSnapshot<'_> {
    fn read(&self) -> &dyn Read {
        &*self.0
    }
}

impl Snapshot for MemTurn<'_> {
    fn read(&self) -> &dyn Read {
        &*self.tables
    }
}

impl Turn for MemTurn<'_> {
    /// Whoever has the turn has every lane.
    fn lock(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        self.tables.heads(lanes)
    }

    fn next_position(&self, after: Option<u64>) -> Result<u64, StoreError> {
        let newest = || self.tables.log.last().map_or(0, |row| row.position);
        Ok(after.unwrap_or_else(newest) + 1)
    }

    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        let Self { shared, tables, _turn: turn } = *self;
        // Nobody else writes: the turn is still ours.
        drop(tables);
        let fault = lock(&shared.fault).take();
        if fault != Some(Fault::Before) {
            shared.tables.write().map_err(|_| poisoned())?.write(batch);
        }
        drop(turn);
        match fault {
            None => Ok(()),
            Some(fault) => Err(StoreError::Unavailable(format!("told to fail: {fault:?}"))),
        }
    }
}

impl Tables {
    fn row(&self, of: InstitutionId, position: u64) -> Option<&LogRow> {
        let index = self.log.binary_search_by_key(&position, |row| row.position);
        index.ok().map(|index| &self.log[index]).filter(|row| row.institution == of)
    }

    fn write(&mut self, batch: &Batch) {
        self.log.extend(batch.log.iter().cloned());
        self.lanes.extend(batch.lanes.iter().map(|(place, head)| (*place, *head)));
        self.answers.extend(batch.answers.iter().map(|(key, answer)| (key.clone(), *answer)));
        for write in &batch.records {
            let (of, entry) = (write.institution, &write.entry);
            let link = |(name, key): &(String, String)| {
                (of, entry.kind.clone(), name.clone(), key.clone(), entry.id)
            };
            for old in write.links_before.iter().map(link) {
                self.links.remove(&old);
            }
            self.links.extend(entry.links.iter().map(link));
            let key = RecordKey { institution: of, kind: entry.kind.clone(), id: entry.id };
            let row = RecordRow {
                id: entry.id,
                version: entry.version,
                lane: write.lane,
                links: entry.links.clone(),
                body: entry.body.get().to_owned(),
            };
            self.records.insert(key, row);
        }
        for (of, id, place) in &batch.accounts {
            self.accounts.insert((*of, *id), *place);
        }
        for page in &batch.pages {
            let (of, lane) = page.lane;
            self.pages.insert((of, lane, page.number), page.clone());
        }
        for (of, id, place) in &batch.transfers {
            self.transfers.insert((*of, *id), *place);
        }
        for (of, run) in &batch.runs {
            self.runs.insert((*of, run.second, run.span.1), run.clone());
        }
        for (of, id, resolution) in &batch.resolutions {
            self.resolutions.insert((*of, *id), *resolution);
        }
        for (key, (debits, credits)) in &batch.days {
            let sums = self.days.entry(*key).or_default();
            *sums = (sums.0 + *debits, sums.1 + *credits);
        }
        for (timer, set) in &batch.timers {
            match set {
                true => self.timers.insert(timer.clone()),
                false => self.timers.remove(timer),
            };
        }
        for (of, tile) in &batch.tiles {
            let stored = self.tiles.entry((*of, tile.id)).or_insert_with(|| tile.clone());
            if tile.hashes.len() > stored.hashes.len() {
                stored.clone_from(tile);
            }
        }
        for (of, leaves) in &batch.leaves {
            let stored = self.leaves.entry((*of, leaves.first)).or_insert_with(|| leaves.clone());
            if leaves.positions.len() > stored.positions.len() {
                stored.clone_from(leaves);
            }
        }
        self.closed_through.extend(batch.closed_through.iter().map(|(of, day)| (*of, *day)));
    }
}

impl Read for Tables {
    fn heads(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        Ok(lanes.iter().filter_map(|of| Some((*of, *self.lanes.get(of)?))).collect())
    }

    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError> {
        let lanes = self.lanes.range((of, LaneId::NIL)..);
        let lanes = lanes.take_while(|((institution, _), _)| *institution == of);
        Ok(lanes.map(|((_, lane), head)| (*lane, *head)).collect())
    }

    fn answers(&self, keys: &[KeyOf]) -> Result<Vec<(KeyOf, AnswerRow)>, StoreError> {
        let answer = |key: &(_, _)| Some((key.clone(), *self.answers.get(key)?));
        Ok(keys.iter().filter_map(answer).collect())
    }

    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        Ok(self.records.get(key).cloned())
    }

    fn record_heads(&self, keys: &[RecordKey]) -> Result<Vec<(RecordKey, RecordHead)>, StoreError> {
        let head = |key: &RecordKey| {
            let row = self.records.get(key)?;
            Some((key.clone(), (row.version, row.links.clone())))
        };
        Ok(keys.iter().filter_map(head).collect())
    }

    fn records(
        &self,
        of: InstitutionId,
        kind: &str,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let key = |id| RecordKey { institution: of, kind: kind.to_owned(), id };
        let after = after.unwrap_or(Id::NIL);
        Ok(match filter {
            Filter::All => {
                let rows = self.records.range((Excluded(key(after)), Unbounded));
                let rows = rows.take_while(|(at, _)| at.institution == of && at.kind == kind);
                rows.take(limit).map(|(_, row)| row.clone()).collect()
            }
            Filter::Link { name, key: value } => {
                let start = (of, kind.to_owned(), name.to_owned(), value.to_owned(), after);
                let links = self.links.range((Excluded(start), Unbounded));
                let links = links.take_while(|link| {
                    link.0 == of && link.1 == kind && link.2 == name && link.3 == value
                });
                links.take(limit).filter_map(|it| self.records.get(&key(it.4)).cloned()).collect()
            }
        })
    }

    fn account_places(
        &self,
        of: InstitutionId,
        ids: &[AccountId],
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError> {
        Ok(ids.iter().filter_map(|id| Some((*id, *self.accounts.get(&(of, *id))?))).collect())
    }

    fn account_places_after(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<(AccountId, AccountPlace)>, StoreError> {
        let start = Excluded((of, after.unwrap_or(AccountId::NIL)));
        let rows = self.accounts.range((start, Unbounded)).take_while(|(key, _)| key.0 == of);
        Ok(rows.take(limit).map(|((_, id), place)| (*id, *place)).collect())
    }

    fn pages(&self, lane: LaneOf, numbers: &[u32]) -> Result<Vec<PageRow>, StoreError> {
        let page = |number: &u32| self.pages.get(&(lane.0, lane.1, *number)).cloned();
        Ok(numbers.iter().filter_map(page).collect())
    }

    fn pages_after(
        &self,
        of: InstitutionId,
        after: Option<(LaneId, u32)>,
        limit: usize,
    ) -> Result<Vec<PageRow>, StoreError> {
        let first = Included((of, LaneId::NIL, 0));
        let start = after.map_or(first, |(lane, number)| Excluded((of, lane, number)));
        let rows = self.pages.range((start, Unbounded)).take_while(|(key, _)| key.0 == of);
        Ok(rows.take(limit).map(|(_, page)| page.clone()).collect())
    }

    fn points(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
        Ok(ids.iter().filter_map(|id| Some((*id, *self.transfers.get(&(of, *id))?))).collect())
    }

    fn points_between(
        &self,
        of: InstitutionId,
        span: (TransferId, TransferId),
        limit: usize,
    ) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
        let rows = self.transfers.range((of, span.0)..=(of, span.1));
        Ok(rows.take(limit).map(|((_, id), place)| (*id, *place)).collect())
    }

    fn runs(
        &self,
        of: InstitutionId,
        second: u64,
        span: (TransferId, TransferId),
    ) -> Result<Vec<Run>, StoreError> {
        let last = TransferId::from_bytes([u8::MAX; 16]);
        let runs = self.runs.range((of, second, span.0)..=(of, second, last));
        let runs = runs.map(|(_, run)| run);
        Ok(runs.filter(|run| run.span.0 <= span.1).cloned().collect())
    }

    fn posted(&self, of: InstitutionId, at: &[TransferPlace]) -> Result<Vec<Posted>, StoreError> {
        let posted = |place: &TransferPlace| {
            let row = self.row(of, place.position)?;
            let bytes = row.transfers.chunks(POSTED_BYTES).nth(place.item as usize)?;
            Posted::decode(bytes).ok()
        };
        at.iter().map(|place| posted(place).ok_or_else(|| no_transfer(*place))).collect()
    }

    fn resolutions(
        &self,
        of: InstitutionId,
        ids: &[TransferId],
    ) -> Result<Vec<(TransferId, Resolution)>, StoreError> {
        Ok(ids.iter().filter_map(|id| Some((*id, *self.resolutions.get(&(of, *id))?))).collect())
    }

    fn leaves(&self, of: InstitutionId, position: u64) -> Result<Option<LeavesRow>, StoreError> {
        let mut found = self.leaves.range((of, 0)..=(of, position));
        Ok(found.next_back().map(|(_, it)| it.clone()))
    }

    fn tile(&self, of: InstitutionId, id: TileId) -> Result<Option<TileRow>, StoreError> {
        Ok(self.tiles.get(&(of, id)).cloned())
    }

    fn tile_counts(&self, of: InstitutionId) -> Result<(u64, u64), StoreError> {
        let tiles = self.tiles.keys().filter(|(it, _)| *it == of).count();
        let leaves = self.leaves.keys().filter(|(it, _)| *it == of).count();
        Ok((tiles as u64, leaves as u64))
    }

    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError> {
        Ok(self.closed_through.get(&of).copied())
    }

    fn older_days(
        &self,
        of: InstitutionId,
        account: AccountId,
        through: Date,
    ) -> Result<Sums, StoreError> {
        let days = self.days.range((of, account, Date::MIN)..=(of, account, through));
        Ok(days.fold(Default::default(), |sums: Sums, (_, moved)| {
            (sums.0 + moved.0, sums.1 + moved.1)
        }))
    }

    fn older_days_from(
        &self,
        of: InstitutionId,
        accounts: &[AccountId],
        from: Date,
        rest: Date,
    ) -> Result<Vec<(AccountId, Date, Sums)>, StoreError> {
        let mut sums = BTreeMap::<(AccountId, Date), Sums>::new();
        for account in accounts {
            let rows = self.days.range((of, *account, from)..=(of, *account, Date::MAX));
            for ((_, account, day), moved) in rows {
                let sum = sums.entry((*account, rest.min(*day))).or_default();
                *sum = (sum.0 + moved.0, sum.1 + moved.1);
            }
        }
        Ok(sums.into_iter().map(|((account, day), sum)| (account, day, sum)).collect())
    }

    fn log_row(&self, of: InstitutionId, position: u64) -> Result<Option<LogRow>, StoreError> {
        Ok(self.row(of, position).cloned())
    }

    fn log_link(&self, of: InstitutionId, position: u64) -> Result<Option<(u64, u64)>, StoreError> {
        Ok(self.row(of, position).map(|row| (row.seq, row.previous)))
    }

    fn log(&self, of: InstitutionId, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        let start = self.log.partition_point(|row| row.position <= after);
        let rows = self.log[start..].iter().filter(|row| row.institution == of);
        Ok(rows.take(limit).cloned().collect())
    }

    fn log_of_all(&self, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        let start = self.log.partition_point(|row| row.position <= after);
        Ok(self.log[start..].iter().take(limit).cloned().collect())
    }

    fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        limit: usize,
    ) -> Result<Vec<Timer>, StoreError> {
        let first = Timer {
            due: match through {
                Due::Day(_) => Due::Day(Date::MIN),
                Due::Moment(_) => Due::Moment(stdx::Timestamp::MIN),
            },
            kind: String::new(),
            subject: Id::NIL,
            lane: LaneId::NIL,
        };
        let start = after.map_or(Included((of, first)), |timer| Excluded((of, timer.clone())));
        let rows = self.timers.range((start, Unbounded));
        let rows =
            rows.take_while(|(institution, timer)| *institution == of && timer.due <= through);
        Ok(rows.take(limit).map(|(_, timer)| timer.clone()).collect())
    }
}
