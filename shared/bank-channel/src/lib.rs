//! The banks' Web Services protocols, client side: bytes in, bytes out, no network.
//!
//! A [`Channel`] (bank profile, user id, environment) builds a [`Request`]: the bytes to post and what the answer must
//! match. The functions of [`answer`] read the answer under a [`Judge`] (what it must chain to, time, policy) and give
//! nothing out that is not signed by the bank, chained to a pinned root and an answer to that very request. Hand them the
//! body of every HTTP answer, whatever its status: faults come with 500.
//!
//! What differs between banks is data: [`mod@profile`] and [`trust`].
//!
//! Sources: the joint bank specification (FKL 1.05), Nordea's Web Services description, OP's and Danske Bank's documents
//! and recorded traffic, all as in the bank-channel brief.

pub mod accounts;
pub mod answer;
pub mod catalogue;
pub mod check;
pub mod pkcs10;
pub mod profile;
pub mod trust;

mod error;
mod fault;
mod names;
mod operation;
mod pem;
mod request;
mod schema;
mod verify;
mod xml;

pub use error::{Error, Layer};
pub use operation::Service;
pub use profile::{Profile, profile, profiles};
pub use request::{
    CertificateRequests, Channel, CrlReason, Environment, FileList, Request, Revocation, Stamp, Status, Upload,
    WantedFile,
};
pub use trust::Trust;
pub use verify::{Expected, Judge};
