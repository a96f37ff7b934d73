//! Concurrent histories: clients on two nodes contend for few accounts, holds, keys and records.
//! What each was told, and when, is recorded; then a model with integers of its own replays the
//! log and judges. There must be one order in which all that was answered is right.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use ledger::{Cap, CapUse, Direction, Kind, Limits, Reject, Window};
use stdx::{Id, Prng};
use tokio::sync::Barrier;

use super::{
    Account, AccountChange, Amount, Commit, Digest, Directory, Moment, Outcome, Store, Table,
    Transfer, account, amount, bank, commit, committed, database, lane, noon, nth, transfer,
    verify,
};
use crate::{Booked, Memory, Mode, PAGE_MAX, Receipt, StoreError};

const CLIENTS: u64 = 8;
const ROUNDS: u64 = 24;
/// What a client asks between two meetings of all.
const STEPS: u64 = 5;
const ACCOUNTS: std::ops::RangeInclusive<u64> = 1..=5;
/// The account without limits; the others may not go below zero, nor out more than a cap a day.
const CASH: u64 = 5;
const CAP: i64 = 250;
const COUNTERS: [u64; 2] = [1, 2];
/// Of the two at most one may be 1: each commit expects one and writes the other.
const PAIR: [u64; 2] = [11, 12];
const RECORDS: Table<i64> = Table::new("count", |_| Vec::new());
/// All of a hold.
const ALL: i64 = i64::MAX;

/// The lane of an account.
fn home(account: u64) -> u64 {
    if account <= 2 { 1 } else { 2 }
}

/// A commit in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
struct Order {
    key: u64,
    lane: u64,
    /// Days after the first.
    day: u64,
    is_whole: bool,
    moves: Vec<Move>,
    /// Records and the versions they were read at.
    expects: Vec<(u64, u64)>,
    /// Records, the versions they were read at, and what is written.
    puts: Vec<(u64, u64, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Move {
    id: u64,
    does: Does,
    debit: u64,
    credit: u64,
    amount: i64,
    linked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Pay,
    Hold,
    Post(u64),
    Void(u64),
}

/// What is told about an order.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Committed(Done),
    Replayed(Done),
    Rejected(Option<usize>, Reject),
    KeyReused,
    Conflict(u64),
}

#[derive(Clone, Debug, PartialEq)]
struct Done {
    lane: u64,
    seq: u64,
    results: Vec<Result<Booked, Reject>>,
}

/// What clients contend for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Lane(u64),
    Account(u64),
    Transfer(u64),
    Record(u64),
    Key(u64),
}

/// What a reader saw of a thing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    /// Debits and credits posted, debits and credits held, the newest transfer.
    Account([i64; 4], u64),
    /// Version and value.
    Record(u64, i64),
}

#[derive(Clone, Debug)]
enum Asked {
    Order(Order, Answer),
    Read(Thing, Seen),
}

/// Something asked and answered; all starts and ends have one order.
#[derive(Clone, Debug)]
struct Event {
    start: u64,
    end: u64,
    asked: Asked,
}

/// A commit as the log has it: its own lane, and its place in each lane it touched.
#[derive(Clone, Debug)]
struct Entry {
    key: u64,
    lane: u64,
    places: BTreeMap<u64, u64>,
}

/// What was recorded, from accounts just opened.
#[derive(Clone, Debug)]
struct History {
    entries: Vec<Entry>,
    events: Vec<Event>,
}

impl Order {
    /// What it names.
    fn things(&self) -> BTreeSet<Thing> {
        let mut things = BTreeSet::from([Thing::Key(self.key), Thing::Lane(self.lane)]);
        for it in &self.moves {
            things.insert(Thing::Transfer(it.id));
            if let Does::Post(hold) | Does::Void(hold) = it.does {
                things.insert(Thing::Transfer(hold));
            }
            for account in [it.debit, it.credit] {
                things.extend([Thing::Account(account), Thing::Lane(home(account))]);
            }
        }
        things.extend(self.versions().map(|(record, _)| Thing::Record(record)));
        things
    }

    /// The records it names, in the order of checking, at the versions it expects.
    fn versions(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let written = self.puts.iter().map(|(record, version, _)| (*record, *version));
        self.expects.iter().copied().chain(written)
    }

