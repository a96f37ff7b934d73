//! The Merkle tree over an institution's log, kept in tiles; see the crate `audit`.
//!
//! The tree is a cache of the log: [`Store::seal`] brings it up to date, reading each row once,
//! and [`Store::verify`] computes it anew. A tile only ever grows, and everybody who seals writes
//! the same hashes into it, so nodes that seal at the same time need no lock: the longer one
//! stays.

use std::collections::{BTreeMap, BTreeSet};

use ::audit::{Edge, Fault, Tile, TileId, tree};
use ledger::{InstitutionId, LaneId, TransferId};
use stdx::Digest;

use crate::{
    LogRow, Store, StoreError,
    engine::{Batch, Read, places},
};

/// How many rows are read at once: one may carry a megabyte of transfers.
const ROWS_AT_ONCE: usize = 32;
/// How many rows are sealed in one write.
const SEAL_ROWS_MAX: usize = 8_192;
const POSITION_BYTES: usize = size_of::<u64>();

/// A tile as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TileRow {
    pub id: TileId,
    pub hashes: Vec<u8>,
}

/// Where in the log the leaves of a tile of the lowest level are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeavesRow {
    /// The first one's position.
    pub first: u64,
    /// The tile.
    pub number: u64,
    /// Each one's position, 8 bytes, the most significant one first.
    pub positions: Vec<u8>,
}

impl LeavesRow {
    /// From the leaf at an index on, which begins a tile; `None` without leaves.
    fn of(index: u64, positions: Vec<u64>) -> Option<Self> {
        let (first, number) = (*positions.first()?, index / tree::TILE_HASHES_MAX as u64);
        let positions = positions.into_iter().flat_map(u64::to_be_bytes).collect();
        Some(Self { first, number, positions })
    }

    fn positions(&self) -> Vec<u64> {
        let (positions, _) = self.positions.as_chunks::<POSITION_BYTES>();
        positions.iter().copied().map(u64::from_be_bytes).collect()
    }

    /// The index of the leaf at the place `within`; a number that is wrong may be any.
    fn index(&self, within: usize) -> u64 {
        let before = self.number.saturating_mul(tree::TILE_HASHES_MAX as u64);
        before.saturating_add(within as u64)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Corrupt(format!("the tree over the log: {fault}"))
    }
}

/// How far an institution's log is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// How many rows the tree has.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// Rows that were not sealed yet.
pub(crate) struct Unsealed {
    /// Their tiles; `None` when there were no rows.
    pub batch: Option<Batch>,
    /// How far the log is sealed with them.
    pub sealed: Sealed,
    /// Whether these were all.
    pub is_all: bool,
}

impl Store {
    /// Brings the tree over an institution's log up to a moment after the call; rows that are added
    /// meanwhile may be left for the next. Rows are checked to follow from the row before them in
    /// their lane: what does not is not sealed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the first row that does not follow;
    /// [`StoreError::Unavailable`].
    pub async fn seal(&self, of: InstitutionId) -> Result<Sealed, StoreError> {
        loop {
            // The snapshot is gone before the turn is taken: no engine lets both wait.
            let Unsealed { batch, sealed, is_all } = self.unsealed(of)?;
            if let Some(batch) = batch {
                self.engine.turn(&BTreeSet::from([of]))?.commit(&batch)?;
            }
            if is_all {
                return Ok(sealed);
            }
        }
    }

    /// The next rows that are not sealed, as tiles.
    pub(crate) fn unsealed(&self, of: InstitutionId) -> Result<Unsealed, StoreError> {
        let snapshot = self.engine.snapshot_of_log(of)?;
        let mut seal = Seal::at_the_end(snapshot.read(), of)?;
        let before = seal.edge.size();
        let mut rows = snapshot.read().log(of, seal.position, ROWS_AT_ONCE)?;
        while !rows.is_empty() && seal.edge.size() - before < SEAL_ROWS_MAX as u64 {
            rows.iter().try_for_each(|row| seal.append(snapshot.read(), row))?;
            rows = snapshot.read().log(of, seal.position, ROWS_AT_ONCE)?;
        }
        let sealed = Sealed { size: seal.edge.size(), root: seal.edge.root() };
        let batch = (sealed.size > before).then(|| seal.into_batch(of));
        Ok(Unsealed { batch, sealed, is_all: rows.is_empty() })
    }

