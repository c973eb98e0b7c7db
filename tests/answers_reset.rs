//! The table of answers where a forgotten password is reset.

use http::Method;
use serde_json::json;
use time::Duration;

use crate::support::Service;
use crate::support::person::{Person, asks_for_its_parameters, wrong};

const NEW: &str = "Another-password-2026!x";
const INVALID: &str = "Invalid verification code";
const INCORRECT: &str = "Incorrect username or password";
const LIMIT: &str = "Attempt limit exceeded, please try after some time";

#[tokio::test]
async fn a_reset_sets_the_password_ends_the_sessions_and_lets_nobody_in() {
    let service = Service::start().await;
    let person = Person::new(&service, "forgetful@example.com");
    let (admin, data) = person.sessions().await;
    let waiting = person.log_in("admin").await.text("Session");
    person.begin_reset("admin").await.succeeds(200, "Password reset started", &[]);
    let code = person.code("admin", "reset").await;
    // Until then nothing has changed.
    person.story().keys(&admin).await.unwrap();
    let answer = person.reset("admin", &code, NEW).await;
    answer.succeeds(200, "Password reset successful.", &[]);
    assert_eq!(person.audited("account.reset-password").await, 1);
    assert!(person.code("admin", "notice").await.contains("was reset"));

    service.send(Method::GET, "/v2/pgp", Some(&admin), "").await.is(401, "01", "Unauthorized");
    person.story().keys(&data).await.unwrap();
    let sms = person.code("admin", "mfa").await;
    person.second_factor(&waiting, &sms).await.is(400, "01", "Invalid session, start login again");
    person.guess("admin", person.password("admin")).await.is(400, "01", INCORRECT);
    // R24: the second factor is asked for as before.
    let prompt = person.guess("admin", NEW).await;
    prompt.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    let done = person.second_factor(&prompt.text("Session"), &person.code("admin", "mfa").await).await;
    let admin = avain::story::credentials(done.succeeded(200)).unwrap();
    person.story().keys(&admin).await.unwrap();

    // Data mode has a password and a code of its own.
    person.story().reset_password("data", NEW).await.unwrap();
    service.send(Method::GET, "/v2/pgp", Some(&data), "").await.is(401, "01", "Unauthorized");
    person.guess("data", NEW).await.succeeds(200, "Login OK", &["Account", "ApiKey", "ExpiresIn", "IdToken"]);
}

#[tokio::test]
async fn an_authenticator_survives_a_reset() {
    let service = Service::start().await;
    let person = Person::new(&service, "keeps@example.com");
    person.story().open("admin", "0").await.unwrap();
    let (authenticator, codes) = person.enrolled().await;
    person.story().reset_password("admin", NEW).await.unwrap();
    let prompt = person.guess("admin", NEW).await;
    assert_eq!(prompt.text("ChallengeName"), "SELECT_MFA_TYPE");
    let chosen = person.select(&prompt.text("Session"), "SOFTWARE_TOKEN_MFA").await;
    person.second_factor(&chosen.text("Session"), &authenticator.now()).await.succeeded(200);
    let session = person.guess("admin", NEW).await.text("Session");
    person.second_factor(&session, &codes[0]).await.succeeded(200);
}

/// A stranger learns nothing: neither from the beginning nor from a wrong code.
#[tokio::test]
async fn known_unknown_and_unverified_read_alike() {
    let service = Service::start().await;
    let known = Person::new(&service, "known@example.com");
    known.story().open("admin", "0").await.unwrap();
    let unverified = Person::registered(&service, "unverified@example.com").await;
    let unknown = Person::new(&service, "unknown@example.com");
    let people = [&known, &unverified, &unknown];
    for person in people {
        person.begin_reset("admin").await.succeeds(200, "Password reset started", &[]);
    }
    let code = known.code("admin", "reset").await;
    assert!(!unverified.was_sent("admin", "reset").await && !unknown.was_sent("admin", "reset").await);
    // One counted already: four more are free.
    for round in 0..4 {
        let guess = if round == 0 { "x".to_owned() } else { wrong(&code) };
        for person in people {
            person.reset("admin", &guess, NEW).await.is(400, "01", INVALID);
            assert_eq!(person.failures("admin").await, round + 2);
        }
    }
    // Neither more codes nor more tries, for anybody.
    for person in people {
        let answers = [person.begin_reset("admin").await, person.reset("admin", &code, NEW).await];
        for answer in answers {
            answer.is(429, "01", LIMIT);
            assert_eq!(answer.retry_after, Some(1));
        }
    }
    assert_eq!(known.code("admin", "reset").await, code, "no other was sent");
    for pause in [1, 2] {
        service.clock.advance(Duration::seconds(pause));
        for person in people {
            person.reset("admin", &wrong(&code), NEW).await.is(400, "01", INVALID);
        }
    }
    // The right code after five wrong ones is too late; only who has it is told.
    service.clock.advance(Duration::seconds(4));
    known.reset("admin", &code, NEW).await.is(400, "01", "Code expired, request a new one");
    known.guess("admin", NEW).await.is(429, "01", LIMIT);
}

