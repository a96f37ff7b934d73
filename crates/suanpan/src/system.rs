//! The machine: its clock and its entropy.

use stdx::{Prng, Timestamp};

/// The wall clock.
#[allow(clippy::disallowed_methods, reason = "here, and only here, the clock is read")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Thirty-two bytes nobody can guess.
///
/// # Panics
/// When the operating system gives none: nothing secure can be done then.
pub(crate) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system gives entropy");
    seed
}

/// A generator nobody can guess.
pub(crate) fn prng() -> Prng {
    Prng::new(seed())
}
