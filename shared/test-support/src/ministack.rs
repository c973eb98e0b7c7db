//! ministack, an emulator of AWS, as a process of one test: on loopback, its state in the test's own folder, gone with the
//! test. With `AUTH=true` it checks the signatures and the policies of users and roles. `.ci/ministack.txt` has its exact
//! version. It is asked over plain HTTP: whoever wants an AWS SDK brings it.

#![expect(clippy::unwrap_used, reason = "whatever fails in a test's helper fails the test")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{not_run, required};

/// The variable that names the program.
const PROGRAM: &str = "AVAIN_MINISTACK";

/// How often and at what distance it is asked whether it is ready: at most 30 s, on a busy machine.
const ASKED: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// Twelve digits are the access key of that account's root user.
pub const ACCOUNT: &str = "111122223333";

/// An access key's id and secret.
pub type AccessKey = (String, String);

/// A running ministack.
pub struct Ministack {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Ministack {
    /// Starts it and waits until it is ready; `None`, said on standard error, where `AVAIN_MINISTACK` names no program and
    /// `AVAIN_REQUIRE_PEERS` is not 1.
    ///
    /// # Panics
    /// If it is required and not named, or if what is named does not start or is not ready in time.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(program) = std::env::var_os(PROGRAM) else {
            assert!(!required(), "{PROGRAM} is not set");
            not_run(&format!("the emulator ministack; {PROGRAM} names no program"));
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(&program)
            // Nothing of the developer's own settings or credentials.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AUTH", "true")
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .envs(["HOME", "STATE_DIR", "TMPDIR"].map(|name| (name, folder.path())))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let mut server = Self { child, port, folder };
        server.wait();
        Some(server)
    }

    /// Where it answers: a URL with neither path nor final slash.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A user who may do these actions and nothing else. ministack checks each of its
    /// signatures, but none of the account's root user, in whose name this is asked.
    ///
    /// # Panics
    /// If ministack refuses.
    #[must_use]
    pub fn user(&self, name: &str, actions: &[&str]) -> AccessKey {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["{}"],"Resource":"*"}}]}}"#,
            actions.join(r#"",""#)
        );
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]);
        self.iam(&[
            ("Action", "PutUserPolicy"),
            ("UserName", name),
            ("PolicyName", "actions"),
            ("PolicyDocument", &policy),
        ]);
        let answer = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]);
        let element = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{answer}"));
            rest.split_once('<').unwrap().0.to_owned()
        };
        (element("AccessKeyId"), element("SecretAccessKey"))
    }

    fn iam(&self, parameters: &[(&str, &str)]) -> String {
        let mut body = "Version=2010-05-08".to_owned();
        for (name, value) in parameters {
            body.extend(["&", name, "="]);
            value.bytes().for_each(|byte| write!(body, "%{byte:02X}").unwrap());
        }
        let scope = format!("Credential={ACCOUNT}/20200101/us-east-1/iam/aws4_request");
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00\r\n\r\n",
            body.len()
        );
        let answer = self.ask(&(head + &body)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer
    }

    fn wait(&mut self) {
        for _ in 0..ASKED {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("ministack ended ({status}):\n{}", self.log());
            }
            if self.is_ready() {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("ministack is not ready after {ASKED} questions:\n{}", self.log());
    }

    fn is_ready(&self) -> bool {
        let answer = self.ask("GET /_ministack/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    /// The whole answer to this request, which must ask to close the connection.
    fn ask(&self, request: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        connection.write_all(request.as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
