//! Transfers and what became of them.

use money::Amount;
use serde::{Deserialize, Serialize};
use stdx::{Date, Id, Timestamp};

use crate::{AccountId, Code};

/// Names a transfer; chosen by the caller, so a retry is recognised.
pub type TransferId = Id<Transfer>;

/// An order to move an amount from a debit account to a credit account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Its name.
    pub id: TransferId,
    /// What it does.
    pub kind: Kind,
    /// The account debited. Nil in a transfer about an earlier one: as there.
    pub debit: AccountId,
    /// The account credited. Nil in a transfer about an earlier one: as there.
    pub credit: AccountId,
    /// How much. With balancing, at most so much. In a transfer about an earlier one,
    /// [`Amount::MAX`] is all of it.
    pub amount: Amount,
    /// Moves only as much as the named account has; not in a transfer about an earlier one.
    #[serde(default)]
    pub balancing: Balancing,
    /// Stands or falls with the next transfer of the batch.
    #[serde(default)]
    pub linked: bool,
    /// The day from which it counts for interest: today or earlier, in no closed period.
    pub value_date: Date,
    /// The business reason, such as `repayment`.
    pub reason: Code,
}

impl Transfer {
    /// A transfer about all of an earlier one, on that one's accounts.
    pub fn about(id: TransferId, kind: Kind, value_date: Date, reason: Code) -> Self {
        let (debit, credit) = (AccountId::NIL, AccountId::NIL);
        let (balancing, linked) = (Balancing::None, false);
        Self { id, kind, debit, credit, amount: Amount::MAX, balancing, linked, value_date, reason }
    }

    /// What becomes of the earlier transfer that this one is about, once it has happened.
    pub fn resolves(&self) -> Option<(TransferId, Resolution)> {
        match self.kind {
            Kind::Plain | Kind::Hold { .. } => None,
            Kind::Post(hold) => Some((hold, Resolution::Posted(self.id))),
            Kind::Void(hold) => Some((hold, Resolution::Voided(self.id))),
            Kind::Expire(hold) => Some((hold, Resolution::Expired(self.id))),
            Kind::Reversal(of) => Some((of, Resolution::Reversed(self.id))),
        }
    }
}

/// Which account a transfer may bring to zero but not beyond: it then moves the smaller of its
/// amount and what that account has, possibly nothing. An overdraft limit counts as having.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balancing {
    /// Neither: the amount moves or nothing does.
    #[default]
    None,
    /// Debits at most the debit account's credits less its debits, posted and held.
    Debit,
    /// Credits at most the credit account's debits less its credits, posted and held.
    Credit,
    /// Both of these.
    Both,
}

/// What a transfer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Moves the amount.
    Plain,
    /// Reserves the amount until it is posted, voided or expired.
    Hold {
        /// From this moment on the hold can only expire.
        expires: Option<Timestamp>,
    },
    /// Moves all or part of a hold and releases the rest.
    Post(TransferId),
    /// Releases a hold.
    Void(TransferId),
    /// Releases a hold whose time is over.
    Expire(TransferId),
    /// Moves all of an earlier transfer back: debit and credit change sides.
    Reversal(TransferId),
}

impl Kind {
    /// The earlier transfer this one is about.
    pub fn about(self) -> Option<TransferId> {
        match self {
            Self::Plain | Self::Hold { .. } => None,
            Self::Post(id) | Self::Void(id) | Self::Expire(id) | Self::Reversal(id) => Some(id),
        }
    }

    /// When the hold's time is over, if this is one that ends by itself.
    pub fn expires(self) -> Option<Timestamp> {
        match self {
            Self::Hold { expires } => expires,
            Self::Plain | Self::Post(_) | Self::Void(_) | Self::Expire(_) | Self::Reversal(_) => {
                None
            }
        }
    }

    /// Whether this moves what is posted, rather than holding or releasing.
    pub fn posts(self) -> bool {
        matches!(self, Self::Plain | Self::Post(_) | Self::Reversal(_))
    }

    /// Whether this is a hold.
    pub fn is_hold(self) -> bool {
        matches!(self, Self::Hold { .. })
    }
}

/// A transfer that happened. It is never changed; what becomes of it is its [`Resolution`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// What was ordered, the accounts being those of the books and the amount what was really
    /// moved, held or released.
    #[serde(flatten)]
    pub transfer: Transfer,
    /// When it was booked.
    pub booked_at: Timestamp,
    /// The business date on which it was booked.
    pub booked_on: Date,
    /// The business date in whose caps it counts: that of the booking, or of the earlier transfer
    /// it is about.
    pub counted_on: Date,
    /// The transfer before it on the debit account.
    pub debit_previous: Option<TransferId>,
    /// The transfer before it on the credit account.
    pub credit_previous: Option<TransferId>,
}

/// What became of a transfer afterwards. Most stay as they are and have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// The hold was posted, by this transfer.
    Posted(TransferId),
    /// The hold was voided, by this transfer.
    Voided(TransferId),
    /// The hold expired, by this transfer.
    Expired(TransferId),
    /// The transfer was reversed, by this one.
    Reversed(TransferId),
}
