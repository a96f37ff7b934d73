//! The unified social credit code (统一社会信用代码), GB 32100-2015.
//!
//! Eighteen characters of an alphabet of 31 (digits and capitals without I, O, S, V, Z): the
//! registering department, the kind of organisation, six digits of the division, nine characters
//! of the organisation's own code (GB 11714) and a check character over the other seventeen
//! (weights 3^(i-1) modulo 31). The inner check character of GB 11714 and the list of departments
//! are not enforced: the outer check finds every single mistyped character, and departments are
//! still being added.

use crate::{Fault, Personal, fault};

const LENGTH: &str = "GB 32100-2015, structure: 18 characters";
const CHARACTERS: &str = "GB 32100-2015, characters: digits and capitals without I, O, S, V, Z";
const CHECK: &str = "GB 32100-2015, check code: weights 3^(i-1) modulo 31";

/// The characters in the order of their values, 0 to 30.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// A unified social credit code that keeps every rule above.
#[derive(Clone, Debug)]
pub struct CreditCode(Personal);

impl CreditCode {
    /// Reads a code: spaces around it are dropped, small letters are read as capitals.
    ///
    /// # Errors
    /// The first [`Fault`] in the order length, characters, checksum.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = Personal::new(text.trim().to_ascii_uppercase());
        let code = text.reveal();
        fault::length(code, 18, 18, LENGTH)?;
        // The third to the eighth character are the division, digits only.
        let allowed = |index, it: char| match index {
            2..8 => it.is_ascii_digit(),
            _ => u8::try_from(it).is_ok_and(|byte| ALPHABET.contains(&byte)),
        };
        fault::characters(code, CHARACTERS, allowed)?;
        fault::checksum(code, check_character(code), CHECK)?;
        Ok(Self(text))
    }

    /// A well-formed code for tests and sample data: an enterprise (`91`) of a division, with the
    /// inner check character of GB 11714 right as well.
    ///
    /// # Panics
    /// When `region` has more than six digits or `serial` more than eight.
    pub fn sample(region: u32, serial: u32) -> Self {
        assert!(region < 1_000_000 && serial < 100_000_000, "six digits and eight digits");
        let organisation = format!("{serial:08}");
        let inner = char::from(organisation_check(&organisation));
        let mut code = format!("91{region:06}{organisation}{inner}");
        code.push(char::from(check_character(&code)));
        Self(Personal::new(code))
    }

    /// The eighteen characters.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// The check character of the first seventeen characters.
fn check_character(code: &str) -> u8 {
    let value = |byte| ALPHABET.iter().position(|it| *it == byte).unwrap_or_default();
    let weighted = code
        .bytes()
        .take(17)
        .fold((0, 1), |(sum, weight), byte| ((sum + value(byte) * weight) % 31, weight * 3 % 31));
    ALPHABET[(31 - weighted.0) % 31]
}

/// The check character of the eight digits of an organisation code (GB 11714): `X` is ten.
fn organisation_check(digits: &str) -> u8 {
    let weights = [3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.bytes().zip(weights).map(|(it, by)| u32::from(it - b'0') * by).sum();
    b"0X987654321"[usize::try_from(sum % 11).expect("below 11")]
}
