//! The table of answers where PGP keys are registered and listed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use avain::client::Credentials;
use avain::story::Signer;
use avain_domain::ports::Clock;
use avain_test_support::{output, peer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder,
};
use rand::rngs::OsRng;
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::support::person::{Person, asks_for_its_parameters};
use crate::support::{Answer, Service};

const OTHER_PURPOSE: &str = "PGP key already exists with the other purpose";

/// Someone with sessions in both modes.
async fn keyholder(service: &Service) -> (Person<'_>, Credentials, Credentials) {
    let person = Person::new(service, "keys@example.com");
    let (admin, data) = person.sessions().await;
    (person, admin, data)
}

async fn upload(service: &Service, who: &Credentials, key: &str, purpose: &str) -> Answer {
    let body = json!({ "PgpKey": key, "PgpKeyPurpose": purpose }).to_string();
    service.send(Method::PUT, "/v2/pgp", Some(who), body).await
}

async fn listed(service: &Service, who: &Credentials) -> Value {
    let answer = service.send(Method::GET, "/v2/pgp", Some(who), "").await;
    answer.succeeds(200, "OK", &["PgpKeys"]);
    answer.body["PgpKeys"].clone()
}

/// A key for both purposes: Ed25519, with a subkey to encrypt to.
fn both_purposes() -> SignedSecretKey {
    let subkey =
        SubkeyParamsBuilder::default().key_type(KeyType::X25519).can_encrypt(EncryptionCaps::All).build().unwrap();
    let key = SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_sign(true)
        .can_certify(true)
        .primary_user_id("Both <both@example.com>".to_owned())
        .subkey(subkey)
        .build()
        .unwrap();
    key.generate(OsRng).unwrap()
}

fn armored(key: &SignedSecretKey) -> String {
    key.to_public_key().to_armored_string(ArmorOptions::default()).unwrap()
}

#[tokio::test]
async fn keys_are_registered_once_for_one_purpose_and_listed() {
    let service = Service::start().await;
    let (person, admin, data) = keyholder(&service).await;
    assert_eq!(listed(&service, &admin).await, json!([]));
    let key = both_purposes();
    upload(&service, &admin, &armored(&key), "authorize").await.succeeds(201, "PGP key registered", &[]);
    let before = service.account(person.email()).await;
    service.clock.advance(time::Duration::seconds(60));
    upload(&service, &admin, &armored(&key), "authorize").await.succeeds(201, "PGP key registered", &[]);
    upload(&service, &admin, &armored(&key), "export").await.is(409, "01", OTHER_PURPOSE);
    assert_eq!(service.account(person.email()).await, before);

    let exported = both_purposes();
    upload(&service, &admin, &armored(&exported), "export").await.succeeded(201);
    upload(&service, &admin, &armored(&exported), "authorize").await.is(409, "01", OTHER_PURPOSE);
    let ids = [&key, &exported].map(|key| {
        use pgp::types::KeyDetails;
        let fingerprint = format!("{:X}", key.fingerprint());
        fingerprint[fingerprint.len() - 8..].to_owned()
    });
    let expected = json!([
        { "PgpKeyId": ids[0], "PgpKeyPurpose": "authorize" },
        { "PgpKeyId": ids[1], "PgpKeyPurpose": "export" },
    ]);
    for who in [&admin, &data] {
        assert_eq!(listed(&service, who).await, expected);
    }

    // Another account has keys of its own, in the same organisation too.
    let colleague = Person::new(&service, "colleague@example.com");
    let theirs = colleague.story().open("admin", &admin.api_key).await.unwrap();
    assert_eq!(listed(&service, &theirs).await, json!([]));
    upload(&service, &theirs, &armored(&key), "export").await.succeeded(201);
    assert_eq!(listed(&service, &admin).await, expected);
}

