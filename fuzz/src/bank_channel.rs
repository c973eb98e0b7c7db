//! The parsers of `avain-bank-channel`. Signed answers cannot be made by chance; the check reads all of an answer whether
//! it is signed or not, so it is what is fed.

use std::sync::LazyLock;

use avain_bank_channel::accounts::accounts_in;
use avain_bank_channel::check::{self, Saved, Verdict};
use avain_bank_channel::{Profile, Trust, profiles};
use time::OffsetDateTime;

/// An answer, as every bank's in turn.
pub fn answer(data: &[u8]) {
    static TRUST: LazyLock<Vec<Trust>> =
        LazyLock::new(|| profiles().map(|profile| Trust::saved(&profile.bank)).collect());
    for (profile, trust) in profiles().zip(&*TRUST) {
        let now = OffsetDateTime::UNIX_EPOCH;
        let saved = Saved { profile, trust, keys: &[], at: None, now, sent_request_id: None };
        let report = check::answer(data, &saved);
        assert_eq!(report.verdict == Verdict::Accept, report.findings.is_empty());
        let nobody = Trust::default();
        let untrusted = check::answer(data, &Saved { trust: &nobody, ..saved });
        assert!(untrusted.verdict != Verdict::Accept, "without a root nothing is accepted");
    }
}

/// A file that a customer or a bank moves.
pub fn accounts(data: &[u8]) {
    for file_type in ["camt.053.001.02", "pain.001.001.09", ""] {
        for account in accounts_in(file_type, data).unwrap_or_default() {
            assert!(!account.is_empty() && !account.contains(char::is_whitespace));
        }
    }
}

/// An operator's profile.
pub fn profile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(profile) = Profile::from_toml(text) {
        assert!(profile.pki_factory.is_some() != profile.certificate_service.is_some());
    }
}

/// An operator's roots.
pub fn trust(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(Trust::from_pem(text).is_ok_and(|trust| !trust.is_empty()) || Trust::from_pem(text).is_err());
}
