//! Records of the trail as lines of canonical JSON: fixed order, no white space, one way to write each value. What is hashed
//! and signed is these bytes, so that whoever has an export needs no more than SHA-256 and Ed25519 to check it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::chain::hex;
use crate::records::{Actor, AuditBatch, AuditEvent, AuditHead};

/// An event's line, without its end.
#[must_use]
pub fn event_line(event: &AuditEvent) -> String {
    let (kind, login) = match &event.actor {
        Actor::Account(login) => ("user", Some(login)),
        Actor::Operator => ("operator", None),
        Actor::System => ("system", None),
    };
    Object::new()
        .text("id", &event.id)
        .text("organisation", &event.organisation.0)
        .number("shard", event.shard.into())
        .time("at", event.at)
        .text("action", &event.action)
        .text("outcome", &event.outcome)
        .number("sequence", event.sequence.into())
        .text("actorType", kind)
        .optional("actor", login.map(|it| it.email.as_str()))
        .optional("mode", login.map(|it| it.mode.as_str()))
        .text("request", &event.request_id)
        .text("object", &event.object)
        .optional("bankCode", event.bank_code.as_deref())
        .optional("bankText", event.bank_text.as_deref())
        .end()
}

/// What is signed of a batch.
#[must_use]
pub fn batch_text(batch: &AuditBatch) -> String {
    Object::new()
        .text("organisation", &batch.organisation.0)
        .number("number", batch.number)
        .text("previous", &batch.previous)
        .number("firstSequence", batch.first_sequence)
        .number("count", batch.leaves.len() as u64)
        .text("first", &batch.first)
        .text("last", &batch.last)
        .text("root", &batch.root)
        .raw("totals", &format!("[{}]", batch.totals.map(|it| it.to_string()).join(",")))
        .time("sealedAt", batch.sealed_at)
        .text("key", &batch.key)
        .end()
}

/// A batch's line: its text, its leaves and its signature.
#[must_use]
pub fn batch_line(batch: &AuditBatch) -> String {
    Object::new()
        .raw("batch", &batch_text(batch))
        .text("leaves", &STANDARD.encode(batch.leaves.concat()))
        .text("signature", &STANDARD.encode(&batch.signature))
        .end()
}

/// What the next batch names: SHA-256 of the batch's text, lower-case hex.
#[must_use]
pub fn batch_hash(batch: &AuditBatch) -> String {
    hex(&Sha256::digest(batch_text(batch)))
}

/// A head as it is kept outside.
#[must_use]
pub fn head_line(head: &AuditHead) -> String {
    Object::new()
        .text("organisation", &head.organisation.0)
        .number("batches", head.number)
        .number("events", head.totals.iter().sum())
        .text("hash", &head.hash)
        .time("sealedAt", head.sealed_at)
        .end()
}

/// A JSON object in the making.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self(String::new())
    }

    fn raw(mut self, name: &str, value: &str) -> Self {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.extend(["\"", name, "\":", value]);
        self
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.raw(name, &quoted(value))
    }

    fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    fn number(self, name: &str, value: u64) -> Self {
        self.raw(name, &value.to_string())
    }

    fn time(self, name: &str, at: OffsetDateTime) -> Self {
        self.text(name, &at.to_offset(UtcOffset::UTC).format(&Rfc3339).unwrap_or_default())
    }

    fn end(self) -> String {
        self.0 + "}"
    }
}

/// A JSON string: only the quotation mark, the reverse solidus and control characters are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => quoted.extend(["\\u", &format!("{:04x}", u32::from(control))]),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}
