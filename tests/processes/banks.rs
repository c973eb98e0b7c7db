//! `avain bank` as a process: what an integrator of a bank sees.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use avain::client::{Http, Transport as _};
use avain_test_support::reference_data;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::served::avain;
use super::texts;

/// The clock of the generated messages.
const AT: &str = "2027-01-15T10:00:30Z";

/// `avain bank check`: its exit code and what it printed.
fn check(file: &Path, bank: &str, more: &[&str]) -> (Option<i32>, Value) {
    let output = avain().args(["bank", "check", "--bank", bank]).arg(file).args(more).output().unwrap();
    let (shown, errors) = texts(&output);
    (output.status.code(), serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}{errors}")))
}

/// The folders of the reference data by the banks' keys.
fn bank(folder: &str) -> &str {
    match folder {
        "op" => "osuuspankki",
        "danske" => "danskebank",
        "samlink" => "aktia",
        other => other,
    }
}

#[test]
fn every_generated_message_is_judged_as_the_index_says() {
    let Some(data) = reference_data() else { return };
    let pki = |name: &str| data.join("_fixture_pki").join(name).display().to_string();
    let (customers, banks, key) =
        (pki("ca_fixture_customer.pem"), pki("ca_fixture_bank.pem"), pki("danske_bank_enc.key"));
    let index: Value = serde_json::from_slice(&std::fs::read(data.join("index.json")).unwrap()).unwrap();
    let mut judged = 0;
    for entry in index["fixtures"].as_array().unwrap() {
        let (file, expected) = (entry["file"].as_str().unwrap(), &entry["expected"]["verdict"]);
        let (folder, name) = file.split_once('/').unwrap();
        if !name.starts_with("gen_") {
            continue;
        }
        let trust = if name.starts_with("gen_req") { &customers } else { &banks };
        let (code, report) = check(&data.join(file), bank(folder), &["--at", AT, "--trust", trust, "--key", &key]);
        let accepted = name.contains("_valid_");
        assert_eq!(
            (code, &report["verdict"]),
            (Some(i32::from(!accepted)), &Value::from(if accepted { "accept" } else { "reject" })),
            "{file}: {report}"
        );
        for name in ["reason", "response_text"] {
            if let Some(word) = expected[name].as_str() {
                assert_eq!(report[name], word, "{file}: {expected}");
            }
        }
        match &expected["response_code"] {
            Value::String(number) if number.len() == 2 && !accepted => {
                assert_eq!(report["response_code"], **number, "{file}");
            }
            Value::Array(numbers) => {
                assert!(numbers.contains(&report["response_code"]) || report["soap_fault"] == true, "{file}: {report}");
            }
            _ => {}
        }
        judged += 1;
    }
    assert!(judged >= 16, "{judged}");
}

