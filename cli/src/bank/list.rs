//! `avain bank list`.

use std::fmt::Write as _;

use avain_adapters_aws::banks::{Environment, Folder, Profile};
use avain_domain::names::Bank;
use avain_xml_security::certificate::summary;

/// Every bank of the API but the simulator.
pub(super) fn list(folder: &Folder) -> String {
    let profiles = folder.profiles();
    let mut text = String::new();
    for name in Bank::NAMES.into_iter().filter(|name| Bank::parse(name) != Some(Bank::SIMULATOR)) {
        match profiles.iter().find(|profile| profile.bank == name) {
            Some(profile) => describe(&mut text, profile, folder),
            None => {
                let _ = writeln!(
                    text,
                    "{name}\n  unverified: nothing public is known of its protocol; add a profile of your own (docs/bank-profiles.md)\n"
                );
            }
        }
    }
    text
}

fn describe(text: &mut String, profile: &Profile, folder: &Folder) {
    let verified = if profile.verified { "verified: from public sources" } else { "unverified: an operator's profile" };
    let _ = writeln!(text, "{} ({})\n  {verified}", profile.bank, profile.name);
    if let Some(closed) = &profile.closed {
        let _ = writeln!(text, "  closed: {closed}");
    }
    for (word, environment) in [("production", Environment::Production), ("test", Environment::Test)] {
        let Some(addresses) = profile.addresses(environment) else { continue };
        let _ = writeln!(text, "  {word}: {}\n    certificates: {}", addresses.files, addresses.certificates);
        let trust = folder.trust(&profile.bank, environment);
        for root in trust.roots_der().filter_map(|der| summary(der).ok()) {
            let _ = writeln!(text, "    root: {}, SHA-256 {}", root.subject, root.sha256);
        }
        if trust.is_empty() {
            let _ = writeln!(text, "    root: none is known: add its PEM to use the bank there");
        }
    }
    text.push('\n');
}
