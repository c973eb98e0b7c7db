//! Every form of signature that can be written: xmlsec1 verifies it, and so does this crate, under the policies that have
//! its hash.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::xmlsec;
use avain_xml_security::enveloped::Form;
use avain_xml_security::{C14n, Error, Hash, Policy, enveloped, soap};
use common::{NOW, Pki, parse, part, replaced};
use time::Duration;

const C14NS: [C14n; 4] = [C14n::Inclusive, C14n::InclusiveWithComments, C14n::Exclusive, C14n::ExclusiveWithComments];

/// A request in which comments, unused prefixes, entities and inherited attributes make the forms differ.
const DOCUMENT: &str = r#"<?xml version="1.0"?><!-- before --><?pi before?><r:Request xmlns:r="urn:r" xmlns:unused="urn:u" xmlns="urn:d" xml:lang="fi" b='2' a="1&lt;"><Text>Päivä &amp; yö<!-- comment --></Text><r:Empty/></r:Request><!-- after -->"#;

/// Danske's PKI Factory: one element of the Body is signed.
const FACTORY: &str = r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:pkif="http://danskebank.dk/PKI/PKIFactoryService" xml:lang="da"><soapenv:Header/><soapenv:Body xmlns:unused="urn:u"><pkif:RenewCertificateIn><pkif:RequestHeader xml:id="header"/><elem:RenewCertificateRequest xmlns:elem="http://danskebank.dk/PKI/PKIFactoryService/elements" xml:id="request"><elem:CustomerId>360817</elem:CustomerId><!-- comment --></elem:RenewCertificateRequest></pkif:RenewCertificateIn></soapenv:Body></soapenv:Envelope>"#;

fn forms() -> impl Iterator<Item = Form> {
    let seconds = || C14NS.map(Some).into_iter().chain([None]);
    let hashes = [Hash::Sha1, Hash::Sha256];
    hashes.into_iter().flat_map(move |hash| {
        C14NS.into_iter().flat_map(move |signed_info| {
            seconds().map(move |second_transform| Form { hash, signed_info, second_transform })
        })
    })
}

/// LEGACY takes it; STRICT takes it unless it is SHA-1.
fn judged(hash: Hash, verify: impl Fn(&Policy) -> Result<Vec<u8>, Error>, context: &str) {
    let signer = &Pki::shared().leaf;
    assert_eq!(verify(&Policy::LEGACY).as_ref(), Ok(signer), "{context}");
    match hash {
        Hash::Sha256 => assert_eq!(verify(&Policy::STRICT).as_ref(), Ok(signer), "{context}"),
        Hash::Sha1 => assert!(matches!(verify(&Policy::STRICT), Err(Error::NotAllowed(_))), "{context}"),
    }
}

#[test]
fn every_enveloped_form_verifies() {
    let pki = Pki::shared();
    for form in forms() {
        let signed = enveloped::sign(DOCUMENT, &pki.key(), &form).unwrap();
        let context = format!("{form:?} {signed}");
        let document = parse(&signed);
        judged(form.hash, |policy| enveloped::verify(&document, policy).map(|it| it.signer), &context);
        assert_eq!(replaced(&signed, part(&signed, "<ds:Signature ", "</ds:Signature>"), ""), DOCUMENT);
        let Some(verified) = xmlsec::verify(&signed, &pki.leaf) else { return };
        assert!(verified, "{context}");
        let changed = replaced(&signed, "yö", "yo");
        assert_eq!(enveloped::verify(&parse(&changed), &Policy::LEGACY).unwrap_err(), Error::Digest, "{context}");
        assert_eq!(xmlsec::verify(&changed, &pki.leaf), Some(false), "{context}");
    }
}

