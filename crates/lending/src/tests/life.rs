//! A loan under test: it lives through days and facts, and keeps books of its own from the
//! entries, which must equal the position after every command.

use std::{collections::BTreeMap, sync::Arc};

use money::{Amount, Calendar, Currency, DayCount, Decimal, Period};
use product::{
    AccountCode, Definition, LoanProduct,
    kinds::instalment_loan::{AllocationBy, Component, Method, Penalty, PenaltyBase},
    schedule::Instalment,
};
use serde_json::json;
use stdx::{Date, Id};

use crate::{
    Entry, Event, Fact, History, Loan, Outcome, Position, Quote, Reject, Rules, Status, What,
    close_day,
    correction::fold,
    disburse,
    explain::Moment,
    happen,
    loan::{Open, Owed, Terms},
    quote,
};

/// What accounts of the contract and the house hold: debits less credits.
pub(super) type Balances = BTreeMap<AccountCode, Amount>;

#[derive(Clone)]
pub(super) struct Life {
    pub(super) product: Arc<LoanProduct>,
    /// Other versions of it.
    pub(super) others: Vec<Arc<LoanProduct>>,
    pub(super) loan: Loan,
    pub(super) position: Position,
    pub(super) facts: Vec<Fact>,
    pub(super) events: Vec<Event>,
    pub(super) books: Balances,
    /// The business date once the loan has ended.
    pub(super) today: Date,
    /// What was booked, and what was known then.
    pub(super) booked: Vec<Booked>,
}

/// What a command booked.
#[derive(Clone)]
pub(super) struct Booked {
    pub(super) at: Moment,
    pub(super) facts: Vec<Fact>,
    pub(super) entries: Vec<Entry>,
}

/// What a loan under test is made of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) principal: Amount,
    pub(super) instalments: u32,
    pub(super) method: Method,
    pub(super) on: Date,
    pub(super) every: Period,
    /// Due dates in place of `every`, if there are any.
    pub(super) year_days: Vec<String>,
    pub(super) rate: Decimal,
    pub(super) day_count: DayCount,
    pub(super) disbursal_fee: Amount,
    pub(super) fee: Amount,
    pub(super) penalty: Option<Penalty>,
    pub(super) allocation: Vec<Component>,
    pub(super) allocation_by: AllocationBy,
    pub(super) early_settlement: bool,
    pub(super) settlement_fee: Amount,
    pub(super) prepayment_fee: Option<String>,
    pub(super) overdue_fee: Amount,
    pub(super) third_party_fee: Amount,
    pub(super) suspended_after: Option<u32>,
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
            year_days: Vec::new(),
            rate: Decimal::new(12, 2),
            day_count: DayCount::Thirty360,
            disbursal_fee: Amount::ZERO,
            fee: Amount::ZERO,
            penalty: Some(Penalty {
                rate: Some(Decimal::new(18, 2)),
                multiple: None,
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
            allocation_by: AllocationBy::Row,
            early_settlement: true,
            settlement_fee: Amount::ZERO,
            prepayment_fee: None,
            overdue_fee: Amount::ZERO,
            third_party_fee: Amount::ZERO,
            suspended_after: None,
        }
    }

    pub(super) fn product(&self) -> LoanProduct {
        self.version(1)
    }

    /// The product in a version.
    pub(super) fn version(&self, version: u32) -> LoanProduct {
        let major = |amount: Amount| amount.to_decimal(Currency::CNY).to_string();
        let fees = [
            ("opening", "disbursal", self.disbursal_fee),
            ("account", "instalment", self.fee),
            ("late", "overdue", self.overdue_fee),
        ];
        // What costs nothing is left out: an expression takes long to compile.
        let fees = fees.into_iter().filter(|(.., fee)| fee.is_positive());
        let fee = |(code, on, fee)| json!({ "code": code, "on": on, "amount": major(fee) });
        let mut fees: Vec<_> = fees.map(fee).collect();
        if self.third_party_fee.is_positive() {
            let amount = major(self.third_party_fee);
            fees.push(json!({
                "code": "shop", "on": "disbursal", "amount": amount, "payer": "merchant"
            }));
        }
        let repayment = match &self.year_days[..] {
            [] => json!({ "method": self.method, "every": self.every }),
            days => json!({ "method": self.method, "on": days }),
        };
        let settlement_fee = Some(self.settlement_fee).filter(|it| it.is_positive()).map(major);
        let definition: Definition = serde_json::from_value(json!({
            "product": "test", "version": version, "kind": "instalment-loan", "currency": "CNY",
            "name": { "en": "Test", "zh": "测试" }, "effective": "2000-01-01",
            "terms": {
                "amount": { "min": "0.01", "max": "1000000000000" },
                "term": { "min": 1, "max": 480 },
                "repayment": repayment,
                "interest": { "rate": self.rate, "day_count": self.day_count },
                "fees": fees,
                "penalty": self.penalty,
                "allocation": self.allocation,
                "allocation_by": self.allocation_by,
                "early_settlement": { "allowed": self.early_settlement, "fee": settlement_fee },
                "prepayment": { "allowed": true, "fee": self.prepayment_fee },
                "tranches": { "max": 4, "days": 3_000 },
            },
        }))
        .unwrap();
        LoanProduct::compile(&definition).unwrap()
    }

    fn signed(&self, product: &LoanProduct) -> Loan {
        let schedule = product.schedule_terms(self.principal, self.instalments, self.on, self.rate);
        Loan {
            borrower: Id::from_bytes([7; 16]),
            product: "test".to_owned(),
            version: 1,
            line: None,
            status: Status::Signed,
            currency: Currency::CNY,
            principal: self.principal,
            price: None,
            drawn: Amount::ZERO,
            drawings: 0,
            term: self.instalments,
            upfront_fees: Amount::ZERO,
            terms: Terms::of(product, self.suspended_after),
            schedule,
            signed_on: self.on,
            disbursed_on: None,
            settled_on: None,
            restructured_on: None,
            secured: false,
            before_migration: None,
            plan: Vec::new(),
        }
    }
}

