use expect_test::expect;
use money::{Amount, Currency, Money};
use stdx::{Date, Prng};

use super::{digest, reader::Piece, sample, sound};
use crate::{
    Language, Statement,
    parts::figures,
    statement::{Content, Movement, Totals},
};

fn movements(statement: &mut Statement) -> &mut Vec<Movement> {
    match &mut statement.content {
        Content::Account { movements } => movements,
        Content::Loan { .. } => panic!("of a loan"),
    }
}

#[test]
fn figures_are_grouped_by_three() {
    let shown = |minor| figures(Amount::from_minor(minor), Currency::CNY);
    assert_eq!(shown(0), "0.00");
    assert_eq!(shown(-99_999), "-999.99");
    assert_eq!(shown(100_000), "1,000.00");
    assert_eq!(shown(-123_456_789_012), "-1,234,567,890.12");
    assert_eq!(figures(Amount::from_minor(1_234_567), "JPY".parse().unwrap()), "1,234,567");
}

#[test]
fn every_movement_is_on_one_page_under_a_head() {
    for seed in 0..12 {
        let mut prng = Prng::stream(seed, "statements");
        let rows = u32::try_from(prng.below(130)).unwrap();
        let mut statement = sample::account(rows, &mut prng);
        let language = *prng.pick(&Language::ALL);
        let read = sound(&statement.pdf(language).unwrap());
        let head = language.pick("摘要", "Description");
        let mut shown = 0;
        for page in &read.pages {
            let beside = |at: &Piece| page.iter().filter(|it| it.y == at.y).count();
            let row = |day: &Date| {
                let day = day.to_string();
                page.iter().any(|it| it.text == day && beside(it) >= 4)
            };
            let rows = movements(&mut statement).iter().filter(|it| row(&it.date)).count();
            let heads = page.iter().filter(|it| it.text == head).count();
            assert_eq!(heads, usize::from(rows > 0), "seed {seed}");
            shown += rows;
        }
        assert_eq!(shown, usize::try_from(rows).unwrap(), "seed {seed}");
        // A row is one line of dates, and its balance stands at the same height.
        for it in movements(&mut statement) {
            let day = it.date.to_string();
            let balance = figures(it.balance.amount, Currency::CNY);
            let shown = read.pages.iter().any(|page| {
                let of_day = || page.iter().filter(|piece| piece.text == day);
                of_day().any(|a| page.iter().any(|b| b.text == balance && a.y == b.y))
            });
            assert!(shown, "seed {seed}: {day} {balance}");
        }
    }
}

#[test]
fn pages_and_sizes() {
    let mut prng = Prng::stream(1, "sizes");
    for language in Language::ALL {
        for (statement, pages) in [
            (sample::account(12, &mut prng), 1),
            (sample::account(110, &mut prng), 4),
            (sample::loan(8), 1),
            (sample::loan(60), 4),
        ] {
            let pdf = statement.pdf(language).unwrap();
            assert_eq!(pdf.pages, pages);
            assert!(pdf.bytes.len() < 100_000, "{} bytes", pdf.bytes.len());
            assert!(pdf.missing.is_empty());
            sound(&pdf);
        }
    }
}

#[test]
fn the_same_statement_is_the_same_file() {
    let statement = sample::loan(60);
    let [first, second] = [(), ()].map(|()| statement.clone().pdf(Language::Zh).unwrap());
    assert_eq!(first, second);
    expect!["65eb89433c2b4aa9229f71b07971f4ffcc59f9aa4ecd52fb6882981730f8b6fa"]
        .assert_eq(&digest(&first));
}

#[test]
fn amounts_of_any_size_stay_whole_and_on_the_page() {
    let mut statement = sample::loan(3);
    let most = Money::new(Amount::from_minor(i64::MAX / 4), Currency::CNY);
    statement.opening = most;
    statement.closing = most;
    if let Content::Loan { movements, instalments } = &mut statement.content {
        movements.truncate(1);
        let zero = sample::cny(0);
        let it = &mut movements[0];
        (it.amount, it.principal, it.balance) = (zero, zero, most);
        (it.interest, it.penalty) = (most, Money::new(Amount::ZERO - most.amount, most.currency));
        let it = &mut instalments[0];
        (it.principal, it.interest, it.paid, it.outstanding) = (most, most, most, most);
        (it.penalty, it.fees) = (zero, zero);
    }
    let shown = figures(most.amount, Currency::CNY);
    for language in Language::ALL {
        let read = sound(&statement.pdf(language).unwrap());
        assert!(read.count(&shown) >= 7, "{shown} in {:?}", read.texts());
    }
}

#[test]
fn a_loan_tells_what_was_paid_and_what_is_open() {
    let statement = sample::loan(8);
    let json = statement.json().unwrap();
    let Totals::Loan { principal, interest, penalty, fees, due, overdue } = json.totals else {
        panic!("of an account")
    };
    // Six of eight instalments: interest 48 + 42 + 36 + 30 + 24 + 18.
    let all = [principal, interest, penalty, fees, due, overdue].map(|it| it.amount.minor());
    assert_eq!(all, [600_000, 19_800, 315, 3_000, 203_000 - 200, 101_700]);
    let read = sound(&statement.pdf(Language::En).unwrap());
    for text in ["6,000.00", "198.00", "1,017.00", "Overdue", "Paid", "Due"] {
        assert!(read.count(text) > 0, "{text}");
    }
    let empty = "Nothing happened in this period.";
    let quiet = sample::account(0, &mut Prng::stream(0, "")).pdf(Language::En).unwrap();
    assert_eq!(sound(&quiet).count(empty), 1);
}

#[test]
fn json_has_amounts_as_texts_and_reads_back() {
    let statement = sample::loan(3);
    let json = serde_json::to_value(statement.json().unwrap()).unwrap();
    assert_eq!(json["closing"], serde_json::json!({ "amount": "2000.00", "currency": "CNY" }));
    assert_eq!(json["content"]["movements"][1]["principal"]["amount"], "-1000.00");
    assert_eq!(json["totals"]["overdue"]["amount"], "1017.00");
    let text = serde_json::to_string(&statement).unwrap();
    assert_eq!(serde_json::from_str::<Statement>(&text).unwrap(), statement);
}

#[test]
fn a_character_the_font_lacks_becomes_a_box_and_is_told() {
    let mut statement = sample::account(3, &mut Prng::stream(0, "rare"));
    statement.party.name = "𠮷*\u{e000}é喆堃".to_owned();
    let pdf = statement.pdf(Language::Zh).unwrap();
    assert_eq!(pdf.missing, ['𠮷', '\u{e000}'].into());
    let read = sound(&pdf);
    assert!(read.count("*") == 1 && read.count("é喆堃") == 1, "{:?}", read.texts());
}
