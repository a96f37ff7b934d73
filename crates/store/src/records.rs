//! Records that were lately read or written, in memory.
//!
//! A command reads a few records and most of them again and again: its caller's key, its contract.
//! Where nobody else writes, what is durable is known here: a record is forgotten before its next
//! version is written, and known again once that is durable. So whoever begins to read after a
//! commit was acknowledged, or after somebody saw it, never gets an older version.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use ledger::InstitutionId;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    RECORDS_CACHED_BYTES_MAX, RecordKey, StoreError, Table, Versioned,
    engine::{Batch, Engine, LaneHead, LaneOf, Read, RecordRow, RecordWrite, Snapshot, Turn},
    query::parse,
};

/// What a record takes beside its body, about.
const RECORD_BYTES: usize = 256;

/// What is known. Writes of records come one after the other.
#[derive(Default)]
pub(crate) struct Records(Mutex<Known>);

/// Two generations: what is used goes to the young one, and when that is full, the old one goes.
#[derive(Default)]
struct Known {
    young: BTreeMap<RecordKey, Arc<Record>>,
    young_bytes: usize,
    old: BTreeMap<RecordKey, Arc<Record>>,
    /// What is being written.
    writing: BTreeSet<RecordKey>,
    /// How many writes have ended.
    writes: u64,
}

/// A record as it is stored, and parsed when it has been read.
pub(crate) struct Record {
    row: RecordRow,
    parsed: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Records {
    /// A record that is known, or else is `stored`.
    pub(crate) fn get(
        &self,
        key: &RecordKey,
        stored: impl FnOnce() -> Result<Option<RecordRow>, StoreError>,
    ) -> Result<Option<Arc<Record>>, StoreError> {
        let mut known = self.lock();
        if let Some(record) = known.get(key) {
            return Ok(Some(record));
        }
        let writes = known.writes;
        drop(known);
        let Some(row) = stored()? else { return Ok(None) };
        let record = Arc::new(Record::of(row));
        let mut known = self.lock();
        // What was written meanwhile may be newer.
        if known.writes == writes && !known.writing.contains(key) {
            known.put(key.clone(), Arc::clone(&record));
        }
        Ok(Some(record))
    }

    /// Forgets what is about to be written. Until the answer is dropped only what is stored
    /// counts.
    pub(crate) fn writing<'a>(&'a self, records: &'a [RecordWrite]) -> Writing<'a> {
        let keys: BTreeSet<_> = records.iter().map(RecordWrite::key).collect();
        let mut known = self.lock();
        for key in &keys {
            known.remove(key);
        }
        known.writing = keys;
        Writing { known: self, records }
    }

    /// A panic leaves nothing half-changed that could be taken for a record.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records that are being written.
pub(crate) struct Writing<'a> {
    known: &'a Records,
    records: &'a [RecordWrite],
}

impl Writing<'_> {
    /// They are durable.
    pub(crate) fn done(self) {
        let records = self.records.iter().map(|it| (it.key(), Arc::new(Record::of(it.row()))));
        let records: Vec<_> = records.collect();
        let mut known = self.known.lock();
        records.into_iter().for_each(|(key, record)| known.put(key, record));
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut known = self.known.lock();
        known.writing.clear();
        known.writes += 1;
    }
}

impl Known {
    fn get(&mut self, key: &RecordKey) -> Option<Arc<Record>> {
        if let Some(record) = self.young.get(key) {
            return Some(Arc::clone(record));
        }
        let (key, record) = self.old.remove_entry(key)?;
        self.put(key, Arc::clone(&record));
        Some(record)
    }

    fn put(&mut self, key: RecordKey, record: Arc<Record>) {
        self.young_bytes += record.bytes();
        if let Some(before) = self.young.insert(key, record) {
            self.young_bytes -= before.bytes();
        }
        if self.young_bytes > RECORDS_CACHED_BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }

    fn remove(&mut self, key: &RecordKey) {
        self.old.remove(key);
        if let Some(record) = self.young.remove(key) {
            self.young_bytes -= record.bytes();
        }
    }
}

impl Record {
    fn of(row: RecordRow) -> Self {
        Self { row, parsed: OnceLock::new() }
    }

    /// Twice its body: it is kept as it is stored, and parsed.
    fn bytes(&self) -> usize {
        RECORD_BYTES + 2 * self.row.body.len()
    }

    #[cfg(test)]
    pub(crate) fn version(&self) -> u64 {
        self.row.version
    }

    /// As the type it is of.
    pub(crate) fn parsed<T>(&self, table: &Table<T>) -> Result<Versioned<T>, StoreError>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let (version, lane) = (self.row.version, self.row.lane);
        let known = self.parsed.get().and_then(|it| it.downcast_ref::<T>());
        if let Some(record) = known.cloned() {
            return Ok(Versioned { version, lane, record });
        }
        let parsed = parse(table, &self.row)?;
        // Somebody else may have been faster.
        drop(self.parsed.set(Box::new(parsed.record.clone())));
        Ok(parsed)
    }
}

impl RecordWrite {
    fn key(&self) -> RecordKey {
        let Self { institution, entry, .. } = self;
        RecordKey { institution: *institution, kind: entry.kind.clone(), id: entry.id }
    }

    fn row(&self) -> RecordRow {
        let Self { lane, entry, .. } = self;
        let (links, body) = (entry.links.clone(), entry.body.get().to_owned());
        RecordRow { id: entry.id, version: entry.version, lane: *lane, links, body }
    }
}

/// An engine whose writes are watched.
pub(crate) struct Watched {
    engine: Arc<dyn Engine>,
    records: Arc<Records>,
}

impl Watched {
    pub(crate) fn by(records: Arc<Records>, engine: Arc<dyn Engine>) -> Self {
        Self { engine, records }
    }
}

impl Engine for Watched {
    fn is_shared(&self) -> bool {
        self.engine.is_shared()
    }

    fn snapshot(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot(of)
    }

    fn snapshot_of_log(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot_of_log(of)
    }

    fn snapshot_of_all(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot_of_all()
    }

    fn turn(&self, of: &BTreeSet<InstitutionId>) -> Result<Box<dyn Turn + '_>, StoreError> {
        Ok(Box::new(WatchedTurn { turn: self.engine.turn(of)?, records: &self.records }))
    }
}

struct WatchedTurn<'e> {
    turn: Box<dyn Turn + 'e>,
    records: &'e Records,
}

impl Snapshot for WatchedTurn<'_> {
    fn read(&self) -> &dyn Read {
        self.turn.read()
    }
}

impl Turn for WatchedTurn<'_> {
    fn lock(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        self.turn.lock(lanes)
    }

    fn next_position(&self, after: Option<u64>) -> Result<u64, StoreError> {
        self.turn.next_position(after)
    }

    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        if batch.records.is_empty() {
            return self.turn.commit(batch);
        }
        let writing = self.records.writing(&batch.records);
        self.turn.commit(batch)?;
        writing.done();
        Ok(())
    }
}
