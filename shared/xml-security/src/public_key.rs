//! RSA public keys, and the check of a signature under a policy.

use aws_lc_rs::signature::UnparsedPublicKey;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::certificate::signed_bytes;
use crate::{Distrust, Error, Policy, policy::Hash};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// An RSA public key.
pub(crate) struct PublicKey {
    /// `RSAPublicKey` (RFC 8017 A.1.1), DER.
    pub(crate) pkcs1: Vec<u8>,
    pub(crate) modulus_bits: usize,
}

impl PublicKey {
    /// The subject's key of a DER certificate. Nothing else of the certificate is read: that is for the chain.
    pub(crate) fn of_certificate(certificate: &[u8]) -> Result<Self, Error> {
        let info = public_key_info(certificate).map_err(|_| Error::Certificate(Distrust::Other("not readable")))?;
        Self::new(info.algorithm.oid, info.subject_public_key.as_bytes())
    }

    /// The subject's key of a certificate; RSA only.
    pub(crate) fn of(certificate: &Certificate) -> Result<Self, Error> {
        let info = &certificate.tbs_certificate.subject_public_key_info;
        Self::new(info.algorithm.oid, info.subject_public_key.as_bytes())
    }

    fn new(algorithm: ObjectIdentifier, key: Option<&[u8]>) -> Result<Self, Error> {
        let pkcs1 = key
            .filter(|_| algorithm == RSA_ENCRYPTION)
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

/// RFC 5280 4.1: after serial number, signature algorithm, issuer, validity and subject, and the version if it is stated.
fn public_key_info(certificate: &[u8]) -> der::Result<SubjectPublicKeyInfoRef<'_>> {
    const BEFORE: usize = 5;
    let mut reader = SliceReader::new(signed_bytes(certificate)?)?;
    reader.sequence(|fields| {
        let version = usize::from(fields.peek_tag()?.is_context_specific());
        for _ in 0..version + BEFORE {
            fields.tlv_bytes()?;
        }
        let info = SubjectPublicKeyInfoRef::decode(fields)?;
        while !fields.is_finished() {
            fields.tlv_bytes()?;
        }
        Ok(info)
    })
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
