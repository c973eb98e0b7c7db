//! The banks over HTTP(S): the bank channel's messages, posted one connection each, answers verified before use.

mod contract;
mod learned;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::profile::{Proof, TargetIdRule};
use avain_bank_channel::{
    CertificateRequests, Channel, Error, Expected, FileList, Judge, Request, Service, Stamp, Status, Upload,
    WantedFile, accounts, answer,
};
use avain_domain::names::Bank;
use avain_domain::ports::{
    BankChannel, BankError, BankUser, CertificateSummary, Clock, Enrolment, FileDescriptor, FileStatus, Issued, Random,
    RenewalRequest, UnreadableFile,
};
use avain_domain::secret::Secret;
use avain_xml_security::SigningKey;
use avain_xml_security::certificate::summary;
use avain_xml_security::encryption::DecryptionKey;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

pub use avain_bank_channel::{Environment, Profile, Trust, profile, profiles};
pub use contract::{Anchor, Contract, Contracts, Folder, real, simulated};
use learned::{Cache, Learned};

/// SoftwareId and UserAgent.
const SOFTWARE: &str = concat!("Avain ", env!("CARGO_PKG_VERSION"));
/// How far a bank's clock may be off.
const SKEW: time::Duration = time::Duration::minutes(2);
/// Largest answer: OP's 100 MB packed is less than Nordea's 50 MB, twice in base64, and the envelope.
const MAX_ANSWER: usize = 96 * 1024 * 1024;
/// How long the folders are waited for: what they are good for can be asked again, the enrolment before it cannot.
const TARGET_IDS_WAIT: Duration = Duration::from_secs(5);
/// How long a bank is waited for that is asked for certificates of its own: it is of the time that the question itself has.
const LEARNING_WAIT: Duration = Duration::from_secs(8);
/// The bank could not decrypt, or its encryption certificate is another one by now.
const DECRYPT_ERROR: &str = "22";
/// "Content not found", at every bank (brief 2.6).
const NOT_FOUND: &str = "24";

/// The banks of a deployment.
pub struct HttpBanks {
    contracts: Contracts,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    wait: Duration,
    learned: Cache,
}

/// A question to a bank on its way: who asks, and with what it will be answered.
struct Question<'a> {
    contract: &'a Contract,
    user_id: &'a str,
    decryption_key: Option<&'a Secret>,
    wait: Duration,
}

