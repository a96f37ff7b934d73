//! What happens to a loan beside the passing of days.
//!
//! A loan follows from its contract and its facts: each counts on a value date, in the order they
//! were booked in within a day. One that is booked late, or taken back, changes what followed from
//! the days after it; [`crate::correction`] says what that is.

use money::{Amount, Decimal};
use product::{
    kinds::instalment_loan::Keep,
    schedule::{self, Instalment},
};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::loan::{Owed, is_zero};

/// Something that happened to a loan, or to another contract of which as much can be said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact<W = What> {
    /// Its place in the order in which the contract's facts were booked, from 0.
    pub number: u32,
    /// The business date on which it counts.
    pub on: Date,
    /// The business date on which it was booked, later than `on` when it was booked late.
    pub booked_on: Date,
    /// The business date on which it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_on: Option<Date>,
    /// What it was.
    #[serde(flatten)]
    pub what: W,
}

/// What can happen to a loan. Amounts are in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum What {
    /// The sum, or its first part, was paid out.
    Disbursal {
        /// How much of it.
        principal: Amount,
        /// Fees kept back.
        fees: Amount,
        /// Fees that a third party owes.
        #[serde(default, skip_serializing_if = "is_zero")]
        third_party_fees: Amount,
        /// How it is to be paid back.
        plan: Box<Plan>,
    },
    /// A further part of the sum was paid out.
    Drawing {
        /// How much.
        principal: Amount,
    },
    /// The borrower paid what was due, or in advance.
    Repayment {
        /// How much.
        amount: Amount,
    },
    /// The borrower paid a part of the principal before it was due.
    Prepayment {
        /// How much, the price included. What is due is paid first.
        amount: Amount,
        /// The price of it.
        fee: Amount,
        /// What of the plan stays.
        keep: Keep,
    },
    /// The borrower paid everything.
    Settlement {
        /// How much, the price included.
        amount: Amount,
        /// The price of settling early.
        fee: Amount,
    },
    /// What was paid too much was given back.
    Refund {
        /// How much.
        amount: Amount,
    },
    /// The third party that pays a part of the interest paid.
    Subsidy {
        /// How much.
        amount: Amount,
    },
    /// The third party that owes fees of the disbursal paid.
    ThirdPartyFee {
        /// How much.
        amount: Amount,
    },
    /// Another rate counts from here on.
    RateChange {
        /// Of a year, as a fraction.
        rate: Decimal,
        /// Why.
        reason: RateReason,
    },
    /// No interest is taken for a while; the due dates stay.
    InterestPause {
        /// The first day that bears interest again.
        until: Date,
    },
    /// What is owed is to be paid otherwise than agreed.
    Rescheduling(Rescheduling),
    /// A part of what is due is given up.
    Waiver {
        /// How much of each component; what is not owed any more is passed over.
        waived: Owed,
    },
    /// Another version of the product serves the loan from here on (产品版本迁移): it says what
    /// being late costs, what a payment pays first, prices and fees, and how the rest of the plan
    /// is made.
    Migration {
        /// Which.
        version: u32,
        /// The rate of a year under it, as a fraction.
        rate: Decimal,
    },
    /// The loan was taken off the balance sheet as lost (核销).
    ChargeOff,
    /// The claim on what was charged off was given up.
    WriteOff,
    /// The loan was sold.
    Sale {
        /// What was paid for it.
        price: Amount,
    },
}

/// The instalments of a loan, and what they follow from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What they follow from.
    pub terms: schedule::Terms,
    /// The instalments.
    pub instalments: Vec<Instalment>,
}

/// Why a rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateReason {
    /// The parties agreed.
    Agreed,
    /// The reference rate was fixed anew, as the contract says.
    Reset,
}

/// A new plan for what is owed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rescheduling {
    /// Which kind of it.
    pub kind: ReschedulingKind,
    /// The due dates from here on.
    pub due: Vec<Date>,
    /// The rate from here on; as it was, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Decimal>,
    /// Whether what is due and unpaid becomes principal of the new plan. Penalty never does.
    #[serde(default)]
    pub capitalise: bool,
    /// Whether it eases terms that the borrower could not keep (重组).
    #[serde(default)]
    pub distressed: bool,
}

/// The kinds of rescheduling, as reports tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReschedulingKind {
    /// Later due dates (展期).
    Extension,
    /// What is in arrears is made a part of a new plan, and the loan is current again.
    ReAging,
    /// New instalments for what is owed.
    ReAmortisation,
    /// A lower rate.
    RateReduction,
    /// Several of them (重组).
    Restructuring,
}

impl What {
    /// The kebab-case name, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Disbursal { .. } => "disbursal",
            Self::Drawing { .. } => "drawing",
            Self::Repayment { .. } => "repayment",
            Self::Prepayment { .. } => "prepayment",
            Self::Settlement { .. } => "settlement",
            Self::Refund { .. } => "refund",
            Self::Subsidy { .. } => "subsidy",
            Self::ThirdPartyFee { .. } => "third-party-fee",
            Self::RateChange { .. } => "rate-change",
            Self::InterestPause { .. } => "interest-pause",
            Self::Rescheduling(_) => "rescheduling",
            Self::Waiver { .. } => "waiver",
            Self::Migration { .. } => "migration",
            Self::ChargeOff => "charge-off",
            Self::WriteOff => "write-off",
            Self::Sale { .. } => "sale",
        }
    }

    /// The money that moved between the institution and somebody else; nothing when none did.
    pub fn amount(&self) -> Amount {
        match self {
            Self::Disbursal { principal: amount, .. }
            | Self::Drawing { principal: amount }
            | Self::Repayment { amount }
            | Self::Prepayment { amount, .. }
            | Self::Settlement { amount, .. }
            | Self::Refund { amount }
            | Self::Subsidy { amount }
            | Self::ThirdPartyFee { amount }
            | Self::Sale { price: amount } => *amount,
            Self::RateChange { .. }
            | Self::InterestPause { .. }
            | Self::Rescheduling(_)
            | Self::Waiver { .. }
            | Self::Migration { .. }
            | Self::ChargeOff
            | Self::WriteOff => Amount::ZERO,
        }
    }

    /// Whether it can be taken back: what moved money in, or was agreed, can; what ended the
    /// loan's life on the books, or paid out, cannot.
    pub fn is_reversible(&self) -> bool {
        match self {
            Self::Repayment { .. }
            | Self::Prepayment { .. }
            | Self::Settlement { .. }
            | Self::Subsidy { .. }
            | Self::ThirdPartyFee { .. }
            | Self::RateChange { .. }
            | Self::InterestPause { .. }
            | Self::Rescheduling(_)
            | Self::Waiver { .. }
            | Self::Migration { .. } => true,
            Self::Disbursal { .. }
            | Self::Drawing { .. }
            | Self::Refund { .. }
            | Self::ChargeOff
            | Self::WriteOff
            | Self::Sale { .. } => false,
        }
    }
}
