//! Accounts of lines with statements: purchases, cash, payments, what merchants give back,
//! statements.
//!
//! An account is a part of its line, under the line's id. What takes something of the limit writes
//! the line's record too, so that of two commands that were decided on the same limit one is
//! decided anew; what is paid frees the limit by the position alone.

use ledger::InstitutionId;
use lending::{
    cycle::{self, Account, Fact, History, Outcome, Position, Statement, What},
    line,
    loan::Owed,
};
use money::{Currency, Money};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stdx::{Date, Id};
use store::{Commit, PAGE_MAX, Stored, Table, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    accounts::move_timer,
    books::Books,
    days::CLOSE_LINE_ACCOUNT_DAY,
    lines::{self, FoundLine},
    tables::{
        INSTITUTIONS, LINE_ACCOUNTS, LINE_FACTS, LINE_POSITIONS, LINE_STATEMENTS, LineFact, LineId,
        LineStatement,
    },
};

/// Something that is to happen to the account of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountHappening {
    /// What.
    pub what: What,
    /// The currency of its amounts, if it has any.
    pub currency: Option<Currency>,
    /// The value date; the business date when absent.
    pub on: Option<Date>,
    /// The hold that a purchase captures.
    pub hold: Option<u32>,
}

/// The answer to what moves the account of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountMoved {
    /// Which line.
    pub line: LineId,
    /// The business date it was booked on.
    pub on: Date,
    /// Where the account stands now.
    pub status: cycle::Status,
    /// The number of what happened, or was taken back, among the facts of the account.
    pub fact: u32,
    /// What moved.
    pub amount: Money,
    /// What is owed now, by component, in minor units.
    pub owed: Owed,
    /// What was paid in advance.
    pub prepaid: Money,
    /// What is unpaid of minimums.
    pub minimum: Money,
}

/// The account of a line with what is owed on it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountState {
    /// The line.
    pub line: LineId,
    /// The contract.
    pub account: Account,
    /// What is owed.
    pub position: Position,
}

/// What a command would do to the account of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountPreview {
    /// The account as it would stand.
    pub state: AccountState,
    /// What would be booked: event, name of the amount, amount; less than was booked is negative.
    pub entries: Vec<(&'static str, &'static str, Money)>,
}

/// An account as a command finds it.
#[derive(Clone, Debug)]
pub(crate) struct FoundAccount {
    pub(crate) account: Versioned<Account>,
    pub(crate) position: Versioned<Position>,
}

impl Bank {
    /// Lets something happen to the account of a line, on an earlier value date if one is named.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Lending`],
    /// [`Refusal::Ledger`].
    pub async fn line_account_happens(
        &self,
        call: &Call,
        id: LineId,
        happening: &AccountHappening,
    ) -> Result<Done<AccountMoved>, Refusal> {
        call.caller.must(right_for(&happening.what))?;
        self.carry_out(call, move || async move {
            let found = self.find_line(&call.caller, id).await?;
            let (line, outcome) = self.decide_account(&call.caller, &found, happening).await?;
            let mut commit = call.commit("line-fact", found.line.lane, found.account_date()?);
            if takes_limit(&happening.what) {
                let same = || line::Outcome::unchanged(found.line.record.clone());
                lines::put(&mut commit, id, &found.line, &line.unwrap_or_else(same));
            }
            self.record_account(call, &mut commit, &found, &outcome).await?;
            Ok(commit)
        })
        .await
    }

    /// What [`Bank::line_account_happens`] would do now.
    ///
    /// # Errors
    /// As there.
    pub async fn preview_line_account(
        &self,
        caller: &Caller,
        id: LineId,
        happening: &AccountHappening,
    ) -> Result<AccountPreview, Refusal> {
        caller.must(Right::Read)?;
        let found = self.find_line(caller, id).await?;
        let (_, outcome) = self.decide_account(caller, &found, happening).await?;
        let FoundAccount { account, position } = found.account()?;
        let currency = account.record.currency;
        let entries = outcome.entries.iter().flat_map(|entry| {
            let some = entry.amounts.iter().filter(|(_, amount)| !amount.is_zero());
            some.map(|(name, amount)| (entry.event, *name, Money::new(*amount, currency)))
        });
        let entries = entries.collect();
        let account = outcome.account.unwrap_or_else(|| account.record.clone());
        let position = outcome.position.unwrap_or_else(|| position.record.clone());
        Ok(AccountPreview { state: AccountState { line: id, account, position }, entries })
    }

