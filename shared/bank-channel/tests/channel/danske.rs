//! Answers in Danske Bank's way, made here: encrypted files, and PKI Factory.

use std::sync::LazyLock;

use avain_bank_channel::answer::{self, CertificateState};
use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::{Channel, Error, Layer};
use avain_xml_security::encryption::{Cipher, DecryptionKey, encrypt};
use avain_xml_security::enveloped::{self, Form};
use avain_xml_security::{C14n, Error as Reason, Hash};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rcgen::KeyUsagePurpose;

use crate::bank::{Answer, Bank, authority, channel, expected_of, issue, parameters, signer};
use crate::op::{LIST, live};

/// Danske Bank: one signer, and the customer's key and certificate for what the bank encrypts.
struct Danske {
    bank: Bank,
    key: PrivateKey,
    certificate: Vec<u8>,
}

static DANSKE: LazyLock<Danske> = LazyLock::new(|| {
    let bank = Bank::new("DBGROOT");
    let key = PrivateKey::generate().unwrap();
    let certificate = issue(&bank.issuer, key.pkcs8(), &encryption_parameters("Fixture Oy"));
    Danske { bank, key, certificate }
});

pub(crate) fn encryption_parameters(name: &str) -> rcgen::CertificateParams {
    let mut parameters = parameters(name);
    parameters.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment];
    parameters
}

#[test]
fn danske_answers_are_opened_with_the_customers_key_and_nothing_else() {
    let danske = &*DANSKE;
    let bank = &danske.bank;
    let answer = Answer { way: "danskebank", ..LIST };
    let signed = enveloped::sign(&answer.application(), &bank.signer, &Form::INCLUSIVE).unwrap();
    let right = DecryptionKey::new(danske.key.pkcs8()).unwrap();
    let wrong = DecryptionKey::new(PrivateKey::generate().unwrap().pkcs8()).unwrap();
    let read = |application: &str, keys: &[DecryptionKey]| {
        let judge = bank.judge().with_keys(keys);
        answer::file_list(&answer.wrapped(bank, application), &expected_of("danskebank"), &judge)
    };
    let keys = [wrong, right];
    for cipher in [Cipher::Aes256Cbc, Cipher::TripleDesCbc] {
        let encrypted = encrypt(&signed, &danske.certificate, cipher, None).unwrap();
        assert_eq!(read(&encrypted, &keys).unwrap().len(), 1, "while a key is being renewed, either");
        assert_eq!(read(&encrypted, &keys[1..]).unwrap().len(), 1);
        assert_eq!(read(&encrypted, &keys[..1]), Err(Error::Decryption));
        assert_eq!(read(&encrypted, &[]), Err(Error::Decryption));
        let value = encrypted.rfind("CipherValue>").unwrap() - 20;
        let changed = format!("{}AAAA{}", &encrypted[..value], &encrypted[value + 4..]);
        let refused = read(&changed, &keys);
        assert!(refused.is_err() && !matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    }
    // What is inside counts: encrypted by somebody else, signed by nobody.
    let forged = encrypt(&answer.application(), &danske.certificate, Cipher::Aes256Cbc, None).unwrap();
    assert!(matches!(read(&forged, &keys), Err(Error::Untrusted { layer: Layer::Application, .. })));
    assert_eq!(read(&signed, &[]).unwrap().len(), 1, "not encrypted, but signed");
    // At a bank that does not encrypt it is no answer.
    let encrypted = encrypt(&signed, &danske.certificate, Cipher::Aes256Cbc, None).unwrap();
    let nordea = answer::file_list(
        &Answer { way: "nordea", ..LIST }.wrapped(bank, &encrypted),
        &expected_of("nordea"),
        &bank.judge().with_keys(&keys),
    );
    assert!(matches!(nordea, Err(Error::Untrusted { .. })), "{nordea:?}");
}

/// An answer of PKI Factory, its response signed.
pub(crate) fn factory(bank: &Bank, operation: &str, code: &str, rest: &str) -> Vec<u8> {
    const ELEMENTS: &str = "http://danskebank.dk/PKI/PKIFactoryService/elements";
    let response = format!(
        "<e:{operation}Response xmlns:e=\"{ELEMENTS}\" xml:id=\"response\"><e:ReturnCode>{code}</e:ReturnCode>\
         <e:ReturnText>OK</e:ReturnText>{rest}</e:{operation}Response>"
    );
    let form = Form { hash: Hash::Sha1, signed_info: C14n::Exclusive, second_transform: Some(C14n::Exclusive) };
    let response = enveloped::sign_element(&response, "response", &bank.signer, &form).unwrap();
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header/><s:Body><p:{operation}Out \
         xmlns:p=\"http://danskebank.dk/PKI/PKIFactoryService\"><p:ResponseHeader><p:SenderId>11111111</p:SenderId>\
         <p:CustomerId>11111111</p:CustomerId><p:RequestId>R-1</p:RequestId><p:Timestamp>2027-01-15T10:00:30Z\
         </p:Timestamp><p:InterfaceVersion>1</p:InterfaceVersion></p:ResponseHeader>{response}</p:{operation}Out>\
         </s:Body></s:Envelope>"
    )
    .into_bytes()
}

