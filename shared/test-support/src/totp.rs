//! Codes of authenticators (RFC 6238: SHA-1, six digits, steps of 30 seconds), made by Python's standard library.

use crate::{output, peer};

/// Seconds.
const STEP: i64 = 30;

const SCRIPT: &str = "
import base64, hashlib, hmac, struct, sys
key = base64.b32decode(sys.argv[1])
for step in sys.argv[2:]:
    mac = hmac.new(key, struct.pack('>Q', int(step)), hashlib.sha1).digest()
    at = mac[-1] & 15
    print('%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 10**6))
";

/// The code of a secret in base32 at this Unix second; `None` where python3 is neither installed nor required.
///
/// # Panics
/// If python3 is missing and required, or the secret is not base32.
#[must_use]
pub fn code(secret: &str, at: i64) -> Option<String> {
    Some(codes(secret, &[at / STEP])?.remove(0))
}

/// Whether a code is that of a step near this Unix second: two on either side, as time passes while a test runs.
///
/// # Panics
/// As [`code`].
#[must_use]
pub fn is_near(secret: &str, at: i64, code: &str) -> bool {
    near(secret, at).iter().any(|it| it == code)
}

/// A code that is none of those.
///
/// # Panics
/// As [`code`].
#[must_use]
pub fn wrong(secret: &str, at: i64) -> String {
    let near = near(secret, at);
    (0..=5).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap_or_default()
}

fn near(secret: &str, at: i64) -> Vec<String> {
    codes(secret, &[-2, -1, 0, 1, 2].map(|distance| at / STEP + distance)).unwrap_or_default()
}

fn codes(secret: &str, steps: &[i64]) -> Option<Vec<String>> {
    let mut python = peer("python3")?;
    python.args(["-c", SCRIPT, secret]).args(steps.iter().map(i64::to_string));
    let answer = output(&mut python);
    let codes: Vec<String> = String::from_utf8_lossy(&answer.stdout).split_whitespace().map(str::to_owned).collect();
    assert_eq!(codes.len(), steps.len(), "{}", String::from_utf8_lossy(&answer.stderr));
    Some(codes)
}
