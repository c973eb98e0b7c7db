//! ImportCert.

use std::process::ExitCode;

use avain_api::operations::IMPORT_CERT;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&IMPORT_CERT, &[ports::store, ports::tokens, ports::sealer, ports::banks])
}
