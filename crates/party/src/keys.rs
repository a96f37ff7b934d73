//! Keys: one data key per party, wrapped by a master key.
//!
//! Only the wrapped key is stored, with the name of the master key that wrapped it. Erasing it
//! erases the party's data wherever copies lie; changing the master key re-wraps 32 bytes per
//! party ([`crate::Party::rekey`]) and leaves the ciphertexts alone.
//!
//! [`KeyProvider`] is a trait because institutions keep master keys in different places: in a
//! file, a key management service, a hardware module. Reading the file is the binary's work.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit as _};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use stdx::{Digest, Prng};
use zeroize::Zeroizing;

use crate::{SealError, Sealed, sealed};

/// The name of a master key. It is no secret and is stored beside what the key wraps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// The key with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of one party's data: 256 bits, wiped when dropped, without `Debug` or `Serialize`.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A fresh key.
    pub fn random(prng: &mut Prng) -> Self {
        Self(Zeroizing::new(prng.bytes()))
    }

    /// The key of these bytes, for a provider that has just unwrapped it.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for a provider about to wrap them.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A data key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey {
    /// The master key that opens it.
    pub master: KeyId,
    /// The data key, encrypted.
    pub sealed: Sealed,
}

/// Who keeps the master key and works with it.
///
/// `context` names what the wrapped key belongs to. It is bound into the result, so that a key
/// moved to another owner does not open.
pub trait KeyProvider: Send + Sync {
    /// The master key that [`wrap`](Self::wrap) uses now.
    fn key_id(&self) -> &KeyId;

    /// Encrypts a data key under the master key.
    ///
    /// # Errors
    /// [`SealError::Unavailable`] when the keeper does not answer.
    fn wrap(
        &self,
        key: &DataKey,
        context: &Digest,
        prng: &mut Prng,
    ) -> Result<WrappedKey, SealError>;

    /// Decrypts a data key.
    ///
    /// # Errors
    /// [`SealError::UnknownMasterKey`] when another master key wrapped it, [`SealError::Altered`]
    /// when it or its context was changed, [`SealError::Unavailable`] as for `wrap`.
    fn unwrap(&self, wrapped: &WrappedKey, context: &Digest) -> Result<DataKey, SealError>;

    /// A keyed hash of a message, under a key derived from the master key for blind indexes only.
    ///
    /// # Errors
    /// [`SealError::Unavailable`] as for `wrap`.
    fn mac(&self, message: &Digest) -> Result<Digest, SealError>;
}

/// A master key held in memory: the default provider.
///
/// Three values are derived from its 32 bytes by HMAC-SHA256 with distinct labels: the key that
/// wraps, the key that hashes, and the public name, so that no key has two uses. Data keys are
/// wrapped by AES-256-GCM with random nonces, safe for 2^32 wraps (NIST SP 800-38D, 8.3).
pub struct MasterKey {
    id: KeyId,
    wrapping: Aes256Gcm,
    hashing: Zeroizing<[u8; 32]>,
}

impl MasterKey {
    /// The provider of these 32 secret random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let derive = |label: &[u8]| Zeroizing::new(hmac_sha256(&bytes, label));
        let name = derive(b"suanpan.master-key.name.v1");
        let wrapping = derive(b"suanpan.master-key.wrapping.v1");
        Self {
            id: KeyId::new(hex::encode(&name[..8])),
            wrapping: Aes256Gcm::new((&*wrapping).into()),
            hashing: derive(b"suanpan.master-key.hashing.v1"),
        }
    }
}

impl KeyProvider for MasterKey {
    fn key_id(&self) -> &KeyId {
        &self.id
    }

    fn wrap(
        &self,
        key: &DataKey,
        context: &Digest,
        prng: &mut Prng,
    ) -> Result<WrappedKey, SealError> {
        let sealed = sealed::encrypt(&self.wrapping, key.reveal(), context, prng);
        Ok(WrappedKey { master: self.id.clone(), sealed })
    }

    fn unwrap(&self, wrapped: &WrappedKey, context: &Digest) -> Result<DataKey, SealError> {
        if wrapped.master != self.id {
            return Err(SealError::UnknownMasterKey { wanted: wrapped.master.clone() });
        }
        let altered = SealError::Altered { what: "key" };
        let clear = sealed::decrypt(&self.wrapping, &wrapped.sealed, context);
        let clear = clear.ok_or(altered.clone())?;
        let bytes = <[u8; 32]>::try_from(clear.as_slice()).map_err(|_| altered)?;
        Ok(DataKey::from_bytes(bytes))
    }

    fn mac(&self, message: &Digest) -> Result<Digest, SealError> {
        Ok(Digest::from_bytes(hmac_sha256(&self.hashing, message.as_bytes())))
    }
}

/// HMAC-SHA256 (RFC 2104, FIPS 198-1).
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
