//! Messages that the genuine key has signed, and that must be refused all the same: by a transform or a reference that is
//! not listed, or before anything is verified. Envelope, document and element, each under both policies.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::xmlsec;
use avain_xml_security::{Document, Error};
use common::places::{C14N, PLACES, Place, reference, refused};
use common::{Pki, replaced};

#[test]
fn an_xpath_transform_is_refused() {
    for expression in ["not(ancestor-or-self::m:Amount)", "false()", "true()"] {
        refused(|place, parts| {
            let xpath = format!(
                r#"<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath xmlns:m="urn:m">{expression}</XPath></Transform>"#
            );
            parts.references = reference(place.uri(), &format!("{}{xpath}{C14N}", place.enveloped()));
        });
    }
}

#[test]
fn an_xpath_filter_is_refused() {
    refused(|place, parts| {
        let filter = r#"<Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><XPath xmlns="http://www.w3.org/2002/06/xmldsig-filter2" xmlns:m="urn:m" Filter="subtract">//m:Amount</XPath></Transform>"#;
        parts.references = reference(place.uri(), &format!("{}{filter}{C14N}", place.enveloped()));
    });
}

#[test]
fn an_xslt_transform_is_refused() {
    refused(|place, parts| {
        let xslt = r#"<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/"><constant/></xsl:template></xsl:stylesheet></Transform>"#;
        parts.references = reference(place.uri(), &format!("{}{xslt}{C14N}", place.enveloped()));
    });
}

#[test]
fn a_base64_transform_is_refused() {
    refused(|place, parts| {
        let base64 = r#"<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"/>"#;
        parts.references = reference(place.uri(), &format!("{}{base64}", place.enveloped()));
    });
}

/// What a reference names is looked for in the message and nowhere else; nothing is fetched or opened.
#[test]
fn external_references_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signed.xml");
    std::fs::write(&file, "<a/>").unwrap();
    refused(|_, parts| {
        // xmlsec1 does open it: the digest is right.
        parts.references = reference(&format!("file://{}", file.display()), C14N);
    });
    for place in PLACES {
        let Some(signed) = xmlsec::sign(&place.template(&place.parts()), &Pki::shared().private_key) else { return };
        let uri = format!("<Reference URI=\"{}\"", place.uri());
        for other in [
            "http://127.0.0.1:9/",
            "https://example.com/#B",
            "file:///etc/passwd",
            "cid:part@example.com",
            "data:text/xml,%3Ca/%3E",
            "//example.com/",
            "B",
            "?",
        ] {
            let judged = place.judge(&replaced(&signed, &uri, &format!("<Reference URI=\"{other}\"")));
            assert!(matches!(judged, Err(Error::NotCovered(_))), "{other} {judged:?}");
        }
    }
}

/// A second reference, to a file, beside the one that is in order.
#[test]
fn a_second_external_reference_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signed.xml");
    std::fs::write(&file, "<a/>").unwrap();
    refused(|_, parts| parts.references += &reference(&format!("file://{}", file.display()), C14N));
}

#[test]
fn xpointers_other_than_the_whole_document_are_refused() {
    let whole = "#xpointer(/)";
    for place in PLACES {
        let Some(signed) = xmlsec::sign(&place.template(&place.parts()), &Pki::shared().private_key) else { return };
        let uri = format!("<Reference URI=\"{}\"", place.uri());
        let id = place.uri().trim_start_matches('#');
        for other in [
            format!("#xpointer(id('{id}'))"),
            format!("#xpointer(id(&quot;{id}&quot;))"),
            format!("#xpointer(//*[@Id='{id}'])"),
            "#xpointer(/*)".to_owned(),
            "#xpointer(/ )".to_owned(),
            "#xmlns(e=urn:e)xpointer(/)".to_owned(),
            "#element(/1)".to_owned(),
            format!("#element({id}/1)"),
            format!("#{id} "),
            format!("#{id}#{id}"),
            format!(" #{id}"),
            "#".to_owned(),
            "##".to_owned(),
        ] {
            let judged = place.judge(&replaced(&signed, &uri, &format!("<Reference URI=\"{other}\"")));
            assert!(matches!(judged, Err(Error::NotCovered(_))), "{place:?} {other} {judged:?}");
        }
        let judged = place.judge(&replaced(&signed, &uri, &format!("<Reference URI=\"{whole}\"")));
        match place {
            // It means the whole document, and is not what was signed here.
            Place::Document => assert_eq!(judged, Err(Error::SignatureValue)),
            _ => assert!(matches!(judged, Err(Error::NotCovered(_)))),
        }
    }
}

/// However many references there are: the ninth is not even read.
#[test]
fn a_huge_number_of_references_is_refused() {
    for place in PLACES {
        let mut parts = place.parts();
        parts.references = parts.references.repeat(100_000);
        let message = place.template(&parts);
        let judged = place.judge(&message);
        assert_eq!(judged, Err(Error::NotAllowed("the number of references".into())), "{place:?}");
    }
}

#[test]
fn entity_bombs_and_document_types_are_refused_before_anything_is_verified() {
    for place in PLACES {
        let Some(signed) = xmlsec::sign(&place.template(&place.parts()), &Pki::shared().private_key) else { return };
        let start = signed.find("<e:").or_else(|| signed.find("<d:")).unwrap();
        for document_type in [
            "<!DOCTYPE a>",
            "<!DOCTYPE a SYSTEM \"http://example.com/a.dtd\">",
            "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]>",
            "<!DOCTYPE a [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>",
            "<!DOCTYPE a [<!ATTLIST e:Body Id ID #IMPLIED>]>",
        ] {
            let attack = format!("{}{document_type}{}", &signed[..start], &signed[start..]);
            assert!(matches!(Document::parse(attack.as_bytes()).err(), Some(Error::Malformed(_))), "{attack}");
        }
        let attack = replaced(&signed, ">1000<", ">&c;<");
        assert!(matches!(Document::parse(attack.as_bytes()).err(), Some(Error::Malformed(_))), "{attack}");
    }
}

#[test]
fn deep_nesting_is_refused_before_anything_is_verified() {
    for place in PLACES {
        let Some(signed) = xmlsec::sign(&place.template(&place.parts()), &Pki::shared().private_key) else { return };
        for depth in [100, 100_000] {
            let nested = format!(">{}{}<", "<n>".repeat(depth), "</n>".repeat(depth));
            let attack = replaced(&signed, ">1000<", &nested);
            assert!(matches!(Document::parse(attack.as_bytes()).err(), Some(Error::Malformed(_))));
        }
    }
}
