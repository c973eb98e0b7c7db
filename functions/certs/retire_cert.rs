//! RetireCert.

use std::process::ExitCode;

use avain_api::operations::RETIRE_CERT;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&RETIRE_CERT, &[ports::store, ports::tokens])
}
