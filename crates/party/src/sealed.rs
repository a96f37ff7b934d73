//! Encryption of fields.
//!
//! AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce per field and a key per party. The
//! institution, the party and the field are bound in as associated data, so a ciphertext copied
//! to another field, party or institution does not open. Beside it stands a blind index, a keyed
//! hash that finds a party by a number nobody stored.

use std::fmt;

use aes_gcm::{AeadInOut as _, Aes256Gcm, KeyInit as _, Nonce};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use stdx::{Digest, Id, Prng};
use zeroize::Zeroizing;

use crate::{DataKey, KeyId, KeyProvider, Party, Personal, WrappedKey};

const NONCE: usize = 12;

/// The tenant a party belongs to; here only as what an id names.
pub enum Institution {}

/// A field of a party that is kept encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The name of the person or company.
    Name,
    /// The resident identity number or unified social credit code.
    IdNumber,
    /// The mobile number.
    Mobile,
    /// The postal address.
    Address,
    /// The bank card money is paid to.
    BankCard,
}

impl Field {
    /// The name in JSON. It is part of what a ciphertext is bound to and must not change.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::IdNumber => "id_number",
            Self::Mobile => "mobile",
            Self::Address => "address",
            Self::BankCard => "bank_card",
        }
    }
}

/// A ciphertext: nonce, encrypted text, 128-bit tag. In JSON it is hexadecimal text.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        hex::decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
    }
}

/// Why sealed data cannot be made or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The party's key was erased on purpose; the data is gone for good.
    Erased,
    /// The data key was wrapped by a master key this provider does not hold.
    UnknownMasterKey {
        /// The master key needed.
        wanted: KeyId,
    },
    /// The ciphertext was changed, or moved from where it was made.
    Altered {
        /// The field, or `key` for the wrapped data key.
        what: &'static str,
    },
    /// The key provider does not answer.
    Unavailable,
}

impl SealError {
    /// The stable name of the error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Erased => "party-erased",
            Self::UnknownMasterKey { .. } => "unknown-master-key",
            Self::Altered { .. } => "sealed-data-altered",
            Self::Unavailable => "key-provider-unavailable",
        }
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Erased => f.write_str("The party's personal data was erased for good."),
            Self::UnknownMasterKey { wanted } => {
                write!(f, "The data needs master key {wanted}; give that key to the platform.")
            }
            Self::Altered { what } => write!(
                f,
                "The stored `{what}` was changed or moved since it was sealed; restore it from a \
                 backup and look for the cause."
            ),
            Self::Unavailable => f.write_str("The key provider does not answer; try again."),
        }
    }
}

impl std::error::Error for SealError {}

/// The keys as seen from one institution: what sealing, reading and finding need.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    provider: &'a dyn KeyProvider,
    institution: Id<Institution>,
}

impl<'a> Keys<'a> {
    /// The keys of an institution. Its id comes from the credential of the caller, never from the
    /// record read: that is what keeps one institution's copy of another's record shut.
    pub fn new(provider: &'a dyn KeyProvider, institution: Id<Institution>) -> Self {
        Self { provider, institution }
    }

