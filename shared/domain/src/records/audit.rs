//! The trail of what was done and what was not.

use time::OffsetDateTime;

use super::{Counter, Trail};
use crate::names::{Login, OrganisationId};

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
