//! What the service does: the rules for accounts, sessions, PGP keys, bank certificates and files, and the ports that they
//! need. Knows no HTTP, no AWS, no XML, no clock and no random source of its own.

pub mod account;
pub mod audit;
pub mod authenticator;
pub mod certificates;
pub mod challenge;
pub mod failure;
pub mod files;
pub mod helsinki;
pub mod keys;
pub mod lockout;
pub mod members;
pub mod names;
pub mod notices;
pub mod organisations;
pub mod pem;
pub mod pgp;
pub mod ports;
pub mod records;
pub mod recovery;
pub mod reset;
pub mod rewrap;
pub mod seal;
pub mod secret;
pub mod service_keys;
pub mod session;
pub mod settings;
pub mod usage;
pub mod watch;

pub use failure::Failure;
pub use settings::Settings;

use ports::{Clock, Random};

/// What every rule gets besides its own ports: the time, randomness, and the id that names the request in answers and audit.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// Randomness.
    pub random: &'a dyn Random,
    /// Id of the request.
    pub request_id: &'a str,
}

impl Context<'_> {
    /// Now, UTC.
    #[must_use]
    pub fn now(&self) -> time::OffsetDateTime {
        self.clock.now()
    }

    /// A random (version 4) UUID.
    #[must_use]
    pub fn uuid(&self) -> String {
        uuid(self.random)
    }
}

fn uuid(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