/// Whatever a bank would say to it, what is in a request is told.
#[test]
fn every_request_is_told_as_the_index_has_it() {
    let Some(data) = reference_data() else { return };
    let key = data.join("_fixture_pki/danske_bank_enc.key").display().to_string();
    let index: Value = serde_json::from_slice(&std::fs::read(data.join("index.json")).unwrap()).unwrap();
    let mut compared = 0;
    for entry in index["fixtures"].as_array().unwrap() {
        let (file, expected) = (entry["file"].as_str().unwrap(), &entry["expected"]);
        let (folder, name) = file.split_once('/').unwrap();
        if !name.contains("req_") {
            continue;
        }
        let (_, told) = check(&data.join(file), bank(folder), &["--at", AT, "--key", &key]);
        let mut is = |told: &Value, expected: &Value, what: &str| {
            if !expected.is_null() {
                assert_eq!(told, expected, "{file}: {what}");
                compared += 1;
            }
        };
        is(&told["operation"], &expected["operation"], "operation");
        for (name, key) in [
            ("SenderId", "sender_id"),
            ("RequestId", "request_id"),
            ("Timestamp", "timestamp"),
            ("Language", "language"),
            ("UserAgent", "user_agent"),
            ("ReceiverId", "receiver_id"),
        ] {
            is(&told["header"][key], &expected["header"][name], name);
        }
        for (name, key) in [("Created", "created"), ("Expires", "expires")] {
            is(&told["timestamp"][key], &expected["timestamp"][name], name);
        }
        let application = &expected["application"];
        is(&told["application"], &application["root"], "application");
        is(&told["customer_id"], &application["CustomerId"], "CustomerId");
        for (name, key) in [
            ("Command", "command"),
            ("Environment", "environment"),
            ("Status", "status"),
            ("TargetId", "target_id"),
            ("FileType", "file_type"),
        ] {
            is(&told["parameters"][key], &application[name], name);
        }
        is(&told["content"]["sha256"], &application["content"]["sha256"], "content");
        for (told, expected) in [
            (&told["soap_signature"], &expected["soap_signature"]),
            (&told["application_signature"], &application["signature"]),
        ] {
            is(&told["valid"], &expected["valid"], "valid");
            is(&told["signature_value_ok"], &expected["signature_value_ok"], "signature value");
            is(&told["algorithm"], &expected["sig_alg"], "algorithm");
            for (at, digest) in expected["digests"].as_array().into_iter().flatten().enumerate() {
                for name in ["uri", "element", "ok"] {
                    is(&told["digests"][at][name], &digest[name], name);
                }
            }
        }
    }
    assert!(compared > 400, "{compared}");
}

/// A request that the bank answers with a fault is judged as a request, too; and nothing that proves who asks is printed.
#[test]
fn a_request_that_is_no_request_is_told_from_an_answer() {
    let Some(data) = reference_data() else { return };
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("request.xml");
    let request = std::fs::read_to_string(data.join("nordea/gen_req_valid_dfl_sha256.xml")).unwrap();
    let customers = data.join("_fixture_pki/ca_fixture_customer.pem").display().to_string();
    let after_declaration = request.find("?>").map_or(0, |at| at + 2);
    let with_doctype = format!("<!DOCTYPE a>{}", &request[after_declaration..]);
    for (text, exit, code) in [
        (with_doctype, 1, "12"),
        (request.replace("downloadFileListin", "downloadFileListout"), 1, "05"),
        (request.replace("downloadFileListin", "confirmFilein"), 1, "05"),
        (
            request.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
            1,
            "12",
        ),
        (request[..request.len() - 20].to_owned(), 2, "12"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (exited, told) = check(&file, "nordea", &["--at", AT, "--trust", &customers]);
        assert_eq!((exited, told["response_code"].as_str()), (Some(exit), Some(code)), "{told}");
        assert_eq!(told["soap_fault"], true);
    }
    // What is wrong with it is its hash, whenever it is looked at.
    let sha1 = data.join("nordea/gem_req_download_file_list_gem_sha1.xml");
    let (_, told) = check(&sha1, "nordea", &["--at", "2028-01-15T10:00:30Z", "--trust", &customers]);
    assert_eq!((told["response_code"].as_str(), told["reason"].as_str()), (Some("02"), Some("soap_signature")));
    let secrets = request.replace("<mod:SenderId>", "<mod:PIN>1234</mod:PIN><mod:SenderId>");
    std::fs::write(&file, secrets.replace("</mod:SenderId>", "</mod:SenderId><mod:SenderId>2</mod:SenderId>")).unwrap();
    let (_, told) = check(&file, "nordea", &["--at", AT, "--trust", &customers]);
    assert!(told["header"].get("pin").is_none(), "{told}");
    assert_eq!(told["header"]["sender_id"], json!(["11111111", "2"]));
    for (name, secret) in [
        ("nordea/gen_req_valid_get_certificate_pin1234567890.xml", "IDd37TWa95YN6DtiMhcIWl3wXoc="),
        ("op/gen_req_valid_get_certificate.xml", "2251401483958635"),
    ] {
        let folder = name.split_once('/').unwrap().0;
        let (exited, told) = check(&data.join(name), bank(folder), &["--at", AT, "--trust", &customers]);
        assert_eq!(exited, Some(0), "{told}");
        assert!(!told.to_string().contains(secret), "{told}");
    }
}

#[test]
fn a_recorded_answer_is_judged_at_its_own_time() {
    let Some(data) = reference_data() else { return };
    let file = data.join("nordea/resp_dfl_sepa.xml");
    let (code, report) = check(&file, "nordea", &[]);
    assert_eq!((code, report["file_references"].as_array().unwrap().len()), (Some(0), 14), "{report}");
    assert_eq!(report["soap_signature"]["digests"].as_array().unwrap().len(), 2);
    let request_id = report["header"]["request_id"].as_str().unwrap();
    assert_eq!(check(&file, "nordea", &["--sent-request-id", request_id]).0, Some(0));
    let (code, report) = check(&file, "nordea", &["--sent-request-id", "another"]);
    assert_eq!((code, report["reason"].as_str()), (Some(1), Some("request_id_mismatch")));
    let (code, report) = check(&file, "nordea", &["--at", "2030-01-01T00:00:00Z"]);
    assert_eq!((code, report["verdict"].as_str()), (Some(1), Some("reject")), "{report}");
}

#[test]
fn what_cannot_be_read_is_neither_accepted_nor_rejected() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("answer.xml");
    let (code, report) = check(&file, "nordea", &[]);
    assert_eq!((code, report["verdict"].as_str()), (Some(2), Some("unreadable")));
    std::fs::write(&file, "no XML").unwrap();
    for more in [&[][..], &["--trust", "absent.pem"]] {
        let (code, report) = check(&file, "nordea", more);
        assert_eq!((code, report["verdict"].as_str()), (Some(2), Some("unreadable")), "{report}");
    }
    let (code, report) = check(&file, "nobank", &[]);
    assert!(code == Some(2) && report["detail"].as_str().unwrap().contains("nobank"), "{report}");
}