#[test]
fn danskes_own_certificates_chain_to_the_pinned_root() {
    let danske = &*DANSKE;
    let (bank, expected) = (&danske.bank, expected_of("danskebank"));
    let encryption = issue(&bank.issuer, danske.key.pkcs8(), &encryption_parameters("DPCRYPT"));
    let rest = |encryption: &[u8], signing: &[u8]| {
        let [encryption, signing] = [encryption, signing].map(|der| BASE64.encode(der));
        format!(
            "<e:BankEncryptionCert>{encryption}</e:BankEncryptionCert><e:BankSigningCert>{signing}</e:BankSigningCert>\
             <e:BankRootCert>AAAA</e:BankRootCert><e:RequestId/>"
        )
    };
    let read = |rest: &str| {
        answer::bank_certificates(&factory(bank, "GetBankCertificate", "00", rest), &expected, &bank.judge())
    };
    let signing = bank.signer.certificate();
    let told = read(&rest(&encryption, signing)).unwrap();
    assert_eq!((told.encryption, told.signing.as_slice()), (encryption.clone(), signing));
    assert!(read(&rest(signing, signing)).is_ok(), "a certificate without key usage is for both");
    assert!(
        matches!(read(&rest(&encryption, &encryption)), Err(Error::Untrusted { .. })),
        "not one for encryption only"
    );
    let other = Bank::new("DBGROOT");
    assert!(matches!(read(&rest(other.signer.certificate(), signing)), Err(Error::Untrusted { .. })));
    let elsewhere = answer::bank_certificates(
        &factory(&other, "GetBankCertificate", "00", &rest(&encryption, signing)),
        &expected,
        &bank.judge(),
    );
    assert!(matches!(elsewhere, Err(Error::Untrusted { layer: Layer::Application, .. })), "{elsewhere:?}");
    // Below the root, but not by it: a customer's.
    let (below, below_pem) = authority("DBGSWFI", Some(&bank.issuer));
    let customer = signer(&below, &parameters("Fixture Oy")).1;
    let forged = Bank { signer: customer, ..Bank::new("x") };
    let trust = bank.trust.clone();
    let forged = factory(&forged, "GetBankCertificate", "00", &rest(&encryption, signing));
    assert!(answer::bank_certificates(&forged, &expected, &live(&trust)).is_err());
    drop(below_pem);
}

#[test]
fn danske_issues_two_certificates_for_the_keys_asked_for() {
    let danske = &*DANSKE;
    let (bank, expected) = (&danske.bank, expected_of("danskebank"));
    let channel = Channel { user_id: "360817", ..channel("danskebank") };
    let pair: Vec<(CertificateRequest, Vec<u8>)> = (0..2)
        .map(|_| {
            let key = PrivateKey::generate().unwrap();
            let request = CertificateRequest::new(&channel, &key, "Fixture Oy").unwrap();
            (request, issue(&bank.issuer, key.pkcs8(), &parameters("Fixture Oy")))
        })
        .collect();
    let rest = |encryption: &[u8], signing: &[u8]| {
        let [encryption, signing] = [encryption, signing].map(|der| BASE64.encode(der));
        format!(
            "<e:EncryptionCert>{encryption}</e:EncryptionCert><e:SigningCert>{signing}</e:SigningCert>\
             <e:CACert>AAAA</e:CACert><e:RequestId>R-1</e:RequestId><e:Environment>production</e:Environment>"
        )
    };
    let (signing, encryption) = (&pair[0], &pair[1]);
    let (signing_key, encryption_key) = (signing.0.public_key(), encryption.0.public_key());
    let good = rest(&encryption.1, &signing.1);
    let first = factory(bank, "CreateCertificate", "00", &good);
    let next = factory(bank, "RenewCertificate", "00", &good);
    let judge = bank.judge();
    let issued = answer::certificates(&first, &expected, &judge, signing_key, encryption_key).unwrap();
    assert_eq!((&issued.signing, &issued.encryption), (&signing.1, &encryption.1));
    assert_eq!(answer::renewed_certificates(&next, &expected, &judge, signing_key, encryption_key).unwrap(), issued);
    let swapped = factory(bank, "CreateCertificate", "00", &rest(&signing.1, &encryption.1));
    let swapped = answer::certificates(&swapped, &expected, &judge, signing_key, encryption_key);
    assert_eq!(swapped, Err(Error::Certificate("it is for another key")));
    let other = answer::certificates(&next, &expected, &judge, signing_key, encryption_key);
    assert_eq!(other, Err(Error::AnotherRequest("the operation")));
    let refused = factory(bank, "CreateCertificate", "10", "");
    let refused = answer::certificates(&refused, &expected, &judge, signing_key, encryption_key);
    assert_eq!(refused, Err(Error::Refused { code: "10".into(), text: "OK".into() }));
    let another = factory(bank, "CreateCertificate", "00", &good.replace("R-1", "R-2"));
    let another = answer::certificates(&another, &expected, &judge, signing_key, encryption_key);
    assert_eq!(another, Err(Error::AnotherRequest("RequestId")));
    let changed = String::from_utf8(first).unwrap().replace("<e:ReturnText>OK", "<e:ReturnText>Ok");
    let changed = answer::certificates(changed.as_bytes(), &expected, &judge, signing_key, encryption_key);
    assert_eq!(changed, Err(Error::Untrusted { layer: Layer::Application, reason: Reason::Digest }));
}

