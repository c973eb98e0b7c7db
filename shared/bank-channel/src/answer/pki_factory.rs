//! Certificates from Danske Bank's PKI Factory (bank-channel brief 5.2). The envelope is not signed; the response in it is,
//! by a certificate that the bank's root has issued directly.

use avain_xml_security::{Document, Element, enveloped, soap};

use super::{check_issued, required, text};
use crate::fault::{PKI_FACTORY, fault};
use crate::request::ELEMENTS;
use crate::schema::{self, Field};
use crate::verify::{blame, clean, decoded, only_child, same, success, unreadable};
use crate::{Error, Expected, Judge, Layer};

/// The bank's certificates, each chained to a pinned root, DER. They are renewed about every two years: to be kept, and
/// asked for again before they expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankCertificates {
    /// Which requests are encrypted to.
    pub encryption: Vec<u8>,
    /// Which signs answers.
    pub signing: Vec<u8>,
}

/// A customer's two certificates, issued together, DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// For signing.
    pub signing: Vec<u8>,
    /// For what the bank encrypts.
    pub encryption: Vec<u8>,
}

/// How one certificate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateStatus {
    /// Its serial number.
    pub serial: String,
    /// `signing` or `encryption`.
    pub kind: String,
    /// Serial number of the other one of the pair.
    pub matching_serial: String,
    /// How it stands.
    pub state: CertificateState,
    /// When it expires or was revoked, xs:dateTime as the bank writes it.
    pub date: Option<String>,
}

/// How a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateState {
    /// Valid.
    Good,
    /// Valid, to be renewed.
    ExpiresSoon,
    /// Not valid any more.
    Expired,
    /// Revoked.
    Revoked,
}

/// What was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Serial numbers.
    pub serials: Vec<String>,
    /// When, xs:dateTime as the bank writes it.
    pub at: String,
}

