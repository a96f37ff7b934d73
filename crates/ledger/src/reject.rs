//! Why the ledger says no.

use std::fmt;

/// A refusal. Its number and its code are frozen: clients and logs rely on them.
///
/// Refusals are listed, and numbered, in the order of checking: if several apply, the first is
/// named. The gaps are room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
#[allow(missing_docs, reason = "`Reject::TABLE` says what each means")]
pub enum Reject {
    LinkedTransferFailed = 1,
    ChainNotClosed = 2,
    IdMustNotBeNil = 3,

    ExistsWithDifferentKind = 10,
    ExistsWithDifferentSubject = 11,
    ExistsWithDifferentExpiry = 12,
    ExistsWithDifferentDebitAccount = 13,
    ExistsWithDifferentCreditAccount = 14,
    ExistsWithDifferentBalancing = 15,
    ExistsWithDifferentAmount = 16,
    ExistsWithDifferentValueDate = 17,
    ExistsWithDifferentReason = 18,

    AmountMustBePositive = 20,
    ValueDateInFuture = 21,
    PeriodClosed = 22,
    ExpiryMustBeInFuture = 23,
    BalancingNotAllowed = 24,

    HoldNotFound = 30,
    NotAHold = 31,
    HoldHasOtherDebitAccount = 32,
    HoldHasOtherCreditAccount = 33,
    ExceedsHold = 34,
    VoidMustBeWhole = 35,
    HoldAlreadyPosted = 36,
    HoldAlreadyVoided = 37,
    HoldAlreadyExpired = 38,
    HoldNotExpired = 39,

    ReversedTransferNotFound = 40,
    NotReversible = 41,
    ReversalMustBeWhole = 42,
    AlreadyReversed = 43,

    AccountsMustDiffer = 50,
    DebitAccountNotFound = 51,
    CreditAccountNotFound = 52,
    AccountsMustShareCurrency = 53,
    DebitAccountClosed = 54,
    DebitAccountFrozen = 55,
    CreditAccountClosed = 56,
    CreditAccountFrozen = 57,

    BalanceOverflow = 60,
    DebitAccountExceedsOverdraft = 61,
    DebitAccountExceedsBalanceMax = 62,
    DebitAccountExceedsCap = 63,
    CreditAccountExceedsOverdraft = 64,
    CreditAccountExceedsBalanceMax = 65,
    CreditAccountExceedsCap = 66,

    AccountExistsWithDifferentCode = 70,
    AccountExistsWithDifferentCurrency = 71,
    AccountExistsWithDifferentSide = 72,
    AccountExistsWithDifferentLane = 73,
    AccountExistsWithDifferentLimits = 74,
    LimitsMalformed = 75,
    AccountNotFound = 76,
    AccountAlreadyClosed = 77,
    AccountNotSettled = 78,
    PeriodAlreadyClosed = 79,
    PeriodNotOver = 80,
}