pub(super) fn rules(product: &LoanProduct) -> Rules<'_> {
    Rules::new(product, Calendar::china())
}

fn with<'r>(product: &'r LoanProduct, others: &'r [Arc<LoanProduct>]) -> Rules<'r> {
    Rules { others, ..rules(product) }
}

impl Life {
    /// A loan on the day of its disbursal; `None` when its terms give no schedule.
    pub(super) fn new(setup: &Setup) -> Option<Self> {
        Self::drawing(setup, None)
    }

    /// The same, paid out in part.
    pub(super) fn drawing(setup: &Setup, part: Option<Amount>) -> Option<Self> {
        let product = setup.product();
        let loan = setup.signed(&product);
        let paid_out = disburse(&loan, rules(&product), part, setup.on).ok()?;
        let mut life = Self {
            position: Position::new(Amount::ZERO, setup.on),
            product: Arc::new(product),
            others: Vec::new(),
            loan,
            facts: Vec::new(),
            events: Vec::new(),
            books: Balances::new(),
            today: setup.on,
            booked: Vec::new(),
        };
        life.take(paid_out);
        Some(life)
    }

    pub(super) fn close(&mut self) -> Result<(), Reject> {
        let (product, others) = (Arc::clone(&self.product), self.others.clone());
        let day = self.position.through;
        let outcome = close_day(&self.loan, &self.position, with(&product, &others), day)?;
        self.take(outcome);
        self.today = self.position.through;
        Ok(())
    }

    /// Closes days until `day` is the business date.
    pub(super) fn close_to(&mut self, day: Date) {
        while self.loan.status == Status::Active && self.position.through < day {
            self.close().unwrap();
        }
        self.today = self.today.max(day);
    }

    pub(super) fn happen(&mut self, what: What) -> Result<(), Reject> {
        let (product, others) = (Arc::clone(&self.product), self.others.clone());
        let today = self.today;
        let outcome = happen(&self.loan, &self.position, with(&product, &others), what, today)?;
        self.take(outcome);
        Ok(())
    }

    pub(super) fn pay(&mut self, amount: Amount) -> Result<(), Reject> {
        self.happen(What::Repayment { amount })
    }

    pub(super) fn settle(&mut self, amount: Amount) -> Result<(), Reject> {
        self.happen(What::Settlement { amount, fee: Amount::ZERO })
    }

    pub(super) fn quote(&self) -> Result<Quote, Reject> {
        quote(&self.loan, &self.position, with(&self.product, &self.others), self.position.through)
    }

    /// Books late on `on`, or on the business date.
    pub(super) fn book(&mut self, what: What, on: Date) -> Result<(), Reject> {
        if on == self.today {
            return self.happen(what);
        }
        let outcome = self.history(&self.product).book_late(what, on)?;
        self.take(outcome);
        Ok(())
    }

    pub(super) fn reverse(&mut self, number: u32) -> Result<(), Reject> {
        let outcome = self.history(&self.product).reverse(number)?;
        self.take(outcome);
        Ok(())
    }

    fn history<'h>(&'h self, product: &'h LoanProduct) -> History<'h> {
        let Self { loan, position, facts, today, others, .. } = self;
        History { loan, position, facts, rules: with(product, others), today: *today }
    }

