//! The reference data's Nordea requests, each with the answer that the index gives it.

use std::path::Path;

use avain_bank_simulator::{BankKey, Provisioned};
use avain_test_support::reference_data;

use crate::world::World;

#[tokio::test]
async fn generated_requests_get_the_codes_of_the_index() {
    let Some(folder) = reference_data() else { return };
    let world = world(&folder).await;
    let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let mut judged = 0;
    for fixture in index["fixtures"].as_array().unwrap() {
        let file = fixture["file"].as_str().unwrap();
        if !file.starts_with("nordea/gen_req_") {
            continue;
        }
        let request = std::fs::read_to_string(folder.join(file)).unwrap();
        let answer = if file.contains("get_certificate") {
            world.certificates(BankKey::Nordea, &request).await
        } else {
            world.files(BankKey::Nordea, &request).await
        };
        let verdict = &fixture["expected"]["verdict"];
        if verdict["accept"].as_bool().unwrap() {
            // Nothing is there under the file type that the list asks for.
            let expected = if file.contains("get_certificate") { "00" } else { "24" };
            assert_eq!(answer.code, expected, "{file}: {answer:?}");
        } else {
            let expected = &verdict["response_code"];
            let accepted: Vec<&str> = match expected {
                serde_json::Value::Array(codes) => codes.iter().filter_map(serde_json::Value::as_str).collect(),
                code => vec![code.as_str().unwrap()],
            };
            // Where no number is published the index names the text, and 29 as the number to use.
            let unpublished = accepted[0].starts_with("unpublished (29");
            assert!(
                accepted.contains(&answer.code.as_str()) || unpublished && answer.code == "29",
                "{file}: {answer:?}"
            );
            if let Some(text) = verdict["response_text"].as_str() {
                assert_eq!(answer.text, text, "{file}");
            }
            if file.contains("no_filereference") {
                assert_eq!(answer.text, "Invalid parameters: At least one FileReference required for downloading");
            }
        }
        judged += 1;
    }
    assert_eq!(judged, 9);
}

#[tokio::test]
async fn sha_1_requests_are_refused() {
    let Some(folder) = reference_data() else { return };
    let world = world(&folder).await;
    for operation in ["download_file", "download_file_list", "get_user_info", "upload_file"] {
        let file = folder.join(format!("nordea/gem_req_{operation}_gem_sha1.xml"));
        let answer = world.files(BankKey::Nordea, &std::fs::read_to_string(file).unwrap()).await;
        answer.is("02", "SOAP signature error.");
    }
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

async fn world(folder: &Path) -> World {
    World::with(|config| config.provisioned.push(provisioned(folder))).await
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
