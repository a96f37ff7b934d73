//! The tree as tiles, and the proofs that are made from them.
//!
//! A tile holds up to 256 hashes beside each other; each hash of a level is the root of a full
//! tile of the level below. So tiles only grow, a full one never changes, and a proof over a
//! billion leaves reads at most eight. Functions read tiles through a closure: from a table, a
//! map, or another machine.

use std::collections::BTreeMap;

use stdx::Digest;

use crate::{Fault, merkle};

/// The most hashes in a tile.
pub const TILE_HASHES_MAX: usize = 256;
/// How many levels of the tree a tile spans.
const TILE_HEIGHT: u32 = TILE_HASHES_MAX.trailing_zeros();
/// The most levels of tiles: no more leaves can be counted.
pub const LEVELS_MAX: u8 = 8;
const HASH_BYTES: usize = size_of::<Digest>();

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    /// How far above the leaves, from 0.
    pub level: u8,
    /// Its place in the level, from 0.
    pub number: u64,
}

/// Hashes beside each other, at most [`TILE_HASHES_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tile(Vec<Digest>);

impl Tile {
    /// The hashes, from left to right.
    pub fn hashes(&self) -> &[Digest] {
        &self.0
    }

    /// The hashes one after another.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(Digest::as_bytes).copied().collect()
    }

    /// The tile of these bytes.
    ///
    /// # Errors
    /// [`Fault::Malformed`] when they are not whole hashes, or too many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() || hashes.len() > TILE_HASHES_MAX {
            return Err(Fault::Malformed("tile"));
        }
        Ok(Self(hashes.iter().copied().map(Digest::from_bytes).collect()))
    }
}

/// The right edge of a tree, where it grows: the tile of each level that is not full.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    size: u64,
    tiles: Vec<Tile>,
}

