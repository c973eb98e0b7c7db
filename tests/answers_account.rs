//! The table of answers where people register and verify their phone and e-mail.

use avain_domain::records::{Record, Stored};
use http::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::support::person::{Person, asks_for_its_parameters, wrong};
use crate::support::{Answer, Service};

const INCORRECT: &str = "Incorrect username or password";
const WEAK: &str =
    "Invalid parameter(s): Password must have at least 20 characters with lower, upper, digit and special";
const WRONG_CODE: &str = "Invalid verification code";
const EXPIRED: &str = "Code expired, request a new one";
const NO_SESSION: &str = "Invalid session, start login again";
const API_KEY: &str = "Invalid parameter(s): ApiKey";

#[tokio::test]
async fn a_weak_password_spends_the_challenge_and_registers_nobody() {
    let service = Service::start().await;
    let person = Person::new(&service, "weak@example.com");
    let weak = [
        "Aa1!Aa1!Aa1!Aa1!Aa1",
        "lower-and-digits-1234567",
        "UPPER-AND-DIGITS-1234567",
        "Lower-And-Upper-No-Digit",
        "LowerAndUpperAndDigits12",
        "Ä1!ääääääääääääääää",
        "a",
        "||||||||||||||||||||||||",
    ];
    for password in weak {
        let body = person.registration("admin", "0", password).await;
        register(&person, "admin", &body).await.is(400, "01", WEAK);
        assert!(person.spent(body["ChResp"].as_str().unwrap()).await);
        // The same challenge with a good password comes too late.
        let mut late = body.clone();
        late["Encrypted"] = json!(person.encrypted(person.password("admin"), body["ChResp"].as_str().unwrap()));
        register(&person, "admin", &late).await.is(400, "01", INCORRECT);
    }
    assert!(service.account(person.email()).await.is_empty());
    assert_eq!(person.failures("admin").await, 0, "nobody guessed a password");
    person.register("admin", "0").await.succeeded(201);
    person.log_in("admin").await.succeeded(200);
}

#[tokio::test]
async fn nobody_registers_with_another_answer_than_the_challenges() {
    let service = Service::start().await;
    let person = Person::new(&service, "challenge@example.com");
    let good = person.registration("admin", "0", person.password("admin")).await;
    let challenge = good["ChResp"].as_str().unwrap();
    let other = Person::new(&service, "other@example.com");
    let (foreign, other_mode) = (other.challenge("admin").await, person.challenge("data").await);
    let fresh = person.challenge("admin").await;
    let later: i64 = fresh.split('|').nth(1).unwrap().parse::<i64>().unwrap() + 1;
    let password = person.password("admin");
    let other_first = if challenge.starts_with('A') { 'B' } else { 'A' };
    // Only a challenge that was given out, for this login, is spent.
    let changes = [
        ("rubbish", person.encrypted(password, challenge), false),
        (&format!("{other_first}{}", &challenge[1..]), person.encrypted(password, challenge), false),
        (&foreign, person.encrypted(password, &foreign), false),
        (&other_mode, person.encrypted(password, &other_mode), false),
        (&fresh, person.encrypted(password, &format!("|{later}|")), true),
        (&person.challenge("admin").await, "not base64".to_owned(), true),
        (&person.challenge("admin").await, "AAAA".to_owned(), true),
    ];
    for (challenge, encrypted, spends) in changes {
        let mut body = good.clone();
        body["ChResp"] = json!(challenge);
        body["Encrypted"] = json!(encrypted);
        register(&person, "admin", &body).await.is(400, "01", INCORRECT);
        // Nobody guesses a password by registering, so nothing is counted (decision 0003).
        assert_eq!((person.spent(challenge).await, person.failures("admin").await), (spends, 0), "{challenge}");
    }
    assert!(service.account(person.email()).await.is_empty());
    assert_eq!(other.failures("admin").await, 0);

    service.clock.advance(Duration::minutes(5));
    register(&person, "admin", &good).await.is(400, "01", INCORRECT);
    assert_eq!((person.spent(challenge).await, person.failures("admin").await), (false, 0), "too old");
    let good = person.registration("admin", "0", person.password("admin")).await;
    register(&person, "admin", &good).await.succeeded(201);
    register(&person, "admin", &good).await.is(400, "01", INCORRECT);
    assert_eq!(person.failures("admin").await, 0, "used again");
}