/// One operation: the Body's child is `{name}Out`, with `{name}Response` in it.
pub(crate) struct FactoryOperation {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

const GET_BANK_CERTIFICATE: FactoryOperation =
    FactoryOperation { name: "GetBankCertificate", fields: schema::BANK_CERTIFICATE_RESPONSE };
const CREATE_CERTIFICATE: FactoryOperation =
    FactoryOperation { name: "CreateCertificate", fields: schema::CERTIFICATES_RESPONSE };
const RENEW_CERTIFICATE: FactoryOperation =
    FactoryOperation { name: "RenewCertificate", fields: schema::CERTIFICATES_RESPONSE };
const REVOKE_CERTIFICATE: FactoryOperation =
    FactoryOperation { name: "RevokeCertificate", fields: schema::REVOKE_RESPONSE };
const CERTIFICATE_STATUS: FactoryOperation =
    FactoryOperation { name: "CertificateStatus", fields: schema::STATUS_RESPONSE };
const GET_OWN_CERTIFICATE_LIST: FactoryOperation =
    FactoryOperation { name: "GetOwnCertificateList", fields: schema::LIST_RESPONSE };

/// All of them.
pub(crate) const FACTORY_OPERATIONS: [&FactoryOperation; 6] = [
    &GET_BANK_CERTIFICATE,
    &CREATE_CERTIFICATE,
    &RENEW_CERTIFICATE,
    &REVOKE_CERTIFICATE,
    &CERTIFICATE_STATUS,
    &GET_OWN_CERTIFICATE_LIST,
];

/// The bank's own certificates. `BankRootCert` of the answer is not used: roots are pinned, never learned.
pub fn bank_certificates(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<BankCertificates, Error> {
    response(answer, &GET_BANK_CERTIFICATE, expected, judge, |response| {
        let encryption = certificate(response, "BankEncryptionCert")?;
        let signing = certificate(response, "BankSigningCert")?;
        judge.accept_encryption(&encryption, &expected.profile)?;
        judge.accept(Layer::Application, &signing, &expected.profile)?;
        Ok(BankCertificates { encryption, signing })
    })
}

/// The first two certificates; each carries the key that was asked for (`SubjectPublicKeyInfo`).
pub fn certificates(
    answer: &[u8],
    expected: &Expected,
    judge: &Judge<'_>,
    signing_key: &[u8],
    encryption_key: &[u8],
) -> Result<Certificates, Error> {
    response(answer, &CREATE_CERTIFICATE, expected, judge, |response| {
        issued(response, judge, signing_key, encryption_key)
    })
}

/// The next two certificates; each carries the key that was asked for (`SubjectPublicKeyInfo`).
pub fn renewed_certificates(
    answer: &[u8],
    expected: &Expected,
    judge: &Judge<'_>,
    signing_key: &[u8],
    encryption_key: &[u8],
) -> Result<Certificates, Error> {
    response(answer, &RENEW_CERTIFICATE, expected, judge, |response| {
        issued(response, judge, signing_key, encryption_key)
    })
}

/// What was revoked.
pub fn revocation(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<Revoked, Error> {
    response(answer, &REVOKE_CERTIFICATE, expected, judge, |response| {
        let serials = response.children().filter(|child| child.is(ELEMENTS, "CertificateSerialNo"));
        Ok(Revoked {
            serials: serials.map(|serial| clean(&serial.text())).collect(),
            at: required(response, ELEMENTS, "RevocationTime")?,
        })
    })
}

/// How the certificates stand that were asked about.
pub fn certificate_status(
    answer: &[u8],
    expected: &Expected,
    judge: &Judge<'_>,
) -> Result<Vec<CertificateStatus>, Error> {
    response(answer, &CERTIFICATE_STATUS, expected, judge, statuses)
}

/// How all certificates of the customer stand.
pub fn own_certificates(
    answer: &[u8],
    expected: &Expected,
    judge: &Judge<'_>,
) -> Result<Vec<CertificateStatus>, Error> {
    response(answer, &GET_OWN_CERTIFICATE_LIST, expected, judge, statuses)
}

/// Verifies an answer, and only then lets `take` read the response.
///
/// The header is not signed: it only says to which request the answer claims to belong. What is signed is the response.
fn response<T>(
    answer: &[u8],
    operation: &FactoryOperation,
    expected: &Expected,
    judge: &Judge<'_>,
    take: impl FnOnce(Element<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let profile = &*expected.profile;
    let envelope = Document::parse(answer).map_err(blame(Layer::Envelope))?;
    if let Some(fault) = fault(envelope.root()) {
        return Err(fault);
    }
    let body = soap::unsigned_body(&envelope).map_err(blame(Layer::Envelope))?;
    let out = only_child(body).ok_or_else(|| unreadable("the Body does not hold one element"))?;
    if !out.is(PKI_FACTORY, &format!("{}Out", operation.name)) {
        return Err(Error::AnotherRequest("the operation"));
    }
    let header = out.child(PKI_FACTORY, "ResponseHeader").ok_or_else(|| unreadable("no ResponseHeader"))?;
    same(header, PKI_FACTORY, "SenderId", &expected.sender_id)?;
    same(header, PKI_FACTORY, "CustomerId", &expected.customer_id)?;
    same(header, PKI_FACTORY, "RequestId", &expected.request_id)?;

    let name = format!("{}Response", operation.name);
    let response = out.child(ELEMENTS, &name).ok_or_else(|| Error::Unreadable(format!("not one {name}")))?;
    let signed = enveloped::verify_element(response, &judge.policy(profile)).map_err(blame(Layer::Application))?;
    judge.accept(Layer::Application, &signed.signer, profile)?;
    // Empty in every recorded answer; where the bank fills it in, it is signed.
    let answered = text(response, ELEMENTS, "RequestId");
    if answered.is_some_and(|id| id != expected.request_id) {
        return Err(Error::AnotherRequest("RequestId"));
    }
    success(response, ELEMENTS, "ReturnCode", "ReturnText")?;
    schema::check(response, ELEMENTS, operation.fields).map_err(|why| Error::Unreadable(clean(&why)))?;
    take(response)
}

fn issued(
    response: Element<'_>,
    judge: &Judge<'_>,
    signing_key: &[u8],
    encryption_key: &[u8],
) -> Result<Certificates, Error> {
    let signing = certificate(response, "SigningCert")?;
    let encryption = certificate(response, "EncryptionCert")?;
    check_issued(&signing, signing_key, None, judge)?;
    check_issued(&encryption, encryption_key, None, judge)?;
    Ok(Certificates { signing, encryption })
}

fn certificate(response: Element<'_>, name: &str) -> Result<Vec<u8>, Error> {
    let element = response.child(ELEMENTS, name).ok_or_else(|| Error::Unreadable(format!("not one {name}")))?;
    decoded(element)
}

fn statuses(response: Element<'_>) -> Result<Vec<CertificateStatus>, Error> {
    response
        .children()
        .filter(|child| child.is(ELEMENTS, "CertificateStatus"))
        .map(|status| {
            let state = status
                .child(ELEMENTS, "Status")
                .and_then(only_child)
                .filter(|state| state.namespace() == ELEMENTS)
                .ok_or_else(|| unreadable("a certificate without one Status"))?;
            let (kind, date) = match state.local_name() {
                "good" => (CertificateState::Good, "expiryDate"),
                "expires_soon" => (CertificateState::ExpiresSoon, "expiryDate"),
                "expired" => (CertificateState::Expired, "expiryDate"),
                "revoked" => (CertificateState::Revoked, "revocationDate"),
                _ => return Err(unreadable("a Status that is not known")),
            };
            Ok(CertificateStatus {
                serial: required(status, ELEMENTS, "CertificateSerialNo")?,
                kind: required(status, ELEMENTS, "CertificateType")?,
                matching_serial: required(status, ELEMENTS, "MatchingCertificateSerialNo")?,
                state: kind,
                date: state.attribute("", date).map(clean),
            })
        })
        .collect()
}
