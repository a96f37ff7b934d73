//! Proof that what is stored follows from the log.
//!
//! Checks share nothing with the pipeline that wrote: chains are followed row by row, and the
//! newest state of everything is added up naively from the log and held against what the queries
//! find. What differs first is named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use ledger::{
    Account, AccountId, CapUse, InstitutionId, Kind, LaneId, Posted, Resolution, TransferId,
    ValueDay,
};
use money::Amount;
use stdx::{Date, Digest, Id, Timestamp};

use crate::{
    AccountChange, Due, LogBody, LogRow, PAGE_MAX, RecordEntry, Store, StoreError, Timer,
    TimerChange,
    audit::Retrace,
    books::each_account,
    engine::{AccountPlace, AnswerRow, Filter, LaneHead, PageRow, Read, RecordRow, Sums, places},
    page,
    query::moved_through,
};

/// How many log rows are in memory at once: one may carry a megabyte of transfers.
const ROWS_AT_ONCE: usize = 32;

/// What [`Store::verify`] went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Rows of the log.
    pub rows: u64,
    /// Transfers that happened.
    pub transfers: u64,
    /// Accounts.
    pub accounts: usize,
    /// Records at their newest version.
    pub records: usize,
    /// As [`Store::state_hash`], from the log alone.
    pub state_hash: Digest,
}

impl Store {
    /// Checks that the hash chains of an institution's log are whole: each row follows from the
    /// one before it in its lane, and the heads are the newest rows. Answers how many rows there
    /// are.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the first row that does not follow.
    pub async fn check_log(&self, of: InstitutionId) -> Result<u64, StoreError> {
        let snapshot = self.snapshot(of)?;
        let mut chains = Chains::default();
        each_row(snapshot.read(), of, |row| chains.follow(row))?;
        chains.check_heads(&snapshot.read().lanes(of)?)?;
        Ok(chains.rows)
    }

    /// Rebuilds an institution's state from its log and compares: chains, transfers and what
    /// became of them, histories, balances in all and by day, account states and limits, records,
    /// links, timers, answers and the closed period. Not compared is how much of a cap is used.
    ///
    /// Memory grows with accounts and records, not with transfers. Commits go on meanwhile; what
    /// is checked is the state at the beginning.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the first difference; [`StoreError::Unavailable`].
    pub async fn verify(&self, of: InstitutionId) -> Result<Verified, StoreError> {
        let snapshot = self.snapshot(of)?;
        let read = snapshot.read();
        let mut replay = Replay::default();
        let mut retrace = Retrace::new(read, of)?;
        each_row(read, of, |row| {
            replay.row(read, row)?;
            retrace.row(row)
        })?;
        replay.chains.check_heads(&read.lanes(of)?)?;
        let verified = replay.summary();
        replay.compare(read, of)?;
        retrace.end()?;
        Ok(verified)
    }
}

/// The digest over the heads of all lanes, in order.
pub(crate) fn state_hash(heads: impl IntoIterator<Item = (LaneId, LaneHead)>) -> Digest {
    let mut bytes = Vec::new();
    for (lane, head) in heads {
        bytes.extend_from_slice(lane.as_bytes());
        bytes.extend_from_slice(&head.seq.to_be_bytes());
        bytes.extend_from_slice(head.root.as_bytes());
    }
    Digest::of(&[&bytes])
}

/// The hash chains of an institution's log, as far as its rows were followed. Memory grows with
/// lanes.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    heads: BTreeMap<LaneId, LaneHead>,
    rows: u64,
}

impl Chains {
    /// How many rows were followed.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// As [`Store::state_hash`] of a store with these rows and no others.
    pub fn state_hash(&self) -> Digest {
        state_hash(self.heads.iter().map(|(lane, head)| (*lane, *head)))
    }

    /// Goes on with the next row of the institution.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it does not follow from the row before it in its lane.
    pub fn follow(&mut self, row: &LogRow) -> Result<(), StoreError> {
        let before = self.heads.get(&row.lane).copied().unwrap_or(LaneHead::EMPTY);
        if !row.follows(before.seq, before.position, before.root) {
            return Err(row.corrupt("does not follow from the row before it"));
        }
        self.rows += 1;
        let (seq, position, root) = (row.seq, row.position, row.root);
        let head = LaneHead { seq, position, root, ..before };
        self.heads.insert(row.lane, head);
        Ok(())
    }

    fn check_heads(&self, stored: &[(LaneId, LaneHead)]) -> Result<(), StoreError> {
        let mut heads = self.heads.clone();
        for (lane, head) in stored {
            // What is in its pages is compared by itself.
            let chained = LaneHead { flushed: 0, accounts: 0, ..*head };
            same("the head of lane", lane, heads.remove(lane).as_ref(), &chained)?;
        }
        none_left("the head of lane", heads.keys())
    }
}

