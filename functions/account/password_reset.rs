//! PasswordReset.

use std::process::ExitCode;

use avain_api::operations::PASSWORD_RESET;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&PASSWORD_RESET, &[ports::store, ports::identity, ports::service_keys, ports::notifier])
}
