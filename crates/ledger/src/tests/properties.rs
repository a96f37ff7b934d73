//! What holds for any history, over many seeds.

use std::collections::{BTreeMap, BTreeSet};

use money::{Amount, Currency};
use stdx::Prng;

use super::{
    oracle::Oracle,
    script::{account, id, seconds, start, transfer},
};
use crate::{
    Account, AccountState, Applied, Balancing, Cap, CapUse, Direction, Kind, Ledger, Limits,
    Moment, Posted, Reject, Resolution, Side, Transfer, TransferId, Window,
};

const SEEDS: u64 = 120;
const BATCHES: usize = 25;

/// Account names; `A9` is never opened. Those with a `U` count another currency.
const ACCOUNTS: &[&str] = &["A1", "A2", "A3", "A4", "A5", "U1", "U2", "A9"];

/// Everything that can be seen of a ledger.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    accounts: Vec<Account>,
    transfers: BTreeMap<TransferId, (Posted, Option<Resolution>)>,
    closed_through: Option<stdx::Date>,
}

/// A ledger, its second opinion and the story so far.
struct World {
    prng: Prng,
    ledger: Ledger,
    oracle: Oracle,
    at: Moment,
    /// Everything ever ordered, to be repeated or referred to.
    orders: Vec<Transfer>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut prng = Prng::stream(seed, "ledger");
        let (mut ledger, mut oracle) = (Ledger::default(), Oracle::default());
        for name in ACCOUNTS.iter().filter(|name| **name != "A9") {
            let side = *prng.pick(&[Side::Debit, Side::Credit]);
            let mut opened = account(name, side);
            if name.starts_with('U') {
                opened.currency = "USD".parse().unwrap();
            }
            opened.limits = random_limits(&mut prng).map(Box::new);
            ledger.open(opened.clone()).unwrap();
            oracle.accounts.insert(opened.id, opened);
        }
        Self { prng, ledger, oracle, at: start(), orders: Vec::new() }
    }

    fn batch(&mut self) -> Vec<Transfer> {
        let size = 1 + self.prng.below(8);
        (0..size).map(|_| self.order()).collect()
    }

    fn order(&mut self) -> Transfer {
        let order = match self.prng.below(10) {
            0 if !self.orders.is_empty() => self.repeated(),
            1..=4 if !self.orders.is_empty() => self.about(),
            _ => self.entry(),
        };
        self.orders.push(order.clone());
        order
    }

    fn entry(&mut self) -> Transfer {
        let prng = &mut self.prng;
        let name = match prng.chance(1) {
            true => "nil".to_owned(),
            false => format!("T{}", self.orders.len()),
        };
        let (debit, credit) = match prng.below(20) {
            0 => (*prng.pick(ACCOUNTS), *prng.pick(ACCOUNTS)),
            1..4 => ("U1", "U2"),
            _ => (*prng.pick(&ACCOUNTS[..5]), *prng.pick(&ACCOUNTS[..5])),
        };
        let mut order = transfer(&name, debit, credit, random_amount(prng));
        if prng.chance(40) {
            let expires = prng.chance(50).then(|| {
                let after = i64::try_from(prng.below(100)).unwrap();
                seconds(self.at.now.as_second() - start().now.as_second() + after)
            });
            order.kind = Kind::Hold { expires };
        }
        self.random_details(order)
    }

    fn about(&mut self) -> Transfer {
        let kinds = [Kind::Post, Kind::Post, Kind::Void, Kind::Expire, Kind::Reversal];
        let kind = *self.prng.pick(&kinds);
        // The newest are the most interesting.
        let newest = &self.orders[self.orders.len().saturating_sub(12)..];
        let subject = self.prng.pick(newest).clone();
        let name = format!("T{}", self.orders.len());
        let order = Transfer::about(id(&name), kind(subject.id), self.at.today, subject.reason);
        let mut order = self.random_details(order);
        if self.prng.chance(30) {
            order.amount = Amount::from_minor(random_amount(&mut self.prng));
        }
        if self.prng.chance(10) {
            (order.debit, order.credit) = (subject.debit, subject.credit);
        }
        order
    }

    /// An earlier order, mostly with one thing changed.
    fn repeated(&mut self) -> Transfer {
        let earlier = self.prng.pick(&self.orders).clone();
        let other = self.prng.pick(&self.orders).clone();
        let mut order = earlier;
        match self.prng.below(10) {
            0 => order.kind = other.kind,
            1 => order.debit = other.debit,
            2 => order.credit = other.credit,
            3 => order.amount = other.amount,
            4 => order.balancing = other.balancing,
            5 => order.value_date = other.value_date,
            6 => order.reason = "other".parse().unwrap(),
            7 => order.kind = about_another(order.kind, other.id),
            _ => {}
        }
        Transfer { linked: false, ..order }
    }

    fn random_details(&mut self, order: Transfer) -> Transfer {
        let prng = &mut self.prng;
        let balancings = [Balancing::Debit, Balancing::Credit, Balancing::Both];
        let entry = order.kind.about().is_none();
        let balancing = match prng.chance(if entry { 25 } else { 2 }) {
            true => *prng.pick(&balancings),
            false => Balancing::None,
        };
        let value_date = match prng.below(20) {
            0 => self.at.today.tomorrow().unwrap(),
            1 => self.at.today.yesterday().unwrap(),
            _ => self.at.today,
        };
        Transfer { balancing, value_date, linked: prng.chance(12), ..order }
    }

    /// Time passes, accounts are frozen, thawed and closed, the period ends.
    fn live_on(&mut self) {
        let after = i64::try_from(self.prng.below(60)).unwrap();
        self.at.now = seconds(self.at.now.as_second() - start().now.as_second() + after);
        if self.prng.chance(20) {
            let days = self.prng.below(20);
            self.at.today = (0..days).fold(self.at.today, |day, _| day.tomorrow().unwrap());
        }
        if self.prng.chance(10) {
            self.change_state();
        }
        if self.prng.chance(5) {
            let through = self.at.today.yesterday().unwrap();
            if self.ledger.close_period(through, self.at).is_ok() {
                self.oracle.closed_through = Some(through);
            }
        }
    }

    fn change_state(&mut self) {
        let states = [
            AccountState::Open,
            AccountState::Open,
            AccountState::Open,
            AccountState::FrozenIn,
            AccountState::FrozenOut,
            AccountState::Frozen,
            AccountState::Closed,
        ];
        let name = *self.prng.pick(ACCOUNTS);
        let state = *self.prng.pick(&states);
        let sums = self.oracle.balances(id(name));
        let answer = self.ledger.set_state(id(name), state);
        match self.oracle.accounts.get_mut(&id(name)) {
            None => assert_eq!(answer, Err(Reject::AccountNotFound)),
            Some(it) if it.state == AccountState::Closed && state != AccountState::Closed => {
                assert_eq!(answer, Err(Reject::AccountAlreadyClosed));
            }
            Some(it) if state == AccountState::Closed && !sums.is_settled() => {
                assert_eq!(answer, Err(Reject::AccountNotSettled), "{it:?}");
            }
            Some(it) => {
                assert_eq!(answer, Ok(()));
                it.state = state;
            }
        }
    }

    fn seen(&self) -> Seen {
        let accounts = ACCOUNTS.iter().filter_map(|name| self.ledger.account(id(name)).cloned());
        let ids: BTreeSet<_> = self.orders.iter().map(|it| it.id).collect();
        let transfers = ids.into_iter().filter_map(|id| {
            let posted = self.ledger.transfer(id)?.clone();
            Some((id, (posted, self.ledger.resolution(id))))
        });
        Seen {
            accounts: accounts.collect(),
            transfers: transfers.collect(),
            closed_through: self.ledger.closed_through(),
        }
    }

    /// A new ledger with everything as it was stored.
    fn reload(&mut self) {
        let before = self.seen();
        self.ledger = Ledger::default();
        self.ledger.load_closed_through(before.closed_through);
        before.accounts.iter().for_each(|it| self.ledger.load_account(it.clone()));
        for (posted, resolution) in before.transfers.values() {
            let mut bytes = Vec::new();
            posted.encode(&mut bytes);
            self.ledger.load_transfer(Posted::decode(&bytes).unwrap(), *resolution);
        }
        assert_eq!(self.seen(), before);
    }
}

