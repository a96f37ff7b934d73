//! Schedules, figures and sequences of events that others have published, to the minor unit.
//! Each table of `testdata/published` names its source and what stands there; no number that is
//! compared is ours. `testdata/published/README.md` explains the tables.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, str::FromStr};

use money::{Amount, Calendar, Currency, Decimal, Rounding};
use product::{
    Definition, Document, LoanProduct,
    schedule::{DueDates, Instalment, Terms},
};
use serde_json::{Value, json};
use stdx::table;

use super::{life::rules, tables};
use crate::{
    disclosure::{Disclosure, disclose},
    loan::Owed,
    simulation::{Request, Script, Told, tell},
    view::{InstalmentView, instalments},
};

/// What the head of a table may say.
const NAMES: [&str; 19] = [
    "source",
    "address",
    "published",
    "currency",
    "principal",
    "part",
    "instalments",
    "level",
    "method",
    "from",
    "every",
    "dates",
    "multiple",
    "grace_principal",
    "rate",
    "day_count",
    "rounding",
    "rounded",
    "until",
];

/// Fees of the product, and when they are taken.
const FEES: [(&str, &str); 2] = [("disbursal_fee", "disbursal"), ("instalment_fee", "instalment")];

/// What a table may have after its head.
const SECTIONS: [&str; 4] = ["plan", "figures", "events", "periods"];

/// What may be compared of an instalment, beside its due date.
const COLUMNS: [&str; 8] =
    ["due", "principal", "interest", "fees", "payment", "balance", "paid", "outstanding"];

/// A source that rounds for the eye alone is compared with a loan so many times as large.
const UNROUNDED: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// A table: its head by name, its sections by title.
struct Table<'t> {
    head: BTreeMap<&'t str, &'t str>,
    sections: BTreeMap<&'t str, String>,
}

/// A value as we have it, and the cell it must be equal to.
struct Compared<'t> {
    place: String,
    ours: String,
    published: &'t str,
}

impl<'t> Table<'t> {
    fn read(text: &'t str) -> Self {
        let (mut head, mut sections) = (BTreeMap::new(), BTreeMap::<_, String>::new());
        let mut section = None;
        for (index, line) in text.lines().enumerate() {
            if let Some(title) = SECTIONS.into_iter().find(|it| *it == line) {
                section = Some(title);
            } else if let Some(title) = section {
                writeln!(sections.entry(title).or_default(), "{line}").unwrap();
            } else if let Some((_, cells)) = table::lines(line).next() {
                assert_eq!(cells.len(), 2, "line {}", index + 1);
                let known = NAMES.contains(&cells[0]) || FEES.iter().any(|it| it.0 == cells[0]);
                assert!(known, "what is `{}`?", cells[0]);
                assert!(head.insert(cells[0], cells[1]).is_none(), "{} twice", cells[0]);
            }
        }
        for name in ["source", "address", "published"] {
            assert!(head.contains_key(name), "no `{name}`");
        }
        Self { head, sections }
    }

    fn option<T: FromStr>(&self, name: &str) -> Option<T> {
        let read = |text: &&str| text.parse().unwrap_or_else(|_| panic!("{name}: {text}"));
        self.head.get(name).map(read)
    }

    fn get<T: FromStr>(&self, name: &str) -> T {
        self.option(name).unwrap_or_else(|| panic!("no `{name}`"))
    }

