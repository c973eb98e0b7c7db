//! Every answer of the reference data, of every bank, judged offline as its index says; and what arrives is judged alike.

use std::path::Path;
use std::sync::Arc;

use avain_bank_channel::check::{self, Reason, Report, Saved, Signature, Verdict};
use avain_bank_channel::{Error, Expected, Judge, Layer, Profile, Trust, answer, profile};
use avain_test_support::reference_data;
use avain_xml_security::encryption::DecryptionKey;
use avain_xml_security::{Distrust, Error as Untrusted};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::bank::NOW;

#[test]
fn every_answer_is_judged_as_the_index_says() {
    let Some(folder) = reference_data() else { return };
    let index: Value = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    let clock = &index["evaluation_clock_for_generated_files"];
    let mut judged = 0;
    for entry in index["fixtures"].as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let (bank, name) = file.split_once('/').unwrap();
        let generated = name.starts_with("gen_resp_");
        if !generated && !name.starts_with("resp_") {
            continue;
        }
        let profile = profile(bank_key(bank)).unwrap();
        let trust = if generated { fixture_trust(&folder) } else { Trust::saved(&profile.bank) };
        let keys = keys(&folder, file);
        let at = generated.then(|| OffsetDateTime::parse(clock.as_str().unwrap(), &Rfc3339).unwrap());
        let saved = Saved { profile, trust: &trust, keys: &keys, at, now: NOW, sent_request_id: None };
        let report = check::answer(&std::fs::read(folder.join(file)).unwrap(), &saved);
        compare(file, profile, &report, &entry["expected"]);
        judged += 1;
    }
    assert!(judged >= 27, "answers are missing: {judged}");
}

/// The index's folder names.
fn bank_key(folder: &str) -> &str {
    match folder {
        "op" => "osuuspankki",
        "danske" => "danskebank",
        "samlink" => "sp",
        other => other,
    }
}

fn fixture_trust(folder: &Path) -> Trust {
    Trust::from_pem(&std::fs::read_to_string(folder.join("_fixture_pki/ca_fixture_bank.pem")).unwrap()).unwrap()
}

/// The key that the reference data names after what it decrypts.
fn keys(folder: &Path, file: &str) -> Vec<DecryptionKey> {
    let (bank, name) = file.split_once('/').unwrap();
    let name = name.trim_end_matches(".xml").trim_end_matches("_sepa");
    let pem = std::fs::read_to_string(folder.join(bank).join(format!("keys/decrypts_{name}.pem")));
    pem.into_iter().map(|pem| check::key(&pem).unwrap()).collect()
}

