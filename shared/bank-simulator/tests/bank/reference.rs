//! The reference data's requests, each with the answer that the index gives it.

use std::path::Path;
use std::sync::Arc;

use avain_bank_simulator::{BankKey, Config, Judgement, Operation, Provisioned, judge_request};
use avain_test_support::reference_data;

use crate::payments::judge;
use crate::request::Customer;
use crate::world::World;

const IS_REQUEST: [&str; 3] = ["req_", "gem_req_", "gen_req_"];

/// A bank as the reference data has it, in the form in which an operator writes it; `FOLDER` is the reference data.
fn setting(bank: &str, hashes: &str) -> String {
    let customer = match bank {
        "nordea" => {
            r#"user_id = "11111111"
activation_code = "1234567890"
certificates = ["FOLDER/_fixture_pki/nordea_client.pem"]
target_ids = ["11111111A1"]
files = [{ file_type = "NDCORPAYL", reference = "2022122808151084", content = "FOLDER/README.md" }]"#
        }
        "osuuspankki" => {
            r#"user_id = "1000000000"
transfer_key = "2251401483958635"
certificates = ["FOLDER/_fixture_pki/op_client.pem"]"#
        }
        "danskebank" => {
            r#"user_id = "360817"
pin = "1234"
certificates = ["FOLDER/_fixture_pki/danske_client_sign.pem", "FOLDER/_fixture_pki/danske_client_enc.pem"]"#
        }
        _ => {
            r#"user_id = "12345678"
transfer_key = "1234567812345678"
certificates = ["FOLDER/_fixture_pki/samlink_client.pem"]"#
        }
    };
    let keys = match bank {
        "danskebank" => {
            r#"encryption = "FOLDER/_fixture_pki/danske_bank_enc.pem"
encryption_key = "FOLDER/_fixture_pki/danske_bank_enc.key""#
        }
        _ => "",
    };
    format!(
        r#"bank = "{bank}"
clock = "2027-01-15T10:00:30Z"
customer_cas = ["FOLDER/_fixture_pki/ca_fixture_customer.pem"]
{hashes}
[keys]
{keys}
[[customers]]
{customer}
"#
    )
}

const BOTH_HASHES: &str = r#"hashes = ["sha1", "sha256"]"#;

/// The configuration in a file, read back.
fn config(folder: &Path, bank: &str, hashes: &str) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), setting(bank, hashes).replace("FOLDER", folder.to_str().unwrap())).unwrap();
    Config::from_file(None, file.path(), Arc::new(|| unreachable!("the file sets the time"))).unwrap()
}

/// What a request must be answered with where the index has no verdict, and why.
///
/// Requests of the Ruby gem are SHA-1 and otherwise right: with both hashes accepted they are carried out.
const UNJUDGED: [(&str, &str, &str); 19] = [
    ("nordea/gem_req_download_file_gem_sha1.xml", "00", "the file is there"),
    ("nordea/gem_req_download_file_list_gem_sha1.xml", "24", "no file of the type NDCORPAYS is there"),
    ("nordea/gem_req_get_user_info_gem_sha1.xml", "00", ""),
    ("nordea/gem_req_get_certificate_gem_sha1.xml", "00", "unsigned, the activation code is right"),
    ("nordea/gem_req_upload_file_gem_sha1.xml", "23", "its Content is base64 of base64, not a payment (brief 11, 17)"),
    (
        "nordea/req_download_file_list_1_nft.xml",
        "12",
        "a RequestId of 64 characters; Nordea took it in 2013 (brief 2.1)",
    ),
    ("nordea/req_get_user_info_1_nft.xml", "12", "the same"),
    ("op/gem_req_download_file_list_gem_sha1.xml", "24", "no file of the type pain.001.001.03 is there"),
    ("op/gem_req_upload_file_gem_sha1.xml", "12", "as at Nordea; OP's code for it"),
    ("op/gem_req_get_certificate_gem_sha1.xml", "00", ""),
    ("op/req_request_pankkiyhteys.xml", "12", "an application request without an envelope: SOAP Fault"),
    ("op/req_request-template_pankkiyhteys.xml", "12", "the same"),
    ("op/req_request-signed_pankkiyhteys.xml", "12", "the same"),
    ("samlink/gem_req_download_file_list_gem_sha1.xml", "00", "an empty list is 00"),
    ("samlink/gem_req_get_certificate_gem_sha1.xml", "0", "an empty Service is taken"),
    ("samlink/req_expectedGetCertificateXml_bankingws.xml", "12", "without an envelope"),
    ("danske/gem_req_download_file_list_gem_sha1.xml", "24", "there is no new file of the type"),
    ("danske/gem_req_create_certificate_gem_sha1.xml", "00", ""),
    ("danske/gem_req_get_bank_certificate_gem_sha1.xml", "00", ""),
];

