//! What tells the clients apart on the wire (brief 0, 2.1, 2.6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::steer::{self, Step};
use crate::support::{Answer, node, openssl};

/// A client's ways.
pub(super) struct Dialect {
    pub(super) name: &'static str,
    /// A path segment.
    pub(super) encode: fn(&str) -> String,
    /// On every request, its User-Agent first.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Whether Content-Type is there without a body too.
    pub(super) type_without_body: bool,
    /// Authorization and x-api-key where nobody has to be known: left over, or a word that means none.
    pub(super) stale: Option<(&'static str, &'static str)>,
    /// Where a registration takes its challenge from.
    pub(super) challenge_from: &'static str,
    /// The challenge's timestamp, as it finds it.
    pub(super) timestamp: fn(&str) -> String,
    /// Base64 of a text encrypted to a public key (PEM); `None` where the other implementation is not at hand.
    pub(super) oaep: fn(&str, &str) -> Option<String>,
    /// What it does after an answer of a login.
    pub(super) steer: fn(&Answer) -> Step,
    /// Whether it tries again after a wrong code.
    pub(super) retries_codes: bool,
    /// Whether every body has every field.
    pub(super) sends_everything: bool,
    /// The path of the certificates.
    pub(super) certs: &'static [&'static str],
    /// The query of ListFiles.
    pub(super) query: &'static str,
    /// The name of an upload's signature.
    pub(super) signature_field: &'static str,
    /// gpg's options for it.
    pub(super) signing: &'static [&'static str],
}

pub(super) const ALL: [&Dialect; 4] = [&PHP, &TYPESCRIPT, &PYTHON, &C_SHARP];

/// wscli 1.0.1.
pub(super) const PHP: Dialect = Dialect {
    name: "wscli",
    encode: percent_encode,
    headers: &[("User-Agent", "WsCli SDK v1.0.1 wscli v1.0.1"), ("Accept", "application/json")],
    type_without_body: true,
    stale: None,
    challenge_from: "session",
    timestamp: |challenge| challenge[45..58].to_owned(),
    oaep: |key, text| Some(wrapped(&openssl::oaep(key, text)?, 76)),
    steer: steer::by_exact_texts,
    retries_codes: false,
    sends_everything: true,
    certs: &["certs", ""],
    query: "?Status=NEW&FileType=",
    signature_field: "Signatures",
    signing: &["--digest-algo", "SHA512"],
};

/// The vendor's kit 2.1.0.
pub(super) const TYPESCRIPT: Dialect = Dialect {
    name: "isecure-ts-client",
    encode: percent_encode,
    headers: &[
        ("User-Agent", "isecure-ts-client/2.1.0"),
        ("Accept", "application/json, text/plain, */*"),
        ("Accept-Encoding", "gzip, compress, deflate, br"),
    ],
    type_without_body: true,
    stale: None,
    challenge_from: "account",
    timestamp: between_bars,
    oaep: node::oaep,
    steer: steer::by_order,
    retries_codes: false,
    sends_everything: false,
    certs: &["certs"],
    query: "?FileType=&Status=NEW",
    signature_field: "Signature",
    signing: &["--digest-algo", "SHA512"],
};

/// The vendor's kit.
pub(super) const PYTHON: Dialect = Dialect {
    name: "isecure-client for Python",
    encode: |segment| segment.to_owned(),
    headers: &[("User-Agent", "python-requests/2.32.3"), ("Accept-Encoding", "gzip, deflate"), ("Accept", "*/*")],
    type_without_body: true,
    stale: Some(("a-token-of-yesterday", "a-key-of-yesterday")),
    challenge_from: "account",
    timestamp: between_bars,
    oaep: |key, text| openssl::oaep(key, text).map(|bytes| STANDARD.encode(bytes)),
    steer: steer::by_order,
    retries_codes: true,
    sends_everything: false,
    certs: &["certs"],
    query: "?Status=NEW",
    signature_field: "Signature",
    signing: &["--digest-algo", "SHA256"],
};

/// The client in C#, and those that are generated from the contract: an API key of `0` where there is none.
pub(super) const C_SHARP: Dialect = Dialect {
    name: "a generated client",
    encode: percent_encode,
    headers: &[("User-Agent", "Swagger-Codegen/1.0.0/csharp"), ("Accept", "application/json")],
    type_without_body: false,
    stale: Some(("", "0")),
    challenge_from: "account",
    timestamp: between_bars,
    oaep: |key, text| openssl::oaep(key, text).map(|bytes| STANDARD.encode(bytes)),
    steer: steer::by_order,
    retries_codes: false,
    sends_everything: false,
    certs: &["certs"],
    query: "?Status=NEW",
    signature_field: "Signature",
    signing: &["--textmode", "--digest-algo", "SHA384"],
};

fn between_bars(challenge: &str) -> String {
    let parts: Vec<&str> = challenge.split('|').collect();
    assert_eq!((parts.len(), parts[1].len()), (3, 13));
    parts[1].to_owned()
}

/// Base64 as the program of that name writes it: in lines, the last one ended too.
fn wrapped(bytes: &[u8], width: usize) -> String {
    let text = STANDARD.encode(bytes).into_bytes();
    let lines: Vec<&str> = text.chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n") + "\n"
}

/// As encodeURIComponent does.
fn percent_encode(segment: &str) -> String {
    let kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte);
    let encode = |byte: u8| if kept(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.bytes().map(encode).collect()
}