    fn section(&self, title: &str) -> Vec<table::Row<'_>> {
        self.sections.get(title).map(|it| table::parse(it)).unwrap_or_default()
    }

    /// By how much more we lend than the source does.
    fn scale(&self) -> Decimal {
        let rounded = self.option::<bool>("rounded").unwrap_or(true);
        if rounded { Decimal::ONE } else { UNROUNDED }
    }

    fn currency(&self) -> Currency {
        self.get("currency")
    }

    fn scaled(&self, name: &str) -> Option<Amount> {
        let amount = self.option::<Decimal>(name)? * self.scale();
        Some(Amount::exactly(amount, self.currency()).unwrap())
    }

    /// As an amount of the source, exactly.
    fn major(&self, amount: Amount) -> Decimal {
        amount.to_decimal(self.currency()) / self.scale()
    }

    fn product(&self) -> LoanProduct {
        let text = |name: &str, usual: &str| json!(self.head.get(name).unwrap_or(&usual));
        let mut repayment = json!({
            "method": text("method", "equal-instalment"),
            "every": self.head.get("every").unwrap_or(&"1-month").replace('-', " "),
            "grace": { "principal": self.option::<u32>("grace_principal").unwrap_or(0) },
        });
        if let Some(multiple) = self.head.get("multiple") {
            repayment["multiple"] = json!(multiple);
        }
        let fee = |(name, on): (&str, &str)| {
            let amount = self.option::<Decimal>(name)? * self.scale();
            Some(json!({ "code": on, "on": on, "amount": amount.to_string() }))
        };
        let definition: Definition = serde_json::from_value(json!({
            "product": "published", "version": 1, "kind": "instalment-loan",
            "currency": self.currency(), "effective": "1900-01-01",
            "name": { "en": "Published", "zh": "公开数据" },
            "terms": {
                "amount": { "min": "0.01", "max": "1000000000000000" },
                "term": { "min": 1, "max": 480 },
                "repayment": repayment,
                "interest": {
                    "rate": text("rate", "0"), "day_count": text("day_count", "30/360"),
                    "rounding": text("rounding", "half-even"),
                },
                "fees": FEES.into_iter().filter_map(fee).collect::<Vec<_>>(),
                "prepayment": { "allowed": true },
                "tranches": { "max": 10, "days": 3_000 },
            },
        }))
        .unwrap();
        LoanProduct::compile(&definition).unwrap()
    }

    /// What a borrower is told of the loan, plan and annual cost.
    fn disclosure(&self) -> Disclosure {
        let product = self.product();
        let (principal, from) = (self.scaled("principal").unwrap(), self.get("from"));
        let term = self.get("instalments");
        let terms = product.schedule_terms(principal, term, from, self.get("rate"));
        let dates = self.head.get("dates").map(|dates| {
            let dates = dates.split(',').map(|date| date.parse().unwrap());
            DueDates::On(dates.collect())
        });
        let due = dates.unwrap_or_else(|| terms.due.clone());
        let terms = Terms { due, level: self.scaled("level"), ..terms };
        disclose(&product, Calendar::weekends_only(), &terms, term).unwrap()
    }

    /// The loan after its events.
    fn told<T>(&self, read: impl FnOnce(&Told<'_>) -> T) -> T {
        assert_eq!(self.scale(), Decimal::ONE, "events have amounts as they are");
        let product = self.product();
        let events: Vec<Value> = self.section("events").iter().map(tables::event).collect();
        let mut script = json!({
            "amount": self.head["principal"], "term": self.get::<u32>("instalments"),
            "date": self.head["from"], "events": events,
        });
        if let Some(part) = self.head.get("part") {
            script["part"] = json!(part);
        }
        let script = Document::parse(&script.to_string()).unwrap();
        let script = Script::read(&script, &product).unwrap();
        let until = self.option("until");
        let rules = rules(&product);
        let request = Request { rules, reference: None, suspended_after: None, until };
        let told = tell(&script, &request).unwrap();
        for line in &told.lines {
            assert_eq!(line.refused, None, "event {}", line.number);
        }
        read(&told)
    }

    /// A cell and what stands for it here. A source that rounds has every digit of the currency;
    /// of one that does not, as many digits are compared as it shows.
    fn amount<'c>(&self, place: String, ours: Amount, published: &'c str) -> Compared<'c> {
        let digits = published.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let digits = u32::try_from(digits).unwrap();
        if self.scale() == Decimal::ONE {
            assert_eq!(digits, self.currency().digits(), "{place}: {published}");
        }
        let rounding = self.option("rounding").unwrap_or_default();
        Compared { place, ours: shown(self.major(ours), digits, rounding), published }
    }

    fn plan<'c>(&self, plan: &[Instalment], rows: &'c [table::Row<'_>]) -> Vec<Compared<'c>> {
        let views: Vec<_> = plan.iter().map(planned).collect();
        self.rows(&views, rows)
    }

    fn rows<'c>(&self, plan: &[InstalmentView], rows: &'c [table::Row<'_>]) -> Vec<Compared<'c>> {
        let mut compared = Vec::new();
        for row in rows {
            let known = COLUMNS.into_iter().filter(|it| row.has(it)).count();
            assert_eq!(row.width(), known + 1, "a column is not known");
            let number: u32 = row.get("number");
            let it = plan.iter().find(|it| it.planned.number == number);
            let it = it.unwrap_or_else(|| panic!("no instalment {number}"));
            let planned = &it.planned;
            for column in COLUMNS.into_iter().filter(|it| row.has(it)) {
                let cell = row.text(column);
                let place = format!("instalment {number}, {column}");
                let amount = match column {
                    _ if cell == "-" => continue,
                    "due" => {
                        let ours = planned.due.to_string();
                        compared.push(Compared { place, ours, published: cell });
                        continue;
                    }
                    "principal" => planned.principal,
                    "interest" => planned.interest,
                    "fees" => planned.fees,
                    "payment" => planned.total(),
                    "balance" => planned.balance,
                    "paid" => it.paid.total(),
                    _ => it.remaining.total(),
                };
                compared.push(self.amount(place, amount, cell));
            }
        }
        compared
    }

    fn figures<'c>(
        &self,
        plan: &[Instalment],
        cost: Option<(Decimal, Decimal)>,
        told: Option<&Told<'_>>,
        rows: &'c [table::Row<'_>],
    ) -> Vec<Compared<'c>> {
        let told = || told.expect("there are events");
        let figure = |row: &'c table::Row<'_>| {
            let (what, over, cell) = (row.text("what"), row.text("over"), row.text("is"));
            let place = format!("{what} over {over}");
            let numbers = match over {
                "all" | "end" => 1..=plan.len(),
                over if over.starts_with("event-") => 1..=plan.len(),
                "last" => plan.len()..=plan.len(),
                over => {
                    let (first, last) = over.split_once('-').unwrap_or((over, over));
                    first.parse().unwrap()..=last.parse().unwrap()
                }
            };
            let part = &plan[numbers.start() - 1..*numbers.end()];
            let sum = |of: fn(&Instalment) -> Amount| part.iter().map(of).sum::<Amount>();
            let ours = match what {
                "instalments" => {
                    return Compared { place, ours: plan.len().to_string(), published: cell };
                }
                "annual-cost-simple" | "annual-cost-compound" => {
                    let (simple, compound) = cost.expect("a disclosure has an annual cost");
                    let cost = if what == "annual-cost-simple" { simple } else { compound };
                    let digits = cell.parse::<Decimal>().unwrap().scale();
                    let ours = shown(cost, digits, Rounding::HalfUp);
                    return Compared { place, ours, published: cell };
                }
                "payment" => sum(Instalment::total),
                "interest" => sum(|it| it.interest),
                "principal" => sum(|it| it.principal),
                "balance" => part.last().unwrap().balance,
                "principal-owed" => told().position.principal,
                "interest-owed" => told().position.due().interest + told().position.interest,
                "paid" => {
                    let number: u32 = over.strip_prefix("event-").unwrap().parse().unwrap();
                    let line = told().lines.iter().find(|it| it.number == number).unwrap();
                    Amount::exactly(line.amount, self.currency()).unwrap()
                }
                other => panic!("unknown figure {other}"),
            };
            self.amount(place, ours, cell)
        };
        rows.iter().map(figure).collect()
    }
}

