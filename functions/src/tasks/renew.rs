//! The renewal of bank certificates that end soon, and a line for each.

use avain_api::Deps;
use avain_domain::Context;
use avain_domain::certificates::{Renewed, renew_due};
use serde_json::Value;
use time::Duration;

use super::Running;

/// No renewal begins later than this: what is under way has a minute left of the function's time.
const WITHIN: Duration = Duration::minutes(4);

/// A certificate that the bank does not renew keeps no other from it, and is in the log, the trail and what the watch tells of: it
/// does not fail the task, which would only ask the bank again.
pub(super) fn run<'a>(deps: &'a Deps, _: &'a Value) -> Running<'a> {
    Box::pin(async move {
        let context = Context { clock: deps.clock(), random: deps.random(), request_id: "certificate-renewal" };
        for renewed in renew_due(context, deps.store()?, deps.sealer()?, deps.banks()?, WITHIN).await? {
            tell(&renewed);
        }
        Ok(())
    })
}

fn tell(Renewed { certificate, outcome }: &Renewed) {
    let (organisation, bank) = (certificate.organisation.0.as_str(), certificate.bank.as_str());
    match outcome {
        Ok(()) => tracing::info!(organisation, bank, "certificate renewed"),
        Err(cause) => tracing::error!(organisation, bank, %cause, "certificate not renewed"),
    }
}