    /// The lane is no part of what is asked.
    fn asks_the_same(&self, other: &Self) -> bool {
        Self { lane: 0, ..self.clone() } == Self { lane: 0, ..other.clone() }
    }
}

/// The books of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    debits: i64,
    credits: i64,
    debits_held: i64,
    credits_held: i64,
    newest: u64,
    /// A day, and what of its cap is used.
    used: (u64, i64),
}

impl Sums {
    fn used(&self, day: u64) -> i64 {
        if self.used.0 == day { self.used.1 } else { 0 }
    }

    fn give_back(&mut self, day: u64, amount: i64) {
        if self.used.0 == day {
            self.used.1 -= amount;
        }
    }
}

/// A transfer that happened.
#[derive(Clone, Copy, Debug)]
struct Moved {
    moved: Move,
    day: u64,
    /// What a later attempt to resolve it is told.
    resolved: Option<Reject>,
}

/// The whole state, slow and simple.
#[derive(Clone, Debug)]
struct Model {
    accounts: BTreeMap<u64, Sums>,
    transfers: BTreeMap<u64, Moved>,
    records: BTreeMap<u64, (u64, i64)>,
    keys: BTreeMap<u64, (Order, Done)>,
    /// The newest place of each lane.
    heads: BTreeMap<u64, u64>,
}

/// What an order would change.
#[derive(Clone, Debug)]
struct Draft<'m> {
    model: &'m Model,
    accounts: BTreeMap<u64, Sums>,
    transfers: BTreeMap<u64, Moved>,
}

impl Model {
    /// After the commit that opened the accounts, which touched both lanes.
    fn opened() -> Self {
        Self {
            accounts: ACCOUNTS.map(|it| (it, Sums { used: (u64::MAX, 0), ..Sums::default() })).collect(),
            transfers: BTreeMap::new(),
            records: BTreeMap::new(),
            keys: BTreeMap::new(),
            heads: BTreeMap::from([(1, 1), (2, 1)]),
        }
    }

    /// What the order is answered, and what it changes if it is committed.
    fn decide(&self, order: &Order) -> (Answer, Option<Draft<'_>>) {
        if let Some((before, done)) = self.keys.get(&order.key) {
            let same = before.asks_the_same(order);
            let answer = if same { Answer::Replayed(done.clone()) } else { Answer::KeyReused };
            return (answer, None);
        }
        let version = |record| self.records.get(&record).map_or(0, |it| it.0);
        if let Some((record, _)) = order.versions().find(|(it, read)| version(*it) != *read) {
            return (Answer::Conflict(record), None);
        }
        let mut draft =
            Draft { model: self, accounts: self.accounts.clone(), transfers: BTreeMap::new() };
        let mut results = Vec::new();
        for chain in order.moves.chunk_by(|it, _| it.linked) {
            let before = draft.clone();
            let mut of_chain: Vec<_> = chain.iter().map(|_| Err(Reject::LinkedTransferFailed)).collect();
            for (index, it) in chain.iter().enumerate() {
                of_chain[index] = draft.enter(it, order.day);
                if of_chain[index].is_err() {
                    of_chain[..index].fill(Err(Reject::LinkedTransferFailed));
                    draft = before;
                    break;
                }
            }
            results.extend(of_chain);
        }
        let refused = results.iter().enumerate().find_map(|(index, it)| Some((index, it.err()?)));
        if let Some((index, reject)) = refused.filter(|_| order.is_whole) {
            return (Answer::Rejected(Some(index), reject), None);
        }
        let seq = self.heads[&order.lane] + 1;
        (Answer::Committed(Done { lane: order.lane, seq, results }), Some(draft))
    }

    /// Carries out a committed order; answers its places in the lanes it touched.
    fn carry_out(&mut self, order: &Order) -> (Answer, BTreeMap<u64, u64>) {
        let (answer, draft) = self.decide(order);
        let (Answer::Committed(done), Some(draft)) = (&answer, draft) else {
            return (answer, BTreeMap::new());
        };
        let Draft { accounts, transfers, .. } = draft;
        let changed = accounts.iter().filter(|(id, sums)| self.accounts[id] != **sums);
        let lanes: BTreeSet<u64> = changed.map(|(id, _)| home(*id)).chain([order.lane]).collect();
        self.accounts = accounts;
        self.transfers.extend(transfers);
        for (record, before, value) in &order.puts {
            self.records.insert(*record, (before + 1, *value));
        }
        self.keys.insert(order.key, (order.clone(), done.clone()));
        let places = lanes.into_iter().map(|lane| {
            let head = self.heads.entry(lane).or_default();
            *head += 1;
            (lane, *head)
        });
        let places = places.collect();
        (answer, places)
    }

