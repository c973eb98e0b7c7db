//! Audit events, each written in the transaction of the change that it tells of.

use crate::Context;
use crate::names::{Login, OrganisationId};
use crate::records::{AuditEvent, Record, Write};

/// A completed change, to be added to its transaction.
#[must_use]
pub fn completed(
    context: Context<'_>,
    organisation: &OrganisationId,
    actor: &Login,
    action: &str,
    object: &str,
) -> Write {
    answered(context, organisation, actor, action, "completed", object, None)
}

/// A change whose outcome a bank tells: `started`, `completed`, `rejected` or `failed`, with the bank's code where it gave one.
#[must_use]
pub fn answered(
    context: Context<'_>,
    organisation: &OrganisationId,
    actor: &Login,
    action: &str,
    outcome: &str,
    object: &str,
    bank_code: Option<&str>,
) -> Write {
    let at = context.now();
    Write::Insert(Record::AuditEvent(AuditEvent {
        organisation: organisation.clone(),
        id: format!("{:013}-{}", at.unix_timestamp_nanos() / 1_000_000, context.uuid()),
        at,
        action: action.to_owned(),
        outcome: outcome.to_owned(),
        actor: actor.email.clone(),
        mode: actor.mode,
        request_id: context.request_id.to_owned(),
        object: object.to_owned(),
        bank_code: bank_code.map(str::to_owned),
    }))
}
