//! What OpenPGP packets claim to be takes no memory. By itself, because it looks at the whole process.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

use avain_domain::pgp::{read_public_key, verify_detached};
use avain_domain::records::PgpPurpose::Authorize;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgp::composed::{KeyType, SecretKeyParamsBuilder, SignedPublicKey};
use pgp::ser::Serialize;
use rsa::rand_core::OsRng;
use time::OffsetDateTime;

const DATA: &[u8] = b"data";

/// A public key, binary.
fn key() -> Vec<u8> {
    let mut builder = SecretKeyParamsBuilder::default();
    builder.key_type(KeyType::Ed25519Legacy).can_certify(true).can_sign(true);
    let secret = builder.primary_user_id("key".to_owned()).build().unwrap().generate(OsRng).unwrap();
    SignedPublicKey::from(secret).to_bytes().unwrap()
}

/// Lengths that a packet, a subpacket or a number claims and does not have cost nothing.
#[test]
fn claims_of_length_take_no_memory() {
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|it| it.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default()
    };
    let key = key();
    let at = OffsetDateTime::from_unix_timestamp(4_102_444_800).unwrap();
    let before = peak();
    for tag in 0..64_u8 {
        let length = [vec![0xC0 | tag, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], vec![0xC0 | tag, 0xFF, 0x7F, 0, 0, 0]];
        let old = vec![0x80 | ((tag & 0x0F) << 2) | 2, 0xFF, 0xFF, 0xFF, 0xFF];
        // A gigabyte in parts, of which one is there.
        let partial = vec![0xC0 | tag, 0xFE];
        for head in [length[0].clone(), length[1].clone(), old, partial] {
            // Version, type, algorithms, and then hashed subpackets, unhashed ones or numbers of the greatest size.
            for body in [
                vec![4, 0, 1, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
                vec![6, 0, 1, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
                vec![4, 0x65, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF],
                vec![6, 0x65, 0, 0, 0, 27, 0xFF, 0xFF, 0xFF, 0xFF],
                vec![0xFF; 64],
            ] {
                let packet = [head.clone(), body].concat();
                let public = armor("PGP PUBLIC KEY BLOCK", &packet);
                let signature = armor("PGP SIGNATURE", &packet);
                assert!(read_public_key(&public, Authorize, at).is_err());
                assert!(verify_detached(&signature, DATA, &[&key], at).is_err());
                let stored = verify_detached(&signature, DATA, &[&packet], at);
                assert!(stored.is_err());
            }
        }
    }
    let grown = peak().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} kB");
}

fn armor(label: &str, binary: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n\n{}\n-----END {label}-----\n", STANDARD.encode(binary))
}
