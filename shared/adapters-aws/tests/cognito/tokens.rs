use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use avain_adapters_aws::cognito::{CognitoTokens, KeySource, Pool};
use avain_domain::names::Mode;
use avain_domain::ports::{Claims, Tokens, Unavailable};
use avain_test_support::peer;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::replay::NOW;
use crate::shapes::{ADMIN_CLIENT, API_KEY, DATA_CLIENT, PHONE, login, name, pools};

/// The keys that the tests' pools publish.
pub(crate) fn published() -> Arc<dyn KeySource> {
    struct Published;

    #[async_trait]
    impl KeySource for Published {
        async fn fetch(&self, pool: &Pool) -> Result<Vec<u8>, Unavailable> {
            let mode = if *pool == pools().admin { Mode::Admin } else { Mode::Data };
            Ok(json!({ "keys": [jwk(mode)] }).to_string().into_bytes())
        }
    }

    Arc::new(Published)
}

fn key(mode: Mode) -> &'static RsaKeyPair {
    static ADMIN: OnceLock<RsaKeyPair> = OnceLock::new();
    static DATA: OnceLock<RsaKeyPair> = OnceLock::new();
    let slot = if mode == Mode::Admin { &ADMIN } else { &DATA };
    slot.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
}

/// The mode's public key in the form in which Cognito publishes it.
pub(crate) fn jwk(mode: Mode) -> Value {
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(key(mode).public_key());
    json!({
        "alg": "RS256", "e": URL_SAFE_NO_PAD.encode(public.e), "kid": mode.as_str(), "kty": "RSA",
        "n": URL_SAFE_NO_PAD.encode(public.n), "use": "sig"
    })
}

pub(crate) fn id_claims(mode: Mode) -> Value {
    let pool = if mode == Mode::Admin { pools().admin } else { pools().data };
    json!({
        "sub": "5f3e2a10-0000-4000-8000-000000000001", "iss": pool.issuer(), "aud": pool.client_id(), "token_use": "id",
        "auth_time": NOW - 30, "iat": NOW - 20, "exp": NOW + 3580, "jti": "j", "origin_jti": "o", "event_id": "e",
        "cognito:username": name(mode), "email": "anna@example.com", "email_verified": true, "phone_number": PHONE,
        "phone_number_verified": true, "custom:organisation": "org-1", "custom:mode": mode.as_str(),
        "custom:apikey": API_KEY, "custom:account_type": if mode == Mode::Admin { "integrator" } else { "customer" }
    })
}

pub(crate) fn access_claims(mode: Mode) -> Value {
    let pool = if mode == Mode::Admin { pools().admin } else { pools().data };
    json!({
        "sub": "5f3e2a10-0000-4000-8000-000000000001", "iss": pool.issuer(), "client_id": pool.client_id(),
        "token_use": "access", "scope": "aws.cognito.signin.user.admin", "auth_time": NOW - 30, "iat": NOW - 20,
        "exp": NOW + 3580, "jti": "j", "origin_jti": "o", "event_id": "e", "username": name(mode)
    })
}

pub(crate) fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

/// Signed by the pool of `iss`.
pub(crate) fn signed(claims: &Value) -> String {
    let mode = if claims["iss"] == pools().admin.issuer() { Mode::Admin } else { Mode::Data };
    signed_by(mode, &json!({ "kid": mode.as_str(), "alg": "RS256" }), claims, &RSA_PKCS1_SHA256)
}

