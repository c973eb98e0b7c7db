//! Organisations, their accounts, and the logins of these.

use time::OffsetDateTime;

use crate::names::{Bank, Email, Login, OrganisationId};

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
