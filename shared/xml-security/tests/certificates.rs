//! Paths to pinned roots.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

mod common;

use avain_test_support::reference_data;
use avain_xml_security::certificate::{ChainCache, Roots, summary, verify_chain, verify_encryption_chain};
use avain_xml_security::{Distrust, Document, Error, Policy, soap};
use common::{NOW, Pki, params, rsa_key};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use time::{Duration, OffsetDateTime, macros::datetime};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name, IsCa::Ca(BasicConstraints::Unconstrained));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn root(name: &str) -> Issuer {
    CertifiedIssuer::self_signed(authority(name), rsa_key()).unwrap()
}

fn under(params: CertificateParams, issuer: &Issuer) -> Issuer {
    CertifiedIssuer::signed_by(params, rsa_key(), issuer).unwrap()
}

fn leaf() -> CertificateParams {
    let mut params = params("Yritys Oy", IsCa::ExplicitNoCa);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

const NO_ROOT: &str = "no pinned root issued it";

/// The path of these certificates, leaf first, to the last one as the pinned root.
fn verify(path: &[&Issuer]) -> Result<(), String> {
    verify_at(path, NOW)
}

fn verify_at(path: &[&Issuer], at: OffsetDateTime) -> Result<(), String> {
    let mut ders: Vec<Vec<u8>> = path.iter().map(|certificate| certificate.der().to_vec()).collect();
    let roots = Roots::from_der(ders.pop()).unwrap();
    let leaf = ders.remove(0);
    // The order in which intermediates are offered is of no account.
    ders.reverse();
    let chain = verify_chain(&leaf, &ders, &roots, at, &Policy::STRICT).map_err(|error| match error {
        Error::Certificate(Distrust::UnknownRoot { .. }) => NO_ROOT.to_owned(),
        Error::Certificate(why) => why.to_string(),
        Error::NotAllowed(why) => why,
        other => panic!("{other:?}"),
    })?;
    let (root, between) = (path.last().unwrap(), &path[1..path.len() - 1]);
    assert_eq!(chain.anchor, root.der().to_vec());
    assert_eq!(chain.issuers, between.iter().map(|issuer| issuer.der().to_vec()).collect::<Vec<_>>());
    Ok(())
}

fn refused(why: &str) -> Result<(), String> {
    Err(why.to_owned())
}

#[test]
fn a_path_to_a_pinned_root_is_accepted() {
    let root = root("Root");
    let middle = under(authority("Middle"), &root);
    let lower = under(authority("Lower"), &middle);
    assert_eq!(verify(&[&under(leaf(), &root), &root]), Ok(()));
    assert_eq!(verify(&[&under(leaf(), &middle), &middle, &root]), Ok(()));
    assert_eq!(verify(&[&under(leaf(), &lower), &lower, &middle, &root]), Ok(()));

    let lowest = under(authority("Lowest"), &lower);
    let five = under(leaf(), &lowest);
    assert_eq!(verify(&[&five, &lowest, &lower, &middle, &root]), refused(NO_ROOT));
    assert_eq!(verify(&[&under(leaf(), &lower), &middle, &root]), refused(NO_ROOT));
    let roots = Roots::from_der([root.der().to_vec()]).unwrap();
    let leaf = under(leaf(), &middle);
    for (offered, is_found) in [(1, true), (100, true), (101, false)] {
        let offered = vec![middle.der().to_vec(); offered];
        assert_eq!(verify_chain(leaf.der(), &offered, &roots, NOW, &Policy::STRICT).is_ok(), is_found);
    }
    // However many have the name that is looked for, the search ends.
    let nowhere = Roots::from_der([self::root("Elsewhere").der().to_vec()]).unwrap();
    let offered = vec![under(authority("Middle"), &middle).der().to_vec(); 100];
    let error = verify_chain(leaf.der(), &offered, &nowhere, NOW, &Policy::STRICT).unwrap_err();
    assert_eq!(error, Error::Certificate(Distrust::Other("too many issuers come into question")));
}

#[test]
fn a_root_of_the_same_name_with_another_key_is_refused() {
    let (genuine, spoofed) = (root("Root"), root("Root"));
    let (good, bad) = (under(leaf(), &genuine), under(leaf(), &spoofed));
    assert_eq!(verify(&[&good, &genuine]), Ok(()));
    assert_eq!(verify(&[&bad, &genuine]), refused(NO_ROOT));
    assert_eq!(verify(&[&bad, &spoofed, &genuine]), refused(NO_ROOT), "nor by offering it");

    // A bank changes its root's key and keeps the name: both are pinned for a time.
    for order in [[&genuine, &spoofed], [&spoofed, &genuine]] {
        let roots = Roots::from_der(order.map(|root| root.der().to_vec())).unwrap();
        for leaf in [&good, &bad] {
            let chain = verify_chain(leaf.der(), &[], &roots, NOW, &Policy::STRICT).unwrap();
            let issuer = if leaf.der() == good.der() { &genuine } else { &spoofed };
            assert_eq!((chain.anchor, chain.issuers), (issuer.der().to_vec(), vec![]));
        }
    }
    assert!(verify_chain(good.der(), &[], &Roots::default(), NOW, &Policy::STRICT).is_err());
}

/// A new root is never trusted silently: the refusal says which one it is, so that somebody can decide.
#[test]
fn an_unknown_root_is_named() {
    let (pinned, new) = (root("Pinned"), root("New, root"));
    let middle = under(authority("Middle"), &new);
    let leaf = under(leaf(), &middle);
    let roots = Roots::from_der([pinned.der().to_vec()]).unwrap();
    let refusal = |offered: &[&Issuer]| {
        let offered: Vec<_> = offered.iter().map(|issuer| issuer.der().to_vec()).collect();
        verify_chain(leaf.der(), &offered, &roots, NOW, &Policy::STRICT).unwrap_err()
    };
    let named = |issuer: &str, subject: &str, last: &Issuer| {
        let sha256 = summary(last.der()).unwrap().sha256;
        Error::Certificate(Distrust::UnknownRoot { issuer: issuer.into(), subject: subject.into(), sha256 })
    };
    assert_eq!(refusal(&[&new, &middle]), named(r"CN=New\, root", r"CN=New\, root", &new));
    assert_eq!(refusal(&[&middle]), named(r"CN=New\, root", "CN=Middle", &middle));
    assert_eq!(refusal(&[]), named("CN=Middle", "CN=Yritys Oy", &leaf));
}

#[test]
fn certificates_outside_their_time_are_refused() {
    let day = Duration::DAY;
    let dated = |mut params: CertificateParams, from: OffsetDateTime, to: OffsetDateTime| {
        (params.not_before, params.not_after) = (from, to);
        params
    };
    let old = CertifiedIssuer::self_signed(dated(authority("Old"), NOW - day * 9, NOW - day), rsa_key()).unwrap();
    assert_eq!(verify(&[&under(leaf(), &old), &old]), refused("a certificate has expired"));
    assert_eq!(verify_at(&[&under(leaf(), &old), &old], NOW - day), Ok(()));

    let root = root("Root");
    let middle = under(dated(authority("Middle"), NOW - day, NOW + day), &root);
    let leaf = under(dated(leaf(), NOW - day * 2, NOW + day * 2), &middle);
    for (at, expected) in [
        (NOW - day * 2 - Duration::SECOND, refused("a certificate is not valid yet")),
        (NOW - day - Duration::SECOND, refused("a certificate is not valid yet")),
        (NOW - day, Ok(())),
        (NOW + day, Ok(())),
        (NOW + day + Duration::SECOND, refused("a certificate has expired")),
        (NOW + day * 2 + Duration::SECOND, refused("a certificate has expired")),
    ] {
        assert_eq!(verify_at(&[&leaf, &middle, &root], at), expected, "{at}");
    }
}

#[test]
fn only_an_authority_issues() {
    let not_an_authority = refused("its issuer is not an authority for it");
    let root = root("Root");
    let client = under(leaf(), &root);
    assert_eq!(verify(&[&under(leaf(), &client), &client, &root]), not_an_authority, "a client's certificate");

    let mut without_usage = authority("No usage");
    without_usage.key_usages.clear();
    let without_usage = under(without_usage, &root);
    assert_eq!(verify(&[&under(leaf(), &without_usage), &without_usage, &root]), not_an_authority);
    let mut other_usage = authority("Other usage");
    other_usage.key_usages = vec![KeyUsagePurpose::CrlSign];
    let other_usage = under(other_usage, &root);
    assert_eq!(verify(&[&under(leaf(), &other_usage), &other_usage, &root]), not_an_authority);
    assert_eq!(verify(&[&under(leaf(), &other_usage), &other_usage]), not_an_authority, "pinned too");

    let silent = |name| CertifiedIssuer::self_signed(params(name, IsCa::NoCa), rsa_key()).unwrap();
    let silent = silent("Old root that states nothing");
    assert_eq!(verify(&[&under(leaf(), &silent), &silent]), Ok(()), "pinned: trusted by its key");
    let silent = under(params("Intermediate that states nothing", IsCa::NoCa), &root);
    assert_eq!(verify(&[&under(leaf(), &silent), &silent, &root]), not_an_authority);
}

#[test]
fn path_lengths_are_kept() {
    let limited = |most| {
        let mut params = authority(&format!("Limited {most}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(most));
        CertifiedIssuer::self_signed(params, rsa_key()).unwrap()
    };
    let (zero, one) = (limited(0), limited(1));
    assert_eq!(verify(&[&under(leaf(), &zero), &zero]), Ok(()));
    for (root, expected) in [(&zero, refused("its issuer is not an authority for it")), (&one, Ok(()))] {
        let middle = under(authority("Middle"), root);
        assert_eq!(verify(&[&under(leaf(), &middle), &middle, root]), expected);
    }
}

#[test]
fn a_signer_must_be_for_signing() {
    let root = root("Root");
    for (usage, good) in [
        (vec![], true),
        (vec![KeyUsagePurpose::ContentCommitment], true),
        (vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DigitalSignature], true),
        (vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DataEncipherment], false),
    ] {
        let mut params = leaf();
        params.key_usages = usage;
        let expected = if good { Ok(()) } else { refused("it is not for signing") };
        assert_eq!(verify(&[&under(params, &root), &root]), expected);
    }
}

#[test]
fn what_is_encrypted_to_must_be_for_encryption() {
    let root = root("Root");
    let roots = Roots::from_der([root.der().to_vec()]).unwrap();
    for (usage, good) in [
        (vec![], true),
        (vec![KeyUsagePurpose::KeyEncipherment], true),
        (vec![KeyUsagePurpose::DataEncipherment], true),
        (vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment], false),
    ] {
        let mut params = leaf();
        params.key_usages = usage;
        let leaf = under(params, &root);
        let judged = verify_encryption_chain(leaf.der(), &[], &roots, NOW, &Policy::STRICT);
        let expected = if good { None } else { Some(Error::Certificate(Distrust::Other("it is not for encryption"))) };
        assert_eq!(judged.err(), expected);
    }
}

