//! ExportCert.

use std::process::ExitCode;

use avain_api::operations::EXPORT_CERT;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&EXPORT_CERT, &[ports::store, ports::tokens, ports::sealer])
}
