//! Faults: what a bank's service says instead of an answer. They are not signed.

use avain_xml_security::Element;

use crate::Error;
use crate::operation::SOAP;
use crate::verify::{clean, only_child};

/// Danske Bank's certificate service.
pub(crate) const PKI_FACTORY: &str = "http://danskebank.dk/PKI/PKIFactoryService";

/// A fault in the Body of a SOAP 1.1 envelope: code and text, and what the bank adds in its detail; or the one of PKI
/// Factory, which is directly in the Body (bank-channel brief 5.2).
pub(crate) fn fault(envelope: Element<'_>) -> Option<Error> {
    if !envelope.is(SOAP, "Envelope") {
        return None;
    }
    let body = envelope.child(SOAP, "Body")?;
    if let Some(fault) = only_child(body).filter(|it| is_factory_fault(*it)) {
        return Some(factory_fault(fault));
    }
    let fault = body.children().find(|child| child.is(SOAP, "Fault"))?;
    let detail = fault.child("", "detail").into_iter().flat_map(|detail| detail.children());
    let details: Vec<Element<'_>> = detail.flat_map(|element| element.children()).collect();
    let said = fault.children().filter(|child| child.local_name() != "detail").chain(details.iter().copied());
    let code = details.iter().find(|it| it.local_name() == "code").map(|it| clean(&it.text()));
    Some(Error::Fault { code: code.filter(|code| !code.is_empty()), unverified: joined(said) })
}

/// `PKIFactoryServiceFault`; the WSDL calls it ...FaultElement.
fn is_factory_fault(element: Element<'_>) -> bool {
    element.namespace() == PKI_FACTORY
        && matches!(element.local_name(), "PKIFactoryServiceFault" | "PKIFactoryServiceFaultElement")
}

fn factory_fault(fault: Element<'_>) -> Error {
    let code = fault.child(PKI_FACTORY, "ReturnCode").map(|it| clean(&it.text())).filter(|code| !code.is_empty());
    let parts = ["ReturnCode", "ReturnText", "AdditionalReturnText"];
    Error::Fault { code, unverified: joined(parts.into_iter().filter_map(|name| fault.child(PKI_FACTORY, name))) }
}

fn joined<'d>(said: impl Iterator<Item = Element<'d>>) -> String {
    let said: Vec<String> = said.map(|element| clean(&element.text())).filter(|text| !text.is_empty()).collect();
    clean(&said.join(": "))
}
