//! docs/openapi.json is made from the table of operations, and its WS Channel part is the contract but for what is listed.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use avain_api::openapi::document;
use avain_test_support::{not_run, required};
use serde_json::Value;

#[test]
fn the_checked_in_document_is_the_tables() {
    let document = document().unwrap_or_else(|without| panic!("openapi/wires.rs: WIRES has no line for {without:?}"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let wanted = format!("{document:#}\n");
    if std::env::var_os("AVAIN_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == wanted, "docs/openapi.json is out of date; AVAIN_BLESS=1 writes it anew");
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        if let Some(reference) = value["$ref"].as_str() {
            found.insert(reference);
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|it| references(it, found)),
            Value::Array(items) => items.iter().for_each(|it| references(it, found)),
            _ => {}
        }
    }
    let document = document().unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
}

/// What is meant to differ, a line each: of which operations, the difference, and why.
const DIFFERENCES: &str = include_str!("contract_differences.txt");

#[test]
fn the_contract_is_kept_but_for_the_differences_that_are_listed() {
    let Some(path) = std::env::var_os("AVAIN_CONTRACT") else {
        assert!(!required(), "AVAIN_CONTRACT is not set");
        return not_run("the contract of the WS Channel API; AVAIN_CONTRACT is not set");
    };
    let contract: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (theirs, ours) = (of_contract(&contract), of_document(&document().unwrap()));
    assert!(theirs.len() >= 26, "{} operations", theirs.len());
    let mut found = BTreeSet::new();
    for (name, theirs) in &theirs {
        match ours.get(name) {
            None => drop(found.insert((name.as_str(), "not here".to_owned()))),
            Some(ours) => found.extend(differences(theirs, ours).map(|it| (name.as_str(), it))),
        }
    }
    let listed = listed(&theirs.keys().map(String::as_str).collect());
    let tell = |lines: Vec<&(&str, String)>| {
        lines.into_iter().map(|(name, line)| format!("{name} | {line}")).collect::<Vec<_>>().join("\n")
    };
    let unlisted = tell(found.difference(&listed).collect());
    let absent = tell(listed.difference(&found).filter(|(name, _)| ours.contains_key(*name)).collect());
    assert!(
        unlisted.is_empty() && absent.is_empty(),
        "shared/api/tests/contract_differences.txt lacks\n{unlisted}\n\nand lists what is no difference\n{absent}"
    );
}

/// The listed differences, one for each operation.
fn listed<'n>(names: &BTreeSet<&'n str>) -> BTreeSet<(&'n str, String)> {
    let mut listed = BTreeSet::new();
    for line in DIFFERENCES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [operations, difference, reason] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not OPERATIONS | DIFFERENCE | WHY: {line}")
        };
        assert!(!reason.is_empty(), "no reason: {line}");
        let words: Vec<&str> = operations.split(' ').filter(|it| !["*", "but"].contains(it)).collect();
        assert!(words.iter().all(|it| names.contains(it)), "not of the contract: {line}");
        let meant = names.iter().filter(|it| words.contains(it) != operations.starts_with('*'));
        listed.extend(meant.map(|name| (*name, difference.to_owned())));
    }
    listed
}

/// An operation in either form: what is compared, a line each by what it is about.
type Lines = BTreeMap<String, String>;

fn differences<'l>(theirs: &'l Lines, ours: &'l Lines) -> impl Iterator<Item = String> + 'l {
    let about: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    about.into_iter().filter_map(|about| match (theirs.get(about), ours.get(about)) {
        (Some(theirs), Some(ours)) if theirs == ours => None,
        (Some(theirs), Some(ours)) => Some(format!("{about}: {theirs} in the contract, {ours} here")),
        (Some(theirs), None) => Some(format!("{about}: {theirs} in the contract, absent here")),
        (None, Some(ours)) => Some(format!("{about}: absent in the contract, {ours} here")),
        (None, None) => None,
    })
}

fn operations(paths: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = paths.as_object().unwrap().iter();
    paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    })
}

