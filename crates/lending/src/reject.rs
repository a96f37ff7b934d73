//! Why a command of lending is refused. Codes and numbers are frozen: add at the end, never reuse.

use std::fmt;

use money::Decimal;
use product::{OfferReject, Problem, kinds::instalment_loan::FeeError, schedule::ScheduleError};

/// A refusal. It is an answer, not an error: nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The product does not lend this amount, over this term, on this day.
    NotOffered(OfferReject),
    /// Declared facts are missing, unknown or malformed; all of them are listed.
    FactsInvalid(Vec<Problem>),
    /// The inputs give no schedule.
    ScheduleImpossible(ScheduleError),
    /// A fee cannot be taken.
    FeeImpossible(FeeError),
    /// The payments have no annual cost: nothing would be paid out.
    AnnualCostImpossible,
    /// The application was declined.
    NoOffer,
    /// The offer was valid until an earlier day.
    OfferExpired,
    /// The product is not the one, or not the version, the contract was made under.
    OtherProduct,
    /// The contract is disbursed or settled already.
    NotAwaitingDisbursal,
    /// A contract cannot be disbursed before it is signed.
    DisbursalBeforeSigning,
    /// The loan is not disbursed yet, or is settled.
    NotActive,
    /// This business day is already closed for the loan.
    DayAlreadyClosed,
    /// An earlier business day of the loan is not closed yet.
    DayNotReached,
    /// A payment must be more than nothing.
    AmountNotPositive,
    /// The payment is more than the loan can take.
    ExceedsSettlement,
    /// The contract does not allow settling before the last due date.
    EarlySettlementNotAllowed,
    /// The payment is not the quoted sum of the day.
    NotTheQuotedAmount,
    /// What was paid in advance already covers the loan; it settles itself on the due date.
    PrepaidCovers,
    /// An amount left the range that can be booked.
    AmountTooLarge,
    /// A day left the calendar.
    DateOutOfRange,
    /// The offer was signed before.
    AlreadySigned,
    /// More than the sum agreed would be paid out, or nothing.
    BeyondTheSum,
    /// The contract does not allow repaying a part early, or not in this way.
    PrepaymentNotAllowed,
    /// After what is due and the price, too little is left to repay early.
    PrepaymentTooSmall,
    /// More than was paid in advance.
    MoreThanPrepaid,
    /// More than the third party owes.
    MoreThanSubsidy,
    /// No rate of a loan.
    RateOutOfRange,
    /// Dates must be in the future and in order, and not too many.
    DatesNotInOrder,
    /// Every instalment is due: there is no plan to change.
    NothingLeftToPlan,
    /// Suspended interest does not become principal.
    InterestSuspended,
    /// More of a component than is due, or nothing at all.
    MoreThanDue,
    /// The loan was not charged off.
    NotChargedOff,
    /// The loan has as many facts as a loan may have.
    TooManyFacts,
    /// The value date is before the first disbursal.
    BeforeDisbursal,
    /// The value date is after the business date.
    InTheFuture,
    /// The value date is too long ago.
    TooLate,
    /// The loan has no such fact.
    NoSuchFact,
    /// The fact was taken back before.
    AlreadyReversed,
    /// A fact of this kind is not taken back.
    NotReversible,
    /// The facts of the loan do not give what is stored of it.
    HistoryDiffers,
    /// The line is frozen.
    LineFrozen,
    /// The last day to draw on the line is over.
    LineExpired,
    /// The line is closed.
    LineClosed,
    /// A drawing on the line is overdue, or was lost.
    LineOverdue,
    /// More than is left of the limit.
    BeyondTheLimit,
    /// As many drawings are not paid back as a line may have.
    TooManyDrawings,
    /// The line has as many holds as a line may have.
    TooManyHolds,
    /// The line never had a hold of this number.
    NoSuchHold,
    /// The last day of the hold is over.
    HoldExpired,
    /// The hold was captured before.
    HoldCaptured,
    /// The hold was released before.
    HoldReleased,
    /// More than is held.
    BeyondTheHold,
    /// Something is drawn or held, so the line cannot be closed.
    LineInUse,
    /// Only a frozen line can be unfrozen.
    LineNotFrozen,
    /// A temporary limit is higher than the limit.
    TemporaryLimitTooLow,
    /// A purpose or a reason is longer than it may be.
    TextTooLong,
    /// The contract is for purchases alone.
    CashNotAllowed,
    /// More would be given back than was bought; or of what was bought something was given back.
    MoreThanBought,
    /// The line is used by drawings, or by purchases on statements, and this is the other.
    OtherUse,
    /// The loan would cost more a year than a rule it was offered under allows.
    AboveCeiling {
        /// What it may cost at the most, as a fraction.
        at_most: Decimal,
    },
    /// The loan is under this version already.
    SameVersion,
    /// The versions differ in what cannot change under a contract.
    CannotMigrate,
    /// Something that follows from the fact must be taken back first.
    OthersFollow,
}

