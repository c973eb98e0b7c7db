//! The ports on one machine: a root key file, a user pool with its outbox, a folder of blobs, and the embedded store.
//!
//! One process owns a data directory.

pub mod blobs;
pub mod clock;
pub mod directory;
pub mod embedded;
pub mod error;
pub mod gateway;
pub mod notices;
pub mod outbox;
pub mod pool;
pub mod random;
pub mod tokens;
pub mod vault;

mod files;
mod gcm;

pub use error::Error;
