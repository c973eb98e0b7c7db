//! `avain bank`: the banks that are known, messages judged offline, and a simulated bank alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use avain_adapters_aws::banks::{Environment, Folder, Profile};
use avain_domain::names::Bank;
use clap::Subcommand;

/// What is asked for.
#[derive(Subcommand)]
pub enum Command {
    /// List the banks: what their profiles are good for, where they are, what their answers must chain to
    List {
        /// A folder with bank profiles (*.toml) and roots (BANK.pem) of your own
        #[arg(long)]
        banks: Option<PathBuf>,
    },
}

/// Reads the operator's folder, where there is one.
pub fn folder(path: Option<&Path>) -> Result<Folder, String> {
    path.map_or_else(|| Ok(Folder::default()), Folder::read)
}

/// Prints every bank of the API.
pub fn list(folder: &Folder) -> String {
    let profiles = folder.profiles();
    let mut text = String::new();
    for name in Bank::NAMES.into_iter().filter(|name| Bank::parse(name) != Some(Bank::SIMULATOR)) {
        match profiles.iter().find(|profile| profile.bank == name) {
            Some(profile) => describe(&mut text, profile, folder),
            None => {
                let _ = writeln!(
                    text,
                    "{name}\n  unverified: nothing public is known of its protocol; add a profile of your own (docs/banks.md)\n"
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
        for (subject, fingerprint) in trust.roots() {
            let _ = writeln!(text, "    root: {subject}, SHA-256 {fingerprint}");
        }
        if trust.is_empty() {
            let _ = writeln!(text, "    root: none is known: add its PEM to use the bank there");
        }
    }
    text.push('\n');
}
