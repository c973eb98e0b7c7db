//! The banks over HTTP(S): the bank channel's messages, posted one connection each, answers verified before use.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use avain_bank_channel::pkcs10::{CertificateRequest, PrivateKey};
use avain_bank_channel::profile::Addresses;
use avain_bank_channel::{
    Channel, Environment, Error, FileList, Judge, Profile, Request, Service, Stamp, Status, Trust, Upload, WantedFile,
    accounts, answer, profile,
};
use avain_domain::names::Bank;
use avain_domain::ports::{
    BankChannel, BankError, BankUser, CertificateSummary, Clock, Enrolment, FileDescriptor, FileStatus, Random,
    UnreadableFile,
};
use avain_domain::secret::Secret;
use avain_xml_security::SigningKey;
use avain_xml_security::certificate::summary;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// SoftwareId and UserAgent.
const SOFTWARE: &str = concat!("Avain ", env!("CARGO_PKG_VERSION"));
/// How far a bank's clock may be off.
const SKEW: time::Duration = time::Duration::minutes(2);
/// Largest answer: Nordea's 50 MB, twice in base64, and the envelope.
const MAX_ANSWER: usize = 96 * 1024 * 1024;
/// How long the folders are waited for: what they are good for can be asked again, the enrolment before it cannot.
const TARGET_IDS_WAIT: Duration = Duration::from_secs(5);

/// One bank of a deployment.
pub struct Contract {
    /// The bank's ways.
    pub profile: Arc<Profile>,
    /// Addresses.
    pub endpoints: Addresses,
    /// What its answers must chain to.
    pub trust: Trust,
    /// What its requests must say.
    pub environment: Environment,
}

impl Contract {
    /// A bank that is played at a base address (`http://127.0.0.1:PORT`), with the root of its answers.
    #[must_use]
    pub fn simulated(profile: &Arc<Profile>, base: &str, trust: Trust) -> Self {
        let address = |service: &str| format!("{base}/{}/{service}", profile.bank);
        let endpoints =
            Addresses { files: address("CorporateFileService"), certificates: address("CertificateService") };
        Self { profile: Arc::clone(profile), endpoints, trust, environment: Environment::Test }
    }

    /// The bank itself, where its addresses and its root are known.
    #[must_use]
    pub fn production(profile: &Arc<Profile>) -> Option<Self> {
        let environment = Environment::Production;
        let trust = Trust::live(&profile.bank, environment);
        let endpoints = profile.addresses(environment).filter(|_| !trust.is_empty())?.clone();
        Some(Self { profile: Arc::clone(profile), endpoints, trust, environment })
    }
}

/// The banks that are served.
const SERVED: [&str; 2] = ["simulator", "nordea"];

/// The real banks.
#[must_use]
pub fn production() -> Vec<Contract> {
    SERVED.into_iter().filter_map(profile).filter_map(Contract::production).collect()
}

/// The banks that are served, all played at a base address; their roots in one PEM text. `None` if that is no PEM.
#[must_use]
pub fn simulated(base: &str, roots: &str) -> Option<Vec<Contract>> {
    let trust = Trust::from_pem(roots).ok()?;
    let base = base.trim_end_matches('/');
    let profiles = SERVED.into_iter().filter_map(profile);
    Some(profiles.map(|profile| Contract::simulated(profile, base, trust.clone())).collect())
}

/// The banks of a deployment.
pub struct HttpBanks {
    contracts: Vec<Contract>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    wait: Duration,
}

impl HttpBanks {
    /// Speaks to these banks, and waits so long for an answer (25 s behind API Gateway, whose limit is 29 s).
    #[must_use]
    pub fn new(contracts: Vec<Contract>, clock: Arc<dyn Clock>, random: Arc<dyn Random>, wait: Duration) -> Self {
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
        Self { contracts, clock, random, client, wait }
    }

    fn contract(&self, bank: Bank) -> Result<&Contract, BankError> {
        let found = self.contracts.iter().find(|contract| contract.profile.bank == bank.as_str());
        found.ok_or_else(|| BankError::NotMade(format!("no contract with {}", bank.as_str())))
    }

    fn channel<'a>(&'a self, bank: Bank, user_id: &'a str) -> Result<Channel<'a>, BankError> {
        let contract = self.contract(bank)?;
        Ok(Channel {
            profile: &contract.profile,
            user_id,
            environment: contract.environment,
            software: SOFTWARE,
            bank_certificate: None,
        })
    }

    fn request_id(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        format!("{:032x}", u128::from_be_bytes(bytes))
    }

