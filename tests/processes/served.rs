//! An `avain serve` of the test's own.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Names a release build to be tested in place of the one that was built with the tests.
const RELEASE: &str = "AVAIN_RELEASE_BINARY";

/// The command.
pub(super) fn avain() -> Command {
    Command::new(std::env::var_os(RELEASE).unwrap_or_else(|| env!("CARGO_BIN_EXE_avain").into()))
}

/// Whether the command is a release build.
pub(super) fn of_a_release() -> bool {
    std::env::var_os(RELEASE).is_some()
}

/// `avain serve` on a free port; killed when dropped.
pub(super) struct Served {
    child: Child,
    reader: Option<JoinHandle<()>>,
    shown: Arc<Mutex<String>>,
    log: PathBuf,
    /// `http://127.0.0.1:PORT`.
    pub(super) base: String,
    /// The key that clients encrypt passwords with, as it was printed.
    pub(super) password_key: String,
}

impl Served {
    /// Starts it, and waits until it says where it listens.
    pub(super) fn start(data: &Path, options: &[&str]) -> Self {
        Self::start_under(avain(), data, options)
    }

    /// Starts it by a command that runs `avain` with the arguments that it is given.
    pub(super) fn start_under(mut command: Command, data: &Path, options: &[&str]) -> Self {
        let log = data.with_extension("log");
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().append(true).create(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut shown = String::new();
        let last = if options.contains(&"--dev") { "DEVELOPMENT: " } else { "-----END PUBLIC KEY-----" };
        while !shown.lines().any(|line| line.starts_with(last)) {
            let Some(line) = lines.next() else {
                panic!("avain serve ended: {shown}\n{}", std::fs::read_to_string(&log).unwrap())
            };
            shown = format!("{shown}{}\n", line.unwrap());
        }
        let base = shown.lines().find_map(|line| line.strip_prefix("Base address: ")?.strip_suffix("/v2")).unwrap();
        let from = shown.find("-----BEGIN PUBLIC KEY-----").unwrap();
        let end = "-----END PUBLIC KEY-----\n";
        let (base, password_key) = (base.to_owned(), shown[from..shown.find(end).unwrap() + end.len()].to_owned());
        let shown = Arc::new(Mutex::new(shown));
        let rest = Arc::clone(&shown);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut rest = rest.lock().unwrap();
                rest.push_str(&line);
                rest.push('\n');
            }
        });
        Self { child, reader: Some(reader), shown, log, base, password_key }
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal (`TERM`, `INT`) and waits for the end; what it showed on its terminal, and what it logged.
    pub(super) fn end(mut self, signal: &str) -> (ExitStatus, String, String) {
        signal_to(self.id(), signal);
        self.ended()
    }

    /// Waits for the end.
    pub(super) fn ended(&mut self) -> (ExitStatus, String, String) {
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status, self.shown.lock().unwrap().clone(), std::fs::read_to_string(&self.log).unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to one process.
pub(super) fn signal_to(id: u32, signal: &str) {
    let sent = Command::new("kill").args([format!("-{signal}"), id.to_string()]).status().unwrap();
    assert!(sent.success());
}
