//! The transfers of a batch, and earlier ones that it names.

#[allow(clippy::disallowed_types, reason = "looked up on the hot path, never iterated")]
use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{Posted, TransferId};

/// Transfers by id. They are held side by side, so that the lookup stays small.
#[derive(Default)]
#[allow(clippy::disallowed_types, reason = "looked up on the hot path, never iterated")]
pub(crate) struct Transfers {
    index: HashMap<TransferId, u32, RandomState>,
    held: Vec<Posted>,
}

impl Transfers {
    pub(crate) fn get(&self, id: TransferId) -> Option<&Posted> {
        self.index.get(&id).map(|at| &self.held[*at as usize])
    }

    pub(crate) fn insert(&mut self, posted: Posted) {
        let at = u32::try_from(self.held.len()).expect("fewer than 2^32 in a batch");
        self.index.insert(posted.transfer.id, at);
        self.held.push(posted);
    }

    /// Takes one out; nothing else moves.
    pub(crate) fn remove(&mut self, id: TransferId) {
        let at = self.index.remove(&id).map(|at| at as usize);
        if at.is_some_and(|at| at.saturating_add(1) == self.held.len()) {
            self.held.pop();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.held.clear();
    }
}
