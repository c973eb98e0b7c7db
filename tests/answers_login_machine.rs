//! The login machine's text contract (brief 2.10): each state's status, text and fields, and what the vendor's client makes of
//! them (brief 2.4), in both orders of e-mail verification.

use avain_domain::Settings;
use serde_json::json;
use time::Duration;

use crate::support::person::{Authenticator, Person, wrong};
use crate::support::{Answer, Service};

/// What the vendor's client goes by, in its order (brief 2.4).
fn classified(answer: &Answer) -> &'static str {
    let body = &answer.body;
    let text = body["ResponseText"].as_str().unwrap_or_default().to_lowercase();
    let there = |name: &str| body[name].as_str().is_some_and(|it| !it.is_empty());
    let session = there("Session") || text.contains("sms code") || text.contains("authenticator code");
    match () {
        () if body["ResponseCode"] != "00" => failure(&text),
        () if there("IdToken") && there("ApiKey") => match ["AccessToken", "SecretCode", "OtpauthUri"].map(there) {
            [true, true, true] => "authenticated, enrolling",
            _ => "authenticated",
        },
        () if text.contains("verify phone") => "phone",
        () if there("AccessToken") => "email",
        () if text.contains("verify email") => "failed: missing_access_token",
        () if body["ChallengeName"] == "SELECT_MFA_TYPE" => "select",
        () if session => match body["ChallengeName"].as_str() {
            Some("SOFTWARE_TOKEN_MFA") => "mfa: totp",
            None if text.contains("authenticator code") => "mfa: totp",
            _ => "mfa: sms",
        },
        () => "failed",
    }
}

fn failure(text: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if has(&["too many", "attempt limit", "limit exceeded"]) => "failed: too_many_attempts",
        () if has(&["expired", "no longer valid"]) => "failed: expired_code",
        () if has(&["resend", "request a new"]) => "failed: resend",
        () if has(&["not confirmed"]) => "failed: unconfirmed",
        () if has(&["not verif", "unverified"]) => "failed: unverified",
        () if has(&["invalid", "incorrect", "mismatch", "wrong code"]) => "failed: invalid_code",
        () => "failed",
    }
}

/// Asserts one line of the table.
#[track_caller]
fn line(answer: &Answer, text: &str, fields: &[&str], class: &str) {
    answer.succeeds(200, text, fields);
    assert_eq!(classified(answer), class, "{}", answer.body);
}

const DONE: &[&str] = &["Account", "ApiKey", "ExpiresIn", "IdToken"];
const ENROLLING: &[&str] = &["AccessToken", "Account", "ApiKey", "ExpiresIn", "IdToken", "OtpauthUri", "SecretCode"];
const PROMPT: &[&str] = &["ChallengeName", "Session"];
const CHOICE: &[&str] = &["ChallengeName", "MfaOptions", "Session", "SmsDestination"];

async fn sms(person: &Person<'_>, prompt: &Answer) -> Answer {
    person.second_factor(&prompt.text("Session"), &person.code("admin", "mfa").await).await
}

async fn register(person: &Person<'_>) {
    let registered = person.register("admin", "0").await;
    registered.succeeds(201, "Sign up successful. Verify phone number.", &["ApiKey"]);
    let unconfirmed = person.log_in("admin").await;
    line(&unconfirmed, "User authentication failed. Verify phone number with received SMS.", &[], "phone");
    let code = person.code("admin", "phone").await;
    let confirmed = person.verify_phone("admin", &person.company.phone, &code).await;
    confirmed.succeeds(200, "Phone confirmation successful.", &[]);
}

async fn verify_email(person: &Person<'_>, prompt: &Answer) {
    line(prompt, "Login OK. Verify email address.", &["AccessToken"], "email");
    let code = person.code("admin", "email").await;
    let token = prompt.text("AccessToken");
    person.verify_email("admin", &token, &wrong(&code)).await.is(400, "01", "Invalid verification code");
    let verified = person.verify_email("admin", &token, &code).await;
    verified.succeeds(200, "Email verification successful.", &[]);
    // Once.
    assert_eq!(person.verify_email("admin", &token, &code).await.status, 400);
}

