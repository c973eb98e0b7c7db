//! Certificates: chains to pinned roots, and the few fields that the service reads (RFC 5280).

mod cache;
mod chain;
mod summary;

use time::OffsetDateTime;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{self, Decode, ErrorKind, Header, Reader, SliceReader, oid::AssociatedOid};
use x509_cert::ext::pkix::{BasicConstraints, CertificatePolicies, ExtendedKeyUsage, KeyUsage};

pub use self::cache::ChainCache;
pub use self::chain::{Chain, verify_chain, verify_encryption_chain};
pub use self::summary::{Summary, summary};
use crate::encoding::decode_base64;
use crate::policy::Hash;
use crate::public_key::PublicKey;
use crate::{Distrust, Error, Policy};

/// Structures in each other at most: a certificate has some ten.
const MAX_DEPTH: usize = 32;

/// Pinned roots. A root is trusted by its key: its own signature is not checked (some banks' roots are SHA-1), but its
/// dates and what it says about itself are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    pub(crate) certificates: Vec<Vec<u8>>,
}

impl Roots {
    /// From DER certificates.
    pub fn from_der(certificates: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, Error> {
        let certificates: Vec<_> = certificates.into_iter().collect();
        for certificate in &certificates {
            Parsed::read(certificate)?;
        }
        Ok(Self { certificates })
    }

    /// From PEM text with one or more certificates. Text between them and blocks of another kind are passed over.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let mut certificates = Vec::new();
        for block in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
            let der = block.split_once("-----END CERTIFICATE-----").and_then(|(body, _)| decode_base64(body));
            certificates.push(der.ok_or_else(|| untrusted("not PEM"))?);
        }
        if certificates.is_empty() {
            return Err(untrusted("no certificate in the PEM text"));
        }
        Self::from_der(certificates)
    }
}

/// A certificate with the bytes that its issuer signed.
struct Parsed<'a> {
    der: &'a [u8],
    certificate: Certificate,
    signed: &'a [u8],
}

impl<'a> Parsed<'a> {
    fn read(der: &'a [u8]) -> Result<Self, Error> {
        check_lengths(der, MAX_DEPTH).map_err(|_| unreadable())?;
        let certificate = Certificate::from_der(der).map_err(|_| unreadable())?;
        let signed = signed_bytes(der).map_err(|_| unreadable())?;
        Ok(Self { der, certificate, signed })
    }

    fn dates(&self) -> Result<(OffsetDateTime, OffsetDateTime), Error> {
        let validity = &self.certificate.tbs_certificate.validity;
        let time = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs())
                .ok()
                .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
                .ok_or_else(unreadable)
        };
        Ok((time(&validity.not_before)?, time(&validity.not_after)?))
    }

    /// RFC 5280 4.1.2.5: both ends belong to the time of validity.
    fn check_dates(&self, at: OffsetDateTime) -> Result<(), Error> {
        let (not_before, not_after) = self.dates()?;
        let at = at.truncate_to_second();
        if at < not_before {
            return Err(Error::Certificate(Distrust::NotYetValid));
        }
        if at > not_after {
            return Err(Error::Certificate(Distrust::Expired));
        }
        Ok(())
    }

    fn check_critical_extensions(&self) -> Result<(), Error> {
        const UNDERSTOOD: [ObjectIdentifier; 4] =
            [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, CertificatePolicies::OID];
        let mut extensions = self.certificate.tbs_certificate.extensions.iter().flatten();
        if extensions.any(|extension| extension.critical && !UNDERSTOOD.contains(&extension.extn_id)) {
            return Err(untrusted("a critical extension is not understood"));
        }
        Ok(())
    }

    /// The extension of this type; an extension that is there twice is an error.
    fn extension<'e, T: AssociatedOid + Decode<'e>>(&'e self) -> Result<Option<T>, Error> {
        let tbs = &self.certificate.tbs_certificate;
        let mut of_type = tbs.extensions.iter().flatten().filter(|extension| extension.extn_id == T::OID);
        of_type
            .try_for_each(|extension| check_lengths(extension.extn_value.as_bytes(), MAX_DEPTH))
            .and_then(|()| tbs.get::<T>())
            .map(|found| found.map(|(_, extension)| extension))
            .map_err(|_| untrusted("an extension is not readable"))
    }

    fn is_named_issuer_of(&self, subject: &Parsed<'_>) -> bool {
        self.certificate.tbs_certificate.subject == subject.certificate.tbs_certificate.issuer
    }

    fn check_signature(&self, issuer: &PublicKey, policy: &Policy) -> Result<(), Error> {
        let algorithm = &self.certificate.signature_algorithm;
        if *algorithm != self.certificate.tbs_certificate.signature {
            return Err(untrusted("it names two signature algorithms"));
        }
        let hash = Hash::from_certificate_algorithm(algorithm.oid)
            .ok_or_else(|| Error::NotAllowed(format!("certificate signature algorithm {}", algorithm.oid)))?;
        let signature = self.certificate.signature.as_bytes().ok_or_else(unreadable)?;
        issuer.verify(hash, policy, self.signed, signature)
    }
}

/// Whether bytes can be given to a decoder of DER: each length in them fits into what is around it. The decoder makes room
/// for up to 256 MiB, if some length says so, before it looks whether there are so many bytes.
#[must_use]
pub fn lengths_fit(der: &[u8]) -> bool {
    check_lengths(der, MAX_DEPTH).is_ok()
}

/// Whether each length in a DER structure fits into what is around it.
fn check_lengths(der: &[u8], depth: usize) -> der::Result<()> {
    let mut reader = SliceReader::new(der)?;
    while !reader.is_finished() {
        let header = Header::decode(&mut reader)?;
        let value = reader.read_slice(header.length)?;
        if header.tag.is_constructed() && !value.is_empty() {
            check_lengths(value, depth.checked_sub(1).ok_or(ErrorKind::Failed)?)?;
        }
    }
    Ok(())
}

/// The bytes of `TBSCertificate` as they are: encoding it anew might change them.
pub(crate) fn signed_bytes(certificate: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(certificate)?;
    reader.sequence(|fields| {
        let signed = fields.tlv_bytes()?;
        while !fields.is_finished() {
            fields.tlv_bytes()?;
        }
        Ok(signed)
    })
}

fn untrusted(why: &'static str) -> Error {
    Error::Certificate(Distrust::Other(why))
}

fn unreadable() -> Error {
    untrusted("not readable")
}
