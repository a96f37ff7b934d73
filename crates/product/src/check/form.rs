//! A value against its JSON Schema: the part of draft 2020-12 that [`crate::schema`] writes.

use serde_json::{Map, Value};

use crate::{
    check::choose,
    document::FLOAT_DIGITS,
    problem::{Problem, closest, join, shorten},
    schema::{FORMATS, Format},
};

/// Every place where a value differs from a schema. Without its kind known, what is in `terms`
/// and `accounting` is left alone.
pub(super) fn problems(value: &Value, schema: &Value, kind_known: bool) -> Vec<Problem> {
    let skip: &[&str] = if kind_known { &["/kind"] } else { &["/kind", "/terms", "/accounting"] };
    let mut walk = Walk { root: schema, skip, problems: Vec::new() };
    walk.value(value, schema, "");
    // The kind is a constant in the schema, and a choice for the author.
    if value.get("kind").is_some_and(|kind| !kind.is_string()) {
        walk.report("/kind", "wrong-type", "A text is needed.", "Write the name of a kind.");
    }
    walk.problems
}

struct Walk<'a> {
    root: &'a Value,
    skip: &'a [&'a str],
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn report(
        &mut self,
        path: &str,
        code: &'static str,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.problems.push(Problem::new(path, code, reason, fix));
    }

    fn value(&mut self, value: &Value, schema: &'a Value, path: &str) {
        if self.skip.contains(&path) {
            return;
        }
        let schema = self.resolve(schema);
        let names = names(schema);
        if !names.is_empty() {
            return self.name(value, &names, path);
        }
        if !self.type_fits(value, schema, path) {
            return;
        }
        match value {
            Value::Object(fields) => self.object(fields, schema, path),
            Value::Array(items) => self.array(items, schema, path),
            Value::String(text) => self.text(text, schema, path),
            Value::Number(_) => self.number(value, schema, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|it| self.root.pointer(it.trim_start_matches('#')));
        target.unwrap_or(schema)
    }

    fn name(&mut self, value: &Value, names: &[&str], path: &str) {
        match value.as_str() {
            Some(text) if names.contains(&text) => {}
            Some(text) => {
                let reason = format!("`{text}` is not one of the choices.");
                self.report(path, "unknown-value", reason, choose(text, names));
            }
            None => {
                let reason = format!("{} is not one of the choices.", describe(value));
                let fix = format!("Write one of: {}.", names.join(", "));
                self.report(path, "wrong-type", reason, fix);
            }
        }
    }

    fn type_fits(&mut self, value: &Value, schema: &Value, path: &str) -> bool {
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        let fits = types.iter().any(|it| is_type(value, it));
        if !fits {
            let wanted: Vec<_> = types.iter().map(|it| type_name(it)).collect();
            let reason =
                format!("{} is needed, not {}.", capital(&wanted.join(" or ")), describe(value));
            self.report(path, "wrong-type", reason, type_fix(value, &types, format_of(schema)));
        }
        fits
    }

    fn object(&mut self, fields: &Map<String, Value>, schema: &'a Value, path: &str) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let known: Vec<&str> = properties.into_iter().flatten().map(|(key, _)| &key[..]).collect();
        let property = |key: &str| properties.and_then(|it| it.get(key));
        let rest = schema.get("additionalProperties");
        let mut misspelled = Vec::new();
        for (key, value) in fields {
            let place = join(path, key);
            match (property(key), rest) {
                (Some(schema), _) => self.value(value, schema, &place),
                (None, Some(Value::Bool(false))) => {
                    misspelled.extend(self.unknown_field(key, fields, &known, &place));
                }
                (None, Some(schema)) => self.value(value, schema, &place),
                (None, None) => {}
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let required = required.filter_map(Value::as_str);
        // What is misspelled is there.
        for key in required.filter(|it| !fields.contains_key(*it) && !misspelled.contains(it)) {
            let title = property(key).and_then(|it| it.get("description"));
            let title = title.and_then(Value::as_str).and_then(|it| it.split(['\n', '.']).next());
            let fix = title.map_or_else(|| format!("Add `{key}`."), |it| format!("Add it: {it}."));
            self.report(&join(path, key), "missing", format!("`{key}` is missing."), fix);
        }
        self.size(fields.len(), schema.get("maxProperties"), path);
    }

    /// Reports a field that is not known; gives the one that was probably meant.
    fn unknown_field<'s>(
        &mut self,
        key: &str,
        fields: &Map<String, Value>,
        known: &[&'s str],
        place: &str,
    ) -> Option<&'s str> {
        // What is there already was not meant.
        let there = |it: &&str| fields.contains_key(*it);
        let (present, absent): (Vec<_>, Vec<_>) = known.iter().copied().partition(there);
        let near = closest(key, absent.into_iter().chain(present)).filter(|it| !there(it));
        let fix = match near {
            Some(near) => format!("Did you mean `{near}`?"),
            None if known.is_empty() => "Remove it.".to_owned(),
            None => format!("Remove it; the fields here are: {}.", known.join(", ")),
        };
        self.report(
            place,
            "unknown-field",
            format!("There is no field `{}` here.", shorten(key)),
            fix,
        );
        near
    }

    fn array(&mut self, items: &[Value], schema: &'a Value, path: &str) {
        self.size(items.len(), schema.get("maxItems"), path);
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            let reason = format!("The list has {} items; it needs {least}.", items.len());
            self.report(path, "too-few", reason, "Add what is missing.");
        }
        if let Some(schema) = schema.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.value(item, schema, &join(path, index));
            }
        }
    }

    fn size(&mut self, size: usize, max: Option<&Value>, path: &str) {
        let max = max.and_then(Value::as_u64).unwrap_or(u64::MAX);
        if size as u64 > max {
            let reason = format!("There are {size} entries; {max} are allowed.");
            self.report(path, "too-many", reason, "Shorten the list.");
        }
    }

    fn text(&mut self, text: &str, schema: &Value, path: &str) {
        let length = text.chars().count() as u64;
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
        if limit("maxLength").is_some_and(|max| length > max) {
            let max = limit("maxLength").unwrap_or_default();
            let reason = format!("The text has {length} characters; {max} are allowed.");
            return self.report(path, "too-long", reason, "Shorten it.");
        }
        if limit("minLength").is_some_and(|min| length < min) {
            return self.report(path, "empty", "The text is empty.", "Write it.");
        }
        if let Some(format) = format_of(schema).filter(|it| !(it.is)(text)) {
            let reason = format!("`{}` is not a {}.", shorten(text), format.name.replace('-', " "));
            self.report(path, format.code, reason, format!("Write {}.", format.how));
        }
    }

    fn number(&mut self, value: &Value, schema: &Value, path: &str) {
        if schema.get("format").is_some_and(|it| it == "decimal") && !kept_exactly(value) {
            let reason = format!("{value} has more digits than a number keeps exactly.");
            return self.report(path, "inexact-number", reason, "Write it in quotes.");
        }
        // Integers of the Rust types are 32 bits wide, which a schema says by a format.
        let limit = |name: &str| schema.get(name).and_then(Value::as_i64);
        let max = limit("maximum").unwrap_or(i64::from(u32::MAX));
        let min = limit("minimum").unwrap_or(0);
        let integer = schema.get("type").is_some_and(|it| it == "integer");
        if integer && value.as_i64().is_none_or(|it| it < min || it > max) {
            let reason = format!("{value} is not in {min} to {max}.");
            self.report(path, "out-of-range", reason, "Choose a number in that range.");
        }
    }
}

