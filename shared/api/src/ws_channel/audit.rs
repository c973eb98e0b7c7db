//! The audit trail (brief 1.6).

use avain_domain::Failure;
use avain_domain::audit::{self, Entry, Question};
use avain_domain::names::{Email, Login};
use avain_domain::records::{Actor, AuditEvent, Refusal};
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time, UtcOffset};

use super::success;
use crate::call::{Call, Running};

/// Most events of a page, and how many they are where nothing is said.
const MOST: usize = 100;

/// ListAuditEvents.
pub(crate) fn list<'a>(call: &'a Call<'a>) -> Running<'a> {
    Box::pin(async move {
        let caller = call.caller().await?;
        let deps = call.deps();
        let question = question(call)?;
        let page = audit::list(call.context(), deps.store()?, deps.service_keys()?, &caller, &question).await?;
        let mut fields = Map::new();
        fields.insert("Events".to_owned(), page.entries.iter().map(entry).collect());
        if let Some(next) = page.next {
            fields.insert("NextToken".to_owned(), Value::String(next));
        }
        Ok(success("OK", Value::Object(fields)))
    })
}

fn question(call: &Call<'_>) -> Result<Question, Failure> {
    let invalid = |name: &str| Failure::Invalid(name.to_owned());
    let account = call.query("Account")?.map(|it| Email::parse(&it).ok_or_else(|| invalid("Account"))).transpose()?;
    let time = |name: &str, end_of_day| {
        call.query(name)?.map(|it| moment(&it, end_of_day).ok_or_else(|| invalid(name))).transpose()
    };
    let limit = call.query("Limit")?.map_or(Ok(MOST), |it| {
        it.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| invalid("Limit"))
    })?;
    Ok(Question {
        tenant: call.query("Tenant")?,
        account,
        from: time("From", false)?,
        to: time("To", true)?,
        action: call.query("Action")?,
        outcome: call.query("Outcome")?,
        limit,
        token: call.query("NextToken")?,
    })
}

/// An RFC 3339 time, or a day in UTC: its first moment or its last.
fn moment(text: &str, end_of_day: bool) -> Option<OffsetDateTime> {
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return at.checked_to_offset(UtcOffset::UTC);
    }
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    let time = if end_of_day { Time::from_hms_milli(23, 59, 59, 999).ok()? } else { Time::MIDNIGHT };
    Some(day.with_time(time).assume_utc())
}

fn entry(entry: &Entry) -> Value {
    match entry {
        Entry::Event(it) => event(it),
        Entry::Refusal(it) => refusal(it),
    }
}

fn event(it: &AuditEvent) -> Value {
    let mut fields = json!({
        "eventId": it.id,
        "timestamp": timestamp(it.at),
        "action": it.action,
        "phase": match it.outcome.as_str() {
            "started" => "request",
            "accepted" => "step",
            _ => "result",
        },
        "outcome": it.outcome,
        "operationId": it.request_id,
        "sequence": it.sequence,
        "requestId": it.request_id,
        "resourceId": it.object,
        "actorType": match it.actor {
            Actor::Account(_) => "user",
            Actor::Operator => "operator",
            Actor::System => "system",
        },
    });
    if let Actor::Account(login) = &it.actor {
        named(&mut fields, "actor", login);
    }
    optional(&mut fields, "bankResponseCode", it.bank_code.as_deref());
    optional(&mut fields, "bankResponseText", it.bank_text.as_deref());
    fields
}

fn refusal(it: &Refusal) -> Value {
    let mut fields = json!({
        "eventId": it.id,
        "timestamp": timestamp(it.at),
        "action": it.action,
        "phase": it.phase,
        "outcome": it.outcome,
        "operationId": it.request_id,
        "sequence": 1,
        "requestId": it.request_id,
        "resourceId": it.object,
        "reason": it.reason,
        "actorType": if it.actor.is_some() { "user" } else { "unknown" },
    });
    if let Some(login) = &it.actor {
        named(&mut fields, "actor", login);
    }
    if let Some(login) = &it.target {
        named(&mut fields, "target", login);
    }
    optional(&mut fields, "bankResponseCode", it.bank_code.as_deref());
    fields
}

fn named(fields: &mut Value, who: &str, login: &Login) {
    fields[format!("{who}Email")] = login.email.as_str().into();
    fields[format!("{who}Mode")] = login.mode.as_str().into();
}

fn optional(fields: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        fields[name] = value.into();
    }
}

/// RFC 3339 in UTC with milliseconds.
fn timestamp(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.to_offset(UtcOffset::UTC).format(form).unwrap_or_default()
}
