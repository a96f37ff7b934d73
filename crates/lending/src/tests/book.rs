//! Synthetic books, against tables computed by hand, the books of each loan and its own facts.

use std::collections::BTreeMap;

use money::{Amount, Decimal};
use product::{Document, LoanProduct, schedule::Instalment};
use stdx::{Prng, table};

use super::{
    life::{Setup, rules},
    properties::{any_setup, number},
};
use crate::{
    Position, Status,
    book::{Book, Cells, LOANS_MAX, Month, Report, Scenario},
    correction::fold,
};

fn scenario(text: &str, product: &LoanProduct) -> Result<Scenario, String> {
    let document = Document::parse(text).map_err(|it| it.to_string())?;
    let read = Scenario::read(&document, product);
    read.map_err(|problems| problems.iter().map(|it| format!("{it}\n")).collect())
}

fn told(book: &Book<'_>) -> Report {
    book.report(book.tell(0..book.loans()).unwrap()).unwrap()
}

#[track_caller]
fn check(text: &str) {
    let (written, months) = text.split_once("---").unwrap();
    let product = Setup::usual().product();
    let scenario = scenario(written, &product).unwrap();
    let report = told(&Book::new(&scenario, rules(&product), None, 1).unwrap());
    let rows = table::parse(months);
    assert_eq!(report.months.len(), rows.len());
    for (row, month) in rows.iter().zip(&report.months) {
        assert_eq!(month.month, row.get("month"), "line {}", row.line);
        for (name, value) in month.lines().into_iter().filter(|(name, _)| *name != "suspended") {
            assert_eq!(value, row.get::<Decimal>(name), "line {}: {name}", row.line);
        }
    }
}

#[test]
fn paid_on_time() {
    check(include_str!("../../testdata/books/paid-on-time.txt"));
}

#[test]
fn late_then_settled() {
    check(include_str!("../../testdata/books/late-then-settled.txt"));
}

#[test]
fn defaulted_and_recovered() {
    check(include_str!("../../testdata/books/defaulted-and-recovered.txt"));
}

/// Every habit there is, alone and with others.
fn any_scenario(prng: &mut Prng) -> String {
    let habits = [
        format!("late: {{ days: {}, chance: 0.{} }}", 1 + number(prng, 80), 1 + number(prng, 9)),
        format!("misses: {{ chance: 0.{} }}", number(prng, 9)),
        format!("part: {{ share: 0.{}, chance: 0.5 }}", number(prng, 9)),
        format!("prepays: {{ after: {}, share: 0.4, keep: term }}", 1 + number(prng, 4)),
        format!("prepays: {{ after: {}, share: 0.2, keep: instalment }}", 1 + number(prng, 4)),
        format!("settles: {{ after: {} }}", 1 + number(prng, 6)),
        format!("defaults: {{ after: {}, recovered: 0.3, over: 5 }}", number(prng, 6)),
    ];
    let two = format!("{{ {}, {} }}", prng.pick(&habits[..3]), prng.pick(&habits[4..]));
    let each = habits.iter().map(|it| format!("{{ {it} }}, ")).collect::<String>();
    let charge_off = ["null", "1", "30", "90"];
    format!(
        "{{ from: 2024-02-{:02}, months: {}, loans: {}, growth: -0.1, charge_off_after: {}, \
        cost_of_money: 0.03, amounts: [{{ min: 0.01, max: 9000, step: 0.01 }}], \
        terms: [{{ term: 1 }}, {{ term: 6 }}, {{ term: 12, weight: 3 }}], \
        behaviours: [{{ weight: 3 }}, {each}{two}] }}",
        1 + number(prng, 29),
        1 + number(prng, 20),
        1 + number(prng, 6),
        prng.pick(&charge_off)
    )
}

#[test]
fn books_balance_and_agree_with_what_is_owed() {
    let mut ends = BTreeMap::new();
    for seed in 0..60 {
        let mut prng = Prng::stream(seed, "books");
        let setup = any_setup(&mut prng);
        let product = setup.product();
        let scenario = scenario(&any_scenario(&mut prng), &product).unwrap();
        let book = Book::new(&scenario, rules(&product), setup.suspended_after, seed).unwrap();
        let report = told(&book);
        for month in &report.months {
            agrees(month, seed);
        }
        for (status, count) in report.contracts {
            *ends.entry(status).or_insert(0) += count;
        }
    }
    assert!(ends.values().all(|count| *count > 100), "{ends:?}");
}

