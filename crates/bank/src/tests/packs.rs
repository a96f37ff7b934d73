//! Products and contracts, by the rules of the day.

use lending::{Reject, What, fact::RateReason};
use product::{Chart, Definition, Document};
use stdx::{Date, table};

use super::{
    command::Command,
    deposits::NEST,
    world::{FIRST, LOAN, PURSE, World},
};
use crate::{Refusal, Role, packs, products::Step};

/// 10.95 % a year and a penalty of 16.425 % on drawings.
const LINE: &str = include_str!("../../../../examples/products/revolving-credit.yaml");
/// 18.25 % a year, 1 % of cash with 10 yuan at least, limits from 500 yuan on.
const ACCOUNT: &str = include_str!("../../../../examples/products/pay-later-account.yaml");

/// A product with its rules.
fn written(name: &str, rule: &str, change: Option<&str>) -> Definition {
    let texts =
        [("loan", LOAN), ("deposit", NEST), ("purse", PURSE), ("line", LINE), ("account", ACCOUNT)];
    let text = texts.iter().find(|(it, _)| *it == name).unwrap().1;
    let mut document = Document::parse(text).unwrap();
    document.set("packs", &format!("[{rule}]")).unwrap();
    if let Some((path, value)) = change.and_then(|it| it.split_once('=')) {
        document.set(path, &value.replace(':', ": ")).unwrap();
    }
    Definition::from_document(&document, Chart::china()).unwrap()
}

#[test]
fn a_definition_is_told_which_rules_it_breaks() {
    for row in table::parse(include_str!("../../testdata/packs.txt")) {
        let change = row.option::<String>("change");
        let definition = written(row.text("product"), row.text("rule"), change.as_deref());
        let problems = packs::problems(&definition, row.get("on"));
        let found = problems.first().map(|it| (it.code.to_owned(), it.path.clone()));
        let expected = row.option::<String>("code").zip(row.option::<String>("place"));
        assert_eq!(found, expected, "line {}: {problems:?}", row.line);
        assert!(problems.len() < 2, "line {}", row.line);
    }
}

#[test]
fn a_problem_says_the_number_and_where_it_stands() {
    let definition = written("loan", "rate-ceilings/microloan", None);
    let problem = &packs::problems(&definition, jiff::civil::date(2026, 1, 20))[0];
    let told = "The all-in cost of 100 over 24 instalments is 99.223 % a year, above 24 %: \
        小额贷款公司综合融资成本管理工作指引，二, from 2025-12-24.";
    assert_eq!(problem.reason, told);
    let definition = written("loan", "rate-ceilings/microlone", None);
    let problem = &packs::problems(&definition, FIRST)[0];
    assert_eq!(problem.fix, "Did you mean `rate-ceilings/microloan`?");
}

#[test]
fn every_example_keeps_its_rules() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/products");
    for file in std::fs::read_dir(examples).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for on in ["2022-01-01", "2026-11-22"] {
            let read = packs::read(&text, Chart::china(), on.parse().unwrap());
            assert!(read.is_ok(), "{} on {on}: {read:?}", path.display());
        }
    }
}

/// Four times the one-year LPR is 12.4 % from 21 October 2024 and 12 % from 20 May 2025.
#[tokio::test]
async fn what_costs_more_than_it_may_is_not_published_offered_or_agreed() {
    let world = World::new().await;
    let version = |number: u32, rate: &str| {
        let packs = "packs: [rate-ceilings/private-lending]\neligibility:";
        LOAN.replace("version: 1", &format!("version: {number}"))
            .replace("eligibility:", packs)
            .replace("rate: 0.12,", &format!("rate: {rate},"))
    };
    let refusal = world.refused("dear", Command::Draft(version(2, "0.1241"))).await;
    let Refusal::Definition(problems) = refusal else { panic!("{refusal:?}") };
    assert_eq!((problems[0].code, problems[0].line), ("above-ceiling", Some(18)));
    world.publish("loan", 2, &version(2, "0.124")).await;
    let (one, other) = (world.person(1).await, world.person(2).await);
    let loan = world.lend("a", one, 12_000_00, 24).await;

    // What was agreed counts by the day of the contract, also later.
    world.close_until(jiff::civil::date(2025, 5, 21)).await;
    let change = async |key: &str, rate: &str| {
        let (rate, reason) = (rate.parse().unwrap(), RateReason::Agreed);
        let what = What::RateChange { rate, reason };
        world.agreed(key, loan, what, None).await
    };
    let reject = Refusal::Lending(Reject::AboveCeiling { at_most: "0.1240".parse().unwrap() });
    assert_eq!(change("up", "0.1241").await, Err(reject));
    assert_eq!(change("down", "0.11").await, Ok(()));
    assert_eq!(change("back", "0.124").await, Ok(()));

    // No more offers, and the version is named by who asks for the day.
    let refusal = world.refused("b", World::apply(other, 1_000_00, 6)).await;
    let reject = Refusal::Lending(Reject::AboveCeiling { at_most: "0.1200".parse().unwrap() });
    assert_eq!(refusal, reject);
    let check = async |on: Option<Date>| {
        let found = world.bank.check_published(&world.reader(), on).await.unwrap();
        let broken = found.broken.iter().map(|(it, wrong)| (it.version, wrong[0].code));
        (found.checked, broken.collect::<Vec<_>>())
    };
    assert_eq!(check(Some(FIRST)).await, (3, vec![]));
    assert_eq!(check(None).await, (3, vec![(2, "above-ceiling")]));
    for (key, step) in [("stop", Step::Suspend), ("go", Step::Resume)] {
        let given = world.give(Role::Approver, key, &Command::Step("loan", 2, step)).await;
        let refused = matches!(given, Err(Refusal::Definition(_)));
        assert_eq!(refused, key == "go", "{given:?}");
    }
    world.publish("loan", 3, &version(3, "0.12")).await;
    world.ok("c", World::apply(other, 1_000_00, 6)).await;
    world.check().await;
}
