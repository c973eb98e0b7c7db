//! `SignedInfo`, references and digests: what both signature forms share.
//!
//! Everything is an allow-list (R44): the elements of `ds:Signature`, their order, the algorithms and their parameters.

use crate::canonical::Nodes;
use crate::canonicalization::{C14n, Canonicalization};
use crate::document::DSIG;
use crate::public_key::PublicKey;
use crate::{Element, Error, Policy, policy::Hash};

/// The transform that takes the signature itself out of what is digested.
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

pub(crate) const MAX_REFERENCES: usize = 8;

/// A signature with what its references are to, before anything of it is verified.
pub(crate) struct Claim<'d> {
    pub(crate) signature: Signature<'d>,
    /// The certificate that `KeyInfo` names, DER.
    pub(crate) signer: Result<Vec<u8>, Error>,
    /// What each reference is to, in their order.
    pub(crate) targets: Vec<Target<'d>>,
}

/// What a reference is to.
pub(crate) struct Target<'d> {
    pub(crate) element: Element<'d>,
    pub(crate) nodes: Nodes<'d>,
}

impl Claim<'_> {
    /// The signer, if the value is the signer's and the digests are those of the elements.
    pub(crate) fn verify(self, policy: &Policy) -> Result<Vec<u8>, Error> {
        let signer = self.signer?;
        self.signature.value.verify(&signer, policy)?;
        for (reference, target) in self.signature.references.iter().zip(&self.targets) {
            reference.check(target)?;
        }
        Ok(signer)
    }
}

/// A `ds:Signature` of which every part is known and allowed.
pub(crate) struct Signature<'d> {
    pub(crate) references: Vec<Reference<'d>>,
    pub(crate) key_info: Element<'d>,
    pub(crate) value: Value<'d>,
}

impl<'d> Signature<'d> {
    /// Reads it; refuses what the allow-list or the policy lacks.
    pub(crate) fn read(element: Element<'d>, policy: &Policy) -> Result<Self, Error> {
        let [signed_info, value, key_info] = parts(element, ["SignedInfo", "SignatureValue", "KeyInfo"])?;
        let references = signed_info
            .children()
            .skip(Value::METHODS)
            .take(MAX_REFERENCES + 1)
            .map(|child| Reference::read(named(Some(child), "Reference")?, policy))
            .collect::<Result<Vec<_>, _>>()?;
        if references.is_empty() || references.len() > MAX_REFERENCES {
            return Err(Error::NotAllowed("the number of references".into()));
        }
        Ok(Self { references, key_info, value: Value::read(signed_info, value, policy)? })
    }
}

/// What is signed, and the value.
pub(crate) struct Value<'d> {
    pub(crate) hash: Hash,
    pub(crate) canonicalization: Canonicalization<'d>,
    signed_info: Element<'d>,
    bytes: Vec<u8>,
}

impl<'d> Value<'d> {
    /// `CanonicalizationMethod` and `SignatureMethod`, before the references.
    const METHODS: usize = 2;

    pub(crate) fn read(signed_info: Element<'d>, value: Element<'d>, policy: &Policy) -> Result<Self, Error> {
        let mut methods = signed_info.children();
        let canonicalization = named(methods.next(), "CanonicalizationMethod")?;
        let method = named(methods.next(), "SignatureMethod")?;
        Ok(Self {
            hash: allowed_hash(method, Hash::from_signature_algorithm, policy)?,
            canonicalization: Canonicalization::read(canonicalization)?,
            signed_info,
            bytes: value.base64().ok_or(Error::SignatureValue)?,
        })
    }

    /// Whether it was made with the key of this certificate.
    pub(crate) fn verify(&self, certificate: &[u8], policy: &Policy) -> Result<(), Error> {
        let key = PublicKey::of_certificate(certificate)?;
        let signed = self.canonicalization.apply(&Nodes::of_element(self.signed_info));
        key.verify(self.hash, policy, &signed, &self.bytes)
    }
}

/// One `ds:Reference`.
pub(crate) struct Reference<'d> {
    pub(crate) uri: Option<&'d str>,
    /// The enveloped-signature transform is present (and first).
    pub(crate) enveloped: bool,
    pub(crate) hash: Hash,
    pub(crate) canonicalization: Canonicalization<'d>,
    digest: Vec<u8>,
}

impl<'d> Reference<'d> {
    pub(crate) fn read(element: Element<'d>, policy: &Policy) -> Result<Self, Error> {
        let [transforms, method, value] = parts(element, ["Transforms", "DigestMethod", "DigestValue"])?;
        let transforms =
            transforms.children().map(|child| named(Some(child), "Transform")).collect::<Result<Vec<_>, _>>()?;
        let is_enveloped = |transform: &Element<'_>| transform.attribute("", "Algorithm") == Some(ENVELOPED);
        let (enveloped, canonicalization) = match transforms.as_slice() {
            // What a node set is digested as if no transform says otherwise (XML Signature 4.4.3.2).
            [only] if is_enveloped(only) => (true, Canonicalization::new(C14n::Inclusive)),
            [first, second] if is_enveloped(first) => (true, Canonicalization::read(*second)?),
            [only] => (false, Canonicalization::read(*only)?),
            _ => return Err(Error::NotAllowed("the number of transforms".into())),
        };
        if enveloped && transforms[0].children().next().is_some() {
            return Err(Error::NotAllowed("a parameter of a transform".into()));
        }
        Ok(Self {
            uri: element.attribute("", "URI"),
            enveloped,
            hash: allowed_hash(method, Hash::from_digest_algorithm, policy)?,
            canonicalization,
            digest: value.base64().ok_or(Error::Digest)?,
        })
    }

    /// Whether what it is to has the digest that was signed.
    pub(crate) fn check(&self, target: &Target<'_>) -> Result<(), Error> {
        let digest = self.canonicalization.digest(&target.nodes, self.hash);
        if digest.as_ref() == self.digest { Ok(()) } else { Err(Error::Digest) }
    }
}

/// The child elements of a signature part: exactly these, in this order.
fn parts<'d, const N: usize>(element: Element<'d>, names: [&str; N]) -> Result<[Element<'d>; N], Error> {
    let children: Vec<_> = element.children().take(N + 1).collect();
    let children: [Element<'d>; N] = children.try_into().map_err(|_| form(element))?;
    if children.iter().zip(names).all(|(child, name)| child.is(DSIG, name)) { Ok(children) } else { Err(form(element)) }
}

fn named<'d>(element: Option<Element<'d>>, name: &str) -> Result<Element<'d>, Error> {
    element
        .filter(|element| element.is(DSIG, name))
        .ok_or_else(|| Error::NotAllowed(format!("a signature without {name} where it must be")))
}

/// A signature or digest method: known, in the policy, and without parameters (`HMACOutputLength` is one).
fn allowed_hash(method: Element<'_>, known: fn(&str) -> Option<Hash>, policy: &Policy) -> Result<Hash, Error> {
    let algorithm = method.attribute("", "Algorithm").unwrap_or_default();
    known(algorithm)
        .filter(|hash| policy.hashes.contains(hash) && method.children().next().is_none())
        .ok_or_else(|| Error::NotAllowed(format!("algorithm {algorithm}")))
}

fn form(element: Element<'_>) -> Error {
    Error::NotAllowed(format!("the form of {}", element.local_name()))
}
