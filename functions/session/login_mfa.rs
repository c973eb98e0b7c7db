//! LoginMFA.

use std::process::ExitCode;

use avain_api::operations::LOGIN_MFA;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LOGIN_MFA, &[ports::store, ports::identity, ports::notifier])
}
