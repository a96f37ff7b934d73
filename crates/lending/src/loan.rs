//! The records of a loan: the contract, which seldom changes, and the position, which a day moves.
//!
//! They are two so that the daily write is small: a healthy loan's position is some 300 bytes of
//! JSON, whatever the length of its plan. Everything the daily step needs of the product is copied
//! into the contract at signing, so a loan outlives its product version.

use money::{Amount, Currency, Decimal};
use product::{
    LoanProduct,
    kinds::instalment_loan::{AllocationBy, Component, Penalty, Slice},
    schedule::{self, Instalment},
};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::line::Line;

/// The party a loan is lent to, as an id names it here: lending knows nothing else of parties.
#[derive(Clone, Copy, Debug)]
pub enum Borrower {}

/// A loan contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loan {
    /// Who owes it.
    pub borrower: Id<Borrower>,
    /// Name of the product it was made under.
    pub product: String,
    /// The version of the product: it moves under a contract by a migration alone.
    pub version: u32,
    /// The line it was drawn on; most loans are drawn on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Id<Line>>,
    /// Where the contract stands.
    pub status: Status,
    /// Currency of every amount below.
    pub currency: Currency,
    /// The sum lent.
    pub principal: Amount,
    /// What the purchase costs that it pays a part of, when it pays one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// What of the sum was paid out so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drawn: Amount,
    /// In how many parts.
    #[serde(default)]
    pub drawings: u32,
    /// How many instalments were agreed. A bullet loan's plan has one, after so many periods.
    pub term: u32,
    /// Fees kept back from the sum paid out.
    pub upfront_fees: Amount,
    /// How it is served, as signed.
    pub terms: Terms,
    /// What the plan follows from now; before disbursal, on the day of signing.
    pub schedule: schedule::Terms,
    /// When it was signed.
    pub signed_on: Date,
    /// When it was paid out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disbursed_on: Option<Date>,
    /// When it ended: the last of it was paid, or it was written off or sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_on: Option<Date>,
    /// When its terms were last eased because the borrower could not keep them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restructured_on: Option<Date>,
    /// Whether anything was ever taken to stand behind it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secured: bool,
    /// What it was before it moved to another version of the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_migration: Option<Box<BeforeMigration>>,
    /// The instalments. Until disbursal, those of a disbursal on the day of signing.
    pub plan: Vec<Instalment>,
}

/// What a contract was before it moved to another version of its product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeforeMigration {
    /// The versions it was under, in order; the first is that of signing.
    pub versions: Vec<u32>,
    /// How it was served, as signed.
    pub terms: Terms,
}

/// What of the product the life of a loan follows beside its plan, as signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What being late costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<Penalty>,
    /// What a repayment pays first; every component once.
    pub allocation: Vec<Component>,
    /// Whether the oldest instalment comes first, or the first component.
    #[serde(default)]
    pub allocation_by: AllocationBy,
    /// The order in place of both, when there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waterfall: Vec<Slice>,
    /// Whether the loan may be settled before the last due date.
    pub early_settlement: bool,
    /// More days past due than this suspend interest; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_after: Option<u32>,
    /// What it may cost, by the rules of the day of the offer; all of them count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ceilings: Vec<Ceiling>,
}

/// What a loan may cost a year at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// The highest rate of a year, as a fraction.
    pub at_most: Decimal,
    /// Of what.
    pub of: Measure,
}

/// What of the cost of a loan a ceiling is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The contract rate.
    Rate,
    /// All interest and fees: the simple annual cost (单利).
    AllInCost,
}

/// Where a loan contract stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Signed, not paid out.
    Signed,
    /// Paid out, something is owed or will be.
    Active,
    /// Nothing is owed any more.
    Settled,
    /// Removed from the balance sheet as lost (核销), and still owed: what comes in is a recovery.
    ChargedOff,
    /// What was charged off is claimed no more.
    WrittenOff,
    /// Owed to somebody else now.
    Sold,
}

impl Status {
    /// Whether nothing is owed to the institution any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Settled | Self::WrittenOff | Self::Sold)
    }
}

