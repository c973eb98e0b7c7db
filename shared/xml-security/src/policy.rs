//! Which algorithms and key sizes a verifier accepts.

use aws_lc_rs::{digest, signature};
use x509_cert::der::asn1::ObjectIdentifier;

/// A hash as XML signature names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1: only for judging saved messages at their own time.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// What a verifier accepts; there is no way to accept more than what is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Hashes allowed in references, and with RSA PKCS#1 v1.5 in the signature value.
    pub hashes: &'static [Hash],
    /// Smallest RSA modulus, in bits.
    pub min_rsa_bits: usize,
}

impl Policy {
    /// What is accepted live: SHA-256 and 2,048 bits.
    pub const STRICT: Self = Self { hashes: &[Hash::Sha256], min_rsa_bits: 2048 };
    /// For judging saved messages at their own time, and where a bank's profile still must: SHA-1 and 1,024 bits too.
    pub const LEGACY: Self = Self { hashes: &[Hash::Sha1, Hash::Sha256], min_rsa_bits: 1024 };
}

const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

impl Hash {
    const ALL: [Self; 2] = [Self::Sha1, Self::Sha256];

    /// `ds:SignatureMethod` of RSA PKCS#1 v1.5 with it.
    pub(crate) fn signature_uri(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::Sha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        }
    }

    /// `ds:DigestMethod` of it.
    pub(crate) fn digest_uri(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
        }
    }

    /// Its short name in both namespaces: sha1, sha256.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    pub(crate) fn from_signature_algorithm(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.signature_uri() == uri)
    }

    pub(crate) fn from_digest_algorithm(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.digest_uri() == uri)
    }

    /// Of a certificate's signature algorithm, RSA PKCS#1 v1.5 only.
    pub(crate) fn from_certificate_algorithm(oid: ObjectIdentifier) -> Option<Self> {
        match oid {
            SHA1_WITH_RSA => Some(Self::Sha1),
            SHA256_WITH_RSA => Some(Self::Sha256),
            _ => None,
        }
    }

    pub(crate) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        }
    }

    /// RSA PKCS#1 v1.5 from 1,024 bits: the policy's own key size is checked before.
    pub(crate) fn verification(self) -> &'static signature::RsaParameters {
        match self {
            Self::Sha1 => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        }
    }
}
