mod export;
mod merkle;
mod note;
mod proof;
mod tree;

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use stdx::{Digest, Id, Prng, Timestamp};

use crate::{Edge, Fault, Head, PublicKey, Row, SignedHead, SigningKey, Tile, TileId};

/// A tree in memory.
#[derive(Default)]
struct Tree {
    edge: Edge,
    filled: BTreeMap<TileId, Tile>,
}

impl Tree {
    fn of(leaves: impl IntoIterator<Item = Digest>) -> Self {
        let mut tree = Self::default();
        leaves.into_iter().for_each(|leaf| tree.append(leaf));
        tree
    }

    fn append(&mut self, leaf: Digest) {
        let Self { edge, filled } = self;
        edge.append(leaf, |id, tile| assert_eq!(filled.insert(id, tile), None, "{id:?}"));
    }

    fn read(&self, id: TileId) -> Result<Tile, Fault> {
        let edge = self.edge.tiles().find(|(it, _)| *it == id).map(|(_, tile)| tile);
        Ok(self.filled.get(&id).or(edge).cloned().unwrap_or_default())
    }
}

fn hashes(count: u64) -> Vec<Digest> {
    (0..count).map(|it| crate::merkle::leaf(&it.to_be_bytes())).collect()
}

fn signing_key() -> SigningKey {
    SigningKey::new("suanpan", &Prng::stream(1, "audit/key").bytes()).unwrap()
}

fn public_key() -> PublicKey {
    signing_key().public()
}

fn institution() -> Id<()> {
    Id::derived(&[b"institution"])
}

/// Rows of a few lanes that follow from each other, at positions with gaps.
fn rows(count: u64, seed: u64) -> Vec<Row> {
    let mut prng = Prng::stream(seed, "audit/rows");
    let mut lanes: BTreeMap<Id<()>, (u64, Digest)> = BTreeMap::new();
    let mut position = 0;
    let row = |_| {
        position += 1 + prng.below(3);
        let lane = Id::derived(&[&prng.below(5).to_be_bytes()]);
        let (seq, before) = lanes.get(&lane).copied().unwrap_or_default();
        let body =
            format!(r#"{{"today":"2026-03-04","answer":{{"n":{position},"s":"利\"息\\"}}}}"#);
        let mut row = Row {
            position,
            institution: institution(),
            lane,
            seq: seq + 1,
            at: Timestamp::from_nanosecond(i128::from(prng.below(1 << 60))).unwrap(),
            actor: "first-operator".to_owned(),
            command: "repay".to_owned(),
            key: format!("key/{position}\n\u{7f}"),
            digest: Digest::from_bytes(prng.bytes()),
            body: RawValue::from_string(body).unwrap(),
            transfers: prng.bytes::<160>().repeat(usize::try_from(prng.below(3)).unwrap()),
            root: Digest::ZERO,
        };
        row.root = row.chained(before);
        lanes.insert(lane, (row.seq, row.root));
        row
    };
    (0..count).map(row).collect()
}

fn tree(rows: &[Row]) -> Tree {
    Tree::of(rows.iter().map(Row::leaf))
}

fn head(rows: &[Row]) -> SignedHead {
    let at = Timestamp::from_second(1_772_000_000).unwrap();
    let (size, root) = (rows.len() as u64, tree(rows).edge.root());
    Head { institution: institution(), size, root, at }.sign(&signing_key())
}

/// Changes one bit.
fn flip(digest: Digest, prng: &mut Prng) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[usize::try_from(prng.below(32)).unwrap()] ^= 1 << prng.below(8);
    Digest::from_bytes(bytes)
}
