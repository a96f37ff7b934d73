//! Statements from the ledger alone: the general ledger by day with the transfers behind it, the
//! balance sheet, the income statement.
//!
//! All of them count by value date, and are made of one look at the books ([`store::BookDays`]).
//! A code is reported with all its sub-accounts: 1132 has what 1132.01 and 1132.02 have. A code
//! that is not in the institution's chart counts with the nearest above it; one that has none
//! above it is *unlisted*, and shown for itself.

use std::{collections::BTreeMap, fmt, str::FromStr};

use ledger::{Account, AccountId, Code, LaneId, Posted, Side, TransferId};
use money::{Amount, Currency};
use product::{AccountCode, Chart, chart::Class};
use stdx::Date;
use store::{BookDays, PAGE_MAX, Page};

use crate::{
    Bank, Caller, Refusal, Right,
    periods::{books_lane, ledger_code, listed},
    reports::amount,
};

/// The most days of a general ledger of all codes.
pub const LEDGER_DAYS_MAX: i64 = 31;
/// The most days of one of a single code, and between the two columns of a statement.
pub const CODE_DAYS_MAX: i64 = 3_660;
/// How many accounts one page of entries looks at.
pub const ENTRIES_SCANNED_MAX: usize = 50_000;
/// How many transfers one page of entries looks at.
pub const ENTRIES_READ_MAX: usize = 10_000;
/// How many of them are read together.
const READ_AT_ONCE: usize = 100;

/// What a line of a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// The code in the books.
    pub code: Code,
    /// 1 for an account, 2 and 3 for its sub-accounts.
    pub level: u8,
    /// Its Chinese name in the chart.
    pub zh: Option<String>,
    /// Its English name in the chart.
    pub en: Option<String>,
    /// What it stands for; nothing for what is not listed.
    pub class: Option<Class>,
}

/// The general ledger (总账) of some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneralLedger {
    /// The first value date.
    pub from: Date,
    /// The last.
    pub through: Date,
    /// By currency and code.
    pub lines: Vec<LedgerLine>,
}

/// One code in the general ledger. Balances are debits less credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// The book.
    pub currency: Currency,
    /// The code.
    pub account: Heading,
    /// The balance before the first day.
    pub opening: Amount,
    /// Debits of all days.
    pub debits: Amount,
    /// Credits of all days.
    pub credits: Amount,
    /// The balance after the last day.
    pub closing: Amount,
    /// The days on which something moved.
    pub days: Vec<LedgerDay>,
}

/// One value date of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerDay {
    /// The day.
    pub date: Date,
    /// The balance before it.
    pub opening: Amount,
    /// Debits of the day.
    pub debits: Amount,
    /// Credits of the day.
    pub credits: Amount,
    /// The balance after it.
    pub closing: Amount,
}

/// One side of a transfer that moved a code on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The account that moved.
    pub account: AccountId,
    /// Its lane.
    pub lane: LaneId,
    /// Its code.
    pub code: Code,
    /// The side on which it moved.
    pub side: Side,
    /// The transfer.
    pub posted: Posted,
}

/// Which entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntriesOf {
    /// Of this code and its sub-accounts.
    pub code: Code,
    /// In this book.
    pub currency: Currency,
    /// With this value date.
    pub day: Date,
}

/// Where the next entries are: behind an account, or within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryCursor {
    account: AccountId,
    within: Option<Rest>,
}

/// What is left of an account's day: the transfer to go on with, and what is still to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rest {
    from: Option<TransferId>,
    debits: Amount,
    credits: Amount,
}

/// An amount, and that of the period or the day compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Now.
    pub amount: Amount,
    /// Then.
    pub compared: Option<Amount>,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// The code.
    pub account: Heading,
    /// On the side on which the section grows.
    pub columns: Columns,
}

/// A part of a statement: its lines by code, and the sum of those of level 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The lines.
    pub lines: Vec<StatementLine>,
    /// Their sum.
    pub total: Columns,
}