    /// Takes back what happened to the account of a line.
    ///
    /// # Errors
    /// As [`Bank::line_account_happens`].
    pub async fn reverse_line_fact(
        &self,
        call: &Call,
        id: LineId,
        number: u32,
    ) -> Result<Done<AccountMoved>, Refusal> {
        call.caller.must(Right::Approve)?;
        self.carry_out(call, move || async move {
            let found = self.find_line(&call.caller, id).await?;
            let facts = self.facts_of(call.caller.institution, id).await?;
            let outcome = found.history(&facts)?.reverse(number)?;
            let on = found.account_date()?;
            let mut commit = call.commit("reverse-line-fact", found.line.lane, on);
            // What was paid and is taken back uses the limit again.
            commit.expect(&crate::tables::LINES, id, found.line.version);
            self.record_account(call, &mut commit, &found, &outcome).await?;
            Ok(commit)
        })
        .await
    }

    /// The account of a line.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] also when the line has none.
    pub async fn line_account(&self, caller: &Caller, id: LineId) -> Result<AccountState, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        let account = self.need(&LINE_ACCOUNTS, of, id, "account").await?.record;
        let position = self.need(&LINE_POSITIONS, of, id, "account").await?.record;
        Ok(AccountState { line: id, account, position })
    }

    /// What happened to the account of a line, in the order in which it was booked.
    ///
    /// # Errors
    /// As [`Bank::line_account`].
    pub async fn line_facts(&self, caller: &Caller, id: LineId) -> Result<Vec<Fact>, Refusal> {
        self.line_account(caller, id).await?;
        self.facts_of(caller.institution, id).await
    }

    /// The statements of the account of a line, the newest first.
    ///
    /// # Errors
    /// As [`Bank::line_account`].
    pub async fn line_statements(
        &self,
        caller: &Caller,
        id: LineId,
    ) -> Result<Vec<Statement>, Refusal> {
        self.line_account(caller, id).await?;
        let found = self.all_of(&LINE_STATEMENTS, caller.institution, id).await?;
        let mut statements: Vec<_> = found.into_iter().map(|(_, it)| it.record.statement).collect();
        statements.sort_by_key(|it| std::cmp::Reverse(it.number));
        Ok(statements)
    }

    /// A statement with its lines.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn line_statement(
        &self,
        caller: &Caller,
        id: LineId,
        number: u32,
    ) -> Result<(Statement, Vec<cycle::Line>), Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        let statement = statement_id(id, number);
        let statement = self.need(&LINE_STATEMENTS, of, statement, "statement").await?.record;
        let facts = self.facts_of(of, id).await?;
        let lines = cycle::lines(&statement.statement, &facts);
        Ok((statement.statement, lines))
    }

    /// Closes the day of a line's account: interest, what was to be paid by then, the statement.
    /// Answers the day to be closed next, if there is one.
    pub(crate) async fn close_line_account_day(
        &self,
        call: &Call,
        id: LineId,
        day: Date,
    ) -> Result<Option<Date>, Refusal> {
        let done = self.carry_out::<Option<Date>, _>(call, move || async move {
            let found = self.find_line(&call.caller, id).await?;
            let FoundAccount { account, position } = found.account()?;
            let calendar = found.institution.record.calendar();
            let outcome = cycle::close_day(&account.record, &position.record, calendar, day)?;
            let mut commit = call.commit("close-line-account-day", found.line.lane, day);
            self.record_account(call, &mut commit, &found, &outcome).await?;
            commit.answer(&outcome.timer);
            Ok(commit)
        });
        match done.await {
            // Closed after its timer was read: no day is left.
            Err(Refusal::Lending(lending::Reject::NotActive)) => Ok(None),
            done => Ok(done?.answer),
        }
    }

    /// The account of a line, if it has one.
    pub(crate) async fn account_of_line(
        &self,
        of: InstitutionId,
        id: LineId,
    ) -> Result<Option<FoundAccount>, Refusal> {
        let Some(account) = self.store().get(&LINE_ACCOUNTS, of, id).await? else {
            return Ok(None);
        };
        let position = self.need(&LINE_POSITIONS, of, id, "position").await?;
        Ok(Some(FoundAccount { account, position }))
    }

    async fn facts_of(&self, of: InstitutionId, id: LineId) -> Result<Vec<Fact>, Refusal> {
        let found = self.all_of(&LINE_FACTS, of, id).await?;
        let mut facts: Vec<_> = found.into_iter().map(|(_, it)| it.record.fact).collect();
        facts.sort_by_key(|it| it.number);
        Ok(facts)
    }

    /// All records of a line in a table: as many as an account may have facts, at most.
    async fn all_of<T>(
        &self,
        table: &Table<T>,
        of: InstitutionId,
        id: LineId,
    ) -> Result<Vec<Stored<T>>, Refusal>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let link = ("line", &*id.to_string());
            let page = self.store().find(table, of, link, after, PAGE_MAX).await?;
            all.extend(page.data);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// What a happening changes: of the line, when it captures a hold, and of its account.
    async fn decide_account(
        &self,
        caller: &Caller,
        found: &FoundLine,
        happening: &AccountHappening,
    ) -> Result<(Option<line::Outcome>, Outcome), Refusal> {
        let AccountHappening { what, currency, on, hold } = happening;
        let FoundAccount { account, position } = found.account()?;
        let (account, position) = (&account.record, &position.record);
        if currency.is_some_and(|it| it != account.currency) {
            return Err(Refusal::OtherCurrency);
        }
        let line = match takes_limit(what) {
            true => found.standing().spend(what.spent(), *hold)?,
            false => None,
        };
        let (today, calendar) = (found.account_date()?, found.institution.record.calendar());
        let on = on.unwrap_or(today);
        let refund = match *what {
            What::MerchantRefund { amount, purchase, .. } => Some((purchase, amount)),
            _ => None,
        };
        if on == today && refund.is_none() {
            let outcome = cycle::happen(account, position, calendar, what.clone(), today)?;
            return Ok((line, outcome));
        }
        let facts = self.facts_of(caller.institution, found.id).await?;
        let history = found.history(&facts)?;
        let outcome = match refund {
            Some((purchase, amount)) => history.refund(purchase, amount, on)?,
            None => history.book_late(what.clone(), on)?,
        };
        Ok((line, outcome))
    }

    /// Puts an outcome into a commit: records, transfers, events, the account's one timer, and the
    /// answer to a fact.
    pub(crate) async fn record_account(
        &self,
        call: &Call,
        commit: &mut Commit,
        found: &FoundLine,
        outcome: &Outcome,
    ) -> Result<(), Refusal> {
        let (of, id) = (call.caller.institution, found.id);
        let FoundAccount { account, position } = found.account()?;
        if let Some(after) = &outcome.account {
            commit.put(&LINE_ACCOUNTS, id, account.version, after);
        }
        if let Some(after) = &outcome.position {
            commit.put(&LINE_POSITIONS, id, position.version, after);
        }
        for fact in &outcome.facts {
            // It is written when it happens, and once more when it is taken back.
            let version = u64::from(fact.reversed_on.is_some());
            let record = LineFact { line: id, fact: fact.clone() };
            commit.put(&LINE_FACTS, fact_id(id, fact.number), version, &record);
        }
        for statement in &outcome.statements {
            let key = statement_id(id, statement.number);
            let before = self.store().get(&LINE_STATEMENTS, of, key).await?;
            let record = LineStatement { line: id, statement: statement.clone() };
            commit.put(&LINE_STATEMENTS, key, before.map_or(0, |it| it.version), &record);
        }
        let (accounting, currency) = (found.product.accounting(), account.record.currency);
        let books = Books { accounting, currency, contract: id.cast(), limited: None };
        let mut prng = call.prng();
        let value_date = commit.at.today;
        for entry in &outcome.entries {
            books.book(commit, entry.event, &entry.amounts, value_date, &mut prng);
        }
        for event in &outcome.events {
            commit.tell(event.name(), id, event);
        }
        let active = account.record.status == cycle::Status::Active;
        let timer = Some(position.record.through).filter(|_| active);
        move_timer(commit, CLOSE_LINE_ACCOUNT_DAY, id, timer, outcome.timer);
        if let Some(fact) = outcome.facts.first() {
            let account = outcome.account.as_ref().unwrap_or(&account.record);
            let position = outcome.position.as_ref().unwrap_or(&position.record);
            let money = |amount| Money::new(amount, currency);
            commit.answer(&AccountMoved {
                line: id,
                on: value_date,
                status: account.status,
                fact: fact.number,
                amount: money(fact.what.amount()),
                owed: position.owed(),
                prepaid: money(position.prepaid),
                minimum: money(position.minimum()),
            });
        }
        Ok(())
    }
}

