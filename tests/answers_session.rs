//! The table of answers where people log in and out: challenges, passwords, the attempt counter, the second factor.

use std::sync::Arc;

use avain_domain::names::{Email, Login, Mode};
use avain_domain::records::Key;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::json;
use time::Duration;
use tokio::task::JoinSet;

use crate::support::person::{Person, asks_for_its_parameters, wrong};
use crate::support::{Answer, Service};

const INCORRECT: &str = "Incorrect username or password";
const LIMIT: &str = "Attempt limit exceeded, please try after some time";
const NO_SESSION: &str = "Invalid session, start login again";

/// A guess that nobody's password is.
const GUESS: &str = "Wrong-password-2026!x";

/// Longer than the counter remembers.
const QUIET: Duration = Duration::minutes(16);

#[tokio::test]
async fn challenges_of_both_operations_are_one_kind_for_everybody() {
    let service = Service::start().await;
    let person = Person::new(&service, "maija@example.com");
    let give = async |path: &str| {
        let answer = service.send(Method::GET, path, None, "").await;
        answer.succeeds(200, "OK", &["Challenge"]);
        let challenge = answer.text("Challenge");
        let parts: Vec<&str> = challenge.split('|').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [44, 13, 36], "{challenge}");
        assert_eq!(STANDARD.decode(parts[0]).unwrap().len(), 32);
        challenge
    };
    // Of InitLogin for Register, of InitRegister for Login, whoever exists, however the address is written.
    let challenge = give("/v2/session/Maija%40EXAMPLE.com/admin").await;
    let mut body = person.registration("admin", "0", person.password("admin")).await;
    body["Encrypted"] = json!(person.encrypted(person.password("admin"), &challenge));
    body["ChResp"] = json!(challenge);
    person.send(Method::PUT, &person.account("admin"), &body).await.succeeds(
        201,
        "Sign up successful. Verify phone number.",
        &["ApiKey"],
    );
    let challenge = give("/v2/account/maija@example.com/admin").await;
    let encrypted = person.encrypted(person.password("admin"), &challenge);
    person.answer("admin", &challenge, &encrypted).await.succeeded(200);
    give("/v2/session/nobody@example.com/data").await;
    give("/v2/account/nobody@example.com/data").await;
    assert!(service.account("nobody@example.com").await.is_empty());

    // A shell pipe wraps base64; old clients send all they have.
    let challenge = person.challenge("admin").await;
    let encrypted = person.encrypted(person.password("admin"), &challenge);
    let lines: Vec<&str> =
        (0..encrypted.len()).step_by(76).map(|at| &encrypted[at..encrypted.len().min(at + 76)]).collect();
    let body = json!({
        "ChResp": challenge, "Encrypted": lines.join("\n") + "\r\n", "Phone": 1, "FileType": null, "Name": ["x"],
    });
    person.send(Method::POST, &person.session("admin"), &body).await.succeeded(200);
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_within_five_minutes() {
    let service = Service::start().await;
    let person = Person::registered(&service, "once@example.com").await;
    let answer_with = async |challenge: &str| {
        person.answer("admin", challenge, &person.encrypted(person.password("admin"), challenge)).await
    };
    let challenge = person.challenge("admin").await;
    answer_with(&challenge).await.succeeded(200);
    answer_with(&challenge).await.is(400, "01", INCORRECT);

    let (in_time, late) = (person.challenge("admin").await, person.challenge("admin").await);
    service.clock.advance(Duration::milliseconds(299_999));
    answer_with(&in_time).await.succeeded(200);
    service.clock.advance(Duration::milliseconds(1));
    answer_with(&late).await.is(400, "01", INCORRECT);
    assert!(!person.spent(&late).await);
    assert_eq!(person.failures("admin").await, 4, "the reused and the late one, and two before the phone is verified");
}

