//! Answers in the Samlink family's way, made here; and which banks' answers may still have SHA-1.

use avain_bank_channel::answer;
use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::{Error, Layer};
use avain_test_support::xmlsec;
use avain_xml_security::Hash;
use avain_xml_security::enveloped::{self, Form};
use rcgen::DnType;

use crate::bank::{Answer, Bank, channel, expected_of, issue, parameters};
use crate::op::{ISSUERS, LIST, certificates};

#[test]
fn samlink_codes_have_one_digit_and_certificates_are_pem_in_base64() {
    let bank = Bank::new("Samlink");
    let key = PrivateKey::generate().unwrap();
    let request = CertificateRequest::new(&channel("pop"), &key, "Fixture Oy").unwrap();
    let issued = |user_id: &str| {
        let mut parameters = parameters("Fixture Oy");
        parameters.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 4]), user_id);
        issue(&bank.issuer, key.pkcs8(), &parameters)
    };
    let read = |code: &str, entries: &[Vec<u8>]| {
        let answer = Answer { way: "pop", operation: "getCertificate", code, rest: &certificates(entries), ..ISSUERS };
        answer::certificate(&answer.signed(&bank), &expected_of("pop"), &bank.judge(), request.public_key())
    };
    let good = issued("11111111");
    let pem = |der: &[u8]| xmlsec::pem("CERTIFICATE", der).into_bytes();
    assert_eq!(read("0", &[pem(&good)]), Ok(good.clone()));
    assert_eq!(read("00", std::slice::from_ref(&good)), Ok(good.clone()), "another source has DER");
    assert_eq!(read("0", &[pem(&issued("2"))]), Err(Error::Certificate("it is for another user id")));
    let two = [pem(&good), pem(&good)].concat();
    assert_eq!(read("0", &[two]), Err(Error::Unreadable("not one certificate in the PEM".into())));
    let broken = Err(Error::Unreadable("a certificate's PEM is broken".into()));
    assert_eq!(read("0", &[b"-----BEGIN CERTIFICATE-----\nA".to_vec()]), broken);
    assert!(matches!(read("30", &[]), Err(Error::Refused { code, .. }) if code == "30"));
    let unsigned = Answer { way: "pop", operation: "getCertificate", ..ISSUERS };
    let unsigned = unsigned.envelope(&unsigned.application());
    let refused = answer::certificate(unsigned.as_bytes(), &expected_of("pop"), &bank.judge(), request.public_key());
    assert!(matches!(refused, Err(Error::Untrusted { layer: Layer::Envelope, .. })), "{refused:?}");
}

#[test]
fn sha_1_is_taken_in_answers_only_where_the_profile_must() {
    let bank = Bank::new("Bank");
    for (way, taken) in [("danskebank", true), ("sp", true), ("aktia", true), ("nordea", false), ("osuuspankki", false)]
    {
        let answer = Answer { way, ..LIST };
        let form = Form { hash: Hash::Sha1, ..Form::INCLUSIVE };
        let application = enveloped::sign(&answer.application(), &bank.signer, &form).unwrap();
        let read = answer::file_list(&answer.wrapped(&bank, &application), &expected_of(way), &bank.judge());
        assert_eq!(read.is_ok(), taken, "{way} {read:?}");
    }
}
