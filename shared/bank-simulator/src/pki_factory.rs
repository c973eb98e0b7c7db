//! Danske Bank's PKI Factory (brief 5.2): pairs of certificates for a PIN or for the pair in force, what they are worth,
//! and their revocation.

use avain_xml_security::{Document, Element, enveloped};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use time::OffsetDateTime;

use crate::authority::{Subject, Use};
use crate::code::{self, Code, Refusal};
use crate::contract::Secret;
use crate::fault::Fault;
use crate::held::{Held, State};
use crate::ledger::{Ledger, Standing};
use crate::office::Office;
use crate::pki_answer::{PkiAnswer, PkiDetails, PkiRefusal};
use crate::pki_schema::{self, PkiHeader, PkiRequest};
use crate::reply::Reply;
use crate::signing_request::{self, SigningRequest};
use crate::{Environment, Operation, account, algorithms, keys};

/// Whatever is wrong with the user id or the proof: one text.
const USER_OR_PIN: Code = code::code("20", "Problem with UserId or PIN.");
const PKCS10: Code = code::code("10", "Problem with PKCS#10.");
const SCHEMA: Code = code::code("07", "Schema validation error.");
const ENVIRONMENT_MISMATCH: &str = "Environment mismatch";

/// The two certificate requests of a pair.
struct Requests {
    encryption: SigningRequest,
    signing: SigningRequest,
}

/// Roots that clients ask for: the present one and the one before it (brief 5.2).
const ROOT_SERIALS: [&str; 2] = ["1111110002", "1111110003"];

impl Office {
    /// Order: form of the header (07), its environment (07), encryption (22), form of the request (07), its environment (07),
    /// customer (20), signature or PIN (20), certificate requests (10).
    pub(crate) fn pki_factory(
        &self,
        document: &Document<'_>,
        operation: Operation,
        call: Element<'_>,
        now: OffsetDateTime,
        scripted: Option<&Fault>,
    ) -> Reply {
        let header = pki_schema::header_of(call);
        let found = match scripted {
            Some(Fault::Answer { code, text }) => {
                Err(PkiRefusal::new(Code { number: code.clone().into(), text: text.clone().into() }))
            }
            _ => self.pki_outcome(operation, call, now),
        };
        let answer = PkiAnswer { operation, header, found };
        let written = self.signing_authority(now, scripted).and_then(|authority| {
            answer.write(&authority, algorithms::answering_hash(document, self.rules.hashes), now, scripted)
        });
        written.unwrap_or_else(|error| {
            tracing::error!(bank = self.bank.as_str(), %error, "the simulator could not sign an answer");
            Reply::fault(operation.service(), self.family(), &code::TECHNICAL)
        })
    }

    /// What the bank finds, with nothing written yet.
    pub(crate) fn pki_outcome(
        &self,
        operation: Operation,
        call: Element<'_>,
        now: OffsetDateTime,
    ) -> Result<PkiDetails, PkiRefusal> {
        let (header, content) = pki_schema::parts(call).map_err(PkiRefusal::invalid)?;
        if !self.is_environment(header.environment.as_deref()) {
            return Err(PkiRefusal { code: SCHEMA, more: Some(ENVIRONMENT_MISMATCH.into()) });
        }
        if !matches!(operation, Operation::CreateCertificate | Operation::RenewCertificate) {
            return self.pki_carry_out(operation, &header, content, None, now);
        }
        let plaintext = self.pki_plaintext(content);
        let inner = Document::parse(&plaintext).map_err(|_| PkiRefusal::new(code::DECRYPT))?;
        self.pki_carry_out(operation, &header, inner.root(), Some(&inner), now)
    }

    /// What an `EncryptedData` holds; nothing, whatever is wrong with it.
    pub(crate) fn pki_plaintext(&self, content: Element<'_>) -> zeroize::Zeroizing<Vec<u8>> {
        let authority = self.authority();
        let key = authority.encryption.as_ref().map(|(_, key)| key.as_slice());
        algorithms::decrypt(algorithms::encrypted_data(content), key)
    }

