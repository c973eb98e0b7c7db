//! The certificate service of Nordea, OP, Samlink and the common profile: enrolment with a secret, renewal with the
//! certificate in force, the bank's own certificates (brief 3, 4, 6, 11).

use avain_xml_security::{Document, enveloped, soap};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use time::OffsetDateTime;

use crate::account;
use crate::answer_parts::Details;
use crate::authority::{Subject, Use};
use crate::bank::Family;
use crate::code::{self, Code, Refusal, invalid_parameter};
use crate::contract::{Contracts, Secret, is_transfer_key};
use crate::envelope::{self, Echo};
use crate::held::{Held, State};
use crate::ledger::{Ledger, Standing};
use crate::office::{Office, Outcome};
use crate::operation::{Operation, Service};
use crate::schema::{NORDEA_CERT_REQUEST, OP_CERT_REQUEST, Request};
use crate::signing_request::{self, SigningRequest, Unfit};

/// How a request is proven to be the customer's.
enum Proof {
    /// The activation code (by HMAC) or the transfer key.
    Secret,
    /// A signature by this certificate.
    Certificate(Vec<u8>),
}

impl Office {
    /// Order: form of header and request (12), encryption (22), customer (13, 34), command and environment (29),
    /// compression (21), service (29), certificate request (26 or 32, 33), secret or signature (30, 34, 18, 19), replay
    /// (31), whether it may be renewed: nothing before the secret proves who asks, and only the customer may spend a
    /// request id.
    pub(crate) fn certificate_service(
        &self,
        document: &Document<'_>,
        operation: Operation,
        now: OffsetDateTime,
    ) -> Outcome {
        let mut customer_id = None;
        let result = self.read_and_issue(document, operation, now, &mut customer_id);
        Outcome { customer_id, execution_serial: None, is_late: false, result }
    }

    fn read_and_issue(
        &self,
        document: &Document<'_>,
        operation: Operation,
        now: OffsetDateTime,
        customer_id: &mut Option<String>,
    ) -> Result<Details, Refusal> {
        let body = soap::unsigned_body(document).map_err(|_| code::SCHEMA)?;
        let (_, call) = envelope::call(body, Service::Certificates, self.family())?;
        let (header, payload) = envelope::request(call, Service::Certificates, self.family())?;
        let application_request = envelope::payload(payload)?;
        let document = Document::parse(&application_request).map_err(|_| code::SCHEMA)?;
        let is_nordea = self.family() == Family::Nordea;
        let schema = if is_nordea { NORDEA_CERT_REQUEST } else { OP_CERT_REQUEST };
        let request = schema.read(document.root(), self.rules.strict_schema).ok_or(code::SCHEMA)?;
        *customer_id = request.text("CustomerId").map(str::to_owned);
        if request.is_true("Encryption") {
            return Err(code::DECRYPT.into());
        }
        let given = request.text("CustomerId").unwrap_or_default();
        if given != header.sender && given != self.contracts.customer_id(&header.sender) {
            return Err(code::CUSTOMER_NOT_FOUND.into());
        }
        if !self.contracts.knows(&header.sender) {
            return Err(if is_nordea { code::CONTRACT_OR_MAC } else { code::AUTHENTICATION }.into());
        }
        if request.text("Command").is_some_and(|command| !self.is_command(operation, command)) {
            return Err(code::COMMAND_MISMATCH.into());
        }
        if request.text("Environment").map(str::trim) != Some(self.rules.environment.as_str()) {
            return Err(code::ENVIRONMENT_MISMATCH.into());
        }
        if request.is_true("Compression") {
            return Err(code::DEFLATE.into());
        }
        if self.ways.service_is_matu && request.text("Service") != Some("MATU") {
            return Err(invalid_parameter("Invalid parameters: Service is MATU").into());
        }
        if operation == Operation::GetServiceCertificates {
            return Ok(self.own_certificates());
        }
        if let (false, Some(serial), None) = (is_nordea, request.text("SerialNumber"), request.text("Content")) {
            return self.issued_before(&header.sender, serial);
        }
        let der = self.certificate_request(&request)?;
        let wanted =
            signing_request::read(&der, &header.sender, self.family()).map_err(|unfit| self.unfit(&header, &unfit))?;
        self.check_name(&header, &wanted)?;
        let proof = if request.text(if is_nordea { "HMAC" } else { "TransferKey" }).is_some() {
            if is_nordea {
                self.check_code(&request, &header.sender, &der)
            } else {
                self.check_transfer_key(&request, &header.sender)
            }?;
            Proof::Secret
        } else if request.signed {
            Proof::Certificate(self.check_signature(&document, now)?)
        } else {
            return Err(code::AUTHENTICATION.into());
        };
        self.change(|ledger| self.issue(ledger, &header, &wanted, &proof, now))
    }

