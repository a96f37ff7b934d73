//! A loan under test: it lives through days and payments, and keeps books of its own from the
//! entries, which must equal the position after every command.

use std::collections::BTreeMap;

use money::{Amount, Calendar, Currency, DayCount, Decimal, Period, Rounding};
use product::{
    kinds::instalment_loan::{Component, Method, Penalty, PenaltyBase},
    schedule::{self, Instalment, schedule},
};
use stdx::{Date, Id};

use crate::{
    Entry, Event, Loan, Outcome, Position, Quote, Reject, Status, close_day,
    loan::{Open, Owed, Terms},
    repay,
    settlement::{quote_with_fee, settle_quoted},
};

pub(super) struct Life {
    pub(super) loan: Loan,
    pub(super) position: Position,
    pub(super) events: Vec<Event>,
    /// Balance of each contract account by name: debits less credits.
    pub(super) books: BTreeMap<&'static str, Amount>,
    /// Money that came in.
    pub(super) received: Amount,
}

/// What a loan under test is made of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) principal: Amount,
    pub(super) instalments: u32,
    pub(super) method: Method,
    pub(super) on: Date,
    pub(super) every: Period,
    pub(super) rate: Decimal,
    pub(super) day_count: DayCount,
    pub(super) fee: Amount,
    pub(super) penalty: Option<Penalty>,
    pub(super) allocation: Vec<Component>,
    pub(super) early_settlement: bool,
}

pub(super) fn fen(minor: i64) -> Amount {
    Amount::from_minor(minor)
}

pub(super) fn cny(text: &str) -> Amount {
    Amount::parse(text, Currency::CNY).unwrap()
}

pub(super) fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub(super) fn later(date: Date, days: u32) -> Date {
    date.checked_add(jiff::Span::new().days(i64::from(days))).unwrap()
}

impl Setup {
    /// 1,200.00 in three instalments at 12 %; 18 % on overdue principal after three days.
    pub(super) fn usual() -> Self {
        Self {
            principal: cny("1200.00"),
            instalments: 3,
            method: Method::EqualInstalment,
            on: date("2025-01-01"),
            every: Period::MONTH,
            rate: Decimal::new(12, 2),
            day_count: DayCount::Thirty360,
            fee: Amount::ZERO,
            penalty: Some(Penalty {
                rate: Decimal::new(18, 2),
                base: PenaltyBase::OverduePrincipal,
                compounding: false,
                grace_days: 3,
            }),
            allocation: vec![
                Component::Penalty,
                Component::Fee,
                Component::Interest,
                Component::Principal,
            ],
            early_settlement: true,
        }
    }

    fn schedule(&self) -> schedule::Terms {
        let Self { principal, instalments, every, rate, on, .. } = *self;
        schedule::Terms {
            method: self.method,
            day_count: self.day_count,
            ..schedule::Terms::new(principal, Currency::CNY, instalments, every, rate, on)
        }
    }

    pub(super) fn loan(&self) -> Option<Loan> {
        Some(Loan {
            borrower: Id::from_bytes([7; 16]),
            product: "test".to_owned(),
            version: 1,
            status: Status::Active,
            currency: Currency::CNY,
            principal: self.principal,
            term: self.instalments,
            upfront_fees: Amount::ZERO,
            terms: Terms {
                method: self.method,
                rate: self.rate,
                day_count: self.day_count,
                rounding: Rounding::HalfEven,
                penalty: self.penalty.clone(),
                allocation: self.allocation.clone(),
                early_settlement: self.early_settlement,
            },
            signed_on: self.on,
            disbursed_on: Some(self.on),
            settled_on: None,
            schedule: self.schedule(),
            plan: schedule(&self.schedule(), Calendar::china(), |_, _| Some(self.fee)).ok()?,
        })
    }
}

impl Life {
    /// A loan on the day of its disbursal; `None` when its terms give no schedule.
    pub(super) fn new(setup: &Setup) -> Option<Self> {
        let books = [("principal", setup.principal)].into_iter().collect();
        Some(Self {
            loan: setup.loan()?,
            position: Position::new(setup.principal, setup.on),
            events: Vec::new(),
            books,
            received: Amount::ZERO,
        })
    }