    /// The same institution with another provider.
    pub(crate) fn with_provider<'b>(&self, provider: &'b dyn KeyProvider) -> Keys<'b> {
        Keys { provider, institution: self.institution }
    }

    /// A hash that is the same for the same value and tells nothing to who lacks the master key
    /// (HMAC-SHA256). `value` is the normalized text, as the number types give it. It differs per
    /// institution and field, so records of two institutions cannot be joined by it.
    ///
    /// # Errors
    /// Those of [`KeyProvider::mac`].
    pub fn blind_index(&self, field: Field, value: &str) -> Result<Digest, SealError> {
        let institution = self.institution.as_bytes();
        let parts: [&[u8]; 4] =
            [b"suanpan.index.v1", institution, field.name().as_bytes(), value.as_bytes()];
        self.provider.mac(&Digest::of(&parts))
    }

    /// A new key for a party, wrapped to be stored, and its cipher.
    pub(crate) fn create(
        &self,
        party: Id<Party>,
        prng: &mut Prng,
    ) -> Result<(PartyCipher, WrappedKey), SealError> {
        let key = DataKey::random(prng);
        let wrapped = self.provider.wrap(&key, &self.key_context(party), prng)?;
        Ok((self.cipher(party, &key), wrapped))
    }

    /// The cipher of a party whose wrapped key was stored; `None` is an erased key.
    pub(crate) fn unlock(
        &self,
        party: Id<Party>,
        wrapped: Option<&WrappedKey>,
    ) -> Result<PartyCipher, SealError> {
        let wrapped = wrapped.ok_or(SealError::Erased)?;
        let key = self.provider.unwrap(wrapped, &self.key_context(party))?;
        Ok(self.cipher(party, &key))
    }

    /// The key of a party, unwrapped here and wrapped by `new`.
    pub(crate) fn rewrap(
        &self,
        new: &Keys<'_>,
        party: Id<Party>,
        wrapped: &WrappedKey,
        prng: &mut Prng,
    ) -> Result<WrappedKey, SealError> {
        let key = self.provider.unwrap(wrapped, &self.key_context(party))?;
        new.provider.wrap(&key, &new.key_context(party), prng)
    }

    fn cipher(&self, party: Id<Party>, key: &DataKey) -> PartyCipher {
        let aes = Aes256Gcm::new(key.reveal().into());
        PartyCipher { aes, institution: self.institution, party }
    }

    fn key_context(&self, party: Id<Party>) -> Digest {
        let institution = self.institution.as_bytes();
        Digest::of(&[b"suanpan.party-key.v1", institution, party.as_bytes()])
    }
}

/// Seals and opens the fields of one party.
pub(crate) struct PartyCipher {
    aes: Aes256Gcm,
    institution: Id<Institution>,
    party: Id<Party>,
}

impl PartyCipher {
    pub(crate) fn seal(&self, field: Field, clear: &str, prng: &mut Prng) -> Sealed {
        encrypt(&self.aes, clear.as_bytes(), &self.context(field), prng)
    }

    pub(crate) fn open(&self, field: Field, sealed: &Sealed) -> Result<Personal, SealError> {
        let altered = SealError::Altered { what: field.name() };
        let mut clear =
            decrypt(&self.aes, sealed, &self.context(field)).ok_or_else(|| altered.clone())?;
        let text = String::from_utf8(std::mem::take(&mut *clear));
        text.map(Personal::new).map_err(|_| altered)
    }

    fn context(&self, field: Field) -> Digest {
        let (institution, party) = (self.institution.as_bytes(), self.party.as_bytes());
        Digest::of(&[b"suanpan.field.v1", institution, party, field.name().as_bytes()])
    }
}

/// Encrypts under a fresh random nonce.
pub(crate) fn encrypt(aes: &Aes256Gcm, clear: &[u8], context: &Digest, prng: &mut Prng) -> Sealed {
    let nonce: [u8; NONCE] = prng.bytes();
    let mut bytes = Vec::with_capacity(NONCE + clear.len() + 16);
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(clear);
    let text = (&mut bytes[NONCE..]).into();
    let tag = aes.encrypt_inout_detached(&nonce.into(), context.as_bytes(), text);
    bytes.extend_from_slice(&tag.expect("fields are far shorter than the limit of 64 GiB"));
    Sealed(bytes)
}

/// Decrypts; nothing when a byte or the context differs from when it was encrypted.
pub(crate) fn decrypt(
    aes: &Aes256Gcm,
    sealed: &Sealed,
    context: &Digest,
) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, text) = sealed.0.split_first_chunk::<NONCE>()?;
    let mut clear = Zeroizing::new(text.to_vec());
    let nonce: &Nonce<_> = nonce.into();
    aes.decrypt_in_place(nonce, context.as_bytes(), &mut *clear).ok()?;
    Some(clear)
}