fn compare(file: &str, profile: &Profile, report: &Report, expected: &Value) {
    let told = serde_json::to_string_pretty(report).unwrap();
    let (verdict, reason) = outcome(profile, expected);
    assert_eq!((report.verdict, report.reason), (verdict, reason), "{file} {told}");
    assert_eq!(report.operation.as_deref(), expected["operation"].as_str(), "{file}");

    let header = &expected["header"];
    if header.is_object() {
        let read = report.header.as_ref().unwrap();
        for (is, name) in [
            (&read.sender_id, "SenderId"),
            (&read.request_id, "RequestId"),
            (&read.timestamp, "Timestamp"),
            (&read.response_code, "ResponseCode"),
            (&read.response_text, "ResponseText"),
        ] {
            assert_eq!(is.as_deref(), header[name].as_str(), "{file} {name}");
        }
    }
    if let Some(timestamp) = expected["timestamp"].as_object() {
        let read = report.timestamp.as_ref().unwrap();
        assert_eq!(read.created.as_deref(), timestamp["Created"].as_str(), "{file}");
        assert_eq!(read.expires.as_deref(), timestamp["Expires"].as_str(), "{file}");
    }
    let application = if expected["pki"].is_object() { &expected["pki"] } else { &expected["application"] };
    signature(file, report.soap_signature.as_ref(), &expected["soap_signature"]);
    signature(file, report.application_signature.as_ref(), &application["signature"]);

    let code = ["ResponseCode", "ReturnCode"].iter().find_map(|name| application[*name].as_str());
    let code = code.or(expected["fault"]["ReturnCode"].as_str()).or(header["ResponseCode"].as_str());
    let two_digits = code.map(|code| format!("{code:0>2}"));
    assert_eq!(report.response_code, two_digits, "{file}");
    let text = ["ResponseText", "ReturnText"].iter().find_map(|name| application[*name].as_str());
    let text = text.or(expected["fault"]["ReturnText"].as_str()).or(header["ResponseText"].as_str());
    assert_eq!(report.response_text.as_deref(), text, "{file}");
    assert_eq!(report.customer_id.as_deref(), expected["application"]["CustomerId"].as_str(), "{file}");
    assert_eq!(report.encrypted, application["encrypted"].is_object(), "{file}");

    let references: Vec<&str> =
        application["file_references"].as_array().into_iter().flatten().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(report.file_references, references, "{file}");
    assert_eq!(report.user_file_types as u64, application["user_file_types"].as_u64().unwrap_or(0), "{file}");
    let content = &application["content"];
    assert_eq!(report.content.as_ref().map(|it| it.bytes as u64), content["bytes"].as_u64(), "{file}");
    assert_eq!(report.content.as_ref().map(|it| it.sha256.as_str()), content["sha256"].as_str(), "{file}");

    certificates(file, report, application);
    facts(file, &serde_json::to_value(report).unwrap(), expected, application);
}

/// Whatever the index states has its place in the report.
fn facts(file: &str, report: &Value, expected: &Value, application: &Value) {
    let header = if expected["fault"].is_object() { &expected["fault"] } else { &expected["header"] };
    let content = &application["content"];
    for (place, name, stated) in [
        ("/header/receiver_id", "ReceiverId", header),
        ("/header/customer_id", "CustomerId", header),
        ("/header/interface_version", "InterfaceVersion", header),
        ("/header/environment", "Environment", header),
        ("/additional_text", "AdditionalReturnText", &expected["fault"]),
        ("/application_code", "ResponseCode", application),
        ("/execution_serial", "ExecutionSerial", application),
        ("/compressed", "Compressed", application),
        ("/compression_method", "CompressionMethod", application),
        ("/file_type", "FileType", application),
        ("/encryption/algorithm", "method", &application["encrypted"]),
        ("/encryption/key_transport", "key_transport", &application["encrypted"]),
        ("/encryption/recipient", "subject", &application["encrypted"]["recipient_cert"]),
        ("/encryption/decrypted_sha256", "decrypted_sha256", application),
        ("/content/packed_bytes", "packed_bytes", content),
        ("/content/packed_sha256", "packed_sha256", content),
    ] {
        let is_elsewhere = place == "/application_code" && application["ReturnCode"].is_string();
        let stated = if is_elsewhere { &application["ReturnCode"] } else { &stated[name] };
        assert_eq!(report.pointer(place).unwrap_or(&Value::Null), stated, "{file} {place}");
    }
    for (told, stated) in
        report["files"].as_array().unwrap().iter().zip(application["files"].as_array().unwrap_or(&vec![]))
    {
        let stated = stated.as_object().unwrap().iter().map(|(name, value)| (snake_case(name), value.clone()));
        assert_eq!(told, &Value::Object(stated.collect()), "{file}");
    }
    let files = report["files"].as_array().unwrap().len() as u64;
    assert_eq!(files, application["file_count"].as_u64().unwrap_or(0), "{file}");
    let listed = application["certificates"].as_array().into_iter().flatten();
    for (told, stated) in report["certificates"].as_array().unwrap().iter().zip(listed) {
        let encoding = stated["encoding"].as_str().map(str::to_ascii_lowercase);
        let encoding = encoding.as_deref().and_then(|it| it.strip_prefix("base64(")?.strip_suffix(')'));
        assert_eq!(told["encoding"].as_str(), encoding, "{file}");
        assert_eq!((&told["name"], &told["format"]), (&stated["Name"], &stated["CertificateFormat"]), "{file}");
    }
}

