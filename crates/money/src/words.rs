//! Amounts in words, as contracts, receipts and cheques carry them beside the figures: nobody
//! adds a digit to a word.

use crate::{Amount, Money};

/// The digits in capital form (中文大写).
const DIGITS: [&str; 10] = ["零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌", "玖"];

/// The units above the digits, largest first. 亿 is counted in itself (壹亿亿), since 兆 has had
/// several values.
const UNITS: [(u64, &str); 5] =
    [(100_000_000, "亿"), (10_000, "万"), (1_000, "仟"), (100, "佰"), (10, "拾")];

/// Renminbi in capital form (大写金额): `人民币壹仟肆佰零玖元伍角`.
///
/// By the rules on filling in bills and settlement vouchers (正确填写票据和结算凭证的基本规定,
/// annex 1 to 《支付结算办法》, 银发〔1997〕393号), items 1, 2 and 4. Where they leave a choice,
/// the form their examples give first is taken: 整 follows 元 and is left out after 角 and 分; a 零
/// stands for the zeros between two digits, not for a zero in the place of 万 or 亿 alone. A
/// negative amount, which no bill carries, begins with 负.
pub fn renminbi(amount: Amount) -> String {
    let minor = amount.minor().unsigned_abs();
    let (yuan, jiao, fen) = (minor / 100, minor / 10 % 10, minor % 10);
    let sign = if amount.is_negative() { "负" } else { "" };
    let mut words = format!("人民币{sign}");
    if yuan > 0 || minor == 0 {
        words += &(chinese(yuan) + "元");
    }
    if jiao == 0 && fen == 0 {
        return words + "整";
    }
    if yuan > 0 && (jiao == 0 || yuan.is_multiple_of(10)) {
        words += "零";
    }
    for (digit, unit) in [(jiao, "角"), (fen, "分")] {
        if digit > 0 {
            words += &(chinese(digit) + unit);
        }
    }
    words
}

/// A whole number, with one 零 for the zeros between two digits.
#[allow(clippy::arithmetic_side_effects, reason = "divides by units, which are not zero")]
fn chinese(number: u64) -> String {
    let Some((size, unit)) = UNITS.iter().find(|(size, _)| number >= *size) else {
        let digit = usize::try_from(number).expect("below ten");
        return DIGITS[digit].to_owned();
    };
    let (count, rest) = (number / size, number % size);
    let zero = if rest < size / 10 { "零" } else { "" };
    let rest = if rest == 0 { String::new() } else { zero.to_owned() + &chinese(rest) };
    chinese(count) + unit + &rest
}

const ONES: [&str; 20] = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
];

const TENS: [&str; 10] =
    ["", "", "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"];

/// The short scale.
const THOUSANDS: [(u64, &str); 7] = [
    (1_000_000_000_000_000_000, "Quintillion"),
    (1_000_000_000_000_000, "Quadrillion"),
    (1_000_000_000_000, "Trillion"),
    (1_000_000_000, "Billion"),
    (1_000_000, "Million"),
    (1_000, "Thousand"),
    (100, "Hundred"),
];

/// An amount in English, as a cheque has it: `CNY One Thousand Four Hundred Nine and 50/100`. A
/// currency without a minor unit, or a whole amount, ends with `Only`.
#[allow(clippy::arithmetic_side_effects, reason = "divides by units, which are not zero")]
pub fn english(money: Money) -> String {
    let Money { amount, currency } = money;
    let minor = amount.minor().unsigned_abs();
    let digits = usize::try_from(currency.digits()).expect("a few decimals");
    let major = 10_u64.pow(currency.digits());
    let (whole, fraction) = (minor / major, minor % major);
    let sign = if amount.is_negative() { "Minus " } else { "" };
    let end =
        if fraction == 0 { "Only".to_owned() } else { format!("and {fraction:0digits$}/{major}") };
    format!("{currency} {sign}{} {end}", english_number(whole))
}

#[allow(clippy::arithmetic_side_effects, reason = "divides by units, which are not zero")]
fn english_number(number: u64) -> String {
    let place = |number: u64| usize::try_from(number).expect("below a hundred");
    let joined = |head: String, separator: &str, rest: u64| {
        if rest == 0 { head } else { head + separator + &english_number(rest) }
    };
    if let Some((size, name)) = THOUSANDS.iter().find(|(size, _)| number >= *size) {
        return joined(format!("{} {name}", english_number(number / size)), " ", number % size);
    }
    match ONES.get(place(number)) {
        Some(name) => (*name).to_owned(),
        None => joined(TENS[place(number / 10)].to_owned(), "-", number % 10),
    }
}
