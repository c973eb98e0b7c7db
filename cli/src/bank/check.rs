//! `avain bank check`: one saved message, judged offline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use avain_adapters_aws::banks::{Profile, Trust};
use avain_adapters_local::clock::SystemClock;
use avain_bank_channel::check::{self, Saved, Verdict};
use avain_domain::pem;
use avain_domain::ports::Clock as _;
use avain_xml_security::encryption::DecryptionKey;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeyPair;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::{folder, print, request};

/// A message and what it is judged by.
#[derive(Args)]
pub struct Options {
    /// The saved message: a SOAP envelope
    pub(super) file: PathBuf,
    /// The bank that it is from, or for
    #[arg(long)]
    pub(super) bank: String,
    /// When (RFC 3339); without it at the message's own time
    #[arg(long, value_parser = time_of)]
    pub(super) at: Option<OffsetDateTime>,
    /// Trusted certificates (PEM), in place of the built-in roots: of an answer, the bank's; of a request, those that certify customers
    #[arg(long)]
    pub(super) trust: Vec<PathBuf>,
    /// Private keys (PEM, PKCS#8 or PKCS#1) that what is encrypted may be for
    #[arg(long)]
    pub(super) key: Vec<PathBuf>,
    /// Certificates (PEM): of an answer, those that may complete a chain; of a request, those of the customer that are in force, beside
    /// those whose subject names it
    #[arg(long)]
    pub(super) cert: Vec<PathBuf>,
    /// `RequestId` that an answer must have
    #[arg(long)]
    pub(super) sent_request_id: Option<String>,
    /// A file with the PIN, activation code or transfer key that a request must prove; `-` reads it from standard input. (On the
    /// command line everybody on the machine could read it.)
    #[arg(long)]
    pub(super) pin_file: Option<PathBuf>,
    /// The same on the command line: for codes that are good for nothing
    #[arg(long, conflicts_with = "pin_file")]
    pub(super) pin: Option<String>,
    /// Hashes that the bank takes in a request (sha1, sha256); without it what its family takes
    #[arg(long, value_parser = ["sha1", "sha256"])]
    pub(super) hash: Vec<String>,
    /// A request went to the bank's address for tests
    #[arg(long)]
    pub(super) test: bool,
    /// A folder with bank profiles of your own
    #[arg(long)]
    pub(super) banks: Option<PathBuf>,
}

fn time_of(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| format!("{error}: a time is like 2027-01-15T10:00:30Z"))
}

/// Judges, prints, and tells by the exit code.
pub(super) fn run(options: &Options) -> ExitCode {
    let (verdict, report) = match judge(options) {
        Ok(judged) => judged,
        Err(why) => {
            let report = json!({ "verdict": "unreadable", "reason": "unreadable", "detail": why });
            (Verdict::Unreadable, pretty(&report).unwrap_or_default())
        }
    };
    print(&report);
    match verdict {
        Verdict::Accept => ExitCode::SUCCESS,
        Verdict::Reject => ExitCode::from(1),
        Verdict::Unreadable => ExitCode::from(2),
    }
}

fn judge(options: &Options) -> Result<(Verdict, String), String> {
    let bytes = read(&options.file)?;
    if is_request(&bytes) {
        return request::judge(options, &bytes);
    }
    let profiles = folder(options.banks.as_deref())?.profiles();
    let profile = profiles.iter().find(|it| it.bank == options.bank);
    let profile: &Arc<Profile> = profile.ok_or_else(|| format!("no profile of the bank {}", options.bank))?;
    let built_in = Trust::saved(&profile.bank);
    let trust = if options.trust.is_empty() { built_in } else { trusted(built_in, &options.trust)? };
    let trust = trust.with_issuers(certificates(&options.cert)?);
    let keys = private_keys(&options.key)?;
    let keys = keys.iter().map(|key| DecryptionKey::new(key)).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|error| error.to_string())?;
    let saved = Saved {
        profile,
        trust: &trust,
        keys: &keys,
        at: options.at,
        now: SystemClock.now(),
        sent_request_id: options.sent_request_id.as_deref(),
    };
    let report = check::answer(&bytes, &saved);
    Ok((report.verdict, pretty(&report)?))
}

/// The verdict first, as the fields stand in the report.
pub(super) fn pretty(report: &impl Serialize) -> Result<String, String> {
    serde_json::to_string_pretty(report).map_err(|error| error.to_string())
}

/// By the names that only the one or the other has, so that what cannot be parsed is told as well; a document without an envelope is
/// what stands in one.
fn is_request(bytes: &[u8]) -> bool {
    let has = |name: &str| bytes.windows(name.len()).any(|part| part == name.as_bytes());
    let has_one = |names: &[&str]| names.iter().any(|name| has(name));
    has_one(&["RequestHeader", "ApplicationRequest"]) && !has_one(&["ResponseHeader", "ApplicationResponse", "Fault>"])
}

/// A file's bytes; the error names the file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn text(path: &Path) -> Result<String, String> {
    String::from_utf8(read(path)?).map_err(|_| format!("{}: not PEM", path.display()))
}

/// These roots in place of the built-in ones.
fn trusted(built_in: Trust, paths: &[PathBuf]) -> Result<Trust, String> {
    let mut roots = String::new();
    for path in paths {
        let pem = text(path)?;
        Trust::from_pem(&pem).map_err(|error| format!("{}: {error}", path.display()))?;
        roots.push_str(&pem);
    }
    built_in.with_only_pem(&roots).map_err(|error| error.to_string())
}

/// DER of every certificate in these PEM files.
pub(super) fn certificates(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    for path in paths {
        let trust = Trust::from_pem(&text(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        found.extend(trust.roots_der().map(<[u8]>::to_vec));
    }
    Ok(found)
}

/// PKCS#8 DER of the private key in each of these PEM files.
pub(super) fn private_keys(paths: &[PathBuf]) -> Result<Vec<Zeroizing<Vec<u8>>>, String> {
    let of = |path: &PathBuf| {
        let text = Zeroizing::new(text(path)?);
        let wrong = || format!("{}: not one RSA private key in PEM without a passphrase", path.display());
        let block = pem::decode(&text).ok_or_else(wrong)?;
        match block.label {
            "PRIVATE KEY" => Ok(Zeroizing::new(block.der.expose().to_vec())),
            "RSA PRIVATE KEY" => {
                let key = KeyPair::from_der(block.der.expose()).map_err(|_| wrong())?;
                let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| wrong())?;
                Ok(Zeroizing::new(pkcs8.as_ref().to_vec()))
            }
            _ => Err(wrong()),
        }
    };
    paths.iter().map(of).collect()
}
