//! WS-Security on a SOAP 1.1 envelope: a `BinarySecurityToken`, a Timestamp and a signature over Timestamp and Body
//! (bank-channel brief 2.1 and 2.2).

use bergshamra_c14n::C14nMode;
use bergshamra_xml::NodeSet;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use crate::document::WSU;
use crate::encoding::{decode_base64, encode_base64};
use crate::signature::{Canonicalization, DSIG, Signature};
use crate::splice::{Tags, insert};
use crate::{Document, Element, Error, Policy, SigningKey, template};

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
    /// Whether the signed Timestamp, where there is one, is valid at this time, with `skew` to both sides.
    #[must_use]
    pub fn is_valid_at(&self, now: OffsetDateTime, skew: Duration) -> bool {
        self.validity.is_none_or(|(created, expires)| now + skew >= created && now - skew < expires)
    }
}

/// Signs an envelope: puts `wsse:Security` first into its Header (empty or without one), gives the Body a `wsu:Id`, and
/// signs Timestamp and Body with RSA-SHA256 and exclusive canonicalisation. Ids are made unique from `id` (letters,
/// digits, `-`). Every other byte of the envelope stays as it is. Times are written in UTC and whole seconds.
pub fn sign(
    envelope: &str,
    key: &SigningKey,
    id: &str,
    created: OffsetDateTime,
    lifetime: Duration,
) -> Result<String, Error> {
    let ids = Ids::new(id)?;
    let (prepared, signature_at) = prepare(envelope, key, &ids, created, lifetime)?;

    let document = Document::parse(prepared.as_bytes())?;
    let (header, body) = header_and_body(&document)?;
    let timestamp = header
        .and_then(|header| header.child(WSSE, "Security"))
        .and_then(|security| security.child(WSU, "Timestamp"))
        .ok_or(Error::NotSigned("no Timestamp"))?;
    let exclusive = C14nMode::Exclusive.uri();
    let reference = |id: &str, element: Element<'_>| {
        let nodes = NodeSet::tree_without_comments(element.node, element.dom);
        let canonical = Canonicalization::EXCLUSIVE.apply(element.dom, &nodes)?;
        Ok::<_, Error>(template::reference(&format!("#{id}"), exclusive, &canonical))
    };
    let references = reference(&ids.timestamp, timestamp)? + &reference(&ids.body, body)?;
    let signed_info = template::signed_info(exclusive, &references);

    // Exclusive canonicalisation renders nothing of the context, so SignedInfo may be canonicalised alone.
    let alone = Document::parse(signed_info.as_bytes())?;
    let value = key.sign(&Canonicalization::EXCLUSIVE.apply(&alone.dom, &NodeSet::all(&alone.dom))?)?;
    let key_info = format!(
        r##"<wsse:SecurityTokenReference><wsse:Reference URI="#{}" ValueType="{X509_V3}"/></wsse:SecurityTokenReference>"##,
        ids.token
    );
    Ok(insert(&prepared, signature_at, &template::signature(&signed_info, &value, &key_info)))
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
    let (header, body) = header_and_body(document)?;
    let header = header.ok_or(Error::NotSigned("no Header"))?;
    let security = header.child(WSSE, "Security").ok_or(Error::NotSigned("not one Security header"))?;
    let element = security.child(DSIG, "Signature").ok_or(Error::NotSigned("not one signature"))?;
    if security.with_descendants().filter(|element| element.is(DSIG, "Signature")).count() != 1 {
        return Err(Error::NotSigned("more than one signature"));
    }
    let token = security.child(WSSE, "BinarySecurityToken").ok_or(Error::NotSigned("not one BinarySecurityToken"))?;
    let timestamp = only_timestamp(security)?;

    let signature = Signature::read(element, policy)?;
    let signer = signer(signature.key_info, token)?;
    let mut covered = Vec::with_capacity(signature.references.len());
    for reference in &signature.references {
        let target = [Some(body), timestamp, Some(token)]
            .into_iter()
            .flatten()
            .find(|element| is_reference_to(reference.uri, *element))
            .ok_or(Error::NotCovered("a reference is to something else than Body, Timestamp or token"))?;
        if reference.enveloped {
            return Err(Error::NotAllowed("the enveloped-signature transform".into()));
        }
        covered.push(target);
    }
    let covers = |element: &Element<'_>| covered.iter().any(|target| target.node == element.node);
    if !covers(&body) {
        return Err(Error::NotCovered("the Body is not signed"));
    }

    signature.verify_value(&signer, policy)?;
    for (reference, target) in signature.references.iter().zip(&covered) {
        reference.check(target.dom, &NodeSet::tree_without_comments(target.node, target.dom))?;
    }
    let validity = timestamp.filter(covers).map(validity).transpose()?;
    let verified = Verified { signer, body, validity };
    if now.is_some_and(|now| !verified.is_valid_at(now, skew)) {
        return Err(Error::Expired);
    }
    Ok(verified)
}

