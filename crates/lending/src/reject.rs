//! Why a command of lending is refused. Codes and numbers are frozen: add at the end, never reuse.

use std::fmt;

/// A refusal. It is an answer, not an error: nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The product cannot be contracted on this day: before `effective` or after `until`.
    ProductNotAvailable,
    /// The amount is outside the product's range or not a multiple of its step.
    AmountNotOffered,
    /// The number of instalments is not one the product offers.
    TermNotOffered,
    /// A declared fact is missing, unknown, or of another type.
    FactsInvalid,
    /// An eligibility rule or a fee could not be computed from these inputs.
    ExpressionFailed,
    /// The inputs give no schedule: beyond the calendar, or interest that outgrows every payment.
    ScheduleImpossible,
    /// The inputs give no annual cost.
    AnnualCostImpossible,
    /// The application is declined, signed or withdrawn, so there is no offer to sign.
    NoOffer,
    /// The offer was valid until an earlier day.
    OfferExpired,
    /// The contract is already disbursed, settled or cancelled.
    NotAwaitingDisbursal,
    /// What is kept back as fees is not less than the sum lent.
    FeesExceedPrincipal,
    /// The loan is not disbursed yet, or is settled.
    NotActive,
    /// This business day is already closed for the loan.
    DayAlreadyClosed,
    /// An earlier business day of the loan is still open.
    DayNotReached,
    /// A payment is more than nothing.
    AmountNotPositive,
    /// The payment is more than what settles the loan.
    ExceedsSettlement,
    /// The product does not allow settling before the last due date.
    EarlySettlementNotAllowed,
    /// The payment is not the quoted sum of the day.
    NotTheQuotedAmount,
    /// What was paid in advance already covers the loan; it settles itself on the due date.
    PrepaidCovers,
    /// An amount left the range that can be booked.
    AmountTooLarge,
    /// A day left the calendar.
    DateOutOfRange,
}

impl Reject {
    /// Every reject with its frozen number and code.
    pub const ALL: [(Self, u16, &'static str); 21] = [
        (Self::ProductNotAvailable, 1, "product-not-available"),
        (Self::AmountNotOffered, 2, "amount-not-offered"),
        (Self::TermNotOffered, 3, "term-not-offered"),
        (Self::FactsInvalid, 4, "facts-invalid"),
        (Self::ExpressionFailed, 5, "expression-failed"),
        (Self::ScheduleImpossible, 6, "schedule-impossible"),
        (Self::AnnualCostImpossible, 7, "annual-cost-impossible"),
        (Self::NoOffer, 8, "no-offer"),
        (Self::OfferExpired, 9, "offer-expired"),
        (Self::NotAwaitingDisbursal, 10, "not-awaiting-disbursal"),
        (Self::FeesExceedPrincipal, 11, "fees-exceed-principal"),
        (Self::NotActive, 12, "not-active"),
        (Self::DayAlreadyClosed, 13, "day-already-closed"),
        (Self::DayNotReached, 14, "day-not-reached"),
        (Self::AmountNotPositive, 15, "amount-not-positive"),
        (Self::ExceedsSettlement, 16, "exceeds-settlement"),
        (Self::EarlySettlementNotAllowed, 17, "early-settlement-not-allowed"),
        (Self::NotTheQuotedAmount, 18, "not-the-quoted-amount"),
        (Self::PrepaidCovers, 19, "prepaid-covers"),
        (Self::AmountTooLarge, 20, "amount-too-large"),
        (Self::DateOutOfRange, 21, "date-out-of-range"),
    ];

    /// The frozen number.
    pub fn number(self) -> u16 {
        self.row().1
    }

    /// The frozen kebab-case code.
    pub fn code(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, u16, &'static str) {
        let row = Self::ALL.into_iter().find(|(reject, ..)| *reject == self);
        row.expect("the list is complete; a test walks it")
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for Reject {}