#[tokio::test]
async fn every_state_has_its_text_its_fields_and_its_class() {
    let service = Service::start().await;
    let person = Person::new(&service, "machine@example.com");
    register(&person).await;
    let prompt = person.log_in("admin").await;
    line(&prompt, "Give SMS code", PROMPT, "mfa: sms");
    verify_email(&person, &sms(&person, &prompt).await).await;
    // A session is used once, whatever it led to.
    sms(&person, &prompt).await.is(400, "01", "Invalid session, start login again");
    line(&sms(&person, &person.log_in("admin").await).await, "Login OK", DONE, "authenticated");

    let (answer, authenticator) = person.set_up().await;
    line(&answer, "Login OK", ENROLLING, "authenticated, enrolling");
    let enabled = person.verify_totp(&answer.text("AccessToken"), &authenticator.now()).await;
    enabled.succeeds(200, "TOTP enabled", &["RecoveryCodes"]);
    service.clock.advance(Duration::seconds(90));
    let choice = person.log_in("admin").await;
    line(&choice, "Select MFA type", CHOICE, "select");
    assert_eq!(choice.body["MfaOptions"], json!(["SMS_MFA", "SOFTWARE_TOKEN_MFA"]));
    let prompt = person.select(&choice.text("Session"), "SOFTWARE_TOKEN_MFA").await;
    line(&prompt, "Give authenticator code", PROMPT, "mfa: totp");
    let done = person.second_factor(&prompt.text("Session"), &authenticator.now()).await;
    line(&done, "Login OK", DONE, "authenticated");
    let choice = person.log_in("admin").await;
    let prompt = person.select(&choice.text("Session"), "SMS_MFA").await;
    line(&prompt, "Give SMS code", PROMPT, "mfa: sms");
    line(&sms(&person, &prompt).await, "Login OK", DONE, "authenticated");

    failures(&service, &person, &authenticator).await;
}

/// The refusals of the table, with the reasons that clients read in them.
async fn failures(service: &Service, person: &Person<'_>, authenticator: &Authenticator<'_>) {
    let is = |answer: &Answer, status: u16, text: &str, class: &str| {
        answer.is(status, "01", text);
        assert_eq!(classified(answer), class, "{text}");
    };
    let choice = person.log_in("admin").await;
    let session = person.select(&choice.text("Session"), "SOFTWARE_TOKEN_MFA").await.text("Session");
    let wrong = person.second_factor(&session, &authenticator.wrong()).await;
    is(&wrong, 400, "Invalid verification code", "failed: invalid_code");
    service.clock.advance(Duration::minutes(10));
    let late = person.second_factor(&session, &authenticator.now()).await;
    is(&late, 400, "Invalid session, start login again", "failed: invalid_code");
    let gone = person.second_factor("gone", "123456").await;
    is(&gone, 400, "Invalid session, start login again", "failed: invalid_code");
    for _ in 0..4 {
        let incorrect = person.guess("admin", "Wrong-password-2026!x").await;
        is(&incorrect, 400, "Incorrect username or password", "failed: invalid_code");
    }
    let limit = person.guess("admin", "Wrong-password-2026!x").await;
    is(&limit, 429, "Attempt limit exceeded, please try after some time", "failed: too_many_attempts");
}

/// `avain serve --email-before-mfa`: the vendor's example passes at its first login (brief, fact 10).
#[tokio::test]
async fn with_email_before_mfa_the_address_comes_before_the_second_factor() {
    let before = Settings { email_before_mfa: true, ..Settings::default() };
    let service = Service::start_with(|settings| settings.rules = before).await;
    let person = Person::new(&service, "first@example.com");
    register(&person).await;
    person.guess("admin", "Wrong-password-2026!x").await.is(400, "01", "Incorrect username or password");
    let counted = person.failures("admin").await;
    verify_email(&person, &person.log_in("admin").await).await;
    assert_eq!(person.failures("admin").await, counted, "a password alone takes no failure back");
    assert!(!person.was_sent("admin", "mfa").await);
    let prompt = person.log_in("admin").await;
    line(&prompt, "Give SMS code", PROMPT, "mfa: sms");
    line(&sms(&person, &prompt).await, "Login OK", DONE, "authenticated");
    assert_eq!(person.failures("admin").await, 0);

    // Data mode has no second factor to be before.
    let api_key = avain::story::credentials(&person.story().log_in("admin").await.unwrap()).unwrap().api_key;
    person.story().open("data", &api_key).await.unwrap();
}

/// The token of that order was given for a password alone: it sets no authenticator up.
#[tokio::test]
async fn a_token_from_before_the_second_factor_is_for_the_address_only() {
    let before = Settings { email_before_mfa: true, ..Settings::default() };
    let service = Service::start_with(|settings| settings.rules = before).await;
    let person = Person::new(&service, "token@example.com");
    register(&person).await;
    let prompt = person.log_in("admin").await;
    verify_email(&person, &prompt).await;
    let (_, authenticator) = person.set_up().await;
    let answer = person.verify_totp(&prompt.text("AccessToken"), &authenticator.now()).await;
    answer.is(400, "01", "Invalid session, start login again");
}
