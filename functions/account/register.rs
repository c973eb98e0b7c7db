//! Register.

use std::process::ExitCode;

use avain_api::operations::REGISTER;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&REGISTER, &[ports::store, ports::identity, ports::service_keys, ports::gateway])
}