fn shown(exact: Decimal, digits: u32, rounding: Rounding) -> String {
    format!("{:.1$}", rounding.round(exact, digits), digits as usize)
}

fn planned(it: &Instalment) -> InstalmentView {
    let Instalment { principal, interest, fees: fee, .. } = *it;
    InstalmentView {
        planned: it.clone(),
        status: crate::view::InstalmentStatus::Future,
        paid: Owed::default(),
        remaining: Owed { penalty: Amount::ZERO, fee, interest, principal },
    }
}

/// How many values of a table were compared, and those that differ.
fn check(text: &str) -> (usize, Vec<String>) {
    let table = Table::read(text);
    let (plan, figures) = (table.section("plan"), table.section("figures"));
    let periods = table.section("periods");
    let mut compared = Vec::new();
    if table.sections.contains_key("events") {
        assert!(plan.is_empty(), "a plan is told without events, periods with them");
        table.told(|told| {
            let now = instalments(&told.loan, Some(&told.position));
            compared.extend(table.rows(&now, &periods));
            compared.extend(table.figures(&told.loan.plan, None, Some(told), &figures));
        });
    } else {
        let told = table.disclosure();
        let cost = Some((told.annual_cost_simple, told.annual_cost_compound));
        compared.extend(table.plan(&told.plan, &plan));
        compared.extend(table.figures(&told.plan, cost, None, &figures));
        // A source that shows the last instalment shows how many there are.
        let last = plan.iter().map(|row| row.get::<u32>("number")).max();
        if last == table.option("instalments") {
            assert_eq!(told.plan.last().map(|it| it.number), last);
        }
    }
    assert!(!compared.is_empty(), "nothing is compared");
    let wrong = compared.iter().filter(|it| it.ours != it.published);
    let wrong = wrong.map(|it| format!("{}: {}, we have {}", it.place, it.published, it.ours));
    (compared.len(), wrong.collect())
}

#[test]
fn what_others_have_published_comes_out_to_the_cent() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/published");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|it| it == "txt")).collect();
    files.sort();
    let (mut compared, mut wrong) = (0, String::new());
    for path in &files {
        let (count, differing) = check(&fs::read_to_string(path).unwrap());
        compared += count;
        for it in differing {
            writeln!(wrong, "{}: {it}", path.file_name().unwrap().display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(files.len() >= 85, "{} tables", files.len());
    assert!(compared >= 1_780, "{compared} values");
}

#[test]
fn a_cent_more_is_found() {
    let text = include_str!("../../testdata/published/fineract-months-of-thirty.txt");
    let (count, wrong) = check(text);
    assert_eq!((count, wrong), (32, Vec::new()));
    let (_, wrong) = check(&text.replace("17.28", "17.29"));
    assert_eq!(wrong, ["instalment 6, payment: 17.29, we have 17.28"]);
}
