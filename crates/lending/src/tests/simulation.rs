//! Simulations: how a script is read, what is told of it, and that it is the fold.
//!
//! What comes of lives to the minor unit is in `testdata/lives`: see [`super::tables`].

use std::{collections::BTreeMap, fmt::Write as _};

use money::{Amount, Currency, Decimal};
use product::{Document, kinds::instalment_loan::Keep};
use stdx::{Date, Prng};

use super::{
    life::{Balances, Setup, cny, date, fen, later, rules},
    properties::{amount, any_setup, number},
};
use crate::{
    Position, Reject, What,
    correction::fold,
    fact::RateReason,
    simulation::{Act, Request, Script, Simulation, Step, simulate, tell},
    view::InstalmentStatus,
};

const CONTRACT: &str = "{ amount: 1200, term: 3, date: 2025-01-01, events: [";

fn read(text: &str) -> Result<Script, String> {
    let document = Document::parse(text).map_err(|it| it.to_string())?;
    let script = Script::read(&document, &Setup::usual().product());
    script.map_err(|problems| problems.iter().map(|it| format!("{it}\n")).collect())
}

fn simulated(script: &Script, setup: &Setup, until: Option<Date>) -> Result<Simulation, Reject> {
    let product = setup.product();
    let request = Request { rules: rules(&product), reference: None, suspended_after: None, until };
    simulate(script, &request)
}

