//! ASCII armor (RFC 9580 section 6): all blocks of one kind in a text, in linear time.
//!
//! rPGP reads the first block only, and searches the header lines in quadratic time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Text that is read at all, bytes.
const MAX_TEXT: usize = 1024 * 1024;
/// Blocks of the kind that is looked for.
const MAX_BLOCKS: usize = 16;

/// The armor is broken or too large.
#[derive(Debug)]
pub(super) struct Malformed;

/// The contents of the blocks with this label; other text and other blocks are passed over. The checksum is not looked at
/// (RFC 9580 section 6.1 forbids to reject by it).
pub(super) fn blocks(text: &str, label: &str) -> Result<Vec<Vec<u8>>, Malformed> {
    if text.len() > MAX_TEXT {
        return Err(Malformed);
    }
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while lines.any(|line| line == begin) {
        if blocks.len() == MAX_BLOCKS {
            return Err(Malformed);
        }
        blocks.push(block(&mut lines, &end)?);
    }
    Ok(blocks)
}

/// The content of one block, from after its first line to and with its last.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>, end: &str) -> Result<Vec<u8>, Malformed> {
    let mut body = String::new();
    loop {
        let line = lines.next().ok_or(Malformed)?;
        if line == end {
            return STANDARD.decode(body).map_err(|_| Malformed);
        }
        let header = body.is_empty() && line.contains(':');
        let checksum = line.len() == 5 && line.starts_with('=');
        if !header && !checksum {
            body.push_str(line);
        }
    }
}
