//! Answers in OP's way, made here: two signers below issuing certificates that the bank tells, envelopes of certificate
//! answers without a signature.

use std::sync::LazyLock;

use avain_bank_channel::answer;
use avain_bank_channel::check::{self, Reason, Saved};
use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::{Channel, Error, Expected, Judge, Layer, Trust, profile};
use avain_test_support::xmlsec;
use avain_xml_security::certificate::summary;
use avain_xml_security::{Distrust, Error as Untrusted, SigningKey};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rcgen::{Issuer, KeyPair};
use time::Duration;

use crate::bank::{Answer, Bank, NOW, authority, channel, expected_of, issue, parameters, signer};

const FILE: &str = "<FileDescriptors><FileDescriptor><FileReference>F1</FileReference><TargetId>MLP</TargetId>\
    <FileType>TITO</FileType><FileTimestamp>2027-01-15T00:00:00</FileTimestamp><Status>WFP</Status>\
    </FileDescriptor></FileDescriptors>";

/// OP as it is: a root, what issues the bank's signers, what issues customers' certificates, and one of each.
struct Op {
    trust: Trust,
    issuers: Vec<Vec<u8>>,
    customers: Issuer<'static, KeyPair>,
    envelope: SigningKey,
    application: SigningKey,
    customer: SigningKey,
}

static OP: LazyLock<Op> = LazyLock::new(|| {
    let (root, pem) = authority("OP Root CA", None);
    let (services, services_pem) = authority("OP Services CA V4", Some(&root));
    let (customers, customers_pem) = authority("OP WS CA V4", Some(&root));
    Op {
        trust: Trust::from_pem(&pem).unwrap(),
        issuers: [services_pem, customers_pem].iter().map(|pem| xmlsec::der(pem).unwrap()).collect(),
        envelope: signer(&services, &parameters("SOAP for WS")).1,
        application: signer(&services, &parameters("Application for WS")).1,
        customer: signer(&customers, &parameters("1000000000")).1,
        customers,
    }
});

pub(crate) const ISSUERS: Answer<'static> = Answer {
    way: "osuuspankki",
    operation: "getServiceCertificates",
    sender_id: "11111111",
    request_id: "R-1",
    customer_id: "11111111",
    header_code: None,
    code: "00",
    text: "OK.",
    rest: "",
    created: NOW,
};
pub(crate) const LIST: Answer<'static> = Answer { operation: "downloadFileList", rest: FILE, ..ISSUERS };

pub(crate) fn certificates(all: &[Vec<u8>]) -> String {
    let entry = |der: &Vec<u8>| {
        let base64 = BASE64.encode(der);
        format!(
            "<Certificate><Name>CN=x</Name><Certificate>{base64}</Certificate><CertificateFormat>X509v3</CertificateFormat></Certificate>"
        )
    };
    format!("<Certificates>{}</Certificates>", all.iter().map(entry).collect::<String>())
}

pub(crate) fn live(trust: &Trust) -> Judge<'_> {
    Judge::live(trust, NOW, Duration::minutes(1))
}

#[test]
fn op_tells_its_issuers_below_the_pinned_root_and_they_complete_chains() {
    let op = &*OP;
    let expected = expected_of("osuuspankki");
    let told = Answer { rest: &certificates(&op.issuers), ..ISSUERS }.signed_by(&op.envelope, &op.application);
    let learned = answer::service_certificates(&told, &expected, &live(&op.trust)).unwrap();
    assert_eq!(learned, [op.issuers[0].clone()], "not the one that certifies customers");

    let list = LIST.signed_by(&op.envelope, &op.application);
    let trust = op.trust.clone().with_issuers(learned);
    let files = answer::file_list(&list, &expected, &live(&trust)).unwrap();
    assert_eq!((files[0].file_reference.as_str(), files[0].status.as_str()), ("F1", "WFP"));
    let without = answer::file_list(&list, &expected, &live(&op.trust)).unwrap_err();
    let root =
        matches!(&without, Error::Untrusted { reason: Untrusted::Certificate(Distrust::UnknownRoot { .. }), .. });
    assert!(root, "{without}");
    assert!(
        answer::delete(
            &Answer { operation: "deleteFile", rest: "", ..LIST }.signed_by(&op.envelope, &op.application),
            &expected,
            &live(&trust)
        )
        .unwrap()
        .files
        .is_empty()
    );
}