    /// What the facts give must be what is there.
    pub(super) fn assert_follows_from_facts(&self) {
        let facts: Vec<_> = self.facts.iter().collect();
        let life = fold(&self.loan, &facts, with(&self.product, &self.others), self.today).unwrap();
        let position = Position { facts: self.position.facts, ..life.position.clone() };
        assert_eq!((&*life.loan, &position), (&self.loan, &self.position));
        let mut books = Balances::new();
        self.post(&mut books, &life.outcome);
        assert_eq!(books, self.books);
    }

    /// What the instalments ask for in all.
    pub(super) fn planned(&self) -> Amount {
        self.loan.plan.iter().map(Instalment::total).sum()
    }

    /// Money that came in, less what went out after the disbursal.
    pub(super) fn received(&self) -> Amount {
        self.balance("1003") + self.loan.drawn
    }

    pub(super) fn balance(&self, code: &str) -> Amount {
        self.books.get(&code.parse().unwrap()).copied().unwrap_or_default()
    }

    fn take(&mut self, outcome: Outcome) {
        let day = self.position.through;
        let at = outcome.facts.first().map_or(Moment::Day(day), |fact| {
            let late = fact.reversed_on.is_some() || fact.on < fact.booked_on;
            match late {
                true => Moment::Correction(fact.number, self.today),
                false => Moment::Fact(fact.number),
            }
        });
        let entries = outcome.entries.clone();
        let mut books = std::mem::take(&mut self.books);
        self.post(&mut books, &outcome);
        self.books = books;
        self.loan = outcome.loan.unwrap_or_else(|| self.loan.clone());
        self.position = outcome.position.expect("every command on a loan moves its position");
        for fact in outcome.facts {
            self.facts.retain(|it| it.number != fact.number);
            self.facts.push(fact);
        }
        self.facts.sort_by_key(|it| it.number);
        self.booked.push(Booked { at, facts: self.facts.clone(), entries });
        self.events.extend(outcome.events);
        let active = self.loan.status == Status::Active;
        assert_eq!(outcome.timer, active.then_some(self.position.through));
        self.audit();
    }

    fn post(&self, books: &mut Balances, outcome: &Outcome) {
        for entry in &outcome.entries {
            assert!(entry.amounts.iter().any(|(_, amount)| !amount.is_zero()), "{entry:?}");
            for it in self.product.accounting().postings(entry.event, &entry.amounts) {
                *books.entry(it.debit).or_default() += it.amount;
                *books.entry(it.credit).or_default() -= it.amount;
            }
        }
        books.retain(|_, balance| !balance.is_zero());
    }

    /// Money that moved and was not taken back.
    fn moved(&self) -> Amount {
        let standing = self.facts.iter().filter(|it| it.reversed_on.is_none());
        standing.map(|it| money(&it.what)).sum()
    }

    fn audit(&self) {
        let position = &self.position;
        let Owed { penalty, fee, interest, principal } = position.due();
        let interest = interest + position.interest;
        let active = self.loan.status == Status::Active;
        let on = |it: bool, amount: Amount| if it { amount } else { Amount::ZERO };
        let income = active && !position.suspended;
        let charged_off = self.loan.status == Status::ChargedOff;
        let all = penalty + fee + interest + principal;
        let expected = [
            ("1303", on(active, position.principal)),
            ("1132.01", on(income, interest)),
            ("1132.02", on(income, penalty)),
            ("1221.01", on(active, fee)),
            ("1132.03", position.subsidy + position.subsidy_due),
            ("1221.02", position.third_party_fees),
            ("2241.01", Amount::ZERO - position.prepaid),
            ("7001", on(active && position.suspended, interest + penalty)),
            ("7002", on(charged_off, all)),
            ("1221.09", Amount::ZERO),
            ("1003", self.moved()),
        ];
        for (code, amount) in expected {
            assert_eq!(self.balance(code), amount, "{code} {position:?}");
        }
        assert!(principal <= position.principal, "{position:?}");
        assert!(position.open.is_empty() || position.prepaid.is_zero() || !active, "{position:?}");
        position.open.iter().for_each(open_is_sound);
        if self.loan.status == Status::Settled {
            assert!(position.open.is_empty() && position.principal.is_zero(), "{position:?}");
            assert_eq!(position.days_past_due, 0);
        }
    }
}

/// The money a fact brought in; what left is negative.
fn money(what: &What) -> Amount {
    match what {
        What::Disbursal { principal, fees, .. } => *fees - *principal,
        What::Drawing { principal: amount } | What::Refund { amount } => Amount::ZERO - *amount,
        other => other.amount(),
    }
}

fn open_is_sound(open: &Open) {
    let Owed { penalty, fee, interest, principal } = open.owed;
    let parts = [penalty, fee, interest, principal];
    assert!(parts.iter().all(|it| !it.is_negative()), "{open:?}");
    assert!(parts.iter().any(|it| it.is_positive()), "{open:?}");
}
