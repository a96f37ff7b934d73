use money::{Amount, Currency, Decimal, Money};
use stdx::{Date, Prng, table};

use crate::{
    Dated, Rate, accrual,
    classification::Category,
    cn,
    provisions::{general_provision, special_provision},
    rates::{Measure, ceiling, penalty_rates},
};

fn amount(text: &str) -> Amount {
    Amount::parse(text, Currency::CNY).unwrap()
}

pub(super) fn category(text: &str) -> Category {
    *Category::ALL.iter().find(|it| it.en() == text).unwrap()
}

#[test]
fn series() {
    for row in table::parse(include_str!("../../testdata/series.txt")) {
        let on: Date = row.get("on");
        let key = row.text("key");
        let series = cn::lpr().get(key).or_else(|| cn::benchmark_rates().get(key)).unwrap();
        let found = series.on(on).map(|it| (it.value, it.from));
        let percent: Option<Decimal> = row.option("percent");
        let rate = percent.map(|it| Rate(it / Decimal::ONE_HUNDRED));
        assert_eq!(found, rate.zip(row.option("fixing")), "line {}", row.line);
        assert_eq!(series.covers(on), row.get::<bool>("known"), "line {}", row.line);
    }
}

#[test]
fn provisions() {
    for row in table::parse(include_str!("../../testdata/provisions.txt")) {
        let ratios = &cn::provisions().get(row.text("scheme")).unwrap().entries()[0].value;
        let balance = amount(row.text("balance"));
        let special = special_provision(ratios, category(row.text("category")), balance);
        assert_eq!(special, amount(row.text("special")), "line {}", row.line);
        let general = general_provision(ratios, balance);
        assert_eq!(general, amount(row.text("general")), "line {}", row.line);
    }
}

#[test]
fn a_worse_category_never_needs_less_and_never_more_than_the_balance() {
    for seed in 0..2_000 {
        let mut prng = Prng::stream(seed, "provisions");
        let balance = Amount::from_minor(i64::try_from(prng.below(1 << 50)).unwrap());
        for entry in cn::provisions().entries() {
            let needed = Category::ALL.map(|it| special_provision(&entry.value, it, balance));
            assert!(needed.is_sorted() && needed[4] == balance, "seed {seed}");
            for category in Category::ALL {
                let (range, share) = (entry.value.range(category), entry.value.of(category));
                assert!(range.contains(&share), "seed {seed}");
            }
        }
    }
}

#[test]
fn the_bands_of_the_guidance_are_relative() {
    let ratios = &cn::provisions().get("guidance").unwrap().entries()[0].value;
    let band = |category, low: &str, high: &str| {
        assert_eq!(ratios.range(category), low.parse().unwrap()..=high.parse().unwrap());
    };
    band(Category::SpecialMention, "0.02", "0.02");
    band(Category::Substandard, "0.20", "0.30");
    band(Category::Doubtful, "0.40", "0.60");
    band(Category::Loss, "1", "1");
}

#[test]
fn ceilings() {
    let lpr = cn::lpr().get("lpr-1y").unwrap();
    for row in table::parse(include_str!("../../testdata/ceilings.txt")) {
        let ceilings = cn::rate_ceilings().get(row.text("key")).unwrap();
        let found = ceiling(ceilings, row.get("on"), lpr);
        let rate = found.map(|(rate, _)| rate);
        assert_eq!(rate, row.option("ceiling"), "line {}", row.line);
        let of = found.map_or("-", |(_, entry)| match entry.value.of {
            Measure::Rate => "rate",
            Measure::AllInCost => "all-in-cost",
        });
        assert_eq!(of, row.text("of"), "line {}", row.line);
    }
}

#[test]
fn penalties_are_a_share_of_the_contract_rate() {
    let on = "2026-11-22".parse().unwrap();
    let limit = |key| cn::limits().on(key, on).unwrap().value;
    let rates = |key, rate: &str| penalty_rates(&limit(key), rate.parse().unwrap());
    let range = |low: &str, high: &str| Some(low.parse().unwrap()..=high.parse().unwrap());
    assert_eq!(rates("penalty-past-due", "0.096"), range("0.1248", "0.144"));
    assert_eq!(rates("penalty-misuse", "0.096"), range("0.144", "0.192"));
    assert_eq!(rates("loan-to-value-car-used", "0.096"), None);
}

#[test]
fn limits() {
    for row in table::parse(include_str!("../../testdata/limits.txt")) {
        let limit = cn::limits().on(row.text("key"), row.get("on")).unwrap().value;
        let bounds = (limit.at_least.map(|it| it.0), limit.at_most.map(|it| it.0));
        assert_eq!(bounds, (row.option("least"), row.option("most")), "line {}", row.line);
        for (bound, outward) in [(bounds.0, -1), (bounds.1, 1)] {
            let beyond = bound.map(|it: Decimal| it + Decimal::new(outward, 4));
            assert!(bound.is_none_or(|it| limit.allows(it)), "line {}", row.line);
            assert!(beyond.is_none_or(|it| !limit.allows(it)), "line {}", row.line);
        }
    }
}

#[test]
fn caps() {
    for row in table::parse(include_str!("../../testdata/caps.txt")) {
        let caps = cn::account_classes().on(row.text("key"), row.get("on")).unwrap().value;
        let found = [
            ("balance", caps.balance),
            ("day_in", caps.daily_in),
            ("day_out", caps.daily_out),
            ("year_in", caps.yearly_in),
            ("year_out", caps.yearly_out),
            ("ever_out", caps.lifetime_out),
        ];
        for (column, found) in found {
            let cap: Option<String> = row.option(column);
            let cap = cap.map(|it| Money::new(amount(&it), Currency::CNY));
            assert_eq!(found, cap, "line {}, {column}", row.line);
        }
    }
}

#[test]
fn amounts() {
    for row in table::parse(include_str!("../../testdata/amounts.txt")) {
        let found = cn::amounts().on(row.text("key"), row.get("on")).map(|it| it.value);
        let expected: Option<String> = row.option("amount");
        let expected = expected.map(|it| Money::new(amount(&it), Currency::CNY));
        assert_eq!(found, expected, "line {}", row.line);
    }
}

#[test]
fn interest_is_income_through_90_days() {
    let rules: &Dated<_> = cn::non_accrual().get("interest").unwrap();
    let on = "2026-11-22".parse().unwrap();
    assert!(!accrual::is_non_accrual(rules, on, 90));
    assert!(accrual::is_non_accrual(rules, on, 91));
    assert!(!accrual::is_non_accrual(rules, "2001-12-31".parse().unwrap(), 91));
}