fn agrees(month: &Month, seed: u64) {
    let sum: Decimal = month.accounts.iter().map(|it| it.balance).sum();
    assert!(sum.is_zero(), "seed {seed}: {sum}");
    let balance = |code: &str| {
        let account = month.accounts.iter().find(|it| it.code.to_string() == code);
        account.map_or(Decimal::ZERO, |it| it.balance)
    };
    assert_eq!(balance("1303"), month.outstanding, "seed {seed}");
    assert_eq!(balance("1003"), -month.cash_need, "seed {seed}");
    assert!(balance("1304.02").is_zero(), "seed {seed}");
    let buckets: Decimal = month.arrears.iter().map(|it| it.principal).sum();
    assert_eq!(buckets, month.outstanding, "seed {seed}");
    let earned: Decimal = month.income.iter().map(|it| it.amount).sum();
    assert_eq!(month.result, earned - month.cost_of_money, "seed {seed}");
    assert!(month.suspended <= month.outstanding, "seed {seed}");
}

/// What a book tells of a loan is what its facts give when they are folded as a real loan's are.
#[test]
fn a_told_life_follows_from_its_facts() {
    let mut lives = 0;
    for seed in 0..60 {
        let mut prng = Prng::stream(seed, "told lives");
        let setup = any_setup(&mut prng);
        let product = setup.product();
        let scenario = scenario(&any_scenario(&mut prng), &product).unwrap();
        let book = Book::new(&scenario, rules(&product), setup.suspended_after, seed).unwrap();
        for number in 0..book.loans() {
            let mut cells = book.cells();
            let Some((life, _)) = book.life(number, &mut cells).unwrap() else { continue };
            let facts: Vec<_> = life.outcome.facts.iter().collect();
            let end = life.position.through;
            let again = fold(&life.loan, &facts, rules(&product), end).unwrap();
            let position = Position { facts: life.position.facts, ..again.position.clone() };
            assert_eq!((&again.loan, &position), (&life.loan, &life.position), "seed {seed}");
            lives += 1;
        }
    }
    assert!(lives > 500, "{lives}");
}

#[test]
fn who_pays_in_time_pays_what_was_planned() {
    for seed in 0..40 {
        let mut prng = Prng::stream(seed, "in time");
        let product = any_setup(&mut prng).product();
        let text = "{ from: 2024-02-10, months: 60, loans: 7, growth: -0.5,
            amounts: [{ min: 0.50, max: 4000, step: 0.01 }],
            terms: [{ term: 2 }, { term: 9 }] }";
        let scenario = scenario(text, &product).unwrap();
        let book = Book::new(&scenario, rules(&product), None, seed).unwrap();
        let report = told(&book);
        let mut planned = Amount::ZERO;
        for number in 0..book.loans() {
            let mut cells = book.cells();
            let Some((life, _)) = book.life(number, &mut cells).unwrap() else { continue };
            assert_eq!(life.loan.status, Status::Settled);
            planned += life.loan.upfront_fees;
            let others = product.third_party_fees(life.loan.principal, life.loan.term).unwrap();
            planned += others.into_iter().map(|(_, _, fee)| fee).sum();
            let own = |it: &Instalment| it.interest + it.fees + it.subsidy;
            planned += life.loan.plan.iter().map(own).sum();
        }
        assert_eq!(report.result, planned.to_decimal(product.currency()), "seed {seed}");
        assert_eq!(report.months.last().unwrap().cash_need, -report.result, "seed {seed}");
    }
}

#[test]
fn the_order_in_which_loans_are_told_does_not_matter() {
    for seed in 0..20 {
        let mut prng = Prng::stream(seed, "order");
        let product = any_setup(&mut prng).product();
        let scenario = scenario(&any_scenario(&mut prng), &product).unwrap();
        let book = Book::new(&scenario, rules(&product), Some(90), seed).unwrap();
        let report = told(&book);
        assert_eq!(told(&book), report);
        let mut cells = Cells::default();
        let mut to = book.loans();
        while to > 0 {
            let from = to.saturating_sub(1 + number(&mut prng, 9));
            cells = book.tell(from..to).unwrap().merge(cells).unwrap();
            to = from;
        }
        assert_eq!(book.report(cells).unwrap(), report, "seed {seed}");
        let other = told(&Book::new(&scenario, rules(&product), Some(90), seed + 1).unwrap());
        assert!(report.loans == 0 || other.digest != report.digest, "seed {seed}");
    }
}

