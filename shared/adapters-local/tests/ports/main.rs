//! The ports on one machine, each through the real thing: files, the embedded store, aws-lc.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "whatever fails in a test's helper fails the test")]

mod authenticators;
mod blobs;
mod outbox;
mod pool;
mod pool_codes;
mod pool_resets;
mod sealer;
mod support;
mod tokens;
mod vault;
