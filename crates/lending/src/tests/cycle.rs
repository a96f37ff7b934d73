//! Accounts with statements: tables an accountant can read, and random lives.

use std::{collections::BTreeMap, sync::LazyLock};

use money::{Amount, Calendar, Currency, DayCount, Decimal, Roll};
use product::{
    AccountCode, Chart, Definition, RevolvingProduct,
    kinds::{
        instalment_loan,
        revolving_credit::statement::{
            BackInterest, Cash, Charge, Due, EVENTS, Interest, LateAllocation, Minimum, Part,
            Statement as Cycle,
        },
    },
};
use stdx::{Date, Id, Prng, table, table::Row};

use super::{
    life::{Balances, cny, date, fen, later},
    properties::{amount, number},
};
use crate::{
    Line, Reject,
    application::{Decision, Request},
    cycle::{
        Account, Event, Explaining, FACTS_RESERVED, Fact, History, LineKind, Outcome, Position,
        Statement, Status, Terms, What, close_day, correction::fold, happen, lines, open,
    },
    decision::FACTS_MAX,
    explain::{BookedAmount, Moment},
    line::{self, Standing, Use},
    loan::{Ceiling, Measure, Owed},
    outcome::{Entry, booked},
};

/// An account under test: it keeps books of its own from the entries, which must equal the position
/// after every command.
#[derive(Clone)]
struct Card {
    account: Account,
    position: Position,
    facts: Vec<Fact>,
    statements: Vec<Statement>,
    events: Vec<Event>,
    books: Balances,
    calendar: &'static Calendar,
    today: Date,
}

impl Card {
    fn open(cycle: Cycle, suspended_after: Option<u32>, opened_on: Date) -> Self {
        let account = Account {
            holder: Id::from_bytes([7; 16]),
            product: "test".to_owned(),
            version: 1,
            status: Status::Active,
            currency: Currency::CNY,
            terms: Terms { statement: cycle, suspended_after },
            opened_on,
            ended_on: None,
        };
        let outcome = open(&account);
        let mut card = Self {
            account,
            position: Position::new(opened_on),
            facts: Vec::new(),
            statements: Vec::new(),
            events: Vec::new(),
            books: Balances::new(),
            calendar: calendar(),
            today: opened_on,
        };
        card.take(outcome);
        card
    }

    fn close_to(&mut self, day: Date) {
        while self.account.status == Status::Active && self.position.through < day {
            let day = self.position.through;
            let outcome = close_day(&self.account, &self.position, self.calendar, day).unwrap();
            self.take(outcome);
        }
        self.today = self.today.max(day);
    }

    fn happen(&mut self, what: What) -> Result<(), Reject> {
        let Self { account, position, calendar, today, .. } = &*self;
        let outcome = happen(account, position, calendar, what, *today)?;
        self.take(outcome);
        Ok(())
    }

    fn pay(&mut self, amount: Amount) -> Result<(), Reject> {
        self.happen(What::Repayment { amount })
    }

    fn buy(&mut self, amount: Amount) {
        self.happen(What::Purchase { amount }).unwrap();
    }

    fn pay_on(&mut self, amount: Amount, on: Date) {
        self.book(What::Repayment { amount }, on).unwrap();
    }

    fn book(&mut self, what: What, on: Date) -> Result<(), Reject> {
        let outcome = self.history().book_late(what, on)?;
        self.take(outcome);
        Ok(())
    }

    fn refund(&mut self, purchase: u32, amount: Amount, on: Date) -> Result<(), Reject> {
        let outcome = self.history().refund(purchase, amount, on)?;
        self.take(outcome);
        Ok(())
    }

    fn reverse(&mut self, number: u32) -> Result<(), Reject> {
        let outcome = self.history().reverse(number)?;
        self.take(outcome);
        Ok(())
    }

