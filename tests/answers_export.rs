//! Answers of ConfigCerts and ExportCert, each with what it changes.

use avain::client::Credentials;
use avain_domain::records::Agreement;
use http::Method;
use serde_json::json;

use crate::support::firm::Firm;
use crate::support::gpg::Gpg;
use crate::support::person::asks_for_its_parameters;
use crate::support::{Answer, Service, openssl};

const DISABLED: &str = "Cert export is disabled for this account, and cannot be enabled";
const NO_KEY: &str = "Requested export PGP key not found.";

async fn configure(firm: &Firm<'_>, export: &str) -> Answer {
    firm.as_admin(Method::POST, "/v2/certs", &json!({ "Export": export })).await
}

async fn export(firm: &Firm<'_>, id: &str) -> Answer {
    firm.ask(Method::GET, &format!("/v2/certs/simulator?PgpKeyId={id}")).await
}

#[tokio::test]
async fn what_is_exported_is_the_certificate_and_its_key() {
    let Some(gpg) = Gpg::new() else { return };
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "export").await;
    let rsa = gpg.key("rsa@example.com", &["rsa2048", "sign,cert,encr", "never"]);
    gpg.key("curve@example.com", &["ed25519", "sign,cert", "never"]);
    let curve = gpg.with_subkey("curve@example.com", &["cv25519", "encr", "never"]);
    let listed = firm.get("/v2/certs").await.succeeded(200)["Certs"][0]["PEM"].clone();
    for key in [rsa, curve] {
        let id = firm.register_export_key(&key).await;
        let before = firm.records().await;
        for id in [id.clone(), id.to_lowercase()] {
            let answer = export(&firm, &id).await;
            answer.succeeds(200, "OK", &["CertsAndKeys"]);
            let [pair] = answer.body["CertsAndKeys"].as_array().unwrap().as_slice() else { panic!("{answer:?}") };
            assert_eq!((&pair["Certificate"], pair.as_object().unwrap().len()), (&listed, 2));
            let message = pair["EncryptedPrivateKey"].as_str().unwrap();
            assert!(message.starts_with("-----BEGIN PGP MESSAGE-----"), "{message}");
            let opened = gpg.decrypt(message);
            assert!(opened.starts_with("-----BEGIN PRIVATE KEY-----"));
            let of_key = openssl::run(&["pkey", "-pubout"], &opened);
            assert_eq!(openssl::run(&["x509", "-noout", "-pubkey"], listed.as_str().unwrap()), of_key);
        }
        assert_eq!(firm.records().await, before);
    }
    let exports = firm.actions("certificate.export").await;
    assert_eq!(exports.len(), 4);
}

#[tokio::test]
async fn what_an_export_is_refused_for() {
    let Some(gpg) = Gpg::new() else { return };
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "export").await;
    let key = gpg.key("short@example.com", &["rsa2048", "sign,cert,encr", "2d"]);
    let signing = firm.story.keys(&firm.admin).await.unwrap().remove(0);
    let id = firm.register_export_key(&key).await;
    export(&firm, &id).await.is(404, "01", "No certificate(s) for this bank,");
    firm.enrol().await.succeeded(201);

    let before = firm.records().await;
    firm.ask(Method::GET, "/v2/certs/simulator").await.is(400, "01", "Missing parameter(s)");
    firm.ask(Method::GET, "/v2/certs/simulator?PgpKeyId=").await.is(400, "01", "Missing parameter(s)");
    for unknown in ["00000000", &id[1..], &signing, "%20", "ä"] {
        export(&firm, unknown).await.is(404, "01", NO_KEY);
    }
    for (bank, status, text) in [
        ("nosuchbank", 400, "Invalid parameter bank"),
        ("shared", 400, "Invalid parameter bank"),
        ("nordea", 403, "No service agreement"),
    ] {
        firm.ask(Method::GET, &format!("/v2/certs/{bank}?PgpKeyId={id}")).await.is(status, "01", text);
    }
    let path = format!("/v2/certs/simulator?PgpKeyId={id}");
    let data = firm.get(&path).await;
    data.is(403, "01", "Cert export allowed for admin user only");
    service.send(Method::GET, &path, None, "").await.is(401, "01", "Unauthorized");
    let other = Firm::open(&service, &codes, "other").await;
    other.ask(Method::GET, &path).await.is(404, "01", "No certificate(s) for this bank,");
    other.enrol().await.succeeded(201);
    other.ask(Method::GET, &path).await.is(404, "01", NO_KEY);
    let mixed = Credentials { api_key: other.admin.api_key.clone(), ..firm.admin.clone() };
    service.send(Method::GET, &path, Some(&mixed), "").await.is(403, "01", "Invalid API key");
    assert_eq!(firm.records().await, before);
    let organisation = firm.organisation().await;
    service.agree(&organisation, Agreement::Suspended).await;
    export(&firm, &id).await.is(403, "01", "No service agreement");
    service.agree(&organisation, Agreement::Test).await;
    assert_eq!(firm.actions("certificate.export").await, Vec::<String>::new());

    service.clock.advance(time::Duration::days(3));
    let admin = avain::story::credentials(&firm.story.log_in("admin").await.unwrap()).unwrap();
    let expired = service.send(Method::GET, &path, Some(&admin), "").await;
    expired.is(400, "01", "Invalid parameter(s): PgpKeyId (the key has expired)");
}

#[tokio::test]
async fn disabling_export_is_for_good() {
    let Some(gpg) = Gpg::new() else { return };
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "config").await;
    let other = Firm::open_under(&service, &codes, "other", &firm.admin.api_key).await;
    let key = gpg.key("key@example.com", &["rsa2048", "sign,cert,encr", "never"]);
    let id = firm.register_export_key(&key).await;

    let before = firm.records().await;
    asks_for_its_parameters(&service, Method::POST, "/v2/certs", Some(&firm.admin), &json!({ "Export": "disabled" }))
        .await;
    for word in ["Disabled", "enabled", "no", " disabled"] {
        configure(&firm, word).await.is(400, "01", "Invalid parameter(s): Export");
    }
    let body = json!({ "Export": "disabled" }).to_string();
    let data = service.send(Method::POST, "/v2/certs", Some(&firm.data), body.clone()).await;
    data.is(403, "01", "Cert configuration allowed for admin user only");
    service.send(Method::POST, "/v2/certs", None, body).await.is(401, "01", "Unauthorized");
    configure(&firm, "allowed").await.succeeds(200, "Export allowed", &[]);
    assert_eq!(firm.records().await, before);
    export(&firm, &id).await.succeeded(200);

    firm.as_admin(Method::POST, "/v2/certs/", &json!({ "Export": "disabled" })).await.succeeds(
        200,
        "Export disabled",
        &[],
    );
    let disabled = firm.records().await;
    configure(&firm, "disabled").await.succeeds(200, "Export disabled", &[]);
    configure(&firm, "allowed").await.is(403, "01", DISABLED);
    export(&firm, &id).await.is(403, "01", DISABLED);
    assert_eq!(firm.records().await, disabled);
    assert_eq!(firm.actions("certificate.disable").await, ["certificate.disable-export"]);

    // Neither another certificate nor another account's setting changes it.
    firm.retire().await.succeeded(200);
    firm.enrol().await.succeeded(201);
    export(&firm, &id).await.is(403, "01", DISABLED);
    configure(&other, "allowed").await.succeeded(200);
    firm.list().await.succeeded(200);
}