/// The cache answers as the search does: for every other question, and at every other time.
#[test]
fn a_cached_chain_is_for_its_own_question_and_time() {
    let (root, other) = (root("Root"), root("Other"));
    let mut params = authority("Middle");
    (params.not_before, params.not_after) = (NOW - Duration::DAY, NOW + Duration::DAY);
    let middle = under(params, &root);
    let leaf = under(leaf(), &middle);
    let roots = |issuer: &Issuer| Roots::from_der([issuer.der().to_vec()]).unwrap();
    let (right, wrong, offered) = (roots(&root), roots(&other), vec![middle.der().to_vec()]);
    let narrow = Policy { hashes: &[], min_rsa_bits: 2048 };
    let long = Policy { min_rsa_bits: 4096, ..Policy::STRICT };
    let cache = ChainCache::default();
    for _ in 0..3 {
        for (roots, offered) in [(&right, &offered), (&wrong, &offered), (&right, &vec![])] {
            for policy in [&Policy::STRICT, &Policy::LEGACY, &narrow, &long] {
                for days in [0, -1, 1, -2, 2, 400] {
                    for seconds in [0, -1, 1] {
                        let at = NOW + Duration::days(days) + Duration::seconds(seconds);
                        let cached = cache.verify_chain(leaf.der(), offered, roots, at, policy);
                        assert_eq!(cached, verify_chain(leaf.der(), offered, roots, at, policy), "{at} {policy:?}");
                    }
                }
            }
        }
        let for_encryption = cache.verify_encryption_chain(leaf.der(), &offered, &right, NOW, &Policy::STRICT);
        assert!(for_encryption.is_err(), "found for signing");
    }
    // More chains than it keeps.
    for min_rsa_bits in 1024..1100 {
        let policy = Policy { min_rsa_bits, ..Policy::STRICT };
        let cached = cache.verify_chain(leaf.der(), &offered, &right, NOW, &policy);
        assert_eq!(cached, verify_chain(leaf.der(), &offered, &right, NOW, &policy));
    }
}