    /// At Samlink a renewal may have a Command of its own (brief 6).
    fn is_command(&self, operation: Operation, command: &str) -> bool {
        operation.is_command(command)
            || matches!(self.family(), Family::Samlink | Family::Common) && command == "RenewCertificate"
    }

    /// The authorities below the root; where the root issues the bank's certificates itself, the root.
    fn own_certificates(&self) -> Details {
        let authority = self.authority();
        let issuing =
            if authority.issuing.is_empty() { vec![authority.root.clone()] } else { authority.issuing.clone() };
        let named = issuing.into_iter().map(|certificate| {
            let name =
                avain_xml_security::certificate::summary(&certificate).map(|summary| summary.subject_common_name);
            (format!("CN={}, C=FI", name.unwrap_or_default()), certificate)
        });
        Details::Certificates(named.collect())
    }

    /// A certificate that the customer has already, by its serial number (brief 4: fetch again, unsigned).
    fn issued_before(&self, user_id: &str, serial: &str) -> Result<Details, Refusal> {
        self.change(|ledger| {
            let mut held =
                ledger.customers.iter().filter(|customer| customer.user_id == user_id).flat_map(|customer| {
                    customer.certificates.iter().map(|held| (self.subject(user_id, &customer.name).text(), held))
                });
            let found = held.find(|(_, held)| held.serial == serial.trim());
            let (name, held) = found.ok_or(code::CONTENT_NOT_FOUND)?;
            Ok(Details::Certificates(vec![(name, held.der())]))
        })
    }

    /// The PKCS#10 request, DER. Samlink's clients send PEM text, or DER.
    fn certificate_request(&self, request: &Request) -> Result<Vec<u8>, Refusal> {
        let bytes = request.bytes("Content").ok_or_else(|| self.unusable())?;
        if self.family() != Family::Op && self.family() != Family::Nordea && bytes.starts_with(b"-----BEGIN") {
            let text = String::from_utf8(bytes).map_err(|_| self.unusable())?;
            let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
            return crate::schema::from_base64(&lines).ok_or_else(|| self.unusable().into());
        }
        Ok(bytes)
    }

    fn unusable(&self) -> Code {
        if self.family() == Family::Nordea { code::GENERAL_ERROR } else { code::TECHNICAL }
    }

    fn unfit(&self, header: &Echo, unfit: &Unfit) -> Code {
        match unfit {
            Unfit::Subject if self.family() == Family::Nordea => self.customer_information(&header.sender),
            _ => self.unusable(),
        }
    }

    /// 33, with the right name where it is known (brief 3).
    fn customer_information(&self, user_id: &str) -> Code {
        let name = self.contracts.find(user_id).and_then(|contract| contract.name.as_deref());
        name.map_or(code::CUSTOMER_INFORMATION, customer_is)
    }

    fn check_name(&self, header: &Echo, wanted: &SigningRequest) -> Result<(), Refusal> {
        let agreed = self.contracts.find(&header.sender).and_then(|contract| contract.name.as_deref());
        if self.family() == Family::Nordea && agreed.is_some_and(|name| name != wanted.name) {
            return Err(self.customer_information(&header.sender).into());
        }
        Ok(())
    }

