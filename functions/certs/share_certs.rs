//! ShareCerts.

use std::process::ExitCode;

use avain_api::operations::SHARE_CERTS;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&SHARE_CERTS, &[ports::store, ports::tokens])
}