/// Number and code of every reject, in the order of their numbers.
pub const ALL: [(u16, &str); 63] = [
    (1, "not-offered"),
    (2, "facts-invalid"),
    (3, "schedule-impossible"),
    (4, "fee-impossible"),
    (5, "annual-cost-impossible"),
    (6, "no-offer"),
    (7, "offer-expired"),
    (8, "other-product"),
    (9, "not-awaiting-disbursal"),
    (10, "disbursal-before-signing"),
    (11, "not-active"),
    (12, "day-already-closed"),
    (13, "day-not-reached"),
    (14, "amount-not-positive"),
    (15, "exceeds-settlement"),
    (16, "early-settlement-not-allowed"),
    (17, "not-the-quoted-amount"),
    (18, "prepaid-covers"),
    (19, "amount-too-large"),
    (20, "date-out-of-range"),
    (21, "already-signed"),
    (22, "beyond-the-sum"),
    (23, "prepayment-not-allowed"),
    (24, "prepayment-too-small"),
    (25, "more-than-prepaid"),
    (26, "more-than-subsidy"),
    (27, "rate-out-of-range"),
    (28, "dates-not-in-order"),
    (29, "nothing-left-to-plan"),
    (30, "interest-suspended"),
    (31, "more-than-due"),
    (32, "not-charged-off"),
    (33, "too-many-facts"),
    (34, "before-disbursal"),
    (35, "in-the-future"),
    (36, "too-late"),
    (37, "no-such-fact"),
    (38, "already-reversed"),
    (39, "not-reversible"),
    (40, "history-differs"),
    (41, "line-frozen"),
    (42, "line-expired"),
    (43, "line-closed"),
    (44, "line-overdue"),
    (45, "beyond-the-limit"),
    (46, "too-many-drawings"),
    (47, "too-many-holds"),
    (48, "no-such-hold"),
    (49, "hold-expired"),
    (50, "hold-captured"),
    (51, "hold-released"),
    (52, "beyond-the-hold"),
    (53, "line-in-use"),
    (54, "line-not-frozen"),
    (55, "temporary-limit-too-low"),
    (56, "text-too-long"),
    (57, "cash-not-allowed"),
    (58, "more-than-bought"),
    (59, "other-use"),
    (60, "above-ceiling"),
    (61, "same-version"),
    (62, "cannot-migrate"),
    (63, "others-follow"),
];

impl Reject {
    /// The frozen number.
    pub fn number(&self) -> u16 {
        match self {
            Self::NotOffered(_) => 1,
            Self::FactsInvalid(_) => 2,
            Self::ScheduleImpossible(_) => 3,
            Self::FeeImpossible(_) => 4,
            Self::AnnualCostImpossible => 5,
            Self::NoOffer => 6,
            Self::OfferExpired => 7,
            Self::OtherProduct => 8,
            Self::NotAwaitingDisbursal => 9,
            Self::DisbursalBeforeSigning => 10,
            Self::NotActive => 11,
            Self::DayAlreadyClosed => 12,
            Self::DayNotReached => 13,
            Self::AmountNotPositive => 14,
            Self::ExceedsSettlement => 15,
            Self::EarlySettlementNotAllowed => 16,
            Self::NotTheQuotedAmount => 17,
            Self::PrepaidCovers => 18,
            Self::AmountTooLarge => 19,
            Self::DateOutOfRange => 20,
            Self::AlreadySigned => 21,
            Self::BeyondTheSum => 22,
            Self::PrepaymentNotAllowed => 23,
            Self::PrepaymentTooSmall => 24,
            Self::MoreThanPrepaid => 25,
            Self::MoreThanSubsidy => 26,
            Self::RateOutOfRange => 27,
            Self::DatesNotInOrder => 28,
            Self::NothingLeftToPlan => 29,
            Self::InterestSuspended => 30,
            Self::MoreThanDue => 31,
            Self::NotChargedOff => 32,
            Self::TooManyFacts => 33,
            Self::BeforeDisbursal => 34,
            Self::InTheFuture => 35,
            Self::TooLate => 36,
            Self::NoSuchFact => 37,
            Self::AlreadyReversed => 38,
            Self::NotReversible => 39,
            Self::HistoryDiffers => 40,
            Self::LineFrozen => 41,
            Self::LineExpired => 42,
            Self::LineClosed => 43,
            Self::LineOverdue => 44,
            Self::BeyondTheLimit => 45,
            Self::TooManyDrawings => 46,
            Self::TooManyHolds => 47,
            Self::NoSuchHold => 48,
            Self::HoldExpired => 49,
            Self::HoldCaptured => 50,
            Self::HoldReleased => 51,
            Self::BeyondTheHold => 52,
            Self::LineInUse => 53,
            Self::LineNotFrozen => 54,
            Self::TemporaryLimitTooLow => 55,
            Self::TextTooLong => 56,
            Self::CashNotAllowed => 57,
            Self::MoreThanBought => 58,
            Self::OtherUse => 59,
            Self::AboveCeiling { .. } => 60,
            Self::SameVersion => 61,
            Self::CannotMigrate => 62,
            Self::OthersFollow => 63,
        }
    }

