//! Typed identifiers: a UUID that knows what it names.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::{Digest, Prng};

/// The identifier of a `T`: a UUID (RFC 9562), in time order when made by [`Id::new`].
///
/// Ids of different things are different types, so a loan's id cannot be passed for a party's.
pub struct Id<T>(Uuid, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// The nil UUID: no thing's name.
    pub const NIL: Self = Self(Uuid::nil(), PhantomData);

    /// A new UUIDv7: 48 bits of milliseconds, then 74 random bits.
    pub fn new(now: Timestamp, prng: &mut Prng) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let random: [u8; 10] = prng.bytes();
        Self::from(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The id that belongs to a name: the same parts give the same id everywhere, so a thing
    /// that exists once per owner needs no lookup. A UUIDv8 of the parts' SHA-256.
    pub fn derived(parts: &[&[u8]]) -> Self {
        let digest = Digest::of(parts);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        Self::from(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The id that belongs to a name, beside another id: as [`Id::derived`], but it begins with
    /// the same 48 bits, the time of a UUIDv7. So what belongs to things made together lies
    /// together in an ordered store.
    pub fn derived_beside<U>(other: Id<U>, parts: &[&[u8]]) -> Self {
        let owner: &[u8] = other.as_bytes();
        let mut bytes = *Self::derived(&[&[owner], parts].concat()).as_bytes();
        bytes[..6].copy_from_slice(&other.as_bytes()[..6]);
        Self::from_bytes(bytes)
    }

    /// Whether this is [`Id::NIL`].
    pub fn is_nil(&self) -> bool {
        self.0.is_nil()
    }

    /// The 16 bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id with these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from(Uuid::from_bytes(bytes))
    }

    /// The same identifier, read as the name of another kind of thing.
    pub fn cast<U>(self) -> Id<U> {
        Id::from(self.0)
    }
}

impl<T> From<Uuid> for Id<T> {
    fn from(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }
}

impl<T> FromStr for Id<T> {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self::from)
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from)
    }
}

// By hand, since a derive would ask the same of `T`.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
