//! The banks' schemas of answers as tables, and the check against them: which elements, in which order, with what in them
//! (bank-channel brief 2.5; the elements of PKI Factory, 5.2).

use avain_xml_security::Element;

use crate::request::ELEMENTS;
use crate::verify::only_child;

mod values;

/// XML signature.
pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Documents of the certificate services of OP and of the Samlink family.
pub(crate) const OP: &str = "http://op.fi/mlp/xmldata/";
/// `xml:id`, which is what the signature of a response of PKI Factory refers to.
const ID: Attribute = ("http://www.w3.org/XML/1998/namespace", "id", Text(1, ANY_LENGTH));
/// What any element may have by XML Schema itself. `nil` is not among them: no schema here lets an element be nil. A `type`
/// is not resolved.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XSI_NAMES: [&str; 3] = ["type", "schemaLocation", "noNamespaceSchemaLocation"];

/// One element of a sequence.
pub(crate) struct Field {
    name: &'static str,
    required: bool,
    most: usize,
    kind: Kind,
}

/// Namespace, name and value of an attribute. All are optional.
type Attribute = (&'static str, &'static str, Kind);

/// What an element or an attribute holds.
#[derive(Clone, Copy)]
enum Kind {
    /// Text of so many characters.
    Text(usize, usize),
    /// One of these texts.
    Word(&'static [&'static str]),
    /// One of these numbers.
    Number(&'static [i64]),
    Boolean,
    Long,
    Double,
    DateTime,
    Date,
    /// Base64 without a limit, which its reader decodes: it may be large.
    Base64,
    /// Base64 of one byte or more, and so many at most.
    Bytes(usize),
    /// Not looked into: whatever the schema leaves open (`xs:anyType`).
    Open,
    /// `ds:Signature`, which is verified before.
    Signature,
    Group(&'static [Field]),
    /// One of these elements, empty, with these attributes.
    OneOf(&'static [(&'static str, &'static [Attribute])]),
}
use Kind::{Base64, Boolean, Bytes, Date, DateTime, Double, Group, Long, Number, OneOf, Open, Signature, Text, Word};

const fn one(name: &'static str, kind: Kind) -> Field {
    Field { name, required: true, most: 1, kind }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, required: false, most: 1, kind }
}

/// One and more.
const fn some(name: &'static str, most: usize, kind: Kind) -> Field {
    Field { name, required: true, most, kind }
}

/// None and more.
const fn any(name: &'static str, kind: Kind) -> Field {
    Field { name, required: false, most: ANY_NUMBER, kind }
}

/// No limit of its own.
const ANY_LENGTH: usize = usize::MAX;
const ANY_NUMBER: usize = usize::MAX;

/// Where a schema has a signature, it is optional and last.
const SIGNATURE: Field = may("Signature", Signature);

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
    may("FileDescriptors", Group(&[some("FileDescriptor", ANY_NUMBER, Group(FILE_DESCRIPTOR))])),
    may("CustomerExtension", Open),
    may("FileType", Open),
    may("UserFileTypes", Group(&[some("UserFileType", ANY_NUMBER, Group(USER_FILE_TYPE))])),
    may("Content", Base64),
    SIGNATURE,
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
    may("FileTypeServices", Group(&[some("FileTypeService", ANY_NUMBER, Group(FILE_TYPE_SERVICE))])),
];

const FILE_TYPE_SERVICE: &[Field] = &[
    one("ServiceId", Text(0, 60)),
    may("ServiceIdOwnerName", Text(0, 256)),
    may("ServiceIdType", Text(0, 80)),
    may("ServiceIdText", Text(0, 80)),
];

/// `CertApplicationResponse` of OP and of the Samlink family.
pub(crate) const CERT_APPLICATION_RESPONSE: &[Field] = &cert_application_response(&[any(
    "Certificate",
    Group(&[one("Name", ANY_TEXT), CERTIFICATE, one("CertificateFormat", ANY_TEXT)]),
)]);

/// The same of Nordea. Its schema is not public: what is recorded fits the others', but what must be there is not known.
pub(crate) const NORDEA_CERT_APPLICATION_RESPONSE: &[Field] = &cert_application_response(&[any(
    "Certificate",
    Group(&[may("Name", ANY_TEXT), CERTIFICATE, may("CertificateFormat", ANY_TEXT)]),
)]);

const ANY_TEXT: Kind = Text(0, ANY_LENGTH);
const CERTIFICATE: Field = one("Certificate", Base64);

const fn cert_application_response(certificates: &'static [Field]) -> [Field; 12] {
    [
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
        may("Certificates", Group(certificates)),
        SIGNATURE,
    ]
}

/// `CreateCertificateResponse` and `RenewCertificateResponse`.
pub(crate) const CERTIFICATES_RESPONSE: &[Field] = &[
    RETURN_CODE,
    RETURN_TEXT,
    one("EncryptionCert", Bytes(10_000)),
    one("SigningCert", Bytes(10_000)),
    one("CACert", Bytes(10_000)),
    REQUEST_ID,
    ENVIRONMENT,
    SIGNATURE,
];

/// `GetBankCertificateResponse`.
pub(crate) const BANK_CERTIFICATE_RESPONSE: &[Field] = &[
    RETURN_CODE,
    RETURN_TEXT,
    one("BankEncryptionCert", Bytes(10_000)),
    one("BankSigningCert", Bytes(10_000)),
    one("BankRootCert", Bytes(10_000)),
    REQUEST_ID,
    SIGNATURE,
];

/// `RevokeCertificateResponse`.
pub(crate) const REVOKE_RESPONSE: &[Field] = &[
    RETURN_CODE,
    RETURN_TEXT,
    some("CertificateSerialNo", ANY_NUMBER, Text(1, 64)),
    one("RevocationTime", DateTime),
    REQUEST_ID,
    ENVIRONMENT,
    SIGNATURE,
];

