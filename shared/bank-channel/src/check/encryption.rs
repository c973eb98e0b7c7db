//! An application response that is encrypted: told how and for whom, and opened if one of the keys fits.

use avain_xml_security::certificate::summary;
use avain_xml_security::encryption::Cipher;
use avain_xml_security::{Document, Element};

use super::contents::sha256;
use super::report::Encryption;
use super::{Case, Reason};
use crate::Error;
use crate::schema::DSIG;
use crate::verify::{XENC, clean, opened};

impl Case<'_> {
    /// The application response's bytes, decrypted if need be.
    pub(super) fn opened(&mut self, wrapped: Element<'_>) -> Option<Vec<u8>> {
        let Some(bytes) = wrapped.base64() else {
            self.report.find(Reason::Schema, "the ApplicationResponse is not base64".into());
            return None;
        };
        let plain = match Document::parse(&bytes) {
            Ok(document) if document.root().is(XENC, "EncryptedData") => {
                let plain = opened(document.root(), self.saved.keys, &[Cipher::Aes256Cbc, Cipher::TripleDesCbc]);
                self.report.encrypted = true;
                self.report.encryption = Some(encryption(document.root(), plain.as_deref()));
                plain
            }
            _ => return Some(bytes),
        };
        if plain.is_none() {
            self.report.find(Reason::Decrypt, Error::Decryption.to_string());
        }
        plain
    }
}

fn encryption(data: Element<'_>, plain: Option<&[u8]>) -> Encryption {
    let algorithm = |of: Element<'_>| of.child(XENC, "EncryptionMethod")?.attribute("", "Algorithm").map(clean);
    let key = below(data, &[(DSIG, "KeyInfo"), (XENC, "EncryptedKey")]);
    let certificate = [(DSIG, "KeyInfo"), (DSIG, "X509Data"), (DSIG, "X509Certificate")];
    let recipient = key.and_then(|key| below(key, &certificate)?.base64());
    Encryption {
        algorithm: algorithm(data),
        key_transport: key.and_then(algorithm),
        recipient: recipient.and_then(|der| summary(&der).ok()).map(|it| it.subject),
        decrypted_sha256: plain.map(sha256),
    }
}

/// The element at the end of a path of names.
fn below<'d>(element: Element<'d>, path: &[(&str, &str)]) -> Option<Element<'d>> {
    path.iter().try_fold(element, |element, (namespace, name)| element.child(namespace, name))
}
