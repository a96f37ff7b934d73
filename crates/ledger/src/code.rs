//! Short codes, stored in place.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A code of 1 to 16 characters from `A–Z a–z 0–9 . - _`: the place of an account in the chart of
/// accounts, or the business reason of a transfer.
///
/// Sixteen bytes held in place, padded with zeros, so that an account or a transfer has one size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code([u8; Code::LEN_MAX]);

impl Code {
    /// The longest code.
    pub const LEN_MAX: usize = 16;

    /// The code as text.
    pub fn as_str(&self) -> &str {
        let len = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::LEN_MAX);
        std::str::from_utf8(&self.0[..len]).expect("a code is ASCII")
    }

    /// The padded bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN_MAX] {
        &self.0
    }

    /// A code known to be well-formed, such as a literal.
    ///
    /// # Panics
    /// When it is not.
    #[allow(clippy::panic, reason = "a wrong literal is a programmer's error")]
    pub const fn literal(text: &str) -> Self {
        match Self::new(text) {
            Some(code) => code,
            None => panic!("not a code"),
        }
    }

    #[allow(clippy::arithmetic_side_effects, reason = "below a length of 16")]
    const fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > Self::LEN_MAX {
            return None;
        }
        let mut code = [0; Self::LEN_MAX];
        let mut index = 0;
        while index < bytes.len() {
            let byte = bytes[index];
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
                return None;
            }
            code[index] = byte;
            index += 1;
        }
        Some(Self(code))
    }
}

/// The text is not a [`Code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeError;

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code has 1 to 16 characters from A-Z a-z 0-9 . - _")
    }
}

impl std::error::Error for CodeError {}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        Self::new(text).ok_or(CodeError)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
