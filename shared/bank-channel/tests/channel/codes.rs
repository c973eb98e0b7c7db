//! The catalogue of codes, and its page.

use std::path::Path;

use avain_bank_channel::Service::{Certificates, Files};
use avain_bank_channel::catalogue::{CODES, Fault, Where, find, page};
use avain_bank_channel::profiles;

#[test]
fn every_number_from_00_to_36_has_a_meaning() {
    for number in 0..=36 {
        let code = format!("{number:02}");
        assert!(find("nordea", Files, &code).is_some(), "{code}");
        assert_eq!(find("sp", Files, &code).is_some(), number <= 32, "{code}");
    }
    assert!(find("nordea", Files, "37").is_none());
}

#[test]
fn a_particular_meaning_counts_before_a_common_one() {
    let fault = |bank, service, code| find(bank, service, code).map(|it| it.fault);
    assert_eq!(fault("osuuspankki", Certificates, "26"), Some(Fault::Caller));
    assert_eq!(fault("osuuspankki", Files, "26"), Some(Fault::Bank));
    assert_eq!(fault("nordea", Certificates, "32"), Some(Fault::Bank));
    assert_eq!(fault("nordea", Files, "32"), Some(Fault::Caller));
    assert!(find("pop", Certificates, "30").unwrap().meaning.contains("sub-code"));
    assert!(find("danskebank", Certificates, "20").unwrap().advice.contains("four wrong PINs"));
    assert!(find("danskebank", Certificates, "24").is_none() && find("danskebank", Files, "24").is_some());
}

#[test]
fn nothing_that_may_move_money_twice_is_called_retryable() {
    // A duplicate, a refused file, a signature: none gets better by being sent again.
    for code in ["02", "12", "18", "23", "31", "32"] {
        assert!(!find("aktia", Files, code).unwrap().retryable, "{code}");
    }
}

#[test]
fn entries_name_banks_that_there_are_and_no_code_twice_in_one_place() {
    let keys: Vec<&str> = profiles().map(|profile| profile.bank.as_str()).collect();
    for (at, entry) in CODES.iter().enumerate() {
        if let Where::Banks(banks) | Where::Certificates(banks) = entry.at {
            assert!(banks.iter().all(|bank| keys.contains(bank)), "{entry:?}");
        }
        assert!(CODES[at + 1..].iter().all(|other| (other.at, other.code) != (entry.at, entry.code)), "{entry:?}");
        assert!(entry.meaning.ends_with('.') && !entry.meaning.contains('|'), "{entry:?}");
        assert!(entry.advice.ends_with('.') && !entry.advice.contains('|'), "{entry:?}");
    }
}

#[test]
fn the_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bank-codes.md");
    if std::env::var_os("AVAIN_BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/bank-codes.md is not as the catalogue has it; AVAIN_BLESS=1 writes it");
}