/// The state that follows from the log, added up naively.
#[derive(Default)]
struct Replay {
    chains: Chains,
    transfers: u64,
    accounts: BTreeMap<AccountId, Account>,
    /// Holds that nothing has resolved.
    holds: BTreeMap<TransferId, Amount>,
    resolutions: BTreeMap<TransferId, Resolution>,
    /// As they are stored, of the transfers that were read.
    resolutions_stored: BTreeMap<TransferId, Resolution>,
    days: BTreeMap<(AccountId, Date), Sums>,
    /// How many accounts each lane has.
    opened: BTreeMap<LaneId, u32>,
    /// The newest row that changed an account of the page.
    pages: BTreeMap<(LaneId, u32), u64>,
    /// Pages that the newest commit changed.
    changed: BTreeSet<(LaneId, u32)>,
    records: BTreeMap<(String, Id<()>), RecordRow>,
    timers: BTreeSet<Timer>,
    closed_through: Option<Date>,
}

impl Replay {
    fn row(&mut self, read: &dyn Read, row: &LogRow) -> Result<(), StoreError> {
        self.chains.follow(row)?;
        let (of, body) = (row.institution, row.body()?);
        if body.told_in.is_some() != (row.told_at != 0) {
            return Err(differs("what tells of row", &row.position));
        }
        if let Some(told) = body.told_in {
            let head = self.chains.heads.get(&told.lane);
            let head = head.map(|head| (head.seq, head.position));
            let expected = (told.seq, row.told_at);
            self.date_pages(row);
            return same("the row that tells of row", &row.position, head.as_ref(), &expected);
        }
        self.changed.clear();
        let answer = AnswerRow { digest: row.digest, position: row.position };
        let stored = read.answers(&[(of, row.key.clone())])?.pop().map(|(_, answer)| answer);
        same("the answer to key", &row.key, stored.as_ref(), &answer)?;
        let LogBody { records, accounts, timers, close_period, .. } = body;
        accounts.into_iter().try_for_each(|change| self.change_account(row, change))?;
        let transfers = row.transfers()?;
        let ids = transfers.iter().map(|posted| posted.transfer.id);
        let stored = places::transfers(read, of, ids.clone())?;
        let stored = stored.into_iter().map(|posted| (posted.transfer.id, posted));
        let stored: BTreeMap<TransferId, Posted> = stored.collect();
        self.resolutions_stored.extend(read.resolutions(of, &Vec::from_iter(ids))?);
        for posted in &transfers {
            let id = posted.transfer.id;
            same("transfer", &id, stored.get(&id), posted)?;
            self.post(posted).ok_or_else(|| row.corrupt(&format!("transfer {id} cannot be")))?;
        }
        self.date_pages(row);
        records.into_iter().for_each(|entry| self.write(row.lane, entry));
        for change in timers {
            match change {
                TimerChange::Set(timer) => self.timers.insert(timer),
                TimerChange::Clear(timer) => self.timers.remove(&timer),
            };
        }
        self.closed_through = close_period.or(self.closed_through);
        Ok(())
    }

    /// What the commit changed in this row's lane, it changed with this row.
    fn date_pages(&mut self, row: &LogRow) {
        let pages = self.changed.range((row.lane, 0)..=(row.lane, u32::MAX));
        self.pages.extend(pages.map(|page| (*page, row.seq)));
    }

    fn change_account(&mut self, row: &LogRow, change: AccountChange) -> Result<(), StoreError> {
        let id = change.id();
        let missing = || row.corrupt(&format!("account {id} was not opened"));
        match change {
            AccountChange::Open(account) => {
                *self.opened.entry(account.lane).or_default() += 1;
                self.accounts.insert(id, without_usage(account));
            }
            AccountChange::State(_, state) => {
                self.accounts.get_mut(&id).ok_or_else(missing)?.state = state;
            }
            AccountChange::Limits(_, limits) => {
                let account = self.accounts.remove(&id).ok_or_else(missing)?;
                let account = Account { limits: limits.map(Box::new), ..account };
                self.accounts.insert(id, without_usage(account));
            }
        }
        self.changed.extend(self.accounts.get(&id).map(page_of));
        Ok(())
    }

