//! Keys and certificates made and judged by another implementation.

use std::io::Write as _;
use std::process::Stdio;

use avain_test_support::{output, peer};

/// A certificate and its private key, PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    /// X.509, self-signed.
    pub(crate) certificate: String,
    /// PKCS#8.
    pub(crate) key: String,
}

/// A self-signed certificate for a new key (`rsa:2048`, `ec`, ...), good for so many days from now.
pub(crate) fn pair(algorithm: &[&str], days: u32) -> Option<Pair> {
    let mut openssl = peer("openssl")?;
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    let subject = "/C=FI/CN=Esimerkki Oy/serialNumber=1000038023";
    openssl.args(["req", "-x509", "-nodes", "-subj", subject, "-days", &days.to_string(), "-newkey"]).args(algorithm);
    let made = output(openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |path| std::fs::read_to_string(path).unwrap();
    Some(Pair { certificate: read(&certificate), key: read(&key) })
}

/// What openssl makes of an input.
pub(crate) fn run(arguments: &[&str], input: &str) -> String {
    let mut openssl = peer("openssl").unwrap();
    let mut child =
        openssl.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}
