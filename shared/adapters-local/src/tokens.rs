//! The pool's tokens: RS256 JWTs with Cognito's claim names, and their checks.
//!
//! Header: `alg`, `kid` and nothing else. Because only this pool signs with its key, a token whose header differs in
//! anything (another algorithm, `jku`, `x5u`, `jwk`, `x5c`, `crit`, `typ`) is refused before its signature is looked at
//! (R1, R3).

use std::sync::Arc;

use async_trait::async_trait;
use avain_domain::names::{Email, Login, Mode, OrganisationId};
use avain_domain::ports::{Claims, Random, Tokens, Unavailable};
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom as AwsLcRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::pool::user::{User, username};
use crate::random::uuid;

/// `aud` of id tokens and `client_id` of access tokens.
pub const CLIENT_ID: &str = "avain";

/// Life of both tokens in seconds.
pub(crate) const LIFE: u32 = 3600;

/// Longer text is no token of this pool.
const MAX_LENGTH: usize = 8192;

/// The tokens of one pool: makes them for the pool, checks them for everybody else.
#[derive(Clone)]
pub struct PoolTokens(Arc<Issuer>);

struct Issuer {
    key: RsaKeyPair,
    public: RsaPublicKeyComponents<Vec<u8>>,
    verifier: DecodingKey,
    header: Header,
    name: String,
}

/// What an id token says.
#[derive(Serialize, Deserialize)]
struct IdToken {
    sub: String,
    iss: String,
    aud: String,
    token_use: String,
    auth_time: i64,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(rename = "cognito:username")]
    username: String,
    email: String,
    email_verified: bool,
    phone_number: String,
    phone_number_verified: bool,
    #[serde(rename = "custom:organisation")]
    organisation: String,
    #[serde(rename = "custom:mode")]
    mode: String,
    #[serde(rename = "custom:apikey")]
    api_key: String,
    /// `integrator` for the account that made the API key, else `customer` (brief 1.2).
    #[serde(rename = "custom:account_type")]
    account_type: String,
}

/// What an access token says.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) sub: String,
    iss: String,
    client_id: String,
    token_use: String,
    auth_time: i64,
    pub(crate) iat: i64,
    exp: i64,
    jti: String,
    pub(crate) username: String,
    /// `email` where it verifies the address and does nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// The scope of a token for the address.
const ADDRESS: &str = "email";

impl AccessToken {
    /// Whether it verifies the address and does nothing else.
    pub(crate) fn is_for_address(&self) -> bool {
        self.scope.as_deref() == Some(ADDRESS)
    }
}

impl PoolTokens {
    /// From the private key, PKCS#8 DER, and the issuer's name (`iss`).
    pub(crate) fn new(key: &[u8], issuer: String) -> Result<Self, Unavailable> {
        let unusable = |_| Unavailable("the pool's signing key cannot be read".to_owned());
        let key = RsaKeyPair::from_pkcs8(key).map_err(unusable)?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
        let header = Header { typ: None, kid: Some(thumbprint(&public)), ..Header::new(Algorithm::RS256) };
        let verifier = DecodingKey::from_rsa_raw_components(&public.n, &public.e);
        Ok(Self(Arc::new(Issuer { key, public, verifier, header, name: issuer })))
    }

