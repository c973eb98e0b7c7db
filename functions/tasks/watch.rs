//! Watch.

use std::process::ExitCode;

use avain_functions::tasks::WATCH;
use avain_functions::{ports, start_task};

fn main() -> ExitCode {
    start_task(&WATCH, &[ports::store])
}
