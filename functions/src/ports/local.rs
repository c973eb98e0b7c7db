//! The ports on the data directory that `AVAIN_LOCAL` names.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use avain_adapters_local::clock::SystemClock;
use avain_adapters_local::directory::DataDirectory;
use avain_adapters_local::gateway::NoGateway;
use avain_adapters_local::notices::OutboxNotifier;
use avain_adapters_local::outbox::Outbox;
use avain_adapters_local::pool::{PasswordCost, UserPool};
use avain_adapters_local::random::SystemRandom;
use avain_api::Deps;
use avain_domain::service_keys::ServiceKeys;

use super::{Opening, OpeningSource};
use crate::StartError;

/// How long a bank is waited for: API Gateway's limit is 29 s.
const BANK_WAIT: Duration = Duration::from_secs(25);

/// An open data directory.
pub struct Source {
    directory: DataDirectory,
    outbox: Option<Arc<Outbox>>,
    pool: Option<Arc<UserPool>>,
}

impl Source {
    /// Opens the directory that `AVAIN_LOCAL` names.
    #[must_use]
    pub fn open() -> OpeningSource {
        Box::pin(async {
            let path = std::env::var_os("AVAIN_LOCAL").filter(|it| !it.is_empty()).ok_or(StartError::NoDirectory)?;
            let directory = DataDirectory::open(path.as_ref(), Arc::new(SystemClock), Arc::new(SystemRandom))?;
            Ok(Self { directory, outbox: None, pool: None })
        })
    }

    /// Time and randomness.
    #[must_use]
    pub fn deps(&self) -> Deps {
        Deps::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    fn outbox(&mut self) -> Result<Arc<Outbox>, StartError> {
        if let Some(outbox) = &self.outbox {
            return Ok(Arc::clone(outbox));
        }
        let outbox = Arc::new(self.directory.outbox()?);
        self.outbox = Some(Arc::clone(&outbox));
        Ok(outbox)
    }

    async fn pool(&mut self) -> Result<Arc<UserPool>, StartError> {
        if let Some(pool) = &self.pool {
            return Ok(Arc::clone(pool));
        }
        let outbox = self.outbox()?;
        let pool = Arc::new(self.directory.pool(outbox, PasswordCost::default()).await?);
        self.pool = Some(Arc::clone(&pool));
        Ok(pool)
    }
}

/// The records.
pub fn store(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(ready(Ok(deps.with_store(source.directory.store()))))
}

/// The user pool; its codes go to the directory's outbox.
pub fn identity(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async { Ok(deps.with_identity(source.pool().await?)) })
}

/// The user pool's public keys.
pub fn tokens(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async { Ok(deps.with_tokens(Arc::new(source.pool().await?.tokens()))) })
}

/// The service's own keys.
pub fn service_keys(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let (store, sealer) = (source.directory.store(), source.directory.sealer());
        let keys = ServiceKeys::open(&*store, &sealer, &SystemRandom).await?;
        Ok(deps.with_service_keys(Arc::new(keys)))
    })
}

/// Sealing under the root key file.
pub fn sealer(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(ready(Ok(deps.with_sealer(source.directory.sealer()))))
}

/// Sealed files.
pub fn blobs(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async { Ok(deps.with_blobs(source.directory.blobs()?)) })
}

/// The simulated banks at the address that `AVAIN_SIMULATOR` names.
pub fn banks(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let base = std::env::var("AVAIN_SIMULATOR").map_err(|_| StartError::NoSimulator)?;
        let (folder, base) = (super::own_banks()?, base.trim_end_matches('/'));
        Ok(deps.with_banks(Arc::new(source.directory.banks_of_machine(&folder, base, BANK_WAIT))))
    })
}

/// One machine has no gateway.
#[must_use]
pub fn gateway(_: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(ready(Ok(deps.with_gateway(Arc::new(NoGateway)))))
}

/// Notices go to the directory's outbox.
pub fn notifier(source: &mut Source, deps: Deps) -> Opening<'_> {
    Box::pin(async {
        let outbox = source.outbox()?;
        Ok(deps.with_notifier(Arc::new(OutboxNotifier::new(outbox, Arc::new(SystemClock)))))
    })
}