impl Edge {
    /// The edge of the tree of `size` leaves, where stored tiles may hold more.
    ///
    /// # Errors
    /// Those of `read`, and [`Fault::Tile`] when a tile has too few hashes.
    pub fn read<E: From<Fault>>(
        size: u64,
        mut read: impl FnMut(TileId) -> Result<Tile, E>,
    ) -> Result<Self, E> {
        let mut tiles = Vec::new();
        for level in 0..LEVELS_MAX {
            let (number, count) = place(size >> (TILE_HEIGHT * u32::from(level)));
            let id = TileId { level, number };
            let mut tile = if count == 0 { Tile::default() } else { read(id)? };
            if tile.0.len() < count {
                return Err(Fault::Tile(id).into());
            }
            tile.0.truncate(count);
            tiles.push(tile);
        }
        Ok(Self { size, tiles })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash, and hands out the tiles that it fills.
    pub fn append(&mut self, leaf: Digest, mut filled: impl FnMut(TileId, Tile)) {
        let mut hash = leaf;
        for level in 0..LEVELS_MAX {
            if self.tiles.len() <= usize::from(level) {
                self.tiles.push(Tile::default());
            }
            let tile = &mut self.tiles[usize::from(level)];
            tile.0.push(hash);
            if tile.0.len() < TILE_HASHES_MAX {
                break;
            }
            hash = merkle::root(&tile.0);
            let (number, _) = place(self.size >> (TILE_HEIGHT * u32::from(level)));
            filled(TileId { level, number }, std::mem::take(tile));
        }
        self.size += 1;
    }

    /// The tiles that are neither full nor empty.
    pub fn tiles(&self) -> impl Iterator<Item = (TileId, &Tile)> {
        let levels = (0..LEVELS_MAX).zip(&self.tiles).filter(|(_, tile)| !tile.0.is_empty());
        levels.map(|(level, tile)| {
            let (number, _) = place(self.size >> (TILE_HEIGHT * u32::from(level)));
            (TileId { level, number }, tile)
        })
    }

    /// The root of the tree.
    pub fn root(&self) -> Digest {
        let mut below = None;
        for tile in &self.tiles {
            let hashes: Vec<_> = tile.0.iter().copied().chain(below).collect();
            below = (!hashes.is_empty()).then(|| merkle::root(&hashes));
        }
        below.unwrap_or_else(merkle::empty)
    }
}

/// The tile and the place in it of a number within a level.
fn place(number: u64) -> (u64, usize) {
    let within = number % TILE_HASHES_MAX as u64;
    (number >> TILE_HEIGHT, usize::try_from(within).expect("less than a tile"))
}

/// The root of the first `size` leaves.
///
/// # Errors
/// Those of `read`, and [`Fault::Tile`] when a tile has too few hashes.
pub fn root<E: From<Fault>>(
    size: u64,
    read: impl FnMut(TileId) -> Result<Tile, E>,
) -> Result<Digest, E> {
    if size == 0 { Ok(merkle::empty()) } else { Reader::new(read).range(0, size) }
}

/// The hashes that lead from the leaf at `index` to the root of the first `size` leaves.
///
/// # Errors
/// As [`root`], and [`Fault::NotIncluded`] when there is no such leaf.
pub fn inclusion<E: From<Fault>>(
    size: u64,
    index: u64,
    read: impl FnMut(TileId) -> Result<Tile, E>,
) -> Result<Vec<Digest>, E> {
    if index >= size {
        return Err(Fault::NotIncluded.into());
    }
    let mut reader = Reader::new(read);
    let (mut start, mut end, mut path) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + left_of(end - start);
        if index < middle {
            path.push(reader.range(middle, end)?);
            end = middle;
        } else {
            path.push(reader.range(start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes that show that the first `to` leaves begin with the first `from`.
///
/// # Errors
/// As [`root`], and [`Fault::NotContinued`] when `from` is more than `to`.
pub fn consistency<E: From<Fault>>(
    from: u64,
    to: u64,
    read: impl FnMut(TileId) -> Result<Tile, E>,
) -> Result<Vec<Digest>, E> {
    if from > to {
        return Err(Fault::NotContinued.into());
    }
    if from == 0 || from == to {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(read);
    let (mut start, mut end, mut path) = (0, to, Vec::new());
    while end != from {
        let middle = start + left_of(end - start);
        if from <= middle {
            path.push(reader.range(middle, end)?);
            end = middle;
        } else {
            path.push(reader.range(start, middle)?);
            start = middle;
        }
    }
    // Where the earlier tree is a node of the later one, its root is known.
    if start > 0 {
        path.push(reader.range(start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// How many of `count` leaves are left of the root: the largest power of two below.
fn left_of(count: u64) -> u64 {
    count.div_ceil(2).next_power_of_two()
}

/// Reads each tile once.
struct Reader<R> {
    read: R,
    tiles: BTreeMap<TileId, Tile>,
}

impl<E: From<Fault>, R: FnMut(TileId) -> Result<Tile, E>> Reader<R> {
    fn new(read: R) -> Self {
        Self { read, tiles: BTreeMap::new() }
    }

    /// The root of the leaves from `start` to before `end`, which are a subtree or the end of one.
    fn range(&mut self, start: u64, end: u64) -> Result<Digest, E> {
        let count = end - start;
        if count.is_power_of_two() {
            return self.full(start, count.trailing_zeros());
        }
        let middle = start + left_of(count);
        Ok(merkle::node(self.range(start, middle)?, self.range(middle, end)?))
    }

    /// The root of the full subtree of this height.
    fn full(&mut self, start: u64, height: u32) -> Result<Digest, E> {
        let level = height / TILE_HEIGHT;
        let (number, at) = place(start >> (TILE_HEIGHT * level));
        let id = TileId { level: u8::try_from(level).expect("64 / 8 levels"), number };
        let tile = match self.tiles.entry(id) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => place.insert((self.read)(id)?),
        };
        let hashes = tile.0.get(at..at + (1 << (height % TILE_HEIGHT)));
        Ok(merkle::root(hashes.ok_or(Fault::Tile(id))?))
    }
}