    fn history(&self) -> History<'_> {
        let Self { account, position, facts, statements, calendar, today, .. } = self;
        History { account, position, facts, statements, calendar, today: *today }
    }

    fn balance(&self, code: &str) -> Amount {
        self.books.get(&code.parse().unwrap()).copied().unwrap_or_default()
    }

    fn take(&mut self, outcome: Outcome) {
        post(&mut self.books, &outcome);
        self.account = outcome.account.unwrap_or_else(|| self.account.clone());
        self.position = outcome.position.expect("every command moves the position");
        for fact in outcome.facts {
            self.facts.retain(|it| it.number != fact.number);
            self.facts.push(fact);
        }
        self.facts.sort_by_key(|it| it.number);
        for statement in outcome.statements {
            self.statements.retain(|it| it.number != statement.number);
            self.statements.push(statement);
        }
        self.statements.sort_by_key(|it| it.number);
        self.events.extend(outcome.events);
        let active = self.account.status == Status::Active;
        assert_eq!(outcome.timer, active.then_some(self.position.through));
        self.audit();
    }

    /// Position and books say the same, and nothing is less than nothing.
    fn audit(&self) {
        let position = &self.position;
        let Owed { penalty, fee, interest, principal } = position.owed();
        let active = self.account.status == Status::Active;
        let on = |it: bool, amount: Amount| if it { amount } else { Amount::ZERO };
        let income = active && !position.suspended;
        let charged_off = self.account.status == Status::ChargedOff;
        let expected = [
            ("1303", on(active, principal)),
            ("1132.01", on(income, interest)),
            ("1132.02", on(income, penalty)),
            ("1221.01", on(active, fee)),
            ("2241.01", Amount::ZERO - position.prepaid),
            ("7001", on(active && position.suspended, interest + penalty)),
            ("7002", on(charged_off, position.owed().total())),
        ];
        for (code, amount) in expected {
            assert_eq!(self.balance(code), amount, "{code} {position:?}");
        }
        assert_eq!(self.books.values().copied().sum::<Amount>(), Amount::ZERO);
        for pool in position.pools() {
            let parts = [pool.penalty, pool.fee, pool.interest, pool.cash, pool.revolving];
            let free = pool.free.iter().map(|it| it.amount);
            assert!(parts.iter().all(|it| !it.is_negative()), "{position:?}");
            assert!(free.into_iter().all(Amount::is_positive), "{position:?}");
        }
        assert!(!position.prepaid.is_negative(), "{position:?}");
        assert!(position.prepaid.is_zero() || position.owed().is_zero() || !active);
        assert!(position.minimum() <= position.billed().total(), "{position:?}");
        assert!(position.minimums.iter().all(|it| it.left.is_positive()), "{position:?}");
    }

    /// What the facts give must be what is there, and the lines of statements add up.
    fn assert_follows_from_facts(&self) {
        let life = fold(&self.account, self.facts.iter(), &[], self.calendar, self.today).unwrap();
        let position = Position { facts: self.position.facts, ..life.position.clone() };
        assert_eq!((&*life.account, &position), (&self.account, &self.position));
        let mut books = Balances::new();
        post(&mut books, &life.outcome);
        assert_eq!(books, self.books);
        let statements: Vec<_> = self.statements().collect();
        assert_eq!(life.outcome.statements, statements);
        for it in &statements {
            let moved: Amount = lines(it, &self.facts).iter().map(|line| line.amount).sum();
            assert_eq!(it.opening + moved, it.balance, "{it:?}");
        }
    }

    /// The statements, whenever they came to be as they are.
    fn statements(&self) -> impl Iterator<Item = Statement> {
        self.statements.iter().map(|it| Statement { restated_on: None, ..it.clone() })
    }

    fn interest(&self) -> Amount {
        Amount::ZERO - self.balance("6011.01")
    }
}

fn calendar() -> &'static Calendar {
    Calendar::china()
}

fn post(books: &mut Balances, outcome: &Outcome) {
    for entry in &outcome.entries {
        let events = EVENTS.iter().chain(instalment_loan::KIND.events);
        let event = events.into_iter().find(|it| it.name == entry.event).unwrap();
        for (name, amount) in entry.amounts.iter().filter(|(_, amount)| !amount.is_zero()) {
            let (_, debit, credit) = event.postings.iter().find(|it| it.0 == *name).unwrap();
            let code = |text: &str| text.parse::<AccountCode>().unwrap();
            *books.entry(code(debit)).or_default() += *amount;
            *books.entry(code(credit)).or_default() -= *amount;
        }
    }
    books.retain(|_, balance| !balance.is_zero());
}

const ORDER: [Part; 5] = [Part::Interest, Part::Fee, Part::Penalty, Part::Cash, Part::Purchase];

fn usual() -> Cycle {
    Cycle {
        day: 5,
        due: Due { after_days: 20, roll: Roll::Unadjusted, grace_days: 0, tolerance: None },
        interest: Interest {
            rate: Decimal::new(1825, 4),
            day_count: DayCount::Act365Fixed,
            rounding: Default::default(),
            back_to_purchase: BackInterest::Unpaid,
        },
        minimum: Minimum { share: Decimal::new(1, 1), floor: Some(Decimal::TEN) },
        late_fee: None,
        cash: None,
        allocation: ORDER.to_vec(),
        late_allocation: None,
    }
}

fn setup(row: &Row<'_>) -> Card {
    let charge = |share: &str, min: &str| {
        row.option(share).map(|share| Charge { share, min: row.option(min), max: None })
    };
    let principal_first = [Part::Cash, Part::Purchase, Part::Interest, Part::Fee, Part::Penalty];
    let cycle = Cycle {
        day: row.get("day"),
        due: Due {
            after_days: row.get("due"),
            roll: row.get("roll"),
            grace_days: row.get("grace"),
            tolerance: row.option("tolerance"),
        },
        interest: Interest {
            rate: row.get("rate"),
            day_count: row.get("day_count"),
            rounding: Default::default(),
            back_to_purchase: match row.text("back") {
                "whole" => BackInterest::Whole,
                _ => BackInterest::Unpaid,
            },
        },
        minimum: Minimum { share: row.get("minimum"), floor: row.option("floor") },
        late_fee: charge("late_fee", "late_fee_min"),
        cash: Some(Cash { rate: row.option("cash_rate"), fee: charge("cash_fee", "cash_fee_min") }),
        allocation: ORDER.to_vec(),
        late_allocation: row
            .option("principal_first_after")
            .map(|after_days| LateAllocation { after_days, order: principal_first.to_vec() }),
    };
    Card::open(cycle, row.option("suspended_after"), row.get("opened"))
}

