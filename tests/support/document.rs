//! The API's document, as the tests hold every answer to it.

use std::sync::OnceLock;

use avain_api::operations::ALL;
use avain_api::path;
use http::Method;
use serde_json::Value;

use super::Answer;

/// The document as it is checked in.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    })
}

/// Asserts that an answer is one that the document has for this call: its status, its body field by field, its headers. What no
/// operation answers (no such path, no such method) is not told there.
#[track_caller]
pub(crate) fn holds(method: &Method, path: &str, answer: &Answer) {
    let fitting = ALL.iter().filter(|it| it.method == *method && path::parameters(it.path, path).is_some());
    let Some(operation) = fitting.max_by_key(|it| path::literals(it.path)) else { return };
    let described = &document()["paths"][operation.path][method.as_str().to_lowercase()];
    let response = &described["responses"][answer.status.to_string()];
    assert!(!response.is_null(), "{}: the document has no status {}: {answer:?}", operation.name, answer.status);
    let response = resolved(response);
    for (name, header) in response["headers"].as_object().unwrap() {
        let found = answer.headers.get(name);
        assert!(found.is_some() || resolved(header)["required"] != true, "{}: no {name}: {answer:?}", operation.name);
    }
    let faults = faults(&response["content"]["application/json"]["schema"], &answer.body, "the body");
    assert!(faults.is_empty(), "{}: {faults:#?}\n{answer:?}", operation.name);
}

fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(reference) => document().pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

/// Where a value is not what its schema says. A field that is not described is a fault: the document is to tell everything.
/// Patterns are left to schemathesis.
fn faults(schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let schema = resolved(schema);
    if let Some(types) = schema.get("type") {
        let types = types.as_array().cloned().unwrap_or_else(|| vec![types.clone()]);
        if !types.iter().any(|it| it == kind(value) || (it == "integer" && value.is_u64())) {
            return vec![format!("{place} is not {types:?}: {value}")];
        }
    }
    let mut found = Vec::new();
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        found.push(format!("{place} is not one of {}: {value}", schema["enum"]));
    }
    let length = value.as_str().map(|text| text.chars().count() as u64);
    let bounds = [("minLength", length), ("minimum", value.as_u64())];
    found.extend(
        bounds
            .iter()
            .filter(|(bound, at)| schema[*bound].as_u64() > *at && at.is_some())
            .map(|(bound, _)| format!("{place}: {bound}: {value}")),
    );
    match value {
        Value::Array(items) => items.iter().for_each(|it| found.extend(faults(&schema["items"], it, place))),
        Value::Object(fields) if schema["properties"].is_object() => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            found.extend(required.filter(|it| !fields.contains_key(*it)).map(|it| format!("{place} has no {it}")));
            for (name, value) in fields {
                match schema["properties"].get(name) {
                    Some(schema) => found.extend(faults(schema, value, name)),
                    None => found.push(format!("{place} has {name}, which is not described")),
                }
            }
        }
        _ => {}
    }
    found
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
