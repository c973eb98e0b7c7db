//! ListUploads.

use std::process::ExitCode;

use avain_api::operations::LIST_UPLOADS;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LIST_UPLOADS, &[ports::store, ports::tokens])
}
