//! A transferable public key (RFC 9580 section 10.1), and what its owner says its keys are for.

use pgp::composed::{SignedKeyDetails, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{self, KeyFlags, Packet, PacketParser, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{
    EcdhPublicParams, EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, KeyVersion, PublicParams, SignedUser, Tag,
};
use rsa::traits::PublicKeyParts;

use super::KeyProblem;
use super::signature::{self, CLOCK_SKEW};
use crate::records::PgpPurpose;

/// Packets of one key that are read at all; bounds the arithmetic that a sender can ask for.
const MAX_PACKETS: usize = 1000;
/// Bytes of what is kept of a key.
const MAX_BINARY: usize = 16 * 1024;
/// Bits of the smallest RSA modulus.
const MIN_RSA_BITS: usize = 2048;

/// A key with those parts that verified: its own signatures, the user ids and subkeys that they bind.
pub(super) struct Certificate(SignedPublicKey);

/// A key or subkey that may be used now.
pub(super) struct UsableKey<'a> {
    pub(super) key: KeyPacket<'a>,
    /// Unix time.
    pub(super) created: i64,
    /// Unix time; with a subkey, no later than the primary key's.
    pub(super) expires: Option<i64>,
}

/// The two kinds of key packet.
pub(super) enum KeyPacket<'a> {
    Primary(&'a packet::PublicKey),
    Sub(&'a packet::PublicSubkey),
}

impl Certificate {
    /// Parses, verifies, and drops what does not verify.
    pub(super) fn read(binary: &[u8]) -> Result<Self, KeyProblem> {
        let (primaries, others): (Vec<_>, Vec<_>) =
            packets(binary)?.into_iter().partition(|it| matches!(it, Packet::PublicKey(_)));
        let mut primaries = primaries.into_iter();
        let Some(Packet::PublicKey(primary)) = primaries.next() else { return Err(KeyProblem::NotAKey) };
        if primaries.next().is_some() {
            return Err(KeyProblem::Several);
        }
        if !matches!(primary.version(), KeyVersion::V4 | KeyVersion::V6) {
            return Err(KeyProblem::Weak);
        }
        let details = SignedKeyDetails::new(Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut key = SignedPublicKey { primary_key: primary, details, public_subkeys: Vec::new() };
        for packet in others {
            match packet {
                Packet::UserId(id) => key.details.users.push(SignedUser { id, signatures: Vec::new() }),
                Packet::PublicSubkey(subkey) => {
                    key.public_subkeys.push(SignedPublicSubKey { key: subkey, signatures: Vec::new() });
                }
                Packet::Signature(signature) => keep_if_valid(&mut key, signature),
                _ => {}
            }
        }
        key.details.users.retain(|user| !user.signatures.is_empty());
        key.public_subkeys.retain(|subkey| !subkey.signatures.is_empty());
        Ok(Self(key))
    }

    /// Upper-case hex.
    pub(super) fn fingerprint(&self) -> String {
        format!("{:X}", self.0.fingerprint())
    }

    pub(super) fn to_binary(&self) -> Result<Vec<u8>, KeyProblem> {
        let binary = self.0.to_bytes().map_err(|_| KeyProblem::NotAKey)?;
        if binary.len() > MAX_BINARY { Err(KeyProblem::NotAKey) } else { Ok(binary) }
    }

    /// The keys that serve `purpose` at `now` (Unix time): one at least. All fail with the primary key.
    pub(super) fn keys(&self, purpose: PgpPurpose, now: i64) -> Result<Vec<UsableKey<'_>>, KeyProblem> {
        let primary = &self.0.primary_key;
        if !self.0.details.revocation_signatures.is_empty() {
            return Err(KeyProblem::Revoked);
        }
        // First, because self-signatures by an algorithm that is not known here were not kept.
        check_strength(primary.public_params())?;
        let binding = newest(self.primary_bindings(), now).ok_or(KeyProblem::NoUse)?;
        let primary_expires = check_binding(primary, binding, now)?;
        let mut usable = Vec::new();
        let mut problem = KeyProblem::NoUse;
        if serves(primary, binding, purpose) {
            let created = seconds(primary.created_at());
            usable.push(UsableKey { key: KeyPacket::Primary(primary), created, expires: primary_expires });
        }
        for subkey in &self.0.public_subkeys {
            match self.check_subkey(subkey, purpose, now) {
                Some(Ok(expires)) => usable.push(UsableKey {
                    key: KeyPacket::Sub(&subkey.key),
                    created: seconds(subkey.key.created_at()),
                    expires: [expires, primary_expires].into_iter().flatten().min(),
                }),
                Some(Err(reason)) => problem = reason,
                None => {}
            }
        }
        if usable.is_empty() { Err(problem) } else { Ok(usable) }
    }

    /// The signatures that may say what the primary key is for: direct ones; with version 4 also those on user ids that
    /// are not revoked since (RFC 9580 sections 5.2.3.10 and 10.1.1).
    fn primary_bindings(&self) -> impl Iterator<Item = &Signature> {
        let users = match self.0.primary_key.version() {
            KeyVersion::V6 => &[],
            _ => self.0.details.users.as_slice(),
        };
        let on_users = users.iter().flat_map(|user| {
            let is_revocation = |it: &&Signature| it.typ() == Some(SignatureType::CertRevocation);
            let revoked = user.signatures.iter().filter(is_revocation).filter_map(signature::created).max();
            user.signatures.iter().filter(move |it| !is_revocation(it) && signature::created(it) > revoked)
        });
        on_users.chain(&self.0.details.direct_signatures).filter(|it| flags(it).is_some())
    }

    /// `None` if the subkey is not meant for the purpose; else when it expires, or why it cannot be used.
    fn check_subkey(
        &self,
        subkey: &SignedPublicSubKey,
        purpose: PgpPurpose,
        now: i64,
    ) -> Option<Result<Option<i64>, KeyProblem>> {
        let bindings = subkey.signatures.iter().filter(|it| it.typ() == Some(SignatureType::SubkeyBinding));
        let binding = newest(bindings, now).filter(|binding| serves(&subkey.key, binding, purpose))?;
        if subkey.signatures.iter().any(|it| it.typ() == Some(SignatureType::SubkeyRevocation)) {
            return Some(Err(KeyProblem::Revoked));
        }
        if purpose == PgpPurpose::Authorize {
            // Without the subkey's own signature anyone could adopt another's subkey, and with it that one's signatures.
            let back = binding.embedded_signature()?;
            back.verify_primary_key_binding(&subkey.key, &self.0.primary_key).ok()?;
            if !signature::is_strong(back) {
                return Some(Err(KeyProblem::Weak));
            }
        }
        Some(check_binding(&subkey.key, binding, now))
    }
}

/// The (sub)keys in a binary key, nothing about them verified.
pub(super) fn key_packets(binary: &[u8]) -> impl Iterator<Item = Packet> {
    let packets = packets(binary).unwrap_or_default();
    packets.into_iter().filter(|it| matches!(it, Packet::PublicKey(_) | Packet::PublicSubkey(_)))
}

/// The packets that make up a key; those that can be left out without making it stronger are. Private ones are not read.
fn packets(binary: &[u8]) -> Result<Vec<Packet>, KeyProblem> {
    let mut parser = PacketParser::new(binary);
    let mut packets = Vec::new();
    for count in 0.. {
        let Some(body) = parser.next_ref() else { break };
        let mut body = body.map_err(|_| KeyProblem::NotAKey)?;
        let header = body.packet_header();
        if count == MAX_PACKETS {
            return Err(KeyProblem::NotAKey);
        }
        if matches!(header.tag(), Tag::SecretKey | Tag::SecretSubkey) {
            return Err(KeyProblem::Private);
        }
        let packet = Packet::from_reader(header, &mut body);
        match header.tag() {
            Tag::PublicKey | Tag::Signature | Tag::UserId => packets.push(packet.map_err(|_| KeyProblem::NotAKey)?),
            // Of a kind not known here: its signatures verify for no other subkey.
            Tag::PublicSubkey => packets.extend(packet.ok()),
            Tag::UserAttribute
            | Tag::Trust
            | Tag::Marker
            | Tag::Padding
            | Tag::UnassignedNonCritical(_)
            | Tag::Experimental(_) => {}
            _ => return Err(KeyProblem::NotAKey),
        }
    }
    Ok(packets)
}

/// Keeps a signature with the part of the key that it is about, if the primary key made it. Where it stands says nothing: a
/// revocation may be appended to a key. One about a part that was left out verifies for no other.
fn keep_if_valid(key: &mut SignedPublicKey, signature: Signature) {
    let primary = &key.primary_key;
    match signature.typ() {
        Some(SignatureType::KeyRevocation) => {
            if signature.verify_key(primary).is_ok() {
                key.details.revocation_signatures.push(signature);
            }
        }
        Some(SignatureType::Key) => {
            if signature.verify_key(primary).is_ok() {
                key.details.direct_signatures.push(signature);
            }
        }
        Some(SignatureType::SubkeyBinding | SignatureType::SubkeyRevocation) => {
            if let Some(subkey) = key.public_subkeys.last_mut()
                && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
            {
                subkey.signatures.push(signature);
            }
        }
        _ => {
            if let Some(user) = key.details.users.last_mut()
                && signature.verify_certification(primary, Tag::UserId, &user.id).is_ok()
            {
                user.signatures.push(signature);
            }
        }
    }
}

/// The newest that is not from the future. Older ones count no more, even where the newest fails.
fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>, now: i64) -> Option<&'a Signature> {
    let made = signatures.filter_map(|it| Some((signature::created(it)?, it)));
    made.filter(|(created, _)| *created <= now + CLOCK_SKEW).max_by_key(|(created, _)| *created).map(|(_, it)| it)
}

