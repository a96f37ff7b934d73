//! A document before it has pages: a title and blocks of text, facts and tables.

use stdx::Date;

use crate::{Bilingual, Issuer, Language};

/// Everything a PDF shows, in one language.
pub(crate) struct Sheet<'a> {
    pub(crate) language: Language,
    pub(crate) issuer: &'a Issuer,
    pub(crate) title: Bilingual,
    /// Beside the name of the issuer, on every page.
    pub(crate) reference: String,
    pub(crate) issued_on: Date,
    pub(crate) blocks: Vec<Block>,
}

pub(crate) enum Block {
    /// Labels and values in two columns.
    Facts(Vec<Fact>),
    /// The figures a reader looks for first, in boxes side by side.
    Cards(Vec<Fact>),
    Heading(String),
    Paragraph(String),
    Table(Table),
}

pub(crate) struct Fact {
    pub(crate) label: String,
    pub(crate) value: String,
    /// Takes the whole width.
    pub(crate) wide: bool,
}

impl Fact {
    pub(crate) fn new(label: &str, value: impl Into<String>) -> Self {
        Self { label: label.to_owned(), value: value.into(), wide: false }
    }

    pub(crate) fn wide(label: &str, value: impl Into<String>) -> Self {
        Self { wide: true, ..Self::new(label, value) }
    }
}

/// Rows under a head that is repeated on every page.
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// As many cells each as there are columns.
    pub(crate) rows: Vec<Vec<String>>,
    /// The last row, set apart.
    pub(crate) total: Option<Vec<String>>,
}

#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) head: String,
    pub(crate) align: Align,
}

impl Column {
    /// Text, which wraps.
    pub(crate) fn text(head: &str) -> Self {
        Self { head: head.to_owned(), align: Align::Left }
    }

    /// Dates and numbers, which do not wrap.
    pub(crate) fn short(head: &str) -> Self {
        Self { head: head.to_owned(), align: Align::LeftShort }
    }

    /// Amounts, which do not wrap.
    pub(crate) fn amount(head: &str) -> Self {
        Self { head: head.to_owned(), align: Align::Right }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    LeftShort,
    Right,
}

impl Table {
    /// Takes out columns that hold nothing in any row: `–` is nothing.
    pub(crate) fn without_empty_columns(mut self) -> Self {
        let rows = || self.rows.iter().chain(&self.total);
        let used: Vec<bool> = (0..self.columns.len())
            .map(|column| rows().any(|row| !["", "–"].contains(&&*row[column])))
            .collect();
        let keep = |cells: Vec<String>| -> Vec<String> {
            cells.into_iter().zip(&used).filter(|(_, used)| **used).map(|(it, _)| it).collect()
        };
        self.rows = self.rows.into_iter().map(keep).collect();
        self.total = self.total.map(keep);
        let columns = self.columns.into_iter().zip(&used);
        self.columns = columns.filter(|(_, used)| **used).map(|(it, _)| it).collect();
        self
    }
}
