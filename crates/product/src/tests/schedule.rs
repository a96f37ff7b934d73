use std::fmt::Write as _;

use expect_test::{Expect, expect};
use money::{Amount, Calendar, Currency, DayCount, Decimal, Period, Roll, Rounding, Unit};
use stdx::{Date, Prng, table};

use crate::{
    kinds::instalment_loan::{BrokenPeriod, Grace, Method},
    schedule::{
        Days, DueDates, Instalment, NUMBER_MAX, PRINCIPAL_MAX, ScheduleError, Subsidy, SubsidyPart,
        Terms, annual_cost, schedule,
    },
};

mod explain;
mod promises;
mod tables;

/// The methods by short names, so that tables stay narrow.
const METHODS: [(&str, Method); 5] = [
    ("level", Method::EqualInstalment),
    ("equal", Method::EqualPrincipal),
    ("first", Method::InterestFirst),
    ("bullet", Method::Bullet),
    ("flat", Method::Flat),
];

fn method(name: &str) -> Method {
    METHODS.iter().find(|(it, _)| *it == name).unwrap().1
}

fn no_fee(_: u32, _: Amount) -> Option<Amount> {
    Some(Amount::ZERO)
}

fn plan(terms: &Terms) -> Result<Vec<Instalment>, ScheduleError> {
    schedule(terms, Calendar::china(), no_fee)
}

/// The terms of a table row.
fn terms(row: &table::Row<'_>) -> Terms {
    let currency = Currency::CNY;
    let principal = Amount::parse(row.text("principal"), currency).unwrap();
    let every = period(row.text("every"));
    Terms {
        method: method(row.text("method")),
        day_count: row.get("count"),
        ..Terms::new(principal, currency, row.get("n"), every, row.get("rate"), row.get("on"))
    }
}

/// The terms of the one row of a table.
fn only(text: &str) -> Terms {
    terms(&table::parse(text)[0])
}

/// `1-month` in a table is the period `1 month`.
fn period(text: &str) -> Period {
    text.replace('-', " ").parse().unwrap()
}

fn check(terms: &Terms, expected: Expect) {
    let mut shown = String::new();
    for it in plan(terms).unwrap() {
        let amount = |amount: Amount| amount.text(Currency::CNY);
        let amounts = [it.principal, it.interest, it.total(), it.balance].map(amount);
        let [principal, interest, total, balance] = amounts;
        let Instalment { number, from, due, days, .. } = it;
        writeln!(
            shown,
            "{number} {from} {due} {days:>3} {principal:>7} {interest:>5} {total:>7} {balance:>7}"
        )
        .unwrap();
    }
    expected.assert_eq(&shown);
}

