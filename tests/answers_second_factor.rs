//! The table of answers where a login waits for its second factor: codes by SMS, an authenticator's, the choice between them.

use avain_domain::ports::{Factor, IdentityError};
use http::Method;
use serde_json::json;
use time::Duration;

use crate::answers_session::is_logged_in;
use crate::support::Service;
use crate::support::person::{Person, wrong};
use crate::support::pool::Interposed;

const NO_SESSION: &str = "Invalid session, start login again";
const EXPIRED: &str = "Code expired, request a new one";
const LIMIT: &str = "Attempt limit exceeded, please try after some time";

#[tokio::test]
async fn a_second_factor_is_tried_five_times_within_ten_minutes() {
    let service = Service::start().await;
    let person = Person::new(&service, "factor@example.com");
    person.story().open("admin", "0").await.unwrap();
    let begin = async || {
        let session = person.log_in("admin").await.text("Session");
        (session, person.code("admin", "mfa").await)
    };
    let (session, code) = begin().await;
    for guess in [wrong(&code), String::from("x"), format!("{code}0"), format!(" {code}")] {
        person.second_factor(&session, &guess).await.is(400, "01", "Invalid verification code");
    }
    person.second_factor(&session, &code).await.succeeds(
        200,
        "Login OK",
        &["Account", "ApiKey", "ExpiresIn", "IdToken"],
    );
    person.second_factor(&session, &code).await.is(400, "01", NO_SESSION);

    let (session, code) = begin().await;
    for _ in 0..5 {
        person.second_factor(&session, &wrong(&code)).await.is(400, "01", "Invalid verification code");
    }
    for _ in 0..2 {
        person.second_factor(&session, &code).await.is(400, "01", EXPIRED);
    }
    // Five failures of the login: the next try waits, whatever it fails at.
    person.log_in("admin").await.is(429, "01", LIMIT);
    service.clock.advance(Duration::seconds(1));

    let (session, code) = begin().await;
    service.clock.advance(Duration::seconds(599));
    person.second_factor(&session, &code).await.succeeded(200);
    let (session, code) = begin().await;
    service.clock.advance(Duration::seconds(600));
    person.second_factor(&session, &code).await.is(400, "01", NO_SESSION);
}

/// The texts and fields of brief 2.10 for an authenticator; its wrong and its used codes count like those of an SMS.
#[tokio::test]
async fn an_authenticators_code_is_a_second_factor() {
    let service = Service::start().await;
    let person = Person::new(&service, "authenticator@example.com");
    let api_key = person.story().open("admin", "0").await.unwrap().api_key;
    let Some(authenticator) = person.authenticator(Some(Factor::Totp)).await else { return };
    service.clock.advance(Duration::seconds(90));
    let begin = async || {
        let prompt = person.log_in("admin").await;
        prompt.succeeds(200, "Give authenticator code", &["ChallengeName", "Session"]);
        assert_eq!(prompt.text("ChallengeName"), "SOFTWARE_TOKEN_MFA");
        prompt.text("Session")
    };
    let session = begin().await;
    for (count, guess) in [authenticator.wrong(), String::from("x"), String::from("1234567")].iter().enumerate() {
        person.second_factor(&session, guess).await.is(400, "01", "Invalid verification code");
        assert_eq!(person.failures("admin").await, u32::try_from(count).unwrap() + 1, "a wrong code counts");
    }
    let code = authenticator.code(0).unwrap();
    is_logged_in(&person.second_factor(&session, &code).await, &api_key, "integrator");
    assert_eq!(person.failures("admin").await, 0);
    person.second_factor(&session, &code).await.is(400, "01", NO_SESSION);

    // The same code opens no other login. Five wrong ones, and the session is dead and the login waits.
    let session = begin().await;
    for guess in [code.clone(), authenticator.wrong(), code.clone(), authenticator.wrong(), code] {
        person.second_factor(&session, &guess).await.is(400, "01", "Invalid verification code");
    }
    person.second_factor(&session, &authenticator.code(1).unwrap()).await.is(400, "01", EXPIRED);
    person.log_in("admin").await.is(429, "01", LIMIT);
    service.clock.advance(Duration::seconds(1));
    let session = begin().await;
    is_logged_in(&person.second_factor(&session, &authenticator.code(1).unwrap()).await, &api_key, "integrator");
}

