//! What a command changes, as plain data: nothing has happened yet.

use money::{Amount, Decimal};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    application::Application,
    fact::{Fact, ReschedulingKind},
    loan::{Bucket, Loan, Owed, Position},
};

/// What an accepted command changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The application's new state, when it changes.
    pub application: Option<Application>,
    /// The contract's new state, when it changes.
    pub loan: Option<Loan>,
    /// The position's new state, when it changes.
    pub position: Option<Position>,
    /// The facts that are new or were taken back.
    pub facts: Vec<Fact>,
    /// What goes to the books, in order.
    pub entries: Vec<Entry>,
    /// What goes to the event log, in order.
    pub events: Vec<Event>,
    /// The business day the loan has to be closed for next: its only timer from here on. None
    /// before disbursal and once settled.
    pub timer: Option<Date>,
}

impl Outcome {
    /// This, and then what came of going on from it.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.entries.extend(next.entries);
        self.events.extend(next.events);
        self.facts.extend(next.facts);
        Self {
            application: next.application.or(self.application),
            loan: next.loan.or(self.loan),
            position: next.position.or(self.position),
            timer: next.timer,
            ..self
        }
    }

    pub(crate) fn book(&mut self, event: &'static str, amounts: Vec<(&'static str, Amount)>) {
        book(&mut self.entries, event, amounts);
    }
}

/// Adds an entry, unless nothing happened.
pub(crate) fn book(
    entries: &mut Vec<Entry>,
    event: &'static str,
    amounts: Vec<(&'static str, Amount)>,
) {
    if amounts.iter().any(|(_, amount)| !amount.is_zero()) {
        entries.push(Entry { event, amounts });
    }
}

/// Adds what reduces what is owed. Interest and penalty that are not on the balance sheet become
/// income when they are paid.
pub(crate) fn book_paid(
    entries: &mut Vec<Entry>,
    suspended: bool,
    event: &'static str,
    paid: Owed,
) {
    if !suspended {
        return book(entries, event, paid.amounts());
    }
    let Owed { penalty, fee, interest, principal } = paid;
    book(entries, event, vec![("fee", fee), ("principal", principal)]);
    let memo = ("memo", penalty + interest);
    let income = vec![("penalty", penalty), ("interest", interest), memo];
    match event {
        "repayment" => book(entries, "suspended-repayment", income),
        "prepayment-applied" => book(entries, "suspended-prepayment-applied", income),
        _ => book(entries, "suspended-waiver", vec![memo]),
    }
}

/// Adds what was earned; as long as interest is suspended, off the balance sheet.
pub(crate) fn book_accrual(
    entries: &mut Vec<Entry>,
    suspended: bool,
    event: &'static str,
    name: &'static str,
    amount: Amount,
) {
    match suspended {
        false => book(entries, event, vec![(name, amount)]),
        true => book(entries, "suspended-accrual", vec![("memo", amount)]),
    }
}

/// Adds what takes unpaid interest and penalty off the balance sheet, or puts them back.
pub(crate) fn book_suspension(entries: &mut Vec<Entry>, suspended: bool, owed: Owed) {
    let Owed { interest, penalty, .. } = owed;
    let event = if suspended { "interest-suspension" } else { "interest-resumption" };
    let memo = interest + penalty;
    book(entries, event, vec![("interest", interest), ("penalty", penalty), ("memo", memo)]);
}

/// One accounting event with its amounts; the product's accounting template says which accounts
/// it moves. Names are frozen: templates refer to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of the event, such as `repayment`.
    pub event: &'static str,
    /// Amounts by name, such as `principal`; some may be zero, never all.
    pub amounts: Vec<(&'static str, Amount)>,
}

/// What entries say: event, name of the amount, and the amount, which is not zero.
pub fn booked(entries: &[Entry]) -> impl Iterator<Item = (&'static str, &'static str, Amount)> {
    let all = entries
        .iter()
        .flat_map(|entry| entry.amounts.iter().map(|(name, amount)| (entry.event, *name, *amount)));
    all.filter(|(_, _, amount)| !amount.is_zero())
}

/// Something that happened to an application or a loan, for the event log. Amounts are in minor
/// units of the contract's currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Event {
    /// Somebody asked for a loan.
    ApplicationSubmitted {
        /// Product name.
        product: String,
        /// Product version.
        version: u32,
        /// The sum asked for.
        amount: Amount,
        /// The number of instalments asked for.
        term: u32,
    },
    /// Every eligibility rule held; there is an offer.
    ApplicationApproved {
        /// Last day on which the offer may be signed.
        valid_until: Date,
        /// Annual cost, simple, as a fraction.
        annual_cost_simple: Decimal,
        /// Annual cost, compound, as a fraction.
        annual_cost_compound: Decimal,
    },
    /// At least one eligibility rule failed.
    ApplicationDeclined {
        /// Codes of the rules that failed, in the product's order.
        reasons: Vec<String>,
    },
    /// The borrower took the offer.
    ContractSigned {
        /// When.
        on: Date,
    },
    /// The sum was paid out.
    LoanDisbursed {
        /// When. Interest runs from this day.
        on: Date,
        /// The sum lent.
        principal: Amount,
        /// Fees kept back from it.
        fees: Amount,
        /// Last due date.
        matures_on: Date,
    },
    /// Interest of a day was booked.
    InterestAccrued {
        /// The day.
        day: Date,
        /// The instalment it belongs to.
        instalment: u32,
        /// How much.
        interest: Amount,
    },
    /// Penalty interest was booked.
    PenaltyAccrued {
        /// The day.
        day: Date,
        /// How much, over all overdue instalments.
        penalty: Amount,
    },
    /// An instalment became due.
    InstalmentDue {
        /// Its number.
        instalment: u32,
        /// When it is due.
        due: Date,
        /// What is due with it.
        owed: Owed,
    },
    /// The borrower paid.
    RepaymentReceived {
        /// Business date.
        on: Date,
        /// How much: the sum of what follows.
        amount: Amount,
        /// What of it paid which component.
        paid: Owed,
        /// What of it was more than is due and is kept for the next instalment.
        prepaid: Amount,
        /// What of it was the price of settling early.
        settlement_fee: Amount,
    },
    /// What was paid in advance paid an instalment that became due.
    PrepaymentApplied {
        /// Business date.
        on: Date,
        /// Which components it paid.
        paid: Owed,
    },
    /// A further part of the sum was paid out.
    LoanDrawn {
        /// Business date.
        on: Date,
        /// How much.
        principal: Amount,
    },
    /// What was paid in advance was given back.
    PrepaymentRefunded {
        /// Business date.
        on: Date,
        /// How much.
        amount: Amount,
    },
    /// The third party that pays a part of the interest paid.
    SubsidyReceived {
        /// Business date.
        on: Date,
        /// How much.
        amount: Amount,
    },
    /// The third party that owes fees of the disbursal paid.
    ThirdPartyFeeReceived {
        /// Business date.
        on: Date,
        /// How much.
        amount: Amount,
    },
    /// Another rate counts.
    RateChanged {
        /// From when.
        on: Date,
        /// Of a year, as a fraction.
        rate: Decimal,
    },
    /// No interest is taken for a while.
    InterestPaused {
        /// From when.
        on: Date,
        /// The first day that bears interest again.
        until: Date,
    },
    /// The loan has another plan.
    LoanRescheduled {
        /// Business date.
        on: Date,
        /// Which kind of change.
        kind: ReschedulingKind,
        /// Whether the borrower could not keep the old one.
        distressed: bool,
    },
    /// Another version of the product serves the loan.
    LoanMigrated {
        /// Business date.
        on: Date,
        /// The version so far.
        from: u32,
        /// The version from here on.
        to: u32,
    },
    /// A part of what was due was given up.
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
        /// Penalty that was.
        penalty: Amount,
    },
    /// Interest is income again when it is earned.
    InterestResumed {
        /// Business date.
        on: Date,
        /// Unpaid interest that is income again.
        interest: Amount,
        /// Unpaid penalty that is.
        penalty: Amount,
    },
    /// The loan was taken off the balance sheet as lost.
    LoanChargedOff {
        /// Business date.
        on: Date,
        /// What was owed.
        owed: Owed,
    },
    /// Something came in on a loan that was charged off.
    DebtRecovered {
        /// Business date.
        on: Date,
        /// How much.
        amount: Amount,
    },
    /// The claim on what was charged off was given up.
    LoanWrittenOff {
        /// Business date.
        on: Date,
        /// What was still owed.
        owed: Owed,
    },
    /// The loan was sold.
    LoanSold {
        /// Business date.
        on: Date,
        /// What was owed.
        owed: Owed,
        /// What was paid for it.
        price: Amount,
    },
    /// Something was booked late or taken back, and what followed from it corrected.
    LoanCorrected {
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
        /// By how much more was earned since then than was booked before; less when negative.
        #[serde(default)]
        earned: Owed,
    },
    /// The loan entered a bucket of arrears, from a better or a worse one.
    LoanOverdue {
        /// Which.
        bucket: Bucket,
        /// Days past due.
        days_past_due: u32,
    },
    /// The loan was past due and is not any more.
    LoanCured {
        /// When.
        on: Date,
    },
    /// Nothing is owed any more.
    LoanSettled {
        /// When.
        on: Date,
        /// Whether before the last due date.
        early: bool,
    },
}

