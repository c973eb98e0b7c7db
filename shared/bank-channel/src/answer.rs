//! Reading answers: one function for each operation. Each verifies the whole answer first; see [`crate::Error`] for what is
//! known about the outcome when it fails.

use avain_xml_security::Element;
use avain_xml_security::certificate::summary;

use crate::profile::NamePart;
use crate::verify::cleaned;
use crate::{Error, Judge, names};

mod certificates;
mod files;
mod pki_factory;

pub use certificates::{certificate, service_certificates};
pub(crate) use certificates::{entries, issued, peek};
pub use files::{
    Deleted, Direction, FileDescriptor, Receipt, UserFileType, UserInfo, delete, file, file_list, upload, user_info,
};
pub(crate) use files::{gunzip, payload, user_file_types};
pub use pki_factory::{
    BankCertificates, CertificateState, CertificateStatus, Certificates, Revoked, bank_certificates,
    certificate_status, certificates, own_certificates, renewed_certificates, revocation,
};
pub(crate) use pki_factory::{FACTORY_OPERATIONS, FactoryOperation};

/// The issued certificate carries the key asked for, names the user where the bank's certificates do, and has not expired:
/// banks have been seen to answer with an old one (brief 4).
fn check_issued(
    certificate: &[u8],
    public_key: &[u8],
    user_id: Option<(NamePart, &str)>,
    judge: &Judge<'_>,
) -> Result<(), Error> {
    let summary = summary(certificate).map_err(|_| Error::Certificate("it cannot be read"))?;
    if summary.public_key != public_key {
        return Err(Error::Certificate("it is for another key"));
    }
    if user_id.is_some_and(|(part, user_id)| names::user_id(certificate, part).as_deref() != Some(user_id)) {
        return Err(Error::Certificate("it is for another user id"));
    }
    if summary.not_after <= judge.at {
        return Err(Error::Certificate("it has expired"));
    }
    Ok(())
}

fn required(element: Element<'_>, namespace: &str, name: &str) -> Result<String, Error> {
    text(element, namespace, name).ok_or_else(|| Error::Unreadable(format!("no {name}")))
}

/// A child's text, none if absent or empty. Its length is the schema's, which is checked before.
fn text(element: Element<'_>, namespace: &str, name: &str) -> Option<String> {
    element.child(namespace, name).map(|child| cleaned(child.text())).filter(|text| !text.is_empty())
}
