//! A service of AWS as a list of answers: a connector below the real SDK client, which writes down what was asked.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;

/// The id that every answer has.
pub(crate) const REQUEST_ID: &str = "0a1b2c3d-request";

/// What becomes of a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Status, further headers, body.
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// No connection.
    NotConnected,
    /// The connector's own time is up.
    TimedOut,
    /// Nothing, ever.
    Silence,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Http(status, Vec::new(), body.into())
    }
}

/// The requests so far.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<HttpRequest>>>);

impl Asked {
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Takes the requests so far.
    pub(crate) fn take(&self) -> Vec<HttpRequest> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A client's HTTP side on which the n-th request (from 0) gets this answer.
pub(crate) fn replay(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (SharedHttpClient, Asked) {
    let asked = Asked::default();
    let connector = SharedHttpConnector::new(Replay { answer: Box::new(answer), asked: asked.clone() });
    (SharedHttpClient::new(http_client_fn(move |_, _| connector.clone())), asked)
}

/// The configuration of a client of this SDK whose HTTP side is replayed, as a builder.
macro_rules! config {
    ($sdk:ident, $http:expr) => {
        $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::from_static("eu-north-1"))
            .credentials_provider($sdk::config::Credentials::new("111122223333", "test", None, None, "test"))
            .retry_config($sdk::config::retry::RetryConfig::standard())
            .timeout_config(
                $sdk::config::timeout::TimeoutConfig::builder()
                    .operation_attempt_timeout(std::time::Duration::from_secs(1))
                    .build(),
            )
            .http_client($http)
    };
}
pub(crate) use config;

struct Replay {
    answer: Box<dyn Fn(usize) -> Answer + Send + Sync>,
    asked: Asked,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Replay")
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut asked = self.asked.0.lock().unwrap();
        let answer = (self.answer)(asked.len());
        asked.push(request);
        match answer {
            Answer::NotConnected => HttpConnectorFuture::ready(Err(ConnectorError::io("connection refused".into()))),
            Answer::TimedOut => HttpConnectorFuture::ready(Err(ConnectorError::timeout("read timeout".into()))),
            Answer::Silence => HttpConnectorFuture::new(std::future::pending()),
            Answer::Http(status, headers, body) => {
                let mut response = HttpResponse::new(status.try_into().unwrap(), body.into());
                for name in ["x-amzn-requestid", "x-amz-request-id"] {
                    response.headers_mut().insert(name, REQUEST_ID);
                }
                for (name, value) in headers {
                    response.headers_mut().insert(name, value);
                }
                HttpConnectorFuture::ready(Ok(response))
            }
        }
    }
}
