//! Messages to the holder of an export key (RFC 9580 section 10.3).

use pgp::composed::{ArmorOptions, MessageBuilder};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{EncryptionKey, KeyVersion};
use rsa::rand_core::{self, CryptoRng, RngCore};

use super::KeyProblem;
use super::certificate::{Certificate, KeyPacket};
use crate::ports::Random;
use crate::records::PgpPurpose;

/// Encrypts to the newest key for it.
pub(super) fn encrypt(key: &[u8], data: &[u8], random: &dyn Random, now: i64) -> Result<String, KeyProblem> {
    let certificate = Certificate::read(key)?;
    let keys = certificate.keys(PgpPurpose::Export, now)?;
    let newest = keys.iter().max_by_key(|it| it.created).ok_or(KeyProblem::NoUse)?;
    let message = match newest.key {
        KeyPacket::Primary(key) => message(key, data, Source(random)),
        KeyPacket::Sub(key) => message(key, data, Source(random)),
    };
    message.map_err(|_| KeyProblem::NoUse)
}

fn message(key: &impl EncryptionKey, data: &[u8], mut random: Source<'_>) -> pgp::errors::Result<String> {
    let cipher = SymmetricKeyAlgorithm::AES256;
    let builder = MessageBuilder::from_bytes("", data.to_vec());
    if key.version() == KeyVersion::V6 {
        let mut builder = builder.seipd_v2(&mut random, cipher, AeadAlgorithm::Ocb, ChunkSize::default());
        builder.encrypt_to_key(&mut random, &key)?;
        return builder.to_armored_string(&mut random, ArmorOptions::default());
    }
    let mut builder = builder.seipd_v1(&mut random, cipher);
    builder.encrypt_to_key(&mut random, &key)?;
    builder.to_armored_string(&mut random, ArmorOptions::default())
}

/// The service's random source, as the library wants it.
struct Source<'a>(&'a dyn Random);

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Source<'_> {}
