//! What signing and verifying cost beside the RSA operations that they cannot do without: `cargo bench -p
//! avain-xml-security`. Both sides of a ratio are measured in turn, 200 times, in CPU time of the thread, and the median
//! is told: so another load on the machine, or another machine, changes little.

#![expect(clippy::unwrap_used, reason = "a program for developers")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use avain_xml_security::certificate::{ChainCache, verify_chain};
use avain_xml_security::encryption::{Cipher, DecryptionKey, decrypt, encrypt};
use avain_xml_security::enveloped::Form;
use avain_xml_security::{Document, Hash, Policy, SigningKey, enveloped, soap};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::messages::{answer, envelope, file, upload};
use common::{NOW, Pki, REQUEST};
use rustix::time::{ClockId, clock_gettime};
use time::Duration;

const PAIRS: usize = 200;

fn main() {
    let pki = Pki::shared();
    let key = pki.key();
    let rsa = KeyPair::from_pkcs8(&pki.private_key).unwrap();
    cost_of_a_list_request(&key, &rsa);
    cost_of_an_upload(&key, &rsa);
    cost_of_an_answer(pki, &key, &rsa);
    cost_of_sha1(&key);
    cost_of_refusing(pki);
    growth(&key);
}

fn cost_of_a_list_request(key: &SigningKey, rsa: &KeyPair) {
    let (sign, build) = medians(&mut || bare_signature(rsa), &mut || signed_twice(REQUEST, key));
    println!("a bare RSA-2048 signature: {sign:.1} us; a list request with its envelope: {build:.1} us");
    println!(
        "  everything but the two RSA operations: {:.3} of a signature (at most 0.5)",
        (build - 2.0 * sign) / sign
    );
}

fn cost_of_an_upload(key: &SigningKey, rsa: &KeyPair) {
    let file = file(1024 * 1024);
    let mut bare = || {
        let content = STANDARD.encode(&file);
        let application = STANDARD.encode(&content);
        let hashed = [&content, &application].map(|it| digest(&SHA256, it.as_bytes()));
        (application, hashed, bare_signature(rsa), bare_signature(rsa))
    };
    let (bare, build) = medians(&mut bare, &mut || signed_twice(&upload(&file), key));
    println!("an upload of 1 MB: {build:.0} us");
    println!("  {:.2} times base64, SHA-256 and RSA of the same (at most 2.5)", build / bare);
}

fn cost_of_an_answer(pki: &Pki, key: &SigningKey, rsa: &KeyPair) {
    let (value, public) = (bare_signature(rsa), rsa.public_key().as_ref());
    let mut bare = || UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(b"message", &value).unwrap();
    let signed = enveloped::sign(&answer(15), key, &Form::INCLUSIVE).unwrap();
    let envelope = envelope("downloadFileListout", "ApplicationResponse", &signed);
    let answer = soap::sign(&envelope, key, Hash::Sha256, "1", NOW, Duration::minutes(5)).unwrap();
    let (roots, cache) = (pki.roots(), ChainCache::default());
    let (rsa, whole) = medians(&mut bare, &mut || {
        verify_signatures(&answer).map(|signer| verify_chain(&signer, &[], &roots, NOW, &Policy::STRICT).unwrap())
    });
    println!("a bare RSA-2048 verification: {rsa:.1} us; an answer of {} bytes: {whole:.1} us", answer.len());
    println!("  {:.2} times its 4 RSA verifications (at most 4)", whole / (4.0 * rsa));
    let (rsa, whole) = medians(&mut bare, &mut || {
        verify_signatures(&answer).map(|signer| cache.verify_chain(&signer, &[], &roots, NOW, &Policy::STRICT).unwrap())
    });
    println!(
        "  with chains cached {whole:.1} us: {:.2} times its 2 RSA verifications (at most 3)",
        whole / (2.0 * rsa)
    );
}

/// For banks that take nothing newer: another library signs, and reads the key each time.
fn cost_of_sha1(key: &SigningKey) {
    let [sha1, sha256] = [Hash::Sha1, Hash::Sha256].map(|hash| Form { hash, ..Form::INCLUSIVE });
    let sign = |form| enveloped::sign(REQUEST, key, form).unwrap();
    let (sha1, sha256) = medians(&mut || sign(&sha1), &mut || sign(&sha256));
    println!("a signature with SHA-1: {sha1:.1} us, {:.1} times one with SHA-256", sha1 / sha256);
}

