//! Logout.

use std::process::ExitCode;

use avain_api::operations::LOGOUT;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LOGOUT, &[ports::store, ports::identity, ports::tokens])
}
