//! What every answer goes through before anything in it is used (bank-channel brief 2.8).

use std::sync::Arc;

use avain_xml_security::encryption::{Cipher, DecryptionKey, decrypt};
use avain_xml_security::{Document, Element, Policy, enveloped, soap};
use time::{Duration, OffsetDateTime};

use crate::fault::fault;
use crate::operation::{Operation, Service};
use crate::schema::{self, Field};
use crate::{Error, Layer, Profile, Trust};

/// The response code that means success.
const OK: &str = "00";
/// FKL: the longest `ResponseText` of a header.
const TEXT_MAX: usize = 512;
/// XML Encryption.
pub(crate) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";

/// What an answer must match to be the answer to a request.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The bank that was asked.
    pub profile: Arc<Profile>,
    /// `SenderId` of the request.
    pub sender_id: String,
    /// `RequestId` of the request.
    pub request_id: String,
    /// `CustomerId` of the request.
    pub customer_id: String,
}

/// By what an answer is judged.
#[derive(Clone, Copy)]
pub struct Judge<'a> {
    trust: &'a Trust,
    /// None: what the bank's profile takes in answers that arrive.
    policy: Option<Policy>,
    pub(crate) at: OffsetDateTime,
    skew: Duration,
    keys: &'a [DecryptionKey],
}

impl<'a> Judge<'a> {
    /// For answers that arrive now: the policy of the bank's profile, the clock's time, and how far the bank's clock may be
    /// off.
    #[must_use]
    pub fn live(trust: &'a Trust, now: OffsetDateTime, skew: Duration) -> Self {
        Self { trust, policy: None, at: now, skew, keys: &[] }
    }

    /// For messages kept from earlier, at their own time: SHA-1 and 1,024 bits pass too. Never for what arrives.
    #[must_use]
    pub fn saved(trust: &'a Trust, at: OffsetDateTime) -> Self {
        Self { trust, policy: Some(Policy::LEGACY), at, skew: Duration::ZERO, keys: &[] }
    }

    /// The same, with the customer's encryption keys: the one in use, and while one is being renewed the other.
    #[must_use]
    pub fn with_keys(self, keys: &'a [DecryptionKey]) -> Self {
        Self { keys, ..self }
    }

    pub(crate) fn policy(&self, profile: &Profile) -> Policy {
        self.policy.unwrap_or_else(|| profile.live_policy())
    }

    /// The one gate of signers.
    pub(crate) fn accept(&self, layer: Layer, signer: &[u8], profile: &Profile) -> Result<(), Error> {
        self.trust.accept(signer, profile, self.at, &self.policy(profile)).map(drop).map_err(blame(layer))
    }

    /// Whether requests may be encrypted to this certificate.
    pub(crate) fn accept_encryption(&self, certificate: &[u8], profile: &Profile) -> Result<(), Error> {
        let chain = self.trust.accept_encryption(certificate, profile, self.at, &self.policy(profile));
        chain.map(drop).map_err(blame(Layer::Application))
    }

    pub(crate) fn with_trust<'t>(&self, trust: &'t Trust) -> Judge<'t>
    where
        'a: 't,
    {
        Judge { trust, ..*self }
    }

    pub(crate) fn trust(&self) -> &'a Trust {
        self.trust
    }
}

/// Verifies an answer wholly, and only then lets `take` read the application response.
///
/// Order: parse, fault, envelope signature and time, signer, operation, `SenderId` and `RequestId`, decryption, application
/// signature, signer, `CustomerId`, response code, schema. Where header and application give different codes, the
/// application's counts (brief 2.6). The header's counts where there is no application response. Certificate answers of
/// banks that sign no envelope there rest on the application's signature alone.
pub(crate) fn application<T>(
    answer: &[u8],
    operation: &Operation,
    expected: &Expected,
    judge: &Judge<'_>,
    take: impl FnOnce(Element<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let profile = &*expected.profile;
    let envelope = Document::parse(answer).map_err(blame(Layer::Envelope))?;
    if let Some(fault) = fault(envelope.root()) {
        return Err(fault);
    }
    let (body, envelope_signer) = body(&envelope, operation, profile, judge)?;
    let out = only_child(body).ok_or_else(|| unreadable("the Body does not hold one element"))?;
    if !out.is(operation.namespace(profile), &format!("{}out", operation.name)) {
        return Err(Error::AnotherRequest("the operation"));
    }
    let model = operation.model(profile);
    let header = out.child(model, "ResponseHeader").ok_or_else(|| unreadable("no ResponseHeader"))?;
    same(header, model, "SenderId", &expected.sender_id)?;
    same(header, model, "RequestId", &expected.request_id)?;

    let wrapped = out.child(model, "ApplicationResponse").map(decoded).transpose()?.unwrap_or_default();
    if wrapped.is_empty() {
        if envelope_signer.is_none() {
            return Err(unreadable("no ApplicationResponse, and nothing else is signed"));
        }
        success(header, model, "ResponseCode", "ResponseText")?;
        return Err(unreadable("no ApplicationResponse"));
    }
    let bytes = decrypted(wrapped, profile, judge.keys)?;
    let document = Document::parse(&bytes).map_err(blame(Layer::Application))?;
    let signed = enveloped::verify(&document, &judge.policy(profile)).map_err(blame(Layer::Application))?;
    // The envelope's signer is accepted already.
    if envelope_signer.as_ref() != Some(&signed.signer) {
        judge.accept(Layer::Application, &signed.signer, profile)?;
        if envelope_signer.is_some() && !profile.signers_may_differ {
            return Err(another_signer());
        }
    }

    let response = document.root();
    let (namespace, name) = operation.response(profile);
    if !response.is(namespace, name) {
        return Err(Error::AnotherRequest("the kind of response"));
    }
    same(response, namespace, "CustomerId", &expected.customer_id)?;
    success(response, namespace, "ResponseCode", "ResponseText")?;
    schema::check(response, namespace, fields(operation, namespace)).map_err(|why| Error::Unreadable(clean(&why)))?;
    take(response)
}

/// The Body, and the envelope's signer where the bank signs envelopes of this kind.
fn body<'d>(
    envelope: &'d Document<'d>,
    operation: &Operation,
    profile: &Profile,
    judge: &Judge<'_>,
) -> Result<(Element<'d>, Option<Vec<u8>>), Error> {
    if !operation.answer_is_signed(profile) {
        return soap::unsigned_body(envelope).map(|body| (body, None)).map_err(blame(Layer::Envelope));
    }
    let signed = soap::verify(envelope, &judge.policy(profile), Some(judge.at), judge.skew);
    let signed = signed.map_err(blame(Layer::Envelope))?;
    judge.accept(Layer::Envelope, &signed.signer, profile)?;
    if signed.validity.is_none() {
        let reason = avain_xml_security::Error::NotSigned("there is no Timestamp");
        return Err(Error::Untrusted { layer: Layer::Envelope, reason });
    }
    Ok((signed.body, Some(signed.signer)))
}

