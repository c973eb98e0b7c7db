//! The banks' schemas of answers as tables, and the check against them: which elements, in which order, with what in them
//! (bank-channel brief 2.5; the elements of PKI Factory, 5.2).

use avain_xml_security::Element;

/// XML signature: where a schema has a Signature, it is optional and last.
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// One element of a sequence.
pub(crate) struct Field {
    name: &'static str,
    required: bool,
    many: bool,
    kind: Kind,
}

/// What an element holds.
#[derive(Clone, Copy)]
enum Kind {
    /// Text of so many characters.
    Text(usize, usize),
    Boolean,
    Long,
    Double,
    DateTime,
    Date,
    /// Not looked into here: base64, which its reader decodes, and whatever the schema leaves open.
    Open,
    Group(&'static [Field]),
}
use Kind::{Boolean, Date, DateTime, Double, Group, Long, Open, Text};

const fn one(name: &'static str, kind: Kind) -> Field {
    Field { name, required: true, many: false, kind }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, required: false, many: false, kind }
}

const fn many(name: &'static str, required: bool, kind: Kind) -> Field {
    Field { name, required, many: true, kind }
}

/// No limit of its own.
const ANY_LENGTH: usize = usize::MAX;

/// `ApplicationResponse`.
pub(crate) const APPLICATION_RESPONSE: &[Field] = &[
    one("CustomerId", Text(1, 16)),
    one("Timestamp", DateTime),
    one("ResponseCode", Text(1, 16)),
    one("ResponseText", Text(1, 80)),
    may("ExecutionSerial", Text(1, 32)),
    may("Encrypted", Boolean),
    may("EncryptionMethod", Text(1, 35)),
    may("Compressed", Boolean),
    may("CompressionMethod", Text(1, 35)),
    may("AmountTotal", Double),
    may("TransactionCount", Long),
    may("FileDescriptors", Group(&[many("FileDescriptor", true, Group(FILE_DESCRIPTOR))])),
    may("CustomerExtension", Open),
    may("FileType", Text(0, 40)),
    may("UserFileTypes", Group(&[many("UserFileType", true, Group(USER_FILE_TYPE))])),
    may("Content", Open),
];

const FILE_DESCRIPTOR: &[Field] = &[
    one("FileReference", Text(1, 32)),
    one("TargetId", Text(1, 80)),
    may("ServiceId", Text(1, 256)),
    may("ServiceIdOwnerName", Text(1, 256)),
    may("UserFilename", Text(1, 80)),
    may("ParentFileReference", Text(1, 16)),
    one("FileType", Text(1, 40)),
    one("FileTimestamp", DateTime),
    one("Status", Text(1, 10)),
    may("AmountTotal", Double),
    may("TransactionCount", Long),
    may("LastDownloadTimestamp", DateTime),
    may("ForwardedTimestamp", DateTime),
    may("Confirmable", Boolean),
    may("Deletable", Boolean),
    may("SubStatus", Text(1, 35)),
    may("SubStatusText", Text(1, 70)),
    may("MissingTransactions", Boolean),
    may("SubType", Text(1, 35)),
    may("FeedbackFileAttributes", Group(FEEDBACK_FILE)),
];

const FEEDBACK_FILE: &[Field] = &[
    one("FeedbackFileReference", Text(1, 16)),
    may("FeedbackFileType", Text(1, 35)),
    may("FeedbackFileTypeName", Text(1, 80)),
    may("FeedbackFileStatus", Text(1, 16)),
    may("FeedbackFileDate", Date),
    may("FeedbackFilestamp", DateTime),
    may("FeedbackServiceId", Text(1, 35)),
    may("FileActionHistory", Text(1, 16)),
];

const USER_FILE_TYPE: &[Field] = &[
    one("TargetId", Text(0, 80)),
    may("FileType", Text(0, 35)),
    may("FileTypeName", Text(0, 80)),
    may("Country", Open),
    may("Direction", Open),
    may("FileTypeServices", Group(&[many("FileTypeService", true, Group(FILE_TYPE_SERVICE))])),
];

const FILE_TYPE_SERVICE: &[Field] = &[
    one("ServiceId", Text(0, 60)),
    may("ServiceIdOwnerName", Text(0, 256)),
    may("ServiceIdType", Text(0, 80)),
    may("ServiceIdText", Text(0, 80)),
];

/// `CertApplicationResponse`. Nordea's schema is not public; its answers follow the others'.
pub(crate) const CERT_APPLICATION_RESPONSE: &[Field] = &[
    one("CustomerId", Text(1, 16)),
    one("Timestamp", DateTime),
    one("ResponseCode", Text(1, 16)),
    one("ResponseText", Text(1, 80)),
    may("ExecutionSerial", Text(1, 32)),
    may("Encrypted", Boolean),
    may("EncryptionMethod", Text(1, 35)),
    may("Compressed", Boolean),
    may("CompressionMethod", Text(1, 35)),
    may("CustomerExtension", Open),
    may("Certificates", Group(&[many("Certificate", false, Group(CERTIFICATE))])),
];

const CERTIFICATE: &[Field] =
    &[may("Name", Text(0, ANY_LENGTH)), one("Certificate", Open), may("CertificateFormat", Text(0, ANY_LENGTH))];

