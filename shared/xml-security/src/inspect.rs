//! What a signature says and how each part of it is judged, for people who look into a saved message: a verifier only
//! says the first thing that is wrong.

use crate::canonical::Nodes;
use crate::document::DSIG;
use crate::signature::{Claim, MAX_REFERENCES, Reference, Target, Value};
use crate::{Document, Element, Error, Hash, Policy, enveloped, soap};

/// A signature layer, looked into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Whether the layer verifies under the policy.
    pub valid: bool,
    /// Whether the value was made with the signer's key, whatever the digests and the policy say. `None` where it cannot
    /// be told: no certificate, no value, or a form or algorithm that is not read at all.
    pub value_ok: Option<bool>,
    /// The signature's algorithm (`rsa-sha1`, `rsa-sha256`), or its identifier as written if it is another one; empty
    /// if there is none.
    pub algorithm: String,
    /// The certificate that `KeyInfo` names, DER.
    pub signer: Option<Vec<u8>>,
    /// The references, in their order.
    pub digests: Vec<InspectedDigest>,
    /// Why the layer does not verify.
    pub error: Option<Error>,
}

/// One reference, looked into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InspectedDigest {
    /// As written; empty if it is absent.
    pub uri: String,
    /// Local name of the element that it is to; for a whole document `document` and the name of its element; empty if there is
    /// none.
    pub element: String,
    /// Of the digest: `sha1` or `sha256`; empty where the reference is of a form that is not read.
    pub algorithm: String,
    /// Whether the element has this digest.
    pub ok: bool,
}

/// The envelope's signature, without its time of validity.
#[must_use]
pub fn soap(document: &Document<'_>, policy: &Policy) -> Inspection {
    look(document.root(), policy, soap::token_beside, |policy| soap::claim(document, policy).map(|(claim, _, _)| claim))
}

/// The enveloped signature of a whole document.
#[must_use]
pub fn enveloped(document: &Document<'_>, policy: &Policy) -> Inspection {
    look(document.root(), policy, enveloped::certificate, |policy| enveloped::claim(document, policy))
}

/// The enveloped signature of an element.
#[must_use]
pub fn element(element: Element<'_>, policy: &Policy) -> Inspection {
    look(element, policy, enveloped::certificate, |policy| enveloped::claim_of_element(element, policy))
}

/// The error is that of the policy; what there is to see is looked at under the widest one.
fn look<'d>(
    within: Element<'d>,
    policy: &Policy,
    certificate: fn(Element<'d>) -> Result<Vec<u8>, Error>,
    claim: impl Fn(&Policy) -> Result<Claim<'d>, Error>,
) -> Inspection {
    let error = claim(policy).and_then(|claim| claim.verify(policy)).err();
    let told = match claim(&Policy::LEGACY) {
        Ok(claim) => of_claim(&claim),
        Err(_) => within.signatures().next().map(|signature| of_parts(signature, certificate)).unwrap_or_default(),
    };
    Inspection { valid: error.is_none(), error, ..told }
}

fn of_claim(claim: &Claim<'_>) -> Inspection {
    let signer = claim.signer.clone().ok();
    let value = signer.as_ref().and_then(|signer| is_made_with(&claim.signature.value, signer));
    let digests = claim.signature.references.iter().zip(&claim.targets);
    Inspection {
        value_ok: value,
        algorithm: format!("rsa-{}", claim.signature.value.hash.name()),
        signer,
        digests: digests.map(|(reference, target)| of_reference(reference, Some(target))).collect(),
        ..Inspection::default()
    }
}

/// Of a signature that is no claim, since its form is refused or it is not over what it must be: each part by itself.
fn of_parts<'d>(signature: Element<'d>, certificate: fn(Element<'d>) -> Result<Vec<u8>, Error>) -> Inspection {
    let algorithm = written_algorithm(signature).unwrap_or_default();
    let [signed_info, value, key_info] =
        ["SignedInfo", "SignatureValue", "KeyInfo"].map(|it| signature.child(DSIG, it));
    let signer = key_info.and_then(|key_info| certificate(key_info).ok());
    let value = signed_info.zip(value).and_then(|(info, value)| Value::read(info, value, &Policy::LEGACY).ok());
    let value = value.zip(signer.as_ref()).and_then(|(value, signer)| is_made_with(&value, signer));
    let references = signed_info.into_iter().flat_map(|signed_info| signed_info.children());
    let references = references.filter(|child| child.is(DSIG, "Reference")).take(MAX_REFERENCES);
    let digests = references.map(|element| match Reference::read(element, &Policy::LEGACY) {
        Ok(reference) => of_reference(&reference, pointed_to(&reference, signature).as_ref()),
        Err(_) => InspectedDigest { uri: written(element, "URI"), ..InspectedDigest::default() },
    });
    Inspection {
        value_ok: value,
        algorithm: Hash::from_signature_algorithm(algorithm)
            .map_or_else(|| algorithm.to_owned(), |hash| format!("rsa-{}", hash.name())),
        digests: digests.collect(),
        signer,
        ..Inspection::default()
    }
}

/// Whether a value was made with a certificate's key, where that can be told.
fn is_made_with(value: &Value<'_>, certificate: &[u8]) -> Option<bool> {
    match value.verify(certificate, &Policy::LEGACY) {
        Ok(()) => Some(true),
        Err(Error::SignatureValue) => Some(false),
        Err(_) => None,
    }
}

fn of_reference(reference: &Reference<'_>, target: Option<&Target<'_>>) -> InspectedDigest {
    let uri = reference.uri.unwrap_or_default();
    let name = target.map_or("", |target| target.element.local_name());
    InspectedDigest {
        uri: uri.to_owned(),
        element: if target.is_some() && is_whole(uri) { format!("document {name}") } else { name.to_owned() },
        algorithm: reference.hash.name().to_owned(),
        ok: target.is_some_and(|target| reference.check(target).is_ok()),
    }
}

/// What a reference is to, wherever in the document that is.
fn pointed_to<'d>(reference: &Reference<'d>, signature: Element<'d>) -> Option<Target<'d>> {
    let document = signature.document;
    let uri = reference.uri.unwrap_or_default();
    let (element, nodes) = if is_whole(uri) {
        (document.root(), Nodes::of_document(document))
    } else {
        let id = uri.strip_prefix('#')?;
        let element = document.root().with_descendants().find(|element| element.has_id(id))?;
        (element, Nodes::of_element(element))
    };
    let nodes = if uri == WHOLE_WITH_COMMENTS { nodes } else { nodes.without_comments() };
    let nodes = if reference.enveloped { nodes.without(signature) } else { nodes };
    Some(Target { element, nodes })
}

const WHOLE_WITH_COMMENTS: &str = "#xpointer(/)";

fn is_whole(uri: &str) -> bool {
    matches!(uri, "" | WHOLE_WITH_COMMENTS)
}

fn written_algorithm(signature: Element<'_>) -> Option<&str> {
    let method = signature.child(DSIG, "SignedInfo")?.child(DSIG, "SignatureMethod")?;
    method.attribute("", "Algorithm")
}

fn written(element: Element<'_>, attribute: &str) -> String {
    element.attribute("", attribute).unwrap_or_default().to_owned()
}
