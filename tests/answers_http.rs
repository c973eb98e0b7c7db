//! The table of answers where no operation is reached yet, or all are alike: paths, methods, sizes, tokens, API keys, modes.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use avain::client::Credentials;
use avain::story::credentials;
use avain_api::MAX_BODY;
use avain_api::call::Access;
use avain_api::operations::{ALL, LOGIN, UPLOAD_KEY};
use avain_api::ws_channel::errors::reply;
use avain_domain::Failure;
use avain_domain::names::Mode;
use avain_domain::session::Modes;
use avain_test_support::{reference_data, required};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;
use time::Duration;

use crate::support::document::document;
use crate::support::person::Person;
use crate::support::{Answer, Service};

const UNAUTHORIZED: &str = "Unauthorized";

#[tokio::test]
async fn a_path_that_is_none_is_not_found() {
    let service = Service::start().await;
    let paths = [
        "/",
        "/v2",
        "/v2/",
        "/v1/pgp",
        "/v2/pgp/x",
        "/v2//pgp",
        "/V2/pgp",
        "/v2/PGP",
        "/v2/session/a@b",
        "/v2/certs//",
        "/v2/session/a@b/admin/other",
        "/v2/account/a@b/admin/1/2",
        "/v2/session//admin",
        "/v2/%70gp",
        "/v2/pgp%2F",
        "/favicon.ico",
    ];
    for path in paths {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            service.send(method, path, None, "").await.is(404, "01", "Not found");
        }
    }
}

