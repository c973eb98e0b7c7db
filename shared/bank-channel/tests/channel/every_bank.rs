//! What is sent to each bank: signed so that xmlsec1 verifies it, valid by the bank's schema, encrypted so that xmlsec1
//! opens it.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::profile::Packed;
use avain_bank_channel::{
    CertificateRequests, Channel, CrlReason, Environment, Error, FileList, Profile, Request, Revocation, Service,
    Status, Upload, WantedFile, profiles,
};
use avain_test_support::{output, peer, xmlsec};
use avain_xml_security::{Hash, SigningKey};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rcgen::KeyUsagePurpose;
use time::macros::date;

use crate::bank::{Bank, STAMP, issue, parameters};
use crate::requests::{application, between, validate};

pub(crate) static CUSTOMER: LazyLock<SigningKey> = LazyLock::new(|| {
    let bank = Bank::new("Customer CA");
    let key = PrivateKey::generate().unwrap();
    SigningKey::new(key.pkcs8(), &issue(&bank.issuer, key.pkcs8(), &parameters("Fixture Oy"))).unwrap()
});

/// What a bank that encrypts has: a key, and the certificate for it.
static BANK: LazyLock<(PrivateKey, Vec<u8>)> = LazyLock::new(|| {
    let bank = Bank::new("Bank CA");
    let key = PrivateKey::generate().unwrap();
    let mut parameters = parameters("DPCRYPT");
    parameters.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    let certificate = issue(&bank.issuer, key.pkcs8(), &parameters);
    (key, certificate)
});

pub(crate) fn channels() -> Vec<Channel<'static>> {
    profiles().map(|profile| channel(&profile.bank)).collect()
}

/// With a user id as the bank's are.
pub(crate) fn channel(bank: &str) -> Channel<'static> {
    let user_id = match bank {
        "osuuspankki" => "1000000000",
        "danskebank" => "360817",
        "nordea" | "simulator" => "11111111",
        _ => "12345678",
    };
    Channel { user_id, bank_certificate: Some(&BANK.1), ..crate::bank::channel(bank) }
}

/// Every request on files that the bank offers.
fn file_requests(channel: &Channel<'_>) -> Vec<Request> {
    let (key, target_id) = (&*CUSTOMER, Some("11111111A1"));
    let list = FileList {
        status: Status::New,
        target_id,
        file_type: Some("TITO"),
        from: Some(date!(2027 - 01 - 01)),
        to: Some(date!(2027 - 01 - 15)),
    };
    let file = WantedFile { file_reference: "2022122808151084", file_type: "TITO", target_id };
    let upload = Upload { file_type: "pain.001.001.03", target_id, file_name: "palkat.xml", content: b"<Document/>" };
    let made = [
        channel.file_list(&STAMP, key, &list),
        channel.file(&STAMP, key, &file),
        channel.upload(&STAMP, key, &upload),
        channel.delete(&STAMP, key, &file),
        channel.user_info(&STAMP, key),
    ];
    let offered: Vec<_> = made.into_iter().filter(|made| !matches!(made, Err(Error::NotOffered(_)))).collect();
    let offers = channel.profile.offers;
    assert_eq!(offered.len(), 3 + usize::from(offers.delete) + usize::from(offers.user_info));
    offered.into_iter().map(Result::unwrap).collect()
}

#[test]
fn file_requests_verify_with_xmlsec1_in_both_layers_with_both_hashes_and_follow_the_schema() {
    for channel in channels() {
        let own = if channel.profile.bank == "danskebank" { Hash::Sha1 } else { Hash::Sha256 };
        assert_eq!(channel.profile.signing.hash, own);
        for (hash, name) in [(Hash::Sha1, "rsa-sha1"), (Hash::Sha256, "rsa-sha256")] {
            let mut profile = Profile::clone(channel.profile);
            profile.signing.hash = hash;
            for request in file_requests(&Channel { profile: &Arc::new(profile), ..channel }) {
                assert_eq!((request.service, request.soap_action), (Service::Files, ""));
                let envelope = String::from_utf8(request.body).unwrap();
                validate("common/soap.xsd", &envelope);
                let Some(verified) = xmlsec::verify(&envelope, CUSTOMER.certificate()) else { return };
                assert!(verified, "{envelope}");
                let application = opened(&application(&envelope));
                validate("common/application_request.xsd", &application);
                assert_eq!(xmlsec::verify(&application, CUSTOMER.certificate()), Some(true), "{application}");
                for layer in [&envelope, &application] {
                    assert!(layer.contains(&format!("#{name}\"")), "{} {layer}", channel.profile.bank);
                }
            }
        }
    }
}

