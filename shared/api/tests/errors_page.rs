//! docs/errors.md is written from the table of answers, so that it cannot go stale. `AVAIN_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use avain_api::operations::{ENROLL_CERT, UPLOAD_FILE};
use avain_api::ws_channel::errors::reply;
use avain_domain::Failure;

const HEAD: &str = "# What the API answers when it does not do what was asked

Every refusal is JSON: `{\"RequestId\", \"ResponseCode\", \"ResponseText\"}`. ResponseCode is `01`, or the bank's own code where a bank refused. Clients match on the texts: they do
not change. Made from the code by `cargo test -p avain-api`.

| condition | status | ResponseText | Retry-After |
|---|---|---|---|
";

/// Every variant with the condition that it stands for.
fn conditions() -> Vec<(&'static str, Failure)> {
    let text = |text: &str| text.to_owned();
    vec![
        ("a parameter is missing", Failure::Missing),
        (
            "a parameter has a value that is not acceptable; the body is not a JSON object",
            Failure::Invalid(text("NAME")),
        ),
        ("no such bank here", Failure::UnknownBank),
        ("the password is too weak (the challenge is spent)", Failure::WeakPassword),
        ("wrong password, unknown user, or a challenge that is not good for this login", Failure::WrongCredentials),
        (
            "too many failures, or too many codes asked for: nothing is looked at until then",
            Failure::AttemptLimit { retry_after: 2 },
        ),
        ("wrong code (a try is spent)", Failure::WrongCode),
        ("the code is over ten minutes old or was tried five times", Failure::CodeExpired),
        ("the second factor's session was used, has expired, or is another login's", Failure::NoSession),
        (
            "the authenticator is confirmed, but logins do not ask for it yet: set it up again",
            Failure::NotPreferred(String::new()),
        ),
        ("no token, or one that is expired, revoked or not ours", Failure::Unauthorized),
        ("x-api-key is absent, unknown or another organisation's", Failure::InvalidApiKey),
        (
            "the operation is for the other mode (the text is the operation's own; here EnrollCert's)",
            Failure::WrongMode,
        ),
        ("the organisation has no service agreement for real banks", Failure::NoAgreement),
        ("this deployment has no simulated bank", Failure::NoSimulator),
        ("absent, or another organisation's", Failure::NotFound),
        ("the account has no certificate for the bank", Failure::NoCertificate),
        ("no registered export key has this id", Failure::NoExportKey),
        ("the account's export was disabled, which is for good", Failure::ExportDisabled),
        ("for the account that made the API key only", Failure::NotOwner),
        ("the second factor was given more than ten minutes ago", Failure::Stale),
        ("an account that made an API key is to be deleted", Failure::OwnerStays),
        ("an account to be deleted shares certificates", Failure::StillShares),
        (
            "over the calls that the organisation's policy allows in a minute: nothing was looked at",
            Failure::RateLimited { retry_after: 1 },
        ),
        ("data mode without a registered authorize key", Failure::ReadOnly),
        (
            "a certificate or key cannot be imported (the text says why)",
            Failure::Unusable(text("Certificate PEM format validation failed!")),
        ),
        ("the bank has no such request", Failure::NotOffered),
        ("it is there already (the text says what)", Failure::Exists("Bank certificate(s) already exists")),
        ("an upload without any signature", Failure::NoSignature),
        ("an upload without a valid signature by a registered authorize key", Failure::SignaturesFailed),
        ("the same bytes were sent before and the outcome is not known", Failure::Unresolved(text("ID"))),
        ("signatures for an upload that never waited for any", Failure::NotWaiting),
        ("signatures for an upload that began more than seven days ago", Failure::WaitedTooLong),
        ("a short id that several keys have", Failure::Ambiguous("fingerprint")),
        ("body or answer over 5.5 MiB", Failure::TooLarge { limit: avain_api::MAX_BODY }),
        ("the bank refused", Failure::BankRefused { code: text("24"), text: text("(the bank's text)") }),
        ("the bank is down, breaks off or answers with an HTTP error", Failure::BankUnreachable),
        ("the bank is too slow", Failure::BankTimeout),
        ("the bank's answer cannot be read, or belongs to another request", Failure::BankUnreadable(String::new())),
        ("the bank's answer is not signed by the bank", Failure::BankSignature(String::new())),
        ("a part of the service is down or throttled: try again", Failure::Unavailable(String::new())),
        ("a fault of the service", Failure::Internal(String::new())),
    ]
}

#[test]
fn the_page_is_the_table() {
    let mut page = HEAD.to_owned();
    for (condition, failure) in conditions() {
        let reply = reply(&ENROLL_CERT, &failure);
        let wait = reply.retry_after.map(|seconds| format!("{seconds} s or more")).unwrap_or_default();
        writeln!(page, "| {condition} | {} | `{}` | {wait} |", reply.status, reply.text).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    if std::env::var_os("AVAIN_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page, "AVAIN_BLESS=1 writes the page anew");
}

#[test]
fn the_other_mode_is_told_in_the_operations_own_words() {
    assert_eq!(
        reply(&UPLOAD_FILE, &Failure::WrongMode).text,
        "File uploads not allowed on admin mode, use data account mode"
    );
}