fn signed_by(mode: Mode, header: &Value, claims: &Value, encoding: &'static dyn RsaEncoding) -> String {
    let message = unsigned(header, claims);
    let mut signature = vec![0; key(mode).public_modulus_len()];
    key(mode).sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn header() -> Value {
    json!({ "kid": "data", "alg": "RS256" })
}

fn claims() -> Value {
    id_claims(Mode::Data)
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap()
}

async fn verified_at(token: &str, now: OffsetDateTime) -> Option<Claims> {
    CognitoTokens::new(pools(), published()).verify(token, now).await.unwrap()
}

async fn accepted(token: &str) -> bool {
    verified_at(token, now()).await.is_some()
}

#[tokio::test]
async fn an_id_token_of_either_pool_says_who_calls() {
    for mode in [Mode::Admin, Mode::Data] {
        let claims = verified_at(&signed(&id_claims(mode)), now()).await.unwrap();
        assert_eq!((claims.login, claims.organisation.0.as_str()), (login(mode), "org-1"));
        assert_eq!((claims.issued.unix_timestamp(), claims.authenticated.unix_timestamp()), (NOW - 20, NOW - 30));
    }
}

#[tokio::test]
async fn a_token_lasts_until_its_second_of_expiry() {
    let token = signed(&claims());
    assert!(verified_at(&token, now() + Duration::seconds(3579)).await.is_some());
    assert!(verified_at(&token, now() + Duration::seconds(3580)).await.is_none());
    // Issued a minute ahead of our clock, but not more (R5).
    assert!(verified_at(&token, now() - Duration::seconds(80)).await.is_some());
    assert!(verified_at(&token, now() - Duration::seconds(81)).await.is_none());
}

/// R1, R3: signed with the right key, but under another header.
#[tokio::test]
async fn every_other_header_is_refused() {
    let headers = [
        with(header(), "alg", json!("none")),
        with(header(), "alg", json!("noNE")),
        with(header(), "alg", json!("rs256")),
        with(header(), "alg", json!("RS512")),
        with(header(), "alg", json!("PS256")),
        with(header(), "alg", json!("HS256")),
        with(header(), "alg", Value::Null),
        with(header(), "kid", json!("other")),
        with(header(), "kid", json!("admin")),
        with(header(), "kid", Value::Null),
        with(header(), "jku", json!("https://example.com/jwks.json")),
        with(header(), "x5u", json!("https://example.com/x5u")),
        with(header(), "x5c", json!(["AAAA"])),
        with(header(), "jwk", jwk(Mode::Data)),
        with(header(), "crit", json!(["exp"])),
        with(header(), "typ", json!("JWT")),
        json!({ "alg": "RS256" }),
        json!({ "kid": "data" }),
        json!([]),
    ];
    for header in headers {
        assert!(!accepted(&signed_by(Mode::Data, &header, &claims(), &RSA_PKCS1_SHA256)).await, "{header}");
    }
    let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"data","alg":"RS256"}"#);
    let token = signed(&claims());
    assert!(!accepted(&format!("{twice}.{}", token.split_once('.').unwrap().1)).await);
}

/// R2: the same key under another algorithm than its own, whatever the header says.
#[tokio::test]
async fn every_other_algorithm_is_refused() {
    let others: [(&str, &'static dyn RsaEncoding); 2] = [("RS512", &RSA_PKCS1_SHA512), ("PS256", &RSA_PSS_SHA256)];
    for (name, encoding) in others {
        for header in [header(), with(header(), "alg", json!(name))] {
            assert!(!accepted(&signed_by(Mode::Data, &header, &claims(), encoding)).await, "{header}");
        }
    }
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(key(Mode::Data).public_key());
    let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'static>>::as_der(&public).unwrap();
    for header in [header(), with(header(), "alg", json!("HS256"))] {
        let message = unsigned(&header, &claims());
        for secret in [der.as_ref(), &public.n, jwk(Mode::Data).to_string().as_bytes()] {
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            assert!(!accepted(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))).await);
        }
    }
    for header in [header(), with(header(), "alg", json!("none"))] {
        assert!(!accepted(&unsigned(&header, &claims())).await);
        assert!(!accepted(&format!("{}.", unsigned(&header, &claims()))).await);
    }
}

#[tokio::test]
async fn wrong_and_missing_claims_are_refused() {
    let wrong = [
        ("iss", json!("https://cognito-idp.eu-north-1.amazonaws.com/eu-north-1_Other0003")),
        ("iss", json!(pools().admin.issuer())),
        ("iss", json!(format!("{}/", pools().data.issuer()))),
        ("aud", json!(ADMIN_CLIENT)),
        ("aud", json!([DATA_CLIENT])),
        ("aud", json!("")),
        ("token_use", json!("access")),
        ("exp", json!(NOW)),
        ("exp", json!("never")),
        ("exp", json!(1e40)),
        ("iat", json!(NOW + 61)),
        ("auth_time", json!(i64::MAX)),
        ("sub", json!("")),
        ("email", json!("no address")),
        ("email", json!("bertil@example.com")),
        ("email_verified", json!(false)),
        ("email_verified", json!("true")),
        ("cognito:username", json!(name(Mode::Admin))),
        ("custom:mode", json!("admin")),
        ("custom:mode", json!("root")),
        ("custom:organisation", json!(["org-1"])),
    ];
    for (claim, value) in wrong {
        let token = signed_by(Mode::Data, &header(), &with(claims(), claim, value.clone()), &RSA_PKCS1_SHA256);
        assert!(!accepted(&token).await, "{claim}: {value}");
    }
    for needed in [
        "sub",
        "iss",
        "aud",
        "token_use",
        "auth_time",
        "iat",
        "exp",
        "cognito:username",
        "email",
        "email_verified",
        "custom:organisation",
        "custom:mode",
    ] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(needed);
        assert!(!accepted(&signed_by(Mode::Data, &header(), &claims, &RSA_PKCS1_SHA256)).await, "{needed}");
    }
}

