//! The store of one machine: DynamoDB's engine on SQLite, inside this process.
//!
//! The DynamoDB adapter speaks to it through its usual client, whose connector calls the engine instead of the network:
//! no socket, so nobody else on the machine can reach it. A transaction is answered after SQLite has synced it to disk
//! (write-ahead log, `synchronous=FULL`, the engine's default); the engine's bulk-loading switches would end that and are
//! never called.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use avain_adapters_aws::store::TABLE_PROPERTIES;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Name of the table that holds the records.
pub const TABLE: &str = "avain";

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// One process owns a data directory.
    #[error("another process uses this data directory: {}", .0.display())]
    InUse(PathBuf),
    /// The directory or a file in it cannot be made, read or written.
    #[error("cannot use the data directory {}: {source}", .path.display())]
    Files {
        /// What was tried.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not a store, or one of a newer version.
    #[error("cannot open the store: {0}")]
    Engine(#[from] DynoxideError),
    /// The table's definition does not fit the engine: a fault of this program.
    #[error("the definition of the store's table cannot be read: {0}")]
    Definition(#[from] serde_json::Error),
}

/// An open store. The directory stays locked for as long as this or one of its clients lives.
#[derive(Clone)]
pub struct Embedded {
    engine: Engine,
}

impl Embedded {
    /// Opens the store in this directory (`store.sqlite`, mode 0600), making both where they are absent; a directory that
    /// it makes has mode 0700.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let files = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Files { path, source }
        };
        // Absolute, so that SQLite cannot take the path for a `file:` URI.
        let directory = std::path::absolute(directory).map_err(files(directory))?;
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(files(&directory))?;
        let lock_path = directory.join("lock");
        let lock = private_file(&lock_path).map_err(files(&lock_path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse(directory.clone()),
            TryLockError::Error(source) => OpenError::Files { path: lock_path, source },
        })?;
        // Made here so that it is private from its first moment; SQLite gives its log files the same mode.
        let path = directory.join("store.sqlite");
        private_file(&path).and_then(|file| file.sync_all()).map_err(files(&path))?;
        // A new file's name is on disk only after its folder has been synced, and so on upwards.
        for folder in directory.ancestors().take(2) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(files(folder))?;
        }
        let not_text = || OpenError::Files { path: path.clone(), source: io::ErrorKind::InvalidFilename.into() };
        Self::with(Database::new(path.to_str().ok_or_else(not_text)?)?, Some(lock))
    }

    /// A store in memory, gone with the process.
    pub fn memory() -> Result<Self, OpenError> {
        Self::with(Database::memory()?, None)
    }

    /// A client whose calls stay inside this process. Any operation but those of a store
    /// of items (no Scan, no deletion of tables) is refused.
    #[must_use]
    pub fn client(&self) -> Client {
        client_of(self.engine.clone())
    }

    /// A client that may Scan too: for the operator's command that walks through everything, never for the service.
    #[must_use]
    pub fn operators_client(&self) -> Client {
        client_of(Engine { may_scan: true, ..self.engine.clone() })
    }

    /// The engine, for tables of one's own in the same file. Its calls block and sync to disk: not on an async thread.
    /// The directory is locked only as long as this `Embedded` or one of its clients lives.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.engine.database
    }

    fn with(database: Database, lock: Option<File>) -> Result<Self, OpenError> {
        create_table(&database)?;
        Ok(Self { engine: Engine { database, may_scan: false, _lock: lock.map(Arc::new) } })
    }
}

fn client_of(engine: Engine) -> Client {
    let connector = SharedHttpConnector::new(engine);
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .endpoint_url("http://embedded.invalid")
        .allow_no_auth()
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Client::from_conf(config)
}

/// Opens a file that only its owner may read, making it where it is absent.
fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Creates the table of the records where it is absent, and has expired ones marked for tidying up.
fn create_table(database: &Database) -> Result<(), OpenError> {
    let mut properties: serde_json::Map<String, serde_json::Value> = serde_json::from_str(TABLE_PROPERTIES)?;
    properties.insert("TableName".to_owned(), TABLE.into());
    let properties = serde_json::Value::Object(properties);
    let table = || serde_json::json!({ "TableName": TABLE });
    match database.describe_table(serde_json::from_value(table())?) {
        Err(DynoxideError::ResourceNotFoundException(_)) => {
            database.create_table(serde_json::from_value(properties.clone())?)?;
        }
        other => drop(other?),
    }
    // By itself, in case a start was cut off between the two.
    let expiry = database.describe_time_to_live(serde_json::from_value(table())?)?;
    if serde_json::to_value(&expiry)?["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED" {
        database.update_time_to_live(serde_json::from_value(properties)?)?;
    }
    Ok(())
}

/// The connector: answers DynamoDB's JSON protocol from the engine.
#[derive(Clone)]
struct Engine {
    database: Database,
    may_scan: bool,
    _lock: Option<Arc<File>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Engine")
    }
}

impl HttpConnector for Engine {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let engine = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.strip_prefix("DynamoDB_20120810.").unwrap_or_default().to_owned();
            let body = request.body().bytes().unwrap_or_default().to_owned();
            // The engine waits for the disk.
            let answer = tokio::task::spawn_blocking(move || engine.answer(&operation, &body)).await;
            answer.map_err(|error| ConnectorError::other(error.into(), None))?
        })
    }
}

impl Engine {
    fn answer(&self, operation: &str, body: &[u8]) -> Result<HttpResponse, ConnectorError> {
        let database = &self.database;
        let answer = match operation {
            "BatchGetItem" => call(body, |request| database.batch_get_item(request)),
            "CreateTable" => call(body, |request| database.create_table(request)),
            "DeleteItem" => call(body, |request| database.delete_item(request)),
            "DescribeTable" => call(body, |request| database.describe_table(request)),
            "GetItem" => call(body, |request| database.get_item(request)),
            "PutItem" => call(body, |request| database.put_item(request)),
            "Query" => call(body, |request| database.query(request)),
            "Scan" if self.may_scan => call(body, |request| database.scan(request)),
            "TransactWriteItems" => call(body, |request| database.transact_write_items(request)),
            "UpdateItem" => call(body, |request| database.update_item(request)),
            "UpdateTimeToLive" => call(body, |request| database.update_time_to_live(request)),
            other => Err(DynoxideError::ValidationException(format!("the embedded store does not offer: {other}"))),
        };
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(error) => (error.status_code(), error.to_json()),
        };
        let status = StatusCode::try_from(status).map_err(|error| ConnectorError::other(error.into(), None))?;
        Ok(HttpResponse::new(status, SdkBody::from(body)))
    }
}

fn call<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    run: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<String, DynoxideError> {
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    serde_json::to_string(&run(request)?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
