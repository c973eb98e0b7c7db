//! Documents with an enveloped signature that must be refused.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_xml_security::{Error, Policy, enveloped};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::{Pki, REQUEST, parse, part, replaced};

const CUSTOMER: (&str, &str) = ("http://bxd.fi/xmldata/", "CustomerId");

/// The `CustomerId` that the application would read.
fn verify(document: &str) -> Result<String, Error> {
    let document = parse(document);
    let judged = enveloped::verify(&document, &Policy::STRICT);
    assert_eq!(
        judged.is_ok(),
        enveloped::verify(&document, &Policy::LEGACY).is_ok(),
        "LEGACY accepts nothing of this either"
    );
    let verified = judged?;
    assert_eq!(verified.signer, Pki::shared().leaf);
    Ok(document.root().child(CUSTOMER.0, CUSTOMER.1).map(|element| element.text()).unwrap_or_default())
}

fn signed() -> String {
    Pki::shared().signed_request()
}

fn signature(document: &str) -> &str {
    part(document, "<ds:Signature ", "</ds:Signature>")
}

#[test]
fn a_signed_document_is_accepted_and_keeps_its_bytes() {
    let signed = signed();
    assert_eq!(verify(&signed).unwrap(), "162355330");
    assert_eq!(replaced(&signed, signature(&signed), ""), REQUEST);
    assert!(signed.ends_with("</ds:Signature></ApplicationRequest>"));
}

#[test]
fn changed_content_is_refused() {
    let signed = signed();
    assert_eq!(verify(&replaced(&signed, "162355330", "162355331")), Err(Error::Digest));
    assert_eq!(verify(&replaced(&signed, "<Command>", "<Command >")).unwrap(), "162355330", "the same canonical form");
    assert_eq!(verify(&replaced(&signed, "<Command>", " <Command>")), Err(Error::Digest));
    assert_eq!(verify(&replaced(&signed, "</ds:Signature>", "</ds:Signature>x")), Err(Error::Digest));
    assert_eq!(verify(&format!("{signed}<?after?>")), Err(Error::Digest));
    let digest = part(&signed, "<ds:DigestValue>", "</ds:DigestValue>");
    let other = format!("<ds:DigestValue>{}</ds:DigestValue>", STANDARD.encode([7; 32]));
    assert_eq!(verify(&replaced(&signed, digest, &other)), Err(Error::SignatureValue));
}

/// Inclusive canonicalisation: a namespace in scope of `SignedInfo` is part of what is signed.
#[test]
fn a_changed_namespace_context_is_refused() {
    let changed = replaced(&signed(), "<ApplicationRequest ", "<ApplicationRequest xmlns:new=\"urn:new\" ");
    assert_eq!(verify(&changed), Err(Error::SignatureValue));
}

/// The signed document becomes a part of another one.
#[test]
fn a_wrapped_document_is_refused() {
    let signed = signed();
    let inner = part(&signed, "<ApplicationRequest", "</ApplicationRequest>");
    let forged = "<ApplicationRequest xmlns=\"http://bxd.fi/xmldata/\"><CustomerId>1</CustomerId>";
    let wrapped = format!("{forged}<CustomerExtension>{inner}</CustomerExtension></ApplicationRequest>");
    let not_a_child = Err(Error::NotCovered("the signature is not a child of what it signs"));
    assert_eq!(verify(&wrapped), not_a_child);

    let bare = inner.replace(signature(inner), "");
    let wrapped = format!("{forged}<x>{bare}</x>{}</ApplicationRequest>", signature(inner));
    assert!(matches!(verify(&wrapped), Err(Error::Digest | Error::SignatureValue)));
}

/// What an Object holds is outside of what the enveloped transform leaves.
#[test]
fn content_in_the_signature_is_refused() {
    let object = "<ds:Object><CustomerId xmlns=\"http://bxd.fi/xmldata/\">1</CustomerId></ds:Object></ds:Signature>";
    assert!(matches!(verify(&replaced(&signed(), "</ds:Signature>", object)), Err(Error::NotAllowed(_))));
}

