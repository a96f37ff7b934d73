//! Contracts with the books their entries make, which are audited after every command.

use std::{collections::BTreeMap, sync::Arc};

use money::Amount;
use product::{
    AccountCode, AccountProduct, Accounting, Chart, Definition, TermProduct,
    derivation::{Derivation, Unexplained},
};
use stdx::{Date, Id};

use crate::{
    CurrentAccount, Entry, Freeze, Outcome, Placement, Reject, Rollover, Scope, Stage, Status,
    Stop, TermDeposit, Terms, account,
    day::close_day,
    explain::{AccountStep, BookedAmount, DepositStep},
    maturity,
    movement::{self, Movement},
    term, withdrawal,
};

const ACCOUNT: &str = "
product: current
version: 1
kind: current-account
name: { en: Current account, zh: 活期账户 }
currency: CNY
effective: 2020-01-01
terms:
  dormant_after: 2 years
  interest:
    rate:
      - { from: 2020-01-01, rate: 0.0035 }
      - { from: 2024-05-10, rate: 0.0020 }
      - { from: 2024-09-20, rate: 0.0015 }
      - { from: 2025-01-05, rate: 0.0050 }
    rounding: half-up
";

const TERM: &str = "
product: term
version: 1
kind: term-deposit
name: { en: Term deposit, zh: 定期存款 }
currency: CNY
effective: 2020-01-01
terms:
  amount: { min: 50 }
  tenors:
    - { tenor: 1 month, rate: 0.012 }
    - tenor: 3 months
      rate: [{ from: 2020-01-01, rate: 0.0135 }, { from: 2024-04-01, rate: 0.0125 }]
    - tenor: 1 year
      rate: [{ from: 2020-01-01, rate: 0.0175 }, { from: 2024-06-08, rate: 0.0165 }]
    - { tenor: 2 years, rate: 0.0225 }
  demand_rate: [{ from: 2020-01-01, rate: 0.003 }, { from: 2024-06-01, rate: 0.002 }]
  rounding: half-up
";

pub(super) fn account_product() -> Arc<AccountProduct> {
    account_of(ACCOUNT)
}

/// The product of an account without interest.
pub(super) fn plain_product() -> Arc<AccountProduct> {
    account_of(ACCOUNT.split_once("  interest:").unwrap().0)
}

fn account_of(text: &str) -> Arc<AccountProduct> {
    let definition = Definition::parse(text, Chart::china()).unwrap();
    Arc::new(AccountProduct::compile(&definition).unwrap())
}

/// The product of a deposit, with lines of its terms added.
pub(super) fn term_product(more: &str) -> Arc<TermProduct> {
    let text = format!("{TERM}{more}");
    let definition = Definition::parse(&text, Chart::china()).unwrap();
    Arc::new(TermProduct::compile(&definition).unwrap())
}

pub(super) fn fen(minor: i64) -> Amount {
    Amount::from_minor(minor)
}

pub(super) fn yuan(text: &str) -> Amount {
    Amount::parse(text, money::Currency::CNY).unwrap()
}

pub(super) fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub(super) fn later(from: Date, days: u32) -> Date {
    money::Period::new(1, money::Unit::Day).unwrap().after(from, days).unwrap()
}

pub(super) fn freeze_of(name: &str, scope: Scope, since: Date, until: Option<Date>) -> Freeze {
    let id = Id::derived(&[name.as_bytes()]);
    Freeze { id, scope, reason: "case".to_owned(), reference: name.to_owned(), since, until }
}

pub(super) fn stop_of(name: &str, amount: Amount, since: Date, until: Option<Date>) -> Stop {
    let id = Id::derived(&[name.as_bytes()]);
    Stop { id, amount, reason: "case".to_owned(), reference: name.to_owned(), since, until }
}

/// Balances of a contract's books by account and value date; credits are positive.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Books {
    days: BTreeMap<(AccountCode, Date), i64>,
    totals: BTreeMap<AccountCode, i64>,
}

impl Books {
    pub(super) fn book(&mut self, accounting: &Accounting, entries: &[Entry]) {
        for Entry { event, amount, value_date } in entries {
            assert!(!amount.1.is_zero(), "{event} books nothing");
            for posting in accounting.postings(event, &[*amount]) {
                assert!(posting.amount.is_positive());
                for (code, sign) in [(posting.debit, -1), (posting.credit, 1)] {
                    let minor = sign * posting.amount.minor();
                    *self.days.entry((code, *value_date)).or_default() += minor;
                    *self.totals.entry(code).or_default() += minor;
                }
            }
        }
        let sum: i64 = self.totals.values().sum();
        assert_eq!(sum, 0, "debits and credits are the same");
    }