fn about_another(kind: Kind, id: TransferId) -> Kind {
    match kind {
        Kind::Plain | Kind::Hold { .. } => kind,
        Kind::Post(_) => Kind::Post(id),
        Kind::Void(_) => Kind::Void(id),
        Kind::Expire(_) => Kind::Expire(id),
        Kind::Reversal(_) => Kind::Reversal(id),
    }
}

fn random_amount(prng: &mut Prng) -> i64 {
    match prng.below(200) {
        0 => 0,
        1 => -1,
        2..5 => i64::MAX,
        5 => i64::MAX / 2,
        _ => 1 + i64::try_from(prng.below(20)).unwrap(),
    }
}

fn random_limits(prng: &mut Prng) -> Option<Limits> {
    let mut maybe = |max: u64| {
        let amount = Amount::from_minor(i64::try_from(prng.below(max)).unwrap());
        prng.chance(30).then_some(amount)
    };
    let (overdraft, balance_max) = (maybe(40), maybe(100));
    let mut caps = Vec::new();
    for window in [Window::Day, Window::Month, Window::Year, Window::Lifetime] {
        for direction in [Direction::In, Direction::Out] {
            if let Some(max) = maybe(120).filter(|it| it.minor() % 3 == 0) {
                caps.push(Cap { direction, window, max, usage: CapUse::default() });
            }
        }
    }
    let limits = Limits { overdraft, balance_max, caps };
    (limits != Limits::default()).then_some(limits)
}

