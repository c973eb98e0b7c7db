//! The ports of the running service, of which an operation has those that its row names.

use std::sync::Arc;

use avain_domain::ports::{BankChannel, Blobs, Clock, Gateway, Identity, Notifier, Random, Store, Tokens};
use avain_domain::seal::Sealer;
use avain_domain::service_keys::ServiceKeys;
use avain_domain::{Failure, Settings};

/// What an operation needs besides time and randomness; also what its role may use when deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The table.
    Store,
    /// The user pool.
    Identity,
    /// The user pool's public keys.
    Tokens,
    /// The service's own keys.
    ServiceKeys,
    /// Sealing and opening under the vault.
    Sealer,
    /// Sealed files.
    Blobs,
    /// The banks.
    Banks,
    /// The API keys that are let in.
    Gateway,
    /// E-mail to people.
    Notifier,
}

/// The ports. One that is not needed is not there.
#[derive(Clone)]
pub struct Deps {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    settings: Settings,
    store: Option<Arc<dyn Store>>,
    identity: Option<Arc<dyn Identity>>,
    tokens: Option<Arc<dyn Tokens>>,
    service_keys: Option<Arc<ServiceKeys>>,
    sealer: Option<Arc<Sealer>>,
    blobs: Option<Arc<dyn Blobs>>,
    banks: Option<Arc<dyn BankChannel>>,
    gateway: Option<Arc<dyn Gateway>>,
    notifier: Option<Arc<dyn Notifier>>,
}

/// A builder method and the accessor for each port.
macro_rules! ports {
    ($($port:ident, $with:ident: $type:ty, $need:ident;)*) => {
        impl Deps {
            /// Time and randomness, and nothing else yet.
            #[must_use]
            pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
                Self { clock, random, settings: Settings::default(), $($port: None),* }
            }

            /// Which needs are met.
            #[must_use]
            pub fn met(&self) -> Vec<Need> {
                [$(self.$port.is_some().then_some(Need::$need)),*].into_iter().flatten().collect()
            }

            $(
                /// Adds the port.
                #[must_use]
                pub fn $with(self, $port: Arc<$type>) -> Self {
                    Self { $port: Some($port), ..self }
                }

                /// The port; its absence is a fault of the wiring, which the test of the table of operations finds.
                pub fn $port(&self) -> Result<&$type, Failure> {
                    self.$port.as_deref().ok_or_else(|| Failure::Internal(concat!(stringify!($port), " is not wired").to_owned()))
                }
            )*
        }
    };
}

ports! {
    store, with_store: dyn Store, Store;
    identity, with_identity: dyn Identity, Identity;
    tokens, with_tokens: dyn Tokens, Tokens;
    service_keys, with_service_keys: ServiceKeys, ServiceKeys;
    sealer, with_sealer: Sealer, Sealer;
    blobs, with_blobs: dyn Blobs, Blobs;
    banks, with_banks: dyn BankChannel, Banks;
    gateway, with_gateway: dyn Gateway, Gateway;
    notifier, with_notifier: dyn Notifier, Notifier;
}

impl Deps {
    /// The time.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// With the deployment's settings.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The deployment's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Randomness.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }
}