#[tokio::test]
async fn what_is_no_key_for_the_purpose_is_named_and_not_kept() {
    let service = Service::start().await;
    let (person, admin, data) = keyholder(&service).await;
    let before = service.account(person.email()).await;
    let good = armored(&both_purposes());
    let one_line_less = good.lines().enumerate().filter(|(at, _)| *at != 4).map(|(_, line)| line).collect::<Vec<_>>();
    let signing = Signer::generate("Signer <signer@example.com>").unwrap();
    let not_a_key = "not an armored public key";
    let cases = [
        ("rubbish".to_owned(), "authorize", not_a_key),
        ("%%%".repeat(100), "authorize", not_a_key),
        (
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n%%%\n-----END PGP PUBLIC KEY BLOCK-----".to_owned(),
            "export",
            not_a_key,
        ),
        (
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----".to_owned(),
            "export",
            not_a_key,
        ),
        (good[..good.len() - 40].to_owned(), "authorize", not_a_key),
        (one_line_less.join("\n"), "authorize", not_a_key),
        (signing.sign(b"not a key").unwrap(), "authorize", not_a_key),
        (service.server.machine.password_key.clone(), "export", not_a_key),
        (" ".repeat(2 * 1024 * 1024), "authorize", not_a_key),
        (format!("{good}\n{}", armored(&both_purposes())), "authorize", "more than one key"),
        (signing.public_key().unwrap(), "export", "the key cannot do what its purpose needs"),
    ];
    for (key, purpose, advice) in cases {
        let answer = upload(&service, &admin, &key, purpose).await;
        answer.is(400, "01", &format!("Invalid parameter(s): PgpKey ({advice})"));
    }
    for purpose in ["Authorize", "sign", "authorize "] {
        upload(&service, &admin, &good, purpose).await.is(400, "01", "Invalid parameter(s): PgpKeyPurpose");
    }
    let body = json!({ "PgpKey": good, "PgpKeyPurpose": "authorize" });
    asks_for_its_parameters(&service, Method::PUT, "/v2/pgp", Some(&admin), &body).await;
    upload(&service, &data, &good, "authorize").await.is(403, "01", "PGP key upload allowed for admin user only");
    assert_eq!(service.account(person.email()).await, before);
}

#[tokio::test]
async fn a_pasted_private_key_is_refused_and_left_nowhere() {
    let service = Service::start().await;
    let (person, admin, _) = keyholder(&service).await;
    let before = service.account(person.email()).await;
    let key = both_purposes();
    let private = key.to_armored_string(ArmorOptions::default()).unwrap();
    let advice = "Invalid parameter(s): PgpKey (this is a private key: keep it to yourself, and send the public key)";
    let relabelled = private.replace("PRIVATE", "PUBLIC");
    let behind = format!("{}\n{private}", armored(&key));
    for text in [&private, &relabelled, &behind] {
        for purpose in ["authorize", "export"] {
            let answer = upload(&service, &admin, text, purpose).await;
            answer.is(400, "01", advice);
            assert_eq!(answer.body.as_object().unwrap().len(), 3, "{answer:?}");
        }
    }
    assert_eq!(service.account(person.email()).await, before);

    // What is looked for: every line of it; the secret number behind the public part, as bytes and as base64, which begins at
    // any of three places; the passwords.
    let binary = pgp::ser::Serialize::to_bytes(&key).unwrap();
    let encoded = [58, 59, 60].map(|start| STANDARD.encode(&binary[start..start + 30]));
    let dense: String = private.lines().collect();
    assert!(encoded.iter().any(|part| dense.contains(part)), "this is what the armor holds");
    let lines = private.lines().filter(|line| line.len() == 64);
    let texts =
        lines.chain(encoded.iter().map(String::as_str)).chain([person.password("admin"), person.password("data")]);
    let secrets: Vec<&[u8]> = texts.map(str::as_bytes).chain([&binary[58..90]]).collect();
    let files = files(service.folder.path());
    for bytes in &files {
        assert!(secrets.iter().all(|secret| !contains(bytes, secret)));
    }
    assert!(files.iter().any(|bytes| contains(bytes, person.email().as_bytes())), "the store is among the files");
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(std::fs::read(&path).unwrap());
        }
    }
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A key ring of `GnuPG`, and the service's time. The agent that it starts ends when the folder goes.
struct Gpg(TempDir, OffsetDateTime);

impl Gpg {
    fn new(now: OffsetDateTime) -> Option<Self> {
        peer("gpg")?;
        Some(Self(tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap(), now))
    }

