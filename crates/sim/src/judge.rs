//! What must hold, judged from the log and from what the outside saw.
//!
//! The log is the order in which things happened. The judge goes through it row by row with books
//! of its own: each row must be what one request, or the platform itself, would do to the state
//! before it. Then every answer a node gave is held against that order: what was acknowledged is
//! in the log, once, before it was acknowledged, and is answered the same ever after; what was
//! refused must have a reason in at least one of the states between the beginning and the end of
//! the attempt.

use std::collections::{BTreeMap, BTreeSet};

use bank::{Refusal, tables::PLATFORM};
use ledger::{AccountId, InstitutionId, Kind, LaneId, Posted, Transfer, TransferId};
use serde_json::Value;
use stdx::{Date, Digest, Id};
use store::{AccountChange, LogBody, LogRow};

use crate::{
    Fault,
    command::Command,
    contracts::Contracts,
    history::{Attempt, History, Request, is_undecided},
    model::{At, Books, Done, Place},
    reasons,
};

/// What the keys of the platform's own commands begin with.
const PLATFORM_MARK: char = '\u{1}';

/// One institution as the log tells it so far.
pub(crate) struct State {
    pub(crate) of: InstitutionId,
    /// The business date, once the institution exists.
    pub(crate) today: Option<Date>,
    pub(crate) books: Books,
    pub(crate) contracts: Contracts,
    pub(crate) records: BTreeMap<(String, Id<()>), Record>,
    pub(crate) keys: BTreeMap<String, Used>,
    /// Which persons are registered.
    pub(crate) persons: BTreeSet<u16>,
    /// The newest row of each lane: its place in it, and its position.
    lanes: BTreeMap<LaneId, (u64, u64)>,
}

/// A record at its newest version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) version: u64,
    pub(crate) lane: LaneId,
    pub(crate) body: Value,
}

/// What an idempotency key was used for.
pub(crate) struct Used {
    pub(crate) position: u64,
    pub(crate) digest: Digest,
    pub(crate) answer: Value,
}

pub(crate) type Judged = BTreeMap<InstitutionId, State>;

/// Judges a run.
pub(crate) fn judge(history: &History, institutions: &[InstitutionId]) -> Result<Judged, Fault> {
    let mut judged = Judged::new();
    for of in institutions {
        judged.insert(*of, replay(history, *of)?);
    }
    check_answers(history, &judged)?;
    Ok(judged)
}

/// The institution among whose records a request is kept, and its key there.
pub(crate) fn place_of(request: &Request) -> (InstitutionId, String) {
    match request.command {
        Command::CreateKey(_) | Command::RevokeKey(_) => {
            (PLATFORM, format!("{}/{}", request.of, request.key))
        }
        _ => (request.of, request.key.clone()),
    }
}

/// Goes through the log of an institution, and looks for the reason of every refusal on the way.
fn replay(history: &History, of: InstitutionId) -> Result<State, Fault> {
    let mut asked = BTreeMap::<String, Vec<&Request>>::new();
    for request in &history.requests {
        let (kept_by, key) = place_of(request);
        if kept_by == of {
            asked.entry(key).or_default().push(request);
        }
    }
    let mut refused = refusals(history, of);
    let rows = history.logs.get(&of).map_or(&[][..], |it| it);
    let mut state = State::new(of);
    for index in 0..=rows.len() {
        let from = index.checked_sub(1).map_or(0, |it| rows[it].position);
        let next = rows.get(index);
        let to = next.map_or(u64::MAX, |it| it.position.saturating_sub(1));
        refused.retain(|it| {
            let within = it.attempt.started <= to && it.ended >= from;
            !(within && reasons::explain(&state, it.request, it.attempt, it.refusal))
        });
        if let Some(over) = refused.iter().find(|it| it.ended < to) {
            return Err(over.fault());
        }
        if let Some(row) = next {
            let wrong = state.row(row, &asked).err();
            let place = || format!("log row {} of {of}, `{}`", row.position, row.command);
            if let Some(what) = wrong {
                let step = history.step_of(row.position);
                return Err(Fault { step, what: format!("{}: {what}", place()) });
            }
        }
    }
    refused.first().map_or(Ok(state), |it| Err(it.fault()))
}

