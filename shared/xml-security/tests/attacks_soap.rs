//! Envelopes that must be refused: wrapping, other elements than the signed ones, other algorithms, other keys.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::xmlsec;
use avain_xml_security::{Error, Hash, Policy, SigningKey, soap};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::{ENVELOPE, NOW, Pki, parse, part, replaced};
use time::{Duration, OffsetDateTime};

const ONE_ID: Error = Error::NotCovered("two elements have one id");
const NOT_COVERED: Error = Error::NotCovered("a reference is to something else than Body, Timestamp or token");
const SOAP_BODY: &str = "<soapenv:Body>";

fn verify(envelope: &str) -> Result<String, Error> {
    verify_at(envelope, NOW)
}

/// What the application would read: the base64 of the `ApplicationRequest`.
fn verify_at(envelope: &str, now: OffsetDateTime) -> Result<String, Error> {
    let document = parse(envelope);
    let judge = |policy| soap::verify(&document, policy, Some(now), Duration::seconds(10));
    let judged = judge(&Policy::STRICT);
    assert_eq!(judged.is_ok(), judge(&Policy::LEGACY).is_ok(), "LEGACY accepts nothing of this either");
    let verified = judged?;
    assert_eq!(verified.signer, Pki::shared().leaf);
    let operation = verified.body.children().next().unwrap();
    Ok(operation.child("http://model.bxd.fi", "ApplicationRequest").unwrap().text())
}

fn signed() -> String {
    Pki::shared().signed_envelope()
}

fn body(envelope: &str) -> &str {
    part(envelope, "<soapenv:Body", "</soapenv:Body>")
}

fn signature(envelope: &str) -> &str {
    part(envelope, "<ds:Signature ", "</ds:Signature>")
}

/// A Body with another content, with this attribute.
fn forged_body(attribute: &str) -> String {
    let body = body(ENVELOPE).replace("PGE+5LjhPC9hPg==", "Rm9yZ2Vk");
    body.replacen(SOAP_BODY, &format!("<soapenv:Body{attribute}>"), 1)
}

#[test]
fn a_signed_envelope_is_accepted() {
    assert_eq!(verify(&signed()).unwrap(), "PGE+5LjhPC9hPg==");
}

