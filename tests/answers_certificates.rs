//! Answers of EnrollCert and ListCerts, each with what it changes.

use std::io::Write as _;
use std::process::Stdio;

use avain::client::Credentials;
use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::records::{Agreement, CertificateState, Key, KeyId, KeyKind, UploadState};
use avain_test_support::peer;
use http::Method;
use serde_json::{Value, json};

use crate::support::Service;
use crate::support::firm::{Firm, PAYMENT};
use crate::support::lines::with_banks;

#[tokio::test]
async fn what_an_enrolment_is_refused_for_changes_nothing() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "enrol").await;
    let before = firm.records().await;
    let with = |name: &str, value: &str| {
        let mut body = firm.enrolment();
        body[name] = value.into();
        body
    };
    let without = |name: &str| {
        let mut body = firm.enrolment();
        body.as_object_mut().unwrap().remove(name);
        body
    };

    for bank in ["nosuchbank", "spankki", "Simulator", "shared"] {
        firm.enrol_at(bank, &firm.enrolment()).await.is(400, "01", "Invalid parameter bank");
    }
    firm.enrol_at("nordea", &firm.enrolment()).await.is(403, "01", "No service agreement");
    for name in ["Code", "Company", "WsUserId"] {
        firm.enrol_at("simulator", &without(name)).await.is(400, "01", "Missing parameter(s)");
        firm.enrol_at("simulator", &with(name, "")).await.is(400, "01", "Missing parameter(s)");
        let mut number = firm.enrolment();
        number[name] = 5.into();
        firm.enrol_at("simulator", &number).await.is(400, "01", &format!("Invalid parameter(s): {name}"));
    }
    for code in ["fifteen-letters", "thirty-three-letters-are-too-many", "has a blank in it", "umlauts-äöü-are-out"]
    {
        firm.enrol_at("simulator", &with("Code", code)).await.is(400, "01", "Invalid parameter(s): Code");
    }
    for user_id in ["seventeen-letters", "tab\there", "ääkköset"] {
        firm.enrol_at("simulator", &with("WsUserId", user_id)).await.is(400, "01", "Invalid parameter(s): WsUserId");
    }
    let other_company = firm.enrol_at("simulator", &with("Company", "Another Oy")).await;
    other_company.is(400, "01", "Invalid parameter(s): Company (not the registered one)");
    for company in ["\u{7}", &"x".repeat(65)] {
        firm.enrol_at("simulator", &with("Company", company)).await.is(400, "01", "Invalid parameter(s): Company");
    }
    for body in ["", "{", "[]", "\"text\""] {
        let answer = service.send(Method::POST, "/v2/certs/simulator", Some(&firm.admin), body).await;
        answer.is(400, "01", "Invalid parameter(s): Body (a JSON object)");
    }
    let post = |who: Option<Credentials>| {
        let (service, body) = (&service, firm.enrolment().to_string());
        async move { service.send(Method::POST, "/v2/certs/simulator", who.as_ref(), body).await }
    };
    post(None).await.is(401, "01", "Unauthorized");
    post(Some(Credentials { id_token: "rubbish".to_owned(), ..firm.admin.clone() })).await.is(
        401,
        "01",
        "Unauthorized",
    );
    post(Some(Credentials { api_key: "x".repeat(40), ..firm.admin.clone() })).await.is(403, "01", "Invalid API key");
    post(Some(firm.data.clone())).await.is(403, "01", "Cert enrollment allowed for admin user only");

    assert_eq!(firm.records().await, before);
    assert_eq!((firm.simulator().requests(BankKey::Simulator), firm.simulator().requests(BankKey::Nordea)), (0, 0));

    firm.enrol().await.succeeds(201, "Certificate enrolled", &[]);
    let enrolled = firm.records().await;
    firm.enrol().await.is(409, "01", "Bank certificate(s) already exists");
    assert_eq!(firm.records().await, enrolled);
    assert_eq!(firm.calls(Operation::GetCertificate), 1);
}

