//! Messages that the genuine key has signed, and that must be refused all the same, or that need no key at all: by an
//! algorithm, a parameter or a way of naming the key that is not listed. Envelope, document and element, each under both
//! policies.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::xmlsec;
use avain_xml_security::Error;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::places::{DSIG, PLACES, Parts, Place, RSA_SHA256, reference, refused};
use common::{Pki, part, replaced};

#[test]
fn what_the_attacks_start_from_is_accepted() {
    for place in PLACES {
        let Some(signed) = xmlsec::sign(&place.template(&place.parts()), &Pki::shared().private_key) else { return };
        assert_eq!(place.judge(&signed), Ok(()), "{signed}");
        let changed = replaced(&signed, ">1000<", ">9000<");
        assert_eq!(place.judge(&changed), Err(Error::Digest));
    }
}

#[test]
fn canonical_xml_1_1_is_refused() {
    let c14n11 = "http://www.w3.org/2006/12/xml-c14n11";
    refused(|place, parts| {
        let transform = format!(r#"<Transform Algorithm="{c14n11}"/>"#);
        parts.references = reference(place.uri(), &format!("{}{transform}", place.enveloped()));
    });
    refused(|_, parts| parts.c14n = format!(r#"<CanonicalizationMethod Algorithm="{c14n11}"/>"#));
}

/// `SignedInfo` after a transform that leaves out the references would sign anything.
#[test]
fn a_canonicalisation_that_is_another_transform_is_refused() {
    for place in PLACES {
        let signed = xmlsec::sign(&place.template(&place.parts()), &Pki::shared().private_key);
        let Some(signed) = signed else { return };
        for other in ["http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/TR/1999/REC-xslt-19991116", ""]
        {
            let method = part(&signed, "<CanonicalizationMethod", "/>");
            let other = format!(r#"<CanonicalizationMethod Algorithm="{other}"/>"#);
            assert!(matches!(place.judge(&replaced(&signed, method, &other)), Err(Error::NotAllowed(_))));
        }
    }
}

/// Each element is held against each prefix of the list: a long one over a large message would take long.
#[test]
fn a_long_list_of_prefixes_is_refused() {
    for (prefixes, accepted) in [(64, true), (65, false), (100_000, false)] {
        for place in PLACES {
            let list: Vec<String> = (0..prefixes).map(|number| format!("p{number}")).collect();
            let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
            let list = format!("<InclusiveNamespaces xmlns=\"{exclusive}\" PrefixList=\"{}\"/>", list.join(" "));
            let c14n = format!("<CanonicalizationMethod Algorithm=\"{exclusive}\">{list}</CanonicalizationMethod>");
            let parts = Parts { c14n, ..place.parts() };
            let Some(signed) = xmlsec::sign(&place.template(&parts), &Pki::shared().private_key) else { return };
            let expected =
                if accepted { Ok(()) } else { Err(Error::NotAllowed("the length of a list of prefixes".into())) };
            assert_eq!(place.judge(&signed), expected);
        }
    }
}

#[test]
fn other_signature_methods_are_refused() {
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    for method in ["rsa-sha224", "rsa-sha384", "rsa-sha512", "rsa-ripemd160", "rsa-md5"] {
        refused(|_, parts| parts.method = format!(r#"<SignatureMethod Algorithm="{more}{method}"/>"#));
    }
    for digest in ["sha224", "sha384", "md5"] {
        refused(|_, parts| {
            parts.references =
                parts.references.replace("http://www.w3.org/2001/04/xmlenc#sha256", &format!("{more}{digest}"));
        });
    }
    refused(|_, parts| parts.references = parts.references.replace("xmlenc#sha256", "xmlenc#sha512"));
}

/// The value made again over the `SignedInfo` that names another method, by whoever has what that method needs.
fn resigned(place: Place, method: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> Option<String> {
    let signed = xmlsec::sign(&place.template(&place.parts()), &Pki::shared().private_key)?;
    let signed = replaced(&signed, part(&signed, "<SignatureMethod", "/>"), method);
    let signed_info = part(&signed, "<SignedInfo", "</SignedInfo>");
    let canonical = bergshamra_c14n::canonicalize::<&str>(
        &signed_info.replacen("<SignedInfo", &format!("<SignedInfo xmlns=\"{DSIG}\""), 1),
        bergshamra_c14n::C14nMode::Exclusive,
        None,
        &[],
    );
    let value = STANDARD.encode(sign(&canonical.unwrap()));
    let old = part(&signed, "<SignatureValue>", "</SignatureValue>").to_owned();
    Some(replaced(&signed, &old, &format!("<SignatureValue>{value}</SignatureValue>")))
}

/// Algorithm confusion: the public key, which everybody has, as the secret of an HMAC; then cut to a byte.
#[test]
fn an_hmac_with_the_public_key_as_its_secret_is_refused() {
    let pki = Pki::shared();
    let key = KeyPair::from_pkcs8(&pki.private_key).unwrap();
    let pem = xmlsec::pem("CERTIFICATE", &pki.leaf).into_bytes();
    for secret in [key.public_key().as_ref(), &pki.leaf, &pem] {
        for (name, algorithm) in [
            ("http://www.w3.org/2000/09/xmldsig#hmac-sha1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", hmac::HMAC_SHA256),
        ] {
            for length in ["", "<HMACOutputLength>8</HMACOutputLength>", "<HMACOutputLength>0</HMACOutputLength>"] {
                let method = format!(r#"<SignatureMethod Algorithm="{name}">{length}</SignatureMethod>"#);
                for place in PLACES {
                    let forged = resigned(place, &method, |message| {
                        let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message);
                        let kept = if length.contains('8') { 1 } else { tag.as_ref().len() };
                        tag.as_ref()[..if length.contains(">0<") { 0 } else { kept }].to_vec()
                    });
                    let Some(forged) = forged else { return };
                    assert_eq!(place.judge(&forged), Err(Error::NotAllowed(format!("algorithm {name}"))));
                }
            }
        }
    }
}

#[test]
fn a_truncated_value_is_refused() {
    for place in PLACES {
        let Some(signed) = xmlsec::sign(&place.template(&place.parts()), &Pki::shared().private_key) else { return };
        let element = part(&signed, "<SignatureValue>", "</SignatureValue>").to_owned();
        let base64: String =
            element["<SignatureValue>".len()..].split('<').next().unwrap().split_whitespace().collect();
        let value = STANDARD.decode(base64).unwrap();
        let longer = [&[0], value.as_slice()].concat();
        for other in [&value[..0], &value[..1], &value[..255], &value[1..], &longer, &[0; 256]] {
            let other = format!("<SignatureValue>{}</SignatureValue>", STANDARD.encode(other));
            assert_eq!(place.judge(&replaced(&signed, &element, &other)), Err(Error::SignatureValue));
        }
        let parameter = r#"rsa-sha256"><HMACOutputLength>8</HMACOutputLength></SignatureMethod>"#;
        let limited = replaced(&signed, "rsa-sha256\"/>", parameter);
        assert!(matches!(place.judge(&limited), Err(Error::NotAllowed(_))));
    }
}

/// By its own name, and disguised as the scheme that is allowed.
#[test]
fn rsassa_pss_is_refused() {
    let key = KeyPair::from_pkcs8(&Pki::shared().private_key).unwrap();
    let pss = |message: &[u8]| {
        let mut value = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut value).unwrap();
        value
    };
    let methods =
        ["http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", "http://www.w3.org/2007/05/xmldsig-more#rsa-pss"];
    for place in PLACES {
        for name in methods {
            let Some(named) = resigned(place, &format!(r#"<SignatureMethod Algorithm="{name}"/>"#), pss) else {
                return;
            };
            assert_eq!(place.judge(&named), Err(Error::NotAllowed(format!("algorithm {name}"))));
        }
        let disguised = resigned(place, &format!(r#"<SignatureMethod Algorithm="{RSA_SHA256}"/>"#), pss).unwrap();
        assert_eq!(place.judge(&disguised), Err(Error::SignatureValue));
    }
}

/// A key without a certificate proves nobody's identity, whoever holds it.
#[test]
fn a_key_without_a_certificate_is_refused() {
    let mine = Pki::new();
    for place in PLACES {
        // xmlsec1 writes the attacker's own public key into it.
        let parts = Parts { key_info: "<KeyValue/>".to_owned(), ..place.parts() };
        let Some(signed) = xmlsec::sign(&place.template(&parts), &mine.private_key) else { return };
        assert_eq!(xmlsec::verify(&signed, &mine.leaf), Some(true));
        let judged = place.judge(&signed);
        assert!(matches!(judged, Err(Error::NotSigned(_))), "{place:?} {judged:?} {signed}");

        let key = part(&signed, "<KeyValue>", "</KeyValue>");
        for other in ["", "<KeyName>the bank</KeyName>", "<RetrievalMethod URI=\"http://example.com/\"/>"] {
            let judged = place.judge(&replaced(&signed, key, other));
            assert!(matches!(judged, Err(Error::NotSigned(_))), "{place:?} {judged:?}");
        }
        // Beside the genuine certificate another's key is of no account.
        let beside = replaced(&signed, key, &format!("{key}{}", place.parts().key_info));
        assert_eq!(place.judge(&beside), Err(Error::SignatureValue), "{place:?} {beside}");
    }
}
