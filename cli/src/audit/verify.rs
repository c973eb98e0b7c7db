//! Checking an export offline (decision 0009): every line is in its place, every batch is signed and names the one before, and
//! the chain reaches the head that was kept elsewhere.

use std::collections::HashMap;

use avain_domain::audit::{batch_hash, batch_line, batch_text, leaf, public_key_id, root};
use avain_domain::names::OrganisationId;
use avain_domain::records::AuditBatch;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What SubjectPublicKeyInfo of an Ed25519 key begins with (RFC 8410).
const ED25519_KEY: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// An export that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Events in it.
    pub events: u64,
    /// Batches in it.
    pub batches: u64,
    /// Batches after the head's.
    pub beyond: u64,
}

/// Why an export is not found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The head or the key cannot be used: nothing was checked.
    Unusable(String),
    /// A record was changed, removed, moved, put in or cut off.
    Broken {
        /// Line of the export, from 1, where it shows.
        line: usize,
        /// What is wrong with which record.
        what: String,
    },
}

/// Checks an export against a kept head and the public key (SubjectPublicKeyInfo, PEM).
pub fn verify(export: &[u8], head: &[u8], key: &[u8]) -> Result<Verified, Problem> {
    let head = Head::read(head).ok_or_else(|| Problem::Unusable("the head is not one".to_owned()))?;
    let key = read_key(key).ok_or_else(|| Problem::Unusable("the key is no Ed25519 public key in PEM".to_owned()))?;
    let mut chain = Chain { head: &head, key: &key, batches: 0, hash: "0".repeat(64), events: 0 };
    let mut pending: Vec<&str> = Vec::new();
    let mut number = 0;
    for bytes in export.split_inclusive(|byte| *byte == b'\n') {
        number += 1;
        let broken = |what: String| Problem::Broken { line: number, what };
        let line = std::str::from_utf8(bytes).ok().and_then(|line| line.strip_suffix('\n'));
        let line = line.ok_or_else(|| broken("the line is cut off, or no text".to_owned()))?;
        if line.starts_with("{\"batch\":") {
            let batch =
                read_batch(line).ok_or_else(|| broken("the batch was changed: it cannot be read".to_owned()))?;
            chain.append(&batch, line).map_err(broken)?;
            check_events(&batch, &pending, number - pending.len())?;
            pending.clear();
        } else {
            pending.push(line);
        }
    }
    let broken = |what: String| Problem::Broken { line: number, what };
    if let Some(first) = pending.first() {
        return Err(broken(format!("cut off: {} and what follows it is in no batch", name(first))));
    }
    if chain.batches < head.batches {
        return Err(broken(format!("cut off: {} batches of at least {}", chain.batches, head.batches)));
    }
    Ok(Verified { events: chain.events, batches: chain.batches, beyond: chain.batches - head.batches })
}

/// What was kept of a chain.
struct Head {
    organisation: String,
    batches: u64,
    events: u64,
    hash: String,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            organisation: text(&value, "organisation")?,
            batches: value["batches"].as_u64()?,
            events: value["events"].as_u64()?,
            hash: text(&value, "hash")?,
        })
    }
}

/// How far the chain was followed.
struct Chain<'a> {
    head: &'a Head,
    key: &'a [u8],
    batches: u64,
    hash: String,
    events: u64,
}

impl Chain<'_> {
    /// Follows it to the next batch.
    fn append(&mut self, batch: &AuditBatch, line: &str) -> Result<(), String> {
        let number = self.batches + 1;
        let must = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("batch {number} {what}")) };
        must(batch.number == number, "is missing or out of place")?;
        must(batch_line(batch) == line, "was changed: it is not written as it was sealed")?;
        must(batch.key == public_key_id(self.key), "is signed with another key")?;
        let public = UnparsedPublicKey::new(&ED25519, self.key.strip_prefix(&ED25519_KEY).unwrap_or_default());
        let genuine = public.verify(batch_text(batch).as_bytes(), &batch.signature).is_ok();
        must(genuine, "was changed: its signature is not valid")?;
        must(batch.organisation.0 == self.head.organisation, "is another organisation's")?;
        must(batch.previous == self.hash, "does not follow the one before it")?;
        must(batch.first_sequence == self.events + 1, "does not count on from the one before it")?;
        must(hex(&root(&batch.leaves)) == batch.root, "was changed: its leaves are not the sealed ones")?;
        self.events += batch.leaves.len() as u64;
        must(batch.totals.iter().sum::<u64>() == self.events, "has totals that are not those of its events")?;
        self.hash = batch_hash(batch);
        self.batches = number;
        let at_head = number == self.head.batches;
        must(!at_head || self.hash == self.head.hash && self.events == self.head.events, "is not the head's")
    }
}

