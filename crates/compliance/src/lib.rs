//! Numbers set by law or by the central bank, as dated data, and the rules that read them.
//!
//! Every number is in a file under `packs`, with its source, the day from which it holds and
//! whether somebody could read it there ([`Entry::verified`]). `packs/SOURCES.md` says where;
//! `docs/reference/packs.md` lists them all. A changed rule is a new entry, never an edited one, so
//! an answer for a day of the past stays what it was.
//!
//! Suggested reading order: [`pack`], [`cn`], then the rules: [`rates`], [`limits`], [`accounts`],
//! [`accrual`], [`provisions`], [`classification`].

#![warn(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod accounts;
pub mod accrual;
pub mod classification;
pub mod cn;
pub mod limits;
pub mod pack;
pub mod provisions;
pub mod rates;
mod reference;

pub use pack::{Dated, Entry, Pack, PackError, Source};
pub use rates::Rate;
pub use reference::reference;

#[cfg(test)]
mod tests;
