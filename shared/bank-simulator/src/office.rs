//! One bank: takes a request's bytes, gives a reply.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use avain_xml_security::certificate::{self, Roots};
use avain_xml_security::encryption::Cipher;
use avain_xml_security::{Document, Element, Hash, Policy, soap};
use time::{Duration, OffsetDateTime};

use crate::answer::{Answer, Means};
use crate::answer_parts::Details;
use crate::authority::{Authority, Use};
use crate::bank::Family;
use crate::code::{self, Code, Refusal};
use crate::contract::Contracts;
use crate::envelope::{self, Echo};
use crate::fault::{self, Fault, Script};
use crate::held::State;
use crate::key_ring::KeyRing;
use crate::ledger::Ledger;
use crate::operation::{PKI_FACTORY, Service};
use crate::reply::{Body, Reply};
use crate::store::Store;
use crate::ways::Ways;
use crate::{BankKey, Clock, Environment, Error, Operation, algorithms};

/// How far a request's clock may be off.
pub(crate) const CLOCK_SKEW: Duration = Duration::seconds(60);

/// One bank with everything it has.
pub(crate) struct Office {
    pub(crate) bank: BankKey,
    pub(crate) ways: &'static Ways,
    pub(crate) rules: Rules,
    pub(crate) contracts: Contracts,
    pub(crate) key_ring: Arc<KeyRing>,
    /// Authorities whose certificates chain: the bank's own for customers, and those that the caller gave.
    pub(crate) customer_roots: Vec<Roots>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) script: Arc<Script>,
    calls: Mutex<HashMap<Option<Operation>, u64>>,
    /// The answer before, for a fault that repeats it.
    before: Mutex<Option<Vec<u8>>>,
}

/// What may be set for each bank.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
pub(crate) struct Rules {
    pub(crate) environment: Environment,
    pub(crate) hashes: &'static [Hash],
    pub(crate) strict_schema: bool,
    pub(crate) requires_compression: bool,
    /// How long an upload waits for the bank's next round, where it waits.
    pub(crate) round: Duration,
    /// Whether a certificate that the bank has not issued, under an authority that it was given, is the customer's whom its
    /// subject names.
    pub(crate) adopts_certificates: bool,
    /// Whether a request may come again.
    pub(crate) accepts_replays: bool,
    /// Whether nothing that a request changes is kept.
    pub(crate) stateless: bool,
}

/// What a bank is made of.
pub(crate) struct Parts {
    pub(crate) bank: BankKey,
    pub(crate) rules: Rules,
    pub(crate) contracts: Contracts,
    pub(crate) key_ring: Arc<KeyRing>,
    pub(crate) customer_roots: Vec<Roots>,
    pub(crate) ledger: Ledger,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) script: Arc<Script>,
}

/// What a service has found: the customer as the request names it, what an answer echoes, the code, what it carries.
pub(crate) struct Outcome {
    pub(crate) customer_id: Option<String>,
    pub(crate) execution_serial: Option<String>,
    /// Whether it is refused for its time.
    pub(crate) is_late: bool,
    pub(crate) result: Result<Details, Refusal>,
}

