//! VerifyPhone.

use std::process::ExitCode;

use avain_api::operations::VERIFY_PHONE;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&VERIFY_PHONE, &[ports::store, ports::identity])
}