#[test]
fn the_ledger_answers_as_its_second_opinion() {
    let mut met = BTreeSet::new();
    let mut created = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for step in 0..BATCHES {
            let batch = world.batch();
            let expected = world.oracle.apply(&batch, world.at);
            let answers = world.ledger.apply(&batch, world.at);
            let answers: Vec<_> = answers
                .into_iter()
                .map(|it| it.map(|it| (matches!(it, Applied::Created(_)), amount_of(&it))))
                .collect();
            assert_eq!(answers, expected, "seed {seed}, step {step}: {batch:#?}");
            created += answers.iter().filter(|it| matches!(it, Ok((true, _)))).count();
            met.extend(answers.into_iter().filter_map(Result::err));
            same_balances(&world, seed);
            world.live_on();
            if world.prng.chance(10) {
                world.reload();
            }
        }
        same_histories(&world, seed);
    }
    // The histories are worth something: much happens, and every refusal of a transfer is met.
    assert!(created > 3_000, "{created} created");
    let of_transfers = Reject::TABLE.iter().map(|row| row.0).filter(|it| it.number() < 70);
    let missed: Vec<_> = of_transfers.filter(|it| !met.contains(it)).collect();
    assert_eq!(missed, []);
}

fn amount_of(applied: &Applied) -> Amount {
    applied.posted().transfer.amount
}

fn same_balances(world: &World, seed: u64) {
    for name in ACCOUNTS {
        let Some(account) = world.ledger.account(id(name)) else { continue };
        assert_eq!(account.balances, world.oracle.balances(account.id), "seed {seed}, {name}");
        for cap in account.limits.iter().flat_map(|it| &it.caps) {
            let used = world.oracle.used(account.id, cap, world.at.today);
            assert_eq!(i128::from(cap.used(world.at.today).minor()), used, "seed {seed}, {name}");
        }
    }
}

/// Following the list from an account leads through all its transfers, newest first.
fn same_histories(world: &World, seed: u64) {
    for name in ACCOUNTS {
        let Some(account) = world.ledger.account(id(name)) else { continue };
        let walk = std::iter::successors(account.last, |last| {
            let posted = world.ledger.transfer(*last).unwrap();
            match posted.transfer.debit == account.id {
                true => posted.debit_previous,
                false => posted.credit_previous,
            }
        });
        let walk: Vec<_> = walk.collect();
        assert_eq!(walk, world.oracle.history(account.id), "seed {seed}, {name}");
    }
}