#[test]
fn an_unknown_root_is_named_and_what_to_do_about_it() {
    let op = &*OP;
    let other = Bank::new("New Root CA");
    let error = answer::file_list(&LIST.signed(&other), &expected_of("osuuspankki"), &live(&op.trust)).unwrap_err();
    let sha256 = summary(other.signer.certificate()).unwrap().sha256;
    let said = error.to_string();
    for part in ["CN=New Root CA", &sha256, "compare the fingerprint", "add the root's PEM"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // An operator who has compared it adds it.
    let added = op.trust.clone().with_pem(&xmlsec::pem("CERTIFICATE", &root_of(&other))).unwrap();
    assert!(answer::file_list(&LIST.signed(&other), &expected_of("osuuspankki"), &live(&added)).is_ok());
}

fn root_of(bank: &Bank) -> Vec<u8> {
    bank.trust.roots_der().next().unwrap().to_vec()
}

#[test]
fn a_customer_of_op_is_not_the_bank() {
    let op = &*OP;
    let expected = expected_of("osuuspankki");
    let told = Answer { rest: &certificates(&op.issuers), ..ISSUERS };
    for forged in [told.signed_by(&op.customer, &op.customer), told.signed_by(&op.envelope, &op.customer)] {
        let read = answer::service_certificates(&forged, &expected, &live(&op.trust));
        assert!(matches!(read, Err(Error::Untrusted { layer: Layer::Application, .. })), "{read:?}");
    }
    let trust = op.trust.clone().with_issuers(vec![op.issuers[0].clone()]);
    for (envelope, application) in [(&op.customer, &op.application), (&op.envelope, &op.customer)] {
        let read = answer::file_list(&LIST.signed_by(envelope, application), &expected, &live(&trust));
        assert!(matches!(read, Err(Error::Untrusted { .. })), "{read:?}");
    }
}

#[test]
fn only_banks_that_have_two_signers_may_have_two() {
    let op = &*OP;
    let below = op.trust.clone().with_issuers(op.issuers.clone());
    let directly = Trust::from_pem(&xmlsec::pem("CERTIFICATE", &op.issuers[0])).unwrap();
    for (way, trust, may) in [
        ("osuuspankki", &below, true),
        ("danskebank", &directly, true),
        ("nordea", &below, false),
        ("sp", &below, false),
    ] {
        let answer = Answer { way, ..LIST };
        let (one, two) =
            (answer.signed_by(&op.envelope, &op.envelope), answer.signed_by(&op.envelope, &op.application));
        assert!(answer::file_list(&one, &expected_of(way), &live(trust)).is_ok(), "{way}");
        assert_eq!(answer::file_list(&two, &expected_of(way), &live(trust)).is_ok(), may, "{way}");
    }
}

#[test]
fn who_signs_for_a_bank_with_pki_factory_is_issued_by_its_root_directly() {
    let op = &*OP;
    let trust = op.trust.clone().with_issuers(op.issuers.clone());
    let list = Answer { way: "danskebank", ..LIST }.signed_by(&op.envelope, &op.envelope);
    let refused = answer::file_list(&list, &expected_of("danskebank"), &live(&trust)).unwrap_err();
    assert!(refused.to_string().contains("root has not issued it directly"), "{refused}");
    let saved = Saved {
        profile: profile("danskebank").unwrap(),
        trust: &trust,
        keys: &[],
        at: None,
        now: NOW,
        sent_request_id: None,
    };
    assert_eq!(check::answer(&list, &saved).reason, Some(Reason::UntrustedCertificate));
}

#[test]
fn ops_certificate_answers_rest_on_the_inner_signature() {
    let op = &*OP;
    let trust = op.trust.clone().with_issuers(op.issuers.clone());
    let (expected, judge) = (expected_of("osuuspankki"), live(&trust));
    let key = PrivateKey::generate().unwrap();
    let channel = Channel { user_id: "1111111111", ..channel("osuuspankki") };
    let request = CertificateRequest::new(&channel, &key, "Fixture Oy").unwrap();
    let issued = |name: &str, days: i64| {
        let mut parameters = parameters(name);
        parameters.not_after = NOW + Duration::days(days);
        issue(&op.customers, key.pkcs8(), &parameters)
    };
    let expected = Expected { customer_id: "1111111111".into(), sender_id: "1111111111".into(), ..expected };
    let answered = |certificate: Vec<u8>| {
        let rest = certificates(&[certificate]);
        let user = "1111111111";
        Answer { operation: "getCertificate", rest: &rest, sender_id: user, customer_id: user, ..ISSUERS }
            .signed_by(&op.envelope, &op.application)
    };
    let read = |answer: &[u8]| answer::certificate(answer, &expected, &judge, request.public_key());
    let good = issued("1111111111", 730);
    let answer = answered(good.clone());
    assert!(!String::from_utf8(answer.clone()).unwrap().contains("Security"));
    assert_eq!(read(&answer), Ok(good));
    // The bank answers a request with an old key with the old certificate, as success.
    assert_eq!(read(&answered(issued("1111111111", -1))), Err(Error::Certificate("it has expired")));
    assert_eq!(read(&answered(issued("2222222222", 730))), Err(Error::Certificate("it is for another user id")));
    let unsigned = Answer { operation: "getCertificate", ..ISSUERS };
    let unsigned = unsigned.envelope(&unsigned.application());
    let expected = expected_of("osuuspankki");
    let refused = answer::certificate(unsigned.as_bytes(), &expected, &judge, request.public_key());
    assert!(matches!(refused, Err(Error::Untrusted { layer: Layer::Application, .. })), "{refused:?}");
    // Nothing but the application's signature says anything: a header's code alone does not.
    let nothing = Answer { operation: "getCertificate", code: "30", ..ISSUERS }.envelope("");
    let refused = answer::certificate(nothing.as_bytes(), &expected, &judge, request.public_key());
    assert!(matches!(refused, Err(Error::Unreadable(_))), "{refused:?}");
}