impl Office {
    /// The bank with what it remembers.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            bank: parts.bank,
            ways: crate::ways::of(parts.bank.family()),
            rules: parts.rules,
            contracts: parts.contracts,
            key_ring: parts.key_ring,
            customer_roots: parts.customer_roots,
            ledger: Mutex::new(parts.ledger),
            store: parts.store,
            clock: parts.clock,
            script: parts.script,
            calls: Mutex::default(),
            before: Mutex::default(),
        }
    }

    pub(crate) fn family(&self) -> Family {
        self.bank.family()
    }

    pub(crate) fn authority(&self) -> Arc<Authority> {
        self.key_ring.current()
    }

    /// What signatures of requests must be like.
    pub(crate) fn policy(&self) -> Policy {
        Policy { hashes: self.rules.hashes, min_rsa_bits: Policy::STRICT.min_rsa_bits }
    }

    /// Requests whose operation was read; without an operation, all requests that came in.
    pub(crate) fn calls(&self, operation: Option<Operation>) -> u64 {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(&operation).copied().unwrap_or(0)
    }

    pub(crate) fn count(&self, operation: Option<Operation>) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
    }

    /// Which service a request is for.
    pub(crate) fn service_of(&self, request: &[u8]) -> Service {
        let document = Document::parse(request);
        let body = document.as_ref().ok().and_then(|document| soap::unsigned_body(document).ok());
        body.map_or(Service::Files, |body| self.service_in(body))
    }

    /// The same, by the namespace of what is in the Body.
    pub(crate) fn service_in(&self, body: Element<'_>) -> Service {
        match body.children().next().map(|call| call.namespace()) {
            Some(PKI_FACTORY) => Service::PkiFactory,
            Some(namespace) if namespace == Service::Certificates.namespace(self.family()) => Service::Certificates,
            _ => Service::Files,
        }
    }

    /// Carries a request out, or a scripted fault.
    pub(crate) fn receive(&self, service: Service, request: &[u8]) -> Reply {
        let now = (self.clock)();
        // Brief 11, 1: well-formed XML without DOCTYPE, SOAP 1.1; 2: a known operation.
        let soap_fault = |code: &Code| Reply::fault(service, self.family(), code);
        let Ok(document) = Document::parse(request) else { return soap_fault(&code::SCHEMA) };
        let Ok(body) = soap::unsigned_body(&document) else { return soap_fault(&code::SCHEMA) };
        let (operation, call) = match envelope::call(body, service, self.family()) {
            Ok(call) => call,
            Err(Refusal::SoapFault(code) | Refusal::Answer(code) | Refusal::Feedback(code, ..)) => {
                return soap_fault(&code);
            }
        };
        let scripted = self.script.take(operation);
        // Counted after the fault is taken: a test that sees the count may send the next call.
        self.count(Some(operation));
        if let Some(Fault::RotatedAuthority) = scripted
            && let Err(error) = self.key_ring.rotate(now)
        {
            tracing::error!(bank = self.bank.as_str(), %error, "the simulator could not rotate its keys");
            return soap_fault(&code::TECHNICAL);
        }
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reply = match &scripted {
            Some(Fault::ServerError) => return Reply::new(500, Body::Empty),
            Some(Fault::DropBeforeReading) => return Reply::new(500, Body::Dropped),
            Some(Fault::Redirect(address)) => return Reply::new(307, Body::Redirect(address.clone())),
            Some(Fault::Answer { code, text }) if service != Service::PkiFactory => {
                let code = Code { number: code.clone().into(), text: text.clone().into() };
                let result = Err(Refusal::Answer(code));
                let outcome = Outcome { customer_id: None, execution_serial: None, is_late: false, result };
                self.answer(&document, operation, call, outcome, now, scripted.as_ref())
            }
            _ => self.process(&document, operation, call, now, scripted.as_ref()),
        };
        if let Body::Xml(text) = &reply.body {
            *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
        }
        fault::spoil(reply, scripted, before)
    }

    fn process(
        &self,
        document: &Document<'_>,
        operation: Operation,
        call: Element<'_>,
        now: OffsetDateTime,
        scripted: Option<&Fault>,
    ) -> Reply {
        let outcome = match operation.service() {
            Service::Certificates => self.certificate_service(document, operation, now),
            Service::Files => self.file_service(document, now),
            Service::PkiFactory => return self.pki_factory(document, operation, call, now, scripted),
        };
        self.answer(document, operation, call, outcome, now, scripted)
    }

    fn answer(
        &self,
        document: &Document<'_>,
        operation: Operation,
        call: Element<'_>,
        outcome: Outcome,
        now: OffsetDateTime,
        scripted: Option<&Fault>,
    ) -> Reply {
        let service = operation.service();
        let (code, details) = match outcome.result {
            Ok(details) => (code::OK, details),
            Err(Refusal::Answer(code)) => (code, Details::Nothing),
            Err(Refusal::Feedback(code, file_type, bytes)) => {
                let file_type = file_type.to_owned();
                (code, Details::Content { bytes, compressed: false, file_type, file: None })
            }
            Err(Refusal::SoapFault(code)) => return Reply::fault(service, self.family(), &code),
        };
        let echo = envelope::echo(call, service, self.family());
        let answer = Answer {
            family: self.family(),
            operation,
            customer_id: outcome.customer_id.unwrap_or_else(|| echo.sender.clone()),
            execution_serial: outcome.execution_serial,
            code: self.ways.say(code, service == Service::Certificates),
            details,
            echo,
        };
        let signed = self.signing_authority(now, scripted).and_then(|authority| {
            let means = Means {
                authority: &authority,
                hash: algorithms::answering_hash(document, self.rules.hashes),
                encrypt_to: self.encrypt_to(&answer.echo, document),
                now,
                id: &now.unix_timestamp_nanos().to_string(),
            };
            answer.sign(&means, scripted)
        });
        match signed {
            Ok(text) => Reply::new(200, Body::Xml(text.into_bytes())),
            Err(error) => {
                tracing::error!(bank = self.bank.as_str(), %error, "the simulator could not sign an answer");
                Reply::fault(service, self.family(), &code::TECHNICAL)
            }
        }
    }

    /// The bank's own authority, or what a fault puts in its place.
    pub(crate) fn signing_authority(
        &self,
        now: OffsetDateTime,
        scripted: Option<&Fault>,
    ) -> Result<Arc<Authority>, Error> {
        match scripted {
            Some(Fault::UntrustedSigner) => Authority::impostor(self.bank, now).map(Arc::new),
            Some(Fault::ExpiredSigner) => self.key_ring.expired(now).map(Arc::new),
            _ => Ok(self.authority()),
        }
    }

    /// Where answers are encrypted, the sender's newest encryption certificate, and the cipher of the request.
    fn encrypt_to(&self, echo: &Echo, document: &Document<'_>) -> Option<(Vec<u8>, Cipher)> {
        if !self.ways.encrypts {
            return None;
        }
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let customer = &ledger.customers[ledger.find_user(&echo.sender)?];
        let usable = |held: &&crate::held::Held| held.purpose == Use::Encryption && held.state == State::Live;
        let certificate = customer.certificates.iter().rev().find(usable)?.der();
        Some((certificate, algorithms::cipher_of(document)))
    }

    /// Works on the ledger and keeps what has changed, unless each request is to be judged as the first one.
    pub(crate) fn change<T>(&self, work: impl FnOnce(&mut Ledger) -> Result<T, Refusal>) -> Result<T, Refusal> {
        if self.rules.stateless {
            let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return work(&mut ledger);
        }
        self.keep(work)
    }

    /// Works on a copy of the ledger and puts it in place once it is written; a refusal keeps what it has changed.
    pub(crate) fn keep<T>(&self, work: impl FnOnce(&mut Ledger) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draft = ledger.clone();
        let result = work(&mut draft);
        if let Err(error) = draft.save(&self.store) {
            tracing::error!(bank = self.bank.as_str(), %error, "the simulator could not keep what has changed");
            return Err(code::TECHNICAL.into());
        }
        *ledger = draft;
        result
    }

    /// Whether a signing certificate was issued by an authority for customers, valid now.
    pub(crate) fn is_chained(&self, certificate: &[u8], now: OffsetDateTime) -> bool {
        // Certificates are SHA-256, whatever hash the message may have.
        let policy = Policy::STRICT;
        self.customer_roots.iter().any(|roots| certificate::verify_chain(certificate, &[], roots, now, &policy).is_ok())
    }
}