/// The classic: the signed Body goes elsewhere and keeps its id, another Body takes its place. The signature itself stays
/// right, as xmlsec1 confirms.
#[test]
fn a_moved_body_is_refused() {
    let signed = signed();
    for (place, other_attribute) in [
        ("</wsse:Security>", ""),
        ("</soapenv:Header>", ""),
        ("</soapenv:Header>", r#" Id="other""#),
        ("</cor:downloadFileListin>", ""),
    ] {
        let without = replaced(&signed, body(&signed), &forged_body(other_attribute));
        let wrapped = without.replacen(place, &format!("<wrapper>{}</wrapper>{place}", body(&signed)), 1);
        assert_ne!(xmlsec::verify(&wrapped, &Pki::shared().leaf), Some(false));
        assert_eq!(verify(&wrapped), Err(NOT_COVERED));
    }
}

#[test]
fn a_second_body_is_refused() {
    let signed = signed();
    let one_header_one_body = Err(Error::Malformed("the Envelope does not have one Header and one Body".into()));
    for two in [forged_body("") + body(&signed), body(&signed).to_owned() + &forged_body("")] {
        assert_eq!(verify(&replaced(&signed, body(&signed), &two)), one_header_one_body);
    }
}

#[test]
fn a_second_header_is_refused() {
    let signed = signed();
    let header = part(&signed, "<soapenv:Header>", "</soapenv:Header>");
    for two in [format!("<soapenv:Header/>{header}"), format!("{header}<soapenv:Header/>")] {
        let refused = verify(&replaced(&signed, header, &two));
        assert_eq!(refused, Err(Error::Malformed("the Envelope does not have one Header and one Body".into())));
    }
}

#[test]
fn a_body_of_another_namespace_is_refused() {
    let signed = signed();
    let soap_1_2 =
        signed.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope");
    assert_eq!(verify(&soap_1_2), Err(Error::Malformed("not a SOAP 1.1 Envelope".into())));
    let other = signed.replacen("<soapenv:Body", "<soapenv:Body xmlns:soapenv=\"urn:other\"", 1);
    assert!(matches!(verify(&other), Err(Error::Malformed(_))));
}

#[test]
fn two_elements_with_one_id_are_refused() {
    let signed = signed();
    for id in [r#" Id="Body-1""#, r#" ID="Body-1""#, r#" xml:id="Body-1""#] {
        let wrapped = replaced(&signed, body(&signed), &(forged_body(id)));
        let wrapped = wrapped.replacen("</soapenv:Header>", &format!("{}</soapenv:Header>", body(&signed)), 1);
        assert_eq!(verify(&wrapped), Err(ONE_ID), "{id}");
    }
}

#[test]
fn a_signature_elsewhere_is_refused() {
    let signed = signed();
    let bare = replaced(&signed, signature(&signed), "");
    let namespace = part(&signed, "xmlns:wsse=", "\" ");
    let with_namespace = signature(&signed).replacen("<ds:Signature ", &format!("<ds:Signature {namespace}"), 1);
    for place in ["</soapenv:Header>", "</cor:downloadFileListin>"] {
        let moved = bare.replacen(place, &format!("{with_namespace}{place}"), 1);
        assert_eq!(verify(&moved), Err(Error::NotSigned("not one signature")));
    }
    let nested = replaced(&signed, signature(&signed), &format!("<x>{}</x>", signature(&signed)));
    assert_eq!(verify(&nested), Err(Error::NotSigned("not one signature")));
    assert_eq!(verify(&bare), Err(Error::NotSigned("not one signature")));
    assert_eq!(verify(ENVELOPE), Err(Error::NotSigned("not one Security header")));
}

#[test]
fn a_second_signature_or_security_header_is_refused() {
    let signed = signed();
    let second = replaced(&signed, "</ds:Signature>", &format!("</ds:Signature>{}", signature(&signed)));
    assert_eq!(verify(&second), Err(Error::NotSigned("not one signature")));
    let hidden = replaced(&signed, "</wsu:Timestamp>", &format!("</wsu:Timestamp><x>{}</x>", signature(&signed)));
    assert_eq!(verify(&hidden), Err(Error::NotSigned("more than one signature")));
    let empty = r#"<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"/>"#;
    let second = replaced(&signed, "</soapenv:Header>", &format!("{empty}</soapenv:Header>"));
    assert_eq!(verify(&second), Err(Error::NotSigned("not one Security header")));
}

#[test]
fn a_reference_to_something_else_is_refused() {
    for uri in ["", "#Body-2", "#xpointer(/)", "#xpointer(id('Body-1'))", "Body-1", "http://example.com/#Body-1", "#"] {
        assert_eq!(verify(&replaced(&signed(), "#Body-1", uri)), Err(NOT_COVERED), "{uri}");
    }
    let empty_id = replaced(&signed(), "wsu:Id=\"Body-1\"", "wsu:Id=\"\"");
    for uri in ["", "#"] {
        assert_eq!(verify(&replaced(&empty_id, "#Body-1", uri)), Err(NOT_COVERED), "{uri}");
    }
    let timestamp_twice = replaced(&signed(), "#Body-1", "#TS-1");
    assert_eq!(verify(&timestamp_twice), Err(Error::NotCovered("the Body is not signed")));
}

#[test]
fn changed_content_is_refused() {
    assert_eq!(verify(&replaced(&signed(), "PGE+5LjhPC9hPg==", "PGE+5LjhPC9iPg==")), Err(Error::Digest));
    assert_eq!(verify(&replaced(&signed(), "10:05:00Z", "11:05:00Z")), Err(Error::Digest));
    let signed = signed();
    let digest = part(&signed, "<ds:DigestValue>", "</ds:DigestValue>");
    let other = format!("<ds:DigestValue>{}</ds:DigestValue>", STANDARD.encode([7; 32]));
    assert_eq!(verify(&replaced(&signed, digest, &other)), Err(Error::SignatureValue), "the value is judged first");
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let other = Pki::new();
    let signed = soap::sign(ENVELOPE, &other.key(), Hash::Sha256, "1", NOW, Duration::minutes(5)).unwrap();
    let disguised = replaced(&signed, &STANDARD.encode(&other.leaf), &STANDARD.encode(&Pki::shared().leaf));
    assert_eq!(verify(&disguised), Err(Error::SignatureValue));
    assert_eq!(SigningKey::new(&other.private_key, &Pki::shared().leaf).err(), Some(Error::Key));
    assert_eq!(SigningKey::new(b"no key", &other.leaf).err(), Some(Error::Key));
}

#[test]
fn other_algorithms_are_refused() {
    let rsa_sha256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let hmac = r#"#hmac-sha1"><ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>"#;
    let exclusive = r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>"#;
    let transform = |algorithm: &str| format!(r#"<ds:Transform Algorithm="{algorithm}"></ds:Transform>"#);
    let xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    let signed = signed();
    let attacks = [
        replaced(
            &signed,
            &format!("{rsa_sha256}\"></ds:SignatureMethod>"),
            &format!("http://www.w3.org/2000/09/xmldsig{hmac}"),
        ),
        replaced(&signed, rsa_sha256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        replaced(&signed, rsa_sha256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        replaced(&signed, rsa_sha256, "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
        replaced(&signed, rsa_sha256, ""),
        replaced(&signed, "</ds:SignatureMethod>", "<ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>"),
        signed.replacen("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1", 1),
        signed.replacen("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#md5", 1),
        signed.replacen(exclusive, &transform(xpath), 1),
        signed.replacen(exclusive, &transform("http://www.w3.org/2002/06/xmldsig-filter2"), 1),
        signed.replacen(exclusive, &transform("http://www.w3.org/TR/1999/REC-xslt-19991116"), 1),
        signed.replacen(exclusive, &transform("http://www.w3.org/2000/09/xmldsig#base64"), 1),
        signed.replacen(exclusive, &transform("http://www.w3.org/2006/12/xml-c14n11"), 1),
        signed.replacen(exclusive, &transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature"), 1),
        signed.replacen(exclusive, "", 1),
        signed.replacen(exclusive, &exclusive.repeat(2), 1),
        signed.replacen(exclusive, &exclusive.repeat(3), 1),
        signed.replacen("</ds:CanonicalizationMethod>", "<x/></ds:CanonicalizationMethod>", 1),
        replaced(&signed, "</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>"),
        replaced(&signed, "</ds:SignedInfo><ds:Sig", "</ds:SignedInfo><x/><ds:Sig"),
    ];
    for attack in attacks {
        assert_ne!(attack, signed);
        assert!(matches!(verify(&attack), Err(Error::NotAllowed(_))), "{:?} {attack}", verify(&attack));
    }
    let reference = part(&signed, "<ds:Reference ", "</ds:Reference>");
    let many = verify(&replaced(&signed, reference, &reference.repeat(8)));
    assert_eq!(many, Err(Error::NotAllowed("the number of references".into())));
    let none = signed.replace(reference, "");
    let none = replaced(&none, part(&none, "<ds:Reference ", "</ds:Reference>"), "");
    assert_eq!(verify(&none), Err(Error::NotAllowed("the number of references".into())));
}

#[test]
fn a_token_that_is_not_the_one_of_the_header_is_refused() {
    let signed = signed();
    let token = part(&signed, "<wsse:BinarySecurityToken ", "</wsse:BinarySecurityToken>");
    let without = replaced(&signed, token, "");
    assert_eq!(verify(&without), Err(Error::NotSigned("not one BinarySecurityToken")));
    let second = replaced(&signed, token, &format!("{token}{}", token.replace("X509-1", "X509-2")));
    assert_eq!(verify(&second), Err(Error::NotSigned("not one BinarySecurityToken")));
    assert!(matches!(verify(&replaced(&signed, "#X509-1", "#TS-1")), Err(Error::NotSigned(_))));
    let no_reference =
        replaced(&signed, part(&signed, "<wsse:SecurityTokenReference>", "</wsse:SecurityTokenReference>"), "");
    assert!(matches!(verify(&no_reference), Err(Error::NotSigned(_))));
    let other_type = signed.replacen("#X509v3", "#X509PKIPathv1", 1);
    assert!(matches!(verify(&other_type), Err(Error::NotAllowed(_))));
    let not_a_certificate = replaced(&signed, &STANDARD.encode(&Pki::shared().leaf), "AAAA");
    assert!(matches!(verify(&not_a_certificate), Err(Error::Certificate(_))));
}

#[test]
fn the_signed_timestamp_must_be_valid_now() {
    let (signed, expires) = (signed(), NOW + Duration::minutes(5));
    for (now, valid) in [
        (NOW - Duration::seconds(11), false),
        (NOW - Duration::seconds(10), true),
        (expires + Duration::seconds(10), true),
        (expires + Duration::seconds(11), false),
    ] {
        let expected = if valid { Ok("PGE+5LjhPC9hPg==".to_owned()) } else { Err(Error::Expired) };
        assert_eq!(verify_at(&signed, now), expected, "{now}");
    }
    let second = replaced(&signed, "</wsu:Timestamp>", "</wsu:Timestamp><wsu:Timestamp/>");
    assert_eq!(verify(&second), Err(Error::Malformed("more than one Timestamp".into())));
    let gone = replaced(&signed, part(&signed, "<wsu:Timestamp", "</wsu:Timestamp>"), "");
    assert_eq!(verify(&gone), Err(NOT_COVERED), "a signed Timestamp cannot be taken away");
}

/// Canonical form without comments: comments may come and go, and what is read is the same with them.
#[test]
fn a_comment_in_text_does_not_shorten_what_is_read() {
    let commented = replaced(&signed(), "PGE+5LjhPC9hPg==", "PGE+<!-- x -->5LjhPC9hPg==");
    assert_eq!(verify(&commented).unwrap(), "PGE+5LjhPC9hPg==");
    let instruction = replaced(&signed(), "PGE+5LjhPC9hPg==", "PGE+<?x?>5LjhPC9hPg==");
    assert_eq!(verify(&instruction), Err(Error::Digest));
}

#[test]
fn what_cannot_be_signed_safely_is_refused() {
    let sign =
        |envelope: &str, id: &str| soap::sign(envelope, &Pki::shared().key(), Hash::Sha256, id, NOW, Duration::MINUTE);
    assert!(matches!(sign(&signed(), "2"), Err(Error::Malformed(_))), "signed already");
    for id in ["", "a b", "a\"", "ä", "<"] {
        assert!(matches!(sign(ENVELOPE, id), Err(Error::Malformed(_))), "{id}");
    }
    assert!(matches!(sign(&replaced(ENVELOPE, "<soapenv:Header/>", ""), "1"), Err(Error::Malformed(_))), "no Header");
    let rebound = replaced(ENVELOPE, "xmlns:mod=", "xmlns:wsu=\"urn:other\" xmlns:mod=");
    assert!(matches!(sign(&rebound, "1"), Err(Error::Malformed(_))), "wsu means something else");
    let taken = replaced(ENVELOPE, "<mod:RequestHeader>", "<mod:RequestHeader Id=\"TS-1\">");
    assert_eq!(sign(&taken, "1"), Err(ONE_ID), "an id that is taken");
}