#[test]
fn another_definition_is_tried_on_the_same_borrowers() {
    let (usual, mut dearer) = (Setup::usual(), Setup::usual());
    dearer.rate = usual.rate + Decimal::new(6, 2);
    let (usual, dearer) = (usual.product(), dearer.product());
    let text = "{ from: 2025-01-10, months: 12, loans: 20,
        amounts: [{ min: 100, max: 5000 }], terms: [{ term: 6 }, { term: 3 }],
        behaviours: [{ weight: 2 }, { misses: { chance: 0.3 } }, { defaults: { after: 2 } }] }";
    let scenario = scenario(text, &usual).unwrap();
    let tell = |product| told(&Book::new(&scenario, rules(product), Some(90), 7).unwrap());
    let (usual, dearer) = (tell(&usual), tell(&dearer));
    let difference = dearer.less(&usual);
    for month in &difference.months {
        for line in &month.lines {
            assert_eq!(line.this - line.other, line.difference);
            let same = ["loans", "disbursed"].contains(&line.name);
            assert!(!same || line.difference.is_zero(), "{line:?}");
        }
    }
    let total = |name| difference.total.iter().find(|it| it.name == name).unwrap().difference;
    assert!(total("result") > Decimal::ZERO);
    assert!(total("annual_cost_simple_median") > Decimal::ZERO);
    assert!(usual.less(&usual).total.iter().all(|it| it.difference.is_zero()));
}

#[test]
fn what_a_product_does_not_offer_is_counted() {
    let product = Setup::usual().product();
    let text = "{ from: 2025-01-01, months: 1, loans: 9, amounts: [{ min: 2e12, max: 2e12 }] }";
    let scenario = scenario(text, &product).unwrap();
    let report = told(&Book::new(&scenario, rules(&product), None, 1).unwrap());
    assert_eq!(report.refused, BTreeMap::from([("amount-too-large", 9)]));
    assert_eq!((report.loans, report.annual_cost), (0, None));
    assert!(report.lines().iter().all(|(_, it)| it.is_zero()));
}

#[test]
fn a_scenario_that_is_wrong_is_refused_with_its_places() {
    let product = Setup::usual().product();
    let problems = [
        ("{ months: 0 }", "months: It is not 1 to 120."),
        ("{ months: 121 }", "months: It is not 1 to 120."),
        ("{ loans: 30000 }", "loans: It makes more than 1000000 loans in all."),
        ("{ loans: 1, months: 40, growth: 1 }", "loans: It makes more than 1000000 loans in all."),
        ("{ growth: 1.5 }", "growth: It is not -1 to 1."),
        ("{ cost_of_money: -0.1 }", "cost_of_money: It is negative."),
        ("{ charge_off_after: 0 }", "charge_off_after: It is not 1 to 3660."),
        ("{ amounts: [{ min: 2, max: 1 }] }", "amounts[0]: It has a `min` above its `max`."),
        (
            "{ amounts: [{ min: 1, max: 1.001 }] }",
            "amounts[0].max: It is no amount of the currency above nothing.",
        ),
        ("{ terms: [{ term: 481 }] }", "terms[0].term: It is not 1 to 480."),
        ("{ behaviours: [{ weight: 0 }] }", "behaviours[0].weight: It is not 1 to 1000000."),
        (
            "{ behaviours: [{}, { misses: { chance: 1.1 } }] }",
            "behaviours[1].misses.chance: It is not 0 to 1.",
        ),
        (
            "{ behaviours: [{ late: { days: 0 } }] }",
            "behaviours[0].late.days: It is not 1 to 3660.",
        ),
        ("{ behaviours: [{ sleeps: 1 }] }", "(file): It cannot be read: unknown field `sleeps`"),
    ];
    for (text, problem) in problems {
        let wrong = scenario(text, &product).unwrap_err();
        assert!(wrong.contains(problem), "{text}: {wrong}");
    }
    assert_eq!(LOANS_MAX, 1_000_000);
}

#[test]
fn a_scenario_that_says_nothing_is_one_of_the_product() {
    let product = Setup::usual().product();
    let scenario = scenario("{}", &product).unwrap();
    let book = Book::new(&scenario, rules(&product), None, 1).unwrap();
    assert_eq!((book.loans(), book.contract_months_max()), (3_600, 100 * 36 * 37 / 2));
    assert_eq!(scenario.from(), product.definition().effective);
}
