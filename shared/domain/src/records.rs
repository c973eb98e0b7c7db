//! What the store keeps. A record is found by its [`Key`]; every change of one names the version that it replaces.

use time::{Date, OffsetDateTime};

use crate::names::{Bank, Email, Login, OrganisationId};

/// A record's name in the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// An [`Organisation`].
    Organisation(OrganisationId),
    /// An [`ApiKey`] by the SHA-256 of the key, lower-case hex.
    ApiKey(String),
    /// An [`Account`]; in the account's partition.
    Account(Email),
    /// A [`Member`] of an organisation.
    Member(OrganisationId, Email),
    /// A [`ModeRecord`]; in the account's partition.
    Mode(Login),
    /// A [`BankCertificate`]; in the account's partition.
    Certificate(Email, Bank),
    /// A [`Share`]: the certificate of another account that this one uses at the bank; in the account's partition.
    Share(Email, Bank),
    /// A [`RetiredCertificate`] by its mark; in the account's partition.
    Retired(Email, Bank, String),
    /// A [`PgpKey`] by its fingerprint, upper-case hex; in the account's partition.
    PgpKey(Email, String),
    /// The [`RecoveryCodes`] of a login; in the account's partition.
    RecoveryCodes(Login),
    /// A [`SealedKey`] by its id; in a partition of its own, which a role can be kept from.
    SealedKey(KeyId),
    /// A [`SpentChallenge`] by the challenge's id.
    SpentChallenge(String),
    /// The [`Attempts`] of a login, whether or not such a user exists.
    Attempts(Login),
    /// An [`Upload`] by the SHA-256 of file type and bytes, lower-case hex. With its organisation, so that a later account of the
    /// address under another one does not meet it.
    Upload(OrganisationId, Email, Bank, String),
    /// An [`UploadEntry`] by the upload's id, which sorts by time.
    UploadEntry(OrganisationId, Email, Bank, String),
    /// A [`Download`] by file type and the bank's file reference; with its organisation, as an upload.
    Download(OrganisationId, Email, Bank, String, String),
    /// An [`AuditEvent`] of an organisation by its id, which sorts by time.
    AuditEvent(OrganisationId, String),
    /// An [`AuditBatch`] of an organisation by its number, from 1.
    AuditBatch(OrganisationId, u64),
    /// The [`AuditHead`] of an organisation.
    AuditHead(OrganisationId),
    /// The entry of an organisation in the list of those that have an audit trail.
    Audited(OrganisationId),
    /// A [`Refusal`] by its id, which sorts by time.
    Refusal(Trail, String),
    /// A [`Count`].
    Count(Counter),
    /// An [`Observation`] by day in Helsinki, account, what was observed, and part.
    Observation(OrganisationId, Date, Email, Observed, u8),
}

/// What a [`Count`] counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counter {
    /// The audit events of an organisation that carry this shard's number.
    Events(OrganisationId, u8),
    /// The refusals kept for somebody in an hour (hours since 1970).
    Refusals(String, i64),
    /// The authenticated calls of an organisation in a minute (minutes since 1970).
    Calls(OrganisationId, i64),
}

/// Where a refusal is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Trail {
    /// With the organisation of the account that it is about.
    Organisation(OrganisationId),
    /// Among the failed logins of names that nobody has, in one of 256 parts by the name's hash.
    Nobody(u8),
}

/// Records that lie together in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shelf {
    /// The [`AuditEvent`]s of an organisation, by time.
    AuditEvents(OrganisationId),
    /// The [`AuditBatch`]es of an organisation, by number: ids are those of [`batch_id`].
    AuditBatches(OrganisationId),
    /// [`Refusal`]s, by time.
    Refusals(Trail),
    /// One part of [`AUDITED_PARTS`] of the organisations that have an audit trail.
    Audited(u8),
    /// The [`UploadEntry`]s of an account at a bank, by time.
    UploadEntries(OrganisationId, Email, Bank),
    /// The [`Observation`]s of an organisation in a month: year, and 1 to 12. Ids are those of [`observation_id`].
    Observations(OrganisationId, i32, u8),
    /// The [`Member`]s of an organisation, by address.
    Members(OrganisationId),
}

