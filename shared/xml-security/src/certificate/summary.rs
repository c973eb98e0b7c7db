//! The few fields of a certificate that the service reads and tells.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use time::OffsetDateTime;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{
    Any, BmpString, Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::{Encode, Tag, Tagged};
use x509_cert::name::Name;

use super::{Parsed, unreadable};
use crate::Error;
use crate::public_key::PublicKey;

/// What the service reads from a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The issuer's name, RFC 4514.
    pub issuer: String,
    /// The subject's name, RFC 4514.
    pub subject: String,
    /// Common name of the issuer; empty if it has none.
    pub issuer_common_name: String,
    /// Common name of the subject; empty if it has none.
    pub subject_common_name: String,
    /// serialNumber attribute (2.5.4.5) of the subject, where there is one: the WS user id at Nordea.
    pub subject_serial_number: Option<String>,
    /// Serial number, upper-case hex without leading zeros.
    pub serial: String,
    /// Valid from.
    pub not_before: OffsetDateTime,
    /// Valid to.
    pub not_after: OffsetDateTime,
    /// `SubjectPublicKeyInfo`, DER.
    pub public_key: Vec<u8>,
    /// Length of the RSA modulus in bits; `None` for a key that is not RSA.
    pub key_bits: Option<usize>,
    /// Name of the signature algorithm (RFC 8017: sha256WithRSAEncryption), or its object identifier.
    pub signature_algorithm: String,
    /// SHA-256 of the certificate, lower-case hex.
    pub sha256: String,
}

/// Reads a DER certificate.
pub fn summary(certificate: &[u8]) -> Result<Summary, Error> {
    let parsed = Parsed::read(certificate)?;
    let tbs = &parsed.certificate.tbs_certificate;
    let (not_before, not_after) = parsed.dates()?;
    let serial = tbs.serial_number.as_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02X}"));
    Ok(Summary {
        issuer: name_text(&tbs.issuer),
        subject: name_text(&tbs.subject),
        issuer_common_name: attribute(&tbs.issuer, COMMON_NAME).unwrap_or_default(),
        subject_common_name: attribute(&tbs.subject, COMMON_NAME).unwrap_or_default(),
        subject_serial_number: attribute(&tbs.subject, SERIAL_NUMBER),
        serial: serial.trim_start_matches('0').to_owned(),
        not_before,
        not_after,
        public_key: tbs.subject_public_key_info.to_der().map_err(|_| unreadable())?,
        key_bits: PublicKey::of(&parsed.certificate).ok().map(|key| key.modulus_bits),
        signature_algorithm: algorithm_name(parsed.certificate.signature_algorithm.oid),
        sha256: fingerprint(certificate),
    })
}

/// SHA-256 of a DER certificate, lower-case hex.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    digest(&SHA256, certificate).as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A name as RFC 4514 writes it, last attribute first. Attributes that have no name there are written with their object
/// identifier and, for people, as text all the same.
pub(super) fn name_text(name: &Name) -> String {
    let sets = name.0.iter().rev().map(|set| {
        let attributes: Vec<String> = set.0.iter().map(attribute_text).collect();
        attributes.join("+")
    });
    sets.collect::<Vec<_>>().join(",")
}

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");

/// RFC 4514 section 3.
const ATTRIBUTE_NAMES: [(ObjectIdentifier, &str); 9] = [
    (COMMON_NAME, "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.9"), "STREET"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"), "UID"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"), "DC"),
];

fn attribute_text(attribute: &AttributeTypeAndValue) -> String {
    let named = ATTRIBUTE_NAMES.iter().find(|(oid, _)| *oid == attribute.oid);
    let name = named.map_or_else(|| attribute.oid.to_string(), |(_, name)| (*name).to_owned());
    format!("{name}={}", escaped(&string(&attribute.value).unwrap_or_default()))
}

/// RFC 4514 2.4.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (position, character) in value.chars().enumerate() {
        let at_edge = character == ' ' && (position == 0 || position == last) || character == '#' && position == 0;
        match character {
            '\0' => text.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', character]),
            _ if at_edge => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
    text
}

fn algorithm_name(oid: ObjectIdentifier) -> String {
    const NAMES: [(ObjectIdentifier, &str); 5] = [
        (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), "md5WithRSAEncryption"),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), "sha1WithRSAEncryption"),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), "sha256WithRSAEncryption"),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), "sha384WithRSAEncryption"),
        (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), "sha512WithRSAEncryption"),
    ];
    NAMES.iter().find(|(known, _)| *known == oid).map_or_else(|| oid.to_string(), |(_, name)| (*name).to_owned())
}

/// The first value of an attribute of a name.
fn attribute(name: &Name, oid: ObjectIdentifier) -> Option<String> {
    let mut attributes = name.0.iter().flat_map(|set| set.0.iter());
    attributes
        .find(|attribute| attribute.oid == oid)
        .and_then(|attribute: &AttributeTypeAndValue| string(&attribute.value))
}

fn string(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::BmpString => value.decode_as::<BmpString>().ok().map(|text| text.to_string()),
        _ => None,
    }
}
