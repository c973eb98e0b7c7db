//! The machine's clock and randomness.

use avain_domain::ports::{Clock, Random};
use aws_lc_rs::rand;
use time::OffsetDateTime;

/// The operating system's time, UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the service reads the clock")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// The random generator of aws-lc, seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    /// If the operating system gives no randomness: nothing may go on without.
    fn fill(&self, bytes: &mut [u8]) {
        assert!(rand::fill(bytes).is_ok(), "the operating system gives no randomness");
    }
}
