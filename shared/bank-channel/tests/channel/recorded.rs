//! Every Nordea answer of the reference data, judged as its index says: recordings under the legacy policy at their own
//! time, generated ones live at the index's clock.

use std::path::Path;

use avain_bank_channel::{Error, Expected, Judge, Layer, Trust, answer, profile};
use avain_test_support::reference_data;
use avain_xml_security::Error as Reason;
use avain_xml_security::certificate::summary;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

#[test]
fn recordings_are_judged_as_the_index_says() {
    let Some(folder) = reference_data() else { return };
    let roots = roots(&[
        folder.join("nordea/certs/ca_nordea_corporate_server_ca_01.pem"),
        folder.join("nordea/certs/ca_nordea_corporate_server_ca_03.pem"),
    ]);
    let messages = messages(&folder, "nordea/resp_");
    assert!(messages.len() >= 15, "recordings are missing");
    for message in &messages {
        let judge = Judge::saved(&roots, message.created());
        assert_eq!(message.read(&judge), message.outcome(), "{}", message.file);
    }
}

#[test]
fn generated_answers_are_judged_live_as_the_index_says() {
    let Some(folder) = reference_data() else { return };
    let roots = roots(&[folder.join("_fixture_pki/ca_fixture_bank.pem")]);
    let clock = time(&index(&folder)["evaluation_clock_for_generated_files"]);
    let judge = Judge::live(&roots, clock, Duration::minutes(1));
    let messages = messages(&folder, "nordea/gen_resp_");
    assert!(messages.len() >= 3, "generated answers are missing");
    for message in &messages {
        let read = message.read(&judge);
        match message.index["expected"]["verdict"]["reason"].as_str() {
            None => assert_eq!(read, message.outcome(), "{}", message.file),
            Some("untrusted_certificate") => assert!(
                matches!(read, Err(Error::Untrusted { layer: Layer::Envelope, reason: Reason::Certificate(_) })),
                "{} {read:?}",
                message.file
            ),
            Some("application_response_signature") => {
                let reason = Error::Untrusted { layer: Layer::Application, reason: Reason::Digest };
                assert_eq!(read, Err(reason), "{}", message.file);
            }
            Some(other) => panic!("{}: no test for {other}", message.file),
        }
        let late = Judge::live(&roots, clock + Duration::minutes(6), Duration::minutes(1));
        assert!(matches!(message.read(&late), Err(Error::Untrusted { .. })), "{}", message.file);
    }
}

#[test]
fn live_nothing_signed_with_sha_1_is_accepted() {
    let Some(folder) = reference_data() else { return };
    let roots = roots(&[
        folder.join("nordea/certs/ca_nordea_corporate_server_ca_01.pem"),
        folder.join("nordea/certs/ca_nordea_corporate_server_ca_03.pem"),
    ]);
    for message in messages(&folder, "nordea/resp_") {
        let signature = &message.index["expected"]["soap_signature"];
        let read = message.read(&Judge::live(&roots, message.created(), Duration::ZERO));
        if signature["sig_alg"] == "rsa-sha256" {
            assert_eq!(read, message.outcome(), "{}", message.file);
        } else {
            let refused = matches!(&read, Err(Error::Untrusted { reason: Reason::NotAllowed(_), .. }));
            assert!(refused, "{} {read:?}", message.file);
        }
    }
}

#[test]
fn a_recording_is_no_answer_to_another_request_nor_from_another_bank() {
    let Some(folder) = reference_data() else { return };
    let right = roots(&[folder.join("nordea/certs/ca_nordea_corporate_server_ca_03.pem")]);
    let wrong = roots(&[folder.join("nordea/certs/ca_nordea_corporate_server_ca_01.pem")]);
    let message = messages(&folder, "nordea/resp_dfl_sha256_taikala").remove(0);
    let read = |roots, change: fn(&mut Expected)| {
        let mut expected = message.expected();
        change(&mut expected);
        answer::file_list(&message.bytes, &expected, &Judge::live(roots, message.created(), Duration::ZERO)).err()
    };
    assert_eq!(read(&right, |_| ()), None);
    assert_eq!(read(&right, |expected| expected.request_id.push('0')), Some(Error::AnotherRequest("RequestId")));
    assert_eq!(read(&right, |expected| expected.sender_id.clear()), Some(Error::AnotherRequest("SenderId")));
    assert_eq!(read(&right, |expected| expected.customer_id.push('0')), Some(Error::AnotherRequest("CustomerId")));
    let untrusted = read(&wrong, |_| ());
    assert!(matches!(untrusted, Some(Error::Untrusted { reason: Reason::Certificate(_), .. })), "{untrusted:?}");
}

/// One message with what the index says about it.
struct Message {
    file: String,
    bytes: Vec<u8>,
    index: Value,
}

/// What was read, in the index's terms.
#[derive(Debug, PartialEq)]
enum Outcome {
    Files(Vec<String>),
    Content { sha256: Vec<u8> },
    FileTypes(usize),
    Uploaded,
    Certificate { serial: String },
    Envelope,
}

