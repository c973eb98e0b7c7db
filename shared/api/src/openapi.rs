//! The API's document (OpenAPI 3.1), made from the table of operations and the shapes of what goes over the wire. It is checked
//! in as `docs/openapi.json`, and served as it is there.

mod answers;
mod parameters;
mod requests;
pub mod shape;
mod wires;

use std::collections::BTreeMap;

use avain_domain::Failure;
use serde_json::{Map, Value, json};

use crate::call::{Access, Call, Running};
use crate::deps::Need;
use crate::operations::{ALL, Operation};
use shape::{Side, components, reference};
use wires::WIRES;

/// The document as it was checked in.
const CHECKED_IN: &str = include_str!("../../../docs/openapi.json");

/// What an operation carries besides its path.
pub struct Wire {
    /// The operation's name.
    pub operation: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Query parameters.
    pub query: &'static [shape::Field],
    /// Body of the request.
    pub body: Option<&'static shape::Shape>,
    /// Body of the success.
    pub answer: &'static shape::Shape,
    /// Statuses of failures that do not follow from its row.
    pub failures: &'static [u16],
}

/// GetOpenApi.
pub(crate) fn get<'a>(_: &'a Call<'a>) -> Running<'a> {
    Box::pin(async {
        serde_json::from_str(CHECKED_IN).map_err(|error| Failure::Internal(format!("docs/openapi.json: {error}")))
    })
}

/// The wire shape of an operation.
#[must_use]
pub fn wire(operation: &Operation) -> Option<&'static Wire> {
    WIRES.iter().find(|wire| wire.operation == operation.name)
}

/// The document, its keys in the order of the alphabet; or the names of the operations that have no wire shape.
pub fn document() -> Result<Value, Vec<&'static str>> {
    let without: Vec<&'static str> = ALL.iter().filter(|it| wire(it).is_none()).map(|it| it.name).collect();
    if !without.is_empty() {
        return Err(without);
    }
    let mut paths: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    let mut schemas = components(&shape::ERROR, Side::Answer);
    let mut tags: Vec<&str> = Vec::new();
    for (operation, wire) in ALL.iter().filter_map(|it| wire(it).map(|wire| (it, wire))) {
        let method = operation.method.as_str().to_lowercase();
        paths.entry(operation.path).or_default().insert(method, described(operation, wire));
        schemas.extend(components(wire.answer, Side::Answer));
        schemas.extend(wire.body.into_iter().flat_map(|body| components(body, Side::Request)));
        if !tags.contains(&tag(operation)) {
            tags.push(tag(operation));
        }
    }
    let tags: Vec<Value> = tags.into_iter().map(|name| json!({ "name": name })).collect();
    Ok(sorted(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Avain",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The WS Channel API: a company's bank certificates, keys and files to and from its banks",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": ABOUT,
        },
        "servers": [{ "url": ".", "description": "Where this document is served" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": failures(),
            "headers": { "AnyOrigin": any_origin(), "RetryAfter": retry_after() },
            "securitySchemes": security_schemes(),
        },
    })))
}

const ABOUT: &str = "Every answer has ResponseCode (`00` for a step that succeeded, `01`, or a bank's own code) and \
    ResponseText. Fields of a request that are not described are ignored; a text that is empty, or null, counts as absent. In a \
    path a plus is a plus. One slash at the end of a path does not matter.";

/// The first part of where its function is: what it belongs to.
fn tag(operation: &Operation) -> &'static str {
    operation.function.split('/').next().unwrap_or_default()
}

fn described(operation: &Operation, wire: &Wire) -> Value {
    let mut described = json!({
        "operationId": operation.name,
        "summary": wire.summary,
        "tags": [tag(operation)],
        "security": match operation.access {
            Access::Anyone => json!([]),
            Access::Token { .. } => json!([{ "Authorizer": [], "X-Api-Key": [] }]),
        },
        "responses": responses(operation, wire),
    });
    let parameters = parameters::of(operation, wire);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = wire.body {
        described["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": reference(body) } } });
    }
    described
}

fn responses(operation: &Operation, wire: &Wire) -> Value {
    let mut responses = Map::new();
    let success = json!({
        "description": "Done",
        "headers": { "Access-Control-Allow-Origin": { "$ref": "#/components/headers/AnyOrigin" } },
        "content": { "application/json": { "schema": reference(wire.answer) } },
    });
    responses.insert(operation.success.to_string(), success);
    for status in statuses(operation, wire) {
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{status}") }));
    }
    responses.into()
}

/// Which failures an operation can answer: those of its shape, and those that follow from its row.
fn statuses(operation: &Operation, wire: &Wire) -> Vec<u16> {
    let mut statuses = vec![413, 500];
    if operation.path.contains('{') || !wire.query.is_empty() || wire.body.is_some() {
        statuses.push(400);
    }
    if matches!(operation.access, Access::Token { .. }) {
        statuses.extend([401, 403, 429]);
    }
    if operation.needs.iter().any(|need| *need != Need::ServiceKeys) {
        statuses.push(503);
    }
    statuses.extend(wire.failures);
    statuses
}

/// What each status of a failure stands for (`docs/errors.md` has the texts).
const FAILURES: [(u16, &str); 11] = [
    (400, "What was sent is not acceptable, or the bank refused"),
    (401, "No token, or one that is not good any more"),
    (403, "Not with this API key, in this mode, or by this account"),
    (404, "Absent, or another organisation's"),
    (409, "It is there already, or under way"),
    (413, "Body or answer over 5.5 MiB"),
    (429, "Too many: nothing was done"),
    (500, "A fault of the service"),
    (502, "The bank is not reachable, or its answer is no good"),
    (503, "A part of the service is down or throttled: try again"),
    (504, "The bank did not answer in time"),
];

fn failures() -> Map<String, Value> {
    FAILURES.iter().map(|(status, about)| (status.to_string(), failure(*status, about))).collect()
}

fn failure(status: u16, about: &str) -> Value {
    let mut headers = json!({ "Access-Control-Allow-Origin": { "$ref": "#/components/headers/AnyOrigin" } });
    if [429, 503].contains(&status) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/RetryAfter" });
    }
    json!({
        "description": about,
        "headers": headers,
        "content": { "application/json": { "schema": reference(&shape::ERROR) } },
    })
}

fn any_origin() -> Value {
    json!({
        "description": "Credentials go in headers, never in cookies: a page of any origin may call",
        "required": true,
        "schema": { "type": "string", "const": "*" },
    })
}

fn retry_after() -> Value {
    json!({
        "description": "Seconds until trying again may help",
        "required": true,
        "schema": { "type": "integer", "minimum": 1 },
    })
}

fn security_schemes() -> Value {
    json!({
        "Authorizer": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "The IdToken of a login as it is: no word before it",
        },
        "X-Api-Key": {
            "type": "apiKey", "in": "header", "name": "x-api-key",
            "description": "The organisation's API key",
        },
    })
}

/// The same with each object's keys in the order of the alphabet, whatever map a build's serde_json has.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            fields.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
