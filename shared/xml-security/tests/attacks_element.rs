//! Elements with an enveloped signature of their own (Danske's PKI Factory) that must be refused.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::xmlsec;
use avain_xml_security::enveloped::{self, Form};
use avain_xml_security::{C14n, Error, Hash, Policy, soap};
use common::{Pki, parse, part, replaced};

const FORM: Form = Form { hash: Hash::Sha256, signed_info: C14n::Exclusive, second_transform: Some(C14n::Exclusive) };

const ANSWER: &str = r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header/><e:Body><p:Out xmlns:p="urn:p"><p:ResponseHeader/><p:Response xmlns:p="urn:p" xml:id="response"><p:ReturnCode>00</p:ReturnCode><p:Certificate>genuine</p:Certificate></p:Response></p:Out></e:Body></e:Envelope>"#;
const FORGED: &str = "<p:Response><p:ReturnCode>00</p:ReturnCode><p:Certificate>forged</p:Certificate></p:Response>";

/// The certificate that the application would read, under both policies.
fn verify(answer: &str) -> Result<String, Error> {
    let document = parse(answer);
    let out = soap::unsigned_body(&document)?.children().next().unwrap();
    let response = out.child("urn:p", "Response").ok_or(Error::NotSigned("no Response"))?;
    let judged = [Policy::STRICT, Policy::LEGACY].map(|policy| enveloped::verify_element(response, &policy));
    let [strict, legacy] = judged;
    assert_eq!(strict.as_ref().map(|it| &it.signer), legacy.as_ref().map(|it| &it.signer));
    assert_eq!(strict?.signer, Pki::shared().leaf);
    Ok(response.child("urn:p", "Certificate").map(|element| element.text()).unwrap_or_default())
}

fn signed() -> String {
    enveloped::sign_element(ANSWER, "response", &Pki::shared().key(), &FORM).unwrap()
}

fn response(answer: &str) -> &str {
    part(answer, "<p:Response ", "</p:Response>")
}

fn signature(answer: &str) -> &str {
    part(answer, "<ds:Signature ", "</ds:Signature>")
}

#[test]
fn a_signed_element_is_accepted() {
    assert_eq!(verify(&signed()).unwrap(), "genuine");
}

/// The signed element goes elsewhere and keeps its id and signature, another takes its place. xmlsec1 finds the signature
/// right.
#[test]
fn a_moved_element_is_refused() {
    let signed = signed();
    let genuine = response(&signed);
    for (place, forged) in [
        ("<p:ResponseHeader/>", FORGED.to_owned()),
        ("<e:Header/>", FORGED.to_owned()),
        ("<p:ResponseHeader/>", FORGED.replace("<p:Response>", "<p:Response xml:id=\"other\">")),
    ] {
        let around = place.replace("/>", &format!("><w>{genuine}</w></{}>", &place[1..place.len() - 2]));
        let wrapped = replaced(&replaced(&signed, genuine, &forged), place, &around);
        assert_ne!(xmlsec::verify(&wrapped, &Pki::shared().leaf), Some(false));
        assert_eq!(verify(&wrapped), Err(Error::NotSigned("no signature")));
    }
    // The forged element takes the signature along, or has the genuine one in it.
    let with_signature = FORGED.replace("</p:Response>", &format!("{}</p:Response>", signature(&signed)));
    let bare = genuine.replace(signature(&signed), "");
    let wrapped =
        replaced(&replaced(&signed, genuine, &with_signature), "<p:ResponseHeader/>", &format!("<w>{bare}</w>"));
    assert_eq!(verify(&wrapped), Err(Error::NotCovered("the reference is not to the element")));
    let with_genuine = FORGED.replace("</p:Response>", &format!("{genuine}</p:Response>"));
    let not_a_child = Err(Error::NotCovered("the signature is not a child of what it signs"));
    assert_eq!(verify(&replaced(&signed, genuine, &with_genuine)), not_a_child);
}

#[test]
fn a_second_element_of_the_name_is_refused() {
    let signed = signed();
    for two in [FORGED.to_owned() + response(&signed), response(&signed).to_owned() + FORGED] {
        assert_eq!(verify(&replaced(&signed, response(&signed), &two)), Err(Error::NotSigned("no Response")));
    }
}

#[test]
fn the_same_id_twice_is_refused() {
    let signed = signed();
    for id in ["xml:id", "Id", "ID", "u:Id"] {
        let utility = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
        let second = format!("<p:ResponseHeader xmlns:u=\"{utility}\" {id}=\"response\"/>");
        let twice = replaced(&signed, "<p:ResponseHeader/>", &second);
        assert_eq!(verify(&twice), Err(Error::NotCovered("two elements have one id")), "{id}");
    }
}

/// Only `xml:id` is the id of such an element: another attribute of the value must not take its part.
#[test]
fn an_id_of_another_kind_is_refused() {
    for id in ["Id", "ID", "id"] {
        let renamed = replaced(&signed(), "xml:id=\"response\"", &format!("{id}=\"response\""));
        assert_eq!(verify(&renamed), Err(Error::NotCovered("the reference is not to the element")), "{id}");
    }
}

#[test]
fn a_reference_to_something_else_is_refused() {
    for uri in ["#other", "#", "#Response", "response", "#response ", "#xpointer(/)", "#xpointer(id('response'))", "/"]
    {
        let changed = replaced(&signed(), "URI=\"#response\"", &format!("URI=\"{uri}\""));
        assert_eq!(verify(&changed), Err(Error::NotCovered("the reference is not to the element")), "{uri}");
    }
    // Empty and absent mean the element as a document of its own: not what was signed here.
    assert_eq!(verify(&replaced(&signed(), "URI=\"#response\"", "URI=\"\"")), Err(Error::SignatureValue));
    assert_eq!(verify(&replaced(&signed(), " URI=\"#response\"", "")), Err(Error::SignatureValue));
    let empty = replaced(&signed(), "xml:id=\"response\"", "xml:id=\"\"");
    let changed = replaced(&empty, "URI=\"#response\"", "URI=\"#\"");
    assert_eq!(verify(&changed), Err(Error::NotCovered("the reference is not to the element")));
}

#[test]
fn another_number_of_signatures_is_refused() {
    let signed = signed();
    let two = replaced(&signed, signature(&signed), &signature(&signed).repeat(2));
    assert_eq!(verify(&two), Err(Error::NotSigned("more than one signature")));
    let hidden = format!("<p:Certificate>genuine<x>{}</x>", signature(&signed));
    assert_eq!(
        verify(&replaced(&signed, "<p:Certificate>genuine", &hidden)),
        Err(Error::NotSigned("more than one signature"))
    );
    assert_eq!(verify(&replaced(&signed, signature(&signed), "")), Err(Error::NotSigned("no signature")));
    assert_eq!(verify(ANSWER), Err(Error::NotSigned("no signature")));
}

#[test]
fn changed_content_is_refused() {
    assert_eq!(verify(&replaced(&signed(), "genuine", "changed")), Err(Error::Digest));
    assert_eq!(verify(&replaced(&signed(), "</ds:Signature>", "</ds:Signature>x")), Err(Error::Digest));
    let commented = replaced(&signed(), "genuine", "gen<!-- x -->uine");
    assert_eq!(verify(&commented).unwrap(), "genuine", "a comment does not shorten what is read");
    let renamed = replaced(&signed(), "xml:id=\"response\"", "xml:id=\"other\"");
    assert_eq!(verify(&replaced(&renamed, "#response", "#other")), Err(Error::SignatureValue));
}
