//! Answers of a bank made for the test: each rule of the verification, broken once.

use std::io::Write;

use avain_bank_channel::answer::{self, Direction};
use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::{Error, Judge, Layer};
use avain_test_support::xmlsec;
use avain_xml_security::{Error as Reason, Hash, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rcgen::{DnType, SerialNumber};
use time::Duration;

use crate::bank::{Answer, Bank, NOW, channel, expected, issue, parameters};

const FILE: &str = "<FileDescriptors><FileDescriptor><FileReference>F1</FileReference><TargetId>A1</TargetId>\
    <ServiceId>S1</ServiceId><FileType>TITO</FileType><FileTimestamp>2027-01-15T00:00:00.0Z</FileTimestamp>\
    <Status>DOWNLOADED</Status></FileDescriptor></FileDescriptors>";

#[test]
fn a_list_has_common_status_words() {
    let bank = Bank::new("Bank");
    let files = answer::file_list(&bank.answer("downloadFileList", "00", FILE), &expected(), &bank.judge()).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].status, "DLD");
    assert_eq!(files[0].file_timestamp, "2027-01-15T00:00:00.0Z");
    assert_eq!(files[0].service_id.as_deref(), Some("S1"));
}

#[test]
fn success_without_descriptors_and_code_24_are_empty_lists() {
    let bank = Bank::new("Bank");
    for code in ["00", "0", "24"] {
        let list = answer::file_list(&bank.answer("downloadFileList", code, ""), &expected(), &bank.judge());
        assert_eq!(list.unwrap(), [], "{code}");
    }
    let file = answer::file(&bank.answer("downloadFile", "24", ""), &expected(), &bank.judge());
    assert!(matches!(file, Err(Error::Refused { code, .. }) if code == "24"));
}

#[test]
fn user_info_has_types_and_folders() {
    let bank = Bank::new("Bank");
    let rest = "<UserFileTypes><UserFileType><TargetId>A1</TargetId><FileType>TITO</FileType><FileTypeName/>\
                <Direction>Download</Direction></UserFileType><UserFileType><TargetId>A2</TargetId>\
                <FileType>NDCORPAYS</FileType><Direction>Upload</Direction></UserFileType>\
                <UserFileType><TargetId>A1</TargetId></UserFileType></UserFileTypes>";
    let info = answer::user_info(&bank.answer("getUserInfo", "00", rest), &expected(), &bank.judge()).unwrap();
    assert_eq!(info.target_ids(), ["A1", "A2"]);
    let directions: Vec<_> = info.file_types.iter().map(|file_type| file_type.direction).collect();
    assert_eq!(directions, [Some(Direction::Download), Some(Direction::Upload), None]);
}

#[test]
fn an_upload_gives_what_the_bank_counted() {
    let bank = Bank::new("Bank");
    let rest = "<AmountTotal>30.75</AmountTotal><TransactionCount>1</TransactionCount>";
    let receipt = answer::upload(&bank.answer("uploadFile", "00", rest), &expected(), &bank.judge()).unwrap();
    assert_eq!((receipt.transaction_count, receipt.amount_total.as_deref()), (Some(1), Some("30.75")));
    assert_eq!(receipt.file_reference, None);
}

