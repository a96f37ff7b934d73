//! How things are read.
//!
//! Reads see what is durable. Accounts of a lane whose newest rows are not in its pages yet are
//! asked of the writer, which has them in memory; everything else comes from the engine.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Account, AccountId, Code, InstitutionId, LaneId, Posted, Resolution, TransferId};
use money::{Amount, Currency};
use serde::{Serialize, de::DeserializeOwned};
use stdx::{Date, Digest, Id};

use crate::{
    COMMIT_TRANSFERS_MAX, Due, LogRow, PAGE_MAX, Receipt, Store, StoreError, Table, Timer, books,
    engine::{
        AccountPlace, Filter, Read, RecordRow, Snapshot, Sums, page_accounts, places, sum_too_large,
    },
    page,
};

/// Some things, and where the next ones start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The things.
    pub data: Vec<T>,
    /// The cursor of the next page; `None` when this is the last.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// The page from one thing more than was wanted.
    fn cut(mut data: Vec<T>, limit: usize, cursor: impl Fn(&T) -> C) -> Self {
        let more = data.len() > limit;
        data.truncate(limit);
        let next = data.last().filter(|_| more).map(cursor);
        Self { data, next }
    }
}

/// A record with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// From 1; what a writer expects.
    pub version: u64,
    /// The lane it lives in.
    pub lane: LaneId,
    /// The record.
    pub record: T,
}

/// A record with its id and version.
pub type Stored<T> = (Id<()>, Versioned<T>);

/// One line of the books: all accounts of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookLine {
    /// The book.
    pub currency: Currency,
    /// The code in the chart of accounts.
    pub code: Code,
    /// Debits posted.
    pub debits: Amount,
    /// Credits posted.
    pub credits: Amount,
}

/// The books of a code through time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookDays {
    /// The book.
    pub currency: Currency,
    /// The code in the chart of accounts.
    pub code: Code,
    /// Debits and credits posted with value dates before the first day.
    pub opening: Sums,
    /// The same of each value date from it on, of those on which something was posted.
    pub days: BTreeMap<Date, Sums>,
}

/// An account with what was posted to it through a value date.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The account.
    pub account: Account,
    /// Debits and credits posted.
    pub moved: Sums,
}

/// One line of an account's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountMove {
    /// The transfer.
    pub posted: Posted,
    /// What became of it.
    pub resolution: Option<Resolution>,
}

/// Of how many accounts the days are read together.
const ACCOUNTS_AT_ONCE: usize = if cfg!(test) { 3 } else { 1_024 };

/// The receipt of a key used before and the digest of the request it was used for.
type Answered = Option<(Digest, Receipt)>;

impl Store {
    pub(crate) fn snapshot(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot(of)
    }

