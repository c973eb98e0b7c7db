//! Envelopes whose signature is right, as xmlsec1 confirms, and which say something else than what was signed: the signed
//! Timestamp or Body is hidden where nobody reads it. The moved Body is in `attacks_soap.rs`.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::xmlsec;
use avain_xml_security::{Error, Policy, soap};
use common::{NOW, Pki, parse, part, replaced};
use time::{Duration, OffsetDateTime};

const NOT_COVERED: Error = Error::NotCovered("a reference is to something else than Body, Timestamp or token");
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// A day after the signed Timestamp has expired.
const LATER: OffsetDateTime = NOW.saturating_add(Duration::days(1));

/// What both policies say of the envelope later; the signature itself is right.
fn replayed(envelope: &str) -> Result<(), Error> {
    assert_ne!(xmlsec::verify(envelope, &Pki::shared().leaf), Some(false), "{envelope}");
    judged(envelope)
}

fn judged(envelope: &str) -> Result<(), Error> {
    let document = parse(envelope);
    let judged = [Policy::STRICT, Policy::LEGACY]
        .map(|policy| soap::verify(&document, &policy, Some(LATER), Duration::ZERO).map(|_| ()));
    assert_eq!(judged[0], judged[1]);
    judged[0].clone()
}

fn signed() -> String {
    Pki::shared().signed_envelope()
}

fn timestamp(envelope: &str) -> &str {
    part(envelope, "<wsu:Timestamp ", "</wsu:Timestamp>")
}

/// A Timestamp that is valid later, with this attribute.
fn fresh(attribute: &str) -> String {
    let (created, expires) = ("2027-01-16T09:59:00Z", "2027-01-16T10:05:00Z");
    format!(
        "<wsu:Timestamp{attribute}><wsu:Created>{created}</wsu:Created><wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>"
    )
}

#[test]
fn what_the_attacks_start_from_has_expired() {
    assert_eq!(replayed(&signed()), Err(Error::Expired));
}

/// An old message is sent again: its signed Timestamp is wrapped, and a fresh one is where the old one was.
#[test]
fn a_wrapped_timestamp_is_refused() {
    let signed = signed();
    let old = timestamp(&signed);
    for attribute in ["", " wsu:Id=\"TS-2\"", " Id=\"other\""] {
        let fresh = fresh(attribute);
        // In the Security header, in the fresh Timestamp, in the Header, in the Body.
        let in_security = replaced(&signed, old, &format!("{fresh}<w>{old}</w>"));
        assert_eq!(replayed(&in_security), Err(NOT_COVERED));
        let nested = fresh.replace("</wsu:Timestamp>", &format!("{old}</wsu:Timestamp>"));
        assert_eq!(replayed(&replaced(&signed, old, &nested)), Err(NOT_COVERED));
        let with_prefix = old.replacen(' ', &format!(" xmlns:wsu=\"{}\" ", wsu()), 1);
        let in_header =
            replaced(&replaced(&signed, old, &fresh), "</soapenv:Header>", &format!("{with_prefix}</soapenv:Header>"));
        assert_eq!(replayed(&in_header), Err(NOT_COVERED));
    }
}

#[test]
fn a_second_timestamp_is_refused() {
    let signed = signed();
    let old = timestamp(&signed);
    for two in [format!("{old}{}", fresh("")), format!("{}{old}", fresh(" wsu:Id=\"TS-2\""))] {
        let two = replaced(&signed, old, &two);
        assert_eq!(replayed(&two), Err(Error::Malformed("more than one Timestamp".into())));
    }
}

/// The fresh Timestamp has the id of the old one.
#[test]
fn a_timestamp_with_the_id_of_another_is_refused() {
    let signed = signed();
    let old = timestamp(&signed);
    for id in ["wsu:Id", "Id", "ID", "xml:id"] {
        let two = replaced(&signed, old, &format!("{}<w>{old}</w>", fresh(&format!(" {id}=\"TS-1\""))));
        assert_eq!(judged(&two), Err(Error::NotCovered("two elements have one id")), "{id}");
    }
}

