//! API keys: what a caller shows to be somebody.
//!
//! A key is written `sp_<id>_<secret>`. The id is no secret and is what people and logs see; of
//! the secret only the SHA-256 is stored, which is enough for 256 random bits.

use ledger::InstitutionId;
use serde::{Deserialize, Serialize};
use stdx::{Digest, Id, Timestamp};
use store::{Commit, Page, Stored, Versioned};
use subtle::ConstantTimeEq;

use crate::{
    Bank, Call, Caller, Done, Refusal, Right, Role,
    tables::{API_KEYS, PLATFORM},
};

/// The most characters of a key's name.
pub const KEY_NAME_LEN_MAX: usize = 100;

/// An API key as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Whose.
    pub institution: InstitutionId,
    /// Its name in the audit log.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it sees personal data clear.
    pub sees_personal_data: bool,
    /// SHA-256 of the secret.
    pub hash: Digest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The full text of a key, shown once. It has no `Debug`.
pub struct KeyText(String);

impl KeyText {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What a key is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Its name in the audit log.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it sees personal data clear.
    #[serde(default)]
    pub sees_personal_data: bool,
}

impl NewKey {
    /// Refuses a key that may do or see more than its maker: else one person could be both pairs
    /// of eyes. Refuses a name that the audit log has no room for, or that would pass for the
    /// platform.
    fn check(&self, maker: &Caller) -> Result<(), Refusal> {
        let more = self.role.rights().iter().any(|right| !maker.role.has(*right));
        if more || (self.sees_personal_data && !maker.sees_personal_data) {
            return Err(Refusal::KeyBeyondOwn);
        }
        if self.name.chars().count() > KEY_NAME_LEN_MAX {
            return Err(Refusal::TooMany("KEY_NAME_LEN_MAX", KEY_NAME_LEN_MAX));
        }
        let platform = Caller::platform(PLATFORM).actor;
        if self.name == platform { Err(Refusal::Exists("key")) } else { Ok(()) }
    }
}

impl Bank {
    /// Makes a key. Its text is drawn from the call's seed and kept nowhere: a repetition with the
    /// same seed shows it again, one with another seed has a text that opens nothing.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]; [`Refusal::KeyBeyondOwn`] when the key would be able to do or see
    /// more than the caller; [`Refusal::TooMany`] when the name is longer than
    /// [`KEY_NAME_LEN_MAX`]; [`Refusal::Exists`] when the name is the platform's own.
    pub async fn create_key(
        &self,
        call: &Call,
        new: &NewKey,
    ) -> Result<Done<(Id<ApiKey>, KeyText)>, Refusal> {
        call.caller.must(Right::Keys)?;
        new.check(&call.caller)?;
        let mut prng = call.prng();
        let id: Id<ApiKey> = Id::new(call.now, &mut prng);
        let secret: [u8; 32] = prng.bytes();
        let hash = Digest::of(&[&secret]);
        let kept = &kept_by_platform(call);
        let done = self
            .carry_out::<Id<ApiKey>, _>(kept, move || async move {
                let mut commit = commit(kept, "create-key");
                let key = ApiKey {
                    institution: call.caller.institution,
                    name: new.name.clone(),
                    role: new.role,
                    sees_personal_data: new.sees_personal_data,
                    hash,
                    created_at: call.now,
                    revoked_at: None,
                };
                commit.put(&API_KEYS, id, 0, &key);
                commit.tell("key-created", id, new);
                commit.answer(&id);
                Ok(commit)
            })
            .await?;
        let id = done.answer;
        let text = format!("sp_{}_{}", hex::encode(id.as_bytes()), hex::encode(secret));
        Ok(Done { answer: (id, KeyText(text)), replayed: done.replayed })
    }

    /// Revokes a key: from now on it is nobody's.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::NotFound`], [`Refusal::Store`].
    pub async fn revoke_key(
        &self,
        call: &Call,
        id: Id<ApiKey>,
    ) -> Result<Done<Id<ApiKey>>, Refusal> {
        call.caller.must(Right::Keys)?;
        let kept = &kept_by_platform(call);
        self.carry_out(kept, move || async move {
            let Versioned { version, record, .. } = self.own_key(&call.caller, id).await?;
            let mut commit = commit(kept, "revoke-key");
            let revoked_at = record.revoked_at.or(Some(call.now));
            commit.put(&API_KEYS, id, version, &ApiKey { revoked_at, ..record });
            commit.tell("key-revoked", id, &());
            commit.answer(&id);
            Ok(commit)
        })
        .await
    }

    /// The keys of the caller's institution, oldest first, revoked ones too.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn api_keys(
        &self,
        caller: &Caller,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Stored<ApiKey>, Id<()>>, Refusal> {
        caller.must(Right::Keys)?;
        let of = caller.institution.to_string();
        Ok(self.store().find(&API_KEYS, PLATFORM, ("institution", &of), after, limit).await?)
    }

    /// A key of the caller's institution.
    async fn own_key(&self, caller: &Caller, id: Id<ApiKey>) -> Result<Versioned<ApiKey>, Refusal> {
        let key = self.need(&API_KEYS, PLATFORM, id, "key").await?;
        let own = key.record.institution == caller.institution;
        if own { Ok(key) } else { Err(Refusal::NotFound("key")) }
    }

    /// Who a key's text belongs to; nobody, when it is unknown, wrong or revoked.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn authenticate(&self, text: &str) -> Result<Option<Caller>, Refusal> {
        let Some((id, secret)) = parse(text) else { return Ok(None) };
        let key = self.store().get(&API_KEYS, PLATFORM, id).await?.map(|key| key.record);
        // Without such a key, compare all the same, so that the time tells nothing.
        let hash = key.as_ref().map_or(Digest::ZERO, |key| key.hash);
        let same = bool::from(Digest::of(&[&secret]).as_bytes().ct_eq(hash.as_bytes()));
        let key = key.filter(|key| same && key.revoked_at.is_none());
        Ok(key.map(|key| Caller {
            institution: key.institution,
            actor: key.name,
            role: key.role,
            sees_personal_data: key.sees_personal_data,
        }))
    }
}

/// The same command, kept among the platform's records, which have to tell the institution from
/// the key. The idempotency key stays the institution's own.
fn kept_by_platform(call: &Call) -> Call {
    let caller = Caller { institution: PLATFORM, ..call.caller.clone() };
    let key = format!("{}/{}", call.caller.institution, call.key);
    Call { caller, key, ..call.clone() }
}

/// An empty commit for a command on the platform's records. The platform has no business date.
fn commit(kept: &Call, command: &'static str) -> Commit {
    let today = kept.now.to_zoned(jiff::tz::TimeZone::UTC).date();
    kept.commit(command, PLATFORM.cast(), today)
}

fn parse(text: &str) -> Option<(Id<ApiKey>, [u8; 32])> {
    let (id, secret) = text.strip_prefix("sp_")?.split_once('_')?;
    let (mut id_bytes, mut secret_bytes) = ([0; 16], [0; 32]);
    hex::decode_to_slice(id, &mut id_bytes).ok()?;
    hex::decode_to_slice(secret, &mut secret_bytes).ok()?;
    Some((Id::from_bytes(id_bytes), secret_bytes))
}
