//! Another implementation of OpenPGP.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use avain_test_support::{output, peer};
use tempfile::TempDir;

/// Keys in a folder of their own.
pub(crate) struct Gpg(TempDir);

impl Gpg {
    pub(crate) fn new() -> Option<Self> {
        peer("gpg").map(|_| {
            let private = std::fs::Permissions::from_mode(0o700);
            Self(tempfile::Builder::new().permissions(private).tempdir().unwrap())
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--homedir"]);
        command.arg(self.0.path()).args(arguments);
        command
    }

    /// Makes a key (algorithm, usage, expiry) and gives its public half.
    pub(crate) fn key(&self, user: &str, parameters: &[&str]) -> String {
        let made = output(self.command(&["--quick-generate-key", user]).args(parameters));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(output(&mut self.command(&["--armor", "--export", user])).stdout).unwrap()
    }

    /// A detached signature, armored.
    pub(crate) fn sign(&self, user: &str, options: &[&str], bytes: &[u8]) -> String {
        let signed = self.piped(&[&["--armor", "--detach-sign", "--local-user", user], options].concat(), bytes);
        String::from_utf8(signed).unwrap()
    }

    /// Adds a subkey (algorithm, usage, expiry) to a key and gives the public half of the whole.
    pub(crate) fn with_subkey(&self, user: &str, parameters: &[&str]) -> String {
        let listed = output(&mut self.command(&["--with-colons", "--list-keys", user])).stdout;
        let listed = String::from_utf8(listed).unwrap();
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
        let added = output(self.command(&["--quick-add-key", fingerprint.trim_end_matches(':')]).args(parameters));
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        String::from_utf8(output(&mut self.command(&["--armor", "--export", user])).stdout).unwrap()
    }

    /// What an armored message holds.
    pub(crate) fn decrypt(&self, message: &str) -> String {
        String::from_utf8(self.piped(&["--decrypt"], message.as_bytes())).unwrap()
    }

    fn piped(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = self.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "all"]).status();
    }
}
