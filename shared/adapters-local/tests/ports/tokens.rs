use std::io::Write;
use std::process::Stdio;

use avain_domain::ports::{Clock, Tokens};
use avain_test_support::peer;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{self, API_KEY, ISSUER, PHONE, admin};

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn the_claims_have_cognitos_names() {
    let world = support::world().await;
    world.ready(&admin()).await;
    let tokens = world.logged_in(&admin()).await;
    let now = world.clock.now().unix_timestamp();

    let id = claims(&tokens.id_token);
    let expected = json!({
        "sub": id["sub"], "iss": ISSUER, "aud": "avain", "token_use": "id", "auth_time": now, "iat": now,
        "exp": now + 3600, "jti": id["jti"], "cognito:username": "e_anna_at_example.com__admin",
        "email": "anna@example.com", "email_verified": true, "phone_number": PHONE, "phone_number_verified": true,
        "custom:organisation": "org-1", "custom:mode": "admin", "custom:apikey": API_KEY,
        "custom:account_type": "integrator"
    });
    assert_eq!(id, expected);
    assert!(tokens.owner);

    let access = claims(&tokens.access_token);
    let expected = json!({
        "sub": id["sub"], "iss": ISSUER, "client_id": "avain", "token_use": "access", "auth_time": now, "iat": now,
        "exp": now + 3600, "jti": access["jti"], "username": "e_anna_at_example.com__admin"
    });
    assert_eq!(access, expected);
    assert_ne!(id["jti"], access["jti"]);
}

#[tokio::test]
async fn node_verifies_both_tokens_with_the_published_key() {
    const SCRIPT: &str = r"
        const crypto = require('node:crypto');
        const { jwks, tokens } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
        for (const token of tokens) {
            const [header, payload, signature] = token.split('.');
            const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url'));
            const jwk = jwks.keys.find(key => key.kid === kid && key.alg === alg && alg === 'RS256');
            const key = crypto.createPublicKey({ key: jwk, format: 'jwk' });
            const good = crypto.verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'));
            const bad = crypto.verify('RSA-SHA256', Buffer.from(`${header}.${payload}x`), key, Buffer.from(signature, 'base64url'));
            const { modulusLength, publicExponent } = key.asymmetricKeyDetails;
            console.log(good, bad, modulusLength, String(publicExponent), Object.keys(jwk).sort().join());
        }";
    let Some(mut node) = peer("node") else { return };
    let world = support::world().await;
    world.ready(&admin()).await;
    let tokens = world.logged_in(&admin()).await;
    let jwks: Value = serde_json::from_str(&world.pool.tokens().jwks()).unwrap();
    let input = json!({ "jwks": jwks, "tokens": [tokens.id_token, tokens.access_token] });

    let mut node =
        node.args(["-e", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let line = "true false 2048 65537 alg,e,kid,kty,n,use\n";
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        line.repeat(2),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn an_id_token_lasts_an_hour_of_the_given_time() {
    let world = support::world().await;
    world.ready(&admin()).await;
    let token = world.logged_in(&admin()).await.id_token;
    let (tokens, now) = (world.pool.tokens(), world.clock.now());
    assert!(tokens.verify(&token, now + Duration::seconds(3599)).await.unwrap().is_some());
    assert!(tokens.verify(&token, now + Duration::seconds(3600)).await.unwrap().is_none());
}

#[tokio::test]
async fn an_access_token_is_no_id_token_and_another_pools_is_none() {
    let (world, other) = (support::world().await, support::world().await);
    world.ready(&admin()).await;
    other.ready(&admin()).await;
    let now = world.clock.now();
    let tokens = world.logged_in(&admin()).await;
    let foreign = other.logged_in(&admin()).await;
    assert!(world.pool.tokens().verify(&tokens.access_token, now).await.unwrap().is_none());
    assert!(world.pool.tokens().verify(&foreign.id_token, now).await.unwrap().is_none());
    assert!(world.pool.tokens().verify(&tokens.id_token, now).await.unwrap().is_some());
}