impl HttpBanks {
    /// Speaks to these banks, and waits so long for an answer (25 s behind API Gateway, whose limit is 29 s).
    #[must_use]
    pub fn new(
        contracts: impl Into<Contracts>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        wait: Duration,
    ) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(wait / 2));
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(http);
        // A connection serves one request: of a kept one that breaks nobody could say whether the request arrived.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector);
        Self { contracts: contracts.into(), clock, random, client, wait, learned: Cache::default() }
    }

    fn contract(&self, bank: Bank) -> Result<Arc<Contract>, BankError> {
        let found = self.contracts.get(bank.as_str());
        found.ok_or_else(|| BankError::NotMade(format!("no contract with {}", bank.as_str())))
    }

    /// As long as the bank takes, and no longer than 32 characters: hexadecimal digits, or more of the alphabet where it takes few.
    fn request_id(&self, contract: &Contract) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        let number = u128::from_be_bytes(bytes);
        match contract.profile.request_id_max {
            32.. => format!("{number:032x}"),
            few => in_letters(number, few),
        }
    }

    /// Now, to the second. The rest of it is random: banks refuse two requests of a customer that have the same time, and processes
    /// beside each other have one clock.
    fn moment(&self) -> time::OffsetDateTime {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        let now = self.clock.now();
        now.replace_microsecond(u32::from_be_bytes(bytes) % 1_000_000).unwrap_or(now)
    }

    /// Builds, posts, and reads: the one way of every operation. Where the bank could not decrypt the request (it said so, signed),
    /// it has another certificate by now: that is learned, and the request goes out once more, encrypted to it.
    async fn ask<T: Send>(
        &self,
        question: &Question<'_>,
        build: impl Fn(&Channel<'_>, &Stamp<'_>) -> Result<Request, Error> + Send + Sync,
        read: impl Fn(&[u8], &Expected, &Judge<'_>) -> Result<T, Error> + Send + Sync,
    ) -> Result<T, BankError> {
        let deadline = Instant::now() + question.wait;
        let learned = self.learned(question.contract, question.user_id, deadline).await?;
        let outcome = self.ask_once(question, &learned, deadline, &build, &read).await;
        if !matches!(&outcome, Err(BankError::Refused { code, .. }) if code == DECRYPT_ERROR) {
            return outcome;
        }
        self.learned.forget(question.contract);
        let anew = self.learned(question.contract, question.user_id, deadline).await?;
        if anew.encryption == learned.encryption {
            return outcome;
        }
        self.ask_once(question, &anew, deadline, &build, &read).await
    }

    /// What the bank signs with may have been rotated below its root since that was learned: then the same answer is read again
    /// with what is learned anew.
    async fn ask_once<T: Send>(
        &self,
        question: &Question<'_>,
        learned: &Learned,
        deadline: Instant,
        build: &(impl Fn(&Channel<'_>, &Stamp<'_>) -> Result<Request, Error> + Send + Sync),
        read: &(impl Fn(&[u8], &Expected, &Judge<'_>) -> Result<T, Error> + Send + Sync),
    ) -> Result<T, BankError> {
        let contract = question.contract;
        let channel = channel(contract, question.user_id, learned);
        let request_id = self.request_id(contract);
        let request = build(&channel, &Stamp { request_id: &request_id, at: self.moment() }).map_err(fault)?;
        let expected = request.expected.clone();
        let keys = question.decryption_key.map(|key| DecryptionKey::new(key.expose())).transpose();
        let keys: Vec<DecryptionKey> =
            keys.map_err(|error| BankError::NotMade(error.to_string()))?.into_iter().collect();
        let answer = self.post(contract, request, deadline).await?;
        let trust = contract.trust.get()?;
        let judged = |learned: &Learned| {
            let trust = learned.complete(trust);
            read(&answer, &expected, &Judge::live(&trust, self.clock.now(), SKEW).with_keys(&keys))
        };
        let mut outcome = judged(learned);
        if matches!(outcome, Err(Error::Untrusted { .. })) && contract.learns() {
            self.learned.forget(contract);
            // What was sent was sent: that nothing can be learned now leaves the answer as untrusted as it was.
            if let Ok(anew) = self.learned(contract, question.user_id, deadline).await {
                outcome = judged(&anew);
            }
        }
        outcome.map_err(fault)
    }

    /// As [`HttpBanks::ask`], by somebody who has a certificate.
    async fn ask_as<T: Send>(
        &self,
        user: BankUser<'_>,
        wait: Duration,
        build: impl Fn(&Channel<'_>, &Stamp<'_>, &SigningKey) -> Result<Request, Error> + Send + Sync,
        read: impl Fn(&[u8], &Expected, &Judge<'_>) -> Result<T, Error> + Send + Sync,
    ) -> Result<T, BankError> {
        let contract = &*self.contract(user.bank)?;
        let key = signing_key(&user)?;
        let question = Question { contract, user_id: user.user_id, decryption_key: user.decryption_key, wait };
        self.ask(&question, |channel, stamp| build(channel, stamp, &key), read).await
    }

    /// What a bank tells of itself: the certificates below its root that it signs with, or that it wants requests encrypted to.
    async fn learned(&self, contract: &Contract, user_id: &str, deadline: Instant) -> Result<Arc<Learned>, BankError> {
        let now = self.clock.now();
        if let Some(known) = self.learned.get(contract, now) {
            return Ok(known);
        }
        if !contract.learns() {
            return Ok(Arc::new(Learned::nothing(now)));
        }
        let nothing = Learned::nothing(now);
        let request_id = self.request_id(contract);
        let stamp = Stamp { request_id: &request_id, at: now };
        let channel = channel(contract, user_id, &nothing);
        let by_factory = contract.profile.pki_factory.is_some();
        let request = if by_factory { channel.bank_certificates(&stamp) } else { channel.service_certificates(&stamp) };
        let request = request.map_err(fault)?;
        let expected = request.expected.clone();
        // Nothing of the caller's is sent yet, whatever becomes of this.
        let deadline = deadline.min(Instant::now() + LEARNING_WAIT);
        let answer = self.post(contract, request, deadline).await.map_err(|_| BankError::NotConnected)?;
        let judge = Judge::live(contract.trust.get()?, self.clock.now(), SKEW);
        let learned = if by_factory {
            let told = answer::bank_certificates(&answer, &expected, &judge).map_err(not_sent)?;
            Learned { at: now, issuers: Vec::new(), encryption: Some(told.encryption) }
        } else {
            let issuers = answer::service_certificates(&answer, &expected, &judge).map_err(not_sent)?;
            Learned { at: now, issuers, encryption: None }
        };
        Ok(self.learned.keep(contract, learned))
    }

    async fn post(&self, contract: &Contract, request: Request, deadline: Instant) -> Result<Bytes, BankError> {
        let address = match request.service {
            Service::Files => &contract.addresses.files,
            Service::Certificates => &contract.addresses.certificates,
        };
        let post = http::Request::post(address)
            .header(http::header::CONTENT_TYPE, "text/xml; charset=UTF-8")
            .header("soapaction", format!("\"{}\"", request.soap_action))
            .body(Full::new(Bytes::from(request.body)))
            .map_err(|error| BankError::NotMade(error.to_string()))?;
        tokio::time::timeout_at(deadline, self.exchange(post)).await.map_err(|_| BankError::TimedOut)?
    }

    async fn exchange(&self, post: http::Request<Full<Bytes>>) -> Result<Bytes, BankError> {
        let response = self
            .client
            .request(post)
            .await
            .map_err(|error| if error.is_connect() { BankError::NotConnected } else { BankError::Interrupted })?;
        let status = response.status();
        if status.is_server_error() {
            return Err(BankError::Interrupted);
        }
        if status != http::StatusCode::OK {
            return Err(BankError::Unreadable(format!("HTTP status {}", status.as_u16())));
        }
        match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(BankError::Unreadable(format!("larger than {MAX_ANSWER} bytes")))
            }
            Err(_) => Err(BankError::Interrupted),
        }
    }
}

#[async_trait]
impl BankChannel for HttpBanks {
    fn bank(&self, name: &str) -> Option<Bank> {
        let bank = Bank::parse(name)?;
        self.contract(bank).is_ok().then_some(bank)
    }

    fn check_enrolment(&self, bank: Bank, user_id: &str, code: &str) -> Result<(), &'static str> {
        let contract = self.contract(bank).map_err(|_| "Bank")?;
        let enrolment = &contract.profile.enrolment;
        if !enrolment.user_id.fits(user_id) {
            return Err("WsUserId");
        }
        if enrolment.code.fits(code) { Ok(()) } else { Err("Code") }
    }

    fn user_id_fits(&self, bank: Bank, user_id: &str) -> bool {
        self.contract(bank).is_ok_and(|contract| contract.profile.enrolment.user_id.fits(user_id))
    }

    fn knows_issuer(&self, bank: Bank, certificate: &[u8]) -> bool {
        self.contract(bank).is_ok_and(|contract| contract.knows_issuer(certificate, self.clock.now()))
    }

    fn generate_key(&self, _bank: Bank) -> Result<Secret, BankError> {
        let key = PrivateKey::generate().map_err(fault)?;
        Ok(Secret::new(key.pkcs8().to_vec()))
    }

    async fn enrol(&self, enrolment: Enrolment<'_>) -> Result<Issued, BankError> {
        let Enrolment { bank, user_id, company, code, key, encryption_key } = enrolment;
        let contract = &*self.contract(bank)?;
        let question = Question { contract, user_id, decryption_key: None, wait: self.wait };
        let wanted = Wanted::new(contract, user_id, company, key, encryption_key)?;
        if let (Proof::PkiFactory, Some(requests)) = (contract.profile.enrolment.kind, wanted.both()) {
            let build =
                |channel: &Channel<'_>, stamp: &Stamp<'_>| channel.certificates(stamp, code.expose(), &requests);
            let (signing, encryption) = (requests.signing.public_key(), requests.encryption.public_key());
            let read = |bytes: &[u8], expected: &Expected, judge: &Judge<'_>| {
                answer::certificates(bytes, expected, judge, signing, encryption)
            };
            return self.ask(&question, build, read).await.map(both);
        }
        let build =
            |channel: &Channel<'_>, stamp: &Stamp<'_>| channel.certificate(stamp, code.expose(), &wanted.signing);
        self.ask(&question, build, |bytes, expected, judge| one(bytes, expected, judge, &wanted)).await
    }

    fn renews(&self, bank: Bank) -> bool {
        self.contract(bank).is_ok()
    }

    async fn renew(&self, renewal: RenewalRequest<'_>) -> Result<Issued, BankError> {
        let RenewalRequest { user, company, key, encryption_key } = renewal;
        let contract = &*self.contract(user.bank)?;
        let wanted = Wanted::new(contract, user.user_id, company, key, encryption_key)?;
        if let (Proof::PkiFactory, Some(requests)) = (contract.profile.enrolment.kind, wanted.both()) {
            let build = |channel: &Channel<'_>, stamp: &Stamp<'_>, old: &SigningKey| {
                channel.certificates_renewal(stamp, old, &requests)
            };
            let (signing, encryption) = (requests.signing.public_key(), requests.encryption.public_key());
            let read = |bytes: &[u8], expected: &Expected, judge: &Judge<'_>| {
                answer::renewed_certificates(bytes, expected, judge, signing, encryption)
            };
            return self.ask_as(user, self.wait, build, read).await.map(both);
        }
        let build =
            |channel: &Channel<'_>, stamp: &Stamp<'_>, old: &SigningKey| channel.renewal(stamp, old, &wanted.signing);
        self.ask_as(user, self.wait, build, |bytes, expected, judge| one(bytes, expected, judge, &wanted)).await
    }

    fn has_folders(&self, bank: Bank) -> bool {
        self.contract(bank).is_ok_and(|contract| contract.profile.target_id == TargetIdRule::Required)
    }

    async fn target_ids(&self, user: BankUser<'_>) -> Result<Vec<String>, BankError> {
        let wait = self.wait.min(TARGET_IDS_WAIT);
        let build = |channel: &Channel<'_>, stamp: &Stamp<'_>, key: &SigningKey| channel.user_info(stamp, key);
        let info = self.ask_as(user, wait, build, answer::user_info).await?;
        Ok(info.target_ids().into_iter().map(str::to_owned).collect())
    }

    async fn list(
        &self,
        user: BankUser<'_>,
        status: FileStatus,
        file_type: Option<&str>,
    ) -> Result<Vec<FileDescriptor>, BankError> {
        let status = match status {
            FileStatus::New => Status::New,
            FileStatus::Downloaded => Status::Downloaded,
            FileStatus::All => Status::All,
        };
        let list = FileList { status, target_id: user.target_id, file_type, from: None, to: None };
        let build = |channel: &Channel<'_>, stamp: &Stamp<'_>, key: &SigningKey| channel.file_list(stamp, key, &list);
        let files = self.ask_as(user, self.wait, build, answer::file_list).await?;
        Ok(files.into_iter().map(descriptor).collect())
    }

    async fn download(
        &self,
        user: BankUser<'_>,
        file_type: &str,
        reference: &str,
    ) -> Result<Option<Vec<u8>>, BankError> {
        let contract = self.contract(user.bank)?;
        let nothing = contract.profile.empty_list_code.as_deref();
        let wanted = WantedFile { file_reference: reference, file_type, target_id: user.target_id };
        let build = |channel: &Channel<'_>, stamp: &Stamp<'_>, key: &SigningKey| channel.file(stamp, key, &wanted);
        match self.ask_as(user, self.wait, build, answer::file).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(BankError::Refused { code, .. }) if code == NOT_FOUND || nothing == Some(code.as_str()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn upload(
        &self,
        user: BankUser<'_>,
        file_type: &str,
        file_name: &str,
        bytes: &[u8],
    ) -> Result<(), BankError> {
        let upload = Upload { file_type, target_id: user.target_id, file_name, content: bytes };
        let build = |channel: &Channel<'_>, stamp: &Stamp<'_>, key: &SigningKey| channel.upload(stamp, key, &upload);
        self.ask_as(user, self.wait, build, answer::upload).await.map(drop)
    }

    fn deletes(&self, bank: Bank) -> bool {
        self.contract(bank).is_ok_and(|contract| contract.profile.offers.delete)
    }

    async fn delete(&self, user: BankUser<'_>, file_type: &str, reference: &str) -> Result<(), BankError> {
        let wanted = WantedFile { file_reference: reference, file_type, target_id: user.target_id };
        let build = |channel: &Channel<'_>, stamp: &Stamp<'_>, key: &SigningKey| channel.delete(stamp, key, &wanted);
        self.ask_as(user, self.wait, build, answer::delete).await.map(drop)
    }

    fn accounts_in(&self, file_type: &str, bytes: &[u8]) -> Result<Vec<String>, UnreadableFile> {
        accounts::accounts_in(file_type, bytes).map_err(|error| UnreadableFile(error.to_string()))
    }

    fn summary(&self, certificate: &[u8]) -> Result<CertificateSummary, BankError> {
        let read = summary(certificate).map_err(|error| BankError::NotMade(error.to_string()))?;
        Ok(CertificateSummary {
            begins: read.not_before,
            expires: read.not_after,
            issuer: read.issuer_common_name,
            serial: read.serial,
            public_key: read.public_key,
        })
    }
}

/// The certificates that are asked for.
struct Wanted {
    signing: CertificateRequest,
    encryption: Option<CertificateRequest>,
}

impl Wanted {
    fn new(
        contract: &Contract,
        user_id: &str,
        company: &str,
        key: &Secret,
        encryption_key: Option<&Secret>,
    ) -> Result<Self, BankError> {
        let nothing = Learned::nothing(time::OffsetDateTime::UNIX_EPOCH);
        let channel = channel(contract, user_id, &nothing);
        let request = |key: &Secret| {
            let key = PrivateKey::from_pkcs8(key.expose())?;
            CertificateRequest::new(&channel, &key, company)
        };
        Ok(Self {
            signing: request(key).map_err(fault)?,
            encryption: encryption_key.map(request).transpose().map_err(fault)?,
        })
    }

    fn both(&self) -> Option<CertificateRequests<'_>> {
        self.encryption.as_ref().map(|encryption| CertificateRequests { signing: &self.signing, encryption })
    }
}

