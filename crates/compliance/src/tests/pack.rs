use std::collections::BTreeSet;

use money::{Calendar, Roll};
use stdx::{Date, table};

use crate::{Pack, PackError, Rate, cn};

const SMALL: &str = "
pack: small
title: Small 小
version: 1
jurisdiction: CN
effective: 2020-01-01
through: 2021-06-30
sources:
  law: { regulation: 某法, number: 第1号 }
entries:
  - { key: a, from: 2020-01-01, value: 4.25%, source: law, article: 第一条, verified: true }
  - { key: a, from: 2021-01-01, value: 100%, source: law, verified: false, note: From memory. }
  - { key: b, from: 2020-06-01, value: 0%, source: law, verified: true }
";

fn small() -> Pack<Rate> {
    Pack::parse(SMALL).unwrap()
}

#[test]
fn an_entry_holds_until_the_next_of_its_key() {
    let pack = small();
    let rows = table::parse(
        "
        key  on          => percent  covered
        a    2019-12-31     -        false
        a    2020-01-01     4.25     true
        a    2020-12-31     4.25     true
        a    2021-01-01     100      true
        a    2021-06-30     100      true
        a    2021-07-01     100      false
        b    2020-05-31     -        false
        b    2020-06-01     0        true
        c    2020-06-01     -        false
        ",
    );
    for row in rows {
        let on: Date = row.get("on");
        let entry = pack.on(row.text("key"), on);
        let percent =
            row.option("percent").map(|it: money::Decimal| it / money::Decimal::ONE_HUNDRED);
        assert_eq!(entry.map(|it| it.value.0), percent, "line {}", row.line);
        let covered = pack.get(row.text("key")).is_some_and(|it| it.covers(on));
        assert_eq!(covered, row.get::<bool>("covered"), "line {}", row.line);
    }
    let in_force: Vec<_> =
        pack.in_force("2020-06-01".parse().unwrap()).map(|it| &*it.key).collect();
    assert_eq!(in_force, ["a", "b"]);
}

#[test]
fn what_is_not_a_pack_is_refused_by_name() {
    let error = |from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        Pack::<Rate>::parse(&SMALL.replacen(from, to, 1)).unwrap_err()
    };
    let cases = [
        ("source: law, article", "source: la, article", PackError::UnknownSource("la".to_owned())),
        ("sources:", "sources:\n  b: { regulation: x }", PackError::UnusedSource("b".to_owned())),
        ("from: 2021-01-01", "from: 2020-01-01", PackError::OutOfOrder("a".to_owned())),
        (", note: From memory.", "", PackError::Unexplained("a".to_owned())),
        ("effective: 2020-01-01", "effective: 2020-01-02", PackError::NotEffective),
        ("through: 2021-06-30", "through: 2020-12-31", PackError::EndsBeforeEntry("a".to_owned())),
    ];
    let mut codes = BTreeSet::new();
    for (from, to, expected) in cases {
        let found = error(from, to);
        assert_eq!(found, expected, "{to}");
        assert!(codes.insert(found.code()) && !found.to_string().is_empty());
    }
    let malformed = [
        ("4.25%", "4.25"),
        ("4.25%", "many%"),
        ("version: 1", "edition: 1"),
        ("2020-06", "2020-13"),
    ];
    for (from, to) in malformed {
        assert_eq!(error(from, to).code(), "malformed", "{to}");
    }
    let none = SMALL.split("  - ").next().unwrap().replace("entries:", "entries: []");
    let none = none.replace("  law: { regulation: 某法, number: 第1号 }", "  {}");
    assert_eq!(Pack::<Rate>::parse(&none), Err(PackError::NotEffective));
}

/// Names, days, sources and notes of every pack of ours; reading them is the test of their form.
#[test]
fn our_packs_say_where_they_come_from() {
    fn check<T>(pack: &Pack<T>, names: &mut BTreeSet<String>) {
        assert!(names.insert(pack.name.clone()), "{} stands twice", pack.name);
        assert_eq!((&*pack.jurisdiction, pack.version > 0), ("CN", true), "{}", pack.name);
        assert!(pack.title.chars().any(|it| it >= '\u{2e80}'), "{} has no Chinese", pack.name);
        for entry in pack.entries() {
            let key = &entry.key;
            assert!(key.chars().all(|it| matches!(it, 'a'..='z' | '0'..='9' | '-')), "{key}");
            assert!(entry.source.regulation.chars().count() >= 8, "{key}");
            let note = entry.note.as_deref().unwrap_or("a");
            assert!(!note.trim().is_empty() && !note.contains('|'), "{key}");
        }
    }
    let names = &mut BTreeSet::new();
    check(cn::account_classes(), names);
    check(cn::amounts(), names);
    check(cn::benchmark_rates(), names);
    check(cn::classification_credit_cards(), names);
    check(cn::classification_loans(), names);
    check(cn::limits(), names);
    check(cn::lpr(), names);
    check(cn::non_accrual(), names);
    check(cn::provisions(), names);
    check(cn::rate_ceilings(), names);
    let files = include_str!("../../packs/SOURCES.md");
    for name in names.iter() {
        assert!(files.contains(&format!("## {name}\n")), "SOURCES.md says nothing of {name}");
    }
}

#[test]
fn the_lpr_has_a_fixing_every_month_on_the_20th_or_after() {
    let calendar = Calendar::china();
    for key in ["lpr-1y", "lpr-over-5y"] {
        let series = cn::lpr().get(key).unwrap();
        let mut month: Date = "2019-08-20".parse().unwrap();
        for fixing in series.entries() {
            if calendar.covers(month) {
                assert_eq!(fixing.from, calendar.roll(month, Roll::Following), "{key}");
            }
            let (year, number) = (fixing.from.year(), fixing.from.month());
            assert_eq!((year, number), (month.year(), month.month()), "{key}");
            // The LPR is a multiple of 0.05 percentage points (公告〔2019〕第15号).
            assert!(
                (fixing.value.0 * money::Decimal::from(2_000)).fract().is_zero(),
                "{key} {}",
                fixing.from
            );
            month = month.checked_add(jiff::Span::new().months(1)).unwrap();
        }
        let due = calendar.roll(month, Roll::Following);
        assert_eq!(cn::lpr().through, due.yesterday().ok(), "through");
    }
}
