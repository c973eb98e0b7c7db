//! An envelope gets its WS-Security header.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::{BASE64, SOAP, WSSE, X509_V3, header_and_body};
use crate::canonical::Nodes;
use crate::canonicalization::{C14n, Canonicalization};
use crate::document::WSU;
use crate::encoding::encode_base64;
use crate::policy::Hash;
use crate::splice::{self, Edit, Tags};
use crate::{Document, Element, Error, SigningKey, template};

/// Bytes of a signature with a key of up to 8,192 bits.
const ROOM_FOR_SIGNATURE: usize = 4096;

/// Signs an envelope: puts `wsse:Security` first into its Header (empty or without one), gives the Body a `wsu:Id`, and
/// signs Timestamp and Body with RSA PKCS#1 v1.5 and exclusive canonicalisation. Ids are made unique from `id` (letters,
/// digits, `-`). Every other byte of the envelope stays as it is. Times are written in UTC and whole seconds.
pub fn sign(
    envelope: &str,
    key: &SigningKey,
    hash: Hash,
    id: &str,
    created: OffsetDateTime,
    lifetime: Duration,
) -> Result<String, Error> {
    let ids = Ids::new(id)?;
    let (mut signed, signature_at) = prepare(envelope, key, &ids, created, lifetime)?;

    let document = Document::parse(signed.as_bytes())?;
    document.check_ids()?;
    let (header, body) = header_and_body(&document)?;
    let timestamp = header
        .and_then(|header| header.child(WSSE, "Security"))
        .and_then(|security| security.child(WSU, "Timestamp"))
        .ok_or(Error::NotSigned("no Timestamp"))?;
    let reference = |id: &str, element: Element<'_>| {
        let nodes = Nodes::of_element(element).without_comments();
        let digest = Canonicalization::new(C14n::Exclusive).digest(&nodes, hash);
        template::reference(&format!("#{id}"), &[C14n::Exclusive.uri()], hash, &digest)
    };
    let references = reference(&ids.timestamp, timestamp) + &reference(&ids.body, body);
    // Exclusive canonicalisation renders nothing of the context, so SignedInfo stands as it is written.
    let signed_info = template::signed_info(C14n::Exclusive.uri(), hash, &references);
    let value = key.sign(hash, signed_info.as_bytes())?;
    let key_info = format!(
        r##"<wsse:SecurityTokenReference><wsse:Reference URI="#{}" ValueType="{X509_V3}"/></wsse:SecurityTokenReference>"##,
        ids.token
    );
    signed.insert_str(signature_at, &template::signature(&signed_info, &value, &key_info));
    Ok(signed)
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
    let body_id = Edit::insert(Tags::of(body)?.attributes_at, format!(r#"{declaration} wsu:Id="{}""#, ids.body));

    let (created, expires) = (timestamp_text(Some(created))?, timestamp_text(created.checked_add(lifetime))?);
    let token = encode_base64(key.certificate());
    let before_signature = format!(
        r#"<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" xmlns:soap="{SOAP}" soap:mustUnderstand="1"><wsse:BinarySecurityToken EncodingType="{BASE64}" ValueType="{X509_V3}" wsu:Id="{}">{token}</wsse:BinarySecurityToken><wsu:Timestamp wsu:Id="{}"><wsu:Created>{created}</wsu:Created><wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>"#,
        ids.token, ids.timestamp
    );
    let security = format!("{before_signature}</wsse:Security>");
    // The Header is before the Body, so its position still holds.
    let (security, security_at) = Tags::of(header)?.first_child(&security);
    let prepared = splice::apply(envelope, &[security, body_id], ROOM_FOR_SIGNATURE);
    Ok((prepared, security_at + before_signature.len()))
}

fn timestamp_text(time: Option<OffsetDateTime>) -> Result<String, Error> {
    time.and_then(|time| time.checked_to_offset(UtcOffset::UTC))
        .and_then(|time| time.replace_nanosecond(0).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .ok_or_else(|| Error::Malformed("a time outside the years 0 to 9999".into()))
}
