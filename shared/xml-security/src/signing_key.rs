//! A private key with its certificate.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256};

use crate::Error;
use crate::public_key::PublicKey;

/// An RSA private key and the certificate that goes into the signature. Signing is RSA PKCS#1 v1.5 with SHA-256 (aws-lc-rs).
pub struct SigningKey {
    pub(crate) pair: aws_lc_rs::rsa::KeyPair,
    pub(crate) certificate: Vec<u8>,
}

impl SigningKey {
    /// From a PKCS#8 private key (2,048 bits or more) and an X.509 certificate, both DER. The two must belong together.
    pub fn new(private_key: &[u8], certificate: &[u8]) -> Result<Self, Error> {
        let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(private_key).map_err(|_| Error::Key)?;
        if PublicKey::of_certificate(certificate)?.pkcs1 != pair.public_key().as_ref() {
            return Err(Error::Key);
        }
        Ok(Self { pair, certificate: certificate.to_vec() })
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// RSA PKCS#1 v1.5 with SHA-256: deterministic, so the random source is only what the call asks for.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(|_| Error::Key)?;
        Ok(signature)
    }
}
