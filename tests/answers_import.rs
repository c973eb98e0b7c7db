//! Answers of ImportCert, each with what it changes; keys and certificates are made by OpenSSL.

use std::sync::Arc;
use std::time::Duration;

use avain::story::credentials;
use avain_adapters_aws::banks::{Contract, HttpBanks, Trust, profile};
use avain_adapters_local::random::SystemRandom;
use avain_domain::records::{Agreement, Key, ModeRecord, Record, Stored, Write};
use http::Method;
use serde_json::{Value, json};

use crate::support::firm::Firm;
use crate::support::gpg::Gpg;
use crate::support::openssl::{Pair, pair, run};
use crate::support::person::asks_for_its_parameters;
use crate::support::{Answer, Service};

const PATH: &str = "/v2/certs/simulator";
const UNKNOWN_ISSUER: &str = "Certificate: its issuer is not known here as the bank's";

fn body(firm: &Firm<'_>, pair: &Pair) -> Value {
    json!({
        "Company": firm.story.company.name, "WsUserId": "1000038023",
        "PrivateKey": pair.key, "Certificate": pair.certificate,
    })
}

async fn import(firm: &Firm<'_>, body: &Value) -> Answer {
    firm.as_admin(Method::PUT, PATH, body).await
}

/// Both forms that OpenSSL writes private keys in.
#[tokio::test]
async fn an_imported_key_is_the_one_that_is_exported() {
    let Some(gpg) = Gpg::new() else { return };
    let Some(made) = pair(&["rsa:2048"], 30) else { return };
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "import").await;
    let key = gpg.key("key@example.com", &["rsa2048", "sign,cert,encr", "never"]);
    let id = firm.register_export_key(&key).await;
    let pkcs1 = run(&["rsa", "-traditional"], &made.key);
    assert!(
        pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----") && made.key.starts_with("-----BEGIN PRIVATE KEY-----")
    );
    // As files come: with other text around, with other line ends.
    let spoken = run(&["x509", "-text"], &made.certificate);
    for (key, certificate) in [(&made.key, &made.certificate), (&pkcs1, &spoken.replace('\n', "\r\n"))] {
        let given = Pair { key: key.clone(), certificate: certificate.clone() };
        let answer = import(&firm, &body(&firm, &given)).await;
        answer.succeeds(201, "Certificate imported", &["Warnings"]);
        assert_eq!(answer.body["Warnings"], json!([UNKNOWN_ISSUER]));
        let certs = firm.get("/v2/certs").await;
        let listed = &certs.succeeded(200)["Certs"][0];
        assert_eq!((&listed["PEM"], &listed["Subject"]), (&made.certificate.clone().into(), &json!("1000038023")));

        let exported = firm.ask(Method::GET, &format!("{PATH}?PgpKeyId={id}")).await;
        let message = exported.succeeded(200)["CertsAndKeys"][0]["EncryptedPrivateKey"].as_str().unwrap().to_owned();
        let modulus = |key: &str| run(&["rsa", "-noout", "-modulus"], key);
        assert_eq!(modulus(&gpg.decrypt(&message)), modulus(&made.key));

        let before = firm.records().await;
        import(&firm, &body(&firm, &given)).await.is(409, "01", "Bank certificate(s) already exists");
        firm.enrol().await.is(409, "01", "Bank certificate(s) already exists");
        assert_eq!(firm.records().await, before);
        firm.retire().await.succeeded(200);
    }
    assert_eq!(firm.actions("certificate.import").await.len(), 2);
}

/// What one account exports another imports, and the bank knows it.
#[tokio::test]
async fn a_certificate_moves_by_export_and_import() {
    let Some(gpg) = Gpg::new() else { return };
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "from").await;
    let other = Firm::open_under(&service, &codes, "to", &firm.admin.api_key).await;
    let key = gpg.key("key@example.com", &["rsa2048", "sign,cert,encr", "never"]);
    let id = firm.register_export_key(&key).await;
    let exported = firm.ask(Method::GET, &format!("{PATH}?PgpKeyId={id}")).await;
    let given = &exported.succeeded(200)["CertsAndKeys"][0];
    let made = Pair {
        key: gpg.decrypt(given["EncryptedPrivateKey"].as_str().unwrap()),
        certificate: given["Certificate"].as_str().unwrap().to_owned(),
    };
    let mut body = body(&other, &made);
    body["WsUserId"] = "from".into();
    // A share makes place for it.
    firm.share_with(other.address()).await.succeeded(201);
    let answer = import(&other, &body).await;
    // The authority of the bank's customers is not published, so it is not known.
    assert_eq!(answer.succeeded(201)["Warnings"], json!([UNKNOWN_ISSUER]));
    assert_eq!(firm.unshare_with(other.address()).await.status, 404);
    other.list().await.succeeded(200);
    other.upload(&other.payment("MOVED").body()).await.succeeded(201);
    assert_eq!(other.get("/v2/certs").await.body["Connections"][0]["Access"], "direct");
}