/// The balance sheet (资产负债表) of one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The book.
    pub currency: Currency,
    /// What is owned, and common accounts in debit.
    pub assets: Section,
    /// What is owed, and common accounts in credit.
    pub liabilities: Section,
    /// What is the owners', as far as it is booked so.
    pub equity: Section,
    /// Income less expense that no year-end close has carried to equity yet.
    pub result: Columns,
    /// Codes that are not in the chart, as debits less credits.
    pub unlisted: Section,
    /// What is noted off the balance sheet (表外), as debits less credits.
    pub memo: Section,
    /// Assets and unlisted less liabilities, equity and result: zero when the books balance.
    pub difference: Columns,
}

/// The balance sheet as of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceSheet {
    /// The last value date that counts.
    pub as_of: Date,
    /// The earlier day it is compared with.
    pub compared: Option<Date>,
    /// By currency.
    pub sheets: Vec<Sheet>,
}

/// The income statement (利润表) of one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earnings {
    /// The book.
    pub currency: Currency,
    /// What came in.
    pub income: Section,
    /// What it cost.
    pub expense: Section,
    /// Income less expense.
    pub result: Columns,
}

/// The income statement of a period. What a year-end close books is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomeStatement {
    /// First and last value date.
    pub period: (Date, Date),
    /// The period it is compared with.
    pub compared: Option<(Date, Date)>,
    /// By currency.
    pub earnings: Vec<Earnings>,
}

impl Bank {
    /// The general ledger from one day through another: of one code with its sub-accounts, or of
    /// all.
    ///
    /// # Errors
    /// [`Refusal::FromAfterThrough`]; [`Refusal::TooMany`] beyond [`LEDGER_DAYS_MAX`], or
    /// [`CODE_DAYS_MAX`] for one code.
    pub async fn general_ledger(
        &self,
        caller: &Caller,
        (from, through): (Date, Date),
        code: Option<Code>,
    ) -> Result<GeneralLedger, Refusal> {
        caller.must(Right::Audit)?;
        match code {
            Some(_) => few_days("CODE_DAYS_MAX", CODE_DAYS_MAX, from, through)?,
            None => few_days("LEDGER_DAYS_MAX", LEDGER_DAYS_MAX, from, through)?,
        }
        let of = caller.institution;
        let chart = self.chart_of(of).await?;
        let mut book = self.store().book_days(of, from, through, None).await?;
        book.retain(|line| code.is_none_or(|code| is_part(line.code, code)));
        let rolled = rolled(&book).into_iter();
        let rolled = rolled.filter(|((_, it), _)| code.is_none_or(|code| is_part(*it, code)));
        let lines = rolled.map(|((currency, code), it)| it.line(currency, heading(&chart, code)));
        Ok(GeneralLedger { from, through, lines: lines.collect::<Result<_, Refusal>>()? })
    }

