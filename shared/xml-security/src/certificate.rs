//! Certificates: chains to pinned roots, and the few fields that the service reads (RFC 5280).

use time::OffsetDateTime;
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{
    Any, BmpString, Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::{self, Decode, Encode, Reader, SliceReader, Tag, Tagged, oid::AssociatedOid};
use x509_cert::ext::pkix::{BasicConstraints, CertificatePolicies, ExtendedKeyUsage, KeyUsage};
use x509_cert::name::Name;

use crate::encoding::decode_base64;
use crate::policy::Hash;
use crate::public_key::PublicKey;
use crate::{Error, Policy};

/// Certificates in a path at most, leaf and root included.
const MAX_PATH: usize = 4;
/// Intermediates that a caller may offer at most: the search for a path is over all of them.
const MAX_INTERMEDIATES: usize = 8;

/// Pinned roots. A root is trusted by its key: its own signature is not checked (some banks' roots are SHA-1), but its
/// dates and what it says about itself are.
#[derive(Debug, Clone, Default)]
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

/// Checks that `leaf` (DER) chains through `intermediates` to a pinned root: signatures under the policy, issuer names,
/// CA flags, path lengths, key usage digitalSignature or nonRepudiation where stated, dates of all of them at `at`. A
/// path has four certificates at most, root included. A critical extension that is not understood is refused.
pub fn verify_chain(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    roots: &Roots,
    at: OffsetDateTime,
    policy: &Policy,
) -> Result<(), Error> {
    if intermediates.len() > MAX_INTERMEDIATES {
        return Err(untrusted("too many intermediates"));
    }
    let leaf = Parsed::read(leaf)?;
    leaf.check_dates(at)?;
    leaf.check_critical_extensions()?;
    if leaf.extension::<KeyUsage>()?.is_some_and(|usage| !usage.digital_signature() && !usage.non_repudiation()) {
        return Err(untrusted("it is not for signing"));
    }
    PublicKey::of(&leaf.certificate)?.check_size(policy)?;

    let search = Search {
        intermediates: intermediates.iter().map(|der| Parsed::read(der)).collect::<Result<_, _>>()?,
        roots: roots.certificates.iter().map(|der| Parsed::read(der)).collect::<Result<_, _>>()?,
        at,
        policy,
    };
    search.path_from(&leaf, 1)
}

/// What the service reads from a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Common name of the issuer; empty if it has none.
    pub issuer_common_name: String,
    /// Common name of the subject; empty if it has none.
    pub subject_common_name: String,
    /// serialNumber attribute (2.5.4.5) of the subject, where there is one: the WS user id at Nordea.
    pub subject_serial_number: Option<String>,
    /// Serial number, upper-case hex without leading zeros.
    pub serial: String,
    /// Valid from.
    pub not_before: OffsetDateTime,
    /// Valid to.
    pub not_after: OffsetDateTime,
    /// `SubjectPublicKeyInfo`, DER.
    pub public_key: Vec<u8>,
}

/// Reads a DER certificate.
pub fn summary(certificate: &[u8]) -> Result<Summary, Error> {
    let parsed = Parsed::read(certificate)?;
    let tbs = &parsed.certificate.tbs_certificate;
    let (not_before, not_after) = parsed.dates()?;
    let hex = tbs.serial_number.as_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02X}"));
    Ok(Summary {
        issuer_common_name: attribute(&tbs.issuer, COMMON_NAME).unwrap_or_default(),
        subject_common_name: attribute(&tbs.subject, COMMON_NAME).unwrap_or_default(),
        subject_serial_number: attribute(&tbs.subject, SERIAL_NUMBER),
        serial: hex.trim_start_matches('0').to_owned(),
        not_before,
        not_after,
        public_key: tbs.subject_public_key_info.to_der().map_err(|_| unreadable())?,
    })
}

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");

