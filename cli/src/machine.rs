//! The whole service on one machine: the ports on a data directory, and the simulated banks.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use avain_adapters_aws::banks::{Folder, HttpBanks};
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::{self, DataDirectory};
use avain_adapters_local::gateway::NoGateway;
use avain_adapters_local::notices::OutboxNotifier;
use avain_adapters_local::outbox::{Message, Outbox};
use avain_adapters_local::pool::{PasswordCost, UserPool};
use avain_adapters_local::random::SystemRandom;
use avain_api::Deps;
use avain_bank_simulator::{BankKey, Config, Environment, Simulator};
use avain_domain::audit::AuditKey;
use avain_domain::ports::{Clock, Random};
use avain_domain::service_keys::ServiceKeys;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long a bank is waited for: API Gateway's limit is 29 s.
const BANK_WAIT: Duration = Duration::from_secs(25);

/// What cannot be started, and why.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] avain_adapters_local::Error),
    /// The simulated banks.
    #[error("the bank simulator: {0}")]
    Simulator(#[from] avain_bank_simulator::Error),
    /// The service's own keys.
    #[error("the service's keys: {0}")]
    Keys(#[from] avain_domain::Failure),
    /// A file or a socket.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// What was asked for is refused.
    #[error("{0}")]
    Refused(String),
}

impl StartError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Sees messages.
pub type Observer = Box<dyn Fn(&Message) + Send + Sync>;

/// What a machine is started with.
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Remember codes, so that they can be asked for.
    pub dev: bool,
    /// Sees each code that goes out.
    pub observer: Option<Observer>,
    /// Cost of a password's hash.
    pub password_cost: PasswordCost,
    /// How long a bank is waited for.
    pub bank_wait: Duration,
    /// The operator's own banks and roots.
    pub banks: Folder,
    /// What holds for the whole deployment.
    pub rules: avain_domain::Settings,
}

impl Settings {
    /// What `avain serve` uses.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            dev: false,
            observer: None,
            password_cost: PasswordCost::default(),
            bank_wait: BANK_WAIT,
            banks: Folder::default(),
            rules: avain_domain::Settings::default(),
        }
    }
}

/// The simulated banks, serving on a loopback port; they end when dropped.
pub struct Banks {
    /// The banks themselves.
    pub simulator: Simulator,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    data: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Banks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Banks {
    /// Opens them in the data directory, and puts their roots where [`DataDirectory::simulated_banks`] finds them.
    pub async fn start(data: &Path, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let mut config = Config::in_folder(data.join("simulator"), Arc::new(move || clock.now()));
        config.environment = Environment::Test;
        let simulator = Simulator::open(&config)?;
        let folder = directory::bank_root(data, "");
        let folder = folder.parent().unwrap_or(data);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(StartError::io(folder.display().to_string()))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(StartError::io("the banks' port"))?;
        let address = listener.local_addr().map_err(StartError::io("the banks' port"))?;
        let serving = simulator.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = serving.serve(listener).await {
                tracing::error!(%error, "the simulated banks ended");
            }
        });
        let banks = Self { simulator, base: format!("http://{address}"), data: data.to_owned(), task };
        // The others make their keys when they are first asked.
        for bank in [BankKey::Simulator, BankKey::Nordea] {
            banks.root(bank)?;
        }
        Ok(banks)
    }

    /// The root of a bank's answers, PEM; puts it where functions on the same directory find it.
    pub fn root(&self, bank: BankKey) -> Result<String, StartError> {
        root(&self.simulator, &self.data, bank)
    }

    /// What speaks to these banks, and to the operator's own.
    fn channel(&self, directory: &DataDirectory, folder: &Folder, wait: Duration) -> HttpBanks {
        let (simulator, data) = (self.simulator.clone(), self.data.clone());
        let root = move |bank: &str| root(&simulator, &data, BankKey::parse(bank)?).ok();
        directory.simulated_banks(folder, &self.base, root, wait)
    }
}

fn root(simulator: &Simulator, data: &Path, bank: BankKey) -> Result<String, StartError> {
    let pem = simulator.root_pem(bank)?;
    write_private(&directory::bank_root(data, bank.as_str()), &pem)?;
    Ok(pem)
}

/// Writes a file that no other user can read, whatever the mode of its folder or of a file that it replaces.
pub fn write_private(path: &Path, text: &str) -> Result<(), StartError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().map_err(StartError::io(path.display().to_string()))
}

/// A started machine.
pub struct Machine {
    /// Every port.
    pub deps: Deps,
    /// The user pool.
    pub pool: Arc<UserPool>,
    /// Codes.
    pub outbox: Arc<Outbox>,
    /// The banks.
    pub banks: Banks,
    /// The public key that clients encrypt passwords with, PEM.
    pub password_key: String,
    /// The key that signs the audit trail.
    pub audit_key: Arc<AuditKey>,
    /// Whether codes may be asked for.
    pub dev: bool,
}

impl Machine {
    /// Opens the data directory, starts the simulated banks, and wires every port.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let Settings { data, clock, random, dev, observer, password_cost, bank_wait, banks: folder, rules } = settings;
        let directory = DataDirectory::open(&data, Arc::clone(&clock), Arc::clone(&random))?;
        let banks = Banks::start(&data, Arc::clone(&clock)).await?;

        let mut outbox = directory.outbox()?;
        if dev {
            outbox = outbox.remembering();
        }
        if let Some(observer) = observer {
            outbox = outbox.observed_by(observer);
        }
        let outbox = Arc::new(outbox);
        let pool = directory.pool(Arc::clone(&outbox), password_cost).await?;
        let pool = Arc::new(pool.with_email_before_mfa(rules.email_before_mfa));
        let notifier = OutboxNotifier::new(Arc::clone(&outbox), Arc::clone(&clock));
        let (store, sealer) = (directory.store(), directory.sealer());
        let service_keys = ServiceKeys::open(&*store, &sealer, &*random).await?;
        let password_key = service_keys.password_key_pem();
        let audit_key = Arc::new(AuditKey::open(&*store, &sealer, &*random).await?);
        let deps = Deps::new(clock, random)
            .with_settings(rules)
            .with_store(store)
            .with_tokens(Arc::new(pool.tokens()))
            .with_identity(Arc::clone(&pool) as _)
            .with_service_keys(Arc::new(service_keys))
            .with_sealer(sealer)
            .with_blobs(directory.blobs()?)
            .with_banks(Arc::new(banks.channel(&directory, &folder, bank_wait)))
            .with_gateway(Arc::new(NoGateway))
            .with_notifier(Arc::new(notifier));
        Ok(Self { deps, pool, outbox, banks, password_key, audit_key, dev })
    }
}
