//! ServiceKeys.

use std::process::ExitCode;

use avain_functions::tasks::SERVICE_KEYS;
use avain_functions::{ports, start_task};

fn main() -> ExitCode {
    start_task(&SERVICE_KEYS, &[ports::store, ports::sealer])
}