#[test]
fn content_is_decoded_and_unpacked_with_a_cap() {
    let bank = Bank::new("Bank");
    let file = |rest: &str| answer::file(&bank.answer("downloadFile", "00", rest), &expected(), &bank.judge());
    let plain = BASE64.encode("camt").replace('t', "\n t");
    assert_eq!(file(&format!("<Content>{plain}</Content>")).unwrap(), b"camt");

    let packed = BASE64.encode(gzip(b"camt"));
    let compressed = |method: &str, packed: &str| {
        format!(
            "<Compressed>true</Compressed><CompressionMethod>{method}</CompressionMethod><Content>{packed}</Content>"
        )
    };
    for method in ["GZIP", "gzip", "RFC1952"] {
        assert_eq!(file(&compressed(method, &packed)).unwrap(), b"camt");
    }
    assert_eq!(file(&format!("<Content>{packed}</Content>")).unwrap(), b"camt", "without saying so");
    assert_eq!(file("<Content>H4sA</Content>").unwrap(), [0x1f, 0x8b, 0], "it only begins so");
    let unreadable = |rest: &str, why: &str| assert_eq!(file(rest), Err(Error::Unreadable(why.into())));
    unreadable(&compressed("GZIP", &packed[..packed.len() / 4 * 3 / 4 * 4]), "the compressed content is broken");
    let bomb = BASE64.encode(gzip(&vec![0; 50 * 1024 * 1024 + 1]));
    unreadable(&compressed("GZIP", &bomb), "the content is larger than the bank's largest file");
    unreadable("<Encrypted>true</Encrypted><Content>AAAA</Content>", "the content is encrypted");
    unreadable("<Compressed>maybe</Compressed><Content>AAAA</Content>", "Compressed is not as the schema has it");
    unreadable("<Content>A</Content>", "base64 is broken");
    unreadable("", "no Content");
}

#[test]
fn a_refusal_is_the_applications_code_with_a_clean_text() {
    let bank = Bank::new("Bank");
    let long = "x".repeat(600);
    let answer =
        Answer { header_code: Some("00"), code: "20", text: &format!("a\u{85}b&#9;c {long}"), ..Answer::default() };
    let Err(Error::Refused { code, text }) = answer::file_list(&answer.signed(&bank), &expected(), &bank.judge())
    else {
        panic!("not refused")
    };
    assert_eq!((code.as_str(), &text[..7], text.len()), ("20", "a b c x", 512));
    let answer = Answer { header_code: Some("26"), rest: FILE, ..Answer::default() };
    assert_eq!(answer::file_list(&answer.signed(&bank), &expected(), &bank.judge()).unwrap().len(), 1);
}

#[test]
fn a_refusal_may_have_only_a_header() {
    let bank = Bank::new("Bank");
    let read = |code| {
        let answer = Answer { code, text: "no", ..Answer::default() };
        answer::file_list(&answer.wrapped(&bank, ""), &expected(), &bank.judge())
    };
    assert_eq!(read("5"), Err(Error::Refused { code: "05".into(), text: "no".into() }));
    assert_eq!(read("00"), Err(Error::Unreadable("no ApplicationResponse".into())));
    assert_eq!(read(""), Err(Error::Unreadable("no ResponseCode".into())));
}

#[test]
fn an_answer_to_another_request_is_not_used() {
    let bank = Bank::new("Bank");
    let read = |answer: Answer<'_>| answer::file_list(&answer.signed(&bank), &expected(), &bank.judge());
    let other = |field| Err(Error::AnotherRequest(field));
    assert_eq!(read(Answer { request_id: "R-2", ..Answer::default() }), other("RequestId"));
    assert_eq!(read(Answer { sender_id: "2", ..Answer::default() }), other("SenderId"));
    assert_eq!(read(Answer { customer_id: "2", ..Answer::default() }), other("CustomerId"));
    assert_eq!(read(Answer { operation: "uploadFile", ..Answer::default() }), other("the operation"));
    let response = "<ApplicationResponse xmlns=\"http://example.com/\"/>";
    let response = enveloped::sign(response, &bank.signer, &enveloped::Form::INCLUSIVE).unwrap();
    let answer = Answer::default().wrapped(&bank, &response);
    assert_eq!(answer::file_list(&answer, &expected(), &bank.judge()), other("the kind of response"));
}

#[test]
fn nothing_unsigned_is_used() {
    let bank = Bank::new("Bank");
    let read = |bytes: &[u8]| answer::file_list(bytes, &expected(), &bank.judge());
    let unsigned_envelope = Answer::default().envelope(&Answer::default().application());
    assert!(matches!(read(unsigned_envelope.as_bytes()), Err(Error::Untrusted { layer: Layer::Envelope, .. })));
    let unsigned_response = Answer::default().wrapped(&bank, &Answer::default().application());
    assert!(matches!(read(&unsigned_response), Err(Error::Untrusted { layer: Layer::Application, .. })));
    let changed = String::from_utf8(Answer::default().signed(&bank)).unwrap().replace(">R-1<", ">R-2<");
    assert!(matches!(read(changed.as_bytes()), Err(Error::Untrusted { reason: Reason::Digest, .. })));
}

