//! What is told about a saved answer, as one serialisable value.

use std::collections::BTreeMap;

use avain_xml_security::certificate::summary;
use avain_xml_security::inspect::Inspection;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use super::contents::sha256;

/// Whether an answer would be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the bank's, and says success.
    Accept,
    /// It is not the bank's, or says that the request failed.
    #[default]
    Reject,
    /// There is nothing to judge.
    Unreadable,
}

/// Why an answer is not accepted. The words are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not XML.
    Unreadable,
    /// The envelope's signature is missing, not valid, does not cover what it must, or covers a Timestamp that cannot be read.
    SoapSignature,
    /// The same of the application response, or of the response of PKI Factory.
    ApplicationResponseSignature,
    /// A signer does not chain to a trusted root, or is not the bank's own.
    UntrustedCertificate,
    /// A signer's certificate was not valid at that time.
    CertificateExpired,
    /// The signed Timestamp says that the answer is not valid at that time.
    TimestampExpired,
    /// It answers another request.
    RequestIdMismatch,
    /// It is not what the bank's schema says, or not XML 1.0 in UTF-8.
    Schema,
    /// It is encrypted, and none of the given keys opens it.
    Decrypt,
    /// The bank says that the request failed, in a signed answer or in a fault.
    BankError,
}

/// Everything about one saved answer. Texts are the answer's own, on one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether it would be used.
    pub verdict: Verdict,
    /// The first thing that is wrong.
    pub reason: Option<Reason>,
    /// The same in words.
    pub detail: Option<String>,
    /// All that is wrong, the first one first.
    pub findings: Vec<Finding>,
    /// Key of the bank that it was judged as an answer of.
    pub bank: String,
    /// The time that it was judged at, RFC 3339.
    pub judged_at: String,
    /// The Body's child.
    pub operation: Option<String>,
    /// The bank's code, two digits: the application response's, else the header's.
    pub response_code: Option<String>,
    /// The bank's text.
    pub response_text: Option<String>,
    /// What a fault of PKI Factory adds to it.
    pub additional_text: Option<String>,
    /// The header, as it is written.
    pub header: Option<Header>,
    /// The envelope's Timestamp, as it is written.
    pub timestamp: Option<Validity>,
    /// The envelope's signature, where there is one or must be.
    pub soap_signature: Option<Signature>,
    /// Name of the application response.
    pub application: Option<String>,
    /// Its response code, as it is written.
    pub application_code: Option<String>,
    /// Its customer, as it is written.
    pub customer_id: Option<String>,
    /// Its `ExecutionSerial`, as it is written.
    pub execution_serial: Option<String>,
    /// Its `Compressed`, as it is written.
    pub compressed: Option<String>,
    /// Its `CompressionMethod`, as it is written.
    pub compression_method: Option<String>,
    /// Its `FileType`, as it is written.
    pub file_type: Option<String>,
    /// Whether it was encrypted.
    pub encrypted: bool,
    /// How it was encrypted.
    pub encryption: Option<Encryption>,
    /// Its signature.
    pub application_signature: Option<Signature>,
    /// The bank's references of the files in it.
    pub file_references: Vec<String>,
    /// The files in it.
    pub files: Vec<File>,
    /// How many types of files it lists.
    pub user_file_types: usize,
    /// The file in it.
    pub content: Option<Content>,
    /// The certificates in it, those that it issues or tells.
    pub certificates: Vec<Certificate>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub reason: Reason,
    /// In words.
    pub detail: String,
}

/// A response header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// `SenderId`.
    pub sender_id: Option<String>,
    /// `CustomerId`, of PKI Factory.
    pub customer_id: Option<String>,
    /// `RequestId`.
    pub request_id: Option<String>,
    /// `Timestamp`.
    pub timestamp: Option<String>,
    /// `ResponseCode`.
    pub response_code: Option<String>,
    /// `ResponseText`.
    pub response_text: Option<String>,
    /// `ReceiverId`.
    pub receiver_id: Option<String>,
    /// `InterfaceVersion`, of PKI Factory.
    pub interface_version: Option<String>,
    /// `Environment`, of PKI Factory.
    pub environment: Option<String>,
}

/// A Timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Validity {
    /// `Created`.
    pub created: Option<String>,
    /// `Expires`.
    pub expires: Option<String>,
}

/// One layer's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Whether it verifies: value, digests, what it covers, algorithms.
    pub valid: bool,
    /// Whether the value alone was made with the signer's key; none where that cannot be told.
    pub signature_value_ok: Option<bool>,
    /// `rsa-sha1`, `rsa-sha256`, or what is written there.
    pub algorithm: String,
    /// Subject of the signer, RFC 4514.
    pub signer: Option<String>,
    /// Issuer of the signer, RFC 4514.
    pub issuer: Option<String>,
    /// Last moment of the signer's certificate, RFC 3339.
    pub signer_not_after: Option<String>,
    /// SHA-256 of the signer's certificate, hex.
    pub signer_sha256: Option<String>,
    /// Whether the signer speaks for the bank; of a request, for a customer.
    pub trusted: bool,
    /// Subject of the root that the signer chains to, if only at another time.
    pub trust_anchor: Option<String>,
    /// SHA-256 of that root, hex.
    pub trust_anchor_sha256: Option<String>,
    /// What is signed.
    pub digests: Vec<Digest>,
}