#[test]
fn another_number_of_signatures_is_refused() {
    let signed = signed();
    assert_eq!(verify(REQUEST), Err(Error::NotSigned("no signature")));
    let two = replaced(&signed, signature(&signed), &signature(&signed).repeat(2));
    assert_eq!(verify(&two), Err(Error::NotSigned("more than one signature")));
    let elsewhere = replaced(&signed, "</Command>", &format!("</Command><x>{}</x>", signature(&signed)));
    assert_eq!(verify(&elsewhere), Err(Error::NotSigned("more than one signature")));
    let again = enveloped::sign(&signed, &Pki::shared().key(), &enveloped::Form::INCLUSIVE);
    assert_eq!(again, Err(Error::Malformed("the document has a signature already".into())));
}

#[test]
fn another_reference_is_refused() {
    let signed = signed();
    for uri in ["#a", "#", "#xpointer(id('a'))", "#xpointer(/ApplicationRequest)", "file:///etc/passwd", " "] {
        let other = replaced(&signed, "<Command>", "<Command Id=\"a\">").replace("URI=\"\"", &format!("URI=\"{uri}\""));
        assert_eq!(verify(&other), Err(Error::NotCovered("the reference is not to the whole document")), "{uri}");
    }
    let reference = part(&signed, "<ds:Reference ", "</ds:Reference>");
    let two = replaced(&signed, reference, &reference.repeat(2));
    assert_eq!(verify(&two), Err(Error::NotCovered("more than one reference")));
    // Absent means the whole document too, but it is not what was signed here.
    assert_eq!(verify(&replaced(&signed, " URI=\"\"", "")), Err(Error::SignatureValue));
}

#[test]
fn other_transforms_are_refused() {
    let enveloped =
        r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>"#;
    let transform = |algorithm: &str| format!(r#"<ds:Transform Algorithm="{algorithm}"></ds:Transform>"#);
    let inclusive = transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315");
    let xpath = "<ds:XPath>ancestor-or-self::ds:Signature</ds:XPath></ds:Transform>";
    for transforms in [
        String::new(),
        inclusive.clone(),
        format!("{inclusive}{enveloped}"),
        enveloped.repeat(2),
        format!("{enveloped}{inclusive}{inclusive}"),
        format!("{enveloped}{}", transform("http://www.w3.org/TR/1999/REC-xpath-19991116")),
        format!("{enveloped}{}", transform("http://www.w3.org/TR/1999/REC-xslt-19991116")),
        transform("http://www.w3.org/TR/1999/REC-xpath-19991116").replace("</ds:Transform>", xpath),
        enveloped.replace("</ds:Transform>", xpath),
    ] {
        let other = replaced(&signed(), enveloped, &transforms);
        assert!(matches!(verify(&other), Err(Error::NotAllowed(_))), "{transforms}: {:?}", verify(&other));
    }
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let other = Pki::new();
    let signed = enveloped::sign(REQUEST, &other.key(), &enveloped::Form::INCLUSIVE).unwrap();
    let disguised = replaced(&signed, &STANDARD.encode(&other.leaf), &STANDARD.encode(&Pki::shared().leaf));
    assert_eq!(verify(&disguised), Err(Error::SignatureValue));
}

#[test]
fn key_info_must_hold_one_certificate() {
    let signed = signed();
    let element = part(&signed, "<ds:X509Certificate>", "</ds:X509Certificate>");
    for other in [String::new(), element.repeat(2)] {
        let other = replaced(&signed, element, &other);
        assert_eq!(verify(&other), Err(Error::NotSigned("KeyInfo has not one certificate")));
    }
    let without = replaced(&signed, part(&signed, "<ds:KeyInfo>", "</ds:KeyInfo>"), "");
    assert_eq!(verify(&without), Err(Error::NotAllowed("the form of Signature".into())));
    let more = replaced(&signed, "<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>name</ds:KeyName>");
    assert_eq!(verify(&more).unwrap(), "162355330");
}

/// Canonical form without comments: what is read is the same with and without them.
#[test]
fn a_comment_in_text_does_not_shorten_what_is_read() {
    assert_eq!(verify(&replaced(&signed(), "162355330", "1623<!-- x -->55330")).unwrap(), "162355330");
    assert_eq!(verify(&replaced(&signed(), "162355330", "1623<![CDATA[55330]]>")).unwrap(), "162355330");
}
