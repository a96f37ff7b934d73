//! What one person proposes for a loan and another approves (双人复核), so that nobody gives
//! money up alone.
//!
//! A proposal says what is to happen and on which value date, and keeps what came of it when it
//! was proposed. A loan follows from its facts, so as long as these are the same, what was shown is
//! what will be booked; when a fact came or went meanwhile, the proposal has to be made again. Days
//! that passed are no matter: what is approved later counts from the value date all the same.

use std::fmt;

use money::Amount;
use product::{LoanProduct, kinds::instalment_loan::Change, schedule::Instalment};
use serde::{Deserialize, Serialize};
use stdx::{Date, Timestamp};

use crate::{
    fact::{Fact, What},
    loan::{Loan, Owed, Status},
    outcome::{Outcome, booked},
};

/// How many days after the one it was made on a proposal waits to be decided.
pub const PROPOSAL_DAYS: i64 = 30;
/// The most proposals of a loan that wait at the same time.
pub const PROPOSALS_OPEN_MAX: usize = 10;
/// The most characters of a reason.
pub const REASON_LEN_MAX: usize = 200;

/// A proposal, from being made to being decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// What is proposed.
    pub asked: Asked,
    /// What would have come of it when it was proposed.
    pub shown: Shown,
    /// The facts it was proposed upon.
    pub known: Known,
    /// Who proposed it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// The last business date on which it can be approved.
    pub expires_on: Date,
    /// Where it stands.
    pub stage: Stage,
    /// Who decided it, once somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
}

/// What a proposal is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Asked {
    /// Something is to happen to the loan.
    Fact {
        /// What.
        what: What,
        /// The business date on which it is to count.
        on: Date,
    },
    /// Something that happened is to be taken back.
    Reversal {
        /// The fact's number.
        number: u32,
    },
}

/// What something would do to a loan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// What it would book.
    pub entries: Vec<Line>,
    /// The loan's status then.
    pub status: Status,
    /// What would be due.
    pub due: Owed,
    /// Principal that would be owed, due or not.
    pub principal: Amount,
    /// The instalments, when they would be others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<Instalment>>,
}

/// An amount of an accounting event; less than was booked before is negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The event.
    pub event: String,
    /// Which amount of it.
    pub name: String,
    /// How much.
    pub amount: Amount,
}

/// Which facts of a loan somebody knew: facts are only added, and taken back once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// How many there were.
    pub booked: usize,
    /// How many of them were taken back.
    pub reversed: usize,
}

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Waits for a decision.
    Open,
    /// Somebody else approved it, and it happened.
    Approved,
    /// Somebody turned it down.
    Rejected,
    /// Who proposed it took it back.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

/// Who ended the waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, when it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a command on a proposal is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The contract asks for two people, so it must be proposed.
    Needed,
    /// Money that moves is booked, not proposed.
    NotAChange,
    /// Who proposed it cannot approve it.
    OwnProposal,
    /// Only who proposed it can withdraw it.
    NotTheProposer,
    /// It was decided before.
    Decided(Stage),
    /// Its last day is over.
    Expired,
    /// Something happened to the loan, or was taken back, since it was proposed.
    LoanMoved,
    /// A reason is missing, or too long.
    ReasonOutOfRange,
}

impl Reject {
    /// The frozen kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Needed => "proposal-needed",
            Self::NotAChange => "not-a-change",
            Self::OwnProposal => "own-proposal",
            Self::NotTheProposer => "not-the-proposer",
            Self::Decided(_) => "proposal-decided",
            Self::Expired => "proposal-expired",
            Self::LoanMoved => "loan-moved",
            Self::ReasonOutOfRange => "reason-out-of-range",
        }
    }
}

/// What it means, for people.
impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needed => f.write_str("one person must propose this and another approve it"),
            Self::NotAChange => f.write_str("money that moves is booked, not proposed"),
            Self::OwnProposal => f.write_str("somebody else than its proposer must approve"),
            Self::NotTheProposer => f.write_str("only its proposer may withdraw it"),
            Self::Decided(stage) => write!(f, "the proposal is {} already", stage.name()),
            Self::Expired => f.write_str("the last day to approve the proposal is over"),
            Self::LoanMoved => {
                f.write_str("the loan is not the one that the proposal was made for")
            }
            Self::ReasonOutOfRange => write!(f, "a reason has 1 to {REASON_LEN_MAX} characters"),
        }
    }
}

impl std::error::Error for Reject {}

impl Stage {
    /// Every stage, from the first on.
    pub const ALL: [Self; 5] =
        [Self::Open, Self::Approved, Self::Rejected, Self::Withdrawn, Self::Expired];