    fn pki_carry_out(
        &self,
        operation: Operation,
        header: &PkiHeader,
        element: Element<'_>,
        alone: Option<&Document<'_>>,
        now: OffsetDateTime,
    ) -> Result<PkiDetails, PkiRefusal> {
        let request = pki_schema::request(operation, element).map_err(PkiRefusal::invalid)?;
        if !self.is_environment(request.all("Environment").first().map(String::as_str)) {
            return Err(PkiRefusal { code: SCHEMA, more: Some(ENVIRONMENT_MISMATCH.into()) });
        }
        if operation == Operation::GetBankCertificate {
            return self.bank_certificates(&request);
        }
        let user_id = request.text("CustomerId");
        if user_id != header.customer || !self.contracts.knows(user_id) {
            return Err(PkiRefusal::new(USER_OR_PIN));
        }
        if operation == Operation::CreateCertificate {
            return self.pki_change(|ledger| self.create(ledger, &request, now));
        }
        // What was encrypted is a document of its own, which some clients sign as a whole.
        let verified = enveloped::verify_element(element, &self.policy()).or_else(|error| match alone {
            Some(document) => enveloped::verify(document, &self.policy()),
            None => Err(error),
        });
        let signer = verified.map_err(|_| PkiRefusal::new(USER_OR_PIN))?.signer;
        if !self.is_chained(&signer, now) {
            return Err(PkiRefusal::new(USER_OR_PIN));
        }
        self.pki_change(|ledger| {
            self.adopt(ledger, &signer, user_id);
            let customer = match ledger.standing(&signer) {
                Standing::Live(customer) if ledger.customers[customer].user_id == user_id => customer,
                _ => return Err(PkiRefusal::new(USER_OR_PIN)),
            };
            match operation {
                Operation::RenewCertificate => {
                    self.issue_pair(ledger, customer, user_id, &self.requests(&request)?, now)
                }
                Operation::RevokeCertificate => revoke(ledger, customer, &request, now),
                Operation::CertificateStatus => status(ledger, customer, &request),
                _ => Ok(PkiDetails::Statuses(ledger.customers[customer].certificates.clone())),
            }
        })
    }

    /// [`Office::change`], whose refusals are another service's.
    fn pki_change(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<PkiDetails, PkiRefusal>,
    ) -> Result<PkiDetails, PkiRefusal> {
        match self.change(|ledger| Ok::<_, Refusal>(work(ledger))) {
            Ok(result) => result,
            Err(_) => Err(PkiRefusal::new(code::TECHNICAL)),
        }
    }

    /// In lower case here. What is not said is not wrong.
    fn is_environment(&self, given: Option<&str>) -> bool {
        match self.rules.environment {
            Environment::Production => given.is_none_or(|given| given == "production"),
            Environment::Test => given.is_none_or(|given| given != "production"),
        }
    }

    fn bank_certificates(&self, request: &PkiRequest) -> Result<PkiDetails, PkiRefusal> {
        let authority = self.authority();
        let wanted = request.text("BankRootCertificateSerialNo");
        let own = Held::new(&authority.root).map(|root| root.serial);
        if !ROOT_SERIALS.contains(&wanted) && own.as_deref() != Some(wanted) {
            return Err(PkiRefusal { code: SCHEMA, more: Some("BankRootCertificateSerialNo".into()) });
        }
        let encryption = authority.encryption.as_ref().map(|(certificate, _)| certificate.clone());
        Ok(PkiDetails::Bank {
            encryption: encryption.unwrap_or_default(),
            signing: authority.signer().certificate().to_vec(),
            root: authority.root.clone(),
        })
    }

    /// For a PIN, which works once; wrong ones are counted and in the end lock the customer out.
    fn create(&self, ledger: &mut Ledger, request: &PkiRequest, now: OffsetDateTime) -> Result<PkiDetails, PkiRefusal> {
        let user_id = request.text("CustomerId");
        let given = request.text("PIN");
        if self.is_locked(ledger, user_id) {
            return Err(PkiRefusal::new(USER_OR_PIN));
        }
        let is_right = match self.contracts.secret(user_id) {
            Secret::Is(pin) => verify_slices_are_equal(pin.as_bytes(), given.as_bytes()).is_ok(),
            Secret::Any => true,
            Secret::None => false,
        };
        if !is_right {
            ledger.count_wrong_secret(user_id);
            return Err(PkiRefusal::new(USER_OR_PIN));
        }
        if ledger.is_secret_spent(user_id) && matches!(self.contracts.secret(user_id), Secret::Is(_)) {
            return Err(PkiRefusal::new(USER_OR_PIN));
        }
        let requests = self.requests(request)?;
        let customer = ledger.find_user(user_id).unwrap_or_else(|| {
            let agreed = self.contracts.find(user_id).and_then(|contract| contract.name.as_deref());
            account::open(ledger, self, user_id, agreed.unwrap_or(&requests.signing.name), now)
        });
        ledger.spend_secret(user_id);
        self.issue_pair(ledger, customer, user_id, &requests, now)
    }

