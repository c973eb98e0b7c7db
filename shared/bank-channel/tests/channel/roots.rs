//! The certificates that are built in: files, table and reference data hold together.

use avain_bank_channel::check::{self, Saved, Verdict};
use avain_bank_channel::trust::{Kind, Trust, pinned};
use avain_bank_channel::{Environment, profile, profiles};
use avain_test_support::{output, peer, reference_data, xmlsec};
use avain_xml_security::Policy;
use avain_xml_security::certificate::summary;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use time::macros::datetime;

use crate::bank::{Bank, NOW};

#[test]
fn each_file_has_its_line_in_the_table_and_is_what_the_line_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("roots");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("roots.toml"))
        .collect();
    files.sort_unstable();
    let mut listed: Vec<&str> = pinned().iter().map(|line| line.file.as_str()).collect();
    listed.sort_unstable();
    assert_eq!(files, listed);
    for line in pinned() {
        let read = summary(&line.der().unwrap()).unwrap();
        assert_eq!(read.sha256.to_uppercase(), line.sha256, "{}", line.file);
        let days = [read.not_before, read.not_after].map(|at| at.date().to_string());
        assert_eq!(days, [line.not_before.clone(), line.not_after.clone()], "{}", line.file);
        assert_eq!(read.subject == read.issuer, line.kind == Kind::Root, "{}", line.file);
        assert!(line.banks.iter().all(|bank| profile(bank).is_some()), "{}", line.file);
        assert!(!line.live || read.not_after > NOW, "{} is past", line.file);
    }
}

#[test]
fn openssl_sees_the_same_fingerprints() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("roots");
    for line in pinned() {
        let Some(mut openssl) = peer("openssl") else { return };
        openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(folder.join(&line.file));
        let said = String::from_utf8(output(&mut openssl).stdout).unwrap().replace(':', "");
        assert!(said.trim().ends_with(&line.sha256), "{} {said}", line.file);
    }
}

#[test]
fn they_are_the_reference_datas() {
    let Some(folder) = reference_data() else { return };
    let mut seen = 0;
    for bank in ["nordea", "op", "danske", "samlink"] {
        for entry in std::fs::read_dir(folder.join(bank).join("certs")).unwrap() {
            let der = xmlsec::der(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
            assert!(pinned().iter().any(|line| line.der().unwrap() == der));
            seen += 1;
        }
    }
    assert_eq!(seen, pinned().len());
}

#[test]
fn live_trust_is_for_one_environment_and_has_no_old_root() {
    for profile in profiles() {
        let [live, test] =
            [Environment::Production, Environment::Test].map(|it| Trust::live(&profile.bank, it).roots_der().count());
        let known = match profile.bank.as_str() {
            "simulator" => (0, 0),
            "nordea" | "danskebank" => (1, 0),
            "osuuspankki" => (1, 1),
            _ => (1, 2),
        };
        assert_eq!((live, test), known, "{}", profile.bank);
    }
    assert_eq!(Trust::saved("danskebank").roots_der().count(), 2);
    assert_eq!(Trust::saved("").roots_der().count(), 0);
}

/// Samlink's Customer CA certifies customers and the bank's signer: a customer's certificate from the recorded enrolment
/// does not speak for the bank.
#[test]
fn a_recorded_customer_is_not_samlink() {
    let Some(folder) = reference_data() else { return };
    let answer = std::fs::read_to_string(folder.join("samlink/resp_get_certificate_bankingws.xml")).unwrap();
    let bank = BASE64.decode(between(&answer, "BinarySecurityToken", "</").split_once('>').unwrap().1.trim()).unwrap();
    let application = between(&answer, "<cer:ApplicationResponse>", "</");
    let application =
        String::from_utf8(BASE64.decode(application.split_whitespace().collect::<String>()).unwrap()).unwrap();
    let inner = application.split("<Certificate>").nth(2).unwrap().split_once("</").unwrap().0;
    let pem = String::from_utf8(BASE64.decode(inner.split_whitespace().collect::<String>()).unwrap()).unwrap();
    let customer = xmlsec::der(&pem).unwrap();
    let at = datetime!(2023-01-08 0:00 UTC);
    let (trust, samlink) = (Trust::saved("sp"), profile("sp").unwrap());
    assert!(trust.accept(&bank, samlink, at, &Policy::LEGACY).is_ok());
    let error = trust.accept(&customer, samlink, at, &Policy::LEGACY).unwrap_err();
    assert!(error.to_string().contains("not the bank's own"), "{error}");
}

#[test]
fn only_certificates_are_taken_as_roots() {
    for text in ["", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
        assert!(Trust::from_pem(text).is_err(), "{text}");
    }
    let bank = Bank::new("Bank");
    let accept =
        |trust: &Trust| trust.accept(bank.signer.certificate(), profile("nordea").unwrap(), NOW, &Policy::STRICT);
    assert!(accept(&bank.trust).is_ok());
    assert!(accept(&Trust::live("nordea", Environment::Production)).is_err());
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

#[test]
fn roots_may_be_replaced_and_what_completes_chains_stays() {
    let pem = |file: &str| {
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("roots").join(file)).unwrap()
    };
    let op = Trust::saved("osuuspankki");
    let root = Trust::saved("osuuspankki").with_only_pem(&pem("op_pohjola_root.pem")).unwrap();
    assert_eq!((op.roots_der().count(), root.roots_der().count()), (2, 1));
    let Some(folder) = reference_data() else { return };
    let answer = std::fs::read(folder.join("op/resp_ServiceCertificatesResponse_pankkiyhteys.xml")).unwrap();
    let told = Trust::default().with_only_pem(&pem("op_pohjola_test_root.pem")).unwrap();
    for (trust, accepted) in [(&op, true), (&root, true), (&told, false)] {
        let profile = profile("osuuspankki").unwrap();
        let saved = Saved { profile, trust, keys: &[], at: None, now: NOW, sent_request_id: None };
        assert_eq!(check::answer(&answer, &saved).verdict == Verdict::Accept, accepted);
    }
}
