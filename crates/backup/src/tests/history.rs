//! Commits made up from a seed.

use std::collections::BTreeMap;

use ledger::{
    Account, AccountState, Balances, Balancing, Code, Kind, Moment, Side, Transfer, TransferId,
    ValueDay,
};
use money::{Amount, Currency};
use stdx::{Date, Digest, Prng, Timestamp};
use store::{AccountChange, Commit, Due, Mode, Table};

use super::{INSTITUTIONS, nth};

const LANES: u64 = 4;
/// The accounts of each institution.
const ACCOUNTS: u64 = 9;

const NOTES: Table<String> = Table::new("note", |text| vec![("text", text.clone())]);

/// One commit after another; the first ones open the accounts. All transfers are allowed, though
/// not all that are about holds are possible.
pub(super) struct History {
    prng: Prng,
    accounts: u64,
    made: u64,
    transfers: u64,
    /// The version of the one record of each institution.
    versions: BTreeMap<u64, u64>,
    holds: Vec<(u64, TransferId)>,
}

impl History {
    pub(super) fn new(seed: u64) -> Self {
        Self::with_accounts(ACCOUNTS, seed)
    }

    pub(super) fn with_accounts(accounts: u64, seed: u64) -> Self {
        let prng = Prng::stream(seed, "backup/history");
        let (versions, holds) = Default::default();
        Self { prng, accounts, made: 0, transfers: 0, versions, holds }
    }

    pub(super) fn next(&mut self) -> Commit {
        self.made += 1;
        let opens = self.made <= INSTITUTIONS;
        let of = if opens { self.made } else { 1 + self.prng.below(INSTITUTIONS) };
        let lane = nth(1 + self.prng.below(LANES));
        let mut commit = Commit::new(nth(of), lane, "try", moment(self.made));
        commit.key = format!("key {}", self.made);
        commit.digest = Digest::of(&[commit.key.as_bytes()]);
        commit.actor = "tester".to_owned();
        commit.mode = Mode::EachAlone;
        commit.answer(&self.made);
        if opens {
            commit.accounts = (1..=self.accounts).map(|it| account(it, 1 + it % LANES)).collect();
            return commit;
        }
        commit.transfers = (0..self.prng.below(5)).map(|_| self.transfer(of)).collect();
        if self.prng.chance(40) {
            let version = self.versions.entry(of).or_default();
            commit.put(&NOTES, nth::<String>(1), *version, &format!("version {version} 版本"));
            *version += 1;
        }
        if self.prng.chance(30) {
            let subject = nth::<String>(1 + self.prng.below(3));
            commit.set_timer(Due::Day(commit.at.today), "remind", subject);
        }
        if self.prng.chance(30) {
            commit.tell("tried", nth::<String>(1), &self.made);
        }
        if self.prng.chance(3) {
            commit.close_period = commit.at.today.yesterday().ok();
        }
        commit
    }

    fn transfer(&mut self, of: u64) -> Transfer {
        self.transfers += 1;
        let id = nth(self.transfers);
        let (today, reason) = (moment(self.made).today, Code::literal("try"));
        if self.prng.chance(30) && !self.holds.is_empty() {
            let (holder, hold) = *self.prng.pick(&self.holds);
            if holder == of {
                let kind = if self.prng.chance(50) { Kind::Post } else { Kind::Void };
                return Transfer::about(id, kind(hold), today, reason);
            }
        }
        let kind = match self.prng.chance(30) {
            true => Kind::Hold { expires: None },
            false => Kind::Plain,
        };
        if kind.is_hold() {
            self.holds.push((of, id));
        }
        let debit = 1 + self.prng.below(self.accounts);
        let credit = 1 + (debit + self.prng.below(self.accounts - 1)) % self.accounts;
        let amount = Amount::from_minor(i64::try_from(1 + self.prng.below(900)).unwrap());
        Transfer { kind, value_date: today, reason, ..plain(self.transfers, debit, credit, amount) }
    }
}

/// Ten commits a day, each a second after the one before.
pub(super) fn moment(number: u64) -> Moment {
    let start = Timestamp::constant(1_772_000_000, 123_456_789);
    let days = i64::try_from(number / 10).unwrap();
    let seconds = days * 86_400 + i64::try_from(number).unwrap();
    let now = Timestamp::from_second(start.as_second() + seconds).unwrap();
    let day = Date::constant(2026, 3, 1);
    let today = (0..days).fold(day, |day, _| day.tomorrow().unwrap());
    Moment { now, today }
}

pub(super) fn account(number: u64, lane: u64) -> AccountChange {
    AccountChange::Open(Account {
        id: nth(number),
        lane: nth(lane),
        slot: 0,
        code: Code::literal("2001"),
        currency: Currency::CNY,
        side: Side::Credit,
        state: AccountState::Open,
        balances: Balances::default(),
        limits: None,
        last: None,
        newest: ValueDay::default(),
    })
}

pub(super) fn plain(number: u64, debit: u64, credit: u64, amount: Amount) -> Transfer {
    Transfer {
        id: nth(number),
        kind: Kind::Plain,
        debit: nth(debit),
        credit: nth(credit),
        amount,
        balancing: Balancing::None,
        linked: false,
        value_date: moment(1).today,
        reason: Code::literal("try"),
    }
}
