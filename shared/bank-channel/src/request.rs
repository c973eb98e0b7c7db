//! Building requests: who asks whom, and the envelope (bank-channel brief 2.1 and 2.2). What is in it: [`files`],
//! [`certificates`], [`pki_factory`].

use std::sync::Arc;

use avain_xml_security::{SigningKey, soap};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use crate::operation::{Operation, SOAP, Service};
use crate::verify::Expected;
use crate::xml::Writer;
use crate::{Error, Profile};

mod certificates;
mod files;
mod pki_factory;

pub use files::{FileList, Status, Upload, WantedFile};
pub(crate) use pki_factory::ELEMENTS;
pub use pki_factory::{CertificateRequests, CrlReason, Revocation};

/// How long a signed envelope is valid, as in the banks' own answers.
const LIFETIME: Duration = Duration::minutes(5);
/// FKL's limits in characters, and the schema's.
const HEADER_MAX: usize = 35;
const USER_ID_MAX: usize = 16;
const SOFTWARE_MAX: usize = 35;

/// One customer's channel to one bank: who asks whom, and in which environment.
#[derive(Debug, Clone, Copy)]
pub struct Channel<'a> {
    /// The bank.
    pub profile: &'a Arc<Profile>,
    /// WS user id: `SenderId` and `CustomerId`.
    pub user_id: &'a str,
    /// Environment of the requests; it must agree with the address they go to.
    pub environment: Environment,
    /// Name and version of this software for `SoftwareId` and `UserAgent`, at most 35 characters.
    pub software: &'a str,
    /// The certificate that the bank wants requests encrypted to, DER, as [`crate::answer::bank_certificates`] gave it.
    /// Used only where the profile encrypts.
    pub bank_certificate: Option<&'a [u8]>,
}

/// The element Environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// Real money.
    Production,
    /// Nothing is executed.
    Test,
}

/// What makes one request differ from all others.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// 1 to [`Profile::request_id_max`] letters, digits and `-`; unique for three months (FKL 4.5). The envelope's ids are
    /// made from it.
    pub request_id: &'a str,
    /// The time of the request, of which two of one customer must not have the same, to the microsecond.
    pub at: OffsetDateTime,
}

/// A request ready to post, as `text/xml; charset=UTF-8`. The body may hold a secret code.
pub struct Request {
    /// Which address of the bank it goes to.
    pub service: Service,
    /// The HTTP header `SOAPAction`, without its quotation marks.
    pub soap_action: &'static str,
    /// The envelope.
    pub body: Vec<u8>,
    /// What the answer must match.
    pub expected: Expected,
}

impl Channel<'_> {
    /// Puts the document into an envelope, signs that where there is a key, and says what the answer must match.
    fn request(
        &self,
        operation: &Operation,
        stamp: &Stamp<'_>,
        document: &str,
        key: Option<&SigningKey>,
    ) -> Result<Request, Error> {
        let envelope = self.envelope(operation, stamp, document)?;
        let hash = self.profile.signing.hash;
        let envelope = match key {
            Some(key) => {
                soap::sign(&envelope, key, hash, stamp.request_id, stamp.at, LIFETIME).map_err(|_| Error::Key)?
            }
            None => envelope,
        };
        let expected = self.expected(stamp);
        Ok(Request { service: operation.service, soap_action: "", body: envelope.into_bytes(), expected })
    }

    fn expected(&self, stamp: &Stamp<'_>) -> Expected {
        Expected {
            profile: Arc::clone(self.profile),
            sender_id: self.user_id.to_owned(),
            request_id: stamp.request_id.to_owned(),
            customer_id: self.user_id.to_owned(),
        }
    }

    fn envelope(&self, operation: &Operation, stamp: &Stamp<'_>, document: &str) -> Result<String, Error> {
        let profile = self.profile;
        let request_id = self.request_id(stamp)?;
        let wrapper = format!("{}in", operation.name);
        let (namespace, model) = (operation.namespace(profile), operation.model(profile));
        let mut xml = self::document();
        xml.open(&format!("soapenv:Envelope xmlns:soapenv=\"{SOAP}\""))
            .raw("<soapenv:Header/>")
            .open("soapenv:Body")
            .open(&format!("op:{wrapper} xmlns:op=\"{namespace}\" xmlns:mod=\"{model}\""))
            .open("mod:RequestHeader")
            .text("mod:SenderId", Some(self.user_id), HEADER_MAX)?
            .text("mod:RequestId", Some(request_id), HEADER_MAX)?
            .text("mod:Timestamp", Some(&timestamp(stamp)?), 35)?;
        if operation.service == Service::Files {
            xml.text("mod:Language", Some("EN"), HEADER_MAX)?
                .text("mod:UserAgent", Some(self.software), HEADER_MAX)?
                .text("mod:ReceiverId", Some(&profile.receiver_id), HEADER_MAX)?;
        }
        xml.close("mod:RequestHeader")
            .open("mod:ApplicationRequest")
            .raw(&BASE64.encode(document))
            .close("mod:ApplicationRequest")
            .close(&format!("op:{wrapper}"))
            .close("soapenv:Body")
            .close("soapenv:Envelope");
        Ok(xml.finish())
    }

    /// A name and not markup, no longer than the bank takes.
    fn request_id<'s>(&self, stamp: &Stamp<'s>) -> Result<&'s str, Error> {
        let id = stamp.request_id;
        let is_name = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_name && (1..=self.profile.request_id_max).contains(&id.len()) {
            Ok(id)
        } else {
            Err(Error::Field("RequestId"))
        }
    }
}

impl Environment {
    /// The common word.
    fn word(self) -> &'static str {
        match self {
            Self::Production => "PRODUCTION",
            Self::Test => "TEST",
        }
    }
}

fn document() -> Writer {
    let mut xml = Writer::default();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml
}

/// UTC, whole seconds.
fn timestamp(stamp: &Stamp<'_>) -> Result<String, Error> {
    written(stamp.at.replace_nanosecond(0).ok())
}

/// UTC, with the fraction of the second where there is one, to the microsecond: banks refuse two application requests of a customer
/// with the same time (bank-channel brief 2.6, code 32).
fn exact_timestamp(stamp: &Stamp<'_>) -> Result<String, Error> {
    written(stamp.at.replace_microsecond(stamp.at.microsecond()).ok())
}

fn written(at: Option<OffsetDateTime>) -> Result<String, Error> {
    at.and_then(|at| at.to_offset(UtcOffset::UTC).format(&Rfc3339).ok()).ok_or(Error::Field("Timestamp"))
}

#[cfg(test)]
mod tests;
