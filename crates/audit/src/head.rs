//! Heads: what an institution's whole log was at a moment, signed.
//!
//! The text is a checkpoint of C2SP (<https://c2sp.org/tlog-checkpoint>); our one extension line
//! is the time.
//!
//! ```text
//! 01999b5c-4c00-7000-8000-000000000001              the institution
//! 4711                                              how many rows
//! 9zfF…hn8=                                         the root, base64
//! time 2026-03-04T05:06:07Z                         when
//!
//! — suanpan 5nTK…zAc=                               the key's name, its id and the signature
//! ```

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use stdx::{Digest, Id, Timestamp};

use crate::{Fault, PublicKey, SigningKey, note::NoteSignature};

/// What an institution's whole log was at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose log.
    pub institution: Id<()>,
    /// How many rows it had.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
    /// When.
    pub at: Timestamp,
}

impl Head {
    /// Signs it.
    pub fn sign(self, key: &SigningKey) -> SignedHead {
        SignedHead { head: self, signature: key.sign(&self.to_string()) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut next = || lines.next();
        let (institution, size) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let root = BASE64.decode(next()?).ok()?.try_into().ok()?;
        let at = next()?.strip_prefix("time ")?.parse().ok()?;
        Some(Self { institution, size, root: Digest::from_bytes(root), at })
    }
}

/// The text that is signed.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { institution, size, root, at } = self;
        let root = BASE64.encode(root.as_bytes());
        write!(f, "{institution}\n{size}\n{root}\ntime {at}\n")
    }
}

/// A head and its signature, which nobody may have checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    head: Head,
    signature: NoteSignature,
}

impl SignedHead {
    /// The head, when this key signed it.
    ///
    /// # Errors
    /// [`Fault::OtherKey`], [`Fault::Signature`].
    pub fn check(&self, key: &PublicKey) -> Result<Head, Fault> {
        key.check(&self.head.to_string(), &self.signature)?;
        Ok(self.head)
    }

    /// What it says, signed or not.
    pub fn claimed(&self) -> Head {
        self.head
    }
}

impl fmt::Display for SignedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.head, self.signature)
    }
}

impl FromStr for SignedHead {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let parse = || {
            let (head, signature) = text.split_once("\n\n")?;
            let signature = NoteSignature::parse(signature.strip_suffix('\n')?)?;
            Some(Self { head: Head::parse(head)?, signature })
        };
        let parsed = parse().ok_or(Fault::Malformed("signed head"))?;
        let same = parsed.to_string() == text;
        if same { Ok(parsed) } else { Err(Fault::Rewritten("signed head")) }
    }
}

impl Serialize for SignedHead {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SignedHead {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