#[tokio::test]
async fn of_parallel_answers_to_one_challenge_one_is_heard() {
    let service = Arc::new(Service::start().await);
    let person = Person::registered(&service, "parallel@example.com").await;
    let challenge = person.challenge("admin").await;
    let encrypted = person.encrypted(person.password("admin"), &challenge);
    let body = json!({ "ChResp": challenge, "Encrypted": encrypted }).to_string();
    let answers = at_once(&service, 8, &person.session("admin"), |_| body.clone()).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 400, 429].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn a_password_may_contain_what_separates_it_from_the_timestamp() {
    let service = Service::start().await;
    let mut person = Person::new(&service, "bars@example.com");
    person.company.admin_password = "a||B|7||Käyttäjän||".to_owned();
    person.register("admin", "0").await.is(
        400,
        "01",
        "Invalid parameter(s): Password must have at least 20 characters with lower, upper, digit and special",
    );
    person.company.admin_password = "a||B|7||Käyttäjän||1".to_owned();
    person.register("admin", "0").await.succeeded(201);
    person.log_in("admin").await.succeeded(200);
    person.guess("admin", "a||B|7||Käyttäjän").await.is(400, "01", INCORRECT);
}

#[tokio::test]
async fn the_sixth_try_waits_whoever_it_is() {
    let service = Service::start().await;
    let known = Person::new(&service, "known@example.com");
    known.sessions().await;
    let unknown = Person::new(&service, "unknown@example.com");
    for _ in 0..5 {
        let answers = [known.guess("data", GUESS).await, unknown.guess("data", GUESS).await];
        alike(&answers, 400, INCORRECT, None);
    }
    // Not even the right password is heard, and the challenge is spent all the same.
    let challenge = known.challenge("data").await;
    let right = known.encrypted(known.password("data"), &challenge);
    let answers = [known.answer("data", &challenge, &right).await, unknown.guess("data", GUESS).await];
    alike(&answers, 429, LIMIT, Some(1));
    assert!(known.spent(&challenge).await);
    for person in [&known, &unknown] {
        assert_eq!(person.failures("data").await, 5, "what was not heard is not counted");
        assert_eq!(person.failures("admin").await, 0, "the other mode has a count of its own");
    }

    // After the wait one try is heard; if it fails, the next wait is twice as long.
    for pause in [1, 2, 4] {
        service.clock.advance(Duration::seconds(pause));
        let answers = [known.guess("data", GUESS).await, unknown.guess("data", GUESS).await];
        alike(&answers, 429, LIMIT, Some(2 * u64::try_from(pause).unwrap()));
        let answers = [known.log_in("data").await, unknown.log_in("data").await];
        alike(&answers, 429, LIMIT, Some(2 * u64::try_from(pause).unwrap()));
    }
    assert_eq!((known.failures("data").await, unknown.failures("data").await), (8, 8));

    service.clock.advance(Duration::seconds(8));
    known.log_in("data").await.succeeded(200);
    assert_eq!(known.failures("data").await, 0, "a success takes the count back");
    known.guess("data", GUESS).await.is(400, "01", INCORRECT);
    assert_eq!(known.failures("data").await, 1);

    service.clock.advance(QUIET);
    unknown.guess("data", GUESS).await.is(400, "01", INCORRECT);
    assert_eq!(unknown.failures("data").await, 1, "forgotten after fifteen quiet minutes");
}

#[track_caller]
fn alike(answers: &[Answer; 2], status: u16, text: &str, retry_after: Option<u64>) {
    for answer in answers {
        answer.is(status, "01", text);
        assert_eq!(answer.retry_after, retry_after);
    }
    assert_eq!(answers[0].but_for_its_id(), answers[1].but_for_its_id());
}