#[test]
fn another_banks_signature_is_not_trusted_in_either_layer() {
    let (bank, other) = (Bank::new("Bank"), Bank::new("Bank"));
    let read = |bytes: &[u8]| answer::file_list(bytes, &expected(), &bank.judge());
    let distrusted = |bytes: &[u8]| match read(bytes) {
        Err(Error::Untrusted { layer, reason: Reason::Certificate(_) }) => layer,
        other => panic!("{other:?}"),
    };
    assert_eq!(distrusted(&Answer::default().signed(&other)), Layer::Envelope);
    let response =
        enveloped::sign(&Answer::default().application(), &other.signer, &enveloped::Form::INCLUSIVE).unwrap();
    assert_eq!(distrusted(&Answer::default().wrapped(&bank, &response)), Layer::Application);
}

#[test]
fn an_answer_is_valid_for_its_own_time_only() {
    let bank = Bank::new("Bank");
    let read = |offset| {
        let answer = Answer { created: NOW + offset, ..Answer::default() };
        answer::file_list(&answer.signed(&bank), &expected(), &bank.judge())
    };
    for good in [Duration::seconds(-300), Duration::ZERO, Duration::seconds(59)] {
        assert_eq!(read(good), Ok(vec![]), "{good}");
    }
    for bad in [Duration::minutes(-7), Duration::minutes(2)] {
        let Err(Error::Untrusted { layer: Layer::Envelope, reason: Reason::Expired }) = read(bad) else {
            panic!("{bad}")
        };
    }
    let later = Judge::live(&bank.trust, NOW + Duration::days(800), Duration::minutes(1));
    let answer = Answer { created: NOW + Duration::days(800), ..Answer::default() }.signed(&bank);
    assert!(matches!(
        answer::file_list(&answer, &expected(), &later),
        Err(Error::Untrusted { reason: Reason::Certificate(_), .. })
    ));
}

#[test]
fn an_answer_without_a_signed_time_is_not_used() {
    const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let bank = Bank::new("Bank");
    let token = BASE64.encode(bank.signer.certificate());
    let security = format!(
        "<s:Header><wsse:Security xmlns:wsse=\"{WSSE}\"><wsse:BinarySecurityToken xmlns:wsu=\"{WSU}\" wsu:Id=\"T\">\
         {token}</wsse:BinarySecurityToken><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo>\
         <CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"/>\
         <SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/><Reference URI=\"#B\">\
         <Transforms><Transform Algorithm=\"{EXCLUSIVE}\"/></Transforms>\
         <DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue/></Reference></SignedInfo>\
         <SignatureValue/><KeyInfo><wsse:SecurityTokenReference><wsse:Reference URI=\"#T\"/>\
         </wsse:SecurityTokenReference></KeyInfo></Signature></wsse:Security></s:Header>\
         <s:Body xmlns:wsu=\"{WSU}\" wsu:Id=\"B\">"
    );
    let application =
        enveloped::sign(&Answer::default().application(), &bank.signer, &enveloped::Form::INCLUSIVE).unwrap();
    let template = Answer::default().envelope(&application).replace("<s:Header/><s:Body>", &security);
    let Some(signed) = xmlsec::sign(&template, bank.signer_key.pkcs8()) else { return };
    let reason = Reason::NotSigned("there is no Timestamp");
    assert_eq!(
        answer::file_list(signed.as_bytes(), &expected(), &bank.judge()),
        Err(Error::Untrusted { layer: Layer::Envelope, reason })
    );
}

