//! GetOpenApi.

use std::process::ExitCode;

use avain_api::operations::GET_OPEN_API;
use avain_functions::start;

fn main() -> ExitCode {
    start(&GET_OPEN_API, &[])
}
