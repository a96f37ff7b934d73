//! The engine in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Included, Unbounded},
    sync::{RwLock, RwLockReadGuard},
};

use ledger::{
    Account, AccountId, InstitutionId, LaneId, POSTED_BYTES, Posted, Resolution, TransferId,
};
use money::Amount;
use stdx::{Date, Id};

use super::{
    AnswerRow, Batch, Engine, Filter, LaneHead, RecordHead, RecordRow, Resolved, TransferPlace,
    no_row, sum_too_large,
};
use crate::{BookLine, Due, LogRow, RecordKey, StoreError, Timer};

/// Everything in ordered maps behind one lock.
#[derive(Default)]
pub(crate) struct MemEngine(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    log: Vec<LogRow>,
    lanes: BTreeMap<(InstitutionId, LaneId), LaneHead>,
    answers: BTreeMap<(InstitutionId, String), AnswerRow>,
    records: BTreeMap<RecordKey, RecordRow>,
    /// Institution, kind, link name, link key, id.
    links: BTreeSet<(InstitutionId, String, String, String, Id<()>)>,
    accounts: BTreeMap<(InstitutionId, AccountId), Account>,
    transfers: BTreeMap<(InstitutionId, TransferId), TransferPlace>,
    resolutions: BTreeMap<(InstitutionId, TransferId), Resolution>,
    days: BTreeMap<(InstitutionId, AccountId, Date), (Amount, Amount)>,
    timers: BTreeSet<(InstitutionId, Timer)>,
    closed_through: BTreeMap<InstitutionId, Date>,
}

impl Tables {
    fn row(&self, position: u64) -> Option<&LogRow> {
        let index = self.log.binary_search_by_key(&position, |row| row.position);
        index.ok().map(|index| &self.log[index])
    }
}

impl MemEngine {
    fn read(&self) -> Result<RwLockReadGuard<'_, Tables>, StoreError> {
        self.0.read().map_err(|_| poisoned())
    }
}

fn poisoned() -> StoreError {
    StoreError::Unavailable("a write was interrupted".to_owned())
}