/// Every request of the reference data, over HTTP and offline: both say the same, and what the index says.
#[tokio::test]
async fn every_request_of_the_reference_data_is_answered_as_the_index_says() {
    let Some(folder) = reference_data() else { return };
    let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let mut judged = 0;
    for fixture in index["fixtures"].as_array().unwrap() {
        let file = fixture["file"].as_str().unwrap();
        let (directory, name) = file.split_once('/').unwrap();
        if !IS_REQUEST.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let bank = match directory {
            "op" => BankKey::Osuuspankki,
            "danske" => BankKey::Danskebank,
            "samlink" => BankKey::Omasp,
            _ => BankKey::Nordea,
        };
        let request = std::fs::read_to_string(folder.join(file)).unwrap();
        let hashes = if name.starts_with("gem_") { BOTH_HASHES } else { "" };
        let config = config(&folder, bank.as_str(), hashes);
        let judgement = judge_request(request.as_bytes(), &config).unwrap();
        let (code, text, fault) = over_http(bank, &config, name, &request).await;
        let told = (judgement.response_code.as_str(), judgement.response_text.as_str(), judgement.fault);
        assert_eq!(told, (code.as_str(), text.as_str(), fault), "{file}: offline and over HTTP");
        check_verdict(file, &fixture["expected"]["verdict"], &judgement);
        check_signatures(file, &fixture["expected"], &judgement);
        judged += 1;
    }
    let is_request = |name: &str| IS_REQUEST.iter().any(|prefix| name.starts_with(prefix));
    let there = ["nordea", "op", "danske", "samlink"].map(|directory| {
        let files = std::fs::read_dir(folder.join(directory)).unwrap();
        files.filter(|file| is_request(file.as_ref().unwrap().file_name().to_str().unwrap())).count()
    });
    assert_eq!(judged, there.iter().sum::<usize>(), "every request that is there");
}

/// A bank that has seen nothing yet gets the request.
async fn over_http(bank: BankKey, config: &Config, name: &str, request: &str) -> (String, String, bool) {
    let world = World::with(|own| *own = Config { folder: own.folder.clone(), ..config.clone() }).await;
    let key = std::env::var("AVAIN_FIXTURES").unwrap() + "/_fixture_pki/danske_client_enc.key";
    *world.decrypts_with.lock().unwrap() = Some(der(Path::new(&key)));
    let service = if name.contains("certificate") || name.contains("Certificate") {
        "CertificateService"
    } else {
        "CorporateFileService"
    };
    if bank == BankKey::Osuuspankki {
        let learned = crate::transfer_key::KeyRequest::service_certificates(bank, "1000000000");
        learned.send(&world).await.is("00", "OK.");
    }
    let (status, body) = world.post(bank, service, request).await.unwrap();
    if body.contains("PKIFactoryService") && status == 200 {
        let reply = crate::pki::read(&world, &body).unwrap();
        return (reply.code, reply.text, reply.fault);
    }
    let answer = world.read(bank, status, &body);
    if !answer.fault {
        judge(&answer);
    }
    (answer.code, answer.text, answer.fault)
}

fn check_verdict(file: &str, verdict: &serde_json::Value, judgement: &Judgement) {
    if let Some((_, code, why)) = UNJUDGED.iter().find(|(unjudged, ..)| *unjudged == file) {
        assert_eq!(judgement.response_code, *code, "{file}: {why}: {judgement:?}");
        assert_eq!(judgement.accept, matches!(*code, "0" | "00" | "24"), "{file}");
        return;
    }
    let accept =
        verdict["accept"].as_bool().unwrap_or_else(|| panic!("{file} is neither in the index nor in the table"));
    assert_eq!(judgement.accept, accept, "{file}: {judgement:?}");
    if let Some(operation) = verdict["operation"].as_str() {
        assert_eq!(judgement.operation.map(Operation::name), Some(operation), "{file}");
    }
    if accept {
        return;
    }
    let expected = match &verdict["response_code"] {
        serde_json::Value::Array(codes) => codes.iter().filter_map(serde_json::Value::as_str).collect(),
        code => vec![code.as_str().unwrap()],
    };
    // Where no number is published the index names the text, and 29 as the number to use.
    let is_expected = expected.contains(&judgement.response_code.as_str())
        || expected.contains(&"SOAP Fault") && judgement.fault
        || expected[0].starts_with("unpublished (29") && judgement.response_code == "29";
    assert!(is_expected, "{file}: {judgement:?}");
    if let Some(text) = verdict["response_text"].as_str() {
        assert_eq!(judgement.response_text, text, "{file}");
    }
}