    pub(super) fn close(&mut self) -> Result<(), Reject> {
        let outcome = close_day(&self.loan, &self.position, self.position.through)?;
        self.take(outcome);
        Ok(())
    }

    /// Closes days until `day` is the business date, or the loan is settled.
    pub(super) fn close_to(&mut self, day: Date) {
        while self.loan.status == Status::Active && self.position.through < day {
            self.close().unwrap();
        }
    }

    pub(super) fn pay(&mut self, amount: Amount) -> Result<(), Reject> {
        let outcome = repay(&self.loan, &self.position, amount, self.position.through)?;
        self.take(outcome);
        Ok(())
    }

    pub(super) fn settle(&mut self, amount: Amount, fee: Amount) -> Result<(), Reject> {
        let quote = self.quote(fee)?;
        self.take(settle_quoted(&self.loan, &self.position, amount, &quote)?);
        Ok(())
    }

    pub(super) fn quote(&self, fee: Amount) -> Result<Quote, Reject> {
        quote_with_fee(&self.loan, &self.position, self.position.through, fee)
    }

    /// What the instalments ask for in all.
    pub(super) fn planned(&self) -> Amount {
        self.loan.plan.iter().map(Instalment::total).sum()
    }

    fn take(&mut self, outcome: Outcome) {
        if let Some(loan) = outcome.loan {
            self.loan = loan;
        }
        self.position = outcome.position.expect("every command on a loan moves its position");
        outcome.entries.iter().for_each(|entry| self.book(entry));
        self.events.extend(outcome.events);
        let settled = self.loan.status == Status::Settled;
        assert_eq!(outcome.timer, (!settled).then_some(self.position.through));
        self.audit();
    }

    /// The default postings, seen from the contract's accounts; the prepaid liability has the
    /// opposite sign.
    fn book(&mut self, entry: &Entry) {
        assert!(entry.amounts.iter().any(|(_, amount)| !amount.is_zero()), "{entry:?}");
        for (name, amount) in &entry.amounts {
            assert!(!amount.is_negative(), "{entry:?}");
            match entry.event {
                "interest-accrual" | "penalty-accrual" | "instalment-fee" => {
                    *self.books.entry(name).or_default() += *amount;
                }
                "repayment" => {
                    *self.books.entry(name).or_default() -= *amount;
                    self.received += *amount;
                }
                "prepayment" => {
                    *self.books.entry("prepaid").or_default() -= *amount;
                    self.received += *amount;
                }
                "prepayment-applied" => {
                    *self.books.entry(name).or_default() -= *amount;
                    *self.books.entry("prepaid").or_default() += *amount;
                }
                "settlement-fee" => self.received += *amount,
                other => panic!("`{other}` is no event of an active loan"),
            }
        }
    }

    fn audit(&self) {
        let position = &self.position;
        let due = position.due();
        let balance = |name: &str| self.books.get(name).copied().unwrap_or_default();
        assert_eq!(balance("principal"), position.principal, "{position:?}");
        assert_eq!(balance("interest"), due.interest + position.interest, "{position:?}");
        assert_eq!(balance("fee"), due.fee, "{position:?}");
        assert_eq!(balance("penalty"), due.penalty, "{position:?}");
        assert_eq!(Amount::ZERO - balance("prepaid"), position.prepaid, "{position:?}");
        assert!(due.principal <= position.principal, "{position:?}");
        let open = u32::try_from(position.open.len()).unwrap();
        assert_eq!(position.paid + open, position.opened, "{position:?}");
        assert!(position.open.is_empty() || position.prepaid.is_zero(), "{position:?}");
        position.open.iter().for_each(open_is_sound);
        if self.loan.status == Status::Settled {
            assert!(self.books.values().all(|it| it.is_zero()), "{:?}", self.books);
            assert_eq!(position.days_past_due, 0);
        }
    }
}

fn open_is_sound(open: &Open) {
    let Owed { penalty, fee, interest, principal } = open.owed;
    let parts = [penalty, fee, interest, principal];
    assert!(parts.iter().all(|it| !it.is_negative()), "{open:?}");
    assert!(parts.iter().any(|it| it.is_positive()), "{open:?}");
    assert!(penalty <= open.penalty_booked, "{open:?}");
}
