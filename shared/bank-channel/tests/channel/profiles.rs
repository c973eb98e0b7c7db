//! Profiles as data: those that are built in, and an operator's own.

use avain_bank_channel::profile::{Proof, TargetIdRule};
use avain_bank_channel::{Environment, Profile, profile, profiles};
use avain_xml_security::{Hash, Policy};
use time::macros::datetime;

#[test]
fn the_banks_served_are_known_by_their_keys() {
    assert_eq!(profile("nordea").unwrap().receiver_id, "NDEAFIHH");
    assert!(profile("simulator").unwrap().endpoints.production.is_none());
    assert!(profile("spankki").is_none() && profile("").is_none());
}

#[test]
fn live_addresses_of_nordea_are_the_sha_256_ones() {
    let addresses = profile("nordea").unwrap().addresses(Environment::Production).unwrap();
    for address in [&addresses.files, &addresses.certificates] {
        assert!(address.starts_with("https://filetransfer.nordea.com/services/") && address.ends_with("/sha2"));
    }
}

#[test]
fn every_bank_of_which_the_protocol_is_public_is_built_in_and_no_other() {
    let keys: Vec<_> = profiles().map(|profile| profile.bank.as_str()).collect();
    let all = ["aktia", "danskebank", "nordea", "omasp", "osuuspankki", "pop", "shb", "simulator", "sp"];
    assert_eq!(keys, all);
    for profile in profiles() {
        assert!(profile.verified, "{}", profile.bank);
        assert_eq!(profile.closed.is_some(), profile.bank == "shb");
        for addresses in [&profile.endpoints.production, &profile.endpoints.test].into_iter().flatten() {
            assert!([&addresses.files, &addresses.certificates].iter().all(|it| it.starts_with("https://")));
        }
    }
}

/// `docs/bank-profiles.md` has a line for each bank, with what is particular to it.
#[test]
fn the_page_has_every_bank() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bank-profiles.md");
    let page = std::fs::read_to_string(page).unwrap();
    for profile in profiles().filter(|profile| profile.closed.is_none()) {
        let names =
            |line: &&str| line.split('|').nth(1).is_some_and(|it| it.split(',').any(|it| it.trim() == profile.bank));
        let line = page.lines().find(names).unwrap();
        let said: Vec<&str> = line.split('|').map(str::trim).collect();
        let hash = if profile.signing.hash == Hash::Sha1 { "SHA-1" } else { "SHA-256" };
        let sha1 = if profile.signing.accepted.contains(&Hash::Sha1) { "yes" } else { "no" };
        assert_eq!((said[4], said[5]), (hash, sha1), "{line}");
        assert_eq!(said[6].starts_with("yes"), profile.encryption.is_some(), "{line}");
        let as_nordea = said[2].starts_with("as nordea");
        assert_eq!(said[2].contains("delete"), profile.offers.delete, "{line}");
        assert_eq!(said[2].contains("user info") || as_nordea, profile.offers.user_info, "{line}");
    }
    assert!(page.lines().any(|line| line.starts_with("| shb") && line.contains("closed")));
}

#[test]
fn sha_256_is_sent_wherever_the_bank_takes_it() {
    for profile in profiles() {
        let sent = if profile.bank == "danskebank" { Hash::Sha1 } else { Hash::Sha256 };
        assert_eq!(profile.signing.hash, sent, "{}", profile.bank);
        let policy = profile.live_policy();
        assert_eq!(policy.min_rsa_bits, Policy::STRICT.min_rsa_bits);
        let strict = ["nordea", "simulator", "osuuspankki"].contains(&profile.bank.as_str());
        assert_eq!(policy.hashes.contains(&Hash::Sha1), !strict, "{}", profile.bank);
    }
}

