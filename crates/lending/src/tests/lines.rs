//! Lines: a table of decisions computed by hand, and random lives against a simpler bookkeeper.

use std::{collections::BTreeMap, sync::LazyLock};

use money::{Amount, Calendar, Currency, Decimal};
use product::{Chart, Definition, RevolvingProduct};
use stdx::{Date, Id, Prng, table};

use super::{
    life::{cny, date, fen, later},
    properties::{amount, number},
};
use crate::{
    Line, Loan, Position, Reject, Rules, Status, What,
    application::{Application, Decision, Request},
    happen,
    line::{self, Drawing, HoldStatus, LineOffer, LineStatus, Standing, Use},
    quote,
};
use product::kinds::instalment_loan::Keep;

const PRODUCT: &str = r#"
product: test-line
version: 2
kind: revolving-credit
name: { en: Test line, zh: 测试额度 }
currency: CNY
effective: 2025-01-01
until: 2025-06-30
eligibility:
  - code: adult
    rule: applicant.age >= 18
    reason: { en: Too young., zh: 未满十八周岁。 }
  - code: exposure
    rule: applicant.outstanding + amount <= 60000
    reason: { en: Too much., zh: 余额过高。 }
terms:
  limit: { min: 1000, max: 50000, step: 100 }
  months: 12
  temporary: { max: 80000, days: 30 }
  holds: { days: 7 }
  drawing:
    amount: { min: 100, max: 80000 }
    term: { min: 1, max: 12, default: 1 }
    repayment: { method: equal-instalment, every: 1 month }
    interest: { rate: 0.1095, day_count: ACT/365F }
    penalty: { rate: 0.16425, grace_days: 3 }
    prepayment: { allowed: true }
"#;

fn product() -> &'static RevolvingProduct {
    static COMPILED: LazyLock<RevolvingProduct> = LazyLock::new(|| {
        let definition = Definition::parse(PRODUCT, Chart::china()).unwrap();
        RevolvingProduct::compile(&definition).unwrap()
    });
    &COMPILED
}

fn asked(amount: &str, age: u32) -> Request {
    let request = super::origination::request();
    let applicant = crate::application::Applicant { age, ..request.applicant };
    Request { amount: cny(amount), applicant, facts: BTreeMap::new(), ..request }
}

fn applied(request: Request, on: &str) -> Result<Application<LineOffer>, Reject> {
    Ok(line::apply(product(), Calendar::china(), request, date(on))?.0)
}

/// A line with its drawings, living through days.
struct Life {
    product: &'static RevolvingProduct,
    line: Line,
    drawings: Vec<(Loan, Position)>,
    today: Date,
    events: Vec<&'static str>,
}

impl Life {
    fn new(limit: &str) -> Self {
        let today = date("2025-01-01");
        let application = applied(asked(limit, 30), "2025-01-01").unwrap();
        let (_, opened) = line::open(&application, today).unwrap();
        let (line, events) = (opened.line, Vec::new());
        Self { product: product(), line, drawings: Vec::new(), today, events }
    }