/// Plays a table and compares it with what is expected.
fn play(name: &str, text: &str) {
    let parts: Vec<_> = text.split("\n---\n").collect();
    let [terms, facts, statements, accounts] = parts[..] else { panic!("{name}: four tables") };
    let mut card = setup(&table::parse(terms)[0]);
    for row in table::parse(facts) {
        let on: Date = row.get("on");
        let value = cny(row.text("value"));
        card.close_to(row.option("booked").unwrap_or(on));
        match row.text("what") {
            "purchase" => card.book(What::Purchase { amount: value }, on).unwrap(),
            "cash" => card.book(What::Cash { amount: value, fee: Amount::ZERO }, on).unwrap(),
            "repayment" => card.book(What::Repayment { amount: value }, on).unwrap(),
            "refund" => card.book(What::Refund { amount: value }, on).unwrap(),
            "merchant-refund" => card.refund(row.get("of"), value, on).unwrap(),
            "reversal" => card.reverse(row.get("value")).unwrap(),
            other => panic!("{name}: {other}"),
        }
        let position = &card.position;
        let is = [position.owed().total(), position.prepaid, position.minimum()];
        let expected = ["owed", "prepaid", "minimum"].map(|it| cny(row.text(it)));
        assert_eq!(is, expected, "{name} line {}", row.line);
        assert_eq!(position.days_past_due, row.get::<u32>("late"), "{name} line {}", row.line);
        card.assert_follows_from_facts();
    }
    let rows = table::parse(statements);
    let last: Date = rows.last().unwrap().get("on");
    card.close_to(last.tomorrow().unwrap());
    card.assert_follows_from_facts();
    assert_eq!(card.statements.len(), rows.len(), "{name}");
    for (row, it) in rows.iter().zip(card.statements.iter()) {
        let dates = (row.get("number"), row.get("from"), row.get("on"), row.get("due"));
        assert_eq!((it.number, it.from, it.on, it.due), dates, "{name} line {}", row.line);
        let turnover = it.turnover;
        let is = [
            ("opening", it.opening),
            ("purchases", turnover.purchases),
            ("cash", turnover.cash),
            ("fees", turnover.fees),
            ("interest", turnover.interest),
            ("penalties", turnover.penalties),
            ("given_back", turnover.given_back),
            ("payments", turnover.payments),
            ("refunds", turnover.refunds),
            ("balance", it.balance),
            ("minimum", it.minimum),
        ];
        for (column, amount) in is {
            assert_eq!(amount, cny(row.text(column)), "{name} {}: {column}", it.number);
        }
    }
    for row in table::parse(accounts) {
        let account = row.text("account");
        assert_eq!(card.balance(account), cny(row.text("balance")), "{name} {account}");
    }
}

#[test]
fn the_tables_hold() {
    macro_rules! tables {
        ($($name:literal),* $(,)?) => {
            [$(($name, include_str!(concat!("../../testdata/cycles/", $name, ".txt")))),*]
        };
    }
    let tables = tables![
        "paid-in-full",
        "paid-the-minimum",
        "paid-in-part-whole",
        "paid-nothing",
        "cash",
        "refunds",
        "month-ends",
        "grace-and-tolerance",
        "booked-late-and-bounced",
    ];
    for (name, text) in tables {
        play(name, text);
    }
}

/// The sample product, applied for, signed and used up to its limit.
#[test]
fn a_line_with_statements_is_used_within_its_limit() {
    let text = include_str!("../../../../examples/products/pay-later-account.yaml");
    let definition = Definition::parse(text, Chart::china()).unwrap();
    let product = RevolvingProduct::compile(&definition).unwrap();
    let (today, request) = (date("2025-01-06"), super::origination::request());
    let request = Request { amount: cny("1000.00"), facts: BTreeMap::new(), ..request };
    let (application, _) = line::apply(&product, calendar(), request, today).unwrap();
    let Decision::Approved { offer } = &application.decision else { panic!("{application:?}") };
    assert!(offer.drawing.is_none());
    let (_, opened) = line::open(&application, today).unwrap();
    let (mut line, account) = (opened.line, opened.account.unwrap());
    let terms = account.terms.clone();
    assert_eq!(terms.statement, product.terms().statement.clone().unwrap());
    let mut card = Card::open(terms.statement, terms.suspended_after, today);
    let standing = |line: &Line, card: &Card| {
        let used = Use::of_account(&card.account, &card.position);
        let (id, product, calendar) = (Id::NIL, &product, calendar());
        let spend = |amount, hold| {
            Standing { id, line, used, product, calendar, today: card.today }
                .spend(cny(amount), hold)
                .map(|it| it.line)
        };
        (spend("300.00", None), spend("700.01", None), spend("150.00", Some(1)))
    };
    let used = Use::of_account(&card.account, &card.position);
    let held =
        Standing { id: Id::NIL, line: &line, used, product: &product, calendar: calendar(), today }
            .hold(cny("200.00"), None, "order 1")
            .unwrap();
    line = held.line;
    card.buy(cny("100.00"));
    let (some, more, captured) = standing(&line, &card);
    assert_eq!((some, more), (Ok(line.clone()), Err(Reject::BeyondTheLimit)));
    line = captured.unwrap();
    card.buy(cny("150.00"));
    // The rest of the hold is free again, and what was paid in advance lies beside the limit.
    card.pay(cny("250.00")).unwrap();
    let (_, more, captured) = standing(&line, &card);
    assert_eq!((more, captured), (Ok(line.clone()), Err(Reject::HoldCaptured)));
    card.buy(cny("300.01"));
    assert_eq!(standing(&line, &card).1, Err(Reject::BeyondTheLimit));
    // A minimum that is not paid in time, which is until 28 February, stops purchases.
    card.close_to(date("2025-03-02"));
    assert_eq!(standing(&line, &card).0, Err(Reject::LineOverdue));
}

