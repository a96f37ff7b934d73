//! The Merkle tree of RFC 6962, section 2.1, over SHA-256, and the checks of its proofs.
//!
//! The checks are the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2. A proof of inclusion
//! does not fix the size of the tree by itself: size and root have to come from one signed head.

use sha2::{Digest as _, Sha256};
use stdx::Digest;

/// The root of no leaves.
pub fn empty() -> Digest {
    Digest::from_bytes(Sha256::digest([]).into())
}

/// The hash of a leaf.
pub fn leaf(data: &[u8]) -> Digest {
    let hasher = Sha256::new_with_prefix([0]).chain_update(data);
    Digest::from_bytes(hasher.finalize().into())
}

/// The hash of a node over the hashes below it.
pub fn node(left: Digest, right: Digest) -> Digest {
    let hasher = Sha256::new_with_prefix([1]);
    let hasher = hasher.chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

/// The root over hashes of leaves; or over those of full subtrees of one size, of which the last
/// one need not be full.
pub fn root(hashes: &[Digest]) -> Digest {
    match hashes {
        [] => empty(),
        [only] => *only,
        _ => {
            let (left, right) = hashes.split_at(hashes.len().div_ceil(2).next_power_of_two());
            node(root(left), root(right))
        }
    }
}

/// Whether the leaf with this hash is at `index` of the tree with `size` leaves and this root.
pub fn includes(root: Digest, size: u64, index: u64, leaf: Digest, path: &[Digest]) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = node(*sibling, hash);
            // The last node of a level has no right neighbor and moves up as it is.
            let levels = at.trailing_zeros();
            (at, last) = (at >> levels, last >> levels);
        } else {
            hash = node(hash, *sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// Whether the tree `to` begins with all leaves of the tree `from`; each is its size and root.
pub fn continues(from: (u64, Digest), to: (u64, Digest), path: &[Digest]) -> bool {
    let ((from_size, from_root), (to_size, to_root)) = (from, to);
    if from_size == 0 {
        return path.is_empty() && from_root == empty() && (to_size > 0 || to_root == from_root);
    }
    if from_size >= to_size {
        return path.is_empty() && from == to;
    }
    // A full tree is a node of the later one, so its root is not told again.
    let known = from_size.is_power_of_two().then_some(from_root);
    let mut hashes = known.iter().chain(path).copied();
    let Some(first) = hashes.next() else { return false };
    let levels = (from_size - 1).trailing_ones();
    let (mut at, mut last) = ((from_size - 1) >> levels, (to_size - 1) >> levels);
    let (mut old, mut new) = (first, first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            (old, new) = (node(hash, old), node(hash, new));
            let levels = at.trailing_zeros();
            (at, last) = (at >> levels, last >> levels);
        } else {
            new = node(new, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old == from_root && new == to_root
}
