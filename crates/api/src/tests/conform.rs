//! Every answer that a test sees is one that the document describes.

use std::sync::LazyLock;

use serde_json::Value;

use super::world::Reply;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&crate::openapi()).unwrap());

/// Fails when the document does not know the status, or describes another body for it.
#[track_caller]
pub(crate) fn conforms(method: &str, path: &str, reply: &Reply) {
    let Some(operation) = operation(method, path) else { return };
    let problem = reply.status >= 400;
    let status = if problem { "default".to_owned() } else { reply.status.to_string() };
    let response = resolved(&operation["responses"][&status]);
    assert!(response.is_object(), "{method} {path}: {status} is not described");
    for other in ["text/csv", "application/pdf"] {
        if reply.header("content-type").is_some_and(|it| it.starts_with(other)) {
            assert!(response["content"][other].is_object(), "{method} {path}: no {other}");
            return;
        }
    }
    let format = if problem { "problem+json" } else { "json" };
    let schema = &response["content"][format!("application/{format}")]["schema"];
    let told = misfit(schema, &reply.json(), "");
    assert_eq!(told, None, "{method} {path} {status}: {}", reply.text);
}

/// The operation of a path; where several fit, the one with the fewest names in its path.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |template: &str| {
        let parts = || template.split('/').zip(path.split('/'));
        let same = template.split('/').count() == path.split('/').count();
        same && parts().all(|(ours, theirs)| ours == theirs || ours.starts_with('{'))
    };
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let (_, item) =
        paths.filter(|(it, _)| fits(it)).min_by_key(|(it, _)| it.matches('{').count())?;
    item.get(method.to_lowercase())
}

fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(&reference[1..]).unwrap(),
        None => value,
    }
}

/// Where a value is not what its schema says, and why.
fn misfit(schema: &'static Value, value: &Value, at: &str) -> Option<String> {
    let schema = resolved(schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices.iter().any(|it| misfit(it, value, at).is_none());
        return (!fits).then(|| format!("{at}: none of its forms"));
    }
    if let Some(names) = schema["enum"].as_array() {
        return (!names.contains(value)).then(|| format!("{at}: not one of its names"));
    }
    if !of_type(&schema["type"], value) {
        return Some(format!("{at}: not of type {}", schema["type"]));
    }
    match value {
        Value::Array(items) => items.iter().find_map(|it| misfit(&schema["items"], it, at)),
        Value::Object(fields) => misfit_of_fields(schema, fields, at),
        _ => None,
    }
}

fn misfit_of_fields(
    schema: &'static Value,
    fields: &serde_json::Map<String, Value>,
    at: &str,
) -> Option<String> {
    let known = schema["properties"].as_object()?;
    let mut required = schema["required"].as_array().into_iter().flatten();
    let missing = required.find(|it| !fields.contains_key(it.as_str().unwrap()));
    missing.map(|it| format!("{at}: {it} is missing")).or_else(|| {
        fields.iter().find_map(|(name, field)| match known.get(name) {
            Some(schema) => misfit(schema, field, &format!("{at}/{name}")),
            None => Some(format!("{at}/{name} is not described")),
        })
    })
}

fn of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

#[test]
fn what_does_not_conform_is_found() {
    let schema = resolved(&DOCUMENT["components"]["schemas"]["RevokedKey"]);
    let told = |value: Value| misfit(schema, &value, "").unwrap_or_default();
    assert_eq!(told(serde_json::json!({ "id": "x" })), "");
    assert_eq!(told(serde_json::json!({ "id": 1 })), "/id: not of type \"string\"");
    assert_eq!(told(serde_json::json!({})), ": \"id\" is missing");
    assert_eq!(told(serde_json::json!({ "id": "x", "x": 1 })), "/x is not described");
    assert_eq!(told(serde_json::json!([])), ": not of type \"object\"");
}