#[tokio::test]
async fn what_an_import_is_refused_for_changes_nothing() {
    let Some(made) = pair(&["rsa:2048"], 1) else { return };
    let [another, weak, elliptic] = [&["rsa:2048"][..], &["rsa:1024"], &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]]
        .map(|it| pair(it, 1).unwrap());
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "import").await;
    let before = firm.records().await;
    let good = body(&firm, &made);
    asks_for_its_parameters(&service, Method::PUT, PATH, Some(&firm.admin), &good).await;
    let refused = async |name: &str, value: &str, text: &str| {
        let mut body = good.clone();
        body[name] = value.into();
        import(&firm, &body).await.is(400, "01", text);
    };

    let der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let twice = format!("{0}{0}", made.certificate);
    let cut = &made.certificate[..made.certificate.len() - 40];
    let other_label = made.certificate.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
    for text in ["rubbish", der, &twice, cut, &other_label, &made.key, "-----BEGIN CERTIFICATE-----"] {
        refused("Certificate", text, "Certificate PEM format validation failed!").await;
    }
    let size = "Certificate is not for an RSA key of 2048 to 4096 bits!";
    refused("Certificate", &weak.certificate, size).await;
    refused("Certificate", &elliptic.certificate, size).await;
    refused("Certificate", &another.certificate, "RSA Key is not the key of Certificate!").await;

    let public = run(&["rsa", "-pubout"], &made.key);
    let flipped = flipped(&made.key);
    for text in ["rubbish", &public, &made.certificate, &elliptic.key, &weak.key, &flipped] {
        refused("PrivateKey", text, "RSA Key is not private key!").await;
    }
    refused("PrivateKey", &another.key, "RSA Key is not the key of Certificate!").await;
    let encrypted = "RSA Key is encrypted: send it without a passphrase!";
    refused("PrivateKey", &run(&["pkcs8", "-topk8", "-passout", "pass:secret"], &made.key), encrypted).await;
    let older = run(&["rsa", "-aes128", "-traditional", "-passout", "pass:secret"], &made.key);
    assert!(older.contains("Proc-Type: 4,ENCRYPTED"));
    refused("PrivateKey", &older, encrypted).await;

    refused("WsUserId", "seventeen-letters", "Invalid parameter(s): WsUserId").await;
    refused("Company", "Another Oy", "Invalid parameter(s): Company (not the registered one)").await;
    refused("Company", &"x".repeat(65), "Invalid parameter(s): Company").await;
    // A second pair is for one bank only; half of one is for none.
    for (name, value) in
        [("EncCertificate", &made.certificate), ("EncPrivatekey", &made.key), ("EncPrivateKey", &made.key)]
    {
        refused(name, value, "Missing parameter(s)").await;
    }
    let mut both = good.clone();
    both["EncCertificate"] = made.certificate.clone().into();
    both["EncPrivatekey"] = made.key.clone().into();
    import(&firm, &both).await.is(400, "01", "Invalid parameter(s): EncCertificate (for danskebank only)");

    let at = async |path: &str| firm.as_admin(Method::PUT, path, &good).await;
    for bank in ["nosuchbank", "alandsbanken", "spankki", "Simulator"] {
        at(&format!("/v2/certs/{bank}")).await.is(400, "01", "Invalid parameter bank");
    }
    at("/v2/certs/nordea").await.is(403, "01", "No service agreement");
    let data = service.send(Method::PUT, PATH, Some(&firm.data), good.to_string()).await;
    data.is(403, "01", "Cert import allowed for admin user only");
    service.send(Method::PUT, PATH, None, good.to_string()).await.is(401, "01", "Unauthorized");
    assert_eq!(firm.records().await, before);
    assert_eq!(firm.actions("certificate.").await, Vec::<String>::new());

    service.clock.advance(time::Duration::days(2));
    let admin = credentials(&firm.story.log_in("admin").await.unwrap()).unwrap();
    let late = service.send(Method::PUT, PATH, Some(&admin), good.to_string()).await;
    late.is(400, "01", "Certificate has expired!");
    // An account that was there before: tokens of earlier than their mode are nobody's.
    for Stored { record, version } in firm.records().await {
        if let Record::Mode(mode) = record {
            let older = Record::Mode(ModeRecord { created: mode.created - time::Duration::days(30), ..mode });
            firm.store().commit(vec![Write::Replace(older, version)]).await.unwrap();
        }
    }
    service.clock.advance(time::Duration::days(-4));
    let admin = credentials(&firm.story.log_in("admin").await.unwrap()).unwrap();
    let early = service.send(Method::PUT, PATH, Some(&admin), good.to_string()).await;
    early.is(400, "01", "Certificate is not valid yet!");
    assert_eq!(firm.records().await.len(), before.len());
}

