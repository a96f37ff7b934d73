//! Where transfers are found by id.
//!
//! Ids are in time order when their makers keep to UUIDv7, and a large commit brings thousands
//! from the same seconds. Those of one second go into one row, sorted: a *run*. Small commits, and
//! ids that share their second with few others of their commit, are found one by one: *points*.
//! So a large batch costs a handful of rows instead of thousands, and ids that are not in time
//! order still work, as slowly as an index with a row each.

use std::collections::BTreeMap;

use ledger::{InstitutionId, Posted, TransferId};

use super::{Read, TransferPlace};
use crate::StoreError;

/// The fewest ids of one second and one commit that make a run.
pub(crate) const RUN_MIN: usize = if cfg!(test) { 5 } else { 64 };
/// Bytes of an id and its item.
const ENTRY: usize = 20;

/// The ids of one second that one commit booked, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// See [`second`].
    pub second: u64,
    /// The log row.
    pub position: u64,
    /// The lowest and the highest id.
    pub span: (TransferId, TransferId),
    /// Each id with its item in the row.
    pub bytes: Vec<u8>,
}

impl Run {
    fn entries(&self) -> impl Iterator<Item = (TransferId, u32)> {
        self.bytes.chunks_exact(ENTRY).map(entry)
    }

    fn spans(&self, id: TransferId) -> bool {
        (self.span.0..=self.span.1).contains(&id)
    }

    /// The item of an id.
    fn find(&self, id: TransferId) -> Option<u32> {
        if !self.spans(id) {
            return None;
        }
        let (mut low, mut high) = (0, self.bytes.len() / ENTRY);
        while low < high {
            let middle = low.midpoint(high);
            let (found, item) = entry(&self.bytes[middle * ENTRY..][..ENTRY]);
            match found.cmp(&id) {
                std::cmp::Ordering::Equal => return Some(item),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

fn entry(bytes: &[u8]) -> (TransferId, u32) {
    let (id, item) = bytes.split_first_chunk().expect("16 bytes and four");
    (TransferId::from_bytes(*id), u32::from_be_bytes(item.try_into().expect("four bytes")))
}

/// About a second: the time of a UUIDv7, in units of 1,024 milliseconds.
pub(crate) fn second(id: TransferId) -> u64 {
    let (time, _) = id.as_bytes().split_first_chunk().expect("an id has 16 bytes");
    u64::from_be_bytes(*time) >> (16 + 10)
}

/// How the transfers of one log row, in order, will be found.
pub(crate) fn index(
    position: u64,
    ids: impl Iterator<Item = TransferId>,
) -> (Vec<(TransferId, TransferPlace)>, Vec<Run>) {
    let mut entries: Vec<(TransferId, u32)> = ids.zip(0..).collect();
    entries.sort_unstable();
    let (mut points, mut runs) = (Vec::new(), Vec::new());
    for group in entries.chunk_by(|a, b| second(a.0) == second(b.0)) {
        if group.len() < RUN_MIN {
            let place = |item| TransferPlace { position, item };
            points.extend(group.iter().map(|(id, item)| (*id, place(*item))));
            continue;
        }
        let mut bytes = Vec::with_capacity(group.len() * ENTRY);
        for (id, item) in group {
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend_from_slice(&item.to_be_bytes());
        }
        let span = (group[0].0, group[group.len() - 1].0);
        runs.push(Run { second: second(span.0), position, span, bytes });
    }
    (points, runs)
}

/// Where transfers are, of those that there are.
pub(crate) fn locate(
    read: &dyn Read,
    of: InstitutionId,
    ids: impl Iterator<Item = TransferId>,
) -> Result<BTreeMap<TransferId, TransferPlace>, StoreError> {
    let mut ids: Vec<TransferId> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = BTreeMap::new();
    for group in ids.chunk_by(|a, b| second(*a) == second(*b)) {
        let span = (group[0], group[group.len() - 1]);
        found.extend(locate_points(read, of, group)?);
        for run in read.runs(of, second(span.0), span)? {
            let place = |item| TransferPlace { position: run.position, item };
            if group.len() < RUN_MIN {
                found.extend(group.iter().filter_map(|id| Some((*id, place(run.find(*id)?)))));
            } else {
                let wanted = |id| run.spans(id) && group.binary_search(&id).is_ok();
                let entries = run.entries().filter(|(id, _)| wanted(*id));
                found.extend(entries.map(|(id, item)| (id, place(item))));
            }
        }
    }
    Ok(found)
}

/// Many ids lie close together, and mostly nothing lies between them.
fn locate_points(
    read: &dyn Read,
    of: InstitutionId,
    ids: &[TransferId],
) -> Result<Vec<(TransferId, TransferPlace)>, StoreError> {
    if ids.len() >= RUN_MIN {
        let span = (ids[0], ids[ids.len() - 1]);
        let mut between = read.points_between(of, span, ids.len())?;
        if between.len() < ids.len() {
            between.retain(|(id, _)| ids.binary_search(id).is_ok());
            return Ok(between);
        }
    }
    read.points(of, ids)
}

/// Transfers, of those that there are, in order of id.
pub(crate) fn transfers(
    read: &dyn Read,
    of: InstitutionId,
    ids: impl Iterator<Item = TransferId>,
) -> Result<Vec<Posted>, StoreError> {
    let (ids, places): (Vec<_>, Vec<_>) = locate(read, of, ids)?.into_iter().unzip();
    let found = read.posted(of, &places)?;
    match found.iter().zip(&ids).find(|(posted, id)| posted.transfer.id != **id) {
        Some((_, id)) => Err(StoreError::Corrupt(format!("transfer {id} is not where it is said"))),
        None => Ok(found),
    }
}
