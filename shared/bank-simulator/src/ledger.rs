//! What a bank remembers: customers, their certificates, files and balances, and the requests it has seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::Error;
use crate::money::Cents;
use crate::store::Store;

const FILE: &str = "ledger.json";

/// How long a `RequestId` must not come again (three months, brief 2.1).
const REPLAY_WINDOW: Duration = Duration::days(92);

/// Everything that changes.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Counts what needs a number of its own: certificates, files.
    sequence: u64,
    pub(crate) customers: Vec<Customer>,
    /// Sender and request id, parted by a line feed (which neither can hold), with the time in Unix seconds.
    seen: BTreeMap<String, i64>,
    /// Whether there is something to write.
    #[serde(skip)]
    changed: bool,
}

/// A customer: one user id and one name.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) target_id: String,
    /// Fingerprint of the certificate in force.
    certificate: String,
    /// Fingerprints of those that it replaced.
    retired: Vec<String>,
    pub(crate) balance: Cents,
    pub(crate) files: Vec<StoredFile>,
}

/// A file for a customer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) reference: String,
    pub(crate) file_type: String,
    /// Unix seconds.
    pub(crate) created: i64,
    /// Unix seconds of the last download; none while it is new.
    pub(crate) downloaded: Option<i64>,
    #[serde(skip)]
    pub(crate) content: Arc<str>,
    #[serde(skip)]
    written: bool,
}

/// What a certificate is to the bank.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In force for the customer with this index.
    Live(usize),
    /// Replaced by a later one.
    Retired,
    /// Issued to nobody the bank knows.
    Unknown,
}

impl Ledger {
    /// Reads the ledger back; an empty one if there is none yet.
    pub(crate) fn load(store: &Store) -> Result<Self, Error> {
        let Some(bytes) = store.read(FILE)? else { return Ok(Self::default()) };
        let mut ledger: Self = serde_json::from_slice(&bytes).map_err(|error| store.damaged(FILE, &error))?;
        for file in ledger.customers.iter_mut().flat_map(|customer| &mut customer.files) {
            let name = file_name(&file.reference);
            let bytes = store.read(&name)?.ok_or_else(|| store.damaged(&name, &"missing"))?;
            file.content = String::from_utf8(bytes).map_err(|_| store.damaged(&name, &"not text"))?.into();
            file.written = true;
        }
        Ok(ledger)
    }

    /// Writes what has changed: contents first, so that the ledger never names a file that is not there.
    pub(crate) fn save(&mut self, store: &Store) -> Result<(), Error> {
        if !self.changed {
            return Ok(());
        }
        for file in self.customers.iter_mut().flat_map(|customer| &mut customer.files).filter(|file| !file.written) {
            store.write(&file_name(&file.reference), file.content.as_bytes())?;
            file.written = true;
        }
        let text = serde_json::to_vec(self).map_err(|error| store.damaged(FILE, &error))?;
        store.write(FILE, &text)?;
        self.changed = false;
        Ok(())
    }

    /// Remembers a request; false if the same sender has used the id within the window.
    pub(crate) fn remember(&mut self, sender_id: &str, request_id: &str, now: OffsetDateTime) -> bool {
        let oldest = (now - REPLAY_WINDOW).unix_timestamp();
        self.seen.retain(|_, seen| *seen >= oldest);
        self.changed = true;
        self.seen.insert(format!("{sender_id}\n{request_id}"), now.unix_timestamp()).is_none()
    }

    /// The next number.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.changed = true;
        self.sequence += 1;
        self.sequence
    }

    /// What this certificate (DER) is.
    pub(crate) fn standing(&self, certificate: &[u8]) -> Standing {
        let fingerprint = fingerprint(certificate);
        if let Some(at) = self.customers.iter().position(|customer| customer.certificate == fingerprint) {
            return Standing::Live(at);
        }
        let retired = self.customers.iter().any(|customer| customer.retired.contains(&fingerprint));
        if retired { Standing::Retired } else { Standing::Unknown }
    }

    /// Whether the bank knows this user id.
    pub(crate) fn find(&self, user_id: &str, name: &str) -> Option<usize> {
        self.customers.iter().position(|customer| customer.user_id == user_id && customer.name == name)
    }

    /// A new customer with its first certificate and `balance`; its index.
    pub(crate) fn add_customer(&mut self, user_id: &str, name: &str, certificate: &[u8], balance: Cents) -> usize {
        self.changed = true;
        self.customers.push(Customer {
            user_id: user_id.to_owned(),
            name: name.to_owned(),
            target_id: format!("{user_id}A1"),
            certificate: fingerprint(certificate),
            retired: Vec::new(),
            balance,
            files: Vec::new(),
        });
        self.customers.len() - 1
    }

    /// Puts a new certificate in force; the one before stops working.
    pub(crate) fn replace_certificate(&mut self, customer: usize, certificate: &[u8]) {
        self.changed = true;
        let customer = &mut self.customers[customer];
        let before = std::mem::replace(&mut customer.certificate, fingerprint(certificate));
        if before != customer.certificate {
            customer.retired.push(before);
        }
    }

    /// Lays a new file out for a customer.
    pub(crate) fn add_file(&mut self, customer: usize, reference: String, file_type: &str, content: String, at: i64) {
        self.changed = true;
        self.customers[customer].files.push(StoredFile {
            reference,
            file_type: file_type.to_owned(),
            created: at,
            downloaded: None,
            content: content.into(),
            written: false,
        });
    }

    /// Marks a customer's file as downloaded and gives its content; none if the customer has no such file.
    pub(crate) fn take_file(&mut self, customer: usize, reference: &str, at: i64) -> Option<Arc<str>> {
        self.changed = true;
        let file = self.customers[customer].files.iter_mut().find(|file| file.reference == reference)?;
        file.downloaded = Some(at);
        Some(Arc::clone(&file.content))
    }
}

fn fingerprint(certificate: &[u8]) -> String {
    hex(digest(&SHA256, certificate).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn file_name(reference: &str) -> String {
    format!("{reference}.xml")
}
