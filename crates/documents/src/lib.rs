//! What a customer is sent: plain data in, a document out, as JSON and as PDF. Pure: the same data
//! gives the same bytes, and a day stands in a document only when the data has it.
//!
//! ```text
//! Statement  ─ check ─▶ StatementJson              (serde)
//! Disclosure          ▶ Sheet ─ layout ─▶ pages ─ pdf ─▶ Pdf
//! ```
//!
//! A document whose figures do not add up, or that shows the number of an identity document in
//! the clear, is refused: nobody should have to explain it.
//!
//! Suggested reading order: [`parts`] (what documents share), [`statement`], [`disclosure`],
//! `sheet`, `layout`, `font`, `pdf`.

pub mod disclosure;
pub mod error;
mod font;
mod layout;
pub mod parts;
mod pdf;
mod sheet;
pub mod statement;

pub use disclosure::{Disclosure, DisclosureJson};
pub use error::DocumentError;
pub use parts::{Bilingual, Contract, Issuer, Language, Party};
pub use pdf::Pdf;
pub use statement::{Statement, StatementJson};

#[cfg(test)]
mod tests;