    /// The credit balance of an account, of all value dates.
    pub(super) fn balance(&self, code: &str) -> i64 {
        self.totals.get(&code.parse().unwrap()).copied().unwrap_or(0)
    }

    /// That at the end of a value date.
    pub(super) fn balance_at(&self, code: &str, day: Date) -> i64 {
        let code: AccountCode = code.parse().unwrap();
        self.days.range((code, Date::MIN)..=(code, day)).map(|(_, amount)| amount).sum()
    }
}

/// A current account as it lives.
#[derive(Clone, Debug)]
pub(super) struct AccountLife {
    pub(super) product: Arc<AccountProduct>,
    pub(super) account: CurrentAccount,
    pub(super) books: Books,
    /// What moved it; what went out is negative.
    pub(super) moved: Vec<Movement>,
    /// What was explained, where all that is booked is.
    pub(super) explained: Option<Explained>,
}

/// What was explained of each event: how often, and last.
pub(super) type Explained = BTreeMap<&'static str, (u32, Derivation)>;

/// Explains what a step booked, exactly.
fn explain_all(
    entries: &[Entry],
    explained: &mut Explained,
    booked: impl Fn(BookedAmount<'_>) -> Result<Derivation, Unexplained>,
) {
    for Entry { event, amount: (name, amount), .. } in entries {
        let of = BookedAmount { event, name, amount: *amount };
        let derivation = booked(of).unwrap_or_else(|error| panic!("{of:?}: {error}"));
        derivation.check().unwrap_or_else(|node| panic!("{of:?}: {node:?}"));
        assert_eq!(derivation.amount(), Some(*amount), "{derivation}");
        let count = explained.get(event).map_or(0, |it| it.0);
        explained.insert(event, (count + 1, derivation));
    }
}

impl AccountLife {
    pub(super) fn open(product: Arc<AccountProduct>, on: Date) -> Self {
        let account = account::open(&product, Id::derived(&[b"holder"]), on).contract;
        let (books, moved) = (Books::default(), Vec::new());
        Self { product, account, books, moved, explained: None }
    }

    pub(super) fn terms(&self) -> Terms<'_, AccountProduct> {
        Terms::of(&self.product)
    }

    pub(super) fn step<'h>(&'h self, outcome: &'h Outcome<CurrentAccount>) -> AccountStep<'h> {
        AccountStep {
            before: &self.account,
            after: &outcome.contract,
            events: &outcome.events,
            moved: &self.moved,
            terms: self.terms(),
            number: 7,
        }
    }

    pub(super) fn balance(&self) -> Amount {
        fen(self.books.balance("2011.01"))
    }

    pub(super) fn take(
        &mut self,
        outcome: Result<Outcome<CurrentAccount>, Reject>,
    ) -> Result<(), Reject> {
        let outcome = outcome?;
        self.books.book(self.product.accounting(), &outcome.entries);
        if let Some(mut explained) = self.explained.take() {
            let step = self.step(&outcome);
            explain_all(&outcome.entries, &mut explained, |of| step.booked(of));
            self.explained = Some(explained);
        }
        for Entry { event, amount: (_, amount), value_date } in outcome.entries {
            let amount = match event {
                "deposit" | "interest-settlement" => amount,
                "withdrawal" => fen(0) - amount,
                _ => continue,
            };
            self.moved.push(Movement { amount, value_date });
        }
        self.account = outcome.contract;
        let CurrentAccount { interest, payable, .. } = self.account;
        assert_eq!(self.books.balance("2231.01"), (interest + payable).minor());
        assert!(!interest.is_negative() && !payable.is_negative() && !self.balance().is_negative());
        if self.account.status == Status::Closed {
            for code in ["2011.01", "2231.01"] {
                assert_eq!(self.books.balance(code), 0, "{code} of a closed account");
            }
        }
        Ok(())
    }

    pub(super) fn close(&mut self, room: bool) -> Result<(), Reject> {
        let day = self.account.through;
        let balance = fen(self.books.balance_at("2011.01", day));
        self.take(close_day(&self.account, self.terms(), balance, day, room))
    }

    pub(super) fn close_until(&mut self, day: Date) {
        while self.account.through < day {
            self.close(true).unwrap();
        }
    }

    pub(super) fn deposit(&mut self, amount: Amount, value_date: Date) -> Result<(), Reject> {
        let movement = Movement { amount, value_date };
        let on = self.account.through;
        self.take(movement::deposit(&self.account, self.terms(), movement, on))
    }

    pub(super) fn withdraw(&mut self, amount: Amount, value_date: Date) -> Result<(), Reject> {
        let (movement, on) = (Movement { amount, value_date }, self.account.through);
        let passed = value_date.series(jiff::Span::new().days(1)).take_while(|it| *it <= on);
        let lowest = passed.map(|it| fen(self.books.balance_at("2011.01", it))).min();
        self.take(movement::withdraw(&self.account, self.terms(), movement, lowest, on))
    }

    pub(super) fn close_account(&mut self) -> Result<(), Reject> {
        let (on, balance) = (self.account.through, self.balance());
        self.take(account::close(&self.account, self.terms(), balance, Amount::ZERO, on))
    }
}

