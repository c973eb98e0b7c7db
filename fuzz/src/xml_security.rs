//! The parsers of `avain-xml-security`. What can be judged beyond "no panic" is asserted.

use std::sync::LazyLock;

use avain_xml_security::certificate::{Roots, summary, verify_chain, verify_encryption_chain};
use avain_xml_security::encryption::{Cipher, DecryptionKey, decrypt};
use avain_xml_security::{Document, Element, Error, Policy, enveloped, inspect, soap};
use time::{Duration, OffsetDateTime};

/// Parsing, and the verification of a signed envelope.
pub fn envelope(data: &[u8]) {
    let Ok(document) = Document::parse(data) else { return };
    for policy in [Policy::STRICT, Policy::LEGACY] {
        let verified = soap::verify(&document, &policy, Some(OffsetDateTime::UNIX_EPOCH), Duration::ZERO);
        let inspected = inspect::soap(&document, &policy);
        let without_time = soap::verify(&document, &policy, None, Duration::ZERO);
        assert_eq!(inspected.valid, without_time.is_ok());
        assert!(verified.is_err() || without_time.is_ok());
    }
    if let Ok(body) = soap::unsigned_body(&document) {
        for element in body.children().flat_map(|operation| operation.children()) {
            judge_element(element);
        }
    }
}

/// Parsing, and the verification of an enveloped signature.
pub fn document(data: &[u8]) {
    let Ok(document) = Document::parse(data) else { return };
    let strict = enveloped::verify(&document, &Policy::STRICT);
    let legacy = enveloped::verify(&document, &Policy::LEGACY);
    assert!(strict.is_err() || legacy.is_ok(), "LEGACY accepts what STRICT does");
    assert_eq!(inspect::enveloped(&document, &Policy::LEGACY).valid, legacy.is_ok());
    judge_element(document.root());
}

fn judge_element(element: Element<'_>) {
    let verified = enveloped::verify_element(element, &Policy::LEGACY);
    assert_eq!(inspect::element(element, &Policy::LEGACY).valid, verified.is_ok());
    let _ = (element.text(), element.base64(), element.attribute("", "Id"));
}

/// Decryption. The key is made once, or taken from the reference data, for which there are messages among the seeds.
pub fn encrypted(data: &[u8]) {
    static KEY: LazyLock<Option<DecryptionKey>> = LazyLock::new(|| {
        let folder = std::env::var_os("AVAIN_FUZZ_KEY")?;
        DecryptionKey::new(&std::fs::read(folder).ok()?).ok()
    });
    let Ok(document) = Document::parse(data) else { return };
    let Some(key) = &*KEY else { panic!("AVAIN_FUZZ_KEY names no private key (PKCS#8, DER)") };
    if let Ok(plaintext) = decrypt(document.root(), key, &[Cipher::Aes256Cbc, Cipher::TripleDesCbc]) {
        assert!(Document::parse(&plaintext).is_ok());
    }
}

/// The source positions that text is put in at when something is signed: what is encrypted is the text from after the
/// declaration, and an element that has no id is not signed.
pub fn signing(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    static KEY: LazyLock<Option<avain_xml_security::SigningKey>> = LazyLock::new(|| {
        let read = |name| std::fs::read(std::env::var_os(name)?).ok();
        avain_xml_security::SigningKey::new(&read("AVAIN_FUZZ_KEY")?, &read("AVAIN_FUZZ_CERTIFICATE")?).ok()
    });
    let Some(key) = &*KEY else { panic!("AVAIN_FUZZ_KEY and AVAIN_FUZZ_CERTIFICATE do not belong together") };
    if let Ok(signed) = enveloped::sign(text, key, &enveloped::Form::INCLUSIVE) {
        let document = Document::parse(signed.as_bytes()).unwrap();
        let verified = enveloped::verify(&document, &Policy::STRICT).unwrap();
        assert_eq!(verified.signer, key.certificate());
    }
    let at = OffsetDateTime::UNIX_EPOCH;
    if let Ok(signed) = soap::sign(text, key, avain_xml_security::Hash::Sha256, "1", at, Duration::MINUTE) {
        let document = Document::parse(signed.as_bytes()).unwrap();
        soap::verify(&document, &Policy::STRICT, Some(at), Duration::ZERO).map(|_| ()).unwrap();
    }
}

/// Reading a certificate, and chaining it to itself and to nothing.
pub fn certificate(data: &[u8]) {
    let at = OffsetDateTime::UNIX_EPOCH + Duration::days(365 * 50);
    let read = summary(data);
    let own = Roots::from_der([data.to_vec()]).unwrap_or_default();
    for roots in [Roots::default(), own] {
        let intermediates = [data.to_vec()];
        let chain = verify_chain(data, &intermediates, &roots, at, &Policy::LEGACY);
        let encryption = verify_encryption_chain(data, &intermediates, &roots, at, &Policy::LEGACY);
        assert!(read.is_ok() || chain.is_err() && encryption.is_err());
    }
}

/// PEM text with certificates.
pub fn pem(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = Roots::from_pem(text) {
        assert!(matches!(error, Error::Certificate(_)));
    }
}
