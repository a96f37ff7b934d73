//! Customers who remember what they were told, and what is checked of it afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
};

use party::{Mobile, ResidentId};
use serde_json::{Value, json};
use stdx::{Date, Id, Prng, Timestamp};

use crate::http::{Answer, Client};

/// The most transfers of one command; they stand or fall together.
const TRANSFERS_MAX: u64 = 4;
/// The most rows of the log on a page.
const PAGE: usize = 1_000;

/// Somebody with a wallet and two accounts of the ledger, who does one thing after another.
pub(super) struct Customer {
    prng: Prng,
    name: String,
    wallet: String,
    /// Each in a lane of its own.
    accounts: [String; 2],
    /// All that were ever sent.
    orders: Vec<Order>,
    /// From here on they have not been checked.
    unchecked: usize,
}

/// One command.
struct Order {
    key: String,
    path: String,
    body: Value,
    what: What,
    /// The first answer, if one came.
    answer: Option<Answer>,
}

/// What a command does. What each order does is its own: no other has such an id or amount.
enum What {
    /// Puts so many cents into the wallet.
    Deposit(u64),
    /// Books transfers of so many cents between the accounts, in order of id.
    Transfers(BTreeMap<String, u64>),
}

/// What a check found of the commands since the last one.
pub(super) struct Check {
    pub(super) acknowledged: usize,
    pub(super) in_doubt: usize,
    /// Of those in doubt.
    pub(super) had_happened: usize,
}

/// The event log, as far as it has been read.
#[derive(Default)]
pub(super) struct Log {
    through: u64,
    /// How often each happened: a list of transfers, or a wallet with an amount.
    transfers: BTreeMap<Vec<String>, u32>,
    deposits: BTreeMap<(String, String), u32>,
}

impl Log {
    /// Reads what is new.
    pub(super) fn read(&mut self, client: &mut Client) {
        loop {
            let path = format!("/v1/events?limit={PAGE}&after={}", self.through);
            let page = client.get(&path).unwrap().body;
            let rows = page["data"].as_array().unwrap();
            for row in rows {
                self.through = row["position"].as_u64().unwrap();
                self.take(row);
            }
            if page["next"].is_null() {
                return;
            }
        }
    }

    fn take(&mut self, row: &Value) {
        let transfers = row["transfers"].as_array().unwrap();
        match row["command"].as_str().unwrap() {
            "deposit" => {
                // Told, recorded and booked: a row without one of them is half a command.
                let parts = ["events", "records"].map(|it| row[it].as_array().unwrap().len());
                assert!(parts == [1, 1] && !transfers.is_empty(), "{row}");
                let told = &row["events"][0];
                let wallet = told["subject"].as_str().unwrap().to_owned();
                let amount = major(told["data"]["amount"].as_u64().unwrap());
                *self.deposits.entry((wallet, amount)).or_default() += 1;
            }
            // A lane that is moved by another's row has a row that points there, and nothing else.
            _ if transfers.is_empty() => {}
            _ => {
                let mut ids: Vec<_> =
                    transfers.iter().map(|it| it.as_str().unwrap().to_owned()).collect();
                ids.sort();
                *self.transfers.entry(ids).or_default() += 1;
            }
        }
    }

    /// How often a command happened.
    fn count(&self, wallet: &str, what: &What) -> u32 {
        let found = match what {
            What::Deposit(cents) => self.deposits.get(&(wallet.to_owned(), major(*cents))),
            What::Transfers(moves) => {
                self.transfers.get(&moves.keys().cloned().collect::<Vec<_>>())
            }
        };
        found.copied().unwrap_or(0)
    }
}

impl Customer {
    /// Makes somebody who is not there yet, the numberth of a seed.
    pub(super) fn register(client: &mut Client, seed: u64, number: u64) -> Self {
        let name = format!("customer-{seed}-{number}");
        let mut made = |path: &str, body: &Value| {
            let key = format!("{name}{}", path.replace('/', "-"));
            let answer = client.post(path, &key, body).unwrap();
            assert_eq!(answer.status, 201, "{answer:?}");
            answer.body
        };
        let serial = u16::try_from(number).unwrap();
        let person = json!({
            "kind": "person",
            "name": "样例",
            "id_number": ResidentId::sample(110_105, Date::constant(1990, 1, 1), serial).reveal(),
            "mobile": Mobile::sample(u32::from(serial)).reveal(),
        });
        let party = made("/v1/parties", &person)["id"].take();
        let wallet = made("/v1/accounts", &json!({ "party": party, "product": "wallet" }));
        let mut prng = Prng::stream(seed, &name);
        let accounts = [(); 2].map(|()| id(&mut prng));
        let account = |id: &String| {
            let lane: Id<()> = Id::derived(&[id.as_bytes()]);
            json!({ "id": id, "code": "9001", "currency": "CNY", "side": "credit", "lane": lane })
        };
        made("/v1/ledger/accounts", &accounts.iter().map(account).collect());
        let wallet = wallet["account"].as_str().unwrap().to_owned();
        Self { prng, name, wallet, accounts, orders: Vec::new(), unchecked: 0 }
    }

    /// Gives one order after another and says when each is acknowledged, until it is over or one
    /// is not answered well.
    pub(super) fn work(&mut self, client: &mut Client, over: &AtomicBool, done: &Sender<()>) {
        while !over.load(Ordering::Relaxed) && self.order(client) {
            // After the blow nobody counts.
            done.send(()).unwrap_or_default();
        }
    }