/// A term deposit as it lives.
#[derive(Clone, Debug)]
pub(super) struct TermLife {
    pub(super) product: Arc<TermProduct>,
    pub(super) deposit: TermDeposit,
    pub(super) books: Books,
    /// Interest that went out.
    pub(super) paid: Amount,
    /// Interest that became principal.
    pub(super) capitalized: Amount,
    /// What was explained, where all that is booked is.
    pub(super) explained: Option<Explained>,
}

impl TermLife {
    pub(super) fn open(
        product: Arc<TermProduct>,
        amount: Amount,
        tenor: &str,
        rollover: Rollover,
        on: Date,
    ) -> Result<Self, Reject> {
        let tenor = tenor.parse().unwrap();
        let (holder, account) = (Id::derived(&[b"holder"]), None);
        let placement = Placement { holder, amount, tenor, rollover, account, least: None };
        let outcome = term::open(&product, placement, on)?;
        let deposit = outcome.contract.clone();
        let (paid, capitalized) = (Amount::ZERO, Amount::ZERO);
        let (books, explained) = (Books::default(), None);
        let mut life = Self { product, deposit, books, paid, capitalized, explained };
        let opened = DepositStep { before: None, ..life.step(&outcome) };
        explain_all(&outcome.entries, &mut Explained::new(), |of| opened.booked(of));
        life.take(Ok(outcome))?;
        Ok(life)
    }

    pub(super) fn step<'h>(&'h self, outcome: &'h Outcome<TermDeposit>) -> DepositStep<'h> {
        DepositStep {
            before: Some(&self.deposit),
            after: &outcome.contract,
            events: &outcome.events,
            terms: self.terms(),
            agreed: &self.product,
            number: 7,
        }
    }

    pub(super) fn terms(&self) -> Terms<'_, TermProduct> {
        Terms::of(&self.product)
    }

    pub(super) fn accrued(&self) -> Amount {
        self.deposit.interest + self.deposit.due
    }

    pub(super) fn take(
        &mut self,
        outcome: Result<Outcome<TermDeposit>, Reject>,
    ) -> Result<(), Reject> {
        let outcome = outcome?;
        self.books.book(self.product.accounting(), &outcome.entries);
        let booked = |event| -> Amount {
            outcome.entries.iter().filter(|it| it.event == event).map(|it| it.amount.1).sum()
        };
        if let Some(mut explained) = self.explained.take() {
            let step = self.step(&outcome);
            explain_all(&outcome.entries, &mut explained, |of| step.booked(of));
            let out = booked("withdrawal") + booked("interest-payment");
            if !out.is_zero() {
                assert_eq!(step.paid_out().unwrap().amount(), Some(out));
            }
            self.explained = Some(explained);
        }
        self.paid += booked("interest-payment");
        self.capitalized += booked("capitalization");
        self.deposit = outcome.contract;
        assert_eq!(self.books.balance("2011.02"), self.deposit.principal.minor());
        assert_eq!(self.books.balance("2231.02"), self.accrued().minor());
        assert!(!self.deposit.interest.is_negative() && !self.deposit.due.is_negative());
        if self.deposit.stage == Stage::Closed {
            assert_eq!((self.deposit.principal, self.accrued()), (Amount::ZERO, Amount::ZERO));
        }
        Ok(())
    }

    pub(super) fn close(&mut self) -> Result<(), Reject> {
        let day = self.deposit.through;
        self.take(maturity::close_day(&self.deposit, self.terms(), day, false))
    }

    pub(super) fn close_until(&mut self, day: Date) {
        while self.deposit.through < day {
            self.close().unwrap();
        }
    }

    pub(super) fn withdraw(&mut self, amount: Option<Amount>) -> Result<(), Reject> {
        let on = self.deposit.through;
        self.take(withdrawal::withdraw(&self.deposit, self.terms(), amount, on))
    }
}