    /// The public key as a JSON Web Key Set (RFC 7517), public members only.
    #[must_use]
    pub fn jwks(&self) -> String {
        let key = serde_json::json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.0.header.kid,
            "n": URL_SAFE_NO_PAD.encode(&self.0.public.n),
            "e": URL_SAFE_NO_PAD.encode(&self.0.public.e),
        });
        serde_json::json!({ "keys": [key] }).to_string()
    }

    /// An id token for a user who has just passed every factor.
    pub(crate) fn id_token(
        &self,
        user: &User,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<String, Unavailable> {
        let now = user.issue_second(now);
        self.sign(&IdToken {
            sub: user.sub.clone(),
            iss: self.0.name.clone(),
            aud: CLIENT_ID.to_owned(),
            token_use: "id".to_owned(),
            auth_time: now,
            iat: now,
            exp: now + i64::from(LIFE),
            jti: uuid(random),
            username: username(&user.login()?),
            email: user.email.clone(),
            email_verified: user.email_verified,
            phone_number: user.phone.clone(),
            phone_number_verified: user.phone_verified,
            organisation: user.organisation.clone(),
            mode: user.mode.clone(),
            api_key: user.api_key.clone(),
            account_type: if user.owner { "integrator" } else { "customer" }.to_owned(),
        })
    }

    /// An access token for a user.
    pub(crate) fn access_token(
        &self,
        user: &User,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<String, Unavailable> {
        self.scoped(user, now, random, None)
    }

    /// An access token that verifies the user's address only: it may be given before the second factor.
    pub(crate) fn address_token(
        &self,
        user: &User,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<String, Unavailable> {
        self.scoped(user, now, random, Some(ADDRESS.to_owned()))
    }

    fn scoped(
        &self,
        user: &User,
        now: OffsetDateTime,
        random: &dyn Random,
        scope: Option<String>,
    ) -> Result<String, Unavailable> {
        let now = user.issue_second(now);
        self.sign(&AccessToken {
            sub: user.sub.clone(),
            iss: self.0.name.clone(),
            client_id: CLIENT_ID.to_owned(),
            token_use: "access".to_owned(),
            auth_time: now,
            iat: now,
            exp: now + i64::from(LIFE),
            jti: uuid(random),
            username: username(&user.login()?),
            scope,
        })
    }

    /// What a valid access token says.
    pub(crate) fn verify_access(&self, token: &str, now: OffsetDateTime) -> Option<AccessToken> {
        let claims: AccessToken = self.decode(token, &self.validation(&["iss", "exp", "sub"]))?;
        let valid = claims.token_use == "access" && claims.client_id == CLIENT_ID && is_live(claims.exp, now);
        valid.then_some(claims)
    }

    fn verify_id(&self, token: &str, now: OffsetDateTime) -> Option<Claims> {
        let mut validation = self.validation(&["iss", "exp", "sub", "aud"]);
        validation.set_audience(&[CLIENT_ID]);
        validation.validate_aud = true;
        let claims: IdToken = self.decode(token, &validation)?;
        if claims.token_use != "id" || !is_live(claims.exp, now) {
            return None;
        }
        Some(Claims {
            login: Login { email: Email::parse(&claims.email)?, mode: Mode::parse(&claims.mode)? },
            organisation: OrganisationId(claims.organisation),
            issued: OffsetDateTime::from_unix_timestamp(claims.iat).ok()?,
            authenticated: OffsetDateTime::from_unix_timestamp(claims.auth_time).ok()?,
        })
    }

    /// Expiry is left to the caller, who has the injected clock.
    fn validation(&self, required: &[&str]) -> Validation {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.set_issuer(&[&self.0.name]);
        validation.set_required_spec_claims(required);
        validation
    }

    fn decode<T: DeserializeOwned>(&self, token: &str, validation: &Validation) -> Option<T> {
        // Compact serialisation only (R8).
        let compact = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if token.len() > MAX_LENGTH || !token.bytes().all(compact) {
            return None;
        }
        if jsonwebtoken::decode_header(token).ok()? != self.0.header {
            return None;
        }
        jsonwebtoken::decode(token, &self.0.verifier, validation).ok().map(|token| token.claims)
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, Unavailable> {
        self.sign_with(&self.0.header, claims)
    }

    /// Signs with the parsed key: jsonwebtoken would parse and check it anew for each token.
    fn sign_with(&self, header: &impl Serialize, claims: &impl Serialize) -> Result<String, Unavailable> {
        let failed = || Unavailable("a token could not be signed".to_owned());
        let header = serde_json::to_vec(header).map_err(|_| failed())?;
        let claims = serde_json::to_vec(claims).map_err(|_| failed())?;
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.0.key.public_modulus_len()];
        self.0
            .key
            .sign(&RSA_PKCS1_SHA256, &AwsLcRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| failed())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait]
impl Tokens for PoolTokens {
    async fn verify(&self, id_token: &str, now: OffsetDateTime) -> Result<Option<Claims>, Unavailable> {
        Ok(self.verify_id(id_token, now))
    }
}

fn is_live(exp: i64, now: OffsetDateTime) -> bool {
    now.unix_timestamp() < exp
}

/// RFC 7638: names the key by itself.
fn thumbprint(public: &RsaPublicKeyComponents<Vec<u8>>) -> String {
    let (n, e) = (URL_SAFE_NO_PAD.encode(&public.n), URL_SAFE_NO_PAD.encode(&public.e));
    let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.as_bytes()))
}

#[cfg(test)]
mod tests;
