//! What signing and verifying cost beside the RSA operations that they cannot do without: `cargo bench -p
//! avain-xml-security`. Both sides of a ratio are measured in turn, 200 times, in CPU time of the thread, and the median
//! is told: so another load on the machine, or another machine, changes little.

#![expect(clippy::unwrap_used, reason = "a program for developers")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use avain_xml_security::certificate::{ChainCache, verify_chain};
use avain_xml_security::enveloped::Form;
use avain_xml_security::{Document, Hash, Policy, SigningKey, enveloped, soap};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use common::messages::{answer, envelope, upload};
use common::{NOW, Pki, REQUEST};
use rustix::time::{ClockId, clock_gettime};
use time::Duration;

const PAIRS: usize = 200;

fn main() {
    let pki = Pki::shared();
    let key = pki.key();
    let pair = KeyPair::from_pkcs8(&pki.private_key).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    let mut rsa_sign = || pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"message", &mut signature).unwrap();
    rsa_sign();

    let (sign, build) = medians(&mut rsa_sign, &mut || build(REQUEST, &key));
    let overhead = (build - 2.0 * sign) / sign;
    println!("a bare RSA-2048 signature: {sign:.1} us; a list request with its envelope: {build:.1} us");
    println!("  everything but the two RSA operations: {overhead:.3} of a signature (at most 0.5)");

    let value = {
        let mut value = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"message", &mut value).unwrap();
        value
    };
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    let mut rsa_verify = || public.verify(b"message", &value).unwrap();
    let answer = signed_answer(15, &key);
    let (verify, whole) = medians(&mut rsa_verify, &mut || verify_with_chains(&answer, pki));
    println!("a bare RSA-2048 verification: {verify:.1} us; an answer of {} bytes: {whole:.1} us", answer.len());
    println!("  {:.2} times its 4 RSA verifications (at most 4)", whole / (4.0 * verify));
    let (cache, roots) = (ChainCache::default(), pki.roots());
    let (verify, whole) = medians(&mut rsa_verify, &mut || {
        let (outer, inner) = verify_signatures(&answer);
        for signer in [outer, inner] {
            cache.verify_chain(&signer, &[], &roots, NOW, &Policy::STRICT).unwrap();
        }
    });
    println!(
        "  with chains cached {whole:.1} us: {:.2} times its 2 RSA verifications (at most 3)",
        whole / (2.0 * verify)
    );

    println!("linear: CPU of 4 MB over that of 1 MB, less what both need for RSA (4 where it is linear)");
    for (what, message) in SHAPES {
        let [one, four] = [1, 4].map(|megabytes| message(megabytes * 1024 * 1024));
        let (base, _) = medians_of(20, &mut || sign_and_verify(REQUEST, &key), &mut || ());
        let (one, four) = medians_of(20, &mut || sign_and_verify(&one, &key), &mut || sign_and_verify(&four, &key));
        println!("  {what}: {:.2} ({:.2} ns a byte)", (four - base) / (one - base), (four - base) * 1e3 / 4e6);
    }
}

type Shape = (&'static str, fn(usize) -> String);

/// Documents of about so many bytes.
const SHAPES: [Shape; 6] = [
    ("an upload", |bytes| upload(bytes * 3 / 4)),
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

fn build(request: &str, key: &SigningKey) -> String {
    let signed = enveloped::sign(request, key, &Form::INCLUSIVE).unwrap();
    let envelope = envelope("downloadFileListin", "ApplicationRequest", &signed);
    soap::sign(&envelope, key, Hash::Sha256, "1", NOW, Duration::minutes(5)).unwrap()
}

fn signed_answer(files: usize, key: &SigningKey) -> String {
    let signed = enveloped::sign(&answer(files), key, &Form::INCLUSIVE).unwrap();
    let envelope = envelope("downloadFileListout", "ApplicationResponse", &signed);
    soap::sign(&envelope, key, Hash::Sha256, "1", NOW, Duration::minutes(5)).unwrap()
}

fn verify_signatures(answer: &str) -> (Vec<u8>, Vec<u8>) {
    let document = Document::parse(answer.as_bytes()).unwrap();
    let verified = soap::verify(&document, &Policy::STRICT, Some(NOW), Duration::ZERO).unwrap();
    let operation = verified.body.children().next().unwrap();
    let application = operation.child("http://model.bxd.fi", "ApplicationResponse").unwrap().base64().unwrap();
    let application = Document::parse(&application).unwrap();
    (verified.signer, enveloped::verify(&application, &Policy::STRICT).unwrap().signer)
}

fn verify_with_chains(answer: &str, pki: &Pki) {
    let (outer, inner) = verify_signatures(answer);
    let roots = pki.roots();
    for signer in [outer, inner] {
        verify_chain(&signer, &[], &roots, NOW, &Policy::STRICT).unwrap();
    }
}

fn medians<A, B>(first: &mut impl FnMut() -> A, second: &mut impl FnMut() -> B) -> (f64, f64) {
    medians_of(PAIRS, first, second)
}

/// Microseconds of CPU of each, measured in turn.
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
