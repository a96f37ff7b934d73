//! Why a command of deposits is refused. Codes and numbers are frozen: add at the end, never reuse.

use std::fmt;

use product::OfferReject;

/// A refusal. It is an answer, not an error: nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The product does not take this amount, for this tenor, on this day.
    NotOffered(OfferReject),
    /// The product is not the one, or not the version, the contract was made under.
    OtherProduct,
    /// An amount must be more than nothing.
    AmountNotPositive,
    /// An amount left the range that can be booked.
    AmountTooLarge,
    /// A day left the calendar.
    DateOutOfRange,
    /// This business day is already closed for the contract.
    DayAlreadyClosed,
    /// An earlier business day of the contract is not closed yet.
    DayNotReached,
    /// The day is before the contract was opened.
    BeforeOpening,
    /// The value date is after the business date.
    ValueDateInFuture,
    /// Interest of the value date has been settled.
    ValueDateSettled,
    /// On a day since the value date there was less in the account.
    OverdrawnOnValueDate,
    /// The contract is closed.
    Closed,
    /// The account is dormant.
    Dormant,
    /// The account is not dormant.
    NotDormant,
    /// A freeze lets nothing in.
    FrozenIn,
    /// A freeze lets nothing out.
    FrozenOut,
    /// The contract has [`RESTRAINTS_MAX`](crate::restraint::RESTRAINTS_MAX) freezes and
    /// stop-payments.
    TooManyRestraints,
    /// A reason or a reference has more than [`TEXT_MAX`](crate::restraint::TEXT_MAX) characters.
    TextTooLong,
    /// The contract has no such freeze.
    NoSuchFreeze,
    /// The contract has no such stop-payment.
    NoSuchStop,
    /// The last day of a freeze or a stop-payment is before the business date.
    UntilInThePast,
    /// A freeze or a stop-payment is still there.
    RestraintsRemain,
    /// Something in the account is held.
    HoldsRemain,
    /// The contract does not allow withdrawals before maturity.
    EarlyWithdrawalNotAllowed,
    /// No more parts may be withdrawn before maturity.
    TooManyWithdrawalsInPart,
    /// Less than the smallest amount would stay.
    RemainderTooSmall,
    /// There is less in the deposit.
    ExceedsPrincipal,
    /// The contract does not allow another tenor.
    RolloverNotAllowed,
    /// A deposit under a freeze or a stop-payment begins no other tenor.
    RolloverFrozen,
    /// The tenor has no rate on the day.
    TenorNotOffered,
    /// The deposit has not matured.
    NotMatured,
    /// The deposit has matured.
    AlreadyMatured,
    /// No interest waits to be paid.
    NoInterestDue,
}

/// Number and code of every reject, in the order of their numbers.
pub const ALL: [(u16, &str); 33] = [
    (1, "not-offered"),
    (2, "other-product"),
    (3, "amount-not-positive"),
    (4, "amount-too-large"),
    (5, "date-out-of-range"),
    (6, "day-already-closed"),
    (7, "day-not-reached"),
    (8, "before-opening"),
    (9, "value-date-in-future"),
    (10, "value-date-settled"),
    (11, "overdrawn-on-value-date"),
    (12, "contract-closed"),
    (13, "account-dormant"),
    (14, "account-not-dormant"),
    (15, "frozen-in"),
    (16, "frozen-out"),
    (17, "too-many-restraints"),
    (18, "text-too-long"),
    (19, "no-such-freeze"),
    (20, "no-such-stop-payment"),
    (21, "until-in-the-past"),
    (22, "restraints-remain"),
    (23, "holds-remain"),
    (24, "early-withdrawal-not-allowed"),
    (25, "too-many-withdrawals-in-part"),
    (26, "remainder-too-small"),
    (27, "exceeds-principal"),
    (28, "rollover-not-allowed"),
    (29, "rollover-frozen"),
    (30, "tenor-not-offered"),
    (31, "not-matured"),
    (32, "already-matured"),
    (33, "no-interest-due"),
];

