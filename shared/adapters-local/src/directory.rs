//! A data directory: everything that one machine's service keeps, and the ports on it.
//!
//! ```text
//! store.sqlite      records and users (lock: the process that owns the directory)
//! root.key          root of all sealing; whoever has it and the store has the private keys
//! blobs/            sealed files
//! outbox.jsonl      codes that would go out by SMS and e-mail
//! banks/BANK.pem    the root that the answers of a simulated bank must chain to
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use avain_adapters_aws::banks::{Anchor, Contract, Contracts, Folder, HttpBanks};
use avain_adapters_aws::store::DynamoStore;
use avain_bank_channel::{Environment, Trust};
use avain_domain::ports::{Blobs, Clock, Random, Store, Vault};
use avain_domain::rewrap::Outcome;
use avain_domain::seal::Sealer;

use crate::Error;
use crate::blobs::BlobFolder;
use crate::embedded::{Embedded, TABLE};
use crate::outbox::Outbox;
use crate::pool::{self, PasswordCost, PoolParts, UserPool};
use crate::vault::{self, KeyFileVault};

const ROOT_KEY: &str = "root.key";
/// `iss` of the one-machine pool's tokens.
const ISSUER: &str = "avain-local";

/// An open data directory; this process owns it.
pub struct DataDirectory {
    path: PathBuf,
    embedded: Embedded,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl DataDirectory {
    /// Opens the directory, or makes it, out of other users' reach.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, Error> {
        let embedded = Embedded::open(path)?;
        let vault: Arc<dyn Vault> = Arc::new(KeyFileVault::open(&path.join(ROOT_KEY))?);
        Ok(Self { path: path.to_owned(), embedded, vault, clock, random })
    }

    /// The records.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(DynamoStore::new(self.embedded.client(), TABLE.to_owned(), Arc::clone(&self.random)))
    }

    /// The root of all sealing.
    #[must_use]
    pub fn vault(&self) -> Arc<dyn Vault> {
        Arc::clone(&self.vault)
    }

    /// Sealing under the root key.
    #[must_use]
    pub fn sealer(&self) -> Arc<Sealer> {
        Arc::new(Sealer::new(self.vault(), Arc::clone(&self.clock), Arc::clone(&self.random)))
    }

    /// Sealed files.
    pub fn blobs(&self) -> Result<Arc<dyn Blobs>, Error> {
        Ok(Arc::new(BlobFolder::open(&self.path.join("blobs"))?))
    }

    /// The outbox in its file.
    pub fn outbox(&self) -> Result<Outbox, Error> {
        Outbox::open(&self.path.join("outbox.jsonl"))
    }

    /// Every record, for the operator's command.
    #[must_use]
    pub fn everything(&self) -> DynamoStore {
        DynamoStore::new(self.embedded.operators_client(), TABLE.to_owned(), Arc::clone(&self.random))
    }

    /// Adds a version of the root key, which seals from now on; what was sealed before opens as before.
    pub fn add_root_key(&mut self) -> Result<(), Error> {
        let path = self.path.join(ROOT_KEY);
        vault::add_root_key(&path)?;
        self.vault = Arc::new(KeyFileVault::open(&path)?);
        Ok(())
    }

    /// Goes on with the newest version of the root key alone, in memory: what still needs an older one does not open.
    pub fn without_old_root_keys(&mut self) -> Result<(), Error> {
        self.vault = Arc::new(KeyFileVault::open_newest(&self.path.join(ROOT_KEY))?);
        Ok(())
    }

    /// Takes the old versions of the root key out of its file, for ever.
    pub fn drop_old_root_keys(&mut self) -> Result<(), Error> {
        vault::drop_old_root_keys(&self.path.join(ROOT_KEY))?;
        self.without_old_root_keys()
    }

    /// Re-wraps those of the user pool's own keys that there are; what became of each.
    pub async fn rewrap_pool_keys(&self) -> Result<Vec<Outcome>, Error> {
        Ok(pool::rewrap_keys(self.embedded.database().clone(), &*self.vault).await?)
    }

    /// The user pool.
    pub async fn pool(&self, outbox: Arc<Outbox>, password_cost: PasswordCost) -> Result<UserPool, Error> {
        UserPool::open(PoolParts {
            database: self.embedded.database().clone(),
            vault: self.vault(),
            outbox,
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            issuer: ISSUER.to_owned(),
            password_cost,
        })
        .await
    }

    /// Every bank, played by a simulator at this base address (`http://127.0.0.1:PORT`), which gives the root of a bank that it plays
    /// as PEM. A bank of the operator's that has an address for tests is asked there.
    pub fn simulated_banks(
        &self,
        folder: &Folder,
        base: &str,
        root: impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static,
        wait: Duration,
    ) -> HttpBanks {
        let (folder, base) = (folder.clone(), base.to_owned());
        let contracts = Contracts::new(move |bank| {
            let profile = folder.profile(bank)?;
            let trust = folder.trust(bank, Environment::Test);
            if folder.is_own(bank)
                && let Some(real) = Contract::real(&profile, Environment::Test, trust)
            {
                return Some(real);
            }
            let (root, bank) = (root.clone(), bank.to_owned());
            let anchor = Anchor::later(move || Trust::from_pem(&root(&bank)?).ok());
            Some(Contract::simulated(&profile, &base, anchor))
        });
        HttpBanks::new(contracts, Arc::clone(&self.clock), Arc::clone(&self.random), wait)
    }

    /// The same, with the roots that a running machine has put into the directory.
    #[must_use]
    pub fn banks_of_machine(&self, folder: &Folder, base: &str, wait: Duration) -> HttpBanks {
        let data = self.path.clone();
        let root = move |bank: &str| std::fs::read_to_string(bank_root(&data, bank)).ok();
        self.simulated_banks(folder, base, root, wait)
    }
}

/// Where the root of a simulated bank lies in a data directory.
#[must_use]
pub fn bank_root(data: &Path, bank: &str) -> PathBuf {
    data.join("banks").join(format!("{bank}.pem"))
}
