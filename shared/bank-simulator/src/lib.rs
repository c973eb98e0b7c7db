//! Banks that answer the Web Services channel over HTTP, strictly: for the one-machine mode, the demo and tests, and for
//! any client of the protocol.
//!
//! A [`Simulator`] holds every bank ([`BankKey`]): Nordea, OP, Danske Bank, the Samlink family, and banks of which no
//! protocol is known, for which an assumption stands in. Each has its own certificate authorities, contracts, files and
//! balances. It reads requests and writes answers by itself and shares only the signature rules (avain-xml-security) with
//! the client's side, so that a mistake in the client's builders cannot hide here. Sources: bank-channel brief 2 to 6, 11
//! and 12 for the protocol, isecure brief 2.9 for what happens after enrolment and after a payment.
//!
//! Where families differ in data, `ways.rs` says so. What is refused, in which order and with which code is written in the
//! file service (`file_service.rs`), the certificate service (`certificate_service.rs`) and Danske Bank's PKI Factory
//! (`pki_factory.rs`). [`simulate()`] opens one bank by a setting file, [`judge_request()`] says what it would answer to a
//! saved request; `docs/bank-simulator.md` describes both.

mod account;
mod algorithms;
mod answer;
mod answer_parts;
mod authority;
mod bank;
mod certificate_service;
mod code;
mod config;
mod contract;
mod envelope;
mod error;
mod fault;
mod file_service;
mod file_types;
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
mod xml_dates;

pub use bank::BankKey;
pub use config::{BankSetting, Clock, Config, Environment, GivenKey, GivenKeys, Provisioned};
pub use contract::{Contract, ReadyFile};
pub use error::Error;
pub use fault::Fault;
pub use judge::{Judgement, judge_request};
pub use operation::Operation;
pub use simulator::{Simulation, Simulator, simulate};
