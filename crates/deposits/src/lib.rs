//! The life of current accounts and term deposits, from opening to closing. Pure: a state, a
//! command and a date give an [`Outcome`] or a [`Reject`]; nothing has happened until somebody
//! commits it.
//!
//! ```text
//! account::open ─▶ CurrentAccount (active) ⇄ (dormant) ─ account::close ─▶ (closed)
//!                     │ deposit, withdraw, freeze …, any day
//!                     │ close_day: interest of a day, settled by the quarter
//!
//! term::open ─▶ TermDeposit (running) ─ close_day ─▶ (matured) ─ withdraw ─▶ (closed)
//!                     ▲                    │ rollover
//!                     └────────────────────┘
//! ```
//!
//! Money is kept by the ledger, so the balance of an account is told by whoever asks; what an
//! account has earned is kept here. Deposits say what happened ([`Entry`]); the product says which
//! accounts that moves.
//!
//! Suggested reading order: [`account`] (record, opening, closing), [`movement`], [`day`],
//! [`restraint`], [`term`], [`maturity`], [`withdrawal`], [`outcome`], [`explain`].

#![warn(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod account;
pub mod day;
pub mod explain;
pub mod maturity;
pub mod movement;
pub mod outcome;
pub mod reject;
pub mod restraint;
pub mod term;
pub mod terms;
pub mod withdrawal;

pub use account::{CurrentAccount, Holder, Status};
pub use outcome::{Entry, Event, Hold, Outcome};
pub use reject::Reject;
pub use restraint::{Freeze, Restraints, Scope, Stop};
pub use term::{Placement, Rollover, Stage, TermDeposit};
pub use terms::Terms;

#[cfg(test)]
mod tests;