    /// The root over the first `size` rows, which are sealed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when fewer are; [`StoreError::Unavailable`].
    pub async fn sealed_root(&self, of: InstitutionId, size: u64) -> Result<Digest, StoreError> {
        let snapshot = self.snapshot(of)?;
        tree::root(size, |id| tile(snapshot.read(), of, id))
    }

    /// The way from the leaf at `index` to the root over the first `size` rows.
    ///
    /// # Errors
    /// As [`Store::sealed_root`].
    pub async fn inclusion(
        &self,
        of: InstitutionId,
        size: u64,
        index: u64,
    ) -> Result<Vec<Digest>, StoreError> {
        let snapshot = self.snapshot(of)?;
        tree::inclusion(size, index, |id| tile(snapshot.read(), of, id))
    }

    /// What shows that the first `to` rows begin with the first `from`.
    ///
    /// # Errors
    /// As [`Store::sealed_root`].
    pub async fn consistency(
        &self,
        of: InstitutionId,
        from: u64,
        to: u64,
    ) -> Result<Vec<Digest>, StoreError> {
        let snapshot = self.snapshot(of)?;
        tree::consistency(from, to, |id| tile(snapshot.read(), of, id))
    }

    /// The row at a position, the root before it in its lane, and the index of its leaf; `None`
    /// when there is no such row or it is not sealed.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn sealed_row(
        &self,
        of: InstitutionId,
        position: u64,
    ) -> Result<Option<(LogRow, Digest, u64)>, StoreError> {
        let snapshot = self.snapshot(of)?;
        let read = snapshot.read();
        let Some(leaves) = read.leaves(of, position)? else { return Ok(None) };
        let Ok(within) = leaves.positions().binary_search(&position) else { return Ok(None) };
        let row = read.log_row(of, position)?;
        let Some(row) = row else { return Ok(None) };
        let before = root_before(read, &row)?;
        Ok(Some((row, before, leaves.index(within))))
    }

    /// The position of the row of the command with an idempotency key.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn position_of_key(
        &self,
        of: InstitutionId,
        key: &str,
    ) -> Result<Option<u64>, StoreError> {
        let answers = self.snapshot(of)?.read().answers(&[(of, key.to_owned())])?;
        Ok(answers.first().map(|(_, answer)| answer.position))
    }

    /// The position of the row with a transfer.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn position_of_transfer(
        &self,
        of: InstitutionId,
        id: TransferId,
    ) -> Result<Option<u64>, StoreError> {
        let snapshot = self.snapshot(of)?;
        let found = places::locate(snapshot.read(), of, std::iter::once(id))?;
        Ok(found.get(&id).map(|place| place.position))
    }
}

/// A tile as it is stored; an empty one when it is not.
fn tile(read: &dyn Read, of: InstitutionId, id: TileId) -> Result<Tile, StoreError> {
    let stored = read.tile(of, id)?;
    Ok(stored.map(|it| Tile::from_bytes(&it.hashes)).transpose()?.unwrap_or_default())
}

/// The root of the row before a row in its lane.
fn root_before(read: &dyn Read, row: &LogRow) -> Result<Digest, StoreError> {
    if row.previous == 0 {
        return Ok(Digest::ZERO);
    }
    let missing = || row.corrupt("follows a row that is not there");
    Ok(read.log_row(row.institution, row.previous)?.ok_or_else(missing)?.root)
}

/// The end of the tree, where rows are added.
struct Seal {
    edge: Edge,
    /// Of the newest leaf.
    position: u64,
    /// The positions of the leaves of the newest tile.
    newest: Vec<u64>,
    /// The newest roots of the lanes seen here.
    roots: BTreeMap<LaneId, Digest>,
    tiles: Vec<TileRow>,
    leaves: Vec<LeavesRow>,
}

impl Seal {
    fn at_the_end(read: &dyn Read, of: InstitutionId) -> Result<Self, StoreError> {
        let leaves = read.leaves(of, u64::MAX)?;
        let mut newest = leaves.as_ref().map(LeavesRow::positions).unwrap_or_default();
        let size = leaves.map_or(0, |it| it.index(newest.len()));
        let position = newest.last().copied().unwrap_or(0);
        let edge = Edge::read(size, |id| tile(read, of, id))?;
        if newest.len() == tree::TILE_HASHES_MAX {
            newest.clear();
        }
        let (roots, tiles, leaves) = Default::default();
        Ok(Self { edge, position, newest, roots, tiles, leaves })
    }

