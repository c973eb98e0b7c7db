//! AES-256-GCM with random nonces: `nonce (12) | ciphertext | tag (16)`.
//!
//! aws-lc draws each nonce itself, so that no caller can repeat one. A key is good for 2^32 seals (NIST SP 800-38D, 8.3);
//! those here seal a few data keys, the keys of the pool, and the secrets of its users' authenticators.

use avain_domain::ports::Unavailable;
use avain_domain::secret::Secret;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

/// A key for sealing.
pub(crate) struct Gcm(RandomizedNonceKey);

impl Gcm {
    /// From 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Result<Self, Unavailable> {
        RandomizedNonceKey::new(&AES_256_GCM, key)
            .map(Self)
            .map_err(|_| Unavailable("a sealing key does not have 32 bytes".to_owned()))
    }

    /// Seals; only the same associated data opens.
    pub(crate) fn seal(&self, associated: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Unavailable> {
        let mut text = plaintext.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(associated), &mut text)
            .map_err(|_| Unavailable("sealing failed".to_owned()))?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// Opens, or `None` for anything but what `seal` made with this key and associated data.
    pub(crate) fn open(&self, associated: &[u8], sealed: &[u8]) -> Option<Secret> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = zeroize::Zeroizing::new(text.to_vec());
        let plaintext = self.0.open_in_place(nonce, Aad::from(associated), &mut text).ok()?;
        Some(Secret::new(plaintext.to_vec()))
    }
}
