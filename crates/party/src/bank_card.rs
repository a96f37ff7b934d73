//! The bank card number (primary account number), ISO/IEC 7812-1.
//!
//! The standard allows up to 19 digits; the shortest in use have 12. The last digit is Luhn's
//! check digit, which finds every single mistyped digit and most swaps of neighbours.

use crate::{Fault, Personal, fault};

const LENGTH: &str = "ISO/IEC 7812-1, structure: 12 to 19 digits";
const CHARACTERS: &str = "ISO/IEC 7812-1, structure: digits only";
const CHECK: &str = "ISO/IEC 7812-1, check digit: Luhn";

/// A bank card number with a right check digit.
#[derive(Clone, Debug)]
pub struct BankCard(Personal);

impl BankCard {
    /// Reads a number; spaces around it and between its groups are dropped.
    ///
    /// # Errors
    /// The first [`Fault`] in the order length, characters, checksum.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = Personal::new(text.replace(' ', ""));
        let number = text.reveal();
        fault::length(number, 12, 19, LENGTH)?;
        fault::characters(number, CHARACTERS, |_, it| it.is_ascii_digit())?;
        fault::checksum(number, check_digit(&number[..number.len() - 1]), CHECK)?;
        Ok(Self(text))
    }

    /// A well-formed number for tests and sample data. It begins with 9156: 9 leaves the rest to
    /// a national standards body, 156 is China's, and no bank issues cards there.
    ///
    /// # Panics
    /// When `serial` has more than fourteen digits.
    pub fn sample(serial: u64) -> Self {
        assert!(serial < 100_000_000_000_000, "fourteen digits");
        let mut number = format!("9156{serial:014}");
        number.push(char::from(check_digit(&number)));
        Self(Personal::new(number))
    }

    /// The digits.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// Luhn's check digit for the digits before it: every second one, from the right, counts double,
/// and a double of two digits counts as their sum.
fn check_digit(payload: &str) -> u8 {
    let value = |(index, byte): (usize, u8)| {
        let digit = byte - b'0';
        let doubled = digit * 2;
        match index % 2 {
            0 => u32::from(doubled / 10 + doubled % 10),
            _ => u32::from(digit),
        }
    };
    let sum: u32 = payload.bytes().rev().enumerate().map(value).sum();
    b"0987654321"[usize::try_from(sum % 10).expect("below 10")]
}
