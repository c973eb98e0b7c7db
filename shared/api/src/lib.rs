//! The HTTP face: the table of operations, the wire shapes of each family, the answer to every failure.
//!
//! A call goes one way: [`answer`] finds nothing out by itself, it runs the operation's row: caller, parameters, rule, shape.

pub mod call;
pub mod deps;
pub mod lambda;
pub mod metrics;
pub mod openapi;
pub mod operations;
pub mod path;
pub mod renewal;
pub mod route;
pub mod ws_channel;

use avain_domain::Failure;
use bytes::Bytes;
use http::{Request, Response};

pub use call::{Access, Call};
pub use deps::{Deps, Need};
pub use operations::Operation;

/// Largest body and largest answer, in bytes: Lambda's 6 MB counts the whole event around them.
pub const MAX_BODY: usize = 5 * 1024 * 1024 + 512 * 1024;

/// Runs an operation on a request. The request id names the request in the answer of a failure, in the log and in audit.
pub async fn answer(operation: &Operation, deps: &Deps, request_id: &str, request: &Request<Bytes>) -> Response<Bytes> {
    let outcome = run(operation, deps, request_id, request).await;
    respond(operation, request_id, outcome)
}

async fn run(operation: &Operation, deps: &Deps, request_id: &str, request: &Request<Bytes>) -> Result<Bytes, Failure> {
    if request.body().len() > MAX_BODY {
        return Err(Failure::TooLarge { limit: MAX_BODY });
    }
    let call = Call::new(operation.path, operation.access, deps, request_id, request);
    let outcome = (operation.run)(&call).await;
    if let Err(failure) = &outcome {
        ws_channel::trail::keep(operation, &call, failure).await;
    }
    let body = Bytes::from(outcome?.to_string());
    if body.len() > MAX_BODY { Err(Failure::TooLarge { limit: MAX_BODY }) } else { Ok(body) }
}

/// The answer to an outcome; told to the log once, here or where failures are told.
fn respond(operation: &Operation, request_id: &str, outcome: Result<Bytes, Failure>) -> Response<Bytes> {
    match outcome {
        Ok(body) => {
            tracing::info!(operation = operation.name, request_id, status = operation.success, "answered");
            ws_channel::respond(operation.success, body)
        }
        Err(failure) => ws_channel::errors::respond(operation, request_id, &failure),
    }
}
