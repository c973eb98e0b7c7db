//! A pool's published keys: where they come from, how long they are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration as Wait;

use async_trait::async_trait;
use avain_domain::ports::Unavailable;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::pools::Pool;

/// A key that is not known may be asked for this often (R12).
const REFRESH: Duration = Duration::seconds(60);

/// After this a key that Cognito no longer publishes is forgotten (R11).
const LIFE: Duration = Duration::hours(24);

/// How long Cognito is waited for.
const WAIT: Wait = Wait::from_secs(5);

/// Cognito's two keys are 900 bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Gets a pool's keys.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The JSON Web Key Set (RFC 7517) that the pool publishes now.
    async fn fetch(&self, pool: &Pool) -> Result<Vec<u8>, Unavailable>;
}

/// The keys over HTTPS, from `<issuer>/.well-known/jwks.json`.
pub struct HttpsKeys {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    /// `None`: Cognito itself.
    base: Option<String>,
}

impl HttpsKeys {
    /// From Cognito, over TLS only.
    #[must_use]
    pub fn new() -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_only().enable_http1().wrap_connector(http);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), base: None }
    }

    /// From an emulator at this address (`http://127.0.0.1:4566`), which has them at
    /// `<address>/<pool>/.well-known/jwks.json`. Never in production: plain HTTP is not refused.
    #[must_use]
    pub fn of_emulator(address: &str) -> Self {
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, base: Some(address.trim_end_matches('/').to_owned()) }
    }

    async fn exchange(&self, address: http::Uri) -> Result<Vec<u8>, Unavailable> {
        let answer = self.client.get(address).await.map_err(|_| unavailable("cannot be reached"))?;
        if answer.status() != http::StatusCode::OK {
            return Err(Unavailable(format!("Cognito's keys: HTTP status {}", answer.status().as_u16())));
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok(body.map_err(|_| unavailable("the answer broke off or is too long"))?.to_bytes().to_vec())
    }
}

impl Default for HttpsKeys {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl KeySource for HttpsKeys {
    async fn fetch(&self, pool: &Pool) -> Result<Vec<u8>, Unavailable> {
        let folder = self.base.as_ref().map_or_else(|| pool.issuer(), |base| format!("{base}/{}", pool.id()));
        let address = format!("{folder}/.well-known/jwks.json").parse().map_err(|_| unavailable("no such address"))?;
        tokio::time::timeout(WAIT, self.exchange(address)).await.map_err(|_| unavailable("no answer in time"))?
    }
}

/// A public key for RS256.
pub(super) type PublicKey = RsaPublicKeyComponents<Vec<u8>>;

/// One pool's keys, kept.
pub(super) struct KeyRing(Mutex<Option<KeySet>>);

struct KeySet {
    keys: HashMap<String, Arc<PublicKey>>,
    fetched: OffsetDateTime,
    /// When they were last asked for, and whether that failed.
    asked: (OffsetDateTime, Result<(), Unavailable>),
}

impl KeyRing {
    pub(super) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The key of this id, if the pool has one. While there are no keys at all, every call asks for them: no token can
    /// be judged without.
    pub(super) async fn key(
        &self,
        id: &str,
        pool: &Pool,
        source: &dyn KeySource,
        now: OffsetDateTime,
    ) -> Result<Option<Arc<PublicKey>>, Unavailable> {
        let mut kept = self.0.lock().await;
        if let Some(set) = kept.as_ref().filter(|set| now - set.fetched < LIFE) {
            if let Some(key) = set.keys.get(id) {
                return Ok(Some(Arc::clone(key)));
            }
            if now - set.asked.0 < REFRESH {
                return set.asked.1.clone().map(|()| None);
            }
        }
        match source.fetch(pool).await.and_then(|document| read(&document)) {
            Ok(keys) => {
                let set = kept.insert(KeySet { keys, fetched: now, asked: (now, Ok(())) });
                Ok(set.keys.get(id).cloned())
            }
            Err(error) => {
                if let Some(set) = kept.as_mut() {
                    set.asked = (now, Err(error.clone()));
                }
                Err(error)
            }
        }
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The keys for RS256 by id. Keys for anything else are left out; an id that comes twice makes the set unusable (R9).
fn read(document: &[u8]) -> Result<HashMap<String, Arc<PublicKey>>, Unavailable> {
    let document: Document = serde_json::from_slice(document).map_err(|_| unavailable("not a key set"))?;
    let mut keys = HashMap::new();
    for jwk in document.keys {
        let Some((id, key)) = rs256(jwk) else { continue };
        if keys.insert(id, Arc::new(key)).is_some() {
            return Err(unavailable("a key id comes twice"));
        }
    }
    if keys.is_empty() { Err(unavailable("no key for RS256")) } else { Ok(keys) }
}

/// 2048 to 4096 bits, exponent 65537 (R10).
fn rs256(jwk: Jwk) -> Option<(String, PublicKey)> {
    let fits = jwk.kty == "RSA" && jwk.alg.as_deref() == Some("RS256") && jwk.usage.as_deref() == Some("sig");
    let n = URL_SAFE_NO_PAD.decode(jwk.n.filter(|_| fits)?).ok()?;
    let e = URL_SAFE_NO_PAD.decode(jwk.e?).ok()?;
    let strong = matches!(n.len(), 256 | 384 | 512) && n[0] >= 0x80 && e == [1, 0, 1];
    Some((jwk.kid.filter(|_| strong)?, RsaPublicKeyComponents { n, e }))
}

pub(super) fn verifies(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
}

fn unavailable(what: &str) -> Unavailable {
    Unavailable(format!("Cognito's keys: {what}"))
}