    fn standing(&self) -> Standing<'_> {
        let drawings = self.drawings.iter().map(|(loan, position)| (loan, position));
        Standing {
            id: Id::from_bytes([9; 16]),
            line: &self.line,
            used: Use::of(drawings).unwrap(),
            product: self.product,
            calendar: Calendar::china(),
            today: self.today,
        }
    }

    fn drawing(&self, amount: Amount, term: Option<u32>) -> Drawing {
        let loan = Id::from_bytes([u8::try_from(self.drawings.len() % 250).unwrap(); 16]);
        let (suspended_after, ceilings) = (Some(90), Vec::new());
        Drawing { loan, amount, term, reference: None, suspended_after, ceilings }
    }

    fn took(&mut self, outcome: Result<line::Outcome, Reject>) -> Result<(), Reject> {
        let outcome = outcome?;
        self.line = outcome.line;
        self.events.extend(outcome.events.iter().map(line::Event::name));
        if let Some((signed, paid_out)) = outcome.drawing {
            assert_eq!(signed.status, Status::Signed);
            assert_eq!(paid_out.entries[0].event, "disbursal");
            self.drawings.push((paid_out.loan.unwrap(), paid_out.position.unwrap()));
        }
        Ok(())
    }

    fn draw(&mut self, amount: Amount, term: Option<u32>) -> Result<(), Reject> {
        let outcome = self.standing().draw(self.drawing(amount, term));
        self.took(outcome)
    }

    fn capture(&mut self, number: u32, amount: Option<Amount>) -> Result<(), Reject> {
        let outcome = self
            .standing()
            .capture(number, |hold| self.drawing(amount.unwrap_or(hold.amount), None));
        self.took(outcome)
    }

    /// Something happens to a drawing, by its number from 1.
    fn happen(
        &mut self,
        which: usize,
        what: impl FnOnce(&Loan, &Position, Rules<'_>) -> Result<What, Reject>,
    ) -> Result<(), Reject> {
        let (loan, position) = &self.drawings[which - 1];
        let product = self.product.drawing().unwrap();
        let rules = Rules::new(product, Calendar::china());
        let what = what(loan, position, rules)?;
        let outcome = happen(loan, position, rules, what, self.today)?;
        let loan = outcome.loan.unwrap_or_else(|| loan.clone());
        let position = outcome.position.unwrap_or_else(|| position.clone());
        self.drawings[which - 1] = (loan, position);
        Ok(())
    }

    fn settle(&mut self, which: usize) -> Result<(), Reject> {
        self.happen(which, |loan, position, rules| {
            let amount = quote(loan, position, rules, position.through)?.total;
            Ok(What::Settlement { amount, fee: Amount::ZERO })
        })
    }

    fn pay_due(&mut self, which: usize) -> Result<(), Reject> {
        self.happen(which, |_, position, _| Ok(What::Repayment { amount: position.due().total() }))
    }

    fn close_until(&mut self, day: Date) {
        let last = day.yesterday().unwrap();
        while let Some(end) = self.line.timer().filter(|it| *it <= last) {
            let closed = self.line.close_day(end);
            self.took(Ok(closed)).unwrap();
        }
        let rules = Rules::new(self.product.drawing().unwrap(), Calendar::china());
        for (loan, position) in &mut self.drawings {
            if loan.status == Status::Active {
                let mut life = crate::life::Life::at(loan, position, rules);
                life.close_to(day).unwrap();
                let outcome = life.end();
                *loan = outcome.loan.unwrap_or_else(|| loan.clone());
                *position = outcome.position.unwrap();
            }
        }
        self.today = day;
    }

    fn command(&mut self, row: &table::Row<'_>) -> Result<(), Reject> {
        let money = || cny(row.text("amount"));
        let which = || row.get::<usize>("which");
        let number = || row.get::<u32>("which");
        let it = self.standing();
        let outcome = match row.text("what") {
            "look" => return Ok(()),
            "draw" => return self.draw(money(), None),
            "capture" => {
                let part = (row.text("amount") != "-").then(money);
                return self.capture(number(), part);
            }
            "settle" => return self.settle(which()),
            "due" => return self.pay_due(which()),
            "prepay" => {
                let (amount, fee, keep) = (money(), Amount::ZERO, Keep::Term);
                let what = What::Prepayment { amount, fee, keep };
                return self.happen(which(), |_, _, _| Ok(what));
            }
            "charge-off" => return self.happen(which(), |_, _, _| Ok(What::ChargeOff)),
            "write-off" => return self.happen(which(), |_, _, _| Ok(What::WriteOff)),
            "hold" => it.hold(money(), row.option("until"), "order 1"),
            "release" => it.release(number()),
            "limit" => it.change_limit(money()),
            "raise" => it.raise_limit(money(), row.get("until")),
            "freeze" => it.freeze("as the borrower asked"),
            "unfreeze" => it.unfreeze("as the borrower asked"),
            "renew" => it.renew(),
            "close" => it.close(),
            other => panic!("{other}"),
        };
        self.took(outcome)
    }
}

