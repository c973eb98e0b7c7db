//! Another implementation of cryptography: node's.

use avain_test_support::peer;
use serde_json::json;

use super::openssl::piped;

const OAEP: &str = r"
const { webcrypto } = require('node:crypto');
const { key, text } = JSON.parse(require('node:fs').readFileSync(0));
const der = Buffer.from(key.replace(/-----[^-]+-----|\s/g, ''), 'base64');
const algorithm = { name: 'RSA-OAEP', hash: 'SHA-1' };
webcrypto.subtle.importKey('spki', der, algorithm, false, ['encrypt'])
  .then((key) => webcrypto.subtle.encrypt(algorithm, key, Buffer.from(text)))
  .then((bytes) => process.stdout.write(Buffer.from(bytes).toString('base64')));
";

const PAIR: &str = r"
const { X509Certificate, createPrivateKey, sign, verify } = require('node:crypto');
const { certificate, key } = JSON.parse(require('node:fs').readFileSync(0));
const [x509, own] = [new X509Certificate(certificate), createPrivateKey(key)];
const signature = sign('sha256', Buffer.from('text'), own);
const fits = x509.checkPrivateKey(own) && verify('sha256', Buffer.from('text'), x509.publicKey, signature);
process.stdout.write(String(fits));
";

/// Base64 of a text that WebCrypto encrypted to a public key, PEM (RSA-OAEP, SHA-1).
pub(crate) fn oaep(key: &str, text: &str) -> Option<String> {
    run(OAEP, &json!({ "key": key, "text": text }))
}

/// Whether a private key, PEM, is that of a certificate, PEM: by its numbers, and by what it signs.
pub(crate) fn pair_fits(certificate: &str, key: &str) -> Option<bool> {
    run(PAIR, &json!({ "certificate": certificate, "key": key })).map(|told| told == "true")
}

fn run(script: &str, input: &serde_json::Value) -> Option<String> {
    let mut node = peer("node")?;
    Some(String::from_utf8(piped(node.args(["-e", script]), input.to_string().as_bytes())).unwrap())
}
