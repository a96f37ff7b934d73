//! Random histories on each engine, with restarts and with two nodes on one database: the answers
//! are the same, what can be seen is the same, and all of it follows from the log, from which
//! another store is made.

use std::{collections::BTreeMap, task::Poll};

use ledger::{AccountState, Cap, CapUse, Direction, Kind, Limits, Resolution, Window};
use stdx::Prng;

use super::{
    Account, AccountChange, Amount, Balancing, Commit, Digest, Directory, InstitutionId, LOANS,
    Loan, Moment, Outcome, Store, Transfer, TransferId, account, amount, commit, database, day,
    lane, loan, look, noon, nth, rig::queue,
};
use crate::{Due, LogRow, Memory, Mode, PAGE_MAX, RecordKey, StoreError};

const SEEDS: u64 = 12;
/// How many of them also on the shared database, where each question is a round trip.
const SEEDS_SHARED: u64 = 4;
const COMMITS: u64 = 120;
const INSTITUTIONS: u64 = 2;
const LANES: u64 = 3;
const ACCOUNTS: u64 = 8;
const RECORDS: u64 = 5;

#[tokio::test]
async fn all_engines_agree_and_follow_from_the_log() {
    let mut seen = BTreeMap::new();
    for seed in 0..SEEDS {
        history(seed, &mut seen).await;
    }
    // The histories are worth something when everything occurs in them.
    for outcome in ["committed", "replayed", "rejected", "key reused", "conflict"] {
        assert!(seen.get(outcome).is_some_and(|count| *count > 20), "{outcome} in {seen:?}");
    }
    for what in ["posted", "voided", "expired", "reversed"] {
        assert!(seen.get(what).is_some_and(|count| *count > 3), "{what} in {seen:?}");
    }
}

async fn history(seed: u64, seen: &mut BTreeMap<&'static str, u64>) {
    let directory = Directory::new();
    let (mem, mut sqlite) = (Store::in_memory(), directory.open());
    let memory = Memory::default();
    let nodes = [Store::on_memory(&memory).unwrap(), Store::on_memory(&memory).unwrap()];
    let url = (seed < SEEDS_SHARED).then(database);
    let open = || url.as_ref().map(|url| Store::in_postgres(url).unwrap());
    let mut shared = Vec::from_iter([open(), open()].into_iter().flatten());
    let mut maker = Maker { prng: Prng::stream(seed, "histories"), ..Maker::default() };
    let mut chance = Prng::stream(seed, "nodes");
    while maker.made < COMMITS {
        let group: Vec<_> = (0..=maker.prng.below(10)).map(|_| maker.commit()).collect();
        let first = all(&mem, &group).await;
        let second = all(&sqlite, &group).await;
        assert_eq!(format!("{first:#?}"), format!("{second:#?}"), "seed {seed}");
        let node = usize::from(chance.chance(50));
        for node in [Some(&nodes[node]), shared.get(node)].into_iter().flatten() {
            let third = all(node, &group).await;
            assert_eq!(format!("{first:#?}"), format!("{third:#?}"), "seed {seed}");
        }
        for (commit, outcome) in group.iter().zip(&first) {
            maker.learn(commit, outcome.as_ref().unwrap(), seen);
        }
        if maker.prng.chance(20) {
            drop(sqlite);
            sqlite = directory.open();
            shared.get_mut(node).into_iter().zip(open()).for_each(|(node, new)| *node = new);
        }
    }
    let mut restored = vec![Store::in_memory()];
    restore(shared.first().unwrap_or(&sqlite), &restored[0], &mut chance).await;
    if url.is_some() {
        restored.push(Store::in_postgres(&database()).unwrap());
        restore(&sqlite, &restored[1], &mut chance).await;
    }
    for number in 1..=INSTITUTIONS {
        let of = nth(number);
        let look_at_mem = look(&mem, of).await;
        for other in [&sqlite].into_iter().chain(&nodes).chain(&shared).chain(&restored) {
            assert_eq!(look_at_mem, look(other, of).await, "seed {seed}");
        }
        let log = async |store: &Store| store.log(of, 0, PAGE_MAX).await.unwrap();
        assert_eq!(log(&mem).await, log(&sqlite).await, "seed {seed}");
        for transfer in 1..=maker.transfers {
            let found = mem.transfer(of, nth(transfer)).await.unwrap();
            for other in [Some(&sqlite), shared.first()].into_iter().flatten() {
                assert_eq!(found, other.transfer(of, nth(transfer)).await.unwrap());
            }
            let name = found.and_then(|it| it.resolution).map(|it| match it {
                Resolution::Posted(_) => "posted",
                Resolution::Voided(_) => "voided",
                Resolution::Expired(_) => "expired",
                Resolution::Reversed(_) => "reversed",
            });
            name.into_iter().for_each(|it| *seen.entry(it).or_default() += 1);
        }
    }
}