/// What cannot be decrypted should not tell by its time why not.
fn cost_of_refusing(pki: &Pki) {
    let key = DecryptionKey::new(&pki.private_key).unwrap();
    let encrypted = encrypt(&pki.signed_request(), &pki.leaf, Cipher::Aes256Cbc, None).unwrap();
    let values: Vec<&str> = encrypted.split("CipherValue>").skip(1).step_by(2).collect();
    let [wrapped, message] = [values[0], values[1]].map(|value| value.split_once('<').unwrap().0);
    // Another byte at the start of the wrapped key, and in the block before the last one of the message.
    let other = |value: &str, at: usize| {
        let mut bytes = STANDARD.decode(value).unwrap();
        bytes[at] ^= 0x80;
        encrypted.replacen(value, &STANDARD.encode(bytes), 1)
    };
    let last_block_before = STANDARD.decode(message).unwrap().len() - 17;
    let [wrong_key, wrong_padding] = [other(wrapped, 200), other(message, last_block_before)];
    let refuse = |text: &str| {
        let document = Document::parse(text.as_bytes()).unwrap();
        assert!(decrypt(document.root(), &key, &[Cipher::Aes256Cbc]).is_err());
    };
    let (key, padding) = medians(&mut || refuse(&wrong_key), &mut || refuse(&wrong_padding));
    println!("refused for its wrapped key: {key:.1} us, for its padding: {padding:.1} us ({:.3} times)", key / padding);
}

fn growth(key: &SigningKey) {
    println!("CPU of 4 MB over that of 1 MB, less what both need for RSA (4 where it is linear)");
    for (what, message) in SHAPES {
        let [one, four] = [1, 4].map(|megabytes| message(megabytes * 1024 * 1024));
        let (small, _) = medians_of(20, &mut || sign_and_verify(REQUEST, key), &mut || ());
        let (one, four) = medians_of(20, &mut || sign_and_verify(&one, key), &mut || sign_and_verify(&four, key));
        println!("  {what}: {:.2} ({:.2} ns a byte)", (four - small) / (one - small), (four - small) * 1e3 / 4e6);
    }
}

type Shape = (&'static str, fn(usize) -> String);

/// Documents of about so many bytes.
const SHAPES: [Shape; 6] = [
    ("an upload", |bytes| upload(&file(bytes * 3 / 4))),
    ("a list of files", |bytes| answer(bytes / 440)),
    ("carriage returns", |bytes| format!("<a>{}</a>", "&#13;".repeat(bytes / 5))),
    ("comments", |bytes| format!("<a>{}</a>", "<!-- c -->".repeat(bytes / 10))),
    ("attributes", |bytes| format!("<a>{}</a>", "<b d='&lt;' c='1'/>".repeat(bytes / 20))),
    ("namespaces", |bytes| format!("<a>{}</a>", "<p:b xmlns:p='urn:p' xmlns='urn:d'/>".repeat(bytes / 36))),
];

fn sign_and_verify(document: &str, key: &SigningKey) {
    let signed = enveloped::sign(document, key, &Form::INCLUSIVE).unwrap();
    enveloped::verify(&Document::parse(signed.as_bytes()).unwrap(), &Policy::STRICT).unwrap();
}

fn bare_signature(rsa: &KeyPair) -> Vec<u8> {
    let mut signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"message", &mut signature).unwrap();
    signature
}

fn signed_twice(request: &str, key: &SigningKey) -> String {
    let signed = enveloped::sign(request, key, &Form::INCLUSIVE).unwrap();
    let envelope = envelope("downloadFileListin", "ApplicationRequest", &signed);
    soap::sign(&envelope, key, Hash::Sha256, "1", NOW, Duration::minutes(5)).unwrap()
}

/// The signers of the envelope and of the answer in it.
fn verify_signatures(answer: &str) -> [Vec<u8>; 2] {
    let document = Document::parse(answer.as_bytes()).unwrap();
    let verified = soap::verify(&document, &Policy::STRICT, Some(NOW), Duration::ZERO).unwrap();
    let operation = verified.body.children().next().unwrap();
    let application = operation.child("http://model.bxd.fi", "ApplicationResponse").unwrap().base64().unwrap();
    let application = Document::parse(&application).unwrap();
    [verified.signer, enveloped::verify(&application, &Policy::STRICT).unwrap().signer]
}

/// Microseconds of CPU of each, measured in turn.
fn medians<A, B>(first: &mut impl FnMut() -> A, second: &mut impl FnMut() -> B) -> (f64, f64) {
    medians_of(PAIRS, first, second)
}

/// The same, so many times.
fn medians_of<A, B>(pairs: usize, first: &mut impl FnMut() -> A, second: &mut impl FnMut() -> B) -> (f64, f64) {
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        times.0.push(cpu_time(first));
        times.1.push(cpu_time(second));
    }
    (median(times.0), median(times.1))
}

fn cpu_time<T>(work: &mut impl FnMut() -> T) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap());
        std::time::Duration::new(seconds, nanoseconds).as_secs_f64() * 1e6
    };
    let begin = now();
    black_box(work());
    now() - begin
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
