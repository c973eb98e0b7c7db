//! Debian's xmlsec1 as the independent judge and maker of XML signatures. Every function gives `None` where the program
//! is missing and not required.

use std::path::Path;
use std::process::Command;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{output, peer};

const WSU_TIMESTAMP: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd:Timestamp";
const SOAP_BODY: &str = "http://schemas.xmlsoap.org/soap/envelope/:Body";

/// Whether the first `ds:Signature` of a document (enveloped, or WS-Security's) verifies with the key of this
/// certificate (DER). Neither the certificate's chain nor what is covered is judged.
///
/// # Panics
/// If the temporary folder cannot be written.
#[must_use]
pub fn verify(xml: &str, certificate: &[u8]) -> Option<bool> {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let key = file(folder.path(), "certificate.pem", &pem("CERTIFICATE", certificate));
    let mut command = xmlsec1("--verify")?;
    command.args(["--pubkey-cert-pem", &key]).arg(file(folder.path(), "signed.xml", xml));
    Some(output(&mut command).status.success())
}

/// Fills the `ds:Signature` template of a document (empty `DigestValue` and `SignatureValue`) with a PKCS#8 private key (DER).
///
/// # Panics
/// If xmlsec1 refuses the template, or the temporary folder cannot be written.
#[must_use]
pub fn sign(template: &str, private_key: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let key = file(folder.path(), "key.pem", &pem("PRIVATE KEY", private_key));
    let mut command = xmlsec1("--sign")?;
    command.args(["--privkey-pem", &key]).arg(file(folder.path(), "template.xml", template));
    let output = output(&mut command);
    assert!(output.status.success(), "xmlsec1 did not sign: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Fills the `xenc:EncryptedData` template (empty `CipherValue`s) with a document that is encrypted with a fresh session key
/// (`aes-256`, `des-192`), which is wrapped for this certificate (DER).
///
/// # Panics
/// If xmlsec1 refuses the template, or the temporary folder cannot be written.
#[must_use]
pub fn encrypt(template: &str, document: &str, certificate: &[u8], session_key: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let key = file(folder.path(), "certificate.pem", &pem("CERTIFICATE", certificate));
    let data = file(folder.path(), "data.xml", document);
    let mut command = peer("xmlsec1")?;
    command.args(["--encrypt", "--pubkey-cert-pem", &key, "--session-key", session_key, "--xml-data", &data]);
    let output = output(command.arg(file(folder.path(), "template.xml", template)));
    assert!(output.status.success(), "xmlsec1 did not encrypt: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The document with its `xenc:EncryptedData` decrypted with a PKCS#8 private key (DER), or what xmlsec1 says instead.
///
/// # Panics
/// If the temporary folder cannot be written.
#[must_use]
pub fn decrypt(encrypted: &str, private_key: &[u8]) -> Option<Result<String, String>> {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let key = file(folder.path(), "key.pem", &pem("PRIVATE KEY", private_key));
    let mut command = peer("xmlsec1")?;
    let output =
        output(command.args(["--decrypt", "--privkey-pem", &key, &file(folder.path(), "data.xml", encrypted)]));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some(if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) })
}

/// A DER object as PEM text.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The DER of the first block of PEM text, whatever its label.
#[must_use]
pub fn der(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN ")).skip(1);
    let base64: String = lines.take_while(|line| !line.starts_with("-----END ")).map(str::trim).collect();
    STANDARD.decode(base64).ok().filter(|der| !der.is_empty())
}

fn xmlsec1(what: &str) -> Option<Command> {
    let mut command = peer("xmlsec1")?;
    command.args([what, "--id-attr:Id", WSU_TIMESTAMP, "--id-attr:Id", SOAP_BODY]);
    Some(command)
}

fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    path.to_string_lossy().into_owned()
}
