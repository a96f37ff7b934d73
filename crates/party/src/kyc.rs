//! How well a party is known, and what shows it.
//!
//! A level is what products and limits ask for; checks and documents are the evidence behind it.
//! Rules that count channels, such as one, three or five for payment accounts of classes I to III
//! (非银行支付机构网络支付业务管理办法, 2015, article 11; the number of the article is not
//! verified), read [`Check`]s; the level alone does not decide them.

use serde::{Deserialize, Serialize};
use stdx::{Date, Digest, Timestamp};

use crate::Kind;

/// How far the identity of a party is established. Each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KycLevel {
    /// Nothing is known, or no longer: the state after erasure.
    #[default]
    None,
    /// The party named itself; its numbers are well-formed, nobody else confirmed them.
    Declared,
    /// A source outside the party confirmed the identity, remotely.
    Verified,
    /// Staff saw the party together with its valid identity document.
    FaceToFace,
}

/// How an identity was checked. Two methods are two independent channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// An official register: citizens' identity, or companies.
    Register,
    /// The bank confirmed the card's holder.
    BankCard,
    /// The operator confirmed the number's holder.
    MobileOperator,
    /// A live picture was compared with the document.
    LiveVideo,
    /// Staff met the party.
    InPerson,
}

/// One check that confirmed the identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How.
    pub method: Method,
    /// Where the evidence is: the register's receipt, the recording, the staff's form.
    pub reference: String,
    /// When.
    pub checked_at: Timestamp,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentKind {
    /// Resident identity card (居民身份证).
    ResidentIdCard,
    /// Residence permit for people from Hong Kong, Macao or Taiwan (港澳台居民居住证).
    ResidencePermit,
    /// Business license (营业执照).
    BusinessLicense,
    /// Anything else that supports what the party says; it proves no identity.
    Supporting,
}

/// A document the party has shown. The picture itself stays outside; its digest pins it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// SHA-256 of the stored picture or file.
    pub content: Digest,
    /// Last day of validity; none when it does not expire (长期).
    pub valid_until: Option<Date>,
    /// When it was added.
    pub added_at: Timestamp,
}

impl Document {
    /// Whether it proves the identity of a party of this kind on a day.
    pub fn identifies(&self, kind: Kind, on: Date) -> bool {
        let proves = match self.kind {
            DocumentKind::ResidentIdCard | DocumentKind::ResidencePermit => kind == Kind::Person,
            DocumentKind::BusinessLicense => kind == Kind::Company,
            DocumentKind::Supporting => false,
        };
        proves && self.valid_until.is_none_or(|last| on <= last)
    }
}