#[tokio::test]
async fn a_code_is_good_once_for_ten_minutes_and_only_the_latest() {
    let service = Service::start().await;
    let person = Person::new(&service, "once@example.com");
    let (_, data) = person.sessions().await;
    person.begin_reset("admin").await.succeeded(200);
    let first = person.code("admin", "reset").await;
    person.begin_reset("admin").await.succeeded(200);
    let second = person.code("admin", "reset").await;
    if first != second {
        person.reset("admin", &first, NEW).await.is(400, "01", INVALID);
    }
    // It is the admin's, and no other kind's.
    person.reset("data", &second, NEW).await.is(400, "01", INVALID);
    person.reset("admin", &second, NEW).await.succeeded(200);
    person.reset("admin", &second, NEW).await.is(400, "01", INVALID);
    person.story().keys(&data).await.unwrap();

    service.clock.advance(Duration::minutes(16));
    person.begin_reset("admin").await.succeeded(200);
    let late = person.code("admin", "reset").await;
    service.clock.advance(Duration::minutes(10));
    person.reset("admin", &late, NEW).await.is(400, "01", "Code expired, request a new one");
}

/// A reset of the password by whoever reads the mail gives no fresh tries at the second factor.
#[tokio::test]
async fn a_reset_takes_no_failure_back() {
    let service = Service::start().await;
    let person = Person::new(&service, "tries@example.com");
    person.story().open("admin", "0").await.unwrap();
    let session = person.log_in("admin").await.text("Session");
    let code = person.code("admin", "mfa").await;
    for _ in 0..2 {
        person.second_factor(&session, &wrong(&code)).await.is(400, "01", INVALID);
    }
    person.begin_reset("admin").await.succeeded(200);
    let reset = person.code("admin", "reset").await;
    person.reset("admin", &reset, NEW).await.succeeded(200);
    assert_eq!(person.failures("admin").await, 4, "two codes, the asking, and the answer");
    let session = person.guess("admin", NEW).await.text("Session");
    person.second_factor(&session, &person.code("admin", "mfa").await).await.succeeded(200);
    assert_eq!(person.failures("admin").await, 0);
}

#[tokio::test]
async fn weak_passwords_and_bad_challenges_set_nothing() {
    let service = Service::start().await;
    let person = Person::new(&service, "weak@example.com");
    person.story().open("admin", "0").await.unwrap();
    person.begin_reset("admin").await.succeeded(200);
    let code = person.code("admin", "reset").await;
    let path = format!("{}/password", person.account("admin"));
    let challenge = person.challenge("admin").await;
    let good = json!({ "Code": code, "ChResp": challenge, "Encrypted": person.encrypted(NEW, &challenge) });
    asks_for_its_parameters(&service, Method::POST, &path, None, &good).await;

    let strength =
        "Invalid parameter(s): Password must have at least 20 characters with lower, upper, digit and special";
    let weak = json!({ "Code": code, "ChResp": challenge, "Encrypted": person.encrypted("weak", &challenge) });
    person.send(Method::POST, &path, &weak).await.is(400, "01", strength);
    assert!(person.spent(&challenge).await);
    person.send(Method::POST, &path, &good).await.is(400, "01", INCORRECT);
    let challenge = person.challenge("admin").await;
    let rubbish = json!({ "Code": code, "ChResp": challenge, "Encrypted": "AAAA" });
    person.send(Method::POST, &path, &rubbish).await.is(400, "01", INCORRECT);
    service.clock.advance(Duration::seconds(2));
    person.reset("admin", &code, NEW).await.succeeded(200);
}
