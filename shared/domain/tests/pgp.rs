//! PGP keys and detached signatures: made by `GnuPG` and by rPGP, and damaged in every way (brief 2.7, requirement R43).

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use avain_domain::pgp::{
    KeyProblem, PublicKey, SignatureProblem, encrypt, is_usable, read_public_key, short_id, verify_detached,
};
use avain_domain::ports::Random;
use avain_domain::records::PgpPurpose::{Authorize, Export};
use avain_test_support::{output, peer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgp::composed::{
    ArmorOptions, Deserializable, DetachedSignature, EncryptionCaps, KeyType, Message, SecretKeyParamsBuilder,
    SignedPublicKey, SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::ser::Serialize;
use pgp::types::{KeyVersion, Password};
use proptest::prelude::*;
use rsa::rand_core::{OsRng, RngCore as _};
use tempfile::TempDir;
use time::OffsetDateTime;

const DATA: &[u8] = b"<Document>\n  <Amt>1450.05</Amt> \r\n</Document>";
/// 2024-01-01, when the keys of these tests are made.
const START: i64 = 1_704_067_200;
/// 2100-01-01: after whatever rPGP, which takes the computer's time, makes.
const LATER: i64 = 4_102_444_800;
const DAY: i64 = 86_400;

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

/// A key ring of its own, with a clock of its own. The agent that gpg starts ends when the folder goes.
struct Gpg(TempDir);

impl Gpg {
    fn new() -> Option<Self> {
        peer("gpg")?;
        Some(Self(tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs gpg at a time; its standard output.
    fn run(&self, time: i64, arguments: &[&str]) -> Vec<u8> {
        let mut command = peer("gpg").unwrap();
        command.env("GNUPGHOME", self.0.path()).arg("--homedir").arg(self.0.path());
        command.args(["--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""]);
        command.arg("--faked-system-time").arg(format!("{time}!")).args(arguments);
        let result = output(&mut command);
        assert!(result.status.success(), "{command:?}: {}", String::from_utf8_lossy(&result.stderr));
        result.stdout
    }

    /// A key made at `START`; its fingerprint.
    fn key(&self, name: &str, more: &[&str], algorithm: &str, usage: &str, expiry: &str) -> String {
        let address = format!("{name} <{name}@example.com>");
        self.run(START, &[more, &["--quick-generate-key", &address, algorithm, usage, expiry]].concat());
        let listed = String::from_utf8(self.run(START, &["--with-colons", "--list-keys", name])).unwrap();
        listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap().trim_end_matches(':').to_owned()
    }

    fn subkey(&self, key: &str, algorithm: &str, usage: &str, expiry: &str) {
        self.run(START, &["--quick-add-key", key, algorithm, usage, expiry]);
    }

    fn export(&self, key: &str) -> String {
        String::from_utf8(self.run(START, &["--armor", "--export", key])).unwrap()
    }

    fn sign(&self, time: i64, key: &str, more: &[&str], data: &[u8]) -> String {
        let file = self.path("data");
        std::fs::write(&file, data).unwrap();
        let last = ["--armor", "--output", "-", "--local-user", key, "--detach-sign", file.to_str().unwrap()];
        String::from_utf8(self.run(time, &[more, &last].concat())).unwrap()
    }

    /// The revocation that gpg lays by with each new key.
    fn revocation(&self, key: &str) -> String {
        let laid_by = self.path("openpgp-revocs.d").join(key).with_extension("rev");
        std::fs::read_to_string(laid_by).unwrap().replace(":-----BEGIN", "-----BEGIN")
    }

    fn edit(&self, key: &str, commands: &str) {
        std::fs::write(self.path("commands"), commands).unwrap();
        let file = self.path("commands");
        self.run(START, &["--no-batch", "--command-file", file.to_str().unwrap(), "--edit-key", key]);
    }
}

fn register(armored: &str) -> PublicKey {
    read_public_key(armored, Authorize, at(START)).unwrap()
}

fn signers(signatures: &str, key: &PublicKey, now: i64) -> Result<Vec<String>, SignatureProblem> {
    verify_detached(signatures, DATA, &[&key.binary], at(now))
}

#[test]
fn keys_of_the_common_algorithms_sign() {
    let Some(gpg) = Gpg::new() else { return };
    let algorithms = ["rsa2048", "rsa3072", "ed25519", "nistp256", "nistp384", "nistp521", "default"];
    for (index, algorithm) in algorithms.into_iter().enumerate() {
        let fingerprint = gpg.key(&format!("key{index}"), &[], algorithm, "default", "never");
        let key = register(&gpg.export(&fingerprint));
        assert_eq!(key.fingerprint, fingerprint, "{algorithm}");
        assert_eq!(short_id(&key.fingerprint), fingerprint[32..], "{algorithm}");
        // gpg signs nothing with a digest that is shorter than the curve.
        let digests = match algorithm {
            "nistp384" => &["SHA384", "SHA512"][..],
            "nistp521" => &["SHA512"],
            _ => &["SHA256", "SHA384", "SHA512"],
        };
        for digest in digests {
            let signature = gpg.sign(START, &fingerprint, &["--digest-algo", digest], DATA);
            assert_eq!(signers(&signature, &key, START), Ok(vec![fingerprint.clone()]), "{algorithm} {digest}");
            let other = verify_detached(&signature, b"other", &[&key.binary], at(START));
            assert_eq!(other, Err(SignatureProblem::AllFailed), "{algorithm} {digest}");
        }
    }
}

#[test]
fn a_text_signature_is_over_lines_whatever_their_ends() {
    let Some(gpg) = Gpg::new() else { return };
    let fingerprint = gpg.key("text", &[], "ed25519", "sign", "never");
    let key = register(&gpg.export(&fingerprint));
    // A length beyond rPGP's line buffer, with a line end across its border.
    let long = [vec![b'x'; 511], b"\r\n y \n\n".to_vec()].concat();
    for data in [DATA, b"", b"no end", b"end\n", b"end\r\n", b"tail \t\n", &long] {
        let signature = gpg.sign(START, &fingerprint, &["--textmode"], data);
        let unix = String::from_utf8(data.to_vec()).unwrap().replace("\r\n", "\n");
        let windows = unix.replace('\n', "\r\n");
        for data in [data, unix.as_bytes(), windows.as_bytes()] {
            let found = verify_detached(&signature, data, &[&key.binary], at(START));
            assert_eq!(found, Ok(vec![fingerprint.clone()]), "{:?}", String::from_utf8_lossy(data));
        }
        let found = verify_detached(&signature, &[data, b"\nmore"].concat(), &[&key.binary], at(START));
        assert_eq!(found, Err(SignatureProblem::AllFailed));
    }
}

#[test]
fn a_signing_subkey_counts_while_it_is_valid() {
    let Some(gpg) = Gpg::new() else { return };
    let fingerprint = gpg.key("sub", &[], "ed25519", "cert", "never");
    assert_eq!(read_public_key(&gpg.export(&fingerprint), Authorize, at(START)), Err(KeyProblem::NoUse));
    gpg.subkey(&fingerprint, "rsa2048", "sign", "10d");
    let key = register(&gpg.export(&fingerprint));
    let signature = gpg.sign(START, &fingerprint, &[], DATA);
    assert_eq!(signers(&signature, &key, START + 10 * DAY - 1), Ok(vec![fingerprint.clone()]));
    assert_eq!(signers(&signature, &key, START + 10 * DAY), Err(SignatureProblem::AllFailed));
    let late = read_public_key(&gpg.export(&fingerprint), Authorize, at(START + 10 * DAY));
    assert_eq!(late, Err(KeyProblem::Expired));

    gpg.edit(&fingerprint, "key 1\nrevkey\ny\n0\n\ny\nsave\n");
    let revoked = gpg.export(&fingerprint);
    assert_eq!(read_public_key(&revoked, Authorize, at(START)), Err(KeyProblem::Revoked));
    gpg.subkey(&fingerprint, "ed25519", "sign", "never");
    let key = register(&gpg.export(&fingerprint));
    assert_eq!(signers(&signature, &key, START), Err(SignatureProblem::AllFailed), "by the revoked subkey");
    let signature = gpg.sign(START, &fingerprint, &[], DATA);
    assert_eq!(signers(&signature, &key, START), Ok(vec![fingerprint]));
}

#[test]
fn a_key_counts_until_it_expires() {
    let Some(gpg) = Gpg::new() else { return };
    let fingerprint = gpg.key("expiring", &[], "ed25519", "sign", "10d");
    let armored = gpg.export(&fingerprint);
    let key = register(&armored);
    let signature = gpg.sign(START, &fingerprint, &[], DATA);
    for (now, valid) in [(START + 10 * DAY - 1, true), (START + 10 * DAY, false), (START - 61, false)] {
        assert_eq!(signers(&signature, &key, now).is_ok(), valid, "{now}");
        assert_eq!(is_usable(&key.binary, Authorize, at(now)), valid, "{now}");
        assert!(!is_usable(&key.binary, Export, at(now)));
        let expected = if valid { Ok(key.clone()) } else { Err(KeyProblem::Expired) };
        let read = read_public_key(&armored, Authorize, at(now));
        // Before the key's time even its own signatures are from the future.
        assert!(read == expected || (now < START && read == Err(KeyProblem::NoUse)), "{now}: {read:?}");
    }
    // Extended afterwards: the newest word counts, and the shorter one is still signed by the owner.
    gpg.run(START + DAY, &["--quick-set-expire", &fingerprint, "20d"]);
    let now = at(START + 15 * DAY);
    assert!(read_public_key(&gpg.export(&fingerprint), Authorize, now).is_ok());
    gpg.run(START + 2 * DAY, &["--quick-set-expire", &fingerprint, "1d"]);
    assert_eq!(read_public_key(&gpg.export(&fingerprint), Authorize, now), Err(KeyProblem::Expired));
}

#[test]
fn a_signature_counts_in_its_own_time() {
    let Some(gpg) = Gpg::new() else { return };
    let fingerprint = gpg.key("time", &[], "ed25519", "sign", "never");
    let key = register(&gpg.export(&fingerprint));
    let signature = gpg.sign(START + DAY, &fingerprint, &["--default-sig-expire", "1d"], DATA);
    let times = [(DAY - 61, false), (DAY - 60, true), (DAY, true), (2 * DAY - 1, true), (2 * DAY, false)];
    for (now, valid) in times {
        assert_eq!(signers(&signature, &key, START + now).is_ok(), valid, "{now}");
    }
    // Older than its key.
    let early = gpg.sign(START - 1, &fingerprint, &["--ignore-time-conflict", "--ignore-valid-from"], DATA);
    assert_eq!(signers(&early, &key, START), Err(SignatureProblem::AllFailed));
}

#[test]
fn a_revoked_key_is_refused_wherever_the_revocation_stands() {
    let Some(gpg) = Gpg::new() else { return };
    let fingerprint = gpg.key("revoked", &[], "ed25519", "sign", "never");
    gpg.subkey(&fingerprint, "cv25519", "encr", "never");
    let armored = gpg.export(&fingerprint);
    let revocation = gpg.revocation(&fingerprint);
    for text in [format!("{armored}\n{revocation}"), format!("{revocation}\n{armored}")] {
        assert_eq!(read_public_key(&text, Authorize, at(START)), Err(KeyProblem::Revoked));
    }
    std::fs::write(gpg.path("revocation"), &revocation).unwrap();
    gpg.run(START, &["--import", gpg.path("revocation").to_str().unwrap()]);
    for purpose in [Authorize, Export] {
        assert_eq!(read_public_key(&gpg.export(&fingerprint), purpose, at(START)), Err(KeyProblem::Revoked));
    }
    assert!(read_public_key(&armored, Authorize, at(START)).is_ok(), "the key alone says nothing of it");
    let other = gpg.key("other", &[], "ed25519", "sign", "never");
    let text = format!("{armored}\n{}", gpg.revocation(&other));
    assert!(read_public_key(&text, Authorize, at(START)).is_ok(), "another key's revocation");
}

#[test]
fn a_key_serves_only_the_purpose_it_is_made_for() {
    let Some(gpg) = Gpg::new() else { return };
    let encrypting = gpg.key("encrypting", &[], "ed25519", "cert", "never");
    gpg.subkey(&encrypting, "cv25519", "encr", "never");
    assert_eq!(read_public_key(&gpg.export(&encrypting), Authorize, at(START)), Err(KeyProblem::NoUse));
    assert_eq!(read_public_key(&gpg.export(&encrypting), Export, at(START)).unwrap().fingerprint, encrypting);
    let signing = gpg.key("signing", &[], "rsa2048", "sign", "never");
    assert_eq!(read_public_key(&gpg.export(&signing), Export, at(START)), Err(KeyProblem::NoUse));
    let both = gpg.key("both", &[], "rsa2048", "sign,encr", "never");
    assert!(read_public_key(&gpg.export(&both), Export, at(START)).is_ok());
    assert!(read_public_key(&gpg.export(&both), Authorize, at(START)).is_ok());
}

#[test]
fn weak_keys_and_digests_are_refused() {
    let Some(gpg) = Gpg::new() else { return };
    let sha1 = ["--allow-weak-digest-algos", "--cert-digest-algo", "SHA1"];
    let weak = [
        gpg.key("small", &[], "rsa1024", "sign", "never"),
        gpg.key("dsa", &[], "dsa2048", "sign", "never"),
        gpg.key("bound-by-sha1", &sha1, "rsa2048", "sign", "never"),
    ];
    for fingerprint in &weak {
        assert_eq!(read_public_key(&gpg.export(fingerprint), Authorize, at(START)), Err(KeyProblem::Weak));
    }
    gpg.run(START + 1, &["--quick-set-expire", &weak[2], "1y"]);
    assert!(read_public_key(&gpg.export(&weak[2]), Authorize, at(START + 1)).is_ok(), "bound again, by SHA-256");

    let fingerprint = gpg.key("strong", &[], "rsa2048", "sign", "never");
    let key = register(&gpg.export(&fingerprint));
    for digest in ["SHA1", "RIPEMD160", "MD5"] {
        let signature = gpg.sign(START, &fingerprint, &["--allow-weak-digest-algos", "--digest-algo", digest], DATA);
        assert_eq!(signers(&signature, &key, START), Err(SignatureProblem::AllFailed), "{digest}");
    }
}

#[test]
fn several_signatures_in_one_text() {
    let Some(gpg) = Gpg::new() else { return };
    let names: Vec<String> = ["one", "two"].map(|name| gpg.key(name, &[], "ed25519", "sign", "never")).to_vec();
    let keys: Vec<PublicKey> = names.iter().map(|name| register(&gpg.export(name))).collect();
    let registered: Vec<&[u8]> = keys.iter().map(|key| key.binary.as_slice()).collect();
    let mut sorted = names.clone();
    sorted.sort();

    let blocks = [gpg.sign(START, &names[0], &[], DATA), gpg.sign(START, &names[1], &[], DATA)].concat();
    let one_block = gpg.sign(START, &names[0], &["--local-user", &names[1]], DATA);
    assert_eq!(one_block.matches("BEGIN").count(), 1);
    for text in [&blocks, &one_block, &blocks.replace('\n', "\r\n"), &format!("x\n{blocks}{one_block}y")] {
        assert_eq!(verify_detached(text, DATA, &registered, at(START)).as_ref(), Ok(&sorted));
        let found = verify_detached(text, DATA, &registered[1..], at(START));
        assert_eq!(found, Ok(vec![names[1].clone()]), "the other key is not registered");
        assert_eq!(verify_detached(text, DATA, &[], at(START)), Err(SignatureProblem::AllFailed));
    }
    let bad = gpg.sign(START, &names[0], &[], b"other");
    let found = verify_detached(&format!("{bad}{blocks}"), DATA, &registered, at(START));
    assert_eq!(found.as_ref(), Ok(&sorted), "one that fails hides none that holds");
    assert_eq!(verify_detached(&blocks.repeat(9), DATA, &registered, at(START)), Err(SignatureProblem::Malformed));
    assert_eq!(verify_detached(&one_block.repeat(16), DATA, &registered, at(START)), Ok(sorted), "32 in 16 blocks");
    let many = armor("PGP SIGNATURE", &dearmor(&one_block).repeat(17));
    assert_eq!(verify_detached(&many, DATA, &registered, at(START)), Err(SignatureProblem::Malformed));
    let cut = &blocks[..blocks.len() - 20];
    assert_eq!(verify_detached(cut, DATA, &registered, at(START)), Err(SignatureProblem::Malformed));

    let both = names.iter().map(|name| gpg.export(name)).collect::<String>();
    assert_eq!(read_public_key(&both, Authorize, at(START)), Err(KeyProblem::Several));
    let both = String::from_utf8(gpg.run(START, &["--armor", "--export"])).unwrap();
    assert_eq!(read_public_key(&both, Authorize, at(START)), Err(KeyProblem::Several));
}

#[test]
fn a_private_key_is_refused_unread() {
    let Some(gpg) = Gpg::new() else { return };
    let fingerprint = gpg.key("private", &[], "ed25519", "sign", "never");
    let private = String::from_utf8(gpg.run(START, &["--armor", "--export-secret-keys", &fingerprint])).unwrap();
    let relabelled = private.replace("PRIVATE", "PUBLIC");
    let behind = format!("{}\n{private}", gpg.export(&fingerprint));
    for text in [&private, &relabelled, &behind, "-----BEGIN RSA PRIVATE KEY-----"] {
        assert_eq!(read_public_key(text, Authorize, at(START)), Err(KeyProblem::Private));
    }
    assert_eq!(format!("{:?} {0}", KeyProblem::Private), "Private a private key, where the public key is needed");
}

#[test]
fn only_what_the_owner_signed_is_kept() {
    let Some(gpg) = Gpg::new() else { return };
    let fingerprint = gpg.key("kept", &[], "ed25519", "sign", "never");
    let alone = register(&gpg.export(&fingerprint));
    let other = gpg.key("certifier", &[], "ed25519", "cert,sign", "never");
    gpg.run(START, &["--default-key", &other, "--quick-sign-key", &fingerprint]);
    let certified = gpg.export(&fingerprint);
    assert!(dearmor(&certified).len() > alone.binary.len());
    assert_eq!(register(&certified), alone);
    assert_eq!(register(&armor("PGP PUBLIC KEY BLOCK", &alone.binary)), alone);
    assert_eq!(format!("{alone:?}"), format!("PublicKey {{ fingerprint: \"{fingerprint}\", .. }}"));
}

/// A key, what is registered of it, and binary signatures by it over `DATA`.
type Made = (SignedSecretKey, PublicKey, Vec<Vec<u8>>);

/// A key of version 4 and one of version 6 (RFC 9580), primary key and signing subkey, with a signature by each of the two.
static MADE_HERE: LazyLock<Vec<Made>> = LazyLock::new(|| [KeyVersion::V4, KeyVersion::V6].map(made_here).to_vec());

fn made_here(version: KeyVersion) -> Made {
    let legacy = version == KeyVersion::V4;
    let signing = if legacy { KeyType::Ed25519Legacy } else { KeyType::Ed25519 };
    let mut subkeys = Vec::new();
    for (kind, sign, encrypt) in
        [(signing.clone(), true, EncryptionCaps::None), (KeyType::X25519, false, EncryptionCaps::All)]
    {
        let mut subkey = SubkeyParamsBuilder::default();
        subkeys.push(subkey.version(version).key_type(kind).can_sign(sign).can_encrypt(encrypt).build().unwrap());
    }
    let mut builder = SecretKeyParamsBuilder::default();
    builder.version(version).key_type(signing).can_certify(true).can_sign(true).subkeys(subkeys);
    let secret = builder.primary_user_id("made here".to_owned()).build().unwrap().generate(OsRng).unwrap();
    let armored = SignedPublicKey::from(secret.clone()).to_armored_string(ArmorOptions::default()).unwrap();
    let key = read_public_key(&armored, Authorize, at(LATER)).unwrap();
    let (password, digest) = (Password::empty(), HashAlgorithm::Sha512);
    let signatures = vec![
        DetachedSignature::sign_binary_data(OsRng, &secret.primary_key, &password, digest, DATA),
        DetachedSignature::sign_text_data(OsRng, &secret.secret_subkeys[0].key, &password, digest, DATA),
    ];
    (secret, key, signatures.into_iter().map(|it| it.unwrap().to_bytes().unwrap()).collect())
}

#[test]
fn version_6_keys_sign_too() {
    for (index, (secret, key, signatures)) in MADE_HERE.iter().enumerate() {
        assert_eq!(key.fingerprint.len(), [40, 64][index]);
        let id = secret.primary_key.public_key().to_owned();
        let id = pgp::types::KeyDetails::legacy_key_id(&id);
        assert_eq!(short_id(&key.fingerprint), id.to_string().to_uppercase()[8..]);
        let public = armor("PGP PUBLIC KEY BLOCK", &key.binary);
        assert_eq!(read_public_key(&public, Export, at(LATER)).as_ref(), Ok(key));
        for signature in signatures {
            let found = signers(&armor("PGP SIGNATURE", signature), key, LATER);
            assert_eq!(found, Ok(vec![key.fingerprint.clone()]));
        }
    }
}

/// What gpg does not make: version 6, and Ed448.
#[test]
fn keys_of_every_kind_sign_in_both_versions() {
    let curves = [ECCCurve::P256, ECCCurve::P384, ECCCurve::P521].map(KeyType::ECDSA);
    let both = [vec![KeyType::Rsa(2048), KeyType::Ed25519, KeyType::Ed448], curves.to_vec()].concat();
    for version in [KeyVersion::V4, KeyVersion::V6] {
        for kind in &both {
            let mut subkey = SubkeyParamsBuilder::default();
            let subkey = subkey.version(version).key_type(KeyType::Ed25519).can_sign(true).build().unwrap();
            let mut builder = SecretKeyParamsBuilder::default();
            builder.version(version).key_type(kind.clone()).can_certify(true).can_sign(true).subkey(subkey);
            let secret = builder.primary_user_id("every kind".to_owned()).build().unwrap().generate(OsRng).unwrap();
            let armored = SignedPublicKey::from(secret.clone()).to_armored_string(ArmorOptions::default()).unwrap();
            let key = read_public_key(&armored, Authorize, at(LATER)).unwrap_or_else(|it| panic!("{kind:?}: {it}"));
            let (password, digest) = (Password::empty(), HashAlgorithm::Sha512);
            let primary = &secret.primary_key;
            let binary = DetachedSignature::sign_binary_data(OsRng, primary, &password, digest, DATA).unwrap();
            let text = DetachedSignature::sign_text_data(OsRng, primary, &password, digest, DATA).unwrap();
            let by_subkey = &secret.secret_subkeys[0].key;
            let by_subkey = DetachedSignature::sign_binary_data(OsRng, by_subkey, &password, digest, DATA).unwrap();
            let armored = [&binary, &text, &by_subkey].map(|it| armor("PGP SIGNATURE", &it.to_bytes().unwrap()));
            for signature in &armored {
                assert_eq!(signers(signature, &key, LATER), Ok(vec![key.fingerprint.clone()]), "{version:?} {kind:?}");
                let other = verify_detached(signature, b"other", &[&key.binary], at(LATER));
                assert_eq!(other, Err(SignatureProblem::AllFailed), "{version:?} {kind:?}");
            }
            // Whatever signs for a key, it is one signer.
            assert_eq!(signers(&armored.concat(), &key, LATER), Ok(vec![key.fingerprint.clone()]));
        }
    }
}

struct System;

impl Random for System {
    fn fill(&self, bytes: &mut [u8]) {
        OsRng.fill_bytes(bytes);
    }
}

/// RSA, and ECDH on Curve25519 and on a NIST curve, as subkeys and as the primary key itself.
#[test]
fn gpg_reads_what_was_encrypted_to_its_keys() {
    let Some(gpg) = Gpg::new() else { return };
    let primary = gpg.key("primary", &[], "rsa2048", "sign,cert,encr", "never");
    let mut keys = vec![primary];
    for (name, sign, encrypt) in
        [("rsa", "rsa2048", "rsa2048"), ("curve", "ed25519", "cv25519"), ("nist", "nistp256", "nistp384")]
    {
        let key = gpg.key(name, &[], sign, "sign,cert", "never");
        gpg.subkey(&key, encrypt, "encr", "never");
        keys.push(key);
    }
    for key in keys {
        let registered = read_public_key(&gpg.export(&key), Export, at(START)).unwrap();
        let message = encrypt(&registered.binary, DATA, &System, at(START + DAY)).unwrap();
        assert!(message.starts_with("-----BEGIN PGP MESSAGE-----\n"), "{message}");
        let file = gpg.path("message");
        std::fs::write(&file, &message).unwrap();
        assert_eq!(gpg.run(START + DAY, &["--decrypt", file.to_str().unwrap()]), DATA);
        assert_ne!(encrypt(&registered.binary, DATA, &System, at(START + DAY)).unwrap(), message);
    }
}

#[test]
fn version_6_keys_are_encrypted_to_too() {
    for (secret, key, _) in MADE_HERE.iter() {
        let message = encrypt(&key.binary, DATA, &System, at(LATER)).unwrap();
        let (message, _) = Message::from_armor(message.as_bytes()).unwrap();
        let mut opened = message.decrypt(&Password::empty(), secret).unwrap();
        assert_eq!(opened.as_data_vec().unwrap(), DATA);
    }
    let (_, strangers, _) = &MADE_HERE[0];
    let message = encrypt(&strangers.binary, DATA, &System, at(LATER)).unwrap();
    let (message, _) = Message::from_armor(message.as_bytes()).unwrap();
    assert!(message.decrypt(&Password::empty(), &MADE_HERE[1].0).is_err());
}

/// What was good when it was registered need not be when it is used.
#[test]
fn nothing_is_encrypted_to_an_expired_key() {
    let Some(gpg) = Gpg::new() else { return };
    let key = gpg.key("short", &[], "ed25519", "sign,cert", "never");
    gpg.subkey(&key, "cv25519", "encr", "2d");
    let registered = read_public_key(&gpg.export(&key), Export, at(START)).unwrap();
    assert!(encrypt(&registered.binary, DATA, &System, at(START + DAY)).is_ok());
    let late = encrypt(&registered.binary, DATA, &System, at(START + 3 * DAY));
    assert_eq!(late.err(), Some(KeyProblem::Expired));
    let signing = gpg.key("signing", &[], "ed25519", "sign,cert", "never");
    let registered = read_public_key(&gpg.export(&signing), Authorize, at(START)).unwrap();
    assert_eq!(encrypt(&registered.binary, DATA, &System, at(START)).err(), Some(KeyProblem::NoUse));
}

#[test]
fn a_flipped_bit_never_verifies_unless_it_is_outside_of_what_was_signed() {
    for (_, key, signatures) in MADE_HERE.iter() {
        for signature in signatures {
            let signed = signed_part(signature).unwrap();
            // Each byte, each bit of it in some byte; all of them take minutes without optimisation.
            let bits = (0..signature.len() * 8).step_by(7);
            let (all, mut harmless) = (bits.len(), 0);
            for bit in bits {
                let mut flipped = signature.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if signers(&armor("PGP SIGNATURE", &flipped), key, LATER).is_ok() {
                    assert_eq!(signed_part(&flipped).as_ref(), Some(&signed), "bit {bit}");
                    harmless += 1;
                }
            }
            // Labels of unhashed subpackets, and counts of leading zero bits.
            assert!(harmless * 20 < all, "{harmless} of {all}");
        }
    }
}

/// All of a signature but its unhashed subpackets.
fn signed_part(signature: &[u8]) -> Option<String> {
    let signature = DetachedSignature::from_bytes(signature).ok()?.signature;
    let mut config = signature.config()?.clone();
    config.unhashed_subpackets.clear();
    Some(format!("{config:?} {:?} {:?}", signature.signed_hash_value(), signature.signature()))
}

#[test]
fn an_adopted_subkey_does_not_sign() {
    let (owner, _, signatures) = &MADE_HERE[0];
    let (thief, ..) = made_here(KeyVersion::V4);
    let subkey = owner.secret_subkeys[0].key.public_key();
    let back = owner.secret_subkeys[0].signatures[0].embedded_signature().cloned();
    for embedded in [None, back] {
        let mut stolen = SignedPublicKey::from(thief.clone());
        let mut flags = pgp::packet::KeyFlags::default();
        flags.set_sign(true);
        let (primary, password) = (&thief.primary_key, Password::empty());
        let binding = subkey.sign(OsRng, primary, primary.public_key(), &password, flags, embedded).unwrap();
        stolen.public_subkeys = vec![pgp::composed::SignedPublicSubKey::new(subkey.clone(), vec![binding])];
        let armored = stolen.to_armored_string(ArmorOptions::default()).unwrap();
        let key = read_public_key(&armored, Authorize, at(LATER)).unwrap();
        let found = signers(&armor("PGP SIGNATURE", &signatures[1]), &key, LATER);
        assert_eq!(found, Err(SignatureProblem::AllFailed));
    }
}

#[test]
fn what_is_no_key_and_no_signature() {
    let key = &MADE_HERE[0].1;
    let large = " ".repeat(1024 * 1024 + 1);
    let public = armor("PGP PUBLIC KEY BLOCK", &key.binary);
    let signature = armor("PGP SIGNATURE", &MADE_HERE[0].2[0]);
    let empty = armor("PGP PUBLIC KEY BLOCK", b"");
    let crowded = armor("PGP PUBLIC KEY BLOCK", &[key.binary.clone(), b"\xcd\x01x".repeat(1000)].concat());
    for text in ["", "key", &large, &signature, &empty, &crowded, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxsBN"] {
        assert_eq!(read_public_key(text, Authorize, at(LATER)), Err(KeyProblem::NotAKey), "{text:.30}");
    }
    for (text, problem) in [
        ("", SignatureProblem::None),
        ("signature", SignatureProblem::None),
        (&public, SignatureProblem::None),
        (&large, SignatureProblem::Malformed),
        (&armor("PGP SIGNATURE", b""), SignatureProblem::Malformed),
        (&armor("PGP SIGNATURE", &key.binary), SignatureProblem::Malformed),
        ("-----BEGIN PGP SIGNATURE-----\n\n????\n-----END PGP SIGNATURE-----", SignatureProblem::Malformed),
    ] {
        assert_eq!(signers(text, key, LATER), Err(problem), "{text:.30}");
    }
    let stranger = verify_detached(&signature, DATA, &[b"", b"\xff\xff", &key.binary[..50]], at(LATER));
    assert_eq!(stranger, Err(SignatureProblem::AllFailed), "stored bytes that are no key");
    for odd in ["", "ABC", "ä".repeat(32).as_str(), &"ä".repeat(20)] {
        let _ = short_id(odd);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>(), bytes in any::<Vec<u8>>(), head in any::<u8>(), now in 0..LATER) {
        let packet = [&[0xC0 | (head & 0x0F), u8::try_from(bytes.len().min(191)).unwrap()], bytes.as_slice()].concat();
        for body in [text, STANDARD.encode(&bytes), STANDARD.encode(&packet)] {
            let key = format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n{body}\n-----END PGP PUBLIC KEY BLOCK-----");
            for text in [body.as_str(), &key] {
                prop_assert!(read_public_key(text, Authorize, at(now)).is_err());
            }
            let signature = format!("-----BEGIN PGP SIGNATURE-----\n{body}\n-----END PGP SIGNATURE-----");
            for text in [body.as_str(), &signature] {
                prop_assert!(verify_detached(text, DATA, &[&packet, &MADE_HERE[0].1.binary], at(now)).is_err());
            }
        }
    }

    #[test]
    fn a_damaged_key_does_not_become_another(
        index in 0..2_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let (_, key, signatures) = &MADE_HERE[index];
        let mut binary = key.binary.clone();
        for (place, byte) in damage {
            let place = place.index(binary.len());
            binary[place] = byte;
        }
        if let Some(cut) = cut {
            binary.truncate(cut.index(binary.len()));
        }
        for purpose in [Authorize, Export] {
            if let Ok(read) = read_public_key(&armor("PGP PUBLIC KEY BLOCK", &binary), purpose, at(LATER)) {
                prop_assert_eq!(&read.fingerprint, &key.fingerprint);
            }
        }
        let found = verify_detached(&armor("PGP SIGNATURE", &signatures[1]), DATA, &[&binary], at(LATER));
        prop_assert!(found.is_err() || found == Ok(vec![key.fingerprint.clone()]));
    }
}

fn armor(label: &str, binary: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n\n{}\n-----END {label}-----\n", STANDARD.encode(binary))
}

fn dearmor(text: &str) -> Vec<u8> {
    let body = text.split("\n\n").nth(1).unwrap().lines().take_while(|line| !line.starts_with(['=', '-']));
    STANDARD.decode(body.collect::<String>()).unwrap()
}
