//! In what the families differ, as data (brief 1 to 7 and 10). What a source does not tell is said where it is filled in.

use avain_xml_security::{C14n, Hash};
use time::Duration;

use crate::bank::Family;
use crate::code::{self, Code};
use crate::file_types::{self, FileType};
use crate::operation::Operation;
use crate::report::Reports;

/// The ways of one family.
#[expect(clippy::struct_excessive_bools, reason = "each is a way of its own")]
pub(crate) struct Ways {
    /// What is offered; anything else is unknown (05).
    pub(crate) offered: &'static [Operation],
    /// What the WSDL names and the bank does not offer, or whose content no source tells: refused (06).
    pub(crate) restricted: &'static [&'static str],
    /// Hashes in requests; configuration may say otherwise.
    pub(crate) hashes: &'static [Hash],
    /// Canonicalisation of an application answer's `SignedInfo`, and the one after its enveloped-signature transform.
    pub(crate) canonicalization: (C14n, Option<C14n>),
    /// Whether the order of an `ApplicationRequest`'s elements is enforced, and unknown elements refused.
    pub(crate) strict_schema: bool,
    /// Characters of a `RequestId` at most (brief 12 k).
    pub(crate) longest_request_id: usize,
    /// Whether a bad sender certificate is a SOAP Fault (Nordea) or an answer.
    pub(crate) certificate_faults: bool,
    /// Whether answers of the certificate service carry a SOAP signature.
    pub(crate) signs_certificate_answers: bool,
    /// Whether a second `ApplicationRequest` with the same customer and time is refused (32).
    pub(crate) refuses_repeats: bool,
    /// Whether an upload must be compressed.
    pub(crate) requires_compression: bool,
    /// How many wrong secrets lock the customer out, and a right one works only once; none if no source tells.
    pub(crate) secret_tries: Option<u32>,
    /// Whether application requests are encrypted, and answers.
    pub(crate) encrypts: bool,
    /// Status of a file that was fetched.
    pub(crate) downloaded: &'static str,
    /// Words for Status in requests; and what is said about any other.
    pub(crate) statuses: &'static [&'static str],
    pub(crate) status_rule: &'static str,
    /// Whether a list must name a Status, and a download Status and `FileType`. Of a list Nordea's description asks for a
    /// `FileType` too, and promises all files without one.
    pub(crate) filters_required: bool,
    pub(crate) target: Target,
    /// Whether a download of several files gives the first, or is refused.
    pub(crate) takes_first_reference: bool,
    /// Whether an empty list is 24, or 00 without descriptors.
    pub(crate) empty_list_is_an_error: bool,
    /// Whether an upload waits for the bank's next round (and is listed, and can be deleted until then), or is booked at
    /// once.
    pub(crate) uploads_wait: bool,
    /// What is said about a payment file that is not valid.
    pub(crate) bad_payment: BadPayment,
    pub(crate) references: References,
    pub(crate) file_types: &'static [FileType],
    pub(crate) reports: Reports,
    /// What compression is called in answers.
    pub(crate) compression: &'static str,
    /// What deflate is called in uploads, where it is taken beside GZIP.
    pub(crate) deflate: Option<&'static str>,
    /// How long before its end a certificate may be renewed; none if at any time.
    pub(crate) renewal_window: Option<Duration>,
    /// Whether a new certificate puts the one before out of force.
    pub(crate) replaces_certificates: bool,
    /// Whether a certificate stands in answers as PEM (Samlink), or as DER.
    pub(crate) certificates_as_pem: bool,
    /// Whether Service must be MATU.
    pub(crate) service_is_matu: bool,
    /// Texts and numbers that differ from the joint specification's.
    pub(crate) wording: &'static [(Code, Code)],
    /// The same, in answers of the certificate service.
    pub(crate) certificate_wording: &'static [(Code, Code)],
}

/// What a `TargetId` is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The customer's own; every request but `GetUserInfo` must name it.
    Own,
    /// One for all, which a request may name.
    Fixed(&'static str),
    /// One for all in answers; what a request names is not looked at.
    Free(&'static str),
    /// The file's day in answers (`20120217`); what a request names is not looked at.
    Day,
}

/// What is said about a payment file that is not valid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPayment {
    /// 23; a status report is laid out to be fetched.
    Feedback,
    /// 12 with the status report in Content; nothing is kept.
    Answered,
}

/// The form of file references.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum References {
    /// 24 hexadecimal digits.
    Hex,
    /// Nine digits.
    Digits,
    /// `1202170070-1202171410`: day and number, day and time.
    DayAndTime,
}

/// The ways of a family.
pub(crate) fn of(family: Family) -> &'static Ways {
    match family {
        Family::Nordea => &NORDEA,
        Family::Op => &OP,
        Family::Danske => &DANSKE,
        Family::Samlink => &SAMLINK,
        Family::Common => &COMMON,
    }
}

impl Ways {
    /// The code as this bank says it.
    pub(crate) fn say(&self, code: Code, in_certificate_service: bool) -> Code {
        let own = in_certificate_service.then_some(self.certificate_wording).into_iter().chain([self.wording]);
        own.flatten().find(|(common, _)| *common == code).map_or(code, |(_, own)| own.clone())
    }
}

const LISTS_AND_FILES: [Operation; 3] = [Operation::DownloadFileList, Operation::DownloadFile, Operation::UploadFile];

/// The joint specification's text (2.6); Nordea writes it in two words.
const SCHEMA_IN_ONE_WORD: (Code, Code) = (code::SCHEMA, code::code("12", "Schemavalidation failed."));
/// As Samlink and Danske Bank write it (seen).
const OK_WITHOUT_STOP: (Code, Code) = (code::OK, code::code("00", "OK"));

