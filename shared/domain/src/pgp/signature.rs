//! Detached signatures over data (RFC 9580 section 5.2), and what is asked of any signature.

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Packet, PacketParser, Signature, SignatureType, SignatureVersion, SubpacketData};
use pgp::types::{KeyDetails, Tag};

use super::SignatureProblem;
use super::armor::{self, Malformed};
use super::certificate::{Certificate, KeyPacket, UsableKey, key_packets};
use crate::records::PgpPurpose;

/// How far a signer's clock may be ahead of ours, seconds.
pub(super) const CLOCK_SKEW: i64 = 60;
/// Signatures in one text.
const MAX_SIGNATURES: usize = 32;

/// All signatures in the text: one at least, of whatever kind.
pub(super) fn read(armored: &str) -> Result<Vec<Signature>, SignatureProblem> {
    let blocks = armor::blocks(armored, "PGP SIGNATURE").map_err(|Malformed| SignatureProblem::Malformed)?;
    if blocks.is_empty() {
        return Err(SignatureProblem::None);
    }
    let mut signatures = Vec::new();
    for block in blocks {
        let before = signatures.len();
        let mut parser = PacketParser::new(block.as_slice());
        while let Some(body) = parser.next_ref() {
            let mut body = body.map_err(|_| SignatureProblem::Malformed)?;
            let header = body.packet_header();
            if header.tag() != Tag::Signature || signatures.len() == MAX_SIGNATURES {
                return Err(SignatureProblem::Malformed);
            }
            match Packet::from_reader(header, &mut body) {
                Ok(Packet::Signature(signature)) => signatures.push(signature),
                _ => return Err(SignatureProblem::Malformed),
            }
        }
        if signatures.len() == before {
            return Err(SignatureProblem::Malformed);
        }
    }
    Ok(signatures)
}

/// The fingerprint of the binary key, if one of the signatures over `data` is by it and valid at `now` (Unix time).
pub(super) fn signer(key: &[u8], signatures: &[Signature], data: &[u8], now: i64) -> Option<String> {
    // Names first: they cost nothing, and most keys of an account did not sign.
    let named = key_packets(key).any(|packet| match packet {
        Packet::PublicKey(key) => signatures.iter().any(|it| names(it, &key)),
        Packet::PublicSubkey(key) => signatures.iter().any(|it| names(it, &key)),
        _ => false,
    });
    if !named {
        return None;
    }
    let certificate = Certificate::read(key).ok()?;
    let keys = certificate.keys(PgpPurpose::Authorize, now).ok()?;
    let signed = keys.iter().any(|key| signatures.iter().any(|it| is_valid(it, key, data, now)));
    signed.then(|| certificate.fingerprint())
}

/// Whether the signature over `data` is by this key, made in the key's lifetime, and still valid.
fn is_valid(signature: &Signature, key: &UsableKey<'_>, data: &[u8], now: i64) -> bool {
    let over_data = matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text));
    let in_time = created(signature).is_some_and(|created| {
        (key.created..=now + CLOCK_SKEW).contains(&created)
            && key.expires.is_none_or(|expires| created < expires)
            && expires(signature).is_none_or(|expires| now < expires)
    });
    over_data
        && in_time
        && is_strong(signature)
        && is_understood(signature)
        && match key.key {
            KeyPacket::Primary(key) => names(signature, key) && signature.verify(key, data).is_ok(),
            KeyPacket::Sub(key) => names(signature, key) && signature.verify(key, data).is_ok(),
        }
}

/// Whether the signature says that this key made it, and nothing else. Then its data is hashed for one key only.
fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    let (id, fingerprint) = (key.legacy_key_id(), key.fingerprint());
    ids.len() + fingerprints.len() > 0
        && ids.iter().all(|it| **it == id)
        && fingerprints.iter().all(|it| **it == fingerprint)
}

/// Whether version and digest may be relied on.
pub(super) fn is_strong(signature: &Signature) -> bool {
    matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6)
        && matches!(
            signature.hash_alg(),
            Some(
                HashAlgorithm::Sha224
                    | HashAlgorithm::Sha256
                    | HashAlgorithm::Sha384
                    | HashAlgorithm::Sha512
                    | HashAlgorithm::Sha3_256
                    | HashAlgorithm::Sha3_512
            )
        )
}

/// Whether all that the signer marked critical is known here (RFC 9580 section 5.2.3.7). No notation is.
pub(super) fn is_understood(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| {
        config.hashed_subpackets().filter(|it| it.is_critical).all(|it| {
            !matches!(it.data, SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_))
        })
    })
}

/// Unix time.
pub(super) fn created(signature: &Signature) -> Option<i64> {
    signature.created().map(|it| i64::from(it.as_secs()))
}

/// Unix time.
pub(super) fn expires(signature: &Signature) -> Option<i64> {
    let lifetime = i64::from(signature.signature_expiration_time()?.as_secs());
    if lifetime == 0 { None } else { Some(created(signature)? + lifetime) }
}