#[track_caller]
fn check(text: &str) -> Life {
    let mut life = Life::new("10000.00");
    for row in table::parse(text) {
        life.close_until(row.get("on"));
        let answer = life.command(&row);
        let result = answer.as_ref().map_or_else(Reject::code, |()| "ok");
        assert_eq!(result, row.text("result"), "line {}: {answer:?}", row.line);
        let now = life.standing().utilisation();
        let shown = [
            ("limit", now.limit),
            ("drawn", now.drawn),
            ("held", now.held),
            ("available", now.available),
        ];
        for (column, amount) in shown {
            let text = amount.text(Currency::CNY);
            assert_eq!(text, row.text(column), "line {}: {column}", row.line);
        }
    }
    life
}

#[test]
fn a_life_by_hand() {
    let life = check(include_str!("../../testdata/lines/a-life.txt"));
    assert_eq!((life.line.drawings, life.line.holds_made), (5, 5));
    assert_eq!(life.line.timer(), None);
    let told: Vec<_> = life.events.iter().filter(|it| it.starts_with("hold")).collect();
    assert_eq!(
        told.into_iter().fold(BTreeMap::<_, u32>::new(), |mut told, it| {
            *told.entry(*it).or_default() += 1;
            told
        }),
        [("hold-expired", 1), ("hold-made", 5), ("hold-released", 2)].into_iter().collect()
    );
    assert!(life.events.contains(&"temporary-limit-ended"));
}

#[test]
fn what_is_lost() {
    check(include_str!("../../testdata/lines/lost.txt"));
}

#[test]
fn a_limit_is_asked_for_and_signed() {
    let application = applied(asked("10000.00", 30), "2025-01-01").unwrap();
    let Decision::Approved { offer } = &application.decision else { panic!("{application:?}") };
    assert_eq!((offer.limit, offer.months), (cny("10000.00"), 12));
    // 10,000 for 31 days at 0.03 % a day is 93.00, and 0.93 % a month is 11.16 % a year.
    assert_eq!(offer.drawing.as_ref().unwrap().principal, cny("10000.00"));
    assert_eq!(offer.drawing.as_ref().unwrap().total_interest, cny("93.00"));
    assert_eq!(
        offer.drawing.as_ref().unwrap().annual_cost_simple.round_dp(6),
        Decimal::new(1116, 4)
    );
    let (signed, outcome) = line::open(&application, date("2025-01-31")).unwrap();
    assert_eq!(outcome.line.available_until, date("2026-01-31"));
    assert_eq!(outcome.line.status, LineStatus::Open);
    assert_eq!(line::open(&signed, date("2025-01-31")), Err(Reject::AlreadySigned));
    assert_eq!(line::open(&application, date("2025-02-01")), Err(Reject::OfferExpired));

    let code = |request, on| applied(request, on).map_err(|it| it.to_string());
    let not = |it: &str| Err(it.to_owned());
    let declined = applied(asked("10000.00", 17), "2025-01-01").unwrap();
    assert_eq!(line::open(&declined, date("2025-01-01")), Err(Reject::NoOffer));
    let none = code(asked("900.00", 30), "2025-01-01");
    assert_eq!(none.map(|_| ()), not("the smallest amount offered is 1000.00 CNY"));
    let none = code(asked("10050.00", 30), "2025-01-01");
    assert_eq!(none.map(|_| ()), not("the amount must be a multiple of 100.00 CNY"));
    let none = code(asked("10000.00", 30), "2025-07-01");
    assert_eq!(none.map(|_| ()), not("the product is not in force on this day"));
}

#[test]
fn a_text_has_a_limit() {
    let life = Life::new("10000.00");
    let (fits, too_long) = ("额".repeat(line::TEXT_MAX), "x".repeat(line::TEXT_MAX + 1));
    let hold = |purpose: &str| life.standing().hold(cny("100.00"), None, purpose);
    assert!(hold(&fits).is_ok() && life.standing().freeze(&fits).is_ok());
    assert_eq!(hold(&too_long), Err(Reject::TextTooLong));
    assert_eq!(life.standing().freeze(&too_long), Err(Reject::TextTooLong));
}

