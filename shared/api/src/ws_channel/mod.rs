//! The WS Channel API (base path `/v2`): wire shapes and texts as its clients know them (briefs: isecure).

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod certs;
pub mod errors;
pub(crate) mod files;
pub(crate) mod integrator;
pub(crate) mod pgp;
pub(crate) mod policy;
pub(crate) mod session;
pub(crate) mod trail;
pub(crate) mod uploads;
pub(crate) mod usage;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};

/// The answer of a step that succeeded: code `00`, a text, and the step's own fields.
pub(crate) fn success(text: &str, fields: Value) -> Value {
    let mut body = json!({ "ResponseCode": "00", "ResponseText": text });
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    body
}

/// A JSON answer with the headers that every answer has.
pub(crate) fn respond(status: u16, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    response
}