#[tokio::test]
async fn who_prefers_no_factor_is_asked_which_one() {
    let service = Service::start().await;
    let person = Person::new(&service, "chooser@example.com");
    person.story().open("admin", "0").await.unwrap();
    let Some(authenticator) = person.authenticator(None).await else { return };
    service.clock.advance(Duration::seconds(90));
    let prompt = person.log_in("admin").await;
    prompt.succeeds(200, "Select MFA type", &["ChallengeName", "MfaOptions", "Session", "SmsDestination"]);
    assert_eq!(prompt.text("ChallengeName"), "SELECT_MFA_TYPE");
    assert_eq!(prompt.body["MfaOptions"], json!(["SMS_MFA", "SOFTWARE_TOKEN_MFA"]));
    let (phone, destination) = (&person.company.phone, prompt.text("SmsDestination"));
    assert_eq!(destination.len(), phone.len());
    assert!(destination.starts_with("+*") && destination.ends_with(&phone[phone.len() - 4..]), "{destination}");
    assert_eq!(destination.matches('*').count(), phone.len() - 5);
    // No code answers a choice.
    for code in [authenticator.code(0).unwrap(), person.code("admin", "mfa").await] {
        person.second_factor(&prompt.text("Session"), &code).await.is(400, "01", NO_SESSION);
    }
    assert_eq!(person.failures("admin").await, 0);
}

#[tokio::test]
async fn a_second_factors_session_is_its_own_logins_latest() {
    let service = Service::start().await;
    let (person, other) = (Person::new(&service, "mine@example.com"), Person::new(&service, "other@example.com"));
    for person in [&person, &other] {
        person.story().open("admin", "0").await.unwrap();
    }
    let replaced = (person.log_in("admin").await.text("Session"), person.code("admin", "mfa").await);
    let mine = (person.log_in("admin").await.text("Session"), person.code("admin", "mfa").await);
    let others = (other.log_in("admin").await.text("Session"), other.code("admin", "mfa").await);

    person.second_factor(&replaced.0, &replaced.1).await.is(400, "01", NO_SESSION);
    person.second_factor(&others.0, &others.1).await.is(400, "01", NO_SESSION);
    person.second_factor(&others.0, &mine.1).await.is(400, "01", NO_SESSION);
    person.second_factor("unknown", &mine.1).await.is(400, "01", NO_SESSION);
    let nobody = Person::new(&service, "nobody@example.com");
    nobody.second_factor(&mine.0, &mine.1).await.is(400, "01", NO_SESSION);
    let in_data_mode = json!({ "Session": mine.0, "Code": mine.1 });
    let path = format!("{}/mfacode", person.session("data"));
    person.send(Method::PUT, &path, &in_data_mode).await.is(400, "01", NO_SESSION);

    // None of it cost anyone a try.
    person.second_factor(&mine.0, &mine.1).await.succeeded(200);
    other.second_factor(&others.0, &others.1).await.succeeded(200);
}

/// A second factor that was asked for before the logout is no way around it.
#[tokio::test]
async fn logging_out_ends_a_login_that_waits_for_its_code() {
    let service = Service::start().await;
    let person = Person::new(&service, "waiting@example.com");
    let admin = person.story().open("admin", "0").await.unwrap();
    let session = person.log_in("admin").await.text("Session");
    person.story().log_out("admin", &admin).await.unwrap();
    person.second_factor(&session, &person.code("admin", "mfa").await).await.is(400, "01", NO_SESSION);
}

/// As Cognito does where a user asks for too many codes.
#[tokio::test]
async fn a_pool_that_says_too_many_is_a_limit_of_attempts() {
    let service = Service::start_rewired(
        |_| {},
        |mut machine, _| {
            machine.deps = Interposed::in_front_of(machine.deps, |_| Err(IdentityError::TooMany));
            machine
        },
    )
    .await;
    let person = Person::new(&service, "exhausted@example.com");
    let answers = [person.log_in("admin").await, person.second_factor("any", "123456").await];
    for answer in answers {
        answer.is(429, "01", LIMIT);
        assert_eq!(answer.retry_after, Some(60));
    }
    assert_eq!(person.failures("admin").await, 1, "the login stays counted");
}