/// A time inside the signed Timestamp that canonicalisation would leave out, or that is there twice.
#[test]
fn a_time_that_is_there_twice_is_refused() {
    let signed = signed();
    let later = "<wsu:Expires>2027-01-16T10:05:00Z</wsu:Expires>";
    let two = replaced(&signed, "</wsu:Expires>", &format!("</wsu:Expires>{later}"));
    let document = parse(&two);
    let judged = soap::verify(&document, &Policy::LEGACY, Some(LATER), Duration::ZERO).map(|_| ());
    assert_eq!(judged, Err(Error::Digest));
    let commented = replaced(&signed, "10:05:00Z", "10:05:00<!-- 2027-01-16T10:05:00Z -->Z");
    assert_eq!(replayed(&commented), Err(Error::Expired), "the comment is not read");
}

/// The signed Body is the content of an assertion, where SAML would have it, and a forged one is the envelope's.
#[test]
fn a_wrapped_assertion_in_the_header_is_refused() {
    let signed = signed();
    let body = part(&signed, "<soapenv:Body", "</soapenv:Body>");
    let forged = replaced(&body.replace(" wsu:Id=\"Body-1\"", ""), "PGE+5LjhPC9hPg==", "Rm9yZ2Vk");
    let without = replaced(&signed, body, &forged);
    for place in ["</wsse:Security>", "<wsse:BinarySecurityToken ", "</soapenv:Header>", "</ds:KeyInfo>"] {
        let assertion = format!(
            "<saml:Assertion xmlns:saml=\"{ASSERTION}\" ID=\"a\"><saml:Statement>{body}</saml:Statement></saml:Assertion>"
        );
        let wrapped = replaced(&without, place, &format!("{assertion}{place}"));
        assert_eq!(replayed(&wrapped), Err(NOT_COVERED), "{place}");
    }
}

/// An assertion signed by somebody beside the genuine signature, and one that `KeyInfo` names instead of the token.
#[test]
fn an_assertion_is_no_token() {
    let signed = signed();
    let assertion = |content: &str| {
        format!("<saml:Assertion xmlns:saml=\"{ASSERTION}\" ID=\"a\">{content}</saml:Assertion></wsse:Security>")
    };
    let second = assertion(part(&signed, "<ds:Signature ", "</ds:Signature>"));
    let second = replaced(&signed, "</wsse:Security>", &second);
    assert_eq!(replayed(&second), Err(Error::NotSigned("more than one signature")));
    let token = part(&signed, "<wsse:BinarySecurityToken ", "</wsse:BinarySecurityToken>");
    let instead = replaced(
        &replaced(&signed, "</wsse:Security>", &assertion(token)),
        &format!("mustUnderstand=\"1\">{token}"),
        "mustUnderstand=\"1\">",
    );
    assert_eq!(replayed(&instead), Err(Error::NotSigned("not one BinarySecurityToken")));
    let named = replaced(&replaced(&signed, "</wsse:Security>", &assertion("")), "URI=\"#X509-1\"", "URI=\"#a\"");
    assert_eq!(
        replayed(&named),
        Err(Error::NotSigned("KeyInfo refers to something else than the BinarySecurityToken"))
    );
}

/// For whomever the second one is said to be.
#[test]
fn a_second_security_header_is_refused() {
    let signed = signed();
    let security = part(&signed, "<wsse:Security ", "</wsse:Security>");
    let empty = &format!("<wsse:Security {}/>", part(&signed, "xmlns:wsse=", "\" ").trim());
    for attribute in ["", "soapenv:actor=\"urn:other\" ", "soapenv:mustUnderstand=\"0\" "] {
        let second = empty.replacen(' ', &format!(" {attribute}"), 1);
        for two in [format!("{second}{security}"), format!("{security}{second}")] {
            let two = replaced(&signed, security, &two);
            assert_eq!(replayed(&two), Err(Error::NotSigned("not one Security header")), "{two}");
        }
    }
    // The genuine one inside another element of the Header, with a header of the attacker's in its place.
    let wrapped = replaced(&signed, security, &format!("<w>{security}</w>{empty}"));
    assert_eq!(replayed(&wrapped), Err(Error::NotSigned("not one signature")));
}

fn wsu() -> &'static str {
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
}