/// Who has the password cannot guess codes for ever.
#[tokio::test]
async fn only_a_finished_login_takes_the_count_back() {
    let service = Service::start().await;
    let person = Person::new(&service, "finished@example.com");
    person.story().open("admin", "0").await.unwrap();
    person.guess("admin", GUESS).await.is(400, "01", INCORRECT);
    let session = person.log_in("admin").await.text("Session");
    assert_eq!(person.failures("admin").await, 1);
    let code = person.code("admin", "mfa").await;
    person.second_factor(&session, &wrong(&code)).await.is(400, "01", "Invalid verification code");
    assert_eq!(person.failures("admin").await, 2, "a wrong code counts");
    person.second_factor("unknown", &code).await.is(400, "01", NO_SESSION);
    assert_eq!(person.failures("admin").await, 2, "no session, no guess");
    person.second_factor(&session, &code).await.succeeded(200);
    assert_eq!(person.failures("admin").await, 0);
}

/// A user pool may answer so whatever the password is: then it is no right one, which would be taken back.
#[tokio::test]
async fn before_the_phone_is_verified_every_login_counts() {
    let service = Service::start().await;
    let person = Person::registered(&service, "unverified@example.com").await;
    let unconfirmed = "User authentication failed. Verify phone number with received SMS.";
    let sent = person.code("admin", "phone").await;
    person.guess("admin", GUESS).await.is(400, "01", INCORRECT);
    assert_eq!(person.code("admin", "phone").await, sent, "a guess sends nothing");
    for count in 2..=5 {
        person.log_in("admin").await.succeeds(200, unconfirmed, &[]);
        assert_eq!(person.failures("admin").await, count);
    }
    person.log_in("admin").await.is(429, "01", LIMIT);
    person.guess("admin", GUESS).await.is(429, "01", LIMIT);

    let code = person.code("admin", "phone").await;
    person.verify_phone("admin", &person.company.phone, &code).await.succeeded(200);
    service.clock.advance(Duration::seconds(1));
    let session = person.log_in("admin").await.text("Session");
    assert_eq!(person.failures("admin").await, 5, "only a finished login takes the count back");
    person.second_factor(&session, &person.code("admin", "mfa").await).await.succeeded(200);
    assert_eq!(person.failures("admin").await, 0);
}

#[tokio::test]
async fn a_wrong_challenge_counts_like_a_wrong_password() {
    let service = Service::start().await;
    let person = Person::registered(&service, "rubbish@example.com").await;
    for _ in 0..5 {
        person.answer("admin", "rubbish", "rubbish").await.is(400, "01", INCORRECT);
    }
    person.answer("admin", "rubbish", "rubbish").await.is(429, "01", LIMIT);
    person.log_in("admin").await.is(429, "01", LIMIT);
    service.clock.advance(Duration::seconds(1));
    person.log_in("admin").await.succeeded(200);
}

#[tokio::test]
async fn parallel_guesses_are_counted_before_they_are_judged() {
    let service = Arc::new(Service::start().await);
    for email in ["known@example.com", "unknown@example.com"] {
        let person = Person::new(&service, email);
        if email.starts_with("known") {
            person.register("admin", "0").await.succeeded(201);
        }
        let mut bodies = Vec::new();
        for _ in 0..20 {
            let challenge = person.challenge("admin").await;
            bodies.push(json!({ "ChResp": challenge, "Encrypted": person.encrypted(GUESS, &challenge) }).to_string());
        }
        let answers = at_once(&service, 20, &person.session("admin"), |index| bodies[index].clone()).await;
        let judged = answers.iter().filter(|answer| answer.status == 400).count();
        for answer in &answers {
            let text = if answer.status == 400 { INCORRECT } else { LIMIT };
            answer.is(if answer.status == 400 { 400 } else { 429 }, "01", text);
            assert_eq!(answer.retry_after.is_some(), answer.status == 429);
        }
        assert!((1..=5).contains(&judged), "{judged} guesses were judged");
        assert_eq!(person.failures("admin").await, u32::try_from(judged).unwrap());
    }
}

/// The same path many times at the same moment.
async fn at_once(service: &Arc<Service>, count: usize, path: &str, body: impl Fn(usize) -> String) -> Vec<Answer> {
    let mut calls = JoinSet::new();
    for index in 0..count {
        let (service, path, body) = (Arc::clone(service), path.to_owned(), body(index));
        calls.spawn(async move { service.send(Method::POST, &path, None, body).await });
    }
    calls.join_all().await
}