    fn see(&self, thing: Thing) -> Seen {
        match thing {
            Thing::Account(id) => {
                let it = &self.accounts[&id];
                Seen::Account([it.debits, it.credits, it.debits_held, it.credits_held], it.newest)
            }
            Thing::Record(id) => {
                let (version, value) = self.records.get(&id).copied().unwrap_or_default();
                Seen::Record(version, value)
            }
            Thing::Lane(_) | Thing::Transfer(_) | Thing::Key(_) => panic!("{thing:?} is not read"),
        }
    }
}

impl Draft<'_> {
    fn transfer(&self, id: u64) -> Option<Moved> {
        self.transfers.get(&id).or_else(|| self.model.transfers.get(&id)).copied()
    }

    /// Both sides of an account pair, and the new transfer on them.
    fn sides(&mut self, it: &Move) -> (Sums, Sums) {
        let with_newest = |id: &u64| Sums { newest: it.id, ..self.accounts[id] };
        (with_newest(&it.debit), with_newest(&it.credit))
    }

    fn enter(&mut self, it: &Move, day: u64) -> Result<Booked, Reject> {
        let about = match it.does {
            Does::Pay | Does::Hold => None,
            Does::Post(hold) | Does::Void(hold) => Some(hold),
        };
        let held = about.and_then(|hold| self.transfer(hold));
        let whole = held.map_or(it.amount, |held| held.moved.amount);
        let moved = if it.amount == ALL { whole } else { it.amount };
        if let Some(before) = self.transfer(it.id) {
            return exists(&before.moved, &Move { amount: moved, ..*it });
        }
        let (mut debit, mut credit) = self.sides(it);
        if let Some(hold) = about {
            let held = held.ok_or(Reject::HoldNotFound)?;
            if moved > whole {
                return Err(Reject::ExceedsHold);
            }
            held.resolved.map_or(Ok(()), Err)?;
            debit.debits_held -= whole;
            credit.credits_held -= whole;
            let (posted, resolved) = match it.does {
                Does::Post(_) => (moved, Reject::HoldAlreadyPosted),
                _ => (0, Reject::HoldAlreadyVoided),
            };
            debit.debits += posted;
            credit.credits += posted;
            debit.give_back(held.day, whole - posted);
            self.transfers.insert(hold, Moved { resolved: Some(resolved), ..held });
        } else {
            if it.debit != CASH {
                if moved > debit.credits - debit.debits - debit.debits_held {
                    return Err(Reject::DebitAccountExceedsOverdraft);
                }
                if moved > CAP - debit.used(day) {
                    return Err(Reject::DebitAccountExceedsCap);
                }
                debit.used = (day, debit.used(day) + moved);
            }
            match it.does {
                Does::Hold => {
                    debit.debits_held += moved;
                    credit.credits_held += moved;
                }
                _ => {
                    debit.debits += moved;
                    credit.credits += moved;
                }
            }
        }
        self.accounts.extend([(it.debit, debit), (it.credit, credit)]);
        let moved = Move { amount: moved, ..*it };
        self.transfers.insert(it.id, Moved { moved, day, resolved: None });
        Ok(Booked::Created)
    }
}

/// What is answered to a transfer whose id was used before.
fn exists(before: &Move, now: &Move) -> Result<Booked, Reject> {
    if std::mem::discriminant(&before.does) != std::mem::discriminant(&now.does) {
        Err(Reject::ExistsWithDifferentKind)
    } else if before.does != now.does {
        Err(Reject::ExistsWithDifferentSubject)
    } else if before.debit != now.debit {
        Err(Reject::ExistsWithDifferentDebitAccount)
    } else if before.credit != now.credit {
        Err(Reject::ExistsWithDifferentCreditAccount)
    } else if before.amount != now.amount {
        Err(Reject::ExistsWithDifferentAmount)
    } else {
        Ok(Booked::Exists)
    }
}

