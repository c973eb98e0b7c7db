//! WS-Security on a SOAP 1.1 envelope: a `BinarySecurityToken`, a Timestamp and a signature over Timestamp and Body
//! (bank-channel brief 2.1 and 2.2).

mod signing;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

pub use self::signing::sign;
use crate::canonical::Nodes;
use crate::document::{DSIG, WSU};
use crate::signature::{Claim, Signature, Target};
use crate::{Distrust, Document, Element, Error, Policy};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const X509_V3: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// A verified envelope.
pub struct Verified<'d> {
    /// The signer's certificate, DER, from the `BinarySecurityToken`. Not yet chained to a root: see [`crate::certificate`].
    pub signer: Vec<u8>,
    /// The Body that the signature covers: use this element and nothing else of the envelope.
    pub body: Element<'d>,
    /// Created and Expires of the signed Timestamp, if the envelope has one. A Timestamp that the signature does not
    /// cover counts as absent: several clients sign the Body only.
    pub validity: Option<(OffsetDateTime, OffsetDateTime)>,
}

impl Verified<'_> {
    /// Whether the signed Timestamp, where there is one, is valid at this time, with `skew` to both sides. Both ends belong
    /// to it (bank-channel brief 2.8).
    #[must_use]
    pub fn is_valid_at(&self, now: OffsetDateTime, skew: Duration) -> bool {
        self.validity.is_none_or(|(created, expires)| now + skew >= created && now - skew <= expires)
    }
}

/// Verifies the envelope: exactly one Security header with exactly one signature, references that are unique ids of this
/// envelope, the Body covered (a Timestamp alone is not enough), digests, value. References may be to the Body, to the
/// Timestamp and to the `BinarySecurityToken` of the Security header and to nothing else.
/// If `now` is given, the signed Timestamp, where there is one, must be valid then, with `skew` to both sides.
pub fn verify<'d>(
    document: &'d Document<'d>,
    policy: &Policy,
    now: Option<OffsetDateTime>,
    skew: Duration,
) -> Result<Verified<'d>, Error> {
    let (claim, body, timestamp) = claim(document, policy)?;
    let covers = |element: &Element<'_>| claim.targets.iter().any(|target| target.element.node == element.node);
    let timestamp = timestamp.filter(covers);
    let signer = claim.verify(policy)?;
    let verified = Verified { signer, body, validity: timestamp.map(validity).transpose()? };
    if now.is_some_and(|now| !verified.is_valid_at(now, skew)) {
        return Err(Error::Expired);
    }
    Ok(verified)
}

/// The one signature of an envelope with what it is over, the Body that it covers, and the Timestamp, covered or not.
pub(crate) fn claim<'d>(
    document: &'d Document<'d>,
    policy: &Policy,
) -> Result<(Claim<'d>, Element<'d>, Option<Element<'d>>), Error> {
    document.check_ids()?;
    let (header, body) = header_and_body(document)?;
    let header = header.ok_or(Error::NotSigned("no Header"))?;
    let security = header.child(WSSE, "Security").ok_or(Error::NotSigned("not one Security header"))?;
    let element = security.child(DSIG, "Signature").ok_or(Error::NotSigned("not one signature"))?;
    if security.signatures().count() != 1 {
        return Err(Error::NotSigned("more than one signature"));
    }
    let token = security.child(WSSE, "BinarySecurityToken").ok_or(Error::NotSigned("not one BinarySecurityToken"))?;
    let timestamp = only_timestamp(security)?;

    let signature = Signature::read(element, policy)?;
    let mut targets = Vec::with_capacity(signature.references.len());
    for reference in &signature.references {
        let element = [Some(body), timestamp, Some(token)]
            .into_iter()
            .flatten()
            .find(|element| is_reference_to(reference.uri, *element))
            .ok_or(Error::NotCovered("a reference is to something else than Body, Timestamp or token"))?;
        if reference.enveloped {
            return Err(Error::NotAllowed("the enveloped-signature transform".into()));
        }
        targets.push(Target { element, nodes: Nodes::of_element(element).without_comments() });
    }
    if !targets.iter().any(|target| target.element.node == body.node) {
        return Err(Error::NotCovered("the Body is not signed"));
    }
    let signer = signer(signature.key_info, token);
    Ok((Claim { signature, signer, targets }, body, timestamp))
}

