//! What is in an application response: told whether it is signed or not, and checked against the bank's schema.

use std::io::Write;

use avain_xml_security::Element;
use aws_lc_rs::digest::{Context, SHA256, digest};

use super::report::{Certificate, Content, File};
use super::{Case, Reason, signer, told};
use crate::Error;
use crate::answer::{entries, gunzip, issued, payload, user_file_types};
use crate::operation::{APPLICATION, DOWNLOAD_FILE, DOWNLOAD_FILE_LIST, GET_USER_INFO, Operation, Service};
use crate::request::ELEMENTS;
use crate::schema;
use crate::verify::{clean, decoded, fields};

/// The elements of PKI Factory that hold a certificate.
const CERTIFICATES: [&str; 6] =
    ["BankEncryptionCert", "BankSigningCert", "BankRootCert", "EncryptionCert", "SigningCert", "CACert"];

/// What is told of a file: its name in the report, and in its descriptor.
const FILE: [(&str, &str); 12] = [
    ("file_reference", "FileReference"),
    ("target_id", "TargetId"),
    ("service_id", "ServiceId"),
    ("user_filename", "UserFilename"),
    ("parent_file_reference", "ParentFileReference"),
    ("file_type", "FileType"),
    ("file_timestamp", "FileTimestamp"),
    ("status", "Status"),
    ("last_download_timestamp", "LastDownloadTimestamp"),
    ("forwarded_timestamp", "ForwardedTimestamp"),
    ("deletable", "Deletable"),
    ("sub_type", "SubType"),
];

impl Case<'_> {
    /// `ApplicationResponse` or `CertApplicationResponse`.
    pub(super) fn application(&mut self, response: Element<'_>, operation: &Operation) {
        let profile = self.saved.profile;
        let (namespace, name) = operation.response(profile);
        self.report.application = Some(clean(response.local_name()));
        if !response.is(namespace, name) {
            return self.report.find(Reason::Schema, "it is another kind of application response".into());
        }
        let text = |name| told(response, namespace, name);
        self.report.customer_id = text("CustomerId");
        self.report.application_code = text("ResponseCode");
        self.report.execution_serial = text("ExecutionSerial");
        self.report.compressed = text("Compressed");
        self.report.compression_method = text("CompressionMethod");
        self.report.file_type = text("FileType");
        match self.code(response, namespace, "ResponseCode", "ResponseText").as_deref() {
            None => self.report.find(Reason::Schema, "no ResponseCode".into()),
            Some("00") => self.check_schema(response, namespace, operation),
            // Nothing is taken out of it then.
            Some(code) if is_list(operation) && profile.empty_list_code.as_deref() == Some(code) => {}
            Some(_) => self.bank_error(),
        }
        match operation.service {
            Service::Files => self.files(response, operation),
            Service::Certificates => self.certificates(response, namespace),
        }
    }

    /// The responses of PKI Factory.
    pub(super) fn factory_contents(&mut self, response: Element<'_>) {
        for name in CERTIFICATES {
            let Some(element) = response.child(ELEMENTS, name) else { continue };
            let der = decoded(element).ok();
            match der.as_deref().and_then(|der| Certificate::read(name, der)) {
                Some(certificate) => self.report.certificates.push(certificate),
                None => self.report.find(Reason::Schema, format!("{name} is not a certificate")),
            }
            let (trust, profile, at, policy) = (self.saved.trust, self.saved.profile, self.at, &self.policy);
            let judged = match (name, der) {
                ("BankEncryptionCert", Some(der)) => trust.accept_encryption(&der, profile, at, policy),
                ("BankSigningCert", Some(der)) => trust.accept(&der, profile, at, policy),
                _ => continue,
            };
            if let Err(error) = judged {
                self.report.find(signer::reason(&error), format!("{name}: {error}"));
            }
        }
    }

    fn check_schema(&mut self, response: Element<'_>, namespace: &str, operation: &Operation) {
        if let Err(why) = schema::check(response, namespace, fields(operation, namespace)) {
            self.report.find(Reason::Schema, clean(&why));
        }
    }

    /// Each file by itself: one that is not as it should be does not hide the others.
    fn files(&mut self, response: Element<'_>, operation: &Operation) {
        let lists = response.children().filter(|child| child.is(APPLICATION, "FileDescriptors"));
        let files = lists.flat_map(|list| list.children()).filter(|child| child.is(APPLICATION, "FileDescriptor"));
        self.report.files = files.map(file).collect();
        let references = self.report.files.iter().filter_map(|file| file.get("file_reference"));
        self.report.file_references = references.filter(|reference| !reference.is_empty()).cloned().collect();
        self.report.user_file_types = user_file_types(response).map_or(0, |types| types.len());
        let is_file = operation.name == DOWNLOAD_FILE.name && self.report.response_code.as_deref() == Some("00");
        if is_file || response.child(APPLICATION, "Content").is_some() {
            match content(response, self.saved.profile.max_file_size) {
                Ok(content) => self.report.content = Some(content),
                Err(error) => self.report.find(Reason::Schema, error.to_string()),
            }
        }
    }

    /// Each certificate by itself, as the files.
    fn certificates(&mut self, response: Element<'_>, namespace: &str) {
        let mut all_read = true;
        for entry in entries(response, namespace) {
            match certificate(entry, namespace) {
                Some(certificate) => self.report.certificates.push(certificate),
                None => all_read = false,
            }
        }
        if !all_read {
            self.report.find(Reason::Schema, "a certificate in it cannot be read".into());
        }
    }
}

fn file(descriptor: Element<'_>) -> File {
    FILE.into_iter().filter_map(|(field, name)| Some((field, told(descriptor, APPLICATION, name)?))).collect()
}

fn content(response: Element<'_>, max: usize) -> Result<Content, Error> {
    let (bytes, compressed) = payload(response, max)?;
    let as_it_came = (bytes.len(), sha256(&bytes));
    if !compressed {
        let (bytes, sha256) = as_it_came;
        return Ok(Content { bytes, sha256, compressed, packed_bytes: None, packed_sha256: None });
    }
    let (packed_bytes, packed_sha256) = as_it_came;
    let mut unpacked = Digest { context: Context::new(&SHA256), bytes: 0 };
    gunzip(&bytes, max, &mut unpacked)?;
    Ok(Content {
        bytes: unpacked.bytes,
        sha256: hex(unpacked.context.finish().as_ref()),
        compressed,
        packed_bytes: Some(packed_bytes),
        packed_sha256: Some(packed_sha256),
    })
}

fn certificate(entry: Element<'_>, namespace: &str) -> Option<Certificate> {
    let der = issued(entry, namespace).ok()?;
    let is_der = entry.child(namespace, "Certificate")?.base64()? == der;
    Some(Certificate {
        name: told(entry, namespace, "Name").filter(|name| !name.is_empty()),
        format: told(entry, namespace, "CertificateFormat"),
        encoding: if is_der { "der" } else { "pem" },
        ..Certificate::read("Certificate", &der)?
    })
}

/// Operations whose answer may be that there is nothing.
fn is_list(operation: &Operation) -> bool {
    [DOWNLOAD_FILE_LIST.name, GET_USER_INFO.name].contains(&operation.name)
}

/// Size and SHA-256 of what is written to it.
struct Digest {
    context: Context,
    bytes: usize,
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.context.update(bytes);
        self.bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
