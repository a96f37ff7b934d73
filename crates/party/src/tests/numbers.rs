use expect_test::{Expect, expect};
use stdx::{Date, Prng, table};

use super::{TODAY, wrapped};
use crate::{BankCard, CreditCode, Fault, Mobile, ResidentId};

/// Reads a number of a sort; only whether and why not.
fn parse(sort: &str, text: &str) -> Result<(), Fault> {
    match sort {
        "resident" => ResidentId::parse(text, TODAY).map(|_| ()),
        "credit" => CreditCode::parse(text).map(|_| ()),
        "card" => BankCard::parse(text).map(|_| ()),
        "mobile" => Mobile::parse(text).map(|_| ()),
        other => panic!("no sort `{other}`"),
    }
}

fn check(cases: &str, expected: &Expect) {
    let answer = |row: &table::Row<'_>| match parse(row.text("sort"), row.text("number")) {
        Ok(()) => "ok\n".to_owned(),
        Err(fault) => {
            let text = wrapped(&fault.to_string());
            format!("{}\n  {text}\n", fault.code())
        }
    };
    expected.assert_eq(&table::parse(cases).iter().map(answer).collect::<String>());
}

/// The worked examples the standards print, and published test numbers: an outside opinion.
#[test]
fn published_examples_are_read() {
    check(
        r#"
        sort     number
        resident 11010519491231002X      # GB 11643-1999, appendix A
        resident 440524188001010014      # GB 11643-1999, appendix A
        resident "  11010519491231002x " # as people type it
        credit   91350100M000100Y43      # the usual example for GB 32100-2015
        credit   91350100m000100y43
        card     4111111111111111        # card schemes' test number
        card     "4111 1111 1111 1111"
        card     378282246310005
        mobile   13000000000
        "#,
        &expect![[r#"
            ok
            ok
            ok
            ok
            ok
            ok
            ok
            ok
            ok
        "#]],
    );
}

#[test]
fn each_fault_names_its_rule_and_what_to_do() {
    check(
        r#"
        sort     number
        resident ""
        resident 11010519491231002
        resident 1101051949123100２X     # a full-width digit
        resident X1010519491231002X
        resident 10010519491231002X
        resident 110105194902310021
        resident 110105204902280021
        resident 110105194912310021
        credit   91350100M000100Y4
        credit   9135010OM000100Y43      # the letter O for a zero
        credit   91350100I000100Y43
        credit   91350100M000100Y44
        card     41111111111
        card     41111111111111111111
        card     4111-1111-1111-1111
        card     4111111111111112
        mobile   +8613000000000
        mobile   1300000000
        mobile   12000000000
        "#,
        &expect![[r#"
            missing
              The field is empty;
              give a value.
              (GB 11643-1999, structure: 18 characters)
            wrong-length
              It has 17 characters and must have exactly 18.
              (GB 11643-1999, structure: 18 characters)
            wrong-character
              Character 17 is not allowed there;
              compare with the document.
              (GB 11643-1999, structure: 17 digits and a check character)
            wrong-character
              Character 1 is not allowed there;
              compare with the document.
              (GB 11643-1999, structure: 17 digits and a check character)
            unknown-prefix
              No number begins like this;
              compare the first digits with the document.
              (GB 11643-1999, address code: a division of GB/T 2260)
            impossible-birth-date
              Digits 7 to 14 are no calendar date;
              compare with the document.
              (GB 11643-1999, birth date code: YYYYMMDD)
            birth-date-in-future
              The birth date, digits 7 to 14, is after today;
              check the document.
              (GB 11643-1999, birth date code: YYYYMMDD)
            wrong-checksum
              A character is mistyped: the last is `1`, the others ask for `X`;
              compare with the document.
              (GB 11643-1999, check code: ISO 7064 MOD 11-2)
            wrong-length
              It has 17 characters and must have exactly 18.
              (GB 32100-2015, structure: 18 characters)
            wrong-character
              Character 8 is not allowed there;
              compare with the document.
              (GB 32100-2015, characters: digits and capitals without I, O, S, V, Z)
            wrong-character
              Character 9 is not allowed there;
              compare with the document.
              (GB 32100-2015, characters: digits and capitals without I, O, S, V, Z)
            wrong-checksum
              A character is mistyped: the last is `4`, the others ask for `3`;
              compare with the document.
              (GB 32100-2015, check code: weights 3^(i-1) modulo 31)
            wrong-length
              It has 11 characters and must have 12 to 19.
              (ISO/IEC 7812-1, structure: 12 to 19 digits)
            wrong-length
              It has 20 characters and must have 12 to 19.
              (ISO/IEC 7812-1, structure: 12 to 19 digits)
            wrong-character
              Character 5 is not allowed there;
              compare with the document.
              (ISO/IEC 7812-1, structure: digits only)
            wrong-checksum
              A character is mistyped: the last is `2`, the others ask for `1`;
              compare with the document.
              (ISO/IEC 7812-1, check digit: Luhn)
            wrong-character
              Character 1 is not allowed there;
              compare with the document.
              (mainland mobile number: digits only, without +86)
            wrong-length
              It has 10 characters and must have exactly 11.
              (mainland mobile number: 11 digits)
            unknown-prefix
              No number begins like this;
              compare the first digits with the document.
              (mainland mobile number: 13 to 19 first)
        "#]],
    );
}

#[test]
fn faults_never_repeat_the_number() {
    let number = ResidentId::sample(110_105, Date::constant(1990, 7, 8), 2);
    let wrong = format!("{}{}", &number.reveal()[..17], "5");
    let fault = ResidentId::parse(&wrong, TODAY).unwrap_err();
    for text in [fault.to_string(), format!("{fault:?}"), format!("{number:?}")] {
        assert!(!has_run_of(&text, number.reveal(), 4), "{text}");
    }
}

/// Whether `text` holds a piece of the number of this length.
fn has_run_of(text: &str, number: &str, length: usize) -> bool {
    (0..=number.len() - length).any(|at| text.contains(&number[at..at + length]))
}

#[test]
fn a_resident_number_tells_birth_and_age() {
    let rows = table::parse(
        "
        birth       serial  on          => age
        1990-07-08  1       2026-07-07     35
        1990-07-08  2       2026-07-08     36
        2008-02-29  998     2026-02-28     17
        2008-02-29  999     2026-03-01     18
        2008-02-29  999     2008-02-29     0
        2008-02-29  999     2000-01-01     0   # before the birth
        ",
    );
    for row in rows {
        let birth = row.get("birth");
        let number = ResidentId::sample(110_105, birth, row.get("serial"));
        assert_eq!(number.birth_date(), birth);
        assert_eq!(number.age_on(row.get("on")), row.get::<u16>("age"), "line {}", row.line);
    }
}

#[test]
fn born_today_is_not_the_future() {
    let text = ResidentId::sample(310_000, TODAY, 1);
    assert!(ResidentId::parse(text.reveal(), TODAY).is_ok());
    let yesterday = TODAY.yesterday().unwrap();
    let fault = ResidentId::parse(text.reveal(), yesterday).unwrap_err();
    assert_eq!(fault.code(), "birth-date-in-future");
}

/// The checks of all three standards find every single mistyped character (their moduli are prime
/// or, for Luhn, the doubling is a permutation of the digits).
#[test]
fn every_single_typing_error_is_found() {
    let mut prng = Prng::stream(1, "typing errors");
    for _ in 0..50 {
        let birth = Date::new(1950 + draw::<i16>(&mut prng, 50), 1 + draw::<i8>(&mut prng, 12), 8);
        let serial = draw(&mut prng, 1_000);
        let resident = ResidentId::sample(110_105, birth.unwrap(), serial);
        every_edit_fails("resident", resident.reveal(), "0123456789X");
        let credit = CreditCode::sample(350_100, draw(&mut prng, 100_000_000));
        every_edit_fails("credit", credit.reveal(), "0123456789ABCDEFGHJKLMNPQRTUWXY");
        let card = BankCard::sample(prng.below(100_000_000_000_000));
        every_edit_fails("card", card.reveal(), "0123456789");
    }
}

fn draw<T: TryFrom<u64>>(prng: &mut Prng, bound: u64) -> T {
    T::try_from(prng.below(bound)).ok().unwrap()
}

fn every_edit_fails(sort: &str, number: &str, alphabet: &str) {
    assert_eq!(parse(sort, number), Ok(()), "{sort} sample");
    for at in 0..number.len() {
        for other in alphabet.chars().filter(|it| !number[at..].starts_with(*it)) {
            let edited = format!("{}{other}{}", &number[..at], &number[at + 1..]);
            assert!(parse(sort, &edited).is_err(), "{sort} {number} -> {edited}");
        }
    }
}

/// Whatever comes in, the answer is a value.
#[test]
fn no_text_makes_a_parser_panic() {
    let mut prng = Prng::stream(2, "noise");
    let alphabet: Vec<char> = "0123456789Xx９张\u{0}\u{301} -é🂡".chars().collect();
    for _ in 0..20_000 {
        let length = 10 + prng.below(10);
        let text: String = (0..length).map(|_| *prng.pick(&alphabet)).collect();
        for sort in ["resident", "credit", "card", "mobile"] {
            let _answer = parse(sort, &text);
        }
    }
}