#[test]
fn holds_have_a_limit() {
    let mut life = Life::new("50000.00");
    for _ in 0..line::HOLDS_MAX {
        let outcome = life.standing().hold(cny("100.00"), None, "order 1");
        life.took(outcome).unwrap();
    }
    let outcome = life.standing().hold(cny("100.00"), None, "order 1");
    assert_eq!(outcome, Err(Reject::TooManyHolds));
    // Those that ended do not count, wake nobody up, and are not kept for ever.
    for number in 1..=3 {
        let outcome = life.standing().release(number);
        life.took(outcome).unwrap();
    }
    assert_eq!(life.standing().release(1), Err(Reject::HoldReleased));
    let outcome = life.standing().hold(cny("100.00"), None, "order 2");
    life.took(outcome).unwrap();
    assert_eq!(life.line.holds.len(), line::HOLDS_MAX);
    assert_eq!(life.standing().release(1), Err(Reject::HoldExpired));
    assert_eq!(life.standing().release(2), Err(Reject::HoldReleased));
    for number in 4..=life.line.holds_made {
        let outcome = life.standing().release(number);
        life.took(outcome).unwrap();
    }
    assert_eq!((life.line.timer(), life.line.held()), (None, fen(0)));
    life.close_until(date("2025-01-08"));
    let outcome = life.standing().hold(cny("100.00"), None, "order 3");
    life.took(outcome).unwrap();
    assert_eq!(life.line.holds.len(), 1);
    life.close_until(date("2025-01-15"));
    assert_eq!(life.line.holds, []);
    let outcome = life.standing().hold(cny("100.00"), None, "order 1");
    life.took(outcome).unwrap();
}

/// The version has ended for new lines; those there are go on under it.
#[test]
fn a_line_outlives_its_version() {
    let mut life = Life::new("10000.00");
    life.close_until(date("2025-09-01"));
    life.draw(cny("500.00"), Some(3)).unwrap();
    let (loan, _) = &life.drawings[0];
    assert_eq!((loan.line, loan.version), (Some(Id::from_bytes([9; 16])), 2));
    assert_eq!(loan.plan.len(), 3);
}

/// What a simpler bookkeeper knows of a line.
struct Oracle {
    limit: Amount,
    temporary: Option<(Amount, Date)>,
    holds: BTreeMap<u32, (Amount, Date)>,
    frozen: bool,
}

impl Oracle {
    fn limit(&self, day: Date) -> Amount {
        let temporary = self.temporary.filter(|(_, until)| *until >= day);
        temporary.map_or(self.limit, |(limit, _)| limit.max(self.limit))
    }

    fn held(&self) -> Amount {
        self.holds.values().map(|(amount, _)| *amount).sum()
    }
}

/// Whatever happens: what is used is what is owed and held, nothing is drawn beyond the limit, and
/// a line that is paid back can be drawn on whole and closed.
#[test]
fn random_lives() {
    let (mut drawn, mut beyond) = (0, 0);
    for seed in 0..1_500 {
        let mut prng = Prng::stream(seed, "lines");
        let limit: &&str = prng.pick(&["1000.00", "5000.00", "50000.00"]);
        let mut life = Life::new(limit);
        let mut oracle = Oracle {
            limit: life.line.limit,
            temporary: None,
            holds: BTreeMap::new(),
            frozen: false,
        };
        for _ in 0..prng.below(60) {
            let day = later(life.today, number(&mut prng, 12));
            life.close_until(day);
            oracle.holds.retain(|_, (_, until)| *until >= day);
            let answer = step(&mut life, &mut oracle, &mut prng);
            match answer {
                Ok(()) => drawn += 1,
                Err(Reject::BeyondTheLimit) => beyond += 1,
                Err(_) => {}
            }
            let owed: Amount = life.drawings.iter().map(|(_, it)| it.principal).sum();
            let now = life.standing().utilisation();
            assert_eq!((now.drawn, now.held), (owed, oracle.held()), "seed {seed}");
            assert_eq!(now.limit, oracle.limit(life.today), "seed {seed}");
            assert!(now.available <= (now.limit - owed - now.held).max(fen(0)), "seed {seed}");
        }
        end(&mut life, &oracle, seed);
    }
    assert!(drawn > 1_000 && beyond > 1_000, "{drawn} {beyond}");
}