/// `CertificateStatusResponse`.
pub(crate) const STATUS_RESPONSE: &[Field] = &[
    RETURN_CODE,
    RETURN_TEXT,
    some("CertificateStatus", 10, Group(CERTIFICATE_STATUS)),
    one("Timestamp", DateTime),
    REQUEST_ID,
    SIGNATURE,
];

/// `GetOwnCertificateListResponse`.
pub(crate) const LIST_RESPONSE: &[Field] =
    &[RETURN_CODE, RETURN_TEXT, any("CertificateStatus", Group(CERTIFICATE_STATUS)), REQUEST_ID, SIGNATURE];

const RETURN_CODE: Field = one("ReturnCode", Text(0, 10));
const RETURN_TEXT: Field = one("ReturnText", Text(0, 50));
const REQUEST_ID: Field = one("RequestId", Text(0, 10));
const ENVIRONMENT: Field = may("Environment", Word(&["production", "customertest", "systemtest", "test"]));

const CERTIFICATE_STATUS: &[Field] = &[
    one("CertificateSerialNo", Text(1, 64)),
    one("CertificateType", Word(&["signing", "encryption"])),
    one("MatchingCertificateSerialNo", Text(1, 64)),
    one("Status", OneOf(&[("good", EXPIRY), ("expires_soon", EXPIRY), ("expired", EXPIRY), ("revoked", REVOCATION)])),
];

const EXPIRY: &[Attribute] = &[("", "expiryDate", DateTime)];
const REVOCATION: &[Attribute] = &[("", "revocationDate", DateTime), ("", "CRLReason", Number(&[0, 1, 2, 3, 4, 5, 9]))];

/// Whether a response's children are this sequence, in one namespace. The error names the element that is wrong.
pub(crate) fn check(response: Element<'_>, namespace: &str, fields: &[Field]) -> Result<(), String> {
    let attributes: &[Attribute] = if namespace == ELEMENTS { &[ID] } else { &[] };
    check_attributes(response, attributes)?;
    check_sequence(response, namespace, fields)
}

fn check_sequence(element: Element<'_>, namespace: &str, fields: &[Field]) -> Result<(), String> {
    let mut children = element.children().peekable();
    for field in fields {
        let namespace_of_field = if matches!(field.kind, Signature) { DSIG } else { namespace };
        let mut count = 0;
        while count < field.most
            && let Some(child) = children.next_if(|child| child.is(namespace_of_field, field.name))
        {
            count += 1;
            check_content(child, namespace, field.kind)?;
        }
        if field.required && count == 0 {
            return Err(format!("no {} where the schema has it", field.name));
        }
    }
    if let Some(child) = children.next() {
        return Err(format!("{} where the schema does not have it", child.local_name()));
    }
    let has_text = !trimmed(&element.text_here()).is_empty();
    if has_text { Err(format!("text in {} where the schema does not have it", element.local_name())) } else { Ok(()) }
}

fn check_content(element: Element<'_>, namespace: &str, kind: Kind) -> Result<(), String> {
    if let Open | Signature = kind {
        return Ok(());
    }
    check_attributes(element, &[])?;
    let is_simple = element.children().next().is_none();
    let fits = match kind {
        Group(fields) => return check_sequence(element, namespace, fields),
        OneOf(choices) => return check_choice(element, namespace, choices),
        Base64 => is_simple,
        Bytes(most) => is_simple && element.base64().is_some_and(|bytes| (1..=most).contains(&bytes.len())),
        _ => is_simple && fits(&element.text_here(), kind),
    };
    if fits { Ok(()) } else { Err(format!("{} is not as the schema has it", element.local_name())) }
}

fn check_choice(element: Element<'_>, namespace: &str, choices: &[(&str, &[Attribute])]) -> Result<(), String> {
    let unfit = || format!("{} is not as the schema has it", element.local_name());
    let chosen = only_child(element).filter(|_| trimmed(&element.text()).is_empty()).ok_or_else(unfit)?;
    let choice = choices.iter().find(|(name, _)| chosen.is(namespace, name));
    let (_, attributes) =
        choice.filter(|_| chosen.children().next().is_none() && chosen.text().is_empty()).ok_or_else(unfit)?;
    check_attributes(chosen, attributes)
}

fn check_attributes(element: Element<'_>, declared: &[Attribute]) -> Result<(), String> {
    for (namespace, name) in element.attribute_names() {
        let is_fit = match declared.iter().find(|it| (it.0, it.1) == (namespace, name)) {
            Some((_, _, kind)) => element.attribute(namespace, name).is_some_and(|value| fits(value, *kind)),
            None => namespace == XSI && XSI_NAMES.contains(&name),
        };
        if !is_fit {
            return Err(format!("the attribute {name} of {} is not as the schema has it", element.local_name()));
        }
    }
    Ok(())
}

/// Whether a text is of a simple kind.
fn fits(text: &str, kind: Kind) -> bool {
    match kind {
        Text(min, max) => (min..=max).contains(&text.chars().count()),
        Word(words) => words.contains(&text),
        Number(numbers) => trimmed(text).parse().is_ok_and(|number| numbers.contains(&number)),
        Boolean => matches!(trimmed(text), "true" | "false" | "1" | "0"),
        Long => trimmed(text).parse::<i64>().is_ok(),
        Double => values::is_double(trimmed(text)),
        DateTime => values::is_date_time(trimmed(text)),
        Date => values::is_date(trimmed(text)),
        Base64 | Bytes(_) | Open | Signature | Group(_) | OneOf(_) => false,
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}