/// `FileReference` as `file_reference`.
fn snake_case(name: &str) -> String {
    let parted = name.chars().map(|c| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.into() });
    parted.collect::<String>().trim_start_matches('_').to_owned()
}

fn certificates(file: &str, report: &Report, application: &Value) {
    let listed = application["certificates"].as_array().into_iter().flatten();
    let named = ["BankEncryptionCert", "BankSigningCert", "BankRootCert", "EncryptionCert", "SigningCert", "CACert"];
    let named = named.iter().map(|name| &application[*name]).filter(|it| it["subject"].is_string());
    let expected: Vec<&Value> = listed.chain(named).collect();
    assert_eq!(report.certificates.len(), expected.len(), "{file}");
    for (read, expected) in report.certificates.iter().zip(expected) {
        assert_eq!(read.serial, expected["serial_hex"].as_str().unwrap(), "{file}");
        assert_eq!(read.key_bits.map(|bits| bits as u64), expected["key_bits"].as_u64(), "{file}");
        assert_eq!(read.signature_algorithm, expected["sig_alg"].as_str().unwrap(), "{file}");
        assert_eq!(read.subject, expected["subject"].as_str().unwrap(), "{file}");
        assert_eq!(read.issuer, expected["issuer"].as_str().unwrap(), "{file}");
    }
}

fn signature(file: &str, read: Option<&Signature>, expected: &Value) {
    let Some(expected) = expected.as_object() else {
        // A signature that must be and is not there is told as not valid.
        assert!(read.is_none_or(|it| !it.valid && it.signer.is_none() && it.digests.is_empty()), "{file} {read:?}");
        return;
    };
    let read = read.unwrap();
    assert_eq!(read.valid, expected["valid"].as_bool().unwrap(), "{file} {read:?}");
    assert_eq!(read.signature_value_ok, expected["signature_value_ok"].as_bool(), "{file} {read:?}");
    assert_eq!(Some(read.algorithm.as_str()), expected["sig_alg"].as_str(), "{file}");
    assert_eq!(read.signer.as_deref(), expected["signer_subject"].as_str(), "{file}");
    assert_eq!(read.issuer.as_deref(), expected["signer_issuer"].as_str(), "{file}");
    let digests: Vec<Value> = read
        .digests
        .iter()
        .map(|it| serde_json::json!({ "uri": it.uri, "element": it.element, "ok": it.ok }))
        .collect();
    assert_eq!(Some(&digests), expected["digests"].as_array(), "{file}");
}

/// What the index's findings amount to.
fn outcome(profile: &Profile, expected: &Value) -> (Verdict, Option<Reason>) {
    let reject = |reason| (Verdict::Reject, Some(reason));
    let verdict = &expected["verdict"];
    if let Some(reason) = verdict["reason"].as_str() {
        assert_eq!(verdict["accept"], false);
        return reject(match reason {
            "untrusted_certificate" => Reason::UntrustedCertificate,
            "application_response_signature" => Reason::ApplicationResponseSignature,
            other => panic!("no test for {other}"),
        });
    }
    let operation = expected["operation"].as_str().unwrap();
    if expected["fault"].is_object() {
        return reject(Reason::BankError);
    }
    let is_signed = profile.certificate_service.as_ref().is_some_and(|it| it.envelope_signed);
    let soap = &expected["soap_signature"];
    let soap_must = expected["application"].is_object() && (!operation.contains("Certificate") || is_signed);
    if soap["valid"] == false || soap_must && soap.is_null() {
        return reject(Reason::SoapSignature);
    }
    let application = if expected["pki"].is_object() { &expected["pki"] } else { &expected["application"] };
    if application["signature"]["valid"] != true {
        return reject(Reason::ApplicationResponseSignature);
    }
    let code = application["ResponseCode"].as_str().or(application["ReturnCode"].as_str()).unwrap();
    let is_empty_list = code == "24" && ["downloadFileListout", "getUserInfoout"].contains(&operation);
    if ["00", "0"].contains(&code) || is_empty_list { (Verdict::Accept, None) } else { reject(Reason::BankError) }
}

