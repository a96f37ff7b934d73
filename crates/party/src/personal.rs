//! Text about a person that must not be shown by accident.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Personal data in the clear, such as a name or an identity number.
///
/// It can be read from a request, but has neither `Display` nor `Serialize`, its `Debug` prints
/// `***`, and its memory is wiped when dropped. [`Personal::reveal`] is the one way to the text,
/// easy to find in a review.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct Personal(String);

impl Personal {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Do not log it, and do not keep a copy.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Personal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}
