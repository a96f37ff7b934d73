//! Scripts: one action a row, answered behind the arrow.
//!
//! ```text
//! account  A1 credit no-overdraft max=9 cap=out/day/5 code=2001 currency=USD lane=L2
//! limits   A1 overdraft=50
//! transfer T1 A1 A2 5 balancing=debit value=2025-01-09 reason=fee
//! hold     T2 A1 A2 5 expires=60        # seconds after the start
//! post     T3 T2 4 debit=A1 credit=A2   # also void, expire, reverse; without an amount: all
//! link     transfer …                   # stands or falls with the next row
//! freeze   A1 [in|out]                  # also thaw, close
//! tick     60                           # seconds pass
//! day      2025-01-11                   # the business date moves
//! period   2025-01-09                   # closed through this day
//! show     A1
//! ```

use std::{iter::Peekable, slice::Iter};

use expect_test::Expect;
use money::{Amount, Currency};
use stdx::{Date, Id, Timestamp, table};

use crate::{
    Account, AccountState, Applied, Balances, Balancing, Cap, CapUse, Direction, Kind, Ledger,
    Limits, Moment, Reject, Side, Transfer, Window,
};

/// Runs a script and compares the answers.
pub(super) fn check(script: &str, expect: Expect) {
    expect.assert_eq(&run(script));
}

/// The script with its answers.
fn run(script: &str) -> String {
    let mut world = World { ledger: Ledger::default(), at: start(), chain: Vec::new() };
    let mut rows = Vec::new();
    let mut answers = Vec::new();
    for (_, cells) in table::lines(script) {
        rows.push(cells.join(" "));
        answers.extend(world.act(&cells));
    }
    answers.extend(world.flush());
    assert_eq!(rows.len(), answers.len());
    let width = rows.iter().map(String::len).max().unwrap_or(0);
    let lines = rows.iter().zip(answers).map(|(row, answer)| format!("{row:width$} => {answer}\n"));
    lines.collect()
}

/// When every script starts.
pub(super) fn start() -> Moment {
    Moment { now: seconds(0), today: "2025-01-10".parse().unwrap() }
}

/// So many seconds after the start.
pub(super) fn seconds(after: i64) -> Timestamp {
    Timestamp::new(1_736_467_200 + after, 0).unwrap()
}

/// The id with this name; `nil` is nobody's.
pub(super) fn id<T>(name: &str) -> Id<T> {
    if name == "nil" { Id::NIL } else { Id::derived(&[name.as_bytes()]) }
}

/// An open account without limits.
pub(super) fn account(name: &str, side: Side) -> Account {
    Account {
        id: id(name),
        lane: id("L1"),
        // Some place of its own.
        slot: name.bytes().fold(0, |slot, byte| slot * 31 + u32::from(byte)),
        code: "2001".parse().unwrap(),
        currency: Currency::CNY,
        side,
        state: AccountState::Open,
        balances: Balances::default(),
        limits: None,
        last: None,
        newest: crate::ValueDay::default(),
    }
}

/// A plain transfer of today.
pub(super) fn transfer(name: &str, debit: &str, credit: &str, amount: i64) -> Transfer {
    Transfer {
        id: id(name),
        kind: Kind::Plain,
        debit: id(debit),
        credit: id(credit),
        amount: Amount::from_minor(amount),
        balancing: Balancing::None,
        linked: false,
        value_date: start().today,
        reason: "test".parse().unwrap(),
    }
}

struct World {
    ledger: Ledger,
    at: Moment,
    /// Linked transfers that wait for the end of their chain.
    chain: Vec<Transfer>,
}

impl World {
    /// The answers that are known after a row: none in the middle of a chain.
    fn act(&mut self, cells: &[&str]) -> Vec<String> {
        let linked = cells[0] == "link";
        if let Some(mut order) = self.order(&cells[usize::from(linked)..]) {
            order.linked = linked;
            self.chain.push(order);
            return if linked { Vec::new() } else { self.flush() };
        }
        let mut answers = self.flush();
        answers.push(self.act_alone(cells));
        answers
    }

    /// Applies the chain so far.
    fn flush(&mut self) -> Vec<String> {
        let batch = std::mem::take(&mut self.chain);
        let answers = self.ledger.apply(&batch, self.at);
        answers.into_iter().map(applied).collect()
    }

    fn order(&self, cells: &[&str]) -> Option<Transfer> {
        let (mut words, options) = split(&cells[1..]);
        let mut order = match cells[0] {
            "transfer" | "hold" => self.entry(&mut words),
            _ => self.about(cells[0], &mut words)?,
        };
        if cells[0] == "hold" {
            order.kind = Kind::Hold { expires: None };
        }
        assert_eq!(words.next(), None, "{cells:?}");
        for (key, value) in options {
            match key {
                "balancing" => order.balancing = balancing(value),
                "expires" => {
                    let expires = Some(seconds(value.parse().unwrap()));
                    order.kind = Kind::Hold { expires };
                }
                "value" => order.value_date = value.parse().unwrap(),
                "reason" => order.reason = value.parse().unwrap(),
                "debit" => order.debit = id(value),
                "credit" => order.credit = id(value),
                _ => panic!("no option {key}"),
            }
        }
        Some(order)
    }

    fn entry(&self, words: &mut Words<'_>) -> Transfer {
        let [name, debit, credit] = [(); 3].map(|()| *words.next().unwrap());
        let order = transfer(name, debit, credit, 0);
        Transfer { amount: amount(words.next().unwrap()), value_date: self.at.today, ..order }
    }