/// What arrives goes through the gate, what was saved through the check: the two agree on every answer of the reference
/// data.
#[test]
fn the_gate_says_of_every_answer_what_the_check_says() {
    let Some(folder) = reference_data() else { return };
    let index: Value = serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
    for entry in index["fixtures"].as_array().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let (bank, name) = file.split_once('/').unwrap();
        if !name.starts_with("gen_resp_") && !name.starts_with("resp_") {
            continue;
        }
        let profile = profile(bank_key(bank)).unwrap();
        let generated = name.starts_with("gen_");
        let trust = if generated { fixture_trust(&folder) } else { Trust::saved(&profile.bank) };
        let keys = keys(&folder, file);
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let saved = Saved { profile, trust: &trust, keys: &keys, at: None, now: NOW, sent_request_id: None };
        let report = check::answer(&bytes, &saved);
        let at = OffsetDateTime::parse(&report.judged_at, &Rfc3339).unwrap();
        let header = report.header.as_ref().unwrap();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let expected = Expected {
            profile: Arc::clone(profile),
            sender_id: text(&header.sender_id),
            request_id: text(&header.request_id),
            customer_id: report.customer_id.clone().unwrap_or_else(|| text(&header.sender_id)),
        };
        let judge = Judge::saved(&trust, at).with_keys(&keys);
        let gate = gate(&bytes, report.operation.as_deref().unwrap(), &expected, &judge);
        assert_eq!(gate.err(), report.reason, "{file}");
    }
}

/// The gate's answer in the words of the check.
fn gate(bytes: &[u8], operation: &str, expected: &Expected, judge: &Judge<'_>) -> Result<(), Reason> {
    let read = match operation {
        "downloadFileListout" => answer::file_list(bytes, expected, judge).map(drop),
        "downloadFileout" => answer::file(bytes, expected, judge).map(drop),
        "uploadFileout" => answer::upload(bytes, expected, judge).map(drop),
        "getUserInfoout" => answer::user_info(bytes, expected, judge).map(drop),
        "getCertificateout" => answer::certificate(bytes, expected, judge, b"another key").map(drop),
        "getServiceCertificatesout" => answer::service_certificates(bytes, expected, judge).map(drop),
        "GetBankCertificateOut" => answer::bank_certificates(bytes, expected, judge).map(drop),
        "CreateCertificateOut" | "PKIFactoryServiceFault" => {
            answer::certificates(bytes, expected, judge, b"", b"").map(drop)
        }
        other => panic!("{other}"),
    };
    match read {
        // The request's key is not known here: that the certificate is for it is not the check's matter.
        Ok(()) | Err(Error::Certificate(_)) => Ok(()),
        Err(Error::Untrusted { reason: Untrusted::Certificate(Distrust::Expired), .. }) => {
            Err(Reason::CertificateExpired)
        }
        Err(Error::Untrusted { reason: Untrusted::Certificate(_), .. }) => Err(Reason::UntrustedCertificate),
        Err(Error::Untrusted { reason: Untrusted::Expired, .. }) => Err(Reason::TimestampExpired),
        Err(Error::Untrusted { layer: Layer::Envelope, .. }) => Err(Reason::SoapSignature),
        Err(Error::Untrusted { layer: Layer::Application, .. }) => Err(Reason::ApplicationResponseSignature),
        Err(Error::Refused { .. } | Error::Fault { .. }) => Err(Reason::BankError),
        Err(Error::AnotherRequest(_)) => Err(Reason::RequestIdMismatch),
        Err(Error::Decryption) => Err(Reason::Decrypt),
        Err(error) => panic!("{error}"),
    }
}
