//! SelectMFA.

use std::process::ExitCode;

use avain_api::operations::SELECT_MFA;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&SELECT_MFA, &[ports::store, ports::identity])
}