fn both(certificates: answer::Certificates) -> Issued {
    Issued { certificate: certificates.signing, encryption: Some(certificates.encryption) }
}

fn one(bytes: &[u8], expected: &Expected, judge: &Judge<'_>, wanted: &Wanted) -> Result<Issued, Error> {
    let certificate = answer::certificate(bytes, expected, judge, wanted.signing.public_key())?;
    Ok(Issued { certificate, encryption: None })
}

fn channel<'a>(contract: &'a Contract, user_id: &'a str, learned: &'a Learned) -> Channel<'a> {
    Channel {
        profile: &contract.profile,
        user_id,
        environment: contract.environment,
        software: SOFTWARE,
        bank_certificate: learned.encryption.as_deref(),
    }
}

fn signing_key(user: &BankUser<'_>) -> Result<SigningKey, BankError> {
    SigningKey::new(user.key.expose(), user.certificate).map_err(|error| BankError::NotMade(error.to_string()))
}

/// So many letters and digits of a random number.
fn in_letters(mut number: u128, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    for _ in 0..length {
        text.push(char::from(ALPHABET[(number % 62) as usize]));
        number /= 62;
    }
    text
}

fn descriptor(file: answer::FileDescriptor) -> FileDescriptor {
    FileDescriptor {
        file_type: file.file_type,
        status: file.status,
        timestamp: file.file_timestamp,
        reference: file.file_reference,
        service_id: file.service_id.unwrap_or_default(),
        target_id: file.target_id,
    }
}

fn fault(error: Error) -> BankError {
    match error {
        Error::Refused { code, text } => BankError::Refused { code, text },
        // The bank's to name: no parameter of the caller's.
        Error::Field("TargetId") => BankError::NotMade("the bank has named no folder for this user".to_owned()),
        Error::Field(name) => BankError::Field(name),
        Error::Key | Error::NotOffered(_) | Error::NoBankCertificate => BankError::NotMade(error.to_string()),
        Error::Untrusted { .. } => BankError::Signature(error.to_string()),
        Error::Unreadable(_)
        | Error::Decryption
        | Error::AnotherRequest(_)
        | Error::Fault { .. }
        | Error::Certificate(_) => BankError::Unreadable(error.to_string()),
    }
}

/// What goes wrong before anything of the caller's is sent.
fn not_sent(error: Error) -> BankError {
    match fault(error) {
        // Its refusal is not of what the caller asked for.
        BankError::Refused { code, text } => BankError::NotReady(format!("{code} {text}")),
        BankError::Unreadable(why) | BankError::Signature(why) => BankError::NotReady(why),
        error => error,
    }
}