#[test]
fn a_critical_extension_that_is_not_understood_is_refused() {
    let root = root("Root");
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    for critical in [false, true] {
        extension.set_criticality(critical);
        let expected = if critical { refused("a critical extension is not understood") } else { Ok(()) };
        let mut client = leaf();
        client.custom_extensions.push(extension.clone());
        assert_eq!(verify(&[&under(client, &root), &root]), expected);
        let mut middle = authority("Middle");
        middle.custom_extensions.push(extension.clone());
        let middle = under(middle, &root);
        assert_eq!(verify(&[&under(leaf(), &middle), &middle, &root]), expected);
    }
}

#[test]
fn a_changed_certificate_is_refused() {
    let pki = Pki::shared();
    for position in (0..pki.leaf.len()).step_by(7) {
        let mut changed = pki.leaf.clone();
        changed[position] ^= 1;
        assert!(verify_chain(&changed, &[], &pki.roots(), NOW, &Policy::STRICT).is_err(), "byte {position}");
    }
}

#[test]
fn keys_and_hashes_follow_the_policy() {
    let Some(folder) = reference_data() else { return };
    let pem = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let der = |name: &str| avain_test_support::xmlsec::der(&pem(name)).unwrap();
    let at = datetime!(2014-01-01 0:00 UTC);
    let roots = Roots::from_pem(&pem("nordea/certs/ca_nordea_corporate_server_ca_01.pem")).unwrap();
    let weak = verify_chain(&der("nordea/keys/nordea.crt"), &[], &roots, at, &Policy::STRICT);
    assert_eq!(weak, Err(Error::NotAllowed("an RSA key of 1024 bits".into())));

    // Nordea's answers to SHA-1 requests are signed with a certificate that is signed with SHA-1.
    let recording = std::fs::read(folder.join("nordea/resp_gui_taikala.xml")).unwrap();
    let document = Document::parse(&recording).unwrap();
    let signer = soap::verify(&document, &Policy::LEGACY, None, Duration::ZERO).unwrap().signer;
    let roots = Roots::from_pem(&pem("nordea/certs/ca_nordea_corporate_server_ca_03.pem")).unwrap();
    let judged = |policy| verify_chain(&signer, &[], &roots, datetime!(2022-06-01 0:00 UTC), policy);
    assert!(judged(&Policy::LEGACY).is_ok());
    assert_eq!(judged(&Policy::STRICT), Err(Error::NotAllowed("RSA with Sha1".into())));
}