/// The search for a path, depth first: several certificates may have the issuer's name.
struct Search<'a> {
    intermediates: Vec<Parsed<'a>>,
    roots: Vec<Parsed<'a>>,
    at: OffsetDateTime,
    policy: &'a Policy,
}

impl Search<'_> {
    /// A path from `subject`, the `length`th certificate of it.
    fn path_from(&self, subject: &Parsed<'_>, length: usize) -> Result<(), Error> {
        let mut why = untrusted("no pinned root issued it");
        for root in self.roots.iter().filter(|root| root.is_named_issuer_of(subject)) {
            match self.check_issued(root, subject, length, true) {
                Ok(()) => return Ok(()),
                Err(error) => why = error,
            }
        }
        if length + 1 < MAX_PATH {
            for issuer in self.intermediates.iter().filter(|issuer| issuer.is_named_issuer_of(subject)) {
                let issued = self.check_issued(issuer, subject, length, false);
                match issued.and_then(|()| self.path_from(issuer, length + 1)) {
                    Ok(()) => return Ok(()),
                    Err(error) => why = error,
                }
            }
        }
        Err(why)
    }

    /// Whether `issuer` may have issued and has signed the `length`th certificate of the path. Old roots state nothing
    /// about themselves: they are pinned, so only what they state must fit; an intermediate must state that it is a CA.
    fn check_issued(
        &self,
        issuer: &Parsed<'_>,
        subject: &Parsed<'_>,
        length: usize,
        pinned: bool,
    ) -> Result<(), Error> {
        issuer.check_dates(self.at)?;
        issuer.check_critical_extensions()?;
        let is_authority = match issuer.extension::<BasicConstraints>()? {
            // The certificates between the issuer and the leaf are all but the leaf of those below it.
            Some(basic) => basic.ca && basic.path_len_constraint.is_none_or(|most| length - 1 <= usize::from(most)),
            None => pinned,
        };
        let may_sign = issuer.extension::<KeyUsage>()?.map_or(pinned, |usage| usage.key_cert_sign());
        if !is_authority || !may_sign {
            return Err(untrusted("its issuer is not an authority for it"));
        }
        subject.check_signature(&PublicKey::of(&issuer.certificate)?, self.policy)
    }
}

/// A certificate with the bytes that its issuer signed.
struct Parsed<'a> {
    certificate: Certificate,
    signed: &'a [u8],
}

impl<'a> Parsed<'a> {
    fn read(der: &'a [u8]) -> Result<Self, Error> {
        let certificate = Certificate::from_der(der).map_err(|_| unreadable())?;
        let signed = signed_bytes(der).map_err(|_| unreadable())?;
        Ok(Self { certificate, signed })
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
            return Err(untrusted("a certificate is not valid yet"));
        }
        if at > not_after {
            return Err(untrusted("a certificate has expired"));
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
        self.certificate
            .tbs_certificate
            .get::<T>()
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
        issuer.verify(hash, policy, self.signed, signature).map_err(|error| match error {
            Error::SignatureValue => untrusted("its issuer's key did not sign it"),
            other => other,
        })
    }
}

/// The bytes of `TBSCertificate` as they are: encoding it anew might change them.
fn signed_bytes(certificate: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(certificate)?;
    reader.sequence(|fields| {
        let signed = fields.tlv_bytes()?;
        while !fields.is_finished() {
            fields.tlv_bytes()?;
        }
        Ok(signed)
    })
}

/// The first value of an attribute of a name.
fn attribute(name: &Name, oid: ObjectIdentifier) -> Option<String> {
    let mut attributes = name.0.iter().flat_map(|set| set.0.iter());
    attributes
        .find(|attribute| attribute.oid == oid)
        .and_then(|attribute: &AttributeTypeAndValue| string(&attribute.value))
}

fn string(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::BmpString => value.decode_as::<BmpString>().ok().map(|text| text.to_string()),
        _ => None,
    }
}

fn untrusted(why: &str) -> Error {
    Error::Certificate(why.to_owned())
}

fn unreadable() -> Error {
    untrusted("not readable")
}
