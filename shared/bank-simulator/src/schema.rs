//! The request schemas, read strictly: element order, lengths, required elements and lexical forms
//! (`application_request.xsd` of the joint specification, Nordea's and OP's `CertApplicationRequest`).

use std::collections::BTreeMap;

use avain_xml_security::Element;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::Date;

use crate::xml_dates::{date, is_date_time};

const SIGNATURE_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// A schema: the document element and the sequence in it. `ds:Signature` may follow as the last element.
pub(crate) struct Schema {
    namespace: &'static str,
    name: &'static str,
    sequence: &'static [Rule],
}

#[derive(Clone, Copy)]
struct Rule {
    name: &'static str,
    kind: Kind,
    required: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Text of so many characters.
    Text(usize, usize),
    DateTime,
    Date,
    Boolean,
    Environment,
    Double,
    Long,
    Base64,
    /// One or more `FileReference`.
    References,
    /// Any content.
    Any,
}

const fn required(name: &'static str, kind: Kind) -> Rule {
    Rule { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Rule {
    Rule { name, kind, required: false }
}

/// `ApplicationRequest` of the file service.
pub(crate) const APPLICATION_REQUEST: Schema = Schema {
    namespace: "http://bxd.fi/xmldata/",
    name: "ApplicationRequest",
    sequence: &[
        required("CustomerId", Kind::Text(1, 16)),
        optional("Command", Kind::Text(1, 32)),
        required("Timestamp", Kind::DateTime),
        optional("StartDate", Kind::Date),
        optional("EndDate", Kind::Date),
        optional("Status", Kind::Text(1, 10)),
        optional("ServiceId", Kind::Text(1, 256)),
        required("Environment", Kind::Environment),
        optional("FileReferences", Kind::References),
        optional("UserFilename", Kind::Text(1, 80)),
        optional("TargetId", Kind::Text(1, 80)),
        optional("ExecutionSerial", Kind::Text(1, 32)),
        optional("Encryption", Kind::Boolean),
        optional("EncryptionMethod", Kind::Text(1, 35)),
        optional("Compression", Kind::Boolean),
        optional("CompressionMethod", Kind::Text(1, 35)),
        optional("AmountTotal", Kind::Double),
        optional("TransactionCount", Kind::Long),
        required("SoftwareId", Kind::Text(1, 80)),
        optional("CustomerExtension", Kind::Any),
        optional("FileType", Kind::Text(1, 40)),
        optional("Content", Kind::Base64),
    ],
};

/// `CertApplicationRequest` of Nordea's certificate service.
pub(crate) const NORDEA_CERT_REQUEST: Schema = Schema {
    namespace: "http://filetransfer.nordea.com/xmldata/",
    name: "CertApplicationRequest",
    sequence: &[
        CERT_REQUEST[0],
        CERT_REQUEST[1],
        CERT_REQUEST[2],
        CERT_REQUEST[3],
        CERT_REQUEST[4],
        CERT_REQUEST[5],
        CERT_REQUEST[6],
        CERT_REQUEST[7],
        CERT_REQUEST[8],
        CERT_REQUEST[9],
        CERT_REQUEST[10],
        CERT_REQUEST[11],
        CERT_REQUEST[12],
        CERT_REQUEST[13],
        optional("HMAC", Kind::Base64),
    ],
};

/// `CertApplicationRequest` of OP's certificate service, which is Samlink's too.
pub(crate) const OP_CERT_REQUEST: Schema =
    Schema { namespace: "http://op.fi/mlp/xmldata/", name: "CertApplicationRequest", sequence: &CERT_REQUEST };

const CERT_REQUEST: [Rule; 14] = [
    required("CustomerId", Kind::Text(1, 16)),
    required("Timestamp", Kind::DateTime),
    required("Environment", Kind::Environment),
    required("SoftwareId", Kind::Text(1, 80)),
    optional("Command", Kind::Text(1, 32)),
    optional("ExecutionSerial", Kind::Text(1, 32)),
    optional("Encryption", Kind::Boolean),
    optional("EncryptionMethod", Kind::Text(1, 35)),
    optional("Compression", Kind::Boolean),
    optional("CompressionMethod", Kind::Text(1, 35)),
    required("Service", Kind::Text(0, usize::MAX)),
    optional("Content", Kind::Base64),
    optional("TransferKey", Kind::Text(1, 32)),
    optional("SerialNumber", Kind::Text(1, 25)),
];

/// The values of a request that its schema accepts.
pub(crate) struct Request {
    values: BTreeMap<&'static str, String>,
    /// The file references, in document order.
    pub(crate) references: Vec<String>,
    /// Whether the document carries a signature (not yet verified).
    pub(crate) signed: bool,
}

impl Request {
    /// An element's text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether a boolean element is there and true.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        matches!(self.text(name).map(str::trim), Some("true" | "1"))
    }

    /// A date element.
    pub(crate) fn date(&self, name: &str) -> Option<Date> {
        self.text(name).and_then(date)
    }

    /// The bytes of a base64 element.
    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.text(name).and_then(from_base64)
    }
}