/// An attempt that was refused and wants a reason.
struct Refused<'a> {
    request: &'a Request,
    attempt: &'a Attempt,
    ended: u64,
    refusal: &'a Refusal,
}

impl Refused<'_> {
    fn fault(&self) -> Fault {
        let Request { command, key, of, step, .. } = self.request;
        let (code, refusal) = (self.refusal.code(), self.refusal);
        let what = format!(
            "{of} {key:?} was refused as `{code}` ({refusal:?}) between rows {} and {}, which \
             nothing explains: {command:?}",
            self.attempt.started, self.ended
        );
        Fault { step: *step, what }
    }
}

fn refusals(history: &History, of: InstitutionId) -> Vec<Refused<'_>> {
    let attempts = history.attempts.iter().filter_map(|attempt| {
        let request = &history.requests[attempt.request];
        let (ended, Err(refusal)) = attempt.ended.as_ref()? else {
            return None;
        };
        let ours = place_of(request).0 == of && !is_undecided(refusal);
        ours.then_some(Refused { request, attempt, ended: *ended, refusal })
    });
    attempts.collect()
}

/// Holds what nodes answered against the log.
fn check_answers(history: &History, judged: &Judged) -> Result<(), Fault> {
    let mut happened = BTreeSet::new();
    for attempt in &history.attempts {
        let request = &history.requests[attempt.request];
        let place = place_of(request);
        let used = judged.get(&place.0).and_then(|it| it.keys.get(&place.1));
        let wrong = |what: &str| {
            let Request { command, key, of, .. } = request;
            let what = format!("{of} {key:?} {what}: {command:?}");
            Err(Fault { step: request.step, what })
        };
        let Some((ended, given)) = &attempt.ended else {
            continue;
        };
        let own = used.filter(|it| it.digest == request.command.digest());
        match given {
            _ if matches!(request.command, Command::RunMoments) => {}
            Ok(answer) => {
                let Some(used) = own.filter(|it| it.position <= *ended) else {
                    return wrong("was acknowledged and is not in the log");
                };
                if answer.body != used.answer {
                    let text = format!("was answered {}, not {}", answer.body, used.answer);
                    return wrong(&text);
                }
                if answer.replayed && used.position > *ended {
                    return wrong("was repeated before it happened");
                }
                if !answer.replayed && used.position <= attempt.started {
                    return wrong("happened before and was answered as if it happened now");
                }
                if !answer.replayed && !happened.insert(place) {
                    return wrong("happened twice");
                }
            }
            Err(refusal) => {
                // Who began after it had happened has to hear the first answer.
                let before = own.is_some_and(|it| it.position <= attempt.started);
                if before && !is_undecided(refusal) {
                    return wrong(&format!("happened, and was then refused: {refusal:?}"));
                }
            }
        }
    }
    Ok(())
}

/// Fails with a text unless something holds.
macro_rules! hold {
    ($holds:expr, $($text:tt)*) => {
        if !$holds {
            return Err(format!($($text)*));
        }
    };
}
pub(crate) use hold;

impl State {
    fn new(of: InstitutionId) -> Self {
        Self {
            of,
            today: None,
            books: Books::default(),
            contracts: Contracts::default(),
            records: BTreeMap::new(),
            keys: BTreeMap::new(),
            persons: BTreeSet::new(),
            lanes: BTreeMap::new(),
        }
    }

    /// A record, if there is one.
    pub(crate) fn record<I>(&self, kind: &str, id: Id<I>) -> Option<&Record> {
        self.records.get(&(kind.to_owned(), id.cast()))
    }

    /// The lane of plain accounts for which no other is named.
    pub(crate) fn ledger_lane(&self) -> LaneId {
        Id::derived(&[self.of.as_bytes(), b"ledger"])
    }

