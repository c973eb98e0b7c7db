//! Base64 as XML carries it.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Decodes base64 with XML white space anywhere in it (bank-channel brief 12 j); strict otherwise.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let compact: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).collect();
    STANDARD.decode(compact).ok()
}

/// Encodes without line breaks.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
