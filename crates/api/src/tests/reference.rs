//! The generated pages: what is committed is what the code says.

use expect_test::expect_file;
use serde_json::Value;

#[test]
fn the_openapi_document_is_the_committed_one() {
    expect_file!["../../../../docs/reference/openapi.json"].assert_eq(&crate::openapi());
}

#[test]
fn the_authorization_table_is_the_committed_one() {
    expect_file!["../../../../docs/reference/authorization.md"].assert_eq(&crate::authorization());
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document: Value = serde_json::from_str(&crate::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|it| collect(it, references));
        }
        Value::Array(items) => items.iter().for_each(|it| collect(it, references)),
        _ => {}
    }
}

#[test]
fn every_operation_and_every_field_is_explained() {
    let document: Value = serde_json::from_str(&crate::openapi()).unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{method} {path}");
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            // That of what may be null stands with what it is otherwise.
            let told = ["/description", "/oneOf/0/description"].into_iter();
            let told = told.filter_map(|it| property.pointer(it)).next().is_some();
            let told = told || field == "id";
            assert!(told, "{name}.{field} has no description");
        }
    }
}

#[test]
fn the_page_of_documents_loads_nothing_from_elsewhere() {
    let page = include_str!("../docs/page.html");
    for elsewhere in ["http://", "https://", "//cdn", "@import", "src=\"", "stylesheet"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn the_page_of_documents_has_a_chinese_title_for_every_operation() {
    let page = include_str!("../docs/page.html");
    let document: Value = serde_json::from_str(&crate::openapi()).unwrap();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let title = format!("{}: \"", operation["operationId"].as_str().unwrap());
            assert!(page.contains(&title), "{title}");
        }
    }
}