/// When the key expires, if its binding is good and it has not.
fn check_binding(key: &impl KeyDetails, binding: &Signature, now: i64) -> Result<Option<i64>, KeyProblem> {
    check_strength(key.public_params())?;
    if !signature::is_strong(binding) {
        return Err(KeyProblem::Weak);
    }
    if !signature::is_understood(binding) {
        return Err(KeyProblem::NoUse);
    }
    let created = seconds(key.created_at());
    let lifetime = binding.key_expiration_time().map_or(0, |it| i64::from(it.as_secs()));
    let expires = (lifetime > 0).then_some(created + lifetime);
    let passed = |time: Option<i64>| time.is_some_and(|time| time <= now);
    if passed(expires) || passed(signature::expires(binding)) || created > now + CLOCK_SKEW {
        return Err(KeyProblem::Expired);
    }
    Ok(expires)
}

fn check_strength(parameters: &PublicParams) -> Result<(), KeyProblem> {
    match parameters {
        PublicParams::RSA(rsa) if rsa.key.n().bits() < MIN_RSA_BITS => Err(KeyProblem::Weak),
        PublicParams::DSA(_) | PublicParams::Elgamal(_) => Err(KeyProblem::Weak),
        PublicParams::Unknown { .. } => Err(KeyProblem::NoUse),
        _ => Ok(()),
    }
}

