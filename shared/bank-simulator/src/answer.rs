//! Writing and signing answers of the file and certificate services (brief 2.1, 2.5, 3 to 6).

use avain_xml_security::encryption::{self, Cipher};
use avain_xml_security::enveloped::Form;
use avain_xml_security::{Hash, enveloped, soap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::{Duration, OffsetDateTime};

use crate::answer_parts::{Details, write_certificates, write_files};
use crate::authority::{Authority, keys};
use crate::bank::Family;
use crate::code::Code;
use crate::envelope::Echo;
use crate::operation::Service;
use crate::reply::{local_timestamp, soap_envelope, timestamp, with_other_year};
use crate::ways::{self, Ways};
use crate::xml::document;
use crate::{Error, Fault, Operation};

/// How long an answer's Timestamp is valid, as at the real banks (brief 2.2).
const LIFETIME: Duration = Duration::minutes(5);

/// An answer that is to be written and signed.
pub(crate) struct Answer {
    pub(crate) family: Family,
    pub(crate) operation: Operation,
    pub(crate) echo: Echo,
    /// The customer as the request names it; the sender where it does not.
    pub(crate) customer_id: String,
    pub(crate) execution_serial: Option<String>,
    pub(crate) code: Code,
    pub(crate) details: Details,
}

/// With what an answer is signed and encrypted.
pub(crate) struct Means<'a> {
    pub(crate) authority: &'a Authority,
    pub(crate) hash: Hash,
    /// The customer's encryption certificate.
    pub(crate) encrypt_to: Option<(Vec<u8>, Cipher)>,
    pub(crate) now: OffsetDateTime,
    /// Makes the envelope's ids.
    pub(crate) id: &'a str,
}

impl Answer {
    /// The signed envelope, spoiled as the fault says.
    pub(crate) fn sign(&self, means: &Means<'_>, fault: Option<&Fault>) -> Result<String, Error> {
        let ways = ways::of(self.family);
        let (signed_info, second_transform) = ways.canonicalization;
        let form = Form { hash: means.hash, signed_info, second_transform };
        let key = means.authority.application_signer();
        let mut application = enveloped::sign(&self.application(ways, means.now), key, &form).map_err(keys)?;
        if matches!(fault, Some(Fault::BrokenInnerSignature)) {
            application = with_other_year(&application);
        }
        if let Some((certificate, cipher)) = &means.encrypt_to {
            application = encryption::encrypt(&application, certificate, *cipher, None).map_err(keys)?;
        }
        let envelope = self.envelope(&application, means.now, fault);
        let signed = if self.operation.service() == Service::Files || ways.signs_certificate_answers {
            let created = match fault {
                Some(Fault::StaleTimestamp) => means.now - Duration::days(1),
                _ => means.now,
            };
            let key = means.authority.signer();
            soap::sign(&envelope, key, means.hash, means.id, created, LIFETIME).map_err(keys)?
        } else {
            envelope
        };
        Ok(match fault {
            Some(Fault::BrokenOuterSignature) => {
                let body = signed.find(":Body").unwrap_or_default();
                signed[..body].to_owned() + &with_other_year(&signed[body..])
            }
            _ => signed,
        })
    }

    fn envelope(&self, application: &str, now: OffsetDateTime, fault: Option<&Fault>) -> String {
        let service = self.operation.service();
        let (code, text) = match fault {
            Some(Fault::HeaderCode { code, text }) => (code.as_str(), text.as_str()),
            _ => (&*self.code.number, &*self.code.text),
        };
        let request_id = match fault {
            Some(Fault::AnotherRequest) => "another-request",
            _ => &self.echo.request,
        };
        let is_samlink = self.family == Family::Samlink;
        let out = format!("ops:{}out xmlns:ops=\"{}\"", self.operation.name(), service.namespace(self.family));
        let model = |name: &str| format!("mod:{name} xmlns:mod=\"{}\"", service.model_namespace(self.family));
        soap_envelope(|body| {
            body.element(&out, |out| {
                out.element(&model("ResponseHeader"), |header| {
                    header
                        .leaf("mod:SenderId", &self.echo.sender)
                        .leaf("mod:RequestId", request_id)
                        .leaf("mod:Timestamp", &if is_samlink { local_timestamp(now) } else { timestamp(now) })
                        .leaf("mod:ResponseCode", code)
                        .leaf("mod:ResponseText", text);
                    if service == Service::Files {
                        header.leaf("mod:ReceiverId", if is_samlink { "" } else { &self.echo.receiver });
                    }
                });
                out.leaf(&model("ApplicationResponse"), &STANDARD.encode(application));
            });
        })
    }

    /// The application answer, not signed yet.
    fn application(&self, ways: &Ways, now: OffsetDateTime) -> String {
        let customer_id = match self.customer_id.chars().count() {
            1..=16 => self.customer_id.as_str(),
            _ => "-",
        };
        let start = match (self.operation.service(), self.family) {
            (Service::Files, _) => "c2b:ApplicationResponse xmlns:c2b=\"http://bxd.fi/xmldata/\"",
            (_, Family::Nordea) => "c2b:CertApplicationResponse xmlns:c2b=\"http://filetransfer.nordea.com/xmldata/\"",
            _ => "c2b:CertApplicationResponse xmlns:c2b=\"http://op.fi/mlp/xmldata/\"",
        };
        document(|writer| {
            writer.element(start, |response| {
                response
                    .leaf("c2b:CustomerId", customer_id)
                    .leaf("c2b:Timestamp", &timestamp(now))
                    .leaf("c2b:ResponseCode", &self.code.number)
                    .leaf("c2b:ResponseText", &self.code.text.chars().take(80).collect::<String>())
                    .optional("c2b:ExecutionSerial", self.execution_serial.as_deref());
                match self.operation.service() {
                    Service::Files => write_files(response, &self.details, self.family, ways),
                    _ => write_certificates(response, &self.details, ways),
                }
            });
        })
    }
}
