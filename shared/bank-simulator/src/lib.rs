//! Banks that answer the Nordea Web Services protocol over HTTP, strictly: for the one-machine mode, the demo and tests.
//!
//! A [`Simulator`] holds two banks ([`BankKey`]), each with its own certificate authorities, contracts, files and
//! balances. It reads requests and writes answers by itself and shares only the signature rules (avain-xml-security) with
//! the client's side, so that a mistake in the client's builders cannot hide here. Sources: bank-channel brief 2, 3, 11
//! and 12 for the protocol, isecure brief 2.9 for what happens after enrolment and after a payment.
//!
//! What is refused, in which order and with which code is written in the file service (`file_service.rs`) and the
//! certificate service (`enrolment.rs`).

mod account;
mod answer;
mod answer_parts;
mod authority;
mod bank;
mod certificate_service;
mod code;
mod config;
mod contract;
mod encrypted;
mod envelope;
mod error;
mod fault;
mod file_service;
mod files;
mod held;
mod http;
mod judge;
mod key_ring;
mod keys;
mod ledger;
mod money;
mod office;
mod opening;
mod operation;
mod payment;
mod pki_answer;
mod pki_factory;
mod pki_schema;
mod reply;
mod report;
mod schema;
mod setting_file;
mod signing_request;
mod simulator;
mod store;
mod ways;
mod xml;

pub use bank::BankKey;
pub use config::{BankSetting, Clock, Config, Environment, GivenKey, GivenKeys, Provisioned};
pub use contract::{Contract, ReadyFile};
pub use error::Error;
pub use fault::Fault;
pub use judge::{Judgement, judge_request};
pub use operation::Operation;
pub use simulator::{Simulation, Simulator, simulate};
