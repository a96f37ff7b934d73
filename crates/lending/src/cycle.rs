//! Revolving credit on statements (账单周期): one account on which purchases gather, a statement a
//! month, a minimum to be paid of it, and no interest for who pays it in full in time.
//!
//! ```text
//! purchase ─▶ unbilled ─ statement day ─▶ bill ─ due date, grace ─┬▶ paid in full: nothing
//!              free                        free                   └▶ bears interest from purchase
//! cash ─────▶ bears interest from its day                            + a fee, if below the minimum
//! ```
//!
//! As a loan does, an account follows from its contract and its facts ([ADR 0010]): [`life`] is the
//! fold, [`decide`] says whether something may happen, [`History`] what is to be booked when it is
//! booked late or taken back. Past statements are restated by it as everything else is.
//!
//! A purchase counts from its day; a payment counts from its day too, so a purchase that is paid on
//! the day it was made bears nothing. Interest is the product of balances and days (积数) since the
//! last statement, times the rate: it is rounded once for each statement, however many days booked
//! parts of it.
//!
//! Suggested reading order: the records here, [`fact`], [`statement`], [`life`], [`decide`],
//! [`correction`].
//!
//! [ADR 0010]: ../../../../docs/adr/0010-a-loan-follows-from-its-facts.md

use money::{Amount, Currency, Decimal};
use product::kinds::revolving_credit::statement::{Part, Statement as Cycle};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::loan::{Borrower, Bucket, Owed, is_zero};

pub mod correction;
mod decide;
pub mod explain;
pub mod fact;
mod life;
pub mod outcome;
pub mod statement;

pub use correction::History;
pub use decide::{FACTS_RESERVED, close_day, happen, open};
pub use explain::Explaining;
pub use fact::What;
pub use outcome::{Event, Outcome};
pub use statement::{Line, LineKind, Statement, lines};

/// Something that happened to an account.
pub type Fact = crate::Fact<What>;

/// The contract of an account with statements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Who owes it.
    pub holder: Id<Borrower>,
    /// Name of the product it was made under.
    pub product: String,
    /// The version of the product: it never moves under a contract.
    pub version: u32,
    /// Where the contract stands.
    pub status: Status,
    /// Currency of every amount.
    pub currency: Currency,
    /// How it is served, as signed.
    pub terms: Terms,
    /// Its first day.
    pub opened_on: Date,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<Date>,
}

/// What of the product the life of an account follows, as signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Statements, interest and fees.
    pub statement: Cycle,
    /// More days past due than this suspend interest; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_after: Option<u32>,
}

/// Where the contract of an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// In use, or something is owed.
    Active,
    /// Nothing is owed, and nothing can be bought any more.
    Closed,
    /// Removed from the balance sheet as lost (核销), and still owed: what comes in is a recovery.
    ChargedOff,
    /// What was charged off is claimed no more.
    WrittenOff,
}

/// What is owed on an account, as of the start of business date `through`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The business date: the day to be closed next.
    pub through: Date,
    /// How many statements were made.
    pub statements: u32,
    /// What is unpaid of statements that can still be paid in full in time, oldest first. What is
    /// late is a part of the next one; until that is made, it comes last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bills: Vec<Bill>,
    /// What is on no statement yet.
    pub unbilled: Pool,
    /// Minimums that are not paid, oldest first: each is what a statement added to those before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minimums: Vec<Minimum>,
    /// Paid in advance (溢缴款); it pays whatever comes to be owed.
    pub prepaid: Amount,
    /// Interest since the last statement.
    pub accrual: Accrual,
    /// The balance of the last statement.
    pub opening: Amount,
    /// What has moved since.
    pub turnover: Turnover,
    /// Days past due at the last close.
    pub days_past_due: u32,
    /// Whether interest is not income before it is paid (非应计).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// How many facts the account has: the number of the next one.
    #[serde(default)]
    pub facts: u32,
}

/// What is unpaid of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bill {
    /// The number of the statement, from 1.
    pub number: u32,
    /// When it is to be paid.
    pub due: Date,
    /// What is unpaid.
    pub pool: Pool,
    /// Whether due date and grace have passed: its purchases bear interest then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

/// Amounts that are owed and share a fate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Fees for being late.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub penalty: Amount,
    /// Other fees.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fee: Amount,
    /// Interest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interest: Amount,
    /// Cash that was drawn. It bears interest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cash: Amount,
    /// Purchases that bear interest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revolving: Amount,
    /// Purchases that bear none if they are paid in time, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free: Vec<Purchases>,
    /// Amounts of free purchases times the days they were owed, in major units; kept where all of
    /// them bear interest once the free period is lost.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub free_product: Decimal,
}

/// What is unpaid of the purchases of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purchases {
    /// The day, from which they bear interest once the free period is lost.
    pub on: Date,
    /// How much.
    pub amount: Amount,
}

/// What a statement adds to the minimum that is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// The number of the statement.
    pub statement: u32,
    /// When it is to be paid.
    pub due: Date,
    /// What is unpaid of it.
    pub left: Amount,
}

