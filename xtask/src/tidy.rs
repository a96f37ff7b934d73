//! The conventions of the repository, as tests: a convention that can be checked is not a wish.
//!
//! A rule is a function from a text to the problems it has. Each is run twice: over the tree,
//! where it must find nothing, and over samples of what it forbids, where it must find each.
//! Suggested reading order: `graph`, `source`, `document`.

mod document;
mod graph;
mod source;

use std::{collections::BTreeSet, fs, path::Path};

use crate::root;

/// A file of the repository.
struct File {
    /// Path from the root, with `/`.
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The folder under `crates`, or `xtask`, or nothing for a file outside them.
    fn krate(&self) -> &str {
        let inner = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        let first = inner.split_once('/').map_or("", |(first, _)| first);
        if inner != self.path || first == "xtask" { first } else { "" }
    }

    /// Says where a problem is, so that an editor can jump there.
    fn problem(&self, line: usize, message: &str) -> String {
        format!("{}:{line}: {message}", self.path)
    }
}

/// The files of the repository that end so, in order of path.
fn files(ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    walk("", &mut |path| {
        if path.ends_with(ending) {
            found.push(read(path));
        }
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Reads a file that must be there.
fn read(path: &str) -> File {
    let text = fs::read_to_string(root().join(path));
    File::new(path, &text.unwrap_or_else(|error| panic!("cannot read {path}: {error}")))
}

/// Everything in a folder that is ours: not built, not downloaded, not hidden, not a database.
fn walk(folder: &str, visit: &mut dyn FnMut(&str)) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let ours = !name.starts_with('.') && name != "target" && name != "node_modules";
        match entry.file_type().unwrap().is_dir() {
            true if ours && path != "data" => walk(&path, visit),
            false if ours => visit(&path),
            _ => {}
        }
    }
}

/// The names of the folders under `crates`.
fn crates() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("crates")).unwrap();
    entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

fn exists(path: &Path) -> bool {
    path.try_exists().unwrap()
}

/// Fails with all problems at once.
#[track_caller]
fn none(problems: impl IntoIterator<Item = String>) {
    let problems: Vec<_> = problems.into_iter().collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
