//! What was tampered with is found: in what the outside saw, in the log, in the books.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use bank::Refusal;
use ledger::{AccountState, POSTED_BYTES, Posted};
use money::Amount;
use serde_json::{Value, json};
use stdx::{Date, Digest, Id};
use store::LogRow;

use crate::{
    Fault, Options,
    audit::audit,
    command::{Answer, Command},
    history::History,
    judge::{Judged, Record, judge},
    model::{Account, Cap},
    simulation::Simulation,
};

/// A run that holds, to be tampered with.
fn run() -> Simulation {
    let options = Options { seed: 3, commands: 600, tell: None };
    let mut simulation = Simulation::new(options, Arc::new(AtomicU64::new(0)));
    simulation.run().unwrap();
    simulation
}

fn judged(simulation: &Simulation, history: &History) -> Result<Judged, Fault> {
    judge(history, &simulation.institutions())
}

/// The rows of a command, in the first institution that has one.
fn row<'a>(history: &'a mut History, command: &str) -> &'a mut LogRow {
    let rows = history.logs.values_mut().flatten();
    let mut found = rows.filter(|it| it.command == command && body(it)["told_in"].is_null());
    found.next().unwrap_or_else(|| panic!("no {command} happened"))
}

fn body(row: &LogRow) -> Value {
    serde_json::from_slice(&row.body).unwrap()
}

fn change_body(row: &mut LogRow, change: impl FnOnce(&mut Value)) {
    let mut body = body(row);
    change(&mut body);
    row.body = serde_json::to_vec(&body).unwrap();
}

/// A row that books transfers, at least one of which happened.
fn booked(history: &mut History) -> &mut LogRow {
    let rows = history.logs.values_mut().flatten();
    let mut found = rows.filter(|it| it.command == "book-transfers" && !it.transfers.is_empty());
    found.next().unwrap()
}

fn change_transfer(row: &mut LogRow, change: impl FnOnce(&mut Posted)) {
    let mut posted = Posted::decode(&row.transfers[..POSTED_BYTES]).unwrap();
    change(&mut posted);
    let mut bytes = Vec::new();
    posted.encode(&mut bytes);
    row.transfers.splice(..POSTED_BYTES, bytes);
}

/// An answer that was acknowledged to a command.
fn answer(history: &mut History, of: fn(&Command) -> bool) -> &mut Answer {
    let History { requests, attempts, .. } = history;
    let answers = attempts.iter_mut().filter(|it| of(&requests[it.request].command));
    let mut answers = answers.filter_map(|it| it.ended.as_mut()?.1.as_mut().ok());
    answers.next().unwrap()
}

type Tamper = fn(&mut History);

/// What is done to the history, and a part of what is said then.
const TAMPERED: &[(&str, Tamper)] = &[
    ("was answered", |it| answer(it, |it| matches!(it, Command::Deposit(..))).body = json!(1)),
    ("was answered", |it| answer(it, |it| matches!(it, Command::Book(_))).body = json!([7])),
    ("happened", |it| {
        let replayed = it.attempts.iter_mut().filter_map(|it| it.ended.as_mut()?.1.as_mut().ok());
        replayed.filter(|it| it.replayed).for_each(|it| it.replayed = false);
    }),
    ("nothing explains", |it| {
        let done = it.attempts.iter_mut().filter_map(|it| it.ended.as_mut());
        let mut done = done.filter(|it| it.1.as_ref().is_ok_and(|it| !it.replayed));
        done.next().unwrap().1 = Err(Refusal::NotFound("loan"));
    }),
    ("is not in the log", |it| {
        it.logs.get_mut(&bank::tables::PLATFORM).unwrap().clear();
    }),
    ("was used before", |it| {
        let rows = it.logs.values_mut().find(|it| it.len() > 20).unwrap();
        let first = rows.iter().find(|it| it.command == "register-party").unwrap();
        let position = rows.last().unwrap().position + 1;
        let repeated = LogRow { position, lane: Id::derived(&[b"other"]), ..first.clone() };
        rows.push(repeated);
    }),
    ("nobody asked for this", |it| booked(it).digest = Digest::ZERO),
    ("nobody asked for this", |it| row(it, "deposit").key = "other".to_owned()),
    ("asked", |it| row(it, "deposit").actor = "auditor".to_owned()),
    ("was asked for", |it| row(it, "deposit").command = "withdraw".to_owned()),
    ("come to", |it| change_body(booked(it), |it| it["results"] = json!([161]))),
    ("transfers", |it| booked(it).transfers.clear()),
    ("is not Entry", |it| {
        change_transfer(booked(it), |it| it.transfer.amount += Amount::from_minor(1))
    }),
    ("is not Entry", |it| change_transfer(booked(it), |it| it.counted_on = Date::MIN)),
    ("is not Entry", |it| {
        change_transfer(booked(it), |it| it.debit_previous = Some(it.transfer.id))
    }),
    ("cash should have come in", |it| {
        change_transfer(row(it, "deposit"), |it| it.transfer.amount += Amount::from_minor(1));
    }),
    ("cash should have come in", |it| {
        change_transfer(row(it, "disburse"), |it| it.transfer.amount += Amount::from_minor(1));
    }),
    ("its position says", |it| {
        change_transfer(row(it, "close-loan-day"), |it| {
            it.transfer.amount += Amount::from_minor(1);
        });
    }),
    ("was earned", |it| {
        let mut rows = it.logs.values_mut().flatten();
        let earned =
            |it: &&mut LogRow| it.command == "close-account-day" && !it.transfers.is_empty();
        let row = rows.find(earned).unwrap();
        change_transfer(row, |it| it.transfer.amount += Amount::from_minor(1));
    }),
    ("gets version", |it| {
        change_body(row(it, "register-party"), |it| it["records"][0]["version"] = json!(2));
    }),
    ("its position says", |it| {
        change_body(row(it, "disburse"), |it| {
            let records = it["records"].as_array_mut().unwrap();
            let position = records.iter_mut().find(|it| it["kind"] == "position").unwrap();
            position["body"]["prepaid"] = json!(5);
        });
    }),
    ("it opens", |it| {
        change_body(row(it, "open-ledger-accounts"), |it| it["accounts"] = json!([]));
    }),
];

