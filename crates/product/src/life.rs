//! The life of a product version: made by one person, approved by another, then published.
//!
//! ```text
//! draft ── check ──▶ checked ── approve ──▶ approved ── publish ──▶ published ⇄ suspended
//!   ▲                   │                      │                        │           │
//!   └──────── edit ─────┘                      └────────── retire ──────┴───────────┘
//! ```
//!
//! Until it is approved a version may be edited, which makes it a draft again. From then on it
//! never changes: a change is the next version.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use stdx::{Date, Timestamp};

use crate::definition::Definition;

/// A version of a product and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductVersion {
    /// The definition; its `product` and `version` name the version.
    pub definition: Definition,
    /// Where it stands.
    pub status: Status,
    /// Everybody who wrote in it.
    pub authors: BTreeSet<String>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// The first day of its contracts, once it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_from: Option<Date>,
    /// When it came to stand there.
    pub since: Timestamp,
}

/// Where a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Being written.
    Draft,
    /// Found to have no problems.
    Checked,
    /// Approved by somebody else than its author. It does not change any more.
    Approved,
    /// Contracts may be made from its day on.
    Published,
    /// No contracts for the time being.
    Suspended,
    /// No contracts ever again. Those made under it live on.
    Retired,
}

/// Why a version does not take a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The step does not lead on from where the version stands.
    WrongStatus {
        /// Where it stands.
        status: Status,
    },
    /// Who wrote in it cannot approve it.
    SamePerson,
    /// An approved version does not change.
    Immutable,
    /// A version's product, version number or currency cannot be edited.
    OtherProduct,
    /// Contracts cannot begin before the definition is effective.
    BeforeEffective,
    /// Contracts cannot begin in the past.
    InThePast,
    /// The number does not follow the versions there are.
    WrongVersion {
        /// The number that does.
        next: u32,
    },
}

impl Reject {
    /// The stable name of the reject.
    pub fn code(self) -> &'static str {
        match self {
            Self::WrongStatus { .. } => "wrong-status",
            Self::SamePerson => "same-person",
            Self::Immutable => "version-is-immutable",
            Self::OtherProduct => "other-product",
            Self::BeforeEffective => "before-effective",
            Self::InThePast => "in-the-past",
            Self::WrongVersion { .. } => "wrong-version",
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongStatus { status } => write!(f, "a version that is {status} cannot do this"),
            Self::SamePerson => f.write_str("somebody else than its authors must approve"),
            Self::Immutable => {
                f.write_str("an approved version does not change; make the next one")
            }
            Self::OtherProduct => f.write_str("an edit keeps product, version and currency"),
            Self::BeforeEffective => f.write_str("the definition is not effective on that day"),
            Self::InThePast => f.write_str("a version is published from today on, or later"),
            Self::WrongVersion { next } => write!(f, "the next version is {next}"),
        }
    }
}

impl std::error::Error for Reject {}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Checked => "checked",
            Self::Approved => "approved",
            Self::Published => "published",
            Self::Suspended => "suspended",
            Self::Retired => "retired",
        })
    }
}

/// The number of the next version of a product.
pub(crate) fn next_version(versions: &[ProductVersion]) -> u32 {
    let last = versions.iter().map(|it| it.definition.version).max().unwrap_or(0);
    last.saturating_add(1)
}

/// The version under which a contract is made on a day: of the published ones that are in force,
/// the one with the highest number. A suspended version in force stops the product: an older one
/// does not take its place.
pub fn in_force(versions: &[ProductVersion], day: Date) -> Option<&ProductVersion> {
    let begun = |it: &&ProductVersion| {
        let public = matches!(it.status, Status::Published | Status::Suspended);
        public && it.published_from.is_some_and(|from| from <= day) && it.definition.in_force(day)
    };
    let newest = versions.iter().filter(begun).max_by_key(|it| it.definition.version);
    newest.filter(|it| it.status == Status::Published)
}