/// The private key with one bit of its first prime changed: it still reads as a key, but its parts do not fit.
fn flipped(pem: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let dense: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut der = STANDARD.decode(dense).unwrap();
    let middle = der.len() * 2 / 3;
    der[middle] ^= 1;
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

/// Of imports at the same moment one wins, and no key of the others is left.
#[tokio::test]
async fn parallel_imports_leave_one_certificate() {
    let (Some(one), Some(two)) = (pair(&["rsa:2048"], 1), pair(&["rsa:2048"], 1)) else { return };
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "import").await;
    let (one, two) = (body(&firm, &one), body(&firm, &two));
    let (a, b) = tokio::join!(import(&firm, &one), import(&firm, &two));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{a:?} {b:?}");
    let listed = firm.get("/v2/certs").await;
    let won = if a.status == 201 { &one } else { &two };
    assert_eq!(listed.body["Certs"][0]["PEM"], won["Certificate"]);
}

/// A bank whose customers have two certificates, played by the simulator.
#[tokio::test]
async fn danskebank_has_a_second_pair() {
    let Some(gpg) = Gpg::new() else { return };
    let (Some(signing), Some(encryption)) = (pair(&["rsa:2048"], 30), pair(&["rsa:3072"], 60)) else { return };
    let service = Service::start_rewired(
        |_| {},
        |machine, clock| {
            // The first certificate is its own authority, and known; the second is its own, and not.
            let trust = Trust::from_pem(&signing.certificate).unwrap();
            let contracts = vec![Contract::simulated(profile("danskebank").unwrap(), &machine.banks.base, trust)];
            let banks = HttpBanks::new(contracts, clock, Arc::new(SystemRandom), Duration::from_secs(10));
            avain::machine::Machine { deps: machine.deps.with_banks(Arc::new(banks)), ..machine }
        },
    )
    .await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "danske").await;
    let organisation = firm.organisation().await;
    service.agree(&organisation, Agreement::Active).await;
    let path = "/v2/certs/danskebank";
    let mut body = body(&firm, &signing);
    firm.as_admin(Method::PUT, path, &body).await.is(400, "01", "Invalid parameter(s): WsUserId");
    body["WsUserId"] = "360817".into();
    firm.as_admin(Method::PUT, path, &body).await.is(400, "01", "Missing parameter(s)");
    body["EncCertificate"] = encryption.certificate.clone().into();
    body["EncPrivateKey"] = encryption.certificate.clone().into();
    firm.as_admin(Method::PUT, path, &body).await.is(400, "01", "RSA Enc.Key is not private key!");
    body["EncPrivateKey"] = signing.key.clone().into();
    firm.as_admin(Method::PUT, path, &body).await.is(400, "01", "RSA Enc.Key is not the key of EncCertificate!");
    body["EncPrivateKey"] = encryption.key.clone().into();
    let answer = firm.as_admin(Method::PUT, path, &body).await;
    let second = "EncCertificate: its issuer is not known here as the bank's";
    assert_eq!(answer.succeeded(201)["Warnings"], json!([second]));

    let certs = firm.get("/v2/certs").await;
    let names: Vec<&Value> = certs.body["Certs"].as_array().unwrap().iter().map(|it| &it["CertName"]).collect();
    assert_eq!(names, ["danskebank_customer_signing_cert", "danskebank_customer_encryption_cert"]);
    let purposes: Vec<&Value> =
        certs.body["Connections"][0]["Certificates"].as_array().unwrap().iter().map(|it| &it["Purpose"]).collect();
    assert_eq!(purposes, ["signing", "encryption"]);

    let key = gpg.key("key@example.com", &["rsa2048", "sign,cert,encr", "never"]);
    let id = firm.register_export_key(&key).await;
    let exported = firm.ask(Method::GET, &format!("{path}?PgpKeyId={id}")).await;
    let pairs = exported.succeeded(200)["CertsAndKeys"].as_array().unwrap().clone();
    assert_eq!(pairs.len(), 2);
    for (pair, made) in pairs.iter().zip([&signing, &encryption]) {
        assert_eq!(pair["Certificate"], made.certificate);
        let opened = gpg.decrypt(pair["EncryptedPrivateKey"].as_str().unwrap());
        assert_eq!(run(&["pkey", "-pubout"], &opened), run(&["pkey", "-pubout"], &made.key));
    }
    let keys: Vec<Key> = firm
        .records()
        .await
        .into_iter()
        .filter_map(|stored| match stored.record {
            Record::Certificate(it) => Some([it.key, it.encryption.unwrap().key]),
            _ => None,
        })
        .flatten()
        .map(Key::SealedKey)
        .collect();
    assert_eq!(firm.store().get(&keys).await.unwrap().len(), 2);
    let retired = firm.ask(Method::DELETE, path).await;
    assert_eq!(retired.succeeded(200)["RetiredCertNames"].as_array().unwrap().len(), 2);
    assert_eq!(firm.store().get(&keys).await.unwrap(), []);
}