    /// Takes the next row in, or says what it cannot be.
    fn row(&mut self, row: &LogRow, asked: &BTreeMap<String, Vec<&Request>>) -> Result<(), String> {
        let body = row.body().map_err(|error| error.to_string())?;
        let posted = row.transfers().map_err(|error| error.to_string())?;
        let (seq, before) = self.lanes.get(&row.lane).copied().unwrap_or_default();
        let next = (row.seq, row.previous) == (seq + 1, before) && row.position > before;
        hold!(next, "it is row {} of lane {}, after row {seq}", row.seq, row.lane);
        self.lanes.insert(row.lane, (row.seq, row.position));
        if body.told_in.is_some() {
            hold!(posted.is_empty() && body.records.is_empty(), "a mere pointer carries content");
            return Ok(());
        }
        let request = self.request_of(row, asked)?;
        let at = At { now: row.at, today: body.today };
        let numbers = match body.results.is_empty() {
            true => vec![0; posted.len()],
            false => body.results.clone(),
        };
        self.take_key(row, &body, &numbers)?;
        match request.map(|it| &it.command) {
            Some(Command::OpenAccounts(new)) => {
                hold!(posted.is_empty(), "it moves money");
                self.open_plain(new, &body)?;
            }
            Some(Command::SetState(id, state)) => {
                let verdict = self.books.set_state(*id, *state);
                self.changed_one(verdict, &body, &AccountChange::State(*id, *state))?;
            }
            Some(Command::SetLimits(id, limits)) => {
                let verdict = self.books.set_limits(*id, limits.as_ref());
                self.changed_one(verdict, &body, &AccountChange::Limits(*id, limits.clone()))?;
            }
            Some(Command::ClosePeriod(through)) => {
                let verdict = self.books.close_period(*through, at.today);
                hold!(verdict == Ok(Done::Now), "the books would refuse: {verdict:?}");
                hold!(body.close_period == Some(*through), "it closes {:?}", body.close_period);
            }
            Some(Command::Book(orders)) => {
                self.on_the_business_date(at)?;
                self.book_plain(orders, &numbers, &posted, at)?;
            }
            None if row.command == "expire-hold" => {
                self.on_the_business_date(at)?;
                let order = expiry(row, &posted, at.today)?;
                self.book_plain(&[order], &numbers, &posted, at)?;
            }
            command => {
                self.open_of_contract(row.lane, &body)?;
                let orders: Vec<_> = posted.iter().map(|it| it.transfer.clone()).collect();
                let plain = orders.iter().all(|it| it.kind == Kind::Plain && !it.linked);
                hold!(plain, "a contract moves money by plain transfers");
                self.book_plain(&orders, &numbers, &posted, at)?;
                self.write_records(row, &body)?;
                self.tell_contract(row, command, &body, &orders)?;
                return Ok(());
            }
        }
        self.write_records(row, &body)
    }

