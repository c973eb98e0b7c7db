use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::KeySize;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

fn tokens() -> &'static PoolTokens {
    static TOKENS: OnceLock<PoolTokens> = OnceLock::new();
    TOKENS.get_or_init(|| {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        PoolTokens::new(key.as_der().unwrap().as_ref(), "issuer".to_owned()).unwrap()
    })
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": tokens().0.header.kid })
}

fn claims() -> Value {
    json!({
        "sub": "s", "iss": "issuer", "aud": "avain", "token_use": "id", "auth_time": NOW, "iat": NOW, "exp": NOW + 3600,
        "jti": "j", "cognito:username": "e_anna_at_example.com__data", "email": "anna@example.com",
        "email_verified": true, "phone_number": "+358401234567", "phone_number_verified": true,
        "custom:organisation": "org-1", "custom:mode": "data", "custom:apikey": "key", "custom:account_type": "customer"
    })
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn signed(header: &Value, claims: &Value) -> String {
    tokens().sign_with(header, claims).unwrap()
}

fn accepted(token: &str) -> bool {
    tokens().verify_id(token, OffsetDateTime::from_unix_timestamp(NOW).unwrap()).is_some()
}

#[test]
fn a_well_formed_token_is_accepted() {
    assert!(accepted(&signed(&header(), &claims())));
}

/// R1, R3: signed with the right key, but another header than the pool's own.
#[test]
fn every_other_header_is_refused() {
    let jwk = serde_json::from_str::<Value>(&tokens().jwks()).unwrap()["keys"][0].clone();
    let others = [
        with(header(), "alg", json!("none")),
        with(header(), "alg", json!("noNE")),
        with(header(), "alg", json!("rs256")),
        with(header(), "alg", json!("RS512")),
        with(header(), "alg", json!("PS256")),
        with(header(), "alg", json!("HS256")),
        with(header(), "kid", json!("other")),
        with(header(), "kid", Value::Null),
        with(header(), "jku", json!("https://example.com/jwks.json")),
        with(header(), "x5u", json!("https://example.com/x5u")),
        with(header(), "x5c", json!(["AAAA"])),
        with(header(), "jwk", jwk),
        with(header(), "crit", json!(["exp"])),
        with(header(), "typ", json!("at+jwt")),
        with(header(), "extra", json!(1)),
        json!({ "alg": "RS256" }),
    ];
    for other in others {
        assert!(!accepted(&signed(&other, &claims())), "{other}");
    }
}

#[test]
fn an_unsigned_token_is_refused() {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = with(header(), "alg", json!("none"));
    for header in [&none, &header()] {
        let message = format!("{}.{}", part(header), part(&claims()));
        assert!(!accepted(&format!("{message}.")));
        assert!(!accepted(&message));
    }
}

/// The old confusion: HMAC with the public key as its secret, in each form that the key is published in.
#[test]
fn a_token_under_hmac_with_the_public_key_is_refused() {
    let public = &tokens().0.public;
    let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'static>>::as_der(public).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for header in [with(header(), "alg", json!("HS256")), header()] {
        let message = format!("{}.{}", part(&header), part(&claims()));
        for secret in [der.as_ref(), pem.as_bytes(), tokens().jwks().as_bytes(), &public.n] {
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            assert!(!accepted(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))));
        }
    }
}

#[test]
fn wrong_and_missing_claims_are_refused() {
    let wrong = [
        ("iss", json!("other")),
        ("aud", json!("other")),
        ("aud", json!(["avain", "other"])),
        ("token_use", json!("access")),
        ("exp", json!(NOW)),
        ("exp", json!("never")),
        ("iat", json!(1e40)),
        ("iat", json!(i64::MAX)),
        ("email", json!("no address")),
        ("custom:mode", json!("root")),
    ];
    for (name, value) in wrong {
        assert!(!accepted(&signed(&header(), &with(claims(), name, value.clone()))), "{name}: {value}");
    }
    for name in claims().as_object().unwrap().keys() {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert!(!accepted(&signed(&header(), &claims)), "{name}");
    }
}

/// R8: one text for one token.
#[test]
fn only_the_compact_form_is_read() {
    let token = signed(&header(), &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let json = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    let others = [
        String::new(),
        "..".to_owned(),
        json.to_string(),
        format!("{token}="),
        format!("{token} "),
        format!("\n{token}"),
        format!("Bearer {token}"),
        format!("{token}."),
        format!("{token}.{}", parts[2]),
        token.replace(parts[2], ""),
        "a".repeat(1_000_000),
    ];
    for other in others {
        assert!(!accepted(&other), "{}", &other[..other.len().min(40)]);
    }
}

proptest! {
    #[test]
    fn any_changed_character_is_refused(at in 0_usize..2000, to in "[A-Za-z0-9_-]") {
        let token = signed(&header(), &claims());
        let at = at % token.len();
        let mut changed = token.clone();
        changed.replace_range(at..=at, &to);
        prop_assert_eq!(accepted(&changed), changed == token);
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,60}(\\.\\PC{0,60}){0,3}") {
        prop_assert!(!accepted(&text));
    }
}