    /// What moved a code on a day, account by account, each account's newest first. A page may be
    /// short, or empty, and have a next one: it looks at [`ENTRIES_SCANNED_MAX`] accounts and
    /// [`ENTRIES_READ_MAX`] transfers at most.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn entries(
        &self,
        caller: &Caller,
        wanted: EntriesOf,
        after: Option<EntryCursor>,
        limit: usize,
    ) -> Result<Page<Entry, EntryCursor>, Refusal> {
        caller.must(Right::Audit)?;
        let of = caller.institution;
        let mut page = Entries { bank: self, of, wanted, limit, found: Vec::new(), read: 0 };
        if let Some(EntryCursor { account, within: Some(rest) }) = after {
            let account = self.ledger_account(caller, account).await?;
            if let Some(next) = page.day_of(&account, rest).await? {
                return Ok(Page { data: page.found, next: Some(next) });
            }
        }
        let mut last = after.map(|it| it.account);
        for _ in 0..ENTRIES_SCANNED_MAX / PAGE_MAX {
            let accounts = self.store().accounts(of, last, PAGE_MAX).await?;
            for account in accounts.data.iter().filter(|it| wanted.may_have_moved(it)) {
                let (debits, credits) = self.store().moved_on(of, account, wanted.day).await?;
                let rest = Rest { from: account.last, debits, credits };
                if let Some(next) = page.day_of(account, rest).await? {
                    return Ok(Page { data: page.found, next: Some(next) });
                }
            }
            last = accounts.next;
            if last.is_none() {
                return Ok(Page { data: page.found, next: None });
            }
        }
        let next = last.map(|account| EntryCursor { account, within: None });
        Ok(Page { data: page.found, next })
    }

    /// The balance sheet as of a day, beside that of an earlier one.
    ///
    /// # Errors
    /// [`Refusal::FromAfterThrough`] when the other day is later; [`Refusal::TooMany`] when more
    /// than [`CODE_DAYS_MAX`] days are between them.
    pub async fn balance_sheet(
        &self,
        caller: &Caller,
        as_of: Date,
        compared: Option<Date>,
    ) -> Result<BalanceSheet, Refusal> {
        caller.must(Right::Audit)?;
        few_days("CODE_DAYS_MAX", CODE_DAYS_MAX, compared.unwrap_or(as_of), as_of)?;
        let of = caller.institution;
        let chart = self.chart_of(of).await?;
        let from = compared.unwrap_or(as_of).tomorrow().unwrap_or(Date::MAX);
        let book = self.store().book_days(of, from, as_of, None).await?;
        let balances = rolled(&book).into_iter().map(|(key, it)| {
            let then = it.opening;
            (key, [then + it.moved(from, as_of), then])
        });
        let mut sheets = Vec::new();
        for (currency, book) in Book::by_currency(&chart, balances, compared.is_some()) {
            let side_of_common = |code: &Code| book.sum_above(*code) >= 0;
            let is_asset = |code: &Code, class| match class {
                Some(Class::Common) => side_of_common(code),
                class => class == Some(Class::Asset),
            };
            let is_liability = |code: &Code, class| match class {
                Some(Class::Common) => !side_of_common(code),
                class => class == Some(Class::Liability),
            };
            let result = book.sum(|class| matches!(class, Some(Class::Income | Class::Expense)));
            sheets.push(Sheet {
                currency,
                assets: book.section(1, is_asset)?,
                liabilities: book.section(-1, is_liability)?,
                equity: book.section(-1, |_, class| class == Some(Class::Equity))?,
                result: book.columns(result.map(|it| -it))?,
                unlisted: book.section(1, |_, class| class.is_none())?,
                memo: book.section(1, |_, class| class == Some(Class::Memo))?,
                difference: book.columns(book.sum(|class| class != Some(Class::Memo)))?,
            });
        }
        Ok(BalanceSheet { as_of, compared, sheets })
    }

    /// The income statement of a period, beside that of another one.
    ///
    /// # Errors
    /// [`Refusal::FromAfterThrough`]; [`Refusal::TooMany`] when the two reach over more than
    /// [`CODE_DAYS_MAX`] days.
    pub async fn income_statement(
        &self,
        caller: &Caller,
        period: (Date, Date),
        compared: Option<(Date, Date)>,
    ) -> Result<IncomeStatement, Refusal> {
        caller.must(Right::Audit)?;
        let other = compared.unwrap_or(period);
        let (from, through) = (period.0.min(other.0), period.1.max(other.1));
        if period.0 > period.1 || other.0 > other.1 {
            return Err(Refusal::FromAfterThrough);
        }
        few_days("CODE_DAYS_MAX", CODE_DAYS_MAX, from, through)?;
        let of = caller.institution;
        let chart = self.chart_of(of).await?;
        let book = self.store().book_days(of, from, through, Some(books_lane(of))).await?;
        let moves = rolled(&book).into_iter();
        let moves = moves
            .map(|(key, it)| (key, [it.moved(period.0, period.1), it.moved(other.0, other.1)]));
        let mut earnings = Vec::new();
        for (currency, book) in Book::by_currency(&chart, moves, compared.is_some()) {
            let result = book.sum(|class| matches!(class, Some(Class::Income | Class::Expense)));
            earnings.push(Earnings {
                currency,
                income: book.section(-1, |_, class| class == Some(Class::Income))?,
                expense: book.section(1, |_, class| class == Some(Class::Expense))?,
                result: book.columns(result.map(|it| -it))?,
            });
        }
        Ok(IncomeStatement { period, compared, earnings })
    }
}

/// A page of entries being filled.
struct Entries<'a> {
    bank: &'a Bank,
    of: ledger::InstitutionId,
    wanted: EntriesOf,
    limit: usize,
    found: Vec<Entry>,
    read: usize,
}

impl EntriesOf {
    fn may_have_moved(self, account: &Account) -> bool {
        account.newest.date >= self.day
            && account.currency == self.currency
            && is_part(account.code, self.code)
    }
}