    /// The HMAC proves the activation code. Where any code will do, the request carries it as `TransferKey`, so that its
    /// shape and the HMAC can be checked all the same; elsewhere the code stays secret.
    fn check_code(&self, request: &Request, user_id: &str, der: &[u8]) -> Result<(), Refusal> {
        let given = request.bytes("HMAC").unwrap_or_default();
        let activation_code = match (self.contracts.secret(user_id), request.text("TransferKey")) {
            (Secret::Any, Some(code)) if is_activation_code(code) => code,
            // Nobody has said what the code is: of an HMAC-SHA1 there is only its length to see.
            (Secret::Any, None) if self.rules.adopts_certificates && given.len() == 20 => return Ok(()),
            (Secret::Any, _) => return Err(code::AUTHENTICATION.into()),
            (Secret::Is(code), None) => code,
            (Secret::None, _) => return Err(code::CONTRACT_OR_MAC.into()),
            (Secret::Is(_), Some(_)) => {
                return Err(invalid_parameter("Invalid parameters: TransferKey is not used").into());
            }
        };
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, activation_code.as_bytes());
        hmac::verify(&key, der, &given).map_err(|_| code::CONTRACT_OR_MAC.into())
    }

    /// At OP sixteen digits with a check digit, whatever they are; Samlink's have been seen without.
    fn check_transfer_key(&self, request: &Request, user_id: &str) -> Result<(), Refusal> {
        let given = request.text("TransferKey").unwrap_or_default();
        let is_right = match self.contracts.secret(user_id) {
            Secret::Is(key) => verify_slices_are_equal(key.as_bytes(), given.as_bytes()).is_ok(),
            Secret::Any => true,
            Secret::None => false,
        };
        let well_formed = self.family() != Family::Op || is_transfer_key(given);
        if is_right && well_formed { Ok(()) } else { Err(code::AUTHENTICATION.into()) }
    }

    fn check_signature(&self, document: &Document<'_>, now: OffsetDateTime) -> Result<Vec<u8>, Refusal> {
        let signed = enveloped::verify(document, &self.policy()).map_err(|_| code::CONTENT_SIGNATURE)?;
        if !self.is_chained(&signed.signer, now) {
            return Err(code::CONTENT_CERTIFICATE.into());
        }
        Ok(signed.signer)
    }

    /// A customer is a user id; where there are no contracts, a user id with a name. A new one gets an account; a known one
    /// keeps it.
    fn issue(
        &self,
        ledger: &mut Ledger,
        header: &Echo,
        wanted: &SigningRequest,
        proof: &Proof,
        now: OffsetDateTime,
    ) -> Result<Details, Refusal> {
        let by_name = matches!(self.contracts, Contracts::Any);
        let is_nordea = self.family() == Family::Nordea;
        let find = |ledger: &Ledger| {
            if by_name { ledger.find(&header.sender, &wanted.name) } else { ledger.find_user(&header.sender) }
        };
        if let Proof::Certificate(certificate) = proof {
            self.adopt(ledger, certificate, &header.sender);
            let known = find(ledger);
            if known.is_none() || known.map(Standing::Live) != Some(ledger.standing(certificate)) {
                return Err(code::CONTENT_CERTIFICATE.into());
            }
        }
        if !ledger.remember(&header.sender, &header.request, now) && !self.rules.accepts_replays {
            return Err(code::DUPLICATE.into());
        }
        let known = find(ledger);
        let agreed = self.contracts.find(&header.sender).and_then(|contract| contract.name.as_deref());
        let own = known.map(|customer| &*ledger.customers[customer].name).filter(|_| !is_nordea);
        let name = agreed.or(own).unwrap_or(&wanted.name).to_owned();
        let subject = self.subject(&header.sender, &name);
        if !is_nordea && let Some(customer) = known {
            // OP gives a key that it has certified its old certificate again, as success (brief 4).
            let before = ledger.customers[customer].certificates.iter().find(|held| held.has_key(&wanted.public_key));
            if let Some(held) = before {
                return Ok(Details::Certificates(vec![(subject.text(), held.der())]));
            }
        }
        if let (Proof::Certificate(_), Some(customer), true) = (proof, known, is_nordea) {
            let name = &ledger.customers[customer].name;
            if *name != wanted.name {
                return Err(customer_is(name).into());
            }
        }
        if let (Proof::Certificate(_), Some(window), Some(customer)) = (proof, self.ways.renewal_window, known) {
            check_window(ledger, customer, window, now)?;
        }
        let number = ledger.next_number();
        let issued = self.authority().issue(&subject, &wanted.public_key, Use::Signing, number, now);
        let certificate = issued.map_err(|_| self.unusable())?;
        let held = Held::new(&certificate).ok_or_else(|| self.unusable())?;
        let customer = known.unwrap_or_else(|| account::open(ledger, self, &header.sender, &name, now));
        ledger.add_certificate(customer, held, self.ways.replaces_certificates);
        Ok(Details::Certificates(vec![(subject.text(), certificate)]))
    }

    fn subject<'a>(&self, user_id: &'a str, name: &'a str) -> Subject<'a> {
        Subject { bank: self.bank, user_id, name }
    }
}

/// 33 with the right name.
fn customer_is(name: &str) -> Code {
    Code { number: "33".into(), text: format!("Error in customer information: {name}").into() }
}

/// Sixty days before the end at the earliest (brief 4; the code is unknown).
fn check_window(ledger: &Ledger, customer: usize, window: time::Duration, now: OffsetDateTime) -> Result<(), Refusal> {
    let live = ledger.customers[customer].certificates.iter().filter(|held| held.state == State::Live);
    let last_end = live.map(Held::ends).max();
    if last_end.is_some_and(|end| now + window < end) {
        return Err(invalid_parameter("Invalid parameters: It is too early to renew the certificate").into());
    }
    Ok(())
}

/// 16 to 32 printable ASCII characters without white space (isecure brief 2.9).
fn is_activation_code(code: &str) -> bool {
    (16..=32).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_graphic())
}
