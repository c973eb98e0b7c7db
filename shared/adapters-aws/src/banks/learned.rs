//! What banks tell of themselves, kept for a time: it adds no trust (every use of it ends at a pinned root), and spares a question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use avain_bank_channel::Trust;
use time::{Duration, OffsetDateTime};

use super::Contract;

/// Banks renew these certificates every few years; what is known longer is asked for again.
const FOR: Duration = Duration::hours(12);

/// What a bank has told.
pub(super) struct Learned {
    pub(super) at: OffsetDateTime,
    /// Certificates between its root and its signers, DER.
    pub(super) issuers: Vec<Vec<u8>>,
    /// The certificate that requests are encrypted to, DER.
    pub(super) encryption: Option<Vec<u8>>,
}

impl Learned {
    /// Of a bank that tells nothing, or that has not been asked.
    pub(super) fn nothing(at: OffsetDateTime) -> Self {
        Self { at, issuers: Vec::new(), encryption: None }
    }

    /// The pinned roots with what completes chains to them.
    pub(super) fn complete(&self, trust: &Trust) -> Trust {
        trust.clone().with_issuers(self.issuers.iter().cloned())
    }
}

/// By bank.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<String, Arc<Learned>>>);

impl Cache {
    pub(super) fn get(&self, contract: &Contract, now: OffsetDateTime) -> Option<Arc<Learned>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&contract.profile.bank).filter(|it| now - it.at < FOR).cloned()
    }

    pub(super) fn keep(&self, contract: &Contract, learned: Learned) -> Arc<Learned> {
        let learned = Arc::new(learned);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(contract.profile.bank.clone(), Arc::clone(&learned));
        learned
    }

    pub(super) fn forget(&self, contract: &Contract) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&contract.profile.bank);
    }
}