/// The Body of an envelope that is not signed (certificate requests); SOAP 1.1 only.
pub fn unsigned_body<'d>(document: &'d Document<'d>) -> Result<Element<'d>, Error> {
    header_and_body(document).map(|(_, body)| body)
}

/// Header and Body: the only children of a SOAP 1.1 Envelope, in this order; the Header may be absent.
fn header_and_body<'d>(document: &'d Document<'_>) -> Result<(Option<Element<'d>>, Element<'d>), Error> {
    let envelope = document.root();
    if !envelope.is(SOAP, "Envelope") {
        return Err(Error::Malformed("not a SOAP 1.1 Envelope".into()));
    }
    let children: Vec<_> = envelope.children().collect();
    match children.as_slice() {
        [body] if body.is(SOAP, "Body") => Ok((None, *body)),
        [header, body] if header.is(SOAP, "Header") && body.is(SOAP, "Body") => Ok((Some(*header), *body)),
        _ => Err(Error::Malformed("the Envelope does not have one Header and one Body".into())),
    }
}

fn only_timestamp(security: Element<'_>) -> Result<Option<Element<'_>>, Error> {
    let mut timestamps = security.children().filter(|child| child.is(WSU, "Timestamp"));
    let first = timestamps.next();
    if timestamps.next().is_some() {
        return Err(Error::Malformed("more than one Timestamp".into()));
    }
    Ok(first)
}

/// The certificate in the token, which `KeyInfo` must name by a `SecurityTokenReference`.
fn signer(key_info: Element<'_>, token: Element<'_>) -> Result<Vec<u8>, Error> {
    let reference = key_info
        .child(WSSE, "SecurityTokenReference")
        .and_then(|reference| reference.child(WSSE, "Reference"))
        .ok_or(Error::NotSigned("KeyInfo has no reference to a token"))?;
    if !is_reference_to(reference.attribute("", "URI"), token) {
        return Err(Error::NotSigned("KeyInfo refers to something else than the BinarySecurityToken"));
    }
    let types = [token.attribute("", "ValueType"), reference.attribute("", "ValueType")];
    if types.into_iter().flatten().any(|value_type| value_type != X509_V3) {
        return Err(Error::NotAllowed("a token that is not an X.509 certificate".into()));
    }
    if token.attribute("", "EncodingType").is_some_and(|encoding| encoding != BASE64) {
        return Err(Error::NotAllowed("a token that is not base64".into()));
    }
    token.base64().ok_or(Error::Certificate(Distrust::Other("not base64")))
}

/// The certificate in the token of the Security header that a signature is in, whatever its `KeyInfo` names.
pub(crate) fn token_beside(key_info: Element<'_>) -> Result<Vec<u8>, Error> {
    let security = key_info.parent().and_then(|signature| signature.parent());
    let token = security.and_then(|security| security.child(WSSE, "BinarySecurityToken"));
    token.and_then(|token| token.base64()).ok_or(Error::NotSigned("not one BinarySecurityToken"))
}

/// Only `#` and an id. A document whose ids are verified has each only once.
fn is_reference_to(uri: Option<&str>, element: Element<'_>) -> bool {
    uri.and_then(|uri| uri.strip_prefix('#')).is_some_and(|id| !id.is_empty() && element.has_id(id))
}

fn validity(timestamp: Element<'_>) -> Result<(OffsetDateTime, OffsetDateTime), Error> {
    let time = |name| {
        timestamp
            .child(WSU, name)
            .and_then(|element| OffsetDateTime::parse(element.text().trim(), &Rfc3339).ok())
            .ok_or_else(|| Error::Malformed(format!("the Timestamp has no readable {name}")))
    };
    Ok((time("Created")?, time("Expires")?))
}