    fn append(&mut self, read: &dyn Read, row: &LogRow) -> Result<(), StoreError> {
        let before = match self.roots.get(&row.lane) {
            Some(root) => *root,
            None => root_before(read, row)?,
        };
        if row.root != row.chained(before) {
            return Err(row.corrupt("does not follow from the row before it"));
        }
        let leaf = ::audit::leaf(row.position, row.lane.cast(), row.seq, row.root);
        let tiles = &mut self.tiles;
        self.edge.append(leaf, |id, tile| tiles.push(TileRow { id, hashes: tile.to_bytes() }));
        self.roots.insert(row.lane, row.root);
        self.position = row.position;
        self.newest.push(row.position);
        if self.newest.len() == tree::TILE_HASHES_MAX {
            self.close_leaves();
        }
        Ok(())
    }

    fn close_leaves(&mut self) {
        let newest = std::mem::take(&mut self.newest);
        let index = self.edge.size() - newest.len() as u64;
        self.leaves.extend(LeavesRow::of(index, newest));
    }

    fn into_batch(mut self, of: InstitutionId) -> Batch {
        self.close_leaves();
        let Self { edge, mut tiles, leaves, .. } = self;
        tiles.extend(edge.tiles().map(|(id, tile)| TileRow { id, hashes: tile.to_bytes() }));
        let tiles = tiles.into_iter().map(|tile| (of, tile)).collect();
        let leaves = leaves.into_iter().map(|it| (of, it)).collect();
        Batch { tiles, leaves, ..Batch::default() }
    }
}

/// The tree as it follows from the log, against which what is stored is held, tile by tile.
pub(crate) struct Retrace<'r> {
    read: &'r dyn Read,
    of: InstitutionId,
    /// How many rows are sealed.
    sealed: u64,
    edge: Edge,
    /// The positions of the leaves of the newest tile.
    newest: Vec<u64>,
    tiles: u64,
    leaves: u64,
}

impl<'r> Retrace<'r> {
    pub(crate) fn new(read: &'r dyn Read, of: InstitutionId) -> Result<Self, StoreError> {
        let leaves = read.leaves(of, u64::MAX)?;
        let sealed = leaves.map_or(0, |it| it.index(it.positions().len()));
        let (edge, newest) = Default::default();
        Ok(Self { read, of, sealed, edge, newest, tiles: 0, leaves: 0 })
    }

    /// Goes on with the next row of the log.
    pub(crate) fn row(&mut self, row: &LogRow) -> Result<(), StoreError> {
        if self.edge.size() == self.sealed {
            return Ok(());
        }
        let mut filled = Vec::new();
        let leaf = ::audit::leaf(row.position, row.lane.cast(), row.seq, row.root);
        self.edge.append(leaf, |id, tile| filled.push((id, tile)));
        self.newest.push(row.position);
        filled.iter().try_for_each(|(id, tile)| self.compare_tile(*id, tile))?;
        if self.newest.len() == tree::TILE_HASHES_MAX || self.edge.size() == self.sealed {
            self.compare_leaves()?;
        }
        Ok(())
    }

    /// Ends: nothing may be left over.
    pub(crate) fn end(mut self) -> Result<(), StoreError> {
        let edge = std::mem::take(&mut self.edge);
        edge.tiles().try_for_each(|(id, tile)| self.compare_tile(id, tile))?;
        let counts = self.read.tile_counts(self.of)?;
        let whole = edge.size() == self.sealed && counts == (self.tiles, self.leaves);
        if whole { Ok(()) } else { Err(self.differs("the size")) }
    }

    fn compare_tile(&mut self, id: TileId, tile: &Tile) -> Result<(), StoreError> {
        self.tiles += 1;
        let stored = self.read.tile(self.of, id)?;
        let same = stored.is_some_and(|it| it.hashes == tile.to_bytes());
        let named = || self.differs(&format!("tile {} of level {}", id.number, id.level));
        if same { Ok(()) } else { Err(named()) }
    }

    fn compare_leaves(&mut self) -> Result<(), StoreError> {
        self.leaves += 1;
        let newest = std::mem::take(&mut self.newest);
        let index = self.edge.size() - newest.len() as u64;
        let expected = LeavesRow::of(index, newest);
        let first = expected.as_ref().map_or(0, |it| it.first);
        let same = self.read.leaves(self.of, first)? == expected;
        if same { Ok(()) } else { Err(self.differs(&format!("the positions from {first} on"))) }
    }

    fn differs(&self, what: &str) -> StoreError {
        StoreError::Corrupt(format!("{what} of the tree of {} differs from the log", self.of))
    }
}
