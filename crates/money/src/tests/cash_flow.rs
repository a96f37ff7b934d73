use jiff::ToSpan;
use rust_decimal::MathematicalOps;
use stdx::{Date, Prng};

use super::{any_date, date};
use crate::{Decimal, RATE_DIGITS, annual_cost, irr, simple_rate, xirr};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn decimals(text: &str) -> Vec<Decimal> {
    text.split_whitespace().map(decimal).collect()
}

/// A whole number of `unit` in `0..bound`.
fn any(prng: &mut Prng, bound: u64, unit: &str) -> Decimal {
    Decimal::from(prng.below(bound)) * decimal(unit)
}

#[track_caller]
fn assert_near(actual: Option<Decimal>, expected: Decimal) {
    let actual = actual.expect("there is a rate");
    assert!((actual - expected).abs() < decimal("0.0000000001"), "{actual}, not {expected}");
}

/// The example in the annex of 中国人民银行公告〔2021〕第3号.
#[test]
fn the_example_of_the_central_bank() {
    let mut flows = decimals("100000");
    flows[0] -= Decimal::from(1_000);
    flows.extend([decimal("-8833.3"); 12]);
    let cost = annual_cost(&flows, 12).unwrap();
    assert_eq!((cost.simple * Decimal::ONE_HUNDRED).round_dp(2), decimal("12.80"));
    assert_eq!((cost.compound * Decimal::ONE_HUNDRED).round_dp(2), decimal("13.58"));
}

#[test]
fn rates_that_are_known_exactly() {
    for (flows, rate) in [
        ("-100 110", "0.1"),
        ("100 -110", "0.1"),
        ("-100 100", "0"),
        ("-100 50", "-0.5"),
        ("-100 0 121", "0.1"),
        ("-100 10 10 10 110", "0.1"),
        ("0 0 -100 110 0", "0.1"),
        ("-1 500", "499"),
        ("-0.0000000000000000000000000001 0.0000000000000000000000000002", "1"),
        ("-39614081257132168796771975167 79228162514264337593543950334", "1"),
        // Two rates solve these, 10 % and 300 %, and −4 % and 30 %; the nearer one is found.
        ("-100 510 -440", "0.1"),
        ("100 -226 124.8", "-0.04"),
    ] {
        assert_eq!(irr(&decimals(flows)), Some(decimal(rate)), "{flows}");
    }
}

#[test]
fn no_rate_where_none_solves_the_flows() {
    for flows in ["", "0", "0 0", "100", "100 100", "-1 -2 -3", "0 5 0", "100 -150 100"] {
        assert_eq!(irr(&decimals(flows)), None, "{flows}");
        assert_eq!(annual_cost(&decimals(flows), 12), None, "{flows}");
    }
    // Beyond the range of rates looked at.
    assert_eq!(irr(&decimals("-1 1000000")), None);
    assert_eq!(irr(&decimals("-1000000 1")), None);
    // 100 % a day is a rate, but a year of it has 110 digits.
    let day = date("2024-01-01");
    assert_eq!(irr(&decimals("-1 2")), Some(Decimal::ONE));
    let dated = [(day, decimal("-1")), (day.tomorrow().unwrap(), decimal("2"))];
    assert_eq!(xirr(&dated), None);
    assert_eq!(xirr(&[]), None);
    assert_eq!(xirr(&[(day, decimal("-1")), (day, decimal("2"))]), None);
}

/// The examples in the reference of the spreadsheet functions IRR and XIRR (Microsoft Excel),
/// to the digits printed there.
#[test]
fn the_examples_of_spreadsheets() {
    let flows = decimals("-70000 12000 15000 18000 21000 26000");
    assert_eq!(irr(&flows[..5]).unwrap().round_dp(3), decimal("-0.021"));
    assert_eq!(irr(&flows).unwrap().round_dp(3), decimal("0.087"));
    let dated = [
        ("2008-01-01", "-10000"),
        ("2008-03-01", "2750"),
        ("2008-10-30", "4250"),
        ("2009-02-15", "3250"),
        ("2009-04-01", "2750"),
    ];
    let mut dated = dated.map(|(day, amount)| (date(day), decimal(amount)));
    assert_eq!(xirr(&dated).unwrap().round_dp(8), decimal("0.37336253"));
    dated.reverse();
    assert_eq!(xirr(&dated).unwrap().round_dp(8), decimal("0.37336253"));
}

/// Payments are discounted at a rate chosen beforehand; that rate must come back.
#[test]
fn a_planted_rate_is_found() {
    let mut prng = Prng::stream(1, "irr-planted");
    for _ in 0..300 {
        let rate = any(&mut prng, 40_000, "0.00001") - decimal("0.1");
        let payments = 1 + prng.below(60);
        let (mut worth, mut flows) = (Decimal::ZERO, vec![Decimal::ZERO]);
        for period in 1..=payments {
            let payment = any(&mut prng, 1_000_000, "0.01") + Decimal::ONE;
            worth += payment / (Decimal::ONE + rate).powu(period);
            flows.push(payment);
        }
        flows[0] = -worth;
        assert_near(irr(&flows), rate);
        let opposite: Vec<_> = flows.iter().map(|flow| -flow / decimal("7")).collect();
        assert_near(irr(&opposite), rate);
    }
}