#[tokio::test]
async fn a_real_bank_needs_an_agreement_and_the_right_code() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "real").await;
    let enrolment = |code: &str| json!({ "Code": code, "Company": "The name at the bank Oy", "WsUserId": "11111111" });
    let agree = async |agreement: Agreement| service.agree(&firm.organisation().await, agreement).await;
    agree(Agreement::Active).await;
    let before = firm.records().await;

    firm.enrol_at("nordea", &enrolment("123456789")).await.is(400, "01", "Invalid parameter(s): Code");
    let refused = firm.enrol_at("nordea", &enrolment("1234567891")).await;
    refused.is(400, "34", "Contract not found / error in MAC value.");
    assert_eq!(firm.records().await, before);
    firm.get("/v2/files/nordea").await.is(404, "01", "No certificate(s) for this bank,");

    firm.enrol_at("nordea", &enrolment("1234567890")).await.succeeded(201);
    firm.enrol().await.succeeded(201);
    let certs = firm.get("/v2/certs").await;
    let names: Vec<&str> =
        certs.succeeded(200)["Certs"].as_array().unwrap().iter().map(|it| it["CertName"].as_str().unwrap()).collect();
    assert_eq!(names, ["nordea_customer_signing_cert", "simulator_customer_signing_cert"]);
    firm.get("/v2/files/nordea?Status=NEW").await.succeeded(200);
    assert_eq!(firm.simulator().calls(BankKey::Nordea, Operation::DownloadFileList), 1);

    agree(Agreement::Suspended).await;
    let suspended = firm.records().await;
    for bank in ["nordea", "simulator"] {
        let refusal = "No service agreement";
        firm.enrol_at(bank, &firm.enrolment()).await.is(403, "01", refusal);
        firm.get(&format!("/v2/files/{bank}")).await.is(403, "01", refusal);
        firm.get(&format!("/v2/files/{bank}/camt.053.001.02/x")).await.is(403, "01", refusal);
    }
    firm.upload(&firm.payment("S").body()).await.is(403, "01", "No service agreement");
    assert_eq!(firm.get("/v2/certs").await.body, certs.body);
    assert_eq!(firm.records().await, suspended);
}

#[tokio::test]
async fn a_deployment_without_the_simulator_says_so() {
    let service = Service::start_rewired(
        |_| {},
        |machine, clock| {
            let base = machine.banks.base.clone();
            with_banks(machine, clock, &base, &[BankKey::Nordea])
        },
    )
    .await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "nosim").await;
    let before = firm.records().await;
    let refusal = "Bank Simulator access is not enabled for this tenant";
    firm.enrol().await.is(403, "01", refusal);
    firm.list().await.is(403, "01", refusal);
    firm.get("/v2/files/simulator/camt.053.001.02/x").await.is(403, "01", refusal);
    firm.upload(&firm.payment("N").body()).await.is(403, "01", refusal);
    assert_eq!(firm.records().await, before);
}