/// Makes the second store from the log of the first, some commits at a time.
async fn restore(from: &Store, to: &Store, prng: &mut Prng) {
    let mut commits = Vec::<Vec<LogRow>>::new();
    let read = from.each_row::<StoreError>(0, |row| {
        match commits.last_mut().filter(|_| row.told_at != 0) {
            Some(commit) => commit.push(row),
            None => commits.push(vec![row]),
        }
        Ok(())
    });
    read.unwrap();
    while !commits.is_empty() {
        let some = usize::try_from(1 + prng.below(9)).unwrap().min(commits.len());
        to.restore(commits.drain(..some).flatten().collect()).await.unwrap();
    }
}

/// Queues them in order; how they fall into batches depends on the moment, and must not matter.
async fn all(store: &Store, commits: &[Commit]) -> Vec<Result<Outcome, StoreError>> {
    let waiting = commits.iter().map(|commit| {
        let mut commit = Box::pin(store.commit(commit.clone()));
        (queue(commit.as_mut()), commit)
    });
    let mut outcomes = Vec::new();
    for (queued, commit) in waiting.collect::<Vec<_>>() {
        outcomes.push(match queued {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => commit.await,
        });
    }
    outcomes
}

/// Opens an account; some have limits.
fn opening(number: u64) -> AccountChange {
    let limits = number.is_multiple_of(3).then(|| Box::new(limits(None)));
    AccountChange::Open(Account { limits, ..account(number, 1 + number % LANES) })
}

fn limits(overdraft: Option<Amount>) -> Limits {
    let (direction, window, usage) = (Direction::Out, Window::Month, CapUse::default());
    let cap = Cap { direction, window, max: amount(900), usage };
    Limits { overdraft, balance_max: None, caps: vec![cap] }
}

/// Makes commits up; most of them make sense.
struct Maker {
    prng: Prng,
    /// How many commits were made.
    made: u64,
    /// The newest transfer's number.
    transfers: u64,
    versions: BTreeMap<RecordKey, u64>,
    /// Transfers that may have happened; holds and others apart.
    known: BTreeMap<(InstitutionId, bool), Vec<TransferId>>,
}

impl Default for Maker {
    fn default() -> Self {
        Self {
            prng: Prng::new([0; 32]),
            made: 0,
            transfers: 0,
            versions: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }
}

impl Maker {
    fn commit(&mut self) -> Commit {
        self.made += 1;
        // Now and then a key is used again.
        let again = self.prng.chance(10);
        let key = if again { 1 + self.prng.below(self.made) } else { self.made };
        let mut made = commit(&format!("key {key}"));
        made.institution = nth(1 + self.prng.below(INSTITUTIONS));
        made.lane = lane(1 + self.prng.below(LANES));
        made.at = self.moment();
        if self.prng.chance(if again { 40 } else { 1 }) {
            made.digest = Digest::ZERO;
        }
        if self.prng.chance(30) {
            made.mode = Mode::EachAlone;
        }
        if self.made <= INSTITUTIONS {
            made.institution = nth(self.made);
            made.accounts = (1..=ACCOUNTS).map(opening).collect();
            return made;
        }
        if self.prng.chance(15) {
            made.accounts = (0..=self.prng.below(2)).map(|_| self.account_change()).collect();
        }
        made.transfers = (0..self.prng.below(4)).map(|_| self.transfer(&made)).collect();
        (0..self.prng.below(3)).for_each(|_| self.put(&mut made));
        (0..self.prng.below(3)).for_each(|_| self.timer(&mut made));
        if self.prng.chance(50) {
            made.tell("tried", nth::<Loan>(key), &self.made);
        }
        if self.prng.chance(3) {
            made.close_period = made.at.today.yesterday().ok();
        }
        made.answer(&self.made);
        made
    }

    /// A day has some commits.
    fn moment(&self) -> Moment {
        let Moment { now, today } = noon();
        let days = i64::try_from(self.made / 12).unwrap();
        let seconds = days * 86_400 + i64::try_from(self.made).unwrap();
        let now = now.checked_add(std::time::Duration::from_secs(seconds.unsigned_abs())).unwrap();
        let days = std::time::Duration::from_secs(days.unsigned_abs() * 86_400);
        Moment { now, today: today.checked_add(days).unwrap() }
    }

