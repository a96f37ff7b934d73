//! From a text to a JSON value, with nothing lost on the way.
//!
//! The parser's events are turned into the value here, and not by a generic deserializer, for
//! three reasons: a number is never rounded to a float (one with more digits than a float keeps
//! exactly stays a text), each place knows its line, and every limit is one of ours.
//!
//! The accepted YAML is what JSON can say: no aliases (a small text could grow without bound), no
//! tags, no second document, no key twice.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::problem::{Problem, join, shorten};

/// The largest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// The deepest nesting.
pub const DEPTH_MAX: usize = 16;
/// The most values in a document.
pub const NODES_MAX: usize = 20_000;
/// The longest key, in bytes: a place is as long as the keys on the way to it.
pub const KEY_BYTES_MAX: usize = 200;
/// Decimal digits that a float keeps exactly (IEEE 754 binary64, DBL_DIG).
pub const FLOAT_DIGITS: usize = 15;

/// A value and, when it was read from a text, the line of each place and what was not read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    value: Value,
    lines: BTreeMap<String, usize>,
    problems: Vec<Problem>,
}

impl Document {
    /// Reads YAML or JSON. A key that is there twice, a tag, an alias is a problem of the document
    /// ([`Document::problems`]); the rest is read.
    ///
    /// # Errors
    /// What makes it unreadable as a whole.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > TEXT_BYTES_MAX {
            let reason =
                format!("The file has {} bytes; {TEXT_BYTES_MAX} are allowed.", text.len());
            return Err(Problem::new("", "too-large", reason, "Shorten it."));
        }
        let parser = Parser::new_from_str(text);
        Reader { parser, nodes: 0, lines: BTreeMap::new(), problems: Vec::new() }.document()
    }

    /// A value that came from elsewhere, such as the body of a request.
    ///
    /// # Errors
    /// When it is nested too deeply or holds too many values.
    pub fn from_value(value: Value) -> Result<Self, Problem> {
        let mut nodes = 0;
        measure(&value, "", 0, &mut nodes)?;
        Ok(Self { value, ..Self::default() })
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// What in it was not read. It has no definition as long as there is any.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The line of a place, or of the nearest place around it.
    pub fn line(&self, pointer: &str) -> Option<usize> {
        let around = std::iter::successors(Some(pointer), |it| it.rsplit_once('/').map(|it| it.0));
        around.filter_map(|pointer| self.lines.get(pointer)).copied().next()
    }

    /// Puts `text`, read as YAML, at a dotted place such as `terms.interest.rate` or
    /// `terms.fees[0].amount`: `--set place=text` on the command line.
    ///
    /// # Errors
    /// `unknown-place` when there is nothing at the place and nothing could be added there.
    pub fn set(&mut self, place: &str, text: &str) -> Result<(), Problem> {
        let new = Self::parse(text)?;
        if let Some(problem) = new.problems.into_iter().next() {
            return Err(problem);
        }
        let unknown = || {
            let reason = format!("There is no place `{}` in the definition.", shorten(place));
            Problem::new("", "unknown-place", reason, "Write it like `terms.interest.rate`.")
        };
        let steps = steps(place).ok_or_else(unknown)?;
        let (last, around) = steps.split_last().ok_or_else(unknown)?;
        let around = around.iter().try_fold(&mut self.value, |value, step| step.within(value));
        match (around, last) {
            (Some(Value::Object(fields)), Step::Field(name)) => {
                fields.insert((*name).to_owned(), new.value);
            }
            (Some(Value::Array(items)), Step::Item(index)) if *index < items.len() => {
                items[*index] = new.value;
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

/// A step of a dotted place.
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl Step<'_> {
    fn within<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Self::Field(name) => value.get_mut(*name),
            Self::Item(index) => value.get_mut(*index),
        }
    }
}

/// The steps of a dotted place: `fees[0].amount` is field `fees`, item 0, field `amount`.
fn steps(place: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    for part in place.split('.') {
        let (name, items) =
            part.split_once('[').map_or((part, None), |(it, rest)| (it, Some(rest)));
        if name.is_empty() || name.contains(']') {
            return None;
        }
        steps.push(Step::Field(name));
        for item in items.into_iter().flat_map(|it| it.split('[')) {
            steps.push(Step::Item(item.strip_suffix(']')?.parse().ok()?));
        }
    }
    Some(steps)
}

fn measure(value: &Value, path: &str, depth: usize, nodes: &mut usize) -> Result<(), Problem> {
    count(path, depth, nodes)?;
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| measure(item, &join(path, index), depth + 1, nodes)),
        Value::Object(fields) => fields
            .iter()
            .try_for_each(|(key, value)| measure(value, &place(path, key)?, depth + 1, nodes)),
        _ => Ok(()),
    }
}