/// What is owed on a loan, as of the start of business date `through`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The business date: the day to be closed next. Interest is accrued up to it, exclusive.
    pub through: Date,
    /// Principal outstanding, due or not.
    pub principal: Amount,
    /// How many instalments have become due.
    pub opened: u32,
    /// How many of them are fully paid.
    pub paid: u32,
    /// Those that are due and not fully paid, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Open>,
    /// Interest accrued so far and not due, all of it booked.
    pub interest: Amount,
    /// Interest of instalments not due yet that a third party pays, all of it booked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub subsidy: Amount,
    /// What a third party owes of those that are due.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub subsidy_due: Amount,
    /// What a third party owes of the fees of the disbursal.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub third_party_fees: Amount,
    /// Paid in advance; it pays the next instalment when that becomes due.
    pub prepaid: Amount,
    /// Days past due at the last close. See [`crate::day::days_past_due`].
    pub days_past_due: u32,
    /// Whether interest is not income before it is paid (非应计): what is owed of interest and
    /// penalty is kept off the balance sheet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// How many facts the loan has: the number of the next one.
    #[serde(default)]
    pub facts: u32,
}

/// An instalment that is due and not fully paid, with what remains of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Its number in the plan, from 1.
    pub number: u32,
    /// When it was due.
    pub due: Date,
    /// What remains to be paid; the penalty is what has been booked and not paid.
    pub owed: Owed,
    /// Penalty before `penalty_from`, exact. It is booked, rounded, once grace is over.
    pub penalty_exact: Decimal,
    /// From here on it follows from what is owed, which has not changed since.
    pub penalty_from: Date,
    /// Penalty booked so far, paid or not.
    pub penalty_booked: Amount,
    /// Whether it was overdue once; the fees of that are taken once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
}

pub(crate) fn is_zero(amount: &Amount) -> bool {
    amount.is_zero()
}

impl Terms {
    /// The terms of a contract made under a product; more days past due than `suspended_after`
    /// suspend interest.
    pub fn of(product: &LoanProduct, suspended_after: Option<u32>) -> Self {
        let terms = product.terms();
        Self {
            penalty: terms.penalty.clone(),
            allocation: terms.allocation.clone(),
            allocation_by: terms.allocation_by,
            waterfall: terms.waterfall.clone(),
            early_settlement: terms.early_settlement.allowed,
            suspended_after,
            ceilings: Vec::new(),
        }
    }

    /// Days after a due date within which paying is in time.
    pub(crate) fn grace_days(&self) -> u32 {
        self.penalty.as_ref().map_or(0, |it| it.grace_days)
    }
}

impl Loan {
    /// The last due date of the plan.
    pub fn matures_on(&self) -> Option<Date> {
        self.plan.last().map(|it| it.due)
    }

    /// The version of the product under which it was signed.
    pub fn signed_version(&self) -> u32 {
        let before = self.before_migration.as_ref().and_then(|it| it.versions.first());
        before.copied().unwrap_or(self.version)
    }

    /// The contract as it was signed, before anything happened to it.
    pub(crate) fn as_signed(&self) -> Self {
        let terms = self.before_migration.as_ref().map_or(&self.terms, |it| &it.terms);
        Self {
            version: self.signed_version(),
            terms: terms.clone(),
            before_migration: None,
            status: Status::Signed,
            drawn: Amount::ZERO,
            drawings: 0,
            disbursed_on: None,
            settled_on: None,
            restructured_on: None,
            plan: Vec::new(),
            ..self.clone()
        }
    }
}

impl Open {
    /// An instalment that has just become due: no penalty yet.
    pub(crate) fn new(number: u32, due: Date, owed: Owed) -> Self {
        let (penalty_exact, penalty_booked) = (Decimal::ZERO, Amount::ZERO);
        Self { number, due, owed, penalty_exact, penalty_from: due, penalty_booked, overdue: false }
    }
}

