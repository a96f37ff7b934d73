use stdx::{Prng, table};

use crate::{Amount, AmountError, Currency, Decimal, Money, MoneyError, Rounding, UnknownCurrency};

#[test]
fn rounding_modes() {
    let rows = table::parse(
        "
        value   => half-even half-up half-down  up    down
         1.005     1.00      1.01    1.00       1.01  1.00
         1.015     1.02      1.02    1.01       1.02  1.01
         1.0151    1.02      1.02    1.02       1.02  1.01
        -1.005    -1.00     -1.01   -1.00      -1.01 -1.00
         1.001     1.00      1.00    1.00       1.01  1.00
        ",
    );
    for row in rows {
        for (name, mode) in Rounding::ALL {
            let rounded = mode.round(row.get("value"), 2);
            assert_eq!(rounded, row.get::<Decimal>(name), "line {} {name}", row.line);
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
    }
}

#[test]
fn amounts_read_exactly_or_say_why_not() {
    let rows = table::parse(
        "
        text                    currency => minor
        123.45                  CNY         12345
        123.4                   CNY         12340
        -0.01                   CNY         -1
        0                       JPY         0
        7                       JPY         7
        1.234                   BHD         1234
        92233720368547758.07    CNY         9223372036854775807
        ",
    );
    for row in rows {
        let currency: Currency = row.get("currency");
        let amount = Amount::parse(row.text("text"), currency).unwrap();
        assert_eq!(amount.minor(), row.get::<i64>("minor"), "line {}", row.line);
        assert_eq!(Amount::parse(&amount.text(currency), currency), Ok(amount));
    }
    let parse = |text: &str, code: &str| Amount::parse(text, code.parse().unwrap());
    assert_eq!(parse("1.005", "CNY"), Err(AmountError::TooManyDecimals { digits: 2 }));
    assert_eq!(parse("1.5", "JPY"), Err(AmountError::TooManyDecimals { digits: 0 }));
    assert_eq!(parse("92233720368547758.08", "CNY"), Err(AmountError::TooLarge));
    assert_eq!(parse(&"9".repeat(60), "CNY"), Err(AmountError::TooLarge));
    for text in ["", "-", ".5", "5.", "1e3", "+1", "1,000", "１", "1.2.3", " 1", "0x1"] {
        assert_eq!(parse(text, "CNY"), Err(AmountError::NotANumber), "{text:?}");
    }
}

#[test]
fn money_is_a_string_and_a_code() {
    let money: Money = serde_json::from_str(r#"{"amount":"5.10","currency":"CNY"}"#).unwrap();
    assert_eq!(money, Money::new(Amount::from_minor(510), Currency::CNY));
    assert_eq!(serde_json::to_string(&money).unwrap(), r#"{"amount":"5.10","currency":"CNY"}"#);
    for wrong in [
        r#"{"amount":5.10,"currency":"CNY"}"#,
        r#"{"amount":"5.10","currency":"XYZ"}"#,
        r#"{"amount":"5.10","currency":"XAU"}"#,
        r#"{"amount":"5.10","currency":"CNY","unit":"fen"}"#,
    ] {
        assert!(serde_json::from_str::<Money>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn money_reads_as_it_is_written() {
    for text in ["123.45 CNY", "-0.01 CNY", "7 JPY", "1.234 BHD"] {
        assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
    }
    let read = |text: &str| text.parse::<Money>().unwrap_err();
    assert_eq!(read("123.45"), MoneyError::NotMoney);
    assert_eq!(read("CNY 1"), MoneyError::Currency(UnknownCurrency("1".to_owned())));
    assert_eq!(read("1.5 JPY"), MoneyError::Amount(AmountError::TooManyDecimals { digits: 0 }));
    assert_eq!(read("1  CNY").to_string(), "` CNY` is not a currency code of ISO 4217");
}

#[test]
fn sums_are_exact_or_refused() {
    let [one, two] = [1, 2].map(Amount::from_minor);
    assert_eq!([one, one, two].into_iter().sum::<Amount>(), two + two);
    assert_eq!(one - two, one.checked_neg().unwrap() + Amount::ZERO);
    assert_eq!(Amount::MAX.checked_add(one), None);
    assert_eq!(Amount::from_minor(i64::MIN).checked_sub(one), None);
    assert_eq!(Amount::from_minor(i64::MIN).checked_neg(), None);
    let overflow = std::panic::catch_unwind(|| Amount::MAX + one);
    assert!(overflow.is_err(), "an overflow wrapped");
}

/// An amount and its value in major units are the same thing, for every amount there is.
#[test]
fn amounts_survive_decimals() {
    let mut prng = Prng::stream(1, "amounts");
    for _ in 0..2_000 {
        let amount = Amount::from_minor(i64::from_be_bytes(prng.bytes()));
        for code in ["CNY", "JPY", "BHD"] {
            let currency: Currency = code.parse().unwrap();
            let value = amount.to_decimal(currency);
            assert_eq!(Amount::exactly(value, currency), Ok(amount));
            assert_eq!(Amount::parse(&amount.text(currency), currency), Ok(amount));
            let finer = value + Decimal::new(1, 7);
            assert_eq!(Amount::round(finer, currency, Rounding::HalfEven), Ok(amount));
        }
    }
    let huge = Amount::round(Decimal::MAX, Currency::CNY, Rounding::HalfEven);
    assert_eq!(huge, Err(AmountError::TooLarge));
}