/// The place of a field.
fn place(path: &str, key: &str) -> Result<String, Problem> {
    if key.len() > KEY_BYTES_MAX {
        let reason = format!("The key `{}` is longer than {KEY_BYTES_MAX} bytes.", shorten(key));
        return Err(Problem::new(path, "too-long", reason, "Shorten it."));
    }
    Ok(join(path, key))
}

fn count(path: &str, depth: usize, nodes: &mut usize) -> Result<(), Problem> {
    *nodes += 1;
    if depth > DEPTH_MAX {
        let reason = format!("The nesting is deeper than {DEPTH_MAX} levels.");
        return Err(Problem::new(path, "too-deep", reason, "No definition needs this."));
    }
    if *nodes > NODES_MAX {
        let reason = format!("There are more than {NODES_MAX} values.");
        return Err(Problem::new(path, "too-large", reason, "Shorten the lists."));
    }
    Ok(())
}

/// Builds a value from the parser's events.
struct Reader<'a> {
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    nodes: usize,
    lines: BTreeMap<String, usize>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Document, Problem> {
        let value = match self.skip_to_node()? {
            (Event::StreamEnd, _) => Value::Null,
            (event, span) => self.node(event, span, "", 0)?,
        };
        let (after, span) = self.skip_to_node()?;
        if !matches!(after, Event::StreamEnd) {
            let reason = "There is a second document in the file.";
            let problem = Problem::new("", "several-documents", reason, "Write one file each.");
            return Err(Problem { line: Some(span.start.line()), ..problem });
        }
        Ok(Document { value, lines: self.lines, problems: self.problems })
    }

    /// The next event that begins a value, or the end.
    fn skip_to_node(&mut self) -> Result<(Event<'a>, Span), Problem> {
        loop {
            let next = self.next()?;
            let frame = matches!(
                next.0,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd
            );
            if !frame {
                return Ok(next);
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let reason = format!("This is not YAML: {}.", error.info());
                let fix = "Look at the indentation, quotes and brackets up to here.";
                Err(Problem {
                    line: Some(error.marker().line()),
                    ..Problem::new("", "not-yaml", reason, fix)
                })
            }
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        path: &str,
        depth: usize,
    ) -> Result<Value, Problem> {
        let line = span.start.line();
        self.lines.entry(path.to_owned()).or_insert(line);
        let measured = count(path, depth, &mut self.nodes);
        measured.map_err(|problem| Problem { line: Some(line), ..problem })?;
        let tag = match &event {
            Event::Scalar(.., tag)
            | Event::SequenceStart(.., tag)
            | Event::MappingStart(.., tag) => tag.is_some(),
            _ => false,
        };
        if tag {
            self.report(path, line, "tag", "YAML tags are not read.", "Remove the tag.");
        }
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => Ok(plain(&text)),
            Event::Scalar(text, ..) => Ok(Value::String(text.into_owned())),
            Event::SequenceStart(..) => self.sequence(path, depth),
            Event::MappingStart(..) => self.mapping(path, depth),
            _ => {
                let fix = "Write the value out where it is used.";
                self.report(path, line, "alias", "YAML aliases are not read.", fix);
                Ok(Value::Null)
            }
        }
    }

    fn report(&mut self, path: &str, line: usize, code: &'static str, reason: &str, fix: &str) {
        let problem = Problem::new(path, code, reason, fix);
        self.problems.push(Problem { line: Some(line), ..problem });
    }

    fn sequence(&mut self, path: &str, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                (event, span) => {
                    items.push(self.node(event, span, &join(path, items.len()), depth + 1)?);
                }
            }
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Value, Problem> {
        let mut fields = Map::new();
        loop {
            let (key, line) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Value::Object(fields)),
                (Event::Scalar(key, ..), span) => (key.into_owned(), span.start.line()),
                (_, span) => {
                    let problem =
                        Problem::new(path, "key", "A key must be a text.", "Write `key: value`.");
                    return Err(Problem { line: Some(span.start.line()), ..problem });
                }
            };
            let place = place(path, &key)?;
            self.lines.entry(place.clone()).or_insert(line);
            let (event, span) = self.next()?;
            let value = self.node(event, span, &place, depth + 1)?;
            if fields.contains_key(&key) {
                let reason = format!("`{}` is there twice.", shorten(&key));
                self.report(&place, line, "duplicate-key", &reason, "Keep one.");
            } else {
                fields.insert(key, value);
            }
        }
    }
}

/// A plain scalar by the core schema of YAML 1.2 (§10.3.2), decimal numbers only.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// The number a text is, if it is one that is kept exactly.
fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    let exact = whole.len() + fraction.len() <= FLOAT_DIGITS;
    if !numeric(whole) || !numeric(fraction) || !exact {
        return None;
    }
    match text.parse::<i64>() {
        Ok(integer) => Some(Number::from(integer)),
        // What JSON would write with an exponent stays a text, which is read back as it is.
        Err(_) => {
            let float = text.parse().ok().and_then(Number::from_f64);
            float.filter(|it| !it.to_string().contains('e'))
        }
    }
}
