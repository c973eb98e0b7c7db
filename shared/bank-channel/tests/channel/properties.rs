//! Readers take any bytes.

use std::sync::LazyLock;

use avain_bank_channel::check::{self, Saved, Verdict};
use avain_bank_channel::{Error, Profile, Trust, answer, profile};
use proptest::prelude::*;

use crate::bank::{Answer, Bank, NOW, expected};

static BANK: LazyLock<Bank> = LazyLock::new(|| Bank::new("Bank"));
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| Answer::default().signed(&BANK));

fn saved(bank: &str) -> Saved<'static> {
    let profile = profile(bank).unwrap();
    Saved { profile, trust: &BANK.trust, keys: &[], at: None, now: NOW, sent_request_id: None }
}

proptest! {
    #[test]
    fn readers_never_panic_and_accept_nothing_unsigned(bytes in any::<Vec<u8>>()) {
        prop_assert!(answer::certificate(&bytes, &expected(), &BANK.judge(), b"").is_err());
        prop_assert!(answer::user_info(&bytes, &expected(), &BANK.judge()).is_err());
        prop_assert!(answer::file_list(&bytes, &expected(), &BANK.judge()).is_err());
        prop_assert!(answer::file(&bytes, &expected(), &BANK.judge()).is_err());
        prop_assert!(answer::upload(&bytes, &expected(), &BANK.judge()).is_err());
    }

    #[test]
    fn a_changed_byte_never_changes_what_is_read(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = GOOD.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        // Some bytes mean nothing (the declaration, case of a character reference): then the answer is the same.
        let read = answer::file_list(&bytes, &expected(), &BANK.judge());
        prop_assert!(read.is_err() || read == Ok(vec![]));
    }
}

proptest! {
    #[test]
    fn the_check_never_panics_and_accepts_nothing_unsigned(bytes in any::<Vec<u8>>(), text in ".{0,200}") {
        for (bank, bytes) in [("nordea", bytes.as_slice()), ("osuuspankki", text.as_bytes()), ("danskebank", text.as_bytes())] {
            prop_assert_ne!(check::answer(bytes, &saved(bank)).verdict, Verdict::Accept);
        }
    }

    #[test]
    fn a_changed_byte_is_told_or_means_nothing(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let good = check::answer(&GOOD, &saved("nordea"));
        prop_assert_eq!(good.verdict, Verdict::Accept);
        let mut bytes = GOOD.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let changed = check::answer(&bytes, &saved("nordea"));
        prop_assert!(changed.verdict != Verdict::Accept || changed == good);
    }

    #[test]
    fn an_operators_texts_are_read_or_refused(text in "(\\PC|\n){0,200}|(bank|name|=|\"|\\[|\\]|\n|[a-z_ ])*") {
        prop_assert!(Profile::from_toml(&text).is_err());
        prop_assert!(Trust::from_pem(&text).is_err());
        let block = format!("-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----");
        prop_assert!(Trust::from_pem(&block).is_err());
    }
}

proptest! {
    // Each case signs and verifies eight times.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_signed_response_of_any_shape_is_read_or_refused(rest in elements()) {
        for operation in ["downloadFileList", "downloadFile", "getUserInfo", "uploadFile"] {
            let answer = BANK.answer(operation, "00", &rest);
            let (expected, judge) = (expected(), BANK.judge());
            let error = match operation {
                "downloadFileList" => answer::file_list(&answer, &expected, &judge).err(),
                "downloadFile" => answer::file(&answer, &expected, &judge).err(),
                "getUserInfo" => answer::user_info(&answer, &expected, &judge).err(),
                _ => answer::upload(&answer, &expected, &judge).err(),
            };
            let blames_form = |error| matches!(error, Error::Unreadable(_) | Error::AnotherRequest("CustomerId"));
            prop_assert!(error.is_none_or(blames_form));
        }
    }
}

/// Elements of the schema, nested and repeated at random, with texts that mean something somewhere.
fn elements() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "CustomerId",
        "ResponseCode",
        "Encrypted",
        "Compressed",
        "TransactionCount",
        "FileDescriptors",
        "FileDescriptor",
        "FileReference",
        "TargetId",
        "FileType",
        "FileTimestamp",
        "Status",
        "UserFileTypes",
        "UserFileType",
        "Content",
    ]);
    let texts = prop::sample::select(vec![
        "",
        "true",
        "H4sIAAAAAAAAAw==",
        "AAAA",
        "A1",
        "-1",
        " \n",
        "&#13;&#x85;",
        "\u{1f600}",
    ]);
    texts.prop_map(str::to_owned).prop_recursive(4, 32, 6, move |inner| {
        prop::collection::vec((names.clone(), inner), 0..6)
            .prop_map(|all| all.iter().map(|(name, inner)| ["<", name, ">", inner, "</", name, ">"].concat()).collect())
    })
}
