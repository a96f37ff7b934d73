use super::{Tree, hashes};
use crate::{Edge, Fault, Tile, TileId, merkle, tree};

#[test]
fn the_edge_and_the_tiles_agree_with_the_definition_at_every_size() {
    let leaves = hashes(600);
    let mut whole = Tree::default();
    assert_eq!(whole.edge.root(), merkle::empty());
    for (index, leaf) in leaves.iter().enumerate() {
        whole.append(*leaf);
        let size = index + 1;
        let expected = merkle::root(&leaves[..size]);
        assert_eq!(whole.edge.root(), expected, "{size}");
        assert_eq!(tree::root(size as u64, |id| whole.read(id)), Ok(expected), "{size}");
    }
    // Older trees are read from newer tiles, and go on as they did.
    for size in 0..=600 {
        let edge = Edge::read(size as u64, |id| whole.read(id)).unwrap();
        assert_eq!((edge.size(), edge.root()), (size as u64, merkle::root(&leaves[..size])));
        let mut grown = Tree { edge, ..Tree::default() };
        leaves[size..].iter().for_each(|leaf| grown.append(*leaf));
        assert_eq!(grown.edge.root(), whole.edge.root(), "{size}");
    }
}

#[test]
fn three_levels_of_tiles_hold_more_than_two_can() {
    const SIZE: u64 = 256 * 256 + 300;
    let leaves = hashes(SIZE);
    let whole = Tree::of(leaves.iter().copied());
    let levels: Vec<_> = whole.edge.tiles().map(|(id, it)| (id, it.hashes().len())).collect();
    let id = |level, number| TileId { level, number };
    assert_eq!(levels, [(id(0, 257), 44), (id(1, 1), 1), (id(2, 0), 1)]);
    assert_eq!(whole.filled.len(), 257 + 1);
    let root = merkle::root(&leaves);
    assert_eq!(whole.edge.root(), root);
    for index in [0, 255, 256, 65_535, 65_536, SIZE - 1] {
        let mut reads = 0;
        let path = tree::inclusion(SIZE, index, |id| {
            reads += 1;
            whole.read(id)
        });
        let leaf = leaves[usize::try_from(index).unwrap()];
        assert!(merkle::includes(root, SIZE, index, leaf, &path.unwrap()), "{index}");
        assert!(reads <= 5, "{reads} tiles read");
    }
    let from = merkle::root(&leaves[..65_537]);
    let path = tree::consistency(65_537, SIZE, |id| whole.read(id)).unwrap();
    assert!(merkle::continues((65_537, from), (SIZE, root), &path));
}

#[test]
fn a_tile_that_lacks_hashes_is_named() {
    let whole = Tree::of(hashes(300));
    let id = TileId { level: 0, number: 1 };
    let read = |it: TileId| if it == id { Ok(Tile::default()) } else { whole.read(it) };
    assert_eq!(Edge::read(300, read).unwrap_err(), Fault::Tile(id));
    assert_eq!(tree::root(300, read), Err(Fault::Tile(id)));
    assert_eq!(tree::inclusion(300, 3, read), Err(Fault::Tile(id)));
    assert_eq!(tree::consistency(256, 300, read), Err(Fault::Tile(id)));
}

#[test]
fn tiles_survive_bytes() {
    let whole = Tree::of(hashes(300));
    for number in 0..2 {
        let tile = whole.read(TileId { level: 0, number }).unwrap();
        let bytes = tile.to_bytes();
        assert_eq!(Tile::from_bytes(&bytes), Ok(tile));
        assert_eq!(Tile::from_bytes(&bytes[1..]), Err(Fault::Malformed("tile")));
    }
    assert_eq!(Tile::from_bytes(&[0; 257 * 32]), Err(Fault::Malformed("tile")));
}
