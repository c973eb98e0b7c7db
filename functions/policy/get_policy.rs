//! GetPolicy.

use std::process::ExitCode;

use avain_api::operations::GET_POLICY;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&GET_POLICY, &[ports::store, ports::tokens])
}