#[test]
fn the_books_balance_and_limits_hold() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..BATCHES {
            let batch = world.batch();
            world.ledger.apply(&batch, world.at);
            let seen = world.seen();
            balanced(&seen, seed);
            seen.accounts.iter().for_each(|it| within_limits(it, world.at, seed));
            // The oracle is not asked here; states stay open so that more happens.
            let later = world.at.now.as_second() - start().now.as_second() + 7;
            world.at.now = seconds(later);
            if world.prng.chance(30) {
                world.at.today = world.at.today.tomorrow().unwrap();
            }
        }
    }
}

fn balanced(seen: &Seen, seed: u64) {
    let mut sums: BTreeMap<Currency, [i128; 4]> = BTreeMap::new();
    for it in &seen.accounts {
        let four = [
            it.balances.debits_posted,
            it.balances.credits_posted,
            it.balances.debits_pending,
            it.balances.credits_pending,
        ];
        assert!(four.iter().all(|it| !it.is_negative()), "seed {seed}: {it:?}");
        let sum = sums.entry(it.currency).or_default();
        sum.iter_mut().zip(four).for_each(|(sum, it)| *sum += i128::from(it.minor()));
    }
    for (currency, [debits, credits, debits_held, credits_held]) in sums {
        assert_eq!(debits, credits, "seed {seed}, {currency}");
        assert_eq!(debits_held, credits_held, "seed {seed}, {currency}");
    }
}

fn within_limits(account: &Account, at: Moment, seed: u64) {
    let Some(limits) = &account.limits else { return };
    let sums = account.balances;
    if let Some(overdraft) = limits.overdraft {
        let low = i128::from(sums.available(account.side).minor());
        assert!(low >= -i128::from(overdraft.minor()), "seed {seed}: {account:?}");
    }
    if let Some(max) = limits.balance_max {
        assert!(sums.posted(account.side) <= max, "seed {seed}: {account:?}");
    }
    for cap in &limits.caps {
        let used = cap.used(at.today);
        assert!(!used.is_negative() && used <= cap.max, "seed {seed}: {account:?}");
    }
}

#[test]
fn a_rollback_restores_the_exact_state() {
    let mut changed_at_all = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..BATCHES {
            let before = world.seen();
            let mark = world.ledger.mark();
            let batch = world.batch();
            world.ledger.apply(&batch, world.at);
            let nested = (world.ledger.mark(), world.seen());
            disturb(&mut world);
            let after = world.seen();
            let changed: Vec<_> = world.ledger.changed_since(mark).collect();
            let differ = after.accounts.iter().filter(|it| !before.accounts.contains(it));
            assert!(differ.clone().all(|it| changed.contains(&(it.lane, it.slot))), "seed {seed}");
            changed_at_all += differ.count();

            world.ledger.rollback(nested.0);
            assert_eq!(world.seen(), nested.1, "seed {seed}");
            world.ledger.rollback(mark);
            assert_eq!(world.seen(), before, "seed {seed}");
            assert!(world.ledger.changed_since(mark).next().is_none());
            assert_eq!(world.ledger.account(id("N1")), None);

            // Then it happens after all, the same way.
            world.ledger.apply(&batch, world.at);
            assert_eq!(world.seen(), nested.1, "seed {seed}");
        }
        let before = world.seen();
        world.ledger.settle();
        assert_eq!(world.seen().accounts, before.accounts);
        assert!(world.seen().transfers.is_empty());
        assert!(world.ledger.changed_since(world.ledger.mark()).next().is_none());
    }
    assert!(changed_at_all > 1_000, "{changed_at_all} changed");
}

/// One of each other change.
fn disturb(world: &mut World) {
    let ledger = &mut world.ledger;
    ledger.open(account("N1", Side::Debit)).unwrap();
    let state =
        *world.prng.pick(&[AccountState::Open, AccountState::Frozen, AccountState::FrozenIn]);
    ledger.set_state(id("A1"), state).unwrap();
    ledger.set_limits(id("A2"), random_limits(&mut world.prng)).unwrap();
    ledger.close_period(world.at.today.yesterday().unwrap(), world.at).unwrap();
}