fn any_cycle(prng: &mut Prng) -> Cycle {
    let mut allocation = ORDER.to_vec();
    (1..5).for_each(|last| allocation.swap(last, number(prng, 5) as usize));
    let mut reversed = allocation.clone();
    reversed.reverse();
    let late = LateAllocation { after_days: number(prng, 60), order: reversed };
    let share = |prng: &mut Prng| Decimal::new(1 + i64::from(number(prng, 20)), 2);
    let charge = |prng: &mut Prng| {
        let min = prng.chance(50).then(|| Decimal::new(500, 2));
        Charge { share: share(prng), min, max: prng.chance(20).then(|| Decimal::from(20)) }
    };
    let rate = |prng: &mut Prng| Decimal::new(i64::from(number(prng, 3_600)), 4);
    let cash_rate = prng.chance(50).then(|| rate(prng));
    Cycle {
        day: 1 + number(prng, 31),
        due: Due {
            after_days: 1 + number(prng, 45),
            roll: prng.pick(&Roll::ALL).1,
            grace_days: if prng.chance(50) { 0 } else { number(prng, 10) },
            tolerance: prng.chance(30).then_some(Decimal::TEN),
        },
        interest: Interest {
            rate: rate(prng),
            day_count: *prng.pick(&[DayCount::Act360, DayCount::Act365Fixed]),
            rounding: Default::default(),
            back_to_purchase: *prng.pick(&[BackInterest::Unpaid, BackInterest::Whole]),
        },
        minimum: Minimum {
            share: share(prng),
            floor: prng.chance(50).then(|| Decimal::new(1_000, 2)),
        },
        late_fee: prng.chance(70).then(|| charge(prng)),
        cash: Some(Cash { rate: cash_rate, fee: prng.chance(50).then(|| charge(prng)) }),
        allocation,
        late_allocation: prng.chance(50).then_some(late),
    }
}

fn any_card(prng: &mut Prng) -> Card {
    let opened_on = later(date("2024-01-01"), number(prng, 500));
    Card::open(any_cycle(prng), prng.chance(50).then(|| number(prng, 100)), opened_on)
}

fn anything(card: &Card, prng: &mut Prng) -> What {
    let owed = card.position.owed();
    let pay = |amount| What::Repayment { amount };
    match prng.below(11) {
        0..=2 => What::Purchase { amount: fen(1) + amount(prng, 100_000) },
        3 => What::Cash { amount: fen(1) + amount(prng, 50_000), fee: Amount::ZERO },
        4 if !owed.is_zero() => pay(owed.total()),
        5 if card.position.minimum().is_positive() => pay(card.position.minimum()),
        6 if card.position.billed().total().is_positive() => pay(card.position.billed().total()),
        7 if !owed.is_zero() => pay(fen(1) + amount(prng, owed.total().minor())),
        8 => What::Waiver { waived: Owed { principal: Amount::ZERO, ..owed } },
        9 if card.position.prepaid.is_positive() => {
            What::Refund { amount: fen(1) + amount(prng, card.position.prepaid.minor()) }
        }
        _ => pay(fen(1) + amount(prng, 10_000)),
    }
}

/// A life of some months in which things happen when they happen, at most once a day.
fn lived(seed: u64, stream: &str) -> (Card, Prng) {
    lived_with(seed, stream, |_| true)
}

/// The same, with some things alone.
fn lived_with(seed: u64, stream: &str, may: fn(&What) -> bool) -> (Card, Prng) {
    let mut prng = Prng::stream(seed, stream);
    let mut card = any_card(&mut prng);
    for _ in 0..12 {
        card.close_to(later(card.today, 1 + number(&mut prng, 25)));
        let what = anything(&card, &mut prng);
        let before = card.position.clone();
        if may(&what) && card.happen(what).is_err() {
            assert_eq!(card.position, before, "seed {seed}");
        }
        let refund = What::MerchantRefund { amount: fen(1), purchase: 0, purchased_on: card.today };
        let purchase = card.facts.iter().rfind(|it| matches!(it.what, What::Purchase { .. }));
        if let Some((of, bought)) = purchase.map(|it| (it.number, it.what.amount()))
            && prng.chance(20)
            && may(&refund)
        {
            card.close_to(later(card.today, 1 + number(&mut prng, 5)));
            let refunded = fen(1) + amount(&mut prng, bought.minor());
            let of_it = |it: &&Fact| match it.what {
                What::MerchantRefund { purchase, .. } => purchase == of,
                _ => false,
            };
            let before: Amount = card.facts.iter().filter(of_it).map(|it| it.what.amount()).sum();
            let fits = before + refunded <= bought;
            let expected = if fits { Ok(()) } else { Err(Reject::MoreThanBought) };
            assert_eq!(card.refund(of, refunded, card.today), expected, "seed {seed}");
        }
    }
    (card, prng)
}

