//! How things are read.
//!
//! Everything here is `async`, though the engines of today answer at once: one on a network will
//! not.

use ledger::{Account, AccountId, Code, InstitutionId, LaneId, Posted, Resolution, TransferId};
use money::{Amount, Currency};
use serde::{Serialize, de::DeserializeOwned};
use stdx::{Date, Digest, Id};

use crate::{
    Due, LogRow, PAGE_MAX, Receipt, Store, StoreError, Table, Timer,
    engine::{Filter, RecordRow, Resolved},
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

/// One line of an account's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountMove {
    /// The transfer.
    pub posted: Posted,
    /// What became of it.
    pub resolution: Option<Resolution>,
}

/// The receipt of a key used before and the digest of the request it was used for.
type Answered = Option<(Digest, Receipt)>;

impl Store {
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
        T: Serialize + DeserializeOwned,
    {
        let row = self.engine.record(&table.key(of, id))?;
        row.map(|row| parse(table, row).map(|(_, record)| record)).transpose()
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
        let rows = self.engine.records(of, table.kind, filter, after, limit + 1)?;
        let data = rows.into_iter().map(|row| parse(table, row)).collect::<Result<_, _>>()?;
        Ok(Page::cut(data, limit, |(id, _)| *id))
    }

    /// What an idempotency key was used for.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn answered(&self, of: InstitutionId, key: &str) -> Result<Answered, StoreError> {
        let Some(answer) = self.engine.answer(of, key)? else { return Ok(None) };
        Ok(Some((answer.digest, self.engine.receipt(answer.position)?)))
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
        self.engine.account(of, id)
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
        let rows = self.engine.accounts(of, after, limit + 1)?;
        Ok(Page::cut(rows, limit, |account| account.id))
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
        let found = self.engine.transfer(of, id)?;
        Ok(found.map(|(posted, resolution)| AccountMove { posted, resolution }))
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
        let newest = || Ok(self.engine.account(of, account)?.and_then(|it| it.last));
        let mut next = from.map_or_else(newest, |id| Ok(Some(id)))?;
        let mut data = Vec::new();
        while let Some(id) = next.filter(|_| data.len() < limit) {
            let found = self.engine.transfer(of, id)?;
            let sides = |(it, _): &Resolved| [it.transfer.debit, it.transfer.credit];
            // A cursor of another account leads nowhere.
            let found = found.filter(|it| sides(it).contains(&account));
            next = found.as_ref().and_then(|(posted, _)| match posted.transfer.debit == account {
                true => posted.debit_previous,
                false => posted.credit_previous,
            });
            data.extend(found.map(|(posted, resolution)| AccountMove { posted, resolution }));
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
    ) -> Result<(Amount, Amount), StoreError> {
        self.engine.moved_through(of, account, day)
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
        self.engine.book(of, through)
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
        let rows = self.engine.log(of, after, limit + 1)?;
        Ok(Page::cut(rows, limit, |row| row.position))
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
        let rows = self.engine.timers(of, through, after, limit + 1)?;
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
        Ok(crate::verify::state_hash(self.engine.lanes(of)?))
    }
}

fn page_limit(limit: usize) -> Result<usize, StoreError> {
    if limit > PAGE_MAX {
        return Err(StoreError::TooLarge { limit: "PAGE_MAX", max: PAGE_MAX });
    }
    Ok(limit.max(1))
}

fn parse<T>(table: &Table<T>, row: RecordRow) -> Result<Stored<T>, StoreError>
where
    T: Serialize + DeserializeOwned,
{
    let corrupt = |error| StoreError::Corrupt(format!("{} {}: {error}", table.kind, row.id));
    let record = serde_json::from_str(&row.body).map_err(corrupt)?;
    Ok((row.id, Versioned { version: row.version, lane: row.lane, record }))
}
