use stdx::{Prng, table};

use crate::{Amount, Currency, Money, words};

#[test]
fn words_are_those_of_the_table() {
    for row in table::parse(include_str!("../../testdata/words.txt")) {
        let amount = Amount::parse(row.text("amount"), Currency::CNY).unwrap();
        assert_eq!(words::renminbi(amount), row.text("chinese"), "line {}", row.line);
        let money = Money::new(amount, Currency::CNY);
        assert_eq!(words::english(money), row.text("english"), "line {}", row.line);
    }
}

#[test]
fn decimals_are_those_of_the_currency() {
    let english = |text: &str| words::english(text.parse().unwrap());
    assert_eq!(english("12005 JPY"), "JPY Twelve Thousand Five Only");
    assert_eq!(english("1.007 BHD"), "BHD One and 007/1000");
}

#[test]
fn words_read_back_to_the_amount() {
    let mut prng = Prng::stream(4, "words");
    for _ in 0..20_000 {
        let size = 10_u64.pow(u32::try_from(prng.below(19)).unwrap());
        let minor = prng.below(size.max(2));
        // Zeros are where the rules are.
        let minor = if prng.chance(50) { minor - minor % 10_u64.pow(4) } else { minor };
        let minor = if prng.chance(50) { sparse(minor, &mut prng) } else { minor };
        let amount = Amount::from_minor(i64::try_from(minor).unwrap());
        let words = words::renminbi(amount);
        assert_eq!(read_renminbi(&words), amount.minor(), "{words}");
        assert!(!words.contains("零零") && !words.contains("零元零"), "{words}");
        let words = words::english(Money::new(amount, Currency::CNY));
        assert_eq!(read_english(&words), amount.minor(), "{words}");
    }
    for minor in [i64::MIN, -1, 0, 1, i64::MAX] {
        let amount = Amount::from_minor(minor);
        assert_eq!(read_renminbi(&words::renminbi(amount)), minor);
        assert_eq!(read_english(&words::english(Money::new(amount, Currency::CNY))), minor);
    }
}

/// The number with some of its digits made zero.
fn sparse(number: u64, prng: &mut Prng) -> u64 {
    let digits = number.to_string().into_bytes().into_iter();
    let kept = digits.map(|it| if prng.chance(60) { b'0' } else { it });
    String::from_utf8(kept.collect()).unwrap().parse().unwrap()
}

/// Minor units of an amount in words, read from left to right: a digit waits for its unit, and
/// 万 and 亿 multiply all that stands before them.
fn read_renminbi(words: &str) -> i64 {
    let words = words.strip_prefix("人民币").unwrap();
    let (sign, words) = words.strip_prefix('负').map_or((1, words), |it| (-1, it));
    let (mut total, mut section, mut digit, mut minor) = (0_i128, 0_i128, 0_i128, 0_i128);
    for word in words.chars() {
        let value = "零壹贰叁肆伍陆柒捌玖".chars().position(|it| it == word);
        match (word, value) {
            (_, Some(value)) => digit = i128::try_from(value).unwrap(),
            ('拾' | '佰' | '仟', _) => {
                section += digit * [10, 100, 1_000]["拾佰仟".find(word).unwrap() / 3];
                digit = 0;
            }
            ('万', _) => {
                total += (section + digit) * 10_000;
                (section, digit) = (0, 0);
            }
            ('亿', _) => {
                total = (total + section + digit) * 100_000_000;
                (section, digit) = (0, 0);
            }
            ('元', _) => {
                minor += (total + section + digit) * 100;
                digit = 0;
            }
            ('角', _) => {
                minor += digit * 10;
                digit = 0;
            }
            ('分', _) => minor += digit,
            ('整', _) => {}
            _ => panic!("{word} in {words}"),
        }
    }
    i64::try_from(minor * sign).unwrap()
}

/// Minor units of an amount in English words.
fn read_english(words: &str) -> i64 {
    const SMALL: &str = "Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve \
                         Thirteen Fourteen Fifteen Sixteen Seventeen Eighteen Nineteen";
    const TENS: &str = "Twenty Thirty Forty Fifty Sixty Seventy Eighty Ninety";
    const LARGE: &str = "Thousand Million Billion Trillion Quadrillion";
    let place = |list: &str, word: &str| {
        list.split_whitespace().position(|it| it == word).map(|it| i128::try_from(it).unwrap())
    };
    let words = words.strip_prefix("CNY ").unwrap();
    let (sign, words) = words.strip_prefix("Minus ").map_or((1, words), |it| (-1, it));
    let (mut total, mut section, mut fen) = (0_i128, 0_i128, 0_i128);
    for word in words.split([' ', '-']) {
        if let Some(value) = place(SMALL, word) {
            section += value;
        } else if let Some(value) = place(TENS, word) {
            section += (value + 2) * 10;
        } else if word == "Hundred" {
            section *= 100;
        } else if let Some(power) = place(LARGE, word) {
            total += section * 1_000_i128.pow(u32::try_from(power).unwrap() + 1);
            section = 0;
        } else if let Some((numerator, _)) = word.split_once('/') {
            fen = numerator.parse().unwrap();
        } else {
            assert!(["and", "Only"].contains(&word), "{word} in {words}");
        }
    }
    i64::try_from(((total + section) * 100 + fen) * sign).unwrap()
}
