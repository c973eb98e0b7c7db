//! Recorded and generated messages of the reference data: each signature layer is judged as the index says, and each
//! signer chains to exactly the certificate authorities that the index names.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

use std::collections::BTreeMap;
use std::path::Path;

use avain_test_support::reference_data;
use avain_xml_security::certificate::{Roots, summary, verify_chain};
use avain_xml_security::{Document, Element, Error, Policy, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD};
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
    judge_bank("danske");
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
    /// XML Encryption, or the signature form of Danske's certificate service: not of this crate.
    inner_elsewhere: usize,
}

fn judge_bank(bank: &str) -> Option<Counts> {
    let folder = reference_data()?;
    let index: Value = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let authorities = authorities(&folder);
    let mut counts = Counts::default();
    for fixture in index["fixtures"].as_array().unwrap() {
        let name = fixture["file"].as_str().unwrap();
        if Path::new(name).starts_with(bank) {
            let text = std::fs::read(folder.join(name)).unwrap();
            let generated = fixture["origin"] != "real or library fixture";
            Judge { name, expected: &fixture["expected"], generated, authorities: &authorities }
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

struct Judge<'a> {
    name: &'a str,
    expected: &'a Value,
    generated: bool,
    authorities: &'a BTreeMap<String, Roots>,
}

impl Judge<'_> {
    fn file(&self, text: &[u8], counts: &mut Counts) {
        let document = Document::parse(text).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        if !document.root().is(ENVELOPE.0, ENVELOPE.1) {
            return self.application(&document, counts);
        }
        self.soap(&document, counts);
        let application = soap::unsigned_body(&document).unwrap().children().next().and_then(|operation| {
            operation
                .children()
                .find(|child| ["ApplicationRequest", "ApplicationResponse"].contains(&child.local_name()))
        });
        match application.map(|element| decode(element)) {
            None => counts.inner_elsewhere += 1,
            Some(None) => assert!(self.expected["application"]["b64_error"].is_string(), "{}: not base64", self.name),
            Some(Some(bytes)) => self.application(&Document::parse(&bytes).unwrap(), counts),
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
            assert_eq!(at(expires), Some(Error::Expired), "{}", self.name);
            assert_eq!(at(created - Duration::SECOND), Some(Error::Expired), "{}", self.name);
        }
    }

    fn application(&self, document: &Document<'_>, counts: &mut Counts) {
        let expected = &self.expected["application"]["signature"];
        let verify = |policy| enveloped::verify(document, policy).map(|verified| verified.signer);
        if document.root().namespace() == XML_ENCRYPTION {
            counts.inner_elsewhere += 1;
        } else if expected.is_null() {
            assert!(matches!(verify(&Policy::LEGACY), Err(Error::NotSigned(_))), "{}", self.name);
            counts.inner_unsigned += 1;
        } else {
            let valid = self.layer("application", expected, verify(&Policy::LEGACY), &verify(&Policy::STRICT));
            *(if valid { &mut counts.inner_valid } else { &mut counts.inner_refused }) += 1;
        }
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
        let subject = expected["signer_subject"].as_str().unwrap();
        assert!(subject.contains(&format!("CN={}", summary.subject_common_name)), "{context}: {summary:?}");
        let serial = summary.subject_serial_number.map(|serial| format!("2.5.4.5={serial}"));
        assert_eq!(subject.contains("2.5.4.5="), serial.is_some_and(|serial| subject.contains(&serial)), "{context}");
        let issuer = expected["signer_issuer"].as_str().unwrap();
        assert!(issuer.contains(&format!("CN={}", summary.issuer_common_name)), "{context}");
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

fn decode(element: Element<'_>) -> Option<Vec<u8>> {
    let text: String = element.text().split_whitespace().collect();
    STANDARD.decode(text).ok()
}
