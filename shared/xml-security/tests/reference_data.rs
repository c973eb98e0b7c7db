//! Recorded and generated messages of the reference data: each signature layer is judged and looked into as the index says,
//! what is encrypted decrypts, and each signer chains to exactly the certificate authorities that the index names.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

use std::collections::BTreeMap;
use std::path::Path;

use avain_test_support::{reference_data, xmlsec};
use avain_xml_security::certificate::{Roots, summary, verify_chain};
use avain_xml_security::encryption::{Cipher, DecryptionKey, decrypt};
use avain_xml_security::inspect::{self, Inspection};
use avain_xml_security::{Document, Element, Error, Policy, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, macros::datetime};

const ENVELOPE: (&str, &str) = ("http://schemas.xmlsoap.org/soap/envelope/", "Envelope");
const XML_ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
/// When generated files are judged.
const GENERATED: OffsetDateTime = datetime!(2027-01-15 10:00:30 UTC);

#[test]
fn nordea_messages_are_judged_as_the_index_says() {
    let Some(counts) = judge_bank("nordea") else { return };
    assert_eq!((counts.soap_valid, counts.soap_refused), (29, 3));
    assert_eq!((counts.inner_valid, counts.inner_refused), (29, 2));
}

#[test]
fn op_messages_are_judged_as_the_index_says() {
    judge_bank("op");
}

#[test]
fn samlink_messages_are_judged_as_the_index_says() {
    judge_bank("samlink");
}

#[test]
fn danske_messages_are_judged_as_the_index_says() {
    let Some(counts) = judge_bank("danske") else { return };
    assert_eq!((counts.element_valid, counts.element_refused, counts.element_unsigned), (1, 2, 1));
    assert_eq!((counts.decrypted, counts.decrypted_without_digest), (3, 1));
}

#[derive(Debug, Default)]
struct Counts {
    files: usize,
    soap_valid: usize,
    soap_refused: usize,
    soap_unsigned: usize,
    inner_valid: usize,
    inner_refused: usize,
    inner_unsigned: usize,
    /// Danske's certificate service: an element in the Body is signed.
    element_valid: usize,
    element_refused: usize,
    element_unsigned: usize,
    decrypted: usize,
    /// Decrypted too; the index has no digest of the content.
    decrypted_without_digest: usize,
    /// A fault.
    nothing_inside: usize,
}

fn judge_bank(bank: &str) -> Option<Counts> {
    let folder = reference_data()?;
    let index: Value = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let (authorities, keys) = (authorities(&folder), decryption_keys(&folder));
    let mut counts = Counts::default();
    for fixture in index["fixtures"].as_array().unwrap() {
        let name = fixture["file"].as_str().unwrap();
        if Path::new(name).starts_with(bank) {
            let text = std::fs::read(folder.join(name)).unwrap();
            let generated = fixture["origin"] != "real or library fixture";
            Judge { name, expected: &fixture["expected"], generated, authorities: &authorities, keys: &keys }
                .file(&text, &mut counts);
            counts.files += 1;
        }
    }
    let on_disk = std::fs::read_dir(folder.join(bank)).unwrap().flatten();
    assert_eq!(counts.files, on_disk.filter(|entry| entry.path().extension().is_some_and(|e| e == "xml")).count());
    println!("{bank}: {counts:?}");
    Some(counts)
}

/// Every certificate authority of the reference data, pinned alone, by its file name.
fn authorities(folder: &Path) -> BTreeMap<String, Roots> {
    let folders = ["nordea/certs", "op/certs", "samlink/certs", "danske/certs", "_fixture_pki"];
    let files = folders.iter().flat_map(|name| std::fs::read_dir(folder.join(name)).unwrap().flatten());
    files
        .filter_map(|file| {
            let name = file.file_name().into_string().unwrap();
            let roots = name.starts_with("ca_").then(|| std::fs::read_to_string(file.path()).unwrap())?;
            Some((name, Roots::from_pem(&roots).unwrap()))
        })
        .collect()
}

/// The keys that the messages are encrypted to. The wrong key is among them.
fn decryption_keys(folder: &Path) -> Vec<DecryptionKey> {
    let files = [
        "danske/keys/wrong_key_for_resp_download_file_list.pem",
        "danske/keys/decrypts_resp_download_file_list.pem",
        "_fixture_pki/danske_bank_enc.key",
    ];
    let keys = files.map(|file| {
        let pem = std::fs::read_to_string(folder.join(file)).unwrap();
        let pkcs1 = rsa::RsaPrivateKey::from_pkcs1_pem(&pem).ok();
        let der = pkcs1.map(|key| key.to_pkcs8_der().unwrap().as_bytes().to_vec()).or_else(|| xmlsec::der(&pem));
        DecryptionKey::new(&der.unwrap()).unwrap()
    });
    keys.into()
}