#[tokio::test]
async fn a_certificate_is_listed_as_openssl_reads_it() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "listed").await;
    let empty = json!({ "ResponseCode": "00", "ResponseText": "OK", "Certs": [], "Connections": [], "Retired": [] });
    assert_eq!(firm.get("/v2/certs").await.body, empty);
    firm.enrol().await.succeeded(201);

    let listed = firm.get("/v2/certs").await;
    assert_eq!(firm.get("/v2/certs/").await.body, listed.body);
    let admin = service.send(Method::GET, "/v2/certs", Some(&firm.admin), "").await;
    assert_eq!(admin.body, listed.body);
    service.send(Method::GET, "/v2/certs", None, "").await.is(401, "01", "Unauthorized");
    let wrong_key = Credentials { api_key: firm.admin.api_key.to_lowercase(), ..firm.admin.clone() };
    service.send(Method::GET, "/v2/certs", Some(&wrong_key), "").await.is(403, "01", "Invalid API key");

    let body = listed.succeeded(200);
    let [certificate] = body["Certs"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert!(certificate.as_object().unwrap().values().all(Value::is_string), "{certificate}");
    assert_eq!(certificate["CertName"], "simulator_customer_signing_cert");
    assert_eq!(certificate["Subject"], "listed");
    let expires = certificate["Expires"].as_str().unwrap();
    let connection = json!({
        "Bank": "simulator", "Access": "direct",
        "Certificates": [{ "Purpose": "signing", "Expires": expires }],
    });
    assert_eq!(body["Connections"], json!([connection]));
    assert_eq!(body["Retired"], json!([]));

    let Some(mut openssl) = peer("openssl") else { return };
    let mut child = openssl
        .args(["x509", "-noout", "-enddate", "-serial", "-issuer", "-subject", "-nameopt", "multiline,utf8,-esc_msb"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(certificate["PEM"].as_str().unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let read = String::from_utf8(output.stdout).unwrap();
    let has = |line: &str| assert!(read.lines().any(|it| it.trim() == line), "{line}\n{read}");
    has(&format!("notAfter={expires}"));
    has(&format!("serial={}", certificate["Serial"].as_str().unwrap()));
    let (issuer, subject) = read.split_once("subject=").unwrap();
    let value = |part: &str, name: &str| {
        let found = part.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix("= "));
        found.map_or_else(|| panic!("{name} in {part}"), str::to_owned)
    };
    assert_eq!(certificate["Issuer"], value(issuer, "commonName"));
    assert_eq!(value(subject, "commonName"), firm.story.company.name);
    assert_eq!(value(subject, "serialNumber"), "listed");
}

/// GetUserInfo after the certificate is a courtesy: without its answer the first use asks again.
#[tokio::test]
async fn the_folders_are_asked_for_again() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "folders").await;
    firm.simulator().script_operation(BankKey::Simulator, Operation::GetUserInfo, Fault::Rubbish);
    firm.enrol().await.succeeded(201);
    let targets = async || match firm.certificate().await.unwrap().0 {
        CertificateState::Active { target_ids, .. } => target_ids,
        CertificateState::Pending => panic!("pending"),
    };
    assert!(targets().await.is_empty());

    firm.simulator().script_operation(BankKey::Simulator, Operation::GetUserInfo, Fault::ServerError);
    let payment = firm.payment("FOLDER");
    firm.upload(&payment.body()).await.is(502, "01", "Bank not reachable");
    assert_eq!(firm.journal("pain.001.001.09", &payment.bytes).await, None);
    firm.upload(&payment.body()).await.succeeded(201);
    assert_eq!(targets().await.len(), 1);
    firm.list().await.succeeded(200);
    assert_eq!((firm.calls(Operation::GetUserInfo), firm.calls(Operation::UploadFile)), (3, 1));
}

/// Of enrolments at the same moment one goes to the bank.
#[tokio::test]
async fn parallel_enrolments_reach_the_bank_once() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "twice").await;
    let (a, b, c) = tokio::join!(firm.enrol(), firm.enrol(), firm.enrol());
    let mut statuses = [&a, &b, &c].map(|answer| answer.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409], "{a:?} {b:?} {c:?}");
    assert_eq!(firm.calls(Operation::GetCertificate), 1);
    firm.list().await.succeeded(200);
}

/// A bank that has no folder for its customer: nobody's parameter is wrong, and nothing was sent.
#[tokio::test]
async fn a_customer_without_a_folder() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "nofolder").await;
    let no_folder = || {
        let fault = Fault::Answer { code: "24".to_owned(), text: "Content not found.".to_owned() };
        firm.simulator().script_operation(BankKey::Simulator, Operation::GetUserInfo, fault);
    };
    no_folder();
    firm.enrol().await.succeeded(201);
    let internal = "Internal server processing side error";
    no_folder();
    firm.list().await.is(500, "01", internal);
    no_folder();
    let payment = firm.payment("NOFOLDER");
    firm.upload(&payment.body()).await.is(500, "01", internal);
    assert_eq!(firm.journal(PAYMENT, &payment.bytes).await.unwrap().state, UploadState::NotSent);
    firm.upload(&payment.body()).await.succeeded(201);
    assert_eq!(firm.calls(Operation::UploadFile), 1);
}

/// What should not happen is answered so, and says nothing of the inside.
#[tokio::test]
async fn a_lost_key_is_an_internal_error() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "lost").await;
    let id = KeyId {
        organisation: firm.organisation().await,
        holder: firm.email().as_str().to_owned(),
        kind: KeyKind::Bank,
        id: firm.certificate().await.unwrap().1,
    };
    let lose = avain_domain::records::Write::Delete(Key::SealedKey(id), 1);
    firm.store().commit(vec![lose]).await.unwrap();
    let before = firm.records().await;
    let internal = "Internal server processing side error";
    firm.list().await.is(500, "01", internal);
    firm.upload(&firm.payment("L").body()).await.is(500, "01", internal);
    firm.get("/v2/files/simulator/camt.053.001.02/x").await.is(500, "01", internal);
    assert_eq!(firm.records().await, before);
    assert_eq!(firm.simulator().requests(BankKey::Simulator), 2);
}
