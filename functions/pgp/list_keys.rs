//! ListKeys.

use std::process::ExitCode;

use avain_api::operations::LIST_KEYS;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LIST_KEYS, &[ports::store, ports::tokens])
}