#[tokio::test]
async fn who_is_registered_stays_as_registered() {
    let service = Service::start().await;
    let person = Person::registered(&service, "twice@example.com").await;
    let (before, code) = (service.account(person.email()).await, person.code("admin", "phone").await);
    let mut again = Person::new(&service, person.email());
    again.company.admin_password = "Another-password-2026!".to_owned();
    again.company.phone = "+358507654321".to_owned();
    for api_key in ["0", "unknown"] {
        again.register("admin", api_key).await.is(409, "01", "Account already exists");
    }
    assert_eq!(service.account(person.email()).await, before);
    assert_eq!(person.code("admin", "phone").await, code, "no code was sent");
    again.log_in("admin").await.is(400, "01", INCORRECT);
    person.verify_phone("admin", &person.company.phone, &code).await.succeeded(200);
    person.log_in("admin").await.succeeds(200, "Give SMS code", &["ChallengeName", "Session"]);
    again.register("admin", "0").await.is(409, "01", "Account already exists");
}

#[tokio::test]
async fn data_mode_comes_after_admin_mode_with_the_same_api_key() {
    let service = Service::start().await;
    let person = Person::new(&service, "order@example.com");
    let first = "Invalid parameter(s): Mode (register admin mode first)";
    for api_key in ["0", "unknown"] {
        person.register("data", api_key).await.is(400, "01", first);
    }
    person.register("admin", "unknown").await.is(400, "01", API_KEY);
    assert!(service.account(person.email()).await.is_empty());

    let own = person.register("admin", "0").await.text("ApiKey");
    let other = Person::new(&service, "other@example.com").register("admin", "0").await.text("ApiKey");
    assert_ne!(own, other, "each new key is another organisation's");
    let before = service.account(person.email()).await;
    for api_key in ["0", "unknown", &other, &own.to_lowercase()] {
        person.register("data", api_key).await.is(400, "01", API_KEY);
    }
    assert_eq!(service.account(person.email()).await, before);
    let joined = person.register("data", &own).await;
    joined.succeeds(201, "Sign up successful. Verify phone number.", &["ApiKey"]);
    assert_eq!(joined.text("ApiKey"), own);

    let customer = Person::new(&service, "customer@example.com");
    assert_eq!(customer.register("admin", &other).await.text("ApiKey"), other);
    let organisation = |records: Vec<Stored>| {
        records.into_iter().find_map(|stored| match stored.record {
            Record::Account(account) => Some((account.organisation, account.owner)),
            _ => None,
        })
    };
    let owner = organisation(service.account("other@example.com").await).unwrap();
    let (joined, owns) = organisation(service.account(customer.email()).await).unwrap();
    assert_eq!((joined, owns), (owner.0, false));
    assert!(owner.1);
}