impl Entries<'_> {
    /// Goes back through an account's transfers until the whole of its day is found; answers where
    /// to go on when the page is full before.
    async fn day_of(
        &mut self,
        account: &Account,
        mut rest: Rest,
    ) -> Result<Option<EntryCursor>, Refusal> {
        while rest.from.is_some() && !(rest.debits.is_zero() && rest.credits.is_zero()) {
            if self.found.len() >= self.limit || self.read >= ENTRIES_READ_MAX {
                return Ok(Some(EntryCursor { account: account.id, within: Some(rest) }));
            }
            // One may be found in each of them.
            let at_once = READ_AT_ONCE.min(self.limit - self.found.len());
            let store = self.bank.store();
            let page = store.history(self.of, account.id, rest.from, at_once).await?;
            self.read += at_once;
            rest.from = page.next;
            for posted in page.data.into_iter().map(|it| it.posted) {
                let transfer = &posted.transfer;
                if !transfer.kind.posts() || transfer.value_date != self.wanted.day {
                    continue;
                }
                let (side, left) = match transfer.debit == account.id {
                    true => (Side::Debit, &mut rest.debits),
                    false => (Side::Credit, &mut rest.credits),
                };
                *left = left.checked_sub(transfer.amount).unwrap_or(Amount::ZERO);
                let Account { id, lane, code, .. } = *account;
                self.found.push(Entry { account: id, lane, code, side, posted });
            }
        }
        Ok(None)
    }
}

impl fmt::Display for EntryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.account.fmt(f)?;
        let Some(Rest { from: Some(from), debits, credits }) = self.within else { return Ok(()) };
        write!(f, ".{from}.{}.{}", debits.minor(), credits.minor())
    }
}

/// The text is not the place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACursor;

impl FromStr for EntryCursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let parts: Vec<&str> = text.split('.').collect();
        let amount = |text: &str| text.parse().map(Amount::from_minor).map_err(|_| NotACursor);
        let account = |text: &str| text.parse().map_err(|_| NotACursor);
        match parts[..] {
            [id] => Ok(Self { account: account(id)?, within: None }),
            [id, from, debits, credits] => {
                let from = Some(from.parse().map_err(|_| NotACursor)?);
                let (debits, credits) = (amount(debits)?, amount(credits)?);
                let within = Some(Rest { from, debits, credits });
                Ok(Self { account: account(id)?, within })
            }
            _ => Err(NotACursor),
        }
    }
}

/// A code with its sub-accounts through some days: debits and credits.
#[derive(Default)]
struct Rolled {
    /// Debits less credits before the first day.
    opening: i128,
    days: BTreeMap<Date, [i128; 2]>,
}

impl Rolled {
    fn add(&mut self, line: &BookDays) {
        let sums = |sums: &(Amount, Amount)| [sums.0, sums.1].map(|it| i128::from(it.minor()));
        let [debits, credits] = sums(&line.opening);
        self.opening += debits - credits;
        for (day, moved) in &line.days {
            let [debits, credits] = sums(moved);
            let day = self.days.entry(*day).or_default();
            *day = [day[0] + debits, day[1] + credits];
        }
    }

    /// Debits less credits from one day through another.
    fn moved(&self, from: Date, through: Date) -> i128 {
        let days = self.days.iter().filter(|(day, _)| (from..=through).contains(*day));
        days.map(|(_, [debits, credits])| debits - credits).sum()
    }

    fn line(self, currency: Currency, account: Heading) -> Result<LedgerLine, Refusal> {
        let mut balance = self.opening;
        let mut sums = [0, 0];
        let mut days = Vec::with_capacity(self.days.len());
        for (date, [debits, credits]) in self.days {
            let opening = balance;
            balance += debits - credits;
            sums = [sums[0] + debits, sums[1] + credits];
            days.push(LedgerDay {
                date,
                opening: amount(opening)?,
                debits: amount(debits)?,
                credits: amount(credits)?,
                closing: amount(balance)?,
            });
        }
        Ok(LedgerLine {
            currency,
            account,
            opening: amount(self.opening)?,
            debits: amount(sums[0])?,
            credits: amount(sums[1])?,
            closing: amount(balance)?,
            days,
        })
    }
}

