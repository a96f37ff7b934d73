use std::collections::BTreeSet;

use jiff::ToSpan;
use stdx::{Date, Prng, table};

use super::numbers::category;
use crate::{
    classification::{Category, Classification, Facts, Restructured, classify},
    cn,
};

fn why(found: &Classification<'_>) -> String {
    let keys = found.reasons.iter().map(|it| it.rule.map_or("judged", |it| &it.key));
    let keys: Vec<_> = keys.collect();
    if keys.is_empty() { "-".to_owned() } else { keys.join(",") }
}

#[test]
fn loans() {
    for row in table::parse(include_str!("../../testdata/classification-loans.txt")) {
        let own: Option<String> = row.option("own");
        let again = row.option("again").unwrap_or_default();
        let facts = Facts {
            on: row.get("on"),
            was: category(row.text("was")),
            days_past_due: row.get("dpd"),
            technical: row.get("tech"),
            restructured: row
                .option("first_due")
                .map(|first_due| Restructured { first_due, again }),
            normal_since: row.option("since"),
            due_dates_met: row.get("met"),
            recovered: row.get("ok"),
            other_floor: own.map(|it| category(&it)),
        };
        let found = classify(cn::classification_loans(), &facts).unwrap();
        assert_eq!(found.category.en(), row.text("category"), "line {}", row.line);
        assert_eq!(why(&found), row.text("why"), "line {}", row.line);
    }
}

#[test]
fn days_past_due() {
    for row in table::parse(include_str!("../../testdata/classification-days.txt")) {
        let facts = Facts { days_past_due: row.get("dpd"), ..normal() };
        for (column, pack) in [
            ("loans", cn::classification_loans()),
            ("credit-cards", cn::classification_credit_cards()),
        ] {
            let found = classify(pack, &facts).unwrap().category;
            assert_eq!(found.en(), row.text(column), "line {}, {column}", row.line);
        }
    }
}

#[test]
fn before_the_first_rule_there_is_no_category() {
    let facts = Facts { on: "2023-06-30".parse().unwrap(), ..normal() };
    assert_eq!(classify(cn::classification_loans(), &facts), None);
    assert_eq!(
        classify(cn::classification_credit_cards(), &facts).unwrap().category,
        Category::Normal
    );
}

#[test]
fn categories_are_named_once() {
    assert!(Category::ALL.is_sorted());
    let names: BTreeSet<_> = Category::ALL.iter().flat_map(|it| [it.en(), it.zh()]).collect();
    assert_eq!(names.len(), 10);
    assert_eq!(Category::ALL.map(Category::is_non_performing), [false, false, true, true, true]);
}

/// Worse facts never give a better category, and the category is that of its strongest reason.
#[test]
fn worse_facts_never_give_a_better_category() {
    for seed in 0..5_000 {
        let mut prng = Prng::stream(seed, "classification");
        let facts = random(&mut prng);
        let found = classify(cn::classification_loans(), &facts).unwrap();
        let strongest = found.reasons.first().map_or(Category::Normal, |it| it.floor);
        assert_eq!(found.category, strongest, "seed {seed}");
        assert!(found.reasons.is_sorted_by(|a, b| a.floor >= b.floor), "seed {seed}");
        let days = facts.days_past_due.saturating_add(u32::try_from(prng.below(400)).unwrap());
        let worse = [
            Facts { days_past_due: days, ..facts },
            Facts { technical: false, ..facts },
            Facts { normal_since: None, ..facts },
            Facts { due_dates_met: 0, ..facts },
            Facts { recovered: false, ..facts },
            Facts { was: Category::Substandard, ..facts },
            Facts { other_floor: Some(Category::Loss), ..facts },
            Facts {
                restructured: facts.restructured.map(|it| Restructured { again: true, ..it }),
                ..facts
            },
        ];
        for facts in worse {
            let worse = classify(cn::classification_loans(), &facts).unwrap();
            assert!(worse.category >= found.category, "seed {seed}: {facts:?}");
        }
    }
}

/// Who pays on as agreed is performing again after at most a year and two due dates.
#[test]
fn whoever_pays_on_is_normal_in_the_end() {
    for seed in 0..5_000 {
        let mut prng = Prng::stream(seed, "recovery");
        let before = random(&mut prng);
        let since = before.restructured.map_or(before.on, |it| it.first_due.max(before.on));
        let facts = Facts {
            on: since.saturating_add(12.months()),
            days_past_due: 0,
            normal_since: Some(since),
            due_dates_met: 2,
            recovered: true,
            other_floor: None,
            ..before
        };
        let found = classify(cn::classification_loans(), &facts).unwrap();
        assert_eq!(
            (found.category, why(&found)),
            (Category::Normal, "-".to_owned()),
            "seed {seed}"
        );
    }
}

fn normal() -> Facts {
    Facts {
        on: "2024-03-01".parse().unwrap(),
        was: Category::Normal,
        days_past_due: 0,
        technical: false,
        restructured: None,
        normal_since: None,
        due_dates_met: 0,
        recovered: false,
        other_floor: None,
    }
}

fn random(prng: &mut Prng) -> Facts {
    let start: Date = "2023-07-01".parse().unwrap();
    let mut day = || start.saturating_add(i64::try_from(prng.below(1_000)).unwrap().days());
    let (on, first_due, since) = (day(), day(), day());
    let mut coin = || prng.below(2) == 0;
    let (technical, recovered, again) = (coin(), coin(), coin());
    let (past_due, restructured, judged) = (coin(), coin(), coin());
    let mut below = |bound| u32::try_from(prng.below(bound)).unwrap();
    let days_past_due = if past_due { below(500) } else { 0 };
    let mut pick = || Category::ALL[usize::try_from(below(5)).unwrap()];
    let (was, own) = (pick(), pick());
    Facts {
        on,
        was,
        days_past_due,
        technical,
        restructured: restructured.then_some(Restructured { first_due, again }),
        normal_since: (!past_due).then_some(since.min(on)),
        due_dates_met: below(14),
        recovered,
        other_floor: judged.then_some(own),
    }
}
