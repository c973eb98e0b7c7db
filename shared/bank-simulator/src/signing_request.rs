//! Reading a PKCS#10 certificate request (brief 3 to 6, 11).

use avain_xml_security::certificate::lengths_fit;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::name::Name;
use x509_cert::request::CertReq;

use crate::bank::Family;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");
const SURNAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.4");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// What the bank takes from a request whose own signature verifies.
pub(crate) struct SigningRequest {
    /// Common name of the subject, 1 to 64 characters.
    pub(crate) name: String,
    /// `RSAPublicKey`, DER.
    pub(crate) public_key: Vec<u8>,
}

/// What is wrong with a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It cannot be read, its key is too short, or its own signature does not verify.
    Unusable,
    /// The subject is not the customer's.
    Subject,
}

/// Reads a request: RSA of at least 2,048 bits, signed by its own key with SHA-256 (or SHA-1 where a bank has taken that),
/// for a subject that names the user id where the family has it (brief 3 to 6).
pub(crate) fn read(der: &[u8], user_id: &str, family: Family) -> Result<SigningRequest, Unfit> {
    if !lengths_fit(der) {
        return Err(Unfit::Unusable);
    }
    let request = CertReq::from_der(der).map_err(|_| Unfit::Unusable)?;
    let key = &request.info.public_key;
    let public_key = key.subject_public_key.as_bytes().unwrap_or_default().to_vec();
    let signed = request.info.to_der().map_err(|_| Unfit::Unusable)?;
    let signature = request.signature.as_bytes().unwrap_or_default();
    let algorithm: &'static RsaParameters = match request.algorithm.oid {
        SHA256_WITH_RSA => &RSA_PKCS1_2048_8192_SHA256,
        SHA1_WITH_RSA if family != Family::Nordea => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        _ => return Err(Unfit::Unusable),
    };
    if key.algorithm.oid != RSA_ENCRYPTION {
        return Err(Unfit::Unusable);
    }
    UnparsedPublicKey::new(algorithm, &public_key).verify(&signed, signature).map_err(|_| Unfit::Unusable)?;
    let subject = &request.info.subject;
    let is_user = |oid| attribute(subject, oid).as_deref() == Some(user_id);
    let common_name = || attribute(subject, COMMON_NAME).filter(|name| is_name(name));
    let name = match family {
        Family::Nordea => common_name().filter(|_| is_user(SERIAL_NUMBER)),
        // Exactly C=FI and CN (brief 4).
        Family::Op => {
            let attributes = subject.0.iter().flat_map(|names| names.0.iter()).count();
            let is_finnish = attribute(subject, COUNTRY).as_deref() == Some("FI");
            common_name().filter(|_| attributes == 2 && is_finnish && is_user(COMMON_NAME))
        }
        Family::Samlink => {
            let names_user = [COMMON_NAME, SURNAME, SERIAL_NUMBER].into_iter().any(is_user);
            attribute(subject, ORGANIZATION).filter(|name| is_name(name)).or_else(common_name).filter(|_| names_user)
        }
        // The subject is free: the bank writes its own.
        Family::Danske | Family::Common => Some(common_name().unwrap_or_else(|| user_id.to_owned())),
    };
    name.map(|name| SigningRequest { name, public_key }).ok_or(Unfit::Subject)
}

/// 1 to 64 characters, each of which may stand in XML: the name is written into statements.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count())
        && !name.contains(|character: char| character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}'))
}

/// The only attribute of this type, as text.
pub(crate) fn attribute(subject: &Name, wanted: ObjectIdentifier) -> Option<String> {
    let mut found = subject.0.iter().flat_map(|names| names.0.iter()).filter(|attribute| attribute.oid == wanted);
    let (Some(attribute), None) = (found.next(), found.next()) else { return None };
    match attribute.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            String::from_utf8(attribute.value.value().to_vec()).ok()
        }
        _ => None,
    }
}