    /// Gives one more order; answers whether it was acknowledged.
    pub(super) fn order(&mut self, client: &mut Client) -> bool {
        let order = self.next();
        let answer = client.post(&order.path, &order.key, &order.body);
        self.orders.push(Order { answer: answer.ok(), ..order });
        self.orders.last().is_some_and(Order::is_acknowledged)
    }

    fn next(&mut self) -> Order {
        let number = self.orders.len() as u64;
        let key = format!("{}-{number}", self.name);
        let (path, body, what) = if self.prng.chance(50) {
            let cents = number + 1;
            let body = json!({ "amount": { "amount": major(cents), "currency": "CNY" } });
            (format!("/v1/accounts/{}/deposits", self.wallet), body, What::Deposit(cents))
        } else {
            let count = 1 + self.prng.below(TRANSFERS_MAX);
            let ids: BTreeSet<_> = (0..count).map(|_| id(&mut self.prng)).collect();
            let moves: BTreeMap<_, _> = ids.into_iter().zip(number + 1..).collect();
            let [debit, credit] = &self.accounts;
            let last = moves.keys().next_back().cloned();
            let transfer = |(id, cents): (&String, &u64)| {
                let amount = json!({ "amount": major(*cents), "currency": "CNY" });
                let linked = Some(id) != last.as_ref();
                json!({
                    "id": id, "debit": debit, "credit": credit, "amount": amount,
                    "reason": "try", "linked": linked,
                })
            };
            let body = moves.iter().map(transfer).collect();
            ("/v1/ledger/transfers".to_owned(), body, What::Transfers(moves))
        };
        Order { key, path, body, what, answer: None }
    }

    /// The last answer, which was a refusal.
    pub(super) fn refusal(&self) -> Answer {
        self.orders.last().and_then(|it| it.answer.clone()).expect("an answer")
    }

    /// What was acknowledged is there once, what was refused is not there and is refused again.
    pub(super) fn check_while_refused(&self, client: &mut Client, log: &Log, what: &str) {
        for order in &self.orders[self.unchecked..] {
            let happened = self.happened(client, log, order, what);
            assert_eq!(happened, order.is_acknowledged(), "{what}: {}", order.key);
            if !happened {
                let again = client.post(&order.path, &order.key, &order.body).unwrap();
                assert_eq!(again.status, 503, "{what}: {again:?}");
            }
        }
    }

    /// Of the commands since the last check: those acknowledged happened once, and are answered as
    /// they were; those in doubt happened once or not at all, and do so now.
    pub(super) fn check(&mut self, client: &mut Client, log: &Log, what: &str) -> Check {
        let mut check = Check { acknowledged: 0, in_doubt: 0, had_happened: 0 };
        for at in self.unchecked..self.orders.len() {
            let order = &self.orders[at];
            let happened = self.happened(client, log, order, what);
            let again = client.post(&order.path, &order.key, &order.body).unwrap();
            let said = format!("{what}: {} is answered {again:?}", order.key);
            assert!(matches!(again.status, 200 | 201), "{said}");
            assert_eq!(again.replayed, happened, "{said}");
            if order.is_acknowledged() {
                check.acknowledged += 1;
                assert!(happened, "{what}: {} is lost", order.key);
                let first = order.answer.as_ref().map(|it| (it.status, &it.body));
                assert_eq!(Some((again.status, &again.body)), first, "{said}");
            } else {
                check.in_doubt += 1;
                check.had_happened += usize::from(happened);
            }
            self.orders[at].answer = Some(again);
        }
        self.unchecked = self.orders.len();
        check
    }

    /// Whether a command has happened: all of it, and once, or nothing.
    fn happened(&self, client: &mut Client, log: &Log, order: &Order, what: &str) -> bool {
        let count = log.count(&self.wallet, &order.what);
        assert!(count <= 1, "{what}: {} happened {count} times", order.key);
        if let What::Transfers(moves) = &order.what {
            for id in moves.keys() {
                let found = client.get(&format!("/v1/ledger/transfers/{id}")).unwrap();
                let expected = if count == 1 { 200 } else { 404 };
                assert_eq!(found.status, expected, "{what}: {} halfway: {found:?}", order.key);
            }
        }
        count == 1
    }

    /// The balances are the sums of what happened, and everything happened once.
    pub(super) fn check_balances(&self, client: &mut Client, log: &Log, what: &str) {
        let (mut deposited, mut moved) = (0, 0);
        for order in &self.orders {
            assert_eq!(log.count(&self.wallet, &order.what), 1, "{what}: {}", order.key);
            match &order.what {
                What::Deposit(cents) => deposited += cents,
                What::Transfers(moves) => moved += moves.values().sum::<u64>(),
            }
        }
        let wallet = client.get(&format!("/v1/accounts/{}", self.wallet)).unwrap().body;
        assert_eq!(wallet["balance"]["amount"], major(deposited), "{what}: {}", self.name);
        for (id, side) in self.accounts.iter().zip(["debits_posted", "credits_posted"]) {
            let account = client.get(&format!("/v1/ledger/accounts/{id}")).unwrap().body;
            assert_eq!(account["balances"][side], major(moved), "{what}: {}", self.name);
        }
    }
}

impl Order {
    fn is_acknowledged(&self) -> bool {
        self.answer.as_ref().is_some_and(|it| matches!(it.status, 200 | 201))
    }
}

/// A new id, of a fixed moment: the clock is not what is tried.
fn id(prng: &mut Prng) -> String {
    Id::<()>::new(Timestamp::constant(1_772_000_000, 0), prng).to_string()
}

/// An amount as the platform writes it.
fn major(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
