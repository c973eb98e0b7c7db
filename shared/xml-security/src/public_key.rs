//! RSA public keys, and the check of a signature under a policy.

use aws_lc_rs::signature::UnparsedPublicKey;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode, Reader, SliceReader};

use crate::{Distrust, Error, Policy, policy::Hash};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// An RSA public key.
pub(crate) struct PublicKey {
    /// `RSAPublicKey` (RFC 8017 A.1.1), DER.
    pub(crate) pkcs1: Vec<u8>,
    pub(crate) modulus_bits: usize,
}

impl PublicKey {
    /// The subject's key of a DER certificate.
    pub(crate) fn of_certificate(certificate: &[u8]) -> Result<Self, Error> {
        let certificate =
            Certificate::from_der(certificate).map_err(|_| Error::Certificate(Distrust::Other("not readable")))?;
        Self::of(&certificate)
    }

    /// The subject's key of a certificate; RSA only.
    pub(crate) fn of(certificate: &Certificate) -> Result<Self, Error> {
        let info = &certificate.tbs_certificate.subject_public_key_info;
        let pkcs1 = Some(&info.subject_public_key)
            .filter(|_| info.algorithm.oid == RSA_ENCRYPTION)
            .and_then(|key| key.as_bytes())
            .ok_or_else(|| Error::NotAllowed("a key that is not RSA".into()))?;
        let modulus_bits =
            modulus_bits(pkcs1).map_err(|_| Error::Certificate(Distrust::Other("its key is not readable")))?;
        Ok(Self { pkcs1: pkcs1.to_vec(), modulus_bits })
    }

    /// Whether the key is as long as the policy demands.
    pub(crate) fn check_size(&self, policy: &Policy) -> Result<(), Error> {
        if self.modulus_bits < policy.min_rsa_bits {
            return Err(Error::NotAllowed(format!("an RSA key of {} bits", self.modulus_bits)));
        }
        Ok(())
    }

    /// Whether this is the key's RSA PKCS#1 v1.5 signature of the message, with a hash and a key size of the policy.
    pub(crate) fn verify(&self, hash: Hash, policy: &Policy, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        if !policy.hashes.contains(&hash) {
            return Err(Error::NotAllowed(format!("RSA with {hash:?}")));
        }
        self.check_size(policy)?;
        UnparsedPublicKey::new(hash.verification(), &self.pkcs1)
            .verify(message, signature)
            .map_err(|_| Error::SignatureValue)
    }
}

fn modulus_bits(pkcs1: &[u8]) -> der::Result<usize> {
    let mut reader = SliceReader::new(pkcs1)?;
    let modulus = reader.sequence(|fields| {
        let modulus: UintRef<'_> = fields.decode()?;
        let _exponent: UintRef<'_> = fields.decode()?;
        Ok(modulus)
    })?;
    let unused = modulus.as_bytes().first().map_or(0, |byte| byte.leading_zeros() as usize);
    reader.finish(modulus.as_bytes().len() * 8 - unused)
}
