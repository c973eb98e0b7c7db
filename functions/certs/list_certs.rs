//! ListCerts.

use std::process::ExitCode;

use avain_api::operations::LIST_CERTS;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LIST_CERTS, &[ports::store, ports::tokens, ports::banks])
}
