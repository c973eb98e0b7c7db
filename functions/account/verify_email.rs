//! VerifyEmail.

use std::process::ExitCode;

use avain_api::operations::VERIFY_EMAIL;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&VERIFY_EMAIL, &[ports::store, ports::identity])
}
