//! The table of answers where an authenticator is set up, chosen, and got by without.

use std::sync::Arc;

use async_trait::async_trait;
use avain_domain::Settings;
use avain_domain::names::Login;
use avain_domain::notices::Notice;
use avain_domain::ports::{Notifier, Unavailable};
use avain_domain::records::{Key, Record};
use http::Method;
use serde_json::json;
use time::Duration;

use crate::answers_session::is_logged_in;
use crate::support::Service;
use crate::support::person::{Person, asks_for_its_parameters};

const INVALID: &str = "Invalid verification code";
const NO_SESSION: &str = "Invalid session, start login again";
const RECOVERED: &str = "Recovery code accepted. The authenticator is off. Start login again.";

async fn admin<'s>(service: &'s Service, email: &str) -> (Person<'s>, String) {
    let person = Person::new(service, email);
    let api_key = person.story().open("admin", "0").await.unwrap().api_key;
    (person, api_key)
}

#[tokio::test]
async fn an_authenticator_is_set_up_at_the_end_of_a_login() {
    let service = Service::start().await;
    let (person, api_key) = admin(&service, "a+b@example.com").await;
    let (answer, authenticator) = person.set_up().await;
    let fields = ["Account", "ApiKey", "ExpiresIn", "IdToken", "AccessToken", "SecretCode", "OtpauthUri"];
    answer.succeeds(200, "Login OK", &fields);
    let secret = answer.text("SecretCode");
    assert!(secret.len() == 32 && secret.bytes().all(|it| matches!(it, b'A'..=b'Z' | b'2'..=b'7')), "{secret}");
    let uri = format!("otpauth://totp/Avain:a%2Bb@example.com?secret={secret}&issuer=Avain");
    assert_eq!(answer.text("OtpauthUri"), uri);

    // Nothing is asked for before its first code was right.
    let token = answer.text("AccessToken");
    person.verify_totp(&token, &authenticator.wrong()).await.is(400, "01", INVALID);
    person.log_in("admin").await.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    let confirmed = person.verify_totp(&token, &authenticator.now()).await;
    confirmed.succeeds(200, "TOTP enabled", &["RecoveryCodes"]);
    // Confirmed once.
    person.verify_totp(&token, &authenticator.now()).await.is(400, "01", "Code expired, request a new one");

    let codes: Vec<&str> =
        confirmed.body["RecoveryCodes"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    for code in &codes {
        let groups: Vec<&str> = code.split('-').collect();
        assert_eq!(groups.iter().map(|it| it.len()).collect::<Vec<_>>(), [4; 7], "{code}");
        assert!(groups.concat().bytes().all(|it| matches!(it, b'A'..=b'Z' | b'2'..=b'7')), "{code}");
    }
    // Kept as hashes.
    let Some(Record::RecoveryCodes(kept)) = service.record(Key::RecoveryCodes(person.login("admin"))).await else {
        panic!("not kept")
    };
    assert_eq!(kept.hashes.len(), 10);
    assert!(kept.hashes.iter().all(|hash| hash.len() == 64 && !codes.contains(&hash.as_str())));

    // SMS stays, and both are offered.
    service.clock.advance(Duration::seconds(90));
    let prompt = person.log_in("admin").await;
    prompt.succeeds(200, "Select MFA type", &["ChallengeName", "MfaOptions", "Session", "SmsDestination"]);
    let chosen = person.select(&prompt.text("Session"), "SOFTWARE_TOKEN_MFA").await;
    chosen.succeeds(200, "Give authenticator code", &["ChallengeName", "Session"]);
    assert_eq!(chosen.text("ChallengeName"), "SOFTWARE_TOKEN_MFA");
    let code = authenticator.now();
    is_logged_in(&person.second_factor(&chosen.text("Session"), &code).await, &api_key, "integrator");

    let prompt = person.log_in("admin").await;
    let chosen = person.select(&prompt.text("Session"), "SMS_MFA").await;
    chosen.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    assert_eq!(chosen.text("ChallengeName"), "SMS_MFA");
    let sms = person.code("admin", "mfa").await;
    is_logged_in(&person.second_factor(&chosen.text("Session"), &sms).await, &api_key, "integrator");

    // A code opens one login, also in the step that it is of.
    let prompt = person.log_in("admin").await;
    let chosen = person.select(&prompt.text("Session"), "SOFTWARE_TOKEN_MFA").await;
    person.second_factor(&chosen.text("Session"), &code).await.is(400, "01", INVALID);
}

#[tokio::test]
async fn where_the_deployment_says_so_the_authenticator_is_asked_for_directly() {
    let totp_first = Settings { totp_first: true, ..Settings::default() };
    let service = Service::start_with(|settings| settings.rules = totp_first).await;
    let (person, api_key) = admin(&service, "direct@example.com").await;
    let (authenticator, _) = person.enrolled().await;
    let prompt = person.log_in("admin").await;
    prompt.succeeds(200, "Give authenticator code", &["ChallengeName", "Session"]);
    // It cannot be switched to SMS.
    person.select(&prompt.text("Session"), "SMS_MFA").await.is(400, "01", NO_SESSION);
    let done = person.second_factor(&prompt.text("Session"), &authenticator.now()).await;
    is_logged_in(&done, &api_key, "integrator");
}

#[tokio::test]
async fn what_has_to_be_verified_comes_before_an_authenticator() {
    let service = Service::start().await;
    let person = Person::registered(&service, "early@example.com").await;
    let code = person.code("admin", "phone").await;
    person.verify_phone("admin", &person.company.phone, &code).await.succeeded(200);
    let session = person.log_in("admin").await.text("Session");
    let body = json!({ "Session": session, "Code": person.code("admin", "mfa").await, "SetupTOTP": "true" });
    let prompt = person.put("admin", "mfacode", &body).await;
    prompt.succeeds(200, "Login OK. Verify email address.", &["AccessToken"]);
    // Its token sets nothing up.
    person.verify_totp(&prompt.text("AccessToken"), "123456").await.is(400, "01", NO_SESSION);
}

#[tokio::test]
async fn a_choice_is_one_logins_own_and_made_once() {
    let service = Service::start().await;
    let (person, _) = admin(&service, "chooses@example.com").await;
    person.enrolled().await;
    let (other, _) = admin(&service, "others@example.com").await;
    other.enrolled().await;
    let session = person.log_in("admin").await.text("Session");
    let others = other.log_in("admin").await.text("Session");
    for wrong in [others.as_str(), "unknown"] {
        person.select(wrong, "SMS_MFA").await.is(400, "01", NO_SESSION);
    }
    let body = json!({ "Session": session, "MfaType": "SMS_MFA" });
    person.put("data", "selectmfa", &body).await.is(400, "01", NO_SESSION);
    for none in ["EMAIL_OTP", "sms_mfa", "SELECT_MFA_TYPE"] {
        person.select(&session, none).await.is(400, "01", "Invalid parameter(s): MfaType");
    }
    asks_for_its_parameters(&service, Method::PUT, &format!("{}/selectmfa", person.session("admin")), None, &body)
        .await;
    let chosen = person.select(&session, "SMS_MFA").await.text("Session");
    person.select(&session, "SMS_MFA").await.is(400, "01", NO_SESSION);
    person.select(&chosen, "SOFTWARE_TOKEN_MFA").await.is(400, "01", NO_SESSION);
    assert_eq!(person.failures("admin").await, 0, "no code was tried");
    person.second_factor(&chosen, &person.code("admin", "mfa").await).await.succeeded(200);

    // Ten minutes.
    let session = person.log_in("admin").await.text("Session");
    service.clock.advance(Duration::minutes(10));
    person.select(&session, "SMS_MFA").await.is(400, "01", NO_SESSION);
}

#[tokio::test]
async fn an_authenticator_is_confirmed_by_its_own_admin() {
    let service = Service::start().await;
    let (person, _) = admin(&service, "confirms@example.com").await;
    let (other, _) = admin(&service, "stranger@example.com").await;
    let ((answer, authenticator), (others, _)) = (person.set_up().await, other.set_up().await);
    let (token, code) = (answer.text("AccessToken"), authenticator.now());
    let id_token = answer.text("IdToken");
    for foreign in [others.text("AccessToken").as_str(), "", "a.b.c", &id_token] {
        let answer = person.verify_totp(foreign, &code).await;
        answer.is(400, "01", if foreign.is_empty() { "Missing parameter(s)" } else { NO_SESSION });
    }
    let body = json!({ "AccessToken": token, "Code": code });
    person.put("data", "verifytotp", &body).await.is(400, "01", NO_SESSION);
    let nobody = Person::new(&service, "nobody@example.com");
    nobody.put("admin", "verifytotp", &body).await.is(400, "01", NO_SESSION);
    asks_for_its_parameters(&service, Method::PUT, &format!("{}/verifytotp", person.session("admin")), None, &body)
        .await;
    person.verify_totp(&token, &code).await.succeeded(200);
}

/// The authenticator is gone, and all else is asked for as before.
#[tokio::test]
async fn each_recovery_code_turns_the_authenticator_off_once() {
    let service = Service::start().await;
    let (person, api_key) = admin(&service, "recovers@example.com").await;
    let (authenticator, codes) = person.enrolled().await;
    let prompt = person.log_in("admin").await;
    assert_eq!(prompt.text("ChallengeName"), "SELECT_MFA_TYPE");
    // However it is typed.
    let typed = codes[0].to_lowercase().replace('-', " ");
    person.second_factor("unknown", &typed).await.is(400, "01", NO_SESSION);
    person.second_factor(&prompt.text("Session"), &typed).await.succeeds(200, RECOVERED, &[]);
    let notice = person.code("admin", "notice").await;
    assert!(notice.contains("Recovery codes left: 9.") && !notice.contains(&codes[0]), "{notice}");
    assert_eq!(person.audited("session.recovery-code").await, 1);

    // Nobody was let in, the session is over, and the next login is by SMS.
    person.second_factor(&prompt.text("Session"), &authenticator.now()).await.is(400, "01", NO_SESSION);
    let prompt = person.log_in("admin").await;
    prompt.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    person.second_factor(&prompt.text("Session"), &codes[0]).await.is(400, "01", INVALID);
    assert_eq!(person.failures("admin").await, 1, "a wrong recovery code counts");
    let sms = person.code("admin", "mfa").await;
    is_logged_in(&person.second_factor(&prompt.text("Session"), &sms).await, &api_key, "integrator");

    // Every one of them, each once, in the place of an authenticator set up anew: that has other codes.
    let (_, others) = person.enrolled().await;
    let session = person.log_in("admin").await.text("Session");
    for old in codes.iter().skip(1).take(2) {
        person.second_factor(&session, old).await.is(400, "01", INVALID);
    }
    person.second_factor(&session, &others[0]).await.succeeds(200, RECOVERED, &[]);
    for (number, code) in others.iter().enumerate().skip(1) {
        let session = person.log_in("admin").await.text("Session");
        person.second_factor(&session, code).await.succeeds(200, RECOVERED, &[]);
        assert_eq!(person.audited("session.recovery-code").await, number + 2);
    }
    let session = person.log_in("admin").await.text("Session");
    person.second_factor(&session, &others[3]).await.is(400, "01", INVALID);
}

#[tokio::test]
async fn wrong_recovery_codes_are_counted_whoever_it_is() {
    let service = Service::start().await;
    let (known, _) = admin(&service, "counted@example.com").await;
    let (_, codes) = known.enrolled().await;
    let unknown = Person::new(&service, "unknown@example.com");
    let wrong = if codes[0].starts_with('A') { codes[0].replacen('A', "B", 1) } else { format!("A{}", &codes[0][1..]) };
    let session = known.log_in("admin").await.text("Session");
    for count in 1..=5 {
        for person in [&known, &unknown] {
            person.second_factor(&session, &wrong).await.is(400, "01", INVALID);
            assert_eq!(person.failures("admin").await, count);
        }
    }
    let limit = "Attempt limit exceeded, please try after some time";
    known.log_in("admin").await.is(429, "01", limit);
    unknown.log_in("admin").await.is(429, "01", limit);
    // What is no code of any kind is the second factor's.
    for other in [&codes[0][..33], "AAAA-AAAA"] {
        known.second_factor("unknown", other).await.is(400, "01", NO_SESSION);
    }
    // The session that was there before is good, and so is a code, once.
    let answers = tokio::join!(known.second_factor(&session, &codes[1]), known.second_factor(&session, &codes[1]));
    let mut statuses = [answers.0.status, answers.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}

struct NoPost;

#[async_trait]
impl Notifier for NoPost {
    async fn notify(&self, _: &Login, _: Notice) -> Result<(), Unavailable> {
        Err(Unavailable("no post today".to_owned()))
    }
}

#[tokio::test]
async fn what_cannot_be_told_has_happened_all_the_same() {
    let service = Service::start_rewired(
        |_| {},
        |mut machine, _| {
            machine.deps = machine.deps.with_notifier(Arc::new(NoPost));
            machine
        },
    )
    .await;
    let (person, _) = admin(&service, "untold@example.com").await;
    let (_, codes) = person.enrolled().await;
    let session = person.log_in("admin").await.text("Session");
    person.second_factor(&session, &codes[0]).await.succeeds(200, RECOVERED, &[]);
    person.log_in("admin").await.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    person.begin_reset("admin").await.succeeded(200);
    let code = person.code("admin", "reset").await;
    person.reset("admin", &code, "Another-password-2026!x").await.succeeded(200);
}
