//! Reading a PKCS#10 certificate request (brief 3, 11).

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::name::Name;
use x509_cert::request::CertReq;

use crate::code::{self, Code};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// What the bank takes from a request whose own signature verifies.
pub(crate) struct SigningRequest {
    /// Common name of the subject, 1 to 64 characters.
    pub(crate) name: String,
    /// `RSAPublicKey`, DER.
    pub(crate) public_key: Vec<u8>,
}

/// Reads a request: RSA of at least 2,048 bits, signed by its own key with SHA-256 (else 32), for a subject with a common
/// name and the user id as serialNumber (else 33).
pub(crate) fn read(der: &[u8], user_id: &str) -> Result<SigningRequest, Code> {
    let request = CertReq::from_der(der).map_err(|_| code::GENERAL_ERROR)?;
    let key = &request.info.public_key;
    let public_key = key.subject_public_key.as_bytes().unwrap_or_default().to_vec();
    let signed = request.info.to_der().map_err(|_| code::GENERAL_ERROR)?;
    let signature = request.signature.as_bytes().unwrap_or_default();
    if key.algorithm.oid != RSA_ENCRYPTION || request.algorithm.oid != SHA256_WITH_RSA {
        return Err(code::GENERAL_ERROR);
    }
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public_key)
        .verify(&signed, signature)
        .map_err(|_| code::GENERAL_ERROR)?;
    let name = attribute(&request.info.subject, COMMON_NAME).filter(|name| is_name(name));
    let serial_number = attribute(&request.info.subject, SERIAL_NUMBER);
    match name {
        Some(name) if serial_number.as_deref() == Some(user_id) => Ok(SigningRequest { name, public_key }),
        _ => Err(code::CUSTOMER_INFORMATION),
    }
}

/// 1 to 64 characters, each of which may stand in XML: the name is written into statements.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count())
        && !name.contains(|character: char| character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}'))
}

/// The only attribute of this type, as text.
fn attribute(subject: &Name, wanted: ObjectIdentifier) -> Option<String> {
    let mut found = subject.0.iter().flat_map(|names| names.0.iter()).filter(|attribute| attribute.oid == wanted);
    let (Some(attribute), None) = (found.next(), found.next()) else { return None };
    match attribute.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            String::from_utf8(attribute.value.value().to_vec()).ok()
        }
        _ => None,
    }
}
