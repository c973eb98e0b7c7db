//! AddSignatures.

use std::process::ExitCode;

use avain_api::operations::ADD_SIGNATURES;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&ADD_SIGNATURES, &[ports::store, ports::tokens, ports::sealer, ports::blobs, ports::banks])
}
