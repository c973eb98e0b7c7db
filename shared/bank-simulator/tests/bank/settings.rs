//! One bank alone, by a setting file.

use std::path::Path;
use std::sync::Arc;

use avain_bank_simulator::{BankKey, BankSetting, Clock, Config, Error, GivenKey, judge_request, simulate};
use avain_test_support::{reference_data, xmlsec};
use avain_xml_security::certificate;
use time::OffsetDateTime;

use crate::payments::judge;
use crate::request::{Call, Customer, Enrolment, NORDEA_CODE, rsa_key, signing_request};
use crate::transfer_key::enrol;
use crate::world::{NOW, World};

fn clock() -> Clock {
    Arc::new(|| OffsetDateTime::from_unix_timestamp(NOW).unwrap())
}

fn written(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("bank.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_bank_answers_with_the_keys_that_it_was_given() {
    let Some(folder) = reference_data() else { return };
    let own = tempfile::tempdir().unwrap();
    for name in ["ca_fixture_bank.pem", "bank_sign.pem", "bank_sign.key", "ca_fixture_customer.pem"] {
        std::fs::copy(folder.join("_fixture_pki").join(name), own.path().join(name)).unwrap();
    }
    std::fs::write(own.path().join("statement.txt"), "T00322...").unwrap();
    // Paths are relative to the file.
    let file = written(
        own.path(),
        r#"
clock = "2027-01-15T10:00:30Z"
customer_cas = ["ca_fixture_customer.pem"]

[keys]
root = "ca_fixture_bank.pem"
signer = "bank_sign.pem"
signer_key = "bank_sign.key"

[[customers]]
user_id = "11111111"
customer_id = "162355330"
target_ids = ["11111111A1", "11111111A2"]
activation_code = "1234567890"

[[customers.files]]
file_type = "TITO"
reference = "REF1"
content = "statement.txt"
"#,
    );
    let config = Config::from_file(Some("nordea"), &file, clock()).unwrap();
    let simulation = simulate(Some("nordea"), &file, clock()).unwrap();
    assert_eq!(simulation.name, "nordea");
    let root = std::fs::read_to_string(own.path().join("ca_fixture_bank.pem")).unwrap();
    assert_eq!(xmlsec::der(&simulation.root_pem), xmlsec::der(&root));

    let world = World::with(|own| *own = config).await;
    let der = |name: &str| crate::reference::der(&folder.join("_fixture_pki").join(name));
    let customer = Customer::new(BankKey::Nordea, "11111111", "", &der("nordea_client.key"), &der("nordea_client.pem"));
    // The certificate is not listed: its authority is, and its subject names the customer.
    let list = Call::list("ALL").with("FileType", "TITO").with("CustomerId", "162355330");
    let answer = customer.call(&world, &list).await;
    answer.is("00", "OK.");
    judge(&answer);
    assert_eq!(answer.all("FileReference"), ["REF1"]);
    let signer = certificate::summary(&answer.signer).unwrap();
    assert_eq!(signer.issuer_common_name, "Fixture Server CA");
    let answer = customer.call(&world, &Call::download("REF1").with("CustomerId", "162355330")).await;
    assert_eq!(answer.bytes("Content"), b"T00322...");
    let second = list.clone().with("TargetId", "11111111A2");
    customer.call(&world, &Call { request_id: crate::request::fresh_id(), ..second }).await.is("00", "OK.");
    customer.call(&world, &Call::list("ALL")).await.is("13", "CustomerID not found.");
}

#[tokio::test]
async fn without_contracts_a_certificate_tells_whose_request_it_is() {
    let Some(folder) = reference_data() else { return };
    let own = tempfile::tempdir().unwrap();
    let authority = folder.join("_fixture_pki/ca_fixture_customer.pem");
    let file = written(
        own.path(),
        &format!(
            "bank = \"nordea\"\nclock = \"2027-01-15T10:00:30Z\"\ncustomer_cas = [{:?}]",
            authority.to_str().unwrap()
        ),
    );
    let config = Config::from_file(None, &file, clock()).unwrap();
    for (name, code, accept) in [
        ("valid_dfl_sha256", "24", true),
        ("valid_get_certificate_pin1234567890", "00", true),
        ("bad_ar_tampered", "18", false),
        ("bad_untrusted_ca", "04", false),
    ] {
        let request = std::fs::read(folder.join(format!("nordea/gen_req_{name}.xml"))).unwrap();
        let judgement = judge_request(&request, &config).unwrap();
        assert_eq!((judgement.response_code.as_str(), judgement.accept), (code, accept), "{name}: {judgement:?}");
    }
    // With the secret that everybody has, it is looked at.
    let request = std::fs::read(folder.join("nordea/gen_req_valid_get_certificate_pin1234567890.xml")).unwrap();
    for (secret, code) in [("1234567890", "00"), ("1234567891", "34")] {
        let mut config = config.clone();
        config.setting.as_mut().unwrap().secret = Some(zeroize::Zeroizing::new(secret.into()));
        assert_eq!(judge_request(&request, &config).unwrap().response_code, code);
    }
    // Nobody else's certificate: the subject must name the sender.
    let request = std::fs::read_to_string(folder.join("nordea/gen_req_valid_dfl_sha256.xml")).unwrap();
    let judgement = judge_request(request.replace("11111111", "11111112").as_bytes(), &config).unwrap();
    assert_eq!(judgement.response_code, "02");
    assert_eq!(judgement.soap_signature.unwrap().digests.iter().filter(|digest| digest.ok).count(), 1);
}

/// A bank with these customers, who have their certificates from the authority of the reference data.
async fn world_of_reference_data(folder: &Path, text: &str) -> World {
    let own = tempfile::tempdir().unwrap();
    let authority = folder.join("_fixture_pki/ca_fixture_customer.pem");
    let text = format!("customer_cas = [{:?}]\n{text}", authority.to_str().unwrap());
    let config = Config::from_file(Some("nordea"), &written(own.path(), &text), clock()).unwrap();
    World::with(|own| *own = config).await
}

fn customer_of_reference_data(folder: &Path) -> Customer {
    let der = |name: &str| crate::reference::der(&folder.join("_fixture_pki").join(name));
    Customer::new(BankKey::Nordea, "11111111", "Fixture Oy", &der("nordea_client.key"), &der("nordea_client.pem"))
}

/// A certificate from elsewhere is renewed at the bank, and stays in force.
#[tokio::test]
async fn a_certificate_of_another_authority_is_renewed() {
    let Some(folder) = reference_data() else { return };
    let contract = "[[customers]]\nuser_id = \"11111111\"\nactivation_code = \"1234567890\"";
    for text in ["", contract, &format!("{contract}\nname = \"Fixture Oy\"")] {
        let world = world_of_reference_data(&folder, text).await;
        let customer = customer_of_reference_data(&folder);
        let key = rsa_key();
        let content = signing_request(&key, "Fixture Oy", "11111111");
        let renewal = Enrolment {
            command: None,
            hmac: None,
            ..Enrolment::new(BankKey::Nordea, "11111111", NORDEA_CODE, content)
        };
        let answer = world.certificates(BankKey::Nordea, &renewal.envelope_signed(&customer.key)).await;
        answer.is("00", "OK.");
        let renewed = Customer::from_answer(BankKey::Nordea, "11111111", "Fixture Oy", &key, &answer);
        let files = renewed.list(&world, "ALL").await;
        files.is("00", "OK.");
        assert_eq!(customer.list(&world, "ALL").await.all("FileReference"), files.all("FileReference"), "one account");
    }
}

#[tokio::test]
async fn a_sender_whom_nobody_knows_is_told_so() {
    let Some(folder) = reference_data() else { return };
    let world = world_of_reference_data(&folder, "[[customers]]\nuser_id = \"11111112\"").await;
    let customer = customer_of_reference_data(&folder);
    customer.list(&world, "ALL").await.is("07", "SenderID not found.");
    // Whose certificate it is comes first, and the time.
    let foreign = Call { sender_id: Some("11111112".into()), ..Call::list("ALL") };
    customer.call(&world, &foreign).await.is_fault("03");
    world.pass(time::Duration::days(-1));
    let envelope = Call::list("ALL").envelope(&world, &customer);
    world.pass(time::Duration::days(1));
    world.files(BankKey::Nordea, &envelope).await.is("02", "SOAP signature error.");
}

/// Each request as if it were the first: whatever came before, the answer is the same.
#[tokio::test]
async fn a_bank_may_forget_every_request() {
    let Some(folder) = reference_data() else { return };
    let text = "stateless = true\n[[customers]]\nuser_id = \"11111111\"\nactivation_code = \"1234567890\"";
    let world = world_of_reference_data(&folder, text).await;
    let customer = customer_of_reference_data(&folder);
    let list = Call::list("ALL").envelope(&world, &customer);
    let upload = Call::upload("NDCORPAYS", crate::payments::payment("pain.001.001.03", "M1", &["5.00"]).as_bytes());
    let content = signing_request(&rsa_key(), "Fixture Oy", "11111111");
    let enrolment = Enrolment::new(BankKey::Nordea, "11111111", NORDEA_CODE, content).envelope();
    for _ in 0..2 {
        let answer = world.files(BankKey::Nordea, &list).await;
        assert_eq!(answer.all("FileType"), ["camt.053.001.02"], "what a new account has");
        customer.call(&world, &upload).await.is("00", "OK.");
        world.certificates(BankKey::Nordea, &enrolment).await.is("00", "OK.");
    }
}

/// A private key is enough to judge an encrypted request.
#[tokio::test]
async fn an_encrypted_request_is_judged_with_a_key_alone() {
    let Some(folder) = reference_data() else { return };
    let der = |name: &str| crate::reference::der(&folder.join("_fixture_pki").join(name));
    let mut config = Config::in_memory(clock());
    let mut setting = BankSetting::new(BankKey::Danskebank);
    setting.customer_authorities = vec![der("ca_fixture_customer.pem")];
    let key = zeroize::Zeroizing::new(der("danske_bank_enc.key"));
    setting.keys.encryption = Some(GivenKey { certificate: Vec::new(), key });
    for (file, key, code) in [
        ("gen_req_valid_dfl_3des.xml", true, "24"),
        ("gem_req_create_certificate_gem_sha1.xml", true, "00"),
        ("gen_req_valid_dfl_3des.xml", false, "22"),
        ("gem_req_create_certificate_gem_sha1.xml", false, "22"),
    ] {
        let mut setting = setting.clone();
        if !key {
            setting.keys.encryption = None;
        }
        config.setting = Some(setting);
        let request = std::fs::read(folder.join("danske").join(file)).unwrap();
        let judgement = judge_request(&request, &config).unwrap();
        assert_eq!(judgement.response_code, code, "{file}: {judgement:?}");
        assert_eq!(judgement.application_request.is_some(), key);
    }
}

#[tokio::test]
async fn state_is_kept_in_the_folder_of_the_setting() {
    let own = tempfile::tempdir().unwrap();
    let file = written(own.path(), "bank = \"kylapankki\"\nfolder = \"state\"\n");
    let config = Config::from_file(None, &file, clock()).unwrap();
    let root = simulate(None, &file, clock()).unwrap().root_pem;
    assert!(own.path().join("state/configured/authority.json").exists());
    assert_eq!(simulate(None, &file, clock()).unwrap().root_pem, root);
    let world = World::with(|own| *own = config).await;
    let (status, _) = world.post_to("/kylapankki/CorporateFileService", "<a/>").await.unwrap();
    assert_eq!(status, 500);
}

#[tokio::test]
async fn a_bank_added_by_configuration_alone_serves_a_customer() {
    let own = tempfile::tempdir().unwrap();
    let text = "bank = \"SEB\"\n[[customers]]\nuser_id = \"77\"\nname = \"Kauppa Oy\"\ntransfer_key = \"salaisuus\"\n";
    let config = Config::from_file(None, &written(own.path(), text), clock()).unwrap();
    let world = World::with(|own| *own = config).await;
    let customer = enrol(&world, BankKey::Seb, "77", "salaisuus").await;
    // At whatever address its client has it.
    let list = Call::list("ALL").envelope(&world, &customer);
    for path in ["/", "/services/CorporateFileService"] {
        let (status, body) = world.post_to(path, &list).await.unwrap();
        let answer = world.read(BankKey::Seb, status, &body);
        assert_eq!(answer.code, if path == "/" { "00" } else { "31" });
    }
    let answer = customer.list(&world, "ALL").await;
    answer.is("00", "OK.");
    judge(&answer);
}

#[tokio::test]
async fn nordea_tells_the_name_in_the_agreement() {
    let own = tempfile::tempdir().unwrap();
    let name = "Pitkänimisen Perheyrityksen Jälkeläisten Kauppahuone Oy";
    let text = format!("[[customers]]\nuser_id = \"11111111\"\nname = \"{name}\"\nactivation_code = \"1234567890\"\n");
    let config = Config::from_file(Some("nordea"), &written(own.path(), &text), clock()).unwrap();
    let world = World::with(|own| *own = config).await;
    let request = |name: &str| {
        let content = signing_request(&rsa_key(), name, "11111111");
        Enrolment::new(BankKey::Nordea, "11111111", NORDEA_CODE, content).envelope()
    };
    let answer = world.certificates(BankKey::Nordea, &request("Perheyritys Oy")).await;
    assert_eq!(answer.code, "33");
    assert_eq!(answer.text, format!("Error in customer information: {name}").chars().take(80).collect::<String>());
    world.certificates(BankKey::Nordea, &request(name)).await.is("00", "OK.");
}

#[test]
fn what_is_wrong_with_a_setting_is_said_without_its_secrets() {
    let own = tempfile::tempdir().unwrap();
    for (text, said) in [
        ("clock = \"2027-01-15T10:00:30Z\"", "bank is missing"),
        ("bank = \"nordea\"\nclock = \"yesterday\"", "clock is not a time of RFC 3339: yesterday"),
        ("bank = \"nordea\"\nenvironment = \"production\"", "environment is PRODUCTION or TEST: production"),
        ("bank = \"nordea\"\nhashes = [\"md5\"]", "hashes are sha1 and sha256"),
        ("bank = \"nordea\"\ncolour = 1", "unknown field `colour`"),
        ("bank = \"nordea\"\ncustomer_cas = [\"none.pem\"]", "No such file"),
        ("bank = \"nordea\"\ncustomer_cas = [\"bank.toml\"]", "it is not PEM with one CERTIFICATE"),
        ("bank = \"nordea\"\n[keys]\nsigner = \"bank.toml\"", "certificate and key come together"),
        (
            "bank = \"nordea\"\n[[customers]]\nuser_id = \"1\"\n[[customers.files]]\nfile_type = \"TITO\"\n\
             reference = \"../x\"\ncontent = \"bank.toml\"",
            "its reference is not 1 to 32 letters",
        ),
        ("bank = \"nordea\"\nsecret = \"tiger\" \"tiger\"", ""),
    ] {
        let error = Config::from_file(None, &written(own.path(), text), clock()).err().unwrap();
        let Error::Setting { path, reason } = &error else { panic!("{error}") };
        assert!(path.starts_with(own.path()));
        assert!(reason.contains(said), "{reason}");
        assert!(!error.to_string().contains("tiger"), "{error}");
    }
}