/// An admin's token is the admin pool's: the data pool, which asks for no second factor, cannot make one.
#[tokio::test]
async fn one_pool_does_not_speak_for_the_other() {
    let as_admin = id_claims(Mode::Admin);
    for header in [header(), json!({ "kid": "admin", "alg": "RS256" })] {
        assert!(!accepted(&signed_by(Mode::Data, &header, &as_admin, &RSA_PKCS1_SHA256)).await);
        let in_data_pool = with(with(as_admin.clone(), "iss", json!(pools().data.issuer())), "aud", json!(DATA_CLIENT));
        assert!(!accepted(&signed_by(Mode::Data, &header, &in_data_pool, &RSA_PKCS1_SHA256)).await);
    }
}

#[tokio::test]
async fn an_access_token_is_no_id_token() {
    assert!(!accepted(&signed(&access_claims(Mode::Data))).await);
    let mut all = claims();
    for (name, value) in access_claims(Mode::Data).as_object().unwrap() {
        all[name] = value.clone();
    }
    assert!(!accepted(&signed(&all)).await);
}

/// R8: one text for one token.
#[tokio::test]
async fn only_the_compact_form_is_read() {
    let token = signed(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let json = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    let others = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        json.to_string(),
        format!("{token}="),
        format!("{token} "),
        format!("\n{token}"),
        format!("Bearer {token}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{}", parts[2]),
        token.replace(parts[2], ""),
        token.replace(parts[2], parts[2].get(..340).unwrap()),
        "a".repeat(1_000_000),
        format!("{}.{}", unsigned(&header(), &with(claims(), "padding", json!("x".repeat(8192)))), parts[2]),
    ];
    for other in others {
        assert!(!accepted(&other).await, "{}", &other[..other.len().min(40)]);
    }
}

/// Another implementation makes the key and the token.
#[tokio::test]
async fn a_token_that_node_has_signed_is_accepted() {
    const SCRIPT: &str = r"
        const crypto = require('node:crypto');
        const claims = require('node:fs').readFileSync(0, 'utf8');
        const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
        const part = text => Buffer.from(text).toString('base64url');
        const message = `${part(JSON.stringify({ kid: 'node/1+2=', alg: 'RS256' }))}.${part(claims)}`;
        const signature = crypto.sign('RSA-SHA256', Buffer.from(message), privateKey).toString('base64url');
        const jwk = { ...publicKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'node/1+2=' };
        console.log(JSON.stringify({ token: `${message}.${signature}`, jwks: { keys: [jwk] } }));";
    struct Nodes(Vec<u8>);

    #[async_trait]
    impl KeySource for Nodes {
        async fn fetch(&self, _: &Pool) -> Result<Vec<u8>, Unavailable> {
            Ok(self.0.clone())
        }
    }

    let Some(mut node) = peer("node") else { return };
    let mut node =
        node.args(["-e", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(claims().to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    let token = made["token"].as_str().unwrap();

    let tokens = CognitoTokens::new(pools(), Arc::new(Nodes(made["jwks"].to_string().into_bytes())));
    assert_eq!(tokens.verify(token, now()).await.unwrap().unwrap().login, login(Mode::Data));
    let mut other = token.to_owned();
    let at = other.rfind('.').unwrap() + 20;
    let changed = if &other[at..=at] == "A" { "B" } else { "A" };
    other.replace_range(at..=at, changed);
    assert!(tokens.verify(&other, now()).await.unwrap().is_none());
    assert!(tokens.verify(&signed(&claims()), now()).await.unwrap().is_none(), "of another key");
}

proptest! {
    #[test]
    fn any_changed_character_is_refused(at in 0_usize..2000, to in "[A-Za-z0-9_-]") {
        let token = signed(&claims());
        let at = at % token.len();
        let mut changed = token.clone();
        changed.replace_range(at..=at, &to);
        prop_assert_eq!(run(accepted(&changed)), changed == token);
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,60}(\\.\\PC{0,60}){0,3}") {
        prop_assert!(!run(accepted(&text)));
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