fn step(life: &mut Life, oracle: &mut Oracle, prng: &mut Prng) -> Result<(), Reject> {
    let some = fen(10_000) + amount(prng, oracle.limit.minor());
    let left = life.standing().utilisation();
    let room = left.limit - left.drawn - left.held;
    match prng.below(12) {
        0..=2 => {
            let drawn = life.draw(some, prng.chance(50).then(|| 1 + number(prng, 12)));
            assert!(drawn.is_err() || some <= room && !oracle.frozen);
            drawn
        }
        3 | 4 => {
            let until = later(life.today, number(prng, 7));
            let outcome = life.standing().hold(some, Some(until), "order 1");
            let held = life.took(outcome);
            assert!(held.is_err() || some <= room && !oracle.frozen);
            held.map(|()| {
                oracle.holds.insert(life.line.holds_made, (some, until));
            })
        }
        5 | 6 => {
            let number = number(prng, u64::from(life.line.holds_made) + 2);
            let live = oracle.holds.contains_key(&number);
            let outcome = life.standing().release(number);
            let ended =
                if prng.chance(50) { life.took(outcome) } else { life.capture(number, None) };
            assert_eq!(ended.is_ok(), live, "{ended:?}");
            ended.map(|()| {
                oracle.holds.remove(&number);
            })
        }
        7 | 8 if !life.drawings.is_empty() => {
            let which = 1 + number(prng, life.drawings.len() as u64) as usize;
            if prng.chance(50) { life.settle(which) } else { life.pay_due(which) }
        }
        9 => {
            let limit = fen(100) + amount(prng, 5_500_000);
            let outcome = life.standing().change_limit(limit);
            life.took(outcome).map(|()| oracle.limit = limit)
        }
        10 => {
            let (limit, until) = (some + some, later(life.today, number(prng, 35)));
            let outcome = life.standing().raise_limit(limit, until);
            life.took(outcome).map(|()| oracle.temporary = Some((limit, until)))
        }
        _ => {
            let it = life.standing();
            let outcome = if oracle.frozen { it.unfreeze("over") } else { it.freeze("lost phone") };
            oracle.frozen = !oracle.frozen;
            life.took(outcome)
        }
    }
}

/// Everything is paid back, so nothing is used; and then it is over.
fn end(life: &mut Life, oracle: &Oracle, seed: u64) {
    for hold in life.line.holds.clone() {
        let outcome = life.standing().release(hold.number);
        assert_eq!(outcome.is_ok(), hold.status == HoldStatus::Live, "seed {seed}");
        if outcome.is_ok() {
            assert_eq!(life.standing().close(), Err(Reject::LineInUse), "seed {seed}");
            life.took(outcome).unwrap();
        }
    }
    for which in 1..=life.drawings.len() {
        if life.drawings[which - 1].0.status == Status::Active {
            assert_eq!(life.standing().close(), Err(Reject::LineInUse), "seed {seed}");
            life.settle(which).unwrap();
        }
    }
    let now = life.standing().utilisation();
    assert_eq!((now.drawn, now.held, now.share), (fen(0), fen(0), Decimal::ZERO), "seed {seed}");
    let may = !oracle.frozen && life.today <= life.line.available_until;
    assert_eq!(now.available, if may { now.limit } else { fen(0) }, "seed {seed}");
    let closed = life.standing().close().unwrap();
    life.took(Ok(closed)).unwrap();
    assert_eq!(life.line.timer(), None, "seed {seed}");
    assert_eq!(life.draw(cny("100.00"), None), Err(Reject::LineClosed), "seed {seed}");
}
