//! Base64 as XML carries it.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Decodes base64 with XML white space anywhere in it (bank-channel brief 12 j); strict otherwise.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    STANDARD.decode(text).ok().or_else(|| {
        let compact: Vec<u8> = text.bytes().filter(|&byte| !is_space(byte)).collect();
        (compact.len() < text.len()).then(|| STANDARD.decode(compact).ok())?
    })
}

/// Encodes without line breaks.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
