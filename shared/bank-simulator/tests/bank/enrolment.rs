//! Contracts, activation codes, certificates.

use avain_bank_simulator::{BankKey, Environment, Operation};
use avain_test_support::{output, peer, xmlsec};
use avain_xml_security::certificate;
use time::Duration;

use crate::request::{CODE, Call, Customer, Enrolment, NORDEA_CODE, fresh_id, mac, rsa_key, signing_request};
use crate::world::{World, texts};

#[tokio::test]
async fn any_user_id_and_code_of_the_right_shape_enrol_at_the_simulator() {
    let world = World::start().await;
    for (user_id, code, answered) in [
        ("a", "0123456789abcdef", "00"),
        ("~sixteen <&> cc ", "!\"#$%&'()*+,-./0123456789:;<=>?@", "00"),
        ("seventeen letters", "0123456789abcdef", "12"),
        ("ääkkönen", "0123456789abcdef", "34"),
    ] {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let request = signing_request(&rsa_key(), "Maija & Pojat Oy", user_id);
        let mut enrolment = Enrolment::new(BankKey::Simulator, &escaped(user_id), code, request);
        enrolment.transfer_key = Some(escaped(code));
        let answer = world.certificates(BankKey::Simulator, &enrolment.envelope()).await;
        assert_eq!(answer.code, answered, "{user_id}: {answer:?}");
    }
    let customer = Customer::enrol(&world, BankKey::Simulator, "!\"#$%'()*+,-./:;", "Kauppa Ä Oy").await;
    let summary = certificate::summary(customer.key.certificate()).unwrap();
    assert_eq!(summary.subject_common_name, "Kauppa Ä Oy");
    assert_eq!(summary.subject_serial_number.as_deref(), Some("!\"#$%'()*+,-./:;"));
    assert_eq!(summary.not_after, world.now() + Duration::days(730));
    let answer = customer.list(&world, "NEW").await;
    answer.is("00", "OK.");
    assert_eq!(world.simulator.calls(BankKey::Simulator, Operation::GetCertificate), 5);
    assert_eq!(world.simulator.calls(BankKey::Simulator, Operation::DownloadFileList), 1);
    assert_eq!(world.simulator.calls(BankKey::Nordea, Operation::GetCertificate), 0);
    assert_eq!(world.simulator.requests(BankKey::Simulator), 6);
}

/// The text with one character changed: another in any case, whatever stood there.
fn other_first_character(text: &str) -> String {
    let other = if text.starts_with('A') { 'B' } else { 'A' };
    format!("{other}{}", &text[1..])
}

#[tokio::test]
async fn a_wrong_activation_code_does_not_enrol() {
    let world = World::start().await;
    let content = signing_request(&rsa_key(), "Esimerkki Oy", "11111111");
    let enrolment = |bank, code| Enrolment::new(bank, "11111111", code, content.clone());
    let simulator = |transfer_key: Option<&str>, hmac: Option<String>| Enrolment {
        transfer_key: transfer_key.map(str::to_owned),
        hmac,
        ..enrolment(BankKey::Simulator, CODE)
    };
    for (wrong, code) in [
        (simulator(Some(CODE), Some(mac("Correct-Horse-17", &content))), "34"),
        (simulator(Some(CODE), Some(other_first_character(&mac(CODE, &content)))), "34"),
        (simulator(Some("fifteen-letters"), Some(mac("fifteen-letters", &content))), "30"),
        (simulator(Some("with white space in it"), Some(mac("with white space in it", &content))), "30"),
        (simulator(Some("ääkkösiä-on-koodissa"), Some(mac("ääkkösiä-on-koodissa", &content))), "30"),
        (simulator(None, Some(mac(CODE, &content))), "30"),
        (simulator(Some(CODE), None), "30"),
        (Enrolment { environment: "TEST", ..enrolment(BankKey::Simulator, CODE) }, "29"),
        (Enrolment { customer_id: "22222222".into(), ..enrolment(BankKey::Simulator, CODE) }, "13"),
        (Enrolment { command: Some("RenewCertificate"), ..enrolment(BankKey::Simulator, CODE) }, "29"),
        (Enrolment { environment: "STAGING", ..enrolment(BankKey::Simulator, CODE) }, "12"),
    ] {
        let answer = world.certificates(BankKey::Simulator, &wrong.envelope()).await;
        assert_eq!(answer.code, code, "{answer:?}");
        assert!(answer.all("Certificate").is_empty());
    }
    for (wrong, code) in [
        (enrolment(BankKey::Nordea, "1234567891"), "34"),
        (Enrolment { transfer_key: Some(NORDEA_CODE.into()), ..enrolment(BankKey::Nordea, NORDEA_CODE) }, "29"),
        (Enrolment { sender_id: "2".into(), customer_id: "2".into(), ..enrolment(BankKey::Nordea, NORDEA_CODE) }, "34"),
    ] {
        let answer = world.certificates(BankKey::Nordea, &wrong.envelope()).await;
        assert_eq!(answer.code, code, "{answer:?}");
    }
    // Nothing was spent by the refusals.
    let answer = world.certificates(BankKey::Nordea, &enrolment(BankKey::Nordea, NORDEA_CODE).envelope()).await;
    answer.is("00", "OK.");
}