    /// The request a row comes from; nothing for the platform's own.
    fn request_of<'a>(
        &self,
        row: &LogRow,
        asked: &BTreeMap<String, Vec<&'a Request>>,
    ) -> Result<Option<&'a Request>, String> {
        if row.key.starts_with(PLATFORM_MARK) {
            let own = ["close-loan-day", "close-account-day", "expire-hold", "enter-institution"];
            hold!(own.contains(&&*row.command), "the platform gives no such command");
            hold!(row.actor == "platform", "{} is not the platform", row.actor);
            return Ok(None);
        }
        let candidates = asked.get(&row.key).map_or(&[][..], |it| it);
        let request = candidates.iter().find(|it| it.command.digest() == row.digest);
        let request =
            request.ok_or_else(|| format!("nobody asked for this under {:?}", row.key))?;
        let name = request.command.name();
        hold!(row.command == name, "{name} was asked for");
        hold!(row.actor == request.role.name(), "{} asked, {} did", request.role.name(), row.actor);
        hold!(reasons::may(request.role, &request.command), "{:?} may not do this", request.role);
        Ok(Some(request))
    }

    fn take_key(&mut self, row: &LogRow, body: &LogBody, numbers: &[u16]) -> Result<(), String> {
        let answer = match &*row.command {
            "book-transfers" => numbers.iter().copied().collect(),
            _ => serde_json::from_str(body.answer.get()).map_err(|error| error.to_string())?,
        };
        let used = Used { position: row.position, digest: row.digest, answer };
        let before = self.keys.insert(row.key.clone(), used);
        hold!(before.is_none(), "the key {:?} was used before", row.key);
        Ok(())
    }

    /// Dates of the books do not run backwards: limits by day rely on it.
    fn on_the_business_date(&self, at: At) -> Result<(), String> {
        let today = self.today.ok_or("there is no institution")?;
        hold!(at.today == today, "booked on {}, when the business date is {today}", at.today);
        Ok(())
    }

    fn open_plain(
        &mut self,
        new: &[bank::plain::NewAccount],
        body: &LogBody,
    ) -> Result<(), String> {
        let lane = self.ledger_lane();
        let mut opened = Vec::new();
        for account in new {
            let verdict = self.books.open(account.id, plain_place(account, lane), limits(account));
            match verdict {
                Ok(Done::Now) => opened.push(account.id),
                Ok(Done::Before) => {}
                Err(number) => return Err(format!("the books would refuse: {number}")),
            }
        }
        let told: Vec<AccountId> = body.accounts.iter().map(AccountChange::id).collect();
        hold!(told == opened, "it opens {told:?}, not {opened:?}");
        Ok(())
    }

    fn changed_one(
        &self,
        verdict: Result<Done, u16>,
        body: &LogBody,
        expected: &AccountChange,
    ) -> Result<(), String> {
        let told = match verdict {
            Ok(Done::Now) => body.accounts == [expected.clone()],
            Ok(Done::Before) => body.accounts.is_empty(),
            Err(number) => return Err(format!("the books would refuse: {number}")),
        };
        hold!(told, "it changes {:?}, not {expected:?}", body.accounts);
        Ok(())
    }

    /// Books orders and compares what came of each with what the log says.
    fn book_plain(
        &mut self,
        orders: &[Transfer],
        numbers: &[u16],
        posted: &[Posted],
        at: At,
    ) -> Result<(), String> {
        let verdicts = self.books.book(orders, at);
        let expected: Vec<u16> = verdicts
            .iter()
            .map(|it| match it {
                Ok(Done::Now) => 0,
                Ok(Done::Before) => 1,
                Err(number) => 100 + number,
            })
            .collect();
        hold!(expected == numbers, "{orders:?} come to {expected:?}, the log says {numbers:?}");
        let created = orders.iter().zip(&verdicts).filter(|(_, it)| **it == Ok(Done::Now));
        let created: Vec<TransferId> = created.map(|(order, _)| order.id).collect();
        let told: Vec<TransferId> = posted.iter().map(|it| it.transfer.id).collect();
        hold!(created == told, "transfers {told:?} are in the log, not {created:?}");
        for told in posted {
            self.same_transfer(told)?;
        }
        Ok(())
    }

    fn same_transfer(&self, told: &Posted) -> Result<(), String> {
        let id = told.transfer.id;
        let entry = self.books.transfers.get(&id).ok_or("an unknown transfer")?;
        let same = told.transfer == entry.order
            && (told.booked_at, told.booked_on) == (entry.at.now, entry.at.today)
            && told.counted_on == entry.counted_on
            && [told.debit_previous, told.credit_previous] == entry.previous;
        hold!(same, "transfer {told:?} is not {entry:?}");
        // What may pass in a day is counted by date, so dates must not run backwards.
        for (account, previous) in
            [entry.order.debit, entry.order.credit].iter().zip(entry.previous)
        {
            let capped = !self.books.accounts[account].limits.caps.is_empty();
            if let Some(previous) = previous.filter(|_| capped) {
                let (before, now) = (self.books.transfers[&previous].at.today, entry.at.today);
                hold!(before <= now, "{id} is booked on {now}, {previous} before it on {before}");
            }
        }
        Ok(())
    }

    /// The accounts that a contract's command opens: in its lane, and fresh.
    fn open_of_contract(&mut self, lane: LaneId, body: &LogBody) -> Result<(), String> {
        for change in &body.accounts {
            let AccountChange::Open(account) = change else {
                return Err(format!("a contract does this to an account: {change:?}"));
            };
            hold!(account.lane == lane, "{} is opened in another lane", account.id);
            let place = Place {
                code: account.code.to_string(),
                currency: account.currency.to_string(),
                side: account.side,
                lane,
            };
            let verdict = self.books.open(account.id, place, account.limits.as_deref());
            hold!(verdict == Ok(Done::Now), "the books would refuse {}: {verdict:?}", account.id);
        }
        Ok(())
    }

    fn write_records(&mut self, row: &LogRow, body: &LogBody) -> Result<(), String> {
        for entry in &body.records {
            let content = serde_json::from_str(entry.body.get());
            let content = content.map_err(|error| error.to_string())?;
            let key = (entry.kind.clone(), entry.id);
            let version = self.records.get(&key).map_or(0, |it| it.version) + 1;
            hold!(entry.version == version, "{key:?} gets version {}", entry.version);
            let record = Record { version, lane: row.lane, body: content };
            if let Some(before) = self.records.insert(key.clone(), record) {
                hold!(before.lane == row.lane, "{key:?} changes its lane");
            }
        }
        Ok(())
    }

    /// What the row means for contracts, dates and persons.
    fn tell_contract(
        &mut self,
        row: &LogRow,
        command: Option<&Command>,
        body: &LogBody,
        orders: &[Transfer],
    ) -> Result<(), String> {
        match command {
            Some(Command::Register(number)) => {
                hold!(self.persons.insert(*number), "person {number} is registered twice");
            }
            Some(Command::Found(day)) => self.today = Some(*day),
            Some(Command::CloseDate(day)) => {
                hold!(self.today == Some(*day), "the business date is {:?}", self.today);
                let institution = self.record("institution", self.of).ok_or("no institution")?;
                let next = date(&institution.body["business_date"])?;
                hold!(next > *day, "the date moves from {day} to {next}");
                self.contracts.none_before(*day)?;
                self.today = Some(next);
            }
            _ => {}
        }
        let mut contracts = std::mem::take(&mut self.contracts);
        let told = contracts.tell(self, row, command, body, orders);
        self.contracts = contracts;
        told
    }
}

