//! Profiles as data.

use avain_bank_channel::{Environment, profile};

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
