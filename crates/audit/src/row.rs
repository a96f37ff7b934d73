//! A row of the event log, as an auditor gets it, and the leaf it is.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stdx::{Digest, Id, Timestamp};

use crate::{Fault, merkle};

/// A row of the event log with all that its root commits to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its place in the whole log.
    pub position: u64,
    /// Whose.
    pub institution: Id<()>,
    /// Which lane.
    pub lane: Id<()>,
    /// Its place in the lane, from 1.
    pub seq: u64,
    /// When it was booked.
    pub at: Timestamp,
    /// Who gave the command.
    pub actor: String,
    /// The command's name.
    pub command: String,
    /// The command's idempotency key.
    pub key: String,
    /// The digest of the command's request.
    pub digest: Digest,
    /// What the command did, as it is stored.
    pub body: Box<RawValue>,
    /// The transfers that happened, as they are stored; in hexadecimal.
    #[serde(with = "hex::serde")]
    pub transfers: Vec<u8>,
    /// The hash of this row and, through the root before it, of its whole lane.
    pub root: Digest,
}

impl Row {
    /// The root that follows from the root before in the lane and this row's content.
    pub fn chained(&self, before: Digest) -> Digest {
        Digest::of(&[
            before.as_bytes(),
            self.institution.as_bytes(),
            self.lane.as_bytes(),
            &self.seq.to_be_bytes(),
            &self.at.as_nanosecond().to_be_bytes(),
            self.actor.as_bytes(),
            self.command.as_bytes(),
            self.key.as_bytes(),
            self.digest.as_bytes(),
            self.body.get().as_bytes(),
            &self.transfers,
        ])
    }

    /// The hash of its leaf; see [`leaf`].
    pub fn leaf(&self) -> Digest {
        leaf(self.position, self.lane, self.seq, self.root)
    }

    /// The row as one line of JSON, without the line's end.
    pub fn to_line(&self) -> String {
        line(self)
    }

    /// The row of such a line.
    ///
    /// # Errors
    /// [`Fault::Malformed`], [`Fault::Rewritten`].
    pub fn from_line(text: &str) -> Result<Self, Fault> {
        parse(text, "row of a log")
    }
}

/// The hash of the leaf of a row: of its place in the log, its lane, its place there and its root,
/// 64 bytes, numbers with the most significant byte first.
pub fn leaf(position: u64, lane: Id<()>, seq: u64, root: Digest) -> Digest {
    let mut data = Vec::with_capacity(64);
    data.extend_from_slice(&position.to_be_bytes());
    data.extend_from_slice(lane.as_bytes());
    data.extend_from_slice(&seq.to_be_bytes());
    data.extend_from_slice(root.as_bytes());
    merkle::leaf(&data)
}

/// A value as one line of JSON.
pub(crate) fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

/// The value of a line of JSON that must be exactly as [`line`] writes it.
pub(crate) fn parse<'a, T>(text: &'a str, what: &'static str) -> Result<T, Fault>
where
    T: Serialize + Deserialize<'a>,
{
    let value = serde_json::from_str(text).map_err(|_| Fault::Malformed(what))?;
    if line(&value) == text { Ok(value) } else { Err(Fault::Rewritten(what)) }
}
