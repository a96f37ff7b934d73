//! Persons and companies: identity numbers, KYC, consents, encryption, masking.
//!
//! A [`Party`] is the record of a person or company. What identifies it (name, numbers, phone,
//! address) enters as [`Personal`] text, is checked against the standard that governs it, and
//! leaves this crate only as [`Sealed`] ciphertext under a key of its own, or as a [`PartyView`],
//! masked unless the caller may see it clear. So a store, a log or a backup never holds it, and
//! erasing one small key makes all of it unreadable, in the history too.
//!
//! Everything here is pure: time and randomness come in as arguments. A command takes a record and
//! answers with the next one, or with the [`Reject`] that says why not. Age limits are not the
//! party's business: they belong to a product, which asks [`ResidentId::age_on`].
//!
//! Suggested reading order: [`party`], [`kyc`], [`consent`]; the numbers [`resident_id`],
//! [`credit_code`], [`bank_card`], [`mobile`] with their [`fault`]s; then [`personal`], [`sealed`],
//! [`keys`] for the protection, and [`mask`], [`mod@view`] for what is shown.

pub mod bank_card;
pub mod consent;
pub mod credit_code;
pub mod fault;
pub mod keys;
pub mod kyc;
pub mod mask;
pub mod mobile;
pub mod party;
pub mod personal;
pub mod resident_id;
pub mod sealed;
pub mod view;

pub use bank_card::BankCard;
pub use consent::{Consent, Purpose};
pub use credit_code::CreditCode;
pub use fault::{BadField, Fault};
pub use keys::{DataKey, KeyId, KeyProvider, MasterKey, WrappedKey};
pub use kyc::{Check, Document, DocumentKind, KycLevel, Method};
pub use mobile::Mobile;
pub use party::{Amendment, IdNumber, Index, Kind, Party, PersonalData, Registration, Reject};
pub use personal::Personal;
pub use resident_id::ResidentId;
pub use sealed::{Field, Institution, Keys, SealError, Sealed};
pub use view::{PartyView, Sight, view};

#[cfg(test)]
mod tests;