impl Engine for MemEngine {
    fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut tables = self.0.write().map_err(|_| poisoned())?;
        tables.log.extend(batch.log.iter().cloned());
        tables.lanes.extend(batch.lanes.iter().map(|(place, head)| (*place, *head)));
        tables.answers.extend(batch.answers.iter().map(|(key, answer)| (key.clone(), *answer)));
        for write in &batch.records {
            let (of, entry) = (write.institution, &write.entry);
            let link = |(name, key): &(String, String)| {
                (of, entry.kind.clone(), name.clone(), key.clone(), entry.id)
            };
            for old in write.links_before.iter().map(link) {
                tables.links.remove(&old);
            }
            tables.links.extend(entry.links.iter().map(link));
            let key = RecordKey { institution: of, kind: entry.kind.clone(), id: entry.id };
            let row = RecordRow {
                id: entry.id,
                version: entry.version,
                lane: write.lane,
                links: entry.links.clone(),
                body: entry.body.get().to_owned(),
            };
            tables.records.insert(key, row);
        }
        for (institution, account) in &batch.accounts {
            tables.accounts.insert((*institution, account.id), account.clone());
        }
        for (institution, id, place) in &batch.transfers {
            tables.transfers.insert((*institution, *id), *place);
        }
        for (institution, id, resolution) in &batch.resolutions {
            tables.resolutions.insert((*institution, *id), *resolution);
        }
        for (key, (debits, credits)) in &batch.days {
            let sums = tables.days.entry(*key).or_default();
            sums.0 += *debits;
            sums.1 += *credits;
        }
        for (timer, set) in &batch.timers {
            match set {
                true => tables.timers.insert(timer.clone()),
                false => tables.timers.remove(timer),
            };
        }
        tables.closed_through.extend(batch.closed_through.iter().map(|(of, day)| (*of, *day)));
        Ok(())
    }

    fn last_position(&self) -> Result<u64, StoreError> {
        Ok(self.read()?.log.last().map_or(0, |row| row.position))
    }

    fn lane(&self, of: InstitutionId, lane: LaneId) -> Result<Option<LaneHead>, StoreError> {
        Ok(self.read()?.lanes.get(&(of, lane)).copied())
    }

    fn answer(&self, of: InstitutionId, key: &str) -> Result<Option<AnswerRow>, StoreError> {
        Ok(self.read()?.answers.get(&(of, key.to_owned())).copied())
    }

    fn record(&self, key: &RecordKey) -> Result<Option<RecordRow>, StoreError> {
        Ok(self.read()?.records.get(key).cloned())
    }

    fn record_head(&self, key: &RecordKey) -> Result<Option<RecordHead>, StoreError> {
        let tables = self.read()?;
        Ok(tables.records.get(key).map(|row| (row.version, row.links.clone())))
    }

    fn account(&self, of: InstitutionId, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.read()?.accounts.get(&(of, id)).cloned())
    }

    fn transfer(&self, of: InstitutionId, id: TransferId) -> Result<Option<Resolved>, StoreError> {
        let tables = self.read()?;
        let Some(place) = tables.transfers.get(&(of, id)) else { return Ok(None) };
        let row = tables.row(place.position).ok_or_else(|| no_row(id))?;
        let bytes = row.transfers.chunks(POSTED_BYTES).nth(place.item as usize).unwrap_or_default();
        let posted = Posted::decode(bytes).map_err(|_| no_row(id))?;
        Ok(Some((posted, tables.resolutions.get(&(of, id)).copied())))
    }

    fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError> {
        Ok(self.read()?.closed_through.get(&of).copied())
    }

    fn log_row(&self, position: u64) -> Result<Option<LogRow>, StoreError> {
        Ok(self.read()?.row(position).cloned())
    }

    fn records(
        &self,
        of: InstitutionId,
        kind: &str,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let tables = self.read()?;
        let key = |id| RecordKey { institution: of, kind: kind.to_owned(), id };
        let after = after.unwrap_or(Id::NIL);
        Ok(match filter {
            Filter::All => {
                let rows = tables.records.range((Excluded(key(after)), Unbounded));
                let rows = rows.take_while(|(at, _)| at.institution == of && at.kind == kind);
                rows.take(limit).map(|(_, row)| row.clone()).collect()
            }
            Filter::Link { name, key: value } => {
                let start = (of, kind.to_owned(), name.to_owned(), value.to_owned(), after);
                let links = tables.links.range((Excluded(start), Unbounded));
                let links = links.take_while(|link| {
                    link.0 == of && link.1 == kind && link.2 == name && link.3 == value
                });
                links.take(limit).filter_map(|it| tables.records.get(&key(it.4)).cloned()).collect()
            }
        })
    }

    fn accounts(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let tables = self.read()?;
        let start = Excluded((of, after.unwrap_or(AccountId::NIL)));
        let rows = tables.accounts.range((start, Unbounded)).take_while(|(key, _)| key.0 == of);
        Ok(rows.take(limit).map(|(_, account)| account.clone()).collect())
    }

    fn log(&self, of: InstitutionId, after: u64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        let tables = self.read()?;
        let start = tables.log.partition_point(|row| row.position <= after);
        let rows = tables.log[start..].iter().filter(|row| row.institution == of);
        Ok(rows.take(limit).cloned().collect())
    }

    fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        limit: usize,
    ) -> Result<Vec<Timer>, StoreError> {
        let tables = self.read()?;
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
        let rows = tables.timers.range((start, Unbounded));
        let rows =
            rows.take_while(|(institution, timer)| *institution == of && timer.due <= through);
        Ok(rows.take(limit).map(|(_, timer)| timer.clone()).collect())
    }

    fn moved_through(
        &self,
        of: InstitutionId,
        id: AccountId,
        day: Date,
    ) -> Result<(Amount, Amount), StoreError> {
        let tables = self.read()?;
        let days = tables.days.range((of, id, Date::MIN)..=(of, id, day));
        Ok(days.fold(Default::default(), |sums: (Amount, Amount), (_, moved)| {
            (sums.0 + moved.0, sums.1 + moved.1)
        }))
    }

    fn lanes(&self, of: InstitutionId) -> Result<Vec<(LaneId, LaneHead)>, StoreError> {
        let tables = self.read()?;
        let lanes = tables.lanes.range((of, LaneId::NIL)..);
        let lanes = lanes.take_while(|((institution, _), _)| *institution == of);
        Ok(lanes.map(|((_, lane), head)| (*lane, *head)).collect())
    }

    fn book(&self, of: InstitutionId, through: Option<Date>) -> Result<Vec<BookLine>, StoreError> {
        let tables = self.read()?;
        let through = through.unwrap_or(Date::MAX);
        let mut lines = BTreeMap::<_, (Amount, Amount)>::new();
        for ((institution, id), account) in tables.accounts.range((of, AccountId::NIL)..) {
            if *institution != of {
                break;
            }
            let line = lines.entry((account.currency, account.code)).or_default();
            for (_, moved) in tables.days.range((of, *id, Date::MIN)..=(of, *id, through)) {
                line.0 = line.0.checked_add(moved.0).ok_or_else(sum_too_large)?;
                line.1 = line.1.checked_add(moved.1).ok_or_else(sum_too_large)?;
            }
        }
        let line =
            |((currency, code), (debits, credits))| BookLine { currency, code, debits, credits };
        Ok(lines.into_iter().map(line).collect())
    }
}
