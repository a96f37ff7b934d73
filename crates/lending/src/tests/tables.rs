//! Lives of `testdata/lives`, to the minor unit. How they were computed stands there.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use money::{Amount, Decimal};
use product::{Document, kinds::instalment_loan::Penalty};
use serde_json::{Value, json};
use stdx::{Date, table};

use super::life::{Setup, cny, rules};
use crate::simulation::{Request, Script, simulate};

/// What a table says of the contract: words after a name.
struct Head<'t>(BTreeMap<&'t str, Vec<&'t str>>);

impl<'t> Head<'t> {
    fn read(text: &'t str) -> Self {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
        Self(words.filter(|it| !it.is_empty()).map(|it| (it[0], it[1..].to_vec())).collect())
    }

    fn one(&self, name: &str) -> Option<&'t str> {
        self.0.get(name).map(|words| words[0])
    }

    fn amount(&self, name: &str) -> Amount {
        self.one(name).map_or(Amount::ZERO, cny)
    }

    fn named<T: serde::de::DeserializeOwned>(name: &str) -> T {
        serde_json::from_value(json!(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn name(it: &impl serde::Serialize) -> String {
        serde_json::to_value(it).unwrap().as_str().unwrap().to_owned()
    }

    fn penalty(&self) -> Option<Penalty> {
        let words = self.0.get("penalty")?;
        let compounding = words.get(3).is_some_and(|word| *word == "compounding");
        let rate = match words[0].strip_suffix('x') {
            Some(multiple) => ("multiple", multiple),
            None => ("rate", words[0]),
        };
        let penalty = json!({
            rate.0: rate.1, "base": words[1], "grace_days": words[2].parse::<u32>().unwrap(),
            "compounding": compounding,
        });
        Some(serde_json::from_value(penalty).unwrap())
    }

    fn setup(&self) -> Setup {
        let usual = Setup::usual();
        let year_days = self.0.get("year_days");
        let allocation = self.0.get("allocation");
        let allocation = allocation.map(|it| it.iter().map(|it| Self::named(it)).collect());
        Setup {
            principal: self.amount("principal"),
            instalments: self.one("instalments").unwrap().parse().unwrap(),
            method: self.one("method").map_or(usual.method, Self::named),
            on: self.one("from").unwrap().parse().unwrap(),
            rate: self.one("rate").unwrap().parse().unwrap(),
            day_count: self.one("day_count").unwrap().parse().unwrap(),
            disbursal_fee: self.amount("disbursal_fee"),
            fee: self.amount("instalment_fee"),
            penalty: self.penalty(),
            allocation: allocation.unwrap_or(usual.allocation),
            allocation_by: self.one("allocation_by").map_or(usual.allocation_by, Self::named),
            settlement_fee: self.amount("settlement_fee"),
            prepayment_fee: self.one("prepayment_fee").map(ToOwned::to_owned),
            overdue_fee: self.amount("overdue_fee"),
            third_party_fee: self.amount("third_party_fee"),
            year_days: year_days.into_iter().flatten().map(ToString::to_string).collect(),
            suspended_after: self.one("suspended_after").map(|days| days.parse().unwrap()),
            ..usual
        }
    }
}

/// A row of a table as it is written in a script.
pub(super) fn event(row: &table::Row<'_>) -> Value {
    let (what, value) = (row.text("what"), row.text("value"));
    let pairs = |text: &str| -> Value {
        let pairs = text.split(',').map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), json!(value))).collect()
    };
    let (name, value) = match what.split_once('-') {
        Some(("prepayment", keep)) => ("prepayment", json!({ "amount": value, "keep": keep })),
        _ => match what {
            "due" | "settlement" | "charge-off" | "write-off" => (what, json!(true)),
            "reversal" => (what, json!(value.parse::<u32>().unwrap())),
            "waiver" => (what, pairs(value)),
            "rescheduling" => {
                let mut words = value.split(';');
                let due: Vec<_> = words.next().unwrap().split(',').collect();
                let mut plan = json!({ "due": due });
                for word in words {
                    match word.split_once('=') {
                        Some((name, value)) => plan[name] = json!(value),
                        None => plan[word] = json!(true),
                    }
                }
                (what, plan)
            }
            _ => (what, json!(value)),
        },
    };
    let mut event = json!({ "on": row.text("on"), name: value });
    if let Some(booked) = row.option::<Date>("booked") {
        event["booked"] = json!(booked);
    }
    event
}

/// The two tables that a life is, as the engine tells it.
fn told(head: &Head<'_>, events: &str) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let setup = head.setup();
    let product = setup.product();
    let events: Vec<_> = table::parse(events).iter().map(event).collect();
    let mut script = json!({
        "amount": head.one("principal"), "term": setup.instalments, "date": setup.on,
        "events": events,
    });
    if let Some(part) = head.one("part") {
        script["part"] = json!(part);
    }
    let script = Script::read(&Document::parse(&script.to_string()).unwrap(), &product).unwrap();
    let until = head.one("until").map(|day| day.parse().unwrap());
    let suspended_after = setup.suspended_after;
    let request = Request { rules: rules(&product), reference: None, suspended_after, until };
    let simulation = simulate(&script, &request).unwrap();

    let mut lines: Vec<_> = simulation.events.iter().filter(|it| it.number > 0).collect();
    lines.sort_by_key(|it| it.number);
    let rows = lines.into_iter().map(|line| {
        let (after, due) = (&line.after, &line.after.due);
        let result = line.refused.as_ref().map_or("ok", |it| it.code);
        let amounts = [
            line.amount,
            after.principal,
            after.accrued,
            due.penalty,
            due.fee,
            due.interest,
            due.principal,
            after.prepaid,
        ];
        let mut row = vec![line.number.to_string(), result.to_owned()];
        row.extend(amounts.iter().map(Decimal::to_string));
        row.push(after.days_past_due.to_string());
        row
    });
    let rows = rows.collect();
    let accounts = simulation.accounts.iter().filter(|it| !it.balance.is_zero());
    let books = accounts.map(|it| vec![it.code.to_string(), it.balance.to_string()]);
    let status = vec!["status".to_owned(), Head::name(&simulation.status)];
    (rows, std::iter::once(status).chain(books).collect())
}

/// The cells of a table, without its head.
fn cells(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).skip(1);
    lines.map(|line| line.split_whitespace().map(ToOwned::to_owned).collect()).collect()
}

#[test]
fn lives_are_those_of_the_tables() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lives");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|it| it == "txt")).collect();
    files.sort();
    assert!(files.len() >= 27, "{} tables", files.len());
    let mut wrong = String::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let (head, rest) = text.split_once("\nevents\n").unwrap();
        let (events, rest) = rest.split_once("\ncame of it\n").unwrap();
        let (came, end) = rest.split_once("\nat the end\n").unwrap();
        let (rows, last) = told(&Head::read(head), events);
        let name = path.file_name().unwrap().display();
        for (expected, row) in cells(came).iter().zip(&rows) {
            if expected != row {
                writeln!(wrong, "{name}: {}\n     is: {}", expected.join(" "), row.join(" "))
                    .unwrap();
            }
        }
        assert_eq!(cells(came).len(), rows.len(), "{name}");
        if cells(end) != last {
            writeln!(wrong, "{name}: {:?}\n     are: {last:?}", cells(end)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
