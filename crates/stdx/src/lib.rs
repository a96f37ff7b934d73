//! What the standard library lacks and every crate here needs.
//!
//! Suggested reading order: [`id`], [`prng`], [`digest`], [`date`], [`table`].

pub mod date;
pub mod digest;
pub mod id;
pub mod prng;
pub mod table;

pub use digest::Digest;
pub use id::Id;
pub use jiff::{Timestamp, civil::Date};
pub use prng::Prng;

#[cfg(test)]
mod tests;
