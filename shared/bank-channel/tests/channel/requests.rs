//! Requests from outside: schemas, signatures by xmlsec1, PKCS#10 by openssl.

use std::path::Path;

use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::{Channel, Environment, Error, FileList, Request, Service, Status, Upload, WantedFile};
use avain_test_support::{output, peer, reference_data, xmlsec};
use avain_xml_security::{Document, Policy, SigningKey, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use time::Duration;
use time::macros::date;

use crate::bank::{Bank, NOW, STAMP, channel, issue, parameters};

#[test]
fn file_requests_follow_the_schemas_and_verify_with_xmlsec1() {
    let key = customer_key();
    for request in file_requests(&channel("nordea"), &key).into_iter().chain(file_requests(&awkward(), &key)) {
        assert_eq!(request.service, Service::Files);
        let envelope = String::from_utf8(request.body).unwrap();
        let application = application(&envelope);
        validate("common/soap.xsd", &envelope);
        validate("common/application_request.xsd", &application);
        let Some(verified) = xmlsec::verify(&envelope, key.certificate()) else { return };
        assert!(verified, "{envelope}");
        assert_eq!(xmlsec::verify(&application, key.certificate()), Some(true), "{application}");

        let document = Document::parse(envelope.as_bytes()).unwrap();
        let outer = soap::verify(&document, &Policy::STRICT, Some(NOW), Duration::ZERO).unwrap();
        assert_eq!(outer.validity, Some((NOW, NOW + Duration::minutes(5))));
        let inner = Document::parse(application.as_bytes()).unwrap();
        assert_eq!(enveloped::verify(&inner, &Policy::STRICT).unwrap().signer, outer.signer);
    }
}

#[test]
fn what_is_asked_is_what_is_expected() {
    let key = customer_key();
    for request in file_requests(&channel("nordea"), &key) {
        let expected = request.expected;
        assert_eq!((expected.sender_id, expected.customer_id), ("11111111".into(), "11111111".into()));
        assert_eq!(expected.request_id, "R-1");
        assert_eq!(expected.profile.bank, "nordea");
    }
}

#[test]
fn each_command_says_what_it_must() {
    let sent: Vec<String> = file_requests(&channel("nordea"), &customer_key())
        .into_iter()
        .map(|request| application(&String::from_utf8(request.body).unwrap()))
        .map(|application| between(&application, "</Timestamp>", "<ds:Signature").to_owned())
        .collect();
    let common = |[before, references, target, after]: [&str; 4]| {
        let (environment, software) = ("<Environment>PRODUCTION</Environment>", "<SoftwareId>Avain 0.1.0</SoftwareId>");
        [before, environment, references, target, software, after].concat()
    };
    let target = "<TargetId>11111111A1</TargetId>";
    let tito = "<FileType>TITO</FileType>";
    let days = "<StartDate>2027-01-01</StartDate><EndDate>2027-01-15</EndDate><Status>NEW</Status>";
    let reference = "<FileReferences><FileReference>11111111A12006030319503000000010</FileReference></FileReferences>";
    assert_eq!(sent[0], common(["", "", "", ""]));
    assert_eq!(sent[1], common([days, "", target, tito]));
    assert_eq!(sent[2], common(["<Status>DOWNLOADED</Status>", "", target, ""]));
    assert_eq!(sent[3], common(["<Status>ALL</Status>", reference, target, tito]));
    let name = "<UserFilename>palkat___muut.xml</UserFilename>";
    let upload = "<FileType>NDCORPAYS</FileType><Content></Content>";
    assert_eq!(sent[5], common(["", name, target, upload]));
}

#[test]
fn certificate_requests_follow_the_schema() {
    let key = PrivateKey::generate().unwrap();
    let simulator = Channel { user_id: "a & b <1>", ..channel("simulator") };
    for (channel, code) in [(channel("nordea"), "1234567890"), (simulator, "]]>&lt;\"'abcdefgh<")] {
        let request = CertificateRequest::new(&channel, &key, "Fixture & <Oy> ä").unwrap();
        let request = channel.certificate(&STAMP, code, &request).unwrap();
        assert_eq!(request.service, Service::Certificates);
        let envelope = String::from_utf8(request.body).unwrap();
        validate("common/soap.xsd", &envelope);
        let application = application(&envelope);
        validate("nordea/CertApplicationRequest_nordea.xsd", &application);
        let document = Document::parse(application.as_bytes()).unwrap();
        let sent = |name| {
            document
                .root()
                .child(&channel.profile.certificate_service.as_ref().unwrap().documents, name)
                .map(|child| child.text())
        };
        assert_eq!(sent("TransferKey").as_deref(), (channel.profile.bank == "simulator").then_some(code));
        assert_eq!(sent("CustomerId").as_deref(), Some(channel.user_id));
    }
}

#[test]
fn codes_and_names_outside_the_rule_are_refused() {
    let key = PrivateKey::generate().unwrap();
    let request = CertificateRequest::new(&channel("nordea"), &key, "Fixture Oy").unwrap();
    let code = |code| channel("nordea").certificate(&STAMP, code, &request).err();
    assert_eq!(code("123456789"), Some(Error::Field("Code")));
    let company = |company: &str| CertificateRequest::new(&channel("nordea"), &key, company).err();
    for bad in ["", "a\nb", &"x".repeat(65)] {
        assert_eq!(company(bad), Some(Error::Field("Company")));
    }
    let nobody = Channel { user_id: "1 1", ..channel("nordea") };
    assert_eq!(CertificateRequest::new(&nobody, &key, "Fixture Oy").err(), Some(Error::Field("WsUserId")));
    let signing = customer_key();
    let list = FileList { status: Status::New, target_id: None, file_type: None, from: None, to: None };
    assert_eq!(channel("nordea").file_list(&STAMP, &signing, &list).err(), Some(Error::Field("TargetId")));
    let file = WantedFile { file_reference: "", file_type: "TITO", target_id: Some("A1") };
    assert_eq!(channel("nordea").file(&STAMP, &signing, &file).err(), Some(Error::Field("FileReference")));
    let upload = Upload { file_type: "a\u{0}", target_id: Some("A1"), file_name: "f", content: b"x" };
    assert_eq!(channel("nordea").upload(&STAMP, &signing, &upload).err(), Some(Error::Field("FileType")));
}

#[test]
fn a_kept_key_makes_the_same_request() {
    let key = PrivateKey::generate().unwrap();
    let kept = PrivateKey::from_pkcs8(key.pkcs8()).unwrap();
    let request = |key| CertificateRequest::new(&channel("nordea"), key, "Fixture Oy").unwrap();
    assert_eq!((request(&key).der(), request(&key).public_key()), (request(&kept).der(), request(&kept).public_key()));
    assert_eq!(PrivateKey::from_pkcs8(b"no key").err(), Some(Error::Key));
}

#[test]
fn openssl_verifies_the_pkcs10_request() {
    let Some(mut openssl) = peer("openssl") else { return };
    let key = PrivateKey::generate().unwrap();
    let request = CertificateRequest::new(&channel("nordea"), &key, "Fixture Öy").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("request.der");
    std::fs::write(&file, request.der()).unwrap();
    openssl.args(["req", "-inform", "DER", "-verify", "-noout", "-subject", "-text"]);
    let output = output(openssl.args(["-nameopt", "RFC2253,-esc_msb,utf8"]).arg("-in").arg(&file));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.to_lowercase().contains("verify ok"), "{said}");
    assert!(said.contains("serialNumber=11111111,CN=Fixture Öy,C=FI"), "{said}");
    assert!(said.contains("2048 bit") && said.contains("sha256WithRSAEncryption"), "{said}");
}

