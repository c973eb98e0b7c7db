//! The table of answers for every answer to a challenge that is no right one: known and unknown users are told the same.

use std::io::Write as _;
use std::process::Stdio;

use avain_test_support::peer;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::Duration;

use crate::support::Service;
use crate::support::person::Person;

const INCORRECT: &str = "Incorrect username or password";

/// Longer than the counter remembers.
const QUIET: Duration = Duration::minutes(16);

/// What is sent for a challenge.
struct Sent {
    what: &'static str,
    challenge: String,
    encrypted: String,
    /// Whether MAC and age of the challenge are good.
    spends: bool,
}

#[tokio::test]
async fn whatever_is_wrong_with_the_answer_to_a_challenge_the_answer_is_one() {
    let service = Service::start().await;
    let known = Person::registered(&service, "known@example.com").await;
    let unknown = Person::new(&service, "unknown@example.com");
    let cases = wrong_answers(&known, "").await.len();
    for case in 0..cases {
        let mut told = Vec::new();
        for person in [&known, &unknown] {
            service.clock.advance(QUIET);
            let fresh = person.challenge("admin").await;
            let Sent { what, challenge, encrypted, spends } =
                wrong_answers(person, &fresh).await.into_iter().nth(case).unwrap();
            let answer = person.answer("admin", &challenge, &encrypted).await;
            answer.is(400, "01", INCORRECT);
            told.push(answer.but_for_its_id());
            assert_eq!(person.failures("admin").await, 1, "{what}: counted");
            assert_eq!(person.spent(&challenge).await, spends, "{what}: spent");
            if challenge == fresh {
                // The same challenge with the right password comes too late.
                let right = person.encrypted(person.password("admin"), &challenge);
                person.answer("admin", &challenge, &right).await.is(400, "01", INCORRECT);
                assert_eq!(person.failures("admin").await, 2, "{what}: counted again");
            }
        }
        assert_eq!(told[0], told[1], "known and unknown");
    }
}

/// Everything that is no right answer to a fresh challenge.
async fn wrong_answers(person: &Person<'_>, fresh: &str) -> Vec<Sent> {
    let service = person.service;
    let fresh = if fresh.is_empty() { person.challenge("admin").await } else { fresh.to_owned() };
    let right = person.password("admin");
    let parts: Vec<String> = fresh.split('|').map(str::to_owned).collect();
    let (mac, milliseconds, id) = (&parts[0], &parts[1], &parts[2]);
    let other_email = Person::new(service, "other@example.com").challenge("admin").await;
    let other_mode = person.challenge("data").await;
    let flipped = if mac.starts_with('A') { mac.replacen('A', "B", 1) } else { format!("A{}", &mac[1..]) };
    let foreign = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let message = format!("{}|admin|{milliseconds}|{id}", person.email());
    let forged = STANDARD.encode(hmac::sign(&foreign, message.as_bytes()));
    let later = milliseconds.parse::<i64>().unwrap() + 1;

    let password = |text: &str| person.encrypted(text, &fresh);
    let with_challenge = |what, challenge: String| {
        let timestamped = if challenge.split('|').count() == 3 { challenge.as_str() } else { &fresh };
        Sent { what, encrypted: person.encrypted(right, timestamped), challenge, spends: false }
    };
    let with_block = |what, encrypted: String| Sent { what, challenge: fresh.clone(), encrypted, spends: true };
    let plain = format!("{right}||{milliseconds}");
    vec![
        with_block("wrong password", password("Wrong-password-2026!x")),
        with_block("almost the password", password(&right[..right.len() - 1])),
        with_block("an empty password", password("")),
        with_challenge("no challenge", "rubbish".to_owned()),
        with_challenge("separators only", "||".to_owned()),
        with_challenge("changed MAC", format!("{flipped}|{milliseconds}|{id}")),
        with_challenge("cut MAC", format!("{}|{milliseconds}|{id}", &mac[..40])),
        with_challenge("another key's MAC", format!("{forged}|{milliseconds}|{id}")),
        with_challenge("changed timestamp", format!("{mac}|{later}|{id}")),
        with_challenge("changed id", format!("{mac}|{milliseconds}|{}", id.replace(&id[..8], "00000000"))),
        with_challenge("one part more", format!("{fresh}|")),
        with_challenge("a space", format!("{fresh} ")),
        with_challenge("another e-mail's", other_email),
        with_challenge("the other mode's", other_mode),
        with_block("another timestamp", person.encrypted(right, &format!("|{later}|"))),
        with_block("no timestamp", sealed(person, right.as_bytes())),
        with_block("an empty timestamp", sealed(person, format!("{right}||").as_bytes())),
        with_block("one separator", sealed(person, format!("{right}|{milliseconds}").as_bytes())),
        with_block("not UTF-8", sealed(person, &[b"\xff\xfe".as_slice(), plain.as_bytes()].concat())),
        with_block("nothing inside", sealed(person, b"")),
        with_block("PKCS#1 v1.5", pkcs1(person, plain.as_bytes())),
        with_block("OAEP with SHA-256", oaep_sha256(person, plain.as_bytes())),
        with_block("no block", STANDARD.encode([0x5a; 256])),
        with_block("larger than the modulus", STANDARD.encode([0xff; 256])),
        with_block("a short block", STANDARD.encode([1; 255])),
        with_block("two blocks", STANDARD.encode(STANDARD.decode(password(right)).unwrap().repeat(2))),
        with_block("not base64", "@@@".to_owned()),
        with_block("base64 of the URL kind", "-_-_".to_owned()),
        with_block("white space", " \n".to_owned()),
        with_block("the password in clear", plain),
    ]
}

