//! The file service: checks in the order of brief 11, then the operations.

use avain_xml_security::{Document, Element, enveloped, soap};
use time::OffsetDateTime;

use crate::answer_parts::Details;
use crate::authority::Use;
use crate::bank::Family;
use crate::code::{self, Code, Refusal, invalid_parameter};
use crate::file_types::FileType;
use crate::held::{Held, subject_attribute};
use crate::ledger::{Ledger, Standing};
use crate::office::{CLOCK_SKEW, Office, Outcome};
use crate::operation::{Operation, Service};
use crate::schema::{APPLICATION_REQUEST, Request};
use crate::ways::Target;
use crate::{account, algorithms, envelope};

/// What an answer echoes, as far as the request was read; and what its code does not tell.
#[derive(Default)]
struct Read {
    customer_id: Option<String>,
    execution_serial: Option<String>,
    is_late: bool,
}

impl Office {
    /// Steps 3 to 17 of brief 11. The steps up to the certificate change nothing, so that nobody but the customer can
    /// spend a request id.
    pub(crate) fn file_service(&self, document: &Document<'_>, now: OffsetDateTime) -> Outcome {
        let mut read = Read::default();
        let result = self.check_envelope(document, now).and_then(|verified| {
            let timely = envelope::is_timely(document, now, CLOCK_SKEW);
            self.change(|ledger| self.carry_out(ledger, &verified, timely, now, &mut read))
        });
        let Read { customer_id, execution_serial, is_late } = read;
        Outcome { customer_id, execution_serial, is_late, result }
    }

