//! Definitions on the command line.

use expect_test::expect;
use serde_json::Value;

use crate::{Scratch, printed, run};

const CONSUMER: &str = "examples/products/consumer-instalment.yaml";

#[test]
fn every_example_is_without_problems_and_can_be_simulated() {
    for entry in std::fs::read_dir(crate::root().join("examples/products")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.to_str().unwrap();
        assert!(printed(&["product", "check", file]).contains("no problems"), "{file}");
        let text = printed(&["product", "simulate", file, "--json"]);
        let simulation: Value = serde_json::from_str(&text).unwrap();
        assert!(!simulation["periods"].as_array().unwrap().is_empty(), "{file}");
    }
}

#[test]
fn a_simulation_shows_the_schedule_and_the_cost() {
    let arguments = ["product", "simulate", CONSUMER, "--amount", "5000", "--date", "2022-11-01"];
    let changes = ["--term", "6", "--set", "terms.interest.rate=0.12"];
    let text = printed(&[&arguments[..], &changes[..]].concat());
    expect![[r#""#]].assert_eq(&text);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let scratch = Scratch::new();
    let file = scratch.path().join("five.yaml");
    let text = std::fs::read_to_string(crate::root().join(CONSUMER)).unwrap();
    let text = text
        .replace("currency: CNY", "currency: CNX")
        .replace("effective: 2022-01-01", "effective: 2022-13-01")
        .replace("method: equal-instalment", "method: equal-installment")
        .replace("applicant.age >= 18", "applicant.aeg >= 18")
        .replace("  penalty:", "  penalties:");
    std::fs::write(&file, text).unwrap();
    let output = run(&["product", "check", file.to_str().unwrap()]);
    assert!(!output.status.success());
    expect![[r#""#]].assert_eq(&String::from_utf8(output.stdout).unwrap());
}

#[test]
fn a_wrong_change_or_input_is_named() {
    let cases = [
        (vec!["--set", "terms.interest.rat=0.1"], "rate"),
        (vec!["--set", "terms.interest.rate"], "PATH=VALUE"),
        (vec!["--amount", "1"], "amount"),
        (vec!["--term", "99"], "term"),
        (vec!["--date", "2022-02-30"], "2022-02-30"),
        (vec!["--calendar", "mars"], "mars"),
    ];
    for (arguments, named) in cases {
        let output = run(&[&["product", "simulate", CONSUMER][..], &arguments[..]].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(errors.contains(named), "{arguments:?}: {errors}");
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    }
}

#[test]
fn the_schema_is_one_object_for_each_kind() {
    let all: Value = serde_json::from_str(&printed(&["product", "schema"])).unwrap();
    for kind in ["instalment-loan", "current-account"] {
        let one: Value = serde_json::from_str(&printed(&["product", "schema", kind])).unwrap();
        assert_eq!(all[kind], one);
        assert_eq!(one["properties"]["kind"]["const"], kind);
    }
    assert!(!run(&["product", "schema", "mortgage"]).status.success());
}
