use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use avain_adapters_aws::cognito::{CognitoTokens, HttpsKeys, KeySource, Pool};
use avain_domain::names::Mode;
use avain_domain::ports::{Tokens, Unavailable};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::replay::NOW;
use crate::shapes::{DATA_POOL, pools};
use crate::tokens::{id_claims, jwk, signed, with};

/// Gives these answers in turn, and fails the test when it is asked more often.
struct Answers(Mutex<VecDeque<Result<Value, Unavailable>>>);

#[async_trait]
impl KeySource for Answers {
    async fn fetch(&self, _: &Pool) -> Result<Vec<u8>, Unavailable> {
        let answer = self.0.lock().unwrap().pop_front().unwrap();
        answer.map(|document| document.to_string().into_bytes())
    }
}

struct World {
    tokens: CognitoTokens,
    source: Arc<Answers>,
}

impl World {
    fn new(answers: impl IntoIterator<Item = Result<Value, Unavailable>>) -> Self {
        let source = Arc::new(Answers(Mutex::new(answers.into_iter().collect())));
        Self { tokens: CognitoTokens::new(pools(), Arc::<Answers>::clone(&source)), source }
    }

    /// Whether the data pool's token is accepted so many seconds from now; how often keys were not yet asked for.
    async fn at(&self, seconds: i64) -> (Result<bool, String>, usize) {
        let claims = with(id_claims(Mode::Data), "exp", json!(NOW + 1_000_000));
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap() + Duration::seconds(seconds);
        let verified = self.tokens.verify(&signed(&claims), now).await;
        let left = self.source.0.lock().unwrap().len();
        (verified.map(|claims| claims.is_some()).map_err(|error| error.0), left)
    }
}

fn right() -> Value {
    json!({ "keys": [jwk(Mode::Admin), jwk(Mode::Data)] })
}

/// Without the key that is asked for.
fn other() -> Value {
    json!({ "keys": [jwk(Mode::Admin)] })
}

/// Cognito is.
fn down() -> Result<Value, Unavailable> {
    Err(Unavailable("down".to_owned()))
}

#[tokio::test]
async fn keys_are_kept_for_a_day() {
    let world = World::new([Ok(right()), Ok(right())]);
    assert_eq!(world.at(0).await, (Ok(true), 1));
    assert_eq!(world.at(86_399).await, (Ok(true), 1));
    assert_eq!(world.at(86_400).await, (Ok(true), 0));
}

#[tokio::test]
async fn a_key_that_is_no_longer_published_is_forgotten() {
    let world = World::new([Ok(right()), Ok(other())]);
    assert_eq!(world.at(0).await, (Ok(true), 1));
    assert_eq!(world.at(86_400).await, (Ok(false), 0));
}

/// R12.
#[tokio::test]
async fn an_unknown_key_is_asked_for_once_a_minute() {
    let world = World::new([Ok(other()), Ok(other()), Ok(right())]);
    assert_eq!(world.at(0).await, (Ok(false), 2));
    for second in [0, 1, 59] {
        assert_eq!(world.at(second).await, (Ok(false), 2));
    }
    assert_eq!(world.at(60).await, (Ok(false), 1));
    assert_eq!(world.at(119).await, (Ok(false), 1));
    assert_eq!(world.at(120).await, (Ok(true), 0));
}

#[tokio::test]
async fn a_refresh_that_fails_is_not_repeated_within_the_minute() {
    let world = World::new([Ok(other()), down(), Ok(right())]);
    assert_eq!(world.at(0).await, (Ok(false), 2));
    assert_eq!(world.at(60).await, (Err("down".to_owned()), 1));
    assert_eq!(world.at(119).await, (Err("down".to_owned()), 1), "nothing can be said about the token");
    assert_eq!(world.at(120).await, (Ok(true), 0));
}

#[tokio::test]
async fn without_any_keys_every_call_asks() {
    let world = World::new([down(), down(), Ok(right())]);
    assert_eq!(world.at(0).await, (Err("down".to_owned()), 2));
    assert_eq!(world.at(0).await, (Err("down".to_owned()), 1));
    assert_eq!(world.at(0).await, (Ok(true), 0));
}

