//! DeleteAccount.

use std::process::ExitCode;

use avain_api::operations::DELETE_ACCOUNT;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&DELETE_ACCOUNT, &[ports::store, ports::identity, ports::tokens])
}
