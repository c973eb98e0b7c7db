//! What a bank would answer to a saved request, without a connection.

use std::sync::Arc;

use avain_xml_security::inspect::{self, Inspection};
use avain_xml_security::{Document, Element, Policy, soap};

use crate::code::{self, Code, Refusal};
use crate::keys::KeySource;
use crate::office::{Office, Outcome};
use crate::operation::Service;
use crate::{Config, Error, Operation, algorithms, envelope, opening};

/// What a bank would answer to a request.
#[derive(Debug)]
pub struct Judgement {
    /// Whether the bank would carry it out. That there is nothing to list or to fetch (24) is not the request's fault.
    pub accept: bool,
    /// What is asked for; none where it could not be read, or the bank does not offer it.
    pub operation: Option<Operation>,
    /// Whether it is refused for its envelope's Timestamp.
    pub is_late: bool,
    /// The code of the answer, as this bank writes it.
    pub response_code: String,
    /// Its text.
    pub response_text: String,
    /// Whether the answer is a fault instead: a SOAP Fault, or the PKI Factory's.
    pub fault: bool,
    /// The envelope's signature; none where an envelope of this kind is not signed.
    pub soap_signature: Option<Inspection>,
    /// The signature over the application request; none where there is no such request to be read, or (in a request for a
    /// certificate) no signature.
    pub application_signature: Option<Inspection>,
    /// The application request, decrypted where it was encrypted.
    pub application_request: Option<Vec<u8>>,
}

/// Judges a request as the configured bank ([`Config::setting`]) would at the configured time: the same checks in the same
/// order as over HTTP, with nothing received before.
pub fn judge_request(request: &[u8], config: &Config) -> Result<Judgement, Error> {
    let bank = config.setting.as_ref().map(|setting| setting.bank);
    let bank = bank.ok_or_else(|| Error::Provisioned("there is no bank to judge for".into()))?;
    // A judgement leaves no trace where the bank keeps its state.
    let config = &Config { folder: None, ..config.clone() };
    let key_ring = Arc::new(opening::open_keys(bank, config, &KeySource::one()?)?);
    let office = opening::open(bank, config, &key_ring, Arc::default())?;
    Ok(office.judge(request))
}

impl Office {
    fn judge(&self, request: &[u8]) -> Judgement {
        let Ok(document) = Document::parse(request) else { return Judgement::fault(&code::SCHEMA) };
        let mut judgement = match soap::unsigned_body(&document) {
            Ok(body) => self.judge_call(&document, body),
            Err(_) => Judgement::fault(&code::SCHEMA),
        };
        self.inspect(request, &document, &mut judgement);
        judgement
    }

    fn judge_call(&self, document: &Document<'_>, body: Element<'_>) -> Judgement {
        let service = self.service_in(body);
        let (operation, call) = match envelope::call(body, service, self.family()) {
            Ok(call) => call,
            Err(Refusal::SoapFault(code) | Refusal::Answer(code) | Refusal::Feedback(code, ..)) => {
                return Judgement::fault(&code);
            }
        };
        let now = (self.clock)();
        let outcome = match service {
            Service::Files => self.file_service(document, now),
            Service::Certificates => self.certificate_service(document, operation, now),
            Service::PkiFactory => return self.judge_pki(operation, call),
        };
        let Outcome { result, is_late, .. } = outcome;
        let (code, fault) = match result {
            Ok(_) => (code::OK, false),
            Err(Refusal::Answer(code) | Refusal::Feedback(code, ..)) => (code, false),
            Err(Refusal::SoapFault(code)) => (code, true),
        };
        let accept = code == code::OK || code == code::CONTENT_NOT_FOUND;
        let code = self.ways.say(code, service == Service::Certificates);
        Judgement { accept, operation: Some(operation), is_late, ..Judgement::of(&code, fault) }
    }

    fn judge_pki(&self, operation: Operation, call: Element<'_>) -> Judgement {
        let found = self.pki_outcome(operation, call, (self.clock)());
        let (code, fault) = match found {
            Ok(_) => (code::code("00", "OK"), false),
            Err(refusal) => (refusal.code, true),
        };
        Judgement { accept: !fault, operation: Some(operation), ..Judgement::of(&code, fault) }
    }

    /// The signatures, whether the request was read or not.
    fn inspect(&self, request: &[u8], document: &Document<'_>, judgement: &mut Judgement) {
        // What of it is right, whichever hashes this bank takes: the code says that.
        let policy = Policy::LEGACY;
        let service = soap::unsigned_body(document).map(|body| self.service_in(body));
        judgement.soap_signature = matches!(service, Ok(Service::Files)).then(|| inspect::soap(document, &policy));
        if matches!(service, Ok(Service::PkiFactory)) {
            let content = soap::unsigned_body(document).ok().and_then(|body| body.children().next()?.children().nth(1));
            let Some(content) = content else { return };
            if algorithms::encrypted_data(content).is_none() {
                judgement.application_signature = signed(content).then(|| inspect::element(content, &policy));
                return;
            }
            let plaintext = self.pki_plaintext(content);
            if let Ok(inner) = Document::parse(&plaintext) {
                judgement.application_signature = signed(inner.root()).then(|| inspect::element(inner.root(), &policy));
                judgement.application_request = Some(plaintext.to_vec());
            }
            return;
        }
        let is_alone = matches!(document.root().local_name(), "ApplicationRequest" | "CertApplicationRequest");
        let bytes = if is_alone { Some(request.to_vec()) } else { self.application_bytes(document.root()) };
        let Some(bytes) = bytes else { return };
        if let Ok(inner) = Document::parse(&bytes) {
            let is_file_request = inner.root().local_name() == "ApplicationRequest";
            let looked_at = is_file_request || signed(inner.root());
            judgement.application_signature = looked_at.then(|| inspect::enveloped(&inner, &policy));
            judgement.application_request = Some(bytes.clone());
        }
    }

    /// The application request in an envelope, decrypted.
    fn application_bytes(&self, root: Element<'_>) -> Option<Vec<u8>> {
        let payload = algorithms::payload_of(root)?;
        if !self.ways.encrypts {
            return Some(payload);
        }
        let outer = Document::parse(&payload).ok()?;
        let Some(data) = algorithms::encrypted_data(outer.root()) else { return Some(payload.clone()) };
        let authority = self.authority();
        let key = authority.encryption.as_ref().map(|(_, key)| key.as_slice());
        let plaintext = algorithms::decrypt(Some(data), key);
        (!plaintext.is_empty()).then(|| plaintext.to_vec())
    }
}

impl Judgement {
    fn of(code: &Code, fault: bool) -> Self {
        Self {
            accept: false,
            operation: None,
            is_late: false,
            response_code: code.number.to_string(),
            response_text: code.text.to_string(),
            fault,
            soap_signature: None,
            application_signature: None,
            application_request: None,
        }
    }

    fn fault(code: &Code) -> Self {
        Self::of(code, true)
    }
}

fn signed(element: Element<'_>) -> bool {
    element.children().any(|child| child.is("http://www.w3.org/2000/09/xmldsig#", "Signature"))
}