/// The application response's bytes: of a bank that encrypts, decrypted with whichever of the customer's keys it is.
pub(crate) fn decrypted(bytes: Vec<u8>, profile: &Profile, keys: &[DecryptionKey]) -> Result<Vec<u8>, Error> {
    let Some(encryption) = &profile.encryption else { return Ok(bytes) };
    let document = Document::parse(&bytes).map_err(blame(Layer::Application))?;
    if !document.root().is(XENC, "EncryptedData") {
        // Not encrypted: a refusal may come so. What counts is the signature in it.
        drop(document);
        return Ok(bytes);
    }
    opened(document.root(), keys, &encryption.accepted).ok_or(Error::Decryption)
}

/// Decrypted with whichever key gives XML: with a wrong one what comes out may be anything.
pub(crate) fn opened(encrypted: Element<'_>, keys: &[DecryptionKey], accepted: &[Cipher]) -> Option<Vec<u8>> {
    keys.iter().find_map(|key| {
        let plain = decrypt(encrypted, key, accepted).ok()?;
        Document::parse(&plain).is_ok().then(|| plain.to_vec())
    })
}

pub(crate) fn fields(operation: &Operation, namespace: &str) -> &'static [Field] {
    match operation.service {
        Service::Files => schema::APPLICATION_RESPONSE,
        Service::Certificates if namespace == schema::OP => schema::CERT_APPLICATION_RESPONSE,
        Service::Certificates => schema::NORDEA_CERT_APPLICATION_RESPONSE,
    }
}

pub(crate) fn another_signer() -> Error {
    let reason = avain_xml_security::Distrust::Other("it is not the signer of the envelope");
    Error::Untrusted { layer: Layer::Application, reason: avain_xml_security::Error::Certificate(reason) }
}

pub(crate) fn unreadable(why: &str) -> Error {
    Error::Unreadable(why.to_owned())
}

/// An element's base64.
pub(crate) fn decoded(element: Element<'_>) -> Result<Vec<u8>, Error> {
    element.base64().ok_or_else(|| unreadable("base64 is broken"))
}

/// A bank's text for people and logs: one line, no control characters, at most 512 characters.
pub(crate) fn clean(text: &str) -> String {
    let text: String = text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    text.trim().chars().take(TEXT_MAX).collect()
}

/// The same of a text that need not be kept: nearly all are so already.
pub(crate) fn cleaned(text: String) -> String {
    let has_blanks = text.starts_with(' ') || text.ends_with(' ');
    let is_clean = text.len() <= TEXT_MAX && !has_blanks && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_clean { text } else { clean(&text) }
}

/// Refused unless the element's response code is success.
pub(crate) fn success(element: Element<'_>, namespace: &str, code: &str, text: &str) -> Result<(), Error> {
    let said = |name| element.child(namespace, name).map(|child| clean(&child.text())).unwrap_or_default();
    match two_digits(&said(code)).as_str() {
        "" => Err(Error::Unreadable(format!("no {code}"))),
        OK => Ok(()),
        refused => Err(Error::Refused { code: refused.to_owned(), text: said(text) }),
    }
}

/// Some banks write one digit.
pub(crate) fn two_digits(code: &str) -> String {
    if code.len() == 1 { format!("0{code}") } else { code.to_owned() }
}

pub(crate) fn same(element: Element<'_>, namespace: &str, name: &'static str, expected: &str) -> Result<(), Error> {
    match element.child(namespace, name) {
        Some(child) if child.text() == expected => Ok(()),
        _ => Err(Error::AnotherRequest(name)),
    }
}

pub(crate) fn only_child(element: Element<'_>) -> Option<Element<'_>> {
    let mut children = element.children();
    children.next().filter(|_| children.next().is_none())
}

/// Bytes that are no XML are unreadable; whatever else is wrong is a matter of trust.
pub(crate) fn blame(layer: Layer) -> impl Fn(avain_xml_security::Error) -> Error {
    move |reason| match reason {
        avain_xml_security::Error::Malformed(why) => Error::Unreadable(clean(&why)),
        avain_xml_security::Error::Decryption => Error::Decryption,
        reason => Error::Untrusted { layer, reason },
    }
}
