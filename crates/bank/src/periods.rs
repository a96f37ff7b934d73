//! Accounting periods: closing the books through a day, and the year-end close.
//!
//! A period that is closed takes no value date any more, so its sums are final. The year-end close
//! rests on that: when the last day of a year is closed, one person has its income and expense
//! summed up, and another has them carried to retained earnings. What is carried is booked on the
//! first day that is still open, on house accounts of a lane of its own ([`books_lane`]): so the
//! statements of every period, the year's included, stay what they were, and each code starts the
//! new year from nothing.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Account, AccountId, AccountState, Balances, Balancing, Code, InstitutionId, Kind, LaneId,
    Transfer, TransferId, ValueDay,
};
use money::{Amount, Currency};
use product::{
    AccountCode, Chart,
    chart::{ChartAccount, Class},
};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id, Timestamp};
use store::{AccountChange, BookLine, Commit, Due, Standing};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    books::{account_id, side_of},
    days::UNCLOSED_MAX,
    institutions::institution_lane,
    refusal::Unclosed,
    reports::amount,
    tables::YEAR_CLOSES,
};

/// The most suspense accounts named when a period is closed.
pub const HANGING_MAX: usize = 100;
/// How many transfers of a suspense account are looked at to find since when something hangs.
pub const HANGING_WALKED_MAX: usize = 1_000;
/// How many of them are read together.
const WALKED_AT_ONCE: usize = 100;

/// What becomes of a period while something is in suspense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suspense {
    /// It stays open.
    #[default]
    MustBeZero,
    /// It is closed, and the answer says what hangs.
    MayHang,
}

/// A suspense account with something in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hanging {
    /// The account.
    pub account: AccountId,
    /// The lane it lives in.
    pub lane: LaneId,
    /// Its code in the chart of accounts.
    pub code: Code,
    /// What it counts.
    pub currency: Currency,
    /// Debits less credits through the end of the period.
    pub balance: Amount,
    /// The first transfer since the account was last empty, and its value date; of the newest
    /// [`HANGING_WALKED_MAX`], when it has moved oftener since.
    pub oldest: Option<(TransferId, Date)>,
}

/// The answer to closing a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeriodClosed {
    /// Its last day.
    pub through: Date,
    /// What was in suspense, of the first [`HANGING_MAX`] accounts.
    pub hanging: Vec<Hanging>,
}

/// What a year brought in or cost on one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct YearLine {
    /// The book.
    pub currency: Currency,
    /// The code in the chart of accounts.
    pub code: AccountCode,
    /// Debits less credits: expenses are positive, income is negative.
    pub balance: Amount,
}

/// The close of a year, prepared by one person and approved by another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct YearClose {
    /// The year: from 1 January through 31 December (《会计法》第十一条).
    pub year: i16,
    /// All income and expense that was not carried before.
    pub lines: Vec<YearLine>,
    /// Who prepared it.
    pub prepared_by: String,
    /// When.
    pub prepared_at: Timestamp,
    /// Its approval; nothing is booked before.
    pub approved: Option<Approval>,
}

/// Who approved, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who: somebody else than who prepared.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The value date of what was booked.
    pub value_date: Date,
}

/// The closes of years: one record for each institution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct YearCloses {
    /// Those that were booked, oldest first.
    pub closed: Vec<YearClose>,
    /// The one that waits for approval.
    pub prepared: Option<YearClose>,
}

/// Where an institution stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periods {
    /// The day through which the books are closed.
    pub closed_through: Option<Date>,
    /// The years.
    pub years: YearCloses,
}

/// The lane in which the year-end close books.
pub fn books_lane(institution: InstitutionId) -> LaneId {
    Id::derived(&[institution.as_bytes(), b"books"])
}

