//! Login.

use std::process::ExitCode;

use avain_api::operations::LOGIN;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LOGIN, &[ports::store, ports::identity, ports::service_keys])
}
