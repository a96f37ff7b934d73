//! Product definitions: the language, its checks and schema, schedules, simulation.
//!
//! A product is a file. It is read ([`document`]), checked ([`check`]) against the schema of its
//! kind ([`schema`]) and against what it means, compiled ([`LoanProduct`], [`AccountProduct`]),
//! simulated ([`simulate`]), approved and published ([`life`]).
//!
//! Suggested reading order: [`definition`], [`kinds`], [`check`], [`schedule`], [`expression`].

pub mod accounting;
pub mod chart;
pub mod check;
pub mod definition;
pub mod derivation;
pub mod document;
pub mod eligibility;
pub mod expression;
pub mod kinds;
pub mod life;
pub mod posted;
pub mod problem;
pub mod schedule;
pub mod schema;
pub mod simulate;

pub use accounting::{Accounting, Posting};
pub use chart::{AccountCode, Chart};
pub use definition::Definition;
pub use derivation::Derivation;
pub use document::Document;
pub use eligibility::{Applicant, Application, Failure};
pub use kinds::{
    Kind, current_account::AccountProduct, instalment_loan::LoanProduct,
    instalment_loan::OfferReject, revolving_credit::RevolvingProduct, term_deposit::TermProduct,
};
pub use problem::Problem;

#[cfg(test)]
mod tests;
