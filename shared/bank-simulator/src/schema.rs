//! The request schemas, read strictly: element order, lengths, required elements and lexical forms
//! (`application_request.xsd` of the joint specification, Nordea's and OP's `CertApplicationRequest`).

use std::collections::BTreeMap;

use avain_xml_security::Element;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::{Date, Month};

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
        if !root.is(self.namespace, self.name) || !root.text().trim().is_empty() {
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
                Some(child) => self.take(rule, child, &mut request)?,
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

    fn take(&self, rule: &Rule, child: Element<'_>, request: &mut Request) -> Option<()> {
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

/// Whether the text is an `xs:dateTime`: `2027-01-15T10:00:00`, with a fraction and a zone if they are given.
pub(crate) fn is_date_time(text: &str) -> bool {
    let Some((day, rest)) = text.split_once('T') else { return false };
    let Some(clock) = without_zone(rest) else { return false };
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let parts: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = parts.as_slice() else { return false };
    plain_date(day).is_some()
        && number(hour, 2).is_some_and(|hour| hour < 24)
        && number(minute, 2).is_some_and(|minute| minute < 60)
        && number(second, 2).is_some_and(|second| second < 60)
        && fraction.is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// An `xs:date`, with its zone (if it has one) left out.
fn date(text: &str) -> Option<Date> {
    plain_date(without_zone(text.trim())?)
}

fn plain_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let year = number(year, 4)?;
    let month = Month::try_from(u8::try_from(number(month, 2)?).ok()?).ok()?;
    let day = u8::try_from(number(day, 2)?).ok()?;
    if parts.next().is_some() {
        return None;
    }
    Date::from_calendar_date(i32::try_from(year).ok()?, month, day).ok()
}

/// The text without `Z` or an offset of at most 14 hours at its end; none if the offset is malformed.
fn without_zone(text: &str) -> Option<&str> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some(local);
    }
    let Some(at) = text.len().checked_sub(6).filter(|at| text.is_char_boundary(*at)) else { return Some(text) };
    let (local, offset) = text.split_at(at);
    let Some((hours, minutes)) = offset.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':')) else {
        return Some(text);
    };
    let valid = number(hours, 2)? <= 14 && number(minutes, 2)? < 60;
    valid.then_some(local)
}

fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{date, is_date_time};

    #[test]
    fn dates_and_times_are_read_as_xml_schema_writes_them() {
        for text in
            ["2027-01-15T10:00:00Z", "2006-03-03T00:00:00.0Z", "2014-08-06T10:34:40+02:00", "2012-02-29T23:59:59"]
        {
            assert!(is_date_time(text), "{text}");
        }
        for text in [
            "2027-01-15",
            "2027-02-29T10:00:00Z",
            "2027-01-15T24:00:01Z",
            "2027-01-15T10:00Z",
            "2027-1-15T10:00:00Z",
            "",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
        assert!(date("2009-12-05+02:00").is_some());
        assert!(date("2009-12-05").is_some());
        assert!(date("2009-12-05+15:00").is_none());
        assert!(date("05.12.2009").is_none());
    }
}