impl Bank {
    /// Closes the books through a day: no value date on or before it from now on. There is no way
    /// back.
    ///
    /// # Errors
    /// [`Refusal::Ledger`] when the day is not over or is closed already;
    /// [`Refusal::DayIncomplete`] while contracts still have to book in the period;
    /// [`Refusal::InSuspense`] when something hangs and may not.
    pub async fn close_period(
        &self,
        call: &Call,
        through: Date,
        suspense: Suspense,
    ) -> Result<Done<PeriodClosed>, Refusal> {
        call.caller.must(Right::Days)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let closed = self.store().closed_through(of).await?;
            // The ledger refuses any other day.
            let can_close = through < today && closed.is_none_or(|it| it < through);
            let mut hanging = Vec::new();
            if can_close {
                self.no_contract_is_behind(of, through).await?;
                hanging = self.hanging(of, through).await?;
            }
            if suspense == Suspense::MustBeZero && !hanging.is_empty() {
                return Err(Refusal::InSuspense(hanging));
            }
            let mut commit = call.commit("close-period", institution_lane(of), today);
            commit.close_period = Some(through);
            commit.tell("period-closed", of, &through);
            commit.answer(&PeriodClosed { through, hanging });
            Ok(commit)
        })
        .await
    }

    /// None is added later: contracts begin on the business date, and go forward from there.
    async fn no_contract_is_behind(&self, of: InstitutionId, through: Date) -> Result<(), Refusal> {
        let behind = self.store().timers(of, Due::Day(through), None, UNCLOSED_MAX).await?;
        if behind.data.is_empty() {
            return Ok(());
        }
        let unclosed = behind.data.into_iter().map(|timer| Unclosed {
            subject: timer.subject,
            why: format!("{through}: the contract's day is not closed"),
        });
        Err(Refusal::DayIncomplete(unclosed.collect()))
    }

    /// What is in suspense at the end of a day.
    async fn hanging(&self, of: InstitutionId, through: Date) -> Result<Vec<Hanging>, Refusal> {
        let codes = suspense_codes(&*self.chart_of(of).await?);
        let mut hanging = Vec::new();
        for standing in self.store().unbalanced(of, &codes, through, HANGING_MAX).await? {
            let oldest = self.hanging_since(of, &standing, through).await?;
            let Standing { account, moved } = standing;
            let balance = moved.0 - moved.1;
            let Account { id, lane, code, currency, .. } = account;
            hanging.push(Hanging { account: id, lane, code, currency, balance, oldest });
        }
        Ok(hanging)
    }

    /// Goes back through an account's transfers to where it was empty.
    async fn hanging_since(
        &self,
        of: InstitutionId,
        standing: &Standing,
        through: Date,
    ) -> Result<Option<(TransferId, Date)>, Refusal> {
        let id = standing.account.id;
        let mut left = i128::from(standing.moved.0.minor()) - i128::from(standing.moved.1.minor());
        let (mut oldest, mut from) = (None, None);
        for _ in 0..HANGING_WALKED_MAX / WALKED_AT_ONCE {
            let page = self.store().history(of, id, from, WALKED_AT_ONCE).await?;
            for transfer in page.data.into_iter().map(|it| it.posted.transfer) {
                if !transfer.kind.posts() || transfer.value_date > through {
                    continue;
                }
                let moved = i128::from(transfer.amount.minor());
                left -= if transfer.debit == id { moved } else { -moved };
                oldest = Some((transfer.id, transfer.value_date));
                if left == 0 {
                    return Ok(oldest);
                }
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(oldest)
    }

    /// What is closed, and which years.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn periods(&self, caller: &Caller) -> Result<Periods, Refusal> {
        caller.must(Right::Audit)?;
        let of = caller.institution;
        let closed_through = self.store().closed_through(of).await?;
        let years = self.store().get(&YEAR_CLOSES, of, of).await?;
        Ok(Periods { closed_through, years: years.map(|it| it.record).unwrap_or_default() })
    }

    /// Sums up the income and expense of a year whose last day is closed, for somebody else to
    /// approve. Preparing again replaces what was prepared.
    ///
    /// # Errors
    /// [`Refusal::PeriodOpen`] while its last day is open, [`Refusal::Exists`] when it or a later
    /// year was closed, [`Refusal::NotFound`] for a year there is not.
    pub async fn prepare_year_close(
        &self,
        call: &Call,
        year: i16,
    ) -> Result<Done<YearClose>, Refusal> {
        call.caller.must(Right::Days)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let last = Date::new(year, 12, 31).map_err(|_| Refusal::NotFound("year"))?;
            if self.store().closed_through(of).await?.is_none_or(|closed| closed < last) {
                return Err(Refusal::PeriodOpen(last));
            }
            let (version, mut years) = self.year_closes(of).await?;
            if years.closed.last().is_some_and(|it| it.year >= year) {
                return Err(Refusal::Exists("close of this year or a later one"));
            }
            // No value date is added through that day any more: these sums are final.
            let book = self.store().book(of, Some(last)).await?;
            let prepared = YearClose {
                year,
                lines: results(&book, &*self.chart_of(of).await?),
                prepared_by: call.caller.actor.clone(),
                prepared_at: call.now,
                approved: None,
            };
            years.prepared = Some(prepared.clone());
            let mut commit = call.commit("prepare-year-close", books_lane(of), today);
            commit.put(&YEAR_CLOSES, of, version, &years);
            commit.tell("year-close-prepared", of, &prepared);
            commit.answer(&prepared);
            Ok(commit)
        })
        .await
    }

    /// Approves the close of a year and books it: income and expense to the profit of the year,
    /// and from there to retained earnings. There is no way back.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when this year is not prepared, [`Refusal::OwnPreparation`] by who
    /// prepared it.
    pub async fn approve_year_close(
        &self,
        call: &Call,
        year: i16,
    ) -> Result<Done<YearClose>, Refusal> {
        call.caller.must(Right::Approve)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let (version, mut years) = self.year_closes(of).await?;
            let prepared = years.prepared.take().filter(|it| it.year == year);
            let mut close = prepared.ok_or(Refusal::NotFound("prepared close of this year"))?;
            if close.prepared_by == call.caller.actor {
                return Err(Refusal::OwnPreparation);
            }
            let closed = self.store().closed_through(of).await?;
            let value_date = closed.and_then(|it| it.tomorrow().ok());
            let value_date = value_date.ok_or(Refusal::PeriodOpen(today))?;
            let mut commit = call.commit("approve-year-close", books_lane(of), today);
            carry(&mut commit, call, &close.lines, &*self.chart_of(of).await?, value_date)?;
            let by = call.caller.actor.clone();
            close.approved = Some(Approval { by, at: call.now, value_date });
            years.closed.push(close.clone());
            commit.put(&YEAR_CLOSES, of, version, &years);
            commit.tell("year-closed", of, &close);
            commit.answer(&close);
            Ok(commit)
        })
        .await
    }

    async fn year_closes(&self, of: InstitutionId) -> Result<(u64, YearCloses), Refusal> {
        let years = self.store().get(&YEAR_CLOSES, of, of).await?;
        Ok(years.map(|it| (it.version, it.record)).unwrap_or_default())
    }
}

