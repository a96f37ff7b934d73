//! The store held against the judge's books: whatever can be read says what the log says.

use std::collections::{BTreeMap, BTreeSet};

use bank::{Bank, Caller, Role, tables::PLATFORM};
use ledger::{Account, InstitutionId, Resolution};
use money::Amount;
use serde_json::Value;
use stdx::{Date, Digest, Id};
use store::{AccountMove, PAGE_MAX, Page, StoreError, Table};

use crate::{
    Fault, Summary,
    command::Command,
    history::History,
    judge::{Judged, Record, State, hold},
    model,
    nodes::{Nodes, at_once, follow},
    simulation::caller,
};

type Checked<T = ()> = Result<T, String>;

/// Every kind of record there is.
const KINDS: [Table<Value>; 9] = [
    table("tenant"),
    table("api-key"),
    table("institution"),
    table("product"),
    table("party"),
    table("application"),
    table("loan"),
    table("position"),
    table("current-account"),
];

const fn table(kind: &'static str) -> Table<Value> {
    Table::new(kind, |_| Vec::new())
}

/// Holds the store against the books, after the last command.
pub(crate) fn audit(nodes: &Nodes, history: &History, judged: &Judged) -> Result<Summary, Fault> {
    let step = history.turns.last().map_or(0, |it| it.1);
    // Somebody who has nothing in memory yet.
    let bank = &nodes.open();
    let mut hashes = Vec::new();
    for state in judged.values() {
        let audit = Audit { bank, history, state };
        let hash =
            audit.all().map_err(|what| Fault { step, what: format!("{}: {what}", state.of) });
        hashes.push(hash?);
    }
    isolated(bank, judged).map_err(|what| Fault { step, what })?;
    keys(bank, history, judged).map_err(|what| Fault { step, what })?;
    Ok(summary(history, judged, &hashes))
}

fn summary(history: &History, judged: &Judged, hashes: &[Digest]) -> Summary {
    let attempts = &history.attempts;
    let hashes: Vec<&[u8]> = hashes.iter().map(|it| it.as_bytes().as_slice()).collect();
    Summary {
        commands: history.requests.len(),
        attempts: attempts.len(),
        cut_short: attempts.iter().filter(|it| it.ended.is_none()).count(),
        refused: attempts.iter().filter(|it| matches!(it.outcome(), Some(Err(_)))).count(),
        rows: history.logs.values().map(Vec::len).sum(),
        transfers: judged.values().map(|it| it.books.transfers.len()).sum(),
        state_hash: Digest::of(&hashes),
    }
}

struct Audit<'a> {
    bank: &'a Bank,
    history: &'a History,
    state: &'a State,
}

