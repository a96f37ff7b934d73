//! Double entry, pure.
//!
//! A [`Ledger`] holds accounts and what is known of earlier transfers, and answers one question:
//! may this [`Transfer`] happen, and what are the balances then? It checks first; once every
//! check has passed, the change cannot fail. There is no clock, no storage and no randomness: the
//! caller brings the [`Moment`] and loads what a batch touches.
//!
//! Suggested reading order: [`account`], [`transfer`], [`reject`], [`book`] (the rules),
//! [`limits`], [`wire`] (the binary form of a transfer).

#![warn(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod account;
mod accounts;
mod book;
mod code;
mod limits;
mod movement;
mod reject;
mod transfer;
mod transfers;
mod wire;

pub use account::{Account, AccountId, AccountState, Balances, Side, ValueDay};
pub use book::{Applied, Ledger, Mark, Moment};
pub use code::{Code, CodeError};
pub use limits::{Cap, CapUse, Direction, Limits, Window};
pub use reject::Reject;
pub use transfer::{Balancing, Kind, Posted, Resolution, Transfer, TransferId};
pub use wire::{POSTED_BYTES, WireError};

use stdx::Id;

/// Names an [`InstitutionId`].
pub struct Institution;

/// A tenant: everything belongs to exactly one.
pub type InstitutionId = Id<Institution>;

/// Names a [`LaneId`].
pub struct Lane;

/// The unit of ordering: one party and all its contracts live in one lane.
pub type LaneId = Id<Lane>;

#[cfg(test)]
mod tests;