/// The names a schema lets one choose from; none when it is no choice.
fn names(schema: &Value) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let variants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    // A variant with documentation is a constant; those without are listed together.
    let variants = variants.flat_map(|it| {
        let listed = it.get("enum").and_then(Value::as_array).into_iter().flatten();
        it.get("const").into_iter().chain(listed)
    });
    let constant = schema.get("const").into_iter();
    listed.chain(variants).chain(constant).filter_map(Value::as_str).collect()
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => value.is_null(),
    }
}

fn type_name(name: &str) -> &'static str {
    match name {
        "object" => "a group of fields",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(it) => it.to_string(),
        Value::Number(it) => format!("the number {it}"),
        Value::String(it) => format!("the text `{}`", shorten(it)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a group of fields".to_owned(),
    }
}

/// The form a schema asks of a text, if it is one of ours.
fn format_of(schema: &Value) -> Option<&'static Format> {
    let name = schema.get("format")?.as_str()?;
    FORMATS.iter().find(|it| it.name == name)
}

fn type_fix(value: &Value, types: &[&str], format: Option<&Format>) -> String {
    match value {
        Value::Null => "Write a value or remove the field.".to_owned(),
        // What YAML takes for a number or a truth value may have been meant as a text.
        Value::Number(_) | Value::Bool(_) if types.contains(&"string") => match format {
            Some(format) if !(format.is)(&value.to_string()) => format!("Write {}.", format.how),
            _ => format!("Put it in quotes: \"{value}\"."),
        },
        Value::String(_) if types.contains(&"integer") => "Write digits without quotes.".to_owned(),
        _ => format!("Write {}.", type_name(types.first().copied().unwrap_or("object"))),
    }
}

/// A whole number, or a float whose shortest text has at most the digits that every float keeps.
fn kept_exactly(number: &Value) -> bool {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return true };
    // The text of JSON would be 1e-7; this one is 0.0000001.
    let text = float.to_string();
    let significant = text.trim_start_matches(['-', '0', '.']);
    significant.bytes().filter(u8::is_ascii_digit).count() <= FLOAT_DIGITS
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