    /// Adds a transfer up; `None` when it does not fit what was before it.
    fn post(&mut self, posted: &Posted) -> Option<()> {
        let it = &posted.transfer;
        let (moved, held) = match it.kind {
            Kind::Plain => (it.amount, Amount::ZERO),
            Kind::Hold { .. } => (Amount::ZERO, it.amount),
            Kind::Post(hold) => (it.amount, self.release(hold, Resolution::Posted(it.id))?),
            Kind::Void(hold) => (Amount::ZERO, self.release(hold, Resolution::Voided(it.id))?),
            Kind::Expire(hold) => (Amount::ZERO, self.release(hold, Resolution::Expired(it.id))?),
            Kind::Reversal(of) => {
                self.resolutions.insert(of, Resolution::Reversed(it.id));
                (it.amount, Amount::ZERO)
            }
        };
        if it.kind.is_hold() {
            self.holds.insert(it.id, it.amount);
        }
        let debit = self.accounts.get_mut(&it.debit)?;
        add(&mut debit.balances.debits_posted, moved)?;
        add(&mut debit.balances.debits_pending, held)?;
        let debit_previous = debit.last.replace(it.id);
        self.changed.insert(page_of(debit));
        let credit = self.accounts.get_mut(&it.credit)?;
        add(&mut credit.balances.credits_posted, moved)?;
        add(&mut credit.balances.credits_pending, held)?;
        let credit_previous = credit.last.replace(it.id);
        self.changed.insert(page_of(credit));
        if moved.is_positive() {
            add(&mut self.days.entry((it.debit, it.value_date)).or_default().0, moved)?;
            add(&mut self.days.entry((it.credit, it.value_date)).or_default().1, moved)?;
        }
        self.transfers += 1;
        let linked = (debit_previous, credit_previous);
        (linked == (posted.debit_previous, posted.credit_previous)).then_some(())
    }

    /// Resolves a hold; what it adds to the pending sums, which is less than nothing.
    fn release(&mut self, hold: TransferId, resolution: Resolution) -> Option<Amount> {
        self.resolutions.insert(hold, resolution);
        self.holds.remove(&hold)?.checked_neg()
    }

    fn write(&mut self, lane: LaneId, entry: RecordEntry) {
        let RecordEntry { kind, id, version, links, body } = entry;
        let body = body.get().to_owned();
        self.records.insert((kind, id), RecordRow { id, version, lane, links, body });
    }

    fn summary(&self) -> Verified {
        Verified {
            rows: self.chains.rows,
            transfers: self.transfers,
            accounts: self.accounts.len(),
            records: self.records.len(),
            state_hash: self.chains.state_hash(),
        }
    }

    /// Holds what follows from the log against what the queries find.
    fn compare(mut self, read: &dyn Read, of: InstitutionId) -> Result<(), StoreError> {
        for (id, stored) in &self.resolutions_stored {
            same("what became of transfer", id, self.resolutions.remove(id).as_ref(), stored)?;
        }
        none_left("what became of transfer", self.resolutions.keys())?;
        self.compare_links(read, of)?;
        self.compare_records(read, of)?;
        each_account(read, of, |stored| {
            let replayed = self.accounts.remove(&stored.id);
            self.compare_days(read, of, stored)?;
            let replayed = replayed.map(|it| Account { newest: self.newest(it.id), ..it });
            same("account", &stored.id, replayed.as_ref(), &without_usage(stored.clone()))?;
            let place = AccountPlace { lane: stored.lane, slot: stored.slot };
            let found = read.account_places(of, &[stored.id])?.pop().map(|(_, place)| place);
            same("the place of account", &stored.id, found.as_ref(), &place)
        })?;
        none_left("account", self.accounts.keys())?;
        self.compare_pages(read, of)?;
        for through in [Due::Day(Date::MAX), Due::Moment(Timestamp::MAX)] {
            let timers = |last: Option<&Timer>| read.timers(of, through, last, PAGE_MAX);
            each(timers, |it| same("a timer of", &it.subject, self.timers.take(it).as_ref(), it))?;
        }
        none_left("a timer of", self.timers.iter().map(|timer| timer.subject))?;
        match read.closed_through(of)? == self.closed_through {
            true => Ok(()),
            false => Err(differs("the closed period of", &of)),
        }
    }

    fn days_of(&self, account: AccountId) -> impl DoubleEndedIterator<Item = (Date, Sums)> {
        let days = self.days.range((account, Date::MIN)..=(account, Date::MAX));
        days.map(|((_, day), moved)| (*day, *moved))
    }

    fn newest(&self, account: AccountId) -> ValueDay {
        let day = |(date, (debits, credits))| ValueDay { date, debits, credits };
        self.days_of(account).next_back().map(day).unwrap_or_default()
    }