#[test]
fn a_summary_says_what_the_certificate_says() {
    let root = root("Pankin CA");
    let mut params = leaf();
    params.serial_number = Some(SerialNumber::from_slice(&[0x00, 0x8A, 0x01, 0xFF]));
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), "1234567890");
    let certificate = under(params, &root);
    let read = summary(certificate.der()).unwrap();
    assert_eq!(read.issuer_common_name, "Pankin CA");
    assert_eq!(read.subject_common_name, "Yritys Oy");
    assert_eq!(read.subject_serial_number.as_deref(), Some("1234567890"));
    assert_eq!(read.serial, "8A01FF");
    assert_eq!((read.not_before, read.not_after), (NOW - Duration::days(30), NOW + Duration::days(300)));
    let public_key = rcgen::PublicKeyData::subject_public_key_info(certificate.key());
    assert_eq!(read.public_key, public_key);
    assert_eq!((read.issuer.as_str(), read.subject.as_str()), ("CN=Pankin CA", "2.5.4.5=1234567890,CN=Yritys Oy"));
    assert_eq!((read.key_bits, read.signature_algorithm.as_str()), (Some(2048), "sha256WithRSAEncryption"));
    assert_eq!(read.sha256.len(), 64);
    assert!(matches!(summary(b"no certificate"), Err(Error::Certificate(_))));
}

#[test]
fn roots_are_read_from_pem() {
    let pki = Pki::shared();
    let block = avain_test_support::xmlsec::pem("CERTIFICATE", &pki.root);
    let roots = Roots::from_pem(&format!("Subject: CN=Test CA\n{block}\n{}", block.replace('\n', "\r\n"))).unwrap();
    assert!(verify_chain(&pki.leaf, &[], &roots, NOW, &Policy::STRICT).is_ok());
    for text in ["", "text", &block[..block.len() - 10], &block.replace("MII", "MI!")] {
        assert!(matches!(Roots::from_pem(text), Err(Error::Certificate(_))), "{text}");
    }
    assert!(Roots::from_der([vec![1, 2, 3]]).is_err());
}
