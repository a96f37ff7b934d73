use stdx::{Digest, Prng, table};

use super::{Tree, flip, hashes};
use crate::{Fault, merkle, tree};

/// The leaves and the hashes are the reference data of Certificate Transparency
/// (`testonly/constants.go` and `testonly/reference_test.go` of `transparency-dev/merkle`).
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const ROOTS: &str = "
size  root
0     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
1     6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
2     fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
3     aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
4     d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
5     4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
6     76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
7     ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
8     5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
";

const INCLUSIONS: &str = r#"
index  size => first  second  third
0      1       -      -       -
0      2       96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7 - -
1      2       6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d - -
2      3       fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125 - -
1      5       6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b
0      8       96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e 6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4
5      8       bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0 d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
"#;

const CONSISTENCIES: &str = r#"
from  to  => first  second  third
1     1      -      -       -
1     8      96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7 5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e 6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4
2     5      5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b -
6     8      0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0 d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
"#;

fn reference() -> Vec<Digest> {
    LEAVES.iter().map(|leaf| merkle::leaf(&hex::decode(leaf).unwrap())).collect()
}

fn reference_root(size: u64) -> Digest {
    table::parse(ROOTS).iter().find(|row| row.get::<u64>("size") == size).unwrap().get("root")
}

fn path(row: &table::Row<'_>) -> Vec<Digest> {
    ["first", "second", "third"].iter().filter_map(|column| row.option(column)).collect()
}

#[test]
fn hashes_are_those_of_certificate_transparency() {
    let leaves = reference();
    for size in 0..=8 {
        let tree = Tree::of(leaves[..size].iter().copied());
        let expected = reference_root(size as u64);
        assert_eq!(tree.edge.root(), expected, "{size}");
        assert_eq!(merkle::root(&leaves[..size]), expected, "{size}");
    }
    let tree = Tree::of(leaves.iter().copied());
    for row in table::parse(INCLUSIONS) {
        let (index, size) = (row.get::<u64>("index"), row.get::<u64>("size"));
        assert_eq!(tree::inclusion(size, index, |id| tree.read(id)), Ok(path(&row)));
        let leaf = leaves[usize::try_from(index).unwrap()];
        assert!(merkle::includes(reference_root(size), size, index, leaf, &path(&row)));
    }
    for row in table::parse(CONSISTENCIES) {
        let (from, to) = (row.get::<u64>("from"), row.get::<u64>("to"));
        assert_eq!(tree::consistency(from, to, |id| tree.read(id)), Ok(path(&row)));
        let (old, new) = ((from, reference_root(from)), (to, reference_root(to)));
        assert!(merkle::continues(old, new, &path(&row)));
    }
}

/// The recursion of RFC 6962, section 2.1, as it is written there.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves.len() {
        0 => merkle::empty(),
        1 => leaves[0],
        count => {
            let middle = split(count);
            merkle::node(naive_root(&leaves[..middle]), naive_root(&leaves[middle..]))
        }
    }
}

/// `PATH(m, D[n])`.
fn naive_path(m: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if m < k {
        [naive_path(m, left), vec![naive_root(right)]].concat()
    } else {
        [naive_path(m - k, right), vec![naive_root(left)]].concat()
    }
}

