//! Why the service does not do what was asked. The edge gives each a status, a code and a text (reference data, answers).

use crate::ports::{BankError, CommitError, IdentityError, Unavailable};

/// One condition of the API; nothing of a request that ends in one was done, but for what the variant says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Caller: a parameter is missing.
    #[error("missing parameter")]
    Missing,
    /// Caller: a parameter's value is not acceptable. Holds its name, or what it must be.
    #[error("invalid parameter: {0}")]
    Invalid(String),
    /// Caller: no such bank here.
    #[error("unknown bank")]
    UnknownBank,
    /// Caller: the password is too weak. The challenge is spent.
    #[error("weak password")]
    WeakPassword,
    /// Caller: wrong challenge, password or user. Counted; the challenge is spent if it was a good one.
    #[error("wrong credentials")]
    WrongCredentials,
    /// Caller: too many failures; seconds until the next attempt is heard.
    #[error("attempt limit exceeded")]
    AttemptLimit {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// Caller: wrong code. Counted.
    #[error("wrong code")]
    WrongCode,
    /// Caller: the code is too old or was tried too often.
    #[error("code expired")]
    CodeExpired,
    /// Caller: the second factor's session is not good any more.
    #[error("no such session")]
    NoSession,
    /// Ours: the authenticator is confirmed, but logins do not ask for it: the user pool did not take that. Setting it up again
    /// mends it. Holds why, for the log.
    #[error("the authenticator is not preferred: {0}")]
    NotPreferred(String),
    /// Caller: no token, or one that is not good any more.
    #[error("unauthorized")]
    Unauthorized,
    /// Caller: the API key is not the account's.
    #[error("wrong API key")]
    InvalidApiKey,
    /// Caller: not in this mode. The table of operations has the text.
    #[error("wrong mode")]
    WrongMode,
    /// Caller: the organisation has no service agreement.
    #[error("no service agreement")]
    NoAgreement,
    /// Caller: the organisation may not use the simulator.
    #[error("simulator not enabled")]
    NoSimulator,
    /// Caller: there is no such object, or it is another organisation's.
    #[error("not found")]
    NotFound,
    /// Caller: the account has no certificate for the bank.
    #[error("no certificate for the bank")]
    NoCertificate,
    /// Caller: the account has no export key of this id.
    #[error("no such export key")]
    NoExportKey,
    /// Caller: the account's certificates may not be exported, and that is for good.
    #[error("export disabled")]
    ExportDisabled,
    /// Caller: not the owner of the API key.
    #[error("not the owner")]
    NotOwner,
    /// Caller: the token's second factor, or password, was given too long ago for this.
    #[error("authenticated too long ago")]
    Stale,
    /// Caller: the account that made the API key cannot be deleted.
    #[error("an owner's account")]
    OwnerStays,
    /// Caller: the account cannot be deleted while others use its certificates.
    #[error("still shares certificates")]
    StillShares,
    /// Caller: more calls in this minute than the organisation's policy allows; seconds to the next.
    #[error("too many requests")]
    RateLimited {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// Caller: data mode without an authorize key is read-only (design, decision 11).
    #[error("read-only without an authorize key")]
    ReadOnly,
    /// Caller: a certificate or private key cannot be taken over. Holds the text that says why, nothing of the key.
    #[error("{0}")]
    Unusable(String),
    /// Caller: the bank's protocol has no such request. Nothing was sent.
    #[error("not offered by the bank")]
    NotOffered,
    /// Caller: it is there already. Holds the text that says what.
    #[error("{0}")]
    Exists(&'static str),
    /// Caller: the upload carries no signature.
    #[error("no signature")]
    NoSignature,
    /// Caller: no signature of the upload is by a registered authorize key and valid.
    #[error("no valid signature")]
    SignaturesFailed,
    /// An earlier sending of the same bytes has an unknown outcome. Holds the upload's id.
    #[error("earlier upload unresolved: {0}")]
    Unresolved(String),
    /// Caller: the upload does not wait for signatures.
    #[error("not waiting for signatures")]
    NotWaiting,
    /// Caller: the upload has waited for signatures too long.
    #[error("waited for signatures too long")]
    WaitedTooLong,
    /// Caller: several objects have this name. Holds what to name instead.
    #[error("ambiguous: {0}")]
    Ambiguous(&'static str),
    /// Caller: larger than the limit, in bytes.
    #[error("too large: {limit}")]
    TooLarge {
        /// Bytes.
        limit: usize,
    },
    /// Bank: its verified answer is no.
    #[error("the bank refused: {code}")]
    BankRefused {
        /// The bank's code.
        code: String,
        /// The bank's text, cleaned.
        text: String,
    },
    /// Bank: down, resets, or answers with an HTTP error.
    #[error("the bank is not reachable")]
    BankUnreachable,
    /// Bank: no answer in time.
    #[error("the bank did not answer in time")]
    BankTimeout,
    /// Bank: the answer cannot be read or belongs to another request. Holds why, for the log.
    #[error("the bank's answer cannot be read: {0}")]
    BankUnreadable(String),
    /// Bank: a signature of the answer is not valid. Holds why, for the log.
    #[error("the bank's signature is not valid: {0}")]
    BankSignature(String),
    /// Ours: a dependency failed or throttled. Holds what, for the log.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Ours: the vault failed or throttled; told apart for the alarm, answered alike. Holds what, for the log.
    #[error("unavailable: {0}")]
    Vault(String),
    /// Ours: anything else. Holds what, for the log.
    #[error("internal: {0}")]
    Internal(String),
}

/// Seconds to wait where the user pool says "too many" and not for how long. Its waits go from a second to an hour.
const POOLS_WAIT: u64 = 60;

/// The text for a mode that is registered already.
pub(crate) const ACCOUNT_EXISTS: &str = "Account already exists";

impl From<Unavailable> for Failure {
    fn from(Unavailable(what): Unavailable) -> Self {
        Self::Unavailable(what)
    }
}

/// A conflict that the rule did not foresee: another request changed the same records meanwhile. Trying again is right.
impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::WrongCredentials => Self::WrongCredentials,
            IdentityError::UserExists => Self::Exists(ACCOUNT_EXISTS),
            IdentityError::WrongCode => Self::WrongCode,
            IdentityError::CodeExpired => Self::CodeExpired,
            IdentityError::NoSession => Self::NoSession,
            IdentityError::TooMany => Self::AttemptLimit { retry_after: POOLS_WAIT },
            IdentityError::Unavailable(Unavailable(what)) => Self::Unavailable(what),
        }
    }
}

impl From<BankError> for Failure {
    fn from(error: BankError) -> Self {
        match error {
            BankError::Refused { code, text } => Self::BankRefused { code, text },
            BankError::NotConnected | BankError::Interrupted => Self::BankUnreachable,
            BankError::TimedOut => Self::BankTimeout,
            BankError::Unreadable(what) | BankError::NotReady(what) => Self::BankUnreadable(what),
            BankError::Signature(what) => Self::BankSignature(what),
            BankError::Field(name) => Self::Invalid(name.to_owned()),
            BankError::NotMade(what) => Self::Internal(what),
        }
    }
}