/// A committed order, when it was asked for and answered, and where it stands.
struct Commits<'h> {
    entry: &'h Entry,
    event: &'h Event,
    order: &'h Order,
    answer: &'h Answer,
}

/// Whether one order of commits explains all answers; if not, what it does not explain.
fn check(history: &History) -> Result<(), String> {
    let commits = in_order(acknowledged(history)?)?;
    // Which commits name a thing, in order.
    let mut named = BTreeMap::<Thing, Vec<usize>>::new();
    for (index, commit) in commits.iter().enumerate() {
        commit.order.things().into_iter().for_each(|it| named.entry(it).or_default().push(index));
    }
    for (thing, indexes) in &named {
        let mut newest = 0;
        for commit in indexes.iter().map(|it| &commits[*it]) {
            if commit.event.end < newest {
                return Err(format!("{thing:?}: too late in the log: {:?}", commit.event));
            }
            newest = newest.max(commit.event.start);
        }
    }
    // Between which commits an event may have happened: after all of the same things that were
    // acknowledged before it began, before all that were asked for after it ended.
    let window = |event: &Event, things: &BTreeSet<Thing>| {
        let indexes = || things.iter().filter_map(|it| named.get(it)).flatten().copied();
        let before = indexes().filter(|it| commits[*it].event.end < event.start).max();
        let after = indexes().filter(|it| commits[*it].event.start > event.end).min();
        (before.map_or(0, |it| it + 1), after.unwrap_or(commits.len()))
    };
    let (mut refused, mut reads) = (Vec::new(), Vec::new());
    for event in &history.events {
        match &event.asked {
            Asked::Order(_, Answer::Committed(_)) => {}
            Asked::Order(order, answer) => {
                refused.push((window(event, &order.things()), order, answer, event));
            }
            Asked::Read(thing, seen) => {
                reads.push((window(event, &BTreeSet::from([*thing])), *thing, *seen, event));
            }
        }
    }
    let mut model = Model::opened();
    // Each thing that is read, as it was from a point on.
    let mut states: BTreeMap<Thing, Vec<(usize, Seen)>> =
        reads.iter().map(|(_, thing, _, _)| (*thing, vec![(0, model.see(*thing))])).collect();
    for point in 0..=commits.len() {
        let answers_now = |order, answer: &Answer| model.decide(order).0 == *answer;
        refused.retain(|((from, to), order, answer, _)| {
            !((*from..=*to).contains(&point) && answers_now(order, answer))
        });
        if let Some((.., event)) = refused.iter().find(|((_, to), ..)| *to <= point) {
            return Err(format!("never a reason for {event:?}"));
        }
        let Some(commit) = commits.get(point) else { break };
        let (answer, places) = model.carry_out(commit.order);
        if answer != *commit.answer || places != commit.entry.places {
            return Err(format!("{answer:?} in {places:?} expected, but {:?}", commit.event));
        }
        if PAIR.iter().all(|it| model.see(Thing::Record(*it)).value() == 1) {
            return Err(format!("write skew: {:?}", commit.event));
        }
        for (thing, states) in &mut states {
            let now = model.see(*thing);
            if states.last().is_none_or(|it| it.1 != now) {
                states.push((point + 1, now));
            }
        }
    }
    // Who reads later sees no less: each read takes the earliest point it can.
    reads.sort_unstable_by_key(|it| it.3.start);
    let mut placed = BTreeMap::<Thing, Vec<(u64, usize)>>::new();
    for ((from, to), thing, seen, event) in reads {
        let placed = placed.entry(thing).or_default();
        let before = placed.iter().filter(|it| it.0 < event.start).map(|it| it.1).max();
        let from = from.max(before.unwrap_or(0));
        let states = &states[&thing];
        let ends = states.iter().skip(1).map(|it| it.0).chain([commits.len() + 1]);
        let point = states.iter().zip(ends).find_map(|((start, state), end)| {
            let point = from.max(*start);
            (*state == seen && point < end && point <= to).then_some(point)
        });
        let point = point.ok_or_else(|| format!("never to be seen: {event:?}"))?;
        placed.push((event.end, point));
    }
    Ok(())
}

impl Seen {
    /// The value of a record.
    fn value(self) -> i64 {
        if let Self::Record(_, value) = self { value } else { 0 }
    }
}

