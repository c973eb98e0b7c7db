//! The pools' tokens: RS256 JWTs, checked against the keys that each pool publishes.
//!
//! The claims are those of the one-machine pool, which has Cognito's names; the twenty lines that read them exist
//! twice: there the keys are the pool's own, here they are fetched. Cognito's header is `alg` and `kid`: a token with
//! anything else in it is refused before its signature is looked at (R1, R3).

use std::sync::Arc;

use async_trait::async_trait;
use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Claims, Tokens, Unavailable};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::keys::{KeyRing, KeySource, verifies};
use super::pools::{Pool, Pools, username};

/// `custom:account_type` of the account that made the API key (brief 1.2).
pub(super) const OWNER: &str = "integrator";

/// Longer text is no token: Cognito's are about 1,200 characters, more with long addresses.
const MAX_LENGTH: usize = 8192;

/// How far ahead of ours Cognito's clock may be, in seconds (R5).
const SKEW: i64 = 60;

/// Checks the tokens of both pools.
pub struct CognitoTokens {
    modes: [(Mode, Pool, KeyRing); 2],
    source: Arc<dyn KeySource>,
}

impl CognitoTokens {
    /// Keys are fetched when the first token needs them.
    #[must_use]
    pub fn new(pools: Pools, source: Arc<dyn KeySource>) -> Self {
        let modes = [(Mode::Admin, pools.admin, KeyRing::new()), (Mode::Data, pools.data, KeyRing::new())];
        Self { modes, source }
    }

    /// Whether this is a valid access token of the login. Whether it was revoked, Cognito says when it is used.
    pub(super) async fn is_access_token_of(
        &self,
        token: &str,
        login: &Login,
        now: OffsetDateTime,
    ) -> Result<bool, Unavailable> {
        let Some((mode, pool, claims)) = self.signed::<AccessToken>(token, now).await? else { return Ok(false) };
        Ok(mode == login.mode
            && claims.token_use == "access"
            && claims.client_id == pool.client_id()
            && is_live(claims.iat, claims.exp, now)
            && claims.username == username(login))
    }

    /// What a text says that one of the pools has signed.
    async fn signed<T: DeserializeOwned>(
        &self,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<Option<(Mode, &Pool, T)>, Unavailable> {
        let Some(jwt) = Jwt::read(token) else { return Ok(None) };
        let Some((mode, pool, keys)) = self.modes.iter().find(|(_, pool, _)| pool.issuer() == jwt.issuer) else {
            return Ok(None);
        };
        let Some(key) = keys.key(&jwt.header.kid, pool, &*self.source, now).await? else { return Ok(None) };
        if !verifies(&key, jwt.message.as_bytes(), &jwt.signature) {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&jwt.payload).ok().map(|claims| (*mode, pool, claims)))
    }
}

#[async_trait]
impl Tokens for CognitoTokens {
    async fn verify(&self, id_token: &str, now: OffsetDateTime) -> Result<Option<Claims>, Unavailable> {
        let signed = self.signed::<IdToken>(id_token, now).await?;
        Ok(signed.and_then(|(mode, pool, claims)| claims.judge(mode, pool, now)))
    }
}

#[derive(Deserialize)]
struct IdToken {
    sub: String,
    aud: String,
    token_use: String,
    auth_time: i64,
    iat: i64,
    exp: i64,
    #[serde(rename = "cognito:username")]
    username: String,
    email: String,
    email_verified: bool,
    #[serde(rename = "custom:organisation")]
    organisation: String,
    #[serde(rename = "custom:mode")]
    mode: String,
}

impl IdToken {
    /// The name in the pool cannot be changed, the address can: a user who has put another's address into his
    /// attributes does not become the other.
    fn judge(self, mode: Mode, pool: &Pool, now: OffsetDateTime) -> Option<Claims> {
        let login = Login { email: Email::parse(&self.email)?, mode };
        let valid = self.token_use == "id"
            && self.aud == pool.client_id()
            && is_live(self.iat, self.exp, now)
            && !self.sub.is_empty()
            && self.mode == mode.as_str()
            && self.username == username(&login)
            && self.email_verified;
        valid.then_some(())?;
        Some(Claims {
            login,
            organisation: OrganisationId(self.organisation),
            issued: OffsetDateTime::from_unix_timestamp(self.iat).ok()?,
            authenticated: OffsetDateTime::from_unix_timestamp(self.auth_time).ok()?,
        })
    }
}

#[derive(Deserialize)]
struct AccessToken {
    client_id: String,
    token_use: String,
    iat: i64,
    exp: i64,
    username: String,
}

/// What the id token of a login says about its user, read as it came from Cognito over TLS, which stands for its
/// signature (OpenID Connect Core 3.1.3.7, 6). No Debug: it has the API key.
#[derive(Deserialize)]
pub(super) struct Issued {
    #[serde(rename = "cognito:username")]
    pub(super) username: String,
    #[serde(default)]
    pub(super) email_verified: bool,
    #[serde(rename = "custom:apikey")]
    pub(super) api_key: String,
    #[serde(rename = "custom:organisation")]
    pub(super) organisation: String,
    #[serde(rename = "custom:account_type")]
    pub(super) account_type: String,
}

impl Issued {
    pub(super) fn read(id_token: &str) -> Option<Self> {
        serde_json::from_slice(&Jwt::read(id_token)?.payload).ok()
    }
}

/// A token taken apart; nothing in it has been verified.
struct Jwt<'a> {
    header: Header,
    issuer: String,
    message: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

impl<'a> Jwt<'a> {
    /// Compact serialisation only (R8): three parts of base64url without padding.
    fn read(token: &'a str) -> Option<Self> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let Issuer { iss: issuer } = serde_json::from_slice(&payload).ok()?;
        (header.alg == "RS256").then_some(Self { header, issuer, message, payload, signature })
    }
}

fn is_live(iat: i64, exp: i64, now: OffsetDateTime) -> bool {
    now.unix_timestamp() < exp && iat <= now.unix_timestamp().saturating_add(SKEW)
}
