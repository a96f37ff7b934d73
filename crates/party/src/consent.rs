//! Consents to the processing of personal information.
//!
//! Source: the Personal Information Protection Law (个人信息保护法, in force 2021-11-01). Article
//! 13: consent is one lawful ground of processing, beside contract and legal duty. Article 14: it
//! is voluntary, explicit and informed, and a new purpose needs a new one. Article 15: it can be
//! withdrawn as easily, and what was done before stays lawful. Articles 23 and 29: passing data on
//! and sensitive data need a *separate* consent. So a consent names one purpose and the version of
//! the text the party saw, and none is ever deleted: the institution has to prove it.

use serde::{Deserialize, Serialize};
use stdx::Timestamp;

/// What a consent is for. One consent, one purpose: a bundle is no separate consent.
///
/// Of the articles named here, 13 and 29 were compared with the text; the others are not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Identity checks that use sensitive data, such as a face or a document's picture. Checks an
    /// institution must make by law need no consent (PIPL article 13, item 3). Separate: article
    /// 29.
    Kyc,
    /// Asking a credit-information institution about the party. Separate: article 29, and article
    /// 18 of the Regulation on the Credit Reporting Industry (国务院令第631号).
    CreditInquiry,
    /// Passing personal information to another processor. Separate: article 23.
    DataSharing,
    /// Messages that advertise. Refusing it may not cost the party the service (PIPL article 16).
    Marketing,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Kyc, Self::CreditInquiry, Self::DataSharing, Self::Marketing];
}

/// One consent of a party, as given and perhaps withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// What it is for.
    pub purpose: Purpose,
    /// Version of the text the party agreed to, such as `credit-inquiry/2026-03`.
    pub text_version: String,
    /// When it was given.
    pub given_at: Timestamp,
    /// When it was withdrawn or replaced by consent to another text; it stands while this is none.
    pub withdrawn_at: Option<Timestamp>,
}

impl Consent {
    /// Whether it has not been withdrawn.
    pub fn stands(&self) -> bool {
        self.withdrawn_at.is_none()
    }
}
