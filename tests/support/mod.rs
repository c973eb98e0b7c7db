//! A running service for tests: a temporary data directory, a clock that the test sets, cheap password hashes, the real
//! HTTP, the real embedded store, the simulated banks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use avain::client::{ClientError, Credentials, Http, Transport};
use avain::machine::{Machine, Settings};
use avain::server::Server;
use avain::story::{Codes, Company, Story};
use avain_adapters_local::outbox::{CodeKind, Outbox};
use avain_adapters_local::pool::PasswordCost;
use avain_adapters_local::random::SystemRandom;
use avain_domain::names::{Email, Mode};
use avain_domain::ports::Clock;
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;

/// Time as the test sets it.
pub(crate) struct TestClock(Mutex<OffsetDateTime>);

impl TestClock {
    /// Lets time pass.
    pub(crate) fn advance(&self, by: time::Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}

/// A service of the test's own.
pub(crate) struct Service {
    /// Where its data is.
    pub(crate) folder: TempDir,
    /// Its time.
    pub(crate) clock: Arc<TestClock>,
    /// The server.
    pub(crate) server: Server,
    /// A client of it.
    pub(crate) http: Http,
}

impl Service {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts one with other settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        // The time of now, so that PGP keys and gpg's signatures made by programs are not in the future.
        let clock = Arc::new(TestClock(Mutex::new(test_time())));
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
            dev: true,
            password_cost: PasswordCost::new(8, 1, 1, None).unwrap(),
            bank_wait: Duration::from_secs(10),
            ..Settings::new(folder.path().join("data"))
        };
        change(&mut settings);
        let machine = Machine::start(settings).await.unwrap();
        let server = Server::start(machine, "127.0.0.1:0").await.unwrap();
        let http = Http::new(server.base());
        Self { folder, clock, server, http }
    }

    /// A company's client.
    pub(crate) fn story<'a>(&'a self, codes: &'a OutboxCodes, email: &str) -> Story<'a> {
        Story {
            transport: &self.http,
            codes,
            password_key: &self.server.machine.password_key,
            company: Company::example(email),
        }
    }

    /// Reads the codes that went out.
    pub(crate) fn codes(&self) -> OutboxCodes {
        OutboxCodes(Arc::clone(&self.server.machine.outbox))
    }

    /// A raw request: status and body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        credentials: Option<&Credentials>,
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(credentials) = credentials {
            request = request.header("authorization", &credentials.id_token).header("x-api-key", &credentials.api_key);
        }
        Answer::of(self.http.send(request.body(body.into()).unwrap()).await.unwrap())
    }
}

/// An answer as a test looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Seconds to wait.
    pub(crate) retry_after: Option<u64>,
    /// Body.
    pub(crate) body: Value,
}

impl Answer {
    fn of(response: Response<Bytes>) -> Self {
        let retry_after = response.headers().get("retry-after").map(|it| it.to_str().unwrap().parse().unwrap());
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        Self { status: response.status().as_u16(), retry_after, body }
    }

    /// Asserts an ErrorResponse with these contents and a RequestId.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str, text: &str) {
        let seen = (self.status, self.body["ResponseCode"].as_str(), self.body["ResponseText"].as_str());
        assert_eq!(seen, (status, Some(code), Some(text)), "{self:?}");
        assert!(self.body["RequestId"].as_str().is_some_and(|id| !id.is_empty()), "no RequestId: {self:?}");
    }
}

/// Codes straight from the machine's outbox.
pub(crate) struct OutboxCodes(Arc<Outbox>);

impl OutboxCodes {
    /// Reads this outbox.
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self(outbox)
    }
}

#[async_trait]
impl Codes for OutboxCodes {
    async fn newest(&self, email: &str, mode: &str, kind: &str) -> Result<String, ClientError> {
        let found =
            self.0.newest(&Email::parse(email).unwrap(), Mode::parse(mode).unwrap(), CodeKind::parse(kind).unwrap());
        found.map(|it| it.code.to_string()).ok_or_else(|| ClientError::Unexpected(format!("no {kind} code")))
    }
}

/// When tests begin: the machine's own time, so that keys and signatures made by other programs fit.
#[expect(clippy::disallowed_methods, reason = "other programs in the tests use the machine's clock")]
fn test_time() -> OffsetDateTime {
    OffsetDateTime::now_utc().max(datetime!(2026-01-01 0:00 UTC))
}