#[test]
fn a_bank_that_wants_xml_packed_gets_only_that_packed() {
    let mut profile = Profile::clone(channel("nordea").profile);
    profile.compression.upload = Packed::Xml;
    let channel = Channel { profile: &Arc::new(profile), ..channel("nordea") };
    for (content, packed) in [(&b"\xEF\xBB\xBF \n<a/>"[..], true), (b"<a/>", true), (b"T00322", false), (b"", false)] {
        let upload = Upload { file_type: "TITO", target_id: Some("A1"), file_name: "f", content };
        let text = application(&text(channel.upload(&STAMP, &CUSTOMER, &upload).unwrap()));
        assert_eq!(text.contains("<Compression>true</Compression>"), packed, "{content:?}");
    }
}

#[test]
fn op_gets_files_packed_and_gives_them_packed() {
    for channel in channels() {
        let is_op = channel.profile.bank == "osuuspankki";
        let requests = file_requests(&channel);
        for (at, request) in requests.iter().enumerate().take(3) {
            let text = opened(&application(std::str::from_utf8(&request.body).unwrap()));
            let asked = text.contains("<Compression>true</Compression><CompressionMethod>RFC1952</CompressionMethod>");
            assert_eq!(asked, is_op && at > 0, "{} {text}", channel.profile.bank);
        }
        let upload = opened(&application(std::str::from_utf8(&requests[2].body).unwrap()));
        let content = BASE64.decode(between(&upload, "<Content>", "<")).unwrap();
        if is_op {
            let mut unpacked = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&content[..]), &mut unpacked).unwrap();
            assert_eq!(unpacked, b"<Document/>");
        } else {
            assert_eq!(content, b"<Document/>");
        }
    }
}

#[test]
fn certificate_requests_follow_each_banks_schema_and_renewals_verify_with_xmlsec1() {
    let key = PrivateKey::generate().unwrap();
    for channel in channels() {
        let (schema, code) = match &*channel.profile.bank {
            "danskebank" => continue,
            "nordea" => ("nordea/CertApplicationRequest_nordea.xsd", "1234567890"),
            "simulator" => ("nordea/CertApplicationRequest_nordea.xsd", "a-code-of-16-or-more"),
            "osuuspankki" => ("op/CertApplicationRequest_200812.xsd", "2251401483958635"),
            _ => ("samlink/CertApplicationRequest.xsd", "1234567812345678"),
        };
        let request = CertificateRequest::new(&channel, &key, "Fixture Oy").unwrap();
        let first = channel.certificate(&STAMP, code, &request).unwrap();
        let next = channel.renewal(&STAMP, &CUSTOMER, &request).unwrap();
        for (request, signed) in [(first, false), (next, true)] {
            assert_eq!(request.service, Service::Certificates);
            let envelope = String::from_utf8(request.body).unwrap();
            validate("common/soap.xsd", &envelope);
            assert!(!envelope.contains("Security"), "the envelope is not signed");
            let application = application(&envelope);
            validate(schema, &application);
            assert_eq!(application.contains(code), !signed && channel.profile.bank != "nordea", "{application}");
            if signed {
                assert_ne!(xmlsec::verify(&application, CUSTOMER.certificate()), Some(false), "{application}");
            } else {
                assert!(!application.contains("Signature"));
            }
        }
    }
}

