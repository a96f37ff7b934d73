use money::Money;
use stdx::Prng;

use super::sample;
use crate::{
    Disclosure, DocumentError, Language, Statement,
    error::ALL,
    parts::{NOTE_MAX, ROWS_MAX, TEXT_MAX},
    statement::{Content, Instalment, LoanMovement},
};

fn refused_statement(change: fn(&mut Statement)) -> DocumentError {
    let mut statement = sample::loan(4);
    change(&mut statement);
    let error = statement.pdf(Language::Zh).unwrap_err();
    assert_eq!(statement.json().unwrap_err(), error);
    error
}

fn refused_disclosure(change: fn(&mut Disclosure)) -> DocumentError {
    let mut disclosure = sample::disclosure(4);
    change(&mut disclosure);
    let error = disclosure.pdf(Language::En).unwrap_err();
    assert_eq!(disclosure.json().unwrap_err(), error);
    error
}

fn dollars(money: &mut Money) {
    money.currency = "USD".parse().unwrap();
}

fn movements(statement: &mut Statement) -> &mut Vec<LoanMovement> {
    match &mut statement.content {
        Content::Loan { movements, .. } => movements,
        Content::Account { .. } => panic!("of an account"),
    }
}

fn instalments(statement: &mut Statement) -> &mut Vec<Instalment> {
    match &mut statement.content {
        Content::Loan { instalments, .. } => instalments,
        Content::Account { .. } => panic!("of an account"),
    }
}

#[test]
fn every_refusal_has_its_code() {
    let refusals = [
        (
            "too-many-rows",
            refused_statement(|it| {
                let row = movements(it)[0].clone();
                *movements(it) = vec![row; ROWS_MAX + 1];
            }),
        ),
        (
            "too-many-rows",
            refused_disclosure(|it| {
                it.plan = vec![it.plan[0].clone(); ROWS_MAX + 1];
            }),
        ),
        ("text-too-long", refused_statement(|it| it.party.name = "张".repeat(TEXT_MAX + 1))),
        (
            "text-too-long",
            refused_statement(|it| {
                movements(it)[0].note = Some("长".repeat(NOTE_MAX + 1));
            }),
        ),
        ("text-missing", refused_statement(|it| it.issuer.name.en = " ".to_owned())),
        ("text-missing", refused_disclosure(|it| it.fees[0].name.zh.clear())),
        ("control-character", refused_statement(|it| it.contract.number = "1\n2".to_owned())),
        (
            "not-masked",
            refused_statement(|it| {
                it.party.document = Some("110101199003070010".to_owned());
            }),
        ),
        (
            "not-masked",
            refused_disclosure(|it| {
                it.contract.account = Some("6222020200112233".to_owned());
            }),
        ),
        ("mixed-currencies", refused_statement(|it| dollars(&mut it.closing))),
        (
            "mixed-currencies",
            refused_statement(|it| {
                dollars(&mut instalments(it)[2].paid);
            }),
        ),
        ("mixed-currencies", refused_disclosure(|it| dollars(&mut it.plan[1].fees))),
        ("does-not-add-up", refused_statement(|it| it.closing = sample::cny(1))),
        (
            "does-not-add-up",
            refused_statement(|it| {
                movements(it)[1].interest = sample::cny(1);
            }),
        ),
        (
            "does-not-add-up",
            refused_statement(|it| {
                movements(it)[1].balance = sample::cny(1);
            }),
        ),
        (
            "does-not-add-up",
            refused_statement(|it| {
                instalments(it)[1].paid = sample::cny(1);
            }),
        ),
        ("does-not-add-up", refused_disclosure(|it| it.plan[2].total = sample::cny(1))),
        ("does-not-add-up", refused_disclosure(|it| it.amount = sample::cny(1))),
        (
            "does-not-add-up",
            refused_disclosure(|it| {
                it.plan.pop();
            }),
        ),
        ("amount-too-large", refused_statement(|it| it.opening = sample::cny(i64::MAX))),
        ("out-of-period", refused_statement(|it| std::mem::swap(&mut it.from, &mut it.to))),
        (
            "out-of-period",
            refused_statement(|it| {
                movements(it)[0].date = it.to;
            }),
        ),
        ("out-of-period", refused_disclosure(|it| it.plan[1].due = it.disbursed_on)),
    ];
    for (code, error) in refusals {
        assert_eq!(error.code(), code, "{error}");
    }
    for code in ALL {
        assert!(refusals.iter().any(|(it, _)| *it == code), "{code} is not tried");
    }
}

#[test]
fn an_error_says_where() {
    let error = refused_disclosure(|it| it.plan[2].total = sample::cny(1));
    assert_eq!(error, DocumentError::DoesNotAddUp { figure: "total", row: 3 });
    let error = refused_statement(|it| it.to = it.from);
    assert_eq!(error, DocumentError::OutOfPeriod { row: 2 });
}

#[test]
fn the_most_rows_make_a_document() {
    let rows = u32::try_from(ROWS_MAX).unwrap();
    let statement = sample::account(rows, &mut Prng::stream(0, "most"));
    let pdf = statement.pdf(Language::Zh).unwrap();
    assert!(pdf.pages > 100);
}
