//! Keys, and signatures under a text.
//!
//! The format is the signed note of C2SP (<https://c2sp.org/signed-note>) with Ed25519, so that
//! tools of transparency logs read our heads and witnesses can sign them too. A key has a name,
//! since a signature says who signed; a key's id is a part of a hash over its name and its bytes.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::Fault;

/// Ed25519, in the format's list of signatures.
const ALGORITHM: u8 = 1;
const PRIVATE: &str = "PRIVATE+KEY+";

type KeyId = [u8; 4];

/// A key that signs. Wiped when dropped, without `Debug`.
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key of a secret seed. The name stands beside every signature: one word without `+`.
    ///
    /// # Errors
    /// [`Fault::Malformed`] when the name is not one.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, Fault> {
        let name = valid_name(name).ok_or(Fault::Malformed("name of a key"))?.to_owned();
        Ok(Self { name, key: ed25519_dalek::SigningKey::from_bytes(seed) })
    }

    /// The key as one line of text: a secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([&[ALGORITHM], &self.key.as_bytes()[..]].concat());
        let id = hex::encode(self.public().id());
        let encoded = Zeroizing::new(BASE64.encode(&*bytes));
        Zeroizing::new(format!("{PRIVATE}{}+{id}+{}", self.name, *encoded))
    }

    /// The key of such a line.
    ///
    /// # Errors
    /// [`Fault::Malformed`].
    pub fn from_text(text: &str) -> Result<Self, Fault> {
        let malformed = Fault::Malformed("signing key");
        let (name, id, seed) = text.strip_prefix(PRIVATE).and_then(key_parts).ok_or(malformed)?;
        let key = Self::new(name, &seed).map_err(|_| malformed)?;
        if key.public().id() == id { Ok(key) } else { Err(malformed) }
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Signs a text; every line of it has its end.
    pub(crate) fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        NoteSignature { name: self.name.clone(), id: self.public().id(), signature }
    }
}

/// A key that checks signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl PublicKey {
    fn id(&self) -> KeyId {
        let hasher = Sha256::new_with_prefix(&self.name).chain_update([b'\n', ALGORITHM]);
        let hash: [u8; 32] = hasher.chain_update(self.key.as_bytes()).finalize().into();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Checks that this key signed the text.
    pub(crate) fn check(&self, text: &str, signed: &NoteSignature) -> Result<(), Fault> {
        if signed.name != self.name || signed.id != self.id() {
            return Err(Fault::OtherKey);
        }
        let signature = Signature::from_bytes(&signed.signature);
        self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| Fault::Signature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[ALGORITHM], &self.key.as_bytes()[..]].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), BASE64.encode(bytes))
    }
}

impl FromStr for PublicKey {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let malformed = Fault::Malformed("public key");
        let (name, id, bytes) = key_parts(text).ok_or(malformed)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| malformed)?;
        let key = Self { name: name.to_owned(), key };
        if key.id() == id { Ok(key) } else { Err(malformed) }
    }
}

/// A signature under a text, as its line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoteSignature {
    name: String,
    id: KeyId,
    signature: [u8; 64],
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id[..], &self.signature[..]].concat();
        write!(f, "\u{2014} {} {}", self.name, BASE64.encode(bytes))
    }
}

impl NoteSignature {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = BASE64.decode(encoded).ok()?;
        let (id, signature) = bytes.split_first_chunk()?;
        let signature = signature.try_into().ok()?;
        Some(Self { name: valid_name(name)?.to_owned(), id: *id, signature })
    }
}

fn valid_name(name: &str) -> Option<&str> {
    let fits = !name.is_empty() && !name.contains(|it: char| it.is_whitespace() || it == '+');
    fits.then_some(name)
}

/// `name+id+base64 of the algorithm and 32 bytes`.
fn key_parts(text: &str) -> Option<(&str, KeyId, Zeroizing<[u8; 32]>)> {
    let (name, rest) = text.split_once('+')?;
    let (id_text, encoded) = rest.split_once('+')?;
    let mut id = KeyId::default();
    hex::decode_to_slice(id_text, &mut id).ok()?;
    let bytes = Zeroizing::new(BASE64.decode(encoded).ok()?);
    let (algorithm, bytes) = bytes.split_first()?;
    let is_ours = *algorithm == ALGORITHM && id_text == hex::encode(id);
    let mut key = Zeroizing::new([0; 32]);
    (is_ours && bytes.len() == key.len()).then(|| key.copy_from_slice(bytes))?;
    Some((valid_name(name)?, id, key))
}