/// The Body of an envelope that is not signed (certificate requests); SOAP 1.1 only.
pub fn unsigned_body<'d>(document: &'d Document<'d>) -> Result<Element<'d>, Error> {
    header_and_body(document).map(|(_, body)| body)
}

/// The ids that a signed envelope has.
struct Ids {
    body: String,
    timestamp: String,
    token: String,
}

impl Ids {
    fn new(id: &str) -> Result<Self, Error> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Error::Malformed("an id has other characters than letters, digits and -".into()));
        }
        Ok(Self { body: format!("Body-{id}"), timestamp: format!("TS-{id}"), token: format!("X509-{id}") })
    }
}

/// The envelope with everything but the signature, and the position for that.
fn prepare(
    envelope: &str,
    key: &SigningKey,
    ids: &Ids,
    created: OffsetDateTime,
    lifetime: Duration,
) -> Result<(String, usize), Error> {
    let document = Document::parse(envelope.as_bytes())?;
    let (header, body) = header_and_body(&document)?;
    let header = header.ok_or_else(|| Error::Malformed("no Header to put Security into".into()))?;
    if header.children().any(|child| child.is(WSSE, "Security")) || body.attribute(WSU, "Id").is_some() {
        return Err(Error::Malformed("the envelope is signed already".into()));
    }
    let declaration = match body.namespace_of_prefix("wsu") {
        None => format!(r#" xmlns:wsu="{WSU}""#),
        Some(namespace) if namespace == WSU => String::new(),
        Some(_) => return Err(Error::Malformed("the prefix wsu means something else".into())),
    };
    let with_body_id =
        insert(envelope, Tags::of(body)?.attributes_at, &format!(r#"{declaration} wsu:Id="{}""#, ids.body));

    let (created, expires) = (timestamp_text(created)?, timestamp_text(created + lifetime)?);
    let token = encode_base64(key.certificate());
    let before_signature = format!(
        r#"<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" xmlns:soap="{SOAP}" soap:mustUnderstand="1"><wsse:BinarySecurityToken EncodingType="{BASE64}" ValueType="{X509_V3}" wsu:Id="{}">{token}</wsse:BinarySecurityToken><wsu:Timestamp wsu:Id="{}"><wsu:Created>{created}</wsu:Created><wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>"#,
        ids.token, ids.timestamp
    );
    let security = format!("{before_signature}</wsse:Security>");
    // The Header is before the Body, so its positions still hold.
    let (prepared, security_at) = Tags::of(header)?.with_first_child(&with_body_id, &security);
    Ok((prepared, security_at + before_signature.len()))
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
    decode_base64(&token.text()).ok_or_else(|| Error::Certificate("not base64".into()))
}

/// Only `#` and an id; ids are unique in a document.
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

fn timestamp_text(time: OffsetDateTime) -> Result<String, Error> {
    let whole_seconds = time.to_offset(UtcOffset::UTC).replace_nanosecond(0);
    whole_seconds
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .ok_or_else(|| Error::Malformed("a time outside the years 0 to 9999".into()))
}