impl Message {
    fn created(&self) -> OffsetDateTime {
        time(&self.index["expected"]["timestamp"]["Created"])
    }

    fn expected(&self) -> Expected {
        let expected = &self.index["expected"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Expected {
            profile: std::sync::Arc::clone(profile("nordea").unwrap()),
            sender_id: text(&expected["header"]["SenderId"]),
            request_id: text(&expected["header"]["RequestId"]),
            customer_id: text(&expected["application"]["CustomerId"]),
        }
    }

    fn read(&self, judge: &Judge<'_>) -> Result<Outcome, Error> {
        let (bytes, expected) = (&self.bytes, &self.expected());
        let read = match self.index["expected"]["operation"].as_str().unwrap() {
            "downloadFileListout" => answer::file_list(bytes, expected, judge)
                .map(|files| Outcome::Files(files.into_iter().map(|file| file.file_reference).collect())),
            "downloadFileout" => answer::file(bytes, expected, judge)
                .map(|content| Outcome::Content { sha256: digest(&SHA256, &content).as_ref().to_vec() }),
            "getUserInfoout" => {
                answer::user_info(bytes, expected, judge).map(|info| Outcome::FileTypes(info.file_types.len()))
            }
            "uploadFileout" => answer::upload(bytes, expected, judge).map(|_| Outcome::Uploaded),
            "getCertificateout" => answer::certificate(bytes, expected, judge, &self.public_key())
                .map(|der| Outcome::Certificate { serial: summary(&der).unwrap().serial }),
            other => panic!("{other}"),
        };
        // Which part of a broken envelope is found first is not the index's matter.
        match read {
            Err(Error::Untrusted { layer: Layer::Envelope, reason: Reason::Digest | Reason::SignatureValue }) => {
                Ok(Outcome::Envelope)
            }
            read => read,
        }
    }

    fn outcome(&self) -> Result<Outcome, Error> {
        let expected = &self.index["expected"];
        let application = &expected["application"];
        if expected["soap_signature"]["valid"] == false {
            return Ok(Outcome::Envelope);
        }
        assert_eq!(application["signature"]["valid"], true);
        let operation = expected["operation"].as_str().unwrap();
        match (application["ResponseCode"].as_str().unwrap(), operation) {
            ("24", "downloadFileListout") => return Ok(Outcome::Files(vec![])),
            ("24", "getUserInfoout") => return Ok(Outcome::FileTypes(0)),
            ("00", _) => (),
            (code, _) => {
                let text = application["ResponseText"].as_str().unwrap().to_owned();
                return Err(Error::Refused { code: code.to_owned(), text });
            }
        }
        Ok(match operation {
            "downloadFileListout" => {
                let references = application["file_references"].as_array().unwrap();
                assert_eq!(application["file_count"], references.len());
                Outcome::Files(references.iter().map(|text| text.as_str().unwrap().to_owned()).collect())
            }
            "downloadFileout" => Outcome::Content { sha256: unhex(application["content"]["sha256"].as_str().unwrap()) },
            "getUserInfoout" => {
                Outcome::FileTypes(usize::try_from(application["user_file_types"].as_u64().unwrap()).unwrap())
            }
            "uploadFileout" => Outcome::Uploaded,
            _ => {
                let certificate = &application["certificates"][0];
                let user_id = application["CustomerId"].as_str().unwrap();
                // The demo service of 2014 issued one certificate to everybody.
                if !certificate["subject"].as_str().unwrap().starts_with(&format!("2.5.4.5={user_id},")) {
                    return Err(Error::Certificate("it is for another user id"));
                }
                Outcome::Certificate { serial: certificate["serial_hex"].as_str().unwrap().to_owned() }
            }
        })
    }

    /// The key in the recorded certificate: the requests behind the recordings were not kept.
    fn public_key(&self) -> Vec<u8> {
        let envelope = String::from_utf8(self.bytes.clone()).unwrap();
        let application = decoded(&envelope, "ApplicationResponse>");
        let certificate = decoded(&String::from_utf8(application).unwrap(), "Certificate><bxd:Name/><bxd:Certificate>");
        summary(&certificate).unwrap().public_key
    }
}

fn decoded(xml: &str, after: &str) -> Vec<u8> {
    let text = xml.split_once(after).unwrap().1.split_once('<').unwrap().0;
    BASE64.decode(text.split_whitespace().collect::<String>()).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn messages(folder: &Path, prefix: &str) -> Vec<Message> {
    let index = index(folder);
    index["fixtures"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| {
            let file = entry["file"].as_str().unwrap().to_owned();
            let bytes = file.starts_with(prefix).then(|| std::fs::read(folder.join(&file)).unwrap())?;
            Some(Message { file, bytes, index: entry.clone() })
        })
        .collect()
}

fn index(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap()
}

fn roots(files: &[std::path::PathBuf]) -> Trust {
    let pem: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    Trust::from_pem(&pem).unwrap()
}

fn time(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
}
