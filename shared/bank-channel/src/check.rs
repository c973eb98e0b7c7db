//! Judges a saved answer offline, and says everything that there is to say about it: the library part of
//! `avain bank check`.
//!
//! What an answer that arrives goes through (`verify`) stops at the first thing that is wrong. Here every layer is looked
//! into, the first thing wrong is the reason, and the rest is told as well. A test holds the two together.

use avain_xml_security::encryption::DecryptionKey;
use avain_xml_security::inspect::{self, Inspection};
use avain_xml_security::{Document, Element, Policy, soap};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::answer::{FACTORY_OPERATIONS, FactoryOperation, peek};
use crate::fault::{PKI_FACTORY, fault};
use crate::operation::{GET_SERVICE_CERTIFICATES, OPERATIONS, Operation, SOAP};
use crate::request::ELEMENTS;
use crate::verify::{clean, only_child, two_digits};
use crate::{Error, Layer, Profile, Trust, schema};

mod contents;
mod encryption;
mod report;
mod signer;

pub use report::{
    Certificate, Content, Digest, Encryption, File, Finding, Header, Reason, Report, Signature, Validity, Verdict,
};

const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// What a saved answer is judged by.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    /// The bank that it claims to come from.
    pub profile: &'a Profile,
    /// What it must chain to: [`Trust::saved`], or an operator's own.
    pub trust: &'a Trust,
    /// The customer's encryption keys, where the bank encrypts.
    pub keys: &'a [DecryptionKey],
    /// When; none for its own Timestamp, and `now` where it has none.
    pub at: Option<OffsetDateTime>,
    /// The time that it is.
    pub now: OffsetDateTime,
    /// `RequestId` of the request that it must answer, where that is known.
    pub sent_request_id: Option<&'a str>,
}

/// A customer's encryption key from PEM text, PKCS#8 or PKCS#1.
pub fn key(pem: &str) -> Result<DecryptionKey, Error> {
    let key =
        RsaPrivateKey::from_pkcs8_pem(pem).or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem).map_err(|_| Error::Key))?;
    let der = key.to_pkcs8_der().map_err(|_| Error::Key)?;
    DecryptionKey::new(der.as_bytes()).map_err(|_| Error::Key)
}

/// Judges a saved answer. Nothing of it is hidden from the report, so whatever it holds, the report holds.
#[must_use]
pub fn answer(bytes: &[u8], saved: &Saved<'_>) -> Report {
    let mut report = Report::new(&saved.profile.bank);
    // A mark of byte order is the program's that saved it.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match Document::parse(bytes) {
        Ok(document) => {
            let at = saved.at.or_else(|| own_time(document.root())).unwrap_or(saved.now);
            report.judged_at = at.format(&Rfc3339).unwrap_or_default();
            let policy = saved.profile.saved_policy(at.date());
            Case { saved, at, policy, report: &mut report }.judge(bytes, &document);
            report.decide();
        }
        Err(error) => refused_unread(bytes, &error, &mut report),
    }
    report
}

/// Not XML at all; or XML that is refused outright: a document type, another version or encoding, and the like.
fn refused_unread(bytes: &[u8], error: &avain_xml_security::Error, report: &mut Report) {
    let why = clean(&error.to_string());
    if is_well_formed(bytes) {
        report.find(Reason::Schema, why);
        report.decide();
    } else {
        report.find(Reason::Unreadable, why);
        report.verdict = Verdict::Unreadable;
    }
}

/// Whether it is XML, by the parser alone: what is refused then is refused for what it may do.
#[must_use]
pub fn is_well_formed(bytes: &[u8]) -> bool {
    let parser = uppsala::Parser::new().with_forbid_dtd(true).with_forbid_entities(true).with_max_depth(64);
    bytes.windows(9).any(|part| part == b"<!DOCTYPE")
        || std::str::from_utf8(bytes).is_ok_and(|text| parser.parse(text).is_ok())
}

/// One answer on its way through.
struct Case<'a> {
    saved: &'a Saved<'a>,
    at: OffsetDateTime,
    policy: Policy,
    report: &'a mut Report,
}

