//! The audit trail: each change's event in the transaction of the change, refusals in a capped trail, events sealed in a
//! signed chain (decision 0009).

mod chain;
mod export;
mod key;
mod list;
mod refusals;
mod seal;
mod text;

use time::{Duration, OffsetDateTime};

use crate::Context;
use crate::names::{Login, OrganisationId};
use crate::records::{Actor, AuditEvent, SHARDS, Write};

pub use chain::{leaf, root};
pub use export::{Exported, export, head};
pub use key::{AuditKey, public_key_id};
pub use list::{Entry, Page, Question, list};
pub use refusals::{Refused, Who, keep_refusal};
pub use seal::{Finding, HORIZON, Sealing, audited, seal};
pub use text::{batch_hash, batch_line, batch_text, event_line, head_line};

/// The outcomes that an event or a refusal may have (brief 1.6).
pub const OUTCOMES: [&str; 8] =
    ["started", "accepted", "completed", "not_found", "rejected", "failed", "partial_failure", "skipped"];

/// Longest code of a bank that is kept, in characters (brief 1.6).
const BANK_CODE: usize = 16;
/// Longest text that is kept, in characters (brief 1.6).
const TEXT: usize = 512;

/// A completed change, to be added to its transaction.
#[must_use]
pub fn completed(
    context: Context<'_>,
    organisation: &OrganisationId,
    actor: &Login,
    action: &str,
    object: &str,
) -> Write {
    Write::Event(event(context, organisation, Actor::Account(actor.clone()), action, "completed", object))
}

/// A completed change of the operator's, to be added to its transaction.
#[must_use]
pub fn operated(context: Context<'_>, organisation: &OrganisationId, action: &str, object: &str) -> Write {
    Write::Event(event(context, organisation, Actor::Operator, action, "completed", object))
}

/// A change whose outcome a bank tells: `started`, and then `completed`, `rejected` or `failed`, with the bank's code and text
/// where it gave them. Before that `accepted`, where others have to agree to it first.
#[must_use]
pub fn answered(
    context: Context<'_>,
    organisation: &OrganisationId,
    actor: &Login,
    action: &str,
    outcome: &str,
    object: &str,
    bank: Option<(&str, &str)>,
) -> Write {
    by_bank(event(context, organisation, Actor::Account(actor.clone()), action, outcome, object), bank)
}

/// As [`answered`], of a change that the service makes by itself.
#[must_use]
pub fn by_itself(
    context: Context<'_>,
    organisation: &OrganisationId,
    action: &str,
    outcome: &str,
    object: &str,
    bank: Option<(&str, &str)>,
) -> Write {
    by_bank(event(context, organisation, Actor::System, action, outcome, object), bank)
}

fn by_bank(event: AuditEvent, bank: Option<(&str, &str)>) -> Write {
    Write::Event(AuditEvent {
        sequence: if matches!(event.outcome.as_str(), "started" | "accepted") { 1 } else { 2 },
        bank_code: bank.map(|(code, _)| clean(code, BANK_CODE)),
        bank_text: bank.map(|(_, text)| clean(text, TEXT)).filter(|text| !text.is_empty()),
        ..event
    })
}

/// A change that takes several transactions: its beginning (`started`), each further step (`accepted`) and its end (`completed`),
/// with its place among them from 1.
#[must_use]
pub fn step(
    context: Context<'_>,
    organisation: &OrganisationId,
    actor: &Login,
    action: &str,
    (sequence, outcome): (u32, &str),
    object: &str,
) -> Write {
    let event = event(context, organisation, Actor::Account(actor.clone()), action, outcome, object);
    Write::Event(AuditEvent { sequence, ..event })
}

fn event(
    context: Context<'_>,
    organisation: &OrganisationId,
    actor: Actor,
    action: &str,
    outcome: &str,
    object: &str,
) -> AuditEvent {
    let mut shard = [0];
    context.random.fill(&mut shard);
    let at = context.now();
    AuditEvent {
        organisation: organisation.clone(),
        id: id(context, at),
        shard: shard[0] % u8::try_from(SHARDS).unwrap_or(u8::MAX),
        at,
        action: action.to_owned(),
        outcome: outcome.to_owned(),
        sequence: 1,
        actor,
        request_id: context.request_id.to_owned(),
        object: clean(object, TEXT),
        bank_code: None,
        bank_text: None,
    }
}

/// Sorts by time: milliseconds with 13 digits, a hyphen, a UUID.
pub(crate) fn id(context: Context<'_>, at: OffsetDateTime) -> String {
    format!("{}-{}", moment(at), context.uuid())
}

/// Less than the id of everything that happened in this millisecond or later, greater than of all before.
fn moment(at: OffsetDateTime) -> String {
    format!("{:013}", (at.unix_timestamp_nanos() / 1_000_000).max(0))
}

/// The moment of an id.
pub(crate) fn time_of(id: &str) -> Option<OffsetDateTime> {
    let milliseconds: i64 = id.get(..13)?.parse().ok()?;
    Some(OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(milliseconds))
}

/// At most so many characters, none of them a control character.
fn clean(text: &str, most: usize) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(most).collect()
}