/// In how many parts the list of audited organisations lies.
pub const AUDITED_PARTS: u8 = 16;

/// A stretch of a [`Shelf`]: ids greater than `after` and less than `before`, at most `most` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// The ids are greater than this; empty for all.
    pub after: &'a str,
    /// The ids are less than this.
    pub before: &'a str,
    /// From the greatest id down.
    pub newest_first: bool,
    /// How many at most.
    pub most: usize,
}

/// Greater than every id on a shelf: ids are of printable ASCII.
pub const LAST_ID: &str = "\u{7f}";

/// The id of a batch on its shelf: its number with twelve digits.
#[must_use]
pub fn batch_id(number: u64) -> String {
    format!("{number:012}")
}

/// The id of an observation on its shelf: by day, then by account.
#[must_use]
pub fn observation_id(date: Date, email: &Email, observed: &Observed, part: u8) -> String {
    let (what, name) = match observed {
        Observed::Account(name) => ("account", name),
        Observed::Unreadable(name) => ("unreadable", name),
        Observed::TooMany(name) => ("too-many", name),
    };
    format!("{:02}/{email}/{what}-{name}/{part:02}", date.day())
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the struct of the same name")]
pub enum Record {
    Organisation(Organisation),
    ApiKey(ApiKey),
    Account(Account),
    Member(Member),
    Mode(ModeRecord),
    Certificate(BankCertificate),
    Share(Share),
    Retired(RetiredCertificate),
    PgpKey(PgpKey),
    RecoveryCodes(RecoveryCodes),
    SealedKey(SealedKey),
    SpentChallenge(SpentChallenge),
    Attempts(Attempts),
    Upload(Upload),
    UploadEntry(UploadEntry),
    Download(Download),
    Observation(Observation),
    AuditEvent(AuditEvent),
    AuditBatch(AuditBatch),
    AuditHead(AuditHead),
    Audited(Audited),
    Refusal(Refusal),
    Count(Count),
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
    /// The record is written whatever is there, with version 1: for what says the same each time.
    Keep(Record),
    /// The record must be there with this version; it goes.
    Delete(Key, u64),
    /// The record goes, whatever its version and whether or not it is there.
    Forget(Key),
    /// The record must be there with this version; it stays.
    Check(Key, u64),
    /// The record must be absent; it stays so.
    Absent(Key),
    /// The event must be absent; with it the count of its shard goes up by one. Several events may be in one transaction.
    Event(AuditEvent),
    /// The count, kept until this time, goes up by one; it must be less than this before. It is made where it is absent.
    Count(Counter, u64, OffsetDateTime),
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

impl Agreement {
    /// From its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Test, Self::Active, Self::Suspended].into_iter().find(|it| it.as_str() == text)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
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
    /// What it asks of its accounts. Copied into each account, as the agreement is.
    pub policy: Policy,
    /// When it was made.
    pub created: OffsetDateTime,
}

/// What an organisation asks of its accounts beyond the service's own rules (GET and PUT /v2/policy). By default nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// A phone counts as verified from its registration on: the integrator has verified it.
    pub skip_phone_verification: bool,
    /// An e-mail address counts as verified from its registration on.
    pub skip_email_verification: bool,
    /// How many calls all of the organisation's accounts together may make in a minute; `None`: as many as the deployment allows.
    pub calls_per_minute: Option<u32>,
    /// How many different authorize keys must have signed an upload.
    pub signatures: Vec<SignatureRule>,
}

/// For these uploads this many signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRule {
    /// To this bank, or to any.
    pub bank: Option<Bank>,
    /// Of this file type, or of any.
    pub file_type: Option<String>,
    /// Signatures by so many different registered authorize keys: at least one.
    pub required: u8,
}

