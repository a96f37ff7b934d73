//! The resident identity number (公民身份号码), GB 11643-1999.
//!
//! Eighteen characters: six digits of the administrative division (GB/T 2260), eight of the birth
//! date, three of a serial whose last digit is odd for men and even for women, and a check
//! character over the other seventeen (ISO 7064, MOD 11-2), where `X` stands for ten. The fifteen
//! digits of GB 11643-1989 are no longer issued and are not accepted.

use stdx::Date;

use crate::{Fault, Personal, fault};

const LENGTH: &str = "GB 11643-1999, structure: 18 characters";
const CHARACTERS: &str = "GB 11643-1999, structure: 17 digits and a check character";
const DIVISION: &str = "GB 11643-1999, address code: a division of GB/T 2260";
const BIRTH: &str = "GB 11643-1999, birth date code: YYYYMMDD";
const CHECK: &str = "GB 11643-1999, check code: ISO 7064 MOD 11-2";

/// The first two digits of GB/T 2260: provinces, autonomous regions, municipalities and special
/// administrative regions. 81, 82 and 83 also begin the numbers on residence permits for people
/// from Hong Kong, Macao and Taiwan (国办发〔2018〕81号; the digits 83 there, not verified).
const DIVISIONS: [u8; 35] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52,
    53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83,
];

/// Check characters by the weighted sum of the digits modulo 11.
const CHECK_CHARACTERS: &[u8; 11] = b"10X98765432";

/// A resident identity number that keeps every rule of its standard.
#[derive(Clone, Debug)]
pub struct ResidentId(Personal);

impl ResidentId {
    /// Reads a number: spaces around it are dropped and a small `x` is read as `X`.
    ///
    /// # Errors
    /// The first [`Fault`] in the order length, characters, division, birth date, checksum. A
    /// birth date after `today` is one.
    pub fn parse(text: &str, today: Date) -> Result<Self, Fault> {
        let text = Personal::new(text.trim().to_ascii_uppercase());
        let number = text.reveal();
        fault::length(number, 18, 18, LENGTH)?;
        let allowed = |index, it: char| it.is_ascii_digit() || index == 17 && it == 'X';
        fault::characters(number, CHARACTERS, allowed)?;
        if !DIVISIONS.contains(&digits(number, 0..2)) {
            return Err(Fault::Prefix { rule: DIVISION });
        }
        let birth = birth_date(number).ok_or(Fault::BirthDate { rule: BIRTH })?;
        if birth > today {
            return Err(Fault::BornInFuture { rule: BIRTH });
        }
        fault::checksum(number, check_character(number), CHECK)?;
        Ok(Self(text))
    }

    /// A well-formed number for tests and sample data; it is not looked up anywhere, and may by
    /// chance be somebody's.
    ///
    /// # Panics
    /// When `region` is not six digits that begin with a division of GB/T 2260, `serial` has more
    /// than three digits, or `birth` is before the year 0.
    pub fn sample(region: u32, birth: Date, serial: u16) -> Self {
        let division = u8::try_from(region / 10_000).unwrap_or(0);
        assert!(DIVISIONS.contains(&division), "six digits of a division");
        assert!(serial < 1_000, "three digits of serial");
        let (year, month, day) = (birth.year(), birth.month(), birth.day());
        assert!(year >= 0, "a year of our era");
        let mut number = format!("{region:06}{year:04}{month:02}{day:02}{serial:03}");
        number.push(char::from(check_character(&number)));
        Self(Personal::new(number))
    }

    /// The eighteen characters.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// The birth date.
    pub fn birth_date(&self) -> Date {
        birth_date(self.reveal()).expect("checked when the number was made")
    }

    /// Completed years (周岁) on a date; 0 before the birth. A year is complete on the birthday,
    /// and for a birth on 29 February on 1 March where the year has no such day.
    pub fn age_on(&self, date: Date) -> u16 {
        let birth = self.birth_date();
        let had_birthday = (date.month(), date.day()) >= (birth.month(), birth.day());
        let years = date.year() - birth.year() - i16::from(!had_birthday);
        u16::try_from(years).unwrap_or(0)
    }
}

/// The digits in a range of the number as an integer.
fn digits<T: std::str::FromStr + Default>(number: &str, range: std::ops::Range<usize>) -> T {
    number[range].parse().unwrap_or_default()
}

fn birth_date(number: &str) -> Option<Date> {
    let (month, day) = (digits(number, 10..12), digits(number, 12..14));
    Date::new(digits(number, 6..10), month, day).ok()
}

/// The check character of the first seventeen digits. The weight of the place `i` counted from
/// the right, the check character being 1, is 2^(i-1) modulo 11.
fn check_character(number: &str) -> u8 {
    let values = number.bytes().take(17).map(|digit| usize::from(digit - b'0'));
    // Horner's rule: doubling the sum gives each digit its power of two.
    let sum = values.fold(0, |sum, value| (sum + value) * 2 % 11);
    CHECK_CHARACTERS[sum]
}
