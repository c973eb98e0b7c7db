//! Keys and certificates made and judged by another implementation.

use std::io::Write as _;
use std::process::{Command, Stdio};

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
    String::from_utf8(piped(peer("openssl").unwrap().args(arguments), input.as_bytes())).unwrap()
}

/// A text encrypted to a public key, PEM (RSA-OAEP, SHA-1).
pub(crate) fn oaep(key: &str, text: &str) -> Option<Vec<u8>> {
    let mut openssl = peer("openssl")?;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(key.as_bytes()).unwrap();
    openssl.args([
        "pkeyutl",
        "-encrypt",
        "-pubin",
        "-pkeyopt",
        "rsa_padding_mode:oaep",
        "-pkeyopt",
        "rsa_oaep_md:sha1",
    ]);
    Some(piped(openssl.arg("-inkey").arg(file.path()), text.as_bytes()))
}

/// What a program makes of an input.
pub(super) fn piped(program: &mut Command, input: &[u8]) -> Vec<u8> {
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = program.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program:?}");
    output.stdout
}
