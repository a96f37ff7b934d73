//! Which records there are.

use std::marker::PhantomData;

use ledger::InstitutionId;
use serde::{Serialize, de::DeserializeOwned};
use stdx::Id;

/// A kind of record: its name and how its records are found other than by id.
///
/// A value rather than a trait, so that the crate that knows both the record and the store can
/// declare it: `const LOANS: Table<Loan> = Table::new("loan", |loan| …)`.
pub struct Table<T> {
    /// The name in the log and in the tables; never changes.
    pub kind: &'static str,
    /// The record's lookup keys: pairs of a name and a value.
    pub links: fn(&T) -> Vec<(&'static str, String)>,
    marker: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    /// A kind of record.
    pub const fn new(kind: &'static str, links: fn(&T) -> Vec<(&'static str, String)>) -> Self {
        Self { kind, links, marker: PhantomData }
    }

    /// The key of a record of this kind.
    pub fn key<I>(&self, institution: InstitutionId, id: Id<I>) -> RecordKey {
        RecordKey { institution, kind: self.kind.to_owned(), id: id.cast() }
    }
}

/// Names any record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey {
    /// Whose it is.
    pub institution: InstitutionId,
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: Id<()>,
}
