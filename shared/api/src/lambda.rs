//! An operation as a Lambda function behind API Gateway.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, RequestExt, service_fn};
use tracing::Instrument;

use crate::deps::Deps;
use crate::metrics;
use crate::operations::Operation;

type Handled = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;
type Handler = Box<dyn Fn(Request<Body>) -> Handled + Send>;

/// Answers events until the runtime ends. Not generic: every function links the same code.
pub async fn serve(operation: &'static Operation, deps: Deps) -> Result<(), Error> {
    let deps = Arc::new(deps);
    let handler: Handler = Box::new(move |event| {
        let deps = Arc::clone(&deps);
        Box::pin(async move { Ok(handle(operation, &deps, event).await) })
    });
    run(handler).await
}

async fn run(handler: Handler) -> Result<(), Error> {
    lambda_http::run(service_fn(handler)).await
}

async fn handle(operation: &'static Operation, deps: &Deps, event: Request<Body>) -> Response<Body> {
    let span = tracing::info_span!("request", correlation_id = correlation_id(&event));
    let answered = async {
        let begun = Instant::now();
        let request_id = event.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default();
        let request = without_stage(event).map(|body| Bytes::copy_from_slice(&body));
        let outcome = crate::run(operation, deps, &request_id, &request).await;
        metrics::measure(operation, request.uri().path(), begun.elapsed(), &outcome);
        crate::respond(operation, &request_id, outcome)
    };
    answered.instrument(span).await.map(|body| match String::from_utf8(body.to_vec()) {
        Ok(text) => Body::Text(text),
        Err(error) => Body::Binary(error.into_bytes()),
    })
}

/// The id that API Gateway gave the request: its access log has it too.
fn correlation_id(event: &Request<Body>) -> Option<String> {
    match event.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.request_id.clone(),
        _ => None,
    }
}

/// The path as the client wrote it: API Gateway's stage is no part of it.
fn without_stage(mut event: Request<Body>) -> Request<Body> {
    let path = event.raw_http_path().to_owned();
    let query = event.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = format!("{path}{query}").parse() {
        *event.uri_mut() = uri;
    }
    event
}
