//! DER as text (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// DER in PEM under a label: `PUBLIC KEY`, `CERTIFICATE`.
#[must_use]
pub fn encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// One block of a PEM text.
pub struct Block<'a> {
    /// `CERTIFICATE`, `PRIVATE KEY`, ...
    pub label: &'a str,
    /// What is in it: a secret, if the label says so.
    pub der: Secret,
}

/// The one block of a text; `None` if there is none, more than one, or one that is malformed. Text around it and white
/// space in it do not matter.
#[must_use]
pub fn decode(text: &str) -> Option<Block<'_>> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, rest) = rest.split_once("-----END ")?;
    let rest = rest.strip_prefix(label)?.strip_prefix("-----")?;
    if rest.contains("-----BEGIN ") {
        return None;
    }
    let mut dense = Zeroizing::new(String::with_capacity(body.len()));
    dense.extend(body.split_ascii_whitespace());
    Some(Block { label, der: Secret::new(STANDARD.decode(dense.as_bytes()).ok()?) })
}

/// Whether a text says of itself that it is a private key under a passphrase (PKCS#8, or the older form of OpenSSL).
#[must_use]
pub fn is_encrypted(text: &str) -> bool {
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(der in prop::collection::vec(any::<u8>(), 0..300), around in "[^-]{0,20}") {
            let text = format!("{around}{}{around}", encode("CERTIFICATE", &der).replace('\n', "\r\n"));
            let block = decode(&text).unwrap();
            prop_assert_eq!((block.label, block.der.expose()), ("CERTIFICATE", der.as_slice()));
        }

        #[test]
        fn any_text_is_a_block_or_none(text in "(-----BEGIN A-----|-----END A-----|AAAA|=| |\n|-|é){0,8}|.*") {
            if let Some(block) = decode(&text) {
                prop_assert!(text.matches("-----BEGIN ").count() == 1 && text.contains(block.label));
            }
        }
    }
}