    /// A record.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn get<T, I>(
        &self,
        table: &Table<T>,
        of: InstitutionId,
        id: Id<I>,
    ) -> Result<Option<Versioned<T>>, StoreError>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let key = table.key(of, id);
        let stored = || self.snapshot(of)?.read().record(&key);
        let Some(records) = &self.records else {
            return stored()?.map(|row| parse(table, &row)).transpose();
        };
        records.get(&key, stored)?.map(|record| record.parsed(table)).transpose()
    }

    /// All records of a kind, oldest first.
    ///
    /// # Errors
    /// As [`Store::get`], and [`StoreError::TooLarge`] beyond [`PAGE_MAX`].
    pub async fn list<T>(
        &self,
        table: &Table<T>,
        of: InstitutionId,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Stored<T>, Id<()>>, StoreError>
    where
        T: Serialize + DeserializeOwned,
    {
        self.page(table, of, Filter::All, after, limit)
    }

    /// The records of a kind with a lookup key, oldest first.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn find<T>(
        &self,
        table: &Table<T>,
        of: InstitutionId,
        link: (&str, &str),
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Stored<T>, Id<()>>, StoreError>
    where
        T: Serialize + DeserializeOwned,
    {
        let (name, key) = link;
        self.page(table, of, Filter::Link { name, key }, after, limit)
    }

    fn page<T>(
        &self,
        table: &Table<T>,
        of: InstitutionId,
        filter: Filter<'_>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Stored<T>, Id<()>>, StoreError>
    where
        T: Serialize + DeserializeOwned,
    {
        let limit = page_limit(limit)?;
        let rows = self.snapshot(of)?.read().records(of, table.kind, filter, after, limit + 1)?;
        let parse = |row: &RecordRow| Ok((row.id, parse(table, row)?));
        let data = rows.iter().map(parse).collect::<Result<_, StoreError>>()?;
        Ok(Page::cut(data, limit, |(id, _)| *id))
    }

    /// What an idempotency key was used for.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn answered(&self, of: InstitutionId, key: &str) -> Result<Answered, StoreError> {
        let snapshot = self.snapshot(of)?;
        let found = snapshot.read().answers(&[(of, key.to_owned())])?;
        let Some((_, answer)) = found.first() else { return Ok(None) };
        Ok(Some((answer.digest, snapshot.read().receipt(of, answer.position)?)))
    }

    /// An account with its balances.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn account(
        &self,
        of: InstitutionId,
        id: AccountId,
    ) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts_of(of, &[id]).await?.pop())
    }

    /// Accounts with their balances, of those that there are, in order of id.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn accounts_of(
        &self,
        of: InstitutionId,
        ids: &[AccountId],
    ) -> Result<Vec<Account>, StoreError> {
        if ids.len() > COMMIT_TRANSFERS_MAX {
            let (limit, max) = ("COMMIT_TRANSFERS_MAX", COMMIT_TRANSFERS_MAX);
            return Err(StoreError::TooLarge { limit, max });
        }
        let places = self.snapshot(of)?.read().account_places(of, ids)?;
        self.accounts_at(of, places).await
    }

    /// The lanes of accounts, of those that there are.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn lanes_of(
        &self,
        of: InstitutionId,
        ids: &[AccountId],
    ) -> Result<BTreeSet<LaneId>, StoreError> {
        let places = self.snapshot(of)?.read().account_places(of, ids)?;
        Ok(places.into_iter().map(|(_, place)| place.lane).collect())
    }

    async fn accounts_at(
        &self,
        of: InstitutionId,
        places: Vec<(AccountId, AccountPlace)>,
    ) -> Result<Vec<Account>, StoreError> {
        let (mut accounts, in_memory) = stored(self.snapshot(of)?.read(), of, &places)?;
        if !in_memory.is_empty() {
            accounts.extend(self.pipeline.accounts(of, in_memory).await?);
        }
        accounts.sort_unstable_by_key(|account| account.id);
        Ok(accounts)
    }

    /// All accounts, in order of id.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn accounts(
        &self,
        of: InstitutionId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Page<Account, AccountId>, StoreError> {
        let limit = page_limit(limit)?;
        let places = self.snapshot(of)?.read().account_places_after(of, after, limit + 1)?;
        let accounts = self.accounts_at(of, places).await?;
        Ok(Page::cut(accounts, limit, |account| account.id))
    }

    /// A transfer and what became of it.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn transfer(
        &self,
        of: InstitutionId,
        id: TransferId,
    ) -> Result<Option<AccountMove>, StoreError> {
        account_move(self.snapshot(of)?.read(), of, id)
    }

    /// The row of the log that booked a transfer.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn booking(
        &self,
        of: InstitutionId,
        id: TransferId,
    ) -> Result<Option<LogRow>, StoreError> {
        let snapshot = self.snapshot(of)?;
        let place = places::locate(snapshot.read(), of, std::iter::once(id))?.remove(&id);
        let Some(place) = place else { return Ok(None) };
        snapshot.read().log_row(of, place.position)
    }

    /// The row of the log at a position.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn log_row(
        &self,
        of: InstitutionId,
        position: u64,
    ) -> Result<Option<LogRow>, StoreError> {
        self.snapshot(of)?.read().log_row(of, position)
    }

    /// The transfers of an account, newest first, from `from` on or from the newest. The cursor
    /// is the next transfer.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn history(
        &self,
        of: InstitutionId,
        account: AccountId,
        from: Option<TransferId>,
        limit: usize,
    ) -> Result<Page<AccountMove, TransferId>, StoreError> {
        let limit = page_limit(limit)?;
        let mut next = match from {
            Some(id) => Some(id),
            None => self.account(of, account).await?.and_then(|it| it.last),
        };
        let mut data = Vec::new();
        let snapshot = self.snapshot(of)?;
        while let Some(id) = next.filter(|_| data.len() < limit) {
            let found = account_move(snapshot.read(), of, id)?;
            let sides = |it: &AccountMove| [it.posted.transfer.debit, it.posted.transfer.credit];
            // A cursor of another account leads nowhere.
            let found = found.filter(|it| sides(it).contains(&account));
            next = found.as_ref().and_then(|AccountMove { posted, .. }| {
                match posted.transfer.debit == account {
                    true => posted.debit_previous,
                    false => posted.credit_previous,
                }
            });
            data.extend(found);
        }
        Ok(Page { data, next })
    }

    /// Debits and credits posted to an account with a value date through a day.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn moved_through(
        &self,
        of: InstitutionId,
        account: AccountId,
        day: Date,
    ) -> Result<Sums, StoreError> {
        {
            let snapshot = self.snapshot(of)?;
            let read = snapshot.read();
            let places = read.account_places(of, &[account])?;
            let (found, in_memory) = stored(read, of, &places)?;
            if in_memory.is_empty() {
                let moved = found.first().map(|account| moved_through(read, of, account, day));
                return Ok(moved.transpose()?.unwrap_or_default());
            }
        }
        self.pipeline.moved_through(of, account, day).await
    }

    /// The books: debits and credits by currency and code, through a value date or altogether, in
    /// order of both.
    ///
    /// # Errors
    /// As [`Store::get`], and [`StoreError::TooLarge`] when a sum is beyond [`Amount::MAX`].
    pub async fn book(
        &self,
        of: InstitutionId,
        through: Option<Date>,
    ) -> Result<Vec<BookLine>, StoreError> {
        book(self.snapshot(of)?.read(), of, through)
    }

    /// The books from one value date through another, in order of currency and code. Accounts of
    /// the lane `but` are left out.
    ///
    /// # Errors
    /// As [`Store::book`].
    pub async fn book_days(
        &self,
        of: InstitutionId,
        from: Date,
        through: Date,
        but: Option<LaneId>,
    ) -> Result<Vec<BookDays>, StoreError> {
        book_days(self.snapshot(of)?.read(), of, (from, through), but)
    }

    /// Accounts of these codes whose debits and credits through a value date differ, in order of
    /// id: `limit` of them when there are more.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn unbalanced(
        &self,
        of: InstitutionId,
        codes: &BTreeSet<Code>,
        through: Date,
        limit: usize,
    ) -> Result<Vec<Standing>, StoreError> {
        let limit = page_limit(limit)?;
        let (snapshot, mut found) = (self.snapshot(of)?, Vec::new());
        let wanted = |account: &Account| codes.contains(&account.code);
        each_dated(snapshot.read(), of, Span::after(through), wanted, |account, later| {
            let moved = through_before(account, later);
            if moved.0 != moved.1 && found.len() < limit {
                found.push(Standing { account: account.clone(), moved });
            }
            Ok(())
        })?;
        found.sort_unstable_by_key(|it| it.account.id);
        Ok(found)
    }

    /// Debits and credits posted to an account, as it was read, with a value date.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn moved_on(
        &self,
        of: InstitutionId,
        account: &Account,
        day: Date,
    ) -> Result<Sums, StoreError> {
        if account.newest.date <= day {
            let newest = (account.newest.debits, account.newest.credits);
            return Ok(if account.newest.date == day { newest } else { Sums::default() });
        }
        let rest = day.tomorrow().unwrap_or(Date::MAX);
        let found = self.snapshot(of)?.read().older_days_from(of, &[account.id], day, rest)?;
        Ok(found.iter().find(|it| it.1 == day).map(|it| it.2).unwrap_or_default())
    }

    /// The day through which the books are closed.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn closed_through(&self, of: InstitutionId) -> Result<Option<Date>, StoreError> {
        self.snapshot(of)?.read().closed_through(of)
    }

    /// The event log after a position, oldest first.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn log(
        &self,
        of: InstitutionId,
        after: u64,
        limit: usize,
    ) -> Result<Page<LogRow, u64>, StoreError> {
        let limit = page_limit(limit)?;
        let rows = self.engine.snapshot_of_log(of)?.read().log(of, after, limit + 1)?;
        Ok(Page::cut(rows, limit, |row| row.position))
    }

    /// The rows of a lane, newest first, from the one at a position on or from the newest. The
    /// cursor is the position of the next row.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn lane_log(
        &self,
        of: InstitutionId,
        lane: LaneId,
        from: Option<u64>,
        limit: usize,
    ) -> Result<Page<LogRow, u64>, StoreError> {
        let limit = page_limit(limit)?;
        let snapshot = self.snapshot(of)?;
        let read = snapshot.read();
        let mut next = match from {
            Some(position) => Some(position),
            None => read.heads(&[(of, lane)])?.pop().map(|(_, head)| head.position),
        };
        let mut data = Vec::new();
        while let Some(position) = next.filter(|_| data.len() < limit) {
            // A cursor of another lane leads nowhere.
            let row = read.log_row(of, position)?.filter(|row| row.lane == lane);
            next = row.as_ref().map(|row| row.previous).filter(|position| *position > 0);
            data.extend(row);
        }
        Ok(Page { data, next })
    }

    /// Timers due, in order.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn timers(
        &self,
        of: InstitutionId,
        through: Due,
        after: Option<&Timer>,
        limit: usize,
    ) -> Result<Page<Timer, Timer>, StoreError> {
        let limit = page_limit(limit)?;
        let rows = self.snapshot(of)?.read().timers(of, through, after, limit + 1)?;
        Ok(Page::cut(rows, limit, Timer::clone))
    }

    /// The state hash of an institution: a digest over the heads of all its lanes, in order.
    ///
    /// Each head commits to every record body, transfer, event and answer of its lane, and the
    /// state is what follows from those; so equal hashes mean equal states, whatever the order in
    /// which lanes were written.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn state_hash(&self, of: InstitutionId) -> Result<Digest, StoreError> {
        Ok(crate::verify::state_hash(self.snapshot(of)?.read().lanes(of)?))
    }
}

