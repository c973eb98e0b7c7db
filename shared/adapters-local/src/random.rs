//! The machine's randomness: the one that functions on AWS have.

use avain_domain::ports::Random;
use uuid::Builder;

pub use avain_adapters_aws::system::SystemRandom;

/// A random UUID (version 4).
pub(crate) fn uuid(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}
