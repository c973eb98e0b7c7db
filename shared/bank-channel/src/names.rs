//! Attributes of a certificate's subject.

use avain_xml_security::certificate::lengths_fit;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};

use crate::profile::NamePart;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SURNAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.4");
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// The attribute in which a bank's certificates name the user.
pub(crate) fn user_id(certificate: &[u8], part: NamePart) -> Option<String> {
    let attribute = match part {
        NamePart::CommonName => COMMON_NAME,
        NamePart::SerialNumber => SERIAL_NUMBER,
        NamePart::Surname => SURNAME,
    };
    only(certificate, attribute)
}

/// commonName and organizationName.
pub(crate) fn common_name_and_organisation(certificate: &[u8]) -> Option<(String, String)> {
    Some((only(certificate, COMMON_NAME)?, only(certificate, ORGANISATION)?))
}

/// The only value of an attribute of the subject's name, where it is text in ASCII or UTF-8.
fn only(certificate: &[u8], attribute: ObjectIdentifier) -> Option<String> {
    if !lengths_fit(certificate) {
        return None;
    }
    let certificate = Certificate::from_der(certificate).ok()?;
    let sets = &certificate.tbs_certificate.subject.0;
    let mut values = sets.iter().flat_map(|set| set.0.iter()).filter(|it| it.oid == attribute).map(|it| &it.value);
    let value = values.next().filter(|_| values.next().is_none())?;
    let is_text = match value.tag() {
        Tag::Utf8String => true,
        Tag::PrintableString | Tag::Ia5String | Tag::TeletexString => value.value().is_ascii(),
        _ => false,
    };
    String::from_utf8(value.value().to_vec()).ok().filter(|_| is_text)
}
