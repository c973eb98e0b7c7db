//! The sealing of the audit trail (decision 0009): every organisation's events that are old enough, and a line for each finding.

use avain_api::Deps;
use avain_domain::audit::{AuditKey, Sealing, audited, seal};
use avain_domain::{Context, Failure};
use serde_json::Value;

use super::Running;

/// One organisation that cannot be sealed keeps no other from it. What was not sealed, and a trail that was changed, fail the
/// task when all are done: that is what alarms.
pub(super) fn run<'a>(deps: &'a Deps, _: &'a Value) -> Running<'a> {
    Box::pin(async move {
        let (store, context) = (deps.store()?, context(deps));
        let key = AuditKey::open(store, deps.sealer()?, deps.random()).await?;
        let (mut unsealed, mut changed) = (0, 0);
        for organisation in audited(store).await? {
            match seal(context, store, &key, &organisation).await {
                Ok(Sealing { batches, events, findings, .. }) => {
                    if batches > 0 {
                        tracing::info!(organisation = organisation.0, batches, events, "sealed");
                    }
                    for finding in &findings {
                        tracing::error!(organisation = organisation.0, %finding, "the audit trail was changed");
                    }
                    changed += usize::from(!findings.is_empty());
                }
                Err(cause) => {
                    tracing::error!(organisation = organisation.0, %cause, "audit not sealed");
                    unsealed += 1;
                }
            }
        }
        match (unsealed, changed) {
            (0, 0) => Ok(()),
            _ => Err(Failure::Internal(format!("audit trails: {unsealed} not sealed, {changed} changed"))),
        }
    })
}

fn context(deps: &Deps) -> Context<'_> {
    Context { clock: deps.clock(), random: deps.random(), request_id: "audit-seal" }
}
