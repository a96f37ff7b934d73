//! A pack: dated entries of one kind, each under a key, with its source.
//!
//! An entry holds from its day until the next of the same key, so there are no gaps. What ends is
//! written as an entry that says so: a limit without a bound, say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, de::DeserializeOwned};
use stdx::Date;

/// Where a number stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The name of the regulation, in its language.
    pub regulation: String,
    /// Its number (文号), if it is known.
    pub number: Option<String>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.regulation)?;
        self.number.iter().try_for_each(|number| write!(f, "，{number}"))
    }
}

/// What holds from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// What it is about, unique in its pack for a day: `lpr-1y`.
    pub key: String,
    /// The first day on which it holds.
    pub from: Date,
    /// The number, or numbers.
    pub value: T,
    /// The regulation.
    pub source: Arc<Source>,
    /// The article in it.
    pub article: Option<String>,
    /// Whether numbers and day were read in a publication; see `packs/SOURCES.md`.
    pub verified: bool,
    /// What the reader has to know; always there when not verified.
    pub note: Option<String>,
}

/// All entries under one key, by day: a series of rates, or a rule as it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    entries: Vec<Entry<T>>,
    through: Option<Date>,
}

impl<T> Dated<T> {
    /// The entry that holds on a day: the last from it or before it.
    pub fn on(&self, date: Date) -> Option<&Entry<T>> {
        let after = self.entries.partition_point(|it| it.from <= date);
        after.checked_sub(1).map(|index| &self.entries[index])
    }

    /// Whether it is known what holds on a day. Where it is not, [`Dated::on`] gives the last that
    /// is known, which a later version of the pack may replace.
    pub fn covers(&self, date: Date) -> bool {
        self.on(date).is_some() && self.through.is_none_or(|through| date <= through)
    }

    /// The entries, by day.
    pub fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }
}

/// A dated, versioned set of numbers of one kind for a jurisdiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack<T> {
    /// The name: `lpr`.
    pub name: String,
    /// What it is, in English and in the language of the jurisdiction.
    pub title: String,
    /// Grows with every change of the file.
    pub version: u32,
    /// ISO 3166-1 alpha-2, such as `CN`.
    pub jurisdiction: String,
    /// The first day on which an entry of it holds.
    pub effective: Date,
    /// The last day for which it is known to be complete, where that ends by itself: a series.
    pub through: Option<Date>,
    dated: BTreeMap<String, Dated<T>>,
}

/// The file form of a pack.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackFile<T> {
    pack: String,
    title: String,
    version: u32,
    jurisdiction: String,
    effective: Date,
    through: Option<Date>,
    sources: BTreeMap<String, Source>,
    entries: Vec<EntryFile<T>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryFile<T> {
    key: String,
    from: Date,
    value: T,
    source: String,
    article: Option<String>,
    verified: bool,
    note: Option<String>,
}

/// Why a text is not a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackError {
    /// Not the form of a pack; the text says where.
    Malformed(String),
    /// An entry names a source that is not listed.
    UnknownSource(String),
    /// A source that no entry names.
    UnusedSource(String),
    /// The days of the entries of this key do not ascend.
    OutOfOrder(String),
    /// An entry of this key is not verified, and nothing says why.
    Unexplained(String),
    /// `effective` is not the first day of the entries.
    NotEffective,
    /// `through` lies before an entry.
    EndsBeforeEntry(String),
}

impl PackError {
    /// The frozen code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::UnknownSource(_) => "unknown-source",
            Self::UnusedSource(_) => "unused-source",
            Self::OutOfOrder(_) => "out-of-order",
            Self::Unexplained(_) => "unexplained",
            Self::NotEffective => "not-effective",
            Self::EndsBeforeEntry(_) => "ends-before-entry",
        }
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::UnknownSource(name) => write!(f, "there is no source `{name}`"),
            Self::UnusedSource(name) => write!(f, "no entry names the source `{name}`"),
            Self::OutOfOrder(key) => write!(f, "the days of `{key}` do not ascend"),
            Self::Unexplained(key) => {
                write!(f, "`{key}` is not verified: a note must say what is not")
            }
            Self::NotEffective => f.write_str("`effective` is not the first day of the entries"),
            Self::EndsBeforeEntry(key) => write!(f, "`{key}` goes on after `through`"),
        }
    }
}

impl std::error::Error for PackError {}

impl<T> Pack<T> {
    /// The entries under a key.
    pub fn get(&self, key: &str) -> Option<&Dated<T>> {
        self.dated.get(key)
    }

    /// What holds under a key on a day.
    pub fn on(&self, key: &str, date: Date) -> Option<&Entry<T>> {
        self.get(key)?.on(date)
    }

    /// What holds under every key on a day, by key.
    pub fn in_force(&self, date: Date) -> impl Iterator<Item = &Entry<T>> {
        self.dated.values().filter_map(move |it| it.on(date))
    }

    /// All entries, by key and day.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<T>> {
        self.dated.values().flat_map(Dated::entries)
    }
}

impl<T: DeserializeOwned> Pack<T> {
    /// Reads a pack from YAML or JSON: one of ours, or an institution's own.
    ///
    /// # Errors
    /// [`PackError`], the first that is found.
    pub fn parse(text: &str) -> Result<Self, PackError> {
        let file: PackFile<T> = serde_saphyr::from_str(text)
            .map_err(|error| PackError::Malformed(error.to_string()))?;
        let PackFile { pack, title, version, jurisdiction, effective, through, .. } = file;
        let sources: BTreeMap<_, _> =
            file.sources.into_iter().map(|(name, source)| (name, Arc::new(source))).collect();
        let mut unused: BTreeSet<_> = sources.keys().cloned().collect();
        let mut dated = BTreeMap::new();
        for EntryFile { key, from, value, source: name, article, verified, note } in file.entries {
            unused.remove(&name);
            let Some(source) = sources.get(&name).cloned() else {
                return Err(PackError::UnknownSource(name));
            };
            if !verified && note.is_none() {
                return Err(PackError::Unexplained(key));
            }
            if through.is_some_and(|through| through < from) {
                return Err(PackError::EndsBeforeEntry(key));
            }
            let line: &mut Dated<T> =
                dated.entry(key.clone()).or_insert(Dated { entries: Vec::new(), through });
            if line.entries.last().is_some_and(|it| it.from >= from) {
                return Err(PackError::OutOfOrder(key));
            }
            line.entries.push(Entry { key, from, value, source, article, verified, note });
        }
        if let Some(name) = unused.pop_first() {
            return Err(PackError::UnusedSource(name));
        }
        let read = Self { name: pack, title, version, jurisdiction, effective, through, dated };
        let first = read.entries().map(|it| it.from).min();
        if first == Some(effective) { Ok(read) } else { Err(PackError::NotEffective) }
    }
}
