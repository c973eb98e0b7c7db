//! What is told of a signature that does not verify; what is told of the recorded ones is in `reference_data.rs`.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_xml_security::enveloped::Form;
use avain_xml_security::inspect::{self, InspectedDigest};
use avain_xml_security::{Error, Hash, Policy, enveloped, soap};
use common::{ENVELOPE, NOW, Pki, REQUEST, parse, part, replaced};
use time::Duration;

fn digest(uri: &str, element: &str, ok: bool) -> InspectedDigest {
    InspectedDigest { uri: uri.into(), element: element.into(), algorithm: "sha1".into(), ok }
}

/// The policy decides whether it is valid, and hides nothing of it.
#[test]
fn what_the_policy_refuses_is_told_all_the_same() {
    let pki = Pki::shared();
    let signed = soap::sign(ENVELOPE, &pki.key(), Hash::Sha1, "1", NOW, Duration::minutes(5)).unwrap();
    let document = parse(&signed);
    let (strict, legacy) = (inspect::soap(&document, &Policy::STRICT), inspect::soap(&document, &Policy::LEGACY));
    assert_eq!((strict.valid, legacy.valid, &legacy.error), (false, true, &None));
    assert!(matches!(strict.error, Some(Error::NotAllowed(_))), "{strict:?}");
    for told in [&strict, &legacy] {
        assert_eq!(
            (told.value_ok, told.algorithm.as_str(), &told.signer),
            (Some(true), "rsa-sha1", &Some(pki.leaf.clone()))
        );
        assert_eq!(told.digests, [digest("#TS-1", "Timestamp", true), digest("#Body-1", "Body", true)]);
    }
}

#[test]
fn every_part_is_judged_alone() {
    let form = Form { hash: Hash::Sha1, ..Form::INCLUSIVE };
    let signed = enveloped::sign(REQUEST, &Pki::shared().key(), &form).unwrap();
    let value = part(&signed, "<ds:SignatureValue>", "</ds:SignatureValue>");
    let other_value = replaced(&signed, value, "<ds:SignatureValue>AAAA</ds:SignatureValue>");
    let other_content = replaced(&signed, "162355330", "162355331");
    let certificate = part(&signed, "<ds:X509Data>", "</ds:X509Data>");
    let unnamed = replaced(&signed, certificate, "");
    for (message, value_ok, digest_ok, error) in [
        (&other_value, Some(false), true, Error::SignatureValue),
        (&other_content, Some(true), false, Error::Digest),
        (&unnamed, None, true, Error::NotSigned("KeyInfo has not one certificate")),
    ] {
        let told = inspect::enveloped(&parse(message), &Policy::LEGACY);
        assert_eq!((told.valid, told.value_ok, told.error), (false, value_ok, Some(error)));
        assert_eq!(told.digests, [digest("", "document ApplicationRequest", digest_ok)]);
    }
}

#[test]
fn what_is_not_read_is_named() {
    let hmac = "http://www.w3.org/2000/09/xmldsig#hmac-sha1";
    let signed = Pki::shared().signed_request();
    let other = replaced(&signed, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", hmac);
    let told = inspect::enveloped(&parse(&other), &Policy::LEGACY);
    assert_eq!((told.valid, told.value_ok, told.algorithm.as_str()), (false, None, hmac));
    assert_eq!(told.error, Some(Error::NotAllowed(format!("algorithm {hmac}"))));
    let told = inspect::enveloped(&parse(REQUEST), &Policy::LEGACY);
    assert_eq!((told.algorithm.as_str(), told.error), ("", Some(Error::NotSigned("no signature"))));
    assert_eq!(inspect::element(parse(REQUEST).root(), &Policy::LEGACY).error, Some(Error::NotSigned("no signature")));
}
