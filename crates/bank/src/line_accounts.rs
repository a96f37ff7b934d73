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
use money::{Amount, Money};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};
use store::{Commit, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    accounts::move_timer,
    books::Books,
    days::CLOSE_LINE_ACCOUNT_DAY,
    lines::{self, FoundLine},
    loans::{in_currency, in_money},
    tables::{
        LINE_ACCOUNTS, LINE_FACTS, LINE_POSITIONS, LINE_STATEMENTS, LineFact, LineId, LineStatement,
    },
};

/// Money that is to move on the account of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinePayment {
    /// Who pays whom, and what for.
    pub kind: PaymentKind,
    /// How much.
    pub amount: Money,
    /// The value date; the business date when absent.
    pub on: Option<Date>,
}

/// How money can move on the account of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentKind {
    /// Something is bought.
    Purchase {
        /// The hold that it captures.
        hold: Option<u32>,
    },
    /// Cash is drawn.
    Cash,
    /// The holder pays.
    Repayment,
    /// A merchant gives a purchase back, or a part of it.
    MerchantRefund {
        /// The number of the purchase among the facts.
        purchase: u32,
    },
    /// What was paid in advance is given back.
    Refund,
}

/// The answer to what moves the account of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineMoved {
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
pub struct LineAccountState {
    /// The line.
    pub line: LineId,
    /// The contract.
    pub account: Account,
    /// What is owed.
    pub position: Position,
}

/// What a command would do to the account of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct LinePreview {
    /// The account as it would stand.
    pub state: LineAccountState,
    /// What would be booked: event, name of the amount, amount; less than was booked is negative.
    pub entries: Vec<(&'static str, &'static str, Money)>,
}

/// An account as a command finds it.
pub(crate) struct FoundAccount {
    pub(crate) account: Versioned<Account>,
    pub(crate) position: Versioned<Position>,
}

