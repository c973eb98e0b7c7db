//! UploadFile.

use std::process::ExitCode;

use avain_api::operations::UPLOAD_FILE;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&UPLOAD_FILE, &[ports::store, ports::tokens, ports::sealer, ports::blobs, ports::banks])
}
