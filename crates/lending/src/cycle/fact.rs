//! What happens to an account with statements beside the passing of days.

use money::Amount;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::loan::Owed;

/// What can happen to an account. Amounts are in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum What {
    /// Something was bought (消费).
    Purchase {
        /// For how much.
        amount: Amount,
    },
    /// Cash was drawn (预借现金).
    Cash {
        /// How much.
        amount: Amount,
        /// The price of it.
        fee: Amount,
    },
    /// The holder paid.
    Repayment {
        /// How much.
        amount: Amount,
    },
    /// A merchant gave a purchase back, or a part of it (退货). It lowers what is unpaid of the
    /// purchases of that day; if they have lost their free period, of the purchases that bear
    /// interest; and what is more than that pays as a payment does.
    MerchantRefund {
        /// How much.
        amount: Amount,
        /// The number of the purchase among the facts.
        purchase: u32,
        /// The day of the purchase.
        purchased_on: Date,
    },
    /// What was paid in advance was given back.
    Refund {
        /// How much.
        amount: Amount,
    },
    /// A part of what is owed is given up.
    Waiver {
        /// How much of each component; what is not owed any more is passed over.
        waived: Owed,
    },
    /// What is owed was taken off the balance sheet as lost (核销).
    ChargeOff,
    /// The claim on what was charged off was given up.
    WriteOff,
    /// Nothing is owed, and the account was closed (销户).
    Closure,
}

impl What {
    /// The kebab-case name, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Purchase { .. } => "purchase",
            Self::Cash { .. } => "cash",
            Self::Repayment { .. } => "repayment",
            Self::MerchantRefund { .. } => "merchant-refund",
            Self::Refund { .. } => "refund",
            Self::Waiver { .. } => "waiver",
            Self::ChargeOff => "charge-off",
            Self::WriteOff => "write-off",
            Self::Closure => "closure",
        }
    }

    /// The money that moved between the institution and somebody else; nothing when none did.
    pub fn amount(&self) -> Amount {
        match self {
            Self::Purchase { amount }
            | Self::Cash { amount, .. }
            | Self::Repayment { amount }
            | Self::MerchantRefund { amount, .. }
            | Self::Refund { amount } => *amount,
            Self::Waiver { .. } | Self::ChargeOff | Self::WriteOff | Self::Closure => Amount::ZERO,
        }
    }

    /// Whether it can be taken back: what ended the account's life on the books cannot, nor what
    /// was paid out to the holder, in cash or of an advance.
    pub fn is_reversible(&self) -> bool {
        match self {
            Self::Purchase { .. }
            | Self::Repayment { .. }
            | Self::MerchantRefund { .. }
            | Self::Waiver { .. } => true,
            Self::Cash { .. }
            | Self::Refund { .. }
            | Self::ChargeOff
            | Self::WriteOff
            | Self::Closure => false,
        }
    }
}