impl Bank {
    /// Moves money on the account of a line, on an earlier value date if one is named.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Lending`],
    /// [`Refusal::Ledger`].
    pub async fn pay_on_line(
        &self,
        call: &Call,
        id: LineId,
        payment: LinePayment,
    ) -> Result<Done<LineMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let found = self.find_line(&call.caller, id).await?;
            let (line, outcome) = self.decide_payment(of, &found, payment).await?;
            let mut commit = self.commit_account(call, "line-fact", &found, &outcome).await?;
            if let Some(line) = line {
                lines::put(&mut commit, id, &found.line, &line);
            }
            Ok(commit)
        })
        .await
    }

    /// What [`Bank::pay_on_line`] would do now.
    ///
    /// # Errors
    /// As there.
    pub async fn preview_on_line(
        &self,
        caller: &Caller,
        id: LineId,
        payment: LinePayment,
    ) -> Result<LinePreview, Refusal> {
        caller.must(Right::Read)?;
        let found = self.find_line(caller, id).await?;
        let (_, outcome) = self.decide_payment(caller.institution, &found, payment).await?;
        let FoundAccount { account, position } = found.account()?;
        let entries = in_money(&outcome.entries, account.record.currency);
        let account = outcome.account.unwrap_or_else(|| account.record.clone());
        let position = outcome.position.unwrap_or_else(|| position.record.clone());
        Ok(LinePreview { state: LineAccountState { line: id, account, position }, entries })
    }

    /// Takes back what happened to the account of a line.
    ///
    /// # Errors
    /// As [`Bank::pay_on_line`].
    pub async fn reverse_line_fact(
        &self,
        call: &Call,
        id: LineId,
        number: u32,
    ) -> Result<Done<LineMoved>, Refusal> {
        call.caller.must(Right::Approve)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let found = self.find_line(&call.caller, id).await?;
            let past = self.past(of, id).await?;
            let outcome = found.history(&past)?.reverse(number)?;
            self.commit_account(call, "reverse-line-fact", &found, &outcome).await
        })
        .await
    }

    /// The account of a line.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] also when the line has none.
    pub async fn line_account(
        &self,
        caller: &Caller,
        id: LineId,
    ) -> Result<LineAccountState, Refusal> {
        caller.must(Right::Read)?;
        let FoundAccount { account, position } =
            self.find_line_account(caller.institution, id).await?;
        let (account, position) = (account.record, position.record);
        Ok(LineAccountState { line: id, account, position })
    }

    /// What happened to the account of a line, in the order in which it was booked.
    ///
    /// # Errors
    /// As [`Bank::line_account`].
    pub async fn line_facts(&self, caller: &Caller, id: LineId) -> Result<Vec<Fact>, Refusal> {
        self.line_account(caller, id).await?;
        self.all_line_facts(caller.institution, id).await
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
        let mut statements = self.all_line_statements(caller.institution, id).await?;
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
        let facts = self.all_line_facts(of, id).await?;
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

    pub(crate) async fn find_line_account(
        &self,
        of: InstitutionId,
        id: LineId,
    ) -> Result<FoundAccount, Refusal> {
        let account = self.need(&LINE_ACCOUNTS, of, id, "account").await?;
        let position = self.need(&LINE_POSITIONS, of, id, "position").await?;
        Ok(FoundAccount { account, position })
    }

    pub(crate) async fn all_line_facts(
        &self,
        of: InstitutionId,
        id: LineId,
    ) -> Result<Vec<Fact>, Refusal> {
        let found = self.linked(&LINE_FACTS, of, ("line", &id.to_string())).await?;
        let mut facts: Vec<_> = found.into_iter().map(|(_, it)| it.record.fact).collect();
        facts.sort_by_key(|it| it.number);
        Ok(facts)
    }

    pub(crate) async fn all_line_statements(
        &self,
        of: InstitutionId,
        id: LineId,
    ) -> Result<Vec<Statement>, Refusal> {
        let found = self.linked(&LINE_STATEMENTS, of, ("line", &id.to_string())).await?;
        Ok(found.into_iter().map(|(_, it)| it.record.statement).collect())
    }

    /// What an account's history is told from.
    async fn past(
        &self,
        of: InstitutionId,
        id: LineId,
    ) -> Result<(Vec<Fact>, Vec<Statement>), Refusal> {
        Ok((self.all_line_facts(of, id).await?, self.all_line_statements(of, id).await?))
    }

    /// What a payment changes: of the line, when it takes something of the limit, and of its
    /// account.
    async fn decide_payment(
        &self,
        of: InstitutionId,
        found: &FoundLine,
        payment: LinePayment,
    ) -> Result<(Option<line::Outcome>, Outcome), Refusal> {
        let LinePayment { kind, amount, on } = payment;
        let FoundAccount { account, position } = found.account()?;
        let (account, position) = (&account.record, &position.record);
        let amount = in_currency(amount, account.currency)?;
        let line = match kind {
            PaymentKind::Purchase { hold } => Some(found.standing().spend(amount, hold)?),
            PaymentKind::Cash => {
                let with_fee = amount.checked_add(account.cash_fee(amount)?);
                let with_fee = with_fee.ok_or(lending::Reject::AmountTooLarge)?;
                Some(found.standing().spend(with_fee, None)?)
            }
            PaymentKind::Refund => Some(found.standing().take(amount)?),
            PaymentKind::Repayment | PaymentKind::MerchantRefund { .. } => None,
        };
        let (today, calendar) = (found.account_date()?, found.institution.record.calendar());
        let on = on.unwrap_or(today);
        let what = match kind {
            PaymentKind::Purchase { .. } => What::Purchase { amount },
            // The price is set where it is known.
            PaymentKind::Cash => What::Cash { amount, fee: Amount::ZERO },
            PaymentKind::Repayment => What::Repayment { amount },
            PaymentKind::Refund => What::Refund { amount },
            PaymentKind::MerchantRefund { purchase } => {
                let past = self.past(of, found.id).await?;
                return Ok((line, found.history(&past)?.refund(purchase, amount, on)?));
            }
        };
        if on == today {
            return Ok((line, cycle::happen(account, position, calendar, what, today)?));
        }
        let past = self.past(of, found.id).await?;
        Ok((line, found.history(&past)?.book_late(what, on)?))
    }

    /// The commit of something that happened to an account or was taken back, with its answer.
    async fn commit_account(
        &self,
        call: &Call,
        command: &'static str,
        found: &FoundLine,
        outcome: &Outcome,
    ) -> Result<Commit, Refusal> {
        let on = found.account_date()?;
        let mut commit = call.commit(command, found.line.lane, on);
        self.record_account(call, &mut commit, found, outcome).await?;
        commit.answer(&found.account()?.moved(found.id, outcome, on));
        Ok(commit)
    }

    /// Puts an outcome into a commit: records, transfers, events, the account's one timer.
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
        books.book_all(commit, &outcome.entries, &mut call.prng());
        for event in &outcome.events {
            commit.tell(event.name(), id, event);
        }
        let active = account.record.status == cycle::Status::Active;
        let timer = Some(position.record.through).filter(|_| active);
        move_timer(commit, CLOSE_LINE_ACCOUNT_DAY, id, timer, outcome.timer);
        Ok(())
    }
}

