//! What the tests of several crates share: other implementations run as programs, an emulator of AWS, and the folder of
//! reference data.
//!
//! Both may be absent on a developer's machine. Then a test says so on standard error, in words that name what did not
//! run, and ends; with `AVAIN_REQUIRE_PEERS=1` (set in CI) it fails instead.

pub mod ministack;
pub mod totp;
pub mod xmlsec;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Whether a missing peer or missing reference data is a failure.
#[must_use]
pub fn required() -> bool {
    std::env::var("AVAIN_REQUIRE_PEERS").is_ok_and(|value| value == "1")
}

/// Says that a test did not run, and for want of what. Written to standard error itself: what a passing test prints with
/// macros, the test runner keeps to itself.
pub fn not_run(what: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: this test needs {what}");
}

/// Tells a figure that a test has measured, so that it is seen of a passing test too.
pub fn figure(line: &str) {
    let _ = writeln!(std::io::stderr(), "FIGURE: {line}");
}

/// A command for a peer program (xmlsec1, xmllint, gpg, openssl, node), or `None` where it is not installed and not
/// required.
///
/// # Panics
/// If the program is missing and required.
#[must_use]
pub fn peer(program: &str) -> Option<Command> {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        assert!(!required(), "peer program is missing: {program}");
        not_run(&format!("the program {program}, which is not installed"));
        return None;
    }
    Some(Command::new(program))
}

/// The folder of reference data (recorded and generated bank messages, schemas), from `AVAIN_FIXTURES`: the folder that
/// holds `index.json`, with `schemas` beside it.
///
/// # Panics
/// If it is not set and required, or set to a folder without `index.json`.
#[must_use]
pub fn reference_data() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("AVAIN_FIXTURES").map(PathBuf::from) else {
        assert!(!required(), "AVAIN_FIXTURES is not set");
        not_run("the reference data; AVAIN_FIXTURES is not set");
        return None;
    };
    assert!(folder.join("index.json").is_file(), "AVAIN_FIXTURES has no index.json: {}", folder.display());
    Some(folder)
}

/// Runs a peer and gives its output.
///
/// # Panics
/// If it cannot be started.
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"))
}
