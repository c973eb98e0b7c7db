//! The banks over HTTP.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::post;
use bytes::Bytes;
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use crate::Simulator;
use crate::bank::Family;
use crate::office::Office;
use crate::operation::Service;
use crate::reply::{Body as ReplyBody, Reply};

/// The largest request that is read: a file of 5 MB, three times in base64 as Danske Bank has it, and its envelopes.
const LARGEST_REQUEST: usize = 16 * 1024 * 1024;

/// Marks a response that is not to be sent: the connection is closed instead.
#[derive(Clone, Copy)]
struct Dropped;

#[derive(Debug, thiserror::Error)]
#[error("dropped as scripted")]
struct ConnectionDropped;

struct BrokenBody;

impl hyper::body::Body for BrokenBody {
    type Data = Bytes;
    type Error = ConnectionDropped;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ConnectionDropped>>> {
        Poll::Ready(Some(Err(ConnectionDropped)))
    }
}

impl Simulator {
    /// The banks' addresses: POST `/{bank}/CorporateFileService` and `/{bank}/CertificateService`, text/xml. The banks' own
    /// last words of addresses are understood too: `edifileservice.asmx`, `OPCertificateService`,
    /// `CertificateService.xml`, `pkiservice.asmx`. One bank alone ([`crate::Config::setting`]) is asked at any other
    /// address too; what is in the Body tells the service.
    ///
    /// Served by another server, a scripted drop breaks off after the response's head; [`Simulator::serve`] sends nothing.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/{bank}/CorporateFileService", post(file_service))
            .route("/{bank}/edifileservice.asmx", post(file_service))
            .route("/{bank}/CertificateService", post(certificate_service))
            .route("/{bank}/OPCertificateService", post(certificate_service))
            .route("/{bank}/CertificateService.xml", post(certificate_service))
            .route("/{bank}/pkiservice.asmx", post(certificate_service))
            .fallback(post(any_service))
            .with_state(self.clone())
    }

    /// Serves the banks until the listener fails. Each connection is a task of its own.
    pub async fn serve(&self, listener: TcpListener) -> std::io::Result<()> {
        let router = self.router();
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                // A client that went away before it was accepted is no reason to stop.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let banks = TowerToHyperService::new(router.clone());
            let service = service_fn(move |request: http::Request<Incoming>| {
                let banks = banks.clone();
                async move {
                    let Ok(response): Result<Response<Body>, Infallible> = banks.call(request).await;
                    match response.extensions().get::<Dropped>() {
                        Some(Dropped) => Err(ConnectionDropped),
                        None => Ok(response),
                    }
                }
            });
            tokio::spawn(async move {
                if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
                    tracing::debug!(%error, "a connection to the simulator ended early");
                }
            });
        }
    }
}

async fn file_service(
    State(simulator): State<Simulator>,
    Path(bank): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response<Body> {
    receive(simulator, &bank, |_, _| Service::Files, &headers, request).await
}

async fn certificate_service(
    State(simulator): State<Simulator>,
    Path(bank): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response<Body> {
    receive(simulator, &bank, certificates_of, &headers, request).await
}

/// One bank alone may be asked at any address, as its clients have it.
async fn any_service(State(simulator): State<Simulator>, headers: HeaderMap, request: Request) -> Response<Body> {
    match simulator.alone() {
        Some(name) => receive(simulator, &name, Office::service_of, &headers, request).await,
        None => empty(StatusCode::NOT_FOUND),
    }
}

fn certificates_of(office: &Office, _: &[u8]) -> Service {
    if office.family() == Family::Danske { Service::PkiFactory } else { Service::Certificates }
}

async fn receive(
    simulator: Simulator,
    bank: &str,
    service: fn(&Office, &[u8]) -> Service,
    headers: &HeaderMap,
    request: Request,
) -> Response<Body> {
    let Some(bank) = simulator.named(bank) else { return empty(StatusCode::NOT_FOUND) };
    // Making keys takes a while: not on the threads that serve connections.
    let office = match tokio::task::spawn_blocking(move || simulator.office(bank)).await {
        Ok(Ok(office)) => office,
        Ok(Err(error)) => {
            tracing::error!(bank = bank.as_str(), %error, "a simulated bank could not be opened");
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Err(_) => return empty(StatusCode::INTERNAL_SERVER_ERROR),
    };
    office.count(None);
    if office.script.take_drop() {
        return dropped();
    }
    if !is_xml(headers) {
        let mut response = empty(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        *response.body_mut() = Body::from("Content-Type must be text/xml\n");
        return response;
    }
    let Ok(body) = to_bytes(request.into_body(), LARGEST_REQUEST).await else {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    // Signing and writing to disk take milliseconds.
    let reply = tokio::task::spawn_blocking(move || office.receive(service(&office, &body), &body)).await;
    match reply {
        Ok(reply) => send(reply).await,
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn is_xml(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/xml"))
}

async fn send(reply: Reply) -> Response<Body> {
    if let Some(release) = reply.hold {
        release.notified().await;
    }
    let mut response = empty(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    match reply.body {
        ReplyBody::Empty => {}
        ReplyBody::Dropped => return dropped(),
        ReplyBody::Redirect(address) => {
            if let Ok(address) = address.parse() {
                response.headers_mut().insert(header::LOCATION, address);
            }
        }
        ReplyBody::Xml(text) => {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml; charset=UTF-8"));
            *response.body_mut() = Body::from(text);
        }
    }
    response
}

/// Not sent by [`Simulator::serve`]; elsewhere its body fails, which breaks the connection off.
fn dropped() -> Response<Body> {
    let mut response = Response::new(Body::new(BrokenBody));
    response.extensions_mut().insert(Dropped);
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
