//! Paths from a certificate to a pinned root (RFC 5280 6.1, without name constraints and policies).

use std::cell::Cell;

use time::OffsetDateTime;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use super::summary::{fingerprint, name_text};
use super::{Parsed, Roots, untrusted};
use crate::public_key::PublicKey;
use crate::{Distrust, Error, Policy};

/// Certificates in a path at most, leaf and root included.
const MAX_PATH: usize = 4;
/// Intermediates that a caller may offer at most.
const MAX_INTERMEDIATES: usize = 100;
/// Signatures that a search for a path looks at at most: many intermediates may have one name and one key.
const MAX_SIGNATURES: usize = 64;

/// A path that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The pinned root at its end, DER.
    pub anchor: Vec<u8>,
    /// The certificates between, DER: first the one that issued the leaf. Empty if the root did.
    pub issuers: Vec<Vec<u8>>,
}

/// Checks that `leaf` (DER), a signer's certificate, chains through `intermediates` to a pinned root: signatures under the
/// policy, issuer names, CA flags, path lengths, key usage digitalSignature or nonRepudiation where stated, dates of all
/// of them at `at`. A path has four certificates at most, root included. A critical extension that is not understood is
/// refused.
pub fn verify_chain(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    roots: &Roots,
    at: OffsetDateTime,
    policy: &Policy,
) -> Result<Chain, Error> {
    Question { leaf, intermediates, roots, at, policy, purpose: Use::Signing }.find_chain()
}

/// The same for a certificate that something is encrypted to: key usage keyEncipherment or dataEncipherment where stated.
pub fn verify_encryption_chain(
    leaf: &[u8],
    intermediates: &[Vec<u8>],
    roots: &Roots,
    at: OffsetDateTime,
    policy: &Policy,
) -> Result<Chain, Error> {
    Question { leaf, intermediates, roots, at, policy, purpose: Use::Encryption }.find_chain()
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Signing,
    Encryption,
}

impl Use {
    fn check(self, usage: KeyUsage) -> Result<(), Error> {
        let (is_fit, unfit) = match self {
            Self::Signing => (usage.digital_signature() || usage.non_repudiation(), "it is not for signing"),
            Self::Encryption => (usage.key_encipherment() || usage.data_encipherment(), "it is not for encryption"),
        };
        if is_fit { Ok(()) } else { Err(untrusted(unfit)) }
    }
}

/// Whether a certificate chains to one of the roots.
pub(super) struct Question<'a> {
    pub(super) leaf: &'a [u8],
    pub(super) intermediates: &'a [Vec<u8>],
    pub(super) roots: &'a Roots,
    pub(super) at: OffsetDateTime,
    pub(super) policy: &'a Policy,
    pub(super) purpose: Use,
}

impl Question<'_> {
    pub(super) fn find_chain(&self) -> Result<Chain, Error> {
        if self.intermediates.len() > MAX_INTERMEDIATES {
            return Err(untrusted("too many intermediates"));
        }
        let leaf = Parsed::read(self.leaf)?;
        leaf.check_dates(self.at)?;
        leaf.check_critical_extensions()?;
        leaf.extension::<KeyUsage>()?.map_or(Ok(()), |usage| self.purpose.check(usage))?;
        PublicKey::of(&leaf.certificate)?.check_size(self.policy)?;

        let search = Search {
            intermediates: self.intermediates.iter().map(|der| Parsed::read(der)).collect::<Result<_, _>>()?,
            roots: self.roots.certificates.iter().map(|der| Parsed::read(der)).collect::<Result<_, _>>()?,
            at: self.at,
            policy: self.policy,
            signatures: Cell::new(0),
        };
        let (anchor, mut issuers) = search.path_from(&leaf, 1)?;
        issuers.reverse();
        Ok(Chain { anchor: anchor.to_vec(), issuers: issuers.into_iter().map(<[u8]>::to_vec).collect() })
    }
}

/// The search for a path, depth first: several certificates may have the issuer's name.
struct Search<'a> {
    intermediates: Vec<Parsed<'a>>,
    roots: Vec<Parsed<'a>>,
    at: OffsetDateTime,
    policy: &'a Policy,
    /// How many it has looked at.
    signatures: Cell<usize>,
}

/// The root of a path, and the certificates between root and leaf, from the root down.
type Path<'a> = (&'a [u8], Vec<&'a [u8]>);

impl<'a> Search<'a> {
    /// A path from `subject`, the `length`th certificate of it.
    fn path_from(&self, subject: &Parsed<'_>, length: usize) -> Result<Path<'a>, Error> {
        let mut why = None;
        for root in self.roots.iter().filter(|root| root.is_named_issuer_of(subject)) {
            match self.check_issued(root, subject, length, true) {
                Ok(()) => return Ok((root.der, Vec::new())),
                Err(error) => why = Some(error),
            }
        }
        if length + 1 < MAX_PATH {
            let issuers = self.intermediates.iter().filter(|issuer| issuer.is_named_issuer_of(subject));
            // A root that is offered, and not pinned, names itself: that is where the path ends.
            for issuer in issuers.filter(|issuer| issuer.der != subject.der) {
                let issued = self.check_issued(issuer, subject, length, false);
                match issued.and_then(|()| self.path_from(issuer, length + 1)) {
                    Ok((root, mut between)) => {
                        between.push(issuer.der);
                        return Ok((root, between));
                    }
                    Err(error) => why = Some(error),
                }
            }
        }
        Err(why.unwrap_or_else(|| unknown_root(subject)))
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
        self.signatures.update(|looked_at| looked_at + 1);
        if self.signatures.get() > MAX_SIGNATURES {
            return Err(untrusted("too many issuers come into question"));
        }
        subject.check_signature(&PublicKey::of(&issuer.certificate)?, self.policy).map_err(|error| match error {
            // Another key under the name of a pinned root: as unknown as another name.
            Error::SignatureValue if pinned => unknown_root(subject),
            Error::SignatureValue => untrusted("its issuer's key did not sign it"),
            other => other,
        })
    }
}

fn unknown_root(last: &Parsed<'_>) -> Error {
    let tbs = &last.certificate.tbs_certificate;
    Error::Certificate(Distrust::UnknownRoot {
        issuer: name_text(&tbs.issuer),
        subject: name_text(&tbs.subject),
        sha256: fingerprint(last.der),
    })
}
