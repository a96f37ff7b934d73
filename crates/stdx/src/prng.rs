//! Randomness as an input.

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::Digest;

/// A seeded cryptographic generator (ChaCha20): ids, keys and nonces come from it.
///
/// The binary seeds it from the operating system; a test or a demo from a number. The same seed
/// gives the same stream on every machine. It has no `Debug`: its state is a secret.
#[derive(Clone)]
pub struct Prng(ChaCha20Rng);

impl Prng {
    /// The generator of a 32-byte seed.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// The generator of a named stream under a seed: each name has a stream of its own, so what
    /// one part draws never moves what another part gets.
    pub fn stream(seed: u64, name: &str) -> Self {
        Self::new(*Digest::of(&[&seed.to_be_bytes(), name.as_bytes()]).as_bytes())
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A number in `0..bound`, each equally likely (rejection, no modulo bias).
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "`below` needs a positive bound");
        let zone = u64::MAX - u64::MAX % bound;
        loop {
            let draw = self.0.next_u64();
            if draw < zone {
                return draw % bound;
            }
        }
    }

    /// True in `percent` of 100 draws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `items`.
    ///
    /// # Panics
    /// When `items` is empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = self.below(items.len() as u64);
        &items[usize::try_from(index).expect("below a length")]
    }
}