impl Schema {
    /// Reads a document; none if the schema does not accept it. Not `strictly`, the elements may stand in any order, and
    /// elements that the schema does not know are passed over.
    pub(crate) fn read(&self, root: Element<'_>, strictly: bool) -> Option<Request> {
        if !root.is(self.namespace, self.name) || !root.text().trim().is_empty() || strictly && !is_plain(root) {
            return None;
        }
        let mut request = Request { values: BTreeMap::new(), references: Vec::new(), signed: false };
        let mut children = root.children().peekable();
        for rule in self.sequence {
            let child = if strictly {
                children.next_if(|child| child.is(self.namespace, rule.name))
            } else {
                root.children().find(|child| child.is(self.namespace, rule.name))
            };
            match child {
                Some(child) => self.take(rule, child, strictly, &mut request)?,
                None if rule.required => return None,
                None => {}
            }
        }
        if !strictly {
            request.signed = root.child(SIGNATURE_NAMESPACE, "Signature").is_some();
            let twice = |rule: &Rule| root.children().filter(|child| child.is(self.namespace, rule.name)).count() > 1;
            return (!self.sequence.iter().any(twice)).then_some(request);
        }
        request.signed = children.next_if(|child| child.is(SIGNATURE_NAMESPACE, "Signature")).is_some();
        children.next().is_none().then_some(request)
    }

    fn take(&self, rule: &Rule, child: Element<'_>, strictly: bool, request: &mut Request) -> Option<()> {
        let has_attributes = !matches!(rule.kind, Kind::Any) && !is_plain(child);
        if strictly && (has_attributes || child.children().any(|reference| !is_plain(reference))) {
            return None;
        }
        match rule.kind {
            Kind::References => request.references = self.references(child)?,
            Kind::Any => {}
            _ => {
                let text = child.text();
                if child.children().next().is_some() || !rule.kind.accepts(&text) {
                    return None;
                }
                request.values.insert(rule.name, text);
            }
        }
        Some(())
    }

    fn references(&self, list: Element<'_>) -> Option<Vec<String>> {
        if !list.text().trim().is_empty() {
            return None;
        }
        let references: Option<Vec<String>> = list
            .children()
            .map(|child| {
                let text = child.text();
                let valid = child.is(self.namespace, "FileReference")
                    && child.children().next().is_none()
                    && Kind::Text(1, 32).accepts(&text);
                valid.then_some(text)
            })
            .collect();
        references.filter(|references| !references.is_empty())
    }
}

/// Whether an element has no attributes but those that XML Schema allows everywhere; nothing here may be nil.
fn is_plain(element: Element<'_>) -> bool {
    const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
    const ALLOWED: [&str; 3] = ["type", "schemaLocation", "noNamespaceSchemaLocation"];
    element.attribute_names().all(|(namespace, name)| namespace == INSTANCE && ALLOWED.contains(&name))
}

impl Kind {
    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Text(least, most) => (*least..=*most).contains(&text.chars().count()),
            Self::DateTime => is_date_time(text.trim()),
            Self::Date => date(text).is_some(),
            Self::Boolean => matches!(text.trim(), "true" | "false" | "1" | "0"),
            Self::Environment => matches!(text.trim(), "PRODUCTION" | "TEST"),
            Self::Double => {
                let text = text.trim();
                matches!(text, "INF" | "-INF" | "NaN")
                    || (!text.contains(|character: char| !matches!(character, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
                        && text.parse::<f64>().is_ok())
            }
            Self::Long => text.trim().parse::<i64>().is_ok(),
            Self::Base64 => from_base64(text).is_some(),
            Self::References | Self::Any => true,
        }
    }
}

/// Decodes `xs:base64Binary`: standard alphabet with padding; line breaks and blanks may stand anywhere.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.split([' ', '\t', '\r', '\n']).collect();
    STANDARD.decode(compact).ok()
}
