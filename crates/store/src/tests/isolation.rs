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
const ROUNDS: u64 = 14;
/// What a client asks between two meetings of all.
const STEPS: u64 = 5;
const ACCOUNTS: std::ops::RangeInclusive<u64> = 1..=5;
/// In how many orders the checker tries to explain a history.
const ORDERS_MAX: u64 = 16;
/// How often a client asks again because another node was faster.
const TRIES_MAX: u32 = 100;
/// The account without limits; the others may not go below zero, nor out more than a cap a day.
const CASH: u64 = 5;
const CAP: i64 = 80;
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

impl Does {
    /// The hold it is about.
    fn hold(self) -> Option<u64> {
        match self {
            Self::Pay | Self::Hold => None,
            Self::Post(hold) | Self::Void(hold) => Some(hold),
        }
    }
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
            things.extend(it.does.hold().map(Thing::Transfer));
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
            accounts: ACCOUNTS
                .map(|it| (it, Sums { used: (u64::MAX, 0), ..Sums::default() }))
                .collect(),
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
            let mut of_chain: Vec<_> =
                chain.iter().map(|_| Err(Reject::LinkedTransferFailed)).collect();
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
        let refused = results.iter().enumerate().find_map(|(index, it)| {
            it.err().filter(|it| *it != Reject::LinkedTransferFailed).map(|it| (index, it))
        });
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
        let about = it.does.hold();
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

/// Whether it says that the id was used before.
fn tells_of_another(reject: Reject) -> bool {
    matches!(
        reject,
        Reject::ExistsWithDifferentKind
            | Reject::ExistsWithDifferentSubject
            | Reject::ExistsWithDifferentDebitAccount
            | Reject::ExistsWithDifferentCreditAccount
            | Reject::ExistsWithDifferentAmount
    )
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

/// Whether one order of commits explains all answers; if not, what the likeliest, that of the log,
/// does not explain.
fn check(history: &History) -> Result<(), String> {
    let by_log = check_in_order(history, 0);
    if (1..ORDERS_MAX).any(|attempt| by_log.is_ok() || check_in_order(history, attempt).is_ok()) {
        return Ok(());
    }
    by_log
}

fn check_in_order(history: &History, attempt: u64) -> Result<(), String> {
    let commits = in_order(acknowledged(history)?, attempt)?;
    // Which commits name a thing, in order.
    let mut named = BTreeMap::<Thing, Vec<usize>>::new();
    for (index, commit) in commits.iter().enumerate() {
        commit.order.things().into_iter().for_each(|it| named.entry(it).or_default().push(index));
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

/// The commits in an order that the lanes and the clock have, and in which each saw what it says
/// it saw of records and transfers: these may be written in other lanes, whose places in the whole
/// log say nothing about what was not seen.
///
/// Whoever was refused for what he saw in another lane leaves no trace there. The first attempt
/// leaves him where the log has him, the second lets each go as soon as his refusal is right,
/// before somebody changes what he saw; later ones let some.
fn in_order(commits: Vec<Commits<'_>>, attempt: u64) -> Result<Vec<Commits<'_>>, String> {
    let mut edges = BTreeSet::new();
    let mut lanes = BTreeMap::<u64, BTreeMap<u64, usize>>::new();
    let (mut writers, mut creators) = (BTreeMap::new(), BTreeMap::new());
    let mut resolvers = BTreeMap::new();
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
            if result == Ok(Booked::Created) {
                if creators.insert(it.id, index).is_some() {
                    return Err(format!("transfer {} booked twice: {:?}", it.id, commit.event));
                }
                resolvers.extend(it.does.hold().map(|hold| (hold, it.id)));
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
        for (nth, (it, result)) in commit.order.moves.iter().zip(results(commit)).enumerate() {
            let hold = it.does.hold();
            // What a chain saw of itself it may have taken back.
            let is_about_own = commit.order.moves[..nth].iter().any(|before| {
                let named = [Some(before.id), before.does.hold()];
                named.contains(&Some(it.id)) || hold.is_some() && named.contains(&hold)
            });
            let (seen, unseen) = match result {
                Err(Reject::LinkedTransferFailed) => ([None, None], [None, None]),
                Ok(_) => ([Some(it.id), hold], [None, None]),
                Err(reject) if tells_of_another(reject) => ([Some(it.id), None], [None, None]),
                Err(Reject::HoldNotFound) => ([None, None], [Some(it.id), hold]),
                Err(Reject::HoldAlreadyPosted | Reject::HoldAlreadyVoided) => {
                    let resolver = hold.and_then(|it| resolvers.get(&it).copied());
                    ([hold, resolver], [Some(it.id), None])
                }
                Err(_) => ([hold, None], [Some(it.id), None]),
            };
            let created = |ids: [Option<u64>; 2]| {
                ids.into_iter().flatten().filter_map(|it| creators.get(&it).copied())
            };
            edges.extend(created(seen).filter(|_| !is_about_own).map(|it| (it, index)));
            edges.extend(created(unseen).map(|it| (index, it)));
        }
    }
    for (index, commit) in commits.iter().enumerate() {
        // Those acknowledged before it was asked for, but for those that others stand between.
        let before = || commits.iter().enumerate().filter(|it| it.1.event.end < commit.event.start);
        let newest = before().map(|it| it.1.event.start).max();
        let nearest = before().filter(|it| Some(it.1.event.end) > newest);
        edges.extend(nearest.map(|(before, _)| (before, index)));
    }
    edges.retain(|(before, after)| before != after);
    let mut waits = vec![0_usize; commits.len()];
    edges.iter().for_each(|(_, after)| waits[*after] += 1);
    let mut ready: BTreeSet<usize> = (0..commits.len()).filter(|it| waits[*it] == 0).collect();
    let mut prng = Prng::stream(attempt, "orders");
    let percent = [0, 100].get(usize::try_from(attempt).unwrap()).copied().unwrap_or(50);
    let is_early: Vec<_> =
        commits.iter().map(|it| is_refused(it) && prng.chance(percent)).collect();
    let (mut model, mut order) = (Model::opened(), Vec::new());
    while let Some(first) = ready.first().copied() {
        let is_right = |it: &&usize| model.decide(commits[**it].order).0 == *commits[**it].answer;
        let right = ready.iter().filter(is_right);
        let index = right.copied().min_by_key(|it| (!is_early[*it], *it));
        let index = index.unwrap_or(first);
        model.carry_out(commits[index].order);
        ready.remove(&index);
        order.push(index);
        for (_, after) in edges.range((index, 0)..(index + 1, 0)) {
            waits[*after] -= 1;
            if waits[*after] == 0 {
                ready.insert(*after);
            }
        }
    }
    if let Some(circle) = circle(&edges, &waits) {
        let circle: Vec<_> = circle.into_iter().map(|it| commits[it].event).collect();
        return Err(format!("no order has a place for these, each after the next: {circle:#?}"));
    }
    let mut commits: Vec<_> = commits.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|it| commits[it].take()).collect())
}

/// Whether a transfer of the commit was refused.
fn is_refused(commit: &Commits<'_>) -> bool {
    matches!(commit.answer, Answer::Committed(done) if done.results.iter().any(Result::is_err))
}

/// Of those that wait, some that wait for each other.
fn circle(edges: &BTreeSet<(usize, usize)>, waits: &[usize]) -> Option<Vec<usize>> {
    let mut path = vec![waits.iter().position(|it| *it > 0)?];
    loop {
        let newest = path[path.len() - 1];
        let (before, _) = edges.iter().find(|it| it.1 == newest && waits[it.0] > 0)?;
        if let Some(start) = path.iter().position(|it| it == before) {
            return Some(path.split_off(start));
        }
        path.push(*before);
    }
}

/// Somebody who asks one node, one question after the other.
struct Client {
    node: Store,
    clock: Arc<AtomicU64>,
    prng: Prng,
    /// The newest key of its own.
    key: u64,
    events: Vec<Event>,
}

impl Client {
    fn new(number: u64, node: &Store, clock: &Arc<AtomicU64>) -> Self {
        let prng = Prng::stream(number, "isolation");
        let (node, clock, events) = (node.clone(), Arc::clone(clock), Vec::new());
        Self { node, clock, prng, key: number * 1_000_000, events }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst)
    }

    fn record(&mut self, start: u64, asked: Asked) {
        let end = self.tick();
        self.events.push(Event { start, end, asked });
    }

    async fn ask(&mut self, order: Order) {
        let start = self.tick();
        for _ in 0..TRIES_MAX {
            match self.node.commit(to_commit(&order)).await {
                Ok(outcome) => {
                    return self.record(start, Asked::Order(order, to_answer(outcome)));
                }
                Err(StoreError::Contended) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
        panic!("the other node was always faster: {order:?}");
    }

    async fn read_accounts(&mut self, numbers: &[u64]) {
        let start = self.tick();
        let ids: Vec<_> = numbers.iter().map(|it| nth(*it)).collect();
        let accounts = self.node.accounts_of(bank(), &ids).await.unwrap();
        assert_eq!(accounts.len(), ids.len());
        let end = self.tick();
        for it in accounts {
            let sums = it.balances;
            let sums = [
                sums.debits_posted,
                sums.credits_posted,
                sums.debits_pending,
                sums.credits_pending,
            ];
            let newest = it.last.map_or(0, to_number);
            let seen = Seen::Account(sums.map(Amount::minor), newest);
            let asked = Asked::Read(Thing::Account(to_number(it.id)), seen);
            self.events.push(Event { start, end, asked });
        }
    }

    /// The version and the value of a record.
    async fn read_record(&mut self, number: u64) -> (u64, i64) {
        let start = self.tick();
        let found = self.node.get(&RECORDS, bank(), nth::<i64>(number)).await.unwrap();
        let (version, value) = found.map_or((0, 0), |it| (it.version, it.record));
        self.record(start, Asked::Read(Thing::Record(number), Seen::Record(version, value)));
        (version, value)
    }

    fn new_key(&mut self) -> u64 {
        self.key += 1;
        self.key
    }

    /// One step of a round.
    async fn step(&mut self, round: u64, step: u64) {
        let key = self.new_key();
        let lane = 1 + self.prng.below(2);
        let order = Order { key, lane, day: round, is_whole: true, ..Order::default() };
        match self.prng.below(10) {
            0 => self.read_accounts(&Vec::from_iter(ACCOUNTS)).await,
            1 => {
                let number = 1 + self.prng.below(CASH);
                self.read_accounts(&[number]).await;
            }
            2 | 3 => {
                let counter = *self.prng.pick(&COUNTERS);
                let (version, value) = self.read_record(counter).await;
                self.ask(Order { puts: vec![(counter, version, value + 1)], ..order }).await;
            }
            4 => {
                let own = self.prng.below(2);
                let [own, other] = if own == 0 { PAIR } else { [PAIR[1], PAIR[0]] };
                let (version, value) = self.read_record(own).await;
                let (other_version, other_value) = self.read_record(other).await;
                let value = i64::from(value == 0 && other_value == 0);
                let (expects, puts) = (vec![(other, other_version)], vec![(own, version, value)]);
                self.ask(Order { expects, puts, ..order }).await;
            }
            5 | 6 => {
                // A request that others have too; now and then not quite the same.
                let key = 1 + round * STEPS + step;
                let mut same = make(&mut Prng::stream(key, "shared"), Order { key, ..order });
                let more = i64::from(self.prng.chance(15));
                same.moves[0].amount = same.moves[0].amount.saturating_add(more);
                self.ask(same).await;
            }
            _ => {
                let order = make(&mut self.prng, order);
                self.ask(order).await;
            }
        }
    }
}

/// Gives an order its transfers.
fn make(prng: &mut Prng, mut order: Order) -> Order {
    order.is_whole = prng.chance(60);
    let count = if prng.chance(60) { 1 } else { 2 + prng.below(2) };
    let is_chain = prng.chance(50);
    for index in 0..count {
        let mut made = make_move(prng, order.key * 10 + index, order.day);
        made.linked = is_chain && index + 1 < count;
        order.moves.push(made);
    }
    order
}

fn make_move(prng: &mut Prng, id: u64, round: u64) -> Move {
    // Holds that others have too, in this round and in the next one or the one before.
    let hold = 1_000_000_000 + (round + 1 - prng.below(2)) * 2 + prng.below(2);
    match prng.below(12) {
        0 | 1 => Move { does: Does::Hold, ..content(hold) },
        2 | 3 => {
            let amount = if prng.chance(50) { ALL } else { small(prng) };
            Move { id, does: Does::Post(hold), amount, ..content(hold) }
        }
        4 | 5 => Move { id, does: Does::Void(hold), amount: ALL, ..content(hold) },
        6 | 7 => {
            // An id that others use too, sometimes for something else.
            let id = 2_000_000_000 + round * 2 + prng.below(2);
            let other = content(prng.below(1_000));
            if prng.chance(20) { Move { id, ..other } } else { content(id) }
        }
        _ => Move { id, ..content(prng.below(1_000_000)) },
    }
}

fn small(prng: &mut Prng) -> i64 {
    i64::try_from(1 + prng.below(60)).unwrap()
}

/// A transfer that follows from its id.
fn content(id: u64) -> Move {
    let mut prng = Prng::stream(id, "content");
    let debit = 1 + prng.below(CASH);
    let credit = 1 + (debit + prng.below(CASH - 1)) % CASH;
    Move { id, does: Does::Pay, debit, credit, amount: small(&mut prng), linked: false }
}

fn to_commit(order: &Order) -> Commit {
    let Moment { now, today } = noon();
    let later = std::time::Duration::from_secs(order.day * 86_400);
    let mut made = commit(&format!("order {}", order.key));
    made.digest = Digest::of(&[format!("{:?}", Order { lane: 0, ..order.clone() }).as_bytes()]);
    made.lane = lane(order.lane);
    made.at =
        Moment { now: now.checked_add(later).unwrap(), today: today.checked_add(later).unwrap() };
    made.mode = if order.is_whole { Mode::Whole } else { Mode::EachAlone };
    made.transfers = order.moves.iter().map(to_transfer).collect();
    order.expects.iter().for_each(|it| made.expect(&RECORDS, nth::<i64>(it.0), it.1));
    for (record, before, value) in &order.puts {
        made.put(&RECORDS, nth::<i64>(*record), *before, value);
    }
    made
}

fn to_transfer(it: &Move) -> Transfer {
    let kind = match it.does {
        Does::Pay => Kind::Plain,
        Does::Hold => Kind::Hold { expires: None },
        Does::Post(hold) => Kind::Post(nth(hold)),
        Does::Void(hold) => Kind::Void(nth(hold)),
    };
    let made = transfer(it.id, it.debit, it.credit, it.amount);
    let amount = if it.amount == ALL { Amount::MAX } else { made.amount };
    Transfer { kind, amount, linked: it.linked, ..made }
}

fn to_answer(outcome: Outcome) -> Answer {
    let done = |receipt: Receipt| {
        let Receipt { lane, seq, results, .. } = receipt;
        Done { lane: to_number(lane), seq, results }
    };
    match outcome {
        Outcome::Committed(receipt) => Answer::Committed(done(receipt)),
        Outcome::Replayed(receipt) => Answer::Replayed(done(receipt)),
        Outcome::Rejected { transfer, reject } => Answer::Rejected(transfer, reject),
        Outcome::KeyReused => Answer::KeyReused,
        Outcome::Conflict(key) => Answer::Conflict(to_number(key.id)),
    }
}

/// The number that [`nth`] made an id of.
fn to_number<T>(id: Id<T>) -> u64 {
    u64::try_from(u128::from_be_bytes(*id.as_bytes())).unwrap()
}

/// Opens the accounts.
async fn open(store: &Store) {
    let (direction, window, usage) = (Direction::Out, Window::Day, CapUse::default());
    let cap = Cap { direction, window, max: amount(CAP), usage };
    let limits = Limits { overdraft: Some(Amount::ZERO), balance_max: None, caps: vec![cap] };
    let mut opening = commit("open");
    opening.accounts.extend(ACCOUNTS.map(|number| {
        let limits = (number != CASH).then(|| Box::new(limits.clone()));
        AccountChange::Open(Account { limits, ..account(number, home(number)) })
    }));
    committed(store, opening).await;
}

/// The log after the opening.
async fn entries(store: &Store) -> Vec<Entry> {
    let (mut entries, mut next) = (Vec::<Entry>::new(), Some(0));
    while let Some(after) = next {
        let page = store.log(bank(), after, PAGE_MAX).await.unwrap();
        next = page.next;
        for row in page.data {
            let Some(key) = row.key.strip_prefix("order ") else { continue };
            let (key, lane) = (key.parse().unwrap(), to_number(row.lane));
            if row.told_at == 0 {
                entries.push(Entry { key, lane, places: BTreeMap::new() });
            }
            let entry = entries.last_mut().unwrap();
            assert_eq!(entry.key, key);
            entry.places.insert(lane, row.seq);
        }
    }
    entries
}

/// Lets clients contend on two nodes, or on one twice, and judges what they were told.
async fn contend(nodes: [Store; 2]) {
    open(&nodes[0]).await;
    let clock = Arc::new(AtomicU64::new(1));
    let mut first = Client::new(0, &nodes[0], &clock);
    let moves =
        (1..CASH).map(|it| Move { id: it, debit: CASH, credit: it, amount: 150, ..content(0) });
    let funding = Order { key: 1_000_000, lane: 1, is_whole: true, ..Order::default() };
    first.ask(Order { moves: moves.collect(), ..funding }).await;
    let together = Arc::new(Barrier::new(usize::try_from(CLIENTS).unwrap()));
    // The first that fails ends all; the others would wait for it.
    let mut clients = tokio::task::JoinSet::new();
    for number in 1..=CLIENTS {
        let mut client = Client::new(number, &nodes[usize::from(number % 2 == 0)], &clock);
        client.key += 1;
        let together = Arc::clone(&together);
        clients.spawn(async move {
            for round in 0..ROUNDS {
                together.wait().await;
                for step in 0..STEPS {
                    client.step(round, step).await;
                }
            }
            client.events
        });
    }
    let mut events = Vec::new();
    while let Some(client) = clients.join_next().await {
        events.extend(client.unwrap());
    }
    for node in &nodes {
        let mut last = Client::new(CLIENTS + 1, node, &clock);
        last.read_accounts(&Vec::from_iter(ACCOUNTS)).await;
        for counter in COUNTERS {
            let (_, value) = last.read_record(counter).await;
            let acknowledged = events.iter().filter(|it| match &it.asked {
                Asked::Order(order, Answer::Committed(_)) => {
                    order.puts.iter().any(|it| it.0 == counter)
                }
                Asked::Order(..) | Asked::Read(..) => false,
            });
            assert_eq!(value, i64::try_from(acknowledged.count()).unwrap());
        }
        events.extend(last.events);
    }
    events.extend(first.events);
    let history = History { entries: entries(&nodes[1]).await, events };
    if let Err(error) = check(&history) {
        panic!("{error}");
    }
    is_worth_something(&history);
    verify(&nodes[0]).await;
}

/// Everything occurs, and at the same time as something else.
fn is_worth_something(history: &History) {
    let mut seen = BTreeMap::<String, u32>::new();
    let mut see = |name: String| *seen.entry(name).or_default() += 1;
    for event in &history.events {
        if event.end > event.start + 1 {
            see("at once".to_owned());
        }
        match &event.asked {
            Asked::Order(_, Answer::Committed(done)) => {
                see("Committed".to_owned());
                done.results.iter().for_each(|it| see(format!("{it:?}")));
            }
            Asked::Order(_, Answer::Rejected(_, reject)) => see(format!("Err({reject:?})")),
            Asked::Order(_, Answer::Replayed(_)) => see("Replayed".to_owned()),
            Asked::Order(_, Answer::KeyReused) => see("KeyReused".to_owned()),
            Asked::Order(_, Answer::Conflict(_)) => see("Conflict".to_owned()),
            Asked::Read(..) => see("Read".to_owned()),
        }
    }
    let rejects = [
        Reject::DebitAccountExceedsOverdraft,
        Reject::DebitAccountExceedsCap,
        Reject::HoldNotFound,
        Reject::HoldAlreadyPosted,
        Reject::HoldAlreadyVoided,
        Reject::ExistsWithDifferentDebitAccount,
        Reject::LinkedTransferFailed,
    ];
    let rejects = rejects.map(|it| format!("Err({it:?})"));
    let others = ["at once", "Committed", "Ok(Exists)", "Replayed", "KeyReused", "Conflict"];
    for name in others.into_iter().chain(rejects.iter().map(String::as_str)) {
        assert!(seen.contains_key(name), "no {name} in {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_on_a_file_have_an_order() {
    let directory = Directory::new();
    let store = directory.open();
    contend([store.clone(), store]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_of_two_nodes_on_one_memory_have_an_order() {
    let memory = Memory::default();
    contend([(); 2].map(|()| Store::on_memory(&memory).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_of_two_nodes_on_one_database_have_an_order() {
    let url = database();
    contend([(); 2].map(|()| Store::in_postgres(&url).unwrap())).await;
}

/// A payment, answered as the first of its lane after those before.
fn paid(start: u64, end: u64, id: u64, debit: u64, minor: i64, seq: u64) -> (Event, Entry) {
    let credit = if debit == CASH { 1 } else { 2 };
    let it = Move { id, debit, credit, amount: minor, ..content(0) };
    let lane = home(credit);
    let order = Order { key: id, lane, is_whole: true, moves: vec![it], ..Order::default() };
    let done = Done { lane, seq, results: vec![Ok(Booked::Created)] };
    let mut places = BTreeMap::from([(lane, seq)]);
    places.extend((debit == CASH).then_some((home(CASH), 2)));
    let asked = Asked::Order(order, Answer::Committed(done));
    (Event { start, end, asked }, Entry { key: id, lane, places })
}

fn put(start: u64, end: u64, puts: (u64, u64, i64), place: (u64, u64)) -> (Event, Entry) {
    let (lane, seq) = place;
    let order = Order { key: start, lane, puts: vec![puts], ..Order::default() };
    let done = Done { lane, seq, results: Vec::new() };
    let asked = Asked::Order(order, Answer::Committed(done));
    (Event { start, end, asked }, Entry { key: start, lane, places: BTreeMap::from([place]) })
}

fn read(start: u64, end: u64, thing: Thing, seen: Seen) -> Event {
    Event { start, end, asked: Asked::Read(thing, seen) }
}

/// Account 1 gets 100 and then, while the next one is under way, pays 60 to account 2.
fn good() -> History {
    let (funding, first) = paid(1, 2, 11, CASH, 100, 2);
    let (paying, second) = paid(3, 6, 12, 1, 60, 3);
    History { entries: vec![first, second], events: vec![funding, paying] }
}

fn add(history: &mut History, (event, entry): (Event, Entry)) {
    history.events.push(event);
    history.entries.push(entry);
}

/// The order and the answer of an event.
fn told(event: &mut Event) -> (&mut Order, &mut Answer) {
    match &mut event.asked {
        Asked::Order(order, answer) => (order, answer),
        Asked::Read(..) => panic!("a read"),
    }
}

/// What the checker says of the good history with one thing more.
fn judged(change: impl FnOnce(&mut History)) -> String {
    let mut history = good();
    change(&mut history);
    check(&history).err().unwrap_or_default()
}

const BEFORE: Seen = Seen::Account([0, 100, 0, 0], 11);
const AFTER: Seen = Seen::Account([60, 100, 0, 0], 12);
const ONE: Thing = Thing::Account(1);

#[test]
fn the_checker_takes_what_is_right() {
    let none = |_: &mut History| {};
    assert_eq!(judged(none), "");
    for seen in [BEFORE, AFTER] {
        assert_eq!(judged(|it| it.events.push(read(4, 5, ONE, seen))), "");
    }
    assert_eq!(judged(|it| it.events.push(read(7, 8, ONE, AFTER))), "");
    for answer in [
        Answer::Rejected(Some(0), Reject::DebitAccountExceedsOverdraft),
        Answer::Replayed(Done { lane: 1, seq: 3, results: vec![Ok(Booked::Created)] }),
        Answer::KeyReused,
    ] {
        let is_new = matches!(answer, Answer::Rejected(..));
        let said = judged(|it| {
            let (mut event, _) = paid(5, 8, 12, 1, 60, 0);
            let (order, told) = told(&mut event);
            order.key += u64::from(is_new);
            order.moves[0].id += u64::from(is_new);
            order.moves[0].amount += i64::from(answer == Answer::KeyReused);
            *told = answer;
            it.events.push(event);
        });
        assert_eq!(said, "");
    }
    // One after the other they may do what at once would be skew.
    let said = judged(|it| {
        add(it, put(20, 21, (PAIR[0], 0, 1), (1, 4)));
        let (mut event, entry) = put(22, 23, (PAIR[1], 0, 0), (2, 3));
        told(&mut event).0.expects.push((PAIR[0], 1));
        add(it, (event, entry));
    });
    assert_eq!(said, "");
}

#[test]
fn the_checker_refuses_what_is_wrong() {
    let refuses = |what: &str, change: &dyn Fn(&mut History)| {
        let said = judged(change);
        assert!(said.starts_with(what), "{what}: {said:?}");
    };
    let second = || paid(4, 7, 13, 1, 60, 4);
    refuses("Rejected(Some(0), DebitAccountExceedsOverdraft)", &|it| add(it, second()));
    refuses("never to be seen", &|it| it.events.push(read(7, 8, ONE, BEFORE)));
    refuses("never to be seen", &|it| it.events.push(read(1, 2, ONE, AFTER)));
    let never = Seen::Account([30, 100, 0, 0], 12);
    refuses("never to be seen", &|it| it.events.push(read(4, 5, ONE, never)));
    // Who reads later sees no less, although the payment is still under way.
    refuses("never to be seen", &|it| {
        for (start, end, seen) in [(10, 11, AFTER), (12, 13, BEFORE)] {
            it.events.push(read(start, end, ONE, seen));
        }
        it.events[1].end = 14;
    });
    refuses("not in the log", &|it| drop(it.entries.pop()));
    refuses("nobody was told", &|it| drop(it.events.pop()));
    refuses("one place in the log for two", &|it| it.events.push(it.events[1].clone()));
    refuses("lane 2 has 3 twice", &|it| {
        let (event, mut entry) = paid(4, 7, 13, 1, 1, 4);
        entry.places = BTreeMap::from([(1, 4), (2, 3)]);
        add(it, (event, entry));
        it.entries[1].places.insert(2, 3);
    });
    refuses("transfer 12 booked twice", &|it| {
        let (mut event, mut entry) = paid(4, 7, 12, 1, 1, 4);
        (told(&mut event).0.key, entry.key) = (13, 13);
        add(it, (event, entry));
    });
    // Acknowledged before the other was asked for, but behind it in the log.
    refuses("no order has a place", &|it| add(it, paid(1, 2, 13, 1, 1, 4)));
    refuses("lost update of record 1", &|it| {
        add(it, put(20, 23, (1, 0, 1), (1, 4)));
        add(it, put(21, 22, (1, 0, 1), (1, 5)));
    });
    // Each expects what the other one writes.
    refuses("no order has a place", &|it| {
        for (start, [own, other], place) in [(20, PAIR, (1, 4)), (21, [PAIR[1], PAIR[0]], (2, 3))] {
            let (mut event, entry) = put(start, 23, (own, 0, 1), place);
            told(&mut event).0.expects.push((other, 0));
            add(it, (event, entry));
        }
    });
    // There was enough all the time.
    refuses("never a reason", &|it| {
        let (mut event, _) = paid(4, 7, 13, 1, 30, 0);
        *told(&mut event).1 = Answer::Rejected(Some(0), Reject::DebitAccountExceedsOverdraft);
        it.events.push(event);
    });
}
