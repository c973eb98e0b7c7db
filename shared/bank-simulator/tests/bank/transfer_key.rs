//! Making requests to the certificate service of OP, Samlink and the common profile, by hand.

use avain_bank_simulator::BankKey;
use avain_xml_security::{SigningKey, enveloped};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use crate::request::{Customer, fresh_id, rsa_key};
use crate::world::{Answer, World};

/// A request; each part can be changed before it is sent.
#[derive(Clone)]
pub(crate) struct KeyRequest {
    pub(crate) bank: BankKey,
    pub(crate) operation: &'static str,
    pub(crate) sender_id: String,
    pub(crate) request_id: String,
    /// The `CertApplicationRequest`'s elements after SoftwareId, in the order in which they are written.
    pub(crate) elements: Vec<(&'static str, String)>,
    pub(crate) environment: &'static str,
    pub(crate) customer_id: String,
}

/// A PKCS#10 request with these attributes, DER.
pub(crate) fn csr(key: &KeyPair, attributes: &[(DnType, &str)]) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in attributes {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params.serialize_request(key).unwrap().der().to_vec()
}

/// C=FI and the user id as CN, as OP wants it; Samlink takes it too.
pub(crate) fn plain_csr(key: &KeyPair, user_id: &str) -> Vec<u8> {
    csr(key, &[(DnType::CountryName, "FI"), (DnType::CommonName, user_id)])
}

impl KeyRequest {
    pub(crate) fn new(bank: BankKey, user_id: &str, content: &[u8], transfer_key: &str) -> Self {
        Self::renewal(bank, user_id, content).with("TransferKey", transfer_key)
    }

    /// Without a transfer key: to be signed.
    pub(crate) fn renewal(bank: BankKey, user_id: &str, content: &[u8]) -> Self {
        Self::of(bank, user_id, "getCertificate").with("Service", "MATU").with("Content", &STANDARD.encode(content))
    }

    pub(crate) fn service_certificates(bank: BankKey, user_id: &str) -> Self {
        Self::of(bank, user_id, "getServiceCertificates").with("Service", "MATU")
    }

    fn of(bank: BankKey, user_id: &str, operation: &'static str) -> Self {
        Self {
            bank,
            operation,
            sender_id: user_id.to_owned(),
            request_id: fresh_id(),
            elements: Vec::new(),
            environment: "PRODUCTION",
            customer_id: user_id.to_owned(),
        }
    }

    /// Sets an element, or leaves it out if the value is empty.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        const ORDER: [&str; 7] =
            ["Command", "Encryption", "Compression", "Service", "Content", "TransferKey", "SerialNumber"];
        let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap();
        self.elements.retain(|(known, _)| *known != name);
        if !value.is_empty() || name == "Service" {
            self.elements.push((name, value.to_owned()));
        }
        self.elements.sort_by_key(|(name, _)| place(name));
        self
    }

    pub(crate) fn application(&self) -> String {
        let elements: Vec<_> = self.elements.iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
        let elements = elements.concat();
        format!(
            "<CertApplicationRequest xmlns=\"http://op.fi/mlp/xmldata/\"><CustomerId>{}</CustomerId>\
             <Timestamp>2027-01-15T10:00:00Z</Timestamp><Environment>{}</Environment><SoftwareId>tests 1</SoftwareId>\
             {elements}</CertApplicationRequest>",
            self.customer_id, self.environment,
        )
    }

    pub(crate) fn envelope(&self, application: &str) -> String {
        format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Header/><e:Body>\
             <{operation}in xmlns=\"http://mlp.op.fi/OPCertificateService\"><RequestHeader><SenderId>{}</SenderId>\
             <RequestId>{}</RequestId><Timestamp>2027-01-15T10:00:00Z</Timestamp></RequestHeader>\
             <ApplicationRequest>{}</ApplicationRequest></{operation}in></e:Body></e:Envelope>",
            self.sender_id,
            self.request_id,
            STANDARD.encode(application),
            operation = self.operation,
        )
    }

    pub(crate) async fn send(&self, world: &World) -> Answer {
        world.certificates(self.bank, &self.envelope(&self.application())).await
    }

    pub(crate) async fn send_signed(&self, world: &World, key: &SigningKey) -> Answer {
        let signed = enveloped::sign(&self.application(), key, &enveloped::Form::INCLUSIVE).unwrap();
        world.certificates(self.bank, &self.envelope(&signed)).await
    }
}

/// The customer with the certificate of an answer: DER, or PEM as Samlink has it.
pub(crate) fn customer(bank: BankKey, user_id: &str, key: &KeyPair, answer: &Answer) -> Customer {
    let bytes = answer.bytes("Certificate");
    let der = match std::str::from_utf8(&bytes).ok().filter(|text| text.starts_with("-----BEGIN")) {
        Some(pem) => avain_test_support::xmlsec::der(pem).unwrap(),
        None => bytes,
    };
    Customer::new(bank, user_id, user_id, key.serialized_der(), &der)
}

/// Learns the bank's authorities where it tells them, and enrols with a transfer key.
pub(crate) async fn enrol(world: &World, bank: BankKey, user_id: &str, transfer_key: &str) -> Customer {
    if bank == BankKey::Osuuspankki {
        KeyRequest::service_certificates(bank, user_id).send(world).await.is("00", "OK.");
    }
    let key = rsa_key();
    let answer = KeyRequest::new(bank, user_id, &plain_csr(&key, user_id), transfer_key).send(world).await;
    assert!(matches!(answer.code.as_str(), "0" | "00"), "{answer:?}");
    customer(bank, user_id, &key, &answer)
}
