//! The ports on AWS services: one module and one feature per service, so that a function links what its operation needs.

#[cfg(feature = "banks")]
pub mod banks;
#[cfg(feature = "dynamodb")]
pub mod store;