/// The order that lets a hold expire, as its key tells it.
fn expiry(row: &LogRow, posted: &[Posted], today: Date) -> Result<Transfer, String> {
    let mut parts = row.key.split('/').skip(1);
    let hold = parts.next().and_then(|it| it.parse::<TransferId>().ok());
    let hold = hold.ok_or_else(|| format!("{:?} names no hold", row.key))?;
    // Which id the platform gave it is told only where it happened.
    let id = posted.first().map_or_else(|| Id::derived(&[b"refused"]), |it| it.transfer.id);
    Ok(Transfer::about(id, Kind::Expire(hold), today, ledger::Code::literal("expire-hold")))
}

/// What a plain account is.
pub(crate) fn plain_place(account: &bank::plain::NewAccount, ledger_lane: LaneId) -> Place {
    Place {
        code: account.code.to_string(),
        currency: account.currency.to_string(),
        side: account.side,
        lane: account.lane.unwrap_or(ledger_lane),
    }
}

/// The limits a plain account is opened with.
pub(crate) fn limits(account: &bank::plain::NewAccount) -> Option<&ledger::Limits> {
    account.limits.as_ref()
}

/// A date as records hold it.
pub(crate) fn date(value: &Value) -> Result<Date, String> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|_| format!("`{value}` is no date"))
}
