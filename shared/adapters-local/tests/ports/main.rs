//! The ports on one machine, each through the real thing: files, the embedded store, aws-lc.

mod blobs;
mod outbox;
mod pool;
mod pool_codes;
mod support;
mod tokens;
mod vault;