#[test]
fn danske_tells_how_certificates_stand_and_what_was_revoked() {
    let bank = &DANSKE.bank;
    let (expected, judge) = (expected_of("danskebank"), bank.judge());
    let status = |serial: &str, state: &str| {
        format!(
            "<e:CertificateStatus><e:CertificateSerialNo>{serial}</e:CertificateSerialNo><e:CertificateType>signing\
             </e:CertificateType><e:MatchingCertificateSerialNo>9</e:MatchingCertificateSerialNo><e:Status>{state}\
             </e:Status></e:CertificateStatus>"
        )
    };
    let all = [
        status("1", "<e:good expiryDate=\"2028-01-01T00:00:00Z\"/>"),
        status("2", "<e:expires_soon/>"),
        status("3", "<e:expired/>"),
        status("4", "<e:revoked revocationDate=\"2026-01-01T00:00:00Z\" CRLReason=\"4\"/>"),
    ]
    .concat();
    let list = factory(bank, "GetOwnCertificateList", "00", &format!("{all}<e:RequestId/>"));
    let listed = answer::own_certificates(&list, &expected, &judge).unwrap();
    let stand = format!("{all}<e:Timestamp>2027-01-15T10:00:30Z</e:Timestamp><e:RequestId/>");
    let stand = factory(bank, "CertificateStatus", "00", &stand);
    assert_eq!(answer::certificate_status(&stand, &expected, &judge).unwrap(), listed);
    let stood: Vec<_> = listed.iter().map(|it| (it.serial.as_str(), it.state, it.date.as_deref())).collect();
    assert_eq!(
        stood,
        [
            ("1", CertificateState::Good, Some("2028-01-01T00:00:00Z")),
            ("2", CertificateState::ExpiresSoon, None),
            ("3", CertificateState::Expired, None),
            ("4", CertificateState::Revoked, Some("2026-01-01T00:00:00Z")),
        ]
    );
    let none = factory(bank, "GetOwnCertificateList", "00", "<e:RequestId/>");
    assert_eq!(answer::own_certificates(&none, &expected, &judge), Ok(vec![]));
    let unknown = factory(bank, "GetOwnCertificateList", "00", &format!("{}<e:RequestId/>", status("1", "<e:lost/>")));
    assert!(matches!(answer::own_certificates(&unknown, &expected, &judge), Err(Error::Unreadable(_))));
    let revoked = "<e:CertificateSerialNo>1</e:CertificateSerialNo><e:CertificateSerialNo>2</e:CertificateSerialNo>\
                   <e:RevocationTime>2027-01-15T10:00:30Z</e:RevocationTime><e:RequestId/>";
    let revoked = answer::revocation(&factory(bank, "RevokeCertificate", "00", revoked), &expected, &judge).unwrap();
    assert_eq!((revoked.serials, revoked.at.as_str()), (vec!["1".into(), "2".into()], "2027-01-15T10:00:30Z"));
}

#[test]
fn a_fault_of_pki_factory_says_nothing_certain() {
    let bank = &DANSKE.bank;
    let fault = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:p=\"http://danskebank.dk/PKI/PKIFactoryService\"><s:Body><p:PKIFactoryServiceFault>\
         <p:CustomerId>11111111</p:CustomerId><p:SenderId>11111111</p:SenderId><p:RequestId>R-1</p:RequestId>\
         <p:Timestamp>2027-01-15T10:00:30Z</p:Timestamp><p:InterfaceVersion>1</p:InterfaceVersion>\
         <p:ReturnCode>20</p:ReturnCode><p:ReturnText>Problem with UserId or PIN.</p:ReturnText>\
         </p:PKIFactoryServiceFault></s:Body></s:Envelope>";
    let read = answer::bank_certificates(fault.as_bytes(), &expected_of("danskebank"), &bank.judge());
    let unverified = "20: Problem with UserId or PIN.".to_owned();
    assert_eq!(read, Err(Error::Fault { code: Some("20".into()), unverified }));
}
