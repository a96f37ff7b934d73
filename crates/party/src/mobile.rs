//! Mobile numbers of mainland China.
//!
//! Eleven digits, the first 1 and the second 3 to 9: what the numbering plan of the Ministry of
//! Industry and Information Technology (电信网编号计划, 2017 edition; not verified digit by digit)
//! leaves to mobile networks. Which operator has which block changes too often to be checked, and
//! numbers of data cards and of other countries are not handled.

use crate::{Fault, Personal, fault};

const LENGTH: &str = "mainland mobile number: 11 digits";
const CHARACTERS: &str = "mainland mobile number: digits only, without +86";
const PREFIX: &str = "mainland mobile number: 13 to 19 first";

/// A mobile number of mainland China.
#[derive(Clone, Debug)]
pub struct Mobile(Personal);

impl Mobile {
    /// Reads a number; spaces around it are dropped.
    ///
    /// # Errors
    /// The first [`Fault`] in the order characters, length, prefix.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = Personal::new(text.trim());
        let number = text.reveal();
        fault::characters(number, CHARACTERS, |_, it| it.is_ascii_digit())?;
        fault::length(number, 11, 11, LENGTH)?;
        match number.as_bytes() {
            [b'1', b'3'..=b'9', ..] => Ok(Self(text)),
            _ => Err(Fault::Prefix { rule: PREFIX }),
        }
    }

    /// A well-formed number for tests and sample data, `199` and the serial. China reserves no
    /// numbers for this purpose, so never send to one.
    ///
    /// # Panics
    /// When `serial` has more than eight digits.
    pub fn sample(serial: u32) -> Self {
        assert!(serial < 100_000_000, "eight digits");
        Self(Personal::new(format!("199{serial:08}")))
    }

    /// The eleven digits.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}