impl Reject {
    /// The frozen number.
    pub fn number(self) -> u16 {
        match self {
            Self::NotOffered(_) => 1,
            Self::OtherProduct => 2,
            Self::AmountNotPositive => 3,
            Self::AmountTooLarge => 4,
            Self::DateOutOfRange => 5,
            Self::DayAlreadyClosed => 6,
            Self::DayNotReached => 7,
            Self::BeforeOpening => 8,
            Self::ValueDateInFuture => 9,
            Self::ValueDateSettled => 10,
            Self::OverdrawnOnValueDate => 11,
            Self::Closed => 12,
            Self::Dormant => 13,
            Self::NotDormant => 14,
            Self::FrozenIn => 15,
            Self::FrozenOut => 16,
            Self::TooManyRestraints => 17,
            Self::TextTooLong => 18,
            Self::NoSuchFreeze => 19,
            Self::NoSuchStop => 20,
            Self::UntilInThePast => 21,
            Self::RestraintsRemain => 22,
            Self::HoldsRemain => 23,
            Self::EarlyWithdrawalNotAllowed => 24,
            Self::TooManyWithdrawalsInPart => 25,
            Self::RemainderTooSmall => 26,
            Self::ExceedsPrincipal => 27,
            Self::RolloverNotAllowed => 28,
            Self::RolloverFrozen => 29,
            Self::TenorNotOffered => 30,
            Self::NotMatured => 31,
            Self::AlreadyMatured => 32,
            Self::NoInterestDue => 33,
        }
    }

    /// The frozen kebab-case code.
    pub fn code(self) -> &'static str {
        let number = self.number();
        let listed = ALL.iter().find(|(it, _)| *it == number);
        listed.map(|(_, code)| *code).expect("every number is listed, a test says so")
    }
}

/// What it means, for people.
impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOffered(OfferReject::TermNotOffered) => "this tenor is not offered",
            Self::NotOffered(cause) => return cause.fmt(f),
            Self::OtherProduct => "the contract was made under another product or version",
            Self::AmountNotPositive => "an amount must be more than nothing",
            Self::AmountTooLarge => "an amount is too large to be booked",
            Self::DateOutOfRange => "a day is outside the calendar",
            Self::DayAlreadyClosed => "this business day is already closed for the contract",
            Self::DayNotReached => "an earlier business day of the contract is not closed yet",
            Self::BeforeOpening => "the day is before the contract was opened",
            Self::ValueDateInFuture => "the value date is after the business date",
            Self::ValueDateSettled => "the interest of the value date has been settled",
            Self::OverdrawnOnValueDate => {
                "there was less in the account on a day since the value date"
            }
            Self::Closed => "the contract is closed",
            Self::Dormant => "the account is dormant and must be woken first",
            Self::NotDormant => "the account is not dormant",
            Self::FrozenIn => "a freeze lets nothing in",
            Self::FrozenOut => "a freeze lets nothing out",
            Self::TooManyRestraints => "the contract has too many freezes and stop-payments",
            Self::TextTooLong => "the reason or the reference is too long",
            Self::NoSuchFreeze => "the contract has no such freeze",
            Self::NoSuchStop => "the contract has no such stop-payment",
            Self::UntilInThePast => "the last day is before the business date",
            Self::RestraintsRemain => "a freeze or a stop-payment is still there",
            Self::HoldsRemain => "something in the account is held",
            Self::EarlyWithdrawalNotAllowed => {
                "the contract does not allow withdrawals before maturity"
            }
            Self::TooManyWithdrawalsInPart => "no more parts may be withdrawn before maturity",
            Self::RemainderTooSmall => "less than the smallest amount would stay",
            Self::ExceedsPrincipal => "there is less in the deposit",
            Self::RolloverNotAllowed => "the contract does not allow another tenor",
            Self::RolloverFrozen => {
                "a deposit under a freeze or a stop-payment begins no other tenor"
            }
            Self::TenorNotOffered => "the tenor has no rate on the day",
            Self::NotMatured => "the deposit has not matured",
            Self::AlreadyMatured => "the deposit has matured",
            Self::NoInterestDue => "no interest waits to be paid",
        })
    }
}

impl std::error::Error for Reject {}