/// What a request must prove, and what the bank goes by, is told by options.
#[test]
fn options_say_what_a_message_is_judged_by() {
    let Some(data) = reference_data() else { return };
    let folder = TempDir::new().unwrap();
    let own = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (own("right", "1234567890\n"), own("wrong", "1234567891"));
    let pki = |name: &str| data.join("_fixture_pki").join(name).display().to_string();
    let (customers, nordea, op) = (pki("ca_fixture_customer.pem"), pki("nordea_client.pem"), pki("op_client.pem"));
    let enrolment = "nordea/gen_req_valid_get_certificate_pin1234567890.xml";
    let (list, sha1) = ("nordea/gen_req_valid_dfl_sha256.xml", "nordea/gem_req_download_file_list_gem_sha1.xml");
    let test = "op/gen_req_bad_environment_test_in_production.xml";
    for (file, options, code, exit) in [
        (enrolment, vec!["--pin", "1234567890"], "00", 0),
        (enrolment, vec!["--pin", "1234567891"], "34", 1),
        (enrolment, vec!["--pin-file", &right], "00", 0),
        (enrolment, vec!["--pin-file", &wrong], "34", 1),
        (list, vec!["--cert", &nordea], "24", 0),
        // Beside what is given, a certificate whose subject names the customer.
        (list, vec!["--cert", &op], "24", 0),
        (sha1, vec![], "02", 1),
        (sha1, vec!["--hash", "sha1"], "24", 0),
        (list, vec!["--hash", "sha1"], "02", 1),
        (list, vec!["--hash", "sha1", "--hash", "sha256"], "24", 0),
        (test, vec![], "29", 1),
        (test, vec!["--test"], "00", 0),
    ] {
        let bank = bank(file.split_once('/').unwrap().0);
        let options = [&["--at", AT, "--trust", &customers][..], &options].concat();
        let (exited, told) = check(&data.join(file), bank, &options);
        assert_eq!((told["response_code"].as_str(), exited), (Some(code), Some(exit)), "{file} {options:?}: {told}");
    }
    // An answer is opened with whichever key fits; its envelope is broken whatever is in it.
    let answer = data.join("danske/resp_download_file_list_sepa.xml");
    let key = |name: &str| data.join("danske/keys").join(name).display().to_string();
    let (fits, other) = (key("decrypts_resp_download_file_list.pem"), key("wrong_key_for_resp_download_file_list.pem"));
    for (keys, files) in [(vec![], 0), (vec!["--key", &other], 0), (vec!["--key", &other, "--key", &fits], 5)] {
        let (exited, told) = check(&answer, "danskebank", &keys);
        assert_eq!((exited, told["reason"].as_str()), (Some(1), Some("soap_signature")), "{told}");
        let found: Vec<&Value> = told["findings"].as_array().unwrap().iter().map(|it| &it["reason"]).collect();
        assert_eq!(found.contains(&&json!("decrypt")), files == 0, "{found:?}");
        assert_eq!(told["file_references"].as_array().unwrap().len(), files);
    }
}

