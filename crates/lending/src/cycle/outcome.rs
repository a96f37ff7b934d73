//! What a command on an account changes, as plain data: nothing has happened yet.

use money::Amount;
use serde::{Deserialize, Serialize};
use stdx::Date;

use super::{Account, Fact, Position, Statement};
use crate::{
    loan::{Bucket, Owed},
    outcome::Entry,
};

/// What an accepted command changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The contract's new state, when it changes.
    pub account: Option<Account>,
    /// The position's new state.
    pub position: Option<Position>,
    /// The facts that are new or were taken back.
    pub facts: Vec<Fact>,
    /// The statements that are new or restated.
    pub statements: Vec<Statement>,
    /// What goes to the books, in order.
    pub entries: Vec<Entry>,
    /// What goes to the event log, in order.
    pub events: Vec<Event>,
    /// The business day the account has to be closed for next; none once it has ended.
    pub timer: Option<Date>,
}

/// Something that happened to an account, for the event log. Amounts are in minor units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Event {
    /// Something was bought.
    PurchaseMade {
        /// Business date.
        on: Date,
        /// For how much.
        amount: Amount,
    },
    /// Cash was drawn.
    CashDrawn {
        /// Business date.
        on: Date,
        /// How much.
        amount: Amount,
        /// The price of it.
        fee: Amount,
    },
    /// The holder paid.
    PaymentReceived {
        /// Business date.
        on: Date,
        /// How much: the sum of what follows.
        amount: Amount,
        /// What of it paid which component.
        paid: Owed,
        /// What of it was more than is owed.
        prepaid: Amount,
    },
    /// A merchant gave a purchase back.
    PurchaseRefunded {
        /// Business date.
        on: Date,
        /// How much: the sum of what follows.
        amount: Amount,
        /// What of it lowered which component.
        paid: Owed,
        /// What of it was more than is owed.
        prepaid: Amount,
    },
    /// What was paid in advance paid what came to be owed.
    PrepaymentApplied {
        /// Business date.
        on: Date,
        /// Which components it paid.
        paid: Owed,
    },
    /// What was paid in advance was given back.
    PrepaymentRefunded {
        /// Business date.
        on: Date,
        /// How much.
        amount: Amount,
    },
    /// Interest was booked.
    InterestAccrued {
        /// The day.
        day: Date,
        /// How much.
        interest: Amount,
    },
    /// A statement was made.
    StatementMade {
        /// It.
        statement: Statement,
    },
    /// A statement was not paid in full in time: its purchases bear interest from their days on.
    FreePeriodLost {
        /// The last day on which it could be paid.
        day: Date,
        /// The number of the statement.
        statement: u32,
        /// What of its purchases is unpaid.
        unpaid: Amount,
    },
    /// A minimum was not paid in time.
    LateFeeCharged {
        /// The last day on which it could be paid.
        day: Date,
        /// The number of the statement.
        statement: u32,
        /// What of the minimum is unpaid.
        unpaid: Amount,
        /// The fee.
        penalty: Amount,
    },
    /// A part of what is owed was given up.
    DebtWaived {
        /// Business date.
        on: Date,
        /// How much of each component.
        waived: Owed,
    },
    /// Interest is not income any more before it is paid.
    InterestSuspended {
        /// Business date.
        on: Date,
        /// Interest that was taken back from income.
        interest: Amount,
        /// Late fees that were.
        penalty: Amount,
    },
    /// Interest is income again when it is earned.
    InterestResumed {
        /// Business date.
        on: Date,
        /// Unpaid interest that is income again.
        interest: Amount,
        /// Unpaid late fees that are.
        penalty: Amount,
    },
    /// The account entered a bucket of arrears, from a better or a worse one.
    AccountOverdue {
        /// Which.
        bucket: Bucket,
        /// Days past due.
        days_past_due: u32,
    },
    /// The account was past due and is not any more.
    AccountCured {
        /// When.
        on: Date,
    },
    /// What is owed was taken off the balance sheet as lost.
    AccountChargedOff {
        /// Business date.
        on: Date,
        /// What was owed.
        owed: Owed,
    },
    /// Something came in on an account that was charged off.
    DebtRecovered {
        /// Business date.
        on: Date,
        /// How much.
        amount: Amount,
    },
    /// The claim on what was charged off was given up.
    AccountWrittenOff {
        /// Business date.
        on: Date,
        /// What was still owed.
        owed: Owed,
    },
    /// Nothing is owed any more, and the account is closed.
    AccountClosed {
        /// When.
        on: Date,
    },
    /// Something was booked late or taken back, and what followed from it corrected.
    AccountCorrected {
        /// Business date.
        on: Date,
        /// The fact.
        fact: u32,
        /// What it was.
        what: String,
        /// From when it counts, or counted.
        since: Date,
        /// Whether it was taken back.
        reversed: bool,
        /// The numbers of the statements that are restated.
        statements: Vec<u32>,
    },
}

impl Event {
    /// The kebab-case name of the event's type, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PurchaseMade { .. } => "purchase-made",
            Self::CashDrawn { .. } => "cash-drawn",
            Self::PaymentReceived { .. } => "payment-received",
            Self::PurchaseRefunded { .. } => "purchase-refunded",
            Self::PrepaymentApplied { .. } => "prepayment-applied",
            Self::PrepaymentRefunded { .. } => "prepayment-refunded",
            Self::InterestAccrued { .. } => "interest-accrued",
            Self::StatementMade { .. } => "statement-made",
            Self::FreePeriodLost { .. } => "free-period-lost",
            Self::LateFeeCharged { .. } => "late-fee-charged",
            Self::DebtWaived { .. } => "debt-waived",
            Self::InterestSuspended { .. } => "interest-suspended",
            Self::InterestResumed { .. } => "interest-resumed",
            Self::AccountOverdue { .. } => "account-overdue",
            Self::AccountCured { .. } => "account-cured",
            Self::AccountChargedOff { .. } => "account-charged-off",
            Self::DebtRecovered { .. } => "debt-recovered",
            Self::AccountWrittenOff { .. } => "account-written-off",
            Self::AccountClosed { .. } => "account-closed",
            Self::AccountCorrected { .. } => "account-corrected",
        }
    }
}
