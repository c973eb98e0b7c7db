//! End-to-end tests over HTTP: the whole service, the real store, the simulated banks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

mod answers_account;
mod answers_accounts;
mod answers_api_key;
mod answers_audit;
mod answers_authenticator;
mod answers_banks;
mod answers_certificates;
mod answers_challenge;
mod answers_export;
mod answers_files;
mod answers_http;
mod answers_import;
mod answers_keys;
mod answers_login_machine;
mod answers_outage;
mod answers_policy;
mod answers_reset;
mod answers_retire;
mod answers_second_factor;
mod answers_session;
mod answers_sharing;
mod answers_signatures;
mod answers_uploads;
mod answers_usage;
mod at_rest;
mod bank_bytes;
mod bank_faults;
mod calls;
mod calls_reference;
mod clients;
mod permissions;
mod processes;
mod renewal;
mod same_work;
mod support;
mod whole_story;
