//! Sealing: an organisation's events in batches, each signed and naming the one before (decision 0009).

use std::collections::HashSet;

use time::{Duration, OffsetDateTime};

use super::chain::{hex, leaf, root};
use super::key::AuditKey;
use super::{moment, text, time_of};
use crate::names::OrganisationId;
use crate::ports::{CommitError, Store};
use crate::records::{
    AUDITED_PARTS, AuditBatch, AuditEvent, AuditHead, Counter, Key, LAST_ID, Record, SHARDS, Shelf, Stored, Stretch,
    Write,
};
use crate::{Context, Failure};

/// Events younger than this wait. The time in an event's id is taken before its transaction, which must be over by then: a
/// call lasts 30 s at most, and the clocks of two machines may be this far apart less those.
pub const HORIZON: Duration = Duration::minutes(5);
/// Most events of a batch: its leaves are 16 KB.
const BATCH: usize = 500;
/// How far back events are looked for that came later than [`HORIZON`] allows: a clock was set back.
const LATE: Duration = Duration::days(7);

/// What a round of sealing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealing {
    /// Batches sealed.
    pub batches: u64,
    /// Events in them.
    pub events: u64,
    /// Events that are too young yet.
    pub waiting: u64,
    /// What is not as it must be.
    pub findings: Vec<Finding>,
}

/// What only somebody can have done who writes to the table past the service. Each event was written with its count in one
/// transaction, each batch with the head that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Events were removed.
    #[error("{missing} of the {counted} events that counter {shard} counted are not there")]
    Removed {
        /// Which counter.
        shard: usize,
        /// What it says.
        counted: u64,
        /// How many are not there.
        missing: u64,
    },
    /// Events came in without being counted.
    #[error("{surplus} events more than the {counted} that counter {shard} counted are there")]
    Inserted {
        /// Which counter.
        shard: usize,
        /// What it says.
        counted: u64,
        /// How many are too many.
        surplus: u64,
    },
    /// The head was set back, or is gone.
    #[error("batch {0} is there, but the head does not know of it")]
    HeadSetBack(u64),
}

/// The organisations that have an audit trail.
pub async fn audited(store: &dyn Store) -> Result<Vec<OrganisationId>, Failure> {
    let mut found = Vec::new();
    for part in 0..AUDITED_PARTS {
        let shelf = Shelf::Audited(part);
        let everything = Stretch { after: "", before: LAST_ID, newest_first: false, most: usize::MAX };
        found.extend(store.stretch(&shelf, everything).await?.into_iter().filter_map(|stored| match stored.record {
            Record::Audited(it) => Some(it.organisation),
            _ => None,
        }));
    }
    Ok(found)
}

/// Seals what is old enough, and compares what is there with the counters. Of two that seal at once one wins; the other
/// leaves the rest to it.
pub async fn seal(
    context: Context<'_>,
    store: &dyn Store,
    key: &AuditKey,
    organisation: &OrganisationId,
) -> Result<Sealing, Failure> {
    let mut sealing = Sealing::default();
    let (mut head, counted) = standing(context, store, organisation).await?;
    let horizon = moment(context.now() - HORIZON);
    loop {
        let after = head.record.until.clone();
        let old_enough = Stretch { after: &after, before: &horizon, newest_first: false, most: BATCH };
        let events = events(store, organisation, old_enough).await?;
        if events.is_empty() {
            break;
        }
        if !append(context, store, key, &mut head, events, &mut sealing).await? {
            return Ok(sealing);
        }
    }
    let young = young(store, &head.record).await?;
    sealing.waiting = young.iter().sum();
    if (0..SHARDS).any(|shard| head.record.totals[shard] + young[shard] < counted[shard]) {
        for late in late(store, &head.record).await?.chunks(BATCH) {
            if !append(context, store, key, &mut head, late.to_vec(), &mut sealing).await? {
                return Ok(sealing);
            }
        }
    }
    // What was committed meanwhile is counted by now.
    let (_, counted_since) = standing(context, store, organisation).await?;
    sealing.findings = (0..SHARDS)
        .filter_map(|shard| {
            let there = head.record.totals[shard] + young[shard];
            if there < counted[shard] {
                return Some(Finding::Removed { shard, counted: counted[shard], missing: counted[shard] - there });
            }
            let surplus = there.saturating_sub(counted_since[shard]);
            (surplus > 0).then_some(Finding::Inserted { shard, counted: counted_since[shard], surplus })
        })
        .collect();
    Ok(sealing)
}

/// The head (version 0 where there is none yet) and the counters, in one read.
async fn standing(
    context: Context<'_>,
    store: &dyn Store,
    organisation: &OrganisationId,
) -> Result<(Stored<AuditHead>, [u64; SHARDS]), Failure> {
    let shards = (0..=u8::MAX).take(SHARDS).map(|shard| Key::Count(Counter::Events(organisation.clone(), shard)));
    let keys: Vec<Key> = shards.chain([Key::AuditHead(organisation.clone())]).collect();
    let none = AuditHead {
        organisation: organisation.clone(),
        number: 0,
        hash: "0".repeat(64),
        until: String::new(),
        totals: [0; SHARDS],
        sealed_at: context.now(),
    };
    let (mut head, mut counted) = (Stored { record: none, version: 0 }, [0; SHARDS]);
    for Stored { record, version } in store.get(&keys).await? {
        match record {
            Record::AuditHead(record) => head = Stored { record, version },
            Record::Count(count) => {
                if let Counter::Events(_, shard) = count.counter
                    && let Some(at) = counted.get_mut(usize::from(shard))
                {
                    *at = count.count;
                }
            }
            _ => {}
        }
    }
    Ok((head, counted))
}

