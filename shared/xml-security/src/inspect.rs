//! What a signature says and how each part of it is judged, for people who look into a saved message: a verifier only
//! says the first thing that is wrong.

use crate::document::DSIG;
use crate::signature::Claim;
use crate::{Document, Element, Error, Policy, enveloped, soap};

/// A signature layer, looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedDigest {
    /// As written; empty if it is absent.
    pub uri: String,
    /// Local name of the element that it is to; for a whole document `document` and the name of its element.
    pub element: String,
    /// Of the digest: `sha1` or `sha256`.
    pub algorithm: String,
    /// Whether the element has this digest.
    pub ok: bool,
}

/// The envelope's signature, without its time of validity.
#[must_use]
pub fn soap(document: &Document<'_>, policy: &Policy) -> Inspection {
    look(document.root(), policy, |policy| soap::claim(document, policy).map(|(claim, _, _)| claim))
}

/// The enveloped signature of a whole document.
#[must_use]
pub fn enveloped(document: &Document<'_>, policy: &Policy) -> Inspection {
    look(document.root(), policy, |policy| enveloped::claim(document, policy))
}

/// The enveloped signature of an element.
#[must_use]
pub fn element(element: Element<'_>, policy: &Policy) -> Inspection {
    look(element, policy, |policy| enveloped::claim_of_element(element, policy))
}

/// The error is that of the policy; what there is to see is looked at under the widest one.
fn look<'d>(within: Element<'d>, policy: &Policy, claim: impl Fn(&Policy) -> Result<Claim<'d>, Error>) -> Inspection {
    let error = claim(policy).and_then(|claim| claim.verify(policy)).err();
    let claim = claim(&Policy::LEGACY).ok();
    let algorithm = match &claim {
        Some(claim) => format!("rsa-{}", claim.signature.hash.name()),
        None => written_algorithm(within).unwrap_or_default().to_owned(),
    };
    let signer = claim.as_ref().and_then(|claim| claim.signer.clone().ok());
    let value_ok = claim.as_ref().zip(signer.as_ref()).and_then(|(claim, signer)| {
        match claim.signature.verify_value(signer, &Policy::LEGACY) {
            Ok(()) => Some(true),
            Err(Error::SignatureValue) => Some(false),
            Err(_) => None,
        }
    });
    let digests = claim.as_ref().map(digests).unwrap_or_default();
    Inspection { valid: error.is_none(), value_ok, algorithm, signer, digests, error }
}

fn digests(claim: &Claim<'_>) -> Vec<InspectedDigest> {
    let inspected = claim.signature.references.iter().zip(&claim.targets).map(|(reference, target)| {
        let (uri, name) = (reference.uri.unwrap_or_default(), target.element.local_name());
        let is_whole = matches!(uri, "" | "#xpointer(/)");
        InspectedDigest {
            uri: uri.to_owned(),
            element: if is_whole { format!("document {name}") } else { name.to_owned() },
            algorithm: reference.hash.name().to_owned(),
            ok: reference.check(target).is_ok(),
        }
    });
    inspected.collect()
}

/// Of the first signature there is, without judging it.
fn written_algorithm(within: Element<'_>) -> Option<&str> {
    let signature = within.signatures().next()?;
    let method = signature.child(DSIG, "SignedInfo")?.child(DSIG, "SignatureMethod")?;
    method.attribute("", "Algorithm")
}