/// The texts of a first login, and which fields go with each (brief 2.10).
#[tokio::test]
async fn each_step_of_a_first_login_says_what_comes_next() {
    let service = Service::start().await;
    let person = Person::new(&service, "a+b@example.com");
    let registered = person.register("admin", "0").await;
    registered.succeeds(201, "Sign up successful. Verify phone number.", &["ApiKey"]);
    let api_key = registered.text("ApiKey");
    assert!(api_key.len() == 40 && api_key.bytes().all(|it| it.is_ascii_alphanumeric()), "{api_key}");
    assert!(api_key.starts_with(|it: char| it.is_ascii_alphabetic()));

    let unconfirmed = "User authentication failed. Verify phone number with received SMS.";
    person.log_in("admin").await.succeeds(200, unconfirmed, &[]);
    let code = person.code("admin", "phone").await;
    let confirmed = person.verify_phone("admin", &person.company.phone, &code).await;
    confirmed.succeeds(200, "Phone confirmation successful.", &[]);

    let prompt = person.log_in("admin").await;
    prompt.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    assert_eq!(prompt.text("ChallengeName"), "SMS_MFA");
    let unverified = person.second_factor(&prompt.text("Session"), &person.code("admin", "mfa").await).await;
    unverified.succeeds(200, "Login OK. Verify email address.", &["AccessToken"]);
    let code = person.code("admin", "email").await;
    let verified = person.verify_email("admin", &unverified.text("AccessToken"), &code).await;
    verified.succeeds(200, "Email verification successful.", &[]);

    let prompt = person.log_in("admin").await;
    prompt.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    let done = person.second_factor(&prompt.text("Session"), &person.code("admin", "mfa").await).await;
    is_logged_in(&done, &api_key, "integrator");

    // Data mode: the same without a second factor.
    person.register("data", &api_key).await.succeeds(201, "Sign up successful. Verify phone number.", &["ApiKey"]);
    person.log_in("data").await.succeeds(200, unconfirmed, &[]);
    let code = person.code("data", "phone").await;
    person.verify_phone("data", &person.company.phone, &code).await.succeeded(200);
    let unverified = person.log_in("data").await;
    unverified.succeeds(200, "Login OK. Verify email address.", &["AccessToken"]);
    let code = person.code("data", "email").await;
    person.verify_email("data", &unverified.text("AccessToken"), &code).await.succeeded(200);
    is_logged_in(&person.log_in("data").await, &api_key, "integrator");

    // One who joins the organisation is a customer.
    let customer = Person::new(&service, "customer@example.com");
    customer.story().open("admin", &api_key).await.unwrap();
    let prompt = customer.log_in("admin").await;
    let done = customer.second_factor(&prompt.text("Session"), &customer.code("admin", "mfa").await).await;
    is_logged_in(&done, &api_key, "customer");
}

/// The fields of a login that is done.
#[track_caller]
pub(crate) fn is_logged_in(answer: &Answer, api_key: &str, account: &str) {
    answer.succeeds(200, "Login OK", &["Account", "ApiKey", "ExpiresIn", "IdToken"]);
    assert_eq!(answer.text("ApiKey"), api_key);
    assert_eq!(answer.body["ExpiresIn"].as_u64(), Some(3600));
    assert_eq!(answer.body["Account"], json!({ "Type": account, "Features": [], "Entitlements": [] }));
    assert_eq!(answer.text("IdToken").split('.').count(), 3);
}

