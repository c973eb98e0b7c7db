//! InitRegister.

use std::process::ExitCode;

use avain_api::operations::INIT_REGISTER;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&INIT_REGISTER, &[ports::service_keys])
}