impl Event {
    /// The kebab-case name of the event's type, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ApplicationSubmitted { .. } => "application-submitted",
            Self::ApplicationApproved { .. } => "application-approved",
            Self::ApplicationDeclined { .. } => "application-declined",
            Self::ContractSigned { .. } => "contract-signed",
            Self::LoanDisbursed { .. } => "loan-disbursed",
            Self::InterestAccrued { .. } => "interest-accrued",
            Self::PenaltyAccrued { .. } => "penalty-accrued",
            Self::InstalmentDue { .. } => "instalment-due",
            Self::RepaymentReceived { .. } => "repayment-received",
            Self::PrepaymentApplied { .. } => "prepayment-applied",
            Self::LoanDrawn { .. } => "loan-drawn",
            Self::PrepaymentRefunded { .. } => "prepayment-refunded",
            Self::SubsidyReceived { .. } => "subsidy-received",
            Self::ThirdPartyFeeReceived { .. } => "third-party-fee-received",
            Self::RateChanged { .. } => "rate-changed",
            Self::InterestPaused { .. } => "interest-paused",
            Self::LoanRescheduled { .. } => "loan-rescheduled",
            Self::LoanMigrated { .. } => "loan-migrated",
            Self::DebtWaived { .. } => "debt-waived",
            Self::InterestSuspended { .. } => "interest-suspended",
            Self::InterestResumed { .. } => "interest-resumed",
            Self::LoanChargedOff { .. } => "loan-charged-off",
            Self::DebtRecovered { .. } => "debt-recovered",
            Self::LoanWrittenOff { .. } => "loan-written-off",
            Self::LoanSold { .. } => "loan-sold",
            Self::LoanCorrected { .. } => "loan-corrected",
            Self::LoanOverdue { .. } => "loan-overdue",
            Self::LoanCured { .. } => "loan-cured",
            Self::LoanSettled { .. } => "loan-settled",
        }
    }
}