#[tokio::test]
async fn keys_that_are_too_old_are_not_used_while_cognito_is_down() {
    let world = World::new([Ok(right()), down(), Ok(right())]);
    assert_eq!(world.at(0).await, (Ok(true), 2));
    assert_eq!(world.at(86_400).await, (Err("down".to_owned()), 1));
    assert_eq!(world.at(86_401).await, (Ok(true), 0));
}

#[tokio::test]
async fn texts_that_no_pool_has_signed_ask_for_nothing() {
    let world = World::new([]);
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    let foreign = with(id_claims(Mode::Data), "iss", json!("https://example.com"));
    for token in [String::new(), "a.b.c".to_owned(), signed(&foreign)] {
        assert!(world.tokens.verify(&token, now).await.unwrap().is_none());
    }
}

/// Keys for other uses, of other kinds, or too weak are left out; a set without any key left is a failure.
#[tokio::test]
async fn only_keys_for_rs256_are_used() {
    let data = || jwk(Mode::Data);
    let short = "w".repeat(171); // 1024 bits
    let unusable = [
        with(data(), "kty", json!("oct")),
        with(data(), "alg", json!("PS256")),
        with(data(), "alg", Value::Null),
        with(data(), "use", json!("enc")),
        with(data(), "kid", Value::Null),
        with(data(), "e", json!("Aw")),
        with(data(), "n", json!(short)),
        with(data(), "n", json!("not base64url")),
        with(data(), "n", Value::Null),
    ];
    for key in unusable {
        let alone = World::new([Ok(json!({ "keys": [key] }))]);
        assert_eq!(alone.at(0).await.0, Err("Cognito's keys: no key for RS256".to_owned()), "{key}");
        let beside = World::new([Ok(json!({ "keys": [key, data()] }))]);
        assert_eq!(beside.at(0).await.0, Ok(true), "{key}");
    }
    let twice = World::new([Ok(json!({ "keys": [data(), data()] }))]);
    assert_eq!(twice.at(0).await.0, Err("Cognito's keys: a key id comes twice".to_owned()));
    for document in [json!({}), json!([]), json!({ "keys": "none" }), json!({ "keys": [{}] })] {
        let world = World::new([Ok(document)]);
        assert_eq!(world.at(0).await.0, Err("Cognito's keys: not a key set".to_owned()));
    }
}

/// One answer over a real connection; the request as it came.
async fn fetched(answer: String) -> (Result<Vec<u8>, Unavailable>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = HttpsKeys::of_emulator(&format!("http://{}/", listener.local_addr().unwrap()));
    let serve = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = connection.read(&mut request).await.unwrap();
        // The client hangs up on an answer that is too long.
        let _ = connection.write_all(answer.as_bytes()).await;
        String::from_utf8(request[..length].to_vec()).unwrap()
    };
    let pool = pools().data;
    tokio::join!(source.fetch(&pool), serve)
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn keys_come_over_http() {
    let (keys, request) = fetched(answer("200 OK", r#"{"keys":[]}"#)).await;
    assert_eq!(keys.unwrap(), br#"{"keys":[]}"#);
    assert!(request.starts_with(&format!("GET /{DATA_POOL}/.well-known/jwks.json HTTP/1.1\r\n")), "{request}");

    let failures = [
        (answer("404 Not Found", "{}"), "Cognito's keys: HTTP status 404"),
        (answer("302 Found\r\nlocation: http://example.com/", ""), "Cognito's keys: HTTP status 302"),
        (answer("200 OK", &"x".repeat(65 * 1024)), "Cognito's keys: the answer broke off or is too long"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(),
            "Cognito's keys: the answer broke off or is too long",
        ),
        ("nothing like HTTP\r\n\r\n".to_owned(), "Cognito's keys: cannot be reached"),
    ];
    for (answer, expected) in failures {
        assert_eq!(fetched(answer).await.0.unwrap_err().0, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_answer_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = HttpsKeys::of_emulator(&format!("http://{}", listener.local_addr().unwrap()));
    let error = source.fetch(&pools().data).await.unwrap_err();
    assert_eq!(error.0, "Cognito's keys: no answer in time");
}
