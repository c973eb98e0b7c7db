//! DownloadFile.

use std::process::ExitCode;

use avain_api::operations::DOWNLOAD_FILE;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&DOWNLOAD_FILE, &[ports::store, ports::tokens, ports::sealer, ports::blobs, ports::banks])
}