/// The codes that must be zero when a period closes: those marked so, with their sub-accounts.
fn suspense_codes(chart: &Chart) -> BTreeSet<Code> {
    let marked = |code: AccountCode| {
        let mut above = std::iter::successors(Some(code), |it| it.parent());
        above.any(|it| chart.get(it).is_some_and(|it| it.suspense))
    };
    let codes = chart.accounts().map(|it| it.code).filter(|code| marked(*code));
    codes.map(ledger_code).collect()
}

/// An account's code as the ledger keeps it.
pub(crate) fn ledger_code(code: AccountCode) -> Code {
    code.to_string().parse().expect("an account code is short and plain")
}

/// What the chart says of a code, or of the nearest above it.
pub(crate) fn listed(chart: &Chart, code: Code) -> Option<(AccountCode, &ChartAccount)> {
    let code: AccountCode = code.as_str().parse().ok()?;
    Some((code, chart.nearest(code)?))
}

/// The income and expense of the books.
fn results(book: &[BookLine], chart: &Chart) -> Vec<YearLine> {
    let lines = book.iter().filter_map(|line| {
        let (code, account) = listed(chart, line.code)?;
        let balance = line.debits - line.credits;
        let counts = matches!(account.class, Class::Income | Class::Expense) && !balance.is_zero();
        counts.then_some(YearLine { currency: line.currency, code, balance })
    });
    lines.collect()
}

/// Books what a year brought and cost to where its result belongs.
fn carry(
    commit: &mut Commit,
    call: &Call,
    lines: &[YearLine],
    chart: &Chart,
    value_date: Date,
) -> Result<(), Refusal> {
    let mut prng = call.prng();
    let reason = Code::literal("year-end-close");
    let mut book = |commit: &mut Commit, currency, debit, credit, balance: Amount| {
        // A balance on the other side is carried the other way round.
        let (debit, credit) = if balance.is_negative() { (credit, debit) } else { (debit, credit) };
        let amount = if balance.is_negative() { balance.checked_neg() } else { Some(balance) };
        let amount = amount.ok_or(ledger::Reject::BalanceOverflow)?;
        let [debit, credit] = [debit, credit].map(|code| open(commit, chart, code, currency));
        commit.transfers.push(Transfer {
            id: Id::new(call.now, &mut prng),
            kind: Kind::Plain,
            debit,
            credit,
            amount,
            balancing: Balancing::None,
            linked: false,
            value_date,
            reason,
        });
        Ok::<(), Refusal>(())
    };
    let mut totals = BTreeMap::<Currency, i128>::new();
    for line in lines {
        book(commit, line.currency, chart.profit(), line.code, line.balance)?;
        *totals.entry(line.currency).or_default() += i128::from(line.balance.minor());
    }
    let (profit, retained) = (chart.profit(), chart.retained());
    for (currency, total) in totals.into_iter().filter(|it| it.1 != 0 && profit != retained) {
        book(commit, currency, retained, profit, amount(total)?)?;
    }
    Ok(())
}

/// The account of a code in the lane of the books, which the commit opens.
fn open(commit: &mut Commit, chart: &Chart, code: AccountCode, currency: Currency) -> AccountId {
    let id = account_id(commit.lane.cast(), code, currency);
    let listed = chart.nearest(code).expect("only what the chart lists is carried");
    if commit.accounts.iter().all(|change| change.id() != id) {
        commit.accounts.push(AccountChange::Open(Account {
            id,
            lane: commit.lane,
            slot: 0,
            code: ledger_code(code),
            currency,
            side: side_of(listed),
            state: AccountState::Open,
            balances: Balances::default(),
            limits: None,
            last: None,
            newest: ValueDay::default(),
        }));
    }
    id
}