impl Case<'_> {
    fn judge(&mut self, bytes: &[u8], document: &Document<'_>) {
        if !document.root().is(SOAP, "Envelope") {
            self.report.find(Reason::Schema, "it is not a SOAP 1.1 envelope".into());
            return;
        }
        if let Some(Error::Fault { code, unverified }) = fault(document.root()) {
            return self.fault(document, code.as_deref(), &unverified);
        }
        let Some(out) = soap::unsigned_body(document).ok().and_then(only_child) else {
            self.envelope(document, self.saved.trust, false);
            return self.report.find(Reason::Schema, "the envelope has not one Body with one element".into());
        };
        self.report.operation = Some(clean(out.local_name()));
        let profile = self.saved.profile;
        let common = OPERATIONS.into_iter().find(|operation| {
            !operation.namespace(profile).is_empty()
                && out.is(operation.namespace(profile), &format!("{}out", operation.name))
        });
        let factory = FACTORY_OPERATIONS
            .into_iter()
            .find(|operation| profile.pki_factory.is_some() && out.is(PKI_FACTORY, &format!("{}Out", operation.name)));
        match (common, factory) {
            (Some(operation), _) => self.common(bytes, document, out, operation),
            (None, Some(operation)) => self.factory(out, operation),
            (None, None) => {
                self.envelope(document, self.saved.trust, false);
                self.report.find(Reason::Schema, "the operation is none of this bank's".into());
            }
        }
    }

    /// Faults are not signed: the code is the bank's only if nobody else has written it.
    fn fault(&mut self, document: &Document<'_>, code: Option<&str>, said: &str) {
        let body = document.root().child(SOAP, "Body");
        let element = body.and_then(only_child).map(|element| clean(element.local_name()));
        if let Some(fault) = body.and_then(only_child).filter(|it| it.namespace() == PKI_FACTORY) {
            self.header(fault, PKI_FACTORY);
        }
        self.report.operation = element;
        self.report.response_code = code.map(two_digits);
        let text = |name| body.and_then(only_child).and_then(|fault| told(fault, PKI_FACTORY, name));
        self.report.response_text = Some(text("ReturnText").unwrap_or_else(|| said.to_owned()));
        self.report.additional_text = text("AdditionalReturnText");
        self.report.find(Reason::BankError, format!("a fault, which is not signed: {said}"));
    }

    /// The operations that share the common envelope.
    fn common(&mut self, bytes: &[u8], document: &Document<'_>, out: Element<'_>, operation: &Operation) {
        let profile = self.saved.profile;
        // Certificates in an answer complete the chain of its signer, to a root that is trusted anyway.
        let told = if operation.name == GET_SERVICE_CERTIFICATES.name { peek(bytes, profile) } else { None };
        let trust = self.saved.trust.clone().with_issuers(told.unwrap_or_default());
        let envelope_signer = self.envelope(document, &trust, operation.answer_is_signed(profile));

        let model = operation.model(profile);
        let header_code = if let Some(header) = out.child(model, "ResponseHeader") {
            self.header(header, model);
            self.code(header, model, "ResponseCode", "ResponseText")
        } else {
            self.report.find(Reason::Schema, "no ResponseHeader".into());
            None
        };
        let wrapped = out.child(model, "ApplicationResponse").filter(|it| !it.text().trim().is_empty());
        let Some(wrapped) = wrapped else {
            match header_code.filter(|code| code != "00") {
                Some(_) => self.bank_error(),
                None => self.report.find(Reason::Schema, "no ApplicationResponse".into()),
            }
            return;
        };
        let Some(plain) = self.opened(wrapped) else { return };
        let response = match Document::parse(&plain) {
            Ok(response) => response,
            Err(error) => return self.report.find(Reason::Schema, clean(&error.to_string())),
        };
        let inspection = inspect::enveloped(&response, &self.policy);
        self.report.application_signature = Some(self.signature(Layer::Application, &inspection, &trust));
        let signer = inspection.signer.filter(|_| inspection.valid);
        if !profile.signers_may_differ && envelope_signer.is_some() && signer.is_some() && envelope_signer != signer {
            let why = "the application response is not signed by the signer of the envelope";
            self.report.find(Reason::UntrustedCertificate, why.into());
        }
        self.application(response.root(), operation);
    }

    /// PKI Factory: only the response is signed.
    fn factory(&mut self, out: Element<'_>, operation: &FactoryOperation) {
        match out.child(PKI_FACTORY, "ResponseHeader") {
            Some(header) => self.header(header, PKI_FACTORY),
            None => self.report.find(Reason::Schema, "no ResponseHeader".into()),
        }
        let name = format!("{}Response", operation.name);
        let Some(response) = out.child(ELEMENTS, &name) else {
            return self.report.find(Reason::Schema, format!("not one {name}"));
        };
        self.report.application = Some(name);
        let inspection = inspect::element(response, &self.policy);
        self.report.application_signature = Some(self.signature(Layer::Application, &inspection, self.saved.trust));
        self.report.application_code = told(response, ELEMENTS, "ReturnCode");
        // Empty in every recorded answer; where the bank fills it in, it is signed.
        let answered = response.child(ELEMENTS, "RequestId").map(|it| it.text()).filter(|it| !it.is_empty());
        if self.saved.sent_request_id.is_some_and(|sent| answered.is_some_and(|answered| answered != sent)) {
            self.report.find(Reason::RequestIdMismatch, "it answers another request".into());
        }
        let code = self.code(response, ELEMENTS, "ReturnCode", "ReturnText");
        if code.is_some_and(|code| code != "00") {
            self.bank_error();
        } else if let Err(why) = schema::check(response, ELEMENTS, operation.fields) {
            self.report.find(Reason::Schema, clean(&why));
        }
        self.factory_contents(response);
    }

    /// The envelope's signature, its signer and its time. The signer's certificate, where the signature is valid.
    fn envelope(&mut self, document: &Document<'_>, trust: &Trust, required: bool) -> Option<Vec<u8>> {
        let security = document.root().child(SOAP, "Header").and_then(|header| header.child(WSSE, "Security"));
        self.report.timestamp = security
            .and_then(|it| it.child(WSU, "Timestamp"))
            .map(|it| Validity { created: told(it, WSU, "Created"), expires: told(it, WSU, "Expires") });
        if security.is_none() && !required {
            return None;
        }
        let inspection = inspect::soap(document, &self.policy);
        self.report.soap_signature = Some(self.signature(Layer::Envelope, &inspection, trust));
        if inspection.valid {
            self.time_of_validity(document);
        }
        inspection.signer.filter(|_| inspection.valid)
    }

    /// The Timestamp that the envelope's signature, which is valid, covers.
    fn time_of_validity(&mut self, document: &Document<'_>) {
        let (reason, why) = match soap::verify(document, &self.policy, None, Duration::ZERO) {
            Ok(verified) if verified.validity.is_none() => {
                (Reason::SoapSignature, "there is no signed Timestamp".into())
            }
            Ok(verified) if !verified.is_valid_at(self.at, Duration::ZERO) => {
                (Reason::TimestampExpired, "its Timestamp says that it is not valid at that time".into())
            }
            Ok(_) => return,
            // It cannot be read.
            Err(error) => (Reason::SoapSignature, clean(&error.to_string())),
        };
        self.report.find(reason, why);
    }

    /// One layer's signature and its signer. What is wrong with the signer is a finding only if the signature is valid:
    /// otherwise it says nothing.
    fn signature(&mut self, layer: Layer, inspection: &Inspection, trust: &Trust) -> Signature {
        if let Some(error) = &inspection.error {
            let reason = match layer {
                Layer::Envelope => Reason::SoapSignature,
                Layer::Application => Reason::ApplicationResponseSignature,
            };
            self.report.find(reason, clean(&error.to_string()));
        }
        let judge = |signer: &Vec<u8>| signer::judge(signer, trust, self.saved.profile, self.at, &self.policy);
        let judged = inspection.signer.as_ref().map(judge).unwrap_or_default();
        if let Some((reason, why)) = judged.wrong.as_ref().filter(|_| inspection.valid) {
            self.report.find(*reason, format!("signer of the {layer}: {why}"));
        }
        Signature::new(inspection, judged.anchor.as_deref(), judged.wrong.is_none())
    }

    fn header(&mut self, header: Element<'_>, namespace: &str) {
        let text = |name| told(header, namespace, name);
        // As the answer has it, like what arrives: what is told is cleaned.
        let answered = header.child(namespace, "RequestId").map(|it| it.text());
        if self.saved.sent_request_id.is_some_and(|sent| answered.as_deref() != Some(sent)) {
            self.report.find(Reason::RequestIdMismatch, "it answers another request".into());
        }
        if answered.is_none() || text("SenderId").is_none() {
            self.report.find(Reason::Schema, "the header has not one SenderId and one RequestId".into());
        }
        self.report.header = Some(Header {
            sender_id: text("SenderId"),
            customer_id: text("CustomerId"),
            request_id: text("RequestId"),
            timestamp: text("Timestamp"),
            response_code: text("ResponseCode"),
            response_text: text("ResponseText"),
            receiver_id: text("ReceiverId"),
            interface_version: text("InterfaceVersion"),
            environment: text("Environment"),
        });
    }

    /// The code, two digits, and what the bank says to it.
    fn code(&mut self, element: Element<'_>, namespace: &str, code: &str, text: &str) -> Option<String> {
        let said = |name| told(element, namespace, name).filter(|it| !it.is_empty());
        let code = two_digits(&said(code)?);
        self.report.response_code = Some(code.clone());
        self.report.response_text = said(text);
        Some(code)
    }

    fn bank_error(&mut self) {
        let code = self.report.response_code.clone().unwrap_or_default();
        let text = self.report.response_text.clone().unwrap_or_default();
        self.report.find(Reason::BankError, format!("{code} {text}"));
    }
}

/// A child's text, as it is written.
fn told(element: Element<'_>, namespace: &str, name: &str) -> Option<String> {
    element.child(namespace, name).map(|it| clean(&it.text()))
}

/// The answer's own time: Created of its Timestamp, else the header's.
fn own_time(envelope: Element<'_>) -> Option<OffsetDateTime> {
    let created = envelope
        .child(SOAP, "Header")
        .and_then(|header| header.child(WSSE, "Security"))
        .and_then(|security| security.child(WSU, "Timestamp"))
        .and_then(|timestamp| timestamp.child(WSU, "Created"));
    let in_header = || {
        let element = envelope.child(SOAP, "Body").and_then(only_child)?;
        let header = element.children().find(|it| it.local_name() == "ResponseHeader").unwrap_or(element);
        header.children().find(|it| it.local_name() == "Timestamp")
    };
    created.or_else(in_header).and_then(|element| read_time(element.text().trim()))
}

/// xs:dateTime; one without a zone (Samlink, Danske Bank) is taken as UTC.
fn read_time(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339)).ok()
}