#[test]
fn a_fault_is_neither_success_nor_refusal() {
    let bank = Bank::new("Bank");
    let envelope = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header/><s:Body><s:Fault>\
         <faultcode>s:Server</faultcode><faultstring>Invalid\n sender</faultstring><detail>\
         <f:FileServiceFaultElement xmlns:f=\"http://bxd.fi/CorporateFileService\"><category>C</category>\
         <code>601</code></f:FileServiceFaultElement></detail></s:Fault></s:Body></s:Envelope>";
    let fault = Error::Fault { code: Some("601".into()), unverified: "s:Server: Invalid  sender: C: 601".into() };
    assert_eq!(answer::upload(envelope.as_bytes(), &expected(), &bank.judge()), Err(fault.clone()));
    let signed = soap::sign(envelope, &bank.signer, Hash::Sha256, "A-1", NOW, Duration::minutes(5)).unwrap();
    assert_eq!(answer::upload(signed.as_bytes(), &expected(), &bank.judge()), Err(fault));
}

#[test]
fn what_is_no_answer_is_unreadable() {
    let bank = Bank::new("Bank");
    for bytes in [&b""[..], b"<html>502</html", b"\xff\xfe", b"<!DOCTYPE a []><a/>"] {
        let read = answer::upload(bytes, &expected(), &bank.judge());
        assert!(matches!(read, Err(Error::Unreadable(_))), "{read:?}");
    }
}

#[test]
fn a_descriptor_outside_the_schema_spoils_the_list() {
    let bank = Bank::new("Bank");
    for (field, why) in
        [("F1", "FileReference is not as the schema has it"), ("TITO", "FileType is not as the schema has it")]
    {
        let answer = bank.answer("downloadFileList", "00", &FILE.replace(field, ""));
        assert_eq!(answer::file_list(&answer, &expected(), &bank.judge()), Err(Error::Unreadable(why.into())));
    }
    let answer = bank.answer("downloadFileList", "00", &FILE.replace("F1", &"F".repeat(33)));
    let too_long = Error::Unreadable("FileReference is not as the schema has it".into());
    assert_eq!(answer::file_list(&answer, &expected(), &bank.judge()), Err(too_long));
}

#[test]
fn the_issued_certificate_is_the_one_asked_for() {
    let bank = Bank::new("Bank");
    let key = PrivateKey::generate().unwrap();
    let request = CertificateRequest::new(&channel("nordea"), &key, "Fixture Oy").unwrap();
    let read = |certificates: &[Vec<u8>]| {
        let entry =
            |der| format!("<Certificate><Name/><Certificate>{}</Certificate></Certificate>", BASE64.encode(der));
        let entries: Vec<_> = certificates.iter().map(entry).collect();
        let rest = format!("<Certificates>{}</Certificates>", entries.concat());
        let answer = Answer { operation: "getCertificate", rest: &rest, ..Answer::default() };
        answer::certificate(&answer.signed(&bank), &expected(), &bank.judge(), request.public_key())
    };
    let issued = |user_id: &str, key: &PrivateKey, days: i64| {
        let mut parameters = parameters("Fixture Oy");
        parameters.serial_number = Some(SerialNumber::from(7));
        parameters.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), user_id);
        parameters.not_after = NOW + Duration::days(days);
        issue(&bank.issuer, key.pkcs8(), &parameters)
    };
    let good = issued("11111111", &key, 730);
    assert_eq!(read(std::slice::from_ref(&good)), Ok(good.clone()));
    let another_key = PrivateKey::generate().unwrap();
    let refused = |why| Err(Error::Certificate(why));
    assert_eq!(read(&[issued("11111111", &another_key, 730)]), refused("it is for another key"));
    assert_eq!(read(&[issued("22222222", &key, 730)]), refused("it is for another user id"));
    assert_eq!(read(&[issued("11111111", &key, 0)]), refused("it has expired"));
    assert_eq!(read(&[b"no certificate".to_vec()]), refused("it cannot be read"));
    assert_eq!(read(&[good.clone(), good]), Err(Error::Unreadable("not exactly one certificate".into())));
    assert_eq!(read(&[]), Err(Error::Unreadable("not exactly one certificate".into())));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
