//! The benchmarks, on sizes that say nothing about speed: what they report must add up.

#![allow(clippy::float_arithmetic, reason = "rates and shares of a measurement")]

use serde_json::Value;

use crate::{Scratch, printed, run};

fn bench(arguments: &[&str]) -> Value {
    let data = Scratch::new();
    let always = ["--json", "--data", data.text()];
    let text = printed(&[&["bench"], arguments, &always[..]].concat());
    let left = data.path().read_dir().unwrap().count();
    assert_eq!(left, 0, "{arguments:?} removes what it made");
    serde_json::from_str(&text).expect("one JSON object")
}

fn number(figures: &Value, pointer: &str) -> f64 {
    let number = figures.pointer(pointer).and_then(Value::as_f64);
    assert!(number.is_some(), "{pointer} in {figures}");
    number.unwrap()
}

/// The times of anything that was done at all.
fn assert_times(figures: &Value, within: &str) {
    let ranks = ["p50_ms", "p99_ms", "p99_9_ms", "max_ms"];
    let times = ranks.map(|rank| number(figures, &format!("{within}/{rank}")));
    assert!(times[0] > 0.0 && times.is_sorted(), "{within}: {figures}");
}

/// What every benchmark has.
fn assert_rates(figures: &Value) {
    let rate = number(figures, "/per_second");
    let limit = number(figures, "/limit_per_second");
    let ratio = number(figures, "/ratio_to_limit");
    assert!(rate > 0.0 && limit > 0.0, "{figures}");
    assert!((ratio - rate / limit).abs() <= 0.001, "{figures}");
    assert!(number(figures, "/memory_per_second") >= limit, "memory alone is faster: {figures}");
    assert_times(figures, "");
}

#[test]
fn transfers_are_counted_found_and_in_the_books() {
    for engine in ["sqlite", "mem"] {
        let sizes = ["--accounts", "300", "--transfers", "5050", "--batch", "100"];
        let figures = bench(&[&["ledger", "--engine", engine], &sizes[..]].concat());
        assert_rates(&figures);
        assert_eq!(figures["engine"], engine);
        assert_eq!(figures["batches"], 51, "{figures}");
        assert_eq!(figures["moved"], 5_050, "by the books: {figures}");
        assert_eq!(figures["looked_up"], 2, "one in fifty: {figures}");
        assert_times(&figures, "/lookup");
        assert_times(&figures, "/history");
        assert_eq!(figures["decay"]["window"], 1_262, "{figures}");
        assert!(number(&figures, "/decay/first_per_second") > 0.0);
        assert!(number(&figures, "/decay/last_per_second") > 0.0);
        let lasting = engine == "sqlite";
        assert_eq!(figures["ready_ms"].is_number(), lasting, "{figures}");
        let grown = figures["file_bytes_per_transfer"].as_u64();
        assert_eq!(grown.is_some(), lasting, "{figures}");
    }
}

#[test]
fn every_hold_but_the_last_is_posted() {
    for expiring in [&[][..], &["--expiring"]] {
        let arguments = ["mixed", "--accounts", "300", "--merchants", "10", "--clients", "1"];
        let sizes = ["--transfers", "1000", "--batch", "100"];
        let figures = bench(&[&arguments[..], &sizes, expiring].concat());
        assert_rates(&figures);
        // The first of ten batches holds only, half of each other one posts.
        assert_eq!(figures["moved"], 450, "{figures}");
        assert_eq!(figures["looked_up"], 1, "{figures}");
    }
}

#[test]
fn commands_over_http_are_answered_and_booked() {
    let sizes = ["--loans", "6", "--connections", "3", "--commands", "90", "--alone", "5"];
    let figures = bench(&[&["commands"], &sizes[..]].concat());
    assert_rates(&figures);
    assert_eq!(figures["errors"], 0, "{figures}");
    assert_eq!(figures["commands"], 90, "{figures}");
    assert_eq!(figures["booked"], 90 + 45 + 5, "by the loans: {figures}");
    for load in ["/half", "/alone"] {
        assert_times(&figures, load);
        assert!(number(&figures, &format!("{load}/per_second")) > 0.0);
    }
    let asked = number(&figures, "/half/asked_per_second");
    assert_eq!(asked, (number(&figures, "/per_second") / 2.0).floor(), "{figures}");
    assert!(figures["cpu"]["threads_s"].is_object(), "{figures}");
}

#[test]
fn a_book_comes_to_the_same_on_one_core_and_on_all() {
    let text = printed(&["bench", "simulate", "--loans", "3", "--json"]);
    let figures: Value = serde_json::from_str(&text).expect("one JSON object");
    assert!(number(&figures, "/loans") > 100.0, "{figures}");
    assert!(number(&figures, "/contract_months") > number(&figures, "/loans"), "{figures}");
    assert!(number(&figures, "/per_second") > 0.0, "{figures}");
    assert!(number(&figures, "/per_processor_second") > 0.0, "{figures}");
    assert!(number(&figures, "/all_cores/per_second") > 0.0, "{figures}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    let rows = [
        (&["ledger", "--accounts", "1"][..], "two accounts"),
        (&["ledger", "--batch", "8001"], "1 to 8,000"),
        (&["mixed", "--accounts", "100"], "two accounts"),
        (&["commands", "--loans", "2", "--connections", "3"], "a loan of its own"),
        (&["ledger", "--engine", "postgres"], "--database"),
        (&["ledger", "--engine", "postgres", "--database", "x"], "the URL of the database"),
    ];
    for (arguments, why) in rows {
        let output = run(&[&["bench"], arguments].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(why), "{arguments:?}: {errors}");
    }
}
