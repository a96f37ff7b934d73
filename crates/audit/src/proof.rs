//! Proofs that stand alone: a file and a public key are enough to check one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use stdx::Digest;

use crate::{
    Fault, Head, PublicKey, Row, SignedHead, merkle,
    row::{line, parse},
};

/// A proof, as one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// That a row is in a log.
    Inclusion(Inclusion),
    /// That a log only grew.
    Consistency(Consistency),
}

/// That a row, with all it says, is in the log of a head.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// The row.
    pub row: Row,
    /// The root before it in its lane.
    pub before: Digest,
    /// How many rows are before it in the log.
    pub index: u64,
    /// What leads from its leaf to the root of the head.
    pub path: Vec<Digest>,
    /// The head.
    pub head: SignedHead,
}

/// That a later head only added to an earlier one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// The earlier head.
    pub from: SignedHead,
    /// The later head.
    pub to: SignedHead,
    /// What leads from the roots of both to each other.
    pub path: Vec<Digest>,
}

impl Proof {
    /// Checks it; nothing but the key is trusted.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self, key: &PublicKey) -> Result<(), Fault> {
        match self {
            Self::Inclusion(proof) => proof.check(key).map(drop),
            Self::Consistency(proof) => proof.check(key).map(drop),
        }
    }
}

impl Inclusion {
    /// Checks that the key signed the head and that the row is in its log; answers the head.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self, key: &PublicKey) -> Result<Head, Fault> {
        let head = self.head.check(key)?;
        self.check_row()?;
        Ok(head)
    }

    /// Checks that the row's content leads to its root, the root to its leaf and the leaf to the
    /// head, whoever signed it.
    ///
    /// # Errors
    /// [`Fault::OtherInstitution`], [`Fault::Content`], [`Fault::NotIncluded`].
    pub fn check_row(&self) -> Result<(), Fault> {
        let (row, head) = (&self.row, self.head.claimed());
        if row.institution != head.institution {
            return Err(Fault::OtherInstitution);
        }
        if row.chained(self.before) != row.root {
            return Err(Fault::Content { position: row.position });
        }
        match merkle::includes(head.root, head.size, self.index, row.leaf(), &self.path) {
            true => Ok(()),
            false => Err(Fault::NotIncluded),
        }
    }
}

impl Consistency {
    /// Checks that the key signed both heads and that the later one only added to the earlier
    /// one; answers both.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self, key: &PublicKey) -> Result<(Head, Head), Fault> {
        let (from, to) = (self.from.check(key)?, self.to.check(key)?);
        if from.institution != to.institution {
            return Err(Fault::OtherInstitution);
        }
        if !merkle::continues((from.size, from.root), (to.size, to.root), &self.path) {
            return Err(Fault::NotContinued);
        }
        Ok((from, to))
    }
}

/// One line, with its end.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", line(self))
    }
}

impl FromStr for Proof {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let line = text.strip_suffix('\n').ok_or(Fault::Malformed("proof"))?;
        parse(line, "proof")
    }
}