#[test]
fn an_account_follows_from_its_facts() {
    let (mut facts, mut late, mut suspended) = (0, 0, 0);
    for seed in 0..300 {
        let (card, _) = lived(seed, "cycle");
        card.assert_follows_from_facts();
        facts += card.facts.len();
        let has = |it: fn(&Event) -> bool| usize::from(card.events.iter().any(it));
        late += has(|it| matches!(it, Event::LateFeeCharged { .. }));
        suspended += has(|it| matches!(it, Event::InterestSuspended { .. }));
    }
    assert!(facts > 3_000 && late > 80 && suspended > 10, "{facts} {late} {suspended}");
}

/// The product whose clauses explanations name; the terms are those of the contract.
static DEFINITION: LazyLock<Definition> = LazyLock::new(|| {
    let text = include_str!("../../../../examples/products/pay-later-account.yaml");
    Definition::parse(text, Chart::china()).unwrap()
});

/// Explains all that a command booked by what is known after it: how many amounts that were.
fn explain_all(card: &Card, at: Moment, entries: &[Entry]) -> usize {
    let product = &*DEFINITION;
    let Card { account, facts, statements, calendar, .. } = card;
    let explaining = Explaining { account, facts, statements, product, calendar };
    let booked: Vec<_> = booked(entries).collect();
    for (index, &(event, name, amount)) in booked.iter().enumerate() {
        let place = booked[..index].iter().filter(|it| **it == (event, name, amount)).count();
        let of = BookedAmount { event, name, amount, place };
        let explained = explaining.booked(at, of);
        let explained = explained.unwrap_or_else(|it| panic!("{event} {name}: {it:?}"));
        assert_eq!(explained.amount(), Some(amount));
        explained.check().unwrap();
    }
    booked.len()
}

#[test]
fn whatever_an_account_books_is_explained() {
    let (mut explained, mut corrected) = (0, 0);
    for seed in 0..30 {
        let (lived, mut prng) = lived(seed, "cycle explained");
        let Card { account, calendar, .. } = &lived;
        let terms = account.terms.clone();
        let mut card = Card::open(terms.statement, terms.suspended_after, account.opened_on);
        for fact in &lived.facts {
            while card.account.status == Status::Active && card.position.through < fact.on {
                let day = card.position.through;
                let closed = close_day(&card.account, &card.position, calendar, day).unwrap();
                card.take(closed.clone());
                card.today = card.position.through;
                explained += explain_all(&card, Moment::Day(day), &closed.entries);
            }
            let happened =
                happen(&card.account, &card.position, calendar, fact.what.clone(), fact.on);
            let happened = happened.unwrap();
            card.take(happened.clone());
            explained += explain_all(&card, Moment::Fact(fact.number), &happened.entries);
        }
        let on = later(card.account.opened_on, number(&mut prng, 100));
        let what = What::Repayment { amount: fen(1) + amount(&mut prng, 50_000) };
        let Ok(late) = card.history().book_late(what, on) else { continue };
        let (number, today) = (late.facts[0].number, card.today);
        if on == today {
            continue;
        }
        card.take(late.clone());
        let at = Moment::Correction(number, today);
        corrected += explain_all(&card, at, &late.entries);
        let Ok(back) = card.history().reverse(number) else { continue };
        card.take(back.clone());
        corrected += explain_all(&card, at, &back.entries);
    }
    assert!(explained > 1_500 && corrected > 60, "{explained} {corrected}");
}

#[test]
fn it_does_not_matter_in_which_order_facts_are_booked() {
    let (mut booked_late, mut restated) = (0, 0);
    for seed in 0..80 {
        // What can be waived or given back depends on what is known.
        let (card, mut prng) = lived_with(seed, "cycle order", |it| {
            let told = |it: &What| matches!(it, What::Waiver { .. } | What::Refund { .. });
            !told(it) && !matches!(it, What::MerchantRefund { .. })
        });
        let cycle = card.account.terms.statement.clone();
        let mut other =
            Card::open(cycle, card.account.terms.suspended_after, card.account.opened_on);
        let (mut any, in_time): (Vec<_>, Vec<_>) =
            card.facts.iter().map(|fact| (fact.on, fact.what.clone())).partition(|(_, what)| {
                matches!(what, What::Repayment { .. } | What::Purchase { .. })
            });
        for (on, what) in in_time {
            other.close_to(on);
            other.happen(what).unwrap();
        }
        other.close_to(card.today);
        (1..any.len()).for_each(|at| any.swap(at, number(&mut prng, at as u64 + 1) as usize));
        for (on, what) in any {
            other.book(what, on).unwrap();
            booked_late += 1;
        }
        assert_eq!((&card.account, &card.books), (&other.account, &other.books), "seed {seed}");
        assert_eq!(card.position, other.position, "seed {seed}");
        assert!(card.statements().eq(other.statements()), "seed {seed}");
        restated += other.statements.iter().filter(|it| it.restated_on.is_some()).count();
        other.assert_follows_from_facts();
    }
    assert!(booked_late > 400 && restated > 80, "{booked_late} {restated}");
}

