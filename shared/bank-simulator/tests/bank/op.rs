//! OP: certificates, deletion, feedback in the answer.

use std::io::Write as _;

use avain_bank_simulator::{BankKey, Fault};
use avain_xml_security::certificate;
use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::DnType;
use time::Duration;

use crate::payments::{judge, payment};
use crate::request::{Call, rsa_key};
use crate::transfer_key::{KeyRequest, csr, customer, enrol, plain_csr};
use crate::world::{World, texts};

const BANK: BankKey = BankKey::Osuuspankki;
const USER: &str = "1000000000";
const KEY: &str = "2251401483958635";

pub(crate) fn packed(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn upload(id: &str, amounts: &[&str]) -> Call {
    Call::upload("pain.001.001.03", &packed(&payment("pain.001.001.03", id, amounts))).with("Compression", "true")
}

#[tokio::test]
async fn the_bank_tells_its_authorities_and_signs_with_two_certificates_below_them() {
    let world = World::start().await;
    let answer = KeyRequest::service_certificates(BANK, USER).send(&world).await;
    answer.is("00", "OK.");
    judge(&answer);
    assert_eq!(answer.all("Name"), ["CN=WS CA, C=FI", "CN=Services CA V1, C=FI"]);
    assert!(answer.signer.is_empty(), "OP signs no envelope of its certificate service");

    let customer = enrol(&world, BANK, USER, KEY).await;
    let list = customer.list(&world, "NEW").await;
    list.is("00", "OK.");
    judge(&list);
    let name = |certificate: &[u8]| certificate::summary(certificate).unwrap().subject_common_name;
    assert_eq!((name(&list.signer).as_str(), name(&list.inner_signer).as_str()), ("SOAP for WS", "Application for WS"));
    assert_eq!(list.all("TargetId"), ["MLP"]);
    assert_eq!(list.all("ParentFileReference"), list.all("FileReference"));
    assert!(list.all("FileReference")[0].len() == 9);
}

#[tokio::test]
async fn a_transfer_key_enrols_and_nothing_like_it_does() {
    let world = World::start().await;
    KeyRequest::service_certificates(BANK, USER).send(&world).await.is("00", "OK.");
    let key = rsa_key();
    let content = plain_csr(&key, USER);
    let good = KeyRequest::new(BANK, USER, &content, KEY);
    let wrong_subject = csr(&key, &[(DnType::CountryName, "FI"), (DnType::CommonName, "1000000001")]);
    let with_more =
        csr(&key, &[(DnType::CountryName, "FI"), (DnType::OrganizationName, "Oy"), (DnType::CommonName, USER)]);
    let foreign = csr(&key, &[(DnType::CountryName, "SE"), (DnType::CommonName, USER)]);
    for (request, code, text) in [
        (good.clone().with("TransferKey", "3141592653589796"), "30", "Authentication failed."),
        (good.clone().with("TransferKey", "2251401483958636"), "30", "Authentication failed."),
        (good.clone().with("TransferKey", ""), "30", "Authentication failed."),
        (good.clone().with("Content", "cm90dGVu"), "26", "Technical error."),
        (KeyRequest::new(BANK, USER, &wrong_subject, KEY), "26", "Technical error."),
        (KeyRequest::new(BANK, USER, &with_more, KEY), "26", "Technical error."),
        (KeyRequest::new(BANK, USER, &foreign, KEY), "26", "Technical error."),
        (good.clone().with("Service", "service"), "29", "Invalid parameters: Service is MATU"),
        (good.clone().with("Command", "DownloadFile"), "29", "Command Mismatch"),
        (KeyRequest { environment: "TEST", ..good.clone() }, "29", "Environment mismatch"),
        (KeyRequest { environment: "Test", ..good.clone() }, "12", "Schemavalidation failed."),
        (KeyRequest { customer_id: "1000000001".into(), ..good.clone() }, "13", "CustomerID not found."),
        (KeyRequest { sender_id: "9".into(), customer_id: "9".into(), ..good.clone() }, "30", "Authentication failed."),
    ] {
        let answer = request.send(&world).await;
        answer.is(code, text);
        judge(&answer);
    }
    let answer = good.send(&world).await;
    answer.is("00", "OK.");
    assert_eq!(answer.all("Name"), ["CN=1000000000, C=FI"]);
    good.send(&world).await.is("31", "Duplicate message rejected.");
}

#[tokio::test]
async fn the_same_key_gets_its_certificate_again_and_renewal_waits_for_its_time() {
    let world = World::start().await;
    KeyRequest::service_certificates(BANK, USER).send(&world).await.is("00", "OK.");
    let key = rsa_key();
    let first = KeyRequest::new(BANK, USER, &plain_csr(&key, USER), KEY).send(&world).await;
    let again = KeyRequest::new(BANK, USER, &plain_csr(&key, USER), KEY).send(&world).await;
    again.is("00", "OK.");
    assert_eq!(again.bytes("Certificate"), first.bytes("Certificate"));
    let before = customer(BANK, USER, &key, &first);

    // Fetched again by its serial number, without a signature.
    let serial = serial(before.key.certificate());
    let fetched = KeyRequest::renewal(BANK, USER, b"").with("Content", "").with("SerialNumber", &serial);
    assert_eq!(fetched.send(&world).await.bytes("Certificate"), first.bytes("Certificate"));
    fetched.clone().with("SerialNumber", "12345").send(&world).await.is("24", "Content not found.");

    let next = rsa_key();
    let renewal = || KeyRequest::renewal(BANK, USER, &plain_csr(&next, USER));
    renewal().send(&world).await.is("30", "Authentication failed.");
    let early = renewal().send_signed(&world, &before.key).await;
    early.is("29", "Invalid parameters: It is too early to renew the certificate");
    let same = KeyRequest::renewal(BANK, USER, &plain_csr(&key, USER)).send_signed(&world, &before.key).await;
    assert_eq!(same.bytes("Certificate"), first.bytes("Certificate"));

    world.pass(Duration::days(730 - 61));
    renewal()
        .send_signed(&world, &before.key)
        .await
        .is("29", "Invalid parameters: It is too early to renew the certificate");
    world.pass(Duration::days(2));
    let answer = renewal().send_signed(&world, &before.key).await;
    answer.is("00", "OK.");
    let after = customer(BANK, USER, &next, &answer);
    after.list(&world, "NEW").await.is("00", "OK.");
    before.list(&world, "NEW").await.is("00", "OK.");
    // The old one ends; its key still gets it, and nothing else.
    world.pass(Duration::days(62));
    before.list(&world, "NEW").await.is("04", "SOAP signature error (certificate not valid).");
    let ended = KeyRequest::renewal(BANK, USER, &plain_csr(&rsa_key(), USER)).send_signed(&world, &before.key).await;
    ended.is("19", "Content certificate not valid.");
}

fn serial(certificate: &[u8]) -> String {
    let hex = certificate::summary(certificate).unwrap().serial;
    u128::from_str_radix(&hex, 16).unwrap().to_string()
}

#[tokio::test]
async fn an_upload_waits_can_be_deleted_and_is_booked_in_the_next_round() {
    let world = World::start().await;
    let customer = enrol(&world, BANK, USER, KEY).await;
    let answer = customer.call(&world, &upload("M1", &["1.00"])).await;
    answer.is("00", "OK.");
    judge(&answer);
    let kept = answer.all("FileReference").remove(0);
    let report = customer.new_file(&world, "pain.002.001.02").await;
    assert!(report.starts_with("<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.002.001.02\"><pain.002.001.02>"));
    assert_eq!(texts(&report, "GrpSts"), ["ACTC"]);
    let deleted = customer.call(&world, &upload("M2", &["2.00"])).await.all("FileReference").remove(0);
    let waiting = customer.list(&world, "WFP").await;
    judge(&waiting);
    assert_eq!(waiting.all("FileReference"), [kept.clone(), deleted.clone()]);
    assert_eq!(waiting.all("Deletable"), ["true", "true"]);

    let answer = customer.call(&world, &Call::delete(&deleted)).await;
    answer.is("00", "OK.");
    judge(&answer);
    assert_eq!(answer.all("Status"), ["DEL"]);
    customer.call(&world, &Call::delete(&deleted)).await.is("24", "Content not found.");
    assert_eq!(customer.list(&world, "WFP").await.all("FileReference"), std::slice::from_ref(&kept));

    world.pass(Duration::minutes(30));
    let forwarded = customer.list(&world, "FWD").await;
    assert_eq!(forwarded.all("FileReference"), std::slice::from_ref(&kept));
    customer.call(&world, &Call::delete(&kept)).await.is("27", "Cannot be deleted.");
    let listed = customer.call(&world, &Call::list("NEW").with("FileType", "camt.053.001.02")).await;
    let statements = listed.all("FileReference");
    assert_eq!(statements.len(), 2, "the account's first, and one for the payment that was kept");
    let statement = customer.download(&world, &statements[1]).await;
    assert_eq!(texts(&statement, "Amt")[..2], ["10000000.00", "9999999.00"]);
    // Uploads can be fetched too, and stay what they are.
    assert!(customer.download(&world, &kept).await.contains("<MsgId>M1</MsgId>"));
    assert_eq!(customer.list(&world, "FWD").await.all("FileReference"), [kept]);
}

#[tokio::test]
async fn a_bad_file_is_refused_with_the_report_in_the_answer_and_nothing_is_kept() {
    let world = World::start().await;
    let customer = enrol(&world, BANK, USER, KEY).await;
    let before = customer.list(&world, "ALL").await.all("FileReference");
    for content in ["rubbish".to_owned(), payment("pain.001.001.03", "M1", &["1.00"]).replace("TRF", "CHK")] {
        let call = Call::upload("pain.001.001.03", &packed(&content)).with("Compression", "1");
        let answer = customer.call(&world, &call).await;
        answer.is("12", "Schemavalidation failed.");
        judge(&answer);
        assert_eq!(answer.all("FileType"), ["pain.002.001.02"]);
        let report = String::from_utf8(answer.bytes("Content")).unwrap();
        assert_eq!(texts(&report, "GrpSts"), ["RJCT"]);
    }
    let plain = Call::upload("pain.001.001.03", payment("pain.001.001.03", "M1", &["1.00"]).as_bytes());
    customer.call(&world, &plain).await.is("21", "Deflate error.");
    assert_eq!(customer.list(&world, "ALL").await.all("FileReference"), before);
}

#[tokio::test]
async fn what_op_does_not_offer_or_take_is_refused() {
    let world = World::start().await;
    let customer = enrol(&world, BANK, USER, KEY).await;
    customer.call(&world, &Call::user_info()).await.is_fault("06");
    for (call, code, text) in [
        (Call::list("NEW").with("TargetId", "1000000000A1"), "25", "Content not allowed."),
        (Call::list("DOWNLOADED"), "29", "Invalid parameters: Status is NEW, DLD, WFP, FWD or ALL"),
        (Call::list("NEW").with("FileType", "TITO"), "20", "Content type not valid."),
        (Call::list("NEW").with("Timestamp", "2027-01-15T11:00:00Z"), "00", "OK."),
        (Call::list("ALL").with("Timestamp", "2027-01-15T11:00:00Z"), "32", "Duplicate ApplicationRequest rejected."),
        (Call::download("1").without("FileReferences").with("Status", "NEW"), "29", NO_REFERENCE),
        (Call::list("NEW").with("TargetId", "MLP").with("Command", ""), "00", "OK."),
    ] {
        customer.call(&world, &call).await.is(code, text);
    }
}

const NO_REFERENCE: &str = "Invalid parameters: At least one FileReference required for downloading";

#[tokio::test]
async fn a_client_that_learns_anew_goes_on_after_a_rotation() {
    let world = World::start().await;
    let customer = enrol(&world, BANK, USER, KEY).await;
    world.simulator.script(BANK, Fault::RotatedAuthority);
    let list = Call::list("ALL").envelope(&world, &customer);
    let (status, body) = world.post(BANK, "CorporateFileService", &list).await.unwrap();
    assert!(world.try_read(BANK, status, &body).is_err(), "the new authority is not known yet");
    let told = KeyRequest::service_certificates(BANK, USER).send(&world).await;
    told.is("00", "OK.");
    assert_eq!(told.all("Name"), ["CN=WS CA, C=FI", "CN=Services CA V1, C=FI", "CN=Services CA V2, C=FI"]);
    let list = customer.list(&world, "ALL").await;
    list.is("00", "OK.");
    judge(&list);
}

#[tokio::test]
async fn what_goes_wrong_at_nordea_goes_wrong_at_op() {
    let world = World::start().await;
    let customer = enrol(&world, BANK, USER, KEY).await;
    crate::faults::every_fault(&world, &customer).await;
}