impl ProductVersion {
    /// A new draft.
    ///
    /// # Errors
    /// [`Reject::WrongVersion`] when its number does not follow the versions of the product;
    /// [`Reject::OtherProduct`] when it is not of their product and currency.
    pub fn draft(
        definition: Definition,
        author: &str,
        versions: &[Self],
        now: Timestamp,
    ) -> Result<Self, Reject> {
        let next = next_version(versions);
        if definition.version != next {
            return Err(Reject::WrongVersion { next });
        }
        let same = |it: &Self| {
            it.definition.product == definition.product
                && it.definition.currency == definition.currency
        };
        if !versions.iter().all(same) {
            return Err(Reject::OtherProduct);
        }
        let authors = BTreeSet::from([author.to_owned()]);
        let status = Status::Draft;
        Ok(Self { definition, status, authors, approver: None, published_from: None, since: now })
    }

    /// Replaces the definition; whoever does is an author, too.
    ///
    /// # Errors
    /// [`Reject::Immutable`], [`Reject::OtherProduct`].
    pub fn edit(
        mut self,
        definition: Definition,
        author: &str,
        now: Timestamp,
    ) -> Result<Self, Reject> {
        if !matches!(self.status, Status::Draft | Status::Checked) {
            return Err(Reject::Immutable);
        }
        let name = |it: &Definition| (it.product.clone(), it.version, it.currency);
        if name(&definition) != name(&self.definition) {
            return Err(Reject::OtherProduct);
        }
        self.authors.insert(author.to_owned());
        Ok(Self { definition, status: Status::Draft, since: now, ..self })
    }

    /// Says that the definition was checked against the chart in use and has no problems.
    ///
    /// # Errors
    /// [`Reject::WrongStatus`].
    pub fn checked(self, now: Timestamp) -> Result<Self, Reject> {
        self.step(&[Status::Draft], Status::Checked, now)
    }

    /// Approves the version.
    ///
    /// # Errors
    /// [`Reject::SamePerson`], [`Reject::WrongStatus`].
    pub fn approve(self, approver: &str, now: Timestamp) -> Result<Self, Reject> {
        if self.authors.contains(approver) {
            return Err(Reject::SamePerson);
        }
        let approved = self.step(&[Status::Checked], Status::Approved, now)?;
        Ok(Self { approver: Some(approver.to_owned()), ..approved })
    }

    /// Publishes the version: contracts may be made from `from` on. `today` is the business date.
    ///
    /// # Errors
    /// [`Reject::BeforeEffective`], [`Reject::InThePast`], [`Reject::WrongStatus`].
    pub fn publish(self, from: Date, today: Date, now: Timestamp) -> Result<Self, Reject> {
        let published = self.step(&[Status::Approved], Status::Published, now)?;
        if !published.definition.in_force(from) {
            return Err(Reject::BeforeEffective);
        }
        if from < today {
            return Err(Reject::InThePast);
        }
        Ok(Self { published_from: Some(from), ..published })
    }

    /// Stops new contracts for the time being.
    ///
    /// # Errors
    /// [`Reject::WrongStatus`].
    pub fn suspend(self, now: Timestamp) -> Result<Self, Reject> {
        self.step(&[Status::Published], Status::Suspended, now)
    }

    /// Allows new contracts again.
    ///
    /// # Errors
    /// [`Reject::WrongStatus`].
    pub fn resume(self, now: Timestamp) -> Result<Self, Reject> {
        self.step(&[Status::Suspended], Status::Published, now)
    }

    /// Stops new contracts for good.
    ///
    /// # Errors
    /// [`Reject::WrongStatus`].
    pub fn retire(self, now: Timestamp) -> Result<Self, Reject> {
        let from = [Status::Approved, Status::Published, Status::Suspended];
        self.step(&from, Status::Retired, now)
    }

    fn step(self, from: &[Status], to: Status, now: Timestamp) -> Result<Self, Reject> {
        if !from.contains(&self.status) {
            return Err(Reject::WrongStatus { status: self.status });
        }
        Ok(Self { status: to, since: now, ..self })
    }
}
