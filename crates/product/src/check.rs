//! Everything that is wrong with a definition, at once.
//!
//! Two passes, and neither lets one mistake hide another:
//! 1. form: the value is walked along the JSON Schema of its kind ([`crate::schema`]), and every
//!    place that differs is a problem;
//! 2. meaning: rules over single places. A rule reads the places it needs through
//!    [`Check::get`], which gives nothing for a place that is absent or already has a problem; so
//!    a rule neither stumbles over a malformed place nor repeats what the form said.

use std::collections::{BTreeMap, BTreeSet};

use money::{Currency, Decimal};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stdx::Date;

use crate::{
    accounting::{Accounting, PostingRule},
    chart::{Chart, Class},
    definition::FactType,
    document::Document,
    eligibility,
    expression::{self, Environment, Expression, Type},
    kinds::{self, Event, Kind},
    problem::{Problem, closest, join},
    schema,
};

mod form;

/// Beyond so many problems of form there is no looking for more: this is no definition.
pub const PROBLEMS_MAX: usize = 200;
/// So many items of a list are checked. No list may be as long, which is a problem of form.
pub const ITEMS_MAX: usize = 500;

/// Checks a definition. Nothing wrong is an empty list; else the problems are in the order of the
/// document.
pub fn check(document: &Document, chart: &Chart) -> Vec<Problem> {
    let kind = kind_of(document.value());
    let schema = schema::schema(kind.unwrap_or(&kinds::ALL[0]));
    let mut problems = document.problems().to_vec();
    let form = form::problems(document.value(), &schema, kind.is_some());
    let unread: BTreeSet<_> = document.problems().iter().map(|it| &it.path[..]).collect();
    problems.extend(form.into_iter().filter(|it| !unread.contains(&it.path[..])));
    if problems.len() > PROBLEMS_MAX {
        problems.truncate(PROBLEMS_MAX);
        return in_order(document, problems);
    }
    let mut check = Check { value: document.value(), chart, problems };
    check.kind();
    check.head();
    check.facts();
    check.eligibility();
    if let Some(kind) = kind {
        (kind.check)(&mut check);
        check.accounting(kind);
    }
    in_order(document, check.problems)
}

/// The kind a value names, or the one it nearly names: a slip there must not hide what is wrong
/// elsewhere.
fn kind_of(value: &Value) -> Option<&'static Kind> {
    let name = value.get("kind")?.as_str()?;
    Kind::named(closest(name, kinds::ALL.iter().map(|kind| kind.name)).unwrap_or(name))
}

/// A problem that only a mistake of ours can bring about: the checks passed, reading did not.
pub(crate) fn unforeseen(path: &str, error: &serde_json::Error) -> Problem {
    let reason = format!("This cannot be read: {error}.");
    Problem::new(path, "unreadable", reason, "Compare it with the schema of the kind.")
}

/// Sorted by place in the document, with their lines.
fn in_order(document: &Document, mut problems: Vec<Problem>) -> Vec<Problem> {
    let mut order = BTreeMap::new();
    number(document.value(), String::new(), &mut order);
    let position = |problem: &Problem| {
        let around =
            std::iter::successors(Some(&problem.path[..]), |it| it.rsplit_once('/').map(|it| it.0));
        around.filter_map(|path| order.get(path)).next().copied()
    };
    for problem in &mut problems {
        problem.line = problem.line.or_else(|| document.line(&problem.path));
    }
    problems.sort_by(|a, b| {
        (position(a), &a.path, a.code, &a.reason).cmp(&(position(b), &b.path, b.code, &b.reason))
    });
    problems.dedup();
    problems
}

/// Numbers every place of a value in the order of the document.
fn number(value: &Value, path: String, order: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(fields) => {
            order.insert(path.clone(), order.len());
            fields.iter().for_each(|(key, value)| number(value, join(&path, key), order));
        }
        Value::Array(items) => {
            order.insert(path.clone(), order.len());
            let numbered = items.iter().enumerate();
            numbered.for_each(|(index, value)| number(value, join(&path, index), order));
        }
        _ => {
            order.insert(path, order.len());
        }
    }
}

