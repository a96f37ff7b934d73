//! The log as a backup, and a store made from it.
//!
//! Every table follows from the log, so the rows are all that a backup holds; they can be taken
//! from one engine and restored on another.

use std::collections::BTreeSet;

use ledger::{LaneId, Posted, Side};

use crate::{
    AccountChange, LogBody, LogRow, RESTORE_ROWS_MAX, RecordKey, Store, StoreError,
    engine::{AnswerRow, LaneHead},
    pipeline::{Touched, Work, Writer},
};

/// How many log rows are in memory at once: one may carry a megabyte of transfers.
const ROWS_AT_ONCE: usize = 32;

impl Store {
    /// Goes through the log of all institutions after a position, in order, as it is at the
    /// beginning: a consistent cut, while commits go on.
    ///
    /// # Errors
    /// What `see` fails with; [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub fn each_row<E: From<StoreError>>(
        &self,
        after: u64,
        mut see: impl FnMut(LogRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let snapshot = self.engine.snapshot_of_all()?;
        let mut after = after;
        loop {
            let rows = snapshot.read().log_of_all(after, ROWS_AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.position;
            rows.into_iter().try_for_each(&mut see)?;
        }
    }

    /// Takes rows that were written by another store, in their order, and everything that follows
    /// from them. The first ones go into an empty store. A commit's rows come together; they are
    /// the one that tells and those that point at it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the first row that does not follow from those before it, and
    /// nothing of the call is kept; [`StoreError::TooLarge`] beyond [`RESTORE_ROWS_MAX`].
    pub async fn restore(&self, rows: Vec<LogRow>) -> Result<(), StoreError> {
        if rows.len() > RESTORE_ROWS_MAX {
            let (limit, max) = ("RESTORE_ROWS_MAX", RESTORE_ROWS_MAX);
            return Err(StoreError::TooLarge { limit, max });
        }
        self.pipeline.restore(rows).await
    }
}

/// A row, taken apart once.
struct Parsed {
    row: LogRow,
    body: LogBody,
    transfers: Vec<Posted>,
}

impl Writer {
    pub(crate) fn restore(&mut self, rows: Vec<LogRow>) -> Result<(), StoreError> {
        let engine = std::sync::Arc::clone(&self.engine);
        let mut touched = Touched::default();
        let mut parsed = Vec::with_capacity(rows.len());
        for row in rows {
            let (body, transfers) = (row.body()?, row.transfers()?);
            touched.add_row(&row, &body, &transfers);
            parsed.push(Parsed { row, body, transfers });
        }
        let institutions = touched.institutions();
        let turn = engine.turn(&institutions)?;
        let mut work = self.load(turn, touched)?;
        let mut changed = BTreeSet::new();
        for it in parsed {
            self.restore_row(it, &mut changed, &mut work)?;
        }
        let Work { turn, mut batch, .. } = work;
        self.finish(&institutions, &mut batch);
        turn.commit(&batch)?;
        self.settle(&institutions, &batch.lanes);
        Ok(())
    }

    /// `changed` are the slots that the newest commit changed.
    fn restore_row(
        &mut self,
        Parsed { row, body, transfers }: Parsed,
        changed: &mut BTreeSet<(LaneId, u32)>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let (of, lane) = (row.institution, row.lane);
        let before = self.head((of, lane), work);
        if !row.follows(before.seq, before.position, before.root) {
            return Err(row.corrupt("does not follow from the row before it"));
        }
        let (seq, position, root) = (row.seq, row.position, row.root);
        work.batch.lanes.insert((of, lane), LaneHead { seq, position, root, ..before });
        if row.told_at == 0 {
            changed.clear();
            let answer = AnswerRow { digest: row.digest, position };
            work.batch.answers.insert((of, row.key.clone()), answer);
            self.restore_accounts(&row, &body, changed, work)?;
            self.restore_transfers(&row, &transfers, changed, work)?;
            work.index_transfers(of, position, &transfers);
            work.write_records(of, lane, body.records);
            work.write_timers(of, body.timers);
            work.batch.closed_through.extend(body.close_period.map(|day| (of, day)));
        }
        let (books, _) = self.books.lane_and_ledger((of, lane));
        for (_, slot) in changed.range((lane, 0)..=(lane, u32::MAX)) {
            books.touch(*slot, seq);
        }
        work.batch.log.push(row);
        Ok(())
    }

    fn restore_accounts(
        &mut self,
        row: &LogRow,
        body: &LogBody,
        changed: &mut BTreeSet<(LaneId, u32)>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let of = row.institution;
        let cannot = |reject| row.corrupt(&format!("cannot be restored: {reject:?}"));
        for change in &body.accounts {
            let id = change.id();
            let ledger = self.books.ledger(of);
            match change.clone() {
                AccountChange::Open(account) => {
                    ledger.open(account).map_err(cannot)?;
                    let opened = std::slice::from_ref(change);
                    self.open_slots(of, opened, work);
                }
                AccountChange::State(_, state) => ledger.set_state(id, state).map_err(cannot)?,
                AccountChange::Limits(_, limits) => {
                    ledger.set_limits(id, limits).map_err(cannot)?;
                }
            }
            let account = self.books.ledger(of).account(id);
            changed.extend(account.map(|account| (account.lane, account.slot)));
        }
        Ok(())
    }

    fn restore_transfers(
        &mut self,
        row: &LogRow,
        transfers: &[Posted],
        changed: &mut BTreeSet<(LaneId, u32)>,
        work: &mut Work<'_>,
    ) -> Result<(), StoreError> {
        let of = row.institution;
        let ledger = self.books.ledger(of);
        for posted in transfers {
            let it = &posted.transfer;
            let about = it.kind.about().map(|id| ledger.transfer(id).ok_or(id)).transpose();
            let about = about.map_err(|id| row.corrupt(&format!("transfer {id} is not there")))?;
            let held = about.map(|about| about.transfer.amount);
            for (side, id) in [(Side::Debit, it.debit), (Side::Credit, it.credit)] {
                let missing = || row.corrupt(&format!("account {id} is not there"));
                let at = ledger.index_of(id).ok_or_else(missing)?;
                let account = ledger.account_at(at);
                changed.insert((account.lane, account.slot));
                if let Some((account, day)) = ledger.replay(posted, side, at, held) {
                    let sums = work.batch.days.entry((of, account, day.date)).or_default();
                    *sums = (sums.0 + day.debits, sums.1 + day.credits);
                }
            }
            ledger.load_transfer(posted.clone(), None);
        }
        Ok(())
    }
}

impl Touched {
    fn add_row(&mut self, row: &LogRow, body: &LogBody, transfers: &[Posted]) {
        let of = row.institution;
        let records = body.records.iter();
        self.records.extend(records.map(|it| RecordKey {
            institution: of,
            kind: it.kind.clone(),
            id: it.id,
        }));
        let books = self.books.entry(of).or_default();
        books.lanes.insert(row.lane);
        books.add_changes(&body.accounts);
        for posted in transfers {
            books.accounts.extend([posted.transfer.debit, posted.transfer.credit]);
            books.subjects.extend(posted.transfer.kind.about());
        }
    }
}
