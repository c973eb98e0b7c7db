//! ListAccountUsage.

use std::process::ExitCode;

use avain_api::operations::LIST_ACCOUNT_USAGE;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LIST_ACCOUNT_USAGE, &[ports::store, ports::tokens])
}