#[test]
fn every_form_of_an_element_verifies() {
    let pki = Pki::shared();
    for form in forms() {
        let signed = enveloped::sign_element(FACTORY, "request", &pki.key(), &form).unwrap();
        let context = format!("{form:?} {signed}");
        judged(form.hash, |policy| verify_request(&signed, policy), &context);
        let signature = part(&signed, "<ds:Signature ", "</ds:Signature>");
        assert!(signed.contains(&format!("{signature}</elem:RenewCertificateRequest>")), "{context}");
        assert_eq!(replaced(&signed, signature, ""), FACTORY);
        let Some(verified) = xmlsec::verify(&signed, &pki.leaf) else { return };
        assert!(verified, "{context}");
        let changed = replaced(&signed, "360817", "360818");
        assert_eq!(verify_request(&changed, &Policy::LEGACY), Err(Error::Digest), "{context}");
        assert_eq!(xmlsec::verify(&changed, &pki.leaf), Some(false), "{context}");
    }
}

/// The Ruby gem and Danske's own Ruby client sign the element before they put it into the envelope.
#[test]
fn an_element_signed_as_a_document_of_its_own_verifies_in_its_envelope() {
    let pki = Pki::shared();
    let element = part(FACTORY, "<elem:RenewCertificateRequest", "</elem:RenewCertificateRequest>");
    for form in forms() {
        let signed = enveloped::sign(element, &pki.key(), &form).unwrap();
        let envelope = replaced(FACTORY, element, &signed);
        let exclusive = |c14n| matches!(c14n, C14n::Exclusive | C14n::ExclusiveWithComments);
        if exclusive(form.signed_info) && form.second_transform.is_some_and(exclusive) {
            judged(form.hash, |policy| verify_request(&envelope, policy), &format!("{form:?} {envelope}"));
            let changed = replaced(&envelope, "360817", "360818");
            assert_eq!(verify_request(&changed, &Policy::LEGACY), Err(Error::Digest));
        } else {
            // The context that was signed is not there any more.
            assert!(matches!(verify_request(&envelope, &Policy::LEGACY), Err(Error::NotAllowed(_))), "{form:?}");
        }
    }
}

#[test]
fn envelopes_verify_with_either_hash() {
    let pki = Pki::shared();
    for hash in [Hash::Sha1, Hash::Sha256] {
        let signed = soap::sign(common::ENVELOPE, &pki.key(), hash, "1", NOW, Duration::minutes(5)).unwrap();
        let document = parse(&signed);
        let verify = |policy: &Policy| soap::verify(&document, policy, Some(NOW), Duration::ZERO).map(|it| it.signer);
        judged(hash, verify, &signed);
        let Some(verified) = xmlsec::verify(&signed, &pki.leaf) else { return };
        assert!(verified, "{signed}");
    }
}

#[test]
fn an_element_that_is_not_there_is_not_signed() {
    let sign = |document: &str, id: &str| {
        enveloped::sign_element(document, id, &Pki::shared().key(), &Form::INCLUSIVE).map(|_| ())
    };
    for id in ["", "other", "a b", "request\"", "ä"] {
        let missing = Error::Malformed("no element to sign with this xml:id".into());
        assert_eq!(sign(FACTORY, id), Err(missing), "{id}");
    }
    for other in ["Id=\"request\"", "ID=\"request\"", "id=\"request\""] {
        assert!(sign(&replaced(FACTORY, "xml:id=\"request\"", other), "request").is_err(), "only xml:id counts");
    }
    let signed = enveloped::sign_element(FACTORY, "request", &Pki::shared().key(), &Form::INCLUSIVE).unwrap();
    assert_eq!(sign(&signed, "request"), Err(Error::Malformed("the document has a signature already".into())));
}

fn verify_request(envelope: &str, policy: &Policy) -> Result<Vec<u8>, Error> {
    let document = parse(envelope);
    let operation = soap::unsigned_body(&document)?.children().next().unwrap();
    let request = operation.children().last().unwrap();
    enveloped::verify_element(request, policy).map(|verified| verified.signer)
}
