//! What requests and answers cost beside what they cannot do without: `cargo bench -p avain-bank-channel`. Both sides of a
//! ratio are measured in turn, 200 times, in CPU time of the thread, and the median is told.

#![expect(clippy::unwrap_used, reason = "a program for developers")]
#![expect(clippy::cast_precision_loss, reason = "times are small")]

#[path = "../tests/channel/bank.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod bank;

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;

use avain_bank_channel::{Channel, FileList, Status, Upload, answer};
use avain_xml_security::certificate::summary;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use bank::{Answer, Bank, STAMP, channel, expected};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use flate2::{Compression, write::GzEncoder};
use rustix::time::{ClockId, clock_gettime};

const PAIRS: usize = 200;

fn main() {
    let bank = Bank::new("Bank");
    let pair = KeyPair::from_pkcs8(bank.signer_key.pkcs8()).unwrap();
    let mut value = vec![0; pair.public_modulus_len()];
    let mut sign = || pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"message", &mut value).unwrap();
    sign();
    // `cargo bench -p avain-bank-channel -- answer` measures only that.
    let named: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|it| it == name);
    if wanted("list") {
        list(&bank, &mut sign);
    }
    if wanted("upload") {
        upload(&channel("nordea"), false, &bank, &mut sign);
        upload(&channel("osuuspankki"), true, &bank, &mut sign);
    }
    if wanted("answer") {
        answer(&bank, &value);
    }
}

fn list(bank: &Bank, sign: &mut impl FnMut()) {
    let target_id = Some("11111111A1");
    let list = FileList { status: Status::New, target_id, file_type: Some("NDCORPAYL"), from: None, to: None };
    let nordea = channel("nordea");
    let (one, request) = medians(sign, &mut || nordea.file_list(&STAMP, &bank.signer, &list).unwrap());
    println!("a bare RSA-2048 signature: {one:.1} us; a list request: {request:.1} us");
    println!("  everything but its two signatures: {:.3} of one (at most 0.5)", (request - 2.0 * one) / one);
}

fn answer(bank: &Bank, value: &[u8]) {
    // Fourteen files, as in the recorded list of 14 kB.
    let files = std::iter::repeat_n(FILE, 14).collect::<String>();
    let rest = format!("<c2b:FileDescriptors>{files}</c2b:FileDescriptors>");
    let answered = Answer { rest: &rest, ..Answer::default() }.signed(bank);
    let public_key = summary(bank.signer.certificate()).unwrap().public_key;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key);
    let mut verify = || public.verify(b"message", value).unwrap();
    let (expected, judge) = (expected(), bank.judge());
    let (one, read) = medians(&mut verify, &mut || answer::file_list(&answered, &expected, &judge).unwrap());
    println!("a bare RSA-2048 verification: {one:.1} us; a list of {} bytes, read: {read:.1} us", answered.len());
    println!(
        "  verified with its signer's chain known, held to the schema, taken out: {:.2} times its 2 verifications",
        read / (2.0 * one)
    );
}

/// One descriptor as Nordea's recorded ones are.
const FILE: &str = "<c2b:FileDescriptor><c2b:FileReference>11111111A12006030319503000000010</c2b:FileReference>\
    <c2b:TargetId>11111111A1</c2b:TargetId><c2b:ServiceId>NDEAFIHHXXX-FI1-EUR-19503000000010</c2b:ServiceId>\
    <c2b:FileType>TITO</c2b:FileType><c2b:FileTimestamp>2006-03-03T00:00:00.0Z</c2b:FileTimestamp>\
    <c2b:Status>DOWNLOADED</c2b:Status></c2b:FileDescriptor>";

/// A megabyte, beside packing, base64 of it and of the document, SHA-256 of both signed parts, and two signatures.
fn upload(channel: &Channel<'_>, packs: bool, bank: &Bank, sign: &mut impl FnMut()) {
    let content = payments(1_000_000);
    let upload =
        Upload { file_type: "pain.001.001.03", target_id: Some("A1"), file_name: "palkat.xml", content: &content };
    let mut needed = || {
        let sent = if packs { gzip(&content) } else { content.clone() };
        let inner = BASE64.encode(&sent);
        black_box(digest(&SHA256, inner.as_bytes()));
        let outer = BASE64.encode(&inner);
        black_box(digest(&SHA256, outer.as_bytes()));
        sign();
        sign();
        outer
    };
    let (needed, whole) = medians(&mut needed, &mut || channel.upload(&STAMP, &bank.signer, &upload).unwrap());
    println!("{}: an upload of 1 MB: {whole:.0} us, what it needs: {needed:.0} us", channel.profile.bank);
    println!("  {:.2} times (at most 2.5)", whole / needed);
}

/// Payments that differ, as a payment file has them.
fn payments(bytes: usize) -> Vec<u8> {
    let mut file = String::with_capacity(bytes);
    for number in 0_u64.. {
        if file.len() >= bytes {
            break;
        }
        let account = number.wrapping_mul(6_364_136_223_846_793_005) % 10_000_000_000_000_000;
        let _ = write!(
            file,
            "<CdtTrfTxInf><PmtId><EndToEndId>{number}</EndToEndId></PmtId><Amt><InstdAmt Ccy=\"EUR\">{}.{:02}</InstdAmt>\
             </Amt><CdtrAcct><Id><IBAN>FI{account:016}</IBAN></Id></CdtrAcct></CdtTrfTxInf>",
            account % 9000,
            account % 100
        );
    }
    file.truncate(bytes);
    file.into_bytes()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Microseconds of CPU of each, measured in turn.
fn medians<A, B>(first: &mut impl FnMut() -> A, second: &mut impl FnMut() -> B) -> (f64, f64) {
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        times.0.push(cpu_time(first));
        times.1.push(cpu_time(second));
    }
    (median(times.0), median(times.1))
}

fn cpu_time<T>(work: &mut impl FnMut() -> T) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
    };
    let begin = now();
    black_box(work());
    now() - begin
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
