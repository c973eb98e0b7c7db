//! What a bank remembers: customers, their certificates and files, and the requests it has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::Error;
use crate::authority::Use;
use crate::held::{Held, State};
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
    /// Sender and request id, or customer and time of an application request, parted by a line feed (which none of them
    /// can hold), with the time in Unix seconds.
    seen: BTreeMap<String, i64>,
    /// Wrong secrets since the last right one, by user id.
    wrong_secrets: BTreeMap<String, u32>,
    /// User ids whose secret has been used; it works once where the bank says so.
    spent_secrets: BTreeSet<String>,
    /// Whether there is something to write.
    #[serde(skip)]
    changed: bool,
}

/// A customer: one user id and one name.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) user_id: String,
    pub(crate) name: String,
    /// The first is the customer's own.
    pub(crate) target_ids: Vec<String>,
    pub(crate) certificates: Vec<Held>,
    pub(crate) balance: Cents,
    pub(crate) files: Vec<StoredFile>,
}

/// A file for a customer, or from one.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) reference: String,
    pub(crate) file_type: String,
    /// Unix seconds.
    pub(crate) created: i64,
    /// Where the file came from the customer.
    pub(crate) upload: Option<Upload>,
    /// Unix seconds of the last download; none while it is new.
    pub(crate) downloaded: Option<i64>,
    /// The upload that this file tells about.
    pub(crate) parent: Option<String>,
    #[serde(skip)]
    pub(crate) content: Arc<[u8]>,
    #[serde(skip)]
    written: bool,
}

/// What became of a file from a customer.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Upload {
    /// Waits for the bank's next round: WFP.
    Waiting,
    /// FWD, since this time in Unix seconds.
    Forwarded(i64),
    /// DEL.
    Deleted,
}

/// What a certificate is to the bank.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In force for the customer with this index.
    Live(usize),
    /// Replaced by a later one, or revoked.
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
            file.content = store.read(&name)?.ok_or_else(|| store.damaged(&name, &"missing"))?.into();
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
            store.write(&file_name(&file.reference), &file.content)?;
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

    /// Counts a wrong secret; how many there have been since the last right one.
    pub(crate) fn count_wrong_secret(&mut self, user_id: &str) -> u32 {
        self.changed = true;
        let count = self.wrong_secrets.entry(user_id.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    pub(crate) fn wrong_secrets(&self, user_id: &str) -> u32 {
        self.wrong_secrets.get(user_id).copied().unwrap_or(0)
    }

    /// The secret was right: wrong ones before it are forgotten, and it will not work again where it works once.
    pub(crate) fn spend_secret(&mut self, user_id: &str) {
        self.changed = true;
        self.wrong_secrets.remove(user_id);
        self.spent_secrets.insert(user_id.to_owned());
    }

    pub(crate) fn is_secret_spent(&self, user_id: &str) -> bool {
        self.spent_secrets.contains(user_id)
    }

    /// The next number.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.changed = true;
        self.sequence += 1;
        self.sequence
    }

    /// What this signing certificate (DER) is.
    pub(crate) fn standing(&self, certificate: &[u8]) -> Standing {
        for (at, customer) in self.customers.iter().enumerate() {
            if let Some(held) = customer.certificates.iter().find(|held| held.is(certificate)) {
                let usable = held.state == State::Live && held.purpose == Use::Signing;
                return if usable { Standing::Live(at) } else { Standing::Retired };
            }
        }
        Standing::Unknown
    }

    /// Whether the bank knows this user id with this name.
    pub(crate) fn find(&self, user_id: &str, name: &str) -> Option<usize> {
        self.customers.iter().position(|customer| customer.user_id == user_id && customer.name == name)
    }

    /// The customer with this user id, where there is one for each.
    pub(crate) fn find_user(&self, user_id: &str) -> Option<usize> {
        self.customers.iter().position(|customer| customer.user_id == user_id)
    }

    /// A new customer with `balance`; its index.
    pub(crate) fn add_customer(&mut self, user_id: &str, name: &str, target_ids: Vec<String>, balance: Cents) -> usize {
        self.changed = true;
        self.customers.push(Customer {
            user_id: user_id.to_owned(),
            name: name.to_owned(),
            target_ids,
            certificates: Vec::new(),
            balance,
            files: Vec::new(),
        });
        self.customers.len() - 1
    }

    /// Puts a certificate in force; those before it stop working if they are to.
    pub(crate) fn add_certificate(&mut self, customer: usize, held: Held, replaces: bool) {
        self.changed = true;
        let certificates = &mut self.customers[customer].certificates;
        if replaces {
            for before in certificates.iter_mut().filter(|before| before.state == State::Live && !before.given) {
                before.state = State::Replaced;
            }
        }
        certificates.push(held);
    }

    /// Lays a new file out for a customer, or keeps one from the customer.
    pub(crate) fn add_file(&mut self, customer: usize, file: StoredFile) {
        self.changed = true;
        self.customers[customer].files.push(file);
    }

    /// A customer's file, which the caller is about to change.
    pub(crate) fn file_mut(&mut self, customer: usize, reference: &str) -> Option<&mut StoredFile> {
        self.changed = true;
        self.customers[customer].files.iter_mut().find(|file| file.reference == reference)
    }

    /// A customer's certificates, which the caller is about to change.
    pub(crate) fn certificates_mut(&mut self, customer: usize) -> &mut [Held] {
        self.changed = true;
        &mut self.customers[customer].certificates
    }
}

impl StoredFile {
    pub(crate) fn new(reference: String, file_type: &str, content: impl Into<Arc<[u8]>>, created: i64) -> Self {
        Self {
            reference,
            file_type: file_type.to_owned(),
            created,
            upload: None,
            downloaded: None,
            parent: None,
            content: content.into(),
            written: false,
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn file_name(reference: &str) -> String {
    format!("{reference}.xml")
}
