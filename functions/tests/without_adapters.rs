//! What a function says at its start when it has no adapters, or, built for AWS, nothing in its environment.

use std::process::{Command, Output};

use crate::row::{self, Row};

#[cfg(not(feature = "aws"))]
#[test]
fn every_function_says_that_there_are_no_adapters() {
    for row in row::all() {
        let output = start(row);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("built without adapters"), "{told}");
    }
}

/// What template.yaml would have set is named; nothing is asked of AWS before. A function that needs nothing lacks nothing.
#[cfg(feature = "aws")]
#[test]
fn every_function_names_the_variable_that_it_lacks() {
    for row in row::all().filter(|row| !row.needs.is_empty()) {
        let output = start(row);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(": AVAIN_") && told.contains("is not set"), "{told}");
    }
}

fn start(row: Row) -> Output {
    let path = std::env::var_os(format!("CARGO_BIN_EXE_{}", row.binary())).unwrap();
    Command::new(path)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
        .env("AWS_REGION", "eu-north-1")
        .env("AWS_ACCESS_KEY_ID", "none")
        .env("AWS_SECRET_ACCESS_KEY", "none")
        .output()
        .unwrap()
}
