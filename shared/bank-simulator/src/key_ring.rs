//! The keys that banks share, as they change: the Samlink banks have one ring, any other bank has its own.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::authority::{Authority, keys};
use crate::keys::Saved;
use crate::store::Store;
use crate::{BankKey, Error};

const FILE: &str = "authority.json";

/// The keys in use, and how they are kept.
pub(crate) struct KeyRing {
    bank: BankKey,
    store: Store,
    saved: Mutex<Saved>,
    current: RwLock<Arc<Authority>>,
}

impl KeyRing {
    /// Reads the keys back, or makes them.
    pub(crate) fn open(bank: BankKey, store: Store, now: OffsetDateTime) -> Result<Self, Error> {
        match store.read(FILE)?.map(Zeroizing::new) {
            Some(bytes) => {
                let saved = serde_json::from_slice(&bytes).map_err(|error| store.damaged(FILE, &error))?;
                let damaged = |error: Error| store.damaged(FILE, &error);
                let current = Authority::from_saved(bank, &saved, now).map_err(damaged)?;
                Ok(Self { bank, saved: Mutex::new(saved), current: RwLock::new(Arc::new(current)), store })
            }
            None => Self::keep(bank, store, Saved::make(bank, now)?, now),
        }
    }

    /// Takes keys that were made elsewhere.
    pub(crate) fn keep(bank: BankKey, store: Store, saved: Saved, now: OffsetDateTime) -> Result<Self, Error> {
        write(&saved, &store)?;
        let current = Authority::from_saved(bank, &saved, now)?;
        Ok(Self { bank, store, saved: Mutex::new(saved), current: RwLock::new(Arc::new(current)) })
    }

    /// The keys in use.
    pub(crate) fn current(&self) -> Arc<Authority> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same root; everything below it that signs answers is new from now on.
    pub(crate) fn rotate(&self, now: OffsetDateTime) -> Result<(), Error> {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        saved.rotate(self.bank, now)?;
        write(&saved, &self.store)?;
        let renewed = Arc::new(Authority::from_saved(self.bank, &saved, now)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    /// The same authorities with signers whose certificates have ended: for one answer.
    pub(crate) fn expired(&self, now: OffsetDateTime) -> Result<Authority, Error> {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).copy()?;
        saved.renew(self.bank, now - Duration::days(30), now - Duration::days(1))?;
        Authority::from_saved(self.bank, &saved, now)
    }
}

fn write(saved: &Saved, store: &Store) -> Result<(), Error> {
    let text = Zeroizing::new(serde_json::to_vec(saved).map_err(keys)?);
    store.write(FILE, &text)
}