impl Position {
    /// The position of a sum lent on a day: all of it is owed, none of it is due.
    pub fn new(principal: Amount, disbursed_on: Date) -> Self {
        Self {
            through: disbursed_on,
            principal,
            opened: 0,
            paid: 0,
            open: Vec::new(),
            interest: Amount::ZERO,
            subsidy: Amount::ZERO,
            subsidy_due: Amount::ZERO,
            third_party_fees: Amount::ZERO,
            prepaid: Amount::ZERO,
            days_past_due: 0,
            suspended: false,
            facts: 0,
        }
    }

    /// What is due on the business date, by component.
    pub fn due(&self) -> Owed {
        self.open.iter().map(|it| it.owed).sum()
    }

    /// The class of arrears at the last close.
    pub fn bucket(&self) -> Bucket {
        Bucket::of(self.days_past_due)
    }
}

/// An amount for each component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owed {
    /// Penalty interest.
    pub penalty: Amount,
    /// Fees.
    pub fee: Amount,
    /// Interest.
    pub interest: Amount,
    /// Principal.
    pub principal: Amount,
}

impl Owed {
    /// The sum of the components.
    ///
    /// # Panics
    /// When it overflows, which the bound on a loan's principal excludes.
    pub fn total(&self) -> Amount {
        self.penalty + self.fee + self.interest + self.principal
    }

    /// Whether nothing is owed.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The amount of one component.
    pub fn of(&mut self, component: Component) -> &mut Amount {
        match component {
            Component::Penalty => &mut self.penalty,
            Component::Fee => &mut self.fee,
            Component::Interest => &mut self.interest,
            Component::Principal => &mut self.principal,
        }
    }

    /// Whether each component is at most that of a whole, and none is negative.
    pub(crate) fn is_within(&self, whole: Self) -> bool {
        let mut pairs = self.amounts().into_iter().zip(whole.amounts());
        pairs.all(|((_, part), (_, whole))| !part.is_negative() && part <= whole)
    }

    /// The difference by component.
    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            penalty: self.penalty - other.penalty,
            fee: self.fee - other.fee,
            interest: self.interest - other.interest,
            principal: self.principal - other.principal,
        }
    }

    /// The amounts of a posting template.
    pub(crate) fn amounts(&self) -> Vec<(&'static str, Amount)> {
        vec![
            ("penalty", self.penalty),
            ("fee", self.fee),
            ("interest", self.interest),
            ("principal", self.principal),
        ]
    }
}

/// The sum by component.
///
/// # Panics
/// As [`Owed::total`].
impl std::iter::Sum for Owed {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            penalty: sum.penalty + part.penalty,
            fee: sum.fee + part.fee,
            interest: sum.interest + part.interest,
            principal: sum.principal + part.principal,
        })
    }
}

/// How late a loan is, in the classes of arrears reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Bucket {
    /// Not past due (M0).
    #[serde(rename = "current")]
    Current,
    /// 1 to 30 days past due (M1).
    #[serde(rename = "1-30")]
    M1,
    /// 31 to 60 days past due (M2).
    #[serde(rename = "31-60")]
    M2,
    /// 61 to 90 days past due (M3).
    #[serde(rename = "61-90")]
    M3,
    /// More than 90 days past due (M4+).
    #[serde(rename = "91+")]
    M4,
}

impl Bucket {
    /// Every bucket, from current to worst, with its name in reports.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Current, "current"),
        (Self::M1, "1-30"),
        (Self::M2, "31-60"),
        (Self::M3, "61-90"),
        (Self::M4, "91+"),
    ];

    /// The days past due with which a bucket begins.
    pub(crate) const STARTS: [u32; 4] = [1, 31, 61, 91];

    /// The bucket of so many days past due.
    pub fn of(days_past_due: u32) -> Self {
        match days_past_due {
            0 => Self::Current,
            1..=30 => Self::M1,
            31..=60 => Self::M2,
            61..=90 => Self::M3,
            _ => Self::M4,
        }
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(bucket, _)| *bucket == self);
        named.map_or("", |(_, name)| name)
    }
}
