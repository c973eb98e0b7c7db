//! The requests of Danske Bank's PKI Factory, read strictly (`PKIFactory.xsd` and the service's WSDL; brief 5.2).

use std::collections::BTreeMap;

use avain_xml_security::Element;

use crate::Operation;
use crate::operation::PKI_FACTORY;
use crate::schema::from_base64;
use crate::xml_dates::is_date_time;

pub(crate) const ELEMENTS: &str = "http://danskebank.dk/PKI/PKIFactoryService/elements";
const SIGNATURE_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// The longest certificate request, in bytes.
const LONGEST_PKCS10: usize = 10_000;

/// A request's header.
#[derive(Debug, Clone, Default)]
pub(crate) struct PkiHeader {
    pub(crate) sender: String,
    pub(crate) customer: String,
    pub(crate) request: String,
    pub(crate) version: String,
    pub(crate) environment: Option<String>,
}

/// The values of a request that its schema accepts.
pub(crate) struct PkiRequest {
    values: BTreeMap<&'static str, Vec<String>>,
    /// Whether everything but what is named (`ExceptCertificateSerialNo`) is to be revoked.
    pub(crate) revokes_all: bool,
}

/// What the schema does not accept: an element's name.
pub(crate) struct Invalid(pub(crate) String);

struct Rule {
    name: &'static str,
    valid: fn(&str) -> bool,
    least: usize,
    most: usize,
}

const fn one(name: &'static str, valid: fn(&str) -> bool) -> Rule {
    Rule { name, valid, least: 1, most: 1 }
}

const fn optional(name: &'static str, valid: fn(&str) -> bool) -> Rule {
    Rule { name, valid, least: 0, most: 1 }
}

const HEADER: &[Rule] = &[
    one("SenderId", is_customer),
    one("CustomerId", is_customer),
    one("RequestId", up_to_10),
    one("Timestamp", is_time),
    one("InterfaceVersion", is_version),
    optional("Environment", is_environment),
];

const CREATE: &[Rule] = &[
    one("CustomerId", is_customer),
    one("KeyGeneratorType", is_generator),
    one("EncryptionCertPKCS10", is_pkcs10),
    one("SigningCertPKCS10", is_pkcs10),
    one("Timestamp", is_time),
    one("RequestId", up_to_10),
    optional("Environment", is_environment),
    one("PIN", up_to_10),
];

const RENEW: &[Rule] = &[
    one("CustomerId", is_customer),
    one("KeyGeneratorType", is_generator),
    one("EncryptionCertPKCS10", is_pkcs10),
    one("SigningCertPKCS10", is_pkcs10),
    one("Timestamp", is_time),
    one("RequestId", up_to_10),
    optional("Environment", is_environment),
];

/// Between CustomerId and these stands either RevokeAll or `CertificateSerialNo`.
const REVOKE: &[Rule] = &[
    one("KeyGeneratorType", is_generator),
    one("CustomerId", is_customer),
    Rule { name: "CertificateSerialNo", valid: is_serial, least: 0, most: 10 },
    optional("CRLReason", is_reason),
    one("Timestamp", is_time),
    one("RequestId", up_to_10),
    optional("Environment", is_environment),
];

const STATUS: &[Rule] = &[
    one("KeyGeneratorType", is_generator),
    Rule { name: "CertificateSerialNo", valid: is_serial, least: 1, most: 10 },
    one("CustomerId", is_customer),
    one("Timestamp", is_time),
    one("RequestId", up_to_10),
];

const LIST: &[Rule] = &[
    one("KeyGeneratorType", is_generator),
    one("CustomerId", is_customer),
    one("Timestamp", is_time),
    one("RequestId", up_to_10),
];

const BANK: &[Rule] =
    &[one("BankRootCertificateSerialNo", is_serial), one("Timestamp", is_time), one("RequestId", up_to_10)];

impl PkiRequest {
    /// An element's text; empty where it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.all(name).first().map_or("", String::as_str)
    }

    /// The texts of an element that repeats.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        from_base64(self.text(name)).unwrap_or_default()
    }
}

/// Header and the element after it.
pub(crate) fn parts(call: Element<'_>) -> Result<(PkiHeader, Element<'_>), Invalid> {
    let mut children = call.children();
    let (Some(header), Some(content), None) = (children.next(), children.next(), children.next()) else {
        return Err(Invalid(call.local_name().to_owned()));
    };
    if !header.is(PKI_FACTORY, "RequestHeader") {
        return Err(Invalid("RequestHeader".into()));
    }
    let mut values = BTreeMap::new();
    let mut fields = header.children().peekable();
    read(HEADER, PKI_FACTORY, &mut fields, &mut values)?;
    end(fields)?;
    Ok((header_of(call), content))
}

