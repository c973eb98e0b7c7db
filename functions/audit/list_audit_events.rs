//! ListAuditEvents.

use std::process::ExitCode;

use avain_api::operations::LIST_AUDIT_EVENTS;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LIST_AUDIT_EVENTS, &[ports::store, ports::tokens, ports::service_keys])
}
