//! The order of the checks at the certificate services that share the common envelope: of two faults in one request, the earlier
//! check answers. The files' is in `order.rs` and `order_elsewhere.rs`, the PKI Factory's in `order_pki.rs`.

use avain_bank_simulator::BankKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::request::{Enrolment, NORDEA_CODE, fresh_id, rsa_key, signing_request};
use crate::transfer_key::{KeyRequest, plain_csr};
use crate::world::World;

/// What is wrong: what of the request is replaced by what, in its envelope or in the application request; whether a SOAP Fault answers,
/// and with what.
struct Wrong {
    in_envelope: bool,
    from: &'static str,
    to: &'static str,
    fault: bool,
    code: &'static str,
    text: &'static str,
}

const fn around(from: &'static str, to: &'static str, fault: bool, code: &'static str) -> Wrong {
    Wrong { in_envelope: true, from, to, fault, code, text: "" }
}

const fn within(from: &'static str, to: &'static str, code: &'static str, text: &'static str) -> Wrong {
    Wrong { in_envelope: false, from, to, fault: false, code, text }
}

/// In the order in which it is looked at. `CSR`, `SECRET` and `ID` stand in the request for what they are.
fn in_order(bank: BankKey) -> Vec<Wrong> {
    let is_nordea = bank == BankKey::Nordea;
    let mut wrong = vec![
        around("<e:Envelope", "<!DOCTYPE e><e:Envelope", true, "12"),
        around("getCertificatein", "renewCertificatein", true, "05"),
        around("<Timestamp>2027-01-15T10:00:00Z</Timestamp></RequestHeader>", "</RequestHeader>", false, "12"),
        around("</ApplicationRequest>", "!</ApplicationRequest>", false, "12"),
        within("<SoftwareId>tests 1", "<SoftwareId>", "12", ""),
        within("<Service>", "<Encryption>true</Encryption><Service>", "22", ""),
        within("<CustomerId>", "<CustomerId>9", "13", ""),
        within(">GetCertificate<", ">DownloadFile<", "29", "Command Mismatch"),
        within(">PRODUCTION<", ">TEST<", "29", "Environment mismatch"),
        within("<Service>", "<Compression>true</Compression><Service>", "21", ""),
    ];
    if bank == BankKey::Osuuspankki {
        wrong.push(within(">MATU<", ">OTHER<", "29", "Invalid parameters: Service is MATU"));
    }
    wrong.push(within("<Content>", "<Content>AAAA", if is_nordea { "32" } else { "26" }, ""));
    let secret = if is_nordea { "<HMAC>" } else { "<TransferKey>" };
    let (to, code) = if is_nordea { ("<HMAC>AAAA", "34") } else { ("<TransferKey>9", "30") };
    wrong.push(within(secret, to, code, ""));
    wrong.push(around("<RequestId>T", "<RequestId>SPENT-", false, "31"));
    wrong
}

/// A request that is right, with a new id: envelope and application request apart.
fn good(bank: BankKey, user_id: &str, secret: &str, content: &[u8]) -> (String, String) {
    if bank == BankKey::Nordea {
        let enrolment = Enrolment::new(bank, user_id, secret, content.to_vec());
        return (enrolment.wrap("APPLICATION"), enrolment.application());
    }
    let request = KeyRequest::new(bank, user_id, content, secret).with("Command", "GetCertificate");
    (request.envelope("APPLICATION"), request.application())
}

fn request((envelope, application): &(String, String), faults: &[&Wrong]) -> String {
    let (mut envelope, mut application) = (envelope.clone(), application.clone());
    for fault in faults {
        let part = if fault.in_envelope { &mut envelope } else { &mut application };
        let changed = part.replace(fault.from, fault.to);
        assert_ne!(*part, changed, "{}", fault.from);
        *part = changed;
    }
    envelope.replace(&STANDARD.encode("APPLICATION"), &STANDARD.encode(application))
}

async fn of_two_faults_the_earlier_answers(bank: BankKey, user_id: &str, secret: &str, content: &[u8]) {
    let world = World::start().await;
    if bank == BankKey::Osuuspankki {
        KeyRequest::service_certificates(bank, user_id).send(&world).await.is("00", "OK.");
    }
    let (envelope, application) = good(bank, user_id, secret, content);
    // The id that a replay has.
    let number = envelope.split("<RequestId>T").nth(1).unwrap().split('<').next().unwrap();
    let spent = (envelope.replace(&format!(">T{number}<"), &format!(">SPENT-{number}<")), application.clone());
    let first = world.certificates(bank, &request(&spent, &[])).await;
    assert!(matches!(first.code.as_str(), "0" | "00"), "{first:?}");

    let wrong = in_order(bank);
    let mut pairs = 0;
    for (at, fault) in wrong.iter().enumerate() {
        for later in &wrong[at..] {
            // Each replay is one of the request before, whose id is spent; anything else has an id of its own.
            let is_replay = fault.code == "31" || later.code == "31";
            let id = if is_replay { envelope.clone() } else { envelope.replace(&format!("T{number}"), &fresh_id()) };
            let faults: Vec<_> = if std::ptr::eq(fault, later) { vec![fault] } else { vec![fault, later] };
            let answer = world.certificates(bank, &request(&(id, application.clone()), &faults)).await;
            let place = format!("{bank:?}: {} and {}: {answer:?}", fault.to, later.to);
            assert_eq!((answer.fault, answer.code.as_str()), (fault.fault, fault.code), "{place}");
            assert!(fault.text.is_empty() || answer.text == fault.text, "{place}");
            pairs += 1;
        }
    }
    assert!(pairs >= 91, "{pairs}");
    // None of them has spent anything.
    let right = world.certificates(bank, &request(&good(bank, user_id, secret, content), &[])).await;
    assert!(matches!(right.code.as_str(), "0" | "00"), "{right:?}");
}

#[tokio::test]
async fn at_nordeas_certificate_service() {
    let content = signing_request(&rsa_key(), "Esimerkki Oy", "11111111");
    of_two_faults_the_earlier_answers(BankKey::Nordea, "11111111", NORDEA_CODE, &content).await;
}

#[tokio::test]
async fn at_ops_certificate_service() {
    let content = plain_csr(&rsa_key(), "1000000000");
    of_two_faults_the_earlier_answers(BankKey::Osuuspankki, "1000000000", "2251401483958635", &content).await;
}

#[tokio::test]
async fn at_samlinks_certificate_service() {
    let content = plain_csr(&rsa_key(), "12345678");
    of_two_faults_the_earlier_answers(BankKey::Sp, "12345678", "1234567812345670", &content).await;
}
