//! Files on their way to and from banks, and what is counted of them.

use time::{Date, OffsetDateTime};

use crate::names::{Bank, Email, OrganisationId};

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
    /// Id for people: the time when it began, in milliseconds (13 digits), `-`, UUID.
    pub id: String,
    /// File type.
    pub file_type: String,
    /// File name given by the client.
    pub file_name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
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