#[tokio::test]
async fn logging_out_ends_every_token_of_the_login_at_once() {
    let service = Service::start().await;
    let person = Person::new(&service, "leaver@example.com");
    let (first, data) = person.sessions().await;
    let second = avain::story::credentials(&person.story().log_in("admin").await.unwrap()).unwrap();
    let other = Person::new(&service, "stays@example.com");
    let stays = other.story().open("admin", "0").await.unwrap();
    let log_out = async |path: &str, who| service.send(Method::DELETE, path, Some(who), "").await;

    // Somebody else's, or one's own other mode: refused, and nothing ends.
    for (path, who) in [
        (other.session("admin"), &first),
        (person.session("data"), &first),
        (person.session("admin"), &data),
        (person.session("admin"), &stays),
    ] {
        log_out(&path, who).await.is(403, "01", "Logout allowed for the own session only");
    }
    for who in [&first, &second, &data, &stays] {
        person.story().keys(who).await.unwrap();
    }

    log_out(&person.session("admin"), &first).await.succeeds(200, "Logout OK", &[]);
    for who in [&first, &second] {
        service.send(Method::GET, "/v2/pgp", Some(who), "").await.is(401, "01", "Unauthorized");
        log_out(&person.session("admin"), who).await.is(401, "01", "Unauthorized");
    }
    person.story().keys(&data).await.unwrap();
    other.story().keys(&stays).await.unwrap();

    service.clock.advance(Duration::seconds(1));
    let again = avain::story::credentials(&person.story().log_in("admin").await.unwrap()).unwrap();
    person.story().keys(&again).await.unwrap();
    service.send(Method::GET, "/v2/pgp", Some(&first), "").await.is(401, "01", "Unauthorized");
}

#[tokio::test]
async fn bad_parameters_of_a_login_cost_nothing() {
    let service = Service::start().await;
    let person = Person::new(&service, "params@example.com");
    person.story().open("admin", "0").await.unwrap();
    let challenge = person.challenge("admin").await;
    let encrypted = person.encrypted(person.password("admin"), &challenge);
    let good = json!({ "ChResp": challenge, "Encrypted": encrypted });
    asks_for_its_parameters(&service, Method::POST, &person.session("admin"), None, &good).await;
    let login = Login { email: Email::parse(person.email()).unwrap(), mode: Mode::Admin };
    assert_eq!(service.record(Key::Attempts(login)).await, None);
    let session = person.send(Method::POST, &person.session("admin"), &good).await.text("Session");

    let mut good = json!({ "Session": session, "Code": person.code("admin", "mfa").await });
    let path = format!("{}/mfacode", person.session("admin"));
    asks_for_its_parameters(&service, Method::PUT, &path, None, &good).await;
    good["SetupTOTP"] = json!("not looked at");
    person.send(Method::PUT, &path, &good).await.succeeded(200);
}

#[tokio::test]
async fn an_address_or_a_mode_that_is_none_is_named() {
    let service = Service::start().await;
    let body = json!({ "ChResp": "x", "Encrypted": "x", "Session": "x", "Code": "x" }).to_string();
    let long = format!("{}@example.com", "a".repeat(250));
    let addresses = [
        "nobody",
        "@example.com",
        "a@",
        "a@b@c",
        "a%20b@example.com",
        "a%2Fb@example.com",
        "a%7Cb@example.com",
        "%ff@example.com",
        "a%@example.com",
        "a%4@example.com",
        "a%00@example.com",
        "k%C3%A4@example.com",
        &long,
    ];
    let leaver = Person::new(&service, "leaver@example.com").story().open("admin", "0").await.unwrap();
    let calls = [
        (Method::GET, "", None),
        (Method::POST, "", None),
        (Method::PUT, "/mfacode", None),
        (Method::DELETE, "", None),
        (Method::DELETE, "", Some(&leaver)),
    ];
    for (method, end, who) in calls {
        for address in addresses {
            let path = format!("/v2/session/{address}/admin{end}");
            service.send(method.clone(), &path, who, body.clone()).await.is(400, "01", "Invalid parameter(s): Email");
        }
        for mode in ["root", "Admin", "ADMIN", "admin%20", "%61dmin%00"] {
            let path = format!("/v2/session/a@example.com/{mode}{end}");
            service.send(method.clone(), &path, who, body.clone()).await.is(400, "01", "Invalid parameter(s): Mode");
        }
    }
    Person::new(&service, "leaver@example.com").story().keys(&leaver).await.unwrap();
}
