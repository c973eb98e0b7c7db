//! Certificates from Danske Bank's PKI Factory (bank-channel brief 5.2): requests in an envelope of their own, without
//! WS-Security. What asks for certificates is encrypted to the bank; what an existing customer asks is signed.

use avain_xml_security::{C14n, SigningKey, encryption, enveloped};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::{Channel, Environment, Request, Stamp, document, timestamp};
use crate::Error;
use crate::fault::PKI_FACTORY;
use crate::operation::{SOAP, Service};
use crate::pkcs10::CertificateRequest;
use crate::profile::PkiFactory;
use crate::xml::Writer;

/// The elements of requests and answers.
pub(crate) const ELEMENTS: &str = "http://danskebank.dk/PKI/PKIFactoryService/elements";
/// The schema's limits in characters.
const CUSTOMER_ID: usize = 6;
const REQUEST_ID_MAX: usize = 10;
const SERIAL_MAX: usize = 64;
/// Certificates that one request may name.
const SERIALS_MAX: usize = 10;
/// `xml:id` of the signed element.
const SIGNED_ID: &str = "request";

/// Requests for the two certificates of a customer, which are issued together.
#[derive(Debug, Clone, Copy)]
pub struct CertificateRequests<'a> {
    /// For the key that signs.
    pub signing: &'a CertificateRequest,
    /// For the key that the bank encrypts to.
    pub encryption: &'a CertificateRequest,
}

/// Which certificates shall be revoked. Serial numbers are decimal, at most ten of them.
#[derive(Debug, Clone, Copy)]
pub enum Revocation<'a> {
    /// These.
    Certificates(&'a [&'a str]),
    /// All of the customer's but these.
    AllExcept(&'a [&'a str]),
}

/// Why (RFC 5280 5.3.1, the values that the bank takes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrlReason {
    /// Nothing in particular.
    Unspecified = 0,
    /// The private key may be known to others.
    KeyCompromise = 1,
    /// The CA's key.
    CaCompromise = 2,
    /// The customer is another one now.
    AffiliationChanged = 3,
    /// Replaced by a newer one.
    Superseded = 4,
    /// Not needed any more.
    CessationOfOperation = 5,
    /// A privilege was withdrawn.
    PrivilegeWithdrawn = 9,
}