/// The accounts that can be read from pages, and those whose newest rows are not in them.
fn stored(
    read: &dyn Read,
    of: InstitutionId,
    places: &[(AccountId, AccountPlace)],
) -> Result<(Vec<Account>, Vec<AccountId>), StoreError> {
    let mut lanes = BTreeMap::<LaneId, Vec<(AccountId, u32)>>::new();
    for (id, place) in places {
        lanes.entry(place.lane).or_default().push((*id, place.slot));
    }
    let heads: Vec<_> = lanes.keys().map(|lane| (of, *lane)).collect();
    let (mut accounts, mut in_memory) = (Vec::new(), Vec::new());
    for ((_, lane), head) in read.heads(&heads)? {
        let wanted = lanes.remove(&lane).unwrap_or_default();
        if head.flushed < head.seq {
            in_memory.extend(wanted.into_iter().map(|(id, _)| id));
            continue;
        }
        let ids: BTreeSet<AccountId> = wanted.iter().map(|(id, _)| *id).collect();
        let numbers: BTreeSet<u32> = wanted.iter().map(|it| page::number_of(it.1)).collect();
        for row in read.pages((of, lane), &Vec::from_iter(numbers))? {
            accounts.extend(page_accounts(&row)?.into_iter().filter(|it| ids.contains(&it.id)));
        }
    }
    Ok((accounts, in_memory))
}

