//! A running service for tests: a temporary data directory, a clock that the test sets, cheap password hashes, the real
//! HTTP, the real embedded store, the simulated banks.

pub(crate) mod document;
pub(crate) mod firm;
pub(crate) mod frail;
pub(crate) mod gpg;
pub(crate) mod lines;
pub(crate) mod node;
pub(crate) mod openssl;

pub(crate) mod person;
pub(crate) mod pool;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use avain::client::{ClientError, Credentials, Http, Transport};
use avain::machine::{Machine, Settings};
use avain::server::Server;
use avain::story::{Codes, Company, Story};
use avain_adapters_local::outbox::{CodeKind, Outbox};
use avain_adapters_local::pool::PasswordCost;
use avain_adapters_local::random::SystemRandom;
use avain_bank_simulator::{BankKey, Config, Simulator};
use avain_domain::Context;
use avain_domain::names::{Email, Mode, OrganisationId};
use avain_domain::organisations::set_agreement;
use avain_domain::ports::Clock;
use avain_domain::records::{Agreement, Key, Record, Stored};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
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
        Self::start_rewired(change, |machine, _| machine).await
    }

    /// Starts one with other settings and other ports.
    pub(crate) async fn start_rewired(
        change: impl FnOnce(&mut Settings),
        rewire: impl FnOnce(Machine, Arc<TestClock>) -> Machine,
    ) -> Self {
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
        give_the_banks_their_keys(&settings.data);
        let machine = rewire(Machine::start(settings).await.unwrap(), Arc::clone(&clock));
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

    /// Today, as the tests' clock has it: `2026-01-31`.
    pub(crate) fn today(&self) -> String {
        self.clock.now().date().to_string()
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
        self.exchange(request.body(body.into()).unwrap()).await
    }

    /// A raw request of any kind; its URI is path and query. The answer is one that the API's document has.
    pub(crate) async fn exchange(&self, request: Request<Bytes>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = Answer::of(self.http.send(request).await.unwrap());
        document::holds(&method, &path, &answer);
        answer
    }

    /// A record of the store.
    pub(crate) async fn record(&self, key: Key) -> Option<Record> {
        let found = self.server.machine.deps.store().unwrap().get(&[key]).await.unwrap();
        found.into_iter().next().map(|stored| stored.record)
    }

    /// Changes the service agreement of an organisation, as the operator does.
    pub(crate) async fn agree(&self, id: &OrganisationId, agreement: Agreement) {
        let deps = &self.server.machine.deps;
        let context = Context { clock: deps.clock(), random: deps.random(), request_id: "operator" };
        set_agreement(context, deps.store().unwrap(), id, agreement).await.unwrap();
    }

    /// All that the store has of an account.
    pub(crate) async fn account(&self, email: &str) -> Vec<Stored> {
        self.server.machine.deps.store().unwrap().account(&Email::parse(email).unwrap()).await.unwrap()
    }
}

/// Lays the banks' keys, made once, into a data directory: making them is most of what a start takes.
fn give_the_banks_their_keys(data: &Path) {
    static KEYS: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let now = test_time();
        let banks = Simulator::open(&Config::in_folder(folder.path().to_owned(), Arc::new(move || now))).unwrap();
        for bank in [BankKey::Simulator, BankKey::Nordea] {
            banks.root_pem(bank).unwrap();
        }
        let banks = std::fs::read_dir(folder.path()).unwrap().map(|bank| bank.unwrap().file_name());
        let names = banks.map(|bank| Path::new(&bank).join("authority.json"));
        names.map(|name| (name.clone(), std::fs::read(folder.path().join(name)).unwrap())).collect()
    });
    for (name, bytes) in keys {
        let path = data.join("simulator").join(name);
        if !path.exists() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
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
    /// Body as it came.
    pub(crate) bytes: Bytes,
    /// Headers.
    pub(crate) headers: HeaderMap,
}

impl Answer {
    /// Of a response.
    pub(crate) fn of(response: Response<Bytes>) -> Self {
        let retry_after = response.headers().get("retry-after").map(|it| it.to_str().unwrap().parse().unwrap());
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        let (parts, bytes) = response.into_parts();
        Self { status: parts.status.as_u16(), retry_after, body, bytes, headers: parts.headers }
    }

    /// Asserts a success: its status, its text, and besides code and text exactly these fields.
    #[track_caller]
    pub(crate) fn succeeds(&self, status: u16, text: &str, fields: &[&str]) {
        let mut wanted: Vec<&str> = [&["ResponseCode", "ResponseText"], fields].concat();
        wanted.sort_unstable();
        let mut found: Vec<&str> = self.succeeded(status).as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!((self.body["ResponseText"].as_str(), found), (Some(text), wanted));
    }

    /// The body as it came, but for the request's id.
    #[track_caller]
    pub(crate) fn but_for_its_id(&self) -> String {
        std::str::from_utf8(&self.bytes).unwrap().replace(&self.text("RequestId"), "ID")
    }

    /// A text of the body.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.body)).to_owned()
    }

    /// Asserts a success with this status, and gives its body.
    #[track_caller]
    pub(crate) fn succeeded(&self, status: u16) -> &Value {
        assert_eq!((self.status, self.body["ResponseCode"].as_str()), (status, Some("00")), "{self:?}");
        &self.body
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
