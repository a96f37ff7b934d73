//! Why a command or a read is refused: one hop from each domain, matched exhaustively.

use std::fmt;

use product::{Problem, derivation::Unexplained};
use store::StoreError;

use crate::{Right, periods::Hanging};

/// A refusal. Nothing changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The caller lacks a right.
    Forbidden(Right),
    /// The key would be able to do or see more than the one that makes it.
    KeyBeyondOwn,
    /// There is no such thing for this institution.
    NotFound(&'static str),
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// Others kept changing the same records; trying again helps.
    Busy,
    /// The thing is there already.
    Exists(&'static str),
    /// The record has another version than the caller last saw.
    Changed,
    /// The definition has problems; all of them.
    Definition(Vec<Problem>),
    /// What is to be simulated has problems; all of them.
    Scenario(Vec<Problem>),
    /// The product is of another kind than the command needs.
    OtherKind,
    /// The amount is in another currency than the contract.
    OtherCurrency,
    /// The product's rules refuse the applicant.
    NotEligible(Vec<product::Failure>),
    /// The date is not the business date to be closed.
    NotTheBusinessDate(stdx::Date),
    /// Contracts whose day could not be closed; the business date stays.
    DayIncomplete(Vec<Unclosed>),
    /// Suspense accounts that are not zero; the period stays open.
    InSuspense(Vec<Hanging>),
    /// The day must be closed first, with its period.
    PeriodOpen(stdx::Date),
    /// Who prepared it cannot approve it.
    OwnPreparation,
    /// The first day of a report is after its last.
    FromAfterThrough,
    /// The day is after the business date, which this is.
    AfterBusinessDate(stdx::Date),
    /// The migration stands where this cannot follow.
    MigrationStands(crate::migrations::MigrationStatus),
    /// No loan is to be moved.
    NothingToMove,
    /// The document cannot be made of what there is.
    Document(documents::DocumentError),
    /// What is brought is not a chart of accounts.
    Chart(product::chart::ChartError),
    /// The books are kept on the chart there is.
    ChartInUse,
    /// The account belongs to a contract, which alone may move it.
    ContractAccount,
    /// Too many items in one request.
    TooMany(&'static str, usize),
    /// So many of a kind that there can be no more before one ends.
    LimitReached(&'static str, usize),
    /// So much is being computed that nothing more is begun.
    Overloaded,
    /// The party's rules.
    Party(party::Reject),
    /// The product's life cycle.
    Product(product::life::Reject),
    /// The loan's rules.
    Lending(lending::Reject),
    /// The rules of what stands behind a loan.
    Security(lending::security::Reject),
    /// The rules of what one person proposes and another approves.
    Proposal(lending::proposal::Reject),
    /// The rules of accounts and deposits.
    Deposits(deposits::Reject),
    /// The ledger.
    Ledger {
        /// Index of the transfer, when one was refused.
        transfer: Option<usize>,
        /// Why.
        reject: ledger::Reject,
    },
    /// The store could not do its work.
    Store(StoreError),
    /// An amount has no explanation.
    Unexplained(Unexplained),
}

/// A contract whose day could not be closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Unclosed {
    /// Which record.
    pub subject: stdx::Id<()>,
    /// Why.
    pub why: String,
}

impl Refusal {
    /// The stable code, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "forbidden",
            Self::KeyBeyondOwn => "key-beyond-own",
            Self::NotFound(_) => "not-found",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::Busy => "busy",
            Self::Exists(_) => "exists",
            Self::Changed => "changed",
            Self::Definition(_) => "definition-has-problems",
            Self::Scenario(_) => "scenario-has-problems",
            Self::OtherKind => "product-of-other-kind",
            Self::OtherCurrency => "other-currency",
            Self::NotEligible(_) => "not-eligible",
            Self::NotTheBusinessDate(_) => "not-the-business-date",
            Self::DayIncomplete(_) => "day-incomplete",
            Self::InSuspense(_) => "in-suspense",
            Self::PeriodOpen(_) => "period-open",
            Self::OwnPreparation => "own-preparation",
            Self::FromAfterThrough => "from-after-through",
            Self::AfterBusinessDate(_) => "after-business-date",
            Self::MigrationStands(_) => "migration-stands",
            Self::NothingToMove => "nothing-to-move",
            Self::Document(error) => error.code(),
            Self::Chart(error) => error.code(),
            Self::ChartInUse => "chart-in-use",
            Self::ContractAccount => "contract-account",
            Self::TooMany(..) => "too-many",
            Self::LimitReached(..) => "limit-reached",
            Self::Overloaded => "overloaded",
            Self::Party(reject) => reject.code(),
            Self::Product(reject) => reject.code(),
            Self::Lending(reject) => reject.code(),
            Self::Security(reject) => reject.code(),
            Self::Proposal(reject) => reject.code(),
            Self::Deposits(reject) => reject.code(),
            Self::Ledger { reject, .. } => reject.code(),
            Self::Store(StoreError::TooLarge { .. }) => "too-many",
            Self::Store(StoreError::NulInText(_)) => "nul-in-text",
            Self::Store(_) => "unavailable",
            Self::Unexplained(reason) => reason.code(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyBeyondOwn => f.write_str("A key may not do or see more than its maker's."),
            Self::Forbidden(right) => {
                write!(f, "This key does not have the right `{}`.", right.name())
            }
            Self::NotFound(what) => write!(f, "There is no such {what}."),
            Self::IdempotencyKeyReused => {
                f.write_str("This Idempotency-Key was used before for another request.")
            }
            Self::Busy => f.write_str("Others are changing the same records; try again."),
            Self::Exists(what) => write!(f, "There is such a {what} already."),
            Self::Changed => f.write_str("It has changed since you read it; read it again."),
            Self::Definition(problems) => {
                let plural = if problems.len() == 1 { "" } else { "s" };
                write!(f, "The definition has {} problem{plural}.", problems.len())
            }
            Self::Scenario(problems) => {
                let plural = if problems.len() == 1 { "" } else { "s" };
                write!(f, "What is to be simulated has {} problem{plural}.", problems.len())
            }
            Self::OtherKind => f.write_str("The product is of another kind."),
            Self::OtherCurrency => f.write_str("The contract is in another currency."),
            Self::NotEligible(reasons) => {
                write!(f, "{} of the product's rules do not hold.", reasons.len())
            }
            Self::NotTheBusinessDate(date) => write!(f, "The business date is {date}."),
            Self::DayIncomplete(unclosed) => {
                write!(f, "The day of {} contracts could not be closed.", unclosed.len())
            }
            Self::InSuspense(hanging) => {
                write!(f, "{} suspense accounts are not zero.", hanging.len())
            }
            Self::PeriodOpen(date) => write!(f, "The books are not closed through {date}."),
            Self::OwnPreparation => f.write_str("Who prepared it cannot approve it."),
            Self::FromAfterThrough => f.write_str("The first day is after the last."),
            Self::AfterBusinessDate(date) => {
                write!(f, "Nothing is known after the business date, {date}.")
            }
            Self::MigrationStands(status) => {
                write!(f, "The migration is {}, which this cannot follow.", status.name())
            }
            Self::NothingToMove => f.write_str("There is no active loan to be moved."),
            Self::Document(error) => error.fmt(f),
            Self::Chart(error) => error.fmt(f),
            Self::ChartInUse => f.write_str("The books are kept on the chart there is."),
            Self::ContractAccount => f.write_str("The account belongs to a contract."),
            Self::TooMany(limit, max) => write!(f, "More than {limit}, which is {max}."),
            Self::LimitReached(limit, max) => write!(f, "There are {limit} already, {max}."),
            Self::Overloaded => f.write_str("As much as can be is being computed already."),
            Self::Party(reject) => reject.fmt(f),
            Self::Product(reject) => reject.fmt(f),
            Self::Lending(reject) => reject.fmt(f),
            Self::Security(reject) => reject.fmt(f),
            Self::Proposal(reject) => reject.fmt(f),
            Self::Deposits(reject) => reject.fmt(f),
            Self::Ledger { transfer: Some(index), reject } => {
                write!(f, "Transfer {index}: {reject}")
            }
            Self::Ledger { transfer: None, reject } => reject.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Unexplained(reason) => reason.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<documents::DocumentError> for Refusal {
    fn from(error: documents::DocumentError) -> Self {
        Self::Document(error)
    }
}

impl From<lending::Reject> for Refusal {
    fn from(reject: lending::Reject) -> Self {
        Self::Lending(reject)
    }
}

impl From<lending::security::Reject> for Refusal {
    fn from(reject: lending::security::Reject) -> Self {
        Self::Security(reject)
    }
}

impl From<lending::proposal::Reject> for Refusal {
    fn from(reject: lending::proposal::Reject) -> Self {
        Self::Proposal(reject)
    }
}

impl From<deposits::Reject> for Refusal {
    fn from(reject: deposits::Reject) -> Self {
        Self::Deposits(reject)
    }
}

impl From<party::Reject> for Refusal {
    fn from(reject: party::Reject) -> Self {
        Self::Party(reject)
    }
}

impl From<party::SealError> for Refusal {
    fn from(error: party::SealError) -> Self {
        Self::Party(party::Reject::Seal(error))
    }
}

impl From<ledger::Reject> for Refusal {
    fn from(reject: ledger::Reject) -> Self {
        Self::Ledger { transfer: None, reject }
    }
}

impl From<Unexplained> for Refusal {
    fn from(reason: Unexplained) -> Self {
        Self::Unexplained(reason)
    }
}

impl From<product::life::Reject> for Refusal {
    fn from(reject: product::life::Reject) -> Self {
        Self::Product(reject)
    }
}