/// Debits and credits posted to an account with value dates through a day.
pub(crate) fn moved_through(
    read: &dyn Read,
    of: InstitutionId,
    account: &Account,
    day: Date,
) -> Result<Sums, StoreError> {
    let (debits, credits) = read.older_days(of, account.id, day)?;
    Ok(match account.newest.date <= day {
        true => (debits + account.newest.debits, credits + account.newest.credits),
        false => (debits, credits),
    })
}

fn account_move(
    read: &dyn Read,
    of: InstitutionId,
    id: TransferId,
) -> Result<Option<AccountMove>, StoreError> {
    let found = places::transfers(read, of, std::iter::once(id))?.pop();
    let Some(posted) = found else { return Ok(None) };
    let resolution = read.resolutions(of, &[id])?.pop().map(|(_, resolution)| resolution);
    Ok(Some(AccountMove { posted, resolution }))
}

/// All that was posted, without what has a later value date.
fn book(
    read: &dyn Read,
    of: InstitutionId,
    through: Option<Date>,
) -> Result<Vec<BookLine>, StoreError> {
    let mut lines = BTreeMap::<(Currency, Code), Sums>::new();
    each_dated(
        read,
        of,
        through.and_then(Span::after),
        |_| true,
        |account, later| {
            let line = lines.entry((account.currency, account.code)).or_default();
            add(line, through_before(account, later))
        },
    )?;
    let line = |((currency, code), (debits, credits))| BookLine { currency, code, debits, credits };
    Ok(lines.into_iter().map(line).collect())
}