#[tokio::test]
async fn bad_parameters_of_a_registration_cost_nothing() {
    let service = Service::start().await;
    let person = Person::new(&service, "params@example.com");
    let mut good = person.registration("admin", "0", person.password("admin")).await;
    asks_for_its_parameters(&service, Method::PUT, &person.account("admin"), None, &good).await;
    let phones =
        ["0401234567", "358401234567", "+0401234567", "+35840", "+3584012345678901", "+358 401234567", "+35840123456x"];
    let wrong: Vec<(&str, String)> = phones
        .iter()
        .map(|phone| ("Phone", (*phone).to_owned()))
        .chain(
            ["Name", "Company"].into_iter().flat_map(|name| [(name, "x".repeat(129)), (name, "two\nlines".to_owned())]),
        )
        .collect();
    for (name, value) in wrong {
        let mut body = good.clone();
        body[name] = json!(value);
        register(&person, "admin", &body).await.is(400, "01", &format!("Invalid parameter(s): {name}"));
    }
    assert!(!person.spent(good["ChResp"].as_str().unwrap()).await);
    good["FileType"] = json!({ "not": "looked at" });
    register(&person, "admin", &good).await.succeeded(201);

    let path = format!("{}/{}", person.account("admin"), person.company.phone);
    let code = json!({ "Code": person.code("admin", "phone").await });
    asks_for_its_parameters(&service, Method::POST, &path, None, &code).await;
    person.send(Method::POST, &path, &code).await.succeeded(200);

    let session = person.log_in("admin").await.text("Session");
    let token = person.second_factor(&session, &person.code("admin", "mfa").await).await.text("AccessToken");
    let body = json!({ "Code": person.code("admin", "email").await, "AccessToken": token });
    asks_for_its_parameters(&service, Method::POST, &person.account("admin"), None, &body).await;
    person.send(Method::POST, &person.account("admin"), &body).await.succeeded(200);
}

#[tokio::test]
async fn an_address_or_a_mode_that_is_none_is_named() {
    let service = Service::start().await;
    let body = json!({ "Code": "1", "AccessToken": "x" }).to_string();
    for (method, end) in [(Method::GET, ""), (Method::PUT, ""), (Method::POST, ""), (Method::POST, "/+358401234567")] {
        for (login, name) in
            [("nobody/admin", "Email"), ("%zz@example.com/data", "Email"), ("a@example.com/both", "Mode")]
        {
            let answer = service.send(method.clone(), &format!("/v2/account/{login}{end}"), None, body.clone()).await;
            answer.is(400, "01", &format!("Invalid parameter(s): {name}"));
        }
    }
    let path = "/v2/account/a@example.com/admin/%zz";
    service.send(Method::POST, path, None, body).await.is(400, "01", "Invalid parameter(s): Phone");
}

#[tokio::test]
async fn the_phones_code_is_good_once_for_its_phone_and_the_latest_only() {
    let service = Service::start().await;
    let person = Person::registered(&service, "a+b@x").await;
    let phone = person.company.phone.clone();
    let first = person.code("admin", "phone").await;
    person.verify_phone("admin", &phone, &wrong(&first)).await.is(400, "01", WRONG_CODE);
    person.verify_phone("admin", "+358507654321", &first).await.is(400, "01", EXPIRED);
    person.verify_phone("data", &phone, &first).await.is(400, "01", EXPIRED);
    Person::new(&service, "nobody@example.com").verify_phone("admin", &phone, &first).await.is(400, "01", EXPIRED);

    // A login sends another code: the first is one no more.
    assert!(person.log_in("admin").await.text("ResponseText").contains("Verify phone number"));
    let code = person.code("admin", "phone").await;
    if code != first {
        person.verify_phone("admin", &phone, &first).await.is(400, "01", WRONG_CODE);
    }
    // Percent-encoded as some clients send it; above it was raw.
    let encoded = format!("/v2/account/a%2Bb%40x/admin/{}", phone.replace('+', "%2B"));
    person.send(Method::POST, &encoded, &json!({ "Code": code })).await.succeeds(
        200,
        "Phone confirmation successful.",
        &[],
    );
    person.verify_phone("admin", &phone, &code).await.is(400, "01", EXPIRED);
}

#[tokio::test]
async fn the_phones_code_is_tried_five_times_within_ten_minutes() {
    let service = Service::start().await;
    let person = Person::registered(&service, "tries@example.com").await;
    let phone = person.company.phone.clone();
    let code = person.code("admin", "phone").await;
    for _ in 0..5 {
        person.verify_phone("admin", &phone, &wrong(&code)).await.is(400, "01", WRONG_CODE);
    }
    person.verify_phone("admin", &phone, &code).await.is(400, "01", EXPIRED);
    person.log_in("admin").await.succeeds(
        200,
        "User authentication failed. Verify phone number with received SMS.",
        &[],
    );
    let code = person.code("admin", "phone").await;
    service.clock.advance(Duration::seconds(600));
    person.verify_phone("admin", &phone, &code).await.is(400, "01", EXPIRED);
    person.log_in("admin").await.succeeded(200);
    let code = person.code("admin", "phone").await;
    service.clock.advance(Duration::seconds(599));
    person.verify_phone("admin", &phone, &code).await.succeeded(200);
}