    /// Runs gpg, days before the service's time.
    fn run(&self, days_ago: i64, arguments: &[&str]) -> String {
        let time = self.1.unix_timestamp() - days_ago * 86_400;
        let mut command = peer("gpg").unwrap();
        command.env("GNUPGHOME", self.0.path()).arg("--homedir").arg(self.0.path());
        command.args(["--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""]);
        command.arg("--faked-system-time").arg(format!("{time}!")).args(arguments);
        let result = output(&mut command);
        assert!(result.status.success(), "{command:?}: {}", String::from_utf8_lossy(&result.stderr));
        String::from_utf8(result.stdout).unwrap()
    }

    /// A key made ten days ago: its fingerprint.
    fn key(&self, name: &str, more: &[&str], algorithm: &str, expiry: &str) -> String {
        let address = format!("{name} <{name}@example.com>");
        self.run(10, &[more, &["--quick-generate-key", &address, algorithm, "sign", expiry]].concat());
        let listed = self.run(10, &["--with-colons", "--list-keys", name]);
        listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned()
    }

    fn export(&self, key: &str) -> String {
        self.run(0, &["--armor", "--export", key])
    }
}

#[tokio::test]
async fn gpgs_keys_are_taken_unless_expired_revoked_or_weak() {
    let service = Service::start().await;
    let Some(gpg) = Gpg::new(service.clock.now()) else { return };
    let (person, admin, _) = keyholder(&service).await;
    let before = service.account(person.email()).await;
    let expired = gpg.key("expired", &[], "ed25519", "5d");
    let revoked = gpg.key("revoked", &[], "ed25519", "never");
    let revocation = gpg.0.path().join("openpgp-revocs.d").join(&revoked).with_extension("rev");
    let text = std::fs::read_to_string(&revocation).unwrap().replace(":-----BEGIN", "-----BEGIN");
    std::fs::write(&revocation, text).unwrap();
    gpg.run(1, &["--import", revocation.to_str().unwrap()]);
    let small = gpg.key("small", &[], "rsa1024", "never");
    let dsa = gpg.key("dsa", &[], "dsa2048", "never");
    let sha1 = gpg.key("sha1", &["--allow-weak-digest-algos", "--cert-digest-algo", "SHA1"], "rsa2048", "never");
    let cases = [
        (&expired, "the key has expired"),
        (&revoked, "the key is revoked"),
        (&small, "the key's algorithm or size is too weak"),
        (&dsa, "the key's algorithm or size is too weak"),
        (&sha1, "the key's algorithm or size is too weak"),
    ];
    for (key, advice) in cases {
        let answer = upload(&service, &admin, &gpg.export(key), "authorize").await;
        answer.is(400, "01", &format!("Invalid parameter(s): PgpKey ({advice})"));
    }
    assert_eq!(service.account(person.email()).await, before);

    let good = gpg.key("good", &[], "ed25519", "never");
    upload(&service, &admin, &gpg.export(&good), "authorize").await.succeeded(201);
    let expected = json!([{ "PgpKeyId": good[good.len() - 8..], "PgpKeyPurpose": "authorize" }]);
    assert_eq!(listed(&service, &admin).await, expected);
}

async fn delete(service: &Service, who: &Credentials, id: &str) -> Answer {
    let body = json!({ "PgpKeyId": id }).to_string();
    service.send(Method::DELETE, "/v2/pgp", Some(who), body).await
}

#[tokio::test]
async fn a_key_is_deleted_by_its_short_id_or_fingerprint() {
    use pgp::types::KeyDetails;
    let service = Service::start().await;
    let (person, admin, data) = keyholder(&service).await;
    let keys = [both_purposes(), both_purposes(), both_purposes()];
    let fingerprints = keys.each_ref().map(|key| format!("{:X}", key.fingerprint()));
    let short = |at: usize| fingerprints[at][32..].to_owned();
    for key in &keys {
        upload(&service, &admin, &armored(key), "authorize").await.succeeded(201);
        service.clock.advance(time::Duration::seconds(1));
    }
    let listed_as = |left: &[usize]| {
        json!(left.iter().map(|at| json!({ "PgpKeyId": short(*at), "PgpKeyPurpose": "authorize" })).collect::<Vec<_>>())
    };
    let before = service.account(person.email()).await;

    // Another account's keys are not there, in the same organisation either.
    let colleague = Person::new(&service, "colleague@example.com");
    let theirs = colleague.story().open("admin", &admin.api_key).await.unwrap();
    delete(&service, &theirs, &short(0)).await.is(404, "01", "Not found");
    for absent in ["00000000", &"A".repeat(40), &"b".repeat(64)] {
        delete(&service, &admin, absent).await.is(404, "01", "Not found");
    }
    let shape = "Invalid parameter(s): PgpKeyId (8 hex digits, or the whole fingerprint)";
    for shapeless in ["x", "0x123456", "123456789", &fingerprints[0][24..], "ÄÄÄÄ", &format!("{} ", short(0))] {
        delete(&service, &admin, shapeless).await.is(400, "01", shape);
    }
    let body = json!({ "PgpKeyId": short(0) });
    asks_for_its_parameters(&service, Method::DELETE, "/v2/pgp", Some(&admin), &body).await;
    delete(&service, &data, &short(0)).await.is(403, "01", "PGP key deletion allowed for admin user only");
    service.send(Method::DELETE, "/v2/pgp", None, body.to_string()).await.is(401, "01", "Unauthorized");
    assert_eq!(service.account(person.email()).await, before);

    let answer = delete(&service, &admin, &short(1).to_lowercase()).await;
    answer.succeeds(200, "PGP key deleted", &["PgpKeys"]);
    assert_eq!(answer.body["PgpKeys"], listed_as(&[0, 2]));
    assert_eq!(listed(&service, &data).await, listed_as(&[0, 2]));
    delete(&service, &admin, &short(1)).await.is(404, "01", "Not found");
    let answer = delete(&service, &admin, &fingerprints[0].to_lowercase()).await;
    assert_eq!(answer.succeeded(200)["PgpKeys"], listed_as(&[2]));

    // Two at once take it away once.
    let id = short(2);
    let (one, other) = tokio::join!(delete(&service, &admin, &id), delete(&service, &admin, &id));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404], "{one:?} {other:?}");
    assert_eq!(listed(&service, &admin).await, json!([]));
    let events = person.story().audit_events(&admin).await.unwrap();
    let deleted: Vec<&str> = events
        .iter()
        .filter(|event| event["action"] == "pgp-key.delete" && event["outcome"] == "completed")
        .map(|event| event["resourceId"].as_str().unwrap())
        .collect();
    assert_eq!(deleted.len(), 3);
    assert!(fingerprints.iter().all(|it| deleted.contains(&it.as_str())), "{deleted:?}");

