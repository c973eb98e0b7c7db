//! One bank: takes a request's bytes, gives a reply.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use avain_xml_security::certificate::{self, Roots};
use avain_xml_security::{Document, Policy, soap};
use time::{Duration, OffsetDateTime};

use crate::answer::{Answer, Body, Details, Reply, soap_fault};
use crate::authority::Authority;
use crate::code::{self, Code, Refusal};
use crate::envelope::{self, Echo};
use crate::fault::{Fault, Script};
use crate::ledger::Ledger;
use crate::operation::Service;
use crate::store::Store;
use crate::{BankKey, Clock, Config, Environment, Error, Operation, account};

/// How far a request's clock may be off.
pub(crate) const CLOCK_SKEW: Duration = Duration::seconds(60);

/// One bank with everything it has.
pub(crate) struct Office {
    pub(crate) bank: BankKey,
    pub(crate) environment: Environment,
    pub(crate) authority: Authority,
    /// Authorities whose certificates chain: the bank's own for customers, and those of provisioned customers.
    customer_roots: Vec<Roots>,
    ledger: Mutex<Ledger>,
    store: Store,
    clock: Clock,
    pub(crate) script: Script,
    calls: Mutex<HashMap<Option<Operation>, u64>>,
}

/// What a service has found: the customer as the request names it, the code, what the answer carries.
pub(crate) struct Outcome {
    pub(crate) customer_id: Option<String>,
    pub(crate) result: Result<Details, Refusal>,
}

impl Office {
    /// Opens the bank with its keys and its ledger; a provisioned customer that is not in the ledger yet is added.
    pub(crate) fn open(bank: BankKey, config: &Config) -> Result<Self, Error> {
        let now = (config.clock)();
        let store = Store::open(config.folder.as_ref().map(|folder| folder.join(bank.as_str())))?;
        let authority = Authority::open(bank, &store, now)?;
        let mut ledger = Ledger::load(&store)?;
        let mut customer_roots = vec![authority.customer_roots()?];
        for provisioned in config.provisioned.iter().filter(|provisioned| provisioned.bank == bank) {
            let wrong = |error: avain_xml_security::Error| Error::Provisioned(error.to_string());
            customer_roots.push(Roots::from_der([provisioned.issuer.clone()]).map_err(wrong)?);
            let name = certificate::summary(&provisioned.certificate).map_err(wrong)?.subject_common_name;
            if ledger.find(&provisioned.user_id, &name).is_none() {
                account::open(&mut ledger, &authority, &provisioned.user_id, &name, &provisioned.certificate, now);
            }
        }
        ledger.save(&store)?;
        Ok(Self {
            bank,
            environment: config.environment,
            authority,
            customer_roots,
            ledger: Mutex::new(ledger),
            store,
            clock: config.clock.clone(),
            script: Script::default(),
            calls: Mutex::default(),
        })
    }

    /// Requests whose operation was read; without an operation, all requests that came in.
    pub(crate) fn calls(&self, operation: Option<Operation>) -> u64 {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(&operation).copied().unwrap_or(0)
    }

    pub(crate) fn count(&self, operation: Option<Operation>) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
    }

    /// Carries a request out, or a scripted fault.
    pub(crate) fn receive(&self, service: Service, request: &[u8]) -> Reply {
        let now = (self.clock)();
        // Brief 11, 1: well-formed XML without DOCTYPE, SOAP 1.1; 2: a known operation.
        let Ok(document) = Document::parse(request) else { return fault(service, &code::SCHEMA) };
        let Ok(body) = soap::unsigned_body(&document) else { return fault(service, &code::SCHEMA) };
        let (operation, call) = match envelope::call(body, service) {
            Ok(call) => call,
            Err(Refusal::SoapFault(code) | Refusal::Answer(code)) => return fault(service, &code),
        };
        let scripted = self.script.take(operation);
        // Counted after the fault is taken: a test that sees the count may send the next call.
        self.count(Some(operation));
        let echo = envelope::echo(call, service);
        let outcome = match &scripted {
            Some(Fault::ServerError) => return Reply::new(500, Body::Empty),
            Some(Fault::DropBeforeReading) => return Reply::new(500, Body::Dropped),
            Some(Fault::Redirect(address)) => return Reply::new(307, Body::Redirect(address.clone())),
            Some(Fault::Answer { code, text }) => Outcome {
                customer_id: None,
                result: Err(Refusal::Answer(Code { number: code.clone().into(), text: text.clone().into() })),
            },
            _ => self.process(service, &document, now),
        };
        let reply = self.answer(operation, echo, outcome, now, scripted.as_ref());
        match scripted {
            Some(Fault::DropAfterProcessing) => Reply::new(500, Body::Dropped),
            Some(Fault::Rubbish) => Reply::new(200, Body::Xml(b"<html><body>Service unavailable<br></body>".to_vec())),
            Some(Fault::Hold(release)) => Reply { hold: Some(release), ..reply },
            Some(Fault::Oversize(length)) => match reply.body {
                Body::Xml(mut text) => {
                    text.resize(text.len().max(length), b' ');
                    Reply::new(reply.status, Body::Xml(text))
                }
                _ => reply,
            },
            _ => reply,
        }
    }

    fn process(&self, service: Service, document: &Document<'_>, now: OffsetDateTime) -> Outcome {
        match service {
            Service::Certificates => self.certificate_service(document, now),
            Service::Files => self.file_service(document, now),
        }
    }

    fn answer(
        &self,
        operation: Operation,
        echo: Echo,
        outcome: Outcome,
        now: OffsetDateTime,
        scripted: Option<&Fault>,
    ) -> Reply {
        let (code, details) = match outcome.result {
            Ok(details) => (code::OK, details),
            Err(Refusal::Answer(code)) => (code, Details::Nothing),
            Err(Refusal::SoapFault(code)) => return fault(operation.service(), &code),
        };
        let customer_id = outcome.customer_id.unwrap_or_else(|| echo.sender.clone());
        let answer = Answer { operation, echo, customer_id, code, details };
        let impostor = match scripted {
            Some(Fault::UntrustedSigner) => Authority::impostor(self.bank, now).map(Some),
            _ => Ok(None),
        };
        let id = now.unix_timestamp_nanos().to_string();
        let signed = impostor.and_then(|impostor| answer.sign(&self.authority, impostor.as_ref(), &id, now, scripted));
        match signed {
            Ok(text) => Reply::new(200, Body::Xml(text.into_bytes())),
            Err(error) => {
                tracing::error!(bank = self.bank.as_str(), %error, "the simulator could not sign an answer");
                fault(operation.service(), &code::TECHNICAL)
            }
        }
    }

    /// Works on a copy of the ledger and puts it in place once it is written; a refusal keeps what it has changed.
    pub(crate) fn change<T>(&self, work: impl FnOnce(&mut Ledger) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = ledger.clone();
        let result = work(&mut next);
        if let Err(error) = next.save(&self.store) {
            tracing::error!(bank = self.bank.as_str(), %error, "the simulator could not save its ledger");
            return Err(code::TECHNICAL.into());
        }
        *ledger = next;
        result
    }

    /// Whether a customer's certificate chains to an authority that the bank trusts for customers.
    pub(crate) fn is_chained(&self, certificate: &[u8], now: OffsetDateTime) -> bool {
        self.customer_roots
            .iter()
            .any(|roots| certificate::verify_chain(certificate, &[], roots, now, &Policy::STRICT).is_ok())
    }
}

fn fault(service: Service, code: &Code) -> Reply {
    Reply::new(500, Body::Xml(soap_fault(service, code).into_bytes()))
}