    /// Builds, posts, and reads: the one way of every operation of a user.
    async fn ask<T>(
        &self,
        user: BankUser<'_>,
        wait: Duration,
        build: impl FnOnce(&Channel<'_>, &Stamp<'_>, &SigningKey) -> Result<Request, Error> + Send,
        read: impl FnOnce(&[u8], &avain_bank_channel::Expected, &Judge<'_>) -> Result<T, Error> + Send,
    ) -> Result<T, BankError> {
        let contract = self.contract(user.bank)?;
        let channel = self.channel(user.bank, user.user_id)?;
        let key = SigningKey::new(user.key.expose(), user.certificate)
            .map_err(|error| BankError::NotMade(error.to_string()))?;
        let request_id = self.request_id();
        let stamp = Stamp { request_id: &request_id, at: self.clock.now() };
        let request = build(&channel, &stamp, &key).map_err(fault)?;
        let expected = request.expected.clone();
        let answer = self.post(contract, request, wait).await?;
        read(&answer, &expected, &Judge::live(&contract.trust, self.clock.now(), SKEW)).map_err(fault)
    }

    async fn post(&self, contract: &Contract, request: Request, wait: Duration) -> Result<Bytes, BankError> {
        let address = match request.service {
            Service::Files => &contract.endpoints.files,
            Service::Certificates => &contract.endpoints.certificates,
        };
        let post = http::Request::post(address)
            .header(http::header::CONTENT_TYPE, "text/xml; charset=UTF-8")
            .header("soapaction", format!("\"{}\"", request.soap_action))
            .body(Full::new(Bytes::from(request.body)))
            .map_err(|error| BankError::NotMade(error.to_string()))?;
        tokio::time::timeout(wait, self.exchange(post)).await.map_err(|_| BankError::TimedOut)?
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
        let enrolment = &profile(bank.as_str()).ok_or("Bank")?.enrolment;
        if !enrolment.user_id.fits(user_id) {
            return Err("WsUserId");
        }
        if enrolment.code.fits(code) { Ok(()) } else { Err("Code") }
    }

    fn user_id_fits(&self, bank: Bank, user_id: &str) -> bool {
        self.contract(bank).is_ok_and(|contract| contract.profile.enrolment.user_id.fits(user_id))
    }

    fn knows_issuer(&self, bank: Bank, certificate: &[u8]) -> bool {
        let Ok(contract) = self.contract(bank) else { return false };
        contract.trust.accept(certificate, self.clock.now(), &contract.profile.live_policy()).is_ok()
    }

    fn generate_key(&self, _bank: Bank) -> Result<Secret, BankError> {
        let key = PrivateKey::generate().map_err(fault)?;
        Ok(Secret::new(key.pkcs8().to_vec()))
    }

    async fn enrol(&self, enrolment: Enrolment<'_>) -> Result<Vec<u8>, BankError> {
        let contract = self.contract(enrolment.bank)?;
        let channel = self.channel(enrolment.bank, enrolment.user_id)?;
        let key = PrivateKey::from_pkcs8(enrolment.key.expose()).map_err(fault)?;
        let pkcs10 = CertificateRequest::new(&channel, &key, enrolment.company).map_err(fault)?;
        let request_id = self.request_id();
        let stamp = Stamp { request_id: &request_id, at: self.clock.now() };
        let request = channel.certificate(&stamp, enrolment.code.expose(), &pkcs10).map_err(fault)?;
        let expected = request.expected.clone();
        let bytes = self.post(contract, request, self.wait).await?;
        let judge = Judge::live(&contract.trust, self.clock.now(), SKEW);
        answer::certificate(&bytes, &expected, &judge, pkcs10.public_key()).map_err(fault)
    }

    async fn target_ids(&self, user: BankUser<'_>) -> Result<Vec<String>, BankError> {
        let wait = self.wait.min(TARGET_IDS_WAIT);
        let build = |channel: &Channel<'_>, stamp: &Stamp<'_>, key: &SigningKey| channel.user_info(stamp, key);
        let info = self.ask(user, wait, build, answer::user_info).await?;
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
        let files = self.ask(user, self.wait, build, answer::file_list).await?;
        Ok(files.into_iter().map(descriptor).collect())
    }

    async fn download(
        &self,
        user: BankUser<'_>,
        file_type: &str,
        reference: &str,
    ) -> Result<Option<Vec<u8>>, BankError> {
        let nothing = self.contract(user.bank)?.profile.empty_list_code.as_deref();
        let wanted = WantedFile { file_reference: reference, file_type, target_id: user.target_id };
        let build = |channel: &Channel<'_>, stamp: &Stamp<'_>, key: &SigningKey| channel.file(stamp, key, &wanted);
        match self.ask(user, self.wait, build, answer::file).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(BankError::Refused { code, .. }) if nothing == Some(code.as_str()) => Ok(None),
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
        self.ask(user, self.wait, build, answer::upload).await.map(drop)
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
