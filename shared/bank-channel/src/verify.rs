//! What every answer goes through before anything in it is used (brief 2.8).

use avain_xml_security::certificate::{Roots, verify_chain};
use avain_xml_security::{Document, Element, Policy, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use time::{Duration, OffsetDateTime};

use crate::operation::{APPLICATION, Operation, SOAP, Service};
use crate::{Error, Layer, Profile};

/// The response code that means success.
const OK: &str = "00";
/// FKL: the longest `ResponseText` of a header.
const TEXT_MAX: usize = 512;

/// What an answer must match to be the answer to a request.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The bank that was asked.
    pub profile: &'static Profile,
    /// `SenderId` of the request.
    pub sender_id: String,
    /// `RequestId` of the request.
    pub request_id: String,
    /// `CustomerId` of the request.
    pub customer_id: String,
}

/// By what an answer is judged.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    roots: &'a Roots,
    policy: Policy,
    pub(crate) at: OffsetDateTime,
    skew: Duration,
}

impl<'a> Judge<'a> {
    /// For answers that arrive now: the strict policy (SHA-256, 2,048 bits), the clock's time, and how far the bank's
    /// clock may be off.
    #[must_use]
    pub fn live(roots: &'a Roots, now: OffsetDateTime, skew: Duration) -> Self {
        Self { roots, policy: Policy::STRICT, at: now, skew }
    }

    /// For messages kept from earlier, at their own time: SHA-1 and 1,024 bits pass too. Never for what arrives.
    #[must_use]
    pub fn saved(roots: &'a Roots, at: OffsetDateTime) -> Self {
        Self { roots, policy: Policy::LEGACY, at, skew: Duration::ZERO }
    }

    /// The one gate: a signer counts if it chains to a pinned root.
    fn accept(&self, layer: Layer, signer: &[u8]) -> Result<(), Error> {
        verify_chain(signer, &[], self.roots, self.at, &self.policy).map(|_| ()).map_err(blame(layer))
    }
}

/// Verifies an answer wholly, and only then lets `take` read the application response.
///
/// Order: parse, fault, envelope signature and time, signer, operation, `SenderId` and `RequestId`, application
/// signature, signer, `CustomerId`, response code. Where header and application give different codes, the application's
/// counts (brief 2.6). The header's counts where there is no application response.
pub(crate) fn application<T>(
    answer: &[u8],
    operation: &Operation,
    expected: &Expected,
    judge: &Judge<'_>,
    take: impl FnOnce(Element<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let envelope = Document::parse(answer).map_err(blame(Layer::Envelope))?;
    if let Some(fault) = fault(envelope.root()) {
        return Err(fault);
    }
    let signed = soap::verify(&envelope, &judge.policy, Some(judge.at), judge.skew).map_err(blame(Layer::Envelope))?;
    judge.accept(Layer::Envelope, &signed.signer)?;
    if signed.validity.is_none() {
        let reason = avain_xml_security::Error::NotSigned("there is no Timestamp");
        return Err(Error::Untrusted { layer: Layer::Envelope, reason });
    }

    let out = only_child(signed.body).ok_or_else(|| unreadable("the Body does not hold one element"))?;
    if !out.is(operation.namespace(), &format!("{}out", operation.name)) {
        return Err(Error::AnotherRequest("the operation"));
    }
    let model = operation.model();
    let header = out.child(model, "ResponseHeader").ok_or_else(|| unreadable("no ResponseHeader"))?;
    same(header, model, "SenderId", &expected.sender_id)?;
    same(header, model, "RequestId", &expected.request_id)?;

    let wrapped = out.child(model, "ApplicationResponse").map(|element| element.text()).unwrap_or_default();
    if wrapped.trim().is_empty() {
        success(header, model)?;
        return Err(unreadable("no ApplicationResponse"));
    }
    let bytes = base64(&wrapped)?;
    let document = Document::parse(&bytes).map_err(blame(Layer::Application))?;
    let signed = enveloped::verify(&document, &judge.policy).map_err(blame(Layer::Application))?;
    judge.accept(Layer::Application, &signed.signer)?;

    let response = document.root();
    let (namespace, name) = response_name(operation, expected.profile);
    if !response.is(namespace, name) {
        return Err(Error::AnotherRequest("the kind of response"));
    }
    same(response, namespace, "CustomerId", &expected.customer_id)?;
    success(response, namespace)?;
    take(response)
}

/// Namespace and name of the application response.
pub(crate) fn response_name(operation: &Operation, profile: &Profile) -> (&'static str, &'static str) {
    match operation.service {
        Service::Files => (APPLICATION, "ApplicationResponse"),
        Service::Certificates => (profile.enrolment.namespace, "CertApplicationResponse"),
    }
}

pub(crate) fn unreadable(why: &str) -> Error {
    Error::Unreadable(why.to_owned())
}

/// base64 as banks write it: with line breaks.
pub(crate) fn base64(text: &str) -> Result<Vec<u8>, Error> {
    let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(packed).map_err(|_| unreadable("base64 is broken"))
}

/// A bank's text for people and logs: one line, no control characters, at most 512 characters.
pub(crate) fn clean(text: &str) -> String {
    let text: String = text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    text.trim().chars().take(TEXT_MAX).collect()
}

/// Refused unless the element's response code is success.
fn success(element: Element<'_>, namespace: &str) -> Result<(), Error> {
    let text = |name| element.child(namespace, name).map(|child| clean(&child.text())).unwrap_or_default();
    match text("ResponseCode").as_str() {
        "" => Err(unreadable("no ResponseCode")),
        OK | "0" => Ok(()),
        code => Err(Error::Refused { code: two_digits(code), text: text("ResponseText") }),
    }
}

/// Some banks write one digit.
fn two_digits(code: &str) -> String {
    if code.len() == 1 { format!("0{code}") } else { code.to_owned() }
}

fn same(element: Element<'_>, namespace: &str, name: &'static str, expected: &str) -> Result<(), Error> {
    match element.child(namespace, name) {
        Some(child) if child.text() == expected => Ok(()),
        _ => Err(Error::AnotherRequest(name)),
    }
}

fn only_child(element: Element<'_>) -> Option<Element<'_>> {
    let mut children = element.children();
    children.next().filter(|_| children.next().is_none())
}

/// A fault anywhere in the Body of a SOAP 1.1 envelope: code and text, and what the bank adds in its detail.
fn fault(envelope: Element<'_>) -> Option<Error> {
    if !envelope.is(SOAP, "Envelope") {
        return None;
    }
    let fault = envelope.child(SOAP, "Body")?.children().find(|child| child.is(SOAP, "Fault"))?;
    let detail = fault.child("", "detail").into_iter().flat_map(|detail| detail.children());
    let said: Vec<String> = fault
        .children()
        .filter(|child| child.local_name() != "detail")
        .chain(detail.flat_map(|element| element.children()))
        .map(|element| clean(&element.text()))
        .filter(|text| !text.is_empty())
        .collect();
    Some(Error::Fault { unverified: clean(&said.join(": ")) })
}

/// Bytes that are no XML are unreadable; whatever else is wrong is a matter of trust.
fn blame(layer: Layer) -> impl Fn(avain_xml_security::Error) -> Error {
    move |reason| match reason {
        avain_xml_security::Error::Malformed(why) => Error::Unreadable(clean(&why)),
        reason => Error::Untrusted { layer, reason },
    }
}
