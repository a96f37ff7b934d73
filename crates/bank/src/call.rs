//! Who asks, when, and under which key.

use ledger::{InstitutionId, LaneId, Moment};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stdx::{Date, Digest, Prng, Timestamp};
use store::{Commit, Receipt};

use crate::Refusal;

/// Who asks. It comes from a credential, never from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose data.
    pub institution: InstitutionId,
    /// The name in the audit log.
    pub actor: String,
    /// What may be done.
    pub role: Role,
    /// Whether personal data is shown clear.
    pub sees_personal_data: bool,
}

/// What a caller is to the institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the business.
    Operator,
    /// The second pair of eyes on what operators prepare.
    Approver,
    /// Reads everything, changes nothing.
    Auditor,
    /// Brings customers: an app, a merchant, an agent.
    Partner,
}

/// What a command or a read asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Register parties, note consents and checks.
    Parties,
    /// Apply for loans, open accounts, sign.
    Contracts,
    /// Pay out, take payments, settle, propose changes of loans; deposits and withdrawals.
    Payments,
    /// Freeze accounts and deposits, stop payments from them, and lift both.
    Freezes,
    /// Write product definitions and have them checked.
    DraftProducts,
    /// Approve, publish, suspend and retire products.
    ReleaseProducts,
    /// Use the ledger directly.
    Ledger,
    /// Close business days and periods.
    Days,
    /// Change loans, and approve what somebody else proposed or prepared: a charge-off, the close
    /// of a year.
    Approve,
    /// Make and revoke API keys.
    Keys,
    /// Read parties, products, contracts.
    Read,
    /// Read books, reports and the event log.
    Audit,
}

impl Right {
    /// Every right with its name in messages and in the reference of the API.
    pub const TABLE: [(Self, &'static str); 12] = [
        (Self::Parties, "parties"),
        (Self::Contracts, "contracts"),
        (Self::Payments, "payments"),
        (Self::Freezes, "freezes"),
        (Self::DraftProducts, "draft-products"),
        (Self::ReleaseProducts, "release-products"),
        (Self::Ledger, "ledger"),
        (Self::Days, "days"),
        (Self::Approve, "approve"),
        (Self::Keys, "keys"),
        (Self::Read, "read"),
        (Self::Audit, "audit"),
    ];

    /// The right with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// Whether who has it may change something.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Read | Self::Audit)
    }
}

impl Role {
    /// Every role with its name and its rights.
    pub const TABLE: [(Self, &'static str, &'static [Right]); 4] = [
        (
            Self::Operator,
            "operator",
            &[
                Right::Parties,
                Right::Contracts,
                Right::Payments,
                Right::DraftProducts,
                Right::Ledger,
                Right::Days,
                Right::Keys,
                Right::Read,
                Right::Audit,
            ],
        ),
        (
            Self::Approver,
            "approver",
            &[
                // Who may pay money out of an account does not lift what holds it there.
                Right::Freezes,
                Right::ReleaseProducts,
                Right::Approve,
                Right::Keys,
                Right::Read,
                Right::Audit,
            ],
        ),
        (Self::Auditor, "auditor", &[Right::Read, Right::Audit]),
        (Self::Partner, "partner", &[Right::Parties, Right::Contracts, Right::Read]),
    ];

    /// The role's name.
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// What the role may do.
    pub fn rights(self) -> &'static [Right] {
        Self::TABLE.iter().find(|row| row.0 == self).map_or(&[], |row| row.2)
    }

    /// Whether the role has a right.
    pub fn has(self, right: Right) -> bool {
        self.rights().contains(&right)
    }
}

impl Caller {
    /// The platform itself, acting for an institution: timers and set-up.
    pub fn platform(institution: InstitutionId) -> Self {
        let actor = "platform".to_owned();
        Self { institution, actor, role: Role::Operator, sees_personal_data: false }
    }

    /// Refuses a caller without a right.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn must(&self, right: Right) -> Result<(), Refusal> {
        if self.role.has(right) { Ok(()) } else { Err(Refusal::Forbidden(right)) }
    }
}

/// What the keys of the platform's own commands begin with. No request can bring it, so nobody can
/// use up the key under which a contract's day will be closed.
const PLATFORM_MARK: char = '\u{1}';

/// One use of a command.
#[derive(Clone)]
pub struct Call {
    /// Who asks.
    pub caller: Caller,
    /// The idempotency key, unique within the institution. One that comes from outside has no
    /// control characters.
    pub key: String,
    /// The digest of the request.
    pub digest: Digest,
    /// When.
    pub now: Timestamp,
    /// What ids, keys and nonces of this command are drawn from. A secret.
    pub seed: [u8; 32],
}

impl Call {
    /// The generator of this command: the same on every attempt.
    pub fn prng(&self) -> Prng {
        Prng::new(self.seed)
    }

    /// A command the platform gives in the course of this one, under a key of its own.
    pub fn within(&self, key: String) -> Self {
        let key = format!("{PLATFORM_MARK}{key}");
        let seed = *Digest::of(&[&self.seed, key.as_bytes()]).as_bytes();
        let caller = Caller::platform(self.caller.institution);
        Self { caller, digest: Digest::of(&[key.as_bytes()]), key, now: self.now, seed }
    }

    /// An empty commit for this command.
    pub(crate) fn commit(&self, command: &'static str, lane: LaneId, today: Date) -> Commit {
        let at = Moment { now: self.now, today };
        let mut commit = Commit::new(self.caller.institution, lane, command, at);
        commit.actor.clone_from(&self.caller.actor);
        commit.key.clone_from(&self.key);
        commit.digest = self.digest;
        commit
    }
}

/// The answer to a command that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The answer.
    pub answer: T,
    /// Whether it happened before and this is a repetition.
    pub replayed: bool,
}

impl<T: DeserializeOwned> Done<T> {
    pub(crate) fn now(receipt: &Receipt) -> Result<Self, Refusal> {
        Ok(Self { answer: receipt.answer()?, replayed: false })
    }

    pub(crate) fn before(receipt: &Receipt) -> Result<Self, Refusal> {
        Ok(Self { answer: receipt.answer()?, replayed: true })
    }
}
