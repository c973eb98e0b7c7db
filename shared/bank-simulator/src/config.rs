//! What a simulator is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use avain_xml_security::Hash;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::{BankKey, Contract};

/// OP works through uploads every half hour or so (bank-channel brief 4).
const ROUND: Duration = Duration::minutes(30);

/// Gives the current time. The simulator reads no clock of its own.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// The one value of the Environment element that both banks accept; the other is refused with 29 "Environment mismatch".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Environment {
    /// `PRODUCTION`, as real banks expect at their public addresses.
    #[default]
    Production,
    /// `TEST`, for a client that is deployed as a test environment.
    Test,
}

impl Environment {
    /// The element's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "PRODUCTION",
            Self::Test => "TEST",
        }
    }
}

/// A customer that exists from the start with a certificate issued elsewhere: for tests with reference data.
///
/// Only this very certificate is accepted from that customer, and its issuer is trusted for nothing else.
#[derive(Debug, Clone)]
pub struct Provisioned {
    /// The bank that knows the customer.
    pub bank: BankKey,
    /// The WS user id, which must be the certificate's subject serialNumber.
    pub user_id: String,
    /// The customer's certificate, DER.
    pub certificate: Vec<u8>,
    /// The certificate of the authority that issued it, DER.
    pub issuer: Vec<u8>,
}

/// How to open a simulator.
#[derive(Clone)]
pub struct Config {
    /// Where keys, contracts and files are kept; without it everything is forgotten at the end. One process at a time.
    pub folder: Option<PathBuf>,
    /// The clock for everything: signatures, certificates, replay window, timestamps of files.
    pub clock: Clock,
    /// The Environment that requests must name.
    pub environment: Environment,
    /// Customers with certificates from elsewhere; empty in live use.
    pub provisioned: Vec<Provisioned>,
    /// How long an upload waits for the bank's next round, at banks where it waits: it can be deleted until then. Thirty
    /// minutes as at OP (bank-channel brief 4) if nothing else is set.
    pub round: Duration,
    /// One bank only, as this says.
    pub setting: Option<BankSetting>,
}

/// One bank as its operator wants it: for [`crate::simulate()`] and [`crate::judge_request()`].
#[derive(Clone)]
pub struct BankSetting {
    /// The bank; [`BankKey::Configured`] for one of any other name.
    pub bank: BankKey,
    /// The name in addresses, where the bank has none of its own.
    pub name: Option<String>,
    /// Authorities of customers' certificates, DER, beside the bank's own.
    pub customer_authorities: Vec<Vec<u8>>,
    /// The contracts; without them whoever has a certificate of an authority above is the customer whom its subject names.
    pub contracts: Option<Vec<Contract>>,
    /// Where there are no contracts: everybody's activation code, transfer key or PIN. Without it only its form is looked at.
    pub secret: Option<Zeroizing<String>>,
    /// The bank's own keys and certificates; made anew where they are not given.
    pub keys: GivenKeys,
    /// Hashes accepted in requests; none for what the family accepts.
    pub hashes: Option<&'static [Hash]>,
    /// Whether the order of an `ApplicationRequest`'s elements is enforced; none for what the family does.
    pub strict_schema: Option<bool>,
    /// Whether an upload must be compressed; no source tells what a bank answers to one that is not.
    pub requires_compression: bool,
    /// Whether a request may come again.
    pub accepts_replays: bool,
    /// Whether nothing that a request changes is kept: each is judged as the first one.
    pub stateless: bool,
}

/// The bank's own keys: certificates in DER, private keys in PKCS#8.
#[derive(Clone, Default)]
pub struct GivenKeys {
    /// The root.
    pub root: Option<Vec<u8>>,
    /// Issuing authorities below the root.
    pub issuing: Vec<Vec<u8>>,
    /// Signs answers (at OP the envelopes).
    pub signer: Option<GivenKey>,
    /// Signs application answers, where that is another.
    pub application_signer: Option<GivenKey>,
    /// What requests are encrypted to.
    pub encryption: Option<GivenKey>,
}

/// A certificate and its private key.
#[derive(Clone)]
pub struct GivenKey {
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS#8.
    pub key: Zeroizing<Vec<u8>>,
}

impl BankSetting {
    /// The bank as it is, with no contracts and no authority for customers' certificates but its own.
    #[must_use]
    pub fn new(bank: BankKey) -> Self {
        Self {
            bank,
            name: None,
            customer_authorities: Vec::new(),
            contracts: None,
            secret: None,
            keys: GivenKeys::default(),
            hashes: None,
            strict_schema: None,
            requires_compression: false,
            accepts_replays: false,
            stateless: false,
        }
    }

    /// The name in addresses.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.bank.as_str())
    }
}

impl Config {
    /// Keeps everything in memory, expects PRODUCTION.
    #[must_use]
    pub fn in_memory(clock: Clock) -> Self {
        Self {
            folder: None,
            clock,
            environment: Environment::default(),
            provisioned: Vec::new(),
            round: ROUND,
            setting: None,
        }
    }

    /// Keeps everything in `folder`, which is created if it does not exist; expects PRODUCTION.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>, clock: Clock) -> Self {
        Self { folder: Some(folder.into()), ..Self::in_memory(clock) }
    }
}
