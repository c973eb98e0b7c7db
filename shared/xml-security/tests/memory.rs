//! How much memory messages of up to 4 MB take, beside the message itself. One test program with one test: the allocator
//! counts for the whole of it.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::figure;
use avain_xml_security::certificate::{summary, verify_chain};
use avain_xml_security::enveloped::Form;
use avain_xml_security::{Document, Hash, Policy, enveloped, soap};
use common::messages::{answer, envelope, file, upload};
use common::{NOW, Pki};
use peak_alloc::PeakAlloc;
use time::Duration;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes that the work allocates at its peak, over what is allocated already.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage() - before)
}

/// Bytes at the peak in hundredths of the message.
fn percent(bytes: usize, message: usize) -> usize {
    bytes * 100 / message
}

#[test]
fn memory_stays_in_proportion() {
    memory_of_a_certificate_does_not_follow_what_it_says_of_its_length();
    memory_stays_under_a_multiple_of_the_message();
}

/// Found by fuzzing: 1.5 kB of a certificate, in which one length is wrong, took 128 MiB.
fn memory_of_a_certificate_does_not_follow_what_it_says_of_its_length() {
    let leaf = &Pki::shared().leaf;
    let positions = (0..leaf.len() - 6).filter(|&at| leaf[at + 1] < 0x80);
    let most = positions.map(|at| {
        let mut changed = leaf.clone();
        changed[at + 1..at + 6].copy_from_slice(&[0x84, 0x0f, 0xff, 0xff, 0xff]);
        let roots = Pki::shared().roots();
        let (_, bytes) = peak(|| {
            let _ = summary(&changed);
            verify_chain(&changed, std::slice::from_ref(&changed), &roots, NOW, &Policy::LEGACY).is_ok()
        });
        bytes
    });
    let most = most.max().unwrap();
    figure(&format!("a certificate with a wrong length: {most} bytes at most"));
    assert!(most < 100_000, "{most}");
}

fn memory_stays_under_a_multiple_of_the_message() {
    let pki = Pki::shared();
    let key = pki.key();
    for size in [64 * 1024, 1024 * 1024, 4 * 1024 * 1024] {
        for (what, application) in [("upload", upload(&file(size))), ("list", answer(size / 440))] {
            let (signed, sign) = peak(|| enveloped::sign(&application, &key, &Form::INCLUSIVE).unwrap());
            let envelope = envelope("uploadFilein", "ApplicationRequest", &signed);
            let (message, sign_envelope) =
                peak(|| soap::sign(&envelope, &key, Hash::Sha256, "1", NOW, Duration::minutes(5)).unwrap());
            let ((), verify) = peak(|| {
                let document = Document::parse(message.as_bytes()).unwrap();
                soap::verify(&document, &Policy::STRICT, Some(NOW), Duration::ZERO).unwrap();
            });
            let ((), verify_inner) = peak(|| {
                let document = Document::parse(signed.as_bytes()).unwrap();
                enveloped::verify(&document, &Policy::STRICT).unwrap();
            });
            let told = [
                percent(sign, application.len()),
                percent(sign_envelope, envelope.len()),
                percent(verify, message.len()),
                percent(verify_inner, signed.len()),
            ];
            figure(&format!(
                "{what} of {size} bytes: sign, sign envelope, verify envelope, verify: {told:?} % of the message"
            ));
        }
    }
}
