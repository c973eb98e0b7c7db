//! VerifyTOTP.

use std::process::ExitCode;

use avain_api::operations::VERIFY_TOTP;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&VERIFY_TOTP, &[ports::store, ports::identity])
}
