//! A private key with its certificate.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256};
use rand::rngs::OsRng;
use rsa::pkcs8::DecodePrivateKey;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::Error;
use crate::policy::Hash;
use crate::public_key::PublicKey;

/// An RSA private key and the certificate that goes into the signature. Signing is RSA PKCS#1 v1.5: deterministic.
pub struct SigningKey {
    pair: aws_lc_rs::rsa::KeyPair,
    /// For SHA-1, which `pair` does not sign with.
    pkcs8: Zeroizing<Vec<u8>>,
    certificate: Vec<u8>,
}

impl SigningKey {
    /// From a PKCS#8 private key (2,048 bits or more) and an X.509 certificate, both DER. The two must belong together.
    pub fn new(private_key: &[u8], certificate: &[u8]) -> Result<Self, Error> {
        let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(private_key).map_err(|_| Error::Key)?;
        if PublicKey::of_certificate(certificate)?.pkcs1 != pair.public_key().as_ref() {
            return Err(Error::Key);
        }
        Ok(Self { pair, pkcs8: Zeroizing::new(private_key.to_vec()), certificate: certificate.to_vec() })
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// SHA-256 through aws-lc, which is constant-time. It does not sign with SHA-1: that goes through `rsa` with
    /// blinding, for the banks that still must (see RUSTSEC-2023-0071 in deny.toml).
    pub(crate) fn sign(&self, hash: Hash, message: &[u8]) -> Result<Vec<u8>, Error> {
        match hash {
            Hash::Sha256 => {
                let mut signature = vec![0; self.pair.public_modulus_len()];
                let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
                signed.map_err(|_| Error::Key).map(|()| signature)
            }
            Hash::Sha1 => {
                let key = RsaPrivateKey::from_pkcs8_der(&self.pkcs8).map_err(|_| Error::Key)?;
                let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, message);
                key.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha1>(), digest.as_ref()).map_err(|_| Error::Key)
            }
        }
    }
}
