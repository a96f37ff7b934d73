//! Asking for a loan: the product's rules decide, and an approval comes with an offer.

use std::collections::BTreeMap;

use money::{Amount, Currency};
use product::eligibility::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stdx::{Date, Id};

use crate::{
    disclosure::Disclosure,
    loan::{Borrower, Terms},
};

/// How many days an offer may be signed after the day it was made.
pub const OFFER_DAYS: u32 = 30;

/// Somebody asks for a loan.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Who asks.
    pub borrower: Id<Borrower>,
    /// How much.
    pub amount: Amount,
    /// In how many instalments; the product's usual number when none is named.
    pub term: Option<u32>,
    /// What the rules may know of who asks.
    pub applicant: Applicant,
    /// What the product asks beside, by name.
    pub facts: BTreeMap<String, Value>,
}

/// What the rules may know of an applicant, on the day of the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applicant {
    /// Completed years of age; years since founding for a company.
    pub age: u32,
    /// A person or a company.
    pub kind: ApplicantKind,
    /// How well the applicant is known.
    pub kyc_level: String,
    /// Principal owed to this institution, all loans, in the product's currency.
    pub outstanding: Amount,
    /// The worst days past due of today, all loans.
    pub days_past_due: u32,
}

/// A person or a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApplicantKind {
    /// A natural person.
    Person,
    /// A company or another organisation.
    Company,
}

/// An application with its decision: the inputs are kept, so the decision can be replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Who asked.
    pub borrower: Id<Borrower>,
    /// Name of the product.
    pub product: String,
    /// The version that decided.
    pub version: u32,
    /// Currency of every amount.
    pub currency: Currency,
    /// How much was asked for.
    pub amount: Amount,
    /// In how many instalments.
    pub term: u32,
    /// When.
    pub submitted_on: Date,
    /// What the rules knew of the applicant.
    pub applicant: Applicant,
    /// What the applicant declared.
    pub facts: BTreeMap<String, Value>,
    /// What came of it.
    pub decision: Decision,
}

/// What came of an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Decision {
    /// At least one rule did not hold.
    Declined {
        /// Which, in the product's order.
        reasons: Vec<Failure>,
    },
    /// Every rule held: here is the offer.
    Approved {
        /// What may be signed.
        offer: Box<Offer>,
    },
    /// The offer was signed; the loan has the rest.
    Signed {
        /// When.
        on: Date,
    },
}

/// What an applicant may sign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The last day on which it may be signed.
    pub valid_until: Date,
    /// What the loan's life will follow.
    pub terms: Terms,
    /// What the applicant is told.
    pub disclosure: Disclosure,
}
