//! Without adapters no function starts.

use std::process::Command;

use avain_api::operations::ALL;

#[test]
fn every_function_says_that_there_are_no_adapters() {
    for operation in ALL {
        let path = std::env::var_os(format!("CARGO_BIN_EXE_{}", operation.binary())).expect("each has a binary");
        let output = Command::new(path).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("the adapters for AWS do not exist yet"), "{told}");
    }
}