#[test]
fn what_is_taken_back_has_not_happened() {
    for seed in 0..120 {
        let (mut card, mut prng) = lived(seed, "cycle reversal");
        let before = card.clone();
        let what = match prng.chance(50) {
            true => What::Repayment { amount: fen(1) + amount(&mut prng, 100_000) },
            false => What::Purchase { amount: fen(1) + amount(&mut prng, 100_000) },
        };
        card.happen(what).unwrap();
        let fact = card.facts.last().unwrap().number;
        card.close_to(later(card.today, number(&mut prng, 80)));
        card.reverse(fact).unwrap();
        assert_eq!(card.reverse(fact), Err(Reject::AlreadyReversed));
        let mut without = before;
        without.close_to(card.today);
        assert_eq!((&card.account, &card.books), (&without.account, &without.books), "seed {seed}");
        let facts = card.position.facts;
        assert_eq!(card.position, Position { facts, ..without.position.clone() }, "seed {seed}");
        assert!(card.statements().eq(without.statements()), "seed {seed}");
        card.assert_follows_from_facts();
    }
}

#[test]
fn paying_everything_leaves_nothing() {
    for seed in 0..200 {
        let (mut card, mut prng) = lived(seed, "cycle payoff");
        let on = later(card.today, number(&mut prng, 50));
        card.close_to(on);
        let owed = card.position.owed();
        if !owed.is_zero() {
            card.pay(owed.total()).unwrap();
        }
        card.close_to(later(on, 100));
        assert!(card.position.owed().is_zero(), "seed {seed}");
        if card.position.prepaid.is_positive() {
            assert_eq!(card.happen(What::Closure), Err(Reject::LineInUse));
            card.happen(What::Refund { amount: card.position.prepaid }).unwrap();
        }
        card.happen(What::Closure).unwrap();
        assert_eq!(card.account.status, Status::Closed);
        assert_eq!(card.happen(What::Purchase { amount: fen(1) }), Err(Reject::NotActive));
        for code in ["1303", "1132.01", "1132.02", "1221.01", "2241.01", "7001", "7009"] {
            assert_eq!(card.balance(code), Amount::ZERO, "seed {seed} {code}");
        }
        card.assert_follows_from_facts();
    }
}

#[test]
fn who_pays_every_statement_in_full_in_time_pays_what_was_bought() {
    for seed in 0..100 {
        let mut prng = Prng::stream(seed, "cycle in full");
        let mut card = any_card(&mut prng);
        // One statement at a time, so that the payment of one is not that of the next.
        card.account.terms.statement.due.after_days = 1 + number(&mut prng, 12);
        card.account.terms.statement.due.roll = Roll::Unadjusted;
        let end = later(card.today, 200);
        let grace = card.account.terms.statement.due.grace_days;
        while card.today < end {
            card.close_to(later(card.today, 1));
            if prng.chance(20) && card.today < later(end, 0) {
                card.buy(fen(1) + amount(&mut prng, 100_000));
            }
            let last = card.position.bills.first().map(|it| later(it.due, grace.min(10)));
            if last == Some(card.today) {
                card.pay(card.position.billed().total()).unwrap();
            }
        }
        assert_eq!(card.interest(), Amount::ZERO, "seed {seed}");
        let unpleasant =
            |it: &Event| matches!(it, Event::LateFeeCharged { .. } | Event::FreePeriodLost { .. });
        assert!(!card.events.iter().any(unpleasant), "seed {seed}");
    }
}

#[test]
fn interest_on_the_whole_is_never_less_than_on_the_unpaid_part() {
    let mut more = 0;
    for seed in 0..100 {
        let interest = [BackInterest::Unpaid, BackInterest::Whole].map(|back| {
            let mut prng = Prng::stream(seed, "cycle back");
            let mut cycle = any_cycle(&mut prng);
            cycle.interest.back_to_purchase = back;
            // Only purchases bear interest, and what is paid pays purchases alone.
            (cycle.late_fee, cycle.late_allocation) = (None, None);
            cycle.allocation = ORDER.iter().rev().copied().collect();
            let mut card = Card::open(cycle, None, date("2024-01-01"));
            for _ in 0..10 {
                card.close_to(later(card.today, 1 + number(&mut prng, 25)));
                match prng.chance(60) {
                    true => card.buy(fen(1) + amount(&mut prng, 100_000)),
                    false => card.pay(fen(1) + amount(&mut prng, 30_000)).unwrap(),
                }
            }
            card.interest()
        });
        assert!(interest[0] <= interest[1], "seed {seed} {interest:?}");
        more += u32::from(interest[0] < interest[1]);
    }
    assert!(more > 25, "{more}");
}

#[test]
fn the_end_of_a_bad_account() {
    let mut card = Card::open(
        Cycle {
            late_fee: Some(Charge { share: Decimal::new(5, 2), min: None, max: None }),
            ..usual()
        },
        Some(90),
        date("2025-01-06"),
    );
    card.buy(cny("1000.00"));
    card.close_to(date("2025-06-01"));
    assert!(card.position.suspended);
    assert_eq!(card.interest(), Amount::ZERO);
    card.happen(What::ChargeOff).unwrap();
    card.assert_follows_from_facts();
    let owed = card.position.owed().total();
    assert_eq!(card.happen(What::ChargeOff), Err(Reject::NotActive));
    card.today = later(card.today, 30);
    assert_eq!(card.pay(owed + fen(1)), Err(Reject::ExceedsSettlement));
    card.pay(cny("300.00")).unwrap();
    assert_eq!(card.balance("7002"), owed - cny("300.00"));
    assert_eq!(card.reverse(1), Err(Reject::NotReversible));
    card.happen(What::WriteOff).unwrap();
    assert_eq!(card.account.status, Status::WrittenOff);
    assert_eq!(card.balance("7002"), Amount::ZERO);
    card.assert_follows_from_facts();
}