#[tokio::test]
async fn only_listed_methods_are_served_and_a_browser_may_ask_which() {
    let service = Service::start().await;
    let allowed = [
        ("/v2/pgp", "DELETE, GET, PUT"),
        ("/v2/uploads/nordea", "GET"),
        ("/v2/uploads/nordea/1/signatures", "PUT"),
        ("/v2/usage/accounts", "GET"),
        ("/v2/certs", "GET, POST"),
        ("/v2/certs/", "GET, POST"),
        ("/v2/certs/nordea", "DELETE, GET, POST, PUT"),
        ("/v2/certs/shared/a@b", "DELETE, PUT"),
        ("/v2/files/nordea", "GET, PUT"),
        ("/v2/files/nordea/camt/1", "DELETE, GET"),
        ("/v2/session/a@b/admin", "DELETE, GET, POST"),
        ("/v2/session/a@b/admin/mfacode", "PUT"),
        ("/v2/account/a@b/admin", "GET, POST, PUT"),
        ("/v2/account/a@b/admin/1", "POST"),
    ];
    let list = |answer: &Answer, header: &str| {
        let text = answer.headers[header].to_str().unwrap().to_owned();
        text.split(", ").map(str::to_owned).collect::<BTreeSet<_>>()
    };
    for (path, methods) in allowed {
        let methods: BTreeSet<String> = methods.split(", ").map(str::to_owned).collect();
        let others = ["GET", "PUT", "POST", "DELETE", "PATCH", "TRACE", "X-OTHER"];
        for method in others.into_iter().filter(|it| !methods.contains(*it)) {
            let answer = service.send(method.parse().unwrap(), path, None, "").await;
            answer.is(405, "01", "Method not allowed");
            assert_eq!(list(&answer, "allow"), methods, "{path}");
        }
        let answer = service.send(Method::OPTIONS, path, None, "").await;
        assert_eq!((answer.status, answer.bytes.len()), (204, 0));
        assert_eq!(list(&answer, "access-control-allow-methods"), methods);
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        assert_eq!(answer.headers["access-control-allow-headers"], "Authorization, x-api-key, Content-Type");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_and_every_failure_an_id_of_its_own() {
    let service = Service::start().await;
    let mut ids = BTreeSet::new();
    let calls = [
        (Method::GET, "/v2/session/a@b/admin", 200),
        (Method::POST, "/v2/session/a@b/admin", 400),
        (Method::GET, "/v2/pgp", 401),
        (Method::GET, "/v2/pgp", 401),
        (Method::GET, "/v2/nothing", 404),
        (Method::POST, "/v2/pgp", 405),
    ];
    for (method, path, status) in calls {
        let answer = service.send(method, path, None, "").await;
        assert_eq!(answer.status, status);
        let headers = ["content-type", "cache-control", "access-control-allow-origin", "x-content-type-options"];
        let found = headers.map(|name| answer.headers[name].to_str().unwrap());
        assert_eq!(found, ["application/json", "no-store", "*", "nosniff"]);
        if status != 200 {
            let mut fields: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
            fields.sort();
            assert_eq!(fields, ["RequestId", "ResponseCode", "ResponseText"]);
            assert!(ids.insert(answer.text("RequestId")), "one id for two requests");
        }
    }
}

#[tokio::test]
async fn the_document_is_served_as_it_is_checked_in() {
    let service = Service::start().await;
    for path in ["/openapi.json", "/openapi.json/"] {
        let answer = service.send(Method::GET, path, None, "").await;
        assert_eq!((answer.status, &answer.body), (200, document()));
    }
    service.send(Method::POST, "/openapi.json", None, "").await.is(405, "01", "Method not allowed");
}

/// Both spellings of the path, for both kinds of caller.
#[tokio::test]
async fn a_slash_at_the_end_does_not_matter() {
    let service = Service::start().await;
    let person = Person::new(&service, "slash@example.com");
    let admin = person.story().open("admin", "0").await.unwrap();
    for path in ["/v2/certs", "/v2/certs/"] {
        let answer = service.send(Method::GET, path, Some(&admin), "").await;
        answer.succeeds(200, "OK", &["Certs", "Connections", "Retired"]);
        assert_eq!((&answer.body["Certs"], &answer.body["Connections"]), (&json!([]), &json!([])));
        service.send(Method::GET, path, None, "").await.is(401, "01", UNAUTHORIZED);
    }
    service.send(Method::GET, "/v2/pgp/", Some(&admin), "").await.succeeds(200, "OK", &["PgpKeys"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_however_it_comes() {
    let service = Service::start().await;
    let text = "Content too large: 5767168";
    assert_eq!(MAX_BODY, 5_767_168);
    for operation in [&LOGIN, &UPLOAD_KEY] {
        let path = operation.path.replace("{Email}", "a@b").replace("{Mode}", "admin");
        for length in [MAX_BODY + 1, 2 * MAX_BODY, 40 * 1024 * 1024] {
            let body = Bytes::from(vec![b' '; length]);
            service.send(operation.method.clone(), &path, None, body).await.is(413, "01", text);
        }
        for length in [MAX_BODY + 1, 2 * MAX_BODY] {
            let answer = chunked(&service, &operation.method, &path, length);
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.contains(text), "{answer}");
        }
    }
    // As much as is allowed is read: it is the parameters that are missing.
    let mut body = vec![b' '; MAX_BODY - 2];
    body.extend(b"{}");
    let path = "/v2/session/a@b/admin";
    service.send(Method::POST, path, None, body.clone()).await.is(400, "01", "Missing parameter(s)");
    let answer = chunked(&service, &Method::POST, path, MAX_BODY);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

/// A body of blanks in chunks, its length not told before; the answer as it came.
fn chunked(service: &Service, method: &Method, path: &str, length: usize) -> String {
    let mut stream = TcpStream::connect(service.server.address).unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    let mut request = head.into_bytes();
    for at in (0..length).step_by(1 << 16) {
        let size = (length - at).min(1 << 16);
        request.extend(format!("{size:x}\r\n").into_bytes());
        request.extend(vec![b' '; size]);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    stream.write_all(&request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Every operation for a caller with a token, with a path to call.
fn guarded() -> Vec<(&'static avain_api::Operation, String)> {
    let fill = |path: &str| {
        let values = [
            ("{Email}", "guard@example.com"),
            ("{Mode}", "admin"),
            ("{ExtEmail}", "other@example.com"),
            ("{Bank}", "simulator"),
            ("{FileType}", "camt.053.001.02"),
            ("{FileReference}", "1"),
            ("{UploadId}", "1780315200000-c6af9ac6-7b61-41e6-9a41-93e8deadbeef"),
        ];
        values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
    };
    let guarded: Vec<_> = ALL.iter().filter(|it| matches!(it.access, Access::Token { .. })).collect();
    assert!(guarded.len() >= 8);
    guarded.into_iter().map(|it| (*it, fill(it.path))).collect()
}

#[tokio::test]
async fn without_a_live_token_every_guarded_operation_is_closed() {
    let service = Service::start().await;
    let person = Person::new(&service, "guard@example.com");
    let gone = person.sessions().await;
    for (mode, who) in [("admin", &gone.0), ("data", &gone.1)] {
        person.story().log_out(mode, who).await.unwrap();
    }
    service.clock.advance(Duration::seconds(1));
    let log_in = async |mode| credentials(&person.story().log_in(mode).await.unwrap()).unwrap();
    let (admin, data) = (log_in("admin").await, log_in("data").await);
    let other_pool = Service::start().await;
    let foreign = other_pool.story(&other_pool.codes(), person.email()).open("admin", "0").await.unwrap();
    let token = admin.id_token.as_str();
    let parts: Vec<&str> = token.split('.').collect();
    let data_parts: Vec<&str> = data.id_token.split('.').collect();
    let access = access_token(&service).await;
    let bad = [
        "rubbish".to_owned(),
        "..".to_owned(),
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("{token}."),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], data_parts[1], parts[2]),
        foreign.id_token.clone(),
        access,
        admin.api_key.clone(),
        gone.0.id_token.clone(),
        gone.1.id_token.clone(),
    ];
    let exchange = async |method: &Method, path: &str, token: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path).header("x-api-key", &admin.api_key);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        service.exchange(request.body(Bytes::from_static(b"{}")).unwrap()).await
    };
    for (operation, path) in guarded() {
        exchange(&operation.method, &path, None).await.is(401, "01", UNAUTHORIZED);
        for token in &bad {
            exchange(&operation.method, &path, Some(token)).await.is(401, "01", UNAUTHORIZED);
        }
    }
    service.clock.advance(Duration::seconds(3599));
    service.send(Method::GET, "/v2/pgp", Some(&admin), "").await.succeeded(200);
    service.clock.advance(Duration::seconds(2));
    for (operation, path) in guarded() {
        for who in [&admin, &data] {
            service.send(operation.method.clone(), &path, Some(who), "{}").await.is(401, "01", UNAUTHORIZED);
        }
    }
    // Where nobody has to be known, credentials are not looked at.
    let request = Request::get("/v2/session/a@b/admin").header("authorization", "rubbish").header("x-api-key", "0");
    service.exchange(request.body(Bytes::new()).unwrap()).await.succeeds(200, "OK", &["Challenge"]);
}

/// An access token, as it is given out to verify an e-mail address.
async fn access_token(service: &Service) -> String {
    let person = Person::registered(service, "access@example.com").await;
    person.story().verify_phone("admin").await.unwrap();
    person.story().log_in("admin").await.unwrap()["AccessToken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_the_accounts_api_key_every_guarded_operation_is_closed() {
    let service = Service::start().await;
    let person = Person::new(&service, "guard@example.com");
    let (admin, data) = person.sessions().await;
    let other = Person::new(&service, "other@example.com").register("admin", "0").await.text("ApiKey");
    for (operation, path) in guarded() {
        for who in [&admin, &data] {
            for api_key in ["", "0", "unknown", &other, &who.api_key.to_lowercase(), &format!("{}x", who.api_key)] {
                let stranger = Credentials { id_token: who.id_token.clone(), api_key: api_key.to_owned() };
                let answer = service.send(operation.method.clone(), &path, Some(&stranger), "{}").await;
                answer.is(403, "01", "Invalid API key");
            }
            let request = Request::builder().method(&operation.method).uri(&path);
            let request = request.header("authorization", &who.id_token).body(Bytes::from_static(b"{}")).unwrap();
            service.exchange(request).await.is(403, "01", "Invalid API key");
        }
    }
    person.story().keys(&admin).await.unwrap();
}

#[tokio::test]
async fn in_the_wrong_mode_an_operation_says_which_it_needs() {
    let service = Service::start().await;
    let person = Person::new(&service, "guard@example.com");
    let (admin, data) = person.sessions().await;
    let before = service.account(person.email()).await;
    let texts = json!({
        "ConfigCerts": "Cert configuration allowed for admin user only",
        "ShareCerts": "Cert sharing allowed for admin user only",
        "UnshareCerts": "Cert sharing allowed for admin user only",
        "ExportCert": "Cert export allowed for admin user only",
        "EnrollCert": "Cert enrollment allowed for admin user only",
        "ImportCert": "Cert import allowed for admin user only",
        "RetireCert": "Cert retirement allowed for admin user only",
        "UploadFile": "File uploads not allowed on admin mode, use data account mode",
        "DownloadFile": "File downloads not allowed on admin mode, use data account mode",
        "DeleteFile": "File deletion not allowed on admin mode, use data account mode",
        "UploadKey": "PGP key upload allowed for admin user only",
        "DeleteKey": "PGP key deletion allowed for admin user only",
        "AddSignatures": "File uploads not allowed on admin mode, use data account mode",
        "DeleteAccount": "Allowed for the API key owner only",
        "ListAccounts": "Allowed for the API key owner only",
        "PutPolicy": "Allowed for the API key owner only",
    });
    let mut seen = 0;
    for (operation, path) in guarded() {
        let Access::Token { modes: Modes::Only(mode), .. } = operation.access else { continue };
        let who = if mode == Mode::Admin { &data } else { &admin };
        let answer = service.send(operation.method.clone(), &path, Some(who), "rubbish").await;
        answer.is(403, "01", texts[operation.name].as_str().unwrap());
        seen += 1;
    }
    assert_eq!(seen, texts.as_object().unwrap().len());
    assert_eq!(service.account(person.email()).await, before);
}

/// Each failure's status, code and text is a line of the reference data's table of answers.
#[test]
fn every_failure_is_answered_as_the_table_says() {
    let Some(table) = table_of_answers() else { return };
    let lines: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("ResponseCode"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(lines.len() >= 25, "{} lines", lines.len());
    for failure in failures() {
        let told = reply(&UPLOAD_KEY, &failure);
        let fits = |line: &&Vec<&str>| {
            let texts = line[3].split('`').skip(1).step_by(2).any(|text| is_text(text, &told.text));
            texts && line[1].starts_with(&told.status.to_string())
        };
        let line = lines.iter().find(fits).unwrap_or_else(|| panic!("not in the table: {failure:?} {told:?}"));
        assert_eq!(line[1].contains("Retry-After"), told.retry_after.is_some(), "{failure:?}");
        assert_eq!(line[2], told.code, "{failure:?}");
    }
}

/// What the reference data's table has no text for, with the reason.
const NOT_IN_THE_TABLE: [(&str, &str); 14] = [
    ("Requested export PGP key not found.", "the real service's own text for ExportCert"),
    (
        "Cert export is disabled for this account, and cannot be enabled",
        "the real service disables for good too, and no text of it is known",
    ),
    (
        "No PGP keys. Without a registered authorize key this account is read-only.",
        "data mode without a registered key, by the design's decision 11",
    ),
    ("Certificate PEM format validation failed!", "ImportCert's own texts, this one the real service's"),
    ("Not offered by this bank", "no bank served here deletes files, and none is asked to"),
    ("(the bank's text)", "stands for any text of a bank"),
    ("Re-authenticate to delete accounts", "the real service's own text for DeleteAccount"),
    ("The account that made the API key cannot be deleted", "DeleteAccount; no text of the real service is known"),
    ("Account still shares certificates: unshare or retire them first", "DeleteAccount; no text of it is known"),
    ("TOTP verified but setting MFA preference failed", "the real service's own text for VerifyTOTP"),
    ("This upload does not wait for signatures", "AddSignatures is our own operation"),
    ("This upload has waited for signatures too long: upload the file again", "AddSignatures is our own operation"),
    ("Several have this id: use the fingerprint", "the real service deletes no keys"),
    ("Logout allowed for the own session only", "the token's mode is right, the path is another session's"),
];

/// How the table shows a wrong mode, for two operations; the others are worded alike.
const WRONG_MODE: [&str; 2] = [" not allowed on admin mode, use data account mode", " allowed for admin user only"];

/// The other direction: each text that is answered (docs/errors.md is written from all of them) is in the table, or is known
/// not to be.
#[test]
fn every_text_is_in_the_table_or_known_not_to_be() {
    let Some(table) = table_of_answers() else { return };
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md")).unwrap();
    let answered = page.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split('`').nth(1));
    let otherwise = ALL.iter().filter_map(|operation| match operation.access {
        Access::Token { otherwise, .. } if !otherwise.is_empty() => Some(otherwise),
        _ => None,
    });
    let answered: BTreeSet<&str> = answered.chain(otherwise).collect();
    let texts: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    let worded_alike =
        |text: &str, told: &str| WRONG_MODE.iter().any(|ending| text.ends_with(ending) && told.ends_with(ending));
    for told in &answered {
        let in_table = texts.iter().any(|text| is_text(text, told) || worded_alike(text, told));
        let known = NOT_IN_THE_TABLE.iter().any(|(text, _)| text == told);
        assert!(in_table != known, "{told}: in the table {in_table}, listed here {known}");
    }
    for (text, reason) in NOT_IN_THE_TABLE {
        assert!(answered.contains(text) && !reason.is_empty(), "nothing answers {text}");
    }
}

/// answers.md beside the reference data.
fn table_of_answers() -> Option<String> {
    let folder = reference_data()?;
    let table = std::fs::read_to_string(folder.parent().unwrap().join("answers.md")).ok();
    if table.is_none() {
        assert!(!required(), "the reference data has no answers.md beside it");
        avain_test_support::not_run("answers.md beside the reference data");
    }
    table
}

/// Whether a text of the table, in which NAME, ID and LIMIT stand for something, is this one.
fn is_text(table: &str, told: &str) -> bool {
    match ["NAME", "ID", "LIMIT"].iter().find_map(|it| table.strip_suffix(it)) {
        Some(beginning) => told.len() > beginning.len() && told.starts_with(beginning),
        None => table == told,
    }
}

/// One of each kind but those whose code and text are the bank's, the mode's, or of certificates, authenticators or waiting
/// uploads alone, which are compared elsewhere.
pub(crate) fn failures() -> Vec<Failure> {
    use Failure::*;
    let all = vec![
        Missing,
        Invalid("Code".to_owned()),
        UnknownBank,
        WeakPassword,
        WrongCredentials,
        AttemptLimit { retry_after: 1 },
        WrongCode,
        CodeExpired,
        NoSession,
        Unauthorized,
        InvalidApiKey,
        NotOwner,
        NoAgreement,
        NoSimulator,
        NotFound,
        NoCertificate,
        Exists("Bank certificate(s) already exists"),
        NoSignature,
        SignaturesFailed,
        Unresolved("5".to_owned()),
        TooLarge { limit: 5 },
        BankUnreachable,
        BankTimeout,
        BankUnreadable(String::new()),
        BankSignature(String::new()),
        Unavailable(String::new()),
        Vault(String::new()),
        Internal(String::new()),
    ];
    for failure in &all {
        // A new kind does not compile here, and then belongs into the list.
        match failure {
            Missing
            | Invalid(_)
            | UnknownBank
            | WeakPassword
            | WrongCredentials
            | AttemptLimit { .. }
            | WrongCode
            | CodeExpired
            | NoSession
            | NotPreferred(_)
            | Unauthorized
            | InvalidApiKey
            | WrongMode
            | NoAgreement
            | NoSimulator
            | NotFound
            | NoCertificate
            | NotOwner
            | NoExportKey
            | ExportDisabled
            | ReadOnly
            | Stale
            | OwnerStays
            | StillShares
            | RateLimited { .. }
            | Unusable(_)
            | NotOffered
            | Exists(_)
            | NoSignature
            | SignaturesFailed
            | Unresolved(_)
            | NotWaiting
            | WaitedTooLong
            | Ambiguous(_)
            | TooLarge { .. }
            | BankRefused { .. }
            | BankUnreachable
            | BankTimeout
            | BankUnreadable(_)
            | BankSignature(_)
            | Unavailable(_)
            | Vault(_)
            | Internal(_) => {}
        }
    }
    all
}
