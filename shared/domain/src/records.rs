//! What the store keeps. A record is found by its [`Key`]; every change of one names the version that it replaces.

use time::OffsetDateTime;

use crate::names::{Bank, Email, Login, Mode, OrganisationId};

/// A record's name in the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// An [`Organisation`].
    Organisation(OrganisationId),
    /// An [`ApiKey`] by the SHA-256 of the key, lower-case hex.
    ApiKey(String),
    /// An [`Account`]; in the account's partition.
    Account(Email),
    /// A [`ModeRecord`]; in the account's partition.
    Mode(Login),
    /// A [`BankCertificate`]; in the account's partition.
    Certificate(Email, Bank),
    /// A [`PgpKey`] by its fingerprint, upper-case hex; in the account's partition.
    PgpKey(Email, String),
    /// A [`SealedKey`] by its id; in a partition of its own, which a role can be kept from.
    SealedKey(KeyId),
    /// A [`SpentChallenge`] by the challenge's id.
    SpentChallenge(String),
    /// The [`Attempts`] of a login, whether or not such a user exists.
    Attempts(Login),
    /// An [`Upload`] by the SHA-256 of file type and bytes, lower-case hex.
    Upload(Email, Bank, String),
    /// A [`Download`] by file type and the bank's file reference.
    Download(Email, Bank, String, String),
    /// An [`AuditEvent`] of an organisation by its id, which sorts by time.
    AuditEvent(OrganisationId, String),
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the struct of the same name")]
pub enum Record {
    Organisation(Organisation),
    ApiKey(ApiKey),
    Account(Account),
    Mode(ModeRecord),
    Certificate(BankCertificate),
    PgpKey(PgpKey),
    SealedKey(SealedKey),
    SpentChallenge(SpentChallenge),
    Attempts(Attempts),
    Upload(Upload),
    Download(Download),
    AuditEvent(AuditEvent),
}

/// A record as read, with the version that a change of it must name. Versions start at 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<R = Record> {
    /// The record.
    pub record: R,
    /// Its version.
    pub version: u64,
}

/// One change in a transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// The record must be absent; it gets version 1.
    Insert(Record),
    /// The record must be there with this version; it gets the next.
    Replace(Record, u64),
    /// The record must be there with this version; it goes.
    Delete(Key, u64),
    /// The record goes, whatever its version and whether or not it is there.
    Forget(Key),
    /// The record must be there with this version; it stays.
    Check(Key, u64),
}

/// Whether an organisation may use real banks (design, decision 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// The simulator only.
    Test,
    /// Real banks.
    Active,
    /// Nothing.
    Suspended,
}

/// An integrator: owner of an API key and of everything registered with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Organisation {
    /// Id.
    pub id: OrganisationId,
    /// Company name given at registration.
    pub name: String,
    /// The account that made the API key.
    pub owner: Email,
    /// Service agreement. Copied into each account, where calls read it; changed there too.
    pub agreement: Agreement,
    /// When it was made.
    pub created: OffsetDateTime,
}

/// The way from an API key to its organisation.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// SHA-256 of the key, lower-case hex.
    pub hash: String,
    /// Whose it is.
    pub organisation: OrganisationId,
}

/// A company's account: one e-mail address, two modes.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its name.
    pub email: Email,
    /// The organisation whose API key it was registered with.
    pub organisation: OrganisationId,
    /// SHA-256 of that API key, lower-case hex.
    pub api_key_hash: String,
    /// Whether it made the API key.
    pub owner: bool,
    /// The organisation's agreement.
    pub agreement: Agreement,
    /// The person.
    pub name: String,
    /// The company; what the simulator bank compares at enrolment.
    pub company: String,
    /// When it was registered.
    pub created: OffsetDateTime,
}

/// A registered mode of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct ModeRecord {
    /// Account and mode.
    pub login: Login,
    /// Phone number with `+`, as registered for this mode.
    pub phone: String,
    /// When it was registered.
    pub created: OffsetDateTime,
    /// Tokens issued (`iat`, whole seconds) before this moment are revoked.
    pub tokens_valid_from: Option<OffsetDateTime>,
}

/// Where a bank certificate is in its life.
#[derive(Debug, Clone, PartialEq)]
pub enum CertificateState {
    /// The key is kept, the bank has been or is being asked.
    Pending,
    /// Issued.
    Active {
        /// X.509, DER.
        certificate: Vec<u8>,
        /// The end of its validity: by it the watch finds the record.
        expires: OffsetDateTime,
        /// The bank's folders for this user; empty while the bank has not told them.
        target_ids: Vec<String>,
    },
}

/// An account's certificate at a bank.
#[derive(Debug, Clone, PartialEq)]
pub struct BankCertificate {
    /// Account.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// Company name in the certificate request.
    pub company: String,
    /// Web Services user id at the bank.
    pub user_id: String,
    /// The private key.
    pub key: KeyId,
    /// State.
    pub state: CertificateState,
    /// When the enrolment began.
    pub started: OffsetDateTime,
}

/// What a PGP key is registered for; a key has one purpose (brief 2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PgpPurpose {
    /// Certificates are exported to it, encrypted.
    Export,
    /// Its signatures authorise uploads.
    Authorize,
}

impl PgpPurpose {
    /// From its name in the API.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "export" => Some(Self::Export),
            "authorize" => Some(Self::Authorize),
            _ => None,
        }
    }

    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Authorize => "authorize",
        }
    }
}

