//! Certificates from the services that share the common envelope: Nordea's, OP's and Samlink's (bank-channel brief 3, 4
//! and 6). Their requests' envelopes are not signed.

use avain_xml_security::{SigningKey, enveloped};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::{Channel, Request, SOFTWARE_MAX, Stamp, USER_ID_MAX, document, timestamp};
use crate::operation::{GET_CERTIFICATE, GET_SERVICE_CERTIFICATES};
use crate::pkcs10::CertificateRequest;
use crate::profile::{CertificateService, Form, Proof};
use crate::{Error, pem};

/// What varies in a `CertApplicationRequest`.
#[derive(Default)]
pub(super) struct CertificateWanted<'a> {
    pub(super) command: Option<&'a str>,
    pub(super) pkcs10: Option<&'a [u8]>,
    /// The bank's code, for the first certificate.
    pub(super) code: Option<&'a str>,
}

impl Channel<'_> {
    /// Asks for the first certificate, with the bank's code. Not signed: there is no key yet that the bank knows.
    pub fn certificate(&self, stamp: &Stamp<'_>, code: &str, request: &CertificateRequest) -> Result<Request, Error> {
        let service = self.certificate_service()?;
        if !self.profile.enrolment.code.fits(code) {
            return Err(Error::Field("Code"));
        }
        let command = service.command.as_deref();
        let wanted = CertificateWanted { command, pkcs10: Some(request.der()), code: Some(code) };
        let document = self.cert_application_request(stamp, service, &wanted)?;
        self.request(&GET_CERTIFICATE, stamp, &document, None)
    }

    /// Asks for the next certificate, for a new key. The document is signed with the old key, whose certificate must still
    /// be valid.
    pub fn renewal(
        &self,
        stamp: &Stamp<'_>,
        old_key: &SigningKey,
        request: &CertificateRequest,
    ) -> Result<Request, Error> {
        let service = self.certificate_service()?;
        let command = service.renewal_command.as_deref();
        let wanted = CertificateWanted { command, pkcs10: Some(request.der()), code: None };
        let document = self.cert_application_request(stamp, service, &wanted)?;
        let signed = enveloped::sign(&document, old_key, &self.profile.signing.form()).map_err(|_| Error::Key)?;
        self.request(&GET_CERTIFICATE, stamp, &signed, None)
    }

    /// Asks for the bank's issuing certificates. Not signed.
    pub fn service_certificates(&self, stamp: &Stamp<'_>) -> Result<Request, Error> {
        let service = self.certificate_service()?;
        if service.service_certificates.is_none() {
            return Err(Error::NotOffered("getServiceCertificates"));
        }
        let document = self.cert_application_request(stamp, service, &CertificateWanted::default())?;
        self.request(&GET_SERVICE_CERTIFICATES, stamp, &document, None)
    }

    fn certificate_service(&self) -> Result<&CertificateService, Error> {
        self.profile.certificate_service.as_ref().ok_or(Error::NotOffered("getCertificate"))
    }

    /// `CertApplicationRequest`, in the order of its schema (brief 3, step 5).
    pub(super) fn cert_application_request(
        &self,
        stamp: &Stamp<'_>,
        service: &CertificateService,
        wanted: &CertificateWanted<'_>,
    ) -> Result<String, Error> {
        let kind = self.profile.enrolment.kind;
        let sends_code = matches!(kind, Proof::TransferKey | Proof::HmacAndTransferKey);
        let sends_hmac = matches!(kind, Proof::Hmac | Proof::HmacAndTransferKey);
        let compression = service.compression.filter(|_| wanted.pkcs10.is_some());
        let mut xml = document();
        xml.open(&format!("CertApplicationRequest xmlns=\"{}\"", service.documents))
            .text("CustomerId", Some(self.user_id), USER_ID_MAX)?
            .text("Timestamp", Some(&timestamp(stamp)?), 35)?
            .text("Environment", Some(self.environment.word()), 10)?
            .text("SoftwareId", Some(self.software), SOFTWARE_MAX)?
            .text("Command", wanted.command, 32)?
            .text("Compression", compression.map(|it| if it { "true" } else { "false" }), 5)?
            .text("Service", Some(&service.service), 35)?;
        if let Some(pkcs10) = wanted.pkcs10 {
            xml.open("Content").raw(&content(service.request_form, pkcs10)).close("Content");
            xml.text("TransferKey", wanted.code.filter(|_| sends_code), 32)?;
            if let Some(code) = wanted.code.filter(|_| sends_hmac) {
                xml.open("HMAC").raw(&activation_hmac(code, pkcs10)).close("HMAC");
            }
        }
        Ok(xml.close("CertApplicationRequest").finish())
    }
}

fn content(form: Form, pkcs10: &[u8]) -> String {
    match form {
        Form::Der => BASE64.encode(pkcs10),
        Form::Pem => BASE64.encode(pem::encode("CERTIFICATE REQUEST", pkcs10)),
    }
}

/// base64(HMAC-SHA1(code, PKCS#10)): the bank's rule (NSD ch. 2), which is why SHA-1 is here.
pub(super) fn activation_hmac(code: &str, pkcs10: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, code.as_bytes());
    BASE64.encode(hmac::sign(&key, pkcs10))
}
