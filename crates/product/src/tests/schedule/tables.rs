//! Plans of `testdata/schedules`, to the minor unit. How they were computed stands there.

use std::{collections::BTreeMap, fs, path::Path};

use money::{Amount, Calendar, Currency, Decimal};
use stdx::{Date, table};

use super::{no_fee, period};
use crate::{
    kinds::instalment_loan::{BrokenPeriod, Grace},
    schedule::{Days, DueDates, Instalment, NUMBER_MAX, Subsidy, SubsidyPart, Terms, schedule},
};

/// The terms at the head of a table, by name.
struct Head<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Head<'a> {
    fn read(text: &'a str) -> Self {
        let pair = |(line, cells): (usize, Vec<&'a str>)| {
            assert_eq!(cells.len(), 2, "line {line}");
            (cells[0], cells[1])
        };
        Self(table::lines(text).map(pair).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).unwrap_or_else(|| panic!("no `{name}`"))
    }

    fn option<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        let read = |text: &&str| text.parse().ok().unwrap_or_else(|| panic!("{name}: `{text}`"));
        self.0.get(name).map(read)
    }

    fn amount(&self, name: &str) -> Option<Amount> {
        self.0.get(name).map(|it| Amount::parse(it, Currency::CNY).unwrap())
    }

    fn name<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        let read = |text: &&str| serde_json::from_value((*text).into()).unwrap();
        self.0.get(name).map(read)
    }

    fn terms(&self) -> Terms {
        let every = self.0.get("every").map_or(money::Period::MONTH, |it| period(it));
        let from: Date = self.option("from").unwrap();
        let principal = self.amount("principal").unwrap();
        let count = self.option("instalments").unwrap();
        let rate = self.option("rate").unwrap();
        let mut terms = Terms::new(principal, Currency::CNY, count, every, rate, from);
        terms.broken = self.name("broken").unwrap_or_default();
        if let Some(start) = self.option("start") {
            let number = u32::from(terms.broken == BrokenPeriod::Separate);
            terms.due = DueDates::Every { period: every, date: start, number };
        }
        if self.has("dates") {
            let dates = self.text("dates").split(',').map(|it| it.parse().unwrap());
            terms.due = DueDates::On(dates.collect());
        }
        if self.has("year_days") {
            let days: Vec<_> =
                self.text("year_days").split(',').map(|it| it.parse().unwrap()).collect();
            terms.due = DueDates::yearly(&days, from, count);
        }
        let share = self.option::<Decimal>("subsidy_share").map(SubsidyPart::Share);
        let points = self.option::<Decimal>("subsidy_points").map(SubsidyPart::Points);
        let until = self.option("subsidy_until").unwrap_or(NUMBER_MAX);
        Terms {
            method: self.name("method").unwrap(),
            roll: self.option("roll").unwrap_or_default(),
            adjusted: !self.has("interest_to"),
            day_count: self.option("day_count").unwrap(),
            multiple: self.amount("multiple"),
            balloon: self.amount("balloon").unwrap_or_default(),
            level: self.amount("level"),
            grace: Grace {
                principal: self.option("grace_principal").unwrap_or(0),
                interest: self.option("grace_interest").unwrap_or(0),
                capitalise: self.has("capitalise"),
            },
            free: self.0.get("free").into_iter().flat_map(|it| it.split(',')).map(days).collect(),
            subsidy: share.or(points).map(|part| Subsidy { part, until }),
            ..terms
        }
    }
}

fn days(text: &str) -> Days {
    let (from, to) = text.split_once("..").unwrap();
    Days { from: from.parse().unwrap(), to: to.parse().unwrap() }
}

/// The cells of an instalment, in the order of the columns.
fn cells(it: &Instalment) -> Vec<String> {
    let dates = [it.from, it.to, it.due].map(|it| it.to_string());
    let amounts = [
        it.principal,
        it.interest,
        it.deferred,
        it.capitalised,
        it.subsidy,
        it.total(),
        it.balance,
    ];
    let amounts = amounts.map(|it| it.text(Currency::CNY));
    let numbers = [it.days.to_string()];
    std::iter::once(it.number.to_string()).chain(dates).chain(numbers).chain(amounts).collect()
}

const COLUMNS: &str =
    "number from to due days principal interest deferred capitalised subsidy total balance";

#[test]
fn plans_are_those_of_the_tables() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/schedules");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "txt") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        let (head, rows) = text.split_once("\nplan\n").unwrap();
        let terms = Head::read(head).terms();
        let plan = schedule(&terms, Calendar::weekends_only(), no_fee).unwrap();
        let mut expected = table::lines(rows).map(|(_, cells)| cells);
        assert_eq!(expected.next().unwrap().join(" "), COLUMNS, "{name}");
        let expected: Vec<_> = expected.collect();
        assert_eq!(plan.iter().map(cells).collect::<Vec<_>>(), expected, "{name}");
        count += 1;
    }
    assert!(count >= 27, "{count}");
}