fn book_days(
    read: &dyn Read,
    of: InstitutionId,
    (from, through): (Date, Date),
    but: Option<LaneId>,
) -> Result<Vec<BookDays>, StoreError> {
    let mut lines = BTreeMap::<(Currency, Code), BookDays>::new();
    let span = Span { from, rest: through.tomorrow().unwrap_or(Date::MAX) };
    let wanted = |account: &Account| but != Some(account.lane);
    each_dated(read, of, Some(span), wanted, |account, days| {
        let (currency, code) = (account.currency, account.code);
        let line = lines.entry((currency, code)).or_insert_with(|| {
            let (opening, days) = (Sums::default(), BTreeMap::new());
            BookDays { currency, code, opening, days }
        });
        add(&mut line.opening, through_before(account, days))?;
        let mut days = days.iter().filter(|(day, _)| *day <= through);
        days.try_for_each(|(day, moved)| add(line.days.entry(*day).or_default(), *moved))
    })?;
    Ok(lines.into_values().collect())
}

/// Value dates from one on, of which those from `rest` on are taken together.
#[derive(Clone, Copy)]
struct Span {
    from: Date,
    rest: Date,
}

impl Span {
    /// All after a day, together.
    fn after(day: Date) -> Option<Self> {
        let from = day.tomorrow().ok()?;
        Some(Self { from, rest: from })
    }
}

/// Goes through the wanted accounts of an institution with what was posted to them in the span.
fn each_dated(
    read: &dyn Read,
    of: InstitutionId,
    span: Option<Span>,
    wanted: impl Fn(&Account) -> bool,
    mut see: impl FnMut(&Account, &[(Date, Sums)]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut dated = Vec::new();
    books::each_account(read, of, |account| {
        if !wanted(account) {
            return Ok(());
        }
        let Some(span) = span.filter(|span| span.from <= account.newest.date) else {
            return see(account, &[]);
        };
        dated.push(account.clone());
        let is_full = dated.len() == ACCOUNTS_AT_ONCE;
        if is_full { see_dated(read, of, span, &mut dated, &mut see) } else { Ok(()) }
    })?;
    span.map_or(Ok(()), |span| see_dated(read, of, span, &mut dated, &mut see))
}

fn see_dated(
    read: &dyn Read,
    of: InstitutionId,
    span: Span,
    accounts: &mut Vec<Account>,
    see: &mut impl FnMut(&Account, &[(Date, Sums)]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let ids: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
    let mut older = BTreeMap::<AccountId, Vec<(Date, Sums)>>::new();
    for (account, day, moved) in read.older_days_from(of, &ids, span.from, span.rest)? {
        older.entry(account).or_default().push((day, moved));
    }
    for account in accounts.drain(..) {
        let mut days = older.remove(&account.id).unwrap_or_default();
        days.push((account.newest.date, (account.newest.debits, account.newest.credits)));
        see(&account, &days)?;
    }
    Ok(())
}

/// What was posted to an account, without these later days.
fn through_before(account: &Account, later: &[(Date, Sums)]) -> Sums {
    let posted = (account.balances.debits_posted, account.balances.credits_posted);
    later.iter().fold(posted, |sums, (_, moved)| (sums.0 - moved.0, sums.1 - moved.1))
}

/// Adds to a sum over accounts.
fn add(sums: &mut Sums, more: Sums) -> Result<(), StoreError> {
    for (sum, more) in [(&mut sums.0, more.0), (&mut sums.1, more.1)] {
        *sum = sum.checked_add(more).ok_or_else(sum_too_large)?;
    }
    Ok(())
}

fn page_limit(limit: usize) -> Result<usize, StoreError> {
    if limit > PAGE_MAX {
        return Err(StoreError::TooLarge { limit: "PAGE_MAX", max: PAGE_MAX });
    }
    Ok(limit.max(1))
}

pub(crate) fn parse<T>(table: &Table<T>, row: &RecordRow) -> Result<Versioned<T>, StoreError>
where
    T: Serialize + DeserializeOwned,
{
    let corrupt = |error| StoreError::Corrupt(format!("{} {}: {error}", table.kind, row.id));
    let record = serde_json::from_str(&row.body).map_err(corrupt)?;
    Ok(Versioned { version: row.version, lane: row.lane, record })
}