fn public_key(person: &Person<'_>) -> PublicEncryptingKey {
    let pem = &person.service.server.machine.password_key;
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    PublicEncryptingKey::from_der(&STANDARD.decode(base64).unwrap()).unwrap()
}

fn sealed(person: &Person<'_>, plain: &[u8]) -> String {
    let key = OaepPublicEncryptingKey::new(public_key(person)).unwrap();
    STANDARD.encode(key.encrypt(&OAEP_SHA1_MGF1SHA1, plain, &mut [0; 256], None).unwrap())
}

fn oaep_sha256(person: &Person<'_>, plain: &[u8]) -> String {
    let key = OaepPublicEncryptingKey::new(public_key(person)).unwrap();
    STANDARD.encode(key.encrypt(&OAEP_SHA256_MGF1SHA256, plain, &mut [0; 256], None).unwrap())
}

fn pkcs1(person: &Person<'_>, plain: &[u8]) -> String {
    STANDARD.encode(Pkcs1PublicEncryptingKey::new(public_key(person)).unwrap().encrypt(plain, &mut [0; 256]).unwrap())
}

/// What openssl and node encrypt as the WS Channel's clients do (OAEP with SHA-1) opens.
#[tokio::test]
async fn passwords_encrypted_by_other_implementations_are_taken() {
    let service = Service::start().await;
    let person = Person::registered(&service, "peers@example.com").await;
    let key = service.folder.path().join("password-key.pem");
    std::fs::write(&key, &service.server.machine.password_key).unwrap();
    let openssl = ["pkeyutl", "-encrypt", "-pubin", "-pkeyopt", "rsa_padding_mode:oaep", "-inkey"];
    let node = [
        "-e",
        "const c = require('crypto'), fs = require('fs'); process.stdout.write(c.publicEncrypt({ key: \
         fs.readFileSync(process.argv[1]), padding: c.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, \
         fs.readFileSync(0)))",
    ];
    for (program, arguments) in [("openssl", openssl.as_slice()), ("node", node.as_slice())] {
        let Some(mut peer) = peer(program) else { continue };
        let challenge = person.challenge("admin").await;
        let timestamp = challenge.split('|').nth(1).unwrap();
        let mut running = peer.args(arguments).arg(&key).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        write!(running.stdin.take().unwrap(), "{}||{timestamp}", person.password("admin")).unwrap();
        let encrypted = running.wait_with_output().unwrap();
        assert!(encrypted.status.success(), "{program}");
        let answer = person.answer("admin", &challenge, &STANDARD.encode(&encrypted.stdout)).await;
        // The password was right: what is asked for next is the phone's code.
        let text = "User authentication failed. Verify phone number with received SMS.";
        assert_eq!(answer.succeeded(200)["ResponseText"], text, "{program}");
    }
}
