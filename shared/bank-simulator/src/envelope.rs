//! Reading the SOAP Body of a request: operation, header, payload (brief 2.1).

use avain_xml_security::{Document, Element};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::bank::Family;
use crate::code::{self, Refusal};
use crate::operation::{Operation, Service};
use crate::schema::from_base64;
use crate::ways;
use crate::xml_dates::is_date_time;

/// The header fields that an answer copies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Echo {
    pub(crate) sender: String,
    pub(crate) request: String,
    pub(crate) receiver: String,
}

/// The one element in the Body and the operation that it names; else a SOAP Fault (05, 06).
pub(crate) fn call(body: Element<'_>, service: Service, family: Family) -> Result<(Operation, Element<'_>), Refusal> {
    let mut children = body.children();
    let (Some(call), None) = (children.next(), children.next()) else {
        return Err(Refusal::SoapFault(code::OPERATION_UNKNOWN));
    };
    let ways = ways::of(family);
    if call.namespace() != service.namespace(family) {
        return Err(Refusal::SoapFault(code::OPERATION_UNKNOWN));
    }
    if ways.restricted.contains(&call.local_name()) {
        return Err(Refusal::SoapFault(code::OPERATION_RESTRICTED));
    }
    let suffix = if service == Service::PkiFactory { "In" } else { "in" };
    let mut offered = ways.offered.iter().copied().filter(|operation| operation.service() == service);
    offered
        .find(|operation| call.local_name().strip_suffix(suffix) == Some(operation.name()))
        .map(|operation| (operation, call))
        .ok_or(Refusal::SoapFault(code::OPERATION_UNKNOWN))
}

/// The header fields that an answer copies, as far as they are there: for answers that refuse the header itself.
pub(crate) fn echo(call: Element<'_>, service: Service, family: Family) -> Echo {
    let model = service.model_namespace(family);
    let field = |name| {
        call.child(model, "RequestHeader")
            .and_then(|header| header.child(model, name))
            .map(|field| field.text())
            .filter(|text| is_id(text))
            .unwrap_or_default()
    };
    Echo { sender: field("SenderId"), request: field("RequestId"), receiver: field("ReceiverId") }
}

/// Header and payload: the WSDL's sequence with every field present (WSDL) and the joint specification's lengths; else 12.
/// The payload is still in base64: see [`payload`].
pub(crate) fn request(call: Element<'_>, service: Service, family: Family) -> Result<(Echo, Element<'_>), Refusal> {
    let model = service.model_namespace(family);
    let mut parts = call.children();
    let (Some(header), Some(payload), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(code::SCHEMA.into());
    };
    if !header.is(model, "RequestHeader")
        || !payload.is(model, "ApplicationRequest")
        || payload.children().next().is_some()
    {
        return Err(code::SCHEMA.into());
    }
    let fields: &[(&str, Check)] = match service {
        Service::Files => &[
            ("SenderId", is_id),
            ("RequestId", is_id),
            ("Timestamp", is_time),
            ("Language", |text| matches!(text, "" | "EN" | "FI" | "SV" | "SE")),
            ("UserAgent", |text| text.chars().count() <= 35),
            ("ReceiverId", |text| text.chars().count() <= 35),
        ],
        _ => &[("SenderId", is_id), ("RequestId", is_id), ("Timestamp", is_time)],
    };
    let mut children = header.children();
    for (name, valid) in fields {
        let child = children.next().filter(|child| child.is(model, name) && child.children().next().is_none());
        if !child.is_some_and(|child| valid(&child.text())) {
            return Err(code::SCHEMA.into());
        }
    }
    if children.next().is_some() {
        return Err(code::SCHEMA.into());
    }
    let echo = echo(call, service, family);
    if echo.request.chars().count() > ways::of(family).longest_request_id {
        return Err(code::SCHEMA.into());
    }
    Ok((echo, payload))
}

/// The payload's bytes; else 12.
pub(crate) fn payload(payload: Element<'_>) -> Result<Vec<u8>, Refusal> {
    from_base64(&payload.text()).filter(|bytes| !bytes.is_empty()).ok_or(code::SCHEMA.into())
}

const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// Whether the Security header's Timestamp, where there is one, is of now, with `skew` to both sides.
pub(crate) fn is_timely(document: &Document<'_>, now: OffsetDateTime, skew: Duration) -> bool {
    let header = document.root().children().next().filter(|header| header.local_name() == "Header");
    let security = header.and_then(|header| header.child(WSSE, "Security"));
    let Some(timestamp) = security.and_then(|security| security.child(WSU, "Timestamp")) else { return true };
    let time = |name| {
        let text = timestamp.child(WSU, name)?.text();
        OffsetDateTime::parse(text.trim(), &Rfc3339).ok()
    };
    time("Created").zip(time("Expires")).is_some_and(|(created, end)| now + skew >= created && now - skew <= end)
}

/// Whether a field's text is as it must be.
type Check = fn(&str) -> bool;

fn is_id(text: &str) -> bool {
    (1..=35).contains(&text.chars().count()) && !text.contains(char::is_control)
}

fn is_time(text: &str) -> bool {
    is_date_time(text.trim())
}
