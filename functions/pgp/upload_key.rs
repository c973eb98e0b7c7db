//! UploadKey.

use std::process::ExitCode;

use avain_api::operations::UPLOAD_KEY;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&UPLOAD_KEY, &[ports::store, ports::tokens])
}