#[tokio::test]
async fn a_certificate_request_must_be_of_the_user_and_signed_by_its_own_key() {
    let world = World::start().await;
    let good = signing_request(&rsa_key(), "Esimerkki Oy", "11111111");
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    for (content, code) in [
        (signing_request(&rsa_key(), "Esimerkki Oy", "11111112"), "33"),
        (signing_request(&rsa_key(), "", "11111111"), "33"),
        (signing_request(&rsa_key(), "Esimerkki\u{1} Oy", "11111111"), "33"),
        (forged, "32"),
        (good[..good.len() - 1].to_vec(), "32"),
        (b"not a request".to_vec(), "32"),
    ] {
        let enrolment = Enrolment::new(BankKey::Nordea, "11111111", NORDEA_CODE, content);
        let answer = world.certificates(BankKey::Nordea, &enrolment.envelope()).await;
        assert_eq!(answer.code, code, "{answer:?}");
    }
}

#[tokio::test]
async fn a_certificate_request_with_a_short_key_is_refused() {
    let Some(folder) = avain_test_support::reference_data() else { return };
    let world = World::start().await;
    let weak = crate::reference::der(&folder.join("_fixture_pki/weak_nordea.csr"));
    let enrolment = Enrolment::new(BankKey::Nordea, "11111111", NORDEA_CODE, weak);
    world.certificates(BankKey::Nordea, &enrolment.envelope()).await.is("32", "GENERAL ERROR");
}

#[tokio::test]
async fn a_new_certificate_stops_the_one_before() {
    let world = World::start().await;
    let before = Customer::enrol(&world, BankKey::Nordea, "11111111", "Esimerkki Oy").await;
    before.list(&world, "NEW").await.is("00", "OK.");
    let after = Customer::enrol(&world, BankKey::Nordea, "11111111", "Esimerkki Oy").await;
    before.list(&world, "NEW").await.is_fault("04");
    let answer = after.list(&world, "ALL").await;
    assert_eq!(answer.all("FileReference").len(), 1, "the account is the same one");

    // Renewal: a new key, signed for by the certificate in force.
    let key = rsa_key();
    let renewal = || Enrolment {
        command: None,
        hmac: None,
        ..Enrolment::new(BankKey::Nordea, "11111111", NORDEA_CODE, signing_request(&key, "Esimerkki Oy", "11111111"))
    };
    let answer = world.certificates(BankKey::Nordea, &renewal().envelope_signed(&before.key)).await;
    answer.is("19", "Content certificate not valid.");
    let answer = world.certificates(BankKey::Nordea, &renewal().envelope()).await;
    answer.is("30", "Authentication failed.");
    let other = Enrolment { content: signing_request(&key, "Toinen Oy", "11111111"), ..renewal() };
    let answer = world.certificates(BankKey::Nordea, &other.envelope_signed(&after.key)).await;
    answer.is("33", "Error in customer information: Esimerkki Oy");
    let changed = renewal().envelope_signed(&after.key);
    let answer = world.certificates(BankKey::Nordea, &changed).await;
    answer.is("00", "OK.");
    let renewed = Customer::from_answer(BankKey::Nordea, "11111111", "Esimerkki Oy", &key, &answer);
    after.list(&world, "NEW").await.is_fault("04");
    renewed.list(&world, "NEW").await.is("00", "OK.");
    world.certificates(BankKey::Nordea, &changed).await.is("19", "Content certificate not valid.");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BankKey::Simulator, "kauppa", "Kauppa Oy").await;
    world.pass(Duration::days(729));
    customer.list(&world, "NEW").await.is("00", "OK.");
    world.pass(Duration::days(2));
    customer.list(&world, "NEW").await.is_fault("04");
}

