//! InitLogin.

use std::process::ExitCode;

use avain_api::operations::INIT_LOGIN;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&INIT_LOGIN, &[ports::service_keys])
}