/// OpenAPI 2.
fn of_contract(contract: &Value) -> BTreeMap<String, Lines> {
    let base = contract["basePath"].as_str().unwrap();
    let mut found = BTreeMap::new();
    for (path, method, operation) in operations(&contract["paths"]).filter(|(_, method, _)| *method != "options") {
        let mut lines = Lines::new();
        lines.insert("route".to_owned(), format!("{method} {base}{path}"));
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            match parameter["in"].as_str().unwrap() {
                "header" => {}
                "body" => fields(contract, &parameter["schema"], "request", &mut lines),
                place => described(&mut lines, place, parameter, parameter),
            }
        }
        secured(&mut lines, operation);
        for (status, response) in operation["responses"].as_object().unwrap() {
            answered(&mut lines, contract, status, &response["schema"]);
        }
        found.insert(operation["operationId"].as_str().unwrap().to_owned(), lines);
    }
    found
}

/// OpenAPI 3.1.
fn of_document(document: &Value) -> BTreeMap<String, Lines> {
    let content = |it: &Value| it["content"]["application/json"]["schema"].clone();
    let mut found = BTreeMap::new();
    for (path, method, operation) in operations(&document["paths"]) {
        let mut lines = Lines::new();
        lines.insert("route".to_owned(), format!("{method} {path}"));
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            described(&mut lines, parameter["in"].as_str().unwrap(), parameter, &parameter["schema"]);
        }
        if let Some(body) = operation.get("requestBody") {
            fields(document, &content(body), "request", &mut lines);
        }
        secured(&mut lines, operation);
        for (status, response) in operation["responses"].as_object().unwrap() {
            answered(&mut lines, document, status, &content(resolved(document, response)));
        }
        found.insert(operation["operationId"].as_str().unwrap().to_owned(), lines);
    }
    found
}

fn described(lines: &mut Lines, place: &str, parameter: &Value, schema: &Value) {
    let required = if parameter["required"] == true { "required" } else { "optional" };
    let name = parameter["name"].as_str().unwrap();
    lines.insert(format!("{place} {name}"), format!("{required} {}", kind(schema)));
}

/// Without credentials the contract has `[{}]`, OpenAPI 3.1 `[]` as well.
fn secured(lines: &mut Lines, operation: &Value) {
    let schemes = operation["security"].as_array().unwrap().iter().flat_map(|it| it.as_object().unwrap().keys());
    lines.insert("security".to_owned(), schemes.cloned().collect::<Vec<_>>().join(" and "));
}

fn answered(lines: &mut Lines, whole: &Value, status: &str, schema: &Value) {
    lines.insert(format!("status {status}"), "answered".to_owned());
    if status.starts_with('2') {
        fields(whole, schema, "answer", lines);
    } else {
        // One shape for every failure: told once.
        fields(whole, schema, "failure", lines);
    }
}

/// The fields of an object and of those inside it.
fn fields(whole: &Value, schema: &Value, place: &str, lines: &mut Lines) {
    let schema = resolved(whole, schema);
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let must = if required.contains(&name.as_str()) { "required" } else { "optional" };
        let field = resolved(whole, field);
        lines.insert(format!("{place} {name}"), format!("{must} {}", kind(field)));
        let inside = if field["type"] == "array" { resolved(whole, &field["items"]) } else { field };
        fields(whole, inside, &format!("{place} {name}"), lines);
    }
}

fn resolved<'v>(whole: &'v Value, schema: &'v Value) -> &'v Value {
    match schema["$ref"].as_str() {
        Some(reference) => whole.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

/// Type and words of a value; that null counts as absent in a body, and the empty text in a query, is no difference.
fn kind(schema: &Value) -> String {
    let schema = schema.pointer("/anyOf/0").unwrap_or(schema);
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).filter(|it| *it != "null").collect(),
        one => one.as_str().into_iter().collect(),
    };
    match schema["enum"].as_array() {
        Some(words) => {
            let words: BTreeSet<String> = words.iter().filter(|it| !it.is_null()).map(Value::to_string).collect();
            format!("{} of {}", types.join(" or "), words.into_iter().collect::<Vec<_>>().join(", "))
        }
        None => types.join(" or "),
    }
}