#[test]
fn the_list_says_how_well_each_bank_is_known() {
    let output = avain().args(["bank", "list"]).output().unwrap();
    let (shown, errors) = texts(&output);
    assert!(output.status.success(), "{errors}");
    for bank in ["nordea (Nordea)\n  verified", "shb (Handelsbanken)\n  verified: from public sources\n  closed:"] {
        assert!(shown.contains(bank), "{shown}");
    }
    for bank in ["spankki", "alandsbanken", "SEB"] {
        assert!(shown.contains(&format!("{bank}\n  unverified:")), "{shown}");
    }
    let folder = TempDir::new().unwrap();
    let list = || texts(&avain().args(["bank", "list", "--banks"]).arg(folder.path()).output().unwrap());
    std::fs::write(folder.path().join("own.toml"), "bank = 1").unwrap();
    let (_, errors) = list();
    assert!(errors.contains("own.toml"), "{errors}");
}

/// A bank alone; killed when dropped.
struct Alone {
    child: Child,
    base: String,
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Alone {
    fn start(bank: &str, config: &Path) -> Self {
        let mut child = avain()
            .args(["bank", "simulate", "--listen", "127.0.0.1:0", "--bank", bank, "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let base =
            first.strip_prefix("Files: ").unwrap().strip_suffix(&format!("/{bank}/CorporateFileService")).unwrap();
        Self { base: base.to_owned(), child }
    }
}

#[tokio::test]
async fn a_bank_alone_answers_any_client() {
    let Some(data) = reference_data() else { return };
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("nordea.toml");
    let pki = |name: &str| data.join("_fixture_pki").join(name);
    let text = format!(
        "clock = \"{AT}\"\ncustomer_cas = [{:?}]\n[[customers]]\nuser_id = \"11111111\"\nactivation_code = \"1234567890\"\n\
         certificates = [{:?}]\n",
        pki("ca_fixture_customer.pem"),
        pki("nordea_client.pem"),
    );
    std::fs::write(&config, text).unwrap();
    let alone = Alone::start("nordea", &config);
    for (file, code) in [
        ("nordea/gen_req_valid_dfl_sha256.xml", "24"),
        ("nordea/gen_req_bad_body_tampered.xml", "02"),
        ("nordea/gen_req_valid_dfl_sha256.xml", "31"),
    ] {
        let answer = post(&alone.base, &data.join(file)).await;
        let saved = folder.path().join("answer.xml");
        std::fs::write(&saved, &answer).unwrap();
        let (_, report) = check(&saved, "nordea", &["--at", AT]);
        assert_eq!(report["response_code"], code, "{file}: {report}");
        assert_eq!(report["soap_signature"]["valid"], true, "{report}");
    }

    std::fs::write(&config, "customer = []").unwrap();
    let output = avain().args(["bank", "simulate", "--bank", "nordea", "--config"]).arg(&config).output().unwrap();
    let (_, errors) = texts(&output);
    assert!(!output.status.success() && errors.contains("nordea.toml") && errors.contains("customer"), "{errors}");
}

async fn post(base: &str, file: &PathBuf) -> Bytes {
    let request = Request::post("/nordea/CorporateFileService").header("content-type", "text/xml; charset=UTF-8");
    let request = request.body(Bytes::from(std::fs::read(file).unwrap())).unwrap();
    Http::new(base.to_owned()).send(request).await.unwrap().into_body()
}
