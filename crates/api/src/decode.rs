//! From bytes to a value, or to the place where they are wrong.

use product::problem::{closest, join};
use serde::de::{DeserializeOwned, Error};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use crate::problem::{ApiError, Fault};

/// Begins the message of a [`refuse`]d value, parts its code from its sentence and ends it. No
/// other message begins with it, whatever a caller writes into a name that is repeated in one.
const SEPARATOR: char = '\u{1f}';

/// The error of a `Deserialize` that read a value it refuses: `code` is stable.
pub(crate) fn refuse<E: Error>(code: &str, detail: impl std::fmt::Display) -> E {
    E::custom(format_args!("{SEPARATOR}{code}{SEPARATOR}{detail}{SEPARATOR}"))
}

/// Reads a JSON body.
///
/// # Errors
/// 400 `malformed-body` with the pointer of what is wrong.
pub(crate) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json);
    let value = read.map_err(|error| {
        let (path, error) = (error.path(), error.inner());
        let fault = if error.is_data() { fault(path, &error.to_string()) } else { not_json(error) };
        ApiError::malformed_body(fault)
    })?;
    json.end().map_err(|error| ApiError::malformed_body(not_json(&error)))?;
    Ok(value)
}

/// Reads the parameters of a query; each may be there once.
///
/// # Errors
/// 400 `malformed-query` with the parameter that is wrong.
pub(crate) fn query<T: DeserializeOwned>(pairs: Vec<(String, String)>) -> Result<T, ApiError> {
    let mut map = Map::new();
    for (name, value) in pairs {
        if map.insert(name.clone(), Value::String(value)).is_some() {
            let fault = Fault::at(join("", &name), "duplicate-parameter", "It is there twice.");
            return Err(ApiError::malformed_query(parameter(fault)));
        }
    }
    serde_path_to_error::deserialize(Value::Object(map)).map_err(|error| {
        ApiError::malformed_query(parameter(fault(error.path(), &error.inner().to_string())))
    })
}

fn parameter(fault: Fault) -> Fault {
    let name = fault.pointer.map(|it| it.trim_start_matches('/').to_owned());
    Fault { pointer: None, parameter: name, ..fault }
}

fn not_json(error: &serde_json::Error) -> Fault {
    Fault::at("", "malformed-json", format!("It is not JSON: {error}."))
}

fn fault(path: &Path, message: &str) -> Fault {
    let pointer = pointer(path);
    if let ["", code, detail, ..] = message.split(SEPARATOR).collect::<Vec<_>>()[..] {
        return Fault::at(pointer, code, detail);
    }
    // What serde_json adds of line and column says less than the pointer.
    let message = message.split(" at line ").next().unwrap_or(message);
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (code, pointer) = match message.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["unknown", "field"] => ("unknown-field", pointer),
        ["unknown", "variant"] => ("unknown-value", pointer),
        ["missing", "field"] => {
            ("missing-field", join(&pointer, quoted.first().copied().unwrap_or_default()))
        }
        ["duplicate", "field"] => ("duplicate-field", pointer),
        _ => ("wrong-type", pointer),
    };
    Fault { fix: fix(code, &quoted), ..Fault::at(pointer, code, format!("{message}.")) }
}

/// What was probably meant, where a name is not one of those known.
fn fix(code: &str, quoted: &[&str]) -> Option<String> {
    let (wrong, known) = quoted.split_first()?;
    match (code, closest(wrong, known.iter().copied())) {
        ("unknown-field" | "unknown-value", Some(near)) => Some(format!("Did you mean `{near}`?")),
        ("unknown-field", None) => Some("Leave it out.".to_owned()),
        ("unknown-value", None) => Some("Use one of those named.".to_owned()),
        ("missing-field", _) => Some(format!("Add `{wrong}`.")),
        _ => None,
    }
}

fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => join(&pointer, index),
        Segment::Map { key } => join(&pointer, key),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}
