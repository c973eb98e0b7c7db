//! The machine's clock: the one that functions on AWS have.

pub use avain_adapters_aws::system::SystemClock;