struct Judge<'a> {
    name: &'a str,
    expected: &'a Value,
    generated: bool,
    authorities: &'a BTreeMap<String, Roots>,
    keys: &'a [DecryptionKey],
}

impl Judge<'_> {
    fn file(&self, text: &[u8], counts: &mut Counts) {
        let document = Document::parse(text).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        if !document.root().is(ENVELOPE.0, ENVELOPE.1) {
            return self.application(&document, counts);
        }
        self.soap(&document, counts);
        let operation = soap::unsigned_body(&document).unwrap().children().next().unwrap();
        let is_message = |name: &str| ["ApplicationRequest", "ApplicationResponse"].contains(&name);
        if let Some(message) = operation.children().find(|child| is_message(child.local_name())) {
            match decode(message) {
                Some(bytes) => self.application(&Document::parse(&bytes).unwrap(), counts),
                None => assert!(self.expected["application"]["b64_error"].is_string(), "{}: not base64", self.name),
            }
        } else if let Some(name) = self.expected["pki"]["element"].as_str() {
            let element = operation.children().find(|child| child.local_name() == name).unwrap();
            self.element(element, counts);
        } else {
            counts.nothing_inside += 1;
        }
    }

    fn soap(&self, document: &Document<'_>, counts: &mut Counts) {
        let expected = &self.expected["soap_signature"];
        let verify = |policy| soap::verify(document, policy, None, Duration::ZERO);
        if expected.is_null() {
            assert!(matches!(verify(&Policy::LEGACY).err(), Some(Error::NotSigned(_))), "{}", self.name);
            counts.soap_unsigned += 1;
            return;
        }
        let result = verify(&Policy::LEGACY);
        self.looked_into("SOAP", expected, &inspect::soap(document, &Policy::LEGACY));
        let timestamp_signed = expected["digests"].as_array().unwrap().iter().any(|it| it["element"] == "Timestamp");
        if let Ok(verified) = &result {
            let created = self.expected["timestamp"]["Created"].as_str().filter(|_| timestamp_signed);
            assert_eq!(verified.validity.map(|(created, _)| created), created.map(time), "{}", self.name);
            self.expiry(document, verified.validity);
        }
        let strict = verify(&Policy::STRICT).map(|verified| verified.signer);
        let valid = self.layer("SOAP", expected, result.map(|verified| verified.signer), &strict);
        *(if valid { &mut counts.soap_valid } else { &mut counts.soap_refused }) += 1;
    }

    /// At the message's own time only the one generated for it has expired.
    fn expiry(&self, document: &Document<'_>, validity: Option<(OffsetDateTime, OffsetDateTime)>) {
        let at = |now| soap::verify(document, &Policy::LEGACY, Some(now), Duration::ZERO).err();
        let expired = self.name.contains("expired_timestamp").then_some(Error::Expired);
        assert_eq!(at(self.own_time()), expired, "{}", self.name);
        if let Some((created, expires)) = validity {
            assert_eq!(at(expires + Duration::SECOND), Some(Error::Expired), "{}", self.name);
            assert_eq!(at(created - Duration::SECOND), Some(Error::Expired), "{}", self.name);
        }
    }

    fn application(&self, document: &Document<'_>, counts: &mut Counts) {
        let expected = &self.expected["application"]["signature"];
        let verify = |policy| enveloped::verify(document, policy).map(|verified| verified.signer);
        if document.root().namespace() == XML_ENCRYPTION {
            let plaintext = self.decrypted(document.root());
            assert_eq!(sha256(&plaintext), self.expected["application"]["decrypted_sha256"], "{}", self.name);
            counts.decrypted += 1;
            self.application(&Document::parse(&plaintext).unwrap(), counts);
        } else if expected.is_null() {
            assert!(matches!(verify(&Policy::LEGACY), Err(Error::NotSigned(_))), "{}", self.name);
            counts.inner_unsigned += 1;
        } else {
            self.looked_into("application", expected, &inspect::enveloped(document, &Policy::LEGACY));
            let valid = self.layer("application", expected, verify(&Policy::LEGACY), &verify(&Policy::STRICT));
            *(if valid { &mut counts.inner_valid } else { &mut counts.inner_refused }) += 1;
        }
    }

    /// An element of the PKI Factory.
    fn element(&self, element: Element<'_>, counts: &mut Counts) {
        let expected = &self.expected["pki"]["signature"];
        let verify = |policy| enveloped::verify_element(element, policy).map(|verified| verified.signer);
        if element.namespace() == XML_ENCRYPTION {
            let plaintext = self.decrypted(element);
            let request = Document::parse(&plaintext).unwrap();
            assert_eq!(request.root().local_name(), "CreateCertificateRequest", "{}", self.name);
            counts.decrypted_without_digest += 1;
        } else if expected.is_null() {
            assert!(matches!(verify(&Policy::LEGACY), Err(Error::NotSigned(_))), "{}", self.name);
            counts.element_unsigned += 1;
        } else {
            self.looked_into("element", expected, &inspect::element(element, &Policy::LEGACY));
            let valid = self.layer("element", expected, verify(&Policy::LEGACY), &verify(&Policy::STRICT));
            *(if valid { &mut counts.element_valid } else { &mut counts.element_refused }) += 1;
        }
    }

    /// With the one key that it is for; all others give the one error.
    fn decrypted(&self, encrypted: Element<'_>) -> Vec<u8> {
        let allowed = [Cipher::Aes256Cbc, Cipher::TripleDesCbc];
        let tried = self.keys.iter().map(|key| decrypt(encrypted, key, &allowed));
        let (right, wrong): (Vec<_>, Vec<_>) = tried.partition(Result::is_ok);
        assert_eq!((right.len(), wrong.len()), (1, self.keys.len() - 1), "{}", self.name);
        assert!(wrong.into_iter().all(|error| error == Err(Error::Decryption)), "{}", self.name);
        right.into_iter().next().unwrap().unwrap().to_vec()
    }

    /// Each part of the layer is what the index says, valid or not.
    fn looked_into(&self, layer: &str, expected: &Value, inspection: &Inspection) {
        let context = format!("{} {layer}", self.name);
        assert_eq!(inspection.valid, expected["valid"].as_bool().unwrap(), "{context}: {:?}", inspection.error);
        assert_eq!(inspection.value_ok, expected["signature_value_ok"].as_bool(), "{context}");
        assert_eq!(inspection.algorithm, expected["sig_alg"].as_str().unwrap(), "{context}");
        let signer = inspection.signer.as_deref().map(|der| summary(der).unwrap());
        assert_eq!(signer.as_ref().map(|it| it.subject.as_str()), expected["signer_subject"].as_str(), "{context}");
        assert_eq!(signer.as_ref().map(|it| it.issuer.as_str()), expected["signer_issuer"].as_str(), "{context}");
        let digests = inspection.digests.iter().map(|it| {
            assert_eq!(format!("rsa-{}", it.algorithm), inspection.algorithm, "{context}");
            serde_json::json!({"uri": it.uri, "element": it.element, "ok": it.ok})
        });
        assert_eq!(Value::Array(digests.collect()), expected["digests"], "{context}");
    }

    /// Compares one layer with the index; says whether it is valid.
    fn layer(
        &self,
        layer: &str,
        expected: &Value,
        legacy: Result<Vec<u8>, Error>,
        strict: &Result<Vec<u8>, Error>,
    ) -> bool {
        let context = format!("{} {layer}", self.name);
        if expected["sig_alg"] == "rsa-sha1" {
            assert!(matches!(strict, Err(Error::NotAllowed(_))), "{context}: STRICT accepts SHA-1");
        } else {
            assert_eq!(strict, &legacy, "{context}");
        }
        let valid = expected["valid"].as_bool().unwrap();
        match legacy {
            Ok(signer) => {
                assert!(valid, "{context}: accepted");
                self.signer(&context, expected, &signer);
            }
            Err(error) if expected["signature_value_ok"] == false => {
                assert_eq!(error, Error::SignatureValue, "{context}");
            }
            Err(error) if expected["signature_value_ok"] == true => {
                assert!(
                    expected["digests"].as_array().unwrap().iter().any(|it| it["ok"] == false),
                    "{context}: {error}"
                );
                assert_eq!(error, Error::Digest, "{context}");
            }
            Err(_) => assert!(!valid, "{context}: refused"),
        }
        valid
    }

    fn signer(&self, context: &str, expected: &Value, signer: &[u8]) {
        let summary = summary(signer).unwrap();
        assert_eq!(summary.not_after, time(expected["signer_not_after"].as_str().unwrap()), "{context}");

        let known: Vec<&str> = expected["chains_to"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for (authority, roots) in self.authorities {
            let chain = verify_chain(signer, &[], roots, self.own_time(), &Policy::LEGACY);
            assert_eq!(chain.is_ok(), known.contains(&authority.as_str()), "{context} to {authority}: {chain:?}");
            if expected["sig_alg"] == "rsa-sha256" {
                let strict = verify_chain(signer, &[], roots, self.own_time(), &Policy::STRICT);
                assert_eq!(strict.is_ok(), chain.is_ok(), "{context} to {authority}: {strict:?}");
            }
        }
    }

    fn own_time(&self) -> OffsetDateTime {
        let [created, sent] = [&self.expected["timestamp"]["Created"], &self.expected["header"]["Timestamp"]];
        if self.generated { GENERATED } else { time(created.as_str().or(sent.as_str()).unwrap()) }
    }
}

fn time(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    format!("{:x}", sha2::Sha256::digest(bytes))
}

fn decode(element: Element<'_>) -> Option<Vec<u8>> {
    let text: String = element.text().split_whitespace().collect();
    STANDARD.decode(text).ok()
}
