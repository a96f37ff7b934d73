//! Accounts and their balances.

use money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::{Code, LaneId, Limits, TransferId};

/// Names an account.
pub type AccountId = Id<Account>;

/// One account of a book: an institution's accounts of one currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// The lane its changes are ordered in.
    pub lane: LaneId,
    /// Its place among the accounts of the lane, from 0: given by whoever keeps it.
    #[serde(default)]
    pub slot: u32,
    /// Its place in the chart of accounts.
    pub code: Code,
    /// What it counts.
    pub currency: Currency,
    /// The side on which it grows: debit for assets and expenses, credit for liabilities, equity
    /// and income.
    pub side: Side,
    /// Open, frozen or closed.
    #[serde(default)]
    pub state: AccountState,
    /// What has moved.
    #[serde(default)]
    pub balances: Balances,
    /// What may move; boxed, since most accounts have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Box<Limits>>,
    /// The newest transfer of the account: the head of its history, which is a list linked from
    /// each transfer to the one before.
    #[serde(default)]
    pub last: Option<TransferId>,
    /// What was posted with the newest value date that the account has seen.
    #[serde(default, skip_serializing_if = "ValueDay::is_empty")]
    pub newest: ValueDay,
}

/// What was posted with one value date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueDay {
    /// The date; [`Date::MIN`] when nothing was.
    pub date: Date,
    /// Debits posted.
    pub debits: Amount,
    /// Credits posted.
    pub credits: Amount,
}

impl ValueDay {
    /// A date on which nothing was posted yet.
    pub(crate) fn on(date: Date) -> Self {
        Self { date, debits: Amount::ZERO, credits: Amount::ZERO }
    }

    /// Nothing was posted.
    pub(crate) fn is_empty(&self) -> bool {
        self.debits.is_zero() && self.credits.is_zero()
    }

    /// Adds what one side posts.
    pub(crate) fn post(&mut self, side: Side, amount: Amount) {
        match side {
            Side::Debit => self.debits += amount,
            Side::Credit => self.credits += amount,
        }
    }
}

impl Default for ValueDay {
    fn default() -> Self {
        Self::on(Date::MIN)
    }
}

/// A side of the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// 借.
    Debit,
    /// 贷.
    Credit,
}

/// What may be done with an account. "In" is the account's own side, "out" the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// Everything.
    #[default]
    Open,
    /// Only out (只付不收).
    FrozenIn,
    /// Only in (只收不付).
    FrozenOut,
    /// Nothing, until thawed (不收不付).
    Frozen,
    /// Nothing, ever; the balance was zero.
    Closed,
}

impl AccountState {
    /// Whether the account may grow.
    pub(crate) fn takes_in(self) -> bool {
        matches!(self, Self::Open | Self::FrozenOut)
    }

    /// Whether the account may shrink.
    pub(crate) fn gives_out(self) -> bool {
        matches!(self, Self::Open | Self::FrozenIn)
    }
}

/// The four sums of an account. None is ever negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balances {
    /// Debits posted.
    pub debits_posted: Amount,
    /// Credits posted.
    pub credits_posted: Amount,
    /// Debits held.
    pub debits_pending: Amount,
    /// Credits held.
    pub credits_pending: Amount,
}

impl Balances {
    /// The posted balance as seen from `side`: positive when the account stands on that side.
    pub fn posted(&self, side: Side) -> Amount {
        match side {
            Side::Debit => self.debits_posted - self.credits_posted,
            Side::Credit => self.credits_posted - self.debits_posted,
        }
    }

    /// What is left of the posted balance, seen from `side`, after all holds against it.
    pub fn available(&self, side: Side) -> Amount {
        let held = match side {
            Side::Debit => self.credits_pending,
            Side::Credit => self.debits_pending,
        };
        self.posted(side) - held
    }

    /// Nothing posted on balance and nothing held.
    pub fn is_settled(&self) -> bool {
        self.debits_posted == self.credits_posted
            && self.debits_pending.is_zero()
            && self.credits_pending.is_zero()
    }
}
