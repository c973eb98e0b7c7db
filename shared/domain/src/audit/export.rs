//! The sealed trail of an organisation as lines, for safekeeping elsewhere.

use std::collections::{HashMap, HashSet};

use super::chain::leaf;
use super::seal::{batches, events};
use super::text;
use crate::Failure;
use crate::names::OrganisationId;
use crate::ports::Store;
use crate::records::{AuditBatch, AuditHead, Key, LAST_ID, Record, Shelf, Stretch, batch_id};

/// How many records are read at once.
const PAGE: usize = 500;

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Lines of events.
    pub events: u64,
    /// The head that the export ends at.
    pub head: AuditHead,
    /// Events that are not sealed yet, and not in it.
    pub waiting: u64,
}

/// The end of an organisation's chain; `None` where nothing is sealed yet.
pub async fn head(store: &dyn Store, organisation: &OrganisationId) -> Result<Option<AuditHead>, Failure> {
    let found = store.get(&[Key::AuditHead(organisation.clone())]).await?;
    Ok(found.into_iter().find_map(|stored| match stored.record {
        Record::AuditHead(head) => Some(head),
        _ => None,
    }))
}

/// Gives out every sealed event and every batch, a line each: the events of a batch in their sealed order, then the batch. An
/// event among the sealed ones that is in no batch comes where its time puts it, so that checking the export finds it.
pub async fn export(
    store: &dyn Store,
    organisation: &OrganisationId,
    mut line: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<Exported, Failure> {
    let head = head(store, organisation).await?.ok_or(Failure::NotFound)?;
    let sealed = sealed(store, &head).await?;
    let (mut count, mut until, mut number) = (0, String::new(), 0);
    while let Some(batch) = next_batch(store, &head, number).await? {
        number = batch.number;
        let mut found = HashMap::new();
        let (mut after, end) = (before(&batch.first, &until), just_after(&batch.last));
        loop {
            let stretch = Stretch { after: &after, before: &end, newest_first: false, most: PAGE };
            let page = events(store, organisation, stretch).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            for event in page {
                let text = text::event_line(&event);
                let hash = leaf(&text);
                if event.id > until && !sealed.contains(&hash) {
                    line(&text)?;
                    count += 1;
                }
                found.insert(hash, text);
            }
        }
        for text in batch.leaves.iter().filter_map(|leaf| found.get(leaf)) {
            line(text)?;
            count += 1;
        }
        line(&text::batch_line(&batch))?;
        until = until.max(batch.last);
    }
    let waiting = waiting(store, &head).await?;
    Ok(Exported { events: count, head, waiting })
}

/// Where reading for a batch begins: after what was read, or earlier where it holds late events.
fn before(first: &str, until: &str) -> String {
    if first > until { until.to_owned() } else { first.get(..13).unwrap_or_default().to_owned() }
}

/// Greater than the id, less than the next.
fn just_after(id: &str) -> String {
    format!("{id}!")
}

/// The leaves of every batch.
async fn sealed(store: &dyn Store, head: &AuditHead) -> Result<HashSet<[u8; 32]>, Failure> {
    let (mut sealed, mut number) = (HashSet::new(), 0);
    while let Some(batch) = next_batch(store, head, number).await? {
        number = batch.number;
        sealed.extend(batch.leaves);
    }
    Ok(sealed)
}

/// The batch after this number, up to the head.
async fn next_batch(store: &dyn Store, head: &AuditHead, number: u64) -> Result<Option<AuditBatch>, Failure> {
    let (shelf, after) = (Shelf::AuditBatches(head.organisation.clone()), batch_id(number));
    let end = just_after(&batch_id(head.number));
    let stretch = Stretch { after: &after, before: &end, newest_first: false, most: 1 };
    Ok(batches(store, &shelf, stretch).await?.pop())
}

async fn waiting(store: &dyn Store, head: &AuditHead) -> Result<u64, Failure> {
    let (mut waiting, mut after) = (0, head.until.clone());
    loop {
        let stretch = Stretch { after: &after, before: LAST_ID, newest_first: false, most: PAGE };
        let page = events(store, &head.organisation, stretch).await?;
        waiting += page.len() as u64;
        match page.last() {
            Some(last) => after.clone_from(&last.id),
            None => return Ok(waiting),
        }
    }
}