impl Policy {
    /// How many different authorize keys must sign this upload: of the rules that fit, the one that asks most. One without any.
    #[must_use]
    pub fn signatures_required(&self, bank: Bank, file_type: &str) -> u8 {
        let fits = |rule: &&SignatureRule| {
            rule.bank.is_none_or(|it| it == bank) && rule.file_type.as_deref().is_none_or(|it| it == file_type)
        };
        self.signatures.iter().filter(fits).map(|rule| rule.required).max().unwrap_or(1).max(1)
    }
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
    /// The organisation's policy.
    pub policy: Policy,
    /// Version of the organisation's record that agreement and policy are of: an older copy never replaces a newer one.
    pub terms: u64,
    /// The person.
    pub name: String,
    /// The company; what the simulator bank compares at enrolment.
    pub company: String,
    /// Whether its certificates may be exported.
    pub export: Export,
    /// When it was registered.
    pub created: OffsetDateTime,
}

/// That an account is an organisation's; written and removed with the account's record, so that all of them are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Organisation.
    pub organisation: OrganisationId,
    /// Account.
    pub email: Email,
}

/// Whether an account's certificates and private keys may leave the service. Disabling is for good (brief 1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// They may, encrypted to a registered export key.
    Allowed,
    /// They may not, ever.
    Disabled,
}

impl Export {
    /// From its name in the API.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "allowed" => Some(Self::Allowed),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }

    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Disabled => "disabled",
        }
    }
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
    /// The second pair, where the bank wants one for encryption.
    pub encryption: Option<EncryptionPair>,
    /// Accounts that may use it; each has a [`Share`] of it.
    pub shared_to: Vec<Email>,
    /// When the enrolment or import began.
    pub started: OffsetDateTime,
}

impl BankCertificate {
    /// The certificate itself (X.509, DER), once there is one.
    #[must_use]
    pub fn issued(&self) -> Option<&[u8]> {
        match &self.state {
            CertificateState::Active { certificate, .. } => Some(certificate),
            CertificateState::Pending => None,
        }
    }
}

/// A certificate for encryption and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct EncryptionPair {
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: KeyId,
}

/// That an account uses another account's certificate at a bank. It is there exactly as long as the certificate names the
/// account in its `shared_to`: both change in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The account that uses it.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// The account whose certificate it is.
    pub owner: Email,
    /// The certificate's private key when it was shared, so that both can be read at once. A renewal makes another.
    pub key: KeyId,
    /// When it was shared.
    pub since: OffsetDateTime,
}

/// A certificate that is used no more. Its private key is destroyed.
#[derive(Debug, Clone, PartialEq)]
pub struct RetiredCertificate {
    /// Account.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// Eight hex digits that tell it from others of the bank.
    pub mark: String,
    /// Web Services user id at the bank.
    pub user_id: String,
    /// X.509, DER.
    pub certificate: Vec<u8>,
    /// The second certificate, X.509, DER, where there was one.
    pub encryption: Option<Vec<u8>>,
    /// When it was retired.
    pub at: OffsetDateTime,
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

/// The recovery codes of a login that has set up an authenticator, as far as they are not used. Another set-up replaces them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryCodes {
    /// Whose.
    pub login: Login,
    /// SHA-256 of each, lower-case hex: a code is 140 random bits, which nobody finds by trying.
    pub hashes: Vec<String>,
    /// When they were made.
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
    /// Not enough authorize keys have signed it yet; its bytes are kept.
    Waiting,
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
    /// The account's organisation.
    pub organisation: OrganisationId,
    /// Account.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// SHA-256 of file type, a zero byte, and the bytes; lower-case hex.
    pub digest: String,
    /// Id for people: the time when it began, in milliseconds (13 digits), `-`, UUID. Uploads of before that have a UUID only.
    pub id: String,
    /// File type.
    pub file_type: String,
    /// File name given by the client.
    pub file_name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hex; uploads of before that have none.
    pub sha256: Option<String>,
    /// Fingerprints of the PGP keys whose signatures authorised it; while it waits, of all that have signed it.
    pub signers: Vec<String>,
    /// How many different keys had to sign it when it was last sent or began to wait.
    pub required: u8,
    /// Name of the sealed bytes in the blob store, if it has waited for signatures.
    pub blob: Option<String>,
    /// State.
    pub state: UploadState,
    /// When it was last sent; while it waits, when it was last signed.
    pub at: OffsetDateTime,
}

