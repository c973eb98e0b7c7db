//! Reading the journal: the uploads of an account at a bank, newest first, in pages.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::upload::{as_upload, counting, is_fresh};
use crate::names::Bank;
use crate::ports::Store;
use crate::records::{Key, LAST_ID, Record, Shelf, Stretch, Upload, UploadState};
use crate::session::Caller;
use crate::{Context, Failure};

/// How much of a hash tells a token of another list.
const MARK: usize = 8;

/// An upload as its account sees it now.
#[derive(Debug, Clone, PartialEq)]
pub struct Journalled {
    /// The record; of one that waits, with those signers who count, and as many as are asked for by now.
    pub upload: Upload,
    /// Whether it waited in vain: it takes no more signatures.
    pub expired: bool,
}

/// Some uploads, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalPage {
    /// The uploads.
    pub uploads: Vec<Journalled>,
    /// Opens the next page, if there is one.
    pub next: Option<String>,
}

/// The uploads to a bank in two reads.
pub async fn uploads(
    context: Context<'_>,
    store: &dyn Store,
    caller: &Caller,
    bank: &str,
    limit: usize,
    token: Option<&str>,
) -> Result<JournalPage, Failure> {
    let bank = Bank::parse(bank).ok_or(Failure::UnknownBank)?;
    let before = match token {
        Some(token) => open(caller, bank, token).ok_or_else(|| Failure::Invalid("NextToken".to_owned()))?,
        None => LAST_ID.to_owned(),
    };
    let shelf = Shelf::UploadEntries(caller.organisation().clone(), caller.login.email.clone(), bank);
    let stretch = Stretch { after: "", before: &before, newest_first: true, most: limit.saturating_add(1) };
    let mut entries: Vec<(String, String)> = Vec::new();
    for stored in store.stretch(&shelf, stretch).await? {
        if let Record::UploadEntry(entry) = stored.record {
            entries.push((entry.id, entry.digest));
        }
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|(id, _)| seal(caller, bank, id));

    let account = (caller.organisation(), &caller.login.email);
    let key = |digest: &String| Key::Upload(account.0.clone(), account.1.clone(), bank, digest.clone());
    let keys: Vec<Key> = entries.iter().map(|(_, digest)| key(digest)).collect();
    let found = store.get(&keys).await?.into_iter().filter_map(as_upload);
    let mut by_id: HashMap<String, Upload> = found.map(|it| (it.record.id.clone(), it.record)).collect();
    // One that began anew between the reads is on the page that comes first.
    let uploads = entries.iter().filter_map(|(id, _)| by_id.remove(id)).map(|it| as_it_is_now(context, caller, it));
    Ok(JournalPage { uploads: uploads.collect(), next })
}

fn as_it_is_now(context: Context<'_>, caller: &Caller, upload: Upload) -> Journalled {
    if upload.state != UploadState::Waiting {
        return Journalled { upload, expired: false };
    }
    let signers = counting(context, caller, &upload.signers);
    let required = caller.account.policy.signatures_required(upload.bank, &upload.file_type);
    let expired = !is_fresh(context, &upload);
    Journalled { upload: Upload { signers, required, ..upload }, expired }
}

/// The id that the next page begins after, with a mark of account and bank: one of another list is a mistake that is told. It
/// guards nothing, since a page holds what is the caller's own.
fn seal(caller: &Caller, bank: Bank, id: &str) -> String {
    URL_SAFE_NO_PAD.encode([&mark(caller, bank, id)[..], id.as_bytes()].concat())
}

fn open(caller: &Caller, bank: Bank, token: &str) -> Option<String> {
    let token = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (found, id) = token.split_first_chunk::<MARK>()?;
    let id = std::str::from_utf8(id).ok()?;
    (mark(caller, bank, id) == *found).then(|| id.to_owned())
}

fn mark(caller: &Caller, bank: Bank, id: &str) -> [u8; MARK] {
    let mut sha256 = Sha256::new();
    for part in [&caller.organisation().0, caller.login.email.as_str(), bank.as_str(), id] {
        sha256.update(part);
        sha256.update([0]);
    }
    let mut mark = [0; MARK];
    mark.copy_from_slice(&sha256.finalize()[..MARK]);
    mark
}
