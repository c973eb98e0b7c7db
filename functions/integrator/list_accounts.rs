//! ListAccounts.

use std::process::ExitCode;

use avain_api::operations::LIST_ACCOUNTS;
use avain_functions::{ports, start};

fn main() -> ExitCode {
    start(&LIST_ACCOUNTS, &[ports::store, ports::tokens, ports::banks])
}
