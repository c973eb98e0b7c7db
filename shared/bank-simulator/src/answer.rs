//! Writing and signing answers (brief 2.1, 2.5, 3), and spoiling them as a test asks.

use std::sync::Arc;

use avain_xml_security::{Hash, enveloped, soap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::authority::Authority;
use crate::code::{self, Code};
use crate::envelope::Echo;
use crate::money::Cents;
use crate::operation::Service;
use crate::xml::{Writer, document};
use crate::{Error, Fault, Operation};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// How long an answer's Timestamp is valid, as at the real bank (brief 2.2).
const LIFETIME: Duration = Duration::minutes(5);

/// An answer that is to be written and signed.
pub(crate) struct Answer {
    pub(crate) operation: Operation,
    pub(crate) echo: Echo,
    /// The customer as the request names it; the sender where it does not.
    pub(crate) customer_id: String,
    pub(crate) code: Code,
    pub(crate) details: Details,
}

/// What an application answer carries beside its code.
pub(crate) enum Details {
    Nothing,
    /// A new certificate, DER.
    Certificate(Vec<u8>),
    /// What was counted in an upload. Nordea gives no file reference (brief 3).
    Uploaded {
        total: Cents,
        count: usize,
    },
    Files(Vec<FileDescriptor>),
    Content {
        bytes: Vec<u8>,
        compressed: bool,
    },
    UserFileTypes {
        target_id: String,
        types: &'static [FileType],
    },
}

/// One file in a list.
pub(crate) struct FileDescriptor {
    pub(crate) reference: String,
    pub(crate) target_id: String,
    pub(crate) file_type: String,
    pub(crate) created: i64,
    pub(crate) downloaded: Option<i64>,
}

/// A file type that a contract allows.
#[derive(Debug)]
pub(crate) struct FileType {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) upload: bool,
}

impl Answer {
    /// The signed envelope, spoiled as the fault says.
    pub(crate) fn sign(
        &self,
        authority: &Authority,
        impostor: Option<&Authority>,
        id: &str,
        now: OffsetDateTime,
        fault: Option<&Fault>,
    ) -> Result<String, Error> {
        let key = impostor.unwrap_or(authority).signer();
        let sign_failed = |error: avain_xml_security::Error| Error::Keys(error.to_string());
        let mut application =
            enveloped::sign(&self.application(now), key, &enveloped::Form::INCLUSIVE).map_err(sign_failed)?;
        if matches!(fault, Some(Fault::BrokenInnerSignature)) {
            application = with_other_year(&application);
        }
        let envelope = self.envelope(&application, now, fault);
        let created = match fault {
            Some(Fault::StaleTimestamp) => now - Duration::days(1),
            _ => now,
        };
        let signed = soap::sign(&envelope, key, Hash::Sha256, id, created, LIFETIME).map_err(sign_failed)?;
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
        let out = format!("ops:{}out xmlns:ops=\"{}\"", self.operation.name(), service.namespace());
        let model = |name: &str| format!("mod:{name} xmlns:mod=\"{}\"", service.model_namespace());
        soap_envelope(|body| {
            body.element(&out, |out| {
                out.element(&model("ResponseHeader"), |header| {
                    header
                        .leaf("mod:SenderId", &self.echo.sender)
                        .leaf("mod:RequestId", request_id)
                        .leaf("mod:Timestamp", &timestamp(now))
                        .leaf("mod:ResponseCode", code)
                        .leaf("mod:ResponseText", text);
                    if service == Service::Files {
                        header.leaf("mod:ReceiverId", &self.echo.receiver);
                    }
                });
                out.leaf(&model("ApplicationResponse"), &STANDARD.encode(application));
            });
        })
    }

    /// The application answer, not signed yet.
    fn application(&self, now: OffsetDateTime) -> String {
        let customer_id = match self.customer_id.chars().count() {
            1..=16 => self.customer_id.as_str(),
            _ => "-",
        };
        let start = match self.operation.service() {
            Service::Files => "c2b:ApplicationResponse xmlns:c2b=\"http://bxd.fi/xmldata/\"",
            Service::Certificates => {
                "c2b:CertApplicationResponse xmlns:c2b=\"http://filetransfer.nordea.com/xmldata/\""
            }
        };
        document(|writer| {
            writer.element(start, |response| {
                response
                    .leaf("c2b:CustomerId", customer_id)
                    .leaf("c2b:Timestamp", &timestamp(now))
                    .leaf("c2b:ResponseCode", &self.code.number)
                    .leaf("c2b:ResponseText", &self.code.text);
                match self.operation.service() {
                    Service::Files => self.file_details(response),
                    Service::Certificates => self.certificate_details(response),
                }
            });
        })
    }