#[tokio::test]
async fn the_emails_code_goes_with_its_own_logins_access_token() {
    let service = Service::start().await;
    let (person, other) =
        (Person::registered(&service, "mine@example.com").await, Person::new(&service, "other@example.com"));
    let done = other.story().open("admin", "0").await.unwrap();
    let others = Person::registered(&service, "third@example.com").await;
    let (token, code) = to_verify(&person).await;
    let (foreign, foreign_code) = to_verify(&others).await;
    let id_token = done.id_token.as_str();
    let tampered = format!("{}x", &token[..token.len() - 1]);
    for bad in [foreign.as_str(), id_token, "rubbish", "..", &tampered, &format!("Bearer {token}")] {
        person.verify_email("admin", bad, &code).await.is(400, "01", NO_SESSION);
    }
    person.verify_email("data", &token, &code).await.is(400, "01", NO_SESSION);
    others.verify_email("admin", &token, &foreign_code).await.is(400, "01", NO_SESSION);
    if code != foreign_code {
        person.verify_email("admin", &token, &foreign_code).await.is(400, "01", WRONG_CODE);
    }
    // An access token for verifying opens nothing else.
    let credentials = avain::client::Credentials { id_token: token.clone(), api_key: done.api_key.clone() };
    service.send(Method::GET, "/v2/pgp", Some(&credentials), "").await.is(401, "01", "Unauthorized");

    person.verify_email("admin", &token, &code).await.succeeds(200, "Email verification successful.", &[]);
    person.verify_email("admin", &token, &code).await.is(400, "01", EXPIRED);
    others.verify_email("admin", &foreign, &foreign_code).await.succeeded(200);
}

#[tokio::test]
async fn the_emails_code_is_tried_five_times_within_ten_minutes() {
    let service = Service::start().await;
    let person = Person::registered(&service, "tries@example.com").await;
    let (token, code) = to_verify(&person).await;
    for _ in 0..5 {
        person.verify_email("admin", &token, &wrong(&code)).await.is(400, "01", WRONG_CODE);
    }
    person.verify_email("admin", &token, &code).await.is(400, "01", EXPIRED);

    // Lost codes: log in again.
    let (token, code) = to_verify(&person).await;
    service.clock.advance(Duration::seconds(600));
    person.verify_email("admin", &token, &code).await.is(400, "01", EXPIRED);
    let (old, _) = to_verify(&person).await;
    service.clock.advance(Duration::seconds(3601));
    let (_, code) = to_verify(&person).await;
    person.verify_email("admin", &old, &code).await.is(400, "01", NO_SESSION);
    let (token, code) = to_verify(&person).await;
    person.verify_email("admin", &token, &code).await.succeeded(200);
}

/// Through the login to where the e-mail address is to be verified: access token and code.
async fn to_verify(person: &Person<'_>) -> (String, String) {
    let answer = person.log_in("admin").await;
    let answer = if answer.body["Session"].is_null() {
        let code = person.code("admin", "phone").await;
        person.verify_phone("admin", &person.company.phone, &code).await.succeeded(200);
        person.log_in("admin").await
    } else {
        answer
    };
    let answer = person.second_factor(&answer.text("Session"), &person.code("admin", "mfa").await).await;
    (answer.text("AccessToken"), person.code("admin", "email").await)
}

async fn register(person: &Person<'_>, mode: &str, body: &Value) -> Answer {
    person.send(Method::PUT, &person.account(mode), body).await
}
