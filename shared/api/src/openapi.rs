//! The OpenAPI 3.1 document, made from the table of operations. What is served is the checked-in `docs/openapi.json`, so
//! that the function that serves it links no other operation; a test holds the two together.

use serde_json::{Map, Value, json};

use crate::call::{Access, Call, Running};
use crate::deps::Need;
use crate::operations::{ALL, Operation};
use crate::shape::{Field, Kind};
use crate::{MAX_BODY, path};

/// The checked-in document.
pub const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// Serves the document.
pub(crate) fn serve<'a>(_: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        serde_json::from_str(DOCUMENT).map_err(|error| avain_domain::Failure::Internal(error.to_string()))
    })
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in ALL {
        let entry = paths.entry(operation.path).or_insert_with(|| json!({}));
        entry[operation.method.as_str().to_ascii_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Avain",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": "A company's bank certificates, keys and credentials in one place, and its files to and from its banks.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "IdToken": {
                    "type": "apiKey", "in": "header", "name": "Authorization", "description": "The IdToken as it is, without a scheme's name",
                },
                "ApiKey": { "type": "apiKey", "in": "header", "name": "x-api-key", "description": "The organisation's API key" },
            },
            "schemas": { "ErrorResponse": error_response() },
            "headers": {
                "Retry-After": { "description": "Seconds to wait", "schema": { "type": "integer", "minimum": 1 } },
            },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let shape = operation.shape;
    let family = operation.function.split('/').next().unwrap_or_default();
    let in_path = path::names(operation.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": path_parameter(name) }));
    let in_query = shape.query.iter().map(|field| {
        json!({
            "name": field.name, "in": "query", "required": field.required, "description": field.says,
            "schema": schema(field.kind),
        })
    });
    let mut described = json!({
        "operationId": operation.name,
        "summary": shape.summary,
        "tags": [family],
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": responses(operation),
        "security": match operation.access {
            Access::Anyone => json!([]),
            Access::Token { .. } => json!([{ "IdToken": [], "ApiKey": [] }]),
        },
    });
    if !shape.body.is_empty() {
        described["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": object(shape.body) } },
        });
    }
    described
}

fn path_parameter(name: &str) -> Value {
    match name {
        "Mode" => json!({ "type": "string", "enum": ["admin", "data"] }),
        "Email" | "ExtEmail" => json!({ "type": "string", "format": "email" }),
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let answer = if operation.path.starts_with("/v2/") {
        object(&[STATUS_FIELDS, operation.shape.answer].concat())
    } else {
        object(operation.shape.answer)
    };
    responses.insert(
        operation.success.to_string(),
        json!({ "description": "Done", "content": { "application/json": { "schema": answer } } }),
    );
    for (status, description) in failures(operation) {
        let mut response = json!({
            "description": description,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ErrorResponse" } } },
        });
        if matches!(status, 429 | 503) {
            response["headers"] = json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

/// The statuses that an operation may refuse with (docs/errors.md).
fn failures(operation: &Operation) -> Vec<(u16, &'static str)> {
    let token = matches!(operation.access, Access::Token { .. });
    let writes = operation.method != http::Method::GET;
    let banks = operation.needs.contains(&Need::Banks);
    let all = [
        (true, 400, "The request is wrong, or the bank refuses it"),
        (token, 401, "No valid token"),
        (token, 403, "Wrong API key, mode or role, or no agreement"),
        (token, 404, "No such object"),
        (token && writes, 409, "In conflict with what is there"),
        (true, 413, "Larger than MAX_BODY"),
        (true, 429, "Too many requests or failed attempts"),
        (true, 500, "The service's own fault"),
        (banks, 502, "The bank is not reachable, or its answer is not to be believed"),
        (true, 503, "Temporarily unavailable"),
        (banks, 504, "The bank did not answer in time"),
    ];
    all.into_iter().filter(|(applies, ..)| *applies).map(|(_, status, text)| (status, text)).collect()
}

/// What every answer of the WS Channel API begins with.
const STATUS_FIELDS: &[Field] = &[
    Field::new("ResponseCode", Kind::Form("^[0-9]{2}$"), "`00` when this step succeeded"),
    Field::text("ResponseText", "For people; clients of old match on it"),
];

fn error_response() -> Value {
    let fields = [
        Field::text("RequestId", "Names the request to the operator"),
        Field::new("ResponseCode", Kind::Form("^[0-9A-Za-z]{1,16}$"), "`01`, or the bank's own code"),
        Field::text("ResponseText", "What was wrong, and what to do"),
    ];
    let mut schema = object(&fields);
    schema["description"] = json!(format!("Nothing larger than {MAX_BODY} bytes is taken or given."));
    schema
}

/// The schema of an object; other fields may be there (decision 1).
fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut schema = schema(field.kind);
            schema["description"] = json!(field.says);
            (field.name.to_owned(), schema)
        })
        .collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Form(pattern) => json!({ "type": "string", "pattern": pattern }),
        Kind::OneOf(texts) => json!({ "type": "string", "enum": texts }),
        Kind::Base64 => json!({ "type": "string", "contentEncoding": "base64" }),
        Kind::Number => json!({ "type": "integer", "minimum": 0 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Object(fields) => object(fields),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Choices(texts) => json!({ "type": "array", "items": { "type": "string", "enum": texts } }),
        Kind::List(fields) => json!({ "type": "array", "items": object(fields) }),
    }
}