#[test]
fn what_a_bank_does_not_offer_is_not_asked_for() {
    let key = PrivateKey::generate().unwrap();
    for channel in channels() {
        let told = channel.service_certificates(&STAMP).map(|request| application(&text(request)));
        if channel.profile.bank == "osuuspankki" {
            let told = told.unwrap();
            validate("op/CertApplicationRequest_200812.xsd", &told);
            assert!(told.contains("<SoftwareId>Avain 0.1.0</SoftwareId><Service>MATU</Service></Cert"), "{told}");
        } else {
            assert!(matches!(told, Err(Error::NotOffered(_))), "{}", channel.profile.bank);
        }
        let request = CertificateRequest::new(&channel, &key, "Fixture Oy").unwrap();
        let (common, factory) = (channel.renewal(&STAMP, &CUSTOMER, &request), channel.bank_certificates(&STAMP));
        let is_danske = channel.profile.bank == "danskebank";
        assert_eq!(matches!(common, Err(Error::NotOffered(_))), is_danske);
        assert_eq!(matches!(factory, Err(Error::NotOffered(_))), !is_danske);
    }
}

#[test]
fn a_transfer_key_with_a_wrong_check_digit_is_not_sent_to_op() {
    let channel = channel("osuuspankki");
    let request = CertificateRequest::new(&channel, &PrivateKey::generate().unwrap(), "Fixture Oy").unwrap();
    let code = |code: &str| channel.certificate(&STAMP, code, &request).err();
    assert_eq!(code("2251401483958635"), None);
    for digit in "012346789".chars() {
        assert_eq!(code(&format!("225140148395863{digit}")), Some(Error::Field("Code")));
    }
    assert_eq!(code("2251401483956835"), Some(Error::Field("Code")), "two digits in the wrong order");
}

