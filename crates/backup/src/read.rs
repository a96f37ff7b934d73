//! The segments of a directory, read as one log.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use ledger::InstitutionId;
use stdx::{Digest, Timestamp};
use store::{Chains, LogRow};

use crate::{
    Fault,
    segment::{End, Place, Reader, Trouble},
};

/// What a segment's name ends with.
const EXTENSION: &str = "segment";
/// How much of a file is read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// A backup that can be read; the segments there were when it was opened.
#[derive(Clone, Debug)]
pub struct Backup {
    directory: PathBuf,
    segments: u64,
}

/// What [`Backup::check`] went through.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Segments.
    pub segments: u64,
    /// Rows of the log.
    pub rows: u64,
    /// The positions of the first and the last row.
    pub positions: (u64, u64),
    /// The earliest and the latest moment at which something was booked.
    pub moments: (Timestamp, Timestamp),
    /// The digest that ends the last segment; all bytes lead to it.
    pub digest: Digest,
    /// The log of each institution: its rows and its state hash.
    pub institutions: BTreeMap<InstitutionId, Chains>,
}

impl Backup {
    /// The backup in a directory.
    ///
    /// # Errors
    /// [`Fault::Empty`], [`Fault::Missing`], [`Fault::Stray`], [`Fault::Io`].
    pub fn open(directory: &Path) -> Result<Self, Fault> {
        let (directory, segments) = (directory.to_owned(), count(directory)?);
        if segments == 0 { Err(Fault::Empty(directory)) } else { Ok(Self { directory, segments }) }
    }

    /// All rows in order. Each was checked; after one that does not hold there is no other.
    pub fn rows(&self) -> Rows {
        Rows { backup: self.clone(), end: End::default(), segment: None, is_over: false }
    }

    /// Reads everything and checks it: that no byte was changed, and that each row follows from
    /// the row before it in its lane. Memory grows with lanes.
    ///
    /// # Errors
    /// [`Fault::Damaged`]; [`Fault::Store`] naming a row that does not follow; [`Fault::Io`].
    pub fn check(&self) -> Result<Summary, Fault> {
        let mut summary: Option<Summary> = None;
        let mut rows = self.rows();
        for row in &mut rows {
            let row = row?;
            let summary = summary.get_or_insert_with(|| Summary {
                segments: self.segments,
                rows: 0,
                positions: (row.position, row.position),
                moments: (row.at, row.at),
                digest: Digest::ZERO,
                institutions: BTreeMap::new(),
            });
            summary.rows += 1;
            summary.positions.1 = row.position;
            summary.moments = (summary.moments.0.min(row.at), summary.moments.1.max(row.at));
            summary.institutions.entry(row.institution).or_default().follow(&row)?;
        }
        let summary = summary.ok_or_else(|| Fault::Empty(self.directory.clone()))?;
        Ok(Summary { digest: rows.end.digest, ..summary })
    }
}

/// The rows of a backup, in order.
pub struct Rows {
    backup: Backup,
    /// How the segments that were read end.
    end: End,
    segment: Option<Segment>,
    is_over: bool,
}

impl Rows {
    fn read(&mut self) -> Result<Option<LogRow>, Fault> {
        loop {
            let segment = match &mut self.segment {
                Some(segment) => segment,
                None if self.end.number == self.backup.segments => return Ok(None),
                none => {
                    let (directory, number) = (&self.backup.directory, self.end.number + 1);
                    none.insert(Segment::open(directory, number, Some(&self.end))?)
                }
            };
            let row = segment.read()?;
            self.end = segment.reader.end;
            if row.is_some() {
                return Ok(row);
            }
            self.segment = None;
        }
    }
}

impl Iterator for Rows {
    type Item = Result<LogRow, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let row = self.read().transpose();
        self.is_over = !matches!(row, Some(Ok(_)));
        row
    }
}

/// A segment in its file.
struct Segment {
    file: PathBuf,
    reader: Reader<BufReader<File>>,
}

impl Segment {
    fn open(directory: &Path, number: u64, before: Option<&End>) -> Result<Self, Fault> {
        let file = path(directory, number);
        let opened = File::open(&file).map_err(Fault::io(&file))?;
        let input = BufReader::with_capacity(BUFFER_BYTES, opened);
        match Reader::begin(input, number, before) {
            Ok(reader) => Ok(Self { file, reader }),
            Err(trouble) => Err(fault(&file, trouble)),
        }
    }

    fn read(&mut self) -> Result<Option<LogRow>, Fault> {
        self.reader.next().map_err(|trouble| fault(&self.file, trouble))
    }
}

fn fault(file: &Path, trouble: Trouble) -> Fault {
    match trouble {
        Trouble::Io(error) => Fault::io(file)(error),
        Trouble::Damaged(Place { frame, offset, after, restorable }, damage) => {
            Fault::Damaged { file: file.to_owned(), frame, offset, after, restorable, damage }
        }
    }
}

/// How a segment ends and its last row, when all of it is whole. A segment always has a row.
pub(crate) fn last(directory: &Path, number: u64) -> Result<(End, Option<LogRow>), Fault> {
    let mut segment = Segment::open(directory, number, None)?;
    let mut last = None;
    while let Some(row) = segment.read()? {
        last = Some(row);
    }
    Ok((segment.reader.end, last))
}

/// The file of a segment.
pub(crate) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}")).with_extension(EXTENSION)
}

/// How many segments there are: all from the first to the last.
pub(crate) fn count(directory: &Path) -> Result<u64, Fault> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory).map_err(Fault::io(directory))? {
        let file = entry.map_err(Fault::io(directory))?.path();
        if file.extension().is_some_and(|it| it == EXTENSION) {
            let stem = file.file_stem().and_then(|it| it.to_str());
            let number = stem.and_then(|it| it.parse().ok());
            let number = number.filter(|it| *it > 0 && path(directory, *it) == file);
            numbers.push(number.ok_or(Fault::Stray(file))?);
        }
    }
    numbers.sort_unstable();
    let missing = (1..).zip(&numbers).find(|(expected, number)| expected != *number);
    match missing {
        Some((expected, _)) => Err(Fault::Missing(path(directory, expected))),
        None => Ok(numbers.len() as u64),
    }
}
