//! Renew.

use std::process::ExitCode;

use avain_functions::tasks::RENEW;
use avain_functions::{ports, start_task};

fn main() -> ExitCode {
    start_task(&RENEW, &[ports::store, ports::sealer, ports::banks])
}