/// The way from an upload's id to its record.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadEntry {
    /// Organisation.
    pub organisation: OrganisationId,
    /// Account.
    pub email: Email,
    /// Bank.
    pub bank: Bank,
    /// The upload's id.
    pub id: String,
    /// The upload's digest.
    pub digest: String,
}

/// A file fetched from a bank and kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Download {
    /// The account's organisation.
    pub organisation: OrganisationId,
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

/// What was seen in a moved file. Names nothing in clear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Observed {
    /// A bank account: SHA-256 of organisation and account id, lower-case hex.
    Account(String),
    /// A file whose accounts cannot be read: SHA-256 of its bytes, lower-case hex.
    Unreadable(String),
    /// A file that names more accounts than are counted of one: SHA-256 of its bytes, lower-case hex.
    TooMany(String),
}

/// That an account moved a file of a bank account on a day. The same however often it is observed, and written without a
/// condition ([`Write::Keep`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Organisation.
    pub organisation: OrganisationId,
    /// The day in Helsinki.
    pub date: Date,
    /// The account that moved the file.
    pub email: Email,
    /// What was seen.
    pub observed: Observed,
    /// One of [`OBSERVATION_PARTS`], by the file: files that are moved at the same moment seldom write one record.
    pub part: u8,
}

/// In how many records the same observation may lie.
pub const OBSERVATION_PARTS: u8 = 16;

/// On whose behalf something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// An account in one of its modes.
    Account(Login),
    /// Whoever operates the service.
    Operator,
    /// The service by itself.
    System,
}

/// Who did what to what, with which outcome. Written in the transaction of the change itself ([`Write::Event`]), never
/// changed, kept without end.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Organisation.
    pub organisation: OrganisationId,
    /// Id: time in milliseconds (13 digits), `-`, UUID.
    pub id: String,
    /// Which of the organisation's counters counted it: 0 to 15.
    pub shard: u8,
    /// When.
    pub at: OffsetDateTime,
    /// `account.register`, `session.login`, `certificate.enrol`, `file.upload`, ...
    pub action: String,
    /// `started`, `completed`, `rejected` or `failed` (brief 1.6).
    pub outcome: String,
    /// Its place among the events of its request, from 1.
    pub sequence: u32,
    /// Who.
    pub actor: Actor,
    /// Id of the HTTP request.
    pub request_id: String,
    /// What it was done to: a fingerprint, a bank, an upload's id.
    pub object: String,
    /// The bank's code, where a bank answered.
    pub bank_code: Option<String>,
    /// The bank's text, where it gave one; cleaned.
    pub bank_text: Option<String>,
}

/// How many counters the events of an organisation share.
pub const SHARDS: usize = 16;

/// Events sealed together: what is signed, and the signature (decision 0009).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditBatch {
    /// Organisation.
    pub organisation: OrganisationId,
    /// From 1, without gaps.
    pub number: u64,
    /// Hash of the batch before, lower-case hex; 64 zeros for the first.
    pub previous: String,
    /// Place of its first event in the organisation's sequence, from 1, without gaps.
    pub first_sequence: u64,
    /// The least id of an event in it.
    pub first: String,
    /// The greatest id of an event in it.
    pub last: String,
    /// Merkle tree hash of its events (RFC 6962, 2.1), lower-case hex.
    pub root: String,
    /// How many events of each shard are sealed, this batch included.
    pub totals: [u64; SHARDS],
    /// When it was sealed.
    pub sealed_at: OffsetDateTime,
    /// Id of the key that signed: the first 16 hex digits of its public key's SHA-256.
    pub key: String,
    /// Leaf hashes of its events in their order, 32 bytes each.
    pub leaves: Vec<[u8; 32]>,
    /// Ed25519 over the batch's text.
    pub signature: Vec<u8>,
}

