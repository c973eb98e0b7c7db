//! OpenPGP (RFC 9580, RFC 4880): which public keys may be registered, and which of them signed a file (brief 2.7,
//! requirement R43).
//!
//! rPGP reads packets and does the arithmetic; the rules are here, because it has none:
//!
//! - A key is what its owner signed: a subkey counts only with a valid binding (a signing subkey also with its signature
//!   back), a use only with the key flag in the newest binding. What does not verify is dropped before anything is stored.
//! - MD5, SHA-1 and RIPEMD-160 are refused in every signature that grants something, bindings included: keys by the
//!   defaults of `GnuPG` 2.2 and later pass, a key last signed with SHA-1 has to be signed again by its owner (for instance
//!   by setting its expiry). A revocation counts whatever its digest, time or reason.
//! - RSA below 2048 bits, DSA and Elgamal are refused, and key versions before 4.
//! - Times are those of `now`, given by the caller. A clock may be 60 seconds ahead of ours; nothing else is lenient.
//!
//! A revocation by another key (designated revoker) is not looked for: that key is not at hand.

mod armor;
mod certificate;
mod encryption;
mod signature;

use std::fmt;

use thiserror::Error;
use time::OffsetDateTime;

use crate::ports::Random;
use crate::records::PgpPurpose;
use certificate::Certificate;

/// A public key that may be registered.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Fingerprint of the primary key, upper-case hex: 40 digits (version 4) or 64 (version 6).
    pub fingerprint: String,
    /// Transferable public key, binary, at most 16 KiB: of what was sent, the parts that the key's own signatures vouch for.
    pub binary: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PublicKey").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// Why a key cannot be registered; the sender's to mend. Carries nothing of the text that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyProblem {
    /// Not a public key in ASCII armor, larger than 1 MiB of text or 1000 packets, or more than 16 KiB of it vouched for.
    #[error("not an armored public key")]
    NotAKey,
    /// A private key was sent.
    #[error("a private key, where the public key is needed")]
    Private,
    /// More than one key.
    #[error("more than one key")]
    Several,
    /// The key, or each subkey for the purpose, has expired or is not valid yet.
    #[error("the key has expired")]
    Expired,
    /// The key, or each subkey for the purpose, is revoked.
    #[error("the key is revoked")]
    Revoked,
    /// Algorithm, size, version or the digest of its own signatures is too weak.
    #[error("the key is too weak")]
    Weak,
    /// Neither the key nor a subkey is marked for what the purpose needs, with an algorithm known here.
    #[error("the key is not made for this purpose")]
    NoUse,
}

/// Why no signature was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureProblem {
    /// The text has no armored signature.
    #[error("no signature found")]
    None,
    /// A signature cannot be read, or there are too many: more than 1 MiB of text, 16 armor blocks or 32 signatures. One
    /// unreadable block fails the whole text; signatures of unknown kind or by unknown keys fail only themselves.
    #[error("a signature cannot be read")]
    Malformed,
    /// No signature is valid by a registered key.
    #[error("no valid signature by a registered key")]
    AllFailed,
}

/// Reads the one public key in `armored` and checks that at `now` it can do what `purpose` needs: sign (authorize), or be
/// encrypted to (export).
pub fn read_public_key(armored: &str, purpose: PgpPurpose, now: OffsetDateTime) -> Result<PublicKey, KeyProblem> {
    if armored.contains("PRIVATE KEY") {
        return Err(KeyProblem::Private);
    }
    let blocks = armor::blocks(armored, "PGP PUBLIC KEY BLOCK").map_err(|armor::Malformed| KeyProblem::NotAKey)?;
    let certificate = Certificate::read(&blocks.concat())?;
    certificate.keys(purpose, now.unix_timestamp())?;
    Ok(PublicKey { fingerprint: certificate.fingerprint(), binary: certificate.to_binary()? })
}

/// The short id shown to people: the last 8 digits of the key id, upper case. The key id is the end of a version 4
/// fingerprint and the beginning of a version 6 one (RFC 9580 section 5.5.4).
#[must_use]
pub fn short_id(fingerprint: &str) -> String {
    let digits = if fingerprint.len() == 64 { fingerprint.get(8..16) } else { fingerprint.get(32..40) };
    digits.unwrap_or_default().to_ascii_uppercase()
}

/// Fingerprints (each once, sorted) of those `keys` (binary, as registered) by which at least one of the armored detached
/// signatures over `data` is valid at `now`. Never empty. Binary signatures are over the bytes, text signatures over the
/// bytes with line ends as CRLF.
pub fn verify_detached(
    armored: &str,
    data: &[u8],
    keys: &[&[u8]],
    now: OffsetDateTime,
) -> Result<Vec<String>, SignatureProblem> {
    let signatures = signature::read(armored)?;
    let now = now.unix_timestamp();
    let mut signers: Vec<String> =
        keys.iter().filter_map(|key| signature::signer(key, &signatures, data, now)).collect();
    signers.sort();
    signers.dedup();
    if signers.is_empty() { Err(SignatureProblem::AllFailed) } else { Ok(signers) }
}

/// Whether a registered `key` (binary) can do at `now` what `purpose` needs.
#[must_use]
pub fn is_usable(key: &[u8], purpose: PgpPurpose, now: OffsetDateTime) -> bool {
    Certificate::read(key).is_ok_and(|it| it.keys(purpose, now.unix_timestamp()).is_ok())
}

/// Data encrypted to a registered `key` (binary), as an armored message: to the newest of its (sub)keys that may be
/// encrypted to at `now`. AES-256, in the form that the key's version goes with: integrity protected (version 4, which
/// every reader of such keys knows), AEAD with OCB (version 6).
pub fn encrypt(key: &[u8], data: &[u8], random: &dyn Random, now: OffsetDateTime) -> Result<String, KeyProblem> {
    encryption::encrypt(key, data, random, now.unix_timestamp())
}