#[test]
fn what_is_tampered_with_is_found() {
    let simulation = run();
    judged(&simulation, &simulation.history).unwrap();
    for (number, (expected, tamper)) in TAMPERED.iter().enumerate() {
        let mut history = simulation.history.clone();
        tamper(&mut history);
        match judged(&simulation, &history) {
            Ok(_) => panic!("{number}, `{expected}`, is not found"),
            Err(fault) => assert!(fault.what.contains(expected), "{number} {expected}: {fault}"),
        }
    }
}

#[test]
fn no_row_can_be_missing() {
    let simulation = run();
    let (of, rows) = simulation.history.logs.iter().max_by_key(|it| it.1.len()).unwrap();
    let mut missed = Vec::new();
    for index in (0..rows.len()).step_by(7) {
        let mut history = simulation.history.clone();
        let lost = history.logs.get_mut(of).unwrap().remove(index);
        let audited = judged(&simulation, &history)
            .and_then(|judged| audit(&simulation.nodes, &simulation.history, &judged));
        if audited.is_ok() && body(&lost)["told_in"].is_null() {
            missed.push(lost.command);
        }
    }
    assert_eq!(missed, [""; 0]);
}

type Change = fn(&mut Judged);

/// An account of any institution.
fn account(judged: &mut Judged, is_wanted: fn(&Account) -> bool) -> &mut Account {
    let mut accounts = judged.values_mut().flat_map(|it| it.books.accounts.values_mut());
    accounts.find(|it| is_wanted(it)).unwrap()
}

fn any(_: &Account) -> bool {
    true
}

/// The records of the first institution that has some.
fn records(judged: &mut Judged) -> &mut BTreeMap<(String, Id<()>), Record> {
    judged.values_mut().map(|it| &mut it.records).find(|it| !it.is_empty()).unwrap()
}

/// What is changed in the judge's books, which is as if the store were wrong.
const CHANGED: &[(&str, Change)] = &[
    ("held", |it| account(it, any).sums[0].posted += 1),
    ("held", |it| account(it, any).sums[1].held += 1),
    ("is not Account", |it| {
        account(it, |it| it.state == AccountState::Open).state = AccountState::FrozenOut;
    }),
    ("limits", |it| account(it, any).limits.balance_max = Some(1)),
    ("is used of a cap", |it| {
        // One of all time, which is current on any day.
        let used = |it: &Cap| it.used.is_some_and(|(from, _)| from == Date::MIN);
        let accounts = it.values_mut().flat_map(|it| it.books.accounts.values_mut());
        let cap = accounts.flat_map(|it| &mut it.limits.caps).find(|it| used(it)).unwrap();
        let (_, used) = cap.used.as_mut().unwrap();
        *used += 1;
    }),
    ("moved", |it| {
        let account = account(it, |it| !it.days.is_empty());
        account.days.values_mut().next().unwrap()[0] += 1;
    }),
    ("history", |it| account(it, |it| it.history.len() > 2).history.swap(0, 1)),
    ("resolved", |it| {
        let mut transfers = it.values_mut().flat_map(|it| it.books.transfers.values_mut());
        transfers.next().unwrap().fate = Some(Id::NIL);
    }),
    ("are not found", |it| {
        let records = records(it);
        let (key, record) = records.first_key_value().unwrap();
        let (key, record) = (key.clone(), record.clone());
        records.insert((key.0, Id::derived(&[b"other"])), record);
    }),
    ("not Record", |it| records(it).values_mut().next().unwrap().version += 1),
    ("nobody wrote", |it| {
        records(it).pop_first().unwrap();
    }),
];

#[test]
fn a_store_that_says_something_else_is_found() {
    let simulation = run();
    let audited = |judged: &Judged| audit(&simulation.nodes, &simulation.history, judged);
    audited(&judged(&simulation, &simulation.history).unwrap()).unwrap();
    for (number, (expected, change)) in CHANGED.iter().enumerate() {
        let mut judged = judged(&simulation, &simulation.history).unwrap();
        change(&mut judged);
        match audited(&judged) {
            Ok(_) => panic!("{number}, `{expected}`, is not found"),
            Err(fault) => assert!(fault.what.contains(expected), "{number} {expected}: {fault}"),
        }
    }
}

#[test]
fn what_happens_behind_the_judge_is_found() {
    let simulation = run();
    let judged = judged(&simulation, &simulation.history).unwrap();
    let of = simulation.institutions()[0];
    let account = *judged[&of].books.accounts.keys().next().unwrap();
    let at = ledger::Moment { now: stdx::Timestamp::UNIX_EPOCH, today: Date::MIN };
    let mut commit = store::Commit::new(of, judged[&of].ledger_lane(), "fault", at);
    commit.key = "behind".to_owned();
    commit.accounts.push(store::AccountChange::Limits(account, None));
    crate::nodes::at_once(simulation.nodes.open().store().commit(commit)).unwrap();
    let fault = audit(&simulation.nodes, &simulation.history, &judged).unwrap_err();
    assert!(fault.what.contains("the log is not what it was"), "{fault}");
}
