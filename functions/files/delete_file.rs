//! DeleteFile.

use std::process::ExitCode;

use avain_api::operations::DELETE_FILE;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&DELETE_FILE, &[ports::store, ports::tokens, ports::sealer, ports::banks])
}
