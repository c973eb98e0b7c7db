//! DeleteKey.

use std::process::ExitCode;

use avain_api::operations::DELETE_KEY;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&DELETE_KEY, &[ports::store, ports::tokens])
}