/// A registered public PGP key.
#[derive(Debug, Clone, PartialEq)]
pub struct PgpKey {
    /// Account.
    pub email: Email,
    /// Fingerprint of the primary key, upper-case hex.
    pub fingerprint: String,
    /// Its purpose.
    pub purpose: PgpPurpose,
    /// The public key (OpenPGP transferable public key), binary.
    pub public_key: Vec<u8>,
    /// When it was registered.
    pub created: OffsetDateTime,
}

/// Names a sealed private key; all of it is the associated data of the seal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// Owner of the data key. The service's own keys belong to organisation `service`.
    pub organisation: OrganisationId,
    /// Whose key: an account's e-mail, or `service`.
    pub holder: String,
    /// What it is.
    pub kind: KeyKind,
    /// Which one: for a bank key `BANK/UUID`.
    pub id: String,
}

/// What a data key seals: part of the vault's encryption context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Private keys of bank certificates.
    Bank,
    /// Files fetched from banks.
    File,
    /// The service's own keys: passwords, challenges, tokens.
    Service,
}

impl KeyKind {
    /// Its name in the encryption context.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bank => "bank-key",
            Self::File => "file",
            Self::Service => "service-key",
        }
    }

    /// From its name in the encryption context.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Bank, Self::File, Self::Service].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A private key under a data key of the vault.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedKey {
    /// Its name.
    pub id: KeyId,
    /// Sealed bytes: see `seal`.
    pub sealed: Vec<u8>,
}

/// A login challenge that was used.
#[derive(Debug, Clone, PartialEq)]
pub struct SpentChallenge {
    /// The challenge's UUID.
    pub id: String,
    /// When the challenge would have expired; kept until then.
    pub expires: OffsetDateTime,
}

/// Failed attempts of a login, known user or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempts {
    /// Whose.
    pub login: Login,
    /// Failures without a success or 15 quiet minutes between them.
    pub failures: u32,
    /// The latest.
    pub last: OffsetDateTime,
}

/// Where an upload is on its way to the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadState {
    /// Handed to the bank channel; the answer has not been recorded.
    Sending,
    /// The request surely never reached the bank: the same bytes may be sent again.
    NotSent,
    /// The bank took it.
    Sent,
    /// The bank refused it, with its code and text.
    Refused {
        /// The bank's code.
        code: String,
        /// The bank's text, cleaned.
        text: String,
    },
    /// The request may have arrived, the answer is not known.
    Unknown,
}

/// The journal's record of one upload.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Account.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// SHA-256 of file type, a zero byte, and the bytes; lower-case hex.
    pub digest: String,
    /// Id for people (UUID).
    pub id: String,
    /// File type.
    pub file_type: String,
    /// File name given by the client.
    pub file_name: String,
    /// Bytes.
    pub size: u64,
    /// Fingerprints of the PGP keys whose signatures authorised it.
    pub signers: Vec<String>,
    /// State.
    pub state: UploadState,
    /// When it was last sent.
    pub at: OffsetDateTime,
}

/// A file fetched from a bank and kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Download {
    /// Account.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// File type.
    pub file_type: String,
    /// The bank's reference.
    pub reference: String,
    /// Name of the sealed bytes in the blob store.
    pub blob: String,
    /// Bytes in clear.
    pub size: u64,
    /// When it was fetched.
    pub at: OffsetDateTime,
}

/// Who did what to what, with which outcome. Written in the transaction of the change itself.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Organisation.
    pub organisation: OrganisationId,
    /// Id: time in milliseconds (13 digits), `-`, UUID.
    pub id: String,
    /// When.
    pub at: OffsetDateTime,
    /// `account.register`, `session.login`, `certificate.enrol`, `file.upload`, ...
    pub action: String,
    /// `completed`, `rejected` or `failed` (brief 1.6).
    pub outcome: String,
    /// E-mail of the account.
    pub actor: Email,
    /// Mode of the account.
    pub mode: Mode,
    /// Id of the HTTP request.
    pub request_id: String,
    /// What it was done to: a fingerprint, a bank, an upload's id.
    pub object: String,
    /// The bank's code, where a bank answered.
    pub bank_code: Option<String>,
}

impl Record {
    /// The record's name in the store.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Organisation(it) => Key::Organisation(it.id.clone()),
            Self::ApiKey(it) => Key::ApiKey(it.hash.clone()),
            Self::Account(it) => Key::Account(it.email.clone()),
            Self::Mode(it) => Key::Mode(it.login.clone()),
            Self::Certificate(it) => Key::Certificate(it.email.clone(), it.bank),
            Self::PgpKey(it) => Key::PgpKey(it.email.clone(), it.fingerprint.clone()),
            Self::SealedKey(it) => Key::SealedKey(it.id.clone()),
            Self::SpentChallenge(it) => Key::SpentChallenge(it.id.clone()),
            Self::Attempts(it) => Key::Attempts(it.login.clone()),
            Self::Upload(it) => Key::Upload(it.email.clone(), it.bank, it.digest.clone()),
            Self::Download(it) => Key::Download(it.email.clone(), it.bank, it.file_type.clone(), it.reference.clone()),
            Self::AuditEvent(it) => Key::AuditEvent(it.organisation.clone(), it.id.clone()),
        }
    }
}
