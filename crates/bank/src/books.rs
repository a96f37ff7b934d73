//! From what happened to a contract to transfers between accounts.
//!
//! A chart account `per: contract` exists once for each contract; one `per: lane` is a house
//! account (income, settlement, suspense) that exists once for each lane, so that no account is
//! touched by every customer; reports sum them. The ids of both follow from what they are, so
//! nothing is looked up, and each commit opens what it needs, which changes nothing where it is
//! open already. An account with limits is opened once, with its contract: its limits may be
//! others by now.

use ledger::{
    Account, AccountId, AccountState, Balances, Balancing, Code, Kind, LaneId, Limits, Side,
    Transfer, TransferId,
};
use lending::outcome::Entry;
use money::{Amount, Currency};
use product::{
    AccountCode, Accounting,
    chart::{ChartAccount, Per, Side as NormalSide},
};
use stdx::{Date, Id, Prng};
use store::{AccountChange, Commit};

/// The books of one contract, as a commit writes to them.
pub struct Books<'a> {
    /// How the product books its events.
    pub accounting: &'a Accounting,
    /// The currency of the contract.
    pub currency: Currency,
    /// The contract.
    pub contract: Id<()>,
    /// The account that was opened with the contract, if one was: [`Books::open_limited`].
    pub limited: Option<AccountCode>,
}

impl Books<'_> {
    /// Books one accounting event with a value date.
    pub fn book(
        &self,
        commit: &mut Commit,
        event: &str,
        amounts: &[(&str, Amount)],
        value_date: Date,
        prng: &mut Prng,
    ) {
        let reason = event.get(..Code::LEN_MAX).unwrap_or(event);
        let reason: Code = reason.parse().expect("accounting events are short and plain");
        for posting in self.accounting.postings(event, amounts) {
            let debit = self.needed(commit, posting.debit);
            let credit = self.needed(commit, posting.credit);
            commit.transfers.push(Transfer {
                id: Id::new(commit.at.now, prng),
                kind: Kind::Plain,
                debit,
                credit,
                amount: posting.amount,
                balancing: Balancing::None,
                linked: false,
                value_date,
                reason,
            });
        }
    }

    /// Books what became of a loan or an account of a line, with the business date.
    pub fn book_all(&self, commit: &mut Commit, entries: &[Entry], prng: &mut Prng) {
        let value_date = commit.at.today;
        for entry in entries {
            self.book(commit, entry.event, &entry.amounts, value_date, prng);
        }
    }

    /// Holds what an event would move, under a name of its own, until it is released.
    pub fn hold(&self, commit: &mut Commit, event: &str, amount: (&str, Amount), hold: TransferId) {
        for posting in self.accounting.postings(event, &[amount]) {
            let debit = self.needed(commit, posting.debit);
            let credit = self.needed(commit, posting.credit);
            commit.transfers.push(Transfer {
                id: hold,
                kind: Kind::Hold { expires: None },
                debit,
                credit,
                amount: posting.amount,
                balancing: Balancing::None,
                linked: false,
                value_date: commit.at.today,
                reason: Code::literal("hold"),
            });
        }
    }

    /// Releases all of a hold.
    pub fn release(&self, commit: &mut Commit, hold: TransferId, prng: &mut Prng) {
        let id = Id::new(commit.at.now, prng);
        let today = commit.at.today;
        let release = Transfer::about(id, Kind::Void(hold), today, Code::literal("release"));
        commit.transfers.push(release);
    }

    /// Opens the contract's account that has limits.
    pub fn open_limited(&self, commit: &mut Commit, limits: Limits) {
        if let Some(code) = self.limited {
            self.open(commit, code, Some(limits));
        }
    }

    /// The account of a code, which the commit opens if it may not be open yet.
    fn needed(&self, commit: &mut Commit, code: AccountCode) -> AccountId {
        if self.limited == Some(code) {
            return self.contract_account(code);
        }
        self.open(commit, code, None)
    }

    fn open(&self, commit: &mut Commit, code: AccountCode, limits: Option<Limits>) -> AccountId {
        let listed = self.accounting.account(code);
        let listed = listed.expect("a checked product books on the chart");
        let owner = match listed.per {
            Per::Contract => self.contract,
            Per::Lane => commit.lane.cast(),
        };
        let id = account_id(owner, code, self.currency);
        if commit.accounts.iter().any(|change| change.id() == id) {
            return id;
        }
        commit.accounts.push(AccountChange::Open(Account {
            id,
            lane: commit.lane,
            slot: 0,
            code: code.to_string().parse().expect("an account code is short and plain"),
            currency: self.currency,
            side: side_of(listed),
            state: AccountState::Open,
            balances: Balances::default(),
            limits: limits.map(Box::new),
            last: None,
            newest: ledger::ValueDay::default(),
        }));
        id
    }

    /// The account of a code: that of the contract, or of its lane.
    pub(crate) fn account_of(&self, code: AccountCode, lane: LaneId) -> Option<AccountId> {
        let owner = match self.accounting.account(code)?.per {
            Per::Contract => self.contract,
            Per::Lane => lane.cast(),
        };
        Some(account_id(owner, code, self.currency))
    }

    /// The account of a code that belongs to the contract.
    pub fn contract_account(&self, code: AccountCode) -> AccountId {
        account_id(self.contract, code, self.currency)
    }
}

/// The accounts of a contract lie together, and near those of its lane: a commit moves both.
pub(crate) fn account_id(owner: Id<()>, code: AccountCode, currency: Currency) -> AccountId {
    Id::derived_beside(owner, &[&code.number().to_be_bytes(), currency.code().as_bytes()])
}

/// The side on which an account of the chart grows.
pub(crate) fn side_of(listed: &ChartAccount) -> Side {
    match listed.side {
        NormalSide::Debit => Side::Debit,
        NormalSide::Credit => Side::Credit,
    }
}