/// `SUBPROOF(m, D[n], b)`.
fn naive_subproof(m: usize, leaves: &[Digest], b: bool) -> Vec<Digest> {
    if m == leaves.len() {
        return if b { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if m <= k {
        [naive_subproof(m, left, b), vec![naive_root(right)]].concat()
    } else {
        [naive_subproof(m - k, right, false), vec![naive_root(left)]].concat()
    }
}

/// "The largest power of two smaller than n."
fn split(count: usize) -> usize {
    (0..).map(|exponent| 1 << exponent).take_while(|power| *power < count).last().unwrap()
}

/// Sizes around every border of tiles and of subtrees.
fn sizes() -> impl Iterator<Item = usize> {
    (1..=40).chain([127, 128, 129, 255, 256, 257, 300, 511, 512, 513, 600])
}

#[test]
fn proofs_are_those_of_the_definition_and_nothing_else_is() {
    let leaves = hashes(600);
    let whole = Tree::of(leaves.iter().copied());
    let mut prng = Prng::stream(1, "inclusions");
    for size in sizes() {
        let leaves = &leaves[..size];
        let (count, root) = (size as u64, naive_root(leaves));
        let step = if size < 100 { 1 } else { 37 };
        for index in (0..size).step_by(step).chain([size - 1]) {
            let path = naive_path(index, leaves);
            let (leaf, at) = (leaves[index], index as u64);
            assert_eq!(tree::inclusion(count, at, |id| whole.read(id)), Ok(path.clone()));
            assert!(merkle::includes(root, count, at, leaf, &path), "{index} of {size}");
            // Everything else is no proof.
            let refused = |root, at, leaf, path: &[Digest]| {
                assert!(!merkle::includes(root, count, at, leaf, path), "{index} of {size}");
            };
            refused(flip(root, &mut prng), at, leaf, &path);
            refused(root, at, flip(leaf, &mut prng), &path);
            (0..=count).filter(|it| *it != at).for_each(|it| refused(root, it, leaf, &path));
            refused(root, u64::MAX, leaf, &path);
            refused(root, at, leaf, &[&path[..], &[root]].concat());
            for place in 0..path.len() {
                let mut changed = path.clone();
                changed[place] = flip(changed[place], &mut prng);
                refused(root, at, leaf, &changed);
                changed.remove(place);
                refused(root, at, leaf, &changed);
            }
        }
    }
}

#[test]
fn continuations_are_those_of_the_definition_and_nothing_else_is() {
    let leaves = hashes(600);
    let whole = Tree::of(leaves.iter().copied());
    let roots: Vec<_> = (0..=600).map(|size| naive_root(&leaves[..size])).collect();
    let mut prng = Prng::stream(2, "consistencies");
    for to in sizes() {
        let step = if to < 100 { 1 } else { 13 };
        for from in (1..=to).step_by(step).chain([to]) {
            let path = naive_subproof(from, &leaves[..to], true);
            let (old, new) = ((from as u64, roots[from]), (to as u64, roots[to]));
            assert_eq!(tree::consistency(old.0, new.0, |id| whole.read(id)), Ok(path.clone()));
            assert!(merkle::continues(old, new, &path), "{from} to {to}");
            let refused = |old, new, path: &[Digest]| {
                assert!(!merkle::continues(old, new, path), "{from} to {to}");
            };
            refused((old.0, flip(old.1, &mut prng)), new, &path);
            refused(old, (new.0, flip(new.1, &mut prng)), &path);
            refused(old, new, &[&path[..], &[old.1]].concat());
            // Another history under the same size, and one that lost rows.
            refused((old.0, flip(roots[from - 1], &mut prng)), new, &path);
            if from < to {
                refused(new, old, &path);
                refused(new, old, &[]);
            }
            for place in 0..path.len() {
                let mut changed = path.clone();
                changed[place] = flip(changed[place], &mut prng);
                refused(old, new, &changed);
                changed.remove(place);
                refused(old, new, &changed);
            }
        }
    }
}

#[test]
fn an_empty_log_is_continued_by_every_other() {
    let root = merkle::root(&hashes(5));
    assert!(merkle::continues((0, merkle::empty()), (5, root), &[]));
    assert!(merkle::continues((0, merkle::empty()), (0, merkle::empty()), &[]));
    assert!(!merkle::continues((0, root), (5, root), &[]));
    assert!(!merkle::continues((0, merkle::empty()), (0, root), &[]));
    assert!(!merkle::continues((0, merkle::empty()), (5, root), &[root]));
    assert!(!merkle::includes(merkle::empty(), 0, 0, merkle::empty(), &[]));
    let tree = Tree::default();
    assert_eq!(tree::inclusion(0, 0, |id| tree.read(id)), Err(Fault::NotIncluded));
    assert_eq!(tree::consistency(1, 0, |id| tree.read(id)), Err(Fault::NotContinued));
}