    /// The kebab-case name, as in its JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// Refuses what needs a proposal under a product when it is done without one.
///
/// # Errors
/// [`Reject::Needed`].
pub fn check_direct(product: &LoanProduct, asked: &What) -> Result<(), Reject> {
    check(product, changes(asked))
}

/// The same for taking something back.
///
/// # Errors
/// [`Reject::Needed`].
pub fn check_direct_reversal(product: &LoanProduct) -> Result<(), Reject> {
    check(product, &[Change::Reversal])
}

fn check(product: &LoanProduct, changes: &[Change]) -> Result<(), Reject> {
    let needed = changes.iter().any(|it| product.terms().four_eyes.contains(it));
    if needed { Err(Reject::Needed) } else { Ok(()) }
}

/// As what a product may name it; nothing for money that moves.
pub fn changes(what: &What) -> &'static [Change] {
    match what {
        What::Disbursal { .. }
        | What::Drawing { .. }
        | What::Repayment { .. }
        | What::Prepayment { .. }
        | What::Settlement { .. }
        | What::Refund { .. }
        | What::Subsidy { .. }
        | What::ThirdPartyFee { .. }
        // It is drafted by one person and approved by another, with others of its kind.
        | What::Migration { .. } => &[],
        What::RateChange { .. } => &[Change::RateChange],
        What::InterestPause { .. } => &[Change::InterestPause],
        What::Rescheduling(it) if it.distressed => {
            &[Change::Rescheduling, Change::DistressedRescheduling]
        }
        What::Rescheduling(_) => &[Change::Rescheduling],
        What::Waiver { .. } => &[Change::Waiver],
        What::ChargeOff => &[Change::ChargeOff],
        What::WriteOff => &[Change::WriteOff],
        What::Sale { .. } => &[Change::Sale],
    }
}

impl Known {
    /// All facts of a loan.
    pub fn of(facts: &[Fact]) -> Self {
        let reversed = facts.iter().filter(|it| it.reversed_on.is_some()).count();
        Self { booked: facts.len(), reversed }
    }
}

impl Shown {
    /// What an outcome would make of a loan.
    ///
    /// # Panics
    /// When the outcome is not of something that happened to a loan: that moves its position.
    pub fn of(loan: &Loan, outcome: &Outcome) -> Self {
        let position = outcome.position.as_ref().expect("what happens moves the position");
        let entries = booked(&outcome.entries).map(|(event, name, amount)| Line {
            event: event.to_owned(),
            name: name.to_owned(),
            amount,
        });
        let after = outcome.loan.as_ref().unwrap_or(loan);
        Self {
            entries: entries.collect(),
            status: after.status,
            due: position.due(),
            principal: position.principal,
            plan: (after.plan != loan.plan).then(|| after.plan.clone()),
        }
    }
}

impl Proposal {
    /// A proposal made on a business date.
    ///
    /// # Errors
    /// [`Reject::NotAChange`]; [`Reject::Expired`] at the end of the calendar.
    pub fn new(
        asked: Asked,
        shown: Shown,
        known: Known,
        by: &str,
        today: Date,
        now: Timestamp,
    ) -> Result<Self, Reject> {
        if matches!(&asked, Asked::Fact { what, .. } if changes(what).is_empty()) {
            return Err(Reject::NotAChange);
        }
        let days = jiff::Span::new().days(PROPOSAL_DAYS);
        let expires_on = today.checked_add(days).map_err(|_| Reject::Expired)?;
        let (proposed_by, proposed_at) = (by.to_owned(), now);
        let (stage, decided) = (Stage::Open, None);
        Ok(Self { asked, shown, known, proposed_by, proposed_at, expires_on, stage, decided })
    }

    /// Approves it, upon the facts that there are now.
    ///
    /// # Errors
    /// [`Reject::Decided`], [`Reject::OwnProposal`], [`Reject::Expired`], [`Reject::LoanMoved`].
    pub fn approve(
        self,
        by: &str,
        known: Known,
        today: Date,
        now: Timestamp,
    ) -> Result<Self, Reject> {
        self.check_open()?;
        if self.proposed_by == by {
            return Err(Reject::OwnProposal);
        }
        if today > self.expires_on {
            return Err(Reject::Expired);
        }
        if known != self.known {
            return Err(Reject::LoanMoved);
        }
        Ok(self.end(Stage::Approved, by, None, now))
    }

    /// Turns it down. Its proposer withdraws it instead.
    ///
    /// # Errors
    /// [`Reject::Decided`], [`Reject::OwnProposal`], [`Reject::ReasonOutOfRange`].
    pub fn reject(self, by: &str, reason: &str, now: Timestamp) -> Result<Self, Reject> {
        self.check_open()?;
        if self.proposed_by == by {
            return Err(Reject::OwnProposal);
        }
        let length = reason.chars().count();
        if reason.trim().is_empty() || length > REASON_LEN_MAX {
            return Err(Reject::ReasonOutOfRange);
        }
        Ok(self.end(Stage::Rejected, by, Some(reason.to_owned()), now))
    }

    /// Takes it back.
    ///
    /// # Errors
    /// [`Reject::Decided`], [`Reject::NotTheProposer`].
    pub fn withdraw(self, by: &str, now: Timestamp) -> Result<Self, Reject> {
        self.check_open()?;
        if self.proposed_by != by {
            return Err(Reject::NotTheProposer);
        }
        Ok(self.end(Stage::Withdrawn, by, None, now))
    }

    /// Ends it because nobody decided through its last day.
    ///
    /// # Errors
    /// [`Reject::Decided`].
    pub fn expire(self, by: &str, now: Timestamp) -> Result<Self, Reject> {
        self.check_open()?;
        Ok(self.end(Stage::Expired, by, None, now))
    }

    fn check_open(&self) -> Result<(), Reject> {
        if self.stage == Stage::Open { Ok(()) } else { Err(Reject::Decided(self.stage)) }
    }

    fn end(self, stage: Stage, by: &str, reason: Option<String>, at: Timestamp) -> Self {
        Self { stage, decided: Some(Decided { by: by.to_owned(), at, reason }), ..self }
    }
}
