//! PutPolicy.

use std::process::ExitCode;

use avain_api::operations::PUT_POLICY;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&PUT_POLICY, &[ports::store, ports::tokens])
}
