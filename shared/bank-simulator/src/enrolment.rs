//! The certificate service: enrolment with an activation code, renewal with the certificate in force (brief 3, 11).

use avain_xml_security::{Document, Policy, enveloped, soap};
use aws_lc_rs::hmac;
use time::OffsetDateTime;

use crate::answer::Details;
use crate::code::{self, Refusal, invalid_parameter};
use crate::envelope::{self, Echo};
use crate::ledger::{Ledger, Standing};
use crate::office::{Office, Outcome};
use crate::operation::{Operation, Service};
use crate::schema::{CERT_APPLICATION_REQUEST, Request};
use crate::signing_request::{self, SigningRequest};
use crate::{BankKey, account};

/// The contract at bank `nordea`.
const NORDEA_USER_ID: &str = "11111111";
const NORDEA_CODE: &str = "1234567890";

/// Who asks, and how that was proven.
enum Proof {
    /// The activation code, by HMAC.
    Code,
    /// A signature by this certificate.
    Certificate(Vec<u8>),
}

impl Office {
    /// Order: form of header and request (12), encryption (22), customer (13, 34), command and environment (29),
    /// compression (21), certificate request (32, 33), activation code or signature (30, 34, 18, 19), replay (31): nothing
    /// before the activation code proves who asks, and only the customer may spend a request id.
    pub(crate) fn certificate_service(&self, document: &Document<'_>, now: OffsetDateTime) -> Outcome {
        let mut customer_id = None;
        let result = self.enrol(document, now, &mut customer_id);
        Outcome { customer_id, result }
    }

    fn enrol(
        &self,
        document: &Document<'_>,
        now: OffsetDateTime,
        customer_id: &mut Option<String>,
    ) -> Result<Details, Refusal> {
        let body = soap::unsigned_body(document).map_err(|_| code::SCHEMA)?;
        let (_, call) = envelope::call(body, Service::Certificates)?;
        let (header, payload) = envelope::request(call, Service::Certificates)?;
        let application_request = envelope::payload(payload)?;
        let document = Document::parse(&application_request).map_err(|_| code::SCHEMA)?;
        let request = CERT_APPLICATION_REQUEST.read(document.root()).ok_or(code::SCHEMA)?;
        *customer_id = request.text("CustomerId").map(str::to_owned);
        if request.is_true("Encryption") {
            return Err(code::DECRYPT.into());
        }
        if request.text("CustomerId") != Some(header.sender.as_str()) {
            return Err(code::CUSTOMER_NOT_FOUND.into());
        }
        if !self.has_contract(&header.sender) {
            return Err(code::CONTRACT_OR_MAC.into());
        }
        if request.text("Command").is_some_and(|command| command != Operation::GetCertificate.command()) {
            return Err(code::COMMAND_MISMATCH.into());
        }
        if request.text("Environment").map(str::trim) != Some(self.environment.as_str()) {
            return Err(code::ENVIRONMENT_MISMATCH.into());
        }
        if request.is_true("Compression") {
            return Err(code::DEFLATE.into());
        }
        let der = request.bytes("Content").ok_or(code::GENERAL_ERROR)?;
        let wanted = signing_request::read(&der, &header.sender)?;
        let proof = if request.text("HMAC").is_some() {
            self.check_code(&request, &der)?;
            Proof::Code
        } else if request.signed {
            Proof::Certificate(self.check_signature(&document, now)?)
        } else {
            return Err(code::AUTHENTICATION.into());
        };
        self.change(|ledger| self.issue(ledger, &header, &wanted, &proof, now))
    }

    fn has_contract(&self, user_id: &str) -> bool {
        match self.bank {
            BankKey::Simulator => {
                (1..=16).contains(&user_id.len()) && user_id.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            }
            BankKey::Nordea => user_id == NORDEA_USER_ID,
        }
    }

    /// The HMAC proves the activation code. Where any code will do, the request carries it as `TransferKey`, so that its
    /// shape and the HMAC can be checked all the same; at `nordea` the code stays secret.
    fn check_code(&self, request: &Request, der: &[u8]) -> Result<(), Refusal> {
        let activation_code = match (self.bank, request.text("TransferKey")) {
            (BankKey::Simulator, Some(code)) if is_activation_code(code) => code,
            (BankKey::Simulator, _) => return Err(code::AUTHENTICATION.into()),
            (BankKey::Nordea, None) => NORDEA_CODE,
            (BankKey::Nordea, Some(_)) => {
                return Err(invalid_parameter("Invalid parameters: TransferKey is not used").into());
            }
        };
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, activation_code.as_bytes());
        let given = request.bytes("HMAC").unwrap_or_default();
        hmac::verify(&key, der, &given).map_err(|_| code::CONTRACT_OR_MAC.into())
    }

    fn check_signature(&self, document: &Document<'_>, now: OffsetDateTime) -> Result<Vec<u8>, Refusal> {
        let signed = enveloped::verify(document, &Policy::STRICT).map_err(|_| code::CONTENT_SIGNATURE)?;
        if !self.is_chained(&signed.signer, now) {
            return Err(code::CONTENT_CERTIFICATE.into());
        }
        Ok(signed.signer)
    }

    /// A customer is a user id with a name. A new one gets an account; a known one keeps it, and its certificate before
    /// this one stops working.
    fn issue(
        &self,
        ledger: &mut Ledger,
        header: &Echo,
        wanted: &SigningRequest,
        proof: &Proof,
        now: OffsetDateTime,
    ) -> Result<Details, Refusal> {
        let known = ledger.find(&header.sender, &wanted.name);
        if let Proof::Certificate(certificate) = proof
            && (known.is_none() || known.map(Standing::Live) != Some(ledger.standing(certificate)))
        {
            return Err(code::CONTENT_CERTIFICATE.into());
        }
        if !ledger.remember(&header.sender, &header.request, now) {
            return Err(code::DUPLICATE.into());
        }
        let number = ledger.next_number();
        let certificate = self
            .authority
            .issue(&wanted.name, &header.sender, &wanted.public_key, number, now)
            .map_err(|_| code::GENERAL_ERROR)?;
        match known {
            Some(customer) => ledger.replace_certificate(customer, &certificate),
            None => {
                account::open(ledger, &self.authority, &header.sender, &wanted.name, &certificate, now);
            }
        }
        Ok(Details::Certificate(certificate))
    }
}

/// 16 to 32 printable ASCII characters without white space (isecure brief 2.9).
fn is_activation_code(code: &str) -> bool {
    (16..=32).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_graphic())
}