#[tokio::test]
async fn two_companies_with_one_user_id_are_two_customers() {
    let world = World::start().await;
    let one = Customer::enrol(&world, BankKey::Simulator, "shared", "Yksi Oy").await;
    let two = Customer::enrol(&world, BankKey::Simulator, "shared", "Kaksi Oy").await;
    let own = one.list(&world, "NEW").await.all("FileReference");
    let other = two.list(&world, "NEW").await.all("FileReference");
    assert_eq!((own.len(), other.len()), (1, 1));
    assert_ne!(own, other);
    two.call(&world, &Call::download(&own[0])).await.is("24", "Content not found.");
    assert_eq!(one.list(&world, "NEW").await.all("FileReference"), own, "still new");
    assert!(one.download(&world, &own[0]).await.contains(&one.name));
    // A certificate speaks for its own user only.
    let third = Customer::enrol(&world, BankKey::Simulator, "third", "Kolmas Oy").await;
    let foreign = Call { sender_id: Some("shared".into()), ..Call::list("NEW") };
    third.call(&world, &foreign).await.is_fault("03");
    third.call(&world, &Call::list("NEW").with("CustomerId", "shared")).await.is("13", "CustomerID not found.");
    third.call(&world, &Call::list("NEW").with("TargetId", "sharedA1")).await.is("25", "Content not allowed.");
    // A bank's customers are unknown to the other bank.
    let (status, body) =
        world.post(BankKey::Nordea, "CorporateFileService", &Call::list("NEW").envelope(&world, &third)).await.unwrap();
    world.read(BankKey::Nordea, status, &body).is_fault("04");
}

#[tokio::test]
async fn an_enrolment_cannot_be_replayed() {
    let world = World::start().await;
    let content = signing_request(&rsa_key(), "Esimerkki Oy", "u");
    let envelope = Enrolment::new(BankKey::Simulator, "u", CODE, content).envelope();
    world.certificates(BankKey::Simulator, &envelope).await.is("00", "OK.");
    world.certificates(BankKey::Simulator, &envelope).await.is("31", "Duplicate message rejected.");
}

#[tokio::test]
async fn a_test_environment_takes_test_requests_only() {
    let world = World::with(|config| config.environment = Environment::Test).await;
    let content = signing_request(&rsa_key(), "Esimerkki Oy", "u");
    let production = Enrolment::new(BankKey::Simulator, "u", CODE, content.clone());
    world.certificates(BankKey::Simulator, &production.envelope()).await.is("29", "Environment mismatch");
    let test = Enrolment { environment: "TEST", request_id: fresh_id(), ..production };
    world.certificates(BankKey::Simulator, &test.envelope()).await.is("00", "OK.");
}

#[tokio::test]
async fn the_answer_verifies_with_xmlsec1_and_the_certificates_with_openssl() {
    let world = World::start().await;
    let key = rsa_key();
    let enrolment = Enrolment::new(BankKey::Simulator, "kauppa", CODE, signing_request(&key, "Kauppa Oy", "kauppa"));
    let answer = world.certificates(BankKey::Simulator, &enrolment.envelope()).await;
    assert_eq!(answer.operation, "getCertificateout");
    assert_eq!((&answer.sender_id, &answer.request_id), (&enrolment.sender_id, &enrolment.request_id));
    assert_eq!(texts(&answer.application, "CertificateFormat"), ["X509v3"]);
    if let Some(verdict) = xmlsec::verify(&answer.envelope, &answer.signer) {
        assert!(verdict);
        assert_eq!(xmlsec::verify(&answer.application, &answer.signer), Some(true));
    }
    let Some(mut openssl) = openssl() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let root = file("root.pem", &world.simulator.root_pem(BankKey::Simulator).unwrap());
    let signer = file("signer.pem", &xmlsec::pem("CERTIFICATE", &answer.signer));
    let customer = file("customer.pem", &xmlsec::pem("CERTIFICATE", &answer.bytes("Certificate")));
    let at = world.now().unix_timestamp().to_string();
    openssl.args(["verify", "-x509_strict", "-attime", &at, "-CAfile"]).arg(&root);
    let verdict = output(openssl.arg(&signer));
    assert!(verdict.status.success(), "{verdict:?}");
    // A customer's certificate is not good for a bank's signature.
    let mut openssl = self::openssl().unwrap();
    let verdict = output(openssl.args(["verify", "-attime", &at, "-CAfile"]).arg(&root).arg(&customer));
    assert!(!verdict.status.success());
}

fn openssl() -> Option<std::process::Command> {
    peer("openssl")
}
