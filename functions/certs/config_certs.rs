//! ConfigCerts.

use std::process::ExitCode;

use avain_api::operations::CONFIG_CERTS;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&CONFIG_CERTS, &[ports::store, ports::tokens])
}
