//! The API over HTTP on one machine: every row of the table of operations behind one listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use avain_adapters_local::outbox::CodeKind;
use avain_api::path::percent_decode;
use avain_api::route::{Route, find};
use avain_api::ws_channel::errors;
use avain_api::{MAX_BODY, answer};
use avain_domain::Failure;
use avain_domain::names::{Email, Mode};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::machine::{Machine, StartError};

/// Requests under way at once; one more waits.
const MOST_AT_ONCE: u32 = 1024;
/// How long requests under way are waited for at the end: longer than a bank is.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// A running server; it ends when dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it serves.
    pub machine: Arc<Machine>,
    places: Arc<Semaphore>,
    task: JoinHandle<()>,
}

/// What every request gets: the machine, and the places that requests under way take.
type Serving = (Arc<Machine>, Arc<Semaphore>);

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves the machine at this address.
    pub async fn start(machine: Machine, address: &str) -> Result<Self, StartError> {
        let listener =
            TcpListener::bind(address).await.map_err(StartError::io(format!("cannot listen at {address}")))?;
        let address = listener.local_addr().map_err(StartError::io("the listener"))?;
        let machine = Arc::new(machine);
        let places = Arc::new(Semaphore::new(MOST_AT_ONCE as usize));
        let router = Router::new().fallback(handle).with_state((Arc::clone(&machine), Arc::clone(&places)));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the server ended");
            }
        });
        Ok(Self { address, machine, places, task })
    }

    /// `http://HOST:PORT`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the listener fails.
    pub async fn wait(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// Takes no more connections, and waits for the requests under way: an upload that broke off here would be unresolved.
    pub async fn finish(&self) {
        self.task.abort();
        let _ = tokio::time::timeout(LAST_ANSWERS, self.places.acquire_many(MOST_AT_ONCE)).await;
    }
}

/// In a task of its own: what was begun at a bank is brought to its end though the client goes away, and a panic has an
/// answer too.
async fn handle(State((machine, places)): State<Serving>, request: Request<Body>) -> Response<Body> {
    let request_id = request_id(&machine);
    let id = request_id.clone();
    let answered = tokio::spawn(async move {
        let _place = places.acquire_owned().await;
        route(&machine, &id, request).await
    })
    .await;
    let broken = |_| errors::error(500, "01", "Internal server processing side error", &request_id);
    answered.unwrap_or_else(broken).map(Body::from)
}

async fn route(machine: &Machine, request_id: &str, request: Request<Body>) -> Response<Bytes> {
    if machine.dev && request.uri().path() == "/dev/outbox" {
        return newest_code(machine, request.uri().query().unwrap_or_default());
    }
    let operation = match find(request.method(), request.uri().path()) {
        Route::Found(operation) => operation,
        Route::OtherMethods(methods) if request.method() == Method::OPTIONS => return preflight(&methods),
        Route::OtherMethods(methods) => {
            let mut response = errors::error(405, "01", "Method not allowed", request_id);
            allow(&mut response, header::ALLOW, &methods);
            return response;
        }
        Route::Nothing => return errors::error(404, "01", "Not found", request_id),
    };
    let (parts, mut body) = request.into_parts();
    let body = match Limited::new(&mut body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            drain(body).await;
            return errors::respond(operation, request_id, &Failure::TooLarge { limit: MAX_BODY });
        }
        Err(_) => return errors::respond(operation, request_id, &Failure::Invalid("Body".to_owned())),
    };
    answer(operation, &machine.deps, request_id, &Request::from_parts(parts, body)).await
}

/// Drops the rest of a body that is too large, up to a bound: most clients read no answer before they have sent everything, and
/// closing on them would reset the connection.
async fn drain(mut body: Body) {
    const MOST: usize = 64 * 1024 * 1024;
    let mut dropped = 0;
    while dropped < MOST
        && let Some(Ok(frame)) = body.frame().await
    {
        dropped += frame.data_ref().map_or(0, Bytes::len);
    }
}

fn request_id(machine: &Machine) -> String {
    let random = machine.deps.random();
    avain_domain::Context { clock: machine.deps.clock(), random, request_id: "" }.uuid()
}

/// What a browser asks first; credentials go in headers, never in cookies.
fn preflight(methods: &[&'static Method]) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    allow(&mut response, header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, x-api-key, Content-Type"),
    );
    response
}

fn allow(response: &mut Response<Bytes>, name: header::HeaderName, methods: &[&'static Method]) {
    let list = methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::from_str(&list) {
        response.headers_mut().insert(name, value);
    }
}

/// `GET /dev/outbox?email=E&mode=M&kind=K`: the newest code as plain text.
fn newest_code(machine: &Machine, query: &str) -> Response<Bytes> {
    let value = |name: &str| {
        let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
        percent_decode(pair.1)
    };
    let code = || {
        let (email, mode) = (Email::parse(&value("email")?)?, Mode::parse(&value("mode")?)?);
        machine.outbox.newest(&email, mode, CodeKind::parse(&value("kind")?)?)
    };
    let code = code().map(|message| Bytes::from(message.code.to_string()));
    let status = if code.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = Response::new(code.unwrap_or_default());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