fn file_requests(channel: &Channel<'_>, key: &SigningKey) -> Vec<Request> {
    let target_id = Some("11111111A1");
    let list = FileList {
        status: Status::New,
        target_id,
        file_type: Some("TITO"),
        from: Some(date!(2027 - 01 - 01)),
        to: Some(date!(2027 - 01 - 15)),
    };
    let short = FileList { status: Status::Downloaded, file_type: None, from: None, to: None, ..list };
    let file = WantedFile { file_reference: "11111111A12006030319503000000010", file_type: "TITO", target_id };
    let content = b"<Document/>\r\n\x00\xff".repeat(50);
    let upload = Upload { file_type: "NDCORPAYS", target_id, file_name: "palkat & muut.xml", content: &content };
    let empty = Upload { content: b"", ..upload };
    [
        channel.user_info(&STAMP, key),
        channel.file_list(&STAMP, key, &list),
        channel.file_list(&STAMP, key, &short),
        channel.file(&STAMP, key, &file),
        channel.upload(&STAMP, key, &upload),
        channel.upload(&STAMP, key, &empty),
    ]
    .map(Result::unwrap)
    .into()
}

/// A channel whose every text needs escaping.
fn awkward() -> Channel<'static> {
    Channel {
        user_id: " ]]><&\"' ",
        environment: Environment::Test,
        software: "A\r\n\t<ä>&amp;",
        ..channel("simulator")
    }
}

fn customer_key() -> SigningKey {
    let bank = Bank::new("Customer CA");
    let key = PrivateKey::generate().unwrap();
    SigningKey::new(key.pkcs8(), &issue(&bank.issuer, key.pkcs8(), &parameters("Fixture Oy"))).unwrap()
}

pub(crate) fn application(envelope: &str) -> String {
    String::from_utf8(BASE64.decode(between(envelope, "<mod:ApplicationRequest>", "<")).unwrap()).unwrap()
}

pub(crate) fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

/// Validates with xmllint against a schema of the reference data.
pub(crate) fn validate(schema: &str, xml: &str) {
    let (Some(reference_data), Some(mut xmllint)) = (reference_data(), peer("xmllint")) else { return };
    let schemas = reference_data.parent().unwrap_or(Path::new("/")).join("schemas");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message.xml");
    std::fs::write(&file, xml).unwrap();
    let output = output(xmllint.args(["--nonet", "--noout", "--schema"]).arg(schemas.join(schema)).arg(&file));
    assert!(output.status.success(), "{}\n{xml}", String::from_utf8_lossy(&output.stderr));
}