/// The books by code, each with what its sub-accounts have.
fn rolled(book: &[BookDays]) -> BTreeMap<(Currency, Code), Rolled> {
    let mut rolled = BTreeMap::<_, Rolled>::new();
    for line in book {
        rolled.entry((line.currency, line.code)).or_default().add(line);
        let mut above = account_code(line.code).and_then(AccountCode::parent);
        while let Some(code) = above {
            rolled.entry((line.currency, ledger_code(code))).or_default().add(line);
            above = code.parent();
        }
    }
    rolled
}

/// The rolled-up balances or moves of one currency: now and then, debits less credits.
struct Book<'a> {
    chart: &'a Chart,
    sums: BTreeMap<Code, [i128; 2]>,
    is_compared: bool,
}

impl<'a> Book<'a> {
    fn by_currency(
        chart: &'a Chart,
        sums: impl Iterator<Item = ((Currency, Code), [i128; 2])>,
        is_compared: bool,
    ) -> BTreeMap<Currency, Self> {
        let mut books = BTreeMap::<_, Self>::new();
        for ((currency, code), sum) in sums {
            let empty = || Self { chart, sums: BTreeMap::new(), is_compared };
            books.entry(currency).or_insert_with(empty).sums.insert(code, sum);
        }
        books
    }

    fn class(&self, code: Code) -> Option<Class> {
        listed(self.chart, code).map(|(_, account)| account.class)
    }

    /// What a code's account has in all: 3001 for 3001.02.
    fn sum_above(&self, code: Code) -> i128 {
        let above = account_code(code).into_iter();
        let above = above.flat_map(|it| std::iter::successors(Some(it), |it| it.parent())).last();
        self.sums.get(&above.map_or(code, ledger_code)).map_or(0, |it| it[0])
    }

    /// The sum of what is of some classes.
    fn sum(&self, of: impl Fn(Option<Class>) -> bool) -> [i128; 2] {
        let tops =
            self.sums.iter().filter(|(code, _)| level(**code) == 1 && of(self.class(**code)));
        tops.fold([0, 0], |sums, (_, it)| [sums[0] + it[0], sums[1] + it[1]])
    }

    /// What belongs to a section that grows in debit (1) or in credit (-1).
    fn section(
        &self,
        sign: i128,
        belongs: impl Fn(&Code, Option<Class>) -> bool,
    ) -> Result<Section, Refusal> {
        let (mut lines, mut total) = (Vec::new(), [0, 0]);
        for (code, sums) in &self.sums {
            if *sums == [0, 0] || !belongs(code, self.class(*code)) {
                continue;
            }
            let account = heading(self.chart, *code);
            let sums = sums.map(|it| sign * it);
            if account.level == 1 {
                total = [total[0] + sums[0], total[1] + sums[1]];
            }
            lines.push(StatementLine { account, columns: self.columns(sums)? });
        }
        Ok(Section { lines, total: self.columns(total)? })
    }

    fn columns(&self, [now, then]: [i128; 2]) -> Result<Columns, Refusal> {
        let compared = self.is_compared.then(|| amount(then)).transpose()?;
        Ok(Columns { amount: amount(now)?, compared })
    }
}

fn account_code(code: Code) -> Option<AccountCode> {
    code.as_str().parse().ok()
}

fn level(code: Code) -> u8 {
    account_code(code).map_or(1, |it| it.level() + 1)
}

fn heading(chart: &Chart, code: Code) -> Heading {
    let exact = account_code(code).and_then(|it| chart.get(it));
    Heading {
        code,
        level: level(code),
        zh: exact.map(|it| it.zh.clone()),
        en: exact.map(|it| it.en.clone()),
        class: listed(chart, code).map(|(_, it)| it.class),
    }
}

/// Whether a code is another one or one of its sub-accounts.
fn is_part(code: Code, of: Code) -> bool {
    let rest = code.as_str().strip_prefix(of.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

pub(crate) fn few_days(
    limit: &'static str,
    max: i64,
    from: Date,
    through: Date,
) -> Result<(), Refusal> {
    if from > through {
        return Err(Refusal::FromAfterThrough);
    }
    let days = from.duration_until(through).as_hours() / 24 + 1;
    let max_days = usize::try_from(max).unwrap_or(usize::MAX);
    if days > max { Err(Refusal::TooMany(limit, max_days)) } else { Ok(()) }
}