    /// Both certificate requests; else 10.
    fn requests(&self, request: &PkiRequest) -> Result<Requests, PkiRefusal> {
        let read = |name| {
            signing_request::read(&request.bytes(name), request.text("CustomerId"), self.family())
                .map_err(|_| PkiRefusal { code: PKCS10, more: Some(name.to_owned()) })
        };
        Ok(Requests { encryption: read("EncryptionCertPKCS10")?, signing: read("SigningCertPKCS10")? })
    }

    fn issue_pair(
        &self,
        ledger: &mut Ledger,
        customer: usize,
        user_id: &str,
        requests: &Requests,
        now: OffsetDateTime,
    ) -> Result<PkiDetails, PkiRefusal> {
        let name = ledger.customers[customer].name.clone();
        let subject = Subject { bank: self.bank, user_id, name: &name };
        let authority = self.authority();
        let mut issue = |public_key: &[u8], purpose| {
            let number = ledger.next_number();
            let certificate = authority.issue(&subject, public_key, purpose, number, now).ok();
            certificate.as_deref().and_then(Held::new).ok_or_else(|| PkiRefusal::new(code::TECHNICAL))
        };
        let encryption = issue(&requests.encryption.public_key, Use::Encryption)?;
        let signing = issue(&requests.signing.public_key, Use::Signing)?;
        let (encryption, signing) =
            (encryption.clone().matching(&signing.serial), signing.matching(&encryption.serial));
        let issued = PkiDetails::Issued {
            encryption: encryption.der(),
            signing: signing.der(),
            authority: authority.for_customers.clone(),
        };
        ledger.add_certificate(customer, encryption, false);
        ledger.add_certificate(customer, signing, false);
        Ok(issued)
    }
}

/// Certificates are revoked in pairs (brief 5.2); those that are revoked already stay as they are.
fn revoke(
    ledger: &mut Ledger,
    customer: usize,
    request: &PkiRequest,
    now: OffsetDateTime,
) -> Result<PkiDetails, PkiRefusal> {
    let names = |list: &[String], held: &Held| {
        list.iter().any(|serial| *serial == held.serial || Some(serial) == held.matching.as_ref())
    };
    let reason = request.text("CRLReason").trim().parse().ok();
    let mut revoked = Vec::new();
    for held in ledger.certificates_mut(customer) {
        let wanted = if request.revokes_all {
            !names(request.all("ExceptCertificateSerialNo"), held)
        } else {
            names(request.all("CertificateSerialNo"), held)
        };
        if wanted && held.state == State::Live {
            held.state = State::Revoked(now.unix_timestamp(), reason);
            revoked.push(held.serial.clone());
        }
    }
    if revoked.is_empty() {
        return Err(PkiRefusal { code: SCHEMA, more: Some("No such CertificateSerialNo".into()) });
    }
    Ok(PkiDetails::Revoked(revoked))
}

fn status(ledger: &Ledger, customer: usize, request: &PkiRequest) -> Result<PkiDetails, PkiRefusal> {
    let known = &ledger.customers[customer].certificates;
    let wanted: Vec<Held> = request
        .all("CertificateSerialNo")
        .iter()
        .filter_map(|serial| known.iter().find(|held| held.serial == *serial).cloned())
        .collect();
    if wanted.is_empty() {
        return Err(PkiRefusal { code: SCHEMA, more: Some("No such CertificateSerialNo".into()) });
    }
    Ok(PkiDetails::Statuses(wanted))
}

impl PkiRefusal {
    pub(crate) fn new(code: Code) -> Self {
        Self { code, more: None }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
    fn invalid(invalid: pki_schema::Invalid) -> Self {
        Self { code: SCHEMA, more: Some(format!("element {} is not valid where it stands", invalid.0)) }
    }
}

const _: () = assert!(keys::DANSKE_ROOT_SERIAL == 1_111_110_003, "ROOT_SERIALS names it");