/// The signatures of both layers as the index found them.
fn check_signatures(file: &str, expected: &serde_json::Value, judgement: &Judgement) {
    let layers = [
        (&expected["soap_signature"], &judgement.soap_signature),
        (&expected["application"]["signature"], &judgement.application_signature),
    ];
    for (expected, inspected) in layers {
        let (Some(value_ok), Some(inspected)) = (expected["signature_value_ok"].as_bool(), inspected) else { continue };
        // A hash that the bank does not accept, or a short key, makes a right value not valid.
        assert_eq!(inspected.value_ok.unwrap_or(false), value_ok, "{file}: {inspected:?}");
        let digests: Vec<bool> =
            expected["digests"].as_array().unwrap().iter().map(|digest| digest["ok"].as_bool().unwrap()).collect();
        assert_eq!(inspected.digests.iter().map(|digest| digest.ok).collect::<Vec<_>>(), digests, "{file}");
    }
}

/// Signed with SHA-1 only: what each bank accepts by itself, without a word of its operator's.
#[tokio::test]
async fn sha_1_requests_are_refused_by_nordea_and_op() {
    let Some(folder) = reference_data() else { return };
    for (file, bank, code) in [
        ("nordea/gem_req_download_file_gem_sha1.xml", "nordea", "02"),
        ("nordea/gem_req_upload_file_gem_sha1.xml", "nordea", "02"),
        ("nordea/gem_req_get_user_info_gem_sha1.xml", "nordea", "02"),
        ("op/gem_req_download_file_list_gem_sha1.xml", "osuuspankki", "02"),
        ("samlink/gem_req_download_file_list_gem_sha1.xml", "pop", "00"),
        ("danske/gen_req_valid_dfl_3des.xml", "danskebank", "24"),
    ] {
        let request = std::fs::read(folder.join(file)).unwrap();
        let judgement = judge_request(&request, &config(&folder, bank, "")).unwrap();
        assert_eq!(judgement.response_code, code, "{file}: {judgement:?}");
    }
}

/// Application requests without an envelope, put into one: what is wrong with them is seen further in.
#[tokio::test]
async fn recorded_application_requests_are_judged_in_an_envelope() {
    let Some(folder) = reference_data() else { return };
    let own = |name: &str| der(&folder.join("_fixture_pki").join(name));
    let customer = Customer::new(BankKey::Osuuspankki, "1000000000", "", &own("op_client.key"), &own("op_client.pem"));
    for name in ["request", "request-template", "request-signed"] {
        let world = World::with(|own| *own = config(&folder, "osuuspankki", BOTH_HASHES)).await;
        crate::transfer_key::KeyRequest::service_certificates(customer.bank, "1000000000")
            .send(&world)
            .await
            .is("00", "OK.");
        let application = std::fs::read_to_string(folder.join(format!("op/req_{name}_pankkiyhteys.xml"))).unwrap();
        // Not signed, an empty signature, no certificate in KeyInfo.
        crate::protocol::send(&world, &customer, &application).await.is("18", "Content digital signature not valid.");
    }
    let application =
        std::fs::read_to_string(folder.join("samlink/req_expectedGetCertificateXml_bankingws.xml")).unwrap();
    let config = config(&folder, "aktia", "");
    let request = crate::transfer_key::KeyRequest::new(BankKey::Aktia, "12345678", b"", "");
    let judgement = judge_request(request.envelope(&application).as_bytes(), &config).unwrap();
    assert!(judgement.accept, "{judgement:?}");
    let other_key = application.replace("1234567812345678", "1234567812345670");
    let judgement = judge_request(request.envelope(&other_key).as_bytes(), &config).unwrap();
    assert_eq!((judgement.response_code.as_str(), judgement.accept), ("30", false));
}

#[tokio::test]
async fn a_provisioned_authority_is_good_for_its_customer_only() {
    let Some(folder) = reference_data() else { return };
    // The same request, at a bank that provisioned another certificate of the same authority.
    let world = World::with(|config| {
        let mut provisioned = provisioned(&folder);
        provisioned.certificate = der(&folder.join("_fixture_pki/samlink_client.pem"));
        config.provisioned.push(provisioned);
    })
    .await;
    let request = std::fs::read_to_string(folder.join("nordea/gen_req_valid_dfl_sha256.xml")).unwrap();
    world.files(BankKey::Nordea, &request).await.is_fault("03");
    // And at a bank that knows nothing of it, as in live use.
    let world = World::start().await;
    world.files(BankKey::Nordea, &request).await.is_fault("04");
}

fn provisioned(folder: &Path) -> Provisioned {
    Provisioned {
        bank: BankKey::Nordea,
        user_id: "11111111".into(),
        certificate: der(&folder.join("_fixture_pki/nordea_client.pem")),
        issuer: der(&folder.join("_fixture_pki/ca_fixture_customer.pem")),
    }
}

/// The DER of a PEM file with one object.
pub(crate) fn der(path: &Path) -> Vec<u8> {
    use base64::Engine as _;
    let text = std::fs::read_to_string(path).unwrap();
    let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(lines).unwrap()
}