    /// How many accounts a lane has, and which row each page is as of. A page may be older than
    /// its newest change only where that is said.
    fn compare_pages(&self, read: &dyn Read, of: InstitutionId) -> Result<(), StoreError> {
        let lanes: BTreeMap<_, _> = read.lanes(of)?.into_iter().collect();
        for (lane, head) in &lanes {
            let opened = self.opened.get(lane).copied().unwrap_or_default();
            same("the number of accounts of lane", lane, Some(&opened), &head.accounts)?;
            if head.flushed > head.seq {
                return Err(differs("what is flushed of lane", lane));
            }
        }
        let mut stored = BTreeMap::new();
        let pages = |last: Option<&PageRow>| {
            read.pages_after(of, last.map(|it| (it.lane.1, it.number)), PAGE_MAX)
        };
        each(pages, |page| {
            stored.insert((page.lane.1, page.number), page.as_of);
            Ok(())
        })?;
        for ((lane, number), changed) in &self.pages {
            let (head, as_of) = (&lanes[lane], stored.remove(&(*lane, *number)));
            let behind = head.flushed < *changed && as_of.is_none_or(|as_of| as_of < *changed);
            if as_of != Some(*changed) && !behind {
                return Err(differs(&format!("page {number} of lane"), lane));
            }
        }
        none_left("a page of lane", stored.keys().map(|(lane, _)| lane))
    }

    fn compare_days(
        &self,
        read: &dyn Read,
        of: InstitutionId,
        stored: &Account,
    ) -> Result<(), StoreError> {
        let mut sums = Sums::default();
        for (day, moved) in self.days_of(stored.id).chain([(Date::MAX, Sums::default())]) {
            sums = (sums.0 + moved.0, sums.1 + moved.1);
            let found = moved_through(read, of, stored, day)?;
            same("a day's balance of account", &stored.id, Some(&sums), &found)?;
        }
        Ok(())
    }

    fn compare_links(&self, read: &dyn Read, of: InstitutionId) -> Result<(), StoreError> {
        let mut found = BTreeMap::<(&str, &str, &str), BTreeSet<Id<()>>>::new();
        for ((kind, id), row) in &self.records {
            for (name, key) in &row.links {
                found.entry((kind, name, key)).or_default().insert(*id);
            }
        }
        for ((kind, name, key), mut ids) in found {
            let rows = |last: Option<&RecordRow>| {
                let after = last.map(|it| it.id);
                read.records(of, kind, Filter::Link { name, key }, after, PAGE_MAX)
            };
            each(rows, |it| same("a link of", &it.id, ids.take(&it.id).as_ref(), &it.id))?;
            none_left("a link of", &ids)?;
        }
        Ok(())
    }

    fn compare_records(&mut self, read: &dyn Read, of: InstitutionId) -> Result<(), StoreError> {
        let kinds: BTreeSet<String> = self.records.keys().map(|(kind, _)| kind.clone()).collect();
        for kind in kinds {
            let rows = |last: Option<&RecordRow>| {
                read.records(of, &kind, Filter::All, last.map(|it| it.id), PAGE_MAX)
            };
            each(rows, |it| {
                let replayed = self.records.remove(&(kind.clone(), it.id));
                same(&kind, &it.id, replayed.as_ref(), it)
            })?;
        }
        none_left("record", self.records.keys().map(|(kind, id)| format!("{kind} {id}")))
    }
}

fn page_of(account: &Account) -> (LaneId, u32) {
    (account.lane, page::number_of(account.slot))
}

fn add(sum: &mut Amount, more: Amount) -> Option<()> {
    *sum = sum.checked_add(more)?;
    Some(())
}

fn each_row(
    read: &dyn Read,
    of: InstitutionId,
    check: impl FnMut(&LogRow) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let after = |last: Option<&LogRow>| last.map_or(0, |row| row.position);
    each(|last| read.log(of, after(last), ROWS_AT_ONCE), check)
}

/// Goes through page after page, until one is empty.
fn each<T>(
    page_after: impl Fn(Option<&T>) -> Result<Vec<T>, StoreError>,
    mut check: impl FnMut(&T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut page = page_after(None)?;
    while let Some(last) = page.last() {
        page.iter().try_for_each(&mut check)?;
        page = page_after(Some(last))?;
    }
    Ok(())
}

fn same<T: PartialEq>(
    what: &str,
    which: &impl Display,
    replayed: Option<&T>,
    stored: &T,
) -> Result<(), StoreError> {
    if replayed == Some(stored) { Ok(()) } else { Err(differs(what, which)) }
}

/// What follows from the log was all found.
fn none_left(what: &str, left: impl IntoIterator<Item = impl Display>) -> Result<(), StoreError> {
    left.into_iter().next().map_or(Ok(()), |which| Err(differs(what, &which)))
}

fn differs(what: &str, which: &impl Display) -> StoreError {
    StoreError::Corrupt(format!("{what} {which} is not what follows from the log"))
}

/// How much of a cap is used is the ledger's own reckoning.
fn without_usage(mut account: Account) -> Account {
    let caps = account.limits.iter_mut().flat_map(|limits| &mut limits.caps);
    caps.for_each(|cap| cap.usage = CapUse::default());
    account
}