    fn account_change(&mut self) -> AccountChange {
        use AccountState::{Closed, Frozen, FrozenIn, FrozenOut, Open};

        let number = 1 + self.prng.below(ACCOUNTS);
        match self.prng.below(10) {
            0..=3 => AccountChange::State(
                nth(number),
                *self.prng.pick(&[Open, Open, Open, Open, FrozenIn, FrozenOut, Frozen, Closed]),
            ),
            4 => AccountChange::Limits(nth(number), Some(limits(Some(amount(500))))),
            5 => AccountChange::Limits(nth(number), None),
            // One more than were opened before.
            _ => opening(number + 1),
        }
    }

    fn transfer(&mut self, commit: &Commit) -> Transfer {
        let at = commit.at;
        self.transfers += 1;
        let debit = 1 + self.prng.below(ACCOUNTS);
        // Now and then the same.
        let credit = 1 + (debit + self.prng.below(ACCOUNTS * 5)) % ACCOUNTS;
        let minor = i64::try_from(1 + self.prng.below(200)).unwrap();
        let wants_hold = self.prng.chance(70);
        let known = self.known.entry((commit.institution, wants_hold)).or_default();
        let recent = &known[known.len().saturating_sub(8)..];
        let earlier = (!recent.is_empty()).then(|| *self.prng.pick(recent));
        let expires = at.now.checked_add(std::time::Duration::from_secs(12)).ok();
        let kind = match (self.prng.below(12), earlier) {
            (0, _) => Kind::Hold { expires },
            (1 | 2, _) => Kind::Hold { expires: None },
            (3 | 4, Some(hold)) if wants_hold => Kind::Post(hold),
            (5, Some(hold)) if wants_hold => Kind::Void(hold),
            (6, Some(hold)) if wants_hold => Kind::Expire(hold),
            (3..=6, Some(of)) => Kind::Reversal(of),
            _ => Kind::Plain,
        };
        let value_date = at.today.saturating_sub(std::time::Duration::from_secs(86_400));
        let value_date = if self.prng.chance(30) { value_date } else { at.today };
        let mut made = super::transfer(self.transfers, debit, credit, minor);
        (made.kind, made.value_date) = (kind, value_date);
        if kind.about().is_some() {
            let partial = self.prng.chance(30);
            made = Transfer::about(made.id, kind, value_date, made.reason);
            made.amount = if partial { amount(minor) } else { Amount::MAX };
        } else if self.prng.chance(10) {
            made.balancing =
                *self.prng.pick(&[Balancing::Debit, Balancing::Credit, Balancing::Both]);
        }
        if self.prng.chance(5) {
            // A transfer from before, with this content or (rarely) with its own.
            made.id = nth(1 + self.prng.below(self.transfers));
        }
        made.linked = self.prng.chance(5);
        made
    }

    fn put(&mut self, made: &mut Commit) {
        let id = nth::<Loan>(1 + self.prng.below(RECORDS));
        let key = LOANS.key(made.institution, id);
        let known = self.versions.get(&key).copied().unwrap_or(0);
        let version = if self.prng.chance(5) { known + 1 } else { known };
        if self.prng.chance(20) {
            made.expect(&LOANS, id, version);
        } else {
            let borrower = *self.prng.pick(&["ann", "bob", "eve"]);
            let state = *self.prng.pick(&["new", "paid"]);
            made.put(&LOANS, id, version, &loan(borrower, state));
        }
    }

    fn timer(&mut self, made: &mut Commit) {
        let moment = noon().now.checked_add(std::time::Duration::from_nanos(self.prng.below(3)));
        let days = [Due::Day(day("2026-04-01")), Due::Day(day("2026-04-02"))];
        let due = *self.prng.pick(&[days[0], days[1], Due::Moment(moment.unwrap())]);
        let subject = nth::<Loan>(1 + self.prng.below(3));
        match self.prng.chance(60) {
            true => made.set_timer(due, "collect", subject),
            false => made.clear_timer(due, "collect", subject),
        }
    }

    fn learn(
        &mut self,
        commit: &Commit,
        outcome: &Outcome,
        seen: &mut BTreeMap<&'static str, u64>,
    ) {
        let name = match outcome {
            Outcome::Committed(_) => "committed",
            Outcome::Replayed(_) => "replayed",
            Outcome::Rejected { .. } => "rejected",
            Outcome::KeyReused => "key reused",
            Outcome::Conflict(_) => "conflict",
        };
        *seen.entry(name).or_default() += 1;
        if let Outcome::Committed(_) = outcome {
            let institution = commit.institution;
            for transfer in &commit.transfers {
                let key = (institution, transfer.kind.is_hold());
                self.known.entry(key).or_default().push(transfer.id);
            }
            for entry in &commit.records {
                let key = RecordKey { institution, kind: entry.kind.clone(), id: entry.id };
                self.versions.insert(key, entry.version);
            }
        }
    }
}
