//! What this crate signs verifies with xmlsec1, and the other way round.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::xmlsec;
use avain_xml_security::{Document, Error, Hash, Policy, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::content::element;
use common::{NOW, Pki, parse, replaced};
use proptest::prelude::*;
use time::Duration;

const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const C14N_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const EXCLUSIVE_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
const CANONICALISATIONS: [&str; 4] = [C14N, C14N_COMMENTS, EXCLUSIVE, EXCLUSIVE_COMMENTS];

const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// Content in which canonicalisation has something to do.
const CONTENT: &str = r#"<a xmlns="urn:d" xmlns:p="urn:p" xmlns:unused="urn:u" p:z='1' b = "&lt;&quot;&#9;ä" xml:lang="fi"  a="'" of-lines="one
	two" p:mixed='&#13;&#10;
"&amp;"'>text &gt; &#13;
 <!-- comment --><p:c xmlns:p="urn:q" xmlns=""><d/><![CDATA[<&]]></p:c><?pi some data?><e xmlns="urn:d"></e></a  >"#;

#[test]
fn xmlsec1_verifies_what_is_signed_here() {
    let pki = Pki::shared();
    let tricky = format!("<x:r xmlns:x='urn:x' xml:space='preserve' xmlns=\"urn:o\">{CONTENT}<!-- > --></x:r>");
    let empty = r#"<?xml version="1.0"?><!-- before --><r  a=">" />"#;
    let envelope = replaced(
        common::ENVELOPE,
        "<soapenv:Header/>",
        "<soapenv:Header x=\"'>'\">\n<other xmlns='urn:other'/>\n</soapenv:Header>",
    );
    let envelope = replaced(&envelope, "<mod:SenderId>", &format!("{CONTENT}<mod:SenderId>"));
    let signed = [
        pki.signed_request(),
        enveloped::sign(&tricky, &pki.key(), &enveloped::Form::INCLUSIVE).unwrap(),
        enveloped::sign(empty, &pki.key(), &enveloped::Form::INCLUSIVE).unwrap(),
        pki.signed_envelope(),
        soap::sign(&envelope, &pki.key(), Hash::Sha256, "a-1", NOW, Duration::minutes(1)).unwrap(),
    ];
    for (index, signed) in signed.iter().enumerate() {
        let Some(verified) = xmlsec::verify(signed, &pki.leaf) else { return };
        assert!(verified, "{signed}");
        match index {
            0..3 => assert_eq!(enveloped::verify(&parse(signed), &Policy::STRICT).unwrap().signer, pki.leaf),
            _ => assert_eq!(verify_soap(signed), Ok(()), "{signed}"),
        }
    }
    assert_eq!(
        xmlsec::verify(&signed[3].replace("11111111", "11111112"), &pki.leaf),
        Some(false),
        "it judges the Body"
    );
    assert_eq!(
        xmlsec::verify(&signed[3].replace("10:05:00Z", "10:06:00Z"), &pki.leaf),
        Some(false),
        "and the Timestamp"
    );
    assert_eq!(xmlsec::verify(&signed[3], &Pki::new().leaf), Some(false), "and the key");
}

#[test]
fn what_xmlsec1_signs_verifies_here_enveloped() {
    let pki = Pki::shared();
    let key_info = x509_data(&pki.leaf);
    for canonicalisation in CANONICALISATIONS {
        let explicit = CANONICALISATIONS.map(Some);
        for second in explicit.into_iter().chain([None]) {
            for uri in ["URI=\"\"", "URI=\"#xpointer(/)\""] {
                let transforms = [Some(ENVELOPED), second].into_iter().flatten().map(transform).collect::<String>();
                let signature = template(canonicalisation, &reference(uri, &transforms), &key_info);
                let document =
                    format!("<!-- before --><r xmlns:q=\"urn:q\" xml:lang=\"en\">{CONTENT}{signature}\n</r>");
                let Some(signed) = xmlsec::sign(&document, &pki.private_key) else { return };
                let verified = enveloped::verify(&parse(&signed), &Policy::STRICT);
                assert_eq!(verified.unwrap().signer, pki.leaf, "{canonicalisation} {second:?} {uri}");
                let changed = replaced(&signed, "some data", "Some data");
                assert_eq!(enveloped::verify(&parse(&changed), &Policy::STRICT).unwrap_err(), Error::Digest);
            }
        }
    }
}

#[test]
fn what_xmlsec1_signs_verifies_here_soap() {
    for canonicalisation in CANONICALISATIONS {
        for prefixes in [None, Some(""), Some("q #default unused")] {
            let prefixes = prefixes.filter(|_| canonicalisation.starts_with(EXCLUSIVE)).map(inclusive_namespaces);
            let transform = parameterised("Transform", canonicalisation, &prefixes.unwrap_or_default());
            let body = reference("URI=\"#B\"", &transform);
            let timestamp = reference("URI=\"#T\"", &transform);
            for references in [body.clone(), format!("{timestamp}{body}"), format!("{body}{timestamp}")] {
                let Some(signed) = xmlsec::sign(&envelope(canonicalisation, &references), &Pki::shared().private_key)
                else {
                    return;
                };
                assert_eq!(verify_soap(&signed), Ok(()), "{signed}");
                let changed = replaced(&signed, "some data", "Some data");
                assert_eq!(verify_soap(&changed), Err(Error::Digest));
            }
        }
    }
}

/// A signature that is right in every way, over the Timestamp only.
#[test]
fn a_signed_timestamp_alone_is_not_enough() {
    let timestamp = reference("URI=\"#T\"", &transform(EXCLUSIVE));
    let Some(signed) = xmlsec::sign(&envelope(EXCLUSIVE, &timestamp), &Pki::shared().private_key) else { return };
    assert_eq!(verify_soap(&signed), Err(Error::NotCovered("the Body is not signed")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Both programs canonicalise alike, whatever the namespaces, attributes and text are.
    #[test]
    fn any_content_is_canonicalised_alike(content in element(), canonicalisation in prop::sample::select(&CANONICALISATIONS[..])) {
        let reference = reference("URI=\"#B\"", &transform(canonicalisation));
        let template = replaced(&envelope(canonicalisation, &reference), CONTENT, &content);
        prop_assume!(Document::parse(template.as_bytes()).is_ok());
        if let Some(signed) = xmlsec::sign(&template, &Pki::shared().private_key) {
            prop_assert_eq!(verify_soap(&signed), Ok(()), "{}", signed);
        }
    }
}

fn verify_soap(signed: &str) -> Result<(), Error> {
    let document = parse(signed);
    let verified = soap::verify(&document, &Policy::STRICT, Some(NOW), Duration::ZERO)?;
    assert_eq!(verified.signer, Pki::shared().leaf);
    assert!(verified.body.is("http://schemas.xmlsoap.org/soap/envelope/", "Body"));
    assert_eq!(
        verified.validity.is_some(),
        signed.matches("Reference URI=").count() == 3,
        "two signed, one of KeyInfo"
    );
    Ok(())
}

fn envelope(canonicalisation: &str, references: &str) -> String {
    let certificate = STANDARD.encode(&Pki::shared().leaf);
    let key_info = "<wsse:SecurityTokenReference><wsse:Reference URI=\"#X\"/></wsse:SecurityTokenReference>";
    let signature = template(canonicalisation, references, key_info);
    format!(
        r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:q="urn:q"><e:Header><wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><wsse:BinarySecurityToken wsu:Id="X">{certificate}</wsse:BinarySecurityToken>{signature}<wsu:Timestamp wsu:Id="T"><wsu:Created>2027-01-15T09:59:00.5Z</wsu:Created><wsu:Expires>2027-01-15T12:01:00+02:00</wsu:Expires></wsu:Timestamp></wsse:Security></e:Header><e:Body xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" u:Id="B">{CONTENT}</e:Body></e:Envelope>"#
    )
}

fn template(canonicalisation: &str, references: &str, key_info: &str) -> String {
    format!(
        r#"<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">
  <SignedInfo><CanonicalizationMethod Algorithm="{canonicalisation}"/><!-- comment -->
    <SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>{references}</SignedInfo>
  <SignatureValue/><KeyInfo>{key_info}</KeyInfo></Signature>"#
    )
}

fn reference(uri: &str, transforms: &str) -> String {
    format!(
        r#"<Reference {uri}><Transforms>{transforms}</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference>"#
    )
}

fn transform(algorithm: &str) -> String {
    parameterised("Transform", algorithm, "")
}

fn parameterised(element: &str, algorithm: &str, parameter: &str) -> String {
    format!(r#"<{element} Algorithm="{algorithm}">{parameter}</{element}>"#)
}

fn inclusive_namespaces(prefixes: &str) -> String {
    format!(r#"<InclusiveNamespaces xmlns="{EXCLUSIVE}" PrefixList="{prefixes}"/>"#)
}

fn x509_data(certificate: &[u8]) -> String {
    format!("<X509Data><X509Certificate>{}</X509Certificate></X509Data>", STANDARD.encode(certificate))
}
