//! `SignedInfo`, references and digests: what both signature forms share.
//!
//! Everything is an allow-list (R44): the elements of `ds:Signature`, their order, the algorithms and their parameters.

use aws_lc_rs::digest;
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;

use crate::encoding::decode_base64;
use crate::public_key::PublicKey;
use crate::{Element, Error, Policy, policy::Hash};

/// XML signature namespace.
pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The transform that takes the signature itself out of what is digested.
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const MAX_REFERENCES: usize = 8;

/// A `ds:Signature` of which every part is known and allowed.
pub(crate) struct Signature<'d> {
    pub(crate) references: Vec<Reference<'d>>,
    pub(crate) key_info: Element<'d>,
    signed_info: Element<'d>,
    canonicalization: Canonicalization<'d>,
    hash: Hash,
    value: Vec<u8>,
}

impl<'d> Signature<'d> {
    /// Reads it; refuses what the allow-list or the policy lacks.
    pub(crate) fn read(element: Element<'d>, policy: &Policy) -> Result<Self, Error> {
        let [signed_info, value, key_info] = parts(element, ["SignedInfo", "SignatureValue", "KeyInfo"])?;
        let mut children = signed_info.children();
        let canonicalization = named(children.next(), "CanonicalizationMethod")?;
        let method = named(children.next(), "SignatureMethod")?;
        let references = children
            .map(|child| Reference::read(named(Some(child), "Reference")?, policy))
            .collect::<Result<Vec<_>, _>>()?;
        if references.is_empty() || references.len() > MAX_REFERENCES {
            return Err(Error::NotAllowed("the number of references".into()));
        }
        Ok(Self {
            references,
            key_info,
            signed_info,
            canonicalization: Canonicalization::read(canonicalization)?,
            hash: allowed_hash(method, Hash::from_signature_algorithm, policy)?,
            value: decode_base64(&value.text()).ok_or(Error::SignatureValue)?,
        })
    }

    /// Whether `SignedInfo` was signed with the key of this certificate.
    pub(crate) fn verify_value(&self, certificate: &[u8], policy: &Policy) -> Result<(), Error> {
        let key = PublicKey::of_certificate(certificate)?;
        let nodes = NodeSet::tree_with_comments(self.signed_info.node, self.signed_info.dom);
        let signed = self.canonicalization.apply(self.signed_info.dom, &nodes)?;
        key.verify(self.hash, policy, &signed, &self.value)
    }
}

/// One `ds:Reference`.
pub(crate) struct Reference<'d> {
    pub(crate) uri: Option<&'d str>,
    /// The enveloped-signature transform is present (and first).
    pub(crate) enveloped: bool,
    canonicalization: Canonicalization<'d>,
    hash: Hash,
    digest: Vec<u8>,
}

impl<'d> Reference<'d> {
    fn read(element: Element<'d>, policy: &Policy) -> Result<Self, Error> {
        let [transforms, method, value] = parts(element, ["Transforms", "DigestMethod", "DigestValue"])?;
        let transforms =
            transforms.children().map(|child| named(Some(child), "Transform")).collect::<Result<Vec<_>, _>>()?;
        let is_enveloped = |transform: &Element<'_>| transform.attribute("", "Algorithm") == Some(ENVELOPED);
        let (enveloped, canonicalization) = match transforms.as_slice() {
            [only] if is_enveloped(only) => (true, Canonicalization::INCLUSIVE),
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
            canonicalization,
            hash: allowed_hash(method, Hash::from_digest_algorithm, policy)?,
            digest: decode_base64(&value.text()).ok_or(Error::Digest)?,
        })
    }

    /// Whether these nodes of the document have the digest that was signed.
    pub(crate) fn check(&self, dom: &uppsala::Document<'_>, nodes: &NodeSet) -> Result<(), Error> {
        let canonical = self.canonicalization.apply(dom, nodes)?;
        if digest::digest(self.hash.digest(), &canonical).as_ref() == self.digest { Ok(()) } else { Err(Error::Digest) }
    }
}

/// A canonicalisation with its parameter.
pub(crate) struct Canonicalization<'d> {
    mode: C14nMode,
    inclusive_prefixes: Vec<&'d str>,
}

impl<'d> Canonicalization<'d> {
    /// Inclusive canonical XML 1.0: what a node set is digested as if no transform says otherwise (XML Signature 4.4.3.2).
    pub(crate) const INCLUSIVE: Self = Self { mode: C14nMode::Inclusive, inclusive_prefixes: Vec::new() };
    /// Exclusive canonical XML 1.0.
    pub(crate) const EXCLUSIVE: Self = Self { mode: C14nMode::Exclusive, inclusive_prefixes: Vec::new() };

    fn read(element: Element<'d>) -> Result<Self, Error> {
        let algorithm = element.attribute("", "Algorithm").unwrap_or_default();
        let mode = C14nMode::from_uri(algorithm)
            .filter(|mode| !matches!(mode, C14nMode::Inclusive11 | C14nMode::Inclusive11WithComments))
            .ok_or_else(|| Error::NotAllowed(format!("canonicalisation or transform {algorithm}")))?;
        let children: Vec<_> = element.children().collect();
        let prefixes = match children.as_slice() {
            [] => "",
            [only] if mode.is_exclusive() && only.is(EXCLUSIVE, "InclusiveNamespaces") => {
                only.attribute("", "PrefixList").unwrap_or_default()
            }
            _ => return Err(Error::NotAllowed("a parameter of a canonicalisation".into())),
        };
        Ok(Self { mode, inclusive_prefixes: prefixes.split_ascii_whitespace().collect() })
    }

    /// The canonical form of these nodes, in the context of their document.
    pub(crate) fn apply(&self, dom: &uppsala::Document<'_>, nodes: &NodeSet) -> Result<Vec<u8>, Error> {
        canonicalize_doc(dom, self.mode, Some(nodes), &self.inclusive_prefixes)
            .map_err(|_| Error::Malformed("no canonical form".into()))
    }
}

/// The child elements of a signature part: exactly these, in this order.
fn parts<'d, const N: usize>(element: Element<'d>, names: [&str; N]) -> Result<[Element<'d>; N], Error> {
    let children: Vec<_> = element.children().collect();
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