/// Whether the key is marked for the purpose, and its algorithm can do it. Elgamal counts, to be called weak.
fn serves(key: &impl KeyDetails, binding: &Signature, purpose: PgpPurpose) -> bool {
    let Some(flags) = flags(binding) else { return false };
    let (parameters, algorithm) = (key.public_params(), key.algorithm());
    match purpose {
        PgpPurpose::Authorize => {
            let able = match parameters {
                PublicParams::RSA(_) => algorithm != PublicKeyAlgorithm::RSAEncrypt,
                PublicParams::ECDSA(ecdsa) => !matches!(ecdsa, EcdsaPublicParams::Unsupported { .. }),
                PublicParams::EdDSALegacy(eddsa) => !matches!(eddsa, EddsaLegacyPublicParams::Unsupported { .. }),
                PublicParams::Ed25519(_) | PublicParams::Ed448(_) | PublicParams::DSA(_) => true,
                _ => false,
            };
            able && flags.sign()
        }
        PgpPurpose::Export => {
            let able = match parameters {
                PublicParams::RSA(_) => algorithm != PublicKeyAlgorithm::RSASign,
                PublicParams::ECDH(ecdh) => matches!(
                    ecdh,
                    EcdhPublicParams::Curve25519Legacy { .. }
                        | EcdhPublicParams::P256 { .. }
                        | EcdhPublicParams::P384 { .. }
                        | EcdhPublicParams::P521 { .. }
                ),
                PublicParams::X25519(_) | PublicParams::X448(_) | PublicParams::Elgamal(_) => true,
                _ => false,
            };
            able && (flags.encrypt_comms() || flags.encrypt_storage())
        }
    }
}

fn flags(signature: &Signature) -> Option<&KeyFlags> {
    signature.config()?.hashed_subpackets().find_map(|it| match &it.data {
        SubpacketData::KeyFlags(flags) => Some(flags),
        _ => None,
    })
}

fn seconds(time: pgp::types::Timestamp) -> i64 {
    i64::from(time.as_secs())
}