    // It may come back, for the other purpose too.
    upload(&service, &admin, &armored(&keys[0]), "export").await.succeeded(201);
    delete(&service, &admin, &short(0)).await.succeeded(200);
}

/// Short ids are easily made to collide: then the fingerprint has to be given.
#[tokio::test]
async fn a_short_id_of_two_keys_deletes_neither() {
    use avain_domain::names::Email;
    use avain_domain::records::{PgpKey, PgpPurpose, Record, Write};
    let service = Service::start().await;
    let (person, admin, _) = keyholder(&service).await;
    let store = service.server.machine.deps.store().unwrap();
    let fingerprints = ["A", "B"].map(|digit| format!("{}0123ABCD", digit.repeat(32)));
    for fingerprint in &fingerprints {
        let key = PgpKey {
            email: Email::parse(person.email()).unwrap(),
            fingerprint: fingerprint.clone(),
            purpose: PgpPurpose::Authorize,
            public_key: Vec::new(),
            created: service.clock.now(),
        };
        store.commit(vec![Write::Insert(Record::PgpKey(key))]).await.unwrap();
    }
    delete(&service, &admin, "0123abcd").await.is(409, "01", "Several have this id: use the fingerprint");
    let answer = delete(&service, &admin, &fingerprints[0]).await;
    assert_eq!(answer.succeeded(200)["PgpKeys"].as_array().unwrap().len(), 1);
    delete(&service, &admin, "0123abcd").await.succeeded(200);
}
