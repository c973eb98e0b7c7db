//! `avain rewrap`: puts what is sealed under the current version of the root key (R28; decision 0008). It may be killed and
//! run again at any time: what was done is not done again, and each thing is replaced at once or not at all.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use avain_adapters_aws::store::{DynamoStore, Walked};
use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::random::SystemRandom;
use avain_domain::ports::{Blobs, Unavailable};
use avain_domain::records::{Download, KeyId, Record, SealedKey, Stored, Upload};
use avain_domain::rewrap::{self, Outcome};
use avain_domain::seal::Sealer;
use avain_domain::{Failure, files};

use crate::opened;

/// Why nothing, or not everything, was re-wrapped.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// The operator's: what was asked for is refused; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] avain_adapters_local::Error),
    /// The store failed on the way.
    #[error("{0}; run it again")]
    Unavailable(#[from] Unavailable),
    /// Something was left as it was.
    #[error("{0} left as they were; run it again")]
    Left(u64),
}

/// What is to be re-wrapped: a data directory, or, built with feature `aws`, a deployed table.
#[derive(clap::Args)]
pub struct Options {
    /// A data directory that nothing is serving
    #[arg(long)]
    #[cfg_attr(feature = "aws", arg(conflicts_with = "table", required_unless_present = "table"))]
    #[cfg_attr(not(feature = "aws"), arg(required = true))]
    data: Option<PathBuf>,
    /// Take the old root keys out of the data directory, if everything opens without them
    #[arg(long, requires = "data")]
    drop_old: bool,
    /// Name of a deployed table
    #[cfg(feature = "aws")]
    #[arg(long, requires_all = ["key", "key_version"])]
    table: Option<String>,
    /// ARN or id of the KMS key
    #[cfg(feature = "aws")]
    #[arg(long, requires = "table")]
    key: Option<String>,
    /// The version that the functions seal with: the stack's KeyVersion
    #[cfg(feature = "aws")]
    #[arg(long, requires = "table", value_parser = clap::value_parser!(u32).range(1..))]
    key_version: Option<u32>,
    /// AWS region, if not the environment's
    #[cfg(feature = "aws")]
    #[arg(long, requires = "table")]
    region: Option<String>,
}

/// Re-wraps, tells what was done on standard output, and fails if anything was left.
pub async fn run(options: Options) -> Result<(), RewrapError> {
    #[cfg(feature = "aws")]
    if let (Some(table), Some(key), Some(version)) = (options.table, &options.key, options.key_version) {
        return deployed(table, key, version, options.region).await;
    }
    match options.data {
        Some(data) if options.drop_old => drop_old(&data).await,
        Some(data) => directory(&data).await,
        None => Err(RewrapError::Refused("--data is missing".to_owned())),
    }
}

async fn directory(data: &Path) -> Result<(), RewrapError> {
    let mut directory = open(data)?;
    let mut versions = directory.vault().versions();
    if versions.minimum == versions.current {
        directory.add_root_key()?;
        versions = directory.vault().versions();
        say(format_args!("root.key: version {} added", versions.current));
    } else {
        say(format_args!("root.key: going on with version {}", versions.current));
    }
    everything(&directory).await?;
    say(format_args!("Older root keys are still in root.key. To take them out: back up, then rewrap with --drop-old"));
    Ok(())
}

async fn drop_old(data: &Path) -> Result<(), RewrapError> {
    let mut directory = open(data)?;
    let versions = directory.vault().versions();
    if versions.minimum == versions.current {
        return Err(RewrapError::Refused("there is no old root key: run rewrap without --drop-old first".to_owned()));
    }
    everything(&directory).await?;
    directory.without_old_root_keys()?;
    let opened = open_everything(&directory).await?;
    directory.drop_old_root_keys()?;
    say(format_args!(
        "root.key: {opened} keys and files open with version {} alone, and it is alone",
        versions.current
    ));
    Ok(())
}

fn open(data: &Path) -> Result<DataDirectory, RewrapError> {
    opened::is_data_directory(data).map_err(RewrapError::Refused)?;
    Ok(DataDirectory::open(data, Arc::new(SystemClock), Arc::new(SystemRandom))?)
}

async fn everything(directory: &DataDirectory) -> Result<(), RewrapError> {
    let (store, sealer) = (directory.everything(), directory.sealer());
    let mut keys = sealed_keys(&store, &sealer).await?;
    directory.rewrap_pool_keys().await?.into_iter().for_each(|outcome| keys.count(outcome));
    say(format_args!("keys: {keys}"));
    let files = kept_files(&store, &sealer, &*directory.blobs()?).await?;
    say(format_args!("files: {files}"));
    left(keys.left() + files.left())
}