/// The end of an organisation's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// Organisation.
    pub organisation: OrganisationId,
    /// Number of the last batch; 0 if there is none.
    pub number: u64,
    /// Its hash, lower-case hex.
    pub hash: String,
    /// The greatest id of a sealed event; empty if there is none.
    pub until: String,
    /// How many events of each shard are sealed.
    pub totals: [u64; SHARDS],
    /// When the last batch was sealed.
    pub sealed_at: OffsetDateTime,
}

/// An organisation that has an audit trail; written when it is made, so that sealing finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Organisation.
    pub organisation: OrganisationId,
}

/// What was not done, for whom and why. Capped and kept for a while; not sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Where it is kept.
    pub trail: Trail,
    /// Id: as an event's.
    pub id: String,
    /// When.
    pub at: OffsetDateTime,
    /// As an event's.
    pub action: String,
    /// `request` or `authorization` (brief 1.6): which part of the call refused.
    pub phase: String,
    /// `rejected` or `not_found`.
    pub outcome: String,
    /// Whose token it was, if there was one.
    pub actor: Option<Login>,
    /// Whose login, registration or verification it was to be, if there is such an account.
    pub target: Option<Login>,
    /// Id of the HTTP request.
    pub request_id: String,
    /// What it was to be done to; for names that nobody has, their SHA-256.
    pub object: String,
    /// Why, in a few words.
    pub reason: String,
    /// The bank's code, where a bank answered.
    pub bank_code: Option<String>,
    /// Until when it is kept.
    pub expires: OffsetDateTime,
}

/// A number that goes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What it counts.
    pub counter: Counter,
    /// The number.
    pub count: u64,
    /// Until when it is kept, if not without end.
    pub expires: Option<OffsetDateTime>,
}

impl Record {
    /// The record's name in the store.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Organisation(it) => Key::Organisation(it.id.clone()),
            Self::ApiKey(it) => Key::ApiKey(it.hash.clone()),
            Self::Account(it) => Key::Account(it.email.clone()),
            Self::Member(it) => Key::Member(it.organisation.clone(), it.email.clone()),
            Self::Mode(it) => Key::Mode(it.login.clone()),
            Self::Certificate(it) => Key::Certificate(it.email.clone(), it.bank),
            Self::Share(it) => Key::Share(it.email.clone(), it.bank),
            Self::Retired(it) => Key::Retired(it.email.clone(), it.bank, it.mark.clone()),
            Self::PgpKey(it) => Key::PgpKey(it.email.clone(), it.fingerprint.clone()),
            Self::RecoveryCodes(it) => Key::RecoveryCodes(it.login.clone()),
            Self::SealedKey(it) => Key::SealedKey(it.id.clone()),
            Self::SpentChallenge(it) => Key::SpentChallenge(it.id.clone()),
            Self::Attempts(it) => Key::Attempts(it.login.clone()),
            Self::Upload(it) => Key::Upload(it.organisation.clone(), it.email.clone(), it.bank, it.digest.clone()),
            Self::UploadEntry(it) => {
                Key::UploadEntry(it.organisation.clone(), it.email.clone(), it.bank, it.id.clone())
            }
            Self::Observation(it) => {
                Key::Observation(it.organisation.clone(), it.date, it.email.clone(), it.observed.clone(), it.part)
            }
            Self::Download(it) => {
                let (organisation, email) = (it.organisation.clone(), it.email.clone());
                Key::Download(organisation, email, it.bank, it.file_type.clone(), it.reference.clone())
            }
            Self::AuditEvent(it) => Key::AuditEvent(it.organisation.clone(), it.id.clone()),
            Self::AuditBatch(it) => Key::AuditBatch(it.organisation.clone(), it.number),
            Self::AuditHead(it) => Key::AuditHead(it.organisation.clone()),
            Self::Audited(it) => Key::Audited(it.organisation.clone()),
            Self::Refusal(it) => Key::Refusal(it.trail.clone(), it.id.clone()),
            Self::Count(it) => Key::Count(it.counter.clone()),
        }
    }
}