#[test]
fn what_days_book_is_told_by_month() {
    let script = read(&format!("{CONTRACT} {{ on: 2025-02-01, due: true }}] }}")).unwrap();
    let simulation = simulated(&script, &Setup::usual(), Some(date("2025-03-01"))).unwrap();
    let told = simulation.postings.iter().fold(String::new(), |mut text, it| {
        let event = it.event.map_or("-".to_owned(), |it| it.to_string());
        let (entry, debit, credit, amount) = (it.entry, it.debit, it.credit, it.amount);
        writeln!(text, "{event} {} {entry} {debit} {credit} {amount}", it.date).unwrap();
        text
    });
    expect_test::expect![[r#"
        0 2025-01-01 disbursal 1303 1003 1200.00
        - 2025-01-31 interest-accrual 1132.01 6011.01 12.00
        1 2025-02-01 repayment 1003 1132.01 12.00
        1 2025-02-01 repayment 1003 1303 396.03
        - 2025-02-28 interest-accrual 1132.01 6011.01 8.04
    "#]]
    .assert_eq(&told);
    assert_eq!(simulation.until, date("2025-03-01"));
    let status: Vec<_> = simulation.periods.iter().map(|it| it.status).collect();
    let expected = [InstalmentStatus::Paid, InstalmentStatus::Due, InstalmentStatus::Future];
    assert_eq!(status, expected);
    assert_eq!(simulation.periods[1].remaining.total, Decimal::new(40_803, 2));
}

#[test]
fn every_sort_of_event_is_read() {
    let text = "{ amount: 1200.00, part: 500, term: 3, date: 2025-01-01, events: [
        { on: 2025-02-01, drawing: 100.5 },
        { on: 2025-02-01, rate-change: 0.1 },
        { on: 2025-02-01, interest-pause: 2025-02-05 },
        { on: 2025-02-01, booked: 2025-02-03, waiver: { interest: 1.5 } },
        { on: 2025-02-02, settlement: true },
        { on: 2025-02-02, refund: 1 },
        { on: 2025-02-02, subsidy: 1 },
        { on: 2025-02-02, third-party-fee: 1 },
        { on: 2025-02-04, rescheduling: { due: [2025-05-01], kind: extension, capitalise: true } },
        { on: 2025-02-05, charge-off: true },
        { on: 2025-02-06, write-off: true },
        { on: 2025-02-06, sale: 0 },
    ] }";
    let script = read(text).unwrap();
    assert_eq!((script.amount, script.part), (cny("1200.00"), Some(cny("500.00"))));
    let simulation = simulated(&script, &Setup::usual(), None).unwrap();
    let told = simulation.events.iter().fold(String::new(), |mut text, it| {
        let result = it.refused.as_ref().map_or("ok", |it| it.code);
        writeln!(text, "{} {} {} {} {result}", it.number, it.booked, it.what, it.amount).unwrap();
        text
    });
    expect_test::expect![[r#"
        0 2025-01-01 disbursal 500.00 ok
        1 2025-02-01 drawing 100.50 ok
        2 2025-02-01 rate-change 0.00 ok
        3 2025-02-01 interest-pause 0.00 ok
        5 2025-02-02 settlement 605.50 ok
        6 2025-02-02 refund 1.00 more-than-prepaid
        7 2025-02-02 subsidy 1.00 more-than-subsidy
        8 2025-02-02 third-party-fee 1.00 more-than-subsidy
        4 2025-02-03 waiver 1.50 ok
        9 2025-02-04 rescheduling 0.00 not-active
        10 2025-02-05 charge-off 0.00 not-active
        11 2025-02-06 write-off 0.00 not-charged-off
        12 2025-02-06 sale 0.00 not-active
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_mistake_is_named_with_its_event() {
    let cases = [
        ("{ on: 2025-02-01, repaiment: 5 }", "events[0]: It cannot be read: unknown variant"),
        ("{ on: 2025-02-01, repayment: 5.001 }", "decimals"),
        ("{ on: 2025-02-01, repayment: much }", "events[0]"),
        ("{ on: 2025-02-30, due: true }", "`on`"),
        ("{ due: true }", "does not say `on`"),
        ("{ on: 2025-02-01, due: false }", "`true`"),
        ("{ on: 2025-02-01 }", "not nothing"),
        ("{ on: 2025-02-01, due: true, sale: 5 }", "not `due` and `sale`"),
        ("{ on: 2025-02-01, booked: 2025-01-31, due: true }", "before"),
        ("{ on: 2025-02-01, booked: 2025-02-02, reversal: 1 }", "reversal"),
        ("{ on: 2025-02-01, prepayment: { amount: 5, keep: all } }", "`term` or `instalment`"),
        ("{ on: 2025-02-01, prepayment: { amount: 5, keep: term, fee: 1 } }", "fee"),
        ("{ on: 2025-02-01, waiver: { penality: 5 } }", "penality"),
        ("{ on: 2025-02-01, waiver: { penalty: 9e16, fee: 9e16, principal: -9e16 } }", "events[0]"),
        ("pay", "not a map"),
    ];
    for (event, named) in cases {
        let problems = read(&format!("{CONTRACT} {event} ] }}")).unwrap_err();
        assert!(problems.contains(named), "{event}: {problems}");
        assert_eq!(problems.lines().count(), 1, "{event}: {problems}");
    }
    let problems = read("{ amount: 1.001, events: [1, 2], }").unwrap_err();
    assert_eq!(problems.lines().count(), 3, "{problems}");
    assert!(read("{ sum: 5 }").unwrap_err().contains("sum"));
}

#[test]
fn the_largest_amounts_are_answered() {
    let most = "92233720368547758.07";
    let paid = "{ on: 2025-02-01, repayment: 1 },";
    let acts = [
        format!("repayment: {most}"),
        format!("prepayment: {{ amount: {most}, keep: term }}"),
        format!("prepayment: {{ amount: -{most}, keep: term }}"),
        format!("waiver: {{ interest: {most} }}"),
        format!("drawing: {most}"),
        format!("refund: {most}"),
        format!("subsidy: {most}"),
        format!("third-party-fee: {most}"),
        format!("repayment: -{most}"),
        format!("sale: -{most}"),
        format!("sale: {most}"),
        "reversal: 4294967295".to_owned(),
        "rate-change: 79228162514264337593543950335".to_owned(),
        "interest-pause: 9999-12-31".to_owned(),
    ];
    for act in acts {
        let script = read(&format!("{CONTRACT} {paid} {{ on: 2025-02-10, {act} }}] }}")).unwrap();
        let simulation = simulated(&script, &Setup::usual(), None).unwrap();
        let refused = simulation.events[2].refused.is_some();
        let may = act.starts_with("interest-pause") || act.starts_with("sale: 9");
        assert_eq!(refused, !may, "{act}");
    }
}

#[test]
fn what_cannot_be_told_is_refused() {
    let script = read(&format!("{CONTRACT} {{ on: 2024-12-31, due: true }}] }}")).unwrap();
    let simulation = simulated(&script, &Setup::usual(), None).unwrap();
    assert_eq!(simulation.events[1].refused.as_ref().unwrap().code, "before-disbursal");
    let far = Some(date("2125-02-01"));
    assert_eq!(simulated(&script, &Setup::usual(), far), Err(Reject::DateOutOfRange));
    let none = Script { part: Some(Amount::ZERO), ..script };
    assert_eq!(simulated(&none, &Setup::usual(), None), Err(Reject::BeyondTheSum));
}

fn any_act(setup: &Setup, events: u32, on: Date, prng: &mut Prng) -> Act {
    let principal = setup.principal.minor();
    Act::Happen(match prng.below(12) {
        0..=3 => return Act::PayDue,
        4 => return Act::Settle,
        5 | 6 => return Act::Reverse(number(prng, u64::from(events) + 1)),
        7 | 8 => What::Repayment { amount: fen(1) + amount(prng, principal) },
        9 => {
            let keep = *prng.pick(&[Keep::Term, Keep::Instalment]);
            What::Prepayment { amount: amount(prng, principal), fee: Amount::ZERO, keep }
        }
        10 => What::RateChange {
            rate: Decimal::new(i64::from(number(prng, 2_400)), 4),
            reason: RateReason::Agreed,
        },
        _ => What::InterestPause { until: later(on, 1 + number(prng, 60)) },
    })
}

#[test]
fn a_simulation_is_the_fold_of_what_was_accepted() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..300 {
        let mut prng = Prng::stream(seed, "simulation");
        let setup = any_setup(&mut prng);
        let mut booked = setup.on;
        let events: Vec<_> = (0..10)
            .map(|events| {
                booked = later(booked, number(&mut prng, 30));
                let act = any_act(&setup, events, booked, &mut prng);
                let late = !matches!(act, Act::Reverse(_)) && prng.chance(30);
                let days = if late { number(&mut prng, 20) } else { 0 };
                let on = booked.checked_sub(jiff::Span::new().days(i64::from(days))).unwrap();
                Step { on, booked, act }
            })
            .collect();
        let (amount, term, date) = (setup.principal, setup.instalments, setup.on);
        let script = Script { amount, part: None, term, date, events };
        let product = setup.product();
        let (reference, suspended_after) = (None, setup.suspended_after);
        let until = Some(later(booked, number(&mut prng, 100)));
        let request = Request { rules: rules(&product), reference, suspended_after, until };
        let Ok(told) = tell(&script, &request) else { continue };
        let simulation = simulate(&script, &request).unwrap();

        let facts: Vec<_> = told.facts.iter().collect();
        let life = fold(&told.loan, &facts, told.rules, told.today).unwrap();
        let position = Position { facts: told.position.facts, ..life.position.clone() };
        assert_eq!((&*life.loan, &position), (&told.loan, &told.position), "seed {seed}");

        let mut books = Balances::new();
        for entry in &life.outcome.entries {
            for it in product.accounting().postings(entry.event, &entry.amounts) {
                *books.entry(it.debit).or_default() += it.amount;
                *books.entry(it.credit).or_default() -= it.amount;
            }
        }
        let books = books.into_iter().map(|(code, it)| (code, it.to_decimal(Currency::CNY)));
        let books: BTreeMap<_, _> = books.filter(|(_, it)| !it.is_zero()).collect();
        let shown = simulation.accounts.iter().map(|it| (it.code, it.balance));
        let shown: BTreeMap<_, _> = shown.filter(|(_, it)| !it.is_zero()).collect();
        assert_eq!(shown, books, "seed {seed}");
        assert!(shown.values().sum::<Decimal>().is_zero(), "seed {seed}");

        let (no, yes): (Vec<_>, Vec<_>) =
            simulation.events.iter().partition(|it| it.refused.is_some());
        (accepted, refused) = (accepted + yes.len(), refused + no.len());
    }
    assert!(accepted > 900 && refused > 300, "{accepted} {refused}");
}