/// Opens each key and file, and says how many there are.
async fn open_everything(directory: &DataDirectory) -> Result<u64, RewrapError> {
    let (store, sealer, blobs) = (directory.everything(), directory.sealer(), directory.blobs()?);
    let mut opened = Counts::default();
    walk(&store, Walked::SealedKeys, async |stored| {
        if let Record::SealedKey(SealedKey { id, sealed: kept }) = stored.record {
            let outcome = sealer.open(&id, &kept).await.map(|_| Outcome::Current);
            opened.add(&id, outcome);
        }
        Ok(())
    })
    .await?;
    for kept in WITH_FILES {
        walk(&store, kept, async |stored| {
            if let Some(id) = kept_file(&stored.record) {
                let kept = blobs.get(&id.id).await?.unwrap_or_default();
                let outcome = sealer.open(&id, &kept).await.map(|_| Outcome::Current);
                opened.add(&id, outcome);
            }
            Ok(())
        })
        .await?;
    }
    // Each of the pool's keys is opened for this.
    directory.rewrap_pool_keys().await?.into_iter().for_each(|outcome| opened.count(outcome));
    left(opened.left())?;
    Ok(opened.current)
}

#[cfg(feature = "aws")]
async fn deployed(table: String, key: &str, version: u32, region: Option<String>) -> Result<(), RewrapError> {
    use avain_adapters_aws::kms::KmsVault;
    use avain_domain::ports::KeyVersions;

    let config = opened::aws(region).await;
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(&config), table, Arc::new(SystemRandom));
    let vault = KmsVault::new(aws_sdk_kms::Client::new(&config), key.to_owned());
    let vault = vault.with_versions(KeyVersions { current: version, minimum: 1 });
    let sealer = Sealer::new(Arc::new(vault), Arc::new(SystemClock), Arc::new(SystemRandom));
    let keys = sealed_keys(&store, &sealer).await?;
    say(format_args!("keys: {keys}"));
    left(keys.left())
}

/// What became of many.
#[derive(Default)]
struct Counts {
    rewrapped: u64,
    current: u64,
    conflicts: u64,
    failed: u64,
}

impl Counts {
    fn add(&mut self, id: &KeyId, outcome: Result<Outcome, Failure>) {
        match outcome {
            Ok(outcome) => self.count(outcome),
            Err(error) => {
                self.failed += 1;
                let KeyId { organisation, holder, kind, id } = id;
                let kind = kind.as_str();
                let _ = writeln!(std::io::stderr(), "avain: {kind} {id} of {holder} ({}): {error}", organisation.0);
            }
        }
    }

    fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Rewrapped => &mut self.rewrapped,
            Outcome::Current => &mut self.current,
            Outcome::Conflict => &mut self.conflicts,
        } += 1;
    }

    fn left(&self) -> u64 {
        self.conflicts + self.failed
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rewrapped, current, conflicts, failed } = self;
        write!(formatter, "{rewrapped} re-wrapped, {current} already current, {conflicts} conflicts, {failed} failed")
    }
}

async fn sealed_keys(store: &DynamoStore, sealer: &Sealer) -> Result<Counts, Unavailable> {
    let mut counts = Counts::default();
    walk(store, Walked::SealedKeys, async |Stored { record, version }| {
        if let Record::SealedKey(record) = record {
            let stored = Stored { record, version };
            counts.add(&stored.record.id, rewrap::key(store, sealer, &stored).await);
        }
        Ok(())
    })
    .await?;
    Ok(counts)
}

async fn kept_files(store: &DynamoStore, sealer: &Sealer, blobs: &dyn Blobs) -> Result<Counts, Unavailable> {
    let mut counts = Counts::default();
    for kept in WITH_FILES {
        walk(store, kept, async |stored| {
            if let Some(id) = kept_file(&stored.record) {
                counts.add(&id, rewrap::file(blobs, sealer, &id).await);
            }
            Ok(())
        })
        .await?;
    }
    Ok(counts)
}

/// What may have a file in the blob store: what was fetched, and what waited for signatures.
const WITH_FILES: [Walked; 2] = [Walked::Downloads, Walked::Uploads];

/// What a record's file is sealed for, if it has one.
fn kept_file(record: &Record) -> Option<KeyId> {
    let (Record::Download(Download { organisation, email, blob, .. })
    | Record::Upload(Upload { organisation, email, blob: Some(blob), .. })) = record
    else {
        return None;
    };
    Some(files::blob_id(organisation, email, blob))
}

async fn walk(
    store: &DynamoStore,
    what: Walked,
    mut visit: impl AsyncFnMut(Stored) -> Result<(), Unavailable>,
) -> Result<(), Unavailable> {
    let mut from = None;
    loop {
        let (records, next) = store.walk(what, from).await?;
        for stored in records {
            visit(stored).await?;
        }
        if next.is_none() {
            return Ok(());
        }
        from = next;
    }
}

fn left(count: u64) -> Result<(), RewrapError> {
    if count == 0 { Ok(()) } else { Err(RewrapError::Left(count)) }
}

fn say(what: fmt::Arguments<'_>) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{what}");
    let _ = out.flush();
}
