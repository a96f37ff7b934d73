//! The loaded accounts.

#[allow(clippy::disallowed_types, reason = "looked up on the hot path, never iterated")]
use std::collections::HashMap;
use std::ops::Deref;

use foldhash::fast::RandomState;

use crate::{Account, AccountId};

/// Accounts by id and by where they are held.
///
/// They are held in blocks that never move and never have room to spare, which a growing vector
/// would double; the lookup maps an id to a number of four bytes.
#[derive(Default)]
#[allow(clippy::disallowed_types, reason = "looked up on the hot path, never iterated")]
pub(crate) struct Accounts {
    index: HashMap<AccountId, u32, RandomState>,
    blocks: Vec<Vec<Account>>,
}

/// An account, and where it is held.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    pub(crate) at: u32,
    account: &'a Account,
}

impl Deref for Held<'_> {
    type Target = Account;

    fn deref(&self) -> &Account {
        self.account
    }
}

/// How many accounts a block holds.
const BLOCK: usize = 1 << 10;

impl Accounts {
    pub(crate) fn get(&self, id: AccountId) -> Option<&Account> {
        self.index.get(&id).map(|index| self.at(*index))
    }

    pub(crate) fn find(&self, id: AccountId) -> Option<Held<'_>> {
        let at = *self.index.get(&id)?;
        Some(Held { at, account: self.at(at) })
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> &mut Account {
        let (block, place) = place(index);
        &mut self.blocks[block][place]
    }

    pub(crate) fn index_of(&self, id: AccountId) -> Option<u32> {
        self.index.get(&id).copied()
    }

    pub(crate) fn at(&self, index: u32) -> &Account {
        let (block, place) = place(index);
        &self.blocks[block][place]
    }

    /// Adds an account, or replaces the one of this id.
    pub(crate) fn insert(&mut self, account: Account) {
        if let Some(index) = self.index_of(account.id) {
            *self.at_mut(index) = account;
            return;
        }
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(if self.blocks.is_empty() { 0 } else { BLOCK }));
        }
        let full = self.blocks.len().saturating_sub(1).saturating_mul(BLOCK);
        let block = self.blocks.last_mut().expect("added when there was none");
        let index = full.saturating_add(block.len());
        self.index.insert(account.id, u32::try_from(index).expect("fewer than 2^32 in memory"));
        block.push(account);
    }

    /// Takes an account out; nothing else moves.
    pub(crate) fn remove(&mut self, id: AccountId) {
        let Some(index) = self.index.remove(&id) else { return };
        let (block, place) = place(index);
        let is_last = self.blocks.len() == block.saturating_add(1);
        if is_last && self.blocks[block].len() == place.saturating_add(1) {
            self.blocks[block].pop();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Block and place in it.
fn place(index: u32) -> (usize, usize) {
    let index = index as usize;
    (index / BLOCK, index % BLOCK)
}