    fn check_envelope<'d>(
        &self,
        document: &'d Document<'d>,
        now: OffsetDateTime,
    ) -> Result<soap::Verified<'d>, Refusal> {
        // 3: header fields, before the signature and therefore only their form.
        let body = soap::unsigned_body(document).map_err(|_| code::SCHEMA)?;
        let (_, call) = envelope::call(body, Service::Files, self.family())?;
        envelope::request(call, Service::Files, self.family())?;
        // 4: signature; its Timestamp comes after the certificate.
        let verified = soap::verify(document, &self.policy(), None, CLOCK_SKEW).map_err(|_| code::SOAP_SIGNATURE)?;
        // 5: the certificate.
        if !self.is_chained(&verified.signer, now) {
            return Err(self.bad_certificate(code::CERTIFICATE_NOT_VALID));
        }
        Ok(verified)
    }

    /// At Nordea a SOAP Fault.
    fn bad_certificate(&self, code: Code) -> Refusal {
        if self.ways.certificate_faults { Refusal::SoapFault(code) } else { Refusal::Answer(code) }
    }

    fn carry_out(
        &self,
        ledger: &mut Ledger,
        verified: &soap::Verified<'_>,
        timely: bool,
        now: OffsetDateTime,
        read: &mut Read,
    ) -> Result<Details, Refusal> {
        let (operation, call) = envelope::call(verified.body, Service::Files, self.family())?;
        let (header, payload) = envelope::request(call, Service::Files, self.family())?;
        // 5, once more: whose certificate it is.
        self.adopt(ledger, &verified.signer, &header.sender);
        let customer = match ledger.standing(&verified.signer) {
            Standing::Live(customer) if ledger.customers[customer].user_id == header.sender => Some(customer),
            Standing::Retired => return Err(self.bad_certificate(code::CERTIFICATE_NOT_VALID)),
            Standing::Unknown
                if self.names(&verified.signer, &header.sender) && !self.contracts.knows(&header.sender) =>
            {
                None
            }
            _ => return Err(self.bad_certificate(code::CERTIFICATE_NOT_FOR_ID)),
        };
        // 6: Timestamp, signed or (as some clients have it) not.
        if !timely {
            read.is_late = true;
            return Err(code::SOAP_SIGNATURE.into());
        }
        // 7: the sender's state.
        let customer = customer.ok_or(code::SENDER_NOT_FOUND)?;
        if self.is_locked(ledger, &header.sender) {
            return Err(code::SENDER_LOCKED.into());
        }
        // 8: replay.
        if !ledger.remember(&header.sender, &header.request, now) && !self.rules.accepts_replays {
            return Err(code::DUPLICATE.into());
        }
        // 9: base64, encryption.
        let (application_request, otherwise) = self.application_request(payload)?;
        let document = Document::parse(&application_request).map_err(|_| otherwise)?;
        // 10: schema.
        let request = APPLICATION_REQUEST.read(document.root(), self.rules.strict_schema).ok_or(code::SCHEMA)?;
        read.customer_id = request.text("CustomerId").map(str::to_owned);
        read.execution_serial = request.text("ExecutionSerial").map(str::to_owned);
        // 9: that the content is encrypted beside that is said in the request, which is read only now.
        if request.is_true("Encryption") && !self.ways.encrypts {
            return Err(code::DECRYPT.into());
        }
        // 11: signature over the content, by the same certificate.
        let signed = enveloped::verify(&document, &self.policy()).map_err(|_| code::CONTENT_SIGNATURE)?;
        if signed.signer != verified.signer {
            return Err(code::CONTENT_CERTIFICATE.into());
        }
        // 12: customer.
        let customer_id = request.text("CustomerId").unwrap_or_default();
        if customer_id != self.contracts.customer_id(&header.sender) {
            return Err(code::CUSTOMER_NOT_FOUND.into());
        }
        // 13: command and environment.
        if request.text("Command").is_some_and(|command| !operation.is_command(command)) {
            return Err(code::COMMAND_MISMATCH.into());
        }
        if request.text("Environment").map(str::trim) != Some(self.rules.environment.as_str()) {
            return Err(code::ENVIRONMENT_MISMATCH.into());
        }
        // 14: the same application request in another message.
        let stamp = format!("\n{}", request.text("Timestamp").unwrap_or_default().trim());
        if self.ways.refuses_repeats && !ledger.remember(customer_id, &stamp, now) && !self.rules.accepts_replays {
            return Err(code::REPEATED.into());
        }
        // 15, and then the parameters and the content (16, 17), which each operation looks at itself.
        self.check_agreement(&request, operation, &ledger.customers[customer].target_ids)?;
        account::forward(ledger, self, now);
        match operation {
            Operation::GetUserInfo => Ok(Details::UserFileTypes {
                target_id: match self.ways.target {
                    Target::Own => ledger.customers[customer].target_ids[0].clone(),
                    Target::Fixed(target) | Target::Free(target) => target.to_owned(),
                    Target::Day => "NONE".to_owned(),
                },
                types: self.ways.file_types,
            }),
            Operation::DownloadFileList => self.list(ledger, customer, &request),
            Operation::DownloadFile => self.download(ledger, customer, &request, now),
            Operation::UploadFile => self.upload(ledger, customer, &request, now),
            Operation::DeleteFile => self.delete(ledger, customer, &request),
            _ => Err(code::OPERATION_UNKNOWN.into()),
        }
    }

    /// A certificate from elsewhere becomes the customer's whom its subject names, where that is allowed.
    pub(crate) fn adopt(&self, ledger: &mut Ledger, certificate: &[u8], sender: &str) {
        if !self.rules.adopts_certificates || ledger.standing(certificate) != Standing::Unknown {
            return;
        }
        if !self.names(certificate, sender) || !self.contracts.knows(sender) {
            return;
        }
        let Some(held) = Held::given(certificate).filter(|held| held.purpose == Use::Signing) else { return };
        let customer = ledger.find_user(sender).unwrap_or_else(|| {
            let name = self.customer_name(certificate).unwrap_or_else(|| sender.to_owned());
            account::open(ledger, self, sender, &name, (self.clock)())
        });
        ledger.add_certificate(customer, held, false);
    }

    /// Whether a certificate's subject is this user.
    fn names(&self, certificate: &[u8], user_id: &str) -> bool {
        subject_ids(self.family()).iter().any(|oid| subject_attribute(certificate, oid).as_deref() == Some(user_id))
    }

    /// The customer's name in a certificate; at OP the user id stands in its place.
    pub(crate) fn customer_name(&self, certificate: &[u8]) -> Option<String> {
        subject_attribute(certificate, COMMON_NAME).filter(|_| self.family() != Family::Op)
    }

    /// The application request's bytes, and the code to answer if they are not XML.
    fn application_request(&self, payload: Element<'_>) -> Result<(zeroize::Zeroizing<Vec<u8>>, Code), Refusal> {
        let bytes = envelope::payload(payload)?;
        if !self.ways.encrypts {
            return Ok((bytes.into(), code::SCHEMA));
        }
        let outer = Document::parse(&bytes).ok();
        let data = outer.as_ref().and_then(|outer| algorithms::encrypted_data(outer.root()));
        let authority = self.authority();
        let key = authority.encryption.as_ref().map(|(_, key)| key.as_slice());
        Ok((algorithms::decrypt(data, key), code::DECRYPT))
    }

    /// 15: a `FileType` that is there must be one of the agreement's, for an upload one that may be sent; a `TargetId` that
    /// is there must be the customer's, and must be there where brief 3 says so.
    fn check_agreement(&self, request: &Request, operation: Operation, own: &[String]) -> Result<(), Refusal> {
        // Any message of ISO 20022 may be asked for: which versions a contract has, no source lists.
        let is_asked_for = |name: &str| {
            let is_iso = name.starts_with("pain.0") || name.starts_with("camt.0");
            is_iso && operation != Operation::UploadFile && self.family() != Family::Samlink
        };
        let known =
            |name: &str| {
                is_asked_for(name)
                    || self.ways.file_types.iter().any(|known: &FileType| {
                        known.name == name && (known.upload || operation != Operation::UploadFile)
                    })
            };
        if request.text("FileType").is_some_and(|name| !known(name)) {
            return Err(code::CONTENT_TYPE.into());
        }
        let allowed = |given: &str| match self.ways.target {
            Target::Own => own.iter().any(|target| target == given),
            Target::Fixed(target) => given == target,
            Target::Free(_) | Target::Day => true,
        };
        match request.text("TargetId") {
            Some(given) if !allowed(given) => Err(code::CONTENT_NOT_ALLOWED.into()),
            None if self.ways.target == Target::Own && operation != Operation::GetUserInfo => {
                Err(invalid_parameter("Invalid parameters: TargetId is required").into())
            }
            _ => Ok(()),
        }
    }

    /// Whether wrong secrets have locked the customer out.
    pub(crate) fn is_locked(&self, ledger: &Ledger, user_id: &str) -> bool {
        self.ways.secret_tries.is_some_and(|tries| ledger.wrong_secrets(user_id) >= tries)
    }
}

/// Where a customer's user id stands in a certificate's subject: serialNumber, surname, common name.
fn subject_ids(family: Family) -> &'static [&'static str] {
    match family {
        Family::Nordea | Family::Danske => &["2.5.4.5"],
        Family::Samlink => &["2.5.4.4", "2.5.4.5"],
        Family::Op => &[COMMON_NAME],
        Family::Common => &[COMMON_NAME, "2.5.4.5"],
    }
}

const COMMON_NAME: &str = "2.5.4.3";
