//! Certificates in PEM text.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates in a PEM text, DER; none if there is not one, or one is broken. Text between them is passed over.
pub(crate) fn certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    let certificates: Vec<_> = text
        .split(BEGIN)
        .skip(1)
        .map(|block| {
            let (body, _) = block.split_once(END)?;
            BASE64.decode(body.split_ascii_whitespace().collect::<String>()).ok()
        })
        .collect::<Option<_>>()?;
    (!certificates.is_empty()).then_some(certificates)
}

/// PEM text of a DER structure.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let base64 = BASE64.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.extend(line.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text + "-----END " + label + "-----\n"
}