/// As above, with powers that are not whole.
#[test]
fn a_planted_annual_rate_is_found() {
    let mut prng = Prng::stream(2, "xirr-planted");
    for _ in 0..100 {
        let rate = any(&mut prng, 50_000, "0.0001") - decimal("0.5");
        let start = any_date(&mut prng);
        let (mut worth, mut flows) = (Decimal::ZERO, Vec::new());
        for _ in 0..=prng.below(24) {
            let days = i32::try_from(1 + prng.below(1_500)).unwrap();
            let payment = any(&mut prng, 1_000_000, "0.01") + Decimal::ONE;
            let years = Decimal::from(days) / Decimal::from(365);
            worth += payment * (Decimal::ONE + rate).powd(-years);
            flows.push((start.checked_add(days.days()).unwrap(), payment));
        }
        flows.push((start, -worth));
        assert_near(xirr(&flows), rate);
    }
}

/// An annuity, whose rate by months and whose rate by days are near one another, for terms and
/// prices as they occur.
#[test]
fn loans_as_they_occur() {
    for (months, monthly) in
        [(3, "0.01"), (12, "0.006"), (24, "0.02"), (60, "0.0035"), (360, "0.003")]
    {
        let rate = decimal(monthly);
        let discount = (Decimal::ONE + rate).powi(-months);
        let instalment = Decimal::from(100_000) * rate / (Decimal::ONE - discount);
        let mut flows = decimals("-100000");
        flows.extend((0..months).map(|_| instalment));
        assert_near(irr(&flows), rate);
        let cost = annual_cost(&flows, 12).unwrap();
        assert_near(Some(cost.simple), rate * Decimal::from(12));
        let start = date("2024-01-31");
        let due = |month: usize| start.checked_add(i64::try_from(month).unwrap().months()).unwrap();
        let dated: Vec<_> = flows.iter().enumerate().map(|(at, flow)| (due(at), *flow)).collect();
        let gap = (xirr(&dated).unwrap() - cost.compound).abs();
        assert!(gap < decimal("0.005"), "{months} months: {gap}");
    }
}

/// Whatever a loan costs, from nothing to thousands of per cent: a rate a little lower is too low,
/// a little higher too high.
#[test]
fn the_rate_of_a_loan_is_between_its_neighbours() {
    let mut prng = Prng::stream(4, "irr-neighbours");
    let step = decimal("0.000000000001");
    for _ in 0..300 {
        let dear = *prng.pick(&[1, 20, 500, 20_000]);
        let mut flows = vec![any(&mut prng, 1_000_000, "0.01") + Decimal::ONE];
        let count = 1 + prng.below(60);
        let each = flows[0] / Decimal::from(count);
        for _ in 0..count {
            let more = any(&mut prng, dear, "0.01") + Decimal::ONE;
            flows.push(-(each * more).round_dp(2));
        }
        let Some(rate) = irr(&flows) else { continue };
        let worth = |rate: Decimal| {
            let growth = Decimal::ONE + rate;
            flows.iter().rev().fold(Decimal::ZERO, |worth, flow| worth / growth + *flow)
        };
        assert!(worth(rate - step) < Decimal::ZERO, "{flows:?}");
        assert!(worth(rate + step) > Decimal::ZERO, "{flows:?}");
    }
}

#[test]
fn hostile_flows_get_an_answer() {
    let mut prng = Prng::stream(3, "irr-hostile");
    let extremes = [Decimal::MAX, Decimal::MIN, decimal("0.0000000000000000000000000001")];
    let amount = |prng: &mut Prng| match prng.below(6) {
        0 => Decimal::ZERO,
        1 => *prng.pick(&extremes),
        2 => -any(prng, 1_000, "0.0000000000000001"),
        3 => any(prng, u64::MAX, "1000000000"),
        4 => -any(prng, u64::MAX, "0.01"),
        _ => any(prng, 1_000, "1"),
    };
    let mut found = 0;
    for _ in 0..500 {
        let flows: Vec<_> = (0..prng.below(20)).map(|_| amount(&mut prng)).collect();
        found += u32::from(irr(&flows).is_some());
        let dated: Vec<_> = flows.iter().map(|flow| (far(&mut prng), *flow)).collect();
        xirr(&dated);
    }
    assert!(found > 100, "only {found} of 500 had a rate");
}

/// Any day there is.
fn far(prng: &mut Prng) -> Date {
    let day = i32::try_from(prng.below(7_300_000)).unwrap();
    Date::MIN.checked_add(day.days()).unwrap()
}

#[test]
fn a_simple_rate_is_rounded_once() {
    let flows = [950, -500, -500].map(Decimal::from);
    let weeks = Decimal::from(365) / Decimal::from(7);
    let per_week = irr(&flows).unwrap();
    assert_eq!(simple_rate(&flows, Decimal::ONE), Some(per_week));
    let rate = simple_rate(&flows, weeks).unwrap();
    assert_eq!(rate.to_string(), "1.819177285673");
    assert_ne!(rate, (per_week * weeks).round_dp(RATE_DIGITS));
    assert_eq!(simple_rate(&[Decimal::ONE, -Decimal::TEN], Decimal::MAX), None);
}