/// The header's fields as far as they are there: for what is said about a header that is not valid.
pub(crate) fn header_of(call: Element<'_>) -> PkiHeader {
    let header = call.child(PKI_FACTORY, "RequestHeader");
    let field = |name| header.and_then(|header| header.child(PKI_FACTORY, name)).map(|field| field.text());
    PkiHeader {
        sender: field("SenderId").unwrap_or_default(),
        customer: field("CustomerId").unwrap_or_default(),
        request: field("RequestId").unwrap_or_default(),
        version: field("InterfaceVersion").unwrap_or_default(),
        environment: field("Environment"),
    }
}

/// The request of an operation.
pub(crate) fn request(operation: Operation, element: Element<'_>) -> Result<PkiRequest, Invalid> {
    let (rules, signed) = match operation {
        Operation::CreateCertificate => (CREATE, false),
        Operation::RenewCertificate => (RENEW, true),
        Operation::RevokeCertificate => (REVOKE, true),
        Operation::CertificateStatus => (STATUS, true),
        Operation::GetOwnCertificateList => (LIST, true),
        _ => (BANK, false),
    };
    let name = format!("{}Request", operation.name());
    if !element.is(ELEMENTS, &name) || !element.text().trim().is_empty() {
        return Err(Invalid(name));
    }
    let mut request = PkiRequest { values: BTreeMap::new(), revokes_all: false };
    let mut children = element.children().peekable();
    if operation == Operation::RevokeCertificate {
        read(&rules[..2], ELEMENTS, &mut children, &mut request.values)?;
        if let Some(all) = children.next_if(|child| child.is(ELEMENTS, "RevokeAll")) {
            request.revokes_all = true;
            let exceptions = [Rule { name: "ExceptCertificateSerialNo", valid: is_serial, least: 0, most: 10 }];
            let mut excepted = all.children().peekable();
            read(&exceptions, ELEMENTS, &mut excepted, &mut request.values)?;
            end(excepted)?;
        } else if children.peek().is_none_or(|child| !child.is(ELEMENTS, "CertificateSerialNo")) {
            return Err(Invalid("CertificateSerialNo".into()));
        }
        let rest = if request.revokes_all { &rules[3..] } else { &rules[2..] };
        read(rest, ELEMENTS, &mut children, &mut request.values)?;
    } else {
        read(rules, ELEMENTS, &mut children, &mut request.values)?;
    }
    if signed {
        children.next_if(|child| child.is(SIGNATURE_NAMESPACE, "Signature"));
    }
    end(children)?;
    Ok(request)
}

fn read<'d>(
    rules: &[Rule],
    namespace: &str,
    children: &mut std::iter::Peekable<impl Iterator<Item = Element<'d>>>,
    values: &mut BTreeMap<&'static str, Vec<String>>,
) -> Result<(), Invalid> {
    for rule in rules {
        let mut texts = Vec::new();
        while texts.len() < rule.most
            && let Some(child) = children.next_if(|child| child.is(namespace, rule.name))
        {
            let text = child.text();
            if child.children().next().is_some() || !(rule.valid)(&text) {
                return Err(Invalid(rule.name.to_owned()));
            }
            texts.push(text);
        }
        if texts.len() < rule.least {
            return Err(Invalid(rule.name.to_owned()));
        }
        values.insert(rule.name, texts);
    }
    Ok(())
}

fn end<'d>(mut children: impl Iterator<Item = Element<'d>>) -> Result<(), Invalid> {
    match children.next() {
        None => Ok(()),
        Some(child) => Err(Invalid(child.local_name().to_owned())),
    }
}

fn is_customer(text: &str) -> bool {
    text.chars().count() == 6
}

fn up_to_10(text: &str) -> bool {
    text.chars().count() <= 10
}

fn is_version(text: &str) -> bool {
    (1..=10).contains(&text.chars().count())
}

fn is_serial(text: &str) -> bool {
    (1..=64).contains(&text.chars().count())
}

fn is_time(text: &str) -> bool {
    is_date_time(text.trim())
}

fn is_environment(text: &str) -> bool {
    matches!(text, "production" | "customertest" | "systemtest" | "test")
}

fn is_generator(text: &str) -> bool {
    matches!(text, "software" | "HSM")
}

fn is_reason(text: &str) -> bool {
    matches!(text.trim(), "0" | "1" | "2" | "3" | "4" | "5" | "9")
}

fn is_pkcs10(text: &str) -> bool {
    from_base64(text).is_some_and(|bytes| (1..=LONGEST_PKCS10).contains(&bytes.len()))
}
