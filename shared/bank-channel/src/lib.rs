//! The banks' Web Services protocol, client side: bytes in, bytes out, no network.
//!
//! A [`Channel`] (bank profile, user id, environment) builds a [`Request`]: the bytes to post and what the answer must
//! match. The functions of [`answer`] read the answer under a [`Judge`] (pinned roots, time, policy) and give nothing
//! out that is not signed by the bank, chained to a pinned root and an answer to that very request. Hand them the body
//! of every HTTP answer, whatever its status: faults come with 500.
//!
//! Sources: the joint bank specification (FKL 1.05) and Nordea's Web Services description, as in the bank-channel
//! brief.

pub mod accounts;
pub mod answer;
pub mod pkcs10;
pub mod profile;

mod error;
mod operation;
mod request;
mod verify;
mod xml;

pub use error::{Error, Layer};
pub use operation::Service;
pub use profile::{Profile, profile};
pub use request::{Channel, Environment, FileList, Request, Stamp, Status, Upload, WantedFile};
pub use verify::{Expected, Judge};