    fn certificate_details(&self, response: &mut Writer) {
        if let Details::Certificate(certificate) = &self.details {
            response.element("c2b:Certificates", |certificates| {
                certificates.element("c2b:Certificate", |entry| {
                    entry
                        .leaf("c2b:Name", "")
                        .leaf("c2b:Certificate", &STANDARD.encode(certificate))
                        .leaf("c2b:CertificateFormat", "X509v3");
                });
            });
        }
    }

    /// In the order of `application_response.xsd`. Nordea always says that nothing is encrypted (brief 3).
    fn file_details(&self, response: &mut Writer) {
        let compressed = matches!(self.details, Details::Content { compressed: true, .. });
        response.leaf("c2b:Encrypted", "false").leaf("c2b:Compressed", if compressed { "true" } else { "false" });
        match &self.details {
            Details::Nothing | Details::Certificate(_) => {}
            Details::Uploaded { total, count } => {
                response.leaf("c2b:AmountTotal", &total.to_string()).leaf("c2b:TransactionCount", &count.to_string());
            }
            Details::Files(files) => {
                response.element("c2b:FileDescriptors", |list| {
                    for file in files {
                        list.element("c2b:FileDescriptor", |entry| file.write(entry));
                    }
                });
            }
            Details::Content { bytes, compressed } => {
                response.optional("c2b:CompressionMethod", compressed.then_some("GZIP"));
                response.leaf("c2b:Content", &STANDARD.encode(bytes));
            }
            Details::UserFileTypes { target_id, types } => {
                response.element("c2b:UserFileTypes", |list| {
                    for file_type in *types {
                        list.element("c2b:UserFileType", |entry| {
                            entry
                                .leaf("c2b:TargetId", target_id)
                                .leaf("c2b:FileType", file_type.name)
                                .leaf("c2b:FileTypeName", file_type.description)
                                .leaf("c2b:Country", "FI")
                                .leaf("c2b:Direction", if file_type.upload { "Upload" } else { "Download" });
                        });
                    }
                });
            }
        }
    }
}

impl FileDescriptor {
    fn write(&self, entry: &mut Writer) {
        let time = |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).map(timestamp).unwrap_or_default();
        entry
            .leaf("c2b:FileReference", &self.reference)
            .leaf("c2b:TargetId", &self.target_id)
            .leaf("c2b:FileType", &self.file_type)
            .leaf("c2b:FileTimestamp", &time(self.created))
            .leaf("c2b:Status", if self.downloaded.is_some() { "DOWNLOADED" } else { "NEW" })
            .optional("c2b:LastDownloadTimestamp", self.downloaded.map(time).as_deref());
    }
}

/// A SOAP Fault, which is never signed (brief 11).
pub(crate) fn soap_fault(service: Service, code: &Code) -> String {
    let name = match service {
        Service::Files => "FileServiceFaultElement",
        Service::Certificates => "certificateServiceFaultElement",
    };
    let start = format!("ops:{name} xmlns:ops=\"{}\" xmlns:mod=\"{}\"", service.namespace(), service.model_namespace());
    let side = if *code == code::TECHNICAL { "Server" } else { "Client" };
    soap_envelope(|body| {
        body.element("soapenv:Fault", |fault| {
            fault.leaf("faultcode", &format!("soapenv:{side}")).leaf("faultstring", &code.text).element(
                "detail",
                |detail| {
                    detail.element(&start, |fault| {
                        fault.leaf("mod:category", side).leaf("mod:code", &code.number);
                    });
                },
            );
        });
    })
}

fn soap_envelope(body: impl FnOnce(&mut Writer)) -> String {
    document(|writer| {
        writer.element(&format!("soapenv:Envelope xmlns:soapenv=\"{SOAP}\""), |envelope| {
            envelope.element("soapenv:Header", |_| {}).element("soapenv:Body", body);
        });
    })
}

/// A time as `2027-01-15T10:00:00Z`.
pub(crate) fn timestamp(time: OffsetDateTime) -> String {
    let seconds = OffsetDateTime::from_unix_timestamp(time.unix_timestamp()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    seconds.format(&Rfc3339).unwrap_or_default()
}

/// The text with another year in its first Timestamp element: still well-formed and valid, no longer what was signed.
fn with_other_year(text: &str) -> String {
    let year = text.find("Timestamp>").map_or(0, |at| at + "Timestamp>".len());
    let mut changed = text.to_owned();
    changed.replace_range(year..=year, "3");
    changed
}

/// What goes out on the connection.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// The answer waits for this.
    pub(crate) hold: Option<Arc<tokio::sync::Notify>>,
}

/// The body of a reply, or none.
pub(crate) enum Body {
    Xml(Vec<u8>),
    Empty,
    Redirect(String),
    /// The connection is dropped.
    Dropped,
}

impl Reply {
    pub(crate) fn new(status: u16, body: Body) -> Self {
        Self { status, body, hold: None }
    }
}
