//! What the store keeps. A record is found by its [`Key`]; every change of one names the version that it replaces.

mod audit;
mod files;
mod keys;
mod organisations;

use time::{Date, OffsetDateTime};

use crate::names::{Bank, Email, Login, OrganisationId};

pub use audit::{Actor, AuditBatch, AuditEvent, AuditHead, Audited, Count, Refusal, SHARDS};
pub use files::{Download, OBSERVATION_PARTS, Observation, Observed, Upload, UploadEntry, UploadState};
pub use keys::{
    BankCertificate, CertificateState, EncryptionPair, KeyId, KeyKind, PgpKey, PgpPurpose, Renewal, RetiredCertificate,
    SealedKey, Share,
};
pub use organisations::{
    Account, Agreement, ApiKey, Attempts, Export, Member, ModeRecord, Organisation, Policy, RecoveryCodes,
    SignatureRule, SpentChallenge,
};

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
