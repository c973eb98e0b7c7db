//! A bank and a customer made for these tests, and answers written by hand.

use avain_bank_channel::pkcs10::PrivateKey;
use avain_bank_channel::profile::nordea::NORDEA;
use avain_bank_channel::{Channel, Environment, Expected, Judge, Stamp};
use avain_xml_security::certificate::Roots;
use avain_xml_security::{Hash, SigningKey, enveloped, soap};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub(crate) const NOW: OffsetDateTime = datetime!(2027-01-15 10:00:30 UTC);
pub(crate) const STAMP: Stamp<'static> = Stamp { request_id: "R-1", at: NOW };
pub(crate) const CHANNEL: Channel<'static> =
    Channel { profile: &NORDEA, user_id: "11111111", environment: Environment::Production, software: "Avain 0.1.0" };

/// A CA with one signer under it.
pub(crate) struct Bank {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) roots: Roots,
    pub(crate) signer: SigningKey,
    /// The signer's private key, PKCS#8.
    pub(crate) signer_key: PrivateKey,
}

impl Bank {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let mut ca = parameters(name);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = ca.self_signed(&key).unwrap().der().to_vec();
        let issuer = Issuer::new(ca, key);
        let signer_key = PrivateKey::generate().unwrap();
        let signer = issue(&issuer, signer_key.pkcs8(), &parameters("File Transfer"));
        let signer = SigningKey::new(signer_key.pkcs8(), &signer).unwrap();
        Self { issuer, roots: Roots::from_der([root]).unwrap(), signer, signer_key }
    }

    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge::live(&self.roots, NOW, Duration::minutes(1))
    }

    /// An answer to R-1 whose application response has this code and this rest.
    pub(crate) fn answer(&self, operation: &str, code: &str, rest: &str) -> Vec<u8> {
        Answer { operation, code, rest, ..Answer::default() }.signed(self)
    }
}

/// The parts of an answer on a file operation.
pub(crate) struct Answer<'a> {
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
        format!(
            "<c2b:ApplicationResponse xmlns:c2b=\"http://bxd.fi/xmldata/\" xmlns=\"http://bxd.fi/xmldata/\">\
             <CustomerId>{customer_id}</CustomerId><Timestamp>2027-01-15T10:00:30Z</Timestamp>\
             <ResponseCode>{code}</ResponseCode><ResponseText>{text}</ResponseText>{rest}</c2b:ApplicationResponse>"
        )
    }

    pub(crate) fn signed(&self, bank: &Bank) -> Vec<u8> {
        self.wrapped(bank, &enveloped::sign(&self.application(), &bank.signer, &enveloped::Form::INCLUSIVE).unwrap())
    }

    pub(crate) fn wrapped(&self, bank: &Bank, application: &str) -> Vec<u8> {
        let envelope = self.envelope(application);
        soap::sign(&envelope, &bank.signer, Hash::Sha256, "A-1", self.created, Duration::minutes(5))
            .unwrap()
            .into_bytes()
    }

    pub(crate) fn envelope(&self, application: &str) -> String {
        let Self { operation, sender_id, request_id, text, .. } = self;
        let code = self.header_code.unwrap_or(self.code);
        let (service, model) = if *operation == "getCertificate" {
            ("http://bxd.fi/CertificateService", "http://bxd.fi/CertificateService")
        } else {
            ("http://bxd.fi/CorporateFileService", "http://model.bxd.fi")
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
}

pub(crate) fn expected() -> Expected {
    Expected {
        profile: &NORDEA,
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

/// A certificate for a PKCS#8 key.
pub(crate) fn issue(issuer: &Issuer<'_, KeyPair>, pkcs8: &[u8], parameters: &CertificateParams) -> Vec<u8> {
    let key = KeyPair::try_from(pkcs8).unwrap();
    parameters.signed_by(&key, issuer).unwrap().der().to_vec()
}
