//! The keys that banks share, as they change: the Samlink banks have one ring, any other bank has its own.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::authority::{Authority, keys};
use crate::keys::{KeySource, Saved};
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
    /// Reads the keys back, or makes them. `change` may put others in their place, and says whether it has.
    pub(crate) fn open(
        bank: BankKey,
        store: Store,
        now: OffsetDateTime,
        keys_from: &KeySource,
        change: impl FnOnce(&mut Saved) -> bool,
    ) -> Result<Self, Error> {
        let kept = store.read(FILE)?.map(Zeroizing::new);
        let mut saved = match &kept {
            Some(bytes) => serde_json::from_slice(bytes).map_err(|error| store.damaged(FILE, &error))?,
            None => Saved::make(bank, now, keys_from)?,
        };
        if change(&mut saved) || kept.is_none() {
            write(&saved, &store)?;
        }
        let current = Authority::from_saved(bank, &saved, now).map_err(|error| store.damaged(FILE, &error))?;
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