/// The commits of the log, each acknowledged once.
fn acknowledged(history: &History) -> Result<Vec<Commits<'_>>, String> {
    let mut by_place = BTreeMap::new();
    for event in &history.events {
        if let Asked::Order(order, answer @ Answer::Committed(done)) = &event.asked
            && by_place.insert((done.lane, done.seq), (event, order, answer)).is_some()
        {
            return Err(format!("one place in the log for two: {event:?}"));
        }
    }
    let mut commits = Vec::new();
    for entry in &history.entries {
        let place = (entry.lane, entry.places[&entry.lane]);
        let (event, order, answer) =
            by_place.remove(&place).ok_or_else(|| format!("nobody was told of {entry:?}"))?;
        if order.key != entry.key {
            return Err(format!("{entry:?} is another than {event:?}"));
        }
        commits.push(Commits { entry, event, order, answer });
    }
    match by_place.into_values().next() {
        Some((event, ..)) => Err(format!("not in the log: {event:?}")),
        None => Ok(commits),
    }
}

/// The commits in an order that the lanes have, and in which each saw what it says it saw of
/// records and transfers: these may be written in other lanes, whose places in the whole log say
/// nothing about what was not seen.
fn in_order(commits: Vec<Commits<'_>>) -> Result<Vec<Commits<'_>>, String> {
    let mut edges = BTreeSet::new();
    let mut lanes = BTreeMap::<u64, BTreeMap<u64, usize>>::new();
    let (mut writers, mut creators) = (BTreeMap::new(), BTreeMap::new());
    let results = |commit: &Commits<'_>| match commit.answer {
        Answer::Committed(done) => done.results.clone(),
        other => panic!("{other:?} in the log"),
    };
    for (index, commit) in commits.iter().enumerate() {
        for (lane, seq) in &commit.entry.places {
            if lanes.entry(*lane).or_default().insert(*seq, index).is_some() {
                return Err(format!("lane {lane} has {seq} twice"));
            }
        }
        for (record, before, _) in &commit.order.puts {
            if writers.insert((*record, before + 1), index).is_some() {
                return Err(format!("lost update of record {record}: {:?}", commit.event));
            }
        }
        for (it, result) in commit.order.moves.iter().zip(results(commit)) {
            if result == Ok(Booked::Created) && creators.insert(it.id, index).is_some() {
                return Err(format!("transfer {} booked twice: {:?}", it.id, commit.event));
            }
        }
    }
    for places in lanes.values() {
        edges.extend(places.values().copied().zip(places.values().copied().skip(1)));
    }
    for (index, commit) in commits.iter().enumerate() {
        for (record, version) in commit.order.versions() {
            edges.extend(writers.get(&(record, version)).map(|it| (*it, index)));
            edges.extend(writers.get(&(record, version + 1)).map(|it| (index, *it)));
        }
        for (it, result) in commit.order.moves.iter().zip(results(commit)) {
            let (seen, unseen) = match (it.does, result) {
                (Does::Post(hold) | Does::Void(hold), Err(Reject::HoldNotFound)) => (None, Some(hold)),
                (_, Err(Reject::LinkedTransferFailed)) => (None, None),
                _ => (Some(it.id), None),
            };
            edges.extend(seen.and_then(|it| creators.get(&it)).map(|it| (*it, index)));
            edges.extend(unseen.and_then(|it| creators.get(&it)).map(|it| (index, *it)));
        }
    }
    edges.retain(|(before, after)| before != after);
    let mut waits = vec![0; commits.len()];
    edges.iter().for_each(|(_, after)| waits[*after] += 1);
    let mut ready: BTreeSet<usize> = (0..commits.len()).filter(|it| waits[*it] == 0).collect();
    let mut commits: Vec<_> = commits.into_iter().map(Some).collect();
    let mut ordered = Vec::new();
    while let Some(index) = ready.pop_first() {
        ordered.extend(commits[index].take());
        for (_, after) in edges.range((index, 0)..(index + 1, 0)) {
            waits[*after] -= 1;
            if waits[*after] == 0 {
                ready.insert(*after);
            }
        }
    }
    match commits.into_iter().flatten().next() {
        Some(commit) => Err(format!("no order has a place for {:?}", commit.event)),
        None => Ok(ordered),
    }
}