/// Opens the account of a line that the commit opens.
pub(crate) fn open(
    commit: &mut Commit,
    of: InstitutionId,
    institution: u64,
    id: LineId,
    account: &Account,
) {
    let opened = cycle::open(account);
    // The business date must not move under the first day.
    commit.expect(&INSTITUTIONS, of, institution);
    commit.put(&LINE_ACCOUNTS, id, 0, account);
    if let Some(position) = &opened.position {
        commit.put(&LINE_POSITIONS, id, 0, position);
    }
    move_timer(commit, CLOSE_LINE_ACCOUNT_DAY, id, None, opened.timer);
}

impl FoundLine {
    /// The account, on which purchases gather.
    pub(crate) fn account(&self) -> Result<&FoundAccount, Refusal> {
        self.account.as_ref().ok_or(Refusal::Lending(lending::Reject::OtherUse))
    }

    /// The business date of the account, which is ahead while days are being closed; of one that
    /// has ended, the institution's.
    fn account_date(&self) -> Result<Date, Refusal> {
        let FoundAccount { account, position } = self.account()?;
        let (through, today) = (position.record.through, self.institution.record.business_date);
        Ok(match account.record.status {
            cycle::Status::Active => through,
            _ => through.max(today),
        })
    }

    fn history<'h>(&'h self, facts: &'h [Fact]) -> Result<History<'h>, Refusal> {
        let FoundAccount { account, position } = self.account()?;
        let (account, position) = (&account.record, &position.record);
        let calendar = self.institution.record.calendar();
        Ok(History { account, position, facts, calendar, today: self.account_date()? })
    }

