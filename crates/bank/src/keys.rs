//! API keys: what a caller shows to be somebody.
//!
//! A key is written `sp_<id>_<secret>`. The id is no secret and is what people and logs see; of
//! the secret only the SHA-256 is stored, which is enough for 256 random bits.

use ledger::InstitutionId;
use serde::{Deserialize, Serialize};
use stdx::{Digest, Id, Timestamp};
use subtle::ConstantTimeEq;

use crate::{
    Bank, Call, Caller, Done, Refusal, Right, Role,
    tables::{API_KEYS, PLATFORM},
};

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

impl Bank {
    /// Makes a key. The text is drawn from the call's seed, so a repetition of the same call, and
    /// nothing else, shows it again.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn create_key(
        &self,
        call: &Call,
        new: &NewKey,
    ) -> Result<Done<(Id<ApiKey>, KeyText)>, Refusal> {
        call.caller.must(Right::Keys)?;
        let mut prng = call.prng();
        let id: Id<ApiKey> = Id::new(call.now, &mut prng);
        let secret: [u8; 32] = prng.bytes();
        let institution = call.caller.institution;
        // Keys are kept by the platform, which has to know the institution from them; the
        // idempotency key stays the institution's own.
        let platform = Call {
            caller: Caller { institution: PLATFORM, ..call.caller.clone() },
            key: format!("{institution}/{}", call.key),
            ..call.clone()
        };
        let platform = &platform;
        let done = self
            .carry_out::<Id<ApiKey>, _>(platform, move || async move {
                let today = call.now.to_zoned(jiff::tz::TimeZone::UTC).date();
                let mut commit = platform.commit("create-key", PLATFORM.cast(), today);
                let key = ApiKey {
                    institution,
                    name: new.name.clone(),
                    role: new.role,
                    sees_personal_data: new.sees_personal_data,
                    hash: Digest::of(&[&secret]),
                    created_at: call.now,
                    revoked_at: None,
                };
                commit.put(&API_KEYS, id, 0, &key);
                commit.tell("key-created", id, new);
                commit.answer(&id);
                Ok(commit)
            })
            .await?;
        let id = hex::encode(done.answer.as_bytes());
        let text = KeyText(format!("sp_{id}_{}", hex::encode(secret)));
        Ok(Done { answer: (done.answer, text), replayed: done.replayed })
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
        let institution = call.caller.institution;
        let platform = Call {
            caller: Caller { institution: PLATFORM, ..call.caller.clone() },
            key: format!("{institution}/{}", call.key),
            ..call.clone()
        };
        let platform = &platform;
        self.carry_out(platform, move || async move {
            let key = self.need(&API_KEYS, PLATFORM, id, "key").await?;
            if key.record.institution != institution {
                return Err(Refusal::NotFound("key"));
            }
            let today = call.now.to_zoned(jiff::tz::TimeZone::UTC).date();
            let mut commit = platform.commit("revoke-key", PLATFORM.cast(), today);
            let revoked = ApiKey { revoked_at: Some(call.now), ..key.record };
            commit.put(&API_KEYS, id, key.version, &revoked);
            commit.tell("key-revoked", id, &());
            commit.answer(&id);
            Ok(commit)
        })
        .await
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

fn parse(text: &str) -> Option<(Id<ApiKey>, [u8; 32])> {
    let (id, secret) = text.strip_prefix("sp_")?.split_once('_')?;
    let (mut id_bytes, mut secret_bytes) = ([0; 16], [0; 32]);
    hex::decode_to_slice(id, &mut id_bytes).ok()?;
    hex::decode_to_slice(secret, &mut secret_bytes).ok()?;
    Some((Id::from_bytes(id_bytes), secret_bytes))
}
