//! An export: a signed head and all rows it counts, one line of JSON each.
//!
//! It is read line by line, so a history of any length can be checked in the memory of its lanes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stdx::{Digest, Id};

use crate::{
    Edge, Fault, Head, PublicKey, Row, SignedHead,
    row::{line, parse},
};

/// The first line of an export.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    head: SignedHead,
}

/// The first line of the export of a head, without the line's end.
pub fn header(head: &SignedHead) -> String {
    line(&Header { head: head.clone() })
}

/// Follows the rows of one institution in the order of the log.
#[derive(Default)]
pub struct Chain {
    position: u64,
    /// The newest place and root of each lane.
    lanes: BTreeMap<Id<()>, (u64, Digest)>,
}

impl Chain {
    /// Checks that a row follows from those before it, and answers the root before it in its
    /// lane.
    ///
    /// # Errors
    /// [`Fault::Order`], [`Fault::Content`].
    pub fn follow(&mut self, row: &Row) -> Result<Digest, Fault> {
        let (seq, before) = self.lanes.get(&row.lane).copied().unwrap_or_default();
        let position = row.position;
        if position <= self.position || row.seq.checked_sub(1) != Some(seq) {
            return Err(Fault::Order { position });
        }
        if row.chained(before) != row.root {
            return Err(Fault::Content { position });
        }
        self.position = position;
        self.lanes.insert(row.lane, (row.seq, row.root));
        Ok(before)
    }
}

/// The check of an export, line by line.
pub struct Check {
    head: Head,
    /// The heads that the rows must lead to, the next one last.
    heads: Vec<Head>,
    chain: Chain,
    edge: Edge,
}

impl Check {
    /// Begins with the first line. The rows must also lead to each head of `known`: heads of
    /// other days that somebody kept, and checked.
    ///
    /// # Errors
    /// [`Fault::Malformed`], [`Fault::Rewritten`], [`Fault::OtherKey`], [`Fault::Signature`],
    /// [`Fault::OtherInstitution`]; [`Fault::OtherHistory`] when a known head counts more rows.
    pub fn begin(first: &str, key: &PublicKey, known: &[Head]) -> Result<Self, Fault> {
        let head = parse::<Header>(first, "first line of an export")?.head.check(key)?;
        if known.iter().any(|it| it.institution != head.institution) {
            return Err(Fault::OtherInstitution);
        }
        if let Some(later) = known.iter().find(|it| it.size > head.size) {
            return Err(Fault::OtherHistory { size: later.size });
        }
        let mut heads = [&[head], known].concat();
        heads.sort_by_key(|it| std::cmp::Reverse(it.size));
        let mut check = Self { head, heads, chain: Chain::default(), edge: Edge::default() };
        check.meet_heads()?;
        Ok(check)
    }

    /// Goes on with the next line.
    ///
    /// # Errors
    /// [`Fault::Malformed`], [`Fault::Rewritten`], [`Fault::OtherInstitution`], [`Fault::Order`],
    /// [`Fault::Content`], [`Fault::RowsLeft`]; [`Fault::OtherHistory`] when the rows so far do
    /// not lead to a head that counts as many.
    pub fn row(&mut self, line: &str) -> Result<(), Fault> {
        let row = Row::from_line(line)?;
        if self.edge.size() == self.head.size {
            return Err(Fault::RowsLeft { size: self.head.size });
        }
        if row.institution != self.head.institution {
            return Err(Fault::OtherInstitution);
        }
        self.chain.follow(&row)?;
        self.edge.append(row.leaf(), |_, _| {});
        self.meet_heads()
    }

    /// Ends; answers the head that all rows together lead to.
    ///
    /// # Errors
    /// [`Fault::RowsMissing`].
    pub fn end(self) -> Result<Head, Fault> {
        let (rows, size) = (self.edge.size(), self.head.size);
        if rows == size { Ok(self.head) } else { Err(Fault::RowsMissing { rows, size }) }
    }

    fn meet_heads(&mut self) -> Result<(), Fault> {
        while let Some(head) = self.heads.pop_if(|it| it.size == self.edge.size()) {
            if head.root != self.edge.root() {
                return Err(Fault::OtherHistory { size: head.size });
            }
        }
        Ok(())
    }
}
