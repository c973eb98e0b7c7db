//! A bank and a customer made for these tests, and answers written by hand.

use std::sync::Arc;

use avain_bank_channel::pkcs10::PrivateKey;
use avain_bank_channel::profile::CertificateService;
use avain_bank_channel::{Channel, Environment, Expected, Judge, Stamp, Trust, profile};
use avain_xml_security::enveloped::Form;
use avain_xml_security::{Hash, SigningKey, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub(crate) const NOW: OffsetDateTime = datetime!(2027-01-15 10:00:30 UTC);
pub(crate) const STAMP: Stamp<'static> = Stamp { request_id: "R-1", at: NOW };

/// The customer's channel to a bank.
pub(crate) fn channel(bank: &str) -> Channel<'static> {
    Channel {
        profile: profile(bank).unwrap(),
        user_id: "11111111",
        environment: Environment::Production,
        software: "Avain 0.1.0",
        bank_certificate: None,
    }
}

/// A CA with one signer under it.
pub(crate) struct Bank {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) trust: Trust,
    pub(crate) signer: SigningKey,
    /// The signer's private key, PKCS#8.
    pub(crate) signer_key: PrivateKey,
}

impl Bank {
    pub(crate) fn new(name: &str) -> Self {
        let (issuer, pem) = authority(name, None);
        let (signer_key, signer) = signer(&issuer, &parameters("File Transfer"));
        Self { issuer, trust: Trust::from_pem(&pem).unwrap(), signer, signer_key }
    }

    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge::live(&self.trust, NOW, Duration::minutes(1))
    }

    /// An answer to R-1 whose application response has this code and this rest.
    pub(crate) fn answer(&self, operation: &str, code: &str, rest: &str) -> Vec<u8> {
        Answer { operation, code, rest, ..Answer::default() }.signed(self)
    }
}

/// The parts of an answer.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// Key of the bank in whose way it is made.
    pub(crate) way: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) sender_id: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) customer_id: &'a str,
    pub(crate) header_code: Option<&'a str>,
    pub(crate) code: &'a str,
    pub(crate) text: &'a str,
    pub(crate) rest: &'a str,
    pub(crate) created: OffsetDateTime,
}

impl Default for Answer<'_> {
    fn default() -> Self {
        Self {
            way: "nordea",
            operation: "downloadFileList",
            sender_id: "11111111",
            request_id: "R-1",
            customer_id: "11111111",
            header_code: None,
            code: "00",
            text: "OK.",
            rest: "",
            created: NOW,
        }
    }
}

impl Answer<'_> {
    pub(crate) fn application(&self) -> String {
        let Self { customer_id, code, text, rest, .. } = self;
        let (namespace, name) = match self.certificate_service() {
            Some(service) => (service.documents.as_str(), "CertApplicationResponse"),
            None => ("http://bxd.fi/xmldata/", "ApplicationResponse"),
        };
        format!(
            "<c2b:{name} xmlns:c2b=\"{namespace}\" xmlns=\"{namespace}\">\
             <CustomerId>{customer_id}</CustomerId><Timestamp>2027-01-15T10:00:30Z</Timestamp>\
             <ResponseCode>{code}</ResponseCode><ResponseText>{text}</ResponseText>{rest}</c2b:{name}>"
        )
    }

    pub(crate) fn signed(&self, bank: &Bank) -> Vec<u8> {
        self.signed_by(&bank.signer, &bank.signer)
    }

    /// The envelope by one signer, where the bank signs it, and the application response by another.
    pub(crate) fn signed_by(&self, envelope: &SigningKey, application: &SigningKey) -> Vec<u8> {
        self.wrapped_by(envelope, &enveloped::sign(&self.application(), application, &Form::INCLUSIVE).unwrap())
    }

    pub(crate) fn wrapped(&self, bank: &Bank, application: &str) -> Vec<u8> {
        self.wrapped_by(&bank.signer, application)
    }

    pub(crate) fn wrapped_by(&self, signer: &SigningKey, application: &str) -> Vec<u8> {
        let envelope = self.envelope(application);
        if self.certificate_service().is_some_and(|service| !service.envelope_signed) {
            return envelope.into_bytes();
        }
        let lifetime = Duration::minutes(5);
        soap::sign(&envelope, signer, Hash::Sha256, "A-1", self.created, lifetime).unwrap().into_bytes()
    }

    pub(crate) fn envelope(&self, application: &str) -> String {
        let Self { operation, sender_id, request_id, text, .. } = self;
        let code = self.header_code.unwrap_or(self.code);
        let (service, model) = match self.certificate_service() {
            Some(service) => (service.operations.as_str(), service.operations.as_str()),
            None => ("http://bxd.fi/CorporateFileService", "http://model.bxd.fi"),
        };
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header/><s:Body>\
             <o:{operation}out xmlns:o=\"{service}\" xmlns:m=\"{model}\"><m:ResponseHeader>\
             <m:SenderId>{sender_id}</m:SenderId><m:RequestId>{request_id}</m:RequestId>\
             <m:Timestamp>2027-01-15T10:00:30Z</m:Timestamp><m:ResponseCode>{code}</m:ResponseCode>\
             <m:ResponseText>{text}</m:ResponseText><m:ReceiverId/></m:ResponseHeader>\
             <m:ApplicationResponse>{}</m:ApplicationResponse></o:{operation}out></s:Body></s:Envelope>",
            BASE64.encode(application)
        )
    }

    fn certificate_service(&self) -> Option<&'static CertificateService> {
        profile(self.way).unwrap().certificate_service.as_ref().filter(|_| self.operation.contains("Certificate"))
    }
}

pub(crate) fn expected() -> Expected {
    expected_of("nordea")
}

/// What an answer in a bank's way must match, by default.
pub(crate) fn expected_of(bank: &str) -> Expected {
    Expected {
        profile: Arc::clone(profile(bank).unwrap()),
        sender_id: "11111111".into(),
        request_id: "R-1".into(),
        customer_id: "11111111".into(),
    }
}

pub(crate) fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = datetime!(2026-01-01 00:00 UTC);
    parameters.not_after = datetime!(2028-01-01 00:00 UTC);
    parameters
}

/// A CA, its own root or below another one, with its certificate as PEM.
pub(crate) fn authority(name: &str, above: Option<&Issuer<'_, KeyPair>>) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let mut ca = parameters(name);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = match above {
        Some(above) => ca.signed_by(&key, above),
        None => ca.self_signed(&key),
    };
    let pem = certificate.unwrap().pem();
    (Issuer::new(ca, key), pem)
}

/// A new key with its certificate.
pub(crate) fn signer(issuer: &Issuer<'_, KeyPair>, parameters: &CertificateParams) -> (PrivateKey, SigningKey) {
    let key = PrivateKey::generate().unwrap();
    let certificate = issue(issuer, key.pkcs8(), parameters);
    let signer = SigningKey::new(key.pkcs8(), &certificate).unwrap();
    (key, signer)
}

/// A certificate for a PKCS#8 key.
pub(crate) fn issue(issuer: &Issuer<'_, KeyPair>, pkcs8: &[u8], parameters: &CertificateParams) -> Vec<u8> {
    let key = KeyPair::try_from(pkcs8).unwrap();
    parameters.signed_by(&key, issuer).unwrap().der().to_vec()
}