#[test]
fn what_may_not_happen_is_refused() {
    let mut card = Card::open(usual(), None, date("2025-01-06"));
    card.buy(cny("400.00"));
    let buy = |amount: &str| What::Purchase { amount: cny(amount) };
    assert_eq!(card.happen(buy("0.00")), Err(Reject::AmountNotPositive));
    let cash = What::Cash { amount: cny("1.00"), fee: Amount::ZERO };
    assert_eq!(card.happen(cash), Err(Reject::CashNotAllowed));
    assert_eq!(card.happen(What::Closure), Err(Reject::LineInUse));
    let refund = What::Refund { amount: fen(1) };
    assert_eq!(card.happen(refund), Err(Reject::MoreThanPrepaid));
    let waived = Owed { principal: cny("400.01"), ..Owed::default() };
    assert_eq!(card.happen(What::Waiver { waived }), Err(Reject::MoreThanDue));
    assert_eq!(card.happen(What::WriteOff), Err(Reject::NotChargedOff));
    card.pay(cny("450.00")).unwrap();
    card.buy(cny("550.00"));
    card.close_to(date("2025-01-20"));
    let on = card.today;
    assert_eq!(card.refund(1, fen(1), on), Err(Reject::NoSuchFact));
    assert_eq!(card.refund(0, cny("400.01"), on), Err(Reject::MoreThanBought));
    card.refund(0, cny("300.00"), on).unwrap();
    assert_eq!(card.refund(0, cny("100.01"), on), Err(Reject::MoreThanBought));
    assert_eq!(card.reverse(0), Err(Reject::MoreThanBought));
    assert_eq!(card.book(buy("1.00"), date("2025-01-05")), Err(Reject::BeforeDisbursal));
    assert_eq!(card.book(buy("1.00"), date("2025-01-21")), Err(Reject::InTheFuture));
    card.assert_follows_from_facts();
}

/// What was paid in advance and given back is gone: no history may say that it was still there, or
/// never.
#[test]
fn money_that_left_has_left() {
    let mut card = Card::open(usual(), None, date("2025-01-06"));
    card.pay(cny("200.00")).unwrap();
    card.close_to(date("2025-01-15"));
    card.happen(What::Refund { amount: cny("200.00") }).unwrap();
    card.close_to(date("2025-01-17"));
    let before = card.clone();
    let purchase = What::Purchase { amount: cny("200.00") };
    let late = date("2025-01-10");
    assert_eq!(card.book(purchase.clone(), late), Err(Reject::MoreThanPrepaid));
    assert_eq!(card.reverse(0), Err(Reject::MoreThanPrepaid));
    assert_eq!((&card.position, &card.books), (&before.position, &before.books));
    // It can be booked when as much was paid once more in time.
    card.pay_on(cny("200.00"), date("2025-01-12"));
    card.book(purchase, late).unwrap();
    assert_eq!(card.position.balance(), Amount::ZERO);
    assert_eq!(card.balance("1003"), Amount::ZERO);
    card.assert_follows_from_facts();
}

#[test]
fn what_lowers_a_debt_always_finds_room() {
    let cash = Some(Cash { rate: None, fee: None });
    let mut card = Card::open(Cycle { cash, ..usual() }, None, date("2025-01-06"));
    card.buy(cny("100.00"));
    card.close_to(date("2025-01-10"));
    card.position.facts = FACTS_MAX - FACTS_RESERVED - 1;
    card.buy(fen(1));
    let purchase = || What::Purchase { amount: fen(1) };
    let cash = What::Cash { amount: fen(1), fee: Amount::ZERO };
    assert_eq!(card.happen(purchase()), Err(Reject::TooManyFacts));
    assert_eq!(card.happen(cash), Err(Reject::TooManyFacts));
    assert_eq!(card.book(purchase(), date("2025-01-08")), Err(Reject::TooManyFacts));
    card.refund(0, cny("40.00"), card.today).unwrap();
    card.pay(cny("70.00")).unwrap();
    let advance = card.position.prepaid;
    card.happen(What::Refund { amount: advance }).unwrap();
    card.pay_on(cny("1.00"), date("2025-01-09"));
    card.reverse(card.facts.last().unwrap().number).unwrap();
    card.position.facts = FACTS_MAX - 1;
    card.happen(What::Closure).unwrap();
    assert_eq!(card.account.status, Status::Closed);
}

#[test]
fn cash_that_was_drawn_is_not_taken_back() {
    let cash = Some(Cash { rate: None, fee: None });
    let mut card = Card::open(Cycle { cash, ..usual() }, None, date("2025-01-06"));
    card.happen(What::Cash { amount: cny("100.00"), fee: Amount::ZERO }).unwrap();
    assert_eq!(card.reverse(0), Err(Reject::NotReversible));
}