impl Reject {
    /// Every refusal with its code and its meaning, in the order of checking.
    pub const TABLE: &[(Self, &str, &str)] = &[
        (
            Self::LinkedTransferFailed,
            "linked-transfer-failed",
            "Another transfer of the same chain was refused, so none of the chain happened.",
        ),
        (
            Self::ChainNotClosed,
            "chain-not-closed",
            "The last transfer of the batch is linked to a next one that is not there.",
        ),
        (Self::IdMustNotBeNil, "id-must-not-be-nil", "The id is the nil UUID."),
        (
            Self::ExistsWithDifferentKind,
            "exists-with-different-kind",
            "A transfer with this id exists and is of another kind.",
        ),
        (
            Self::ExistsWithDifferentSubject,
            "exists-with-different-subject",
            "A transfer with this id exists and is about another earlier transfer.",
        ),
        (
            Self::ExistsWithDifferentExpiry,
            "exists-with-different-expiry",
            "A hold with this id exists and expires at another moment.",
        ),
        (
            Self::ExistsWithDifferentDebitAccount,
            "exists-with-different-debit-account",
            "A transfer with this id exists and debits another account.",
        ),
        (
            Self::ExistsWithDifferentCreditAccount,
            "exists-with-different-credit-account",
            "A transfer with this id exists and credits another account.",
        ),
        (
            Self::ExistsWithDifferentBalancing,
            "exists-with-different-balancing",
            "A transfer with this id exists and balances another account.",
        ),
        (
            Self::ExistsWithDifferentAmount,
            "exists-with-different-amount",
            "A transfer with this id exists and has another amount.",
        ),
        (
            Self::ExistsWithDifferentValueDate,
            "exists-with-different-value-date",
            "A transfer with this id exists and has another value date.",
        ),
        (
            Self::ExistsWithDifferentReason,
            "exists-with-different-reason",
            "A transfer with this id exists and has another reason.",
        ),
        (
            Self::AmountMustBePositive,
            "amount-must-be-positive",
            "The amount is zero or less; only a balancing transfer may come to move nothing.",
        ),
        (Self::ValueDateInFuture, "value-date-in-future", "The value date is after today."),
        (
            Self::PeriodClosed,
            "period-closed",
            "The value date lies in an accounting period that is closed.",
        ),
        (Self::ExpiryMustBeInFuture, "expiry-must-be-in-future", "The hold would expire at once."),
        (
            Self::BalancingNotAllowed,
            "balancing-not-allowed",
            "Only a plain transfer or a hold can be balancing.",
        ),
        (Self::HoldNotFound, "hold-not-found", "There is no transfer with the hold's id."),
        (Self::NotAHold, "not-a-hold", "The transfer to post, void or expire is not a hold."),
        (
            Self::HoldHasOtherDebitAccount,
            "hold-has-other-debit-account",
            "The debit account is given and is not the earlier transfer's.",
        ),
        (
            Self::HoldHasOtherCreditAccount,
            "hold-has-other-credit-account",
            "The credit account is given and is not the earlier transfer's.",
        ),
        (Self::ExceedsHold, "exceeds-hold", "More is to be posted than was held."),
        (
            Self::VoidMustBeWhole,
            "void-must-be-whole",
            "A void or an expiry has another amount than the hold.",
        ),
        (Self::HoldAlreadyPosted, "hold-already-posted", "The hold was posted before."),
        (Self::HoldAlreadyVoided, "hold-already-voided", "The hold was voided before."),
        (Self::HoldAlreadyExpired, "hold-already-expired", "The time of the hold is over."),
        (
            Self::HoldNotExpired,
            "hold-not-expired",
            "The time of the hold is not over, or has no end.",
        ),
        (
            Self::ReversedTransferNotFound,
            "reversed-transfer-not-found",
            "There is no transfer with the id to reverse.",
        ),
        (
            Self::NotReversible,
            "not-reversible",
            "Only plain and posting transfers can be reversed; a hold is voided instead.",
        ),
        (
            Self::ReversalMustBeWhole,
            "reversal-must-be-whole",
            "A reversal has another amount or other accounts than the transfer it reverses.",
        ),
        (Self::AlreadyReversed, "already-reversed", "The transfer was reversed before."),
        (
            Self::AccountsMustDiffer,
            "accounts-must-differ",
            "Debit and credit account are the same.",
        ),
        (Self::DebitAccountNotFound, "debit-account-not-found", "There is no such debit account."),
        (
            Self::CreditAccountNotFound,
            "credit-account-not-found",
            "There is no such credit account.",
        ),
        (
            Self::AccountsMustShareCurrency,
            "accounts-must-share-currency",
            "The two accounts are of different currencies.",
        ),
        (Self::DebitAccountClosed, "debit-account-closed", "The debit account is closed."),
        (
            Self::DebitAccountFrozen,
            "debit-account-frozen",
            "The debit account is frozen in this direction.",
        ),
        (Self::CreditAccountClosed, "credit-account-closed", "The credit account is closed."),
        (
            Self::CreditAccountFrozen,
            "credit-account-frozen",
            "The credit account is frozen in this direction.",
        ),
        (
            Self::BalanceOverflow,
            "balance-overflow",
            "A sum of the accounts would no longer fit 63 bits of minor units.",
        ),
        (
            Self::DebitAccountExceedsOverdraft,
            "debit-account-exceeds-overdraft",
            "The debit account has too little: its overdraft limit would be passed.",
        ),
        (
            Self::DebitAccountExceedsBalanceMax,
            "debit-account-exceeds-balance-max",
            "The debit account would hold more than it may.",
        ),
        (
            Self::DebitAccountExceedsCap,
            "debit-account-exceeds-cap",
            "More would pass through the debit account in a day, month, year or ever than may.",
        ),
        (
            Self::CreditAccountExceedsOverdraft,
            "credit-account-exceeds-overdraft",
            "The credit account has too little: its overdraft limit would be passed.",
        ),
        (
            Self::CreditAccountExceedsBalanceMax,
            "credit-account-exceeds-balance-max",
            "The credit account would hold more than it may.",
        ),
        (
            Self::CreditAccountExceedsCap,
            "credit-account-exceeds-cap",
            "More would pass through the credit account in a day, month, year or ever than may.",
        ),
        (
            Self::AccountExistsWithDifferentCode,
            "account-exists-with-different-code",
            "An account with this id exists and has another code.",
        ),
        (
            Self::AccountExistsWithDifferentCurrency,
            "account-exists-with-different-currency",
            "An account with this id exists and is of another currency.",
        ),
        (
            Self::AccountExistsWithDifferentSide,
            "account-exists-with-different-side",
            "An account with this id exists and grows on the other side.",
        ),
        (
            Self::AccountExistsWithDifferentLane,
            "account-exists-with-different-lane",
            "An account with this id exists and lives in another lane.",
        ),
        (
            Self::AccountExistsWithDifferentLimits,
            "account-exists-with-different-limits",
            "An account with this id exists and has other limits.",
        ),
        (
            Self::LimitsMalformed,
            "limits-malformed",
            "A limit is negative, or two caps are of the same direction and window.",
        ),
        (Self::AccountNotFound, "account-not-found", "There is no such account."),
        (Self::AccountAlreadyClosed, "account-already-closed", "A closed account stays closed."),
        (
            Self::AccountNotSettled,
            "account-not-settled",
            "Only an account with nothing posted on balance and nothing held can be closed.",
        ),
        (
            Self::PeriodAlreadyClosed,
            "period-already-closed",
            "The books are closed through this day already.",
        ),
        (
            Self::PeriodNotOver,
            "period-not-over",
            "The books can be closed through yesterday at most.",
        ),
    ];

    /// The frozen number.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The frozen code, such as `exceeds-hold`.
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// What it means, as a sentence.
    pub fn meaning(self) -> &'static str {
        self.row().2
    }

    /// The refusal with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == code).map(|row| row.0)
    }

    /// The reference page of all refusals, in Markdown.
    pub fn reference() -> String {
        let mut page = String::from(
            "# Ledger refusals\n\n\
             What the ledger answers instead of booking, in the order of checking: if several \
             apply,\nthe first is named. Numbers and codes never change and are never reused.\n\n\
             | number | code | meaning |\n| ---: | --- | --- |\n",
        );
        for (reject, code, meaning) in Self::TABLE {
            page.push_str(&format!("| {} | `{code}` | {meaning} |\n", reject.number()));
        }
        page
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        Self::TABLE.iter().find(|row| row.0 == self).expect("the table has every refusal")
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.meaning())
    }
}

impl std::error::Error for Reject {}