impl Audit<'_> {
    fn all(&self) -> Checked<Digest> {
        self.log()?;
        self.accounts()?;
        self.transfers()?;
        self.records()?;
        self.trial_balance()?;
        if let Some(today) = self.state.today {
            self.state.contracts.none_before(today)?;
        }
        self.verified()
    }

    fn of(&self) -> InstitutionId {
        self.state.of
    }

    fn reader(&self) -> Caller {
        caller(self.of(), Role::Auditor)
    }

    /// The log is still what it was when its rows became durable.
    fn log(&self) -> Checked {
        let mut logs = BTreeMap::new();
        follow(self.bank.store(), self.of(), &mut logs).map_err(|error| error.to_string())?;
        let told = logs.remove(&self.of()).unwrap_or_default();
        let seen = self.history.logs.get(&self.of()).map_or(&[][..], |it| it);
        hold!(told == seen, "the log is not what it was");
        Ok(())
    }

    fn accounts(&self) -> Checked {
        let mut left: BTreeSet<_> = self.state.books.accounts.keys().copied().collect();
        let page = |after| at_once(self.bank.ledger_accounts(&self.reader(), after, PAGE_MAX));
        let mut after = None;
        loop {
            let accounts = page(after).map_err(|error| error.to_string())?;
            for account in accounts.data {
                hold!(left.remove(&account.id), "nobody opened account {}", account.id);
                self.account(&account)?;
            }
            after = accounts.next;
            if after.is_none() {
                break;
            }
        }
        hold!(left.is_empty(), "accounts are not found: {left:?}");
        Ok(())
    }

    fn account(&self, stored: &Account) -> Checked {
        let id = stored.id;
        let own = &self.state.books.accounts[&id];
        let sums = &stored.balances;
        let stored_sums = [
            (sums.debits_posted, sums.debits_pending),
            (sums.credits_posted, sums.credits_pending),
        ];
        let place = model::Place {
            code: stored.code.to_string(),
            currency: stored.currency.to_string(),
            side: stored.side,
            lane: stored.lane,
        };
        hold!(place == own.place && stored.state == own.state, "{stored:?} is not {own:?}");
        for ((posted, held), own) in stored_sums.into_iter().zip(own.sums) {
            let same = (minor(posted), minor(held)) == (own.posted, own.held);
            hold!(same, "account {id} has {posted:?} and {held:?} held, not {own:?}");
        }
        self.limits(stored, own)?;
        for day in own.days.keys() {
            self.balance_at(id, *day, own)?;
            self.balance_at(id, day.yesterday().unwrap_or(*day), own)?;
        }
        self.balance_at(id, Date::MAX, own)?;
        self.account_history(stored, own)
    }

    fn limits(&self, stored: &Account, own: &model::Account) -> Checked {
        let id = stored.id;
        let today = self.state.today.unwrap_or(Date::MIN);
        let limits = model::Limits::of(stored.limits.as_deref());
        let same = limits.is_some_and(|it| it.same(&own.limits));
        hold!(same, "the limits of {id} are {:?}, not {:?}", stored.limits, own.limits);
        let caps = stored.limits.iter().flat_map(|it| &it.caps);
        for (cap, own) in caps.zip(&own.limits.caps) {
            let (used, own) = (minor(cap.used(today)), own.used_on(today));
            hold!(used == own, "{used} is used of a cap of {id}, not {own}: {cap:?}");
        }
        Ok(())
    }

    fn balance_at(&self, id: ledger::AccountId, day: Date, own: &model::Account) -> Checked {
        let at = at_once(self.bank.balance_at(&self.reader(), id, day));
        let at = at.map_err(|error| error.to_string())?;
        let through = own
            .days
            .range(..=day)
            .fold([0, 0], |sum: [i128; 2], (_, day)| [sum[0] + day[0], sum[1] + day[1]]);
        let told = [minor(at.debits_posted), minor(at.credits_posted)];
        hold!(told == through, "account {id} moved {told:?} through {day}, not {through:?}");
        Ok(())
    }

    fn account_history(&self, stored: &Account, own: &model::Account) -> Checked {
        let id = stored.id;
        hold!(stored.last == own.history.last().copied(), "the newest transfer of {id} differs");
        let mut own = own.history.iter().rev();
        let mut from = None;
        loop {
            let page = at_once(self.bank.account_history(&self.reader(), id, from, 100));
            let Page { data, next } = page.map_err(|error| error.to_string())?;
            for told in data {
                let (told, own) = (told.posted.transfer.id, own.next());
                hold!(own == Some(&told), "the history of {id} has {told}, not {own:?}");
            }
            from = next;
            if from.is_none() {
                hold!(own.next().is_none(), "the history of {id} is too short");
                return Ok(());
            }
        }
    }

    fn transfers(&self) -> Checked {
        for (id, own) in &self.state.books.transfers {
            let told = at_once(self.bank.transfer(&self.reader(), *id));
            let AccountMove { posted, resolution } = told.map_err(|it| format!("{id}: {it}"))?;
            hold!(posted.transfer == own.order, "{posted:?} is not {own:?}");
            let by = resolution.map(|it| match it {
                Resolution::Posted(by)
                | Resolution::Voided(by)
                | Resolution::Expired(by)
                | Resolution::Reversed(by) => by,
            });
            hold!(by == own.fate, "{id} was resolved by {by:?}, not by {:?}", own.fate);
        }
        Ok(())
    }

    fn records(&self) -> Checked {
        let mut left: BTreeMap<_, _> = self.state.records.iter().collect();
        left.retain(|(kind, _), _| KINDS.iter().any(|it| it.kind == kind));
        for table in &KINDS {
            let mut after = None;
            loop {
                let page = at_once(self.bank.store().list(table, self.of(), after, PAGE_MAX));
                let page = page.map_err(|error: StoreError| error.to_string())?;
                for (id, told) in page.data {
                    let key = (table.kind.to_owned(), id);
                    let own = left.remove(&key).ok_or_else(|| format!("nobody wrote {key:?}"))?;
                    let (version, lane, body) = (told.version, told.lane, told.record);
                    let told = Record { version, lane, body };
                    hold!(told == *own, "{key:?} is {told:?}, not {own:?}");
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        hold!(left.is_empty(), "records are not found: {:?}", left.keys());
        Ok(())
    }

    fn trial_balance(&self) -> Checked {
        let mut own = BTreeMap::<(String, String), [i128; 2]>::new();
        for account in self.state.books.accounts.values() {
            let place = &account.place;
            let line = own.entry((place.currency.clone(), place.code.clone())).or_default();
            line[0] += account.sums[0].posted;
            line[1] += account.sums[1].posted;
        }
        let balance = at_once(self.bank.trial_balance(&self.reader(), None));
        // What many accounts sum up to may be more than any amount, which is refused by name.
        if own.values().flatten().any(|it| *it > i128::from(i64::MAX)) {
            let refused = balance.as_ref().is_err_and(|it| it.code() == "too-many");
            hold!(refused, "a sum beyond any amount is told: {balance:?}");
            return Ok(());
        }
        let balance = balance.map_err(|error| error.to_string())?;
        let zero = balance.difference.values().all(|it| it.is_zero());
        hold!(zero, "the books do not balance: {:?}", balance.difference);
        let told: BTreeMap<_, _> = balance
            .lines
            .iter()
            .map(|it| {
                let name = (it.currency.to_string(), it.code.to_string());
                (name, [minor(it.debits), minor(it.credits)])
            })
            .collect();
        hold!(told == own, "the trial balance is {told:?}, not {own:?}");
        Ok(())
    }

    /// The store's own proofs.
    fn verified(&self) -> Checked<Digest> {
        let store = self.bank.store();
        at_once(store.check_log(self.of())).map_err(|error| error.to_string())?;
        let verified = at_once(store.verify(self.of())).map_err(|error| error.to_string())?;
        let hash = at_once(store.state_hash(self.of())).map_err(|error| error.to_string())?;
        hold!(verified.state_hash == hash, "the state hash does not follow from the log");
        let own = self.state.books.transfers.len() as u64;
        hold!(verified.transfers == own, "{} transfers, not {own}", verified.transfers);
        Ok(hash)
    }
}

/// No institution finds what belongs to another.
fn isolated(bank: &Bank, judged: &Judged) -> Checked {
    for (of, state) in judged {
        for reader in judged.keys().filter(|it| *it != of).map(|it| caller(*it, Role::Auditor)) {
            let hidden = |found: bool, what: &str| {
                hold!(!found, "{} finds {what} of {of}", reader.institution);
                Ok(())
            };
            for id in state.books.accounts.keys() {
                hidden(at_once(bank.ledger_account(&reader, *id)).is_ok(), "an account")?;
            }
            for id in state.books.transfers.keys() {
                hidden(at_once(bank.transfer(&reader, *id)).is_ok(), "a transfer")?;
            }
            for (kind, id) in state.records.keys() {
                let found = match &**kind {
                    "party" => at_once(bank.party(&reader, id.cast())).is_ok(),
                    "loan" => at_once(bank.loan(&reader, id.cast())).is_ok(),
                    "application" => at_once(bank.application(&reader, id.cast())).is_ok(),
                    "current-account" => at_once(bank.account(&reader, id.cast())).is_ok(),
                    _ => false,
                };
                hidden(found, kind)?;
            }
        }
    }
    Ok(())
}

/// A key opens the institution that made it, until it is revoked.
fn keys(bank: &Bank, history: &History, judged: &Judged) -> Checked {
    for attempt in &history.attempts {
        let request = &history.requests[attempt.request];
        let Some(Ok(answer)) = attempt.outcome() else { continue };
        let (Command::CreateKey(new), Some(text)) = (&request.command, &answer.secret) else {
            continue;
        };
        let id: Id<()> =
            serde_json::from_value(answer.body.clone()).map_err(|it| it.to_string())?;
        let record = judged.get(&PLATFORM).and_then(|it| it.record("api-key", id));
        let revoked = record.is_none_or(|it| !it.body["revoked_at"].is_null());
        let opened = at_once(bank.authenticate(text)).map_err(|error| error.to_string())?;
        // A repetition comes with another secret, which opens nothing.
        let expected = (!revoked && !answer.replayed).then_some((request.of, new.role));
        let opened = opened.map(|it| (it.institution, it.role));
        hold!(opened == expected, "key {id} opens {opened:?}, not {expected:?}");
    }
    Ok(())
}

fn minor(amount: Amount) -> i128 {
    amount.minor().into()
}