    /// What closing the line does to its account, if it has one.
    pub(crate) fn close_account(&self) -> Result<Option<Outcome>, Refusal> {
        let Some(FoundAccount { account, position }) = &self.account else { return Ok(None) };
        if account.record.status != cycle::Status::Active {
            return Ok(None);
        }
        let (calendar, on) = (self.institution.record.calendar(), self.account_date()?);
        let closed = cycle::happen(&account.record, &position.record, calendar, What::Closure, on)?;
        Ok(Some(closed))
    }
}

fn takes_limit(what: &What) -> bool {
    matches!(what, What::Purchase { .. } | What::Cash { .. })
}

/// Facts of an account lie together.
fn fact_id(line: LineId, number: u32) -> Id<LineFact> {
    Id::derived_beside(line.cast::<()>(), &[b"fact", &number.to_be_bytes()])
}

fn statement_id(line: LineId, number: u32) -> Id<LineStatement> {
    Id::derived_beside(line.cast::<()>(), &[b"statement", &number.to_be_bytes()])
}

/// Money is moved by those who move money; what is given up needs other eyes.
fn right_for(what: &What) -> Right {
    match what {
        What::Purchase { .. }
        | What::Cash { .. }
        | What::Repayment { .. }
        | What::MerchantRefund { .. }
        | What::Refund { .. } => Right::Payments,
        What::Waiver { .. } | What::ChargeOff | What::WriteOff | What::Closure => Right::Approve,
    }
}
