//! What a simulator is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::BankKey;

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
}

impl Config {
    /// Keeps everything in memory, expects PRODUCTION.
    #[must_use]
    pub fn in_memory(clock: Clock) -> Self {
        Self { folder: None, clock, environment: Environment::default(), provisioned: Vec::new() }
    }

    /// Keeps everything in `folder`, which is created if it does not exist; expects PRODUCTION.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>, clock: Clock) -> Self {
        Self { folder: Some(folder.into()), ..Self::in_memory(clock) }
    }
}