/// A definition being checked.
#[derive(Debug)]
pub struct Check<'a> {
    value: &'a Value,
    chart: &'a Chart,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    /// What is at a place; nothing when it is absent or something in it is already wrong.
    pub fn get<T: DeserializeOwned>(&self, pointer: &str) -> Option<T> {
        let within = |problem: &Problem| {
            let rest = problem.path.strip_prefix(pointer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.problems.iter().any(within) {
            return None;
        }
        serde_json::from_value(self.value.pointer(pointer)?.clone()).ok()
    }

    /// How many items of the list at a place are to be checked; 0 when there is no list.
    pub fn len(&self, pointer: &str) -> usize {
        let items = self.value.pointer(pointer).and_then(Value::as_array);
        items.map_or(0, |items| items.len().min(ITEMS_MAX))
    }

    /// The keys of the object at a place.
    pub fn keys(&self, pointer: &str) -> Vec<&'a str> {
        let fields = self.value.pointer(pointer).and_then(Value::as_object);
        fields.into_iter().flatten().map(|(key, _)| &key[..]).take(ITEMS_MAX).collect()
    }

    /// Whether there is something at a place.
    pub fn has(&self, pointer: &str) -> bool {
        self.value.pointer(pointer).is_some()
    }

    /// Says what is wrong at a place.
    pub fn report(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.problems.push(Problem::new(pointer, code, reason, fix));
    }

    /// Checks a part of the terms as the terms of the kind that `check` is of.
    pub fn within(&mut self, place: &str, check: fn(&mut Check<'_>)) {
        let Some(part) = self.value.pointer(place) else { return };
        let mut value = self.value.clone();
        value["terms"] = part.clone();
        let known = self.problems.iter().filter_map(|it| {
            let path = match it.path.strip_prefix(place) {
                Some(rest) => format!("/terms{rest}"),
                None if it.path.starts_with("/terms") => return None,
                None => it.path.clone(),
            };
            Some(Problem { path, ..it.clone() })
        });
        let problems: Vec<_> = known.collect();
        let before = problems.len();
        let mut part = Check { value: &value, chart: self.chart, problems };
        check(&mut part);
        let words = format!("`{}.", place[1..].replace('/', "."));
        self.problems.extend(part.problems.drain(before..).map(|it| {
            let path = it.path.strip_prefix("/terms").map(|rest| format!("{place}{rest}"));
            let fix = it.fix.replace("`terms.", &words);
            Problem { path: path.unwrap_or(it.path), fix, ..it }
        }));
    }

    /// An amount in major units: positive, with no more decimals than the currency has, small
    /// enough to be booked.
    pub fn amount(&mut self, pointer: &str) -> Option<Decimal> {
        let amount: Decimal = self.get(pointer)?;
        if amount <= Decimal::ZERO {
            self.report(
                pointer,
                "not-positive",
                format!("{amount} is not more than 0."),
                "Raise it.",
            );
            return None;
        }
        if amount > AMOUNT_MAX {
            let reason = format!("{amount} is more than {AMOUNT_MAX}.");
            self.report(pointer, "too-large", reason, "Amounts are in major units, such as yuan.");
            return None;
        }
        let currency: Option<Currency> = self.get("/currency");
        if let Some(currency) = currency.filter(|it| amount.normalize().scale() > it.digits()) {
            let reason = format!("{amount} has more decimals than {currency}.");
            let fix = format!("Write at most {} decimals.", currency.digits());
            self.report(pointer, "too-many-decimals", reason, fix);
            return None;
        }
        Some(amount)
    }

    /// A yearly rate as a fraction, from 0 to [`RATE_MAX`].
    pub fn rate(&mut self, pointer: &str) -> Option<Decimal> {
        let rate: Decimal = self.get(pointer)?;
        if rate.is_sign_negative() && !rate.is_zero() {
            self.report(
                pointer,
                "negative-rate",
                format!("The rate {rate} is negative."),
                "Use 0 or more.",
            );
            return None;
        }
        if rate > RATE_MAX {
            let percent = (rate * Decimal::ONE_HUNDRED).normalize();
            let reason = format!("The rate {rate} is {percent} % a year.");
            self.report(pointer, "absurd-rate", reason, "Write a fraction: 9.6 % is 0.096.");
            return None;
        }
        Some(rate)
    }

    /// Reports a range whose ends are the wrong way round.
    pub fn ordered<T: PartialOrd + std::fmt::Display>(
        &mut self,
        pointer: &str,
        min: Option<T>,
        max: Option<T>,
    ) -> Option<(T, T)> {
        let (min, max) = (min?, max?);
        if min > max {
            let reason = format!("The smallest, {min}, is more than the largest, {max}.");
            self.report(join(pointer, "min"), "empty-range", reason, "Exchange `min` and `max`.");
            return None;
        }
        Some((min, max))
    }

    /// Reports what is wrong with the expression at a place.
    pub fn expression(&mut self, pointer: &str, environment: &Environment, of: Type) {
        self.expression_without(pointer, environment, of, &[]);
    }

    /// As [`Check::expression`], where some fields are missing for a reason already reported.
    fn expression_without(
        &mut self,
        pointer: &str,
        environment: &Environment,
        of: Type,
        missing: &[String],
    ) {
        let Some(source) = self.get::<String>(pointer) else { return };
        let Err(problems) = Expression::compile(&source, environment, of) else { return };
        let reported = |it: &expression::Problem| {
            missing.iter().any(|field| source[it.offset..].starts_with(&field[..]))
        };
        for it in problems.into_iter().filter(|it| !reported(it)) {
            let reason = format!("At {}:{}: {}", it.line, it.column, it.reason);
            self.report(pointer, it.code, reason, it.fix);
        }
    }

    /// Reports every place whose code was used before.
    pub fn distinct(&mut self, places: &[String]) {
        let mut seen = BTreeSet::new();
        for place in places {
            let Some(code) = self.get::<String>(place) else { continue };
            if !seen.insert(code.clone()) {
                let reason = format!("`{code}` is there already.");
                self.report(place.clone(), "duplicate-code", reason, "Give it another code.");
            }
        }
    }

    /// The places of a field in each item of a list.
    pub fn each(&self, list: &str, field: &str) -> Vec<String> {
        (0..self.len(list)).map(|index| format!("{list}/{index}/{field}")).collect()
    }

    fn kind(&mut self) {
        let Some(name) = self.get::<String>("/kind") else { return };
        if Kind::named(&name).is_none() {
            let names: Vec<_> = kinds::ALL.iter().map(|kind| kind.name).collect();
            let reason = format!("There is no kind `{name}`.");
            self.report("/kind", "unknown-kind", reason, choose(&name, &names));
        }
    }

    fn head(&mut self) {
        let effective: Option<Date> = self.get("/effective");
        let until: Option<Date> = self.get("/until");
        if let (Some(effective), Some(until)) = (effective, until)
            && until < effective
        {
            let reason = format!("The last day, {until}, is before the first, {effective}.");
            self.report("/until", "ends-before-it-begins", reason, "Move one of them.");
        }
        let mut packs = BTreeSet::new();
        for index in 0..self.len("/packs") {
            let place = join("/packs", index);
            let Some(rule) = self.get::<String>(&place).filter(|it| !packs.insert(it.clone()))
            else {
                continue;
            };
            let reason = format!("`{rule}` is there already.");
            self.report(place, "duplicate-value", reason, "Keep one.");
        }
    }

    fn facts(&mut self) {
        for name in self.keys("/facts") {
            let place = join("/facts", name);
            if !eligibility::is_fact_name(name) {
                let reason = format!("`{name}` cannot be written in a rule.");
                let fix = "Use lower-case letters, digits and `_`, a letter first.";
                self.report(place.clone(), "malformed-name", reason, fix);
            }
            self.fact_values(&place);
        }
    }

    fn fact_values(&mut self, place: &str) {
        let values = join(place, "values");
        let Some(list) = self.get::<Vec<String>>(&values) else { return };
        let sort: Option<FactType> = self.get(&join(place, "type"));
        if sort.is_some_and(|sort| sort != FactType::Text) {
            let reason = "Only a text has values to choose from.";
            self.report(values.clone(), "values-of-no-text", reason, "Remove `values`.");
        }
        let mut seen = BTreeSet::new();
        for (index, value) in list.iter().enumerate().filter(|(_, value)| !seen.insert(*value)) {
            let reason = format!("`{value}` is there already.");
            self.report(join(&values, index), "duplicate-value", reason, "Keep one.");
        }
    }

    fn eligibility(&mut self) {
        self.distinct(&self.each("/eligibility", "code"));
        let fact = |name: &str| self.get(&join("/facts", name));
        let names = self.keys("/facts");
        let facts = names.iter().filter_map(|name| Some(((*name).to_owned(), fact(name)?)));
        let facts: BTreeMap<_, _> = facts.collect();
        let environment = eligibility::environment(&facts);
        let malformed = names.into_iter().filter(|name| !facts.contains_key(*name));
        let malformed: Vec<_> = malformed.map(|name| format!("facts.{name}")).collect();
        for place in self.each("/eligibility", "rule") {
            self.expression_without(&place, &environment, Type::Bool, &malformed);
        }
    }

    fn accounting(&mut self, kind: &Kind) {
        let before = self.problems.len();
        for event in kind.events {
            let place = join("/accounting", event.name);
            self.event(event, &place);
            if !self.has(&place) {
                self.by_default(event);
            }
        }
        let own: Option<BTreeMap<String, Vec<PostingRule>>> = self.get("/accounting");
        if let Some(own) = own.filter(|_| self.problems.len() == before) {
            self.round_trips(kind, &own);
        }
    }

    /// The postings of one event.
    fn event(&mut self, event: &Event, place: &str) {
        if !self.has(place) {
            return;
        }
        let names: Vec<_> = event.amounts().collect();
        let mut booked = BTreeSet::new();
        for index in 0..self.len(place) {
            let place = join(place, index);
            self.accounts(&place);
            let amount_place = join(&place, "amount");
            let Some(amount) = self.get::<String>(&amount_place) else { continue };
            if !names.contains(&&amount[..]) {
                let reason = format!("`{}` carries no amount `{amount}`.", event.name);
                self.report(amount_place, "unknown-amount", reason, choose(&amount, &names));
            } else if !booked.insert(amount.clone()) {
                let reason = format!("`{amount}` is booked twice.");
                self.report(amount_place, "booked-twice", reason, "Keep one of the postings.");
            }
        }
        // An amount that is misspelled or malformed may be the one that is not booked.
        let read = self.each(place, "amount").iter().all(|it| self.get::<String>(it).is_some());
        for amount in names.into_iter().filter(|it| read && !booked.contains(*it)) {
            let reason = format!("`{amount}` of `{}` is not booked.", event.name);
            let fix = format!("Add a posting with `amount: {amount}`.");
            self.report(place, "unbooked-amount", reason, fix);
        }
    }

    /// An event that is booked as its kind does: an institution's own chart may lack the accounts.
    fn by_default(&mut self, event: &Event) {
        let codes = event.default_rules().into_iter().flat_map(|rule| [rule.debit, rule.credit]);
        let missing: BTreeSet<_> = codes.filter(|code| self.chart.get(*code).is_none()).collect();
        for code in missing {
            let reason =
                format!("`{}` is booked on {code}, which the chart does not have.", event.name);
            let fix = format!("Book `{}` on accounts of the chart.", event.name);
            self.report("/accounting", "unknown-account", reason, fix);
        }
    }

    /// The two accounts of one posting.
    fn accounts(&mut self, place: &str) {
        let [debit, credit] = ["debit", "credit"].map(|side| join(place, side));
        for side in [&debit, &credit] {
            if let Some(code) = self.get(side)
                && self.chart.get(code).is_none()
            {
                let reason = format!("The chart has no account {code}.");
                let codes: Vec<_> = self.chart.accounts().map(|it| it.code.to_string()).collect();
                let near = closest(&code.to_string(), codes.iter().map(String::as_str));
                let fix = near.map_or_else(
                    || "Choose one of the chart.".to_owned(),
                    |near| format!("Did you mean `{near}`?"),
                );
                self.report(side.clone(), "unknown-account", reason, fix);
            }
        }
        let same = self.get::<String>(&debit).zip(self.get::<String>(&credit));
        if same.is_some_and(|(debit, credit)| debit == credit) {
            let reason = "Debit and credit are the same account.";
            let fix = "A posting moves an amount between two.";
            self.report(credit.clone(), "same-account", reason, fix);
        }
        let is_memo = |side: &str| Some(self.chart.get(self.get(side)?)?.class == Class::Memo);
        if is_memo(&debit).zip(is_memo(&credit)).is_some_and(|(debit, credit)| debit != credit) {
            let reason = "A memo account is booked against one of the balance sheet.";
            let fix = "Book memo accounts against memo accounts.";
            self.report(credit, "memo-mixed", reason, fix);
        }
    }

    fn round_trips(&mut self, kind: &Kind, own: &BTreeMap<String, Vec<PostingRule>>) {
        let accounting = Accounting::with(kind, own);
        for trip in kind.round_trips {
            let touched = trip.iter().find(|(event, _)| own.contains_key(*event));
            let left = accounting.leftovers(trip, self.chart);
            let (Some((event, _)), false) = (touched, left.is_empty()) else { continue };
            let trip: Vec<_> =
                trip.iter().map(|(event, amount)| format!("{amount} of {event}")).collect();
            let left: Vec<_> = left.iter().map(ToString::to_string).collect();
            let reason =
                format!("After {} something stays in {}.", trip.join(", "), left.join(", "));
            let fix =
                "Book what one event debits to a contract's account to the credit of the same one.";
            self.report(join("/accounting", event), "leaves-balance", reason, fix);
        }
    }
}

/// The largest amount of a definition, in major units: ten trillion, as
/// [`crate::schedule::PRINCIPAL_MAX`] for a currency with two decimals.
pub const AMOUNT_MAX: Decimal = Decimal::from_parts(1_316_134_912, 2_328, 0, false, 0);

/// The highest yearly rate of a definition: 100 %. What the law allows is far below and is the
/// business of rule packs; this is for a rate of 9.6 % written as 9.6.
pub const RATE_MAX: Decimal = Decimal::ONE;

/// What to write instead of `text`.
pub(crate) fn choose(text: &str, names: &[&str]) -> String {
    match closest(text, names.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("Write one of: {}.", names.join(", ")),
    }
}