/// Interest since the last statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accrual {
    /// Purchases that bear interest, times days (积数), in major units.
    pub purchases: Decimal,
    /// Cash, times days, in major units.
    pub cash: Decimal,
    /// What of the interest is booked.
    pub booked: Amount,
}

/// What moved on an account between two statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turnover {
    /// Purchases.
    pub purchases: Amount,
    /// Cash drawn.
    pub cash: Amount,
    /// Interest.
    pub interest: Amount,
    /// Fees.
    pub fees: Amount,
    /// Fees for being late.
    pub penalties: Amount,
    /// What was paid in advance and given back.
    pub given_back: Amount,
    /// What the holder paid.
    pub payments: Amount,
    /// What merchants paid back.
    pub refunds: Amount,
    /// What was given up.
    pub waived: Amount,
}

impl Account {
    /// The contract as it was signed, before anything happened to it.
    pub(crate) fn as_signed(&self) -> Self {
        Self { status: Status::Active, ended_on: None, ..self.clone() }
    }
}

impl Position {
    /// An account on its first day.
    pub fn new(on: Date) -> Self {
        Self {
            through: on,
            statements: 0,
            bills: Vec::new(),
            unbilled: Pool::default(),
            minimums: Vec::new(),
            prepaid: Amount::ZERO,
            accrual: Accrual::default(),
            opening: Amount::ZERO,
            turnover: Turnover::default(),
            days_past_due: 0,
            suspended: false,
            facts: 0,
        }
    }

    /// All that is owed, on statements or not.
    pub fn owed(&self) -> Owed {
        self.pools().map(Pool::owed).sum()
    }

    /// What of it is on statements.
    pub fn billed(&self) -> Owed {
        self.bills.iter().map(|it| it.pool.owed()).sum()
    }

    /// What is owed, less what was paid in advance: negative when more was paid than is owed.
    pub fn balance(&self) -> Amount {
        self.owed().total() - self.prepaid
    }

    /// What is unpaid of the minimums of all statements.
    pub fn minimum(&self) -> Amount {
        self.minimums.iter().map(|it| it.left).sum()
    }

    /// The class of arrears at the last close.
    pub fn bucket(&self) -> Bucket {
        Bucket::of(self.days_past_due)
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.bills.iter().map(|it| &it.pool).chain([&self.unbilled])
    }

    pub(crate) fn pools_mut(&mut self) -> impl Iterator<Item = &mut Pool> {
        self.bills.iter_mut().map(|it| &mut it.pool).chain([&mut self.unbilled])
    }
}

impl Pool {
    /// What is owed, by component.
    pub fn owed(&self) -> Owed {
        let Self { penalty, fee, interest, cash, revolving, .. } = *self;
        Owed { penalty, fee, interest, principal: cash + revolving + self.free() }
    }

    /// Purchases that bear no interest.
    pub fn free(&self) -> Amount {
        self.free.iter().map(|it| it.amount).sum()
    }

    /// What is owed of a part.
    pub(crate) fn of(&self, part: Part) -> Amount {
        match part {
            Part::Penalty => self.penalty,
            Part::Fee => self.fee,
            Part::Interest => self.interest,
            Part::Cash => self.cash,
            Part::Purchase => self.revolving + self.free(),
        }
    }

    /// Pays a part with at most an amount: what it took.
    pub(crate) fn pay(&mut self, part: Part, amount: Amount) -> Amount {
        match part {
            Part::Penalty => take(&mut self.penalty, amount),
            Part::Fee => take(&mut self.fee, amount),
            Part::Interest => take(&mut self.interest, amount),
            Part::Cash => take(&mut self.cash, amount),
            Part::Purchase => {
                let mut paid = take(&mut self.revolving, amount);
                for of_a_day in &mut self.free {
                    paid += take(&mut of_a_day.amount, amount - paid);
                }
                self.free.retain(|it| !it.amount.is_zero());
                paid
            }
        }
    }

    /// Takes up another one.
    pub(crate) fn absorb(&mut self, other: Self) {
        let Self { penalty, fee, interest, cash, revolving, free, free_product } = other;
        self.penalty += penalty;
        self.fee += fee;
        self.interest += interest;
        self.cash += cash;
        self.revolving += revolving;
        free.into_iter().for_each(|it| self.buy(it));
        self.free_product = self.free_product.saturating_add(free_product);
    }

    /// Adds purchases of a day, which bear no interest yet.
    pub(crate) fn buy(&mut self, bought: Purchases) {
        match self.free.binary_search_by_key(&bought.on, |it| it.on) {
            Ok(index) => self.free[index].amount += bought.amount,
            Err(index) => self.free.insert(index, bought),
        }
    }
}

/// Takes at most an amount: what it took.
pub(crate) fn take(from: &mut Amount, amount: Amount) -> Amount {
    let taken = amount.min(*from);
    *from -= taken;
    taken
}
