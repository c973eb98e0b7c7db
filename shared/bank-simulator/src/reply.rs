//! What goes out on the connection, and the envelopes of what is not signed.

use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::bank::Family;
use crate::code::{self, Code};
use crate::operation::Service;
use crate::xml::{Writer, document};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

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

    /// A SOAP Fault, which is never signed (brief 11).
    pub(crate) fn fault(service: Service, family: Family, code: &Code) -> Self {
        Self::new(500, Body::Xml(soap_fault(service, family, code).into_bytes()))
    }
}

fn soap_fault(service: Service, family: Family, code: &Code) -> String {
    let name = match service {
        Service::Files => "FileServiceFaultElement",
        Service::Certificates | Service::PkiFactory => "certificateServiceFaultElement",
    };
    let (namespace, model) = (service.namespace(family), service.model_namespace(family));
    let start = format!("ops:{name} xmlns:ops=\"{namespace}\" xmlns:mod=\"{model}\"");
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

/// An envelope with an empty Header.
pub(crate) fn soap_envelope(body: impl FnOnce(&mut Writer)) -> String {
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

/// The same without a zone.
pub(crate) fn local_timestamp(time: OffsetDateTime) -> String {
    timestamp(time).trim_end_matches('Z').to_owned()
}

/// The text with another year in its first Timestamp element: still well-formed and valid, no longer what was signed.
pub(crate) fn with_other_year(text: &str) -> String {
    let year = text.find("Timestamp>").map_or(0, |at| at + "Timestamp>".len());
    let mut changed = text.to_owned();
    changed.replace_range(year..=year, "3");
    changed
}