#[test]
fn equal_instalments_of_a_hundred_at_seven_percent() {
    // E = 100 × f ÷ (1 − (1 + f)⁻⁶), f = 0.07 ÷ 12: 17.0086…, and by hand from there.
    check(
        &only(
            "
            principal n method on         every   rate count
            100.00    6 level  2024-01-01 1-month 0.07 30/360
            ",
        ),
        expect![[r#"
            1 2024-01-01 2024-02-01  30   16.43  0.58   17.01   83.57
            2 2024-02-01 2024-03-01  30   16.52  0.49   17.01   67.05
            3 2024-03-01 2024-04-01  30   16.62  0.39   17.01   50.43
            4 2024-04-01 2024-05-01  30   16.72  0.29   17.01   33.71
            5 2024-05-01 2024-06-01  30   16.81  0.20   17.01   16.90
            6 2024-06-01 2024-07-01  30   16.90  0.10   17.00    0.00
        "#]],
    );
    // 5000.00 at 9.6 %: f = 0.008 exactly.
    check(
        &only(
            "
            principal n method on         every   rate  count
            5000.00   3 level  2022-11-01 1-month 0.096 30/360
            ",
        ),
        expect![[r#"
            1 2022-11-01 2022-12-01  30 1653.40 40.00 1693.40 3346.60
            2 2022-12-01 2023-01-01  30 1666.63 26.77 1693.40 1679.97
            3 2023-01-01 2023-02-01  30 1679.97 13.44 1693.41    0.00
        "#]],
    );
}

#[test]
fn actual_days_follow_the_months() {
    check(
        &only(
            "
            principal n method on         every   rate count
            1000.00   4 level  2023-12-15 1-month 0.12 ACT/360
            ",
        ),
        expect![[r#"
            1 2023-12-15 2024-01-15  31  246.08 10.33  256.41  753.92
            2 2024-01-15 2024-02-15  31  248.62  7.79  256.41  505.30
            3 2024-02-15 2024-03-15  29  251.53  4.88  256.41  253.77
            4 2024-03-15 2024-04-15  31  253.77  2.62  256.39    0.00
        "#]],
    );
    // 17 days of 2023 and 14 of 2024 in the first instalment; see the fraction of each year.
    check(
        &only(
            "
            principal n method on         every   rate count
            1000.00   4 level  2023-12-15 1-month 0.12 ACT/ACT
            ",
        ),
        expect![[r#"
            1 2023-12-15 2024-01-15  31  246.13 10.18  256.31  753.87
            2 2024-01-15 2024-02-15  31  248.65  7.66  256.31  505.22
            3 2024-02-15 2024-03-15  29  251.51  4.80  256.31  253.71
            4 2024-03-15 2024-04-15  31  253.71  2.58  256.29    0.00
        "#]],
    );
    check(
        &only(
            "
            principal n method on         every  rate count
            1000.00   4 level  2023-12-15 1-week 0.12 ACT/365F
            ",
        ),
        expect![[r#"
            1 2023-12-15 2023-12-22   7  249.14  2.30  251.44  750.86
            2 2023-12-22 2023-12-29   7  249.71  1.73  251.44  501.15
            3 2023-12-29 2024-01-05   7  250.29  1.15  251.44  250.86
            4 2024-01-05 2024-01-12   7  250.86  0.58  251.44    0.00
        "#]],
    );
}

#[test]
fn the_other_methods() {
    check(
        &only(
            "
            principal n method on         every   rate count
            1000.00   3 equal  2024-01-31 1-month 0.12 30/360
            ",
        ),
        expect![[r#"
            1 2024-01-31 2024-02-29  30  333.33 10.00  343.33  666.67
            2 2024-02-29 2024-03-31  30  333.33  6.67  340.00  333.34
            3 2024-03-31 2024-04-30  30  333.34  3.33  336.67    0.00
        "#]],
    );
    check(
        &only(
            "
            principal n method on         every   rate count
            1000.00   3 first  2024-01-31 1-month 0.12 30/360
            ",
        ),
        expect![[r#"
            1 2024-01-31 2024-02-29  30    0.00 10.00   10.00 1000.00
            2 2024-02-29 2024-03-31  30    0.00 10.00   10.00 1000.00
            3 2024-03-31 2024-04-30  30 1000.00 10.00 1010.00    0.00
        "#]],
    );
    check(
        &only(
            "
            principal n method on         every   rate count
            1000.00   3 bullet 2024-01-31 1-month 0.12 30/360
            ",
        ),
        expect![[r#"
            1 2024-01-31 2024-04-30  90 1000.00 30.00 1030.00    0.00
        "#]],
    );
    check(
        &only(
            "
            principal n method on         every   rate count
            1000.00   3 flat   2024-01-31 1-month 0.12 30/360
            ",
        ),
        expect![[r#"
            1 2024-01-31 2024-02-29  30  333.33 10.00  343.33  666.67
            2 2024-02-29 2024-03-31  30  333.33 10.00  343.33  333.34
            3 2024-03-31 2024-04-30  30  333.34 10.00  343.34    0.00
        "#]],
    );
}

#[test]
fn rolled_and_broken_periods_count_their_days() {
    // National Day 2024 is a holiday from 1 to 7 October; the date after is planned anew from
    // the day of disbursal.
    check(
        &Terms {
            roll: Roll::Following,
            ..only(
                "
            principal n method on         every   rate count
            1200.00   3 level  2024-09-01 1-month 0.12 ACT/360
            ",
            )
        },
        expect![[r#"
            1 2024-09-01 2024-10-08  37  393.68 14.80  408.48  806.32
            2 2024-10-08 2024-11-01  24  402.03  6.45  408.48  404.29
            3 2024-11-01 2024-12-02  31  404.29  4.18  408.47    0.00
        "#]],
    );
    check(
        &Terms {
            due: DueDates::starting("2024-11-05".parse().unwrap(), Period::MONTH),
            ..only(
                "
            principal n method on         every   rate count
            1200.00   3 level  2024-09-20 1-month 0.12 30/360
            ",
            )
        },
        expect![[r#"
            1 2024-09-20 2024-11-05  45  392.05 18.00  410.05  807.95
            2 2024-11-05 2024-12-05  30  401.97  8.08  410.05  405.98
            3 2024-12-05 2025-01-05  30  405.98  4.06  410.04    0.00
        "#]],
    );
}

#[test]
fn fees_are_asked_for_by_number_and_balance() {
    let terms = only(
        "
            principal n method on         every   rate count
            900.00    3 equal  2024-01-01 1-month 0    30/360
            ",
    );
    let one_percent = |number: u32, balance: Amount| {
        assert!(number <= 3);
        Some(Amount::from_minor(balance.minor() / 100))
    };
    let plan = schedule(&terms, Calendar::china(), one_percent).unwrap();
    let fees: Vec<_> = plan.iter().map(|it| it.fees.minor()).collect();
    assert_eq!(fees, [900, 600, 300]);
    assert_eq!(plan[0].total().minor(), 30_900);

    for wrong in [None, Some(Amount::from_minor(-1))] {
        let fee = |number: u32, _| if number == 2 { wrong } else { Some(Amount::ZERO) };
        let refused = schedule(&terms, Calendar::china(), fee);
        assert_eq!(refused, Err(ScheduleError::Fee { instalment: 2 }));
    }
}

#[test]
fn absurd_terms_have_named_errors() {
    let rows = table::parse(
        "
        principal         n   method on         every        rate  count  code
        0                 1   level  2024-01-01 1-month      0.1   30/360 principal-out-of-range
        -1                1   flat   2024-01-01 1-month      0.1   30/360 principal-out-of-range
        10000000000000.01 1   flat   2024-01-01 1-month      0.1   30/360 principal-out-of-range
        100               0   flat   2024-01-01 1-month      0.1   30/360 instalments-out-of-range
        100               481 flat   2024-01-01 1-month      0.1   30/360 instalments-out-of-range
        100               12  flat   2024-01-01 1-month      -0.1  30/360 rate-out-of-range
        100               12  flat   2024-01-01 1-month      100.1 30/360 rate-out-of-range
        100               12  flat   9999-12-01 1-month      0.1   30/360 date-out-of-range
        100               480 flat   2024-01-01 999-years    0.1   30/360 date-out-of-range
        100               12  bullet 2024-01-01 999999-years 0.1   30/360 date-out-of-range
        1000              480 level  2024-01-01 1-month      10    30/360 interest-not-covered
        10000000000000    480 first  2024-01-01 1-month      100   30/360 total-too-large
        ",
    );
    let code = |terms: &Terms| plan(terms).unwrap_err().code();
    for row in &rows {
        assert_eq!(code(&terms(row)), row.text("code"), "line {}", row.line);
    }
    let usual = Terms { principal: Amount::from_minor(10_000), ..terms(&rows[0]) };
    let due = DueDates::starting(usual.from, Period::MONTH);
    let not_after = "due-dates-not-increasing";
    assert_eq!(code(&Terms { due, ..usual.clone() }), not_after);
    // Every day of the National Day holidays falls due on the first working day after them.
    let from = "2024-10-02".parse().unwrap();
    let daily = DueDates::Every { period: period("1-day"), date: from, number: 0 };
    let daily = Terms { instalments: 3, from, due: daily, ..usual.clone() };
    assert_eq!(code(&Terms { roll: Roll::Following, ..daily }), not_after);
    let two = DueDates::On(vec![later(from, 30), later(from, 60)]);
    let missing = Terms { instalments: 3, from, due: two, ..usual.clone() };
    assert_eq!(plan(&missing), Err(ScheduleError::DueDateMissing { instalment: 3 }));
    let nothing = Amount::ZERO;
    for (terms, expected) in [
        (Terms { level: Some(nothing), ..usual.clone() }, "level-out-of-range"),
        (Terms { multiple: Some(nothing), ..usual.clone() }, "level-out-of-range"),
        (Terms { balloon: usual.principal, ..usual.clone() }, "balloon-out-of-range"),
        (Terms { first_number: 0, ..usual.clone() }, "instalments-out-of-range"),
        (Terms { first_number: NUMBER_MAX, ..usual.clone() }, "instalments-out-of-range"),
        (
            Terms { free: vec![days(from, 3), days(from, 9)], ..usual.clone() },
            "free-days-not-in-order",
        ),
        (Terms { subsidy: share("1.1"), ..usual.clone() }, "rate-out-of-range"),
        (Terms { subsidy: share("-0.1"), ..usual.clone() }, "rate-out-of-range"),
    ] {
        assert_eq!(code(&terms), expected);
    }
}

fn later(date: Date, days: u32) -> Date {
    date.checked_add(jiff::Span::new().days(i64::from(days))).unwrap()
}

fn days(from: Date, count: u32) -> Days {
    Days { from, to: later(from, count) }
}

fn share(share: &str) -> Option<Subsidy> {
    Some(Subsidy { part: SubsidyPart::Share(share.parse().unwrap()), until: NUMBER_MAX })
}

/// A number in `0..bound`.
fn number(prng: &mut Prng, bound: u64) -> u32 {
    u32::try_from(prng.below(bound)).unwrap()
}

/// Terms such as a product may have, and beyond: rhythm, method, rate, rounding.
fn any_terms(prng: &mut Prng) -> Terms {
    let months = Period::new(1 + number(prng, 3), Unit::Month).unwrap();
    let weeks = Period::new(1 + number(prng, 4), Unit::Week).unwrap();
    let every = if prng.chance(60) { months } else { weeks };
    let from = later("2019-01-01".parse().unwrap(), number(prng, 3_000));
    let stub = 1 + number(prng, 70);
    let digits = 1 + number(prng, 11);
    let most = *prng.pick(&[6, 24, 60, 480]);
    let count = 1 + number(prng, most);
    let principal = Amount::from_minor(1 + i64::try_from(prng.below(10_u64.pow(digits))).unwrap());
    let currency = *prng.pick(&["CNY", "JPY", "BHD"].map(|code| code.parse().unwrap()));
    let rate = Decimal::new(i64::try_from(prng.below(3_600)).unwrap(), 4);
    let plain = Terms::new(principal, currency, count, every, rate, from);
    let first = DueDates::starting(later(from, stub), every);
    Terms {
        method: prng.pick(&METHODS).1,
        due: if prng.chance(20) { first } else { plain.due.clone() },
        roll: if prng.chance(70) { Roll::Unadjusted } else { prng.pick(&Roll::ALL).1 },
        day_count: prng.pick(&DayCount::ALL).1,
        rounding: prng.pick(&Rounding::ALL).1,
        ..plain
    }
}

/// As [`any_terms`], with everything else a loan may have.
fn rich_terms(prng: &mut Prng) -> Terms {
    let plain = any_terms(prng);
    let spared = |prng: &mut Prng| if prng.chance(50) { 0 } else { number(prng, 8) };
    let grace =
        Grace { principal: spared(prng), interest: spared(prng), capitalise: prng.chance(50) };
    let digits = 10_i64.pow(plain.currency.digits());
    let balloon = plain.principal.minor() / 100 * i64::from(number(prng, 90));
    let mut free = Vec::new();
    for _ in 0..prng.below(4) {
        days(later(plain.from, number(prng, 400)), 1 + number(prng, 60)).insert(&mut free);
    }
    let part = if prng.chance(50) {
        SubsidyPart::Share(Decimal::new(i64::from(number(prng, 101)), 2))
    } else {
        SubsidyPart::Points(Decimal::new(i64::from(number(prng, 1_000)), 4))
    };
    let irregular = dates(prng, plain.from, plain.instalments);
    let broken = [BrokenPeriod::Spread, BrokenPeriod::First, BrokenPeriod::Separate];
    Terms {
        due: if prng.chance(15) { DueDates::On(irregular) } else { plain.due.clone() },
        adjusted: prng.chance(70),
        multiple: prng.chance(20).then(|| Amount::from_minor(digits)),
        balloon: if prng.chance(20) { Amount::from_minor(balloon) } else { Amount::ZERO },
        grace: if prng.chance(40) { grace } else { Grace::default() },
        broken: *prng.pick(&broken),
        free,
        subsidy: prng.chance(30).then(|| Subsidy { part, until: 1 + number(prng, 30) }),
        ..plain
    }
}

/// Due dates three days to two months apart; one more than instalments, for a broken period.
fn dates(prng: &mut Prng, from: Date, count: u32) -> Vec<Date> {
    let next = |date: &Date| Some(later(*date, 3 + number(prng, 60)));
    std::iter::successors(Some(from), next).skip(1).take(count as usize + 1).collect()
}

#[test]
fn every_schedule_repays_exactly_what_was_lent() {
    let mut planned = 0;
    for seed in 0..4_000 {
        let mut prng = Prng::stream(seed, "schedule");
        let terms = any_terms(&mut prng);
        // A broken first period can be too long or too short, and a tie of rolled dates happens.
        let Ok(plan) = plan(&terms) else { continue };
        planned += 1;
        let count = if terms.method == Method::Bullet { 1 } else { terms.instalments };
        assert_eq!(plan.len(), usize::try_from(count).unwrap(), "seed {seed}");
        let repaid: Amount = plan.iter().map(|it| it.principal).sum();
        assert_eq!(repaid, terms.principal, "seed {seed}");
        assert!(plan.last().unwrap().balance.is_zero(), "seed {seed}");
        follow(&terms, &plan, seed);
    }
    assert!(planned > 3_500, "{planned}");
}

/// Follows a plan line by line: dates meet, balances fall, interest is that of the balance.
fn follow(terms: &Terms, plan: &[Instalment], seed: u64) {
    let (mut from, mut balance) = (terms.from, terms.principal);
    for (number, it) in (1..).zip(plan) {
        assert_eq!((it.number, it.from), (number, from), "seed {seed}");
        assert!(it.due > it.from, "seed {seed}");
        assert!(!it.principal.is_negative() && !it.interest.is_negative(), "seed {seed}");
        assert_eq!(balance - it.principal, it.balance, "seed {seed}");
        assert!(!it.balance.is_negative(), "seed {seed}");
        let base = if terms.method == Method::Flat { terms.principal } else { balance };
        let exact = base.to_decimal(terms.currency) * terms.rate * years(terms, it);
        let interest = Amount::round(exact, terms.currency, terms.rounding).unwrap();
        let off = (interest - it.interest).minor().abs();
        // The quotient here is rounded before it meets the amount: a tie may fall either way.
        assert!(off <= i64::from(is_tie(exact, terms.currency)), "seed {seed} {number}");
        (from, balance) = (it.due, it.balance);
    }
}

/// The part of a year of an instalment, naively.
fn years(terms: &Terms, it: &Instalment) -> Decimal {
    let over = |year: i32| Decimal::from(it.days) / Decimal::from(year);
    match terms.day_count {
        DayCount::Thirty360 | DayCount::Act360 => over(360),
        DayCount::Act365Fixed => over(365),
        DayCount::ActAct => {
            let days = it.from.series(jiff::ToSpan::days(1)).take_while(|day| *day < it.due);
            let mut of_year = std::collections::BTreeMap::<i16, i32>::new();
            days.for_each(|day| *of_year.entry(day.days_in_year()).or_default() += 1);
            of_year.iter().map(|(year, days)| Decimal::from(*days) / Decimal::from(*year)).sum()
        }
    }
}

fn is_tie(exact: Decimal, currency: Currency) -> bool {
    let scaled = exact * Decimal::from(2 * 10_i64.pow(currency.digits()));
    (scaled - scaled.round()).abs() < Decimal::new(1, 12)
}

#[test]
fn a_whole_month_of_thirty_days_is_a_twelfth_of_a_year() {
    let terms = only(
        "
            principal n  method on         every   rate count
            1200.00   12 first  2024-01-31 1-month 0.12 30/360
            ",
    );
    let plan = plan(&terms).unwrap();
    assert!(plan.iter().all(|it| (it.days, it.interest.minor()) == (30, 1_200)), "{plan:?}");
}

/// The dates of a loan whose first instalment is due a period after disbursal.
fn regular(terms: &Terms) -> DueDates {
    let period = terms.due.period().unwrap();
    DueDates::Every { period, date: terms.from, number: 0 }
}

#[test]
fn level_instalments_are_equal_and_the_last_is_near() {
    for seed in 0..2_000 {
        let mut prng = Prng::stream(seed, "level");
        let count = 2 + u32::try_from(prng.below(59)).unwrap();
        let terms = Terms {
            principal: Amount::from_minor(100_000 + i64::try_from(prng.below(10_000_000)).unwrap()),
            instalments: count,
            method: Method::EqualInstalment,
            roll: Roll::Unadjusted,
            rounding: Rounding::HalfEven,
            ..any_terms(&mut prng)
        };
        let terms = Terms { due: regular(&terms), ..terms };
        let plan = plan(&terms).unwrap();
        let (last, before) = plan.split_last().unwrap();
        let level = before[0].total();
        assert!(before.iter().all(|it| it.total() == level), "seed {seed}");
        let off = (last.total() - level).minor().abs();
        assert!(Decimal::from(off) <= drift(&terms, &plan), "seed {seed}: {off}");
    }
}

/// How far the last instalment may be off, in minor units: half a unit of the level sum and half
/// a unit of interest per instalment, each of them carried with interest to the end.
fn drift(terms: &Terms, plan: &[Instalment]) -> Decimal {
    let carried = |sum: Decimal, it: &Instalment| {
        sum * (Decimal::ONE + terms.rate * years(terms, it)) + Decimal::ONE
    };
    plan.iter().fold(Decimal::ZERO, carried)
}

#[test]
fn level_sums_match_the_compound_formula() {
    for seed in 0..500 {
        let mut prng = Prng::stream(seed, "compound");
        let terms = Terms {
            principal: Amount::from_minor(1_000_000),
            instalments: 2 + u32::try_from(prng.below(47)).unwrap(),
            method: Method::EqualInstalment,
            rate: Decimal::new(1 + i64::try_from(prng.below(3_600)).unwrap(), 4),
            rounding: Rounding::HalfUp,
            ..any_terms(&mut prng)
        };
        let terms = Terms { due: regular(&terms), ..terms };
        let Ok(plan) = plan(&terms) else { continue };
        // E = P × Π(1 + f) ÷ Σⱼ Πₖ﹥ⱼ(1 + fₖ), the other way round than the code.
        let (mut growth, mut sum) = (Decimal::ONE, Decimal::ZERO);
        for it in plan.iter().rev() {
            sum += growth;
            growth *= Decimal::ONE + terms.rate * years(&terms, it);
        }
        let exact = terms.principal.to_decimal(terms.currency) * growth / sum;
        let level = Amount::round(exact, terms.currency, terms.rounding).unwrap();
        assert_eq!(plan[0].total(), level, "seed {seed}");
    }
}

#[test]
fn the_largest_loans_do_not_panic() {
    for seed in 0..300 {
        let mut prng = Prng::stream(seed, "large");
        let period: Period = prng.pick(&["1 day", "1 week", "1 month", "9 years"]).parse().unwrap();
        let rich = rich_terms(&mut prng);
        let terms = Terms {
            principal: PRINCIPAL_MAX,
            rate: Decimal::from(prng.below(101)),
            instalments: 480,
            due: DueDates::Every { period, date: rich.from, number: 0 },
            grace: Grace { principal: 5, interest: 5, ..rich.grace },
            ..rich
        };
        if let Ok(plan) = plan(&terms) {
            let made: Amount = plan.iter().map(|it| it.capitalised).sum();
            let repaid: Amount = plan.iter().map(|it| it.principal).sum();
            assert_eq!(repaid, PRINCIPAL_MAX + made);
        }
    }
}

#[test]
fn the_annual_cost_counts_what_is_kept_back() {
    let rows = table::parse(
        "
        n  method every    rate  count    paid_out => simple         compound
        12 first  1-month  0.12  30/360   1000.00     0.12           0.126825030132
        12 first  3-months 0.12  30/360   1000.00     0.12           0.12550881
        12 bullet 1-month  0.12  30/360   1000.00     0.113865515215 0.12
        1  bullet 1-year   0.10  30/360   990.00      0.111111111111 0.111111111111
        52 first  1-week   0.365 ACT/365F 1000.00     0.365          0.438683458615
        2  equal  1-week   0     ACT/365F 950.00      1.819177285673 4.978457337567
        ",
    );
    let usual =
        "principal n method on every rate count\n1000 1 bullet 2023-01-01 1-month 0.1 ACT/365F";
    let usual = only(usual);
    let cost = |terms: &Terms, paid_out: &str| {
        let paid_out = Amount::parse(paid_out, Currency::CNY).unwrap();
        annual_cost(terms, paid_out, &plan(terms).unwrap())
    };
    for row in rows {
        let every = period(row.text("every"));
        let Terms { principal, currency, from, .. } = usual;
        let terms = Terms {
            method: method(row.text("method")),
            day_count: row.get("count"),
            ..Terms::new(principal, currency, row.get("n"), every, row.get("rate"), from)
        };
        let cost = cost(&terms, row.text("paid_out")).unwrap();
        assert_eq!(cost.simple, row.get::<Decimal>("simple"), "line {}", row.line);
        assert_eq!(cost.compound, row.get::<Decimal>("compound"), "line {}", row.line);
    }
    // A broken first period of a year counts by its days; nothing paid out has no cost.
    let year = "2024-01-01".parse().unwrap();
    let broken = Terms { due: DueDates::starting(year, Period::MONTH), ..usual.clone() };
    let of_year = cost(&broken, "1000").unwrap();
    assert_eq!(of_year.compound, Decimal::new(1, 1));
    // 12 × (1.1^(1/12) − 1).
    assert_eq!(of_year.simple.round_dp(6), "0.095690".parse().unwrap());
    assert_eq!(cost(&broken, "0"), None);
    // Dates of one's own have the day for a period: 0.1 = (1 + r)³⁶⁵ − 1, 365 × r = 0.0953….
    let listed = Terms { due: DueDates::On(vec![year]), ..usual };
    let listed = cost(&listed, "1000").unwrap();
    assert_eq!(listed.compound, Decimal::new(1, 1));
    assert_eq!(listed.simple.round_dp(6), "0.095323".parse().unwrap());
}

#[test]
fn equal_principal_rounds_to_the_nearest_and_the_last_takes_the_residue() {
    let terms = only(
        "
            principal n method on         every   rate count
            5000.00   3 equal  2022-11-01 1-month 0.12 30/360
            ",
    );
    let principal = |plan: Vec<Instalment>| plan.iter().map(|it| it.principal.minor()).collect();
    let repaid: Vec<i64> = principal(plan(&terms).unwrap());
    assert_eq!(repaid, [166_667, 166_667, 166_666]);
    // Five cents in ten parts round to nothing or too much: the balance still ends at zero.
    for minor in [5, 6] {
        let tiny = Terms { principal: Amount::from_minor(minor), instalments: 10, ..terms.clone() };
        let repaid: Vec<i64> = principal(plan(&tiny).unwrap());
        assert_eq!(repaid.iter().sum::<i64>(), minor);
        assert!(repaid.iter().all(|it| *it >= 0), "{repaid:?}");
    }
}
