//! A client of the API: what an integrator's program does, over whatever carries the requests.

use async_trait::async_trait;
use avain_api::Operation;
use avain_api::path::percent_encode;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Why a call has no answer, or not the expected one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer.
    #[error("no answer from the service: {0}")]
    Transport(String),
    /// An answer that is no success.
    #[error("{operation}: {status} {code} {text}")]
    Refused {
        /// Operation.
        operation: &'static str,
        /// HTTP status.
        status: u16,
        /// ResponseCode.
        code: String,
        /// ResponseText.
        text: String,
    },
    /// An answer that is not what the API promises.
    #[error("{0}")]
    Unexpected(String),
}

/// Carries a request to the service.
#[async_trait]
pub trait Transport: Send + Sync {
    /// The answer to a request whose URI is path and query.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError>;
}

/// Over HTTP.
pub struct Http {
    base: String,
    client: HyperClient<HttpConnector, Full<Bytes>>,
}

impl Http {
    /// To a base address without a slash at the end: `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        Self { base: base.into(), client: HyperClient::builder(TokioExecutor::new()).build_http() }
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let failed = |error: &dyn std::fmt::Display| ClientError::Transport(error.to_string());
        let (mut parts, body) = request.into_parts();
        parts.uri =
            format!("{}{}", self.base, parts.uri).parse().map_err(|error: http::uri::InvalidUri| failed(&error))?;
        let response =
            self.client.request(Request::from_parts(parts, Full::new(body))).await.map_err(|error| failed(&error))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| failed(&error))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// What an authenticated call carries.
#[derive(Clone)]
pub struct Credentials {
    /// Id token.
    pub id_token: String,
    /// API key.
    pub api_key: String,
}

/// One call: the operation's row, its parameters, its body.
pub struct Call<'a> {
    /// Row.
    pub operation: &'static Operation,
    /// Path parameters in order, in clear.
    pub path: &'a [&'a str],
    /// Query with `?`, or empty.
    pub query: &'a str,
    /// Credentials.
    pub credentials: Option<&'a Credentials>,
    /// Body.
    pub body: Option<Value>,
}

/// Makes the call and gives the answer's body; anything but the operation's success is an error.
pub async fn call(transport: &dyn Transport, call: Call<'_>) -> Result<Value, ClientError> {
    let operation = call.operation;
    let response = transport.send(request(call)?).await?;
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(response.body())
        .map_err(|_| ClientError::Unexpected(format!("{}: {status}, not JSON", operation.name)))?;
    if status == operation.success && body["ResponseCode"] == "00" {
        return Ok(body);
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Err(ClientError::Refused {
        operation: operation.name,
        status,
        code: text("ResponseCode"),
        text: text("ResponseText"),
    })
}

/// The HTTP request of a call.
pub fn request(call: Call<'_>) -> Result<Request<Bytes>, ClientError> {
    let mut given = call.path.iter();
    let segments: Vec<String> = call
        .operation
        .path
        .split('/')
        .map(|segment| match segment.strip_prefix('{') {
            Some(_) => percent_encode(given.next().copied().unwrap_or_default()),
            None => segment.to_owned(),
        })
        .collect();
    let mut builder =
        Request::builder().method(&call.operation.method).uri(format!("{}{}", segments.join("/"), call.query));
    if let Some(credentials) = call.credentials {
        builder = builder.header("authorization", &credentials.id_token).header("x-api-key", &credentials.api_key);
    }
    let body = call.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    builder
        .header("content-type", "application/json")
        .body(body)
        .map_err(|error| ClientError::Unexpected(error.to_string()))
}

/// Encrypts `password||timestamp` for a challenge with the service's public key (brief 2.1), base64.
pub fn encrypt_password(password_key_pem: &str, password: &str, challenge: &str) -> Result<String, ClientError> {
    let broken = || ClientError::Unexpected("the password key or the challenge is not what was promised".to_owned());
    let timestamp = challenge.split('|').nth(1).ok_or_else(broken)?;
    let base64: String = password_key_pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(base64).map_err(|_| broken())?;
    let key = PublicEncryptingKey::from_der(&der).map_err(|_| broken())?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| broken())?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    let plaintext = format!("{password}||{timestamp}");
    let encrypted =
        key.encrypt(&OAEP_SHA1_MGF1SHA1, plaintext.as_bytes(), &mut encrypted, None).map_err(|_| broken())?;
    Ok(STANDARD.encode(encrypted))
}