#[test]
fn each_banks_pkcs10_request_has_its_subject() {
    let key = PrivateKey::generate().unwrap();
    for (bank, subject) in [
        ("nordea", "serialNumber=11111111,CN=Fixture Oy,C=FI"),
        ("osuuspankki", "CN=1000000000,C=FI"),
        ("danskebank", "CN=Fixture Oy,C=FI"),
        ("aktia", "SN=12345678,CN=Fixture Oy,O=Fixture Oy,C=FI"),
    ] {
        let Some(mut openssl) = peer("openssl") else { return };
        let request = CertificateRequest::new(&channel(bank), &key, "Fixture Oy").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("request.der");
        std::fs::write(&file, request.der()).unwrap();
        openssl.args(["req", "-inform", "DER", "-verify", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb,utf8"]);
        let said = String::from_utf8(output(openssl.arg("-in").arg(&file)).stdout).unwrap();
        assert_eq!(said.trim(), format!("subject={subject}"), "{bank}");
    }
}

#[test]
fn danske_certificates_are_asked_for_in_the_banks_own_envelope() {
    let channel = Channel { environment: Environment::Test, ..channel("danskebank") };
    let keys = [PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap()];
    let [signing, encryption] = keys.map(|key| CertificateRequest::new(&channel, &key, "Fixture Oy").unwrap());
    let requests = CertificateRequests { signing: &signing, encryption: &encryption };
    let (stamp, key) = (&STAMP, &*CUSTOMER);
    let revoked = Revocation::Certificates(&["123", "456"]);
    let kept = Revocation::AllExcept(&["789"]);
    let reason = Some(CrlReason::Superseded);
    for (request, operation, is_encrypted, is_signed) in [
        (channel.bank_certificates(stamp), "GetBankCertificate", false, false),
        (channel.certificates(stamp, "1234", &requests), "CreateCertificate", true, false),
        (channel.certificates_renewal(stamp, key, &requests), "RenewCertificate", true, true),
        (channel.revocation(stamp, key, revoked, reason), "RevokeCertificate", false, true),
        (channel.revocation(stamp, key, kept, None), "RevokeCertificate", false, true),
        (channel.certificate_status(stamp, key, &["123"]), "CertificateStatus", false, true),
        (channel.own_certificates(stamp, key), "GetOwnCertificateList", false, true),
    ] {
        let request = request.unwrap();
        assert_eq!((request.service, request.soap_action), (Service::Certificates, operation));
        let envelope = text(request);
        validate("common/soap.xsd", &envelope);
        let header = between(&envelope, "<pkif:RequestHeader>", "</pkif:RequestHeader>");
        assert_eq!(
            header,
            "<pkif:SenderId>360817</pkif:SenderId><pkif:CustomerId>360817</pkif:CustomerId>\
             <pkif:RequestId>R-1</pkif:RequestId><pkif:Timestamp>2027-01-15T10:00:30Z</pkif:Timestamp>\
             <pkif:InterfaceVersion>1</pkif:InterfaceVersion><pkif:Environment>customertest</pkif:Environment>"
        );
        let element = between(&envelope, "</pkif:RequestHeader>", &format!("</pkif:{operation}In>")).to_owned();
        assert_eq!(element.contains("EncryptedData"), is_encrypted, "{element}");
        assert!(!envelope.contains("<elem:PIN>"), "the PIN is encrypted");
        let element = if is_encrypted { opened(&element) } else { element };
        assert!(element.contains(&format!("elem:{operation}Request ")), "{element}");
        assert_eq!(element.contains("<elem:PIN>1234</elem:PIN>"), operation == "CreateCertificate");
        validate("danske/danske_pki.xsd", &element);
        assert_eq!(element.contains("Signature"), is_signed);
        if is_signed {
            assert_ne!(xmlsec::verify(&element, CUSTOMER.certificate()), Some(false), "{element}");
            if !is_encrypted {
                assert_ne!(xmlsec::verify(&envelope, CUSTOMER.certificate()), Some(false), "where it is put");
            }
        }
    }
}

#[test]
fn danske_requests_outside_the_schema_are_not_made() {
    let channel = channel("danskebank");
    let key = &*CUSTOMER;
    let status = |serials: &[&str]| channel.certificate_status(&STAMP, key, serials).err();
    let field = |name| Some(Error::Field(name));
    assert_eq!(status(&[]), field("CertificateSerialNo"));
    assert_eq!(status(&["1"; 11]), field("CertificateSerialNo"));
    assert_eq!(status(&[""]), field("CertificateSerialNo"));
    let of = |user_id| Channel { user_id, ..channel }.bank_certificates(&STAMP).err();
    assert_eq!((of("36081"), of("3608177")), (field("WsUserId"), field("WsUserId")));
    let list = FileList { status: Status::All, target_id: None, file_type: None, from: None, to: None };
    let unknown = Channel { bank_certificate: None, ..channel }.file_list(&STAMP, key, &list).err();
    assert_eq!(unknown, Some(Error::NoBankCertificate));
    let broken = Channel { bank_certificate: Some(b"no certificate"), ..channel }.file_list(&STAMP, key, &list).err();
    assert_eq!(broken, Some(Error::NoBankCertificate));
    let request = CertificateRequest::new(&channel, &PrivateKey::generate().unwrap(), "Fixture Oy").unwrap();
    let requests = CertificateRequests { signing: &request, encryption: &request };
    assert_eq!(channel.certificates(&STAMP, "12345678901", &requests).err(), field("Code"));
}

#[test]
fn a_file_that_is_too_large_is_not_sent() {
    let content = vec![b' '; 52_428_801];
    let upload = Upload { file_type: "TITO", target_id: Some("A1"), file_name: "f", content: &content };
    assert_eq!(channel("nordea").upload(&STAMP, &CUSTOMER, &upload).err(), Some(Error::Field("Content")));
}

fn text(request: Request) -> String {
    assert_eq!(request.expected.request_id, "R-1");
    String::from_utf8(request.body).unwrap()
}

/// Decrypted with the bank's key by xmlsec1, where it is encrypted. Gives the text itself without xmlsec1.
fn opened(xml: &str) -> String {
    if !xml.contains("EncryptedData") {
        return xml.to_owned();
    }
    assert!(xml.contains("Recipient=\"name:DanskeBankCryptCERT\"") && xml.contains("#aes256-cbc"), "{xml}");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let key = write("key.pem", &xmlsec::pem("PRIVATE KEY", BANK.0.pkcs8()));
    let encrypted = write("encrypted.xml", xml);
    let mut xmlsec1 = peer("xmlsec1").unwrap();
    let output = output(xmlsec1.arg("--decrypt").arg("--privkey-pem").arg(key).arg(Path::new(&encrypted)));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // xmlsec1 puts a declaration before it.
    text.split_once("?>").map_or(text.clone(), |(_, element)| element.trim().to_owned())
}
