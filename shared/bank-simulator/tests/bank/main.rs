//! The simulator over real HTTP, asked by a client that shares nothing with the product's client but signatures.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod danske;
mod danske_files;
mod enrolment;
mod faults;
mod files;
mod op;
mod order;
mod order_certificates;
mod order_elsewhere;
mod order_pki;
mod payments;
mod persistence;
mod pki;
mod protocol;
mod reference;
mod request;
mod samlink;
mod settings;
mod transfer_key;
mod world;
mod wsdl;