/// Appends a batch; false if another did meanwhile.
async fn append(
    context: Context<'_>,
    store: &dyn Store,
    key: &AuditKey,
    head: &mut Stored<AuditHead>,
    events: Vec<AuditEvent>,
    sealing: &mut Sealing,
) -> Result<bool, Failure> {
    let before = &head.record;
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(true) };
    let mut totals = before.totals;
    for event in &events {
        totals[usize::from(event.shard) % SHARDS] += 1;
    }
    let leaves: Vec<[u8; 32]> = events.iter().map(|event| leaf(&text::event_line(event))).collect();
    let mut batch = AuditBatch {
        organisation: before.organisation.clone(),
        number: before.number + 1,
        previous: before.hash.clone(),
        first_sequence: before.totals.iter().sum::<u64>() + 1,
        first: first.id.clone(),
        last: last.id.clone(),
        root: hex(&root(&leaves)),
        totals,
        sealed_at: context.now(),
        key: key.id(),
        leaves,
        signature: Vec::new(),
    };
    batch.signature = key.sign(&text::batch_text(&batch));
    let next = AuditHead {
        organisation: before.organisation.clone(),
        number: batch.number,
        hash: text::batch_hash(&batch),
        until: before.until.clone().max(batch.last.clone()),
        totals,
        sealed_at: batch.sealed_at,
    };
    let count = batch.leaves.len() as u64;
    let move_head = match head.version {
        0 => Write::Insert(Record::AuditHead(next.clone())),
        version => Write::Replace(Record::AuditHead(next.clone()), version),
    };
    match store.commit(vec![Write::Insert(Record::AuditBatch(batch)), move_head]).await {
        Ok(()) => {
            *head = Stored { record: next, version: head.version + 1 };
            sealing.batches += 1;
            sealing.events += count;
            Ok(true)
        }
        Err(CommitError::Conflict { .. }) => {
            let (now, _) = standing(context, store, &head.record.organisation).await?;
            if now.record.number == head.record.number {
                sealing.findings.push(Finding::HeadSetBack(head.record.number + 1));
            }
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// How many events of each shard come after the sealed ones.
async fn young(store: &dyn Store, head: &AuditHead) -> Result<[u64; SHARDS], Failure> {
    let (mut young, mut after) = ([0; SHARDS], head.until.clone());
    loop {
        let stretch = Stretch { after: &after, before: LAST_ID, newest_first: false, most: BATCH };
        let events = events(store, &head.organisation, stretch).await?;
        for event in &events {
            young[usize::from(event.shard) % SHARDS] += 1;
        }
        match events.last() {
            Some(last) => after.clone_from(&last.id),
            None => return Ok(young),
        }
    }
}

/// Events before the end of what is sealed that are in no batch.
async fn late(store: &dyn Store, head: &AuditHead) -> Result<Vec<AuditEvent>, Failure> {
    let since = moment(time_of(&head.until).unwrap_or(OffsetDateTime::UNIX_EPOCH) - LATE);
    let mut sealed = HashSet::new();
    let (shelf, mut before) = (Shelf::AuditBatches(head.organisation.clone()), LAST_ID.to_owned());
    'batches: loop {
        let stretch = Stretch { after: "", before: &before, newest_first: true, most: 10 };
        let batches = batches(store, &shelf, stretch).await?;
        for batch in &batches {
            sealed.extend(batch.leaves.iter().copied());
            // A batch of late events begins earlier than the one before it ends; ordinary ones go back in time.
            if batch.last < since {
                break 'batches;
            }
        }
        match batches.last() {
            Some(batch) => before = crate::records::batch_id(batch.number),
            None => break,
        }
    }
    let (mut late, mut after) = (Vec::new(), since);
    let end = format!("{}{LAST_ID}", head.until);
    loop {
        let stretch = Stretch { after: &after, before: &end, newest_first: false, most: BATCH };
        let events = events(store, &head.organisation, stretch).await?;
        match events.last() {
            Some(last) => after.clone_from(&last.id),
            None => return Ok(late),
        }
        late.extend(events.into_iter().filter(|event| !sealed.contains(&leaf(&text::event_line(event)))));
    }
}

pub(super) async fn events(
    store: &dyn Store,
    organisation: &OrganisationId,
    stretch: Stretch<'_>,
) -> Result<Vec<AuditEvent>, Failure> {
    let found = store.stretch(&Shelf::AuditEvents(organisation.clone()), stretch).await?;
    Ok(found.into_iter().filter_map(|stored| event(stored.record)).collect())
}

fn event(record: Record) -> Option<AuditEvent> {
    match record {
        Record::AuditEvent(event) => Some(event),
        _ => None,
    }
}

pub(super) async fn batches(
    store: &dyn Store,
    shelf: &Shelf,
    stretch: Stretch<'_>,
) -> Result<Vec<AuditBatch>, Failure> {
    let found = store.stretch(shelf, stretch).await?;
    Ok(found
        .into_iter()
        .filter_map(|stored| match stored.record {
            Record::AuditBatch(batch) => Some(batch),
            _ => None,
        })
        .collect())
}
