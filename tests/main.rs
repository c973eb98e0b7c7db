//! End-to-end tests over HTTP: the whole service, the real store, the simulated banks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]

mod answers_account;
mod answers_accounts;
mod answers_api_key;
mod answers_audit;
mod answers_certificates;
mod answers_challenge;
mod answers_export;
mod answers_files;
mod answers_http;
mod answers_import;
mod answers_keys;
mod answers_outage;
mod answers_policy;
mod answers_retire;
mod answers_second_factor;
mod answers_session;
mod answers_sharing;
mod at_rest;
mod bank_faults;
mod calls;
mod processes;
mod support;
mod whole_story;