impl Channel<'_> {
    /// Asks for the bank's own certificates: which requests are encrypted to, and which signs its answers. Not signed.
    pub fn bank_certificates(&self, stamp: &Stamp<'_>) -> Result<Request, Error> {
        let factory = self.factory()?;
        let mut xml = element("GetBankCertificateRequest", None);
        xml.text("elem:BankRootCertificateSerialNo", Some(&factory.root_serial_number), SERIAL_MAX)?;
        self.stamped(&mut xml, stamp)?;
        self.factory_request("GetBankCertificate", stamp, &closed(xml, "GetBankCertificateRequest"))
    }

    /// Asks for the first two certificates, with the PIN; encrypted to the bank. **Four wrong PINs lock the account.**
    pub fn certificates(
        &self,
        stamp: &Stamp<'_>,
        pin: &str,
        requests: &CertificateRequests<'_>,
    ) -> Result<Request, Error> {
        if !self.profile.enrolment.code.fits(pin) {
            return Err(Error::Field("Code"));
        }
        let mut xml = self.certificates_wanted("CreateCertificateRequest", None, stamp, requests)?;
        xml.text("elem:PIN", Some(pin), 10)?;
        let plain = closed(xml, "CreateCertificateRequest");
        self.factory_request("CreateCertificate", stamp, &self.encrypted(&plain)?)
    }

    /// Asks for the next two certificates: signed with the old signing key, then encrypted to the bank.
    pub fn certificates_renewal(
        &self,
        stamp: &Stamp<'_>,
        old_key: &SigningKey,
        requests: &CertificateRequests<'_>,
    ) -> Result<Request, Error> {
        let xml = self.certificates_wanted("RenewCertificateRequest", Some(SIGNED_ID), stamp, requests)?;
        let signed = self.element_signed(&closed(xml, "RenewCertificateRequest"), old_key)?;
        self.factory_request("RenewCertificate", stamp, &self.encrypted(&signed)?)
    }

    /// Asks that certificates be revoked; signed.
    pub fn revocation(
        &self,
        stamp: &Stamp<'_>,
        key: &SigningKey,
        revocation: Revocation<'_>,
        reason: Option<CrlReason>,
    ) -> Result<Request, Error> {
        let mut xml = element("RevokeCertificateRequest", Some(SIGNED_ID));
        self.key_generator(&mut xml)?.text("elem:CustomerId", Some(self.user_id), CUSTOMER_ID)?;
        match revocation {
            Revocation::Certificates(serials) => self::serials(&mut xml, "elem:CertificateSerialNo", serials, 1)?,
            Revocation::AllExcept(serials) => {
                xml.open("elem:RevokeAll");
                self::serials(&mut xml, "elem:ExceptCertificateSerialNo", serials, 0)?;
                xml.close("elem:RevokeAll");
            }
        }
        let reason = reason.map(|reason| (reason as u8).to_string());
        xml.text("elem:CRLReason", reason.as_deref(), 1)?;
        self.stamped(&mut xml, stamp)?;
        self.environment(&mut xml, "elem:Environment")?;
        let signed = self.element_signed(&closed(xml, "RevokeCertificateRequest"), key)?;
        self.factory_request("RevokeCertificate", stamp, &signed)
    }

    /// Asks how certificates stand; signed. Serial numbers are decimal, one to ten of them.
    pub fn certificate_status(&self, stamp: &Stamp<'_>, key: &SigningKey, serials: &[&str]) -> Result<Request, Error> {
        let mut xml = element("CertificateStatusRequest", Some(SIGNED_ID));
        self.key_generator(&mut xml)?;
        self::serials(&mut xml, "elem:CertificateSerialNo", serials, 1)?;
        xml.text("elem:CustomerId", Some(self.user_id), CUSTOMER_ID)?;
        self.stamped(&mut xml, stamp)?;
        let signed = self.element_signed(&closed(xml, "CertificateStatusRequest"), key)?;
        self.factory_request("CertificateStatus", stamp, &signed)
    }

    /// Asks for all certificates of the customer; signed.
    pub fn own_certificates(&self, stamp: &Stamp<'_>, key: &SigningKey) -> Result<Request, Error> {
        let mut xml = element("GetOwnCertificateListRequest", Some(SIGNED_ID));
        self.key_generator(&mut xml)?.text("elem:CustomerId", Some(self.user_id), CUSTOMER_ID)?;
        self.stamped(&mut xml, stamp)?;
        let signed = self.element_signed(&closed(xml, "GetOwnCertificateListRequest"), key)?;
        self.factory_request("GetOwnCertificateList", stamp, &signed)
    }

    fn factory(&self) -> Result<&PkiFactory, Error> {
        self.profile.pki_factory.as_ref().ok_or(Error::NotOffered("PKI Factory"))
    }

    /// The request element with everything up to Environment.
    fn certificates_wanted(
        &self,
        name: &str,
        id: Option<&str>,
        stamp: &Stamp<'_>,
        requests: &CertificateRequests<'_>,
    ) -> Result<Writer, Error> {
        let mut xml = element(name, id);
        xml.text("elem:CustomerId", Some(self.user_id), CUSTOMER_ID)?;
        self.key_generator(&mut xml)?
            .open("elem:EncryptionCertPKCS10")
            .raw(&BASE64.encode(requests.encryption.der()))
            .close("elem:EncryptionCertPKCS10")
            .open("elem:SigningCertPKCS10")
            .raw(&BASE64.encode(requests.signing.der()))
            .close("elem:SigningCertPKCS10");
        self.stamped(&mut xml, stamp)?;
        self.environment(&mut xml, "elem:Environment")?;
        Ok(xml)
    }

    fn key_generator<'w>(&self, xml: &'w mut Writer) -> Result<&'w mut Writer, Error> {
        xml.text("elem:KeyGeneratorType", Some(&self.factory()?.key_generator), 10)
    }

    fn stamped(&self, xml: &mut Writer, stamp: &Stamp<'_>) -> Result<(), Error> {
        xml.text("elem:Timestamp", Some(&timestamp(stamp)?), 35)?
            .text("elem:RequestId", Some(self.request_id(stamp)?), REQUEST_ID_MAX)
            .map(drop)
    }

    /// The bank's own word, in lower case unlike in requests on files.
    fn environment<'w>(&self, xml: &'w mut Writer, name: &'static str) -> Result<&'w mut Writer, Error> {
        let words = &self.factory()?.environments;
        let word = match self.environment {
            Environment::Production => &words.production,
            Environment::Test => &words.test,
        };
        xml.text(name, Some(word), 12)
    }

    fn element_signed(&self, element: &str, key: &SigningKey) -> Result<String, Error> {
        let form = enveloped::Form {
            hash: self.profile.signing.hash,
            signed_info: C14n::Exclusive,
            second_transform: Some(C14n::Exclusive),
        };
        enveloped::sign_element(element, SIGNED_ID, key, &form).map_err(|_| Error::Key)
    }

    fn encrypted(&self, plain: &str) -> Result<String, Error> {
        let certificate = self.bank_certificate.ok_or(Error::NoBankCertificate)?;
        let encryption = self.profile.encryption.as_ref().ok_or(Error::NotOffered("PKI Factory"))?;
        encryption::encrypt(plain, certificate, encryption.cipher, encryption.recipient.as_deref())
            .map_err(|_| Error::NoBankCertificate)
    }

    fn factory_request(&self, operation: &'static str, stamp: &Stamp<'_>, element: &str) -> Result<Request, Error> {
        if self.user_id.chars().count() != CUSTOMER_ID {
            return Err(Error::Field("WsUserId"));
        }
        let mut xml = document();
        xml.open(&format!("soapenv:Envelope xmlns:soapenv=\"{SOAP}\" xmlns:pkif=\"{PKI_FACTORY}\""))
            .raw("<soapenv:Header/>")
            .open("soapenv:Body")
            .open(&format!("pkif:{operation}In"))
            .open("pkif:RequestHeader")
            .text("pkif:SenderId", Some(self.user_id), CUSTOMER_ID)?
            .text("pkif:CustomerId", Some(self.user_id), CUSTOMER_ID)?
            .text("pkif:RequestId", Some(self.request_id(stamp)?), REQUEST_ID_MAX)?
            .text("pkif:Timestamp", Some(&timestamp(stamp)?), 35)?
            .text("pkif:InterfaceVersion", Some("1"), 10)?;
        self.environment(&mut xml, "pkif:Environment")?
            .close("pkif:RequestHeader")
            .raw(element)
            .close(&format!("pkif:{operation}In"))
            .close("soapenv:Body")
            .close("soapenv:Envelope");
        let (body, expected) = (xml.finish().into_bytes(), self.expected(stamp));
        Ok(Request { service: Service::Certificates, soap_action: operation, body, expected })
    }
}

/// The start of a request element.
fn element(name: &str, id: Option<&str>) -> Writer {
    let id = id.map(|id| format!(" xml:id=\"{id}\"")).unwrap_or_default();
    let mut xml = Writer::default();
    xml.open(&format!("elem:{name} xmlns:elem=\"{ELEMENTS}\"{id}"));
    xml
}

fn closed(mut xml: Writer, name: &str) -> String {
    xml.close(&format!("elem:{name}")).finish()
}

fn serials(xml: &mut Writer, name: &'static str, serials: &[&str], min: usize) -> Result<(), Error> {
    if !(min..=SERIALS_MAX).contains(&serials.len()) {
        return Err(Error::Field("CertificateSerialNo"));
    }
    for serial in serials {
        xml.text(name, Some(serial), SERIAL_MAX)?;
    }
    Ok(())
}
