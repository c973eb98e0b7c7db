//! SealAudit.

use std::process::ExitCode;

use avain_functions::tasks::SEAL_AUDIT;
use avain_functions::{ports, start_task};

fn main() -> ExitCode {
    start_task(&SEAL_AUDIT, &[ports::store, ports::sealer])
}
