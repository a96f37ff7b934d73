//! What is wrong with a definition, said so that its author can mend it.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901). A missing field is named where it should be.
    pub path: String,
    /// The line of the file, from 1, when the definition was read from a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What sort of problem, stable and kebab-case.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub fix: String,
}

impl Problem {
    /// A problem at a JSON pointer, its line not known.
    pub fn new(
        path: impl Into<String>,
        code: &'static str,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), line: None, code, reason: reason.into(), fix: fix.into() }
    }

    /// The place as people write it: `terms.fees[0].amount`, and `(file)` for the whole.
    pub fn place(&self) -> String {
        let mut place = String::new();
        for step in self.path.split('/').skip(1) {
            let step = unescape(step);
            if step.bytes().all(|it| it.is_ascii_digit()) && !step.is_empty() {
                place.push_str(&format!("[{step}]"));
            } else {
                place.push_str(if place.is_empty() { "" } else { "." });
                place.push_str(&step);
            }
        }
        if place.is_empty() { "(file)".to_owned() } else { place }
    }
}

/// `terms.amount.min: reason. fix (code)`, with the line in front when it is known.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        write!(f, "{}: {} {} ({})", self.place(), self.reason, self.fix, self.code)
    }
}

/// A pointer one step deeper: `~` and `/` in the step are escaped.
pub fn join(pointer: &str, step: impl fmt::Display) -> String {
    let step = step.to_string().replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{step}")
}

/// A step of a pointer as the key it stands for.
fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// The candidate nearest to `text`, when it is near enough to be a slip of the pen.
pub fn closest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = 1 + text.chars().count() / 4;
    let distances = candidates.into_iter().map(|it| (strsim::damerau_levenshtein(text, it), it));
    let nearest = distances.filter(|(distance, _)| *distance <= near).min_by_key(|(it, _)| *it);
    nearest.map(|(_, candidate)| candidate)
}

/// The beginning of a text that somebody wrote, short enough for a message.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
