//! InitPasswordReset.

use std::process::ExitCode;

use avain_api::operations::INIT_PASSWORD_RESET;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&INIT_PASSWORD_RESET, &[ports::store, ports::identity])
}