/// One reference of a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// As written.
    pub uri: String,
    /// Name of the element.
    pub element: String,
    /// `sha1` or `sha256`.
    pub algorithm: String,
    /// Whether the element has this digest.
    pub ok: bool,
}

/// How an application response was encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Encryption {
    /// Identifier of the algorithm, as it is written.
    pub algorithm: Option<String>,
    /// Identifier of the algorithm that its key is encrypted with, as it is written.
    pub key_transport: Option<String>,
    /// Subject of the certificate that it is encrypted to, RFC 4514.
    pub recipient: Option<String>,
    /// SHA-256 of what came out, hex; none if no key opened it.
    pub decrypted_sha256: Option<String>,
}

/// A file that is listed: what its descriptor says, as it is written, by names like `file_reference`. Only what is there.
pub type File = BTreeMap<&'static str, String>;

/// The content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Size, unpacked.
    pub bytes: usize,
    /// SHA-256 of the unpacked bytes, hex.
    pub sha256: String,
    /// Whether it came packed.
    pub compressed: bool,
    /// Size of what came, if it came packed.
    pub packed_bytes: Option<usize>,
    /// SHA-256 of what came, hex, if it came packed.
    pub packed_sha256: Option<String>,
}

/// A certificate in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Name of its element.
    pub element: String,
    /// The bank's name for it, where it gives one.
    pub name: Option<String>,
    /// The bank's word for its format.
    pub format: Option<String>,
    /// `der` or `pem`: what its base64 is of.
    pub encoding: &'static str,
    /// RFC 4514.
    pub subject: String,
    /// RFC 4514.
    pub issuer: String,
    /// Serial number, upper-case hex.
    pub serial: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// Length of its RSA key.
    pub key_bits: Option<usize>,
    /// Name of its signature algorithm.
    pub signature_algorithm: String,
    /// SHA-256, hex.
    pub sha256: String,
}

impl Report {
    pub(super) fn new(bank: &str) -> Self {
        Self { bank: bank.to_owned(), ..Self::default() }
    }

    /// Takes a finding down; the first one is the reason.
    pub(super) fn find(&mut self, reason: Reason, detail: String) {
        if self.reason.is_none() {
            (self.reason, self.detail) = (Some(reason), Some(detail.clone()));
        }
        self.findings.push(Finding { reason, detail });
    }

    /// Accepted is what has nothing wrong.
    pub(super) fn decide(&mut self) {
        self.verdict = if self.reason.is_none() { Verdict::Accept } else { Verdict::Reject };
    }
}

impl Signature {
    /// A layer that was looked into; with the root that its signer chains to (DER), and whether that root and the time make it
    /// one to be trusted.
    #[must_use]
    pub fn new(inspection: &Inspection, anchor: Option<&[u8]>, is_trusted: bool) -> Self {
        let signer = inspection.signer.as_deref().and_then(|signer| summary(signer).ok());
        Self {
            valid: inspection.valid,
            signature_value_ok: inspection.value_ok,
            algorithm: inspection.algorithm.clone(),
            signer: signer.as_ref().map(|it| it.subject.clone()),
            issuer: signer.as_ref().map(|it| it.issuer.clone()),
            signer_not_after: signer.as_ref().and_then(|it| it.not_after.format(&Rfc3339).ok()),
            signer_sha256: signer.map(|it| it.sha256),
            trusted: inspection.valid && anchor.is_some() && is_trusted,
            trust_anchor: anchor.and_then(|root| summary(root).ok()).map(|it| it.subject),
            trust_anchor_sha256: anchor.map(sha256),
            digests: inspection
                .digests
                .iter()
                .map(|it| Digest {
                    uri: it.uri.clone(),
                    element: it.element.clone(),
                    algorithm: it.algorithm.clone(),
                    ok: it.ok,
                })
                .collect(),
        }
    }
}

impl Certificate {
    /// A certificate that is DER in this element; none for what is no certificate.
    #[must_use]
    pub fn read(element: &str, der: &[u8]) -> Option<Self> {
        let read = summary(der).ok()?;
        Some(Self {
            element: element.to_owned(),
            name: None,
            format: None,
            encoding: "der",
            subject: read.subject,
            issuer: read.issuer,
            serial: read.serial,
            not_before: read.not_before.format(&Rfc3339).ok()?,
            not_after: read.not_after.format(&Rfc3339).ok()?,
            key_bits: read.key_bits,
            signature_algorithm: read.signature_algorithm,
            sha256: read.sha256,
        })
    }
}
