//! Writing the answers of the PKI Factory: signed by `xml:id`, never encrypted; faults stand directly under the Body
//! (brief 5.2).

use avain_xml_security::enveloped::Form;
use avain_xml_security::{C14n, Hash, enveloped};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::{Duration, OffsetDateTime};

use crate::authority::{Authority, Use, keys};
use crate::code::Code;
use crate::held::{Held, State};
use crate::operation::PKI_FACTORY;
use crate::pki_schema::{ELEMENTS, PkiHeader};
use crate::reply::{Body, Reply, soap_envelope, timestamp};
use crate::xml::Writer;
use crate::{Error, Fault, Operation};

/// When `expires_soon` begins is unknown.
const SOON: Duration = Duration::days(60);

/// What is answered.
pub(crate) struct PkiAnswer {
    pub(crate) operation: Operation,
    pub(crate) header: PkiHeader,
    pub(crate) found: Result<PkiDetails, PkiRefusal>,
}

/// Why a request is not carried out.
#[derive(Debug)]
pub(crate) struct PkiRefusal {
    pub(crate) code: Code,
    /// `AdditionalReturnText`.
    pub(crate) more: Option<String>,
}

/// What an answer carries; certificates in DER.
pub(crate) enum PkiDetails {
    Bank { encryption: Vec<u8>, signing: Vec<u8>, root: Vec<u8> },
    Issued { encryption: Vec<u8>, signing: Vec<u8>, authority: Vec<u8> },
    Revoked(Vec<String>),
    Statuses(Vec<Held>),
}

impl PkiAnswer {
    /// The answer, signed and then spoiled as the fault says; or the fault.
    pub(crate) fn write(
        &self,
        authority: &Authority,
        hash: Hash,
        now: OffsetDateTime,
        fault: Option<&Fault>,
    ) -> Result<Reply, Error> {
        let details = match &self.found {
            Ok(details) => details,
            Err(refusal) => return Ok(Reply::new(200, Body::Xml(self.fault(refusal, now).into_bytes()))),
        };
        let envelope = soap_envelope(|body| self.body(body, details, now, fault));
        let form = Form { hash, signed_info: C14n::Exclusive, second_transform: Some(C14n::Exclusive) };
        let signed = enveloped::sign_element(&envelope, "response", authority.signer(), &form).map_err(keys)?;
        let sent = match fault {
            // There is one signature only.
            Some(Fault::BrokenOuterSignature | Fault::BrokenInnerSignature) => {
                signed.replacen("ReturnText>OK<", "ReturnText>Ok<", 1)
            }
            _ => signed,
        };
        Ok(Reply::new(200, Body::Xml(sent.into_bytes())))
    }

    fn body(&self, body: &mut Writer, details: &PkiDetails, now: OffsetDateTime, fault: Option<&Fault>) {
        let name = self.operation.name();
        let request_id = match fault {
            Some(Fault::AnotherRequest) => "another",
            _ => &self.header.request,
        };
        let (code, text) = match fault {
            Some(Fault::HeaderCode { code, text }) => (code.as_str(), text.as_str()),
            _ => ("00", "OK"),
        };
        body.element(&format!("pkif:{name}Out xmlns:pkif=\"{PKI_FACTORY}\""), |out| {
            out.element("pkif:ResponseHeader", |header| {
                header
                    .leaf("pkif:SenderId", &self.header.sender)
                    .leaf("pkif:CustomerId", &self.header.customer)
                    .leaf("pkif:RequestId", request_id)
                    .leaf("pkif:Timestamp", &timestamp(now))
                    .leaf("pkif:InterfaceVersion", "1")
                    .optional("pkif:Environment", self.header.environment.as_deref());
            });
            let start = format!("elem:{name}Response xmlns:elem=\"{ELEMENTS}\" xml:id=\"response\"");
            out.element(&start, |response| {
                response.leaf("elem:ReturnCode", code).leaf("elem:ReturnText", text);
                details.write(response, now);
                if self.operation == Operation::CertificateStatus {
                    response.leaf("elem:Timestamp", &timestamp(now));
                }
                response.leaf("elem:RequestId", request_id);
                let says_environment = matches!(details, PkiDetails::Issued { .. } | PkiDetails::Revoked(_));
                let environment = self.header.environment.as_deref().filter(|_| says_environment);
                response.optional("elem:Environment", environment);
            });
        });
    }

    fn fault(&self, refusal: &PkiRefusal, now: OffsetDateTime) -> String {
        let version = if self.header.version.is_empty() { "1" } else { &self.header.version };
        soap_envelope(|body| {
            body.element(&format!("pkif:PKIFactoryServiceFault xmlns:pkif=\"{PKI_FACTORY}\""), |fault| {
                fault
                    .leaf("pkif:CustomerId", &self.header.customer)
                    .leaf("pkif:SenderId", &self.header.sender)
                    .leaf("pkif:RequestId", &self.header.request)
                    .leaf("pkif:Timestamp", &timestamp(now))
                    .leaf("pkif:InterfaceVersion", version)
                    .leaf("pkif:ReturnCode", &refusal.code.number)
                    .leaf("pkif:ReturnText", &refusal.code.text)
                    .optional("pkif:AdditionalReturnText", refusal.more.as_deref());
            });
        })
    }
}

impl PkiDetails {
    fn write(&self, response: &mut Writer, now: OffsetDateTime) {
        let encoded = |certificate: &Vec<u8>| STANDARD.encode(certificate);
        match self {
            Self::Bank { encryption, signing, root } => {
                response
                    .leaf("elem:BankEncryptionCert", &encoded(encryption))
                    .leaf("elem:BankSigningCert", &encoded(signing))
                    .leaf("elem:BankRootCert", &encoded(root));
            }
            Self::Issued { encryption, signing, authority } => {
                response
                    .leaf("elem:EncryptionCert", &encoded(encryption))
                    .leaf("elem:SigningCert", &encoded(signing))
                    .leaf("elem:CACert", &encoded(authority));
            }
            Self::Revoked(serials) => {
                for serial in serials {
                    response.leaf("elem:CertificateSerialNo", serial);
                }
                response.leaf("elem:RevocationTime", &timestamp(now));
            }
            Self::Statuses(certificates) => {
                for held in certificates {
                    response.element("elem:CertificateStatus", |entry| write_status(entry, held, now));
                }
            }
        }
    }
}

fn write_status(entry: &mut Writer, held: &Held, now: OffsetDateTime) {
    let purpose = match held.purpose {
        Use::Signing => "signing",
        Use::Encryption => "encryption",
    };
    let end = timestamp(held.ends());
    let status = match &held.state {
        State::Revoked(at, reason) => {
            let at = OffsetDateTime::from_unix_timestamp(*at).map(timestamp).unwrap_or_default();
            let reason = reason.map(|reason| format!(" CRLReason=\"{reason}\"")).unwrap_or_default();
            format!("elem:revoked revocationDate=\"{at}\"{reason}")
        }
        _ if held.ends() <= now => format!("elem:expired expiryDate=\"{end}\""),
        _ if held.ends() <= now + SOON => format!("elem:expires_soon expiryDate=\"{end}\""),
        _ => format!("elem:good expiryDate=\"{end}\""),
    };
    entry
        .leaf("elem:CertificateSerialNo", &held.serial)
        .leaf("elem:CertificateType", purpose)
        .leaf("elem:MatchingCertificateSerialNo", held.matching.as_deref().unwrap_or(&held.serial))
        .element("elem:Status", |choice| {
            choice.leaf(&status, "");
        });
}