    /// The frozen kebab-case code.
    pub fn code(&self) -> &'static str {
        let number = self.number();
        let listed = ALL.iter().find(|(it, _)| *it == number);
        listed.map(|(_, code)| *code).expect("every number is listed, a test says so")
    }
}

/// What it means, for people.
impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOffered(cause) => return cause.fmt(f),
            Self::ScheduleImpossible(cause) => return cause.fmt(f),
            Self::FeeImpossible(cause) => return cause.fmt(f),
            Self::AboveCeiling { at_most } => {
                let percent = at_most.saturating_mul(Decimal::ONE_HUNDRED).normalize();
                return write!(f, "the loan may cost {percent} % a year at the most");
            }
            Self::FactsInvalid(_) => "the declared facts are not those the product asks for",
            Self::AnnualCostImpossible => "nothing would be paid out, so there is no annual cost",
            Self::NoOffer => "the application was declined",
            Self::OfferExpired => "the offer has expired",
            Self::OtherProduct => "the contract was made under another product or version",
            Self::NotAwaitingDisbursal => "the loan is paid out already",
            Self::DisbursalBeforeSigning => "a loan is not paid out before the day it was signed",
            Self::NotActive => "the loan is not paid out yet, or is settled",
            Self::DayAlreadyClosed => "this business day is already closed for the loan",
            Self::DayNotReached => "an earlier business day of the loan is not closed yet",
            Self::AmountNotPositive => "a payment must be more than nothing",
            Self::ExceedsSettlement => "the payment is more than settles the loan",
            Self::EarlySettlementNotAllowed => "the contract does not allow settling early",
            Self::NotTheQuotedAmount => "the payment is not the sum that settles the loan today",
            Self::PrepaidCovers => "what was paid in advance already covers the loan",
            Self::AmountTooLarge => "an amount is too large to be booked",
            Self::DateOutOfRange => "a day is outside the calendar",
            Self::AlreadySigned => "the offer was signed before",
            Self::BeyondTheSum => "the loan would pay out more than was agreed, or nothing",
            Self::PrepaymentNotAllowed => {
                "the contract does not allow repaying a part early in this way"
            }
            Self::PrepaymentTooSmall => {
                "after what is due and the price, too little is left to repay early"
            }
            Self::MoreThanPrepaid => "this is more than was paid in advance",
            Self::MoreThanSubsidy => "this is more than the third party owes",
            Self::RateOutOfRange => "a rate must be a fraction from 0 to 100",
            Self::DatesNotInOrder => {
                "dates must be after the business date, in order, and not too many"
            }
            Self::NothingLeftToPlan => "every instalment is due, so there is no plan to change",
            Self::InterestSuspended => "interest is suspended and cannot become principal",
            Self::MoreThanDue => "this is more than is due, or nothing at all",
            Self::NotChargedOff => "only a loan that was charged off can be written off",
            Self::TooManyFacts => "the loan has as many facts as a loan may have",
            Self::BeforeDisbursal => "nothing happens to a loan before it is paid out",
            Self::InTheFuture => "the value date is after the business date",
            Self::TooLate => "the value date is too long ago",
            Self::NoSuchFact => "the loan has no fact of this number",
            Self::AlreadyReversed => "this was taken back before",
            Self::NotReversible => "this cannot be taken back",
            Self::HistoryDiffers => {
                "the facts of the loan do not give what is stored; it must be looked into"
            }
            Self::LineFrozen => "the line is frozen",
            Self::LineExpired => "the last day to draw on the line is over",
            Self::LineClosed => "the line is closed",
            Self::LineOverdue => "something on the line is overdue",
            Self::BeyondTheLimit => "this is more than is left of the limit",
            Self::TooManyDrawings => "the line has as many open drawings as a line may have",
            Self::TooManyHolds => "the line has as many holds as a line may have",
            Self::NoSuchHold => "the line has no hold of this number",
            Self::HoldExpired => "the last day of the hold is over",
            Self::HoldCaptured => "the hold was captured before",
            Self::HoldReleased => "the hold was released before",
            Self::BeyondTheHold => "this is more than is held",
            Self::LineInUse => "something is drawn or held, so the line cannot be closed",
            Self::LineNotFrozen => "the line is not frozen",
            Self::TemporaryLimitTooLow => "a temporary limit must be higher than the limit",
            Self::TextTooLong => "a purpose or a reason has 200 characters at the most",
            Self::CashNotAllowed => "the contract is for purchases alone",
            Self::MoreThanBought => "this is more than was bought, or some of it was given back",
            Self::OtherUse => "this line is used by drawings, or by purchases on statements",
            Self::SameVersion => "the loan is under this version already",
            Self::CannotMigrate => {
                "the versions differ in period, accounts or currency, or one of them is bullet"
            }
            Self::OthersFollow => "what follows from it must be taken back first",
        })
    }
}

impl std::error::Error for Reject {}
