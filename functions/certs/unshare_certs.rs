//! UnshareCerts.

use std::process::ExitCode;

use avain_api::operations::UNSHARE_CERTS;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&UNSHARE_CERTS, &[ports::store, ports::tokens])
}
