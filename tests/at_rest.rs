//! What lies on the disk after the whole story: no private key, no password, no token, no file in clear (R26, R32).

use std::path::{Path, PathBuf};

use avain::story::{Signer, payment};
use avain_adapters_local::embedded::{Embedded, OpenError};
use serde_json::{Value, json};

use crate::support::Service;
use crate::support::person::{Person, wrong};

/// What every RSA private key in PKCS#8 begins with, after its length: version 0, rsaEncryption, NULL, and the key's octets.
const PKCS8_RSA: [u8; 20] = [
    0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x04,
    0x82,
];

#[tokio::test]
async fn nothing_secret_lies_on_the_disk_in_clear() {
    let service = Service::start().await;
    let codes = service.codes();
    let story = service.story(&codes, "rest@example.com");
    let admin = story.open("admin", "0").await.unwrap();
    let signer = Signer::generate("Payments <payments@example.com>").unwrap();
    story.upload_key(&admin, &signer.public_key().unwrap(), "authorize").await.unwrap();
    story.enrol(&admin, "simulator", "1000038023", "Canary-Code-2026-xyz").await.unwrap();
    let data = story.open("data", &admin.api_key).await.unwrap();
    let file = payment("CANARY-MESSAGE", &story.company.name, time::OffsetDateTime::UNIX_EPOCH);
    let signature = signer.sign(file.as_bytes()).unwrap();
    story.upload(&data, "simulator", "pain.001.001.09", file.as_bytes(), &signature).await.unwrap();
    for listed in story.files(&data, "simulator", "NEW").await.unwrap() {
        story.download(&data, "simulator", &listed).await.unwrap();
    }

    let session = story.password("admin").await.unwrap()["Session"].as_str().unwrap().to_owned();
    let company = &story.company;
    let secrets: [(&str, &[u8]); 9] = [
        ("an RSA private key", &PKCS8_RSA),
        ("an RSA private key in base64", b"IBADANBgkqhkiG9w0BAQEFAASC"),
        ("a PEM private key", b"PRIVATE KEY"),
        ("the admin password", company.admin_password.as_bytes()),
        ("the data password", company.data_password.as_bytes()),
        ("the activation code", b"Canary-Code-2026-xyz"),
        ("an id token", data.id_token.as_bytes()),
        ("a file", b"CANARY-MESSAGE"),
        ("a session", session.as_bytes()),
    ];
    let files = files_below(&service.folder.path().join("data"));
    assert!(files.iter().any(|path| path.ends_with("store.sqlite")), "{files:?}");
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        for (what, secret) in secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{what} lies in {}", path.display());
        }
    }
}

/// Codes are too short to be looked for in all bytes of all files: here is what the user pool keeps of those who wait for one.
#[tokio::test]
async fn no_code_lies_in_clear_with_the_user_who_waits_for_it() {
    let service = Service::start().await;
    let codes = {
        let person = Person::registered(&service, "phone@example.com").await;
        let phone = person.code("admin", "phone").await;
        let person = Person::registered(&service, "factor@example.com").await;
        person.story().verify_phone("admin").await.unwrap();
        let session = person.log_in("admin").await.text("Session");
        let factor = person.code("admin", "mfa").await;
        person.second_factor(&session, &wrong(&factor)).await.is(400, "01", "Invalid verification code");
        let person = Person::registered(&service, "mail@example.com").await;
        person.story().verify_phone("admin").await.unwrap();
        person.story().log_in("admin").await.unwrap();
        [phone, factor, person.code("admin", "email").await]
    };

    let Service { folder, server, http, .. } = service;
    server.finish().await;
    drop((server, http));
    // The connections' tasks notice that they are over.
    let embedded = loop {
        match Embedded::open(&folder.path().join("data")) {
            Ok(embedded) => break embedded,
            Err(OpenError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let scan = serde_json::from_value(json!({ "TableName": "avain-users", "ConsistentRead": true })).unwrap();
    let page = serde_json::to_value(embedded.database().scan(scan).unwrap()).unwrap();
    let users: Vec<Value> = page["Items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("USER#"))
        .map(|item| serde_json::from_str(item["document"]["S"].as_str().unwrap()).unwrap())
        .collect();
    let waiting = ["phone_code", "email_code", "waiting"];
    assert_eq!(waiting.map(|name| users.iter().filter(|user| !user[name].is_null()).count()), [1, 1, 1], "{users:?}");
    for user in &users {
        for code in &codes {
            assert!(!holds(user, code), "{code} lies in {user}");
        }
    }
}

/// Whether a text contains the code, or a number is it.
fn holds(value: &Value, code: &str) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, value)| name != "phone" && holds(value, code)),
        Value::Array(values) => values.iter().any(|value| holds(value, code)),
        Value::String(text) => text.contains(code),
        Value::Number(number) => number.to_string().as_str() == code,
        Value::Bool(_) | Value::Null => false,
    }
}

/// All files but the simulated banks' own: what a bank keeps is its affair.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("simulator") {
            continue;
        }
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}
