//! Answers of RetireCert, each with what it changes.

use avain::client::Credentials;
use avain_bank_simulator::{BankKey, Fault, Operation};
use avain_domain::records::{Agreement, Key, Record};
use http::Method;
use serde_json::{Value, json};

use crate::support::Service;
use crate::support::firm::Firm;

const PATH: &str = "/v2/certs/simulator";
const NO_CERTIFICATE: &str = "No certificate(s) for this bank,";

#[tokio::test]
async fn a_retired_certificate_is_history() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::enrolled(&service, &codes, "retire").await;
    let expires = firm.get("/v2/certs").await.body["Certs"][0]["Expires"].clone();
    let Some(key) = key_of(&firm).await else { panic!("no certificate") };
    let file = firm.first_file().await;
    let content = firm.get(&file).await.succeeded(200)["Content"].clone();

    let answer = firm.retire().await;
    answer.succeeds(200, "Certificate retired", &["Bank", "RetiredCertNames"]);
    let [name] = answer.body["RetiredCertNames"].as_array().unwrap().as_slice() else { panic!("{answer:?}") };
    let name = name.as_str().unwrap().to_owned();
    let mark =
        name.strip_prefix("simulator.REMOVED.").and_then(|it| it.strip_suffix("_customer_signing_cert")).unwrap();
    assert!(mark.len() == 8 && mark.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it)), "{name}");
    assert_eq!(answer.body["Bank"], "simulator");
    let retired = json!({ "CertName": name, "Bank": "simulator", "Purpose": "signing", "Expires": expires });
    let listed = firm.get("/v2/certs").await;
    assert_eq!(
        listed.body,
        json!({
            "ResponseCode": "00", "ResponseText": "OK", "Certs": [], "Connections": [], "Retired": [retired],
        })
    );
    // The key is destroyed, what was fetched stays.
    assert_eq!(service.record(key).await, None);
    assert_eq!(firm.get(&file).await.succeeded(200)["Content"], content);

    let before = firm.records().await;
    firm.retire().await.is(404, "01", NO_CERTIFICATE);
    firm.list().await.is(404, "01", NO_CERTIFICATE);
    firm.upload(&firm.payment("RETIRED").body()).await.is(404, "01", NO_CERTIFICATE);
    assert_eq!(firm.records().await, before);

    firm.enrol().await.succeeded(201);
    firm.list().await.succeeded(200);
    firm.retire().await.succeeded(200);
    let listed = firm.get("/v2/certs").await;
    let names: Vec<&Value> = listed.body["Retired"].as_array().unwrap().iter().map(|it| &it["CertName"]).collect();
    assert!(names.len() == 2 && names[0] != names[1] && names.contains(&&json!(name)), "{names:?}");
    let told = firm.actions("certificate.").await;
    assert_eq!(told, ["certificate.enrol", "certificate.enrol", "certificate.retire", "certificate.retire"]);
}

#[tokio::test]
async fn the_owner_of_the_api_key_retires_for_its_customers() {
    let service = Service::start().await;
    let codes = service.codes();
    let owner = Firm::enrolled(&service, &codes, "owner").await;
    let customer = Firm::open_under(&service, &codes, "customer", &owner.admin.api_key).await;
    customer.enrol().await.succeeded(201);
    let stranger = Firm::enrolled(&service, &codes, "stranger").await;
    let of = |account: &str| format!("{PATH}?Account={account}");
    let before = (owner.records().await, customer.records().await, stranger.records().await);

    customer.ask(Method::DELETE, &of(owner.address())).await.is(403, "01", "Allowed for the API key owner only");
    customer.ask(Method::DELETE, &of("nobody@example.com")).await.is(403, "01", "Allowed for the API key owner only");
    for wrong in ["nobody", "a@b@c", "%zz"] {
        owner.ask(Method::DELETE, &of(wrong)).await.is(400, "01", "Invalid parameter(s): Account");
    }
    let absent = owner.ask(Method::DELETE, &of("nobody@example.com")).await;
    absent.is(404, "01", NO_CERTIFICATE);
    let strangers = owner.ask(Method::DELETE, &of(stranger.address())).await;
    assert_eq!(strangers.but_for_its_id(), absent.but_for_its_id());
    for bank in ["nosuchbank", "Simulator"] {
        owner.ask(Method::DELETE, &format!("/v2/certs/{bank}")).await.is(400, "01", "Invalid parameter bank");
    }
    owner.ask(Method::DELETE, "/v2/certs/nordea").await.is(404, "01", NO_CERTIFICATE);
    service.send(Method::DELETE, PATH, None, "").await.is(401, "01", "Unauthorized");
    let data = service.send(Method::DELETE, PATH, Some(&owner.data), "").await;
    data.is(403, "01", "Cert retirement allowed for admin user only");
    let mixed = Credentials { api_key: stranger.admin.api_key.clone(), ..owner.admin.clone() };
    service.send(Method::DELETE, PATH, Some(&mixed), "").await.is(403, "01", "Invalid API key");
    assert_eq!((owner.records().await, customer.records().await, stranger.records().await), before);

    let path = of("CUSTOMER%40example.com");
    let answer = owner.ask(Method::DELETE, &path).await;
    let name = answer.succeeded(200)["RetiredCertNames"][0].clone();
    assert_eq!(customer.get("/v2/certs").await.body["Retired"][0]["CertName"], name);
    assert_eq!(owner.get("/v2/certs").await.body["Retired"], json!([]));
    owner.ask(Method::DELETE, &path).await.is(404, "01", NO_CERTIFICATE);
    owner.list().await.succeeded(200);
    // Its own by its name.
    customer.enrol().await.succeeded(201);
    customer.ask(Method::DELETE, &of(customer.address())).await.succeeded(200);
}

/// Retiring asks nothing of the bank, so it works when nothing else does; an enrolment that is under way is no certificate.
#[tokio::test]
async fn retiring_needs_no_agreement() {
    let service = Service::start().await;
    let codes = service.codes();
    let firm = Firm::open(&service, &codes, "suspended").await;
    firm.simulator().script_operation(BankKey::Simulator, Operation::GetCertificate, Fault::Rubbish);
    assert_eq!(firm.enrol().await.status, 502);
    let pending = firm.records().await;
    firm.retire().await.is(404, "01", NO_CERTIFICATE);
    assert_eq!(firm.records().await, pending);
    service.clock.advance(time::Duration::minutes(2));
    firm.enrol().await.succeeded(201);
    let organisation = firm.organisation().await;
    service.agree(&organisation, Agreement::Suspended).await;
    let before = firm.simulator().requests(BankKey::Simulator);
    firm.retire().await.succeeded(200);
    assert_eq!(firm.simulator().requests(BankKey::Simulator), before);
}

async fn key_of(firm: &Firm<'_>) -> Option<Key> {
    firm.records().await.into_iter().find_map(|stored| match stored.record {
        Record::Certificate(it) => Some(Key::SealedKey(it.key)),
        _ => None,
    })
}