    fn about(&self, action: &str, words: &mut Words<'_>) -> Option<Transfer> {
        let kind = match action {
            "post" => Kind::Post,
            "void" => Kind::Void,
            "expire" => Kind::Expire,
            "reverse" => Kind::Reversal,
            _ => return None,
        };
        let [name, subject] = [(); 2].map(|()| *words.next().unwrap());
        let reason = "test".parse().unwrap();
        let order = Transfer::about(id(name), kind(id(subject)), self.at.today, reason);
        let amount = words.next().map_or(order.amount, |it| amount(it));
        Some(Transfer { amount, ..order })
    }

    fn act_alone(&mut self, cells: &[&str]) -> String {
        let (mut words, options) = split(&cells[1..]);
        let subject = *words.next().unwrap();
        let done = match cells[0] {
            "account" => {
                let account = opened(subject, words.next().unwrap(), words, options);
                self.ledger.open(account)
            }
            "limits" => self.ledger.set_limits(id(subject), limits(words, options)),
            "freeze" => self.ledger.set_state(id(subject), frozen(words.next())),
            "thaw" => self.ledger.set_state(id(subject), AccountState::Open),
            "close" => self.ledger.set_state(id(subject), AccountState::Closed),
            "period" => self.ledger.close_period(subject.parse().unwrap(), self.at),
            "tick" => {
                let now = self.at.now.as_second() + subject.parse::<i64>().unwrap();
                self.at.now = Timestamp::new(now, 0).unwrap();
                Ok(())
            }
            "day" => {
                self.at.today = subject.parse().unwrap();
                Ok(())
            }
            "show" => return self.show(subject),
            other => panic!("no action {other}"),
        };
        done.map_or_else(|reject| reject.code().to_owned(), |()| "ok".to_owned())
    }

    fn show(&self, name: &str) -> String {
        let account = self.ledger.account(id(name)).unwrap();
        let it = account.balances;
        let side = |posted: Amount, held: Amount| match held.is_zero() {
            true => posted.minor().to_string(),
            false => format!("{} (+{} held)", posted.minor(), held.minor()),
        };
        let debits = side(it.debits_posted, it.debits_pending);
        let credits = side(it.credits_posted, it.credits_pending);
        let caps = account.limits.iter().flat_map(|limits| &limits.caps);
        let used: String =
            caps.map(|cap| format!(", used {}", cap.used(self.at.today).minor())).collect();
        format!("debits {debits}, credits {credits}{used}")
    }
}

type Words<'a> = Peekable<Iter<'a, &'a str>>;
type Options<'a> = Vec<(&'a str, &'a str)>;

/// The words in order, then the `key=value` pairs.
fn split<'a>(cells: &'a [&'a str]) -> (Words<'a>, Options<'a>) {
    let end = cells.iter().position(|cell| cell.contains('=')).unwrap_or(cells.len());
    let options = cells[end..].iter().map(|cell| cell.split_once('=').unwrap());
    (cells[..end].iter().peekable(), options.collect())
}

fn applied(answer: Result<Applied, Reject>) -> String {
    match answer {
        Ok(Applied::Created(it)) => format!("created {}", it.transfer.amount.minor()),
        Ok(Applied::Exists(it)) => format!("exists {}", it.transfer.amount.minor()),
        Err(reject) => reject.code().to_owned(),
    }
}

fn amount(text: &str) -> Amount {
    if text == "max" { Amount::MAX } else { Amount::from_minor(text.parse().unwrap()) }
}

fn balancing(text: &str) -> Balancing {
    match text {
        "debit" => Balancing::Debit,
        "credit" => Balancing::Credit,
        "both" => Balancing::Both,
        _ => panic!("no balancing {text}"),
    }
}

fn frozen(word: Option<&&str>) -> AccountState {
    match word {
        Some(&"in") => AccountState::FrozenIn,
        Some(&"out") => AccountState::FrozenOut,
        Some(other) => panic!("frozen {other}"),
        None => AccountState::Frozen,
    }
}

fn opened(name: &str, side: &str, words: Words<'_>, mut options: Options<'_>) -> Account {
    let side = if side == "debit" { Side::Debit } else { Side::Credit };
    let mut opened = account(name, side);
    options.retain(|&(key, value)| {
        match key {
            "code" => opened.code = value.parse().unwrap(),
            "currency" => opened.currency = value.parse().unwrap(),
            "lane" => opened.lane = id(value),
            _ => return true,
        }
        false
    });
    opened.limits = limits(words, options).map(Box::new);
    opened
}

fn limits(mut words: Words<'_>, options: Options<'_>) -> Option<Limits> {
    let mut limits = Limits::default();
    if words.next_if(|word| **word == "no-overdraft").is_some() {
        limits.overdraft = Some(Amount::ZERO);
    }
    assert_eq!(words.next(), None);
    for (key, value) in options {
        match key {
            "overdraft" => limits.overdraft = Some(amount(value)),
            "max" => limits.balance_max = Some(amount(value)),
            "cap" => limits.caps.push(cap(value)),
            _ => panic!("no limit {key}"),
        }
    }
    (limits != Limits::default()).then_some(limits)
}

/// Such as `out/day/5`.
fn cap(text: &str) -> Cap {
    let parts: Vec<&str> = text.split('/').collect();
    let [direction, window, max] = parts[..] else { panic!("no cap {text}") };
    let direction = if direction == "in" { Direction::In } else { Direction::Out };
    let window = match window {
        "day" => Window::Day,
        "month" => Window::Month,
        "year" => Window::Year,
        "ever" => Window::Lifetime,
        _ => panic!("no window {window}"),
    };
    Cap { direction, window, max: amount(max), usage: CapUse::default() }
}

/// The day of a text, for tests without a script.
pub(super) fn day(text: &str) -> Date {
    text.parse().unwrap()
}
