//! What is in an application response: told whether it is signed or not, and checked against the bank's schema.

use std::io::Write;

use avain_xml_security::Element;
use aws_lc_rs::digest::{Context, SHA256};

use super::report::{Certificate, Content};
use super::{Case, Reason, signer};
use crate::answer::{content_to, descriptors, entries, user_file_types};
use crate::operation::{APPLICATION, DOWNLOAD_FILE_LIST, GET_USER_INFO, Operation, Service};
use crate::request::ELEMENTS;
use crate::schema;
use crate::verify::{clean, decoded, fields};

/// The elements of PKI Factory that hold a certificate.
const CERTIFICATES: [&str; 6] =
    ["BankEncryptionCert", "BankSigningCert", "BankRootCert", "EncryptionCert", "SigningCert", "CACert"];

impl Case<'_> {
    /// `ApplicationResponse` or `CertApplicationResponse`.
    pub(super) fn application(&mut self, response: Element<'_>, operation: &Operation) {
        let profile = self.saved.profile;
        let (namespace, name) = operation.response(profile);
        self.report.application = Some(clean(response.local_name()));
        if !response.is(namespace, name) {
            return self.report.find(Reason::Schema, "it is another kind of application response".into());
        }
        self.report.customer_id = response.child(namespace, "CustomerId").map(|it| clean(&it.text()));
        match self.code(response, namespace, "ResponseCode", "ResponseText").as_deref() {
            None => self.report.find(Reason::Schema, "no ResponseCode".into()),
            Some("00") => self.check_schema(response, namespace, operation),
            Some(code) if is_list(operation) && profile.empty_list_code.as_deref() == Some(code) => {
                self.check_schema(response, namespace, operation);
            }
            Some(_) => self.bank_error(),
        }
        match operation.service {
            Service::Files => self.files(response),
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
            let (trust, at, policy) = (self.saved.trust, self.at, &self.policy);
            let judged = match (name, der) {
                ("BankEncryptionCert", Some(der)) => trust.accept_encryption(&der, at, policy),
                ("BankSigningCert", Some(der)) => trust.accept(&der, at, policy),
                _ => continue,
            };
            if let Err(error) = judged {
                self.report.find(signer::reason(&error), format!("{name}: {error}"));
            }
        }
    }

    fn check_schema(&mut self, response: Element<'_>, namespace: &str, operation: &Operation) {
        if let Err(why) = schema::check(response, namespace, fields(operation)) {
            self.report.find(Reason::Schema, clean(&why));
        }
    }

    fn files(&mut self, response: Element<'_>) {
        let words = &self.saved.profile.status_words;
        if let Ok(files) = descriptors(response, words) {
            self.report.file_references = files.into_iter().map(|file| file.file_reference).collect();
        }
        self.report.user_file_types = user_file_types(response).map_or(0, |types| types.len());
        if response.child(APPLICATION, "Content").is_none() {
            return;
        }
        let mut digest = Digest { context: Context::new(&SHA256), bytes: 0 };
        match content_to(response, self.saved.profile.max_file_size, &mut digest) {
            Ok(()) => {
                let compressed = response.child(APPLICATION, "Compressed").map(|it| it.text());
                self.report.content = Some(Content {
                    bytes: digest.bytes,
                    sha256: hex(digest.context.finish().as_ref()),
                    compressed: matches!(compressed.as_deref().map(str::trim), Some("true" | "1")),
                });
            }
            Err(error) => self.report.find(Reason::Schema, error.to_string()),
        }
    }

    fn certificates(&mut self, response: Element<'_>, namespace: &str) {
        let read = entries(response, namespace)
            .map(|all| all.iter().map(|der| Certificate::read("Certificate", der)).collect::<Option<Vec<_>>>());
        match read {
            Ok(Some(certificates)) => self.report.certificates = certificates,
            Ok(None) | Err(_) => self.report.find(Reason::Schema, "a certificate in it cannot be read".into()),
        }
    }
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