/// What the joint specification names, and what a source does not tell; each family says how it differs.
const COMMON: Ways = Ways {
    offered: &[
        LISTS_AND_FILES[0],
        LISTS_AND_FILES[1],
        LISTS_AND_FILES[2],
        Operation::DeleteFile,
        Operation::GetUserInfo,
        Operation::GetCertificate,
        Operation::GetServiceCertificates,
    ],
    restricted: &["revokeCertificatein"],
    hashes: &[Hash::Sha256],
    canonicalization: (C14n::Inclusive, None),
    strict_schema: true,
    longest_request_id: 35,
    certificate_faults: false,
    signs_certificate_answers: true,
    refuses_repeats: true,
    requires_compression: false,
    secret_tries: None,
    encrypts: false,
    downloaded: "DLD",
    statuses: &["NEW", "DLD", "ALL"],
    status_rule: "Invalid parameters: Status is NEW, DLD or ALL",
    filters_required: false,
    target: Target::Free("NONE"),
    takes_first_reference: false,
    empty_list_is_an_error: true,
    uploads_wait: true,
    bad_payment: BadPayment::Feedback,
    references: References::Digits,
    file_types: file_types::ISO,
    reports: Reports::ISO_3,
    compression: "GZIP",
    deflate: None,
    renewal_window: None,
    replaces_certificates: false,
    certificates_as_pem: false,
    service_is_matu: false,
    wording: &[SCHEMA_IN_ONE_WORD],
    certificate_wording: &[],
};

const NORDEA: Ways = Ways {
    canonicalization: (C14n::Inclusive, Some(C14n::Inclusive)),
    offered: &[
        LISTS_AND_FILES[0],
        LISTS_AND_FILES[1],
        LISTS_AND_FILES[2],
        Operation::GetUserInfo,
        Operation::GetCertificate,
    ],
    restricted: &["deleteFilein", "getServiceCertificatesin", "revokeCertificatein"],
    certificate_faults: true,
    refuses_repeats: false,
    downloaded: "DOWNLOADED",
    statuses: &["NEW", "DOWNLOADED", "ALL"],
    status_rule: "Invalid parameters: Status is NEW, DOWNLOADED or ALL",
    filters_required: true,
    target: Target::Own,
    uploads_wait: false,
    references: References::Hex,
    file_types: file_types::NORDEA,
    deflate: Some("PKZIP"),
    reports: Reports::ISO_10,
    replaces_certificates: true,
    wording: &[],
    ..COMMON
};

const OP: Ways = Ways {
    canonicalization: (C14n::InclusiveWithComments, None),
    offered: &[
        LISTS_AND_FILES[0],
        LISTS_AND_FILES[1],
        LISTS_AND_FILES[2],
        Operation::DeleteFile,
        Operation::GetCertificate,
        Operation::GetServiceCertificates,
    ],
    restricted: &["getUserInfoin", "revokeCertificatein"],
    signs_certificate_answers: false,
    // OPWEB 2025. What the bank answers to an upload that is not compressed is unknown: 21 here.
    requires_compression: true,
    statuses: &["NEW", "DLD", "WFP", "FWD", "ALL"],
    status_rule: "Invalid parameters: Status is NEW, DLD, WFP, FWD or ALL",
    target: Target::Fixed("MLP"),
    bad_payment: BadPayment::Answered,
    file_types: file_types::OP,
    reports: Reports::ISO_2,
    compression: "RFC1952",
    renewal_window: Some(Duration::days(60)),
    service_is_matu: true,
    ..COMMON
};

const SAMLINK: Ways = Ways {
    canonicalization: (C14n::ExclusiveWithComments, Some(C14n::ExclusiveWithComments)),
    offered: &[LISTS_AND_FILES[0], LISTS_AND_FILES[1], LISTS_AND_FILES[2], Operation::GetCertificate],
    restricted: &[],
    // SHA-1 in traffic up to 2023, SHA-256 since; which bank takes which is unknown.
    hashes: &[Hash::Sha1, Hash::Sha256],
    strict_schema: false,
    takes_first_reference: true,
    empty_list_is_an_error: false,
    uploads_wait: false,
    file_types: file_types::SAMLINK,
    reports: Reports::SAMLINK,
    certificates_as_pem: true,
    wording: &[SCHEMA_IN_ONE_WORD, OK_WITHOUT_STOP],
    certificate_wording: &[
        (code::OK, code::code("0", "OK")),
        (code::AUTHENTICATION, code::code("30", "Asiakkaan palvelusopimuksen tarkistuksessa virhe:A00")),
    ],
    ..COMMON
};

const DANSKE: Ways = Ways {
    canonicalization: (C14n::Exclusive, Some(C14n::Exclusive)),
    offered: &[
        LISTS_AND_FILES[0],
        LISTS_AND_FILES[1],
        LISTS_AND_FILES[2],
        Operation::DeleteFile,
        Operation::GetUserInfo,
        Operation::GetBankCertificate,
        Operation::CreateCertificate,
        Operation::RenewCertificate,
        Operation::RevokeCertificate,
        Operation::CertificateStatus,
        Operation::GetOwnCertificateList,
    ],
    restricted: &[],
    // SHA-1 in every source; whether SHA-256 is taken is unknown.
    hashes: &[Hash::Sha1, Hash::Sha256],
    longest_request_id: 10,
    secret_tries: Some(4),
    encrypts: true,
    target: Target::Day,
    references: References::DayAndTime,
    compression: "gzip",
    deflate: Some("DEFLATE"),
    wording: &[SCHEMA_IN_ONE_WORD, OK_WITHOUT_STOP],
    ..COMMON
};
