//! ListFiles.

use std::process::ExitCode;

use avain_api::operations::LIST_FILES;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LIST_FILES, &[ports::store, ports::tokens, ports::sealer, ports::banks])
}