/// Compares a batch's lines with its leaves, and says which record is not the sealed one. `first` is the first line's number.
fn check_events(batch: &AuditBatch, lines: &[&str], first: usize) -> Result<(), Problem> {
    let hashes: Vec<[u8; 32]> = lines.iter().map(|line| leaf(line)).collect();
    if hashes == batch.leaves {
        return Ok(());
    }
    let extra = lacking(&hashes, &batch.leaves);
    let missing = lacking(&batch.leaves, &hashes);
    let at = |line: usize, what: String| Err(Problem::Broken { line: first + line, what });
    let sequence = |leaf: usize| format!("event {} of batch {}", batch.first_sequence + leaf as u64, batch.number);
    match (extra, missing) {
        (Some(line), Some(leaf)) => at(line, format!("{} was changed: it was {}", name(lines[line]), sequence(leaf))),
        (Some(line), None) => at(line, format!("{} was put in", name(lines[line]))),
        (None, Some(leaf)) => at(leaf.min(lines.len()), format!("{} was removed", sequence(leaf))),
        (None, None) => {
            let line = (0..lines.len()).find(|at| hashes[*at] != batch.leaves[*at]).unwrap_or_default();
            at(line, format!("{} is out of place: {} belongs here", name(lines[line]), sequence(line)))
        }
    }
}

/// The first of these that the others have not, or have less often.
fn lacking(these: &[[u8; 32]], others: &[[u8; 32]]) -> Option<usize> {
    let mut left: HashMap<&[u8; 32], usize> = HashMap::new();
    for other in others {
        *left.entry(other).or_default() += 1;
    }
    these.iter().position(|hash| match left.get_mut(hash) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    })
}

/// What to call an event.
fn name(line: &str) -> String {
    let id = serde_json::from_str::<Value>(line).ok().and_then(|value| text(&value, "id"));
    id.map_or_else(|| "a record".to_owned(), |id| format!("event {id}"))
}

fn read_batch(line: &str) -> Option<AuditBatch> {
    let value: Value = serde_json::from_str(line).ok()?;
    let batch = &value["batch"];
    let leaves = STANDARD.decode(value["leaves"].as_str()?).ok()?;
    let (leaves, []) = leaves.as_chunks::<32>() else { return None };
    let totals: Option<Vec<u64>> = batch["totals"].as_array()?.iter().map(Value::as_u64).collect();
    Some(AuditBatch {
        organisation: OrganisationId(text(batch, "organisation")?),
        number: batch["number"].as_u64()?,
        previous: text(batch, "previous")?,
        first_sequence: batch["firstSequence"].as_u64()?,
        first: text(batch, "first")?,
        last: text(batch, "last")?,
        root: text(batch, "root")?,
        totals: totals?.try_into().ok()?,
        sealed_at: OffsetDateTime::parse(batch["sealedAt"].as_str()?, &Rfc3339).ok()?,
        key: text(batch, "key")?,
        leaves: leaves.to_vec(),
        signature: STANDARD.decode(value["signature"].as_str()?).ok()?,
    })
}

fn read_key(pem: &[u8]) -> Option<Vec<u8>> {
    let lines = std::str::from_utf8(pem).ok()?.trim().lines();
    let der = STANDARD.decode(lines.filter(|line| !line.starts_with("-----")).collect::<String>()).ok()?;
    (der.len() == ED25519_KEY.len() + 32 && der.starts_with(&ED25519_KEY)).then_some(der)
}

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