/// A merchant gives back whatever became of the account: to its holder, or to who lost by it.
#[test]
fn a_merchant_gives_back_after_the_end() {
    let mut card = Card::open(usual(), None, date("2025-01-06"));
    card.buy(cny("400.00"));
    card.pay(cny("400.00")).unwrap();
    card.happen(What::Closure).unwrap();
    card.close_to(date("2025-01-20"));
    card.refund(0, cny("150.00"), card.today).unwrap();
    assert_eq!((card.account.status, card.position.prepaid), (Status::Closed, cny("150.00")));
    card.assert_follows_from_facts();
    card.happen(What::Refund { amount: cny("150.00") }).unwrap();
    assert_eq!(card.balance("2241.01"), Amount::ZERO);
    card.assert_follows_from_facts();

    let mut card = Card::open(usual(), None, date("2025-01-06"));
    card.buy(cny("400.00"));
    card.happen(What::ChargeOff).unwrap();
    card.today = date("2025-01-20");
    card.refund(0, cny("150.00"), card.today).unwrap();
    assert_eq!((card.account.status, card.balance("7002")), (Status::ChargedOff, cny("250.00")));
    card.pay(cny("200.00")).unwrap();
    // Of what is more than was lost, the rest is the holder's.
    card.refund(0, cny("80.00"), card.today).unwrap();
    assert_eq!((card.account.status, card.position.prepaid), (Status::Closed, cny("30.00")));
    card.assert_follows_from_facts();
}

/// The first statement was told to be paid on 1 May, before that was known to be a holiday.
#[test]
fn a_due_date_stands_as_it_was_told() {
    let due = Due { after_days: 26, roll: Roll::Following, grace_days: 0, tolerance: None };
    let mut card = Card::open(Cycle { due, ..usual() }, None, date("2025-04-01"));
    card.calendar = Calendar::weekends_only();
    card.buy(cny("100.00"));
    card.close_to(date("2025-04-10"));
    let told = date("2025-05-01");
    assert_eq!(card.statements[0].due, told);
    card.calendar = Calendar::china();
    assert_eq!(card.calendar.roll(told, Roll::Following), date("2025-05-06"));
    card.book(What::Purchase { amount: cny("10.00") }, date("2025-04-03")).unwrap();
    assert_eq!((card.statements[0].due, card.position.bills[0].due), (told, told));
    // It was due then, also when it is no open bill any more.
    card.close_to(date("2025-05-05"));
    assert_eq!(card.position.days_past_due, 3);
    card.pay(card.position.owed().total()).unwrap();
    card.close_to(date("2025-05-20"));
    card.book(What::Purchase { amount: cny("1.00") }, date("2025-05-18")).unwrap();
    assert_eq!(card.statements[0].restated_on, Some(date("2025-04-10")));
}

/// 18.25 % a year; 1 % of what is drawn in cash, 10.00 at least: of 500.00, 2 % every month.
#[test]
fn the_dearest_use_of_a_limit_is_told_and_held_to_the_ceilings() {
    let text = include_str!("../../../../examples/products/pay-later-account.yaml");
    let definition = Definition::parse(text, Chart::china()).unwrap();
    let product = RevolvingProduct::compile(&definition).unwrap();
    let apply = |of, at_most: &str, limit: &str| {
        let ceilings = vec![Ceiling { at_most: at_most.parse().unwrap(), of }];
        let facts = BTreeMap::new();
        let request = super::origination::request();
        let request = Request { amount: cny(limit), facts, ceilings, ..request };
        let applied = line::apply(&product, calendar(), request, date("2025-01-06"));
        applied.map(|(_, events)| events)
    };
    let above = |at_most: &str| Err(Reject::AboveCeiling { at_most: at_most.parse().unwrap() });
    assert_eq!(apply(Measure::Rate, "0.1824", "500.00"), above("0.1824"));
    assert!(apply(Measure::Rate, "0.1825", "500.00").is_ok());
    assert_eq!(apply(Measure::AllInCost, "0.4224", "500.00"), above("0.4224"));
    assert!(apply(Measure::AllInCost, "0.4225", "500.00").is_ok());
    let told = |limit: &str| {
        let events = apply(Measure::Rate, "1", limit).unwrap();
        let costs = events.iter().find_map(|it| match it {
            crate::Event::ApplicationApproved {
                annual_cost_simple, annual_cost_compound, ..
            } => Some((*annual_cost_simple, annual_cost_compound.round_dp(6))),
            _ => None,
        });
        costs.unwrap()
    };
    let costs = |simple: &str, compound: &str| (simple.parse().unwrap(), compound.parse().unwrap());
    assert_eq!(told("500.00"), costs("0.4225", "0.514723"));
    assert_eq!(told("20000.00"), costs("0.3025", "0.348173"));
}

#[test]
fn a_statement_has_its_lines() {
    let mut card = Card::open(usual(), None, date("2025-01-06"));
    card.buy(cny("400.00"));
    card.close_to(date("2025-03-06"));
    let second = &card.statements[1];
    let of_second: Vec<_> =
        lines(second, &card.facts).into_iter().map(|it| (it.on, it.kind, it.amount)).collect();
    // 400.00 for the 59 days from 6 January to 5 March.
    assert_eq!(of_second, [(date("2025-03-05"), LineKind::Interest, cny("11.80"))]);
}