/// Opens the account of a line that the commit opens.
pub(crate) fn open(commit: &mut Commit, id: LineId, account: &Account) {
    let opened = cycle::open(account);
    commit.put(&LINE_ACCOUNTS, id, 0, account);
    if let Some(position) = &opened.position {
        commit.put(&LINE_POSITIONS, id, 0, position);
    }
    move_timer(commit, CLOSE_LINE_ACCOUNT_DAY, id, None, opened.timer);
}

impl FoundLine {
    /// The account, on which purchases gather.
    fn account(&self) -> Result<&FoundAccount, Refusal> {
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

    fn history<'h>(
        &'h self,
        (facts, statements): &'h (Vec<Fact>, Vec<Statement>),
    ) -> Result<History<'h>, Refusal> {
        let FoundAccount { account, position } = self.account()?;
        let (account, position) = (&account.record, &position.record);
        let calendar = self.institution.record.calendar();
        let today = self.account_date()?;
        Ok(History { account, position, facts, statements, calendar, today })
    }

    /// What closing the line does to its account, if one is to be closed.
    pub(crate) fn close_account(&self) -> Result<Option<Outcome>, Refusal> {
        let active = |it: &&FoundAccount| it.account.record.status == cycle::Status::Active;
        let Some(FoundAccount { account, position }) = self.account.as_ref().filter(active) else {
            return Ok(None);
        };
        let (calendar, on) = (self.institution.record.calendar(), self.account_date()?);
        let closed = cycle::happen(&account.record, &position.record, calendar, What::Closure, on)?;
        Ok(Some(closed))
    }
}

impl FoundAccount {
    /// The answer to what moved the account.
    fn moved(&self, line: LineId, outcome: &Outcome, on: Date) -> LineMoved {
        let account = outcome.account.as_ref().unwrap_or(&self.account.record);
        let position = outcome.position.as_ref().expect("what moves an account moves its position");
        let fact = outcome.facts.first().expect("what moves an account is a fact of it");
        let money = |amount| Money::new(amount, account.currency);
        LineMoved {
            line,
            on,
            status: account.status,
            fact: fact.number,
            amount: money(fact.what.amount()),
            owed: position.owed(),
            prepaid: money(position.prepaid),
            minimum: money(position.minimum()),
        }
    }
}

/// Facts of an account lie together.
pub(crate) fn fact_id(line: LineId, number: u32) -> Id<LineFact> {
    Id::derived_beside(line.cast::<()>(), &[b"fact", &number.to_be_bytes()])
}

fn statement_id(line: LineId, number: u32) -> Id<LineStatement> {
    Id::derived_beside(line.cast::<()>(), &[b"statement", &number.to_be_bytes()])
}