#[test]
fn enrolment_is_each_banks_own() {
    for (bank, kind, user_id, code) in [
        ("osuuspankki", Proof::TransferKey, "1000000000", "2251401483958635"),
        ("danskebank", Proof::PkiFactory, "1D3456", "1234"),
        ("sp", Proof::TransferKey, "12345678", "1234567812345678"),
        ("omasp", Proof::TransferKey, "12345678", "123456781234567812345"),
    ] {
        let enrolment = &profile(bank).unwrap().enrolment;
        assert_eq!(enrolment.kind, kind);
        assert!(enrolment.user_id.fits(user_id) && !enrolment.user_id.fits(&user_id[1..]), "{bank}");
        assert!(enrolment.code.fits(code) && !enrolment.code.fits(""), "{bank}");
    }
    let from = |bank| profile(bank).unwrap().enrolment.renewal_from(datetime!(2028-03-01 0:00 UTC));
    assert_eq!(from("osuuspankki"), Some(datetime!(2028-01-01 0:00 UTC)));
    assert_eq!(from("nordea"), None, "not known");
}

/// A bank of which nothing is public is a file of the operator's: what it must say, and what is said when it does not.
#[test]
fn an_operators_file_is_a_profile() {
    let text = include_str!("../../profiles/osuuspankki.toml")
        .replace("bank = \"osuuspankki\"", "bank = \"alandsbanken\"")
        .replace("verified = true", "verified = false")
        .replace("target_id = \"omitted\"", "target_id = { fixed = \"X\" }")
        .replace("upload = \"always\"", "upload = \"xml\"");
    let read = Profile::from_toml(&text).unwrap();
    assert_eq!((read.bank.as_str(), read.verified), ("alandsbanken", false));
    assert_eq!(read.target_id, TargetIdRule::Fixed("X".into()));
    let why = |from: &str, to: &str| Profile::from_toml(&text.replacen(from, to, 1)).unwrap_err().to_string();
    assert!(why("receiver_id", "reciever_id").contains("unknown field `reciever_id`"));
    assert!(why("receiver_id = \"OKOYFIHH\"", "").contains("missing field `receiver_id`"));
    assert!(why("hash = \"sha256\"", "hash = \"md5\"").contains("md5 is not known"));
    assert!(why("kind = \"transfer-key\"", "kind = \"pki-factory\"").contains("pki_factory"));
    assert!(why("accepted = [\"sha256\"]", "accepted = []").contains("signing.accepted is empty"));
    assert!(why("verified", "request_id_max = 36\nverified").contains("request_id_max"));
    assert!(why("", "= ").contains("cannot be used"));
}

#[test]
fn status_words_go_both_ways() {
    let words = &profile("nordea").unwrap().status_words;
    assert_eq!((words.new.as_str(), words.downloaded.as_str(), words.all.as_str()), ("NEW", "DOWNLOADED", "ALL"));
    for (word, common) in [("NEW", "NEW"), ("DOWNLOADED", "DLD"), ("DLD", "DLD"), ("WFP", "WFP")] {
        assert_eq!(words.common(word), common);
    }
}

#[test]
fn enrolment_shapes() {
    let nordea = &profile("nordea").unwrap().enrolment;
    assert!(nordea.code.fits("1234567890"));
    for code in ["", "123456789", "12345678901", "123456789a", "12345678\u{661}"] {
        assert!(!nordea.code.fits(code), "{code}");
    }
    assert!(nordea.user_id.fits("11111111") && nordea.user_id.fits("1234567890123456"));
    assert!(!nordea.user_id.fits("") && !nordea.user_id.fits("12345678901234567") && !nordea.user_id.fits("1 1"));

    let simulator = &profile("simulator").unwrap().enrolment;
    assert!(simulator.user_id.fits("a b~") && !simulator.user_id.fits("\u{e4}") && !simulator.user_id.fits("a\n"));
    assert!(simulator.code.fits("abcdefghijklmno!") && simulator.code.fits(&"x".repeat(32)));
    for code in ["abcdefghijklmno", "abcdefgh jklmnop", "abcdefghijklmno\u{e4}"] {
        assert!(!simulator.code.fits(code), "{code}");
    }
    assert!(!simulator.code.fits(&"x".repeat(33)));
}
