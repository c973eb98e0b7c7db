//! DER as text (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// DER in PEM under a label: `PUBLIC KEY`, `CERTIFICATE`.
#[must_use]
pub fn encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
