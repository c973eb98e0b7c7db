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

/// What refuses the form of a signature hides nothing of its parts either.
#[test]
fn a_refused_form_is_told_part_by_part() {
    let pki = Pki::shared();
    let signed = pki.signed_envelope();
    let body = part(&signed, "<soapenv:Body", "</soapenv:Body>");
    let own = body.replace("Body-1", "Body-2");
    let moved = replaced(&signed, body, &own);
    let moved = replaced(&moved, "</soapenv:Header>", &format!("<w>{body}</w></soapenv:Header>"));
    let dangling = replaced(&signed, "wsu:Id=\"Body-1\"", "wsu:Id=\"Body-2\"");
    let external = replaced(&signed, "URI=\"#Body-1\"", "URI=\"http://example.com/\"");
    let [transform, another] =
        ["http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/1999/REC-xslt-19991116"]
            .map(|algorithm| format!("<ds:Transform Algorithm=\"{algorithm}\">"));
    let xslt = signed.replace(&transform, &another);
    let sha256 =
        |uri: &str, element: &str, ok| InspectedDigest { algorithm: "sha256".into(), ..digest(uri, element, ok) };
    let timestamp = || sha256("#TS-1", "Timestamp", true);
    let nothing = |uri: &str| InspectedDigest { uri: uri.into(), ..InspectedDigest::default() };
    for (message, value_ok, digests) in [
        (&moved, true, [timestamp(), sha256("#Body-1", "Body", true)]),
        (&dangling, true, [timestamp(), sha256("#Body-1", "", false)]),
        (&external, false, [timestamp(), sha256("http://example.com/", "", false)]),
        (&xslt, false, [nothing("#TS-1"), nothing("#Body-1")]),
    ] {
        let told = inspect::soap(&parse(message), &Policy::STRICT);
        assert!(!told.valid && told.error.is_some(), "{told:?}");
        assert_eq!((told.value_ok, told.algorithm.as_str()), (Some(value_ok), "rsa-sha256"), "{message}");
        assert_eq!((told.digests, told.signer), (digests.to_vec(), Some(pki.leaf.clone())));
    }
}
