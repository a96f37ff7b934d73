//! The life of a loan, from application to settlement. Pure: a state, a command and a date give
//! an [`Outcome`] or a [`Reject`]; nothing has happened until somebody commits it.
//!
//! ```text
//! apply ─▶ Application ─ sign ─▶ Loan (signed) ─ disburse ─▶ Loan (active) + Position
//!             │ declined                                        │ close_day, every day
//!             ▼                                                 │ happen: payments, changes
//!          reasons                                              ▼
//!                                        Loan (settled, charged off, written off, sold)
//! ```
//!
//! Contract, facts and days fold into what is owed: [`fact`] says what can happen, [`decision`]
//! whether it may, [`correction`] what follows when it is booked late or taken back, and
//! [`simulation`] tells a whole life from a list of events, [`book`] thousands of lives drawn from
//! a seed.
//!
//! A [`Line`] is drawn on again and again; each drawing is a loan that lives as any other.
//! What gives money up is a [`proposal`] first, which somebody else approves. [`dunning`] is what
//! is done about a loan that is past due, [`security`] what stands behind it.
//!
//! Lending says what happened ([`Entry`]: `repayment` with so much interest and so much
//! principal); the product says which accounts that moves.
//!
//! [`cycle`] is the same for an account with monthly statements: purchases, minimum payments, a
//! period without interest.
//!
//! Suggested reading order: [`loan`] (records), [`fact`], [`outcome`], [`application`],
//! [`contract`], [`day`], [`decision`], [`correction`], [`settlement`], [`line`], [`view`],
//! [`cycle`], [`explain`].

#![warn(clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod application;
pub mod book;
pub mod contract;
pub mod correction;
pub mod cycle;
pub mod day;
pub mod decision;
pub mod disclosure;
pub mod dunning;
pub mod explain;
pub mod fact;
mod life;
pub mod line;
pub mod loan;
pub mod outcome;
pub mod plan;
pub mod proposal;
pub mod reject;
pub mod security;
pub mod settlement;
pub mod simulation;
pub mod view;

pub use application::{Application, apply};
pub use contract::{disburse, sign};
pub use correction::History;
pub use day::close_day;
pub use decision::{capped, happen};
pub use dunning::Dunning;
pub use explain::Explaining;
pub use fact::{Fact, What};
pub use line::Line;
pub use loan::{Borrower, Bucket, Loan, Owed, Position, Status};
pub use outcome::{Entry, Event, Outcome};
pub use plan::Rules;
pub use proposal::Proposal;
pub use reject::Reject;
pub use settlement::{Quote, quote};

#[cfg(test)]
mod tests;
