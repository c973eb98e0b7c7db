//! EnrollCert.

use std::process::ExitCode;

use avain_api::operations::ENROLL_CERT;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&ENROLL_CERT, &[ports::store, ports::tokens, ports::sealer, ports::banks])
}
