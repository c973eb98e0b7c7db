//! Certificates from the services that share the common envelope (bank-channel brief 3, 4 and 6).

use avain_xml_security::certificate::summary;
use avain_xml_security::{Document, Element, soap};

use super::check_issued;
use crate::operation::{GET_CERTIFICATE, GET_SERVICE_CERTIFICATES};
use crate::verify::{application, decoded, only_child, unreadable};
use crate::{Error, Expected, Judge, Profile, pem};

/// Issuing certificates that a bank may tell at most.
const ISSUERS_MAX: usize = 32;

/// The issued certificate, DER: first or next one. It carries `public_key` (`SubjectPublicKeyInfo` of the request), names
/// the user where the bank's profile says so, and has not expired.
pub fn certificate(answer: &[u8], expected: &Expected, judge: &Judge<'_>, public_key: &[u8]) -> Result<Vec<u8>, Error> {
    let namespace = GET_CERTIFICATE.response(&expected.profile).0;
    let certificate = application(answer, &GET_CERTIFICATE, expected, judge, |response| {
        let mut entries = entries(response, namespace);
        match (entries.next(), entries.next()) {
            (Some(only), None) => issued(only, namespace),
            _ => Err(unreadable("not exactly one certificate")),
        }
    })?;
    let user_id = expected.profile.enrolment.user_id_in.map(|part| (part, expected.customer_id.as_str()));
    check_issued(&certificate, public_key, user_id, judge)?;
    Ok(certificate)
}

/// The bank's issuing certificates, DER, those of them that certify its signers: for [`crate::Trust::with_issuers`], to be
/// kept until they are asked for again. They add no trust: each time a chain goes through one, it must end at a pinned root.
/// So it must for this answer, which may be signed below one of them.
pub fn service_certificates(answer: &[u8], expected: &Expected, judge: &Judge<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let (namespace, _) = GET_SERVICE_CERTIFICATES.response(&expected.profile);
    let told = peek(answer, &expected.profile).unwrap_or_default();
    let trust = judge.trust().clone().with_issuers(told);
    application(answer, &GET_SERVICE_CERTIFICATES, expected, &judge.with_trust(&trust), |response| {
        let told = entries(response, namespace).map(|it| issued(it, namespace)).collect::<Result<Vec<_>, _>>()?;
        let told: Vec<_> = told.into_iter().filter(|it| certifies_signers(it, &expected.profile)).collect();
        if told.len() > ISSUERS_MAX { Err(unreadable("more issuing certificates than a bank has")) } else { Ok(told) }
    })
}

/// The certificates in an answer that is not verified yet: only to complete the chain of its own signer, to a pinned root.
pub(crate) fn peek(answer: &[u8], profile: &Profile) -> Option<Vec<Vec<u8>>> {
    let envelope = Document::parse(answer).ok()?;
    let body = soap::unsigned_body(&envelope).ok()?;
    let model = GET_SERVICE_CERTIFICATES.model(profile);
    let bytes = only_child(body)?.child(model, "ApplicationResponse")?.base64()?;
    let response = Document::parse(&bytes).ok()?;
    let namespace = GET_SERVICE_CERTIFICATES.response(profile).0;
    let told = entries(response.root(), namespace).filter_map(|it| issued(it, namespace).ok());
    Some(told.filter(|it| certifies_signers(it, profile)).take(ISSUERS_MAX).collect())
}

/// Not the ones that certify customers: a customer is not the bank.
fn certifies_signers(issuer: &[u8], profile: &Profile) -> bool {
    let name = profile.certificate_service.as_ref().and_then(|it| it.service_certificates.as_deref());
    name.is_some_and(|name| summary(issuer).is_ok_and(|it| it.subject_common_name.contains(name)))
}

/// Certificates/Certificate.
pub(crate) fn entries<'d>(response: Element<'d>, namespace: &str) -> impl Iterator<Item = Element<'d>> {
    let list = response.child(namespace, "Certificates");
    list.into_iter().flat_map(|list| list.children()).filter(move |entry| entry.is(namespace, "Certificate"))
}

/// The certificate of an entry, DER; there it is base64 of DER, or of PEM as at Samlink.
pub(crate) fn issued(entry: Element<'_>, namespace: &str) -> Result<Vec<u8>, Error> {
    let written = entry.child(namespace, "Certificate").ok_or_else(|| unreadable("a certificate is missing"))?;
    from_der_or_pem(decoded(written)?)
}

/// What comes is told by its first bytes and not by the profile: sources disagree about some banks (brief 6).
fn from_der_or_pem(bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN")) else {
        return Ok(bytes);
    };
    let mut certificates = pem::certificates(text).ok_or_else(|| unreadable("a certificate's PEM is broken"))?;
    if certificates.len() == 1 { Ok(certificates.remove(0)) } else { Err(unreadable("not one certificate in the PEM")) }
}
