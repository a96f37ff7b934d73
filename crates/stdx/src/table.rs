//! Test tables: a text whose rows are cases and whose first row names the columns.
//!
//! ```text
//! principal  rate   => interest
//! 1000.00    0.12   => 10.00
//! ```
//!
//! Cells are separated by white space; `=>` is an arrow for the reader and is skipped; a text
//! from `#` to the end of the line is a comment; a cell in double quotes may hold spaces.

use std::str::FromStr;

/// One row of a table, its cells reached by column name.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    columns: Vec<&'a str>,
    cells: Vec<&'a str>,
    /// Line in the text, from 1.
    pub line: usize,
}

impl<'a> Row<'a> {
    /// The cell under a column.
    ///
    /// # Panics
    /// When there is no such column: the table is part of the test, so this is a mistake in it.
    pub fn text(&self, column: &str) -> &'a str {
        let index = self.columns.iter().position(|name| *name == column);
        let index = index.unwrap_or_else(|| panic_at(self.line, &format!("no column `{column}`")));
        self.cells[index]
    }

    /// The cell under a column, parsed.
    ///
    /// # Panics
    /// When there is no such column or the cell does not parse.
    pub fn get<T: FromStr>(&self, column: &str) -> T {
        let cell = self.text(column);
        let parsed = cell.parse().ok();
        parsed.unwrap_or_else(|| panic_at(self.line, &format!("`{column}` cannot be `{cell}`")))
    }

    /// Whether the table has a column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains(&column)
    }

    /// How many columns the table has.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Like [`Row::get`], with `-` for nothing.
    ///
    /// # Panics
    /// As [`Row::get`].
    pub fn option<T: FromStr>(&self, column: &str) -> Option<T> {
        (self.text(column) != "-").then(|| self.get(column))
    }
}

/// The rows under the header row.
///
/// # Panics
/// When a row has another number of cells than the header.
pub fn parse(text: &str) -> Vec<Row<'_>> {
    let mut lines = lines(text);
    let Some((_, columns)) = lines.next() else { return Vec::new() };
    lines
        .map(|(line, cells)| {
            if cells.len() != columns.len() {
                panic_at(line, &format!("{} cells under {} columns", cells.len(), columns.len()))
            }
            Row { columns: columns.clone(), cells, line }
        })
        .collect()
}

/// The lines that hold something, with their number (from 1) and their cells.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let numbered = text.lines().enumerate();
    let split = numbered.map(|(index, line)| (index + 1, cells(line)));
    split.filter(|(_, cells)| !cells.is_empty())
}

fn cells(line: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        if cell != "=>" {
            cells.push(cell);
        }
        rest = after.trim_start();
    }
    cells
}

#[allow(clippy::panic, reason = "a broken table is a broken test")]
fn panic_at(line: usize, message: &str) -> ! {
    panic!("table line {line}: {message}")
}