/// `CreateCertificateResponse` and `RenewCertificateResponse`.
pub(crate) const CERTIFICATES_RESPONSE: &[Field] = &[
    one("ReturnCode", Text(0, 10)),
    one("ReturnText", Text(0, 50)),
    one("EncryptionCert", Open),
    one("SigningCert", Open),
    one("CACert", Open),
    one("RequestId", Text(0, 10)),
    may("Environment", Text(1, 12)),
];

/// `GetBankCertificateResponse`.
pub(crate) const BANK_CERTIFICATE_RESPONSE: &[Field] = &[
    one("ReturnCode", Text(0, 10)),
    one("ReturnText", Text(0, 50)),
    one("BankEncryptionCert", Open),
    one("BankSigningCert", Open),
    one("BankRootCert", Open),
    one("RequestId", Text(0, 10)),
];

/// `RevokeCertificateResponse`.
pub(crate) const REVOKE_RESPONSE: &[Field] = &[
    one("ReturnCode", Text(0, 10)),
    one("ReturnText", Text(0, 50)),
    many("CertificateSerialNo", true, Text(1, 64)),
    one("RevocationTime", DateTime),
    one("RequestId", Text(0, 10)),
    may("Environment", Text(1, 12)),
];

/// `CertificateStatusResponse`.
pub(crate) const STATUS_RESPONSE: &[Field] = &[
    one("ReturnCode", Text(0, 10)),
    one("ReturnText", Text(0, 50)),
    many("CertificateStatus", true, Group(CERTIFICATE_STATUS)),
    one("Timestamp", DateTime),
    one("RequestId", Text(0, 10)),
];

/// `GetOwnCertificateListResponse`.
pub(crate) const LIST_RESPONSE: &[Field] = &[
    one("ReturnCode", Text(0, 10)),
    one("ReturnText", Text(0, 50)),
    many("CertificateStatus", false, Group(CERTIFICATE_STATUS)),
    one("RequestId", Text(0, 10)),
];

const CERTIFICATE_STATUS: &[Field] = &[
    one("CertificateSerialNo", Text(1, 64)),
    one("CertificateType", Text(1, 10)),
    one("MatchingCertificateSerialNo", Text(1, 64)),
    one("Status", Open),
];

/// Whether an element's children are this sequence, in one namespace, with a Signature last or none. The error names the
/// element that is wrong.
pub(crate) fn check(element: Element<'_>, namespace: &str, fields: &[Field]) -> Result<(), String> {
    let mut children = element.children().filter(|child| !child.is(DSIG, "Signature")).peekable();
    for field in fields {
        let mut count = 0;
        while children.peek().is_some_and(|child| child.is(namespace, field.name)) && (field.many || count == 0) {
            count += 1;
            if let Some(child) = children.next() {
                check_content(child, namespace, field.kind)?;
            }
        }
        if field.required && count == 0 {
            return Err(format!("no {} where the schema has it", field.name));
        }
    }
    match children.next() {
        None => Ok(()),
        Some(child) => Err(format!("{} where the schema does not have it", child.local_name())),
    }
}

fn check_content(element: Element<'_>, namespace: &str, kind: Kind) -> Result<(), String> {
    if let Group(fields) = kind {
        return check(element, namespace, fields);
    }
    if let Open = kind {
        return Ok(());
    }
    let text = element.text();
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    let fits = match kind {
        Text(min, max) => element.children().next().is_none() && (min..=max).contains(&text.chars().count()),
        Boolean => matches!(trimmed, "true" | "false" | "1" | "0"),
        Long => trimmed.parse::<i64>().is_ok(),
        Double => trimmed.parse::<f64>().is_ok(),
        DateTime => is_date_time(trimmed),
        Date => trimmed.get(..10).is_some_and(is_date) && trimmed.get(10..).is_some_and(is_zone),
        Open | Group(_) => true,
    };
    if fits { Ok(()) } else { Err(format!("{} is not as the schema has it", element.local_name())) }
}

/// xs:dateTime, with or without fraction and zone.
fn is_date_time(text: &str) -> bool {
    let (Some(date), Some(time), Some(rest)) = (text.get(..10), text.get(10..19), text.get(19..)) else { return false };
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    is_date(date) && is_like(time, "T00:00:00") && is_zone(zone)
}

fn is_date(text: &str) -> bool {
    is_like(text, "0000-00-00")
}

fn is_zone(text: &str) -> bool {
    matches!(text, "" | "Z") || is_like(text, "+00:00") || is_like(text, "-00:00")
}

/// Whether a text is a pattern in which 0 stands for any digit.
fn is_like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(is, like)| if like == b'0' { is.is_ascii_digit() } else { is == like })
}

#[cfg(test)]
mod tests {
    use super::{is_date_time, is_zone};

    #[test]
    fn times_as_banks_write_them() {
        for good in [
            "2006-03-03T00:00:00.0Z",
            "2012-02-17T14:10:00",
            "2023-08-31T20:27:39.387",
            "2019-02-28T02:04:47.084+02:00",
            "2027-01-15T10:00:30Z",
        ] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in ["", "2027-01-15", "2027-01-15 10:00:30", "2027-01-15T10:00:30.Z", "2027-01-15T10:00:30+2", "ä"] {
            assert!(!is_date_time(bad), "{bad}");
        }
        assert!(is_zone("-11:00") && !is_zone("11:00"));
    }
}
